/* Handlers that wait, write, read, defer and panic as chance has it, for clients that come, dawdle and go
 * likewise, on a kernel where everything goes wrong: whatever happens, each clean-up runs once and nothing
 * is left. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS = 150, CLIENTS = 12, STEPS = 120, ACTIONS = 12, PIECE_BYTES = 50 * 1024, FDS = 3 };

static struct site site;
static uint64_t dice;
static int polled_fds[FDS];
static int deferred, cleaned, posted, arrived, handlers, left;
static struct ouro_ref refs[16];

static uint32_t roll(uint32_t bound)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((dice >> 33) % bound);
}

static void clean_up(void *arg)
{
	bool *done = arg;

	cr_assert_not(*done);
	*done = true;
	cleaned++;
}

static void clean_up_and_panic(void *arg)
{
	cleaned++;
	ouro_panic(arg, "clean-up");
}

static void defer_something(struct ouro_ctx *ctx)
{
	bool *done = ouro_alloc(ctx, sizeof(*done));

	*done = false;
	deferred++;
	if (roll(8) == 0)
		ouro_defer(ctx, clean_up_and_panic, ctx);
	else
		ouro_defer(ctx, clean_up, done);
}

static void on_post(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	arrived++;
	if (!ctx)
		return;
	switch (roll(8)) {
	case 0:
		ouro_abort(ctx);
		break;
	case 1:
		ouro_panic(ctx, "post");
	case 2:
		ouro_text(ctx, 200, OURO_STR("posted"));
		break;
	case 3:
		ouro_close(ctx);
		break;
	case 4:
		ouro_write(ctx, OURO_STR("posted"));
		break;
	default:
		break;
	}
}

static void after(struct ouro_ctx *ctx)
{
	if (roll(4) == 0)
		ouro_panic(ctx, "after");
	ouro_text(ctx, 200, OURO_STR("after"));
}

static void drained(struct ouro_ctx *ctx)
{
	ouro_write(ctx, OURO_STR("drained"));
}

static void gone(struct ouro_ctx *ctx)
{
	left++;
	if (roll(8) == 0)
		ouro_panic(ctx, "gone");
}

static void body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	if (roll(16) == 0)
		ouro_panic(ctx, "body");
	ouro_write_slice(ctx, chunk);
	if (last)
		ouro_text(ctx, 200, OURO_STR("read"));
}

static void write_something(struct ouro_ctx *ctx)
{
	static char piece[PIECE_BYTES];

	ouro_write_slice(ctx, (struct ouro_slice){ piece, 1 + roll(PIECE_BYTES), NULL });
}

static void read_something(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	ssize_t got = ouro_body_read(ctx, &chunk);

	if (got > 0 && roll(2))
		ouro_write_slice(ctx, chunk);
	if (got > 0 && roll(2))
		ouro_sleep(ctx, roll(20));
	for (ssize_t i = 0; i < got; i++)
		cr_assert_eq(chunk.ptr[i], 'b');
}

/* One thing, whatever comes. False: enough. */
static bool act(struct ouro_ctx *ctx)
{
	struct ouro_str whole;

	switch (roll(20)) {
	case 0:
	case 1:
	case 2:
		return ouro_sleep(ctx, roll(50)) == 0 || roll(4) == 0;
	case 3:
	case 4:
	case 5:
		read_something(ctx);
		return true;
	case 6:
		ouro_begin(ctx, 200, NULL, roll(2) ? OURO_LENGTH_UNKNOWN : roll(100000));
		return true;
	case 7:
	case 8:
		write_something(ctx);
		return true;
	case 9:
		ouro_poll(ctx, polled_fds[roll(FDS)], roll(2) ? POLLIN : POLLOUT, roll(100));
		return true;
	case 10:
		refs[roll(16)] = ouro_ref(ctx);
		return ouro_wait(ctx, roll(100)) >= 0 || roll(2);
	case 11:
	case 12:
		defer_something(ctx);
		return true;
	case 13:
		if (roll(3) == 0)
			ouro_panic(ctx, "chance");
		return true;
	case 14:
		ouro_after(ctx, roll(50), after);
		return true;
	case 15:
		ouro_on_gone(ctx, gone);
		ouro_on_drain(ctx, drained);
		return true;
	case 16:
		return ouro_body(ctx, &whole) == 0;
	case 17:
		if (roll(3) == 0)
			ouro_on_body(ctx, body);
		return true;
	case 18:
		if (roll(6) == 0)
			ouro_abort(ctx);
		if (roll(6) == 0)
			ouro_close(ctx);
		return true;
	default:
		ouro_text(ctx, 200, OURO_STR("answer"));
		return roll(2);
	}
}

