/* The exchange: see server/exchange.h. */
#include "server/exchange.h"

#include "server/compress.h"
#include "server/decompress.h"
#include "server/ref.h"
#include "server/server_private.h"
#include "server/sse.h"
#include "server/ws.h"

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

static void tell_gone(struct ouro_ctx *ctx);

/* The handler has had its time. */
static void on_limit(struct ouro_timer *timer)
{
	struct ouro_ctx *ctx =
		(struct ouro_ctx *)(void *)((char *)timer - offsetof(struct ouro_ctx, limit_timer));

	ouro_counter_add(&ctx->worker->loop.counters.handler_timeouts, 1);
	ouro_ctx_cancel(ctx, true);
	/* One in callback style waits for its callbacks. */
	if (ouro_timer_is_set(&ctx->timer))
		ouro_timer_stop(&ctx->worker->loop.timers, &ctx->timer);
	ctx->on_after = NULL;
	ctx->on_drain = NULL;
	ctx->on_body = NULL;
	ouro_event_stream_drop(ctx);
	ouro_exchange_look(ctx);
	if (ctx->response == OURO_RESPONSE_DONE)
		tell_gone(ctx);
	ouro_h1_advance(ctx);
}

/* The state of an exchange in which nothing has happened, but for its input. */
static void clear(struct ouro_ctx *ctx)
{
	const size_t from = offsetof(struct ouro_ctx, end_told);

	memset((char *)ctx + from, 0, offsetof(struct ouro_ctx, match) - from);
	ctx->keep_alive = true;
	ctx->chain_at = OURO_CHAIN_OVER;
	ctx->match.param_count = 0;
	ctx->endpoint = ctx->worker->server->fallback;
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
	ctx->wait_timer = (struct ouro_timer){ .on_due = ouro_suspend_on_timer };
	ctx->limit_timer = (struct ouro_timer){ .on_due = on_limit };
	ctx->arena = (struct ouro_arena){ .pool = &worker->arenas };
	ctx->jobs = 0;
	ctx->abandoned = false;
	clear(ctx);
	return ctx;
}

static void stop_timers(struct ouro_ctx *ctx)
{
	struct ouro_timers *timers = &ctx->worker->loop.timers;

	if (ouro_timer_is_set(&ctx->timer))
		ouro_timer_stop(timers, &ctx->timer);
	if (ouro_timer_is_set(&ctx->wait_timer))
		ouro_timer_stop(timers, &ctx->wait_timer);
	if (ouro_timer_is_set(&ctx->limit_timer))
		ouro_timer_stop(timers, &ctx->limit_timer);
}

/* Gives back what one request held. */
static void release_request(struct ouro_ctx *ctx)
{
	struct ouro_worker *worker = ctx->worker;

	assert(!ctx->fiber);
	if (ctx->deferred)
		ouro_deferred_run(ctx);
	if (ctx->ref)
		ouro_ref_drop(ctx);
	stop_timers(ctx);
	ouro_event_stream_drop(ctx);
	ouro_held_drop(ctx);
	if (ctx->multipart)
		ouro_multipart_release(ctx);
	if (ctx->encoder)
		ouro_compress_drop(ctx);
	ouro_buf_unref(ctx->chunk.buf);
	ouro_buf_unref(ctx->body_buf);
	if (ctx->decoding)
		ouro_decompress_drop(ctx);
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
	struct ouro_pool *pool = &ctx->worker->exchanges;

	if (ctx->jobs > 0) {
		/* They use the request's memory. The last of them comes back here. */
		ctx->abandoned = true;
		if (ctx->deferred)
			ouro_deferred_run(ctx);
		if (ctx->ref)
			ouro_ref_drop(ctx);
		stop_timers(ctx);
		ouro_event_stream_drop(ctx);
		return;
	}
	release_request(ctx);
	ouro_inq_clear(&ctx->queue);
	ouro_pool_put(pool, ctx);
}

void ouro_exchange_reset(struct ouro_ctx *ctx)
{
	assert(ctx->jobs == 0);
	release_request(ctx);
	clear(ctx);
}

bool ouro_exchange_is_waiting(const struct ouro_ctx *ctx)
{
	bool body = ctx->on_body && !ctx->body_finished;

	return body || ctx->on_after || ctx->on_drain || ouro_event_stream_is_kept(ctx);
}

static void log_handler(const struct ouro_ctx *ctx, const char *fault)
{
	struct ouro_str path = ouro_path(ctx);

	ouro_log(&ctx->worker->server->log, OURO_LOG_ERROR, "the handler of %.*s %s", (int)path.len,
		 path.ptr, fault);
}

static void look_at_nothing(struct ouro_ctx *ctx)
{
	if (ctx->timed_out) {
		ouro_respond_error(ctx, 503, "the handler took too long");
	} else if (ctx->cancelled) {
		/* Nobody is there to be answered. */
		ouro_abort(ctx);
	} else {
		log_handler(ctx, "returned without an answer");
		ouro_respond_error(ctx, 500, NULL);
	}
}

/* Whether what cancelled the handler was that the server stops, which ends an event stream in order. */
static bool is_to_end(const struct ouro_ctx *ctx)
{
	return ctx->events && ctx->worker->draining && !ctx->timed_out && !ctx->peer_ended;
}

/* The handler has returned from within its response. One that was cancelled did not come to its end: the
 * client, if it is there, must not take that for complete. */
