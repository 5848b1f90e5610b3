/* WebSockets in rooms: who gets what, beside event streams, in both styles of handler. */
#include "server/events.h"
#include "server/ws.h"
#include "server/ws_frames.h"

#include <errno.h>

enum { LARGE_BYTES = 64 * 1024, LARGE_COUNT = 40 };

static struct site site;
static struct ouro_ws_options ws_options;
static int result, closed;

/* ---- Handlers ---- */

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
		result = ouro_ws_close(ctx, 4000, OURO_STR(""));
		break;
	default:
		result = ouro_publish(ctx, OURO_STR("a"), OURO_MESSAGE_TEXT, message->data);
	}
}

static void on_close(struct ouro_ctx *ctx)
{
	closed++;
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("late")), -EPIPE);
}

static void callbacks(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = ws_options;

	options.on_open = on_open;
	options.on_message = on_message;
	options.on_close = on_close;
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
	add(server, "GET", "/metrics", ouro_metrics);
}

static void begin(void)
{
	ws_options = (struct ouro_ws_options){ 0 };
	result = closed = 0;
	site_open_with(&site, NULL, NULL, set_up);
}

static void end(void)
{
	site_close(&site);
}

TestSuite(ws_rooms, .init = begin, .fini = end);

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
	cr_expect_eq(site.worker->exchanges.used_count, 0);
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
