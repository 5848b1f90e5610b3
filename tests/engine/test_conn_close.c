/* How connections end, on the simulated backend. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Test(conn_close, flush_sends_what_is_queued_and_then_ends)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "bye"));
	cr_assert(sim_peer_is_over(conn->peer));
	cr_assert(sim_peer_saw_end(conn->peer));
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, 0);
	rig_close(&rig);
}

static void answer_and_close(struct rig_conn *conn, struct ouro_slice slice)
{
	(void)slice;
	rig_say(conn, "answer");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
}

Test(conn_close, after_one_request_the_last_send_closes)
{
	const struct rig_user user = { .on_input = answer_and_close };

	for (int later = 0; later < 2; later++) {
		struct rig_options options = { .sim = { .later_send = later ? 1000 : 0 } };
		struct rig rig;
		struct rig_conn *conn;

		rig_open(&rig, &options);
		rig.user = &user;
		conn = rig_connect(&rig);
		sim_peer_say(conn->peer, "request");
		sim_settle(&rig.loop);
		cr_assert(rig_peer_has(conn->peer, "answer"));
		cr_assert(sim_peer_is_over(conn->peer));
		cr_assert_not(sim_peer_saw_reset(conn->peer));
		cr_assert_eq(conn->closes, 1);
		/* One receive, one send, and no operation for the close. */
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->recvs, 1);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->sends, 1);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->closes, 0);
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->cancels, 0);
		rig_close(&rig);
	}
}

Test(conn_close, the_last_send_may_be_short)
{
	const struct rig_user user = { .on_input = answer_and_close };

	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct rig_options options = {
			.sim = { .seed = seed, .later_send = 500, .short_send = 800, .window = 2 },
		};
		struct rig rig;
		struct rig_conn *conn;

		rig_open(&rig, &options);
		rig.user = &user;
		conn = rig_connect(&rig);
		sim_peer_say(conn->peer, "request");
		sim_settle(&rig.loop);
		cr_assert(rig_peer_has(conn->peer, "answer"));
		cr_assert(sim_peer_is_over(conn->peer));
		cr_assert_eq(conn->error, 0);
		rig_close(&rig);
	}
}

Test(conn_close, with_a_receive_in_flight_the_peer_sees_the_end_and_gets_time)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	sim_peer_say(conn->peer, "one");
	sim_settle(&rig.loop);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_settle(&rig.loop);
	cr_assert(sim_peer_saw_end(conn->peer));
	cr_assert_not(sim_peer_is_over(conn->peer));
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert(sim_peer_is_over(conn->peer));
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->error, 0);
	rig_close(&rig);
}

Test(conn_close, lingering_throws_away_what_still_comes)
{
	struct rig rig;
	struct rig_conn *conn;
	char noise[3000] = { 0 };

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_say(conn, "too large");
	ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
	for (int i = 0; i < 10; i++) {
		cr_assert(sim_peer_send(conn->peer, noise, sizeof(noise)));
		sim_settle(&rig.loop);
	}
	cr_assert_eq(conn->input_len, 0);
	cr_assert_eq(sim_peer_unread(conn->peer), 0);
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "too large"));
	cr_assert(sim_peer_is_over(conn->peer));
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	rig_close(&rig);
}

Test(conn_close, lingering_throws_away_what_comes_also_where_nobody_was_reading)
{
	/* The close comes before the end of the cancelled receive, with input of it, or behind. */
	for (int way = 0; way < 3; way++) {
		struct rig_options options = { .sim = { .cancel_race = way == 1 ? 1000 : 0 } };
		struct rig rig;
		struct rig_conn *conn;
		char noise[3000] = { 0 };

		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		sim_peer_say(conn->peer, "request");
		sim_settle(&rig.loop);
		ouro_stream_set_reading(conn->stream, false);
		if (way == 2)
			sim_settle(&rig.loop);
		rig_say(conn, "too large");
		ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
		for (int i = 0; i < 10; i++) {
			cr_assert(sim_peer_send(conn->peer, noise, sizeof(noise)));
			sim_settle(&rig.loop);
		}
		cr_assert(rig_conn_has(conn, "request"));
		cr_assert_eq(sim_peer_unread(conn->peer), 0);
		cr_assert(sim_peer_saw_end(conn->peer));
		sim_peer_fin(conn->peer);
		sim_settle(&rig.loop);
		cr_assert(rig_peer_has(conn->peer, "too large"));
		cr_assert(sim_peer_is_over(conn->peer));
		cr_assert_not(sim_peer_saw_reset(conn->peer));
		rig_close(&rig);
	}
}

