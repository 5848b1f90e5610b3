/* Handlers that wait: for time, for descriptors, for other threads, for the client to take what it was
 * sent. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum { PIECE_BYTES = 16 * 1024, PIECES = 64, PENDING_SLACK = 64 * 1024, NAP_US = 100 };

static int results[8];
static int polled_fd;
static size_t pending_max;
static atomic_bool gate; /* blocking jobs go on */
static atomic_int begun, ended;
static struct ouro_ref ref;

/* ---- Handlers ---- */

static uint32_t query_number(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str text = ouro_query(ctx, name);
	uint32_t sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum = sum * 10 + (uint32_t)(text.ptr[i] - '0');
	return sum;
}

static void nap(struct ouro_ctx *ctx)
{
	results[0] = ouro_sleep(ctx, query_number(ctx, "ms"));
	ouro_text(ctx, 200, ouro_query(ctx, "ms"));
}

static void naps(struct ouro_ctx *ctx)
{
	for (int i = 0; i < 3; i++)
		ouro_sleep(ctx, 100);
	ouro_text(ctx, 200, OURO_STR("three"));
}

static void sleeps_for_ever(struct ouro_ctx *ctx)
{
	results[0] = ouro_sleep(ctx, OURO_FOREVER);
}

static void poller(struct ouro_ctx *ctx)
{
	char text[32];

	results[0] = ouro_poll(ctx, polled_fd, POLLIN, query_number(ctx, "ms"));
	ouro_text(ctx, 200, ouro_str(text, (size_t)snprintf(text, sizeof(text), "%d", results[0])));
}

