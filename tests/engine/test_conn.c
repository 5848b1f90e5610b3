/* Connections on the simulated backend: bytes, marks, deadlines. Closing is in test_conn_close.c. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 60 };

/* ---- Output ---- */

/* Writes @total bytes in random pieces over random turns by all ways there are. */
static void write_randomly(struct rig *rig, struct rig_conn *conn, const char *text, size_t total)
{
	struct sim *sim = sim_of(&rig->loop);
	size_t done = 0;

	while (done < total && conn->stream) {
		size_t piece = 1 + sim_random(sim, sim_random(sim, 4) ? 300 : 6000);

		if (piece > total - done)
			piece = total - done;
		if (sim_random(sim, 2)) {
			char *room = ouro_stream_reserve(conn->stream, piece);

			if (!room)
				return;
			memcpy(room, text + done, piece);
			ouro_stream_commit(conn->stream, piece);
		} else if (rig_write(conn, text + done, piece)) {
			return;
		}
		done += piece;
		if (sim_random(sim, 4) == 0)
			ouro_loop_turn(&rig->loop, false);
		if (sim_random(sim, 8) == 0)
			sim_peer_read(conn->peer, sim_random(sim, 3000));
	}
}

Test(conn, output_arrives_in_order_whatever_happens)
{
	enum { TOTAL = 40000 };
	char *text = malloc(TOTAL);

	rig_fill(text, TOTAL, 0);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rig_options options = { .sim = sim_wild(seed), .zero_copy_bytes_min = 2000 };
		struct rig rig;
		struct rig_conn *conn;
		struct ouro_str got;

		options.sim.reset = 0;
		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		sim_peer_set_reading(conn->peer, seed % 3 == 0);
		write_randomly(&rig, conn, text, TOTAL);
		sim_settle(&rig.loop);
		sim_peer_set_reading(conn->peer, true);
		sim_settle(&rig.loop);
		got = sim_peer_received(conn->peer);
		cr_assert_eq(got.len, TOTAL, "seed %d: %zu bytes", (int)seed, got.len);
		cr_assert(rig_is_filled(got.ptr, got.len), "seed %d", (int)seed);
		cr_assert_eq(ouro_stream_pending(conn->stream), 0);
		cr_assert_eq(rig.loop.counters.bytes_sent, TOTAL);
		rig_close(&rig);
	}
	free(text);
}

Test(conn, a_turn_leaves_as_one_send)
{
	struct rig rig;
	struct rig_conn *conn;
	char piece[700];

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_fill(piece, sizeof(piece), 0);
	/* Small pieces are one segment, large ones one each. */
	for (int i = 0; i < 10; i++)
		rig_say(conn, "short");
	for (int i = 1; i < OURO_SENDQ_SEGMENTS; i++)
		cr_assert_eq(rig_write(conn, piece, sizeof(piece)), 0);
	ouro_loop_turn(&rig.loop, false);
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->sends, 1);
	cr_assert_eq(sim_peer_received(conn->peer).len,
		     50 + (OURO_SENDQ_SEGMENTS - 1) * sizeof(piece));
	rig_close(&rig);
}

Test(conn, nothing_is_sent_while_a_send_is_in_flight)
{
	struct rig_options options = { .sim = { .later_send = 1000, .delay = 1000 } };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	for (int i = 0; i < 5; i++) {
		rig_say(conn, "x");
		ouro_loop_turn(&rig.loop, false);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->sends, 1);
	}
	options.sim.delay = 0;
	sim_change(sim_of(&rig.loop), &options.sim);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "xxxxx"));
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->sends, 2);
	rig_close(&rig);
}

Test(conn, a_reservation_without_commit_sends_nothing)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	cr_assert_not_null(ouro_stream_reserve(conn->stream, OURO_STREAM_RESERVE_MAX));
	sim_settle(&rig.loop);
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->sends, 0);
	rig_say(conn, "ok");
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "ok"));
	rig_close(&rig);
}

Test(conn, a_commit_may_be_smaller_than_its_reservation)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	memcpy(ouro_stream_reserve(conn->stream, 4000), "abc", 3);
	ouro_stream_commit(conn->stream, 2);
	memcpy(ouro_stream_reserve(conn->stream, 8000), "def", 3);
	ouro_stream_commit(conn->stream, 3);
	ouro_stream_reserve(conn->stream, 10);
	ouro_stream_commit(conn->stream, 0);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "abdef"));
	rig_close(&rig);
}

