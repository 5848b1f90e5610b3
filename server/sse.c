/* Event streams: a session (sse/session.h) that writes into the body of a begun answer, whatever its
 * framing and coding. */
#include "server/sse.h"

#include "ouro/sse.h"
#include "server/compress.h"
#include "server/respond.h"
#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>

enum {
	/* Encoded on the stack, and copied into the output at once, where the client keeps up. */
	SMALL_EVENT_BYTES_MAX = OURO_INLINE_STATIC_BYTES_MAX,
};

/* An event, so that the client's code can be told. */
static const char gap_event[] = "event: gap\ndata: \n\n";

struct ouro_event_stream {
	struct ouro_ctx *ctx;
	struct ouro_subscriber subscriber;
	struct ouro_timer heartbeat;
	bool keep_open;
	struct ouro_sse_session session;
};

size_t ouro_event_stream_bytes(void)
{
	return sizeof(struct ouro_event_stream);
}

static uint32_t now_ms(const struct ouro_ctx *ctx)
{
	return (uint32_t)(ctx->worker->loop.now_ns / 1000000);
}

static bool is_on_fiber(const struct ouro_ctx *ctx)
{
	return ouro_fiber_current(&ctx->worker->fibers) != NULL;
}

/* ---- What the session writes to ---- */

static int write_event(void *writer, struct ouro_slice slice)
{
	struct ouro_ctx *ctx = writer;

	if (ctx->encoder)
		return ouro_compress_push(ctx, ouro_str(slice.ptr, slice.len), false);
	if (slice.len <= OURO_INLINE_STATIC_BYTES_MAX)
		return ouro_answer_write_inline(ctx, ouro_str(slice.ptr, slice.len));
	return ouro_answer_write_framed(ctx, slice);
}

static int flush_events(void *writer)
{
	struct ouro_ctx *ctx = writer;

	return ctx->encoder ? ouro_compress_push(ctx, OURO_STR(""), true) : 0;
}

static size_t pending_bytes(void *writer)
{
	const struct ouro_ctx *ctx = writer;

	return ouro_stream_pending(ctx->stream);
}

static const struct ouro_sse_writer_ops writer_ops = {
	.write = write_event,
	.flush = flush_events,
	.pending = pending_bytes,
};

/* ---- Heartbeats ---- */

static int set_heartbeat(struct ouro_event_stream *events)
{
	struct ouro_loop *loop = &events->ctx->worker->loop;
	uint32_t due_ms;

	if (!ouro_sse_session_due(&events->session, &due_ms))
		return 0;
	return ouro_timer_set(&loop->timers, &events->heartbeat,
			      loop->now_ns + (due_ms - now_ms(events->ctx)) * UINT64_C(1000000));
}

/* Events only move the time when it is due: the timer looks for itself when it comes. */
static void on_heartbeat(struct ouro_timer *timer)
{
	struct ouro_event_stream *events =
		(struct ouro_event_stream *)(void *)((char *)timer -
						     offsetof(struct ouro_event_stream, heartbeat));
	struct ouro_ctx *ctx = events->ctx;

	if (ouro_sse_session_tick(&events->session, now_ms(ctx)) || set_heartbeat(events))
		ouro_abort(ctx);
	/* What waited may have left with it. */
	else if (events->session.state == OURO_SSE_ENDED)
		ouro_end(ctx);
	ouro_h1_advance(ctx);
}

/* ---- Beginning ---- */

static int init_session(struct ouro_event_stream *events, const struct ouro_sse_options *options)
{
	const struct ouro_sse_session_options session_options = {
		.heartbeat_ms = options->heartbeat_ms,
		/* Only what was more than this lets the stream say that it has fallen. */
		.pending_bytes_max = OURO_STREAM_PENDING_HIGH + 1,
		.backlog_count_max = options->backlog_count_max,
		.backlog_bytes_max = options->backlog_bytes_max,
		.slow = options->slow,
		.gap = { gap_event, sizeof(gap_event) - 1, NULL },
	};

	if (options->retry_ms > OURO_SSE_RETRY_MS_MAX)
		return -EINVAL;
	return ouro_sse_session_init(&events->session, &writer_ops, events->ctx, &session_options,
				     now_ms(events->ctx));
}

static struct ouro_event_stream *create(struct ouro_ctx *ctx,
					const struct ouro_sse_options *options, int *err)
{
	struct ouro_event_stream *events = ouro_pool_get(&ctx->worker->event_streams);

	*err = -ENOMEM;
	if (!events)
		return NULL;
	*events = (struct ouro_event_stream){
		.ctx = ctx,
		.heartbeat = { .on_due = on_heartbeat },
		.keep_open = options->keep_open,
	};
	*err = init_session(events, options);
	if (!*err)
		return events;
	ouro_pool_put(&ctx->worker->event_streams, events);
	return NULL;
}

