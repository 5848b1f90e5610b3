/* Answers that are sent as they are: memory that is handed over, pieces gathered, files; hints before an
 * answer, trailers behind it. */
#include "server/expect.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BIG_BYTES = 100000 };

static char big[BIG_BYTES];
static int released; /* calls of release() */
static int result;
static int file_fd; /* what a handler gave away */

static void release(void *arg)
{
	released += *(int *)arg;
}

static int one = 1;

static int open_file(size_t bytes)
{
	char path[] = "/tmp/ouro-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	cr_assert_eq(write(fd, big, bytes), (ssize_t)bytes);
	return fd;
}

static bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static void fill_big(void)
{
	released = 0;
	result = 1;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
}

TestSuite(send, .init = fill_big);

static bool is_big(struct ouro_str body, size_t offset, size_t bytes)
{
	return body.len == bytes && memcmp(body.ptr, big + offset, bytes) == 0;
}

static void through(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-seen", OURO_STR("yes"));
}

/* Opens with @handler at /, and in middleware at /held. */
static ouro_handler_fn handler;

static void set_up(struct ouro_server *server)
{
	static const ouro_handler_fn middleware[] = { through, NULL };

	add(server, "GET", "/", handler);
	cr_assert_eq(ouro_server_route(server, "GET", "/held", handler,
				       &(struct ouro_route_options){ .middleware = middleware }),
		     0);
}

static void open_site(struct site *site, ouro_handler_fn fn)
{
	handler = fn;
	site_open_with(site, NULL, NULL, set_up);
}

/* ---- Memory that is handed over ---- */

static void take_big(struct ouro_ctx *ctx)
{
	result = ouro_send_take(ctx, 200, "text/plain", (struct ouro_str){ big, BIG_BYTES },
				release, &one);
}

