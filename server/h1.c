/* The HTTP/1.1 session of a connection: turns received slices into heads and bodies, one exchange
 * after the other, and keeps its deadlines. Between requests it has no memory of its own: the
 * connection's events are the idle ones and its user is the worker; while a request is in progress
 * they are the active ones and its user is the exchange. */
#include "server/decompress.h"
#include "server/server_private.h"
#include "server/sse.h"
#include "server/ws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Input kept for later (pipelined behind a request that waits) before reading stops. */
	QUEUED_BYTES_MAX = 64 * 1024,
	/* The same while a body is saved: what one job can write, so that few threads are woken. */
	SAVED_BYTES_MAX = 256 * 1024,
};

static const struct ouro_stream_events active_events;

static uint32_t now_ms(const struct ouro_worker *worker)
{
	return ouro_loop_ms(&worker->loop);
}

static const struct ouro_options *options_of(const struct ouro_worker *worker)
{
	return &worker->server->options;
}

/* How long the client may keep us waiting for its body. */
static uint32_t body_timeout(const struct ouro_ctx *ctx)
{
	return ctx->endpoint->body_timeout_ms;
}

static void become_idle(struct ouro_worker *worker, struct ouro_stream *stream)
{
	stream->events = &ouro_h1_idle_events;
	stream->user = worker;
	stream->stamp_ms = now_ms(worker);
	ouro_stream_check_at(stream, stream->stamp_ms + options_of(worker)->idle_timeout_ms);
}

/* ---- Heads ---- */

static bool grow_carry(struct ouro_ctx *ctx, size_t bytes)
{
	struct ouro_worker *worker = ctx->worker;
	uint32_t room = options_of(worker)->head_bytes_max;
	char *carry;

	if (ctx->carry_len + bytes <= ctx->carry_room)
		return true;
	if (!ctx->carry && bytes <= OURO_CARRY_BYTES) {
		ctx->carry = ouro_pool_get(&worker->carries);
		ctx->carry_room = ctx->carry ? OURO_CARRY_BYTES : 0;
		return ctx->carry != NULL;
	}
	/* The parser has seen to it that no head is longer than its limit. */
	assert(ctx->carry_len + bytes <= room);
	if (room == OURO_CARRY_BYTES)
		room++; /* the size tells where it came from */
	carry = malloc(room);
	if (!carry)
		return false;
	if (ctx->carry) {
		memcpy(carry, ctx->carry, ctx->carry_len);
		ouro_pool_put(&worker->carries, ctx->carry);
	}
	ctx->carry = carry;
	ctx->carry_room = room;
	return true;
}

/* Copies a piece of a head that does not lie in one buffer behind the others. */
static bool carry_piece(struct ouro_ctx *ctx, const char *data, size_t len)
{
	if (!grow_carry(ctx, len))
		return false;
	memcpy(ctx->carry + ctx->carry_len, data, len);
	ctx->carry_len += (uint32_t)len;
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, len);
	return true;
}

static void take_from_input(struct ouro_ctx *ctx, size_t bytes)
{
	ctx->in.ptr += bytes;
	ctx->in.len -= bytes;
}

/* What the handler has views of must stay where it is until the exchange ends, so the exchange
 * holds the buffer. While receive buffers are scarce the head is moved out of its own instead. */
static bool settle_head(struct ouro_ctx *ctx, const char *head, size_t len)
{
	struct ouro_recvpool *pool = &ctx->worker->loop.backend->recvpool;

	if (ctx->carry_len > 0 || ouro_recvpool_is_scarce(pool)) {
		if (!carry_piece(ctx, head, len))
			return false;
		ctx->head = ctx->carry;
		return true;
	}
	ctx->head = head;
	ctx->head_buf = ouro_buf_ref(ctx->in.buf);
	return true;
}

static void begin_request(struct ouro_ctx *ctx)
{
	struct ouro_worker *worker = ctx->worker;

	ouro_counter_add(&worker->loop.counters.requests, 1);
	ctx->readable = true;
	ctx->keep_alive = ctx->parser.keep_alive && !worker->draining;
	ctx->request = ctx->parser.has_body ? OURO_REQUEST_BODY : OURO_REQUEST_DONE;
	if (ctx->parser.has_body) {
		ctx->stream->stamp_ms = now_ms(worker);
		ouro_stream_check_at(ctx->stream, ctx->stream->stamp_ms + body_timeout(ctx));
	}
	ouro_pipeline_run(ctx);
}

