/* Event streams whose handler has returned and whom nobody watches: they have no exchange, and behave as if
 * they had. */
#include "coding/coded.h"
#include "server/events.h"
#include "server/sse.h"

enum {
	EVENT_BYTES = 64 * 1024,
	FLOOD_COUNT = 40, /* of these: more than the output and the backlog take */
};

static struct site site;
static struct ouro_sse_options sse_options;

static void topic(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, &sse_options) == 0)
		ouro_subscribe(ctx, OURO_STR("a"));
}

static void hello(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("hello"));
}

static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options limited = { .handler_timeout_ms = 2500 };

	add(server, "GET", "/topic", topic);
	add(server, "GET", "/hello", hello);
	cr_assert_eq(ouro_server_route(server, "GET", "/limited", topic, &limited), 0);
}

static void begin(void)
{
	const struct ouro_options options = { .compress = true };

	sse_options = (struct ouro_sse_options){ 0 };
	site_open_with(&site, &options, NULL, set_up);
}

static void end(void)
{
	/* Whatever a test left behind ends in order, and nothing is left of it. */
	site_close(&site);
}

TestSuite(sse_parked, .init = begin, .fini = end);

/* A client whose stream is parked; what came is forgotten. */
static struct sim_peer *park(const char *request)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, request);
	cr_assert_eq(site.worker->exchanges.used_count, 0);
	cr_assert_eq(site.worker->event_streams.used_count, 1);
	sim_peer_forget(peer);
	return peer;
}

static void publish(struct ouro_str text)
{
	ouro_server_publish(site.server, OURO_STR("a"),
			    &(struct ouro_message){ .data = text, .id = OURO_STR("1") });
	sim_settle(site.loop);
}

static void expect_no_stream(void)
{
	sim_settle(site.loop);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
	cr_expect_eq(site.worker->exchanges.used_count, 0);
	cr_expect_eq(site.worker->memberships.used_count, 0);
	cr_expect_null(site.worker->event_kinds);
}

Test(sse_parked, messages_arrive_without_an_exchange)
{
	struct sim_peer *peer = park(LISTEN("/topic", ""));

	publish(OURO_STR("one"));
	cr_expect(is(sim_peer_received(peer), "id: 1\ndata: one\n\n"));
	cr_expect_eq(site.worker->exchanges.used_count, 0);
}

Test(sse_parked, heartbeats_are_sent)
{
	struct sim_peer *peer = park(LISTEN("/topic", ""));

	sim_advance(site.loop, 15000);
	cr_expect(is(sim_peer_received(peer), ":\n\n"));
	cr_expect_eq(site.worker->exchanges.used_count, 0);
}

Test(sse_parked, one_that_may_take_only_so_long_is_not)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, LISTEN("/limited", ""));
	cr_expect_eq(site.worker->exchanges.used_count, 1);
	sim_advance(site.loop, 3000);
	cr_expect(sim_peer_saw_reset(peer));
}

Test(sse_parked, the_clients_end_ends_it)
{
	struct sim_peer *peer = park(LISTEN("/topic", ""));

	sim_peer_fin(peer);
	expect_no_stream();
	peer = park(GET("/topic"));
	sim_peer_reset(peer);
	expect_no_stream();
}

/* A client whose stream sends heartbeats as no other does. */
static struct sim_peer *park_with(uint32_t heartbeat_ms)
{
	struct sim_peer *peer = site_connect(&site);

	sse_options.heartbeat_ms = heartbeat_ms;
	site_ask(&site, peer, LISTEN("/topic", ""));
	sim_peer_forget(peer);
	return peer;
}