Test(send, handed_over_memory_is_sent_where_it_is_and_released_once)
{
	struct site site;
	struct answer answer;

	open_site(&site, take_big);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(result, 0);
	cr_assert_eq(answer.status, 200);
	cr_assert(is(answer_field(&answer, "content-type"), "text/plain"));
	cr_assert(is_big(answer.body, 0, BIG_BYTES));
	cr_assert_eq(released, 1);
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(send, handed_over_memory_passes_middleware)
{
	struct site site;
	struct answer answer;

	open_site(&site, take_big);
	answer = site_answer(&site, GET("/held"));
	cr_assert(is(answer_field(&answer, "x-seen"), "yes"));
	cr_assert(is_big(answer.body, 0, BIG_BYTES));
	cr_assert_eq(released, 1);
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(send, a_head_request_releases_it_unread)
{
	struct site site;
	struct sim_peer *peer;
	struct answer answer;
	struct ouro_str got;

	open_site(&site, take_big);
	peer = site_connect(&site);
	got = site_ask(&site, peer, ASK("HEAD", "/", ""));
	cr_assert(answer_read(&got, true, &answer));
	cr_assert(is(answer_field(&answer, "content-length"), "100000"));
	cr_assert_eq(released, 1);
	site_close(&site);
}

Test(send, it_is_released_when_the_client_goes)
{
	struct site site;
	struct sim_peer *peer;

	open_site(&site, take_big);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/"));
	cr_assert_eq(released, 0);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(released, 1);
	site_close(&site);
}

static void take_small(struct ouro_ctx *ctx)
{
	result = ouro_send_take(ctx, 200, NULL, OURO_STR("small"), release, &one);
	cr_assert_eq(released, 1, "it was copied behind the head");
}

Test(send, small_memory_is_released_at_once)
{
	struct site site;

	open_site(&site, take_small);
	cr_assert(is(site_answer(&site, GET("/")).body, "small"));
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

static void take_twice(struct ouro_ctx *ctx)
{
	take_big(ctx);
	result = ouro_send_take(ctx, 200, NULL, OURO_STR("second"), release, &one);
}

Test(send, a_refused_answer_is_released_too)
{
	struct site site;

	open_site(&site, take_twice);
	cr_assert(is_big(site_answer(&site, GET("/")).body, 0, BIG_BYTES));
	cr_assert_eq(result, -EALREADY);
	cr_assert_eq(released, 2);
	site_close(&site);
}

static void take_with_bad_type(struct ouro_ctx *ctx)
{
	result = ouro_send_take(ctx, 200, "a\nb", OURO_STR("x"), release, &one);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

Test(send, a_type_that_is_none_is_refused_and_all_is_released)
{
	struct site site;

	open_site(&site, take_with_bad_type);
	cr_assert(is(site_answer(&site, GET("/")).body, "ok"));
	cr_assert_eq(result, -EINVAL);
	cr_assert_eq(released, 1);
	site_close(&site);
}

static void panic_behind(struct ouro_ctx *ctx)
{
	take_big(ctx);
	ouro_panic(ctx, "behind a held answer");
}

Test(send, a_panic_releases_what_is_held)
{
	struct site site;

	open_site(&site, panic_behind);
	site_answer(&site, GET("/held"));
	cr_assert_eq(released, 1);
	site_close(&site);
}

/* ---- Gathered ---- */

static void gather(struct ouro_ctx *ctx)
{
	const struct ouro_piece pieces[] = {
		{ OURO_STR("head "), NULL, NULL },    { { big, 3000 }, release, &one },
		{ { NULL, 0 }, release, &one },       { OURO_STR(" middle "), release, &one },
		{ { big + 3000, 5000 }, NULL, NULL },
	};

	result = ouro_send_gathered(ctx, 200, NULL, pieces, 5);
}

static void check_gathered(struct site *site, struct ouro_str body)
{
	cr_assert_eq(result, 0);
	cr_assert_eq(body.len, 5 + 3000 + 8 + 5000);
	cr_assert_eq(memcmp(body.ptr, "head ", 5), 0);
	cr_assert_eq(memcmp(body.ptr + 5, big, 3000), 0);
	cr_assert_eq(memcmp(body.ptr + 3005, " middle ", 8), 0);
	cr_assert_eq(memcmp(body.ptr + 3013, big + 3000, 5000), 0);
	cr_assert_eq(released, 3);
	cr_assert_eq(site_counters(site)->bytes_copied, 0);
}

Test(send, gathered_pieces_leave_in_order_as_one_send)
{
	struct site site;
	struct answer answer;

	open_site(&site, gather);
	answer = site_answer(&site, GET("/"));
	check_gathered(&site, answer.body);
	cr_assert_eq(sim_counts(sim_of(site.loop))->sends, 1);
	site_close(&site);
}

Test(send, gathered_pieces_pass_middleware)
{
	struct site site;

	open_site(&site, gather);
	check_gathered(&site, site_answer(&site, GET("/held")).body);
	site_close(&site);
}

static void gather_too_many(struct ouro_ctx *ctx)
{
	struct ouro_piece pieces[65];

	for (int i = 0; i < 65; i++)
		pieces[i] = (struct ouro_piece){ OURO_STR("x"), release, &one };
	result = ouro_send_gathered(ctx, 200, NULL, pieces, 65);
	cr_assert_eq(released, 65);
	cr_assert_eq(ouro_send_gathered(ctx, 200, NULL, pieces, 64), 0);
}

Test(send, more_than_64_pieces_are_refused)
{
	struct site site;

	open_site(&site, gather_too_many);
	cr_assert_eq(site_answer(&site, GET("/")).body.len, 64);
	cr_assert_eq(result, -E2BIG);
	cr_assert_eq(released, 65 + 64);
	site_close(&site);
}

static void gather_nothing(struct ouro_ctx *ctx)
{
	result = ouro_send_gathered(ctx, 200, NULL, NULL, 0);
}

Test(send, no_piece_is_an_empty_body)
{
	struct site site;
	struct answer answer;

	open_site(&site, gather_nothing);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(result, 0);
	cr_assert(is(answer_field(&answer, "content-length"), "0"));
	site_answer(&site, GET("/held"));
	cr_assert_eq(result, 0);
	site_close(&site);
}

static struct ouro_str seen;

static void look(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	seen = ouro_answer_body(ctx);
}

static void set_up_look(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_use(server, look), 0);
	add(server, "GET", "/take", take_small);
	add(server, "GET", "/gather", gather);
}

static void take_held(struct ouro_ctx *ctx)
{
	result = ouro_send_take(ctx, 200, NULL, OURO_STR("small"), release, &one);
}

static void set_up_look_held(struct ouro_server *server)
{
	set_up_look(server);
	add(server, "GET", "/held", take_held);
}

Test(send, middleware_sees_the_body_where_it_is_one_piece)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_look_held);
	site_answer(&site, GET("/held"));
	cr_assert(is(seen, "small"));
	site_answer(&site, GET("/gather"));
	cr_assert_null(seen.ptr);
	site_close(&site);
}

/* ---- Files ---- */

static void send_part(struct ouro_ctx *ctx)
{
	file_fd = open_file(BIG_BYTES);
	result = ouro_send_fd(ctx, 200, "text/plain", file_fd, 1000, 50000);
}

Test(send, a_part_of_a_file_is_sent_and_its_descriptor_closed)
{
	struct site site;
	struct answer answer;

	open_site(&site, send_part);
	answer = site_answer(&site, GET("/"));
	cr_assert_eq(result, 0);
	cr_assert(is_big(answer.body, 1000, 50000));
	cr_assert(is_closed(file_fd));
	answer = site_answer(&site, GET("/held"));
	cr_assert(is_big(answer.body, 1000, 50000));
	cr_assert(is(answer_field(&answer, "x-seen"), "yes"));
	cr_assert(is_closed(file_fd));
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	cr_assert_eq(site_counters(&site)->bytes_zero_copy, 2 * 50000);
	site_close(&site);
}

static void send_rest(struct ouro_ctx *ctx)
{
	file_fd = open_file(BIG_BYTES);
	result = ouro_send_fd(ctx, 200, NULL, file_fd, 99000, OURO_LENGTH_UNKNOWN);
}

Test(send, without_a_length_it_is_what_the_file_has)
{
	struct site site;

	open_site(&site, send_rest);
	cr_assert(is_big(site_answer(&site, GET("/")).body, 99000, 1000));
	site_close(&site);
}

static void send_wrong(struct ouro_ctx *ctx)
{
	int pair[2];

	cr_assert_eq(ouro_send_fd(ctx, 200, NULL, -1, 0, 1), -EBADF);
	file_fd = open_file(10);
	cr_assert_eq(ouro_send_fd(ctx, 200, NULL, file_fd, UINT64_MAX, 1), -EINVAL);
	cr_assert(is_closed(file_fd));
	file_fd = open_file(10);
	cr_assert_eq(ouro_send_fd(ctx, 200, NULL, file_fd, 10, INT64_MAX), -EINVAL);
	cr_assert(is_closed(file_fd));
	cr_assert_eq(pipe(pair), 0);
	cr_assert_eq(ouro_send_fd(ctx, 200, NULL, pair[0], 0, OURO_LENGTH_UNKNOWN), -EINVAL);
	cr_assert(is_closed(pair[0]));
	close(pair[1]);
	file_fd = open_file(10);
	cr_assert_eq(ouro_send_fd(ctx, 200, NULL, file_fd, 11, OURO_LENGTH_UNKNOWN), 0);
}

Test(send, what_cannot_be_sent_is_refused_and_closed)
{
	struct site site;
	struct answer answer;

	open_site(&site, send_wrong);
	answer = site_answer(&site, GET("/"));
	cr_assert(is(answer_field(&answer, "content-length"), "0"));
	cr_assert(is_closed(file_fd));
	site_close(&site);
}

static void send_more_than_there_is(struct ouro_ctx *ctx)
{
	file_fd = open_file(1000);
	result = ouro_send_fd(ctx, 200, NULL, file_fd, 0, 1001);
}

Test(send, a_file_that_became_shorter_resets_the_connection)
{
	struct site site;
	struct sim_peer *peer;

	open_site(&site, send_more_than_there_is);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert(is_closed(file_fd));
	site_close(&site);
}

/* A slow client is not idle. */
Test(send, a_slow_reader_of_a_file_is_not_taken_for_idle)
{
	struct ouro_options options = { .idle_timeout_ms = 1000, .write_timeout_ms = 5000 };
	struct sim_settings settings = { .window = 1000 };
	struct site site;
	struct sim_peer *peer;
	struct answer answer;
	struct ouro_str got;

	handler = send_part;
	site_open_with(&site, &options, &settings, set_up);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/"));
	for (int i = 0; i < 20; i++) {
		sim_advance(site.loop, 900);
		sim_peer_read(peer, 500);
	}
	cr_assert_not(sim_peer_is_over(peer));
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert(is_big(answer.body, 1000, 50000));
	sim_advance(site.loop, 5000);
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

/* ---- Adding to a body ---- */

static void write_all(struct ouro_ctx *ctx)
{
	bool counted = ouro_query(ctx, "counted").ptr != NULL;

	ouro_begin(ctx, 200, NULL, counted ? 20 + 3000 + 600 : OURO_LENGTH_UNKNOWN);
	cr_assert_eq(ouro_write_take(ctx, (struct ouro_str){ big, 20 }, release, &one), 0);
	cr_assert_eq(ouro_write_fd(ctx, open_file(BIG_BYTES), 20, 3000), 0);
	cr_assert_eq(ouro_write_take(ctx, (struct ouro_str){ big + 3020, 600 }, release, &one), 0);
	file_fd = open_file(1);
	cr_assert_eq(ouro_write_fd(ctx, file_fd, 0, 0), 0);
	cr_assert(is_closed(file_fd));
	file_fd = open_file(10);
	if (counted)
		cr_assert_eq(ouro_write_fd(ctx, file_fd, 0, 1), -EMSGSIZE);
	else
		ouro_write_fd(ctx, file_fd, 0, 0);
	cr_assert(is_closed(file_fd));
}

static int taken; /* calls of ouro_write_take() */

static int give(struct ouro_ctx *ctx, size_t bytes)
{
	taken++;
	return ouro_write_take(ctx, (struct ouro_str){ big, bytes }, release, &one);
}

/* Panics in the end, when its time has long been over. */
static void write_and_hear_nothing(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	while (give(ctx, BIG_BYTES) == 0)
		;
	for (;;) {
		file_fd = open_file(1);
		ouro_write_fd(ctx, file_fd, 0, 1);
		give(ctx, 600);
	}
}

static void set_up_limited(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_route(server, "GET", "/", write_and_hear_nothing,
				       &(struct ouro_route_options){ .handler_timeout_ms = 1000 }),
		     0);
}

Test(send, a_writer_that_panics_where_it_waits_leaves_nothing)
{
	struct sim_peer *peer;
	struct site site;

	taken = 0;
	site_open_with(&site, NULL, NULL, set_up_limited);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/"));
	sim_advance(site.loop, 1000);
	cr_assert_eq(site_counters(&site)->panics, 1);
	sim_advance(site.loop, 60000);
	cr_assert_eq(site_counters(&site)->connections_closed, 1);
	cr_expect_eq(released, taken);
	cr_expect(is_closed(file_fd));
	site_close(&site);
}

static size_t unchunk(struct ouro_str in, char *out)
{
	size_t len = 0;

	while (in.len > 0) {
		char *end;
		size_t bytes = strtoul(in.ptr, &end, 16);

		if (bytes == 0)
			return len;
		in.len -= (size_t)(end - in.ptr) + 2 + bytes + 2;
		memcpy(out + len, end + 2, bytes);
		in.ptr = end + 2 + bytes + 2;
		len += bytes;
	}
	return len;
}

Test(send, pieces_are_added_in_either_framing)
{
	struct site site;
	struct answer answer;
	char body[BIG_BYTES];

	open_site(&site, write_all);
	answer = site_answer(&site, GET("/"));
	cr_assert(answer.chunked);
	cr_assert_eq(unchunk(answer.body, body), 3620);
	cr_assert_eq(memcmp(body, big, 3620), 0);
	answer = site_answer(&site, GET("/?counted=1"));
	cr_assert(is_big(answer.body, 0, 3620));
	cr_assert_eq(released, 4);
	site_close(&site);
}

static void write_large_file(struct ouro_ctx *ctx)
{
	int fd = open_file(BIG_BYTES);

	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	result = ouro_write_fd(ctx, fd, 0, 1 << 20);
	ouro_write(ctx, OURO_STR("end"));
}

Test(send, who_adds_a_large_file_waits_until_most_of_it_is_sent)
{
	struct sim_settings settings = { .window = 1000 };
	struct site site;
	struct sim_peer *peer;
	struct answer answer;
	struct ouro_str got;

	handler = write_large_file;
	site_open_with(&site, NULL, &settings, set_up);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/"));
	cr_assert_eq(result, 1, "it waits");
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert_eq(result, 0);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	site_close(&site);
}

/* ---- Trailers and hints ---- */

static void trail(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_set_trailer(ctx, "x-before", OURO_STR("1")), 0);
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("body"));
	cr_assert_eq(ouro_set_trailer(ctx, "Server-Timing", OURO_STR("app;dur=1")),
		     ctx->parser.version_minor ? 0 : -ENOTSUP);
	cr_assert_eq(ouro_set_trailer(ctx, "content-length", OURO_STR("1")),
		     ctx->parser.version_minor ? -EINVAL : -ENOTSUP);
	ouro_end(ctx);
	cr_assert_eq(ouro_set_trailer(ctx, "late", OURO_STR("1")), -EALREADY);
}