static void step_head(struct ouro_ctx *ctx)
{
	const char *piece = ctx->in.ptr;
	size_t consumed = 0;
	enum ouro_parse parsed;

	if (ctx->parser.head_bytes == 0)
		ctx->stream->stamp_ms = now_ms(ctx->worker);
	parsed = ouro_http1_parse_head(&ctx->parser, piece, ctx->in.len, &consumed);
	if (parsed == OURO_PARSE_DONE) {
		if (!settle_head(ctx, piece, consumed)) {
			ouro_exchange_fail(ctx, 503, "out of memory", -ENOMEM);
			return;
		}
		take_from_input(ctx, consumed);
		ctx->is_head = ctx->parser.method == HTTP_HEAD;
		parsed = ouro_http1_check_head(&ctx->parser, ctx->head);
	} else if (parsed == OURO_PARSE_MORE) {
		if (!carry_piece(ctx, piece, ctx->in.len))
			ouro_exchange_fail(ctx, 503, "out of memory", -ENOMEM);
		ctx->in.len = 0;
		return;
	}
	if (parsed == OURO_PARSE_BAD)
		ouro_exchange_fail(ctx, ctx->parser.status, ctx->parser.reason, -EBADMSG);
	else
		begin_request(ctx);
}

/* ---- Bodies ---- */

/* Whether the body is read only to be thrown away. */
static bool is_draining(const struct ouro_ctx *ctx)
{
	return ctx->response == OURO_RESPONSE_DONE && !ctx->fiber;
}

/* Whether somebody takes the body, be it only to throw it away: a response that is complete has no
 * more use for it. */
static bool body_is_wanted(const struct ouro_ctx *ctx)
{
	return ctx->on_body || ctx->waiting == OURO_WAITING_BODY || is_draining(ctx);
}

/* How much is left of a chunked one is not known before it has come. */
bool ouro_h1_may_drain(const struct ouro_ctx *ctx)
{
	if (ctx->request != OURO_REQUEST_BODY)
		return true;
	return (ctx->parser.chunked ? ctx->drained : ouro_http1_body_left(&ctx->parser)) <=
	       OURO_DRAIN_BYTES_MAX;
}

static void step_body(struct ouro_ctx *ctx)
{
	struct ouro_str payload = { 0 };
	struct ouro_slice chunk;
	size_t consumed = 0;
	enum ouro_parse parsed =
		ouro_http1_parse_body(&ctx->parser, ctx->in.ptr, ctx->in.len, &consumed, &payload);

	take_from_input(ctx, consumed);
	if (is_draining(ctx))
		ctx->drained += (uint32_t)consumed;
	if (parsed == OURO_PARSE_BAD) {
		ouro_exchange_fail(ctx, ctx->parser.status, ctx->parser.reason,
				   ctx->parser.status == 413 ? -EMSGSIZE : -EBADMSG);
		return;
	}
	if (ctx->parser.trailers.len > 0 && !is_draining(ctx) && ouro_trailers_keep(ctx)) {
		ouro_exchange_fail(ctx, 503, "out of memory", -ENOMEM);
		return;
	}
	ctx->stream->stamp_ms = now_ms(ctx->worker);
	chunk = (struct ouro_slice){ payload.ptr, payload.len, ctx->in.buf };
	if (ctx->decoding && ouro_decompress_take(ctx, chunk, parsed == OURO_PARSE_DONE))
		return;
	if (parsed == OURO_PARSE_DONE)
		ctx->request = OURO_REQUEST_DONE;
	if (payload.len > 0 || parsed == OURO_PARSE_DONE)
		ouro_exchange_body(ctx, chunk, parsed == OURO_PARSE_DONE);
}

/* ---- Going on ---- */

static void drop_input(struct ouro_ctx *ctx)
{
	if (ctx->in_is_held)
		ouro_buf_unref(ctx->in.buf);
	ctx->in = (struct ouro_slice){ 0 };
	ctx->in_is_held = false;
}

/* Makes ctx->in hold something, from the queue; false when there is nothing. */
static bool next_input(struct ouro_ctx *ctx)
{
	while (ctx->in.len == 0) {
		drop_input(ctx);
		if (!ouro_inq_pop(&ctx->queue, &ctx->in)) {
			if (ctx->input_paused) {
				ctx->input_paused = false;
				ouro_stream_set_reading(ctx->stream, true);
			}
			return false;
		}
		ctx->in_is_held = true;
	}
	return true;
}

/* The response is complete, and so is the request, or the rest of it is not read: the next one, or the
 * end of the connection. */
