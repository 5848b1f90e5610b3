/* WebSockets of a server: the handshake and its refusals, both styles of handler, and each way to end. */
#include "server/site.h"
#include "server/ws.h"
#include "server/ws_frames.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY WS_KEY
#define ASK(path) WS_ASK(path)
#define OPEN(path) WS_OPEN(path)

enum { MESSAGE_MAX = 1000, HEAVY_COUNT = 64, HEAVY_BYTES = 64 * 1024 };

static struct site site;
static int opened, received, closed, drained, deferred, sent, result;
static unsigned code;
static char reason[64];
static const char *protocol;

static void note_deferred(void *arg)
{
	(void)arg;
	deferred++;
}

static void note_end(struct ouro_ctx *ctx)
{
	struct ouro_str why = ouro_ws_close_reason(ctx);

	closed++;
	code = ouro_ws_close_code(ctx);
	snprintf(reason, sizeof(reason), "%.*s", (int)why.len, why.ptr);
}

/* ---- In a straight line ---- */

static const char *const protocols[] = { "chat", "soap", NULL };
static const struct ouro_ws_options small = { .message_bytes_max = MESSAGE_MAX,
					      .protocols = protocols };

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	ouro_defer(ctx, note_deferred, NULL);
	ouro_set_header(ctx, "x-own", OURO_STR("1"));
	result = ouro_ws_accept(ctx, &small);
	if (result)
		return;
	opened++;
	protocol = ouro_ws_protocol(ctx);
	while ((result = ouro_ws_recv(ctx, &message)) == 0) {
		received++;
		cr_assert_eq(ouro_ws_send(ctx, message.type, message.data), 0);
	}
	note_end(ctx);
}

static void echo_by_reference(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, NULL))
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		ouro_ws_send_slice(ctx, message.type, message.slice);
	note_end(ctx);
}

static void take_one(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (!ouro_ws_accept(ctx, NULL))
		ouro_ws_recv(ctx, &message);
}

static void sleepy(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, NULL))
		return;
	result = ouro_sleep(ctx, SITE_LATER_MS);
	while (ouro_ws_recv(ctx, &message) == 0)
		received++;
	note_end(ctx);
}

static void late(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, SITE_LATER_MS);
	echo(ctx);
}

static void panics(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, note_deferred, NULL);
	if (!ouro_ws_accept(ctx, NULL))
		ouro_panic(ctx, "on purpose");
}

static void closes(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, NULL))
		return;
	cr_assert_eq(ouro_ws_close(ctx, 999, OURO_STR("")), -EINVAL);
	cr_assert_eq(ouro_ws_close(ctx, 4001, OURO_STR("enough")), 0);
	cr_assert_eq(ouro_ws_close(ctx, 4001, OURO_STR("enough")), -ENOTCONN);
	result = ouro_ws_recv(ctx, &message);
	note_end(ctx);
}

static void aborts(struct ouro_ctx *ctx)
{
	if (!ouro_ws_accept(ctx, NULL))
		ouro_abort(ctx);
}

static void heavy(struct ouro_ctx *ctx)
{
	static char text[HEAVY_BYTES];
	struct ouro_ws_options options = { .deflate = OURO_WS_DEFLATE_OFF };

	memset(text, 'x', sizeof(text));
	if (ouro_ws_accept(ctx, &options))
		return;
	for (sent = 0; sent < HEAVY_COUNT && !result; sent++)
		result = ouro_ws_send(ctx, OURO_WS_TEXT, ouro_str(text, sizeof(text)));
}

static void deaf(struct ouro_ctx *ctx)
{
	if (ouro_ws_accept(ctx, NULL))
		return;
	while (true) {
		ouro_sleep(ctx, SITE_LATER_MS);
		ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("?"));
	}
}

static void pings(struct ouro_ctx *ctx)
{
	if (!ouro_ws_accept(ctx, NULL))
		result = ouro_ws_ping(ctx, OURO_STR("hi"));
}

/* Options of its own for each connection. */
static void special(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = { .message_bytes_max = 1000u + (uint32_t)++opened,
					   .deflate = OURO_WS_DEFLATE_TAKEOVER };
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, &options))
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		ouro_ws_send(ctx, message.type, message.data);
}

static void dropping(struct ouro_ctx *ctx)
{
	static char text[HEAVY_BYTES];
	struct ouro_ws_options options = { .deflate = OURO_WS_DEFLATE_OFF,
					   .overflow = OURO_WS_OVERFLOW_DROP_NEW };

	if (ouro_ws_accept(ctx, &options))
		return;
	for (sent = 0; sent < HEAVY_COUNT && !result; sent++)
		result = ouro_ws_send(ctx, OURO_WS_BINARY, ouro_str(text, sizeof(text)));
}