Test(conn_close, lingering_has_an_end)
{
	struct rig_options options = { .linger_ms = 1500 };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
	sim_advance(&rig.loop, 1400);
	cr_assert_eq(conn->closes, 0);
	sim_advance(&rig.loop, 300);
	cr_assert_eq(conn->closes, 1);
	cr_assert(rig_peer_has(conn->peer, "bye"));
	rig_close(&rig);
}

Test(conn_close, lingering_has_an_end_also_while_the_peer_sends_on)
{
	struct rig_options options = { .linger_ms = 1500 };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
	for (int i = 0; i < 20; i++) {
		sim_peer_say(conn->peer, "noise");
		sim_advance(&rig.loop, 100);
	}
	cr_assert_eq(conn->closes, 1);
	rig_close(&rig);
}

/* A flood is not read for as long as it lasts, and the answer is there to be read all the time. */
Test(conn_close, lingering_reads_so_many_bytes_and_then_waits_out_its_time)
{
	struct rig_options options = { .linger_ms = 1500, .linger_bytes_max = 10000 };
	struct rig rig;
	struct rig_conn *conn;
	char noise[3000] = { 0 };

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
	for (int i = 0; i < 10; i++) {
		cr_assert(sim_peer_send(conn->peer, noise, sizeof(noise)));
		sim_settle(&rig.loop);
	}
	cr_assert_geq(sim_peer_unread(conn->peer), 30000 - 10000 - 256);
	cr_assert_lt(sim_peer_unread(conn->peer), 30000 - 10000 + 256);
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	sim_advance(&rig.loop, 1400);
	cr_assert_eq(conn->closes, 0);
	sim_advance(&rig.loop, 300);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, 0);
	cr_assert(rig_peer_has(conn->peer, "bye"));
	rig_close(&rig);
}

Test(conn_close, a_slot_counts_what_it_drops_anew)
{
	struct rig_options options = { .linger_bytes_max = 1000, .connections_max = 1 };
	struct rig rig;
	char noise[900] = { 0 };

	rig_open(&rig, &options);
	for (int i = 0; i < 3; i++) {
		struct rig_conn *conn = rig_connect(&rig);

		ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
		sim_peer_send(conn->peer, noise, sizeof(noise));
		sim_settle(&rig.loop);
		cr_assert_eq(sim_peer_unread(conn->peer), 0);
		sim_peer_fin(conn->peer);
		sim_settle(&rig.loop);
		cr_assert_not(sim_peer_saw_reset(conn->peer));
		cr_assert_eq(conn->closes, 1);
	}
	rig_close(&rig);
}

Test(conn_close, draining_has_an_end_when_the_peer_takes_nothing)
{
	struct rig_options options = { .write_timeout_ms = 1000, .sim = { .window = 1 } };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_advance(&rig.loop, 1200);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, -ETIMEDOUT);
	cr_assert(sim_peer_saw_reset(conn->peer));
	rig_close(&rig);
}

Test(conn_close, abort_drops_what_is_queued_and_resets)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	rig_say(conn, "lost");
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, ""));
	cr_assert(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->error, -ECONNABORTED);
	rig_close(&rig);
}

Test(conn_close, abort_ends_a_flush_that_goes_on)
{
	struct rig_options options = { .sim = { .window = 1 } };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	rig_say(conn, "long");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 0);
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 1);
	rig_close(&rig);
}

Test(conn_close, once_closing_calls_answer_as_if_the_peer_had_gone)
{
	static const enum ouro_close ways[] = { OURO_CLOSE_FLUSH, OURO_CLOSE_LINGER,
						OURO_CLOSE_ABORT };
	struct rig rig;

	rig_open(&rig, NULL);
	for (int i = 0; i < 3; i++) {
		struct rig_conn *conn = rig_connect(&rig);

		rig_say(conn, "sent");
		ouro_stream_close(conn->stream, ways[i]);
		cr_assert_eq(rig_write(conn, "more", 4), -EPIPE);
		cr_assert_null(ouro_stream_reserve(conn->stream, 10));
		ouro_stream_commit(conn->stream, 4);
		ouro_stream_set_reading(conn->stream, false);
		ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
		ouro_stream_check_at(conn->stream, ouro_loop_ms(&rig.loop));
		cr_assert_eq(conn->closes, 0, "calls never call back");
		sim_advance(&rig.loop, 3000);
		cr_assert_eq(conn->checks, 0);
		cr_assert_eq(conn->closes, 1);
		cr_assert(rig_peer_has(conn->peer, i < 2 ? "sent" : ""));
	}
	rig_close(&rig);
}

