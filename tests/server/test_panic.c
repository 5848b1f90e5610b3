/* Panics: one handler ends, wherever it was; the server goes on. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define COUNTED(path, count)                                                                       \
	"POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " count "\r\n\r\n"

enum { ROUNDS = 100000, MEMORY_BYTES = 6000, PIECE_BYTES = 64 * 1024 };

static struct site site;
static char order[16];
static int result, cleaned, polled_fd;
static struct ouro_ref ref;

static void note_order(void *arg)
{
	strncat(order, arg, sizeof(order) - 1 - strlen(order));
}

/* ---- Handlers that panic ---- */

static void plain(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("plain"));
}

static void panics(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "number %d", 17);
}

static void checks(struct ouro_ctx *ctx)
{
	ouro_check(ctx, 1 + 1 == 2);
	ouro_check(ctx, 1 + 1 == 3);
	ouro_text(ctx, 200, OURO_STR("three"));
}

static void speaks_long(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "%0*d", 1000, 1);
}

static void defers(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_defer(ctx, note_order, "b");
	ouro_defer(ctx, note_order, "c");
	ouro_panic(ctx, "deferring");
}

static void defers_and_returns(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_defer(ctx, note_order, "b");
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void panic_deferred(void *arg)
{
	ouro_panic(arg, "in a clean-up");
}

static void defers_a_panic(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_defer(ctx, panic_deferred, ctx);
	ouro_defer(ctx, note_order, "c");
	ouro_panic(ctx, "deferring");
}

static void defers_a_panic_and_returns(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_defer(ctx, panic_deferred, ctx);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void begins(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("half"));
	ouro_panic(ctx, "half way");
}

static void answers(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("whole"));
	ouro_panic(ctx, "behind the answer");
}

static void sleeps(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, 10);
	ouro_panic(ctx, "after a sleep");
}

static void panics_when_cancelled(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	result = ouro_sleep(ctx, 100000);
	ouro_panic(ctx, "when cancelled");
}

static void panics_while_it_waits(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_after(ctx, 10, panics);
	result = ouro_sleep(ctx, 1000);
	note_order("w");
}

static void on_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	(void)chunk;
	(void)last;
	ouro_panic(ctx, "in on_body");
}

static void body_panics(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_on_body(ctx, on_body);
}

static void after_panics(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_after(ctx, 10, panics);
}

static void drain_panics(struct ouro_ctx *ctx)
{
	static const char piece[PIECE_BYTES];

	ouro_defer(ctx, note_order, "a");
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	for (int i = 0; i < 8; i++)
		ouro_write_slice(ctx, (struct ouro_slice){ piece, sizeof(piece), NULL });
	ouro_on_drain(ctx, panics);
}

static void gone_panics(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ouro_on_gone(ctx, panics);
	result = ouro_sleep(ctx, 100000);
}

static void waits(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_order, "a");
	ref = ouro_ref(ctx);
	result = ouro_wait(ctx, OURO_FOREVER);
	ouro_text(ctx, 200, OURO_STR("not sent"));
}

static void post_panics(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	ouro_panic(ctx, "in a post");
}

static void panics_after_next(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_panic(ctx, "behind next");
}

static void waits_after_next(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_after(ctx, 10, panics);
	result = ouro_sleep(ctx, 100000);
}

static bool guard_panics(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "in a guard");
}

static void only_when(struct ouro_ctx *ctx, const char *when, const char *phase)
{
	if (ouro_header(ctx, when).ptr)
		ouro_panic(ctx, "in the %s hook", phase);
}

static void request_hook(struct ouro_ctx *ctx)
{
	only_when(ctx, "x-request", "request");
}

static void response_hook(struct ouro_ctx *ctx)
{
	only_when(ctx, "x-response", "response");
	if (ouro_header(ctx, "x-answer").ptr) {
		result = ouro_text(ctx, 200, OURO_STR("second"));
		result = ouro_flush(ctx) == -EALREADY ? result : 1;
		result = ouro_error(ctx, 500, NULL) == -EALREADY ? result : 1;
	}
	if (ouro_header(ctx, "x-sleep").ptr)
		ouro_sleep(ctx, 100);
}

static void error_hook(struct ouro_ctx *ctx)
{
	only_when(ctx, "x-error", "error");
}

static void panic_hook(struct ouro_ctx *ctx)
{
	only_when(ctx, "x-panic", "panic");
	if (ouro_header(ctx, "x-shape").ptr)
		ouro_text(ctx, 500,
			  ouro_str(ouro_panic_message(ctx), strlen(ouro_panic_message(ctx))));
}