/* As many messages as wait, each with its number in front, of a client that does not read. */
static void dropping_old(struct ouro_ctx *ctx)
{
	static char text[HEAVY_BYTES];
	struct ouro_ws_options options = { .deflate = OURO_WS_DEFLATE_OFF,
					   .overflow = OURO_WS_OVERFLOW_DROP_OLD };
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, &options))
		return;
	for (sent = 0; sent < HEAVY_COUNT; sent++) {
		text[0] = (char)sent;
		cr_assert_eq(ouro_ws_send(ctx, OURO_WS_BINARY, ouro_str(text, sizeof(text))), 0);
	}
	ouro_ws_recv(ctx, &message);
}

static void impatient(struct ouro_ctx *ctx)
{
	static char text[HEAVY_BYTES];
	struct ouro_ws_options options = { .deflate = OURO_WS_DEFLATE_OFF,
					   .overflow = OURO_WS_OVERFLOW_CLOSE };
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, &options))
		return;
	for (result = 0; !result; sent++)
		result = ouro_ws_send(ctx, OURO_WS_BINARY, ouro_str(text, sizeof(text)));
	cr_assert_eq(ouro_ws_send(ctx, OURO_WS_BINARY, OURO_STR("x")), -ENOTCONN);
	while (ouro_ws_recv(ctx, &message) == 0)
		;
	note_end(ctx);
}

/* As much as there is room for, and then it returns. */
static void brief(struct ouro_ctx *ctx)
{
	static char text[4 * HEAVY_BYTES];

	if (!ouro_ws_accept(ctx, NULL))
		result = ouro_ws_send(ctx, OURO_WS_BINARY, ouro_str(text, sizeof(text)));
}

static void wrong(struct ouro_ctx *ctx)
{
	const char *names[34] = { NULL };
	struct ouro_ws_message message;
	struct ouro_ws_options options = { .message_bytes_max = UINT32_MAX };

	cr_assert_eq(ouro_ws_recv(ctx, &message), -EINVAL);
	cr_assert_eq(ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("")), -EINVAL);
	cr_assert_eq(ouro_ws_ping(ctx, OURO_STR("")), -EINVAL);
	cr_assert_eq(ouro_ws_close(ctx, 1000, OURO_STR("")), -EINVAL);
	cr_assert_null(ouro_ws_protocol(ctx));
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	for (int i = 0; i < 33; i++)
		names[i] = "name";
	options = (struct ouro_ws_options){ .origins = names };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	options = (struct ouro_ws_options){ .protocols = names };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	/* The clock would take them for the past. */
	options = (struct ouro_ws_options){ .ping_interval_ms = UINT32_MAX - 1 };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	options = (struct ouro_ws_options){ .pong_timeout_ms = OURO_WS_NEVER };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	options = (struct ouro_ws_options){ .close_timeout_ms = (uint32_t)INT32_MAX + 1 };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	options = (struct ouro_ws_options){ .overflow = (enum ouro_ws_overflow)4 };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	options = (struct ouro_ws_options){ .deflate = (enum ouro_ws_deflate)3 };
	cr_assert_eq(ouro_ws_accept(ctx, &options), -EINVAL);
	ouro_text(ctx, 200, OURO_STR("ok"));
	cr_assert_eq(ouro_ws_accept(ctx, NULL), -EALREADY);
}

/* ---- In callbacks ---- */

static void on_open(struct ouro_ctx *ctx)
{
	opened++;
	cr_assert_eq(ouro_sleep(ctx, 1), -EDEADLK);
	ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("hello"));
}

static void say_later(struct ouro_ctx *ctx)
{
	ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("later"));
}

static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	struct ouro_ws_message other;
	int *count = ouro_data(ctx);

	cr_assert_eq(ouro_ws_recv(ctx, &other), -EINVAL);
	cr_assert_eq(ouro_path(ctx).len, 0);
	++*count;
	if (ouro_str_eq(message->data, OURO_STR("panic")))
		ouro_panic(ctx, "on purpose");
	if (ouro_str_eq(message->data, OURO_STR("later")))
		ouro_after(ctx, SITE_LATER_MS, say_later);
	else if (ouro_str_eq(message->data, OURO_STR("bye")))
		ouro_ws_close(ctx, 4002, OURO_STR("bye"));
	else
		ouro_ws_send(ctx, message->type, message->data);
}

static void on_close(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("?")), -ENOTCONN);
	note_end(ctx);
}