Test(conn_close, input_that_was_not_read_does_not_destroy_the_answer)
{
	const struct rig_user user = { .on_input = answer_and_close };
	struct rig_options options = { .recv_buffer_bytes = 64 };
	struct rig rig;
	struct rig_conn *conn;
	char request[200] = { 0 };

	rig_open(&rig, &options);
	rig.user = &user;
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	sim_peer_send(conn->peer, request, sizeof(request));
	sim_settle(&rig.loop);
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	sim_peer_set_reading(conn->peer, true);
	cr_assert(rig_peer_has(conn->peer, "answer"));
	rig_close(&rig);
}

Test(conn_close, a_peer_that_resets_is_told_as_such)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	sim_peer_reset(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, -ECONNRESET);
	cr_assert_eq(conn->ends, 0);
	rig_close(&rig);
}

/* Runs one connection through its life and resets it before turn @moment. False when it was over
 * by then. */
static bool reset_at(uint64_t seed, int moment)
{
	struct rig_options options = { .sim = sim_wild(seed), .zero_copy_bytes_min = 1000 };
	struct rig rig;
	struct rig_conn *conn;
	char text[5000] = { 0 };
	int turn = 0;

	options.sim.reset = 0;
	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	for (int step = 0; step < 30 && conn->stream; step++) {
		if (turn++ == moment)
			sim_peer_reset(conn->peer);
		if (step < 3 && turn <= moment)
			sim_peer_say(conn->peer, "request");
		if (step == 2 || step == 4)
			rig_write(conn, text, sizeof(text));
		if (step == 6)
			ouro_stream_close(conn->stream,
					  seed % 2 ? OURO_CLOSE_LINGER : OURO_CLOSE_FLUSH);
		if (step == 10 && turn <= moment)
			sim_peer_fin(conn->peer);
		ouro_loop_turn(&rig.loop, false);
	}
	sim_settle(&rig.loop);
	sim_advance(&rig.loop, 3000);
	cr_assert_eq(conn->closes, 1, "seed %d, moment %d", (int)seed, moment);
	rig_close(&rig);
	return turn > moment;
}

Test(conn_close, a_reset_at_any_moment_ends_the_connection_once)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		for (int moment = 0; reset_at(seed, moment); moment++)
			;
}

static void close_in_event(struct rig_conn *conn, struct ouro_slice slice)
{
	static const enum ouro_close ways[] = { OURO_CLOSE_FLUSH, OURO_CLOSE_LINGER,
						OURO_CLOSE_ABORT };

	(void)slice;
	ouro_stream_close(conn->stream, ways[sim_random(sim_of(&conn->rig->loop), 3)]);
}

Test(conn_close, closing_in_the_first_event_drops_the_events_behind_it)
{
	const struct rig_user user = { .on_input = close_in_event };

	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct rig_options options = { .sim = sim_wild(seed) };
		struct rig rig;
		struct rig_conn *conn;

		rig_open(&rig, &options);
		rig.user = &user;
		conn = rig_connect(&rig);
		for (int i = 0; i < 8; i++) {
			sim_peer_say(conn->peer, "piece");
			ouro_loop_turn(&rig.loop, false);
		}
		if (!sim_peer_saw_reset(conn->peer))
			sim_peer_fin(conn->peer);
		sim_advance(&rig.loop, 3000);
		cr_assert_leq(conn->inputs, 1);
		cr_assert_eq(conn->ends, 0);
		cr_assert_eq(conn->closes, 1);
		rig_close(&rig);
	}
}

/* ---- Zero-copy ---- */

static void open_zero_copy(struct rig *rig, const struct sim_settings *settings)
{
	struct rig_options options = { .zero_copy_bytes_min = 1000, .sim = *settings };

	options.sim.zero_copy = true;
	options.sim.remote = true;
	rig_open(rig, &options);
}

Test(zero_copy, large_sends_to_other_machines_take_it)
{
	struct rig rig;
	struct rig_conn *conn;
	char text[1000];

	open_zero_copy(&rig, &(struct sim_settings){ .hold_notices = true });
	conn = rig_connect(&rig);
	rig_fill(text, sizeof(text), 0);
	rig_write(conn, text, sizeof(text));
	sim_settle(&rig.loop);
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->zero_copy_sends, 1);
	/* The queue does not wait for the notification. */
	rig_say(conn, "small");
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_received(conn->peer).len, sizeof(text) + 5);
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->zero_copy_sends, 1);
	cr_assert_eq(rig.loop.backend->in_flight, 2, "the receive and the notification");
	rig_close(&rig);
}