static void end_exchange(struct ouro_ctx *ctx)
{
	bool unread = ctx->in.len > 0 || ctx->queue.bytes > 0 || ctx->request != OURO_REQUEST_DONE;

	/* A drain that began behind the head of this response could not be told in it. */
	if (!ctx->keep_alive || ctx->request != OURO_REQUEST_DONE || ctx->worker->draining ||
	    ctx->jobs > 0) {
		ctx->closing = true;
		/* Input that we do not answer may still be on its way; a client that was promised
		 * more than this response may have sent another request already. */
		ouro_stream_close(ctx->stream, unread || ctx->parser.keep_alive ? OURO_CLOSE_LINGER
										: OURO_CLOSE_FLUSH);
		return;
	}
	ouro_exchange_reset(ctx);
}

/* The client sends no more. Half-closing behind a request is legal, and the answer may be waited for.
 * But most clients that do it are gone: a handler that asked to be told takes it for that, one that
 * waits is told so and may answer all the same. */
static void tell_end(struct ouro_ctx *ctx)
{
	ctx->end_told = true;
	if (ctx->endpoint->half_close)
		return;
	if (ctx->on_gone || (ctx->events && !ctx->fiber))
		ouro_stream_close(ctx->stream, OURO_CLOSE_ABORT);
	else if (ctx->fiber)
		ouro_ctx_cancel(ctx, false);
}

/* No more input will come, and what there is has been used up. */
static void end_of_input(struct ouro_ctx *ctx)
{
	switch ((enum ouro_request_state)ctx->request) {
	case OURO_REQUEST_HEAD:
		if (ctx->parser.head_bytes > 0) {
			ouro_exchange_fail(ctx, 400, "the request ends within its head", -EBADMSG);
			return;
		}
		ctx->closing = true;
		ouro_stream_close(ctx->stream, OURO_CLOSE_FLUSH);
		return;
	case OURO_REQUEST_BODY:
		if (ctx->response == OURO_RESPONSE_DONE) {
			ctx->closing = true;
			ouro_stream_close(ctx->stream, OURO_CLOSE_FLUSH);
		} else {
			ouro_exchange_fail(ctx, 400, "the request ends within its body", -EBADMSG);
		}
		return;
	case OURO_REQUEST_DONE:
		tell_end(ctx);
		return;
	case OURO_REQUEST_FAILED:
		return;
	}
}
/* Whether the body is on its way to a file: before it is there its end is not the client's going. */
static bool is_saving(const struct ouro_ctx *ctx)
{
	return ctx->save || (ctx->multipart && ouro_multipart_is_saving(ctx));
}

/* One step; false when there is nothing to be done until something happens. */
static bool step(struct ouro_ctx *ctx)
{
	if (ctx->closing || ctx->ws)
		return false;
	if (is_draining(ctx) &&
	    (ctx->request == OURO_REQUEST_DONE || !ctx->keep_alive || !ouro_h1_may_drain(ctx))) {
		end_exchange(ctx);
		return true;
	}
	if (ctx->request == OURO_REQUEST_DONE) {
		if (ctx->on_body && !ctx->body_finished) {
			ouro_exchange_body(ctx, (struct ouro_slice){ "", 0, NULL }, true);
			return true;
		}
		if (!ctx->peer_ended || ctx->end_told || is_saving(ctx))
			return false;
		end_of_input(ctx);
		return true;
	}
	if (ctx->peer_ended && !ctx->end_told && ctx->fiber && !is_saving(ctx) &&
	    ctx->waiting != OURO_WAITING_BODY) {
		tell_end(ctx);
		return true;
	}
	if (ouro_stream_pending(ctx->stream) > OURO_STREAM_PENDING_HIGH)
		return false;
	if (ctx->request == OURO_REQUEST_BODY && !body_is_wanted(ctx))
		return false;
	if (ctx->decoding && ouro_decompress_step(ctx))
		return true;
	if (!next_input(ctx)) {
		if (ctx->peer_ended)
			end_of_input(ctx);
		return false;
	}
	if (ctx->request == OURO_REQUEST_HEAD)
		step_head(ctx);
	else
		step_body(ctx);
	return true;
}

/* Holds what is left of the present event's slice, whose memory else goes when the event is over.
 */
