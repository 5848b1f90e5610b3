/* Reading the request body from a handler that waits for it. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD(path) "POST " path " HTTP/1.1\r\nHost: a\r\n"
#define COUNTED(path, count) HEAD(path) "Content-Length: " count "\r\n\r\n"
#define CHUNKED(path) HEAD(path) "Transfer-Encoding: chunked\r\n\r\n"

enum { BIG_BYTES = 256 * 1024, MESSAGE_BYTES = 4096, SEEN_BYTES = 1024 };

static struct site site;
static ssize_t last_result;
static int results[4];
static int pieces;
static char seen[SEEN_BYTES];
static size_t seen_len, body_bytes;
static const char *body_at, *chunk_at;

static void note(struct ouro_str text)
{
	if (seen_len + text.len <= sizeof(seen)) {
		memcpy(seen + seen_len, text.ptr, text.len);
		seen_len += text.len;
	}
	body_bytes += text.len;
}

static void collect(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	while ((last_result = ouro_body_read(ctx, &chunk)) > 0) {
		cr_assert_eq((size_t)last_result, chunk.len);
		pieces++;
		note(ouro_str(chunk.ptr, chunk.len));
	}
	cr_assert_eq(chunk.len, 0);
	results[0] = (int)ouro_body_read(ctx, &chunk);
	if (last_result == 0)
		ouro_text(ctx, 200, OURO_STR("ok"));
}

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	ouro_begin(ctx, 200, NULL, ouro_body_length(ctx));
	while ((last_result = ouro_body_read(ctx, &chunk)) > 0)
		ouro_write_slice(ctx, chunk);
}

static void whole(struct ouro_ctx *ctx)
{
	struct ouro_str body = { 0 }, again = { 0 };
	struct ouro_slice chunk;

	last_result = ouro_body(ctx, &body);
	if (last_result)
		return;
	results[0] = ouro_body(ctx, &again);
	results[1] = (int)ouro_body_read(ctx, &chunk);
	cr_assert_eq(body.ptr, again.ptr);
	cr_assert_eq(body.len, again.len);
	body_at = body.ptr;
	note(body);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

/* What was read must stay as it was while others receive. */
static void slow_reader(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	while ((last_result = ouro_body_read(ctx, &chunk)) > 0) {
		pieces++;
		chunk_at = chunk.ptr;
		ouro_sleep(ctx, 100);
		note(ouro_str(chunk.ptr, chunk.len));
	}
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void sleeps_first(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, 100);
	collect(ctx);
}

static void answers_first(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("early"));
	collect(ctx);
}

static void early(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	last_result = ouro_body_read(ctx, &chunk);
	ouro_text(ctx, 200, OURO_STR("enough"));
}

static void begins(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	collect(ctx);
}

static void on_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	note(ouro_str(chunk.ptr, chunk.len));
	results[3]++;
	if (last)
		ouro_text(ctx, 200, OURO_STR("ok"));
}

static void callback_first(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_str body;

	results[0] = ouro_on_body(ctx, on_body);
	results[1] = (int)ouro_body_read(ctx, &chunk);
	results[2] = ouro_body(ctx, &body);
}

static void read_first(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	results[0] = (int)ouro_body_read(ctx, &chunk);
	note(ouro_str(chunk.ptr, chunk.len));
	results[1] = ouro_on_body(ctx, on_body);
}

static void whole_first(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	results[0] = ouro_body(ctx, &body);
	results[1] = ouro_on_body(ctx, on_body);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void callback_then_sleep(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, on_body);
	last_result = ouro_sleep(ctx, 100000);
}

static void not_asked(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, 100);
	ouro_text(ctx, 200, OURO_STR("no need"));
}