Test(sse_parked, each_may_have_options_of_its_own)
{
	enum { COUNT = 20 };
	struct sim_peer *peers[COUNT];

	for (uint32_t i = 0; i < COUNT; i++)
		peers[i] = park_with(5000 + i);
	for (int i = 0; i < COUNT; i += 2)
		sim_peer_reset(peers[i]);
	publish(OURO_STR("one"));
	for (int i = 1; i < COUNT; i += 2) {
		cr_expect(is(sim_peer_received(peers[i]), "id: 1\ndata: one\n\n"));
		sim_peer_reset(peers[i]);
	}
	expect_no_stream();
}

Test(sse_parked, who_says_more_meanwhile_still_gets_events)
{
	struct sim_peer *peer = park(LISTEN("/topic", ""));

	sim_peer_say(peer, "GET /hello HTTP/1.1\r\n");
	publish(OURO_STR("one"));
	cr_expect_eq(site.worker->exchanges.used_count, 1);
	cr_expect(is(sim_peer_received(peer), "id: 1\ndata: one\n\n"));
	sim_peer_fin(peer);
	expect_no_stream();
}

Test(sse_parked, compressed_its_events_go_on_where_the_first_ended)
{
	const enum ouro_coding gzip = ouro_coding_find(OURO_STR("gzip"));
	struct sim_peer *peer = site_connect(&site);
	struct ouro_decoder *decoder;
	struct ouro_str bytes;
	char decoded[100];
	size_t len;

	sse_options.retry_ms = 500;
	cr_assert_eq(ouro_decoder_create(&decoder, &gzip, 1, &no_limits), 0);
	bytes = listen_with(&site, peer, LISTEN("/topic", "Accept-Encoding: gzip\r\n"));
	cr_assert_eq(site.worker->exchanges.used_count, 0);
	ouro_decoder_run(decoder, &bytes, false, decoded, sizeof(decoded), &len);
	cr_expect(is(ouro_str(decoded, len), "retry: 500\n\n"));
	sim_peer_forget(peer);
	publish(OURO_STR("one"));
	bytes = sim_peer_received(peer);
	ouro_decoder_run(decoder, &bytes, false, decoded, sizeof(decoded), &len);
	cr_expect(is(ouro_str(decoded, len), "id: 1\ndata: one\n\n"));
	ouro_decoder_destroy(decoder);
	sim_peer_reset(peer);
	expect_no_stream();
	cr_expect_eq(site.worker->coders.encoder_count, 0);
}

Test(sse_parked, a_slow_client_gets_the_newest_once_it_reads)
{
	static char large[EVENT_BYTES];
	struct sim_peer *peer;

	memset(large, 'x', sizeof(large));
	sse_options.slow = OURO_SSE_SLOW_DROP_OLDEST;
	peer = park(LISTEN("/topic", ""));
	sim_peer_set_reading(peer, false);
	for (int i = 0; i < FLOOD_COUNT; i++)
		publish(ouro_str(large, sizeof(large)));
	publish(OURO_STR("newest"));
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	cr_expect(holds(sim_peer_received(peer), "event: gap\ndata: \n\n"));
	cr_expect(holds(sim_peer_received(peer), "data: newest\n\n"));
	cr_expect_eq(site.worker->exchanges.used_count, 0);
}

Test(sse_parked, a_slow_client_may_be_given_up)
{
	static char large[EVENT_BYTES];
	struct sim_peer *peer;

	memset(large, 'x', sizeof(large));
	sse_options.slow = OURO_SSE_SLOW_CLOSE;
	peer = park(LISTEN("/topic", ""));
	sim_peer_set_reading(peer, false);
	for (int i = 0; i < FLOOD_COUNT; i++)
		publish(ouro_str(large, sizeof(large)));
	cr_expect(sim_peer_saw_reset(peer));
	expect_no_stream();
}

Test(sse_parked, a_drain_ends_it_in_order)
{
	struct sim_peer *peer = park(GET("/topic"));

	ouro_worker_drain(site.worker);
	sim_settle(site.loop);
	cr_expect(is(sim_peer_received(peer), "0\r\n\r\n"));
	cr_expect(sim_peer_saw_end(peer));
	expect_no_stream();
}