static void callbacks(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = { .on_open = on_open,
					   .on_message = on_message,
					   .on_close = on_close };

	ouro_set_data(ctx, &received);
	result = ouro_ws_accept(ctx, &options);
}

static void flood(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	static char text[HEAVY_BYTES];

	(void)message;
	for (result = 0; sent < HEAVY_COUNT && !result; sent += !result)
		result = ouro_ws_send(ctx, OURO_WS_BINARY, ouro_str(text, sizeof(text)));
}

static void on_drain(struct ouro_ctx *ctx)
{
	drained++;
	flood(ctx, NULL);
}

static void flooding(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = { .on_message = flood,
					   .on_drain = on_drain,
					   .deflate = OURO_WS_DEFLATE_OFF };

	ouro_ws_accept(ctx, &options);
}

static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options run_inline = { .run_inline = true };

	ouro_server_route(server, "GET, POST", "/echo", echo, NULL);
	ouro_server_route(server, "GET", "/reference", echo_by_reference, NULL);
	ouro_server_route(server, "GET", "/one", take_one, NULL);
	ouro_server_route(server, "GET", "/sleepy", sleepy, NULL);
	ouro_server_route(server, "GET", "/late", late, NULL);
	ouro_server_route(server, "GET", "/panics", panics, NULL);
	ouro_server_route(server, "GET", "/closes", closes, NULL);
	ouro_server_route(server, "GET", "/aborts", aborts, NULL);
	ouro_server_route(server, "GET", "/heavy", heavy, NULL);
	ouro_server_route(server, "GET", "/deaf", deaf, NULL);
	ouro_server_route(server, "GET", "/pings", pings, NULL);
	ouro_server_route(server, "GET", "/special", special, NULL);
	ouro_server_route(server, "GET", "/dropping", dropping, NULL);
	ouro_server_route(server, "GET", "/dropping-old", dropping_old, NULL);
	ouro_server_route(server, "GET", "/impatient", impatient, NULL);
	ouro_server_route(server, "GET", "/brief", brief, NULL);
	ouro_server_route(server, "GET", "/wrong", wrong, NULL);
	ouro_server_route(server, "GET", "/callbacks", callbacks, NULL);
	ouro_server_route(server, "GET", "/inline", callbacks, &run_inline);
	ouro_server_route(server, "GET", "/flooding", flooding, NULL);
}

/* ---- A client ---- */

static void open_site(void)
{
	opened = received = closed = drained = deferred = sent = result = 0;
	code = 0;
	reason[0] = 0;
	protocol = NULL;
	site_open_with(&site, NULL, NULL, set_up);
}

static void send_frame(struct sim_peer *peer, unsigned first, const char *payload, size_t len)
{
	static char frame[70000];

	cr_assert(sim_peer_send(peer, frame, ws_put_frame(frame, first, payload, len)));
	sim_settle(site.loop);
}

static void send_text(struct sim_peer *peer, const char *text)
{
	send_frame(peer, 0x81, text, strlen(text));
}

#define EXPECT(peer, literal) expect(peer, literal, sizeof(literal) - 1)

static void expect(struct sim_peer *peer, const char *bytes, size_t len)
{
	struct ouro_str got = sim_peer_received(peer);

	cr_assert_eq(got.len, len, "%zu bytes came instead of %zu", got.len, len);
	cr_assert_eq(memcmp(got.ptr, bytes, len), 0);
	sim_peer_forget(peer);
}