static void writable_poller(struct ouro_ctx *ctx)
{
	results[0] = ouro_poll(ctx, polled_fd, POLLOUT, OURO_FOREVER);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void bad_poller(struct ouro_ctx *ctx)
{
	results[0] = ouro_poll(ctx, -1, POLLIN, 10);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

/* Asks for the next one while the completion of the first is still under way. */
static void poll_twice(struct ouro_ctx *ctx)
{
	results[0] = ouro_poll(ctx, polled_fd, POLLIN, 10);
	results[1] = ouro_poll(ctx, polled_fd, POLLIN, 1000);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

struct sum {
	int a, b, result;
};

static void add(void *args)
{
	struct sum *sum = args;

	sum->result = sum->a + sum->b;
}

static void adder(struct ouro_ctx *ctx)
{
	struct sum sum = { 20, 22, 0 };

	results[0] = ouro_offload(ctx, add, &sum, sizeof(sum));
	results[1] = sum.result;
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void note_nothing(void *args)
{
	(void)args;
	atomic_fetch_add(&ended, 1);
}

static void argless(struct ouro_ctx *ctx)
{
	results[0] = ouro_offload(ctx, note_nothing, NULL, 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void block(void *args)
{
	(void)args;
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&gate))
		usleep(NAP_US);
	atomic_fetch_add(&ended, 1);
}

static void blocker(struct ouro_ctx *ctx)
{
	int err = ouro_offload(ctx, block, NULL, 0);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_text(ctx, 200, OURO_STR("ok"));
}

/* Of bytes that the peer does not take more and more are queued, up to the mark. */
static void writer(struct ouro_ctx *ctx)
{
	static const char piece[PIECE_BYTES];
	int err = 0;

	ouro_begin(ctx, 200, NULL, PIECES * PIECE_BYTES);
	for (int i = 0; i < PIECES && !err; i++) {
		err = ouro_write_slice(ctx, (struct ouro_slice){ piece, sizeof(piece), NULL });
		results[1]++;
		if (ouro_stream_pending(ctx->stream) > pending_max)
			pending_max = ouro_stream_pending(ctx->stream);
	}
	results[0] = err;
}

static void note_drain(struct ouro_ctx *ctx)
{
	(void)ctx;
	results[2]++;
}

static void drained_writer(struct ouro_ctx *ctx)
{
	ouro_on_drain(ctx, note_drain);
	writer(ctx);
}

static void waiter(struct ouro_ctx *ctx)
{
	ref = ouro_ref(ctx);
	results[0] = ouro_wait(ctx, query_number(ctx, "ms"));
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void resumes_itself(struct ouro_ctx *ctx)
{
	struct ouro_ref own = ouro_ref(ctx);

	ouro_resume(own, 1);
	ouro_resume(own, 2);
	results[0] = ouro_wait(ctx, 0);
	results[1] = ouro_wait(ctx, 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void sleeps_then_waits(struct ouro_ctx *ctx)
{
	ref = ouro_ref(ctx);
	ouro_sleep(ctx, 100);
	results[0] = ouro_wait(ctx, OURO_FOREVER);
	results[1] = ouro_wait(ctx, 10);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

/* Everything that waits, where nothing can. */
static void try_all(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_str body;

	results[0] = ouro_sleep(ctx, 1);
	results[1] = (int)ouro_body_read(ctx, &chunk);
	results[2] = ouro_body(ctx, &body);
	results[3] = ouro_poll(ctx, 0, POLLIN, 1);
	results[4] = ouro_offload(ctx, note_nothing, NULL, 0);
	results[5] = ouro_wait(ctx, 1);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void try_all_later(struct ouro_ctx *ctx)
{
	ouro_after(ctx, 1, try_all);
}

static void plain(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("plain"));
}

static void no_more(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, 10);
	ouro_text(ctx, 200, OURO_STR("last"));
}

static void forbid(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_keep_alive(ctx, false);
}

static void set_up(struct ouro_server *server)
{
	struct ouro_group *group;

	ouro_server_route(server, "GET", "/nap", nap, NULL);
	ouro_server_route(server, "GET", "/naps", naps, NULL);
	ouro_server_route(server, "GET", "/for-ever", sleeps_for_ever, NULL);
	ouro_server_route(server, "GET", "/poll", poller, NULL);
	ouro_server_route(server, "GET", "/poll-out", writable_poller, NULL);
	ouro_server_route(server, "GET", "/poll-bad", bad_poller, NULL);
	ouro_server_route(server, "GET", "/poll-twice", poll_twice, NULL);
	ouro_server_route(server, "GET", "/add", adder, NULL);
	ouro_server_route(server, "GET", "/argless", argless, NULL);
	ouro_server_route(server, "GET", "/block", blocker, NULL);
	ouro_server_route(server, "GET", "/write", writer, NULL);
	ouro_server_route(server, "GET", "/write-drained", drained_writer, NULL);
	ouro_server_route(server, "GET", "/wait", waiter, NULL);
	ouro_server_route(server, "GET", "/resume", resumes_itself, NULL);
	ouro_server_route(server, "GET", "/later", sleeps_then_waits, NULL);
	ouro_server_route(server, "POST", "/inline", try_all,
			  &(struct ouro_route_options){ .run_inline = true });
	ouro_server_route(server, "POST", "/callback", try_all_later, NULL);
	ouro_server_route(server, "GET", "/plain", plain, NULL);
	cr_assert_eq(ouro_server_group(server, "/last", NULL, &group), 0);
	ouro_group_use(group, forbid);
	ouro_group_route(group, "GET", "/", no_more, NULL);
}

static struct site site;

static void open_site(const struct ouro_options *options)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		results[i] = 0;
	results[0] = 1;
	pending_max = 0;
	atomic_store(&gate, false);
	atomic_store(&begun, 0);
	atomic_store(&ended, 0);
	site_open_with(&site, options, NULL, set_up);
}

static void close_site(void)
{
	const struct sim_settings calm = { 0 };

	if (polled_fd) {
		sim_change(site.sim, &calm);
		sim_settle(site.loop);
		close(polled_fd);
		polled_fd = 0;
	}
	site_close(&site);
}

/* Other threads have their time until @what is @count. */
static void settle_until(const atomic_int *what, int count)
{
	for (int i = 0; i < 100000 && atomic_load(what) < count; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_geq(atomic_load(what), count);
}

static void settle_until_answered(struct sim_peer *peer)
{
	for (int i = 0; i < 100000 && sim_peer_received(peer).len == 0; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_gt(sim_peer_received(peer).len, 0);
}

static unsigned status_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer;

	return answer_read(&bytes, false, &answer) ? answer.status : 0;
}

/* ---- Time ---- */

Test(sleep, lasts_as_long_as_was_asked)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/nap?ms=500"));
	sim_advance(site.loop, 499);
	cr_assert_eq(sim_peer_received(peer).len, 0);
	sim_advance(site.loop, 1);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(results[0], 0);
	close_site();
}

Test(sleep, of_no_time_goes_on_at_once)
{
	open_site(NULL);
	cr_assert_eq(site_answer(&site, GET("/nap?ms=0")).status, 200);
	close_site();
}

Test(sleep, ends_in_the_order_of_time_not_of_coming)
{
	static const char *const requests[] = { GET("/nap?ms=300"), GET("/nap?ms=100"),
						GET("/nap?ms=200") };
	struct sim_peer *peers[3];

	open_site(NULL);
	for (int i = 0; i < 3; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], requests[i]);
	}
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peers[1]), 200);
	cr_assert_eq(status_of(peers[2]), 0);
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peers[2]), 200);
	cr_assert_eq(status_of(peers[0]), 0);
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peers[0]), 200);
	close_site();
}

