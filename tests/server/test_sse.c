/* Event streams: what is sent, when, and how each of them ends. */
#include "coding/coded.h"
#include "server/events.h"
#include "server/sse.h"

#include <errno.h>

enum {
	EVENT_BYTES = 64 * 1024,
	FLOOD_COUNT = 40, /* of these: more than the output and the backlog take */
};

static struct site site;
static struct ouro_sse_options sse_options;
static int begin_result, result, sent, gone, deferred;
static struct ouro_ref ref;
static char large[EVENT_BYTES];

static void on_gone(struct ouro_ctx *ctx)
{
	(void)ctx;
	gone++;
}

static void on_deferred(void *arg)
{
	(void)arg;
	deferred++;
}

static int send_text(struct ouro_ctx *ctx, const char *text)
{
	return ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = ouro_str_c(text) });
}

/* ---- Handlers ---- */

static void clock_events(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, on_deferred, NULL);
	begin_result = ouro_sse_begin(ctx, &sse_options);
	while ((result = send_text(ctx, "tick")) == 0) {
		sent++;
		ouro_sleep(ctx, 1000);
	}
}

static void two(struct ouro_ctx *ctx)
{
	begin_result = ouro_sse_begin(ctx, NULL);
	result = ouro_sse_send(ctx, &(struct ouro_sse_event){ .event = OURO_STR("first"),
							      .data = OURO_STR("one\ntwo"),
							      .id = OURO_STR("1"),
							      .retry_ms = 500,
							      .comment = OURO_STR("so") });
	send_text(ctx, "three");
}

static void idle(struct ouro_ctx *ctx)
{
	begin_result = ouro_sse_begin(ctx, &sse_options);
	result = ouro_sleep(ctx, OURO_FOREVER);
}

/* Leaves nothing of what was on the stack below. */
__attribute__((noinline)) static void use_the_stack(void)
{
	volatile char bytes[16384];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = '!';
}

static void busy(struct ouro_ctx *ctx)
{
	begin_result = ouro_sse_begin(ctx, &sse_options);
	use_the_stack();
	result = ouro_sleep(ctx, OURO_FOREVER);
}

static void kept(struct ouro_ctx *ctx)
{
	struct ouro_sse_options options = sse_options;

	options.keep_open = true;
	ouro_defer(ctx, on_deferred, NULL);
	ouro_on_gone(ctx, on_gone);
	ref = ouro_ref(ctx);
	begin_result = ouro_sse_begin(ctx, &options);
}

static void kept_quietly(struct ouro_ctx *ctx)
{
	kept(ctx);
	ouro_on_gone(ctx, NULL);
}

static int send_large(struct ouro_ctx *ctx, int number)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", number);
	return ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = { large, sizeof(large) },
							    .id = ouro_str_c(id),
							    .key = OURO_STR("key") });
}

static void flood(struct ouro_ctx *ctx)
{
	begin_result = ouro_sse_begin(ctx, &sse_options);
	for (sent = 0; sent < FLOOD_COUNT; sent++) {
		result = send_large(ctx, sent);
		if (result)
			return;
	}
}

static void go_on(struct ouro_ctx *ctx)
{
	sent++;
	send_text(ctx, "drained");
	ouro_end(ctx);
}

static void flood_inline(struct ouro_ctx *ctx)
{
	flood(ctx);
	if (result == -EAGAIN)
		ouro_on_drain(ctx, go_on);
}

