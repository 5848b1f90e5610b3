/* Handlers whose client goes, whose time is over or whose server stops, while they wait for each kind of
 * thing: they are told at once, and what they deferred runs once. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

enum { NAP_US = 100, LIMIT_MS = 300 };

static struct site site;
static int result, results_after, deferred, gone, polled_fd, closed, answered;
static atomic_bool gate, job_ended;
static atomic_int job_begun;
static char seen[64];

static void note_deferred(void *arg)
{
	(void)arg;
	deferred++;
}

static void block(void *arg)
{
	struct ouro_str text = **(struct ouro_str **)arg;

	atomic_fetch_add(&job_begun, 1);
	while (!atomic_load(&gate))
		usleep(NAP_US);
	/* A view of the request: it must be there yet. */
	snprintf(seen, sizeof(seen), "%.*s", (int)text.len, text.ptr);
	atomic_store(&job_ended, true);
}

/* Whatever was waited for, from now on the answer is the same. */
static void wait_again(struct ouro_ctx *ctx)
{
	results_after = ouro_sleep(ctx, 1);
	closed = ouro_is_closed(ctx);
}

static int sleep_long(struct ouro_ctx *ctx)
{
	return ouro_sleep(ctx, 100000);
}

static int read_body(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	return (int)ouro_body_read(ctx, &chunk);
}

static int read_whole_body(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	return ouro_body(ctx, &body);
}

static int write_much(struct ouro_ctx *ctx)
{
	static const char piece[64 * 1024];
	int err = ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);

	while (!err)
		err = ouro_write_slice(ctx, (struct ouro_slice){ piece, sizeof(piece), NULL });
	return err;
}

static int poll_long(struct ouro_ctx *ctx)
{
	return ouro_poll(ctx, polled_fd, POLLIN, OURO_FOREVER);
}

static int offload(struct ouro_ctx *ctx)
{
	struct ouro_str *text = ouro_alloc(ctx, sizeof(*text));

	*text = ouro_target(ctx);
	return ouro_offload(ctx, block, &text, sizeof(struct ouro_str *));
}

static int wait_long(struct ouro_ctx *ctx)
{
	return ouro_wait(ctx, OURO_FOREVER);
}

/* Each as a handler of its own. */
#define HANDLER(name)                                                                              \
	static void name##_handler(struct ouro_ctx *ctx)                                           \
	{                                                                                          \
		ouro_defer(ctx, note_deferred, NULL);                                              \
		result = name(ctx);                                                                \
		wait_again(ctx);                                                                   \
	}
HANDLER(sleep_long)
HANDLER(read_body)
HANDLER(read_whole_body)
HANDLER(write_much)
HANDLER(poll_long)
HANDLER(offload)
HANDLER(wait_long)

static void answers_anyway(struct ouro_ctx *ctx)
{
	result = ouro_sleep(ctx, 1000);
	answered = ouro_text(ctx, 200, OURO_STR("anyway"));
}

static void note_gone(struct ouro_ctx *ctx)
{
	(void)ctx;
	gone++;
}

static void watched(struct ouro_ctx *ctx)
{
	ouro_on_gone(ctx, note_gone);
	sleep_long_handler(ctx);
}

static void deaf(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_deferred, NULL);
	for (;;)
		result = ouro_sleep(ctx, 1);
}

static void late(struct ouro_ctx *ctx)
{
	(void)ctx;
	answered = 1;
}

static void callback_style(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_deferred, NULL);
	ouro_after(ctx, 100000, late);
}

static void begins(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("half"));
	result = ouro_sleep(ctx, 100000);
}

static void aborts(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_deferred, NULL);
	ouro_on_gone(ctx, note_gone);
	ouro_abort(ctx);
	result = ouro_sleep(ctx, 1);
	closed = ouro_is_closed(ctx);
}

static void closes(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("kept?"));
	ouro_close(ctx);
	result = ouro_sleep(ctx, 10);
}

static void sleeps_behind_its_answer(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_deferred, NULL);
	ouro_text(ctx, 200, OURO_STR("early"));
	result = ouro_sleep(ctx, 100);
}

static void holding(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	result = ouro_sleep(ctx, 100);
	if (!result)
		ouro_keep_alive(ctx, false);
}

static void plain(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("plain"));
}

