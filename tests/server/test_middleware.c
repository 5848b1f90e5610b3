/* Middleware around handlers, and hooks by phase: what runs, in which order, and what it can do with the
 * answer. */
#include "server/expect.h"

#include <errno.h>

/* What ran, a letter each; cleared with every test's process. */
static char trace[256];

static void note(char letter)
{
	size_t len = strlen(trace);

	cr_assert_lt(len + 1, sizeof(trace));
	trace[len] = letter;
	trace[len + 1] = '\0';
}

static const char *trace_of(struct site *site, const char *request)
{
	trace[0] = '\0';
	site_answer(site, request);
	return trace;
}

static void outer(struct ouro_ctx *ctx)
{
	note('a');
	ouro_next(ctx);
	note('A');
}

static void middle(struct ouro_ctx *ctx)
{
	note('b');
	ouro_next(ctx);
	note('B');
}

static void inner(struct ouro_ctx *ctx)
{
	note('c');
	ouro_next(ctx);
	note('C');
}

static void handler(struct ouro_ctx *ctx)
{
	note('h');
	ouro_text(ctx, 200, OURO_STR("handler"));
}

static void use(struct ouro_server *server, ouro_handler_fn middleware)
{
	cr_assert_eq(ouro_server_use(server, middleware), 0);
}

static void hook(struct ouro_server *server, enum ouro_hook phase, int order, ouro_handler_fn fn)
{
	cr_assert_eq(ouro_server_hook(server, phase, order, fn), 0);
}

/* ---- The chain ---- */

static void set_up_nested(struct ouro_server *server)
{
	struct ouro_group *group, *within;

	add(server, "GET", "/", handler);
	cr_assert_eq(ouro_server_group(server, "/g", NULL, &group), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/", handler, NULL), 0);
	cr_assert_eq(ouro_group_group(group, "/w", NULL, &within), 0);
	cr_assert_eq(ouro_group_route(within, "GET", "/", handler, NULL), 0);
	/* Before or after the routes: it makes no difference. */
	cr_assert_eq(ouro_group_use(within, inner), 0);
	cr_assert_eq(ouro_group_use(group, middle), 0);
	use(server, outer);
}

Test(middleware, it_runs_from_the_outermost_to_the_innermost_and_back)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_nested);
	cr_assert_str_eq(trace_of(&site, GET("/g/w/")), "abchCBA");
	cr_assert_str_eq(trace_of(&site, GET("/g/")), "abhBA");
	cr_assert_str_eq(trace_of(&site, GET("/")), "ahA");
	cr_assert_str_eq(trace_of(&site, GET("/none")), "aA");
	site_close(&site);
}

static void set_up_in_order(struct ouro_server *server)
{
	use(server, outer);
	use(server, middle);
	use(server, inner);
	add(server, "GET", "/", handler);
	cr_assert_eq(ouro_server_route(server, "GET", "/inline", handler,
				       &(struct ouro_route_options){ .run_inline = true }),
		     0);
}

Test(middleware, what_was_added_first_is_outside)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_in_order);
	cr_assert_str_eq(trace_of(&site, GET("/")), "abchCBA");
	cr_assert_str_eq(trace_of(&site, GET("/inline")), "abchCBA");
	site_close(&site);
}

/* Behind the handler it sees the answer and can add to it. */
static void look_behind(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	cr_assert_not(ouro_is_answered(ctx));
	cr_assert_eq(ouro_status(ctx), 0);
	cr_assert_null(ouro_answer_body(ctx).ptr);
	ouro_next(ctx);
	cr_assert(ouro_is_answered(ctx));
	body = ouro_answer_body(ctx);
	ouro_set_headerf(ctx, "x-seen", "%u %zu", ouro_status(ctx), body.len);
	cr_assert_eq(ouro_unset_header(ctx, "X-Inner"), 1);
	cr_assert_eq(ouro_unset_header(ctx, "x-inner"), 0);
	cr_assert_eq(ouro_text(ctx, 200, OURO_STR("second")), -EALREADY);
}

static void with_inner_field(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-inner", OURO_STR("1"));
	ouro_send(ctx, 201, "text/x", OURO_STR("made"));
}

static void set_up_onion(struct ouro_server *server)
{
	use(server, look_behind);
	add(server, "GET", "/", with_inner_field);
}

Test(middleware, behind_the_handler_it_sees_the_answer_and_adds_to_it)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_onion);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(answer.status, 201);
	cr_assert(is(answer.body, "made"));
	cr_assert(is(answer_field(&answer, "content-type"), "text/x"));
	cr_assert(is(answer_field(&answer, "x-seen"), "201 4"));
	cr_assert_null(answer_field(&answer, "x-inner").ptr);
	site_close(&site);
}

static void stop(struct ouro_ctx *ctx)
{
	note('s');
	ouro_text(ctx, 403, OURO_STR("stop"));
}

static void set_up_stop(struct ouro_server *server)
{
	use(server, outer);
	use(server, stop);
	use(server, inner);
	add(server, "GET", "/", handler);
}

Test(middleware, not_calling_next_ends_the_chain)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_stop);
	cr_assert_str_eq(trace_of(&site, GET("/")), "asA");
	cr_assert_eq(site_answer(&site, GET("/")).status, 403);
	site_close(&site);
}

static void twice(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_next(ctx);
}

static void next_in_handler(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	handler(ctx);
	ouro_next(ctx);
}

static void set_up_twice(struct ouro_server *server)
{
	use(server, outer);
	use(server, twice);
	use(server, inner);
	add(server, "GET", "/", next_in_handler);
}

Test(middleware, a_second_next_does_nothing)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_twice);
	cr_assert_str_eq(trace_of(&site, GET("/")), "achCA");
	site_close(&site);
}

static void neither(struct ouro_ctx *ctx)
{
	(void)ctx;
}

static void set_up_neither(struct ouro_server *server)
{
	use(server, neither);
	add(server, "GET", "/", handler);
}

Test(middleware, neither_next_nor_an_answer_is_500)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_neither);
	cr_assert_eq(site_answer(&site, GET("/")).status, 500);
	cr_assert_not_null(strstr(site.logged, "without an answer"));
	site_close(&site);
}

static int value = 7;

static void give(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_set_attribute(ctx, "user", &trace), 0);
	cr_assert_eq(ouro_set_attribute(ctx, "user", &value), 0);
	cr_assert_eq(ouro_set_attribute(ctx, "other", NULL), 0);
	ouro_next(ctx);
	cr_assert_str_eq(ouro_attribute(ctx, "answer"), "from within");
}

static void take(struct ouro_ctx *ctx)
{
	char key[] = "user";
	int *user = ouro_attribute(ctx, key);

	cr_assert_null(ouro_attribute(ctx, "none"));
	cr_assert_null(ouro_attribute(ctx, "other"));
	cr_assert_eq(ouro_set_attribute(ctx, "answer", "from within"), 0);
	ouro_text(ctx, 200, user == &value ? OURO_STR("given") : OURO_STR("lost"));
}

static void set_up_attributes(struct ouro_server *server)
{
	use(server, give);
	add(server, "GET", "/", take);
}

Test(middleware, attributes_go_from_one_to_the_next)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_attributes);
	cr_assert(is(site_answer(&site, GET("/")).body, "given"));
	site_close(&site);
}

static void sleep_around(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_sleep(ctx, 100), 0);
	ouro_next(ctx);
	cr_assert_eq(ouro_sleep(ctx, 100), 0);
	ouro_set_header(ctx, "x-slept", OURO_STR("twice"));
}

