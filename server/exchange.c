/* The exchange: see server/exchange.h. */
#include "server/exchange.h"

#include "proto/target.h"
#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void on_timer(struct ouro_timer *timer)
{
	struct ouro_ctx *ctx =
		(struct ouro_ctx *)(void *)((char *)timer - offsetof(struct ouro_ctx, timer));
	ouro_handler_fn fn = ctx->on_after;

	ctx->on_after = NULL;
	ouro_exchange_call(ctx, fn);
	ouro_h1_advance(ctx);
}

/* The state of an exchange in which nothing has happened, but for its input. */
static void clear(struct ouro_ctx *ctx)
{
	const size_t from = offsetof(struct ouro_ctx, end_told);

	memset((char *)ctx + from, 0, offsetof(struct ouro_ctx, match) - from);
	ctx->keep_alive = true;
	ctx->match.param_count = 0;
	ouro_http1_parser_init(&ctx->parser, &ctx->worker->limits);
}

struct ouro_ctx *ouro_exchange_create(struct ouro_worker *worker, struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = ouro_pool_get(&worker->exchanges);

	if (!ctx)
		return NULL;
	ctx->worker = worker;
	ctx->stream = stream;
	ctx->in = (struct ouro_slice){ 0 };
	ctx->queue = (struct ouro_inq){ .pool = &worker->inq_items };
	ctx->in_is_held = false;
	ctx->peer_ended = false;
	ctx->input_paused = false;
	ctx->closing = false;
	ctx->timer = (struct ouro_timer){ .on_due = on_timer };
	ctx->arena = (struct ouro_arena){ .pool = &worker->arenas };
	clear(ctx);
	return ctx;
}

/* Gives back what one request held. */
static void release_request(struct ouro_ctx *ctx)
{
	struct ouro_worker *worker = ctx->worker;

	if (ouro_timer_is_set(&ctx->timer))
		ouro_timer_stop(&worker->loop.timers, &ctx->timer);
	ouro_buf_unref(ctx->head_buf);
	if (ctx->carry_room == OURO_CARRY_BYTES)
		ouro_pool_put(&worker->carries, ctx->carry);
	else if (ctx->carry)
		free(ctx->carry);
	if (ctx->arena.blocks || ctx->arena.large)
		ouro_arena_reset(&ctx->arena);
}

void ouro_exchange_destroy(struct ouro_ctx *ctx)
{
	release_request(ctx);
	ouro_inq_clear(&ctx->queue);
	ouro_pool_put(&ctx->worker->exchanges, ctx);
}

void ouro_exchange_reset(struct ouro_ctx *ctx)
{
	release_request(ctx);
	clear(ctx);
}

bool ouro_exchange_is_waiting(const struct ouro_ctx *ctx)
{
	bool body = ctx->on_body && !ctx->body_finished;

	return body || ctx->on_after || ctx->on_drain;
}

static void log_handler(const struct ouro_ctx *ctx, const char *fault)
{
	struct ouro_str path = ouro_path(ctx);

	ouro_log(&ctx->worker->server->log, OURO_LOG_ERROR, "the handler of %.*s %s", (int)path.len,
		 path.ptr, fault);
}

/* A handler has returned: it must have answered, or be waiting for something. */
static void look_after_call(struct ouro_ctx *ctx)
{
	if (ctx->closing || ctx->response == OURO_RESPONSE_DONE || ouro_exchange_is_waiting(ctx))
		return;
	switch ((enum ouro_response_state)ctx->response) {
	case OURO_RESPONSE_NONE:
		log_handler(ctx, "returned without an answer");
		ouro_respond_status(ctx, 500, NULL);
		return;
	case OURO_RESPONSE_BODY:
		log_handler(ctx, "did not end its response");
		ouro_abort(ctx);
		return;
	case OURO_RESPONSE_DONE:
	case OURO_RESPONSE_RESET:
		return;
	}
}

/* The response is complete before the request: what is left of the body is read and thrown away. */
static void give_up_body(struct ouro_ctx *ctx)
{
	if (ctx->response != OURO_RESPONSE_DONE || ctx->request != OURO_REQUEST_BODY)
		return;
	ctx->on_body = NULL;
}

void ouro_exchange_call(struct ouro_ctx *ctx, ouro_handler_fn fn)
{
	fn(ctx);
	look_after_call(ctx);
	give_up_body(ctx);
}

void ouro_exchange_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	if (!ctx->on_body)
		return;
	if (last)
		ctx->body_finished = true;
	ctx->on_body(ctx, chunk, last);
	look_after_call(ctx);
	give_up_body(ctx);
}