static bool contains(struct ouro_str text, const char *what)
{
	return text.len > 0 && memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

/* A client whose handshake was accepted. */
static struct sim_peer *connect_to(const char *ask)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str got = site_ask(&site, peer, ask);

	cr_assert(contains(got, "HTTP/1.1 101 Switching Protocols\r\n"), "%.*s", (int)got.len,
		  got.ptr);
	cr_assert(contains(got, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	cr_assert(contains(got, "connection: upgrade\r\n"));
	cr_assert(contains(got, "upgrade: websocket\r\n"));
	return peer;
}

static struct sim_peer *connected(const char *ask)
{
	struct sim_peer *peer = connect_to(ask);

	sim_peer_forget(peer);
	return peer;
}

/* Both have closed: the server has ended the connection, and the client does. */
static void leave(struct sim_peer *peer)
{
	cr_assert(sim_peer_saw_end(peer));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert(sim_peer_is_over(peer));
}

/* The client closes, and sees its close answered and the connection end. */
static void close_from(struct sim_peer *peer)
{
	send_frame(peer, 0x88, "\x03\xe8", 2);
	EXPECT(peer, "\x88\x02\x03\xe8");
	leave(peer);
}

/* ---- Handshakes ---- */

Test(ws, tells_which_protocol_it_speaks, .init = open_site)
{
	static const char *const asks[] = {
		"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY
		"\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY
		"Sec-WebSocket-Version: 8\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" KEY
		"Sec-WebSocket-Version: 13\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" KEY
		"Sec-WebSocket-Version: 13\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY
		"Sec-WebSocket-Version: 13\r\n\r\n",
		"GET /echo HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade, keep-alive\r\n" KEY "Sec-WebSocket-Version: 13\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websockets\r\nConnection: Upgrade\r\n" KEY
		"Sec-WebSocket-Version: 13\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct sim_peer *peer = site_connect(&site);
		struct ouro_str got = site_ask(&site, peer, asks[i]);

		cr_assert(contains(got, "HTTP/1.1 426 "), "%zu: %.*s", i, (int)got.len, got.ptr);
		cr_assert(contains(got, "sec-websocket-version: 13\r\n"));
		cr_assert(contains(got, "upgrade: websocket\r\n"));
		cr_assert(contains(got, "connection: upgrade\r\n"));
		cr_assert_eq(result, -EPROTONOSUPPORT);
	}
	site_close(&site);
}

Test(ws, malformed_handshakes_are_bad_requests, .init = open_site)
{
	static const char *const asks[] = {
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
		ASK("/echo") "Sec-WebSocket-Extensions: ;;\r\n\r\n",
		ASK("/echo") "Content-Length: 1\r\n\r\n",
		ASK("/echo") KEY "\r\n",
		ASK("/echo") "Sec-WebSocket-Version: 8\r\n\r\n",
		ASK("/echo") "Origin: http://a\r\nOrigin: http://elsewhere.example\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct sim_peer *peer = site_connect(&site);
		struct ouro_str got = site_ask(&site, peer, asks[i]);

		cr_assert(contains(got, "HTTP/1.1 400 "), "%zu: %.*s", i, (int)got.len, got.ptr);
		cr_assert_eq(result, -EBADMSG);
		sim_peer_reset(peer);
		sim_settle(site.loop);
	}
	site_close(&site);
}

Test(ws, tokens_are_found_in_lists_and_in_any_case, .init = open_site)
{
	close_from(connected(
		"GET /echo HTTP/1.1\r\nhost: a\r\nUPGRADE: h2c, WebSocket\r\n"
		"Connection: keep-alive\r\nconnection: x , uPgrade\r\n" KEY
		"sec-websocket-version:13 \r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"));
	site_close(&site);
}

Test(ws, a_handshake_behind_another_request, .init = open_site)
{
	close_from(connected("GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n" OPEN("/echo")));
	site_close(&site);
}

Test(ws, pages_without_an_origin_of_their_own_are_forbidden, .init = open_site)
{
	static const char *const origins[] = {
		"null", "", "a", "http://", "http://a http://b", "http://a.b", "http://a:81"
	};

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		struct sim_peer *peer = site_connect(&site);
		char ask[512];

		snprintf(ask, sizeof(ask), "%sOrigin: %s\r\n\r\n", ASK("/echo"), origins[i]);
		cr_assert(contains(site_ask(&site, peer, ask), "HTTP/1.1 403 "), "%zu", i);
	}
	site_close(&site);
}

Test(ws, pages_of_other_origins_are_forbidden, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str got =
		site_ask(&site, peer, ASK("/echo") "Origin: http://elsewhere.example\r\n\r\n");

	cr_assert(contains(got, "HTTP/1.1 403 "));
	cr_assert_eq(result, -EACCES);
	close_from(connected(ASK("/echo") "Origin: http://a\r\n\r\n"));
	site_close(&site);
}

Test(ws, a_refused_handshake_leaves_the_connection_to_others, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert(contains(site_ask(&site, peer, OPEN("/echo")), "HTTP/1.1 101 "));
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

Test(ws, the_answer_has_the_handlers_fields, .init = open_site)
{
	struct sim_peer *peer = connect_to(OPEN("/echo"));

	cr_assert(contains(sim_peer_received(peer), "x-own: 1\r\n"));
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

Test(ws, a_subprotocol_is_chosen, .init = open_site)
{
	struct sim_peer *peer = connect_to(ASK("/echo") "Sec-WebSocket-Protocol: mqtt, soap\r\n"
							"Sec-WebSocket-Protocol: chat\r\n\r\n");

	cr_assert(contains(sim_peer_received(peer), "sec-websocket-protocol: soap\r\n"));
	cr_assert_str_eq(protocol, "soap");
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

Test(ws, compression_is_negotiated, .init = open_site)
{
	struct sim_peer *peer =
		connect_to(ASK("/echo") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");

	cr_assert(
		contains(sim_peer_received(peer), "sec-websocket-extensions: permessage-deflate"));
	sim_peer_forget(peer);
	/* "Hello" as RFC 7692, 7.2.3.1 has it. */
	send_frame(peer, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	EXPECT(peer, "\x81\x05Hello");
	close_from(peer);
	site_close(&site);
}

Test(ws, calls_without_one_are_refused, .init = open_site)
{
	cr_assert_eq(site_answer(&site, "GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
	site_close(&site);
}

/* ---- In a straight line ---- */

Test(ws, messages_come_and_go, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/echo"));

	send_text(peer, "Hello");
	EXPECT(peer, "\x81\x05Hello");
	send_frame(peer, 0x82, "\x00\xff", 2);
	EXPECT(peer, "\x82\x02\x00\xff");
	send_frame(peer, 0x01, "Hel", 3);
	send_frame(peer, 0x80, "lo", 2);
	EXPECT(peer, "\x81\x05Hello");
	send_frame(peer, 0x89, "hi", 2);
	EXPECT(peer, "\x8a\x02hi");
	close_from(peer);
	cr_assert_eq(received, 3);
	cr_assert_eq(result, -ENOTCONN);
	cr_assert_eq(code, 1000);
	cr_assert_eq(deferred, 1);
	cr_assert_eq(site_counters(&site)->ws_upgrades, 1);
	cr_assert_eq(site_counters(&site)->ws_messages_in, 3);
	cr_assert_eq(site_counters(&site)->ws_messages_out, 3);
	site_close(&site);
}

Test(ws, messages_are_sent_by_reference, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/reference"));

	send_text(peer, "Hello");
	EXPECT(peer, "\x81\x05Hello");
	close_from(peer);
	site_close(&site);
}

Test(ws, bytes_behind_the_handshake_are_not_lost, .init = open_site)
{
	static const char *const paths[] = { OPEN("/echo"), OPEN("/late"), OPEN("/callbacks") };

	for (size_t i = 0; i < 3; i++)
		for (size_t cut = 1; cut < 40; cut++) {
			struct sim_peer *peer = site_connect(&site);
			char bytes[1024];
			size_t len = strlen(paths[i]);

			memcpy(bytes, paths[i], len);
			len += ws_put_frame(bytes + len, 0x81, "one", 3);
			len += ws_put_frame(bytes + len, 0x82, "two", 3);
			sim_peer_send(peer, bytes, len - cut);
			sim_settle(site.loop);
			sim_peer_send(peer, bytes + len - cut, cut);
			sim_settle(site.loop);
			sim_advance(site.loop, SITE_LATER_MS + 1);
			cr_assert(contains(sim_peer_received(peer), "\x81\x03one\x82\x03two"),
				  "%zu, %zu", i, cut);
			sim_peer_forget(peer);
			close_from(peer);
		}
	site_close(&site);
}

Test(ws, the_handlers_return_closes, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/one"));

	send_text(peer, "Hello");
	EXPECT(peer, "\x88\x02\x03\xe8");
	send_frame(peer, 0x88, "\x03\xe8", 2);
	leave(peer);
	site_close(&site);
}

Test(ws, a_client_that_does_not_answer_a_close_is_reset, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/one"));

	send_text(peer, "Hello");
	sim_advance(site.loop, 7000);
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

Test(ws, a_panic_closes_with_1011, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/panics"));

	(void)peer;
	cr_assert_eq(deferred, 1);
	cr_assert(strstr(site.logged, "on purpose"));
	sim_advance(site.loop, 7000);
	site_close(&site);
}

Test(ws, the_handler_closes_with_its_own_code, .init = open_site)
{
	struct sim_peer *peer = connect_to(OPEN("/closes"));

	cr_assert(contains(sim_peer_received(peer), "\x88\x08\x0f\xa1"
						    "enough"));
	cr_assert_eq(closed, 0);
	send_frame(peer, 0x88, "\x0f\xa2why", 5);
	leave(peer);
	cr_assert_eq(result, -ENOTCONN);
	cr_assert_eq(code, 4002);
	cr_assert_str_eq(reason, "why");
	site_close(&site);
}

Test(ws, a_message_that_is_too_large_ends_it_with_1009, .init = open_site)
{
	static char text[MESSAGE_MAX + 1];
	struct sim_peer *peer = connected(OPEN("/echo"));

	memset(text, 'x', sizeof(text));
	send_frame(peer, 0x81, text, MESSAGE_MAX);
	cr_assert_eq(sim_peer_received(peer).len, MESSAGE_MAX + 4);
	sim_peer_forget(peer);
	send_frame(peer, 0x81, text, MESSAGE_MAX + 1);
	EXPECT(peer, "\x88\x02\x03\xf1");
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(received, 1);
	cr_assert_eq(code, 1009);
	site_close(&site);
}

Test(ws, a_frame_without_mask_ends_it_with_1002, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/echo"));

	sim_peer_send(peer, "\x81\x01x", 3);
	sim_settle(site.loop);
	EXPECT(peer, "\x88\x02\x03\xea");
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(code, 1002);
	site_close(&site);
}

Test(ws, a_client_that_goes_ends_the_waiting, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/echo"));

	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(closed, 1);
	cr_assert_eq(code, 1006);
	cr_assert_eq(deferred, 1);
	peer = connected(OPEN("/sleepy"));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(closed, 2);
	site_close(&site);
}

Test(ws, messages_wait_for_a_handler_that_does_something_else, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/sleepy"));

	for (int i = 0; i < 3 * OURO_WS_QUEUED_MAX; i++)
		send_text(peer, "Hello");
	cr_assert_eq(site_counters(&site)->ws_messages_in, OURO_WS_QUEUED_MAX);
	sim_advance(site.loop, SITE_LATER_MS + 1);
	cr_assert_eq(received, 3 * OURO_WS_QUEUED_MAX);
	close_from(peer);
	site_close(&site);
}

Test(ws, messages_that_came_before_the_close_are_delivered, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/sleepy"));

	send_text(peer, "Hello");
	close_from(peer);
	cr_assert_eq(received, 1);
	cr_assert_eq(code, 1000);
	site_close(&site);
}

Test(ws, a_sender_waits_for_its_client, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/heavy"));
	cr_assert_lt(sent, HEAVY_COUNT);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert_eq(sent, HEAVY_COUNT);
	cr_assert_eq(result, 0);
	sim_peer_forget(peer);
	send_frame(peer, 0x88, "\x03\xe8", 2);
	leave(peer);
	site_close(&site);
}

Test(ws, a_sender_that_waits_is_told_when_its_client_goes, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/heavy"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(result, -ENOTCONN);
	site_close(&site);
}

Test(ws, a_handler_that_never_ends_is_ended, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/deaf"));

	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert(strstr(site.logged, "it went on waiting"));
	site_close(&site);
}

Test(ws, a_handler_resets, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, OPEN("/aborts"));
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

Test(ws, pings_are_sent, .init = open_site)
{
	struct sim_peer *peer = connect_to(OPEN("/pings"));

	cr_assert(contains(sim_peer_received(peer), "\x89\x02hi\x88\x02\x03\xe8"));
	cr_assert_eq(result, 0);
	send_frame(peer, 0x88, "\x03\xe8", 2);
	site_close(&site);
}

Test(ws, idle_clients_are_pinged_and_not_timed_out, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/echo"));

	sim_advance(site.loop, 32 * 1000);
	EXPECT(peer, "\x89\x00");
	send_frame(peer, 0x8a, "", 0);
	sim_advance(site.loop, 100);
	cr_assert(!sim_peer_is_over(peer));
	send_text(peer, "Hello");
	EXPECT(peer, "\x81\x05Hello");
	close_from(peer);
	site_close(&site);
}

Test(ws, messages_are_dropped_where_that_is_the_policy, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/dropping"));
	cr_assert_eq(result, -ENOBUFS);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	site_close(&site);
}

Test(ws, the_oldest_are_dropped_where_that_is_the_policy, .init = open_site)
{
	/* A head of ten bytes and HEAVY_BYTES. */
	enum { FRAME_BYTES = 10 + HEAVY_BYTES };
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str got;
	size_t frames;

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/dropping-old"));
	cr_assert_eq(sent, HEAVY_COUNT);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	frames = got.len / FRAME_BYTES;
	cr_assert_lt(frames, 16);
	/* The last ones are there, and each is whole. */
	for (size_t i = 0; i < 3; i++) {
		const char *frame = got.ptr + got.len - (i + 1) * FRAME_BYTES;

		cr_assert_eq(memcmp(frame, "\x82\x7f\0\0\0\0\0\x01\0\0", 10), 0);
		cr_assert_eq(frame[10], HEAVY_COUNT - 1 - (int)i);
	}
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

Test(ws, who_is_too_slow_is_closed_where_that_is_the_policy, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str got;

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/impatient"));
	cr_assert_eq(result, -ENOBUFS);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert_eq(memcmp(got.ptr + got.len - 4, "\x88\x02\x03\xf0", 4), 0);
	send_frame(peer, 0x88, "\x03\xf0", 2);
	leave(peer);
	cr_assert_eq(code, 1008);
	/* Or it goes on not reading. */
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/impatient"));
	sim_advance(site.loop, 7000);
	cr_assert(sim_peer_is_over(peer));
	cr_assert_eq(closed, 2);
	cr_assert_eq(code, 1006);
	site_close(&site);
}

Test(ws, a_client_that_answers_no_ping_is_reset, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/echo"));

	sim_advance(site.loop, 32 * 1000);
	EXPECT(peer, "\x89\x00");
	sim_advance(site.loop, 22 * 1000);
	cr_assert(sim_peer_is_over(peer));
	cr_assert_eq(code, 1006);
	site_close(&site);
}

Test(ws, a_slow_client_gets_all_before_the_close, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str got;

	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/brief"));
	cr_assert_eq(result, 0);
	sim_advance(site.loop, 20 * 1000);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert_eq(memcmp(got.ptr + got.len - 4, "\x88\x02\x03\xe8", 4), 0);
	send_frame(peer, 0x88, "\x03\xe8", 2);
	leave(peer);
	/* One that takes nothing is not waited for. */
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, OPEN("/brief"));
	sim_advance(site.loop, 32 * 1000);
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

Test(ws, each_may_have_options_of_its_own, .init = open_site)
{
	enum { COUNT = 20 };
	struct sim_peer *peers[COUNT];

	for (int i = 0; i < COUNT; i++)
		peers[i] = connected(OPEN("/special"));
	for (int i = 0; i < COUNT; i += 2)
		close_from(peers[i]);
	for (int i = 1; i < COUNT; i += 2) {
		send_text(peers[i], "Hello");
		EXPECT(peers[i], "\x81\x05Hello");
		close_from(peers[i]);
	}
	cr_assert_null(site.worker->ws_kinds);
	site_close(&site);
}

Test(ws, compression_with_takeover_says_nothing_of_it, .init = open_site)
{
	struct sim_peer *peer =
		connect_to(ASK("/special") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");

	cr_assert(!contains(sim_peer_received(peer), "no_context_takeover"));
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

/* What they hold between messages is bounded, and nobody is turned away for it. */
Test(ws, so_many_have_compression_with_takeover, .init = open_site)
{
	const char *ask = ASK("/special") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
	struct sim_peer *peers[3];

	site.worker->ws.codecs.options.inflaters_max = 5;
	for (int i = 0; i < 3; i++) {
		peers[i] = connect_to(ask);
		cr_assert_eq(contains(sim_peer_received(peers[i]),
				      "server_no_context_takeover; client_no_context_takeover"),
			     i == 2);
		sim_peer_forget(peers[i]);
	}
	for (int i = 0; i < 3; i++) {
		send_frame(peers[i], 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
		EXPECT(peers[i], "\x81\x05Hello");
	}
	cr_assert_eq(site.worker->ws.codecs.inflaters_used, 2);
	close_from(peers[0]);
	peers[0] = connect_to(ask);
	cr_assert(!contains(sim_peer_received(peers[0]), "no_context_takeover"));
	sim_peer_forget(peers[0]);
	for (int i = 0; i < 3; i++)
		close_from(peers[i]);
	cr_assert_eq(site.worker->ws.takeover_count, 0);
	site_close(&site);
}

/* ---- In callbacks ---- */

static void check_callbacks(const char *ask)
{
	struct sim_peer *peer = connect_to(ask);

	cr_assert(contains(sim_peer_received(peer), "\x81\x05hello"));
	sim_peer_forget(peer);
	cr_assert_eq(opened, 1);
	send_text(peer, "one");
	EXPECT(peer, "\x81\x03one");
	send_frame(peer, 0x02, "t", 1);
	send_frame(peer, 0x80, "wo", 2);
	EXPECT(peer, "\x82\x03two");
	close_from(peer);
	cr_assert_eq(received, 2);
	cr_assert_eq(closed, 1);
	cr_assert_eq(code, 1000);
	site_close(&site);
}

Test(ws_callbacks, messages_come_and_go, .init = open_site)
{
	check_callbacks(OPEN("/callbacks"));
}

Test(ws_callbacks, an_inline_handler_accepts, .init = open_site)
{
	check_callbacks(OPEN("/inline"));
}

Test(ws_callbacks, an_idle_one_holds_neither_fiber_nor_exchange, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/callbacks"));
	struct sim_peer *other = connected(OPEN("/callbacks"));

	/* But for the one that is kept for on_close, of all of them. */
	cr_assert_eq(site.worker->exchanges.used_count, 1);
	close_from(peer);
	cr_assert_eq(site.worker->exchanges.used_count, 1);
	close_from(other);
	cr_assert_eq(site.worker->exchanges.used_count, 0);
	site_close(&site);
}

Test(ws_callbacks, what_waits_keeps_the_context, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/callbacks"));

	send_text(peer, "later");
	send_text(peer, "one");
	EXPECT(peer, "\x81\x03one");
	sim_advance(site.loop, SITE_LATER_MS + 1);
	EXPECT(peer, "\x81\x05later");
	send_text(peer, "later");
	close_from(peer);
	cr_assert_eq(closed, 1);
	site_close(&site);
}

Test(ws_callbacks, one_closes_with_its_own_code, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/callbacks"));

	send_text(peer, "bye");
	EXPECT(peer, "\x88\x05\x0f\xa2"
		     "bye");
	send_frame(peer, 0x88, "\x0f\xa2", 2);
	leave(peer);
	cr_assert_eq(code, 4002);
	site_close(&site);
}

Test(ws_callbacks, a_panic_closes_with_1011, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/callbacks"));

	send_text(peer, "panic");
	EXPECT(peer, "\x88\x02\x03\xf3");
	send_frame(peer, 0x88, "\x03\xf3", 2);
	leave(peer);
	cr_assert_eq(closed, 1);
	site_close(&site);
}

Test(ws_callbacks, a_client_that_goes_is_told, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/callbacks"));

	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(closed, 1);
	cr_assert_eq(code, 1006);
	site_close(&site);
}

/* Makes it one that is out of memory, but for what is put back. Returns what it was. */
static struct ouro_pool exhaust(struct ouro_pool *pool)
{
	struct ouro_pool before = *pool;

	pool->free_list = NULL;
	pool->free_count = 0;
	pool->spare = NULL;
	pool->slab_bytes = (size_t)1 << 62; /* which cannot be mapped */
	return before;
}

Test(ws_callbacks, the_end_is_told_though_memory_is_short, .init = open_site)
{
	struct sim_peer *peers[] = { connected(OPEN("/callbacks")), connected(OPEN("/callbacks")),
				     connected(OPEN("/callbacks")) };
	struct ouro_pool before = exhaust(&site.worker->exchanges);

	cr_assert_null(ouro_pool_get(&site.worker->exchanges));
	send_text(peers[0], "lost");
	cr_assert(sim_peer_is_over(peers[0]));
	cr_assert_eq(received, 0);
	cr_assert_eq(closed, 1);
	cr_assert_eq(code, 1006);
	/* There is always one. */
	send_frame(peers[1], 0x88, "\x03\xe9", 2);
	leave(peers[1]);
	cr_assert_eq(closed, 2);
	cr_assert_eq(code, 1001);
	site.worker->exchanges = before;
	close_from(peers[2]);
	cr_assert_eq(closed, 3);
	site_close(&site);
}

Test(ws_callbacks, room_is_told_after_there_was_none, .init = open_site)
{
	struct sim_peer *peer = connected(OPEN("/flooding"));

	sim_peer_set_reading(peer, false);
	send_text(peer, "go");
	cr_assert_eq(result, -EAGAIN);
	cr_assert_eq(drained, 0);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_assert_gt(drained, 0);
	cr_assert_eq(sent, HEAVY_COUNT);
	sim_peer_forget(peer);
	close_from(peer);
	site_close(&site);
}

/* ---- The server goes ---- */

static void check_drain(const char *ask)
{
	struct sim_peer *peer = connected(ask);

	ouro_worker_drain(site.worker);
	sim_settle(site.loop);
	EXPECT(peer, "\x88\x02\x03\xe9");
	send_frame(peer, 0x88, "\x03\xe9", 2);
	leave(peer);
	cr_assert_eq(closed, 1);
	site_close(&site);
}

Test(ws, a_drain_closes_with_1001, .init = open_site)
{
	check_drain(OPEN("/echo"));
}

Test(ws_callbacks, a_drain_closes_with_1001, .init = open_site)
{
	check_drain(OPEN("/callbacks"));
}

Test(ws, none_is_accepted_while_the_server_drains, .init = open_site)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, OPEN("/late"));
	ouro_worker_drain(site.worker);
	sim_advance(site.loop, SITE_LATER_MS + 1);
	cr_assert(contains(sim_peer_received(peer), "HTTP/1.1 503 "));
	cr_assert_eq(result, -ESHUTDOWN);
	site_close(&site);
}