static void set_up_sleep_around(struct ouro_server *server)
{
	use(server, sleep_around);
	add(server, "GET", "/", handler);
}

Test(middleware, it_may_wait_before_and_after)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_sleep_around);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	sim_advance(site.loop, 100);
	cr_assert_str_eq(trace, "h");
	cr_assert_eq(sim_peer_received(peer).len, 0);
	sim_advance(site.loop, 100);
	cr_assert(holds(sim_peer_received(peer), "x-slept: twice\r\n"));
	site_close(&site);
}

/* ---- Held answers ---- */

enum { LARGE_BYTES = 100000 };
static const char steady[] = "static memory";

static void large_copied(struct ouro_ctx *ctx)
{
	char *body = malloc((size_t)LARGE_BYTES);

	memset(body, 'l', (size_t)LARGE_BYTES);
	site_notes.result = ouro_send(ctx, 200, NULL, ouro_str(body, (size_t)LARGE_BYTES));
	/* It was copied: this is nobody's any more. */
	memset(body, 'x', (size_t)LARGE_BYTES);
	free(body);
}

static void small_copied(struct ouro_ctx *ctx)
{
	char type[] = "text/small", body[] = "small";

	cr_assert_eq(ouro_send(ctx, 200, type, ouro_str(body, 5)), 0);
	memset(type, 'x', sizeof(type) - 1);
	memset(body, 'x', sizeof(body) - 1);
}

static void of_static(struct ouro_ctx *ctx)
{
	ouro_send_static(ctx, 200, NULL, ouro_str(steady, sizeof(steady) - 1));
}

static void absent_body(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_send(ctx, 200, NULL, (struct ouro_str){ 0 }), 0);
}

static void check_held(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	ouro_next(ctx);
	body = ouro_answer_body(ctx);
	cr_assert_not_null(body.ptr);
	if (ouro_str_eq(ouro_path(ctx), OURO_STR("/static")))
		cr_assert_eq(body.ptr, steady);
	ouro_set_headerf(ctx, "x-length", "%zu", body.len);
}

static void set_up_held(struct ouro_server *server)
{
	use(server, check_held);
	add(server, "GET", "/large", large_copied);
	add(server, "GET", "/small", small_copied);
	add(server, "GET", "/static", of_static);
	add(server, "GET", "/absent", absent_body);
}

Test(middleware, held_answers_keep_bodies_of_any_kind)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_held);
	answer = site_answer(&site, GET("/large"));
	cr_assert(is(answer_field(&answer, "x-length"), "100000"));
	cr_assert_eq(answer.body.len, (size_t)LARGE_BYTES);
	cr_assert_eq(answer.body.ptr[0], 'l');
	cr_assert_eq(answer.body.ptr[(size_t)LARGE_BYTES - 1], 'l');
	answer = site_answer(&site, GET("/small"));
	cr_assert(is(answer.body, "small"));
	cr_assert(is(answer_field(&answer, "content-type"), "text/small"));
	cr_assert(is(site_answer(&site, GET("/static")).body, steady));
	cr_assert_eq(site_answer(&site, GET("/absent")).body.len, 0);
	answer = site_answer(&site, ASK("HEAD", "/large", ""));
	cr_assert(is(answer_field(&answer, "content-length"), "100000"));
	site_close(&site);
}

static void flush_inside(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_flush(ctx), -EINVAL);
	ouro_next(ctx);
	cr_assert_eq(ouro_flush(ctx), 0);
	cr_assert_eq(ouro_flush(ctx), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "x-late", OURO_STR("1")), -EALREADY);
	cr_assert_null(ouro_answer_body(ctx).ptr);
	cr_assert_eq(ouro_status(ctx), 200);
	cr_assert_eq(ouro_sleep(ctx, 1000), 0);
	note('z');
}

static void set_up_flush(struct ouro_server *server)
{
	use(server, flush_inside);
	add(server, "GET", "/", handler);
}

Test(middleware, flush_writes_a_held_answer_at_once)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_flush);
	peer = site_connect(&site);
	cr_assert(holds(site_ask(&site, peer, GET("/")), "\r\n\r\nhandler"));
	cr_assert_str_eq(trace, "h");
	sim_advance(site.loop, 1000);
	cr_assert_str_eq(trace, "hz");
	site_close(&site);
}

static void fill_fields(struct ouro_ctx *ctx)
{
	char value_text[1100];
	int count = 0;

	memset(value_text, 'v', sizeof(value_text));
	cr_assert_eq(ouro_set_headerf(ctx, "x-f", "%.1024s", value_text), -E2BIG);
	cr_assert_eq(ouro_set_headerf(ctx, "x-f", "%.1023s", value_text), -EINVAL + EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "y", ouro_str(value_text, 1100)), 0);
	cr_assert_eq(ouro_set_header(ctx, "z", ouro_str(value_text, 946)), -E2BIG);
	cr_assert_eq(ouro_set_header(ctx, "z", ouro_str(value_text, 944)), 0);
	cr_assert_eq(ouro_set_header(ctx, "w", OURO_STR("1")), -E2BIG);
	cr_assert_eq(ouro_unset_header(ctx, "y") + ouro_unset_header(ctx, "z"), 2);
	cr_assert_eq(ouro_unset_header(ctx, "x-f"), 1);
	while (ouro_set_header(ctx, "many", OURO_STR("1")) == 0)
		count++;
	cr_assert_eq(count, 32);
	cr_assert_eq(ouro_unset_header(ctx, "MANY"), 32);
	cr_assert_eq(ouro_set_headerf(ctx, "x-n", "a\nb"), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "bad name", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "Content-Length", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "connection", OURO_STR("close")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "Date", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "transfer-encoding", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_header(ctx, "x-empty", (struct ouro_str){ 0 }), 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void set_up_fields(struct ouro_server *server)
{
	add(server, "GET", "/", fill_fields);
}

Test(middleware, fields_have_limits_and_can_be_taken_out)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_fields);
	answer = site_answer(&site, GET("/"));
	cr_assert(is(answer.body, "ok"));
	cr_assert(is(answer_field(&answer, "x-empty"), ""));
	cr_assert_null(answer_field(&answer, "many").ptr);
	site_close(&site);
}

static void large_fields(struct ouro_ctx *ctx)
{
	char text[1000];

	memset(text, 'v', sizeof(text));
	ouro_next(ctx);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ouro_set_header(ctx, "x-large", ouro_str(text, sizeof(text))), 0);
}

static void largest_inline(struct ouro_ctx *ctx)
{
	char body[4096];

	memset(body, 'b', sizeof(body));
	ouro_send(ctx, 200, "text/plain", ouro_str(body, sizeof(body)));
}

static void set_up_large_fields(struct ouro_server *server)
{
	use(server, large_fields);
	add(server, "GET", "/", largest_inline);
}

Test(middleware, the_most_fields_fit_with_the_largest_body_that_is_copied)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_large_fields);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(answer.status, 200);
	cr_assert_eq(answer.body.len, 4096);
	cr_assert_gt(answer.head.len, 3000);
	site_close(&site);
}

static void cannot_hold(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	cr_assert_null(ouro_answer_body(ctx).ptr);
	cr_assert_eq(ouro_status(ctx), 200);
	cr_assert_eq(ouro_set_header(ctx, "x-late", OURO_STR("1")), -EALREADY);
}

static void stream(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-handler", OURO_STR("1"));
	ouro_begin(ctx, 200, "text/plain", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("streamed"));
	ouro_end(ctx);
}

static void set_up_stream(struct ouro_server *server)
{
	use(server, cannot_hold);
	add(server, "GET", "/", stream);
}

