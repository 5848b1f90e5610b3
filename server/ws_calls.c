/* What handlers do with a WebSocket that they have accepted. */
#include "server/server_private.h"
#include "server/ws.h"

#include <errno.h>

static bool is_straight(const struct ouro_ctx *ctx)
{
	return ctx->ws && !ouro_ws_kind_of(ctx->ws)->callbacks.on_message;
}

/* Reading was stopped when too much was waiting to be taken. */
static void go_on_reading(struct ouro_ctx *ctx)
{
	if (ctx->inbox.count < OURO_WS_QUEUED_MAX && ctx->inbox.bytes < OURO_WS_QUEUED_BYTES_MAX)
		ouro_ws_resume(&ctx->ws->session);
}

int ouro_ws_recv(struct ouro_ctx *ctx, struct ouro_ws_message *message)
{
	if (!is_straight(ctx))
		return -EINVAL;
	ouro_buf_unref(ctx->chunk.buf);
	ctx->chunk = (struct ouro_slice){ 0 };
	while (!ouro_ws_pop(ctx, message)) {
		int err = ouro_ctx_suspend(ctx, OURO_WAITING_MESSAGE);

		if (err)
			return err == -EDEADLK ? err : -ENOTCONN;
	}
	ctx->chunk = message->slice;
	go_on_reading(ctx);
	return 0;
}

static bool is_message(enum ouro_ws_opcode type, size_t bytes)
{
	return (type == OURO_WS_TEXT || type == OURO_WS_BINARY) && bytes <= UINT32_MAX;
}

/* @err of a session's call, as callers get it. */
static int told(struct ouro_ctx *ctx, int err)
{
	if (err != -EPIPE)
		return err;
	/* A handler that goes on after the end must not do so for ever: this counts, and panics. */
	if (ctx->cancelled)
		ouro_ctx_may_wait(ctx);
	return -ENOTCONN;
}

static int submit(struct ouro_ws_session *session, enum ouro_ws_opcode type,
		  struct ouro_slice slice, bool copy)
{
	if (copy)
		return ouro_ws_session_send_copy(session, type, ouro_str(slice.ptr, slice.len));
	return ouro_ws_session_send(session, type, slice);
}

/* Sends what is either copied or referred to, and waits for room where that can be done. */
static int send_message(struct ouro_ctx *ctx, enum ouro_ws_opcode type, struct ouro_slice slice,
			bool copy)
{
	int err;

	if (!ctx->ws || !is_message(type, slice.len))
		return -EINVAL;
	err = submit(&ctx->ws->session, type, slice, copy);
	while (err == -EAGAIN && is_straight(ctx) && !ouro_ctx_may_wait(ctx)) {
		if (ouro_ctx_suspend(ctx, OURO_WAITING_ROOM))
			return -ENOTCONN;
		err = submit(&ctx->ws->session, type, slice, copy);
	}
	if (!err)
		ouro_counter_add(&ctx->worker->loop.counters.ws_messages_out, 1);
	return told(ctx, err);
}

int ouro_ws_send(struct ouro_ctx *ctx, enum ouro_ws_opcode type, struct ouro_str data)
{
	return send_message(ctx, type, (struct ouro_slice){ data.ptr, data.len, NULL }, true);
}

int ouro_ws_send_slice(struct ouro_ctx *ctx, enum ouro_ws_opcode type, struct ouro_slice slice)
{
	return send_message(ctx, type, slice, false);
}

int ouro_ws_ping(struct ouro_ctx *ctx, struct ouro_str payload)
{
	if (!ctx->ws)
		return -EINVAL;
	return told(ctx, ouro_ws_session_ping(&ctx->ws->session, payload));
}

int ouro_ws_close(struct ouro_ctx *ctx, unsigned code, struct ouro_str reason)
{
	if (!ctx->ws)
		return -EINVAL;
	return told(ctx, ouro_ws_conn_close(ctx->ws, code, reason));
}

const char *ouro_ws_protocol(const struct ouro_ctx *ctx)
{
	return ctx->ws ? ouro_ws_kind_of(ctx->ws)->protocol : NULL;
}

unsigned ouro_ws_close_code(const struct ouro_ctx *ctx)
{
	return ctx->ws_end ? ctx->ws_end->code : 0;
}

struct ouro_str ouro_ws_close_reason(const struct ouro_ctx *ctx)
{
	return ctx->ws_end ? ctx->ws_end->reason : OURO_STR("");
}