static void set_up(struct ouro_server *server)
{
	ouro_server_route(server, "POST", "/collect", collect, NULL);
	ouro_server_route(server, "POST", "/small", collect,
			  &(struct ouro_route_options){ .body_bytes_max = 8 });
	ouro_server_route(server, "POST", "/hurry", collect,
			  &(struct ouro_route_options){ .body_timeout_ms = 500 });
	ouro_server_route(server, "POST", "/hurry-answered", answers_first,
			  &(struct ouro_route_options){ .body_timeout_ms = 500 });
	ouro_server_route(server, "POST", "/echo", echo, NULL);
	ouro_server_route(server, "POST", "/whole", whole, NULL);
	ouro_server_route(server, "POST", "/slow", slow_reader, NULL);
	ouro_server_route(server, "POST", "/sleeps", sleeps_first, NULL);
	ouro_server_route(server, "POST", "/answers", answers_first, NULL);
	ouro_server_route(server, "POST", "/early", early, NULL);
	ouro_server_route(server, "POST", "/begins", begins, NULL);
	ouro_server_route(server, "POST", "/callback", callback_first, NULL);
	ouro_server_route(server, "POST", "/read", read_first, NULL);
	ouro_server_route(server, "POST", "/whole-first", whole_first, NULL);
	ouro_server_route(server, "POST", "/callback-sleep", callback_then_sleep, NULL);
	ouro_server_route(server, "POST", "/not-asked", not_asked, NULL);
}

static void forget(void)
{
	last_result = 1;
	memset(results, 0, sizeof(results));
	pieces = 0;
	seen_len = body_bytes = 0;
}

static void open_site(const struct ouro_options *options, const struct sim_settings *settings)
{
	forget();
	site_open_with(&site, options, settings, set_up);
}

static unsigned status_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer;

	return answer_read(&bytes, false, &answer) ? answer.status : 0;
}

static void expect_seen(const char *text)
{
	cr_assert_eq(seen_len, strlen(text));
	cr_assert_eq(memcmp(seen, text, seen_len), 0);
}

/* ---- Pieces ---- */

Test(body_read, gives_what_came_then_0)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, COUNTED("/collect", "5") "hello").status, 200);
	expect_seen("hello");
	cr_assert_eq(pieces, 1);
	cr_assert_eq(last_result, 0);
	cr_assert_eq(results[0], 0);
	site_close(&site);
}

Test(body_read, of_no_body_is_0)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, HEAD("/collect") "\r\n").status, 200);
	cr_assert_eq(site_answer(&site, COUNTED("/collect", "0")).status, 200);
	cr_assert_eq(site_answer(&site, CHUNKED("/collect") "0\r\n\r\n").status, 200);
	cr_assert_eq(pieces, 0);
	site_close(&site);
}

/* Wherever the request is cut, the body is the same and the next request is found. */
static void cut_everywhere(const char *request, const char *expected)
{
	size_t len = strlen(request);

	open_site(NULL, NULL);
	for (size_t cut = 1; cut < len; cut++) {
		struct sim_peer *peer = site_connect(&site);

		forget();
		sim_peer_send(peer, request, cut);
		sim_settle(site.loop);
		sim_peer_send(peer, request + cut, len - cut);
		sim_settle(site.loop);
		cr_assert_eq(status_of(peer), 200, "cut at %zu", cut);
		expect_seen(expected);
		cr_assert_eq(last_result, 0);
		sim_peer_fin(peer);
		sim_settle(site.loop);
	}
	site_close(&site);
}

Test(body_read, a_counted_body_may_be_cut_at_every_byte)
{
	cut_everywhere(COUNTED("/collect", "11") "hello world", "hello world");
}

Test(body_read, a_chunked_body_may_be_cut_at_every_byte)
{
	cut_everywhere(
		CHUNKED("/collect") "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
		"hello world");
}

Test(body_read, a_whole_body_may_be_cut_at_every_byte)
{
	cut_everywhere(CHUNKED("/whole") "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world");
}

Test(body_read, bytes_may_come_one_by_one)
{
	const char *request = CHUNKED("/collect") "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	for (const char *at = request; *at; at++) {
		sim_peer_send(peer, at, 1);
		sim_settle(site.loop);
	}
	cr_assert_eq(status_of(peer), 200);
	expect_seen("hello!");
	cr_assert_eq(pieces, 6);
	site_close(&site);
}

Test(body_read, finds_what_came_while_the_handler_did_something_else)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/sleeps", "10") "01234");
	sim_peer_say(peer, "56789");
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peer), 200);
	expect_seen("0123456789");
	site_close(&site);
}

Test(body_read, leaves_the_next_request_to_itself)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/sleeps", "3") "one" COUNTED("/collect", "3") "two");
	sim_advance(site.loop, 100);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_assert(answer_read(&bytes, false, &answer));
	expect_seen("onetwo");
	site_close(&site);
}

/* ---- Copies ---- */