static void keep_input(struct ouro_ctx *ctx)
{
	struct ouro_recvpool *pool = &ctx->worker->loop.backend->recvpool;
	struct ouro_slice in = ctx->in;

	if (ctx->in_is_held || !in.buf)
		return;
	if (in.len == 0) {
		ctx->in.buf = NULL;
		return;
	}
	if (ouro_recvpool_owns(pool, in.buf) && ouro_recvpool_is_scarce(pool)) {
		struct ouro_buf *own = ouro_buf_create((uint32_t)in.len);

		if (!own) {
			ouro_stream_close(ctx->stream, OURO_CLOSE_ABORT);
			ctx->in = (struct ouro_slice){ 0 };
			return;
		}
		memcpy(own->data, in.ptr, in.len);
		ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, in.len);
		ctx->in = (struct ouro_slice){ own->data, in.len, own };
	} else {
		ouro_buf_ref(in.buf);
	}
	ctx->in_is_held = true;
}

/* Nothing is in progress any more: what the exchange knew of the connection goes back to it. */
static void leave_exchange(struct ouro_ctx *ctx)
{
	struct ouro_stream *stream = ctx->stream;

	if (ctx->closing && (ctx->response != OURO_RESPONSE_DONE || ctx->fiber))
		ouro_exchange_gone(ctx);
	drop_input(ctx);
	if (ctx->input_paused)
		ouro_stream_set_reading(stream, true);
	if (ctx->peer_ended && !ctx->closing)
		ouro_stream_close(stream, OURO_CLOSE_FLUSH);
	become_idle(ctx->worker, stream);
	ouro_exchange_destroy(ctx);
}

void ouro_h1_advance(struct ouro_ctx *ctx)
{
	struct ouro_worker *worker = ctx->worker;
	struct ouro_stream *stream = ctx->stream;

	while (step(ctx))
		;
	if (ctx->ws) {
		ouro_ws_advance(ctx);
		return;
	}
	if (ctx->closing || (ctx->request == OURO_REQUEST_HEAD && ctx->parser.head_bytes == 0 &&
			     ctx->in.len == 0 && ctx->queue.bytes == 0)) {
		leave_exchange(ctx);
		return;
	}
	keep_input(ctx);
	if (ctx->events && ouro_event_stream_may_park(ctx)) {
		drop_input(ctx);
		ouro_event_stream_park(ctx);
		ouro_exchange_destroy(ctx);
		return;
	}
	if (ctx->request == OURO_REQUEST_HEAD)
		ouro_stream_check_at(stream,
				     stream->stamp_ms + options_of(worker)->head_timeout_ms);
}

/* ---- Events of a connection with an exchange ---- */

static void active_on_input(struct ouro_stream *stream, struct ouro_slice slice)
{
	struct ouro_ctx *ctx = stream->user;
	size_t queued_max = ctx->save ? SAVED_BYTES_MAX : QUEUED_BYTES_MAX;
	struct ouro_recvpool *pool = &ctx->worker->loop.backend->recvpool;
	bool scarce = ouro_recvpool_owns(pool, slice.buf) && ouro_recvpool_is_scarce(pool);

	if (ctx->in.len == 0 && ctx->queue.bytes == 0) {
		drop_input(ctx);
		ctx->in = slice;
		ouro_h1_advance(ctx);
		return;
	}
	if (scarce)
		ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, slice.len);
	if (ouro_inq_push(&ctx->queue, slice, scarce)) {
		ouro_stream_close(stream, OURO_CLOSE_ABORT);
		return;
	}
	if (ctx->queue.bytes > queued_max && !ctx->input_paused) {
		ctx->input_paused = true;
		ouro_stream_set_reading(stream, false);
	}
}

static void active_on_end(struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = stream->user;

	ctx->peer_ended = true;
	ouro_h1_advance(ctx);
}

static void active_on_drain(struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = stream->user;
	ouro_handler_fn fn = ctx->on_drain;

	ctx->on_drain = NULL;
	/* What the client owes us it owes us from now on. */
	stream->stamp_ms = now_ms(ctx->worker);
	if (ctx->events)
		ouro_event_stream_on_drain(ctx);
	if (fn)
		ouro_exchange_call(ctx, fn);
	if (ctx->waiting == OURO_WAITING_DRAIN)
		ouro_ctx_wake(ctx, 0);
	ouro_h1_advance(ctx);
}

/* What the client owes us, and since when; UINT32_MAX: nothing. */
static uint32_t awaited_ms(const struct ouro_ctx *ctx)
{
	const struct ouro_options *options = options_of(ctx->worker);

	/* While there is input that we do not take, it is not the client who keeps us waiting. */
	if (ctx->in.len > 0 || ctx->queue.bytes > 0)
		return UINT32_MAX;
	if (ctx->request == OURO_REQUEST_HEAD)
		return options->head_timeout_ms;
	if (ctx->request == OURO_REQUEST_BODY &&
	    (body_is_wanted(ctx) || ctx->waiting == OURO_WAITING_INPUT))
		return body_timeout(ctx);
	return UINT32_MAX;
}