static void chance(struct ouro_ctx *ctx)
{
	uint32_t actions = roll(ACTIONS);

	handlers++;
	for (uint32_t i = 0; i < actions && act(ctx); i++)
		;
	if (roll(2) && !ouro_is_answered(ctx))
		ouro_text(ctx, 200, OURO_STR("end"));
}

static void around(struct ouro_ctx *ctx)
{
	if (roll(4) == 0)
		act(ctx);
	ouro_next(ctx);
	if (roll(2) == 0)
		act(ctx);
}

static void response_hook(struct ouro_ctx *ctx)
{
	if (roll(10) == 0)
		ouro_sleep(ctx, roll(20));
	if (roll(40) == 0)
		ouro_panic(ctx, "response hook");
}

static void request_hook(struct ouro_ctx *ctx)
{
	if (roll(10) == 0)
		act(ctx);
}

static void panic_hook(struct ouro_ctx *ctx)
{
	if (roll(4) == 0)
		ouro_text(ctx, 500, OURO_STR("sorry"));
	if (roll(10) == 0)
		ouro_sleep(ctx, roll(20));
}

static void set_up(struct ouro_server *server)
{
	struct ouro_group *group;

	ouro_server_route(server, "GET, POST", "/chance", chance, NULL);
	ouro_server_route(server, "GET, POST", "/half", chance,
			  &(struct ouro_route_options){ .half_close = true });
	ouro_server_route(server, "GET, POST", "/inline", chance,
			  &(struct ouro_route_options){ .run_inline = true });
	ouro_server_route(server, "GET, POST", "/limited", chance,
			  &(struct ouro_route_options){ .handler_timeout_ms = 40 });
	ouro_server_group(server, "/around", NULL, &group);
	ouro_group_use(group, around);
	ouro_group_route(group, "GET, POST", "/", chance, NULL);
}

static void set_up_hooks(struct ouro_server *server)
{
	set_up(server);
	ouro_server_hook(server, OURO_HOOK_REQUEST, 0, request_hook);
	ouro_server_hook(server, OURO_HOOK_RESPONSE, 0, response_hook);
	ouro_server_hook(server, OURO_HOOK_PANIC, 0, panic_hook);
}

/* ---- Clients ---- */

/* False: not all of it was sent, and nothing more comes. */
static bool send_request(struct sim_peer *peer)
{
	static const char *const paths[] = { "/chance", "/half", "/inline", "/limited",
					     "/around/" };
	static char text[70000];
	const char *path = paths[roll(5)];
	uint32_t bytes = roll(2) ? roll(200) : roll(60000), len;

	switch (roll(4)) {
	case 0:
		len = (uint32_t)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
					 path);
		break;
	case 1:
		len = (uint32_t)snprintf(text, sizeof(text),
					 "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
					 "chunked\r\n\r\n%x\r\n",
					 path, bytes + 1);
		memset(text + len, 'b', bytes + 1);
		len += bytes + 1;
		memcpy(text + len, "\r\n0\r\n\r\n", 7);
		len += 7;
		break;
	default:
		len = (uint32_t)snprintf(text, sizeof(text),
					 "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: "
					 "%u\r\n\r\n",
					 path, roll(4) ? "" : "Expect: 100-continue\r\n", bytes);
		memset(text + len, 'b', bytes);
		len += bytes;
		break;
	}
	if (roll(8) == 0) {
		sim_peer_send(peer, text, roll(len));
		return false;
	}
	sim_peer_send(peer, text, len);
	return true;
}