Test(middleware, streamed_answers_are_not_held)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_stream);
	answer = site_answer(&site, GET("/"));
	cr_assert(answer.chunked);
	cr_assert(is(answer_field(&answer, "x-handler"), "1"));
	site_close(&site);
}

/* ---- Hooks: order ---- */

static void hook_one(struct ouro_ctx *ctx)
{
	(void)ctx;
	note('1');
}

static void hook_two(struct ouro_ctx *ctx)
{
	(void)ctx;
	note('2');
}

static void hook_three(struct ouro_ctx *ctx)
{
	(void)ctx;
	note('3');
}

static void hook_four(struct ouro_ctx *ctx)
{
	(void)ctx;
	note('4');
}

static void set_up_order(struct ouro_server *server)
{
	hook(server, OURO_HOOK_REQUEST, 5, hook_three);
	hook(server, OURO_HOOK_REQUEST, -5, hook_one);
	hook(server, OURO_HOOK_REQUEST, 5, hook_four);
	hook(server, OURO_HOOK_REQUEST, 0, hook_two);
	hook(server, OURO_HOOK_RESPONSE, 1, hook_two);
	hook(server, OURO_HOOK_RESPONSE, 0, hook_one);
	use(server, outer);
	add(server, "GET", "/", handler);
}

Test(middleware, hooks_run_by_order_number_then_as_they_were_added)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_order);
	cr_assert_str_eq(trace_of(&site, GET("/")), "1234ahA12");
	site_close(&site);
}

Test(middleware, hooks_are_refused_where_they_make_no_sense)
{
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_hook(draft.server, (enum ouro_hook)17, 0, outer), -EINVAL);
	cr_assert_eq(ouro_server_hook(draft.server, OURO_HOOK_ERROR, 0, NULL), -EINVAL);
	for (int i = 0; i < 32; i++)
		hook(draft.server, OURO_HOOK_ERROR, 0, outer);
	cr_assert_eq(ouro_server_hook(draft.server, OURO_HOOK_ERROR, 0, outer), -E2BIG);
	cr_assert_eq(ouro_server_use(draft.server, NULL), -EINVAL);
	for (int i = 0; i < 64; i++)
		use(draft.server, outer);
	cr_assert_eq(ouro_server_use(draft.server, outer), -E2BIG);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), 0);
	draft_close(&draft);
}

/* ---- Request hooks ---- */

static void sees_no_route(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_pattern(ctx).len, 0);
	cr_assert_null(ouro_param(ctx, "id").ptr);
	ouro_set_attribute(ctx, "hooked", &value);
}

static void answers_forbidden(struct ouro_ctx *ctx)
{
	if (ouro_header(ctx, "x-forbid").ptr)
		ouro_text(ctx, 403, OURO_STR("forbidden"));
}

static void tell_id(struct ouro_ctx *ctx)
{
	note('h');
	cr_assert_eq(ouro_attribute(ctx, "hooked"), &value);
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

static void set_up_request_hooks(struct ouro_server *server)
{
	hook(server, OURO_HOOK_REQUEST, 0, sees_no_route);
	hook(server, OURO_HOOK_REQUEST, 1, answers_forbidden);
	hook(server, OURO_HOOK_REQUEST, 2, hook_one);
	use(server, outer);
	add(server, "GET, POST", "/u/{id}", tell_id);
}

Test(middleware, a_request_hook_that_answers_is_the_last_that_runs)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_request_hooks);
	peer = site_connect(&site);
	cr_assert(holds(site_ask(&site, peer, ASK("GET", "/u/7", "X-Forbid: 1\r\n")), "forbidden"));
	cr_assert_str_eq(trace, "");
	cr_assert(holds(site_ask(&site, peer,
				 ASK("POST", "/u/7", "X-Forbid: 1\r\nContent-Length: 3\r\n") "abc"),
			"forbidden"));
	cr_assert(holds(site_ask(&site, peer, GET("/u/8")), "\r\n\r\n8"));
	cr_assert_str_eq(trace, "1ahA");
	site_close(&site);
}

Test(middleware, request_hooks_run_for_requests_without_a_route)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_request_hooks);
	cr_assert_str_eq(trace_of(&site, GET("/none")), "1aA");
	cr_assert_eq(site_answer(&site, ASK("GET", "/none", "X-Forbid: 1\r\n")).status, 403);
	site_close(&site);
}

/* ---- Response hooks ---- */

static void add_field(struct ouro_ctx *ctx)
{
	cr_assert(ouro_set_headerf(ctx, "x-status", "%u", ouro_status(ctx)) == 0);
}

static void tell_length(struct ouro_ctx *ctx)
{
	char text[32];
	struct ouro_str body;
	int err = ouro_body(ctx, &body);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_text(ctx, 200,
			  ouro_str(text, (size_t)snprintf(text, sizeof(text), "%zu", body.len)));
}

static void answers_503(struct ouro_ctx *ctx)
{
	ouro_error(ctx, 503, "busy");
}

static void redirects(struct ouro_ctx *ctx)
{
	ouro_redirect(ctx, 302, OURO_STR("/x"));
}

static void panics(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "at %d", 7);
}

static void silent(struct ouro_ctx *ctx)
{
	(void)ctx;
}

static void add_many(struct ouro_server *server)
{
	add(server, "GET", "/", handler);
	add(server, "GET", "/static", of_static);
	add(server, "GET", "/large", large_copied);
	add(server, "GET", "/stream", stream);
	add(server, "POST", "/body", tell_length);
	add(server, "GET", "/503", answers_503);
	add(server, "GET", "/redirect", redirects);
	add(server, "GET", "/panic", panics);
	add(server, "GET", "/silent", silent);
	add(server, "GET", "/u/{id}", tell_id);
}

static void set_up_response_hook(struct ouro_server *server)
{
	hook(server, OURO_HOOK_RESPONSE, 0, add_field);
	add_many(server);
}

static void set_up_response_hook_within(struct ouro_server *server)
{
	use(server, outer);
	set_up_response_hook(server);
}

struct fault {
	const char *request;
	unsigned status;
};

#define LONG_100                                                                                   \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789"

/* What the engine answers by itself; with head_bytes_max 512, target_bytes_max 200, fields_max 8,
 * body_bytes_max 16. */
static const struct fault faults[] = {
	{ "GET /\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nbad field\r\n\r\n", 400 },
	{ GET("/u/%zz"), 400 },
	{ GET("/none"), 404 },
	{ ASK("DELETE", "/", ""), 405 },
	{ ASK("POST", "/body", "Content-Length: 17\r\n"), 413 },
	{ ASK("POST", "/body", "Transfer-Encoding: chunked\r\n") "11\r\n", 413 },
	{ ASK("POST", "/body", "Transfer-Encoding: chunked\r\n") "x\r\n", 400 },
	{ GET("/" LONG_100 LONG_100), 414 },
	{ ASK("POST", "/body", "Content-Length: 3\r\nExpect: the-impossible\r\n") "abc", 417 },
	{ ASK("GET", "/", "X: " LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 "\r\n"), 431 },
	{ ASK("GET", "/", "A:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\nF:6\r\nG:7\r\nI:9\r\n"), 431 },
	{ GET("/silent"), 500 },
	{ GET("/panic"), 500 },
	{ ASK("NONSENSE", "/", ""), 501 },
	{ ASK("POST", "/body", "Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", 501 },
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501 },
	{ GET("/503"), 503 },
	{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
};

static const struct ouro_options small_limits = {
	.head_bytes_max = 512,
	.target_bytes_max = 200,
	.fields_max = 8,
	.body_bytes_max = 16,
	.head_timeout_ms = 1000,
	.body_timeout_ms = 1000,
};

static void check_answers_have_field(void (*set_up)(struct ouro_server *server))
{
	static const struct fault others[] = {
		{ GET("/"), 200 },
		{ ASK("HEAD", "/", ""), 200 },
		{ GET("/static"), 200 },
		{ GET("/large"), 200 },
		{ GET("/stream"), 200 },
		{ GET("/redirect"), 302 },
		{ ASK("OPTIONS", "/", ""), 204 },
		{ ASK("OPTIONS", "*", ""), 204 },
	};
	struct site site;
	char expected[8];

	site_open_with(&site, &small_limits, NULL, set_up);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) + 8; i++) {
		const struct fault *f = i < 8 ? &others[i] : &faults[i - 8];
		struct answer answer = site_answer(&site, f->request);

		snprintf(expected, sizeof(expected), "%u", f->status);
		cr_assert_eq(answer.status, f->status, "%s: %u", f->request, answer.status);
		cr_assert(is(answer_field(&answer, "x-status"), expected), "%s", f->request);
	}
	site_close(&site);
}

