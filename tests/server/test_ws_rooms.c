/* WebSockets in rooms: who gets what, beside event streams, in both styles of handler. */
#include "server/events.h"
#include "server/ws.h"
#include "server/ws_frames.h"

#include <errno.h>
#include <zlib.h>

enum { LARGE_BYTES = 64 * 1024, LARGE_COUNT = 40 };

static struct site site;
static struct ouro_ws_options ws_options;
static int result, closed, gaps, drained;
static bool deaf;
static char gap_topic[32];
static void (*in_gap)(struct ouro_ctx *ctx, struct ouro_str topic);

/* ---- Handlers ---- */

static void on_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	gaps++;
	snprintf(gap_topic, sizeof(gap_topic), "%.*s", (int)topic.len, topic.ptr);
	if (in_gap)
		in_gap(ctx, topic);
}

static void say_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	(void)topic;
	result = ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("gap"));
}

static void leave_in_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	cr_expect_eq(ouro_unsubscribe(ctx, topic), 0);
}

static void come_back_in_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	in_gap = NULL;
	cr_expect_eq(ouro_unsubscribe(ctx, topic), 0);
	result = ouro_subscribe(ctx, OURO_STR("a"));
}

static void close_in_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	(void)topic;
	ouro_ws_close(ctx, 4001, OURO_STR(""));
}

static void publish_in_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	ouro_publish(ctx, topic, OURO_MESSAGE_TEXT, OURO_STR("more"));
}

static void panic_in_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	(void)topic;
	ouro_panic(ctx, "on purpose");
}

static void on_drain(struct ouro_ctx *ctx)
{
	(void)ctx;
	drained++;
}

/* From the id that the query names. */
static void after(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;
	struct ouro_ws_options options = ws_options;

	options.on_gap = deaf ? NULL : on_gap;
	if (ouro_ws_accept(ctx, &options))
		return;
	result = ouro_subscribe_after(ctx, ouro_param(ctx, "name"), ouro_query(ctx, "id"));
	while (ouro_ws_recv(ctx, &message) == 0)
		continue;
	closed++;
}

static void events_after(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		result = ouro_subscribe_after(ctx, ouro_param(ctx, "name"), ouro_query(ctx, "id"));
}

static void straight(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, &ws_options))
		return;
	result = ouro_subscribe(ctx, ouro_param(ctx, "name"));
	while (ouro_ws_recv(ctx, &message) == 0)
		ouro_publish(ctx, ouro_param(ctx, "name"),
			     message.type == OURO_WS_TEXT ? OURO_MESSAGE_TEXT : OURO_MESSAGE_BINARY,
			     message.data);
	closed++;
	cr_expect(ouro_is_closed(ctx));
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("late")), -EPIPE);
}

static void on_open(struct ouro_ctx *ctx)
{
	result = ouro_subscribe(ctx, OURO_STR("a"));
}

/* "+x" subscribes to x, "-x" leaves it, "!" panics; all else is published. */
static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	struct ouro_str rest = ouro_str(message->data.ptr + 1, message->data.len - 1);

	switch (message->data.ptr[0]) {
	case '+':
		result = ouro_subscribe(ctx, rest);
		break;
	case '-':
		result = ouro_unsubscribe(ctx, rest);
		break;
	case '!':
		ouro_panic(ctx, "on purpose");
	case '.':
		cr_expect_not(ouro_is_closed(ctx));
		result = ouro_ws_close(ctx, 4000, OURO_STR(""));
		cr_expect(ouro_is_closed(ctx));
		break;
	default:
		result = ouro_publish(ctx, OURO_STR("a"), OURO_MESSAGE_TEXT, message->data);
	}
}

static void on_close(struct ouro_ctx *ctx)
{
	closed++;
	cr_expect(ouro_is_closed(ctx));
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("late")), -EPIPE);
}