static void misuse(struct ouro_ctx *ctx)
{
	begin_result = send_text(ctx, "too early");
	cr_expect_eq(ouro_sse_dropped(ctx), 0);
	cr_expect_eq(ouro_sse_begin(ctx,
				    &(struct ouro_sse_options){ .retry_ms = OURO_SSE_RETRY_MS_MAX +
									    1 }),
		     -EINVAL);
	cr_expect_eq(ouro_sse_begin(ctx, &(struct ouro_sse_options){ .backlog_count_max = 65537 }),
		     -EINVAL);
	cr_expect_eq(ouro_sse_begin(ctx, NULL), 0);
	cr_expect_eq(ouro_sse_begin(ctx, NULL), -EALREADY);
	cr_expect_eq(ouro_write(ctx, OURO_STR("x")), -EINVAL);
	cr_expect_eq(ouro_sse_send(ctx, &(struct ouro_sse_event){ 0 }), -EINVAL);
	cr_expect_eq(ouro_sse_send(ctx, &(struct ouro_sse_event){ .event = OURO_STR("a\nb") }),
		     -EINVAL);
	cr_expect_eq(ouro_sse_send(ctx,
				   &(struct ouro_sse_event){
					   .event = { large, OURO_SSE_NAME_BYTES_MAX + 1 } }),
		     -EMSGSIZE);
	ouro_end(ctx);
	result = send_text(ctx, "too late");
}

static void cached(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "Cache-Control", OURO_STR("private"));
	ouro_sse_begin(ctx, NULL);
}

static void many_bytes(struct ouro_ctx *ctx)
{
	static char text[OURO_STREAM_PENDING_HIGH + 2000];
	uint64_t count;

	memset(text, 'x', sizeof(text));
	ouro_param_u64(ctx, "count", &count);
	ouro_text(ctx, 200, ouro_str(text, (size_t)count));
}

static void come_back(struct ouro_ctx *ctx)
{
	struct ouro_str id = ouro_sse_last_event_id(ctx);

	ouro_text(ctx, 200, id.ptr ? id : OURO_STR("none"));
}

static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options inlined = { .run_inline = true };
	const struct ouro_route_options limited = { .handler_timeout_ms = 2500 };

	add(server, "GET", "/clock", clock_events);
	add(server, "GET", "/two", two);
	add(server, "GET", "/idle", idle);
	add(server, "GET", "/busy", busy);
	add(server, "GET", "/kept", kept);
	add(server, "GET", "/kept-quietly", kept_quietly);
	add(server, "GET", "/flood", flood);
	add(server, "GET", "/misuse", misuse);
	add(server, "GET", "/cached", cached);
	add(server, "GET", "/come-back", come_back);
	add(server, "GET", "/bytes/{count:u64}", many_bytes);
	cr_assert_eq(ouro_server_route(server, "GET", "/flood-inline", flood_inline, &inlined), 0);
	cr_assert_eq(ouro_server_route(server, "GET", "/limited", clock_events, &limited), 0);
	cr_assert_eq(ouro_server_route(server, "GET", "/limited-kept", kept, &limited), 0);
}

static void begin(void)
{
	const struct ouro_options options = { .compress = true };

	memset(large, 'x', sizeof(large));
	sse_options = (struct ouro_sse_options){ 0 };
	begin_result = result = sent = gone = deferred = 0;
	site_open_with(&site, &options, NULL, set_up);
}

static void end(void)
{
	/* Whatever a test left behind ends in order, and nothing is left of it. */
	site_close(&site);
}

TestSuite(sse, .init = begin, .fini = end);

/* ---- What is sent ---- */

Test(sse, events_are_fields_and_an_empty_line)
{
	struct sim_peer *peer = site_connect(&site);

	cr_expect(is(listen_with(&site, peer, LISTEN("/two", "")),
		     ": so\nevent: first\nid: 1\nretry: 500\ndata: one\ndata: two\n\n"
		     "data: three\n\n"));
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, the_head_says_what_it_is)
{
	struct answer answer = site_answer(&site, GET("/two"));

	cr_expect_eq(answer.status, 200);
	cr_expect(answer.chunked);
	cr_expect(is(answer_field(&answer, "content-type"), "text/event-stream"));
	cr_expect(is(answer_field(&answer, "cache-control"), "no-store"));
	answer = site_answer(&site, GET("/cached"));
	cr_expect(is(answer_field(&answer, "cache-control"), "private"));
}