static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options limited = { .handler_timeout_ms = LIMIT_MS };
	const struct ouro_route_options half = { .half_close = true };
	struct ouro_group *groups[2], *held;

	ouro_server_group(server, "/free", NULL, &groups[0]);
	ouro_server_group(server, "/limited", &limited, &groups[1]);
	for (int i = 0; i < 2; i++) {
		ouro_group_route(groups[i], "GET", "/sleep", sleep_long_handler, NULL);
		ouro_group_route(groups[i], "POST", "/read", read_body_handler, NULL);
		ouro_group_route(groups[i], "POST", "/whole", read_whole_body_handler, NULL);
		ouro_group_route(groups[i], "GET", "/write", write_much_handler, NULL);
		ouro_group_route(groups[i], "GET", "/poll", poll_long_handler, NULL);
		ouro_group_route(groups[i], "GET", "/offload", offload_handler, NULL);
		ouro_group_route(groups[i], "GET", "/wait", wait_long_handler, NULL);
		ouro_group_route(groups[i], "GET", "/deaf", deaf, NULL);
		ouro_group_route(groups[i], "GET", "/callback", callback_style, NULL);
		ouro_group_route(groups[i], "GET", "/begins", begins, NULL);
	}
	ouro_server_route(server, "GET", "/anyway", answers_anyway, NULL);
	ouro_server_route(server, "GET", "/half", answers_anyway, &half);
	ouro_server_route(server, "POST", "/sleep-with-body", sleep_long_handler, NULL);
	ouro_server_route(server, "GET", "/watched", watched, NULL);
	ouro_server_route(server, "GET", "/abort", aborts, NULL);
	ouro_server_route(server, "GET", "/close", closes, NULL);
	ouro_server_route(server, "GET", "/behind", sleeps_behind_its_answer, NULL);
	ouro_server_route(server, "GET", "/plain", plain, NULL);
	ouro_server_group(server, "/held", NULL, &held);
	ouro_group_use(held, holding);
	ouro_group_route(held, "GET", "/", plain, NULL);
}

static void open_site(const struct ouro_options *options)
{
	result = results_after = answered = 1;
	deferred = gone = closed = 0;
	atomic_store(&gate, false);
	atomic_store(&job_ended, false);
	atomic_store(&job_begun, 0);
	site_open_with(&site, options, NULL, set_up);
	sim_pair(site.sim, &polled_fd);
}

static void close_site(void)
{
	close(polled_fd);
	site_close(&site);
}

static void let_jobs_end(void)
{
	atomic_store(&gate, true);
	for (int i = 0; i < 100000 && site.worker->jobs > 0; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_eq(site.worker->jobs, 0);
}

static unsigned status_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer;

	return answer_read(&bytes, false, &answer) ? answer.status : 0;
}

/* A client that asked and does not read. */
static struct sim_peer *begin(const char *request)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, request);
	for (int i = 0; i < 100000 && strstr(request, "/offload") && !atomic_load(&job_begun); i++)
		usleep(NAP_US);
	cr_assert_eq(result, 1);
	cr_assert_eq(deferred, 0);
	return peer;
}

/* ---- Every kind of wait, every kind of end ---- */

struct kind {
	char request[80];
};

#define KIND(name, method, where)                                                                  \
	{                                                                                          \
		method("/" where "/" name)                                                         \
	}
#define KINDS(where)                                                                               \
	{                                                                                          \
		KIND("sleep", GET, where), KIND("read", POST, where), KIND("whole", POST, where),  \
			KIND("write", GET, where), KIND("poll", GET, where),                       \
			KIND("offload", GET, where), KIND("wait", GET, where)                      \
	}

