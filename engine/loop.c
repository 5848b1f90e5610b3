/* The loop of one thread: see engine/loop.h. */
#include "engine/loop.h"

static void read_clock(void *arg)
{
	struct ouro_loop *loop = arg;
	struct ouro_clock clock;

	loop->backend->ops->read_clock(loop->backend, &clock);
	loop->now_ns = clock.monotonic_ns;
	loop->now_ms = (uint32_t)(clock.monotonic_ns / 1000000U);
	loop->unix_s = clock.unix_s;
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

	*loop = (struct ouro_loop){ .log = log };
	own.counters = &loop->counters;
	own.on_awake = read_clock;
	own.on_settled = flush;
	own.loop_arg = loop;
	ouro_mailbox_init(&loop->mailbox);
	err = ops->open(&loop->backend, &own);
	if (err)
		return err;
	read_clock(loop);
	return 0;
}

void ouro_loop_fini(struct ouro_loop *loop)
{
	loop->backend->ops->close(loop->backend);
	ouro_timers_fini(&loop->timers);
}

int ouro_loop_turn(struct ouro_loop *loop, bool may_sleep)
{
	uint64_t deadline_ns = may_sleep && !loop->busy ? ouro_timers_next(&loop->timers) : 0;
	int count = loop->backend->ops->wait(loop->backend, deadline_ns);

	if (count < 0)
		return count;
	ouro_counter_add(&loop->counters.turns, 1);
	ouro_timers_run(&loop->timers, loop->now_ns);
	ouro_mailbox_run(&loop->mailbox);
	flush(loop);
	return 0;
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

void ouro_loop_post(struct ouro_loop *loop, struct ouro_mail *mail)
{
	if (ouro_mailbox_post(&loop->mailbox, mail))
		loop->backend->ops->wake(loop->backend);
}