static void streams(struct ouro_ctx *ctx)
{
	result = ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("stream"));
}

static void flush(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	cleaned = ouro_flush(ctx);
}

/* Its response hook sleeps with the answer in its hands. */
static void answers_slowly(struct ouro_ctx *ctx)
{
	ref = ouro_ref(ctx);
	ouro_text(ctx, 200, OURO_STR("slow"));
}

static void set_up(struct ouro_server *server)
{
	static const struct {
		const char *method, *path;
		ouro_handler_fn handler;
	} routes[] = {
		{ "GET", "/plain", plain },
		{ "GET", "/panic", panics },
		{ "GET", "/check", checks },
		{ "GET", "/long", speaks_long },
		{ "GET", "/defer", defers },
		{ "GET", "/defer-return", defers_and_returns },
		{ "GET", "/defer-panic", defers_a_panic },
		{ "GET", "/defer-panic-return", defers_a_panic_and_returns },
		{ "GET", "/begin", begins },
		{ "GET", "/answer", answers },
		{ "GET", "/sleep", sleeps },
		{ "GET", "/cancelled", panics_when_cancelled },
		{ "GET", "/while", panics_while_it_waits },
		{ "POST", "/body", body_panics },
		{ "GET", "/after", after_panics },
		{ "GET", "/gone", gone_panics },
		{ "GET", "/wait", waits },
		{ "GET", "/stream", streams },
		{ "GET", "/slowly", answers_slowly },
	};
	struct ouro_group *behind, *held;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		ouro_server_route(server, routes[i].method, routes[i].path, routes[i].handler,
				  NULL);
	ouro_server_route(server, "GET", "/inline", panics,
			  &(struct ouro_route_options){ .run_inline = true });
	ouro_server_route(server, "GET", "/drain", drain_panics,
			  &(struct ouro_route_options){ .run_inline = true });
	ouro_server_route(server, "GET", "/guard", plain,
			  &(struct ouro_route_options){ .guard = guard_panics });
	ouro_server_group(server, "/behind", NULL, &behind);
	ouro_group_use(behind, panics_after_next);
	ouro_group_route(behind, "GET", "/", plain, NULL);
	ouro_server_group(server, "/held", NULL, &held);
	ouro_group_use(held, waits_after_next);
	ouro_group_route(held, "GET", "/", plain, NULL);
}

static void set_up_hooks(struct ouro_server *server)
{
	set_up(server);
	ouro_server_hook(server, OURO_HOOK_REQUEST, 0, request_hook);
	ouro_server_hook(server, OURO_HOOK_RESPONSE, 0, response_hook);
	ouro_server_hook(server, OURO_HOOK_ERROR, 0, error_hook);
	ouro_server_hook(server, OURO_HOOK_PANIC, 0, panic_hook);
}

static void open_site(void (*with)(struct ouro_server *server))
{
	order[0] = '\0';
	result = 1;
	cleaned = 0;
	site_open_with(&site, NULL, NULL, with);
}

static void expect_logged(const char *text)
{
	cr_assert_not_null(strstr(site.logged, text), "not logged: %s", text);
}

/* Asks, and expects 500 and the end of the connection @ms later, while others are served. */
static struct ouro_str ask_for_500(const char *request, uint32_t ms)
{
	static char body[512];
	struct sim_peer *peer = site_connect(&site), *other = site_connect(&site);
	struct ouro_str bytes;
	struct answer answer;

	site_ask(&site, peer, request);
	sim_advance(site.loop, ms);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert_eq(answer.status, 500);
	cr_assert_eq(bytes.len, 0);
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_eq(site_ask(&site, other, GET("/plain")).len > 0, true);
	snprintf(body, sizeof(body), "%.*s", (int)answer.body.len, answer.body.ptr);
	return ouro_str_c(body);
}

static void expect_500(const char *request, uint32_t ms, const char *message)
{
	open_site(set_up);
	ask_for_500(request, ms);
	expect_logged(message);
	cr_assert_eq(site_counters(&site)->panics, 1);
	site_close(&site);
}

/* ---- Where ---- */

Test(panic, of_a_handler_is_500)
{
	expect_500(GET("/panic"), 0, "the handler of /panic panicked: number 17");
}

Test(panic, by_a_check_says_what_and_where)
{
	expect_500(GET("/check"), 0, "test_panic.c:");
	expect_500(GET("/check"), 0, ": 1 + 1 == 3 does not hold");
}

