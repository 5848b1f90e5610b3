/* Rooms: who gets what is published, and what of it was missed. */
#include "server/events.h"

#include <errno.h>

static struct site site;
static struct ouro_sse_options sse_options;
static int result, gone;
static struct ouro_ref ref;

static void on_gone(struct ouro_ctx *ctx)
{
	(void)ctx;
	gone++;
}

/* ---- Handlers ---- */

static void topic(struct ouro_ctx *ctx)
{
	ouro_on_gone(ctx, on_gone);
	ref = ouro_ref(ctx);
	if (ouro_sse_begin(ctx, &sse_options) == 0)
		result = ouro_subscribe(ctx, ouro_param(ctx, "name"));
}

/* Leaves nothing that watches: the stream is parked. */
static void quiet(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, &sse_options) == 0)
		ouro_subscribe(ctx, ouro_param(ctx, "name"));
}

/* Publishes what it subscribes to, and sends of its own. */
static void both(struct ouro_ctx *ctx)
{
	ouro_sse_begin(ctx, &sse_options);
	ouro_subscribe(ctx, OURO_STR("a"));
	ouro_publish(ctx, OURO_STR("a"), OURO_MESSAGE_TEXT, OURO_STR("published"));
	ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = OURO_STR("sent") });
	ouro_sleep(ctx, 1000);
	result = ouro_unsubscribe(ctx, OURO_STR("a"));
	ouro_publish(ctx, OURO_STR("a"), OURO_MESSAGE_TEXT, OURO_STR("missed"));
	ouro_sleep(ctx, 1000);
}

static void misuse(struct ouro_ctx *ctx)
{
	static char name[257];
	char number[16];

	memset(name, 'x', sizeof(name));
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("a")), -EINVAL);
	ouro_sse_begin(ctx, NULL);
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("")), -EINVAL);
	cr_expect_eq(ouro_subscribe(ctx, ouro_str(name, sizeof(name))), -ENAMETOOLONG);
	cr_expect_eq(ouro_unsubscribe(ctx, OURO_STR("a")), -ENOENT);
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("a")), 0);
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("a")), -EALREADY);
	for (int i = 1; i < OURO_SUBSCRIPTIONS_MAX; i++) {
		snprintf(number, sizeof(number), "%d", i);
		cr_expect_eq(ouro_subscribe(ctx, ouro_str_c(number)), 0);
	}
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("b")), -E2BIG);
	ouro_end(ctx);
	cr_expect_eq(ouro_subscribe(ctx, OURO_STR("a")), -EPIPE);
}

static void set_up(struct ouro_server *server)
{
	add(server, "GET", "/topic/{name}", topic);
	add(server, "GET", "/quiet/{name}", quiet);
	add(server, "GET", "/both", both);
	add(server, "GET", "/misuse", misuse);
	add(server, "GET", "/metrics", ouro_metrics);
}

static const struct ouro_options forgetful = { .replay_count_max = UINT32_MAX };

static const struct ouro_options large = { .message_bytes_max = OURO_SSE_EVENT_BYTES_MAX };

static const struct ouro_options small = {
	.topics_max = 4,
	.subscribers_max = 3,
	.message_bytes_max = 100000,
	.replay_count_max = 2,
	.topic_bytes_max = 1 << 20,
};

static void open_site(const struct ouro_options *options)
{
	sse_options = (struct ouro_sse_options){ 0 };
	result = gone = 0;
	site_open_with(&site, options, NULL, set_up);
}

static void begin(void)
{
	open_site(NULL);
}

static void begin_small(void)
{
	open_site(&small);
}

static void begin_large(void)
{
	open_site(&large);
}

static void begin_forgetful(void)
{
	open_site(&forgetful);
}

static void end(void)
{
	site_close(&site);
}

TestSuite(rooms_forgetful, .init = begin_forgetful, .fini = end);
TestSuite(rooms_large, .init = begin_large, .fini = end);
TestSuite(rooms, .init = begin, .fini = end);
TestSuite(rooms_bounds, .init = begin_small, .fini = end);