Test(conn, large_writes_are_not_copied_and_small_ones_are)
{
	struct rig rig;
	struct rig_conn *conn;
	char text[OURO_SENDQ_COPY_BYTES_MAX + 1];

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_fill(text, sizeof(text), 0);
	rig_write(conn, text, sizeof(text));
	cr_assert_eq(rig.loop.counters.bytes_copied, 0);
	rig_write(conn, text, sizeof(text) - 1);
	cr_assert_eq(rig.loop.counters.bytes_copied, sizeof(text) - 1);
	rig_close(&rig);
}

Test(conn, received_bytes_are_copied_out_only_while_buffers_are_scarce)
{
	struct rig_options options = { .recv_buffer_bytes = 4096 };
	struct ouro_buf *held[8];
	struct rig rig;
	struct rig_conn *conn;
	struct ouro_recvpool *pool;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	pool = &rig.loop.backend->recvpool;
	for (int i = 0; i < 7; i++)
		held[i] = ouro_recvpool_take(pool);
	ouro_stream_write(conn->stream, (struct ouro_slice){ held[0]->data, 0, held[0] });
	cr_assert(ouro_recvpool_is_scarce(pool));
	cr_assert_eq(held[0]->refs, 1);
	for (int i = 1; i < 7; i++)
		ouro_buf_unref(held[i]);
	cr_assert_not(ouro_recvpool_is_scarce(pool));
	ouro_buf_unref(held[0]);
	rig_close(&rig);
}

/* ---- Marks ---- */

static size_t write_over_high(struct rig_conn *conn)
{
	static char text[60000];
	size_t total = 0;

	while (ouro_stream_pending(conn->stream) <= OURO_STREAM_PENDING_HIGH) {
		cr_assert_eq(rig_write(conn, text, sizeof(text)), 0);
		total += sizeof(text);
	}
	return total;
}

Test(conn, drain_comes_once_at_the_low_mark)
{
	struct rig rig;
	struct rig_conn *conn;
	size_t total, read = 0;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	total = write_over_high(conn);
	sim_settle(&rig.loop);
	while (read < total) {
		bool was_low = ouro_stream_pending(conn->stream) <= OURO_STREAM_PENDING_LOW;

		cr_assert_eq(conn->drains, was_low ? 1 : 0);
		read += sim_peer_read(conn->peer, 5000);
		sim_settle(&rig.loop);
	}
	cr_assert_eq(conn->drains, 1);
	rig_close(&rig);
}

Test(conn, below_the_high_mark_there_is_no_drain)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_say(conn, "little");
	sim_settle(&rig.loop);
	cr_assert_eq(conn->drains, 0);
	rig_close(&rig);
}

static void write_again(struct rig_conn *conn)
{
	if (conn->drains < 5)
		write_over_high(conn);
}

Test(conn, a_writer_that_goes_on_at_drain_gets_the_next_one)
{
	const struct rig_user user = { .on_drain = write_again };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	rig.user = &user;
	conn = rig_connect(&rig);
	write_over_high(conn);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->drains, 5);
	cr_assert_eq(ouro_stream_pending(conn->stream), 0);
	rig_close(&rig);
}

/* ---- Input ---- */

Test(conn, input_arrives_in_order_whatever_happens)
{
	enum { TOTAL = 20000 };
	static char text[TOTAL];

	rig_fill(text, TOTAL, 0);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rig_options options = { .sim = sim_wild(seed), .recv_buffers = 4 };
		struct rig rig;
		struct rig_conn *conn;
		size_t done = 0;

		options.sim.reset = 0;
		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		while (done < TOTAL) {
			struct sim *sim = sim_of(&rig.loop);
			size_t piece = 1 + sim_random(sim, 900);

			if (piece > TOTAL - done)
				piece = TOTAL - done;
			sim_peer_send(conn->peer, text + done, piece);
			done += piece;
			if (sim_random(sim, 3) == 0)
				ouro_stream_set_reading(conn->stream, sim_random(sim, 2));
			ouro_loop_turn(&rig.loop, false);
		}
		sim_peer_fin(conn->peer);
		ouro_stream_set_reading(conn->stream, true);
		sim_settle(&rig.loop);
		cr_assert_eq(conn->input_len, TOTAL, "seed %d: %zu", (int)seed, conn->input_len);
		cr_assert(rig_is_filled(conn->input, TOTAL), "seed %d", (int)seed);
		cr_assert_eq(conn->ends, 1);
		rig_close(&rig);
	}
}

Test(conn, input_stays_where_it_is_while_nobody_reads)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	sim_peer_say(conn->peer, "one");
	sim_settle(&rig.loop);
	ouro_stream_set_reading(conn->stream, false);
	sim_settle(&rig.loop);
	sim_peer_say(conn->peer, "two");
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "one"));
	cr_assert_eq(sim_peer_unread(conn->peer), 3);
	ouro_stream_set_reading(conn->stream, true);
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "onetwo"));
	rig_close(&rig);
}