static void destroy(struct ouro_event_stream *events)
{
	struct ouro_worker *worker = events->ctx->worker;

	ouro_timer_stop(&worker->loop.timers, &events->heartbeat);
	ouro_sse_session_fini(&events->session);
	ouro_pool_put(&worker->event_streams, events);
}

static bool has_cache_control(const struct ouro_ctx *ctx)
{
	for (size_t i = 0; i < ctx->fields.count; i++)
		if (ouro_str_eq_nocase(ctx->fields.lines[i].name, OURO_STR("cache-control")))
			return true;
	return false;
}

static int begin_answer(struct ouro_ctx *ctx)
{
	bool is_ours = !has_cache_control(ctx);
	int err = 0;

	if (is_ours)
		err = ouro_set_header(ctx, "cache-control", OURO_STR("no-store"));
	if (!err)
		err = ouro_begin(ctx, 200, "text/event-stream", OURO_LENGTH_UNKNOWN);
	if (err && is_ours && ctx->response == OURO_RESPONSE_NONE)
		ouro_unset_header(ctx, "cache-control");
	return err;
}

/* In memory of its own: it waits where the answer before is still on its way. */
static int send_retry(struct ouro_event_stream *events, uint32_t retry_ms)
{
	const struct ouro_sse_event event = { .retry_ms = retry_ms };
	struct ouro_sse_encoded encoded;
	int err = ouro_sse_event_encode(&event, &encoded);

	if (err)
		return err;
	err = ouro_sse_session_send(&events->session, &encoded, now_ms(events->ctx));
	ouro_buf_unref(encoded.bytes.buf);
	return err;
}

/* The head is written. */
static int attach(struct ouro_ctx *ctx, struct ouro_event_stream *events, uint32_t retry_ms)
{
	int err;

	ctx->events = events;
	/* Hooks may have waited. */
	events->session.wrote_ms = now_ms(ctx);
	err = set_heartbeat(events);
	if (!err && retry_ms > 0)
		err = send_retry(events, retry_ms);
	if (err)
		ouro_abort(ctx);
	/* The handler is told at its next call what those were told who were there before. */
	else if (ctx->worker->draining)
		ouro_ctx_cancel(ctx, false);
	return err;
}

int ouro_sse_begin(struct ouro_ctx *ctx, const struct ouro_sse_options *given)
{
	const struct ouro_sse_options options = given ? *given : (struct ouro_sse_options){ 0 };
	struct ouro_event_stream *events;
	int err = ouro_answer_may_begin(ctx, 200);

	if (err)
		return err;
	events = create(ctx, &options, &err);
	if (!events)
		return err;
	err = begin_answer(ctx);
	if (!err && !ctx->bodyless)
		return attach(ctx, events, options.retry_ms);
	destroy(events);
	return err;
}

/* ---- Sending ---- */

int ouro_event_stream_may_send(struct ouro_ctx *ctx)
{
	if (ouro_is_closed(ctx)) {
		int err = ouro_ctx_may_wait(ctx);

		return err == -EDEADLK || !err ? -ECANCELED : err;
	}
	if (ctx->response == OURO_RESPONSE_DONE ||
	    (ctx->response == OURO_RESPONSE_BODY && ctx->bodyless))
		return -EPIPE;
	return ctx->events ? 0 : -EINVAL;
}

/* Gives @event to the session, and counts what became of it. */
static int hand(struct ouro_ctx *ctx, const struct ouro_sse_encoded *event)
{
	struct ouro_counters *counters = &ctx->worker->loop.counters;
	struct ouro_sse_session *session = &ctx->events->session;
	uint64_t dropped_before = session->dropped_count;
	int err = ouro_sse_session_send(session, event, now_ms(ctx));

	ouro_counter_add(&counters->events_sent, err == 0);
	ouro_counter_add(&counters->events_dropped, session->dropped_count - dropped_before);
	return err;
}

/* What the session said. One that has failed takes the connection with it. */
static int settle(struct ouro_ctx *ctx, int err)
{
	if (ctx->events->session.state != OURO_SSE_FAILED)
		return err;
	ouro_abort(ctx);
	return err == -ENOBUFS || err == -ENOMEM ? err : -ECANCELED;
}