Test(panic, with_a_long_message_is_cut)
{
	expect_500(GET("/long"), 0, "0000");
}

Test(panic, on_an_inline_route_is_500)
{
	expect_500(GET("/inline"), 0, "number 17");
}

Test(panic, after_waiting_is_500)
{
	expect_500(GET("/sleep"), 10, "after a sleep");
}

Test(panic, behind_next_drops_the_held_answer)
{
	expect_500(GET("/behind/"), 0, "behind next");
}

Test(panic, in_after_is_500)
{
	expect_500(GET("/after"), 10, "number 17");
	cr_assert_str_eq(order, "a");
}

Test(panic, in_on_body_is_500)
{
	expect_500(COUNTED("/body", "10") "01234", 0, "in on_body");
	cr_assert_str_eq(order, "a");
}

Test(panic, in_a_guard_is_500)
{
	expect_500(GET("/guard"), 0, "in a guard");
}

Test(panic, in_a_callback_ends_the_handler_that_waits_too)
{
	expect_500(GET("/while"), 10, "number 17");
	cr_assert_eq(result, -ECANCELED);
	cr_assert_str_eq(order, "wa");
}

Test(panic, in_a_callback_drops_what_middleware_holds)
{
	expect_500(GET("/held/"), 10, "number 17");
}

Test(panic, in_a_post_is_500)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/wait"));
	cr_assert_eq(ouro_post(ref, post_panics, NULL), 0);
	sim_settle(site.loop);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	/* The handler was told, and had an answer of its own. */
	cr_assert_eq(answer.status, 200);
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert_eq(result, -ECANCELED);
	cr_assert_str_eq(order, "a");
	expect_logged("in a post");
	site_close(&site);
}

Test(panic, in_on_drain_resets)
{
	struct sim_peer *peer;

	open_site(set_up);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/drain"));
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert_str_eq(order, "a");
	site_close(&site);
}