static void end_begun(struct ouro_ctx *ctx)
{
	bool is_short = ctx->length_known && ctx->length_left > 0 && !ctx->bodyless;
	/* Events are whole one by one, and the next server goes on with them. */
	bool is_whole = (ctx->length_known && !is_short) || is_to_end(ctx);

	if (is_short && !ctx->cancelled)
		log_handler(ctx, "did not end its response");
	if (ctx->cancelled && !is_whole)
		ouro_abort(ctx);
	else
		ouro_end(ctx);
}

void ouro_exchange_look(struct ouro_ctx *ctx)
{
	if (ctx->closing || ctx->panicking || ctx->fiber)
		return;
	if (ctx->ws) {
		ouro_ws_look(ctx);
		return;
	}
	/* An answer that is complete has waited for middleware alone. */
	if (ctx->response != OURO_RESPONSE_HELD && ouro_exchange_is_waiting(ctx))
		return;
	if (ctx->response == OURO_RESPONSE_NONE)
		look_at_nothing(ctx);
	else if (ctx->response == OURO_RESPONSE_HELD && ouro_flush(ctx) &&
		 ctx->response == OURO_RESPONSE_NONE)
		ouro_respond_error(ctx, 500, NULL);
	/* Whoever began it, handler or error hook, has returned. */
	if (ctx->response == OURO_RESPONSE_BODY)
		end_begun(ctx);
	/* Without memory for any answer there is nobody who would come back to this request. */
	if (ctx->response <= OURO_RESPONSE_HELD)
		ouro_abort(ctx);
}

/* The response is complete before the request: what is left of the body is read and thrown away. */
static void give_up_body(struct ouro_ctx *ctx)
{
	if (ctx->response == OURO_RESPONSE_DONE && ctx->request == OURO_REQUEST_BODY)
		ctx->on_body = NULL;
}

/* Something of the user's has returned to the loop, or panicked. */
static void after_call(struct ouro_ctx *ctx, bool returned)
{
	if (!returned) {
		/* Of a handler that panicked in a callback nothing else goes on either. */
		ctx->panicking = true;
		ctx->keep_alive = false;
		ouro_ctx_cancel(ctx, false);
		ctx->panicking = false;
		ouro_panic_aftermath(ctx);
	}
	ouro_exchange_look(ctx);
	give_up_body(ctx);
}

void ouro_exchange_call(struct ouro_ctx *ctx, ouro_handler_fn fn)
{
	after_call(ctx, ouro_try(ctx, fn));
}

struct body_call {
	struct ouro_ctx *ctx;
	struct ouro_slice chunk;
	bool last;
};

static void call_on_body(struct ouro_ctx *ctx)
{
	const struct body_call *call = ctx->callback_arg;

	ctx->on_body(ctx, call->chunk, call->last);
}

void ouro_exchange_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	struct body_call call = { ctx, chunk, last };

	if (ctx->waiting == OURO_WAITING_BODY) {
		ouro_suspend_on_chunk(ctx, chunk, last);
		return;
	}
	if (!ctx->on_body)
		return;
	if (last)
		ctx->body_finished = true;
	ctx->callback_arg = &call;
	after_call(ctx, ouro_try(ctx, call_on_body));
}

static void tell_gone(struct ouro_ctx *ctx)
{
	ouro_handler_fn fn = ctx->on_gone;

	ctx->on_gone = NULL;
	if (fn && !ouro_try(ctx, fn)) {
		/* What the handler deferred runs when it is over. */
		ouro_ctx_cancel(ctx, false);
		ouro_panic_aftermath(ctx);
	}
}

void ouro_exchange_fail(struct ouro_ctx *ctx, unsigned status, const char *reason, int err)
{
	bool unbegun = ctx->response == OURO_RESPONSE_NONE || ctx->response == OURO_RESPONSE_HELD;

	ctx->request = OURO_REQUEST_FAILED;
	ctx->keep_alive = false;
	ctx->closing = true;
	ctx->fail_result = err;
	if (!unbegun) {
		ouro_exchange_gone(ctx);
		ouro_stream_close(ctx->stream, ctx->response == OURO_RESPONSE_DONE
						       ? OURO_CLOSE_LINGER
						       : OURO_CLOSE_ABORT);
		return;
	}
	ctx->fields.count = 0;
	ctx->fields.bytes = 0;
	ctx->trailers.count = 0;
	ctx->trailers.bytes = 0;
	ctx->hold = false;
	ctx->passing = false;
	ouro_held_drop(ctx);
	ouro_respond_error(ctx, status, reason);
	if (ctx->response == OURO_RESPONSE_BODY)
		ouro_end(ctx);
	/* The handler's own answer, if it was still to come, has no place any more. */
	tell_gone(ctx);
	ouro_ctx_cancel(ctx, false);
	/* The client may be sending still; a reset would take the answer with it. */
	ouro_stream_close(ctx->stream, OURO_CLOSE_LINGER);
}

void ouro_exchange_end_events(struct ouro_ctx *ctx)
{
	bool had_fiber = ctx->fiber;

	ouro_ctx_cancel(ctx, false);
	ouro_end(ctx);
	/* Who waits for callbacks hears no more. */
	if (!had_fiber)
		tell_gone(ctx);
	ouro_h1_advance(ctx);
}

void ouro_exchange_gone(struct ouro_ctx *ctx)
{
	ctx->closing = true;
	ouro_event_stream_drop(ctx);
	if (ctx->response != OURO_RESPONSE_DONE) {
		ouro_held_drop(ctx);
		ctx->response = OURO_RESPONSE_RESET;
		tell_gone(ctx);
	}
	ouro_ctx_cancel(ctx, false);
}