Test(zero_copy, is_not_used_on_one_machine)
{
	struct rig_options options = { .zero_copy_bytes_min = 1000, .sim = { .zero_copy = true } };
	struct rig rig;
	struct rig_conn *conn;
	char text[1000] = { 0 };

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	rig_write(conn, text, sizeof(text));
	sim_settle(&rig.loop);
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->zero_copy_sends, 0);
	rig_close(&rig);
}

Test(zero_copy, is_given_up_where_the_kernel_copies)
{
	struct rig rig;
	struct rig_conn *conn;
	char text[1000] = { 0 };

	open_zero_copy(&rig, &(struct sim_settings){ .copied = 1000 });
	conn = rig_connect(&rig);
	for (int i = 0; i < 3; i++) {
		rig_write(conn, text, sizeof(text));
		sim_settle(&rig.loop);
	}
	cr_assert_eq(sim_counts(sim_of(&rig.loop))->zero_copy_sends, 1);
	rig_close(&rig);
}

static struct rig_conn *close_with_a_notice_held(struct rig *rig, struct ouro_buf *buf)
{
	struct rig_conn *conn = rig_connect(rig);

	ouro_stream_write(conn->stream, (struct ouro_slice){ buf->data, buf->size, buf });
	sim_settle(&rig->loop);
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_settle(&rig->loop);
	return conn;
}

Test(zero_copy, the_slot_and_the_memory_wait_for_a_notification_after_the_close)
{
	struct rig rig;
	struct rig_conn *conn;
	struct ouro_buf *buf = ouro_buf_create(2000);

	open_zero_copy(&rig, &(struct sim_settings){ .hold_notices = true });
	conn = close_with_a_notice_held(&rig, buf);
	cr_assert(sim_peer_saw_end(conn->peer));
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_not(sim_peer_is_over(conn->peer));
	cr_assert_eq(conn->closes, 0);
	cr_assert_gt(buf->refs, 1);
	sim_release_notices(sim_of(&rig.loop));
	sim_settle(&rig.loop);
	cr_assert(sim_peer_is_over(conn->peer));
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(buf->refs, 1);
	ouro_buf_unref(buf);
	rig_close(&rig);
}

Test(zero_copy, a_notification_that_outlasts_the_linger_time_ends_in_a_reset)
{
	struct rig rig;
	struct rig_conn *conn;
	struct ouro_buf *buf = ouro_buf_create(2000);

	open_zero_copy(&rig, &(struct sim_settings){ .hold_notices = true });
	conn = close_with_a_notice_held(&rig, buf);
	sim_advance(&rig.loop, 1900);
	cr_assert_not(sim_peer_is_over(conn->peer));
	sim_advance(&rig.loop, 300);
	cr_assert(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->closes, 0);
	cr_assert_gt(buf->refs, 1);
	sim_release_notices(sim_of(&rig.loop));
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(buf->refs, 1);
	ouro_buf_unref(buf);
	rig_close(&rig);
}

Test(zero_copy, an_error_of_its_own_sends_everything_the_ordinary_way)
{
	enum { PIECE = 3000, COUNT = 3 };
	char text[PIECE * COUNT];

	rig_fill(text, sizeof(text), 0);
	/* Such a send may be followed by a notification or not. */
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct rig rig;
		struct rig_conn *conn;

		open_zero_copy(&rig,
			       &(struct sim_settings){ .seed = seed, .zero_copy_error = -ENOMEM });
		conn = rig_connect(&rig);
		for (size_t i = 0; i < COUNT; i++) {
			rig_write(conn, text + i * PIECE, PIECE);
			ouro_loop_turn(&rig.loop, false);
		}
		sim_settle(&rig.loop);
		cr_assert_eq(sim_peer_received(conn->peer).len, sizeof(text));
		cr_assert(rig_is_filled(sim_peer_received(conn->peer).ptr, sizeof(text)));
		cr_assert_eq(sim_counts(sim_of(&rig.loop))->zero_copy_sends, 1);
		cr_assert_eq(conn->closes, 0);
		rig_close(&rig);
	}
}

Test(zero_copy, a_send_that_waits_for_a_silent_peer_ends_with_the_write_timeout)
{
	struct rig_options options = {
		.zero_copy_bytes_min = 1000,
		.write_timeout_ms = 1000,
		.sim = { .zero_copy = true, .remote = true, .window = 500 },
	};
	struct rig rig;
	struct rig_conn *conn;
	char text[4000] = { 0 };

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	rig_write(conn, text, sizeof(text));
	sim_advance(&rig.loop, 1200);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, -ETIMEDOUT);
	cr_assert(sim_peer_saw_reset(conn->peer));
	rig_close(&rig);
}