static struct sim_peer *join(const char *request)
{
	struct sim_peer *peer = site_connect(&site);

	listen_with(&site, peer, request);
	return peer;
}

static int publish_all(const char *name, const struct ouro_message *message)
{
	int count = ouro_server_publish(site.server, ouro_str_c(name), message);

	sim_settle(site.loop);
	return count;
}

static int publish_as(const char *name, const char *text, const char *id)
{
	return publish_all(name, &(struct ouro_message){ .data = ouro_str_c(text),
							 .id = ouro_str_c(id) });
}

/* ---- Who gets what ---- */

Test(rooms, all_subscribers_get_it_in_order)
{
	struct sim_peer *first = join(LISTEN("/topic/a", "")),
			*second = join(LISTEN("/topic/a", ""));
	struct sim_peer *other = join(LISTEN("/topic/b", ""));

	sim_peer_forget(first);
	sim_peer_forget(second);
	sim_peer_forget(other);
	cr_expect_eq(publish_as("a", "one", "1"), 2);
	cr_expect_eq(publish_as("a", "two\nlines", "2"), 2);
	cr_expect(is(sim_peer_received(first),
		     "id: 1\ndata: one\n\nid: 2\ndata: two\ndata: lines\n\n"));
	cr_expect(ouro_str_eq(sim_peer_received(first), sim_peer_received(second)));
	cr_expect(is(sim_peer_received(other), ""));
}

Test(rooms, a_message_has_what_an_event_has)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	sim_peer_forget(peer);
	publish_all("a", &(struct ouro_message){ .event = OURO_STR("e"), .id = OURO_STR("7") });
	cr_expect(is(sim_peer_received(peer), "event: e\nid: 7\ndata: \n\n"));
}

Test(rooms, a_message_without_an_id_gets_one)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	publish_all("a", &(struct ouro_message){ .data = OURO_STR("x") });
	cr_expect(holds(sim_peer_received(peer), "\r\n\r\nid: 1"));
	cr_expect(holds(sim_peer_received(peer), "\ndata: x\n\n"));
}

Test(rooms, a_handler_may_be_in_one)
{
	struct sim_peer *peer = join(LISTEN("/both", ""));

	cr_expect(holds(sim_peer_received(peer), "data: published\n\n"));
	cr_expect(holds(sim_peer_received(peer), "data: sent\n\n"));
	sim_advance(site.loop, 2000);
	cr_expect_eq(result, 0);
	cr_expect_eq(count_of(sim_peer_received(peer), "missed"), 0);
	cr_expect(sim_peer_saw_end(peer));
}

Test(rooms, a_stream_without_a_handler_holds_no_fiber)
{
	uint32_t before = site.worker->fibers.used_count;

	join(LISTEN("/topic/a", ""));
	cr_expect_eq(site.worker->fibers.used_count, before);
	cr_expect_eq(ouro_server_subscribers(site.server, OURO_STR("a")), 1);
}

Test(rooms, large_messages_are_not_copied_for_each)
{
	static char text[50000];
	uint64_t copied;
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	join(LISTEN("/topic/a", ""));
	memset(text, 'x', sizeof(text));
	copied = site_counters(&site)->bytes_copied;
	cr_expect_eq(publish_all("a", &(struct ouro_message){ .data = { text, sizeof(text) } }), 2);
	cr_expect_eq(count_of(sim_peer_received(peer), "xxxxxxxxxx"), sizeof(text) / 10);
	cr_expect_eq(site_counters(&site)->bytes_copied, copied);
}

Test(rooms, wrong_calls_say_so)
{
	site_answer(&site, GET("/misuse"));
	cr_expect_eq(site.worker->memberships.used_count, 0);
	cr_expect_eq(publish_as("", "x", "1"), -EINVAL);
	cr_expect_eq(publish_as("a", "x", "a\nb"), -EINVAL);
	cr_expect_eq(publish_all("a", &(struct ouro_message){ .event = OURO_STR("a\nb") }),
		     -EINVAL);
	cr_expect_eq(publish_all("a", &(struct ouro_message){ .type = 7 }), -EINVAL);
}