Test(sse, each_event_arrives_at_once)
{
	struct sim_peer *peer = site_connect(&site);

	cr_expect(is(listen_with(&site, peer, LISTEN("/clock", "")), "data: tick\n\n"));
	sim_peer_forget(peer);
	sim_advance(site.loop, 1000);
	cr_expect(is(sim_peer_received(peer), "data: tick\n\n"));
}

Test(sse, the_time_to_come_back_is_told_first)
{
	struct sim_peer *peer = site_connect(&site);

	sse_options.retry_ms = 2000;
	cr_expect(is(listen_with(&site, peer, LISTEN("/idle", "")), "retry: 2000\n\n"));
}

/* However full the output is when the stream begins. */
Test(sse, the_time_to_come_back_is_told_behind_an_answer_that_is_still_on_its_way)
{
	struct sim_settings settings = { .window = 1000 };
	char request[200];

	sse_options.retry_ms = 2000;
	sim_change(site.sim, &settings);
	for (int bytes = OURO_STREAM_PENDING_HIGH - 1000; bytes < OURO_STREAM_PENDING_HIGH + 1500;
	     bytes += 50) {
		struct sim_peer *peer = site_connect(&site);

		sim_peer_set_reading(peer, false);
		snprintf(request, sizeof(request),
			 "GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" GET("/busy"), bytes);
		site_ask(&site, peer, request);
		sim_peer_set_reading(peer, true);
		sim_settle(site.loop);
		cr_expect(holds(sim_peer_received(peer), "\r\n\r\nd\r\nretry: 2000\n\n\r\n"),
			  "behind %d bytes", bytes);
		sim_peer_reset(peer);
		sim_settle(site.loop);
	}
}

Test(sse, to_head_it_is_the_head)
{
	struct answer answer = site_answer(&site, ASK("HEAD", "/clock", ""));

	cr_expect(is(answer_field(&answer, "content-type"), "text/event-stream"));
	cr_expect_eq(begin_result, 0);
	cr_expect_eq(result, -EPIPE);
}

Test(sse, the_last_id_is_what_an_event_can_have_had)
{
	cr_expect(is(site_answer(&site, ASK("GET", "/come-back", "Last-Event-ID: 7 a\r\n")).body,
		     "7 a"));
	cr_expect(is(site_answer(&site, ASK("GET", "/come-back", "Last-Event-ID: \r\n")).body,
		     "none"));
	cr_expect(is(site_answer(&site, GET("/come-back")).body, "none"));
}

Test(sse, wrong_calls_say_so_and_change_nothing)
{
	struct answer answer = site_answer(&site, GET("/misuse"));

	cr_expect_eq(begin_result, -EINVAL);
	cr_expect_eq(result, -EPIPE);
	cr_expect_eq(answer.status, 200);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
}

/* ---- Heartbeats ---- */

Test(sse, heartbeats_while_the_handler_sleeps)
{
	struct sim_peer *peer = site_connect(&site);

	cr_expect(is(listen_with(&site, peer, LISTEN("/idle", "")), ""));
	sim_peer_forget(peer);
	sim_advance(site.loop, 14999);
	cr_expect(is(sim_peer_received(peer), ""));
	sim_advance(site.loop, 1);
	cr_expect(is(sim_peer_received(peer), ":\n\n"));
	sim_advance(site.loop, 15000);
	cr_expect(is(sim_peer_received(peer), ":\n\n:\n\n"));
}

Test(sse, heartbeats_only_where_nothing_else_is_sent)
{
	struct sim_peer *peer = site_connect(&site);

	sse_options.heartbeat_ms = 1500;
	listen_with(&site, peer, LISTEN("/clock", ""));
	sim_advance(site.loop, 10000);
	cr_expect_eq(count_of(sim_peer_received(peer), ":\n\n"), 0);
}