Test(middleware, a_response_hook_adds_a_field_to_every_kind_of_answer)
{
	check_answers_have_field(set_up_response_hook);
}

Test(middleware, a_response_hook_adds_a_field_to_every_kind_of_answer_within_middleware)
{
	check_answers_have_field(set_up_response_hook_within);
}

static void run_out_of_time(struct site *site, const char *request, const char *expected)
{
	struct sim_peer *peer = site_connect(site);

	site_ask(site, peer, request);
	sim_advance(site->loop, 1500);
	cr_assert(holds(sim_peer_received(peer), "HTTP/1.1 408 "));
	cr_assert(holds(sim_peer_received(peer), expected));
}

Test(middleware, a_response_hook_adds_a_field_to_408)
{
	struct site site;

	site_open_with(&site, &small_limits, NULL, set_up_response_hook);
	run_out_of_time(&site, "GET / HTTP/1.1\r\nHo", "x-status: 408");
	run_out_of_time(&site, ASK("POST", "/body", "Content-Length: 3\r\n") "a", "x-status: 408");
	site_close(&site);
}

static void sees_body(struct ouro_ctx *ctx)
{
	ouro_set_headerf(ctx, "x-length", "%zu", ouro_answer_body(ctx).len);
	cr_assert(ouro_is_answered(ctx) || ouro_status(ctx) == 200);
	cr_assert_neq(ouro_text(ctx, 200, OURO_STR("another")), 0);
}

static void set_up_seeing_hook(struct ouro_server *server)
{
	hook(server, OURO_HOOK_RESPONSE, 0, sees_body);
	add(server, "GET", "/", handler);
}

Test(middleware, a_response_hook_sees_the_body_and_cannot_answer_again)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_seeing_hook);
	answer = site_answer(&site, GET("/"));
	cr_assert(is(answer.body, "handler"));
	cr_assert(is(answer_field(&answer, "x-length"), "7"));
	site_close(&site);
}

/* ---- Error hooks ---- */

static void shape(struct ouro_ctx *ctx)
{
	const char *detail = ouro_error_detail(ctx);
	char text[256];
	int len = snprintf(text, sizeof(text), "<%u %s>", ouro_error_status(ctx),
			   detail ? detail : "-");

	/* None of this may be relied on where the head could not be read, and none does harm. */
	(void)ouro_header(ctx, "accept").ptr;
	(void)ouro_header_at(ctx, OURO_FIELD_ACCEPT).ptr;
	(void)ouro_path(ctx).ptr;
	(void)ouro_target(ctx).ptr;
	(void)ouro_method(ctx).ptr;
	(void)ouro_host(ctx).ptr;
	(void)ouro_cookie(ctx, "a").ptr;
	(void)ouro_query(ctx, "a").ptr;
	(void)ouro_request_id(ctx).ptr;
	(void)ouro_peer(ctx).ptr;
	(void)ouro_has_body(ctx);
	ouro_negotiate(ctx, (const char *const[]){ "text/html" }, 1);
	ouro_send(ctx, ouro_error_status(ctx), "text/shaped", ouro_str(text, (size_t)len));
}

static void set_up_error_hook(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 0, shape);
	add_many(server);
}

static void set_up_error_hook_within(struct ouro_server *server)
{
	use(server, outer);
	hook(server, OURO_HOOK_REQUEST, 0, hook_one);
	set_up_error_hook(server);
}

static void check_shaped(void (*set_up)(struct ouro_server *server))
{
	struct site site;
	char expected[8];

	site_open_with(&site, &small_limits, NULL, set_up);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct answer answer = site_answer(&site, faults[i].request);

		snprintf(expected, sizeof(expected), "<%u ", faults[i].status);
		cr_assert_eq(answer.status, faults[i].status, "%s: %u", faults[i].request,
			     answer.status);
		cr_assert(is(answer_field(&answer, "content-type"), "text/shaped"), "%s",
			  faults[i].request);
		cr_assert(holds(answer.body, expected));
	}
	run_out_of_time(&site, "GET / HTTP/1.1\r\nHo", "<408 ");
	run_out_of_time(&site, ASK("POST", "/body", "Content-Length: 3\r\n") "a", "<408 ");
	site_close(&site);
}

Test(middleware, an_error_hook_shapes_every_error_that_the_engine_makes)
{
	check_shaped(set_up_error_hook);
}

Test(middleware, an_error_hook_shapes_every_error_within_middleware_and_hooks)
{
	check_shaped(set_up_error_hook_within);
}

Test(middleware, a_405_that_a_hook_shapes_keeps_allow)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_error_hook);
	answer = site_answer(&site, ASK("DELETE", "/", ""));
	cr_assert(is(answer_field(&answer, "allow"), "GET, HEAD, OPTIONS"));
	site_close(&site);
}

static void set_up_no_hook(struct ouro_server *server)
{
	add_many(server);
}

Test(middleware, without_a_hook_errors_are_text_or_problem_details_as_the_client_accepts)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_no_hook);
	answer = site_answer(&site, GET("/503"));
	cr_assert(is(answer_field(&answer, "content-type"), "text/plain; charset=utf-8"));
	cr_assert(holds(answer.body, "busy"));
	answer = site_answer(&site, ASK("GET", "/503", "Accept: application/json\r\n"));
	cr_assert(is(answer_field(&answer, "content-type"), "application/problem+json"));
	cr_assert(holds(answer.body, "\"status\":503"));
	cr_assert(holds(answer.body, "\"detail\":\"busy\""));
	answer = site_answer(&site, ASK("GET", "/none", "Accept: application/problem+json\r\n"));
	cr_assert(is(answer_field(&answer, "content-type"), "application/problem+json"));
	answer = site_answer(&site, ASK("GET", "/none", "Accept: text/html, */*;q=0.5\r\n"));
	cr_assert(is(answer_field(&answer, "content-type"), "text/plain; charset=utf-8"));
	site_close(&site);
}

static void errs_itself(struct ouro_ctx *ctx)
{
	note('e');
	cr_assert_eq(ouro_error(ctx, 502, "of the hook"), 0);
}

static void set_up_erring_hook(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 0, errs_itself);
	add(server, "GET", "/503", answers_503);
}

Test(middleware, an_error_hook_that_makes_an_error_is_not_called_again)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_erring_hook);
	cr_assert_eq(site_answer(&site, GET("/503")).status, 502);
	cr_assert_eq(site_answer(&site, "bad\r\n\r\n").status, 502);
	cr_assert_str_eq(trace, "ee");
	site_close(&site);
}