Test(rooms, what_an_event_cannot_carry_is_a_gap)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	sim_peer_forget(peer);
	publish_all("a", &(struct ouro_message){ .type = OURO_MESSAGE_BINARY,
						 .data = OURO_STR("\x01") });
	cr_expect(is(sim_peer_received(peer), "event: gap\ndata: \n\n"));
}

/* ---- Coming and going ---- */

Test(rooms, a_client_that_goes_is_no_subscriber)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_expect_eq(gone, 1);
	cr_expect_eq(publish_as("a", "x", "1"), 0);
	cr_expect_eq(site.worker->memberships.used_count, 0);
	cr_expect_eq(site.worker->event_streams.used_count, 0);
}

Test(rooms, who_comes_back_gets_what_was_missed)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", "")), *back;

	for (int i = 1; i <= 4; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		publish_as("a", "x", id);
	}
	sim_peer_fin(peer);
	sim_settle(site.loop);
	back = join(LISTEN("/topic/a", "Last-Event-ID: 2\r\n"));
	cr_expect(is(events_of(sim_peer_received(back)), "id: 3\ndata: x\n\nid: 4\ndata: x\n\n"));
	sim_peer_forget(back);
	publish_as("a", "y", "5");
	cr_expect(is(sim_peer_received(back), "id: 5\ndata: y\n\n"));
}

Test(rooms_bounds, who_comes_back_too_late_is_told_of_the_gap)
{
	struct sim_peer *back;

	join(LISTEN("/topic/a", ""));
	publish_as("a", "x", "1");
	publish_as("a", "x", "2");
	publish_as("a", "x", "3");
	publish_as("a", "x", "4");
	back = join(LISTEN("/topic/a", "Last-Event-ID: 1\r\n"));
	cr_expect(is(events_of(sim_peer_received(back)),
		     "event: gap\ndata: \n\nid: 3\ndata: x\n\nid: 4\ndata: x\n\n"));
}

Test(rooms, who_comes_back_with_an_id_that_is_none_is_told_of_the_gap)
{
	static char request[400];
	struct sim_peer *back;

	join(LISTEN("/topic/a", ""));
	publish_as("a", "x", "1");
	back = join(LISTEN("/topic/a", "Last-Event-ID: a\tb\r\n"));
	cr_expect(
		is(events_of(sim_peer_received(back)), "event: gap\ndata: \n\nid: 1\ndata: x\n\n"));
	snprintf(request, sizeof(request), LISTEN("/topic/a", "Last-Event-ID: %0257d\r\n"), 1);
	back = join(request);
	cr_expect(
		is(events_of(sim_peer_received(back)), "event: gap\ndata: \n\nid: 1\ndata: x\n\n"));
	back = join(LISTEN("/topic/a", "Last-Event-ID:  \r\n"));
	cr_expect(is(events_of(sim_peer_received(back)), ""));
}

static void leave(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	result = ouro_unsubscribe(ctx, OURO_STR("a"));
}

Test(rooms, a_stream_ends_when_its_last_room_is_left)
{
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	cr_assert_eq(ouro_post(ref, leave, NULL), 0);
	sim_settle(site.loop);
	cr_expect_eq(result, 0);
	cr_expect(sim_peer_saw_end(peer));
	cr_expect_eq(gone, 0);
}

Test(rooms, a_head_has_no_subscriber)
{
	struct answer answer = site_answer(&site, ASK("HEAD", "/topic/a", ""));

	cr_expect_eq(answer.status, 200);
	cr_expect_eq(result, -EPIPE);
	cr_expect_eq(publish_as("a", "x", "1"), 0);
}

Test(rooms, the_counters_say_what_there_is)
{
	struct answer answer;

	join(LISTEN("/topic/a", ""));
	publish_as("a", "x", "1");
	answer = site_answer(&site, GET("/metrics"));
	cr_expect(holds(answer.body, "\nouro_events_sent_total 1\n"));
	cr_expect(holds(answer.body, "\nouro_topics 1\n"));
}

