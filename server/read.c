/* The request body for a handler that waits for it: piece by piece, or as a whole. */
#include "server/server_private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { WHOLE_BYTES_FIRST = 4096 };

static void drop_chunk(struct ouro_ctx *ctx)
{
	ouro_buf_unref(ctx->chunk.buf);
	ctx->chunk = (struct ouro_slice){ "", 0, NULL };
}

/* Keeps @chunk for the handler, who may be long: while receive buffers are scarce it gets a copy. */
static bool keep_chunk(struct ouro_ctx *ctx, struct ouro_slice chunk)
{
	struct ouro_recvpool *pool = &ctx->worker->loop.backend->recvpool;

	if (ouro_recvpool_owns(pool, chunk.buf) && ouro_recvpool_is_scarce(pool)) {
		struct ouro_buf *own = ouro_buf_create((uint32_t)chunk.len);

		if (!own)
			return false;
		memcpy(own->data, chunk.ptr, chunk.len);
		ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, chunk.len);
		ctx->chunk = (struct ouro_slice){ own->data, chunk.len, own };
		return true;
	}
	ctx->chunk = chunk;
	ouro_buf_ref(chunk.buf);
	return true;
}

void ouro_suspend_on_chunk(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	int result = chunk.len > INT_MAX ? INT_MAX : (int)chunk.len;

	ctx->body_finished = last;
	if (chunk.len > 0 && !keep_chunk(ctx, chunk)) {
		ctx->body_error = -ENOMEM;
		result = -ENOMEM;
	}
	ouro_ctx_wake(ctx, result);
}

int ouro_body_may_read(struct ouro_ctx *ctx)
{
	int err;

	if (ctx->on_body || ctx->whole_body)
		return -EALREADY;
	err = ouro_ctx_may_wait(ctx);
	if (err == -ECANCELED && ctx->fail_result)
		return ctx->fail_result;
	/* What was consumed does not come again, and a body with a hole in it is none. */
	return err ? err : ctx->body_error;
}

ssize_t ouro_body_read(struct ouro_ctx *ctx, struct ouro_slice *chunk)
{
	ssize_t result = ouro_body_may_read(ctx);

	*chunk = (struct ouro_slice){ "", 0, NULL };
	if (result != -EALREADY)
		drop_chunk(ctx);
	if (result < 0)
		return result;
	if (ctx->request == OURO_REQUEST_DONE)
		ctx->body_finished = true;
	if (ctx->body_finished)
		return 0;
	ouro_body_expect(ctx);
	result = ouro_ctx_suspend(ctx, OURO_WAITING_BODY);
	if (result > 0)
		*chunk = ctx->chunk;
	return result;
}

/* A larger buffer with what @whole holds. */
static struct ouro_buf *grow(struct ouro_ctx *ctx, struct ouro_buf *whole, size_t room)
{
	struct ouro_buf *larger = ouro_bufpool_get(&ctx->worker->bufs, room);

	if (!larger)
		return NULL;
	if (whole) {
		memcpy(larger->data, whole->data, whole->len);
		larger->len = whole->len;
	}
	return larger;
}

/* Adds @chunk to ctx->body_buf, which is made for @expected bytes at first. 0 or -ENOMEM. */
static int join(struct ouro_ctx *ctx, struct ouro_slice chunk, uint64_t expected)
{
	struct ouro_buf *whole = ctx->body_buf;
	size_t needed = (whole ? whole->len : 0) + chunk.len;

	if (!whole || needed > whole->size) {
		size_t room = whole ? (size_t)whole->size * 2 : WHOLE_BYTES_FIRST;
		struct ouro_buf *larger;

		if (!whole && expected != OURO_LENGTH_UNKNOWN)
			room = expected;
		larger = grow(ctx, whole, room > needed ? room : needed);
		if (!larger) {
			ctx->body_error = -ENOMEM;
			return -ENOMEM;
		}
		ouro_buf_unref(whole);
		ctx->body_buf = whole = larger;
	}
	memcpy(whole->data + whole->len, chunk.ptr, chunk.len);
	whole->len += (uint32_t)chunk.len;
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, chunk.len);
	return 0;
}

/* Reads what is left of the body, of which @chunk is the first piece. */
static int read_whole(struct ouro_ctx *ctx, struct ouro_slice chunk)
{
	const uint64_t expected = ouro_body_length(ctx);
	ssize_t got = (ssize_t)chunk.len;
	int err = 0;

	if (ctx->body_finished) {
		/* One piece, as it mostly is: it stays where it is. */
		ctx->body_buf = ouro_buf_ref(chunk.buf);
		ctx->body = ouro_str(chunk.ptr, chunk.len);
		return 0;
	}
	while (got > 0 && !err) {
		err = join(ctx, chunk, expected);
		if (!err)
			got = ouro_body_read(ctx, &chunk);
	}
	if (err || got < 0)
		return err ? err : (int)got;
	ctx->body = ctx->body_buf ? ouro_str(ctx->body_buf->data, ctx->body_buf->len)
				  : OURO_STR("");
	return 0;
}

int ouro_body(struct ouro_ctx *ctx, struct ouro_str *body)
{
	struct ouro_slice chunk;
	ssize_t got;
	int err;

	if (!ctx->whole_body) {
		got = ouro_body_read(ctx, &chunk);
		err = got < 0 ? (int)got : read_whole(ctx, chunk);
		if (err)
			return err;
		ctx->whole_body = true;
	}
	*body = ctx->body;
	return 0;
}