static void tell_gone(struct ouro_ctx *ctx)
{
	ouro_handler_fn fn = ctx->on_gone;

	ctx->on_gone = NULL;
	if (fn)
		fn(ctx);
}

void ouro_exchange_fail(struct ouro_ctx *ctx, unsigned status, const char *reason)
{
	bool unbegun = ctx->response == OURO_RESPONSE_NONE;

	ctx->request = OURO_REQUEST_FAILED;
	ctx->keep_alive = false;
	ctx->closing = true;
	if (!unbegun) {
		ouro_exchange_gone(ctx);
		ouro_stream_close(ctx->stream, ctx->response == OURO_RESPONSE_DONE
						       ? OURO_CLOSE_LINGER
						       : OURO_CLOSE_ABORT);
		return;
	}
	ctx->field_count = 0;
	ouro_respond_status(ctx, status, reason);
	/* The handler's own answer, if it was still to come, has no place any more. */
	tell_gone(ctx);
	/* The client may be sending still; a reset would take the answer with it. */
	ouro_stream_close(ctx->stream, OURO_CLOSE_LINGER);
}

void ouro_exchange_gone(struct ouro_ctx *ctx)
{
	ctx->closing = true;
	if (ctx->response == OURO_RESPONSE_DONE)
		return;
	ctx->response = OURO_RESPONSE_RESET;
	tell_gone(ctx);
}

/* Decodes the path parameters, in place where there is nothing to decode. */
static int decode_params(struct ouro_ctx *ctx)
{
	for (uint32_t i = 0; i < ctx->match.param_count; i++) {
		struct ouro_str raw = ctx->match.values[i];
		ssize_t len;
		char *out;

		ctx->params[i] = raw;
		if (!memchr(raw.ptr, '%', raw.len))
			continue;
		out = ouro_arena_alloc(&ctx->arena, raw.len);
		if (!out)
			return -ENOMEM;
		len = ouro_target_decode(raw, out, raw.len);
		if (len < 0)
			return (int)len;
		ctx->params[i] = ouro_str(out, (size_t)len);
	}
	return 0;
}

static void run_route(struct ouro_ctx *ctx)
{
	const struct ouro_route *route = ctx->match.handler;
	int err = decode_params(ctx);

	if (err) {
		ouro_respond_status(ctx, err == -ENOMEM ? 503 : 400,
				    "malformed escape in the path");
		give_up_body(ctx);
		return;
	}
	ctx->handler = route->handler;
	ouro_exchange_call(ctx, ctx->handler);
}

static void run_nothing_found(struct ouro_ctx *ctx, enum ouro_match_result result)
{
	if (result == OURO_MATCH_METHOD_NOT_ALLOWED) {
		/* RFC 9110, 15.5.6: a 405 says what would be allowed. */
		char *allow = ouro_arena_alloc(&ctx->arena, OURO_METHODS_TEXT_BYTES_MAX);

		if (allow)
			ouro_set_header(ctx, "allow",
					ouro_str(allow,
						 ouro_methods_print(ctx->match.allowed, allow)));
		ouro_respond_status(ctx, 405, NULL);
	} else {
		ouro_respond_status(ctx, 404, NULL);
	}
	give_up_body(ctx);
}

void ouro_exchange_run(struct ouro_ctx *ctx)
{
	const struct ouro_server *server = ctx->worker->server;
	enum ouro_method method = server->methods[ctx->parser.method];
	enum ouro_match_result result;

	ctx->is_head = method == OURO_METHOD_HEAD;
	if (ctx->parser.form == OURO_TARGET_AUTHORITY) {
		/* CONNECT: we are no proxy (RFC 9110, 9.3.6). */
		ctx->keep_alive = false;
		ouro_respond_status(ctx, 501, "CONNECT is not supported");
		give_up_body(ctx);
		return;
	}
	if (ctx->parser.form == OURO_TARGET_ASTERISK) {
		/* OPTIONS of the server as a whole (RFC 9110, 9.3.7). */
		ouro_send(ctx, 204, NULL, OURO_STR(""));
		give_up_body(ctx);
		return;
	}
	result = ouro_router_match(server->router,
				   &(struct ouro_match_query){ .method = method,
							       .path = ouro_path(ctx),
							       .scratch = ctx->worker->scratch },
				   &ctx->match);
	if (result == OURO_MATCH_FOUND)
		run_route(ctx);
	else
		run_nothing_found(ctx, result);
}
