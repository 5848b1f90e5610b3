/* Handlers that have work done by another thread. */
#include "engine/offload.h"

#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The job of one handler, with its own copy of the arguments behind it, so that it can go on when the
 * handler does not. */
struct ouro_offload_wait {
	struct ouro_offload_job job; /* first */
	struct ouro_ctx *ctx;
	bool abandoned; /* nobody waits; @ctx is there, for what the arguments point to */
	ouro_work_fn fn;
	void *owned;          /* what @fn works on instead of @args; NULL: those */
	ouro_work_fn release; /* what becomes of it where nobody waits any more */
	_Alignas(max_align_t) char args[];
};

/* On a thread of the pool. */
static void run(struct ouro_offload_job *job)
{
	struct ouro_offload_wait *wait = (struct ouro_offload_wait *)(void *)job;

	wait->fn(wait->owned ? wait->owned : wait->args);
}

/* An exchange that had ended but for its jobs goes with the last of them. */
static void end_job(struct ouro_ctx *ctx)
{
	ctx->worker->jobs--;
	if (--ctx->jobs == 0 && ctx->abandoned)
		ouro_exchange_destroy(ctx);
}

static void drop(struct ouro_offload_wait *wait)
{
	if (wait->release)
		wait->release(wait->owned);
	free(wait);
}

static void on_done(struct ouro_offload_job *job)
{
	struct ouro_offload_wait *wait = (struct ouro_offload_wait *)(void *)job;
	struct ouro_ctx *ctx = wait->ctx;

	if (wait->abandoned) {
		drop(wait);
		end_job(ctx);
		return;
	}
	ctx->worker->jobs--;
	ctx->jobs--;
	ouro_ctx_wake(ctx, 0);
	ouro_h1_advance(ctx);
}

void ouro_offload_abandon(struct ouro_ctx *ctx)
{
	struct ouro_offload_wait *wait = ctx->job;

	ctx->job = NULL;
	if (ouro_offload_cancel(ctx->worker->server->offload, &wait->job)) {
		drop(wait);
		ctx->worker->jobs--;
		ctx->jobs--;
	} else {
		wait->abandoned = true;
		/* The next request would need the memory that this one goes on using. */
		ctx->keep_alive = false;
	}
}

/* Waits for @wait, which was submitted. */
static int await(struct ouro_ctx *ctx, struct ouro_offload_wait *wait, void *args, size_t bytes)
{
	int err;

	ctx->job = wait;
	ctx->jobs++;
	ctx->worker->jobs++;
	err = ouro_ctx_suspend(ctx, OURO_WAITING_OFFLOAD);
	if (!ctx->job)
		return err; /* abandoned */
	ctx->job = NULL;
	if (bytes > 0)
		memcpy(args, wait->args, bytes);
	free(wait);
	return err;
}

/* Submits @wait, all of which is set but the job. 0, or a negative errno and it was freed. */
static int submit(struct ouro_ctx *ctx, struct ouro_offload_wait *wait)
{
	int err;

	wait->job = (struct ouro_offload_job){ .run = run,
					       .on_done = on_done,
					       .loop = &ctx->worker->loop };
	err = ouro_offload_submit(ctx->worker->server->offload, &wait->job);
	if (err)
		free(wait);
	return err;
}

int ouro_offload(struct ouro_ctx *ctx, ouro_work_fn fn, void *args, size_t bytes)
{
	struct ouro_offload_wait *wait;
	int err = ouro_ctx_may_wait(ctx);

	if (err)
		return err;
	wait = malloc(sizeof(*wait) + bytes);
	if (!wait)
		return -ENOMEM;
	*wait = (struct ouro_offload_wait){ .ctx = ctx, .fn = fn };
	if (bytes > 0)
		memcpy(wait->args, args, bytes);
	err = submit(ctx, wait);
	return err ? err : await(ctx, wait, args, bytes);
}

int ouro_offload_owned(struct ouro_ctx *ctx, ouro_work_fn fn, void *owned, ouro_work_fn release)
{
	struct ouro_offload_wait *wait = NULL;
	int err = ouro_ctx_may_wait(ctx);

	if (!err) {
		wait = malloc(sizeof(*wait));
		err = wait ? 0 : -ENOMEM;
	}
	if (!err) {
		*wait = (struct ouro_offload_wait){
			.ctx = ctx, .fn = fn, .owned = owned, .release = release
		};
		err = submit(ctx, wait);
	}
	if (err) {
		release(owned);
		return err;
	}
	return await(ctx, wait, NULL, 0);
}