static void active_on_check(struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = stream->user;
	uint32_t wait_ms = awaited_ms(ctx);

	if (wait_ms == UINT32_MAX) {
		/* Looked at again when it may owe us something. */
		ouro_stream_check_at(stream, now_ms(ctx->worker) +
						     options_of(ctx->worker)->head_timeout_ms);
		return;
	}
	if (!ouro_ms_reached(now_ms(ctx->worker), stream->stamp_ms + wait_ms)) {
		ouro_stream_check_at(stream, stream->stamp_ms + wait_ms);
		return;
	}
	ouro_counter_add(&ctx->worker->loop.counters.timeouts, 1);
	ouro_exchange_fail(ctx, 408, "the request did not come in time", -ETIMEDOUT);
	ouro_h1_advance(ctx);
}

static void active_on_lent(struct ouro_stream *stream, int fd)
{
	ouro_save_on_lent(stream->user, fd);
}

/* The connection has failed, or is being reset, while its descriptor is lent. */
static void active_on_recall(struct ouro_stream *stream)
{
	ouro_exchange_gone(stream->user);
}

static void idle_on_close(struct ouro_stream *stream, int error);

static void active_on_close(struct ouro_stream *stream, int error)
{
	struct ouro_ctx *ctx = stream->user;

	ouro_exchange_gone(ctx);
	drop_input(ctx);
	stream->user = ctx->worker;
	ouro_exchange_destroy(ctx);
	idle_on_close(stream, error);
}

static const struct ouro_stream_events active_events = {
	.on_input = active_on_input,
	.on_end = active_on_end,
	.on_drain = active_on_drain,
	.on_check = active_on_check,
	.on_lent = active_on_lent,
	.on_recall = active_on_recall,
	.on_close = active_on_close,
};

/* ---- Events of a connection without ---- */

static void idle_on_open(struct ouro_stream *stream)
{
	struct ouro_worker *worker = stream->user;

	become_idle(worker, stream);
	if (worker->server->hooks[OURO_HOOK_CONNECT].count > 0)
		ouro_hooks_run_for(worker, stream, OURO_HOOK_CONNECT);
}

struct ouro_ctx *ouro_h1_activate(struct ouro_worker *worker, struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = ouro_exchange_create(worker, stream);

	if (!ctx)
		return NULL;
	stream->events = &active_events;
	stream->user = ctx;
	stream->stamp_ms = now_ms(worker);
	return ctx;
}

static void idle_on_input(struct ouro_stream *stream, struct ouro_slice slice)
{
	struct ouro_ctx *ctx = ouro_h1_activate(stream->user, stream);

	if (!ctx) {
		ouro_stream_close(stream, OURO_CLOSE_ABORT);
		return;
	}
	ctx->in = slice;
	ouro_h1_advance(ctx);
}

static void idle_on_end(struct ouro_stream *stream)
{
	ouro_stream_close(stream, OURO_CLOSE_FLUSH);
}

static void idle_on_drain(struct ouro_stream *stream)
{
	(void)stream;
}

static void idle_on_check(struct ouro_stream *stream)
{
	struct ouro_worker *worker = stream->user;
	uint32_t due;

	/* Its last answer is still on its way: how fast it has to go is another deadline. */
	if (ouro_stream_pending(stream) > 0)
		stream->stamp_ms = now_ms(worker);
	due = stream->stamp_ms + options_of(worker)->idle_timeout_ms;
	if (!ouro_ms_reached(now_ms(worker), due)) {
		ouro_stream_check_at(stream, due);
		return;
	}
	ouro_counter_add(&worker->loop.counters.timeouts, 1);
	ouro_stream_close(stream, OURO_CLOSE_FLUSH);
}

/* The exchange has gone, and a job that it began gives the descriptor back when it is done. */
static void idle_on_recall(struct ouro_stream *stream)
{
	(void)stream;
}

static void idle_on_close(struct ouro_stream *stream, int error)
{
	struct ouro_worker *worker = stream->user;

	(void)error;
	if (worker->server->hooks[OURO_HOOK_CLOSE].count > 0)
		ouro_hooks_run_for(worker, stream, OURO_HOOK_CLOSE);
}

const struct ouro_stream_events ouro_h1_idle_events = {
	.on_open = idle_on_open,
	.on_input = idle_on_input,
	.on_end = idle_on_end,
	.on_drain = idle_on_drain,
	.on_check = idle_on_check,
	.on_recall = idle_on_recall,
	.on_close = idle_on_close,
};
