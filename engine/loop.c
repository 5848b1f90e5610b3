/* The loop of one thread: see engine/loop.h. */
#include "engine/loop.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

enum { POLL_TURNS_MAX = 32 };

void ouro_loop_read_clock(struct ouro_loop *loop)
{
	struct ouro_clock clock;

	loop->backend->ops->read_clock(loop->backend, &clock);
	loop->now_ns = clock.monotonic_ns;
	loop->now_ms = (uint32_t)(clock.monotonic_ns / 1000000U);
	loop->unix_s = clock.unix_s;
}

static void on_awake(void *arg)
{
	ouro_loop_read_clock(arg);
}

static void flush(void *arg)
{
	struct ouro_loop *loop = arg;

	loop->busy = loop->flush && loop->flush(loop->flush_arg);
}

int ouro_loop_init(struct ouro_loop *loop, const struct ouro_backend_ops *ops,
		   const struct ouro_backend_options *options, const struct ouro_log *log)
{
	struct ouro_backend_options own = *options;
	int err;

	/* The counters stay, for somebody may be reading them. */
	loop->timers = (struct ouro_timers){ 0 };
	loop->log = log;
	loop->flush = NULL;
	loop->flush_arg = NULL;
	loop->busy = false;
	loop->stopping = false;
	own.counters = &loop->counters;
	own.on_awake = on_awake;
	own.on_settled = flush;
	own.loop_arg = loop;
	ouro_mailbox_init(&loop->mailbox);
	atomic_init(&loop->posting, 0);
	err = ops->open(&loop->backend, &own);
	if (err)
		return err;
	ouro_loop_read_clock(loop);
	return 0;
}

void ouro_loop_fini(struct ouro_loop *loop)
{
	while (atomic_load_explicit(&loop->posting, memory_order_acquire) > 0)
		sched_yield();
	loop->backend->ops->close(loop->backend);
	ouro_timers_fini(&loop->timers);
}

/* A turn; how much happened in it, or a negative errno. */
static int run_turn(struct ouro_loop *loop, uint64_t deadline_ns)
{
	int count = loop->backend->ops->wait(loop->backend, deadline_ns);

	if (count < 0)
		return count;
	ouro_counter_add(&loop->counters.turns, 1);
	count += ouro_timers_run(&loop->timers, loop->now_ns);
	count += ouro_mailbox_run(&loop->mailbox);
	flush(loop);
	return count;
}

int ouro_loop_turn(struct ouro_loop *loop, bool may_sleep)
{
	uint64_t deadline_ns = may_sleep && !loop->busy ? ouro_timers_next(&loop->timers) : 0;
	int count = run_turn(loop, deadline_ns);

	return count < 0 ? count : 0;
}

int ouro_loop_run(struct ouro_loop *loop)
{
	int err = 0;

	flush(loop);
	while (!loop->stopping && !err)
		err = ouro_loop_turn(loop, true);
	return err;
}

void ouro_loop_stop(struct ouro_loop *loop)
{
	loop->stopping = true;
}

int ouro_loop_poll_fd(const struct ouro_loop *loop)
{
	return loop->backend->ops->poll_fd(loop->backend);
}

/* Milliseconds from now to @deadline_ns, rounded up. */
static int ms_until(struct ouro_loop *loop, uint64_t deadline_ns)
{
	uint64_t ms;

	ouro_loop_read_clock(loop);
	if (deadline_ns <= loop->now_ns)
		return 0;
	ms = (deadline_ns - loop->now_ns - 1) / 1000000U + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* After the last turn of a poll. */
static int hand_over(struct ouro_loop *loop, int *timeout_ms)
{
	uint64_t deadline_ns = ouro_timers_next(&loop->timers);
	int told = loop->backend->ops->hand_over(loop->backend, deadline_ns);

	if (told < 0 && told != -EAGAIN)
		return told;
	if (told == -EAGAIN)
		*timeout_ms = 0;
	else if (told == 1 || deadline_ns == OURO_DEADLINE_NEVER)
		*timeout_ms = -1;
	else
		*timeout_ms = ms_until(loop, deadline_ns);
	return 0;
}

int ouro_loop_poll(struct ouro_loop *loop, int *timeout_ms)
{
	for (int turns = 0; turns < POLL_TURNS_MAX; turns++) {
		int count = run_turn(loop, 0);

		if (count < 0)
			return count;
		if (count == 0 && !loop->busy && !loop->backend->ready.first)
			return hand_over(loop, timeout_ms);
	}
	*timeout_ms = 0;
	return 0;
}

void ouro_loop_post(struct ouro_loop *loop, struct ouro_mail *mail)
{
	/* The mail may have arrived, and all be over, before the loop is woken for it: what is
	 * done with the loop after that is covered by the count, which is up before. */
	atomic_fetch_add_explicit(&loop->posting, 1, memory_order_relaxed);
	if (ouro_mailbox_post(&loop->mailbox, mail))
		loop->backend->ops->wake(loop->backend);
	atomic_fetch_sub_explicit(&loop->posting, 1, memory_order_release);
}