Test(send, trailers_stand_behind_the_last_chunk)
{
	struct site site;
	struct answer answer;

	open_site(&site, trail);
	answer = site_answer(&site, GET("/"));
	cr_assert(is(answer.body,
		     "4\r\nbody\r\n0\r\nx-before: 1\r\nServer-Timing: app;dur=1\r\n\r\n"));
	site_close(&site);
}

Test(send, towards_http_1_0_there_are_no_trailers)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	open_site(&site, trail);
	peer = site_connect(&site);
	got = site_ask(&site, peer, "GET / HTTP/1.0\r\n\r\n");
	cr_assert(holds(got, "\r\n\r\nbody"));
	cr_assert_null(memmem(got.ptr, got.len, "x-before", 8));
	site_close(&site);
}

static void trail_a_lot(struct ouro_ctx *ctx)
{
	char value[3000];

	memset(value, 'v', sizeof(value));
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	cr_assert_eq(ouro_set_trailer(ctx, "a b", OURO_STR("1")), -EINVAL);
	cr_assert_eq(ouro_set_trailer(ctx, "a", OURO_STR("1\r\nb: 2")), -EINVAL);
	cr_assert_eq(ouro_set_trailer(ctx, "long", (struct ouro_str){ value, 3000 }), 0);
	cr_assert_eq(ouro_set_trailer(ctx, "more", (struct ouro_str){ value, 69 }), -E2BIG);
	for (int i = 0; i < 31; i++)
		cr_assert_eq(ouro_set_trailer(ctx, "n", OURO_STR("1")), 0);
	result = ouro_set_trailer(ctx, "n", OURO_STR("1"));
}

