/* Ten thousand handlers asleep on one loop: nobody else notices, and their memory comes back. */
#include "server/site.h"

#include <criterion/criterion.h>

enum { SLEEPERS = 10000, SLEEP_MS = 1000, TURNS_MAX = 20, REST_MS = 120000 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}

static void sleeper(struct ouro_ctx *ctx)
{
	if (ouro_sleep(ctx, SLEEP_MS) == 0)
		ouro_text(ctx, 200, OURO_STR("ok"));
}

static void set_up(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_route(server, "GET", "/plaintext", plaintext, NULL), 0);
	cr_assert_eq(ouro_server_route(server, "GET", "/sleep", sleeper, NULL), 0);
}

/* Turns of the loop from a request for /plaintext to its answer. */
static unsigned turns_to_answer(struct site *site, struct sim_peer *peer)
{
	unsigned turns = 0;

	sim_peer_forget(peer);
	sim_peer_say(peer, GET("/plaintext"));
	while (sim_peer_received(peer).len == 0 && turns < TURNS_MAX) {
		ouro_loop_turn(site->loop, false);
		turns++;
	}
	return turns;
}

struct scene {
	struct site site;
	struct sim_peer *other;
	struct sim_peer *sleepers[SLEEPERS];
	unsigned undisturbed; /* turns to an answer while nobody sleeps */
};

static void fall_asleep(struct scene *scene)
{
	struct ouro_options options = { .connections_max = SLEEPERS + 1 };

	site_open_with(&scene->site, &options, NULL, set_up);
	scene->other = site_connect(&scene->site);
	scene->undisturbed = turns_to_answer(&scene->site, scene->other);
	cr_assert_lt(scene->undisturbed, TURNS_MAX);
	for (int i = 0; i < SLEEPERS; i++) {
		scene->sleepers[i] = sim_connect(scene->site.sim);
		sim_peer_say(scene->sleepers[i], GET("/sleep"));
		if (i % 100 == 0)
			sim_settle(scene->site.loop);
	}
	sim_settle(scene->site.loop);
	cr_assert_eq(scene->site.worker->fibers.used_count, SLEEPERS);
}

Test(sleepers, a_request_takes_as_many_turns_as_when_nobody_sleeps)
{
	static struct scene scene;

	fall_asleep(&scene);
	cr_assert_eq(turns_to_answer(&scene.site, scene.other), scene.undisturbed);
	site_close(&scene.site);
}

Test(sleepers, a_request_waits_one_turn_at_most_when_all_wake_at_once)
{
	static struct scene scene;
	unsigned turns;

	fall_asleep(&scene);
	sim_skip(scene.site.sim, 2 * SLEEP_MS);
	turns = turns_to_answer(&scene.site, scene.other);
	cr_assert_leq(turns, scene.undisturbed + 1);
	sim_settle(scene.site.loop);
	for (int i = 0; i < SLEEPERS; i++)
		cr_assert_gt(sim_peer_received(scene.sleepers[i]).len, 0);
	cr_assert_eq(scene.site.worker->fibers.used_count, 0);
	site_close(&scene.site);
}

Test(sleepers, their_stacks_are_given_back)
{
	static struct scene scene;
	uint32_t most;

	fall_asleep(&scene);
	sim_advance(scene.site.loop, 2 * SLEEP_MS);
	cr_assert_eq(scene.site.worker->fibers.used_count, 0);
	most = scene.site.worker->fibers.free_count;
	for (int ms = 0; ms < REST_MS; ms += 1000)
		sim_advance(scene.site.loop, 1000);
	cr_assert_lt(scene.site.worker->fibers.free_count, most / 100);
	site_close(&scene.site);
}

Test(sleepers, their_memory_is_given_back_though_nobody_comes_any_more)
{
	static struct scene scene;
	struct ouro_worker *worker;

	fall_asleep(&scene);
	worker = scene.site.worker;
	cr_assert_geq(worker->exchanges.mapped_bytes, SLEEPERS * sizeof(struct ouro_ctx));
	sim_advance(scene.site.loop, 2 * SLEEP_MS);
	for (int i = 0; i < SLEEPERS; i++)
		sim_peer_reset(scene.sleepers[i]);
	sim_peer_reset(scene.other);
	sim_settle(scene.site.loop);
	cr_assert_eq(worker->conns.open_count, 0);
	cr_assert_gt(worker->conns.pools.buffers.mapped_bytes, 0);
	for (int ms = 0; ms < REST_MS; ms += 1000)
		sim_advance(scene.site.loop, 1000);
	cr_assert_eq(worker->exchanges.mapped_bytes, 0);
	cr_assert_eq(worker->arenas.mapped_bytes, 0);
	cr_assert_eq(worker->carries.mapped_bytes, 0);
	cr_assert_eq(worker->conns.pools.queues.mapped_bytes, 0);
	cr_assert_eq(worker->conns.pools.buffers.mapped_bytes, 0);
	site_close(&scene.site);
}
