/* Everything at once: many seeds, each with its own kernel, peers and users that do whatever comes
 * to their minds. What is checked is what must hold all the same: bytes in order, one end for each
 * connection, and nothing left behind (rig_close, and the simulated backend itself). */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SCENARIOS = 10000, STEPS = 25, CONNS_MAX = 5 };

/* Answers with what it got, and now and then does something else. */
static void on_input(struct rig_conn *conn, struct ouro_slice slice)
{
	struct sim *sim = sim_of(&conn->rig->loop);
	struct ouro_stream *stream = conn->stream;

	switch (sim_random(sim, 24)) {
	case 0:
		ouro_stream_close(stream, OURO_CLOSE_FLUSH);
		return;
	case 1:
		ouro_stream_close(stream, OURO_CLOSE_LINGER);
		return;
	case 2:
		ouro_stream_close(stream, OURO_CLOSE_ABORT);
		return;
	case 3:
		ouro_stream_set_reading(stream, false);
		ouro_stream_check_at(stream, ouro_loop_ms(&conn->rig->loop) + 50);
		break;
	default:
		break;
	}
	if (ouro_stream_write(stream, slice))
		cr_assert(false, "an open connection takes output");
}

static void on_end(struct rig_conn *conn)
{
	struct sim *sim = sim_of(&conn->rig->loop);

	if (sim_random(sim, 4))
		ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
}

static void on_check(struct rig_conn *conn)
{
	ouro_stream_set_reading(conn->stream, true);
	if (sim_random(sim_of(&conn->rig->loop), 4) == 0)
		ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
}

static const struct rig_user user = {
	.on_input = on_input,
	.on_end = on_end,
	.on_check = on_check,
};

struct far_end {
	struct sim_peer *peer;
	size_t sent;
	bool said_end;
};

static void act(struct rig *rig, struct far_end *far)
{
	struct sim *sim = sim_of(&rig->loop);
	char text[600];
	size_t len = 1 + sim_random(sim, sizeof(text) - 1);

	if (far->said_end)
		return;
	switch (sim_random(sim, 12)) {
	case 0:
		sim_peer_fin(far->peer);
		far->said_end = true;
		return;
	case 1:
		if (sim_random(sim, 3) == 0) {
			sim_peer_reset(far->peer);
			far->said_end = true;
		}
		return;
	case 2:
		sim_peer_set_reading(far->peer, false);
		return;
	case 3:
		sim_peer_set_reading(far->peer, true);
		return;
	default:
		rig_fill(text, len, far->sent);
		if (sim_peer_send(far->peer, text, len))
			far->sent += len;
		else
			far->said_end = true;
	}
}

static void run_scenario(uint64_t seed)
{
	struct rig_options options = {
		.sim = sim_wild(seed),
		.connections_max = 1 + (uint32_t)seed % CONNS_MAX,
		.zero_copy_bytes_min = 300,
		.recv_buffers = 1U << seed % 4,
		.write_timeout_ms = 400,
		.linger_ms = 300,
	};
	struct far_end far[CONNS_MAX * 2] = { 0 };
	uint32_t count = 0;
	struct rig rig;

	rig_open(&rig, &options);
	rig.user = &user;
	rig_listen(&rig);
	for (int step = 0; step < STEPS; step++) {
		struct sim *sim = sim_of(&rig.loop);

		if (count < CONNS_MAX && sim_random(sim, 4) == 0)
			far[count++].peer = sim_connect(sim);
		for (uint32_t i = 0; i < count; i++)
			act(&rig, &far[i]);
		if (sim_random(sim, 8) == 0)
			sim_advance(&rig.loop, sim_random(sim, 200));
		else
			ouro_loop_turn(&rig.loop, sim_random(sim, 2));
	}
	if (seed % 5 == 0)
		ouro_conns_close_all(&rig.conns, seed % 2 ? OURO_CLOSE_FLUSH : OURO_CLOSE_LINGER);
	sim_advance(&rig.loop, 1000);
	for (uint32_t i = 0; i < count; i++) {
		struct ouro_str got = sim_peer_received(far[i].peer);

		cr_assert_leq(got.len, far[i].sent);
		cr_assert(rig_is_filled(got.ptr, got.len), "seed %d", (int)seed);
	}
	for (struct rig_conn *conn = rig.all; conn; conn = conn->next)
		cr_assert(rig_is_filled(conn->input, conn->input_len), "seed %d", (int)seed);
	rig_close(&rig);
}

Test(conn_random, whatever_happens_nothing_is_left_behind)
{
	for (uint64_t seed = 1; seed <= SCENARIOS; seed++)
		run_scenario(seed);
}