Test(send, trailers_are_bounded)
{
	struct site site;

	open_site(&site, trail_a_lot);
	site_answer(&site, GET("/"));
	cr_assert_eq(result, -E2BIG);
	site_close(&site);
}

static void hint(struct ouro_ctx *ctx)
{
	const struct ouro_str links[] = { OURO_STR("</a.css>; rel=preload; as=style"),
					  OURO_STR("</b.js>; rel=preload; as=script") };
	const struct ouro_str bad = OURO_STR("a\r\nb");

	cr_assert_eq(ouro_early_hints(ctx, &bad, 1),
		     ctx->parser.version_minor ? -EINVAL : -ENOTSUP);
	result = ouro_early_hints(ctx, links, 2);
	ouro_text(ctx, 200, OURO_STR("ok"));
	cr_assert_eq(ouro_early_hints(ctx, links, 2), ctx->hold && ctx->parser.version_minor ? 0
						      : ctx->hold ? -ENOTSUP
								  : -EALREADY);
}

Test(send, hints_come_before_the_answer)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	open_site(&site, hint);
	peer = site_connect(&site);
	got = site_ask(&site, peer, GET("/"));
	cr_assert_eq(result, 0);
	cr_assert(holds(got, "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload; as=style\r\n"
			     "link: </b.js>; rel=preload; as=script\r\n\r\nHTTP/1.1 200 OK\r\n"));
	site_close(&site);
}

Test(send, http_1_0_gets_no_hints)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	open_site(&site, hint);
	peer = site_connect(&site);
	got = site_ask(&site, peer, "GET / HTTP/1.0\r\n\r\n");
	cr_assert_eq(result, -ENOTSUP);
	cr_assert_eq(memcmp(got.ptr, "HTTP/1.1 200", 12), 0);
	site_close(&site);
}

/* ---- Counted loop by loop ---- */

static void set_up_metrics(struct ouro_server *server)
{
	handler = send_part;
	set_up(server);
	add(server, "GET", "/metrics", ouro_metrics);
}

Test(send, metrics_show_what_was_copied_and_what_was_not_for_each_loop)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_metrics);
	site_answer(&site, GET("/"));
	answer = site_answer(&site, GET("/metrics"));
	cr_assert(holds(answer.body, "\nouro_bytes_zero_copy_total 50000\n"));
	cr_assert(holds(answer.body, "\nouro_loop_bytes_zero_copy_total{loop=\"0\"} 50000\n"));
	cr_assert(holds(answer.body, "\nouro_loop_bytes_copied_total{loop=\"0\"} 0\n"));
	site_close(&site);
}