Test(sse, heartbeats_can_be_left_out)
{
	struct sim_peer *peer = site_connect(&site);

	sse_options.heartbeat_ms = OURO_SSE_NO_HEARTBEAT;
	listen_with(&site, peer, LISTEN("/idle", ""));
	sim_advance(site.loop, 1000000);
	cr_expect_eq(count_of(sim_peer_received(peer), ":\n\n"), 0);
}

/* A client that has gone without a word: nothing is taken, so the heartbeat does not leave. */
Test(sse, heartbeats_find_clients_that_are_gone)
{
	struct sim_peer *peer = site_connect(&site);
	struct sim_settings settings = { .window = 1 };

	listen_with(&site, peer, LISTEN("/kept", ""));
	sim_change(site.sim, &settings);
	sim_peer_set_reading(peer, false);
	sim_advance(site.loop, 15000 + 29000);
	cr_expect_eq(gone, 0);
	sim_advance(site.loop, 2000);
	cr_expect_eq(gone, 1);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
}

/* ---- Compression ---- */

static void expect_ticks(const char *coding)
{
	enum ouro_coding number = ouro_coding_find(ouro_str_c(coding));
	struct sim_peer *peer = site_connect(&site);
	struct ouro_decoder *decoder;
	struct ouro_str bytes;
	char request[200], decoded[100];
	size_t len;

	cr_assert_eq(ouro_decoder_create(&decoder, &number, 1, &no_limits), 0);
	snprintf(request, sizeof(request), LISTEN("/clock", "Accept-Encoding: %s\r\n"), coding);
	sse_options.heartbeat_ms = 600;
	bytes = listen_with(&site, peer, request);
	for (int i = 0; i < 6; i++) {
		const char *expected = i % 2 ? ":\n\n" : "data: tick\n\n";

		cr_expect_eq(ouro_decoder_run(decoder, &bytes, false, decoded, sizeof(decoded),
					      &len),
			     OURO_DECODE_MORE);
		cr_expect(is(ouro_str(decoded, len), expected), "%s, event %d", coding, i);
		sim_peer_forget(peer);
		sim_advance(site.loop, i % 2 ? 400 : 600);
		bytes = sim_peer_received(peer);
	}
	ouro_decoder_destroy(decoder);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_eq(site.worker->coders.encoder_count, 0);
}

Test(sse, compressed_each_event_can_be_decoded_at_once)
{
	expect_ticks("br");
	expect_ticks("zstd");
	expect_ticks("gzip");
	expect_ticks("deflate");
}

/* ---- Clients that go ---- */

Test(sse, a_client_that_goes_is_noticed_at_once)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, LISTEN("/clock", ""));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_expect_eq(result, -ECANCELED);
	cr_expect_eq(deferred, 1);
	cr_expect_eq(sent, 1);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
}

Test(sse, a_client_that_resets_is_noticed_at_once)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, LISTEN("/clock", ""));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_eq(result, -ECANCELED);
	cr_expect_eq(deferred, 1);
}

static void expect_kept_to_end(struct sim_peer *peer, int gone_expected)
{
	cr_expect_eq(deferred, 0);
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_expect_eq(gone, gone_expected);
	cr_expect_eq(deferred, 1);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
}

Test(sse, a_stream_without_a_handler_ends_with_its_client)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, LISTEN("/kept", ""));
	expect_kept_to_end(peer, 1);
	listen_with(&site, peer = site_connect(&site), LISTEN("/kept-quietly", ""));
	deferred = 0;
	expect_kept_to_end(peer, 1);
}

static void post_event(struct ouro_ctx *ctx, void *arg)
{
	cr_assert(ctx);
	result = send_text(ctx, arg);
}

static void post_end(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	ouro_end(ctx);
}