Test(rooms, a_drain_ends_the_streams)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, GET("/topic/a"));
	publish_as("a", "x", "1");
	ouro_worker_drain(site.worker);
	sim_settle(site.loop);
	cr_expect(holds(sim_peer_received(peer), "data: x\n\n\r\n0\r\n\r\n"));
	cr_expect(sim_peer_saw_end(peer));
	cr_expect_eq(gone, 1);
	cr_expect_eq(publish_as("a", "x", "2"), 0);
}

/* ---- Slow readers ---- */

enum { LARGE_BYTES = 64 * 1024, LARGE_COUNT = 40 };

static struct sim_peer *publish_to_slow(void)
{
	static char text[LARGE_BYTES];
	struct sim_peer *peer = join(LISTEN("/topic/a", ""));

	memset(text, 'x', sizeof(text));
	sim_peer_set_reading(peer, false);
	for (int i = 0; i < LARGE_COUNT; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		publish_all("a", &(struct ouro_message){ .data = { text, sizeof(text) },
							 .id = ouro_str_c(id),
							 .key = OURO_STR("k") });
	}
	return peer;
}

static struct ouro_str read_all(struct sim_peer *peer)
{
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	publish_as("a", "last", "last");
	return sim_peer_received(peer);
}

Test(rooms, by_default_messages_do_not_wait_but_are_missing)
{
	struct ouro_str got = read_all(publish_to_slow());

	cr_expect(holds(got, "id: 0\n"));
	cr_expect_eq(count_of(got, "id: 39\n"), 0);
	cr_expect(holds(got, "event: gap\ndata: \n\nid: last\n"));
	cr_expect_gt(site_counters(&site)->events_sent, 4);
	cr_expect_eq(site_counters(&site)->events_sent + site_counters(&site)->events_dropped,
		     LARGE_COUNT + 1);
}

Test(rooms, slow_clients_may_get_the_newest_of_each_key)
{
	struct ouro_str got;

	sse_options.slow = OURO_SSE_SLOW_COALESCE;
	got = read_all(publish_to_slow());
	cr_expect(holds(got, "id: 39\n"));
	cr_expect_eq(count_of(got, "event: gap"), 0);
}

Test(rooms, slow_clients_may_be_given_up)
{
	struct sim_peer *peer;

	sse_options.slow = OURO_SSE_SLOW_CLOSE;
	peer = publish_to_slow();
	cr_expect(sim_peer_saw_reset(peer));
	cr_expect_eq(gone, 1);
	cr_expect_eq(site.worker->memberships.used_count, 0);
}

/* ---- Bounds ---- */

Test(rooms_forgetful, nothing_is_kept_for_who_comes_back)
{
	struct sim_peer *back;

	join(LISTEN("/topic/a", ""));
	publish_as("a", "x", "1");
	publish_as("a", "x", "2");
	back = join(LISTEN("/topic/a", "Last-Event-ID: 1\r\n"));
	cr_expect(is(events_of(sim_peer_received(back)), "event: gap\ndata: \n\n"));
}