Test(panic, in_on_gone_still_ends_the_handler)
{
	struct sim_peer *peer;

	open_site(set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/gone"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_str_eq(order, "a");
	expect_logged("number 17");
	site_close(&site);
}

Test(panic, of_a_handler_whose_client_has_gone_runs_what_it_deferred)
{
	struct sim_peer *peer;

	open_site(set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/cancelled"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_str_eq(order, "a");
	site_close(&site);
}

/* ---- What was sent already ---- */

Test(panic, within_an_answer_resets)
{
	struct sim_peer *peer;

	open_site(set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/begin"));
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(panic, behind_an_answer_leaves_it_and_closes)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(set_up);
	peer = site_connect(&site);
	bytes = site_ask(&site, peer, GET("/answer") GET("/plain"));
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert_eq(answer.status, 200);
	cr_assert_eq(bytes.len, 0);
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

/* ---- Clean-ups ---- */

Test(defer, runs_last_first_after_a_panic)
{
	expect_500(GET("/defer"), 0, "deferring");
	cr_assert_str_eq(order, "cba");
}

Test(defer, runs_last_first_after_a_return)
{
	open_site(set_up);
	cr_assert_eq(site_answer(&site, GET("/defer-return")).status, 200);
	cr_assert_str_eq(order, "ba");
	site_close(&site);
}

Test(defer, goes_on_behind_one_that_panics)
{
	open_site(set_up);
	ask_for_500(GET("/defer-panic"), 0);
	cr_assert_str_eq(order, "ca");
	cr_assert_eq(site_counters(&site)->panics, 2);
	expect_logged("in a clean-up");
	site_close(&site);
}

Test(defer, that_panics_after_a_return_is_logged)
{
	open_site(set_up);
	cr_assert_eq(site_answer(&site, GET("/defer-panic-return")).status, 200);
	cr_assert_str_eq(order, "a");
	expect_logged("in a clean-up");
	site_close(&site);
}

/* ---- Hooks ---- */

#define WITH(field, path) "GET " path " HTTP/1.1\r\nHost: a\r\n" field ": 1\r\n\r\n"

Test(panic, in_a_request_hook_is_500)
{
	open_site(set_up_hooks);
	ask_for_500(WITH("X-Request", "/plain"), 0);
	expect_logged("in the request hook");
	site_close(&site);
}

Test(panic, in_a_response_hook_is_500_without_hooks)
{
	open_site(set_up_hooks);
	ask_for_500(WITH("X-Response", "/plain"), 0);
	ask_for_500(WITH("X-Response", "/stream"), 0);
	ask_for_500(WITH("X-Response", "/panic"), 0);
	expect_logged("in the response hook");
	site_close(&site);
}

Test(panic, in_an_error_hook_is_500)
{
	open_site(set_up_hooks);
	ask_for_500(WITH("X-Error", "/nothing-here"), 0);
	ask_for_500(WITH("X-Error", "/panic"), 0);
	expect_logged("in the error hook");
	site_close(&site);
}

Test(panic, in_a_panic_hook_is_500)
{
	open_site(set_up_hooks);
	ask_for_500(WITH("X-Panic", "/panic"), 0);
	expect_logged("in the panic hook");
	site_close(&site);
}

Test(panic, may_be_shaped_by_its_hook)
{
	open_site(set_up_hooks);
	cr_assert(ouro_str_eq(ask_for_500(WITH("X-Shape", "/panic"), 0), OURO_STR("number 17")));
	site_close(&site);
}

Test(hooks, of_responses_cannot_answer)
{
	open_site(set_up_hooks);
	cr_assert_eq(site_answer(&site, WITH("X-Answer", "/plain")).status, 200);
	cr_assert_eq(result, -EALREADY);
	cr_assert_eq(site_answer(&site, WITH("X-Answer", "/stream")).status, 200);
	site_close(&site);
}

Test(hooks, of_responses_may_wait_while_the_client_goes)
{
	struct sim_peer *peer;

	open_site(set_up_hooks);
	peer = site_connect(&site);
	site_ask(&site, peer, WITH("X-Sleep", "/plain"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	peer = site_connect(&site);
	site_ask(&site, peer, WITH("X-Sleep", "/stream"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ENOTCONN);
	cr_assert_eq(site_counters(&site)->responses, 0);
	site_close(&site);
}

Test(hooks, of_responses_that_wait_are_not_overtaken_by_a_flush)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(set_up_hooks);
	peer = site_connect(&site);
	site_ask(&site, peer, WITH("X-Sleep", "/slowly"));
	cr_assert_eq(ouro_post(ref, flush, NULL), 0);
	sim_settle(site.loop);
	cr_assert_eq(cleaned, -EALREADY);
	sim_advance(site.loop, 100);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert_eq(bytes.len, 0);
	site_close(&site);
}

/* ---- Again and again ---- */

static void close_fd(void *arg)
{
	close(*(int *)arg);
	cleaned++;
}

/* Holds one of everything, then panics. */
static void holds_everything(struct ouro_ctx *ctx)
{
	int *fd = ouro_alloc(ctx, sizeof(*fd));
	char *memory = ouro_alloc(ctx, MEMORY_BYTES);
	struct ouro_slice chunk;

	memset(memory, 'm', MEMORY_BYTES);
	*fd = dup(STDERR_FILENO);
	ouro_defer(ctx, close_fd, fd);
	ouro_check(ctx, ouro_body_read(ctx, &chunk) == 5);
	ouro_check(ctx, ouro_ref(ctx).generation != 0);
	ouro_check(ctx, ouro_poll(ctx, polled_fd, POLLIN, 0) == -ETIMEDOUT);
	ouro_panic(ctx, "with its hands full");
}

static void count_log(void *arg, enum ouro_log_level level, const char *line)
{
	(void)level;
	*(int *)arg += strstr(line, "with its hands full") != NULL;
}

static void set_up_full(struct ouro_server *server)
{
	ouro_server_route(server, "POST", "/", holds_everything, NULL);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

Test(panic, a_hundred_thousand_times_leaves_nothing_behind)
{
	int fds = count_fds(), logged = 0;

	open_site(set_up_full);
	site.server->log = (struct ouro_log){ count_log, &logged, OURO_LOG_ERROR };
	sim_pair(site.sim, &polled_fd);
	for (int i = 0; i < ROUNDS; i++) {
		/* The simulated backend never uses a descriptor twice: one connection each time
		 * would be slow for no more than that. */
		struct sim_peer *peer = site_connect(&site);

		sim_peer_say(peer, COUNTED("/", "10") "01234");
		sim_advance(site.loop, 1);
		sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert_eq(cleaned, i + 1);
	}
	cr_assert_eq(logged, ROUNDS);
	cr_assert_eq(site.worker->polls.used_count, 0);
	cr_assert_eq(count_fds(), fds);
	close(polled_fd);
	site_close(&site);
}