Test(sleep, can_be_had_again_and_again)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/naps"));
	sim_advance(site.loop, 299);
	cr_assert_eq(status_of(peer), 0);
	sim_advance(site.loop, 1);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

Test(sleep, keeps_only_its_own_handler_from_answering)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/nap?ms=500"));
	cr_assert_eq(site_answer(&site, GET("/plain")).status, 200);
	cr_assert_eq(status_of(peer), 0);
	close_site();
}

Test(sleep, for_ever_ends_with_the_client)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/for-ever"));
	sim_advance(site.loop, 3600 * 1000);
	cr_assert_eq(results[0], 1);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(results[0], -ECANCELED);
	close_site();
}

Test(sleep, leaves_pipelined_requests_in_order)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/nap?ms=100") GET("/plain") GET("/nap?ms=50") GET("/plain"));
	cr_assert_eq(sim_peer_received(peer).len, 0);
	sim_advance(site.loop, 150);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert(ouro_str_eq(answer.body, OURO_STR("100")));
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert(ouro_str_eq(answer.body, OURO_STR("plain")));
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert(ouro_str_eq(answer.body, OURO_STR("50")));
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert_eq(bytes.len, 0);
	close_site();
}

Test(sleep, does_not_hinder_middleware_that_closes_the_connection)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/last/"));
	sim_advance(site.loop, 10);
	cr_assert_eq(status_of(peer), 200);
	cr_assert(sim_peer_saw_end(peer));
	close_site();
}

Test(fibers_max, is_answered_with_503)
{
	struct ouro_options options = { .fibers_max = 2 };
	struct sim_peer *peers[2];

	open_site(&options);
	for (int i = 0; i < 2; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], GET("/nap?ms=100"));
	}
	cr_assert_eq(site_answer(&site, GET("/plain")).status, 503);
	cr_assert_eq(site_counters(&site)->fibers_refused, 1);
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peers[0]), 200);
	cr_assert_eq(status_of(peers[1]), 200);
	cr_assert_eq(site_answer(&site, GET("/plain")).status, 200);
	close_site();
}

/* ---- Where there is no fiber ---- */

static void expect_deadlk(const char *request)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, request);
	sim_advance(site.loop, 1);
	cr_assert_eq(status_of(peer), 200);
	for (int i = 0; i < 6; i++)
		cr_assert_eq(results[i], -EDEADLK);
	close_site();
}

