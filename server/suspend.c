/* Handlers that wait: suspending a handler's fiber, waking it, and telling it that nothing is to be
 * waited for any more. What they wait for is in read.c, poll.c, offload.c and ref.c. */
#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>

/* A handler that goes on waiting though every call says that its client has gone would keep the loop
 * from all others: it is ended. */
enum { DEAF_CALLS_MAX = 100 };

static int cancelled_result(struct ouro_ctx *ctx)
{
	if (++ctx->deaf > DEAF_CALLS_MAX)
		ouro_panic(ctx, "it went on waiting %d times after it was cancelled",
			   DEAF_CALLS_MAX);
	if (ctx->timed_out)
		return -ETIMEDOUT;
	return -ECANCELED;
}

int ouro_ctx_may_wait(struct ouro_ctx *ctx)
{
	if (!ouro_fiber_current(&ctx->worker->fibers))
		return -EDEADLK;
	return ctx->cancelled || ctx->closing ? cancelled_result(ctx) : 0;
}

int ouro_ctx_suspend(struct ouro_ctx *ctx, enum ouro_waiting what)
{
	int err = ouro_ctx_may_wait(ctx);

	if (err)
		return err;
	ctx->waiting = (uint8_t)what;
	ctx->fiber = ouro_fiber_current(&ctx->worker->fibers);
	ouro_fiber_suspend(&ctx->worker->fibers);
	return ctx->wait_result;
}

int ouro_ctx_suspend_for(struct ouro_ctx *ctx, enum ouro_waiting what, uint32_t ms)
{
	struct ouro_loop *loop = &ctx->worker->loop;
	/* Whoever has no time to wait still gets what is there already: it comes with the next turn. */
	uint64_t least_ns = what == OURO_WAITING_TIME ? 0 : 1;
	int err = ouro_ctx_may_wait(ctx);

	if (!err && ms != OURO_FOREVER)
		err = ouro_timer_set(&loop->timers, &ctx->wait_timer,
				     loop->now_ns + (ms ? ms * UINT64_C(1000000) : least_ns));
	if (err)
		return err;
	err = ouro_ctx_suspend(ctx, what);
	ouro_timer_stop(&loop->timers, &ctx->wait_timer);
	return err;
}

void ouro_ctx_wake(struct ouro_ctx *ctx, int result)
{
	struct ouro_fiber *fiber = ctx->fiber;

	assert(fiber);
	ctx->fiber = NULL;
	ctx->waiting = OURO_WAITING_NOTHING;
	ctx->wait_result = result;
	ouro_fiber_resume(fiber);
}

void ouro_ctx_cancel(struct ouro_ctx *ctx, bool timed_out)
{
	enum ouro_waiting what = (enum ouro_waiting)ctx->waiting;

	if (ctx->cancelled)
		return;
	ctx->cancelled = true;
	ctx->timed_out = timed_out;
	if (!ctx->fiber)
		return;
	if (what == OURO_WAITING_POLL)
		ouro_poll_abandon(ctx);
	else if (what == OURO_WAITING_OFFLOAD)
		ouro_offload_abandon(ctx);
	else if (what == OURO_WAITING_INPUT || what == OURO_WAITING_SAVE)
		ouro_save_abandon(ctx);
	if (timed_out)
		ouro_ctx_wake(ctx, -ETIMEDOUT);
	else if ((what == OURO_WAITING_BODY || what == OURO_WAITING_INPUT) && ctx->fail_result)
		ouro_ctx_wake(ctx, ctx->fail_result);
	else
		ouro_ctx_wake(ctx, -ECANCELED);
	/* Whatever it tries to wait for now says the same, so it has come to its end. */
	assert(!ctx->fiber);
}

void ouro_suspend_on_timer(struct ouro_timer *timer)
{
	struct ouro_ctx *ctx =
		(struct ouro_ctx *)(void *)((char *)timer - offsetof(struct ouro_ctx, wait_timer));
	bool slept = ctx->waiting == OURO_WAITING_TIME;

	if (ctx->waiting == OURO_WAITING_POLL)
		ouro_poll_abandon(ctx);
	ouro_ctx_wake(ctx, slept ? 0 : -ETIMEDOUT);
	ouro_h1_advance(ctx);
}

int ouro_sleep(struct ouro_ctx *ctx, uint32_t ms)
{
	return ouro_ctx_suspend_for(ctx, OURO_WAITING_TIME, ms);
}