Test(rooms_options, have_ranges)
{
	const struct ouro_options wrong[] = {
		{ .message_bytes_max = OURO_SSE_EVENT_BYTES_MAX + 1 },
		{ .replay_count_max = (1 << 20) + 1 },
		{ .topics_max = UINT32_MAX },
		{ .subscribers_max = UINT32_MAX },
		{ .topic_retention_ms = 24 * 3600 * 1000 + 1 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct ouro_server *server;
		struct ouro_options options = wrong[i];

		options.log_level = OURO_LOG_NOTHING;
		cr_expect_eq(ouro_server_create(&server, &options), -EINVAL, "%zu", i);
	}
}

Test(rooms_bounds, of_topics)
{
	join(LISTEN("/topic/a", ""));
	join(LISTEN("/topic/b", ""));
	join(LISTEN("/topic/c", ""));
	join(LISTEN("/topic/d", ""));
	cr_expect_eq(result, 0);
	join(LISTEN("/topic/e", ""));
	cr_expect_eq(result, -ENOSPC);
}

Test(rooms_bounds, of_subscribers)
{
	for (int i = 0; i < 3; i++)
		join(LISTEN("/topic/a", ""));
	cr_expect_eq(result, 0);
	join(LISTEN("/topic/a", ""));
	cr_expect_eq(result, -EUSERS);
}

Test(rooms_bounds, of_a_message)
{
	static char text[100001];

	memset(text, 'x', sizeof(text));
	join(LISTEN("/topic/a", ""));
	cr_expect_eq(publish_all("a", &(struct ouro_message){ .data = { text, 100001 } }),
		     -EMSGSIZE);
	cr_expect_eq(publish_all("a", &(struct ouro_message){ .data = { text, 100000 } }), 1);
}

/* The publisher is told, not the subscribers, also where it is the id that makes it too long. */
Test(rooms_large, a_message_is_at_most_an_event_with_its_id)
{
	static char text[OURO_SSE_EVENT_BYTES_MAX];
	struct ouro_message message = { .data = { text, sizeof(text) - strlen("data: \n\n") } };

	memset(text, 'x', sizeof(text));
	cr_expect_eq(publish_all("a", &message), -EMSGSIZE);
	message.data.len -= strlen("id: 18446744073709551615-18446744073709551615\n");
	cr_expect_eq(publish_all("a", &message), 0);
	message.id = OURO_STR("7");
	message.data.len = sizeof(text) - strlen("id: 7\ndata: \n\n");
	cr_expect_eq(publish_all("a", &message), 0);
}

/* ---- Whatever happens ---- */

enum { WILD_PEERS = 12, WILD_STEPS = 400 };

static const char *const wild_requests[] = {
	LISTEN("/topic/a", ""),
	GET("/topic/a"),
	ASK("GET", "/topic/a", "Accept-Encoding: gzip\r\n"),
	LISTEN("/topic/b", "Last-Event-ID: 3\r\n"),
	GET("/quiet/a"),
	ASK("GET", "/quiet/a", "Accept-Encoding: gzip\r\n"),
	GET("/quiet/b") GET("/topic/a"),
	LISTEN("/quiet/b", "Last-Event-ID: 3\r\n"),
	LISTEN("/both", ""),
};

static void act(struct sim_peer **peer)
{
	uint32_t choice = sim_random(site.sim, 20);

	if (!*peer || sim_peer_is_over(*peer)) {
		*peer = sim_connect(site.sim);
		sim_peer_say(*peer,
			     wild_requests[sim_random(site.sim, sizeof(wild_requests) /
									sizeof(wild_requests[0]))]);
	} else if (choice == 0) {
		sim_peer_fin(*peer);
	} else if (choice == 1) {
		sim_peer_reset(*peer);
	} else if (choice < 5) {
		sim_peer_set_reading(*peer, choice > 2);
	}
	sim_peer_forget(*peer);
}

static void live_wildly(uint64_t seed)
{
	static char text[LARGE_BYTES];
	const struct ouro_options options = { .compress = true, .drain_timeout_ms = 100 };
	const struct sim_settings wild = sim_wild(seed);
	struct sim_peer *peers[WILD_PEERS] = { NULL };

	memset(text, 'x', sizeof(text));
	result = gone = 0;
	sse_options = (struct ouro_sse_options){
		.heartbeat_ms = 50,
		.slow = (enum ouro_sse_slow)(seed % (OURO_SSE_SLOW_CLOSE + 1)),
		.backlog_count_max = 4,
	};
	site_open_with(&site, &options, &wild, set_up);
	for (int i = 0; i < WILD_STEPS; i++) {
		act(&peers[sim_random(site.sim, WILD_PEERS)]);
		ouro_server_publish(site.server, i % 2 ? OURO_STR("a") : OURO_STR("b"),
				    &(struct ouro_message){
					    .data = { text, sim_random(site.sim, LARGE_BYTES) },
					    .key = i % 3 ? OURO_STR("k") : (struct ouro_str){ 0 },
				    });
		sim_advance(site.loop, sim_random(site.sim, 20));
	}
	/* What is left has no subscriber, no session and no message. */
	site_close(&site);
}

Test(rooms_wild, nothing_is_left_whatever_happens)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		live_wildly(seed);
}