static void refuses_to_shape(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_error_status(ctx), 404);
	note('n');
}

static void set_up_declining_hooks(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 1, shape);
	hook(server, OURO_HOOK_ERROR, 0, refuses_to_shape);
	hook(server, OURO_HOOK_ERROR, 2, hook_two);
}

Test(middleware, the_first_error_hook_that_answers_is_the_last)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_declining_hooks);
	cr_assert(is(site_answer(&site, GET("/none")).body, "<404 ->"));
	cr_assert_str_eq(trace, "n");
	site_close(&site);
}

static void error_results(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_error(ctx, 399, NULL), -EINVAL);
	cr_assert_eq(ouro_error(ctx, 600, NULL), -EINVAL);
	cr_assert_eq(ouro_error_status(ctx), 0);
	cr_assert_null(ouro_error_detail(ctx));
	cr_assert_eq(ouro_error(ctx, 418, "short and stout"), 0);
	cr_assert_eq(ouro_error(ctx, 418, NULL), -EALREADY);
	cr_assert_eq(ouro_error_status(ctx), 0);
}

static void set_up_error_results(struct ouro_server *server)
{
	add(server, "GET", "/", error_results);
}

Test(middleware, handlers_use_the_same_errors)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_error_results);
	cr_assert_eq(site_answer(&site, GET("/")).status, 418);
	site_close(&site);
}

/* ---- Hooks of connections ---- */

static uint64_t ids[2];

static void on_connect(struct ouro_ctx *ctx)
{
	note('o');
	ids[0] = ouro_connection_id(ctx);
	cr_assert_gt(ouro_peer(ctx).len, 0);
	cr_assert_eq(ouro_path(ctx).len, 0);
	cr_assert_eq(ouro_text(ctx, 200, OURO_STR("no request")), -ENOTCONN);
	cr_assert_eq(ouro_begin(ctx, 200, NULL, 1), -ENOTCONN);
	cr_assert_eq(ouro_sleep(ctx, 1), -EDEADLK);
	cr_assert_not_null(ouro_alloc(ctx, 10000));
}

static void on_close(struct ouro_ctx *ctx)
{
	note('c');
	ids[1] = ouro_connection_id(ctx);
	(void)ouro_peer(ctx).ptr;
}

static void set_up_connection_hooks(struct ouro_server *server)
{
	hook(server, OURO_HOOK_CONNECT, 0, on_connect);
	hook(server, OURO_HOOK_CLOSE, 0, on_close);
	add(server, "GET", "/", handler);
}

Test(middleware, hooks_are_told_of_connections_that_open_and_close)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_connection_hooks);
	peer = site_connect(&site);
	cr_assert_str_eq(trace, "o");
	cr_assert(holds(site_ask(&site, peer, GET("/")), "handler"));
	cr_assert(holds(site_ask(&site, peer, GET("/")), "handler"));
	cr_assert_str_eq(trace, "ohh");
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_str_eq(trace, "ohhc");
	cr_assert_eq(ids[0], ids[1]);
	site_close(&site);
}

static void refuse_connection(struct ouro_ctx *ctx)
{
	note('o');
	if (value == 0)
		ouro_abort(ctx);
	else if (value == 1)
		ouro_close(ctx);
	else
		ouro_panic(ctx, "no");
}

static void set_up_refusing(struct ouro_server *server)
{
	hook(server, OURO_HOOK_CONNECT, 0, refuse_connection);
	hook(server, OURO_HOOK_CLOSE, 0, on_close);
	add(server, "GET", "/", handler);
}

Test(middleware, a_connect_hook_can_refuse_and_fail)
{
	for (value = 0; value < 3; value++) {
		struct site site;
		struct sim_peer *peer;

		trace[0] = '\0';
		site_open_with(&site, NULL, NULL, set_up_refusing);
		peer = site_connect(&site);
		sim_peer_say(peer, GET("/"));
		sim_settle(site.loop);
		cr_assert_eq(sim_peer_received(peer).len, 0);
		cr_assert(sim_peer_saw_end(peer) || sim_peer_saw_reset(peer));
		sim_peer_fin(peer);
		sim_advance(site.loop, 3000);
		cr_assert_str_eq(trace, "oc", "%d", value);
		site_close(&site);
	}
}

static void do_much_at_close(struct ouro_ctx *ctx)
{
	note('c');
	ouro_text(ctx, 200, OURO_STR("too late"));
	ouro_keep_alive(ctx, false);
	if (value == 0)
		ouro_close(ctx);
	else if (value == 1)
		ouro_abort(ctx);
	else
		ouro_panic(ctx, "at close");
}

static void set_up_busy_close(struct ouro_server *server)
{
	hook(server, OURO_HOOK_CLOSE, 0, do_much_at_close);
	hook(server, OURO_HOOK_CLOSE, 1, hook_one);
	add(server, "GET", "/", handler);
}

Test(middleware, a_close_hook_can_do_no_harm)
{
	for (value = 0; value < 3; value++) {
		struct site site;
		struct sim_peer *peer;

		trace[0] = '\0';
		site_open_with(&site, NULL, NULL, set_up_busy_close);
		peer = site_connect(&site);
		sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert_str_eq(trace, "c1", "%d", value);
		site_close(&site);
	}
}

/* ---- Panics ---- */

static void tell_panic(struct ouro_ctx *ctx)
{
	note('p');
	ouro_send(ctx, 500, "text/panic",
		  ouro_str(ouro_panic_message(ctx), strlen(ouro_panic_message(ctx))));
}

static void set_up_panic_hooks(struct ouro_server *server)
{
	use(server, outer);
	hook(server, OURO_HOOK_PANIC, 1, tell_panic);
	hook(server, OURO_HOOK_PANIC, 0, hook_one);
	hook(server, OURO_HOOK_PANIC, 2, hook_two);
	add(server, "GET", "/panic", panics);
	add(server, "GET", "/", handler);
}

Test(middleware, panic_hooks_see_the_message_and_may_answer)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_panic_hooks);
	answer = site_answer(&site, GET("/panic"));
	cr_assert_eq(answer.status, 500);
	cr_assert(is(answer.body, "at 7"));
	cr_assert(is(answer_field(&answer, "connection"), "close"));
	cr_assert_str_eq(trace, "a1p");
	cr_assert_not_null(strstr(site.logged, "the handler of /panic panicked: at 7"));
	cr_assert_eq(site_answer(&site, GET("/")).status, 200);
	site_close(&site);
}

static void panic_behind(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-before", OURO_STR("1"));
	ouro_next(ctx);
	ouro_panic(ctx, "behind");
}

static void set_up_panic_behind(struct ouro_server *server)
{
	use(server, panic_behind);
	add(server, "GET", "/", handler);
	add(server, "GET", "/stream", stream);
	add(server, "GET", "/large", large_copied);
}

Test(middleware, a_panic_behind_the_handler_takes_its_held_answer_away)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_panic_behind);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(answer.status, 500);
	cr_assert_null(answer_field(&answer, "x-before").ptr);
	cr_assert_eq(site_answer(&site, GET("/large")).status, 500);
	cr_assert_eq(site_answer(&site, GET("/stream")).status, 200);
	site_close(&site);
}

static enum ouro_hook panicking;

static void set_up_panicking_hook(struct ouro_server *server)
{
	hook(server, panicking, 0, panics);
	use(server, outer);
	add_many(server);
}

