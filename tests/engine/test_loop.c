/* The order of a turn, and when it may sleep. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

static char order[64];
static struct rig *the_rig;

static void note(const char *what)
{
	strcat(order, what);
}

static void note_mail(struct ouro_mail *mail)
{
	(void)mail;
	note("mail ");
}

static void note_timer(struct ouro_timer *timer)
{
	(void)timer;
	note("timer ");
}

static void note_input(struct rig_conn *conn, struct ouro_slice slice)
{
	(void)slice;
	note("completion ");
	rig_say(conn, "answer");
}

static ouro_loop_flush_fn conns_flush;

static bool flush_and_note(void *arg)
{
	note("flush");
	return conns_flush(arg);
}

Test(loop, a_turn_runs_completions_timers_mail_and_then_flushes)
{
	const struct rig_user user = { .on_input = note_input };
	struct ouro_timer timer = { .on_due = note_timer };
	struct ouro_mail mail = { .on_arrival = note_mail };
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	rig.user = &user;
	conn = rig_connect(&rig);
	conns_flush = rig.loop.flush;
	rig.loop.flush = flush_and_note;
	sim_peer_say(conn->peer, "request");
	ouro_timer_set(&rig.loop.timers, &timer, rig.loop.now_ns);
	ouro_loop_post(&rig.loop, &mail);
	cr_assert_eq(ouro_loop_turn(&rig.loop, true), 0);
	cr_assert_str_eq(order, "completion timer mail flush");
	cr_assert(rig_peer_has(conn->peer, "answer"), "sent in the same turn");
	rig.loop.flush = conns_flush;
	rig_close(&rig);
}

static void stop_loop(struct ouro_timer *timer)
{
	(void)timer;
	ouro_loop_stop(&the_rig->loop);
}

Test(loop, it_sleeps_to_the_next_timer_and_stops_when_told)
{
	struct ouro_timer timer = { .on_due = stop_loop };
	struct rig rig;
	uint64_t begin_ns;

	the_rig = &rig;
	rig_open(&rig, NULL);
	begin_ns = rig.loop.now_ns;
	ouro_timer_set(&rig.loop.timers, &timer, begin_ns + 12345);
	cr_assert_eq(ouro_loop_run(&rig.loop), 0);
	cr_assert_eq(rig.loop.now_ns, begin_ns + 12345);
	cr_assert_eq(rig.loop.counters.turns, 1);
	rig_close(&rig);
}

static int busy_turns;

static bool stay_busy(void *arg)
{
	(void)arg;
	return --busy_turns > 0;
}

Test(loop, it_does_not_sleep_while_the_flush_has_more_to_do)
{
	struct ouro_timer timer = { .on_due = stop_loop };
	struct rig rig;
	uint64_t begin_ns;

	the_rig = &rig;
	rig_open(&rig, NULL);
	rig.loop.flush = stay_busy;
	busy_turns = 5;
	begin_ns = rig.loop.now_ns;
	ouro_timer_set(&rig.loop.timers, &timer, begin_ns + 1000);
	cr_assert_eq(ouro_loop_turn(&rig.loop, false), 0);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(ouro_loop_turn(&rig.loop, true), 0);
		cr_assert_eq(rig.loop.now_ns, begin_ns);
	}
	while (!rig.loop.stopping)
		cr_assert_eq(ouro_loop_turn(&rig.loop, true), 0);
	rig.loop.flush = NULL;
	rig_close(&rig);
}

Test(loop, mail_wakes_it)
{
	struct ouro_mail mail = { .on_arrival = note_mail };
	struct rig rig;
	uint64_t begin_ns;

	rig_open(&rig, NULL);
	begin_ns = rig.loop.now_ns;
	ouro_loop_post(&rig.loop, &mail);
	cr_assert_eq(ouro_loop_turn(&rig.loop, true), 0);
	cr_assert_str_eq(order, "mail ");
	cr_assert_eq(rig.loop.now_ns, begin_ns);
	rig_close(&rig);
}

Test(loop, a_poll_says_when_to_come_back)
{
	struct ouro_timer timer = { .on_due = note_timer };
	struct rig rig;
	int timeout_ms = 99;

	rig_open(&rig, NULL);
	cr_assert_eq(ouro_loop_poll_fd(&rig.loop), -ENOTSUP);
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, -1);
	ouro_timer_set(&rig.loop.timers, &timer, rig.loop.now_ns + 5000001);
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, 6, "too early would be for nothing");
	sim_advance(&rig.loop, 5);
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, 1);
	sim_advance(&rig.loop, 1);
	cr_assert_str_eq(order, "timer ");
	ouro_timer_set(&rig.loop.timers, &timer, rig.loop.now_ns + UINT64_MAX / 4);
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, INT_MAX);
	ouro_timer_stop(&rig.loop.timers, &timer);
	rig_close(&rig);
}

Test(loop, a_poll_takes_all_turns_there_are)
{
	const struct rig_user user = { .on_input = note_input };
	struct ouro_mail mail = { .on_arrival = note_mail };
	struct rig rig;
	struct rig_conn *conn;
	int timeout_ms = 99;

	rig_open(&rig, NULL);
	rig.user = &user;
	conn = rig_connect(&rig);
	sim_peer_say(conn->peer, "request");
	ouro_loop_post(&rig.loop, &mail);
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_str_eq(order, "completion mail ");
	cr_assert(rig_peer_has(conn->peer, "answer"));
	cr_assert_gt(timeout_ms, 0, "until the sweep of the connections");
	busy_turns = INT_MAX;
	conns_flush = rig.loop.flush;
	rig.loop.flush = stay_busy;
	cr_assert_eq(ouro_loop_poll(&rig.loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, 0);
	rig.loop.flush = conns_flush;
	rig_close(&rig);
}

Test(loop, milliseconds_are_compared_across_their_wrap)
{
	cr_assert(ouro_ms_reached(5, 5));
	cr_assert(ouro_ms_reached(6, 5));
	cr_assert_not(ouro_ms_reached(4, 5));
	cr_assert(ouro_ms_reached(3, UINT32_MAX - 3));
	cr_assert_not(ouro_ms_reached(UINT32_MAX - 3, 3));
}