static void callbacks(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = ws_options;

	options.on_open = on_open;
	options.on_message = on_message;
	options.on_close = on_close;
	options.on_gap = on_gap;
	options.on_drain = on_drain;
	ouro_ws_accept(ctx, &options);
}

static void events(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, ouro_param(ctx, "name"));
}

static void set_up(struct ouro_server *server)
{
	add(server, "GET", "/straight/{name}", straight);
	add(server, "GET", "/callbacks", callbacks);
	add(server, "GET", "/events/{name}", events);
	add(server, "GET", "/after/{name}", after);
	add(server, "GET", "/events-after/{name}", events_after);
	add(server, "GET", "/metrics", ouro_metrics);
}

static void begin_with(const struct ouro_options *options)
{
	ws_options = (struct ouro_ws_options){ 0 };
	result = closed = gaps = drained = 0;
	in_gap = NULL;
	deaf = false;
	site_open_with(&site, options, NULL, set_up);
}

static void begin(void)
{
	begin_with(NULL);
}

static void begin_small(void)
{
	begin_with(&(struct ouro_options){ .replay_count_max = 2 });
}

static void end(void)
{
	site_close(&site);
}

TestSuite(ws_rooms, .init = begin, .fini = end);
TestSuite(ws_rooms_replay, .init = begin_small, .fini = end);

/* ---- Clients ---- */

static struct sim_peer *join_with(const char *ask)
{
	struct sim_peer *peer = site_connect(&site);

	cr_assert(holds(site_ask(&site, peer, ask), "HTTP/1.1 101 "));
	sim_peer_forget(peer);
	return peer;
}

static struct sim_peer *listen_to(const char *ask)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, ask);
	sim_peer_forget(peer);
	return peer;
}

static void say_bytes(struct sim_peer *peer, unsigned first, const char *bytes, size_t len)
{
	char frame[1024];

	cr_assert(sim_peer_send(peer, frame, ws_put_frame(frame, first, bytes, len)));
	sim_settle(site.loop);
}

static void say(struct sim_peer *peer, const char *text)
{
	say_bytes(peer, 0x81, text, strlen(text));
}

/* What came since, which is forgotten. */
#define EXPECT(peer, literal) cr_expect(got_just(peer, OURO_STR(literal)))

static bool got_just(struct sim_peer *peer, struct ouro_str bytes)
{
	struct ouro_str got = sim_peer_received(peer);
	bool equal = got.len == bytes.len &&
		     (got.len == 0 || memcmp(got.ptr, bytes.ptr, got.len) == 0);

	if (!equal)
		fprintf(stderr, "got: %.*s\n", (int)got.len, got.ptr);
	sim_peer_forget(peer);
	return equal;
}

static int publish_message(const char *topic, const struct ouro_message *message)
{
	int count = ouro_server_publish(site.server, ouro_str_c(topic), message);

	sim_settle(site.loop);
	return count;
}

static int publish_as(const char *topic, const char *text, const char *id)
{
	return publish_message(topic, &(struct ouro_message){ .data = ouro_str_c(text),
							      .id = ouro_str_c(id) });
}

static int publish(const char *topic, const char *text)
{
	return publish_message(topic, &(struct ouro_message){ .data = ouro_str_c(text) });
}

static uint32_t subscribers(const char *topic)
{
	return ouro_server_subscribers(site.server, ouro_str_c(topic));
}

/* ---- Who gets what ---- */