Test(middleware, hooks_that_panic_are_500_and_the_server_goes_on)
{
	static const char *const requests[] = { GET("/"),      GET("/none"),   GET("/503"),
						GET("/panic"), GET("/stream"), GET("/large") };
	static const enum ouro_hook phases[] = { OURO_HOOK_REQUEST, OURO_HOOK_RESPONSE,
						 OURO_HOOK_ERROR, OURO_HOOK_PANIC };

	for (size_t i = 0; i < 4; i++) {
		struct site site;

		panicking = phases[i];
		site_open_with(&site, NULL, NULL, set_up_panicking_hook);
		for (size_t j = 0; j < sizeof(requests) / sizeof(requests[0]); j++) {
			bool no_error = j == 0 || j >= 4;
			bool spared = phases[i] == OURO_HOOK_ERROR   ? no_error
				      : phases[i] == OURO_HOOK_PANIC ? j != 3
								     : false;
			struct answer answer = site_answer(&site, requests[j]);

			if (!spared)
				cr_assert_eq(answer.status, 500, "%d %s: %u", phases[i],
					     requests[j], answer.status);
		}
		cr_assert_not_null(strstr(site.logged, "panicked: at 7"));
		site_close(&site);
	}
}

Test(middleware, error_and_response_hooks_that_panic_spoil_no_malformed_request)
{
	static const enum ouro_hook phases[] = { OURO_HOOK_RESPONSE, OURO_HOOK_ERROR };

	for (size_t i = 0; i < 2; i++) {
		struct site site;

		panicking = phases[i];
		site_open_with(&site, NULL, NULL, set_up_panicking_hook);
		cr_assert_eq(site_answer(&site, "bad\r\n\r\n").status, 500);
		site_close(&site);
	}
}

/* ---- Hooks that wait ---- */

static int slept;

static void sleeps(struct ouro_ctx *ctx)
{
	slept = ouro_sleep(ctx, 500);
	ouro_set_header(ctx, "x-slept", OURO_STR("500"));
}

static enum ouro_hook sleeping;

static void set_up_sleeping(struct ouro_server *server)
{
	hook(server, sleeping, 0, sleeps);
	add_many(server);
}

Test(middleware, hooks_may_wait)
{
	static const enum ouro_hook phases[] = { OURO_HOOK_REQUEST, OURO_HOOK_RESPONSE,
						 OURO_HOOK_ERROR, OURO_HOOK_PANIC };
	static const char *const requests[] = { GET("/"), GET("/"), GET("/503"), GET("/panic") };

	for (size_t i = 0; i < 4; i++) {
		struct site site;
		struct sim_peer *peer;

		sleeping = phases[i];
		site_open_with(&site, NULL, NULL, set_up_sleeping);
		peer = site_connect(&site);
		cr_assert_eq(site_ask(&site, peer, requests[i]).len, 0);
		sim_advance(site.loop, 499);
		cr_assert_eq(sim_peer_received(peer).len, 0);
		sim_advance(site.loop, 1);
		cr_assert(holds(sim_peer_received(peer), "x-slept: 500"), "%zu", i);
		cr_assert_eq(slept, 0);
		site_close(&site);
	}
}

Test(middleware, a_hook_that_waits_is_told_that_the_client_has_gone)
{
	static const enum ouro_hook phases[] = { OURO_HOOK_REQUEST, OURO_HOOK_RESPONSE,
						 OURO_HOOK_ERROR };
	static const char *const requests[] = { GET("/"), GET("/large"), GET("/503") };

	for (size_t i = 0; i < 3; i++) {
		struct site site;
		struct sim_peer *peer;

		sleeping = phases[i];
		site_open_with(&site, NULL, NULL, set_up_sleeping);
		peer = site_connect(&site);
		site_ask(&site, peer, requests[i]);
		sim_peer_reset(peer);
		sim_settle(site.loop);
		cr_assert_eq(slept, -ECANCELED);
		site_close(&site);
	}
}

/* ---- Where there is no chain ---- */

static void next_in_hook(struct ouro_ctx *ctx)
{
	note('n');
	ouro_next(ctx);
}

static bool next_in_guard(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	return true;
}

static void errs_instead(struct ouro_ctx *ctx)
{
	if (ouro_query_string(ctx).len > 0)
		ouro_error(ctx, 403, NULL);
	else
		ouro_next(ctx);
}

static void set_up_next_in_hooks(struct ouro_server *server)
{
	for (int phase = OURO_HOOK_REQUEST; phase <= OURO_HOOK_CLOSE; phase++)
		hook(server, (enum ouro_hook)phase, 0, next_in_hook);
	use(server, errs_instead);
	add(server, "GET", "/panic", panics);
	cr_assert_eq(ouro_server_route(server, "GET", "/", handler,
				       &(struct ouro_route_options){ .guard = next_in_guard }),
		     0);
}

Test(middleware, next_does_nothing_outside_of_middleware)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_next_in_hooks);
	/* Connect, request, then the handler once, and response. */
	cr_assert_str_eq(trace_of(&site, GET("/")), "nnhn");
	/* An error hook within middleware that has not called it. */
	cr_assert_str_eq(trace_of(&site, GET("/?q")), "nnnn");
	cr_assert_str_eq(trace_of(&site, GET("/panic")), "nnnnn");
	cr_assert_eq(site_answer(&site, "bad\r\n\r\n").status, 400);
	site_close(&site);
}

static int hook_results[3];

static void answers_again(struct ouro_ctx *ctx)
{
	note('r');
	hook_results[0] = ouro_flush(ctx);
	hook_results[1] = ouro_text(ctx, 200, OURO_STR("another"));
	hook_results[2] = ouro_begin(ctx, 200, NULL, 1);
}

static void set_up_answering_again(struct ouro_server *server)
{
	hook(server, OURO_HOOK_RESPONSE, 0, answers_again);
	add(server, "GET", "/", handler);
	add(server, "GET", "/stream", stream);
}

Test(middleware, a_response_hook_that_answers_or_flushes_is_refused)
{
	static const char *const requests[] = { GET("/"), GET("/stream"), GET("/none") };
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_answering_again);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_not_null(strchr(trace_of(&site, requests[i]), 'r'));
		cr_assert_null(strstr(trace, "rr"));
		cr_assert_eq(hook_results[0], -EALREADY);
		cr_assert_eq(hook_results[1], -EALREADY);
		cr_assert_eq(hook_results[2], -EALREADY);
	}
	site_close(&site);
}

static void ignore_chunk(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	(void)ctx;
	(void)chunk;
	(void)last;
}

static void answer_and_read(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, ignore_chunk);
	if (ouro_query_string(ctx).len > 0)
		stream(ctx);
	else
		large_copied(ctx);
}

static void sleep_once(struct ouro_ctx *ctx)
{
	if (ouro_attribute(ctx, "slept"))
		return;
	ouro_set_attribute(ctx, "slept", &value);
	slept = ouro_sleep(ctx, 500);
}

static void set_up_spoiled(struct ouro_server *server)
{
	hook(server, OURO_HOOK_RESPONSE, 0, sleep_once);
	add(server, "POST", "/", answer_and_read);
}

Test(middleware, a_body_that_goes_bad_while_a_response_hook_waits_is_answered_once)
{
	static const char *const requests[] = {
		ASK("POST", "/", "Transfer-Encoding: chunked\r\n"),
		ASK("POST", "/?stream", "Transfer-Encoding: chunked\r\n"),
	};

	for (size_t i = 0; i < 2; i++) {
		struct site site;
		struct sim_peer *peer;
		struct ouro_str got;
		struct answer answer;

		site_open_with(&site, NULL, NULL, set_up_spoiled);
		peer = site_connect(&site);
		cr_assert_eq(site_ask(&site, peer, requests[i]).len, 0);
		got = site_ask(&site, peer, "xyz\r\n");
		cr_assert(answer_read(&got, false, &answer));
		cr_assert_eq(answer.status, 400);
		cr_assert_eq(got.len, 0);
		cr_assert_eq(slept, -ECANCELED);
		site_close(&site);
	}
}