static void send_big(struct sim_peer *peer, const char *path)
{
	static char request[BIG_BYTES + MESSAGE_BYTES];
	int len = snprintf(request, sizeof(request), HEAD("%s") "Content-Length: %d\r\n\r\n", path,
			   BIG_BYTES);

	memset(request + len, 'b', BIG_BYTES);
	sim_peer_send(peer, request, (size_t)len + BIG_BYTES);
}

Test(body_read, an_echo_copies_nothing)
{
	struct ouro_options options = { .recv_buffers = 256 };
	struct sim_peer *peer;

	open_site(&options, NULL);
	peer = site_connect(&site);
	send_big(peer, "/echo");
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 200);
	/* But for what little is in the last buffer. */
	cr_assert_leq(site_counters(&site)->bytes_copied, OURO_SENDQ_COPY_BYTES_MAX);
	site_close(&site);
}

Test(body_read, a_chunk_stays_while_its_handler_sleeps)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/slow", "10") "01234");
	for (int i = 0; i < 40; i++)
		site_answer(&site, COUNTED("/collect", "5") "xxxxx");
	cr_assert_eq(memcmp(chunk_at, "01234", 5), 0);
	forget();
	sim_advance(site.loop, 100);
	expect_seen("01234");
	sim_peer_say(peer, "56789");
	sim_advance(site.loop, 100);
	expect_seen("0123456789");
	cr_assert_eq(status_of(peer), 200);
	site_close(&site);
}

/* However many handlers keep a chunk, others receive. */
Test(body_read, chunks_that_are_kept_do_not_use_up_the_receive_buffers)
{
	struct ouro_options options = { .recv_buffers = 4 };
	struct sim_peer *peers[16];

	open_site(&options, NULL);
	for (int i = 0; i < 16; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], COUNTED("/slow", "10") "01234");
	}
	cr_assert_eq(pieces, 16);
	cr_assert_eq(site_answer(&site, COUNTED("/collect", "5") "xxxxx").status, 200);
	for (int i = 0; i < 16; i++)
		sim_peer_say(peers[i], "56789");
	sim_advance(site.loop, 300);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(status_of(peers[i]), 200);
	cr_assert_gt(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(body_read, a_client_that_goes_leaves_no_chunk_behind)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/slow", "10") "01234");
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(last_result, -ECANCELED);
	site_close(&site);
}

/* ---- 100 (Continue) ---- */

#define EXPECTING(path) HEAD(path) "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"

Test(body_read, asks_for_the_body_when_it_is_read_and_not_before)
{
	struct sim_peer *peer;
	struct ouro_str asked = OURO_STR("HTTP/1.1 100 Continue\r\n\r\n");

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, EXPECTING("/sleeps"));
	cr_assert_eq(sim_peer_received(peer).len, 0);
	sim_advance(site.loop, 100);
	cr_assert(ouro_str_eq(sim_peer_received(peer), asked));
	cr_assert_eq(site_ask(&site, peer, "hello").len > 0, true);
	cr_assert_eq(status_of(peer), 200);
	expect_seen("hello");
	site_close(&site);
}

Test(body_read, does_not_ask_for_what_nobody_reads)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, EXPECTING("/not-asked"));
	sim_advance(site.loop, 100);
	cr_assert_eq(status_of(peer), 200);
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

/* ---- What goes wrong ---- */

Test(body_read, a_malformed_chunk_is_ebadmsg_and_400)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, CHUNKED("/collect") "5\r\nhello\r\nzz\r\n");
	cr_assert_eq(last_result, -EBADMSG);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert_eq(status_of(peer), 400);
	expect_seen("hello");
	site_close(&site);
}

Test(body_read, a_malformed_chunk_resets_an_answer_that_was_begun)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, CHUNKED("/begins") "5\r\nhello\r\nzz\r\n");
	cr_assert_eq(last_result, -EBADMSG);
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(body_read, more_than_the_limit_is_emsgsize_and_413)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, CHUNKED("/small") "5\r\nhello\r\n5\r\nworld\r\n");
	cr_assert_eq(last_result, -EMSGSIZE);
	cr_assert_eq(status_of(peer), 413);
	site_close(&site);
}

Test(body_read, an_announced_body_over_the_limit_never_reaches_the_handler)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, COUNTED("/small", "9") "123456789").status, 413);
	cr_assert_eq(last_result, 1);
	site_close(&site);
}

Test(body_read, a_body_that_does_not_come_is_etimedout_and_408)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/hurry", "10") "01234");
	sim_advance(site.loop, 700);
	cr_assert_eq(last_result, -ETIMEDOUT);
	cr_assert_eq(status_of(peer), 408);
	site_close(&site);
}

