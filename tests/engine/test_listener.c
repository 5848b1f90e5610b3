/* The listener on the simulated backend: a full table, errors, closing. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(listener, every_connection_is_accepted_whatever_happens)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig_options options = { .connections_max = 64, .sim = sim_wild(seed) };
		struct rig rig;

		rig_open(&rig, &options);
		rig_listen(&rig);
		for (int i = 0; i < 50; i++) {
			sim_connect(sim_of(&rig.loop));
			if (i % 3 == 0)
				ouro_loop_turn(&rig.loop, false);
		}
		sim_settle(&rig.loop);
		cr_assert_eq(rig.opened, 50, "seed %d: %u", (int)seed, rig.opened);
		cr_assert_eq(rig.loop.counters.connections_accepted, 50);
		rig_close(&rig);
	}
}

static void resume(void *arg)
{
	ouro_listener_resume(&((struct rig *)arg)->listener);
}

Test(listener, a_full_table_lets_the_rest_wait_and_goes_on_with_room)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig_options options = { .connections_max = 4, .sim = sim_wild(seed) };
		struct sim_peer *peers[12];
		struct rig rig;

		options.sim.cancel_race = 0;
		rig_open(&rig, &options);
		rig_listen(&rig);
		rig.conns.on_room = resume;
		rig.conns.on_room_arg = &rig;
		for (int i = 0; i < 12; i++)
			peers[i] = sim_connect(sim_of(&rig.loop));
		sim_settle(&rig.loop);
		cr_assert_eq(rig.conns.open_count, 4);
		/* What a multishot accept brought too many was refused, not kept. */
		cr_assert_eq(rig.opened, 4);
		for (int i = 0; i < 12; i++) {
			if (sim_peer_is_accepted(peers[i]) && !sim_peer_is_over(peers[i]))
				sim_peer_reset(peers[i]);
			sim_settle(&rig.loop);
		}
		for (int i = 0; i < 12; i++)
			cr_assert(sim_peer_is_accepted(peers[i]), "seed %d: %d", (int)seed, i);
		rig_close(&rig);
	}
}

static void refuse(struct rig_conn *conn)
{
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
}

/* Twice as many at once as the table holds, whose requests nobody is to see. */
Test(listener, connections_can_be_refused_as_they_open)
{
	const struct rig_user user = { .on_open = refuse };

	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig_options options = { .connections_max = 8, .sim = sim_wild(seed) };
		struct sim_peer *peers[16];
		struct rig rig;

		rig_open(&rig, &options);
		rig.user = &user;
		rig_listen(&rig);
		rig.conns.on_room = resume;
		rig.conns.on_room_arg = &rig;
		for (int i = 0; i < 16; i++) {
			peers[i] = sim_connect(sim_of(&rig.loop));
			sim_peer_say(peers[i], "request");
		}
		sim_settle(&rig.loop);
		cr_assert_eq(rig.opened, 16);
		cr_assert_eq(rig.closed, 16);
		cr_assert_eq(rig.conns.open_count, 0);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->recvs, 0, "none was armed");
		for (const struct rig_conn *conn = rig.all; conn; conn = conn->next) {
			cr_assert_eq(conn->error, -ECONNABORTED);
			cr_assert_eq(conn->inputs, 0);
		}
		for (int i = 0; i < 16; i++)
			cr_assert(sim_peer_saw_reset(peers[i]));
		rig_close(&rig);
	}
}

static void say_no(struct rig_conn *conn)
{
	rig_say(conn, "no");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
}

Test(listener, a_refusal_can_be_put_in_words)
{
	const struct rig_user user = { .on_open = say_no };

	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig_options options = { .sim = sim_wild(seed) };
		struct sim_peer *peer;
		struct rig rig;

		options.sim.reset = 0;
		rig_open(&rig, &options);
		rig.user = &user;
		rig_listen(&rig);
		peer = sim_connect(sim_of(&rig.loop));
		sim_settle(&rig.loop);
		cr_assert(rig_peer_has(peer, "no"));
		cr_assert(sim_peer_saw_end(peer));
		cr_assert_eq(rig.closed, 1);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->recvs, 0);
		rig_close(&rig);
	}
}

Test(listener, without_descriptors_it_backs_off_and_recovers)
{
	struct rig rig;
	uint64_t accepts;

	rig_open(&rig, NULL);
	rig_listen(&rig);
	sim_fail_accepts(sim_of(&rig.loop), -EMFILE, 20);
	sim_connect(sim_of(&rig.loop));
	sim_advance(&rig.loop, 1000);
	accepts = sim_counts(sim_of(&rig.loop))->accepts;
	cr_assert_leq(accepts, 25, "%d accepts in a second", (int)accepts);
	sim_advance(&rig.loop, 200);
	cr_assert_eq(rig.opened, 1);
	cr_assert_eq(rig.loop.counters.accept_errors, 20);
	/* One line, however long it lasted. */
	cr_assert_not_null(strstr(rig.logged, "cannot accept"));
	cr_assert_eq(strchr(rig.logged, '\n'), rig.logged + strlen(rig.logged) - 1);
	rig_close(&rig);
}

Test(listener, an_endless_shortage_does_not_spin)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_listen(&rig);
	sim_fail_accepts(sim_of(&rig.loop), -ENFILE, UINT32_MAX);
	sim_connect(sim_of(&rig.loop));
	sim_advance(&rig.loop, 60000);
	cr_assert_leq(sim_counts(sim_of(&rig.loop))->accepts, 60 * 25);
	cr_assert_leq(sim_counts(sim_of(&rig.loop))->waits, 60 * 100);
	rig_close(&rig);
}

Test(listener, a_peer_that_gave_up_costs_no_time)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_listen(&rig);
	sim_fail_accepts(sim_of(&rig.loop), -ECONNABORTED, 1);
	sim_connect(sim_of(&rig.loop));
	sim_settle(&rig.loop);
	cr_assert_eq(rig.opened, 1);
	rig_close(&rig);
}

Test(listener, closing_ends_the_accept_and_the_socket)
{
	for (int failing = 0; failing < 2; failing++) {
		struct sim_peer *late;
		struct rig rig;

		rig_open(&rig, NULL);
		rig_listen(&rig);
		if (failing)
			sim_fail_accepts(sim_of(&rig.loop), -EMFILE, UINT32_MAX);
		sim_connect(sim_of(&rig.loop));
		sim_settle(&rig.loop);
		ouro_listener_close(&rig.listener);
		ouro_listener_close(&rig.listener);
		sim_settle(&rig.loop);
		cr_assert(ouro_listener_is_closed(&rig.listener));
		late = sim_connect(sim_of(&rig.loop));
		cr_assert(sim_peer_saw_reset(late));
		sim_advance(&rig.loop, 1000);
		rig_close(&rig);
	}
}