Test(sse, a_stream_that_is_kept_open_takes_what_is_posted)
{
	struct sim_peer *peer = site_connect(&site);
	char text[] = "posted";

	listen_with(&site, peer, LISTEN("/kept", ""));
	sim_peer_forget(peer);
	cr_assert_eq(ouro_post(ref, post_event, text), 0);
	sim_settle(site.loop);
	cr_expect(is(sim_peer_received(peer), "data: posted\n\n"));
	cr_assert_eq(ouro_post(ref, post_end, NULL), 0);
	sim_settle(site.loop);
	cr_expect(sim_peer_saw_end(peer));
	cr_expect_eq(gone, 0);
	cr_expect_eq(deferred, 1);
}

/* ---- Slow readers ---- */

static struct sim_peer *listen_slowly(const char *request)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, request);
	return peer;
}

static struct ouro_str read_all(struct sim_peer *peer)
{
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	return sim_peer_received(peer);
}

Test(sse, by_default_the_sender_waits)
{
	struct sim_peer *peer = listen_slowly(LISTEN("/flood", ""));
	struct ouro_str got;

	cr_expect_gt(sent, 4);
	cr_expect_lt(sent, FLOOD_COUNT);
	got = read_all(peer);
	cr_expect_eq(sent, FLOOD_COUNT);
	cr_expect_eq(count_of(got, "\nid: "), FLOOD_COUNT);
	cr_expect_eq(count_of(got, "event: gap"), 0);
	cr_expect(sim_peer_saw_end(peer));
	cr_expect_not(sim_peer_saw_reset(peer));
}

Test(sse, a_client_that_goes_ends_the_wait)
{
	struct sim_peer *peer = listen_slowly(LISTEN("/flood", ""));

	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_eq(result, -ECANCELED);
}

Test(sse, off_a_fiber_the_sender_is_told_to_wait)
{
	struct sim_peer *peer = listen_slowly(LISTEN("/flood-inline", ""));

	cr_expect_eq(result, -EAGAIN);
	cr_expect(holds(read_all(peer), "data: drained\n\n"));
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, the_newest_can_be_dropped)
{
	struct sim_peer *peer;
	struct ouro_str got;

	sse_options.slow = OURO_SSE_SLOW_DROP_NEWEST;
	peer = listen_slowly(LISTEN("/flood", ""));
	cr_expect_eq(sent, FLOOD_COUNT);
	got = read_all(peer);
	cr_expect(holds(got, "id: 0\n"));
	cr_expect_eq(count_of(got, "id: 39\n"), 0);
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, the_oldest_can_be_dropped_and_a_gap_is_told)
{
	struct sim_peer *peer;
	struct ouro_str got;

	sse_options.slow = OURO_SSE_SLOW_DROP_OLDEST;
	peer = listen_slowly(LISTEN("/flood", ""));
	cr_expect_eq(sent, FLOOD_COUNT);
	got = read_all(peer);
	cr_expect(holds(got, "id: 39\n"));
	cr_expect_eq(count_of(got, "event: gap\ndata: \n\n"), 1);
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, the_newest_of_each_key_is_enough)
{
	struct sim_peer *peer;
	struct ouro_str got;

	sse_options.slow = OURO_SSE_SLOW_COALESCE;
	peer = listen_slowly(LISTEN("/flood", ""));
	got = read_all(peer);
	cr_expect(holds(got, "id: 39\n"));
	cr_expect_eq(count_of(got, "id: 38\n"), 0);
	cr_expect_eq(count_of(got, "event: gap"), 0);
}

Test(sse, a_slow_client_can_be_given_up)
{
	struct sim_peer *peer;

	sse_options.slow = OURO_SSE_SLOW_CLOSE;
	peer = listen_slowly(LISTEN("/flood", ""));
	cr_expect_eq(result, -ENOBUFS);
	cr_expect(sim_peer_saw_reset(peer));
}