static void answer_then_read(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, ignore_chunk);
	ouro_text(ctx, 403, OURO_STR("no"));
}

static void set_up_answer_then_read(struct ouro_server *server)
{
	use(server, outer);
	add(server, "POST", "/", answer_then_read);
}

Test(middleware, a_held_answer_does_not_wait_for_callbacks)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_answer_then_read);
	cr_assert(holds(site_ask(&site, site_connect(&site),
				 ASK("POST", "/", "Content-Length: 3\r\n")),
			"HTTP/1.1 403"));
	site_close(&site);
}

static void closes_behind(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_keep_alive(ctx, ouro_status(ctx) != 200);
}

static void set_up_closing_behind(struct ouro_server *server)
{
	use(server, closes_behind);
	add(server, "GET", "/", handler);
}

Test(middleware, behind_the_handler_it_can_still_close_the_connection)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_closing_behind);
	answer = site_answer(&site, GET("/"));
	cr_assert(is(answer_field(&answer, "connection"), "close"));
	answer = site_answer(&site, GET("/none"));
	cr_assert_null(answer_field(&answer, "connection").ptr);
	site_close(&site);
}

static void sets_large_field(struct ouro_ctx *ctx)
{
	char text[2000];

	memset(text, 'v', sizeof(text));
	cr_assert_eq(ouro_set_header(ctx, "x-large", ouro_str(text, sizeof(text))), 0);
	if (ouro_error_status(ctx) == 0)
		ouro_on_body(ctx, ignore_chunk);
}

static void set_up_large_field_in_hook(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 0, sets_large_field);
	add(server, "POST", "/", sets_large_field);
}

Test(middleware, fields_of_a_handler_that_failed_leave_room_for_those_of_a_hook)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_large_field_in_hook);
	answer = site_answer(&site, ASK("POST", "/", "Transfer-Encoding: chunked\r\n") "xyz\r\n");
	cr_assert_eq(answer.status, 400);
	cr_assert_eq(answer_field(&answer, "x-large").len, 2000);
	site_close(&site);
}

Test(middleware, a_response_hook_may_wait_where_there_is_no_route)
{
	struct site site;
	struct sim_peer *peer;

	sleeping = OURO_HOOK_RESPONSE;
	site_open_with(&site, NULL, NULL, set_up_sleeping);
	peer = site_connect(&site);
	cr_assert_eq(site_ask(&site, peer, GET("/none")).len, 0);
	sim_advance(site.loop, 500);
	cr_assert_eq(slept, 0);
	cr_assert(holds(sim_peer_received(peer), "HTTP/1.1 404"));
	site_close(&site);
}

static void set_up_other_forms(struct ouro_server *server)
{
	hook(server, OURO_HOOK_REQUEST, 0, hook_one);
	use(server, outer);
	add(server, "GET", "/", handler);
}

Test(middleware, hooks_and_middleware_run_for_targets_that_are_no_path)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_other_forms);
	cr_assert_str_eq(trace_of(&site, ASK("OPTIONS", "*", "")), "1aA");
	cr_assert_str_eq(trace_of(&site, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), "1aA");
	cr_assert_eq(site_answer(&site, ASK("OPTIONS", "*", "")).status, 204);
	site_close(&site);
}

static void set_up_few_fibers(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 0, shape);
	hook(server, OURO_HOOK_RESPONSE, 0, add_field);
	add(server, "GET", "/", sleeps);
}

Test(middleware, an_error_hook_shapes_the_503_of_a_server_that_has_too_much_to_do)
{
	const struct ouro_options options = { .fibers_max = 1 };
	struct site site;
	struct answer answer;

	site_open_with(&site, &options, NULL, set_up_few_fibers);
	site_ask(&site, site_connect(&site), GET("/"));
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(answer.status, 503);
	cr_assert(is(answer_field(&answer, "content-type"), "text/shaped"));
	cr_assert(is(answer_field(&answer, "x-status"), "503"));
	site_close(&site);
}

static void begins_in_vain(struct ouro_ctx *ctx)
{
	static char type[9001];

	memset(type, 't', sizeof(type) - 1);
	cr_assert_eq(ouro_begin(ctx, 200, type, 4), -EINVAL);
	cr_assert_eq(ouro_status(ctx), 0);
	cr_assert_not(ouro_is_answered(ctx));
	cr_assert_eq(ouro_set_header(ctx, "x-after", OURO_STR("1")), 0);
	ouro_text(ctx, 200, OURO_STR("well"));
}

static void set_up_in_vain(struct ouro_server *server)
{
	hook(server, OURO_HOOK_RESPONSE, 0, hook_one);
	add(server, "GET", "/", begins_in_vain);
}

Test(middleware, a_response_that_could_not_begin_has_no_status)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_in_vain);
	cr_assert(is(site_answer(&site, GET("/")).body, "well"));
	site_close(&site);
}

Test(middleware, errors_of_head_requests_have_no_body)
{
	static const char *const requests[] = {
		"HEAD / HTTP/1.1\r\n\r\n",
		ASK("HEAD", "/", "Content-Length: 17\r\n"),
		ASK("HEAD", "/none", ""),
		ASK("HEAD", "/", "Transfer-Encoding: gzip, chunked\r\n"),
	};
	struct site site;

	site_open_with(&site, &small_limits, NULL, set_up_no_hook);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct ouro_str got = site_ask(&site, site_connect(&site), requests[i]);

		cr_assert_gt(got.len, 4);
		cr_assert_eq(memcmp(got.ptr + got.len - 4, "\r\n\r\n", 4), 0, "%s", requests[i]);
	}
	site_close(&site);
}

static bool panicking_guard(struct ouro_ctx *ctx)
{
	ouro_check(ctx, ouro_query_string(ctx).len > 0);
	return true;
}

static void set_up_panicking_guard(struct ouro_server *server)
{
	use(server, outer);
	hook(server, OURO_HOOK_PANIC, 0, hook_one);
	cr_assert_eq(ouro_server_route(server, "GET", "/", handler,
				       &(struct ouro_route_options){ .guard = panicking_guard }),
		     0);
}

static void set_up_panicking_guard_and_hook(struct ouro_server *server)
{
	set_up_panicking_guard(server);
	hook(server, OURO_HOOK_REQUEST, 0, hook_two);
}

Test(middleware, a_guard_that_panics_is_500_and_the_server_goes_on)
{
	void (*const set_ups[])(struct ouro_server *) = { set_up_panicking_guard,
							  set_up_panicking_guard_and_hook };

	for (size_t i = 0; i < 2; i++) {
		struct site site;
		struct answer answer;

		site_open_with(&site, NULL, NULL, set_ups[i]);
		answer = site_answer(&site, GET("/"));
		cr_assert_eq(answer.status, 500);
		cr_assert(is(answer_field(&answer, "connection"), "close"));
		cr_assert_not_null(strchr(trace, '1'));
		cr_assert_not_null(strstr(site.logged, "does not hold"));
		cr_assert_eq(site_answer(&site, GET("/?q")).status, 200);
		site_close(&site);
	}
}

/* ---- All of it at once, on a kernel that does as it likes ---- */

enum { WILD_SEEDS = 150, WILD_PEERS = 4, WILD_ROUNDS = 30 };

static struct sim *wild_sim;