Test(no_fiber, nothing_waits_on_an_inline_route)
{
	expect_deadlk("POST /inline HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
}

Test(no_fiber, nothing_waits_in_a_callback)
{
	expect_deadlk("POST /callback HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
}

/* ---- Descriptors ---- */

Test(poll, says_what_a_descriptor_is_ready_for)
{
	struct sim_peer *client, *other;

	open_site(NULL);
	other = sim_pair(site.sim, &polled_fd);
	client = site_connect(&site);
	site_ask(&site, client, GET("/poll?ms=1000"));
	cr_assert_eq(status_of(client), 0);
	sim_peer_say(other, "x");
	sim_settle(site.loop);
	cr_assert_eq(status_of(client), 200);
	cr_assert_eq(results[0], POLLIN);
	close_site();
}

Test(poll, waits_until_it_can_be_written)
{
	struct sim_peer *client, *other;

	open_site(NULL);
	other = sim_pair(site.sim, &polled_fd);
	sim_peer_set_reading(other, false);
	sim_peer_fill(other);
	client = site_connect(&site);
	site_ask(&site, client, GET("/poll-out"));
	cr_assert_eq(status_of(client), 0);
	sim_peer_set_reading(other, true);
	sim_settle(site.loop);
	cr_assert_eq(results[0], POLLOUT);
	close_site();
}

Test(poll, is_over_when_its_time_is)
{
	struct sim_peer *client;

	open_site(NULL);
	sim_pair(site.sim, &polled_fd);
	client = site_connect(&site);
	site_ask(&site, client, GET("/poll?ms=50"));
	sim_advance(site.loop, 49);
	cr_assert_eq(results[0], 1);
	sim_advance(site.loop, 1);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert_eq(status_of(client), 200);
	close_site();
}

Test(poll, of_no_time_still_looks)
{
	struct sim_peer *other;

	open_site(NULL);
	other = sim_pair(site.sim, &polled_fd);
	sim_peer_say(other, "x");
	site_answer(&site, GET("/poll?ms=0"));
	cr_assert_eq(results[0], POLLIN);
	close_site();
}

Test(poll, of_no_descriptor_is_refused)
{
	open_site(NULL);
	cr_assert_eq(site_answer(&site, GET("/poll-bad")).status, 200);
	cr_assert_eq(results[0], -EBADF);
	close_site();
}

Test(poll, may_be_followed_by_another_before_the_first_has_ended)
{
	struct sim_settings slow = { .delay = 700, .cancel_race = 900, .seed = 1 };
	struct sim_peer *client, *other;

	open_site(NULL);
	other = sim_pair(site.sim, &polled_fd);
	client = site_connect(&site);
	site_ask(&site, client, GET("/poll-twice"));
	sim_change(site.sim, &slow);
	sim_advance(site.loop, 10);
	cr_assert_eq(results[0], -ETIMEDOUT);
	sim_peer_say(other, "x");
	sim_advance(site.loop, 10);
	cr_assert_eq(results[1], POLLIN);
	cr_assert_eq(status_of(client), 200);
	close_site();
}

Test(poll, of_several_handlers_at_one_descriptor_ends_for_all)
{
	struct sim_peer *clients[3], *other;

	open_site(NULL);
	other = sim_pair(site.sim, &polled_fd);
	for (int i = 0; i < 3; i++) {
		clients[i] = site_connect(&site);
		site_ask(&site, clients[i], GET("/poll?ms=1000"));
	}
	sim_peer_say(other, "x");
	sim_settle(site.loop);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(status_of(clients[i]), 200);
	close_site();
}

/* The completion of what is abandoned comes when its handler, and its exchange, are gone. */
Test(poll, may_end_long_after_its_handler)
{
	struct sim_settings slow = { .delay = 950, .seed = 2 };

	for (int i = 0; i < 20; i++) {
		struct sim_peer *client;

		open_site(NULL);
		sim_pair(site.sim, &polled_fd);
		client = site_connect(&site);
		site_ask(&site, client, GET("/poll?ms=1000"));
		slow.seed = (uint64_t)i;
		sim_change(site.sim, &slow);
		sim_peer_reset(client);
		sim_advance(site.loop, 100);
		cr_assert_eq(results[0], -ECANCELED);
		close_site();
	}
}

/* ---- Offloading ---- */

Test(offload, works_on_a_copy_and_brings_it_back)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/add"));
	settle_until_answered(peer);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], 42);
	close_site();
}