ParameterizedTestParameters(cancel, a_reset_ends_each_kind_of_wait)
{
	static struct kind kinds[] = KINDS("free");

	return cr_make_param_array(struct kind, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

ParameterizedTest(struct kind *kind, cancel, a_reset_ends_each_kind_of_wait)
{
	open_site(NULL);
	sim_peer_reset(begin(kind->request));
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(results_after, -ECANCELED);
	cr_assert_eq(deferred, 1);
	cr_assert(closed);
	let_jobs_end();
	close_site();
	cr_assert_eq(deferred, 1);
}

ParameterizedTestParameters(cancel, a_fin_ends_each_kind_of_wait)
{
	static struct kind kinds[] = KINDS("free");

	return cr_make_param_array(struct kind, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

/* For one that waits for a body, FIN is the body's untimely end. */
ParameterizedTest(struct kind *kind, cancel, a_fin_ends_each_kind_of_wait)
{
	bool is_body = strncmp(kind->request, "POST", 4) == 0;

	open_site(NULL);
	sim_peer_fin(begin(kind->request));
	sim_settle(site.loop);
	cr_assert_eq(result, is_body ? -EBADMSG : -ECANCELED);
	cr_assert_eq(results_after, -ECANCELED);
	cr_assert_eq(deferred, 1);
	let_jobs_end();
	close_site();
	cr_assert_eq(deferred, 1);
}

ParameterizedTestParameters(cancel, handler_timeout_ms_ends_each_kind_of_wait)
{
	static struct kind kinds[] = KINDS("limited");

	return cr_make_param_array(struct kind, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

ParameterizedTest(struct kind *kind, cancel, handler_timeout_ms_ends_each_kind_of_wait)
{
	struct sim_peer *peer;
	bool begun = strstr(kind->request, "/write") != NULL;

	open_site(NULL);
	peer = begin(kind->request);
	sim_advance(site.loop, LIMIT_MS - 1);
	cr_assert_eq(result, 1);
	sim_peer_set_reading(peer, !begun);
	sim_advance(site.loop, 1);
	cr_assert_eq(result, -ETIMEDOUT);
	cr_assert_eq(results_after, -ETIMEDOUT);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(site_counters(&site)->handler_timeouts, 1);
	if (begun)
		cr_assert(sim_peer_saw_reset(peer));
	else
		cr_assert_eq(status_of(peer), 503);
	let_jobs_end();
	close_site();
	cr_assert_eq(deferred, 1);
}

ParameterizedTestParameters(cancel, the_end_of_a_drain_ends_each_kind_of_wait)
{
	static struct kind kinds[] = KINDS("free");

	return cr_make_param_array(struct kind, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

ParameterizedTest(struct kind *kind, cancel, the_end_of_a_drain_ends_each_kind_of_wait)
{
	struct ouro_options options = { .drain_timeout_ms = 400 };

	open_site(&options);
	begin(kind->request);
	ouro_worker_drain(site.worker);
	sim_advance(site.loop, 399);
	cr_assert_eq(result, 1);
	sim_advance(site.loop, 1);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(deferred, 1);
	/* The server does not end before the job does. */
	cr_assert_eq(ouro_worker_is_finished(site.worker),
		     strstr(kind->request, "/offload") == NULL);
	let_jobs_end();
	cr_assert(ouro_worker_is_finished(site.worker));
	close_site();
}

/* ---- The client goes ---- */

Test(cancel, a_fin_behind_a_part_of_the_body_that_nobody_reads)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(POST("/sleep-with-body") "12345");
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	close_site();
}

Test(cancel, after_a_fin_an_answer_still_arrives)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/anyway"));
	sim_peer_set_reading(peer, true);
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(answered, 0);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

Test(cancel, a_fin_is_not_the_end_where_the_route_says_so)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/half"));
	sim_peer_set_reading(peer, true);
	sim_peer_fin(peer);
	sim_advance(site.loop, 999);
	cr_assert_eq(result, 1);
	sim_advance(site.loop, 1);
	cr_assert_eq(result, 0);
	cr_assert_eq(status_of(peer), 200);
	sim_settle(site.loop);
	cr_assert(sim_peer_is_over(peer));
	close_site();
}

Test(cancel, a_reset_is_the_end_there_too)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/half"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(answered, -ENOTCONN);
	close_site();
}

Test(cancel, on_gone_is_called_for_a_handler_that_waits)
{
	open_site(NULL);
	sim_peer_reset(begin(GET("/watched")));
	sim_settle(site.loop);
	cr_assert_eq(gone, 1);
	cr_assert_eq(result, -ECANCELED);
	close_site();
	cr_assert_eq(gone, 1);
}

Test(cancel, requests_pipelined_behind_one_that_is_cancelled_find_nobody)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/free/sleep") GET("/plain"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(site_counters(&site)->requests, 1);
	cr_assert_eq(deferred, 1);
	close_site();
}

Test(cancel, a_handler_that_goes_on_waiting_is_ended)
{
	open_site(NULL);
	sim_peer_reset(begin(GET("/free/deaf")));
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(site_counters(&site)->panics, 1);
	cr_assert_not_null(strstr(site.logged, "went on waiting"));
	cr_assert_eq(site_answer(&site, GET("/plain")).status, 200);
	close_site();
}

Test(cancel, a_handler_that_goes_on_beyond_its_time_is_500)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/limited/deaf"));
	sim_peer_set_reading(peer, true);
	sim_advance(site.loop, LIMIT_MS);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(status_of(peer), 500);
	close_site();
}

/* ---- Its time is over ---- */

Test(cancel, handler_timeout_ms_counts_for_callbacks_too)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/limited/callback"));
	sim_peer_set_reading(peer, true);
	sim_advance(site.loop, LIMIT_MS);
	cr_assert_eq(status_of(peer), 503);
	cr_assert_eq(deferred, 1);
	sim_advance(site.loop, 100000);
	cr_assert_eq(answered, 1);
	close_site();
}

Test(cancel, half_an_answer_is_not_taken_for_all_of_it)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/limited/begins"));
	sim_peer_set_reading(peer, true);
	sim_advance(site.loop, LIMIT_MS);
	cr_assert_eq(result, -ETIMEDOUT);
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert_eq(status_of(peer), 0);
	close_site();
}

Test(cancel, a_job_that_goes_on_has_the_request_that_it_looks_at)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/free/offload"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(site.worker->exchanges.used_count, 1);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(site_answer(&site, GET("/plain")).status, 200);
	let_jobs_end();
	cr_assert_str_eq(seen, "/free/offload");
	cr_assert_eq(site.worker->exchanges.used_count, 0);
	close_site();
}