Test(conn, reading_may_be_switched_many_times_in_a_turn)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	sim_peer_say(conn->peer, "one");
	sim_settle(&rig.loop);
	for (int i = 0; i < 7; i++)
		ouro_stream_set_reading(conn->stream, i % 2);
	sim_settle(&rig.loop);
	ouro_stream_set_reading(conn->stream, true);
	sim_peer_say(conn->peer, "two");
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "onetwo"));
	rig_close(&rig);
}

static void hold_buf(struct rig_conn *conn, struct ouro_slice slice)
{
	cr_assert_null(conn->data);
	conn->data = ouro_buf_ref(slice.buf);
}

Test(conn, starved_receives_go_on_one_for_each_buffer)
{
	enum { CONNS = 8, BUFFERS = 4 };
	const struct rig_user user = { .on_input = hold_buf };
	struct rig_options options = { .recv_buffers = BUFFERS };
	struct rig_conn *conns[CONNS];
	struct rig rig;
	uint64_t starved;

	rig_open(&rig, &options);
	rig.user = &user;
	for (int i = 0; i < CONNS; i++) {
		conns[i] = rig_connect(&rig);
		sim_peer_say(conns[i]->peer, "hello");
	}
	sim_settle(&rig.loop);
	starved = rig.loop.counters.receive_starved;
	cr_assert_eq(starved, CONNS - BUFFERS);
	for (int i = 0; i < CONNS; i++) {
		cr_assert_eq(conns[i]->inputs, i < BUFFERS, "connection %d", i);
	}
	for (int i = 0; i < BUFFERS; i++) {
		ouro_buf_unref(conns[i]->data);
		sim_settle(&rig.loop);
		for (int k = 0; k < CONNS; k++)
			cr_assert_eq(conns[k]->inputs, k <= BUFFERS + i);
	}
	/* Nobody tried in vain while nothing had come back. */
	cr_assert_eq(rig.loop.counters.receive_starved, starved);
	for (int i = BUFFERS; i < CONNS; i++)
		ouro_buf_unref(conns[i]->data);
	rig_close(&rig);
}

Test(conn, starved_connections_can_be_closed)
{
	const struct rig_user user = { .on_input = hold_buf };
	struct rig_options options = { .recv_buffers = 1 };
	struct rig_conn *first, *second;
	struct rig rig;

	rig_open(&rig, &options);
	rig.user = &user;
	first = rig_connect(&rig);
	second = rig_connect(&rig);
	sim_peer_say(first->peer, "hello");
	sim_settle(&rig.loop);
	sim_peer_say(second->peer, "hello");
	sim_settle(&rig.loop);
	cr_assert_eq(second->inputs, 0);
	ouro_stream_close(second->stream, OURO_CLOSE_ABORT);
	sim_settle(&rig.loop);
	cr_assert_eq(second->closes, 1);
	ouro_buf_unref(first->data);
	rig_close(&rig);
}

Test(conn, a_receive_that_finds_no_buffer_while_it_is_cancelled_waits_for_its_reader)
{
	const struct rig_user user = { .on_input = hold_buf };
	struct rig_options options = { .recv_buffers = 1, .sim = { .cancel_race = 1000 } };
	struct rig_conn *first, *second;
	struct rig rig;

	rig_open(&rig, &options);
	rig.user = &user;
	first = rig_connect(&rig);
	second = rig_connect(&rig);
	sim_peer_say(first->peer, "hello");
	sim_settle(&rig.loop);
	sim_peer_say(second->peer, "hello");
	ouro_stream_set_reading(second->stream, false);
	sim_settle(&rig.loop);
	ouro_buf_unref(first->data);
	sim_settle(&rig.loop);
	cr_assert_eq(second->inputs, 0);
	cr_assert_eq(sim_peer_unread(second->peer), 5);
	ouro_stream_set_reading(second->stream, true);
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(second, "hello"));
	ouro_buf_unref(second->data);
	rig_close(&rig);
}

/* ---- Deadlines ---- */

Test(conn, a_check_comes_in_time_and_no_earlier)
{
	struct rig rig;
	struct rig_conn *conn;
	uint64_t begin_ns;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	begin_ns = rig.loop.now_ns;
	ouro_stream_check_at(conn->stream, ouro_loop_ms(&rig.loop) + 1234);
	sim_advance(&rig.loop, 1233);
	cr_assert_eq(conn->checks, 0);
	sim_advance(&rig.loop, 5000);
	cr_assert_eq(conn->checks, 1);
	cr_assert_leq(conn->checked_ns - begin_ns, (1234 + 100) * UINT64_C(1000000));
	rig_close(&rig);
}

