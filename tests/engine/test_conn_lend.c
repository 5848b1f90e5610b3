/* Connections whose descriptor is lent: nothing is received, and nothing closes it. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>

/* A connection that has received something, so that a receive for many completions is in flight. */
static struct rig_conn *connect_and_talk(struct rig *rig)
{
	struct rig_conn *conn = rig_connect(rig);

	sim_peer_say(conn->peer, "one");
	sim_settle(&rig->loop);
	return conn;
}

static struct rig_conn *lend(struct rig *rig)
{
	struct rig_conn *conn = connect_and_talk(rig);

	cr_assert_eq(ouro_stream_lend(conn->stream), 0);
	cr_assert_eq(conn->loans, 0);
	sim_settle(&rig->loop);
	cr_assert_eq(conn->loans, 1);
	cr_assert_eq(conn->lent_fd, ouro_conn_fd(ouro_conn_of(conn->stream)));
	return conn;
}

static void give_back(struct rig_conn *conn)
{
	ouro_stream_give_back(conn->stream);
}

Test(conn_lend, nothing_is_received_until_it_is_given_back)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = lend(&rig);
	sim_peer_say(conn->peer, "two");
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "one"));
	cr_assert_eq(sim_peer_unread(conn->peer), 3);
	/* Reading is another matter. */
	ouro_stream_set_reading(conn->stream, false);
	ouro_stream_set_reading(conn->stream, true);
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_unread(conn->peer), 3);
	give_back(conn);
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "onetwo"));
	rig_close(&rig);
}

Test(conn_lend, what_is_under_way_arrives_before_it_is_lent)
{
	struct rig_options options = { .sim = { .cancel_race = 1000 } };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = connect_and_talk(&rig);
	sim_peer_say(conn->peer, "two");
	ouro_stream_lend(conn->stream);
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "onetwo"));
	cr_assert_eq(conn->loans, 1);
	give_back(conn);
	rig_close(&rig);
}

Test(conn_lend, a_request_for_it_can_be_taken_back)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = connect_and_talk(&rig);
	ouro_stream_lend(conn->stream);
	give_back(conn);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->loans, 0);
	sim_peer_say(conn->peer, "two");
	sim_settle(&rig.loop);
	cr_assert(rig_conn_has(conn, "onetwo"));
	rig_close(&rig);
}

Test(conn_lend, output_goes_on_meanwhile)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = lend(&rig);
	rig_say(conn, "out");
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "out"));
	give_back(conn);
	rig_close(&rig);
}

Test(conn_lend, one_that_closes_is_not_lent)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = connect_and_talk(&rig);
	/* Asked for, then closed. */
	ouro_stream_lend(conn->stream);
	ouro_stream_close(conn->stream, OURO_CLOSE_LINGER);
	cr_assert_eq(ouro_stream_write(conn->stream, (struct ouro_slice){ "a", 1, NULL }), -EPIPE);
	give_back(conn);
	cr_assert_eq(ouro_stream_lend(conn->stream), -EPIPE);
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->loans, 0);
	cr_assert_eq(conn->recalls, 0);
	cr_assert_eq(conn->closes, 1);
	rig_close(&rig);
}

Test(conn_lend, one_that_is_reset_waits_for_being_given_back)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = lend(&rig);
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->recalls, 1);
	cr_assert_eq(conn->closes, 0);
	cr_assert_not(sim_peer_is_over(conn->peer));
	sim_advance(&rig.loop, 60000);
	cr_assert_eq(conn->recalls, 1);
	cr_assert_eq(conn->closes, 0);
	give_back(conn);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 1);
	cr_assert_eq(conn->error, -ECONNABORTED);
	cr_assert(sim_peer_saw_reset(conn->peer));
	rig_close(&rig);
}

Test(conn_lend, it_may_be_given_back_when_it_is_asked_for)
{
	const struct rig_user user = { .on_recall = give_back };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	rig.user = &user;
	conn = lend(&rig);
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->recalls, 1);
	cr_assert_eq(conn->closes, 1);
	rig_close(&rig);
}

Test(conn_lend, a_failed_send_recalls_it)
{
	const struct rig_user user = { .on_recall = give_back };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	rig.user = &user;
	conn = lend(&rig);
	sim_peer_reset(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 0); /* nobody has looked */
	rig_say(conn, "out");
	sim_settle(&rig.loop);
	cr_assert_eq(conn->recalls, 1);
	cr_assert_eq(conn->closes, 1);
	cr_assert_lt(conn->error, 0);
	rig_close(&rig);
}

/* The close is not joined to the last send, nor does it come behind it. */
Test(conn_lend, flushing_sends_all_and_keeps_the_descriptor)
{
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = lend(&rig);
	rig_say(conn, "bye");
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_settle(&rig.loop);
	cr_assert(rig_peer_has(conn->peer, "bye"));
	cr_assert(sim_peer_saw_end(conn->peer));
	cr_assert_eq(conn->closes, 0);
	sim_peer_say(conn->peer, "noise");
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_unread(conn->peer), 5);
	give_back(conn);
	sim_peer_fin(conn->peer);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->input_len, 3);
	cr_assert_eq(conn->closes, 1);
	cr_assert_not(sim_peer_saw_reset(conn->peer));
	rig_close(&rig);
}

Test(conn_lend, a_lingering_time_that_is_over_recalls_it)
{
	struct rig_options options = { .linger_ms = 1000 };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = lend(&rig);
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	sim_advance(&rig.loop, 1200);
	cr_assert_eq(conn->recalls, 1);
	cr_assert_eq(conn->closes, 0);
	give_back(conn);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->closes, 1);
	rig_close(&rig);
}

Test(conn_lend, again_and_again_whatever_goes_wrong)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rig_options options = { .sim = sim_wild(seed) };
		struct rig rig;
		struct rig_conn *conn;
		size_t sent = 0;

		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		for (int i = 0; i < 20 && conn->stream; i++) {
			sent += sim_peer_say(conn->peer, "x");
			if (ouro_stream_lend(conn->stream))
				break;
			sim_settle(&rig.loop);
			if (!conn->stream)
				break;
			sent += sim_peer_say(conn->peer, "x");
			sim_settle(&rig.loop);
			if (!conn->stream)
				break;
			give_back(conn);
			sim_settle(&rig.loop);
		}
		cr_assert_eq(conn->input_len, sent, "seed %lu", (unsigned long)seed);
		rig_close(&rig);
	}
}