Test(cancel, a_job_that_goes_on_closes_the_connection_behind_503)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(NULL);
	peer = begin(GET("/limited/offload"));
	sim_peer_set_reading(peer, true);
	sim_advance(site.loop, LIMIT_MS);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert_eq(answer.status, 503);
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert(sim_peer_saw_end(peer));
	let_jobs_end();
	close_site();
}

Test(cancel, a_job_that_had_not_begun_never_does)
{
	struct sim_peer *peers[3];

	open_site(NULL);
	/* Two threads: see site.c. */
	for (int i = 0; i < 3; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], GET("/free/offload"));
		for (int n = 0; n < 100000 && i < 2 && atomic_load(&job_begun) <= i; n++)
			usleep(NAP_US);
	}
	sim_peer_reset(peers[2]);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(site.worker->jobs, 2);
	let_jobs_end();
	cr_assert_eq(atomic_load(&job_begun), 2);
	close_site();
}

/* ---- The connection, from within ---- */

Test(cancel, abort_resets_and_nothing_waits_any_more)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/abort"));
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(gone, 1);
	cr_assert(closed);
	close_site();
}

Test(cancel, close_is_behind_the_answer_and_the_handler)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/close"));
	cr_assert_eq(status_of(peer), 200);
	cr_assert_not(sim_peer_saw_end(peer));
	sim_advance(site.loop, 10);
	cr_assert_eq(result, 0);
	cr_assert(sim_peer_saw_end(peer));
	close_site();
}

Test(cancel, a_handler_may_go_on_behind_its_answer)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/behind") GET("/plain"));
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(deferred, 0);
	cr_assert_eq(site_counters(&site)->requests, 1);
	sim_advance(site.loop, 100);
	cr_assert_eq(result, 0);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(site_counters(&site)->responses, 2);
	close_site();
}

Test(cancel, a_client_that_goes_behind_the_answer_ends_it)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/behind"));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(deferred, 1);
	close_site();
}

Test(cancel, a_held_answer_goes_when_middleware_waits_and_the_client_leaves)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = begin(GET("/held/"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(site_counters(&site)->responses, 0);
	close_site();
}

Test(cancel, keep_alive_can_be_forbidden_while_the_answer_is_held)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/held/"));
	sim_advance(site.loop, 100);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert(sim_peer_saw_end(peer));
	close_site();
}

/* ---- The server stops ---- */

Test(cancel, a_drain_waits_for_handlers_that_finish_in_time)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/anyway"));
	ouro_worker_drain(site.worker);
	sim_advance(site.loop, 999);
	cr_assert_not(ouro_worker_is_finished(site.worker));
	sim_advance(site.loop, 1);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(result, 0);
	close_site();
}
