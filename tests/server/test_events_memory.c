/* Event streams and rooms without memory: each call says so, what was not taken is told as missing, and
 * nothing is left behind. The linker sends what they call through here. */
#include "server/events.h"

#include "hub/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Names that the linker gives. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

static unsigned asked_count;
static unsigned fail_at; /* counted from 1; 0: never */

static bool has_none(void)
{
	return ++asked_count == fail_at;
}

void *__wrap_malloc(size_t bytes)
{
	return has_none() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return has_none() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
	return has_none() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (!has_none())
		return __real_mmap(at, bytes, protection, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}

/* What it is called where files have 64 bits. */
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return __wrap_mmap(at, bytes, protection, flags, fd, offset);
}

static void fail_from_here(unsigned number)
{
	asked_count = 0;
	fail_at = number;
}

/* Whether something has failed. */
static bool fail_no_more(void)
{
	bool has_failed = fail_at > 0 && asked_count >= fail_at;

	fail_at = 0;
	return has_failed;
}

enum { LARGE_BYTES = 60000, LARGE_COUNT = 12 };

static struct site site;
static unsigned number;
static bool has_failed;
static int begun, subscribed, sent;
static char large[LARGE_BYTES];

/* ---- Calls ---- */

static void all_calls(struct ouro_ctx *ctx)
{
	struct ouro_sse_options options = { .retry_ms = 1000 };
	struct ouro_sse_event event = { .data = { large, LARGE_BYTES } };

	fail_from_here(number);
	begun = ouro_sse_begin(ctx, &options);
	subscribed = ouro_subscribe(ctx, OURO_STR("a"));
	sent = ouro_sse_send(ctx, &event);
	has_failed = fail_no_more();
	if (begun && !ouro_is_closed(ctx))
		ouro_text(ctx, 503, OURO_STR("no memory"));
}

static void listen_to(struct ouro_ctx *ctx)
{
	ouro_sse_begin(ctx, NULL);
	ouro_subscribe(ctx, OURO_STR("a"));
}

static void set_up(struct ouro_server *server)
{
	add(server, "GET", "/all", all_calls);
	add(server, "GET", "/topic", listen_to);
}

static void open_site(void)
{
	memset(large, 'x', sizeof(large));
	begun = subscribed = sent = 0;
	site_open_with(&site, NULL, NULL, set_up);
}

/* What the client got, whatever did not work. */
static void check_answer(struct sim_peer *peer)
{
	struct ouro_str got = sim_peer_received(peer);

	if (begun == 0) {
		cr_expect(holds(got, "text/event-stream\r\n"));
		cr_expect(holds(got, "cache-control: no-store\r\n"));
		cr_expect(holds(got, "retry: 1000\n\n"));
	} else if (!sim_peer_saw_reset(peer)) {
		cr_expect(holds(got, " 503 "));
		cr_expect_eq(count_of(got, "cache-control"), 0);
		cr_expect_eq(site.worker->event_streams.used_count, 0);
	}
	cr_expect_eq(site.worker->memberships.used_count, begun == 0 && subscribed == 0);
}

Test(events_memory, whatever_is_missing_the_call_says_so_and_leaves_nothing_behind)
{
	unsigned failures[3] = { 0 };

	for (number = 1; number == 1 || has_failed; number++) {
		struct sim_peer *peer;

		cr_assert_lt(number, 100);
		open_site();
		peer = site_connect(&site);
		site_ask(&site, peer, LISTEN("/all", ""));
		/* Where the head has no room the connection is lost. */
		cr_expect(begun == 0 || begun == -ENOMEM ||
				  (begun == -ENOTCONN && sim_peer_saw_reset(peer)),
			  "%u: %d", number, begun);
		if (begun == 0)
			cr_expect(subscribed == 0 || subscribed == -ENOMEM, "%u: %d", number,
				  subscribed);
		if (begun == 0)
			cr_expect(sent == 0 || sent == -ENOMEM, "%u: %d", number, sent);
		failures[0] += begun != 0;
		failures[1] += begun == 0 && subscribed != 0;
		failures[2] += begun == 0 && sent != 0;
		check_answer(peer);
		site_close(&site);
	}
	/* The stream's own, its fields, the output, its first event; the membership, the table of topics, the
	 * topic and its part; the event. */
	cr_expect_geq(failures[0], 4);
	cr_expect_eq(failures[1], 4);
	cr_expect_eq(failures[2], 1);
}

/* ---- Messages ---- */

static struct sim_peer *listen_to_topic(void)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, LISTEN("/topic", ""));
	sim_peer_forget(peer);
	return peer;
}

/* Publishes, and hands it over, before anything else asks for memory. */
static int publish(struct ouro_str data, const char *id)
{
	struct ouro_message message = { .data = data, .id = ouro_str_c(id) };
	int count;

	fail_from_here(number);
	count = ouro_server_publish(site.server, OURO_STR("a"), &message);
	ouro_hub_loop_run(site.worker->rooms);
	has_failed = fail_no_more();
	return count;
}

Test(events_memory, a_message_is_refused_or_missing)
{
	unsigned refused = 0, missing = 0;

	for (number = 1; number == 1 || has_failed; number++) {
		struct sim_peer *peer;
		int count;

		cr_assert_lt(number, 100);
		open_site();
		peer = listen_to_topic();
		count = publish(OURO_STR("x"), "1");
		sim_settle(site.loop);
		cr_expect(count == 1 || count == -ENOMEM, "%u: %d", number, count);
		if (count < 0)
			cr_expect(is(sim_peer_received(peer), ""));
		else if (has_failed && !sim_peer_saw_reset(peer))
			cr_expect(is(sim_peer_received(peer), "event: gap\ndata: \n\n"));
		else if (!has_failed)
			cr_expect(is(sim_peer_received(peer), "id: 1\ndata: x\n\n"));
		refused += count < 0;
		missing += count > 0 && has_failed;
		site_close(&site);
	}
	/* The message and its place in the topic; its encoding and the buffer that stands for it. */
	cr_expect_eq(refused, 2);
	cr_expect_geq(missing, 2);
}

/* Publishes large messages until one fails; how many events had been dropped before it. */
static uint64_t publish_large(void)
{
	uint64_t dropped = 0;

	has_failed = false;
	for (int i = 0; i < LARGE_COUNT && !has_failed; i++) {
		dropped = site_counters(&site)->events_dropped;
		publish(ouro_str(large, sizeof(large)), "1");
		sim_settle(site.loop);
	}
	return dropped;
}

Test(events_memory, what_cannot_wait_for_a_slow_client_is_missing)
{
	const struct ouro_options options = { .replay_count_max = 1 };
	struct sim_peer *peer;
	uint64_t dropped;

	site_open_with(&site, &options, NULL, set_up);
	peer = listen_to_topic();
	sim_peer_set_reading(peer, false);
	/* Once for what the topic and the output take. */
	number = 0;
	publish_large();
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	sim_peer_set_reading(peer, false);
	/* The message, its encoding, and, when the output is full, the place where it waits. */
	number = 3;
	dropped = publish_large();
	cr_assert(has_failed);
	cr_expect_eq(site_counters(&site)->events_dropped, dropped + 1);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	sim_peer_forget(peer);
	number = 0;
	publish(OURO_STR("y"), "2");
	sim_settle(site.loop);
	cr_expect(is(sim_peer_received(peer), "event: gap\ndata: \n\nid: 2\ndata: y\n\n"));
	site_close(&site);
}