Test(conn, the_earliest_check_wins_and_none_is_lost)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rig_options options = { .sim = { .seed = seed, .early_wake = 200 } };
		struct rig rig;
		struct rig_conn *conn;
		uint32_t earliest = UINT32_MAX;
		uint64_t begin_ns;

		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		begin_ns = rig.loop.now_ns;
		for (uint32_t i = 0; i < 1 + seed % 5; i++) {
			uint32_t ms = sim_random(sim_of(&rig.loop), 3000);

			ouro_stream_check_at(conn->stream, ouro_loop_ms(&rig.loop) + ms);
			earliest = ms < earliest ? ms : earliest;
			/* Output has its deadline in the same place. */
			if (i == 2)
				rig_say(conn, "x");
		}
		sim_advance(&rig.loop, 4000);
		cr_assert_geq(conn->checks, 1, "seed %d", (int)seed);
		cr_assert_leq(conn->checked_ns - begin_ns, (earliest + 100) * UINT64_C(1000000),
			      "seed %d", (int)seed);
		rig_close(&rig);
	}
}

Test(conn, a_check_survives_the_wrap_of_the_clock)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	/* 2^32 ms are 49.7 days; nothing is open, so that this is one step. */
	for (int day = 0; day < 49; day++)
		sim_advance(&rig.loop, 24 * 3600 * 1000);
	sim_advance(&rig.loop, UINT32_MAX - ouro_loop_ms(&rig.loop) - 500);
	conn = rig_connect(&rig);
	ouro_stream_check_at(conn->stream, ouro_loop_ms(&rig.loop) + 1000);
	sim_advance(&rig.loop, 900);
	cr_assert_eq(conn->checks, 0);
	sim_advance(&rig.loop, 300);
	cr_assert_eq(conn->checks, 1);
	rig_close(&rig);
}

Test(conn, a_peer_that_takes_nothing_is_reset_in_time)
{
	struct rig_options options = { .write_timeout_ms = 5000, .sim = { .window = 100 } };
	struct rig rig;
	struct rig_conn *conn;
	char text[1000] = { 0 };

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	rig_write(conn, text, sizeof(text));
	sim_advance(&rig.loop, 4900);
	cr_assert_eq(conn->closes, 0);
	/* One byte taken is progress. */
	sim_peer_read(conn->peer, 1);
	sim_advance(&rig.loop, 4900);
	cr_assert_eq(conn->closes, 0);
	sim_advance(&rig.loop, 300);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, -ETIMEDOUT);
	cr_assert(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(rig.loop.counters.timeouts, 1);
	rig_close(&rig);
}

Test(conn, pools_give_back_what_a_burst_needed)
{
	enum { CONNS = 64 };
	struct rig_options options = { .connections_max = CONNS };
	struct rig_conn *conns[CONNS];
	struct rig rig;

	rig_open(&rig, &options);
	for (int i = 0; i < CONNS; i++) {
		conns[i] = rig_connect(&rig);
		rig_say(conns[i], "x");
	}
	sim_settle(&rig.loop);
	cr_assert_eq(rig.conns.pools.queues.free_count, CONNS);
	for (int i = 0; i < 10; i++)
		ouro_conns_trim(&rig.conns);
	cr_assert_eq(rig.conns.pools.queues.free_count, 0);
	cr_assert_eq(rig.conns.pools.buffers.free_count, 0);
	rig_close(&rig);
}

Test(conn, ids_are_never_used_twice)
{
	uint64_t last = 0;
	struct rig rig;

	rig_open(&rig, NULL);
	for (int i = 0; i < 10; i++) {
		struct rig_conn *a = rig_connect(&rig), *b = rig_connect(&rig);
		uint64_t id = ouro_conn_id(ouro_conn_of(a->stream));

		cr_assert_gt(id, last);
		last = ouro_conn_id(ouro_conn_of(b->stream));
		cr_assert_gt(last, id);
		cr_assert_eq(ouro_conn_id(ouro_conn_of(a->stream)), id);
		ouro_stream_close(a->stream, OURO_CLOSE_ABORT);
		ouro_stream_close(b->stream, OURO_CLOSE_ABORT);
		sim_settle(&rig.loop);
		cr_assert_eq(rig.conns.open_count, 0);
		/* Its slots are used anew all the same, and its count is longer than one field. */
		cr_assert_leq(rig.conns.used_slots, 2);
		if (i == 5)
			rig.conns.opened = UINT32_MAX;
	}
	cr_assert_gt(last, (uint64_t)UINT32_MAX);
	rig_close(&rig);
}