/* The client has read too little for the output to be low, and enough for what waits to have room. */
Test(sse, what_waits_at_the_end_may_leave_with_a_heartbeat)
{
	struct sim_peer *peer;

	sse_options.slow = OURO_SSE_SLOW_DROP_NEWEST;
	sse_options.backlog_count_max = 1;
	peer = listen_slowly(LISTEN("/flood", ""));
	cr_expect_eq(sent, FLOOD_COUNT);
	sim_peer_read(peer, 2 * EVENT_BYTES);
	sim_settle(site.loop);
	cr_expect_eq(site.worker->event_streams.used_count, 1);
	sim_advance(site.loop, 15000);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
	read_all(peer);
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, the_backlog_has_bounds_of_its_own)
{
	sse_options.slow = OURO_SSE_SLOW_CLOSE;
	sse_options.backlog_count_max = 1;
	listen_slowly(LISTEN("/flood", ""));
	cr_expect_lt(sent, 8);
	sse_options.backlog_count_max = 20;
	sse_options.backlog_bytes_max = 20 * 2 * EVENT_BYTES;
	listen_slowly(LISTEN("/flood", ""));
	cr_expect_gt(sent, 20);
	cr_expect_eq(result, -ENOBUFS);
}

/* ---- The end of the server ---- */

static void begin_drain(void)
{
	ouro_worker_drain(site.worker);
	sim_settle(site.loop);
}

Test(sse, a_drain_tells_the_handler_and_ends_the_stream)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, GET("/clock"));
	begin_drain();
	cr_expect_eq(result, -ECANCELED);
	cr_expect_eq(deferred, 1);
	cr_expect(holds(sim_peer_received(peer), "\r\n0\r\n\r\n"));
	cr_expect(sim_peer_saw_end(peer));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_expect(ouro_worker_is_finished(site.worker));
	cr_expect_not(sim_peer_saw_reset(peer));
}

Test(sse, a_drain_ends_streams_without_a_handler)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, GET("/kept"));
	begin_drain();
	cr_expect_eq(gone, 1);
	cr_expect_eq(deferred, 1);
	cr_expect(holds(sim_peer_received(peer), "\r\n0\r\n\r\n"));
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, a_stream_that_begins_in_a_drain_is_ended_at_once)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, "GET /clock HT");
	begin_drain();
	cr_expect(holds(site_ask(&site, peer, "TP/1.1\r\nHost: a\r\n\r\n"), "\r\n\r\n0\r\n\r\n"));
	cr_expect_eq(begin_result, 0);
	cr_expect_eq(result, -ECANCELED);
	cr_expect(sim_peer_saw_end(peer));
}

Test(sse, a_drain_waits_for_what_a_slow_client_is_to_get)
{
	struct sim_peer *peer;
	struct ouro_str got;

	sse_options.slow = OURO_SSE_SLOW_DROP_NEWEST;
	peer = listen_slowly(GET("/flood"));
	begin_drain();
	cr_expect_not(ouro_worker_is_finished(site.worker));
	got = read_all(peer);
	cr_expect(holds(got, "\r\n0\r\n\r\n"));
	cr_expect_not(sim_peer_saw_reset(peer));
}

Test(sse, a_drain_cuts_what_a_client_does_not_take)
{
	struct sim_peer *peer = listen_slowly(GET("/flood"));

	begin_drain();
	sim_advance(site.loop, 10000);
	cr_expect(sim_peer_saw_reset(peer));
	cr_expect(ouro_worker_is_finished(site.worker));
}

/* ---- Time limits ---- */

Test(sse, a_handler_has_no_more_time_than_its_route_gives)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, LISTEN("/limited", ""));
	sim_advance(site.loop, 3000);
	cr_expect_eq(result, -ETIMEDOUT);
	cr_expect_eq(sent, 3);
	cr_expect(sim_peer_saw_reset(peer));
}

Test(sse, nor_has_a_stream_without_one)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, LISTEN("/limited-kept", ""));
	sim_advance(site.loop, 3000);
	cr_expect(sim_peer_saw_reset(peer));
	cr_expect_eq(gone, 1);
}