/* Waits a little, or not at all; seldom panics or closes. */
static void act_wildly(struct ouro_ctx *ctx)
{
	uint32_t choice = sim_random(wild_sim, 64);

	if (choice < 16)
		ouro_sleep(ctx, choice);
	else if (choice == 16)
		ouro_panic(ctx, "wild");
	else if (choice == 17)
		ouro_close(ctx);
	else if (choice == 18)
		ouro_flush(ctx);
	else if (choice == 19)
		ouro_error(ctx, 503, "wild");
	else if (choice == 20)
		ouro_abort(ctx);
	else if (choice == 21)
		ouro_next(ctx);
	else if (choice == 22)
		ouro_on_body(ctx, ignore_chunk);
	else if (choice < 40)
		ouro_set_header(ctx, "x-wild", OURO_STR("1"));
}

static void wild_middleware(struct ouro_ctx *ctx)
{
	act_wildly(ctx);
	ouro_next(ctx);
	act_wildly(ctx);
}

static void forget_one(void *arg)
{
	(*(int *)arg)--;
}

static int wild_deferred;

static void wild_handler(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	wild_deferred++;
	ouro_defer(ctx, forget_one, &wild_deferred);
	act_wildly(ctx);
	if (ouro_query_string(ctx).len > 0)
		ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	while (ouro_body_read(ctx, &chunk) > 0)
		if (ouro_query_string(ctx).len > 0)
			ouro_write_slice(ctx, chunk);
	act_wildly(ctx);
	if (sim_random(wild_sim, 8) == 0)
		ouro_after(ctx, 5, handler);
	else
		large_copied(ctx);
}

static bool wild_guard(struct ouro_ctx *ctx)
{
	ouro_check(ctx, sim_random(wild_sim, 64) > 0);
	return sim_random(wild_sim, 8) > 0;
}

static void set_up_wild(struct ouro_server *server)
{
	const struct ouro_route_options options = { .guard = wild_guard, .handler_timeout_ms = 12 };

	for (int phase = OURO_HOOK_REQUEST; phase <= OURO_HOOK_CLOSE; phase++)
		hook(server, (enum ouro_hook)phase, 0, act_wildly);
	use(server, wild_middleware);
	use(server, wild_middleware);
	cr_assert_eq(ouro_server_route(server, "GET, POST", "/", wild_handler, &options), 0);
	add(server, "GET, POST", "/{id}", wild_handler);
}

static const char *const wild_requests[] = {
	GET("/"),
	GET("/x"),
	GET("/x?stream"),
	GET("/none/none"),
	ASK("POST", "/", "Content-Length: 10\r\n") "0123456789",
	ASK("POST", "/x", "Content-Length: 10\r\n") "01234",
	ASK("POST", "/x?stream",
	    "Transfer-Encoding: chunked\r\n") "5\r\n01234\r\n3\r\nabc\r\n0\r\n\r\n",
	ASK("POST", "/x", "Transfer-Encoding: chunked\r\n") "5\r\n01234\r\nxyz\r\n",
	ASK("OPTIONS", "*", ""),
	ASK("DELETE", "/", ""),
	"bad\r\n\r\n",
};

static void say_wildly(struct site *site, struct sim_peer **peer)
{
	const size_t count = sizeof(wild_requests) / sizeof(wild_requests[0]);
	uint32_t choice = sim_random(site->sim, 40);

	if (!*peer || choice == 0)
		*peer = sim_connect(site->sim);
	else if (choice == 1)
		sim_peer_fin(*peer);
	else if (choice == 2)
		sim_peer_reset(*peer);
	else if (!sim_peer_say(*peer, wild_requests[sim_random(site->sim, (uint32_t)count)]))
		*peer = NULL;
	if (choice < 3 && choice > 0)
		*peer = NULL;
}

Test(middleware, a_wild_kernel_and_wild_handlers_leave_nothing_behind)
{
	for (uint64_t seed = 1; seed <= WILD_SEEDS; seed++) {
		const struct ouro_options options = {
			.connections_max = 512,
			.fibers_max = 1U << seed % 5,
			.head_timeout_ms = 200,
			.body_timeout_ms = 200,
			.log_level = OURO_LOG_NOTHING,
		};
		struct sim_settings settings = sim_wild(seed);
		struct sim_peer *peers[WILD_PEERS] = { 0 };
		struct site site;

		settings.reset = 0;
		site_open_with(&site, &options, &settings, set_up_wild);
		wild_sim = site.sim;
		trace[0] = '\0';
		for (int round = 0; round < WILD_ROUNDS; round++) {
			for (int i = 0; i < WILD_PEERS; i++)
				say_wildly(&site, &peers[i]);
			sim_advance(site.loop, sim_random(site.sim, 10));
		}
		sim_advance(site.loop, 3000);
		site_close(&site);
		cr_assert_eq(wild_deferred, 0, "%llu", (unsigned long long)seed);
	}
}

static void errs_within(struct ouro_ctx *ctx)
{
	note('e');
	ouro_error(ctx, 502, "of the hook");
	site_notes.result = (int)ouro_error_status(ctx);
}

static void set_up_errs_within(struct ouro_server *server)
{
	hook(server, OURO_HOOK_ERROR, 0, errs_within);
	add(server, "GET", "/503", answers_503);
}

Test(middleware, an_error_hook_keeps_its_status_behind_an_error_of_its_own)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_errs_within);
	cr_assert_eq(site_answer(&site, GET("/503")).status, 502);
	cr_assert_eq(site_notes.result, 503);
	site_close(&site);
}

static void head_and_sleep(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("held"));
	slept = ouro_sleep(ctx, 5000);
}

static void set_up_timeout_held(struct ouro_server *server)
{
	use(server, outer);
	cr_assert_eq(ouro_server_route(server, "GET", "/", head_and_sleep,
				       &(struct ouro_route_options){ .handler_timeout_ms = 1000 }),
		     0);
}

Test(middleware, a_handler_that_runs_out_of_time_keeps_its_held_answer)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_timeout_held);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	sim_advance(site.loop, 1000);
	cr_assert_eq(slept, -ETIMEDOUT);
	cr_assert(holds(sim_peer_received(peer), "\r\n\r\nheld"));
	cr_assert_str_eq(trace, "aA");
	site_close(&site);
}

static void panic_later(struct ouro_ctx *ctx)
{
	ouro_after(ctx, 100, panics);
	ouro_defer(ctx, forget_one, &wild_deferred);
	wild_deferred++;
}

static void set_up_panic_later(struct ouro_server *server)
{
	use(server, outer);
	hook(server, OURO_HOOK_PANIC, 0, tell_panic);
	add(server, "GET", "/", panic_later);
}

Test(middleware, a_callback_that_panics_is_500_through_the_hooks)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_panic_later);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	sim_advance(site.loop, 100);
	cr_assert(holds(sim_peer_received(peer), "\r\n\r\nat 7"));
	cr_assert_eq(wild_deferred, 0);
	site_close(&site);
}

static void status_204(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 204, OURO_STR("not sent"));
}

static void set_up_204(struct ouro_server *server)
{
	use(server, outer);
	add(server, "GET", "/", status_204);
}

Test(middleware, a_held_204_has_no_body)
{
	struct site site;
	struct ouro_str got;

	site_open_with(&site, NULL, NULL, set_up_204);
	got = site_ask(&site, site_connect(&site), GET("/"));
	cr_assert_eq(memcmp(got.ptr + got.len - 4, "\r\n\r\n", 4), 0);
	cr_assert_null(memmem(got.ptr, got.len, "content-length", 14));
	site_close(&site);
}