/* One event that leaves at once. */
static int send_small(struct ouro_ctx *ctx, const struct ouro_sse_event *event)
{
	char text[SMALL_EVENT_BYTES_MAX];
	struct ouro_sse_encoded encoded = { { text, 0, NULL }, { 0 } };
	ssize_t len = ouro_sse_event_write(event, text, sizeof(text));

	if (len < 0)
		return (int)len;
	encoded.bytes.len = (size_t)len;
	return settle(ctx, hand(ctx, &encoded));
}

static int send_encoded(struct ouro_ctx *ctx, const struct ouro_sse_encoded *event)
{
	int err;

	for (;;) {
		err = settle(ctx, hand(ctx, event));
		if (err != -EAGAIN || !is_on_fiber(ctx))
			return err;
		err = ouro_ctx_suspend(ctx, OURO_WAITING_DRAIN);
		if (!err)
			err = ouro_event_stream_may_send(ctx);
		if (err)
			return err;
	}
}

int ouro_sse_send(struct ouro_ctx *ctx, const struct ouro_sse_event *event)
{
	struct ouro_sse_encoded encoded;
	int err = ouro_event_stream_may_send(ctx);
	ssize_t size = err ? err : ouro_sse_event_size(event);

	if (size < 0)
		return (int)size;
	if (size <= SMALL_EVENT_BYTES_MAX && ouro_sse_session_is_free(&ctx->events->session))
		return send_small(ctx, event);
	err = ouro_sse_event_encode(event, &encoded);
	if (err)
		return err;
	err = send_encoded(ctx, &encoded);
	ouro_buf_unref(encoded.bytes.buf);
	return err;
}

struct ouro_str ouro_sse_last_event_id(const struct ouro_ctx *ctx)
{
	struct ouro_str id;

	return ouro_sse_parse_last_event_id(ouro_header(ctx, "last-event-id"), &id)
		       ? id
		       : (struct ouro_str){ 0 };
}

uint64_t ouro_sse_dropped(const struct ouro_ctx *ctx)
{
	return ctx->events ? ctx->events->session.dropped_count : 0;
}

/* ---- What does not wait ---- */

struct ouro_subscriber *ouro_event_stream_subscriber(struct ouro_event_stream *events)
{
	return &events->subscriber;
}

static struct ouro_event_stream *events_of(struct ouro_subscriber *subscriber)
{
	return (struct ouro_event_stream *)(void *)((char *)subscriber -
						    offsetof(struct ouro_event_stream, subscriber));
}

bool ouro_event_stream_deliver(struct ouro_subscriber *subscriber,
			       const struct ouro_sse_encoded *event)
{
	struct ouro_event_stream *events = events_of(subscriber);
	struct ouro_sse_session *session = &events->session;
	struct ouro_ctx *ctx = events->ctx;
	int err = hand(ctx, event);

	if (session->state == OURO_SSE_FAILED) {
		ouro_abort(ctx);
		return false;
	}
	if (err == -EAGAIN || err == -ENOMEM) {
		ouro_sse_session_skip(session);
		ouro_counter_add(&ctx->worker->loop.counters.events_dropped, 1);
	}
	return true;
}

bool ouro_event_stream_tell_gap(struct ouro_subscriber *subscriber)
{
	const struct ouro_sse_encoded event = { { gap_event, sizeof(gap_event) - 1, NULL }, { 0 } };

	return ouro_event_stream_deliver(subscriber, &event);
}

/* ---- The end ---- */

bool ouro_event_stream_is_kept(const struct ouro_ctx *ctx)
{
	const struct ouro_event_stream *events = ctx->events;

	if (!events)
		return false;
	switch (events->session.state) {
	case OURO_SSE_OPEN:
		return events->keep_open || events->subscriber.memberships;
	case OURO_SSE_ENDING:
		return true;
	case OURO_SSE_ENDED:
	case OURO_SSE_FAILED:
		break;
	}
	return false;
}

bool ouro_event_stream_end(struct ouro_ctx *ctx)
{
	struct ouro_event_stream *events = ctx->events;

	ouro_rooms_leave(&events->subscriber);
	ouro_sse_session_end(&events->session);
	return events->session.state == OURO_SSE_ENDING;
}

void ouro_event_stream_on_drain(struct ouro_ctx *ctx)
{
	struct ouro_sse_session *session = &ctx->events->session;

	if (ouro_sse_session_drain(session, now_ms(ctx)))
		ouro_abort(ctx);
	else if (session->state == OURO_SSE_ENDED)
		ouro_end(ctx);
}

void ouro_event_stream_drop(struct ouro_ctx *ctx)
{
	struct ouro_event_stream *events = ctx->events;

	if (!events)
		return;
	ouro_rooms_leave(&events->subscriber);
	ctx->events = NULL;
	destroy(events);
}