static void move(struct sim_peer **peer)
{
	if (!*peer || sim_peer_is_over(*peer))
		*peer = sim_connect(site.sim);
	switch (roll(16)) {
	case 0:
		sim_peer_fin(*peer);
		*peer = NULL;
		break;
	case 1:
		sim_peer_reset(*peer);
		*peer = NULL;
		break;
	case 2:
		sim_peer_set_reading(*peer, false);
		break;
	case 3:
	case 4:
		sim_peer_set_reading(*peer, true);
		break;
	case 5:
		sim_peer_read(*peer, roll(100000));
		break;
	default:
		if (!send_request(*peer))
			*peer = NULL;
		break;
	}
	if (*peer)
		sim_peer_forget(*peer);
}

static void play(uint64_t seed)
{
	struct ouro_options options = { .fibers_max = 8,
					.recv_buffers = 8,
					.drain_timeout_ms = 200,
					.body_timeout_ms = 300,
					.write_timeout_ms = 300,
					.log_level = OURO_LOG_ERROR };
	struct sim_settings wild = sim_wild(seed);
	const struct sim_settings calm = { 0 };
	struct sim_peer *peers[CLIENTS] = { 0 }, *others[FDS];

	dice = seed;
	deferred = cleaned = posted = arrived = 0;
	memset(refs, 0, sizeof(refs));
	site_open_with(&site, &options, &wild, seed % 2 ? set_up : set_up_hooks);
	site.server->log.level = OURO_LOG_ERROR;
	for (int i = 0; i < FDS; i++)
		others[i] = sim_pair(site.sim, &polled_fds[i]);
	for (int step = 0; step < STEPS; step++) {
		move(&peers[roll(CLIENTS)]);
		if (roll(4) == 0)
			ouro_resume(refs[roll(16)], (int)roll(10));
		if (roll(4) == 0)
			posted += ouro_post(refs[roll(16)], on_post, NULL) == 0;
		if (roll(10) == 0)
			sim_peer_say(others[roll(FDS)], "x");
		sim_advance(site.loop, roll(20));
		site.logged[0] = '\0';
	}
	if (roll(2))
		ouro_worker_drain(site.worker);
	sim_advance(site.loop, roll(2) ? 5 : 5000);
	ouro_worker_drain(site.worker);
	sim_change(site.sim, &calm);
	for (int i = 0; i < 1000 && !ouro_worker_is_finished(site.worker); i++)
		sim_advance(site.loop, 100);
	for (int i = 0; i < FDS; i++)
		close(polled_fds[i]);
	cr_assert_eq(site.worker->polls.used_count, 0);
	site_close(&site);
	cr_assert_eq(cleaned, deferred, "seed %lu: %d of %d", (unsigned long)seed, cleaned,
		     deferred);
	cr_assert_eq(arrived, posted, "seed %lu: %d of %d", (unsigned long)seed, arrived, posted);
}

Test(wait_random, whatever_happens_nothing_is_left)
{
	/* Others by hand: OURO_SEED=1000 OURO_SEEDS=5000. */
	const char *from = getenv("OURO_SEED"), *how_many = getenv("OURO_SEEDS");
	uint64_t first = from ? strtoull(from, NULL, 10) : 1;
	uint64_t count = how_many ? strtoull(how_many, NULL, 10) : from ? 1 : SEEDS;

	for (uint64_t seed = first; seed < first + count; seed++) {
		if (from)
			fprintf(stderr, "seed %lu\n", (unsigned long)seed);
		play(seed);
	}
	cr_assert(from || handlers > SEEDS * 10);
}