Test(offload, needs_no_arguments)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/argless"));
	settle_until_answered(peer);
	cr_assert_eq(atomic_load(&ended), 1);
	close_site();
}

Test(offload, beyond_the_queue_is_eagain)
{
	struct sim_peer *peers[6];

	open_site(NULL);
	/* Two threads, and room for four more: see site.c. */
	for (int i = 0; i < 6; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], GET("/block"));
		if (i < 2)
			settle_until(&begun, i + 1);
	}
	cr_assert_eq(site_answer(&site, GET("/block")).status, 503);
	atomic_store(&gate, true);
	settle_until(&ended, 6);
	for (int i = 0; i < 6; i++)
		settle_until_answered(peers[i]);
	close_site();
}

/* ---- Output ---- */

Test(write, waits_while_the_client_takes_nothing)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/write"));
	cr_assert_lt(results[1], PIECES);
	cr_assert_leq(pending_max, OURO_STREAM_PENDING_HIGH + PENDING_SLACK);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], PIECES);
	cr_assert_leq(pending_max, OURO_STREAM_PENDING_HIGH + PENDING_SLACK);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

Test(write, goes_on_little_by_little_for_a_slow_client)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/write"));
	for (int i = 0; i < 10000 && status_of(peer) == 0; i++) {
		sim_peer_read(peer, 3000);
		sim_advance(site.loop, 1);
	}
	cr_assert_eq(status_of(peer), 200);
	cr_assert_leq(pending_max, OURO_STREAM_PENDING_HIGH + PENDING_SLACK);
	close_site();
}

Test(write, that_waits_ends_when_the_client_goes)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/write"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(results[0], -ECANCELED);
	close_site();
}

Test(write, that_waits_ends_with_the_write_timeout)
{
	struct ouro_options options = { .write_timeout_ms = 500 };
	struct sim_peer *peer;

	open_site(&options);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/write"));
	sim_advance(site.loop, 700);
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert(sim_peer_saw_reset(peer));
	close_site();
}

Test(write, that_waits_takes_no_callback_its_drain)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/write-drained"));
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert_eq(results[2], 1);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

/* ---- Others ---- */

Test(resume, ends_a_wait_with_its_value)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/wait?ms=1000"));
	cr_assert_eq(ouro_resume(ref, 7), 0);
	sim_settle(site.loop);
	cr_assert_eq(results[0], 7);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

Test(resume, of_a_negative_value_is_refused)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/wait?ms=1000"));
	cr_assert_eq(ouro_resume(ref, -1), -EINVAL);
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 0);
	close_site();
}

Test(resume, several_before_anyone_looks_are_one_and_the_last_counts)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/later"));
	for (int i = 1; i <= 3; i++)
		cr_assert_eq(ouro_resume(ref, i), 0);
	sim_advance(site.loop, 100);
	cr_assert_eq(results[0], 3);
	sim_advance(site.loop, 10);
	cr_assert_eq(results[1], -ETIMEDOUT);
	close_site();
}

Test(resume, that_came_before_ends_a_wait_of_no_time)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/resume"));
	sim_advance(site.loop, 1);
	cr_assert_eq(results[0], 2);
	cr_assert_eq(results[1], -ETIMEDOUT);
	close_site();
}

Test(wait, is_over_when_its_time_is)
{
	struct sim_peer *peer;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/wait?ms=20"));
	sim_advance(site.loop, 20);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert_eq(status_of(peer), 200);
	close_site();
}

Test(wait, does_not_keep_what_was_meant_for_the_request_before)
{
	struct sim_peer *peer;
	struct ouro_ref old;

	open_site(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/wait?ms=20"));
	old = ref;
	sim_advance(site.loop, 19);
	cr_assert_eq(ouro_resume(old, 5), 0);
	sim_settle(site.loop);
	cr_assert_eq(results[0], 5);
	site_ask(&site, peer, GET("/wait?ms=20"));
	cr_assert_eq(ouro_resume(old, 6), -ENOTCONN);
	sim_advance(site.loop, 20);
	cr_assert_eq(results[0], -ETIMEDOUT);
	close_site();
}
