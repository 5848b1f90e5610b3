/* Handlers that wait for a descriptor of the program's own. */
#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>

/* The wait of one handler. The operation's memory is the kernel's until its final completion, which
 * may come after the handler has gone on, or is gone. */
struct ouro_poll_wait {
	struct ouro_op_poll poll; /* first */
	struct ouro_worker *worker;
	struct ouro_ctx *ctx; /* NULL: abandoned */
};

size_t ouro_poll_wait_bytes(void)
{
	return sizeof(struct ouro_poll_wait);
}

static void on_ready(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct ouro_poll_wait *wait = (struct ouro_poll_wait *)(void *)op;
	struct ouro_ctx *ctx = wait->ctx;
	int result = op->result;

	(void)buf;
	(void)flags;
	ouro_pool_put(&wait->worker->polls, wait);
	if (!ctx)
		return;
	ctx->poll = NULL;
	ouro_ctx_wake(ctx, result);
	ouro_h1_advance(ctx);
}

void ouro_poll_abandon(struct ouro_ctx *ctx)
{
	struct ouro_backend *backend = ctx->worker->loop.backend;
	struct ouro_poll_wait *wait = ctx->poll;

	ctx->poll = NULL;
	wait->ctx = NULL;
	backend->ops->cancel(backend, &wait->poll.op);
}

int ouro_poll(struct ouro_ctx *ctx, int fd, short events, uint32_t timeout_ms)
{
	struct ouro_worker *worker = ctx->worker;
	struct ouro_poll_wait *wait;
	int err = ouro_ctx_may_wait(ctx);

	if (err)
		return err;
	if (fd < 0)
		return -EBADF;
	wait = ouro_pool_get(&worker->polls);
	if (!wait)
		return -ENOMEM;
	*wait = (struct ouro_poll_wait){
		.poll = { .op = { .on_complete = on_ready, .kind = OURO_OP_POLL, .fd = fd },
			  .events = events },
		.worker = worker,
		.ctx = ctx,
	};
	ctx->poll = wait;
	worker->loop.backend->ops->submit(worker->loop.backend, &wait->poll.op);
	err = ouro_ctx_suspend_for(ctx, OURO_WAITING_POLL, timeout_ms);
	/* Left over where it could not be suspended. */
	if (ctx->poll)
		ouro_poll_abandon(ctx);
	return err;
}