Test(ws_rooms, both_styles_get_what_is_published_beside_event_streams)
{
	struct sim_peer *first = join_with(WS_OPEN("/straight/a")),
			*second = join_with(WS_OPEN("/callbacks")),
			*third = listen_to(LISTEN("/events/a", ""));

	cr_expect_eq(publish_as("a", "one", "1"), 3);
	cr_expect_eq(publish_as("a", "two", "2"), 3);
	cr_expect_eq(publish("b", "other"), 0);
	EXPECT(first, "\x81\x03one\x81\x03two");
	EXPECT(second, "\x81\x03one\x81\x03two");
	EXPECT(third, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n");
}

Test(ws_rooms, what_a_client_says_comes_to_all_and_to_itself)
{
	struct sim_peer *first = join_with(WS_OPEN("/straight/a")),
			*second = join_with(WS_OPEN("/callbacks"));

	say(first, "hello");
	say(second, "you");
	EXPECT(first, "\x81\x05hello\x81\x03you");
	EXPECT(second, "\x81\x05hello\x81\x03you");
}

Test(ws_rooms, binary_messages_stay_binary)
{
	struct sim_peer *peer = join_with(WS_OPEN("/straight/a"));

	say_bytes(peer, 0x82, "\x00\xff", 2);
	EXPECT(peer, "\x82\x02\x00\xff");
}

Test(ws_rooms, an_idle_subscriber_holds_neither_fiber_nor_context)
{
	uint32_t fibers = site.worker->fibers.used_count;

	join_with(WS_OPEN("/callbacks"));
	cr_expect_eq(site.worker->fibers.used_count, fibers);
	/* But for the one that is kept for every on_close. */
	cr_expect_eq(site.worker->exchanges.used_count, site.worker->ws_spare ? 1 : 0);
	cr_expect_eq(subscribers("a"), 1);
}

Test(ws_rooms, callbacks_come_and_go)
{
	struct sim_peer *peer = join_with(WS_OPEN("/callbacks"));

	say(peer, "+b");
	cr_expect_eq(result, 0);
	say(peer, "+b");
	cr_expect_eq(result, -EALREADY);
	say(peer, "-a");
	cr_expect_eq(result, 0);
	say(peer, "-a");
	cr_expect_eq(result, -ENOENT);
	publish("a", "not");
	publish("b", "this");
	EXPECT(peer, "\x81\x04this");
}

/* ---- Compression ---- */

#define DEFLATE(path, more)                                                                        \
	WS_ASK(path) "Sec-WebSocket-Extensions: permessage-deflate" more "\r\n\r\n"

enum { TEXT_BYTES = 3000, INFLATED_BYTES_MAX = 8192 };

static const char *text_of_a(void)
{
	static char text[TEXT_BYTES + 1];

	memset(text, 'a', TEXT_BYTES);
	return text;
}

/* The payload of the one frame that came, which must have the first byte @first. */
static struct ouro_str payload_of(struct sim_peer *peer, unsigned first)
{
	struct ouro_str got = sim_peer_received(peer);
	const unsigned char *bytes = (const unsigned char *)got.ptr;
	size_t len, at = 2;

	cr_assert_gt(got.len, 2);
	cr_assert_eq(bytes[0], first, "%02x", bytes[0]);
	len = bytes[1];
	if (len == 126) {
		len = (size_t)bytes[2] << 8 | bytes[3];
		at = 4;
	}
	cr_assert_eq(got.len, at + len);
	return ouro_str(got.ptr + at, len);
}

/* RFC 7692, 7.2.2: @payload, which was compressed by itself. */
static struct ouro_str inflated(struct ouro_str payload)
{
	static char out[INFLATED_BYTES_MAX];
	z_stream zlib = { 0 };
	char in[INFLATED_BYTES_MAX];

	memcpy(in, payload.ptr, payload.len);
	memcpy(in + payload.len, "\x00\x00\xff\xff", 4);
	cr_assert_eq(inflateInit2(&zlib, -15), Z_OK);
	zlib.next_in = (Bytef *)in;
	zlib.avail_in = (uInt)payload.len + 4;
	zlib.next_out = (Bytef *)out;
	zlib.avail_out = sizeof(out);
	cr_assert_eq(inflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	inflateEnd(&zlib);
	return ouro_str(out, sizeof(out) - zlib.avail_out);
}

Test(ws_rooms, who_reads_compressed_messages_gets_them)
{
	struct sim_peer *compressed = join_with(DEFLATE("/callbacks", "")),
			*plain = join_with(WS_OPEN("/callbacks"));
	struct ouro_str got;

	publish("a", text_of_a());
	got = payload_of(compressed, 0xc1);
	cr_expect_lt(got.len, 100);
	cr_expect(is(inflated(got), text_of_a()));
	cr_expect(is(payload_of(plain, 0x81), text_of_a()));
	cr_expect_eq(site.worker->ws.codecs.deflaters_used, 0);
}

Test(ws_rooms, each_compressed_message_stands_for_itself)
{
	struct sim_peer *peer = join_with(DEFLATE("/callbacks", ""));

	for (int i = 0; i < 2; i++) {
		publish("a", text_of_a());
		cr_expect(is(inflated(payload_of(peer, 0xc1)), text_of_a()));
		sim_peer_forget(peer);
	}
}

Test(ws_rooms, small_messages_are_not_compressed)
{
	struct sim_peer *peer = join_with(DEFLATE("/callbacks", ""));

	publish("a", "small");
	EXPECT(peer, "\x81\x05small");
}

Test(ws_rooms, what_is_small_is_an_option)
{
	struct sim_peer *peer;

	ws_options.deflate_bytes_min = TEXT_BYTES + 1;
	peer = join_with(DEFLATE("/callbacks", ""));
	publish("a", text_of_a());
	payload_of(peer, 0x81);
}

Test(ws_rooms, what_is_no_gain_is_not_compressed)
{
	struct sim_peer *peer = join_with(DEFLATE("/callbacks", ""));
	char noise[301] = "";
	unsigned seed = 1;

	for (size_t i = 0; i < sizeof(noise) - 1; i++)
		noise[i] = (char)(1 + ((seed = seed * 1103515245 + 12345) >> 16) % 255);
	publish("a", noise);
	cr_expect(is(payload_of(peer, 0x81), noise));
}

Test(ws_rooms, a_smaller_window_gets_plain_ones)
{
	struct sim_peer *peer = join_with(DEFLATE("/callbacks", "; server_max_window_bits=10"));

	publish("a", text_of_a());
	payload_of(peer, 0x81);
}

Test(ws_rooms, a_context_of_its_own_gets_plain_ones)
{
	struct sim_peer *peer;

	ws_options.deflate = OURO_WS_DEFLATE_TAKEOVER;
	peer = join_with(DEFLATE("/callbacks", ""));
	publish("a", text_of_a());
	payload_of(peer, 0x81);
}

Test(ws_rooms, without_a_deflater_they_are_plain)
{
	struct sim_peer *peer = join_with(DEFLATE("/callbacks", ""));

	site.worker->ws.codecs.options.deflaters_max = 0;
	publish("a", text_of_a());
	payload_of(peer, 0x81);
}

/* ---- Leaving ---- */

static void expect_nobody(void)
{
	cr_expect_eq(subscribers("a"), 0);
	cr_expect_eq(site.worker->memberships.used_count, 0);
}

Test(ws_rooms, who_closes_leaves)
{
	struct sim_peer *first = join_with(WS_OPEN("/straight/a")),
			*second = join_with(WS_OPEN("/callbacks"));

	cr_expect_eq(subscribers("a"), 2);
	say_bytes(first, 0x88, "", 0);
	say_bytes(second, 0x88, "", 0);
	expect_nobody();
	sim_peer_fin(first);
	sim_peer_fin(second);
	sim_settle(site.loop);
	cr_expect_eq(closed, 2);
}

Test(ws_rooms, who_goes_without_a_word_leaves)
{
	struct sim_peer *first = join_with(WS_OPEN("/straight/a")),
			*second = join_with(WS_OPEN("/callbacks"));

	sim_peer_reset(first);
	sim_peer_fin(second);
	sim_settle(site.loop);
	expect_nobody();
	cr_expect_eq(closed, 2);
}

Test(ws_rooms, one_that_the_server_closes_leaves_at_once)
{
	struct sim_peer *peer = join_with(WS_OPEN("/callbacks"));

	say(peer, ".");
	expect_nobody();
	EXPECT(peer, "\x88\x02\x0f\xa0");
	publish("a", "x");
	EXPECT(peer, "");
}

Test(ws_rooms, a_panic_leaves)
{
	struct sim_peer *peer = join_with(WS_OPEN("/callbacks"));

	say(peer, "!");
	expect_nobody();
	EXPECT(peer, "\x88\x02\x03\xf3");
}

Test(ws_rooms, a_drain_leaves)
{
	struct sim_peer *first = join_with(WS_OPEN("/straight/a")),
			*second = join_with(WS_OPEN("/callbacks"));

	ouro_worker_drain(site.worker);
	sim_settle(site.loop);
	expect_nobody();
	publish("a", "x");
	EXPECT(first, "\x88\x02\x03\xe9");
	EXPECT(second, "\x88\x02\x03\xe9");
}

/* ---- One client ---- */

Test(ws_rooms, a_client_is_reached_by_a_topic_of_its_own)
{
	struct sim_peer *ada = join_with(WS_OPEN("/straight/user%2Fada")),
			*again = join_with(WS_OPEN("/straight/user%2Fada")),
			*bob = join_with(WS_OPEN("/straight/user%2Fbob"));

	cr_expect_eq(publish("user/ada", "psst"), 2, "on both of her devices");
	cr_expect_eq(publish("user/cid", "psst"), 0, "not there");
	EXPECT(ada, "\x81\x04psst");
	EXPECT(again, "\x81\x04psst");
	EXPECT(bob, "");
}

/* ---- Going on where it was ---- */

static void publish_four(void)
{
	join_with(WS_OPEN("/callbacks"));
	publish_as("a", "1", "id-1");
	publish_as("a", "2", "id-2");
	publish_as("a", "3", "id-3");
	publish_as("a", "4", "id-4");
}

Test(ws_rooms_replay, who_comes_back_goes_on_after_an_id)
{
	struct sim_peer *peer;

	publish_four();
	peer = site_connect(&site);
	cr_expect(holds(site_ask(&site, peer, WS_OPEN("/after/a?id=id-3")), "\r\n\r\n\x81\x01"
									    "4"));
	cr_expect_eq(gaps, 0);
	sim_peer_forget(peer);
	publish("a", "5");
	EXPECT(peer, "\x81\x01"
		     "5");
}

Test(ws_rooms_replay, an_event_stream_goes_on_after_an_id_too)
{
	struct sim_peer *peer;

	publish_four();
	peer = site_connect(&site);
	cr_expect(is(listen_with(&site, peer,
				 LISTEN("/events-after/a?id=id-3", "Last-Event-ID: id-2\r\n")),
		     "id: id-4\ndata: 4\n\n"));
}

Test(ws_rooms_replay, without_an_id_only_what_is_new_comes)
{
	struct sim_peer *peer;

	publish_four();
	peer = site_connect(&site);
	cr_expect(is(listen_with(&site, peer, LISTEN("/events-after/a", "Last-Event-ID: id-3\r\n")),
		     ""));
}

Test(ws_rooms_replay, an_id_has_a_length)
{
	static char ask[1000];
	char id[258];

	memset(id, 'x', 257);
	id[257] = 0;
	snprintf(ask, sizeof(ask), WS_ASK("/after/a?id=%s") "\r\n", id);
	join_with(ask);
	cr_expect_eq(result, -EMSGSIZE);
	cr_expect_eq(site.worker->memberships.used_count, 0);
}

Test(ws_rooms_replay, who_comes_back_too_late_is_told_before_the_rest)
{
	struct sim_peer *peer;

	in_gap = say_gap;
	publish_four();
	peer = site_connect(&site);
	cr_expect(holds(site_ask(&site, peer, WS_OPEN("/after/a?id=id-1")),
			"\r\n\r\n\x81\x03gap\x81\x01"
			"3\x81\x01"
			"4"));
	cr_expect_eq(gaps, 1);
	cr_expect_str_eq(gap_topic, "a");
	cr_expect_eq(result, 0);
}

Test(ws_rooms_replay, who_does_not_want_to_be_told_is_not)
{
	struct sim_peer *peer;

	deaf = true;
	publish_four();
	peer = site_connect(&site);
	cr_expect(holds(site_ask(&site, peer, WS_OPEN("/after/a?id=id-1")), "\r\n\r\n\x81\x01"
									    "3\x81\x01"
									    "4"));
}

static struct sim_peer *come_too_late(void (*how)(struct ouro_ctx *ctx, struct ouro_str topic))
{
	struct sim_peer *peer = site_connect(&site);

	in_gap = how;
	publish_four();
	cr_assert(holds(site_ask(&site, peer, WS_OPEN("/after/a?id=id-1")), "\r\n\r\n"));
	cr_expect_eq(gaps, 1);
	return peer;
}

Test(ws_rooms_replay, who_is_told_may_leave)
{
	struct sim_peer *peer = come_too_late(leave_in_gap);

	cr_expect_eq(subscribers("a"), 1);
	sim_peer_forget(peer);
	publish("a", "5");
	EXPECT(peer, "");
}

Test(ws_rooms_replay, who_is_told_may_begin_again)
{
	struct sim_peer *peer = come_too_late(come_back_in_gap);

	cr_expect_eq(subscribers("a"), 2);
	sim_peer_forget(peer);
	publish("a", "5");
	EXPECT(peer, "\x81\x01"
		     "5");
}

Test(ws_rooms_replay, who_is_told_may_close)
{
	struct sim_peer *peer = come_too_late(close_in_gap);

	cr_expect_eq(subscribers("a"), 1);
	cr_expect(holds(sim_peer_received(peer), "\r\n\r\n\x88\x02\x0f\xa1"));
}

Test(ws_rooms_replay, who_is_told_may_publish)
{
	struct sim_peer *peer = come_too_late(publish_in_gap);

	cr_expect(holds(sim_peer_received(peer), "\x81\x01"
						 "4\x81\x04more"));
}

Test(ws_rooms_replay, who_panics_when_told_is_closed)
{
	struct sim_peer *peer = come_too_late(panic_in_gap);

	cr_expect_eq(subscribers("a"), 1);
	cr_expect(holds(sim_peer_received(peer), "\r\n\r\n\x88\x02\x03\xf3"));
}

/* ---- Slow readers ---- */

static struct sim_peer *slow, *quick;

/* A slow client and one that is not get LARGE_COUNT messages. */
static void publish_to_slow(const char *ask, enum ouro_ws_overflow policy)
{
	static char text[LARGE_BYTES];

	ws_options.overflow = policy;
	ws_options.deflate = OURO_WS_DEFLATE_OFF;
	slow = join_with(ask);
	quick = join_with(WS_OPEN("/callbacks"));
	memset(text, 'x', sizeof(text));
	sim_peer_set_reading(slow, false);
	for (int i = 0; i < LARGE_COUNT; i++) {
		/* A number, so that it shows which have come. */
		snprintf(text, sizeof(text), "%02d;", i);
		text[3] = 'x';
		publish_message("a", &(struct ouro_message){ .data = { text, sizeof(text) } });
		cr_assert_eq(count_of(sim_peer_received(quick), "xxxxxxxx"), LARGE_BYTES / 8 - 1);
		sim_peer_forget(quick);
	}
}

static struct ouro_str read_all(void)
{
	sim_peer_set_reading(slow, true);
	sim_settle(site.loop);
	publish("a", "last");
	return sim_peer_received(slow);
}

static void expect_counted(uint64_t sent)
{
	const struct ouro_counters *counters = site_counters(&site);

	/* The quick one has had all of them. */
	cr_expect_eq(counters->ws_room_messages_out + counters->ws_messages_dropped, sent);
	cr_expect_gt(counters->ws_messages_dropped, LARGE_COUNT / 2);
	cr_expect_geq(counters->ws_messages_out, counters->ws_room_messages_out);
}

static void check_new_ones_are_missing(const char *ask, enum ouro_ws_overflow policy)
{
	struct ouro_str got;

	in_gap = say_gap;
	publish_to_slow(ask, policy);
	cr_expect_eq(gaps, 0);
	got = read_all();
	cr_expect(holds(got, "00;x"));
	cr_expect(holds(got, "\x81\x03gap\x81\x04last"));
	cr_expect_eq(count_of(got, "39;x"), 0);
	cr_expect_eq(gaps, 1);
	cr_expect_eq(drained, 0, "nobody was told to wait");
	expect_counted(2 * LARGE_COUNT + 2);
}

Test(ws_rooms, by_default_messages_do_not_wait_but_are_missing)
{
	check_new_ones_are_missing(WS_OPEN("/callbacks"), OURO_WS_OVERFLOW_WAIT);
}

Test(ws_rooms, messages_do_not_wait_for_a_straight_line_either)
{
	check_new_ones_are_missing(WS_OPEN("/after/a"), OURO_WS_OVERFLOW_WAIT);
}

Test(ws_rooms, new_messages_may_be_dropped)
{
	check_new_ones_are_missing(WS_OPEN("/callbacks"), OURO_WS_OVERFLOW_DROP_NEW);
}

Test(ws_rooms, old_messages_may_be_dropped)
{
	struct ouro_str got;

	publish_to_slow(WS_OPEN("/callbacks"), OURO_WS_OVERFLOW_DROP_OLD);
	got = read_all();
	cr_expect(holds(got, "00;x"));
	cr_expect(holds(got, "39;x"));
	cr_expect_eq(count_of(got, "20;x"), 0);
	cr_expect(holds(got, "\x81\x04last"));
	cr_expect_eq(gaps, 0);
	/* What was queued and dropped later was taken. */
	cr_expect_eq(site_counters(&site)->ws_room_messages_out, 2 * LARGE_COUNT + 2);
	cr_expect_gt(site_counters(&site)->ws_messages_dropped, LARGE_COUNT / 2);
}

Test(ws_rooms, a_slow_client_may_be_closed)
{
	struct ouro_str got;

	publish_to_slow(WS_OPEN("/callbacks"), OURO_WS_OVERFLOW_CLOSE);
	cr_expect_eq(subscribers("a"), 1);
	got = read_all();
	cr_expect(holds(got, "\x88\x02\x03\xf0"));
	cr_expect_eq(count_of(got, "last"), 0);
}

Test(ws_rooms, the_counters_say_what_there_is)
{
	struct answer answer;

	join_with(WS_OPEN("/callbacks"));
	publish("a", "x");
	answer = site_answer(&site, GET("/metrics"));
	cr_expect(holds(answer.body, "\nouro_ws_room_messages_out_total 1\n"));
	cr_expect(holds(answer.body, "\nouro_ws_messages_dropped_total 0\n"));
}

/* ---- Wrong calls ---- */

Test(ws_rooms, wrong_calls_say_so)
{
	struct sim_peer *peer = join_with(WS_OPEN("/callbacks"));
	char name[258];

	say(peer, "+");
	cr_expect_eq(result, -EINVAL);
	memset(name, 'x', sizeof(name));
	name[0] = '+';
	say_bytes(peer, 0x81, name, sizeof(name));
	cr_expect_eq(result, -ENAMETOOLONG);
	for (int i = 1; i < OURO_SUBSCRIPTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "+%d", i);
		say(peer, name);
		cr_expect_eq(result, 0);
	}
	say(peer, "+b");
	cr_expect_eq(result, -E2BIG);
}