Test(body_read, a_body_that_does_not_come_is_etimedout_behind_the_answer_too)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/hurry-answered", "10") "01234");
	cr_assert_eq(status_of(peer), 200);
	sim_advance(site.loop, 700);
	cr_assert_eq(last_result, -ETIMEDOUT);
	site_close(&site);
}

Test(body_read, the_time_that_the_handler_takes_is_not_the_clients)
{
	struct sim_peer *peer;

	open_site(&(struct ouro_options){ .body_timeout_ms = 50 }, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/sleeps", "5"));
	sim_advance(site.loop, 120);
	site_ask(&site, peer, "hello");
	cr_assert_eq(status_of(peer), 200);
	site_close(&site);
}

Test(body_read, a_request_that_ends_within_its_body_is_ebadmsg_and_400)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/collect", "10") "01234");
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(last_result, -EBADMSG);
	cr_assert_eq(status_of(peer), 400);
	site_close(&site);
}

Test(body_read, a_bad_body_tells_what_waits_for_something_else_that_nobody_is_there)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, CHUNKED("/callback-sleep") "zz\r\n");
	cr_assert_eq(status_of(peer), 400);
	cr_assert_eq(last_result, -ECANCELED);
	site_close(&site);
}

/* ---- Answers before the end ---- */

Test(body_read, an_early_answer_leaves_the_rest_to_be_thrown_away)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/early", "10") "01234");
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(last_result, 5);
	site_ask(&site, peer, "56789" COUNTED("/collect", "3") "abc");
	cr_assert_eq(status_of(peer), 200);
	expect_seen("abc");
	site_close(&site);
}

Test(body_read, goes_on_behind_the_answer)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/answers", "10") "01234");
	cr_assert_eq(status_of(peer), 200);
	site_ask(&site, peer, "56789");
	cr_assert_eq(last_result, 0);
	expect_seen("0123456789");
	site_close(&site);
}

/* ---- Together with callbacks ---- */

Test(body_read, is_ealready_where_a_callback_takes_the_body)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, COUNTED("/callback", "5") "hello").status, 200);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], -EALREADY);
	cr_assert_eq(results[2], -EALREADY);
	expect_seen("hello");
	site_close(&site);
}

Test(body_read, may_leave_the_rest_to_a_callback)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/read", "10") "01234");
	cr_assert_eq(results[0], 5);
	cr_assert_eq(results[1], 0);
	site_ask(&site, peer, "56789");
	cr_assert_eq(status_of(peer), 200);
	expect_seen("0123456789");
	site_close(&site);
}

Test(body_read, leaves_nothing_to_a_callback_once_it_is_whole)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, COUNTED("/whole-first", "5") "hello").status, 200);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], -EALREADY);
	cr_assert_eq(results[3], 0);
	site_close(&site);
}

/* ---- As a whole ---- */

Test(body, of_one_piece_is_not_copied)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, COUNTED("/whole", "5") "hello").status, 200);
	expect_seen("hello");
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], -EALREADY);
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(body, of_several_pieces_is_joined)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	send_big(peer, "/whole");
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(body_bytes, BIG_BYTES);
	for (int i = 0; i < SEEN_BYTES && seen_len > 0; i++)
		cr_assert_eq(seen[i], 'b');
	cr_assert_eq(site_counters(&site)->bytes_copied, BIG_BYTES);
	site_close(&site);
}

Test(body, of_nothing_is_empty)
{
	open_site(NULL, NULL);
	cr_assert_eq(site_answer(&site, HEAD("/whole") "\r\n").status, 200);
	cr_assert_eq(site_answer(&site, CHUNKED("/whole") "0\r\n\r\n").status, 200);
	cr_assert_eq(body_bytes, 0);
	cr_assert_not_null(body_at);
	site_close(&site);
}

Test(body, of_a_client_that_goes_is_ecanceled)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, COUNTED("/whole", "10") "01234");
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(last_result, -ECANCELED);
	site_close(&site);
}

Test(body, that_is_malformed_is_ebadmsg)
{
	struct sim_peer *peer;

	open_site(NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, CHUNKED("/whole") "5\r\nhello\r\n-\r\n");
	cr_assert_eq(last_result, -EBADMSG);
	cr_assert_eq(status_of(peer), 400);
	site_close(&site);
}
