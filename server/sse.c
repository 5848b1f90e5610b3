/* Event streams: a session (sse/session.h) that writes into the body of a begun answer, whatever its
 * framing and coding. */
#include "server/sse.h"

#include "ouro/sse.h"
#include "server/compress.h"
#include "server/respond.h"
#include "server/server_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	/* Encoded on the stack, and copied into the output at once, where the client keeps up. */
	SMALL_EVENT_BYTES_MAX = OURO_INLINE_STATIC_BYTES_MAX,
};

/* An event, so that the client's code can be told. */
static const char gap_event[] = "event: gap\ndata: \n\n";

static uint32_t now_ms(const struct ouro_worker *worker)
{
	return ouro_loop_ms(&worker->loop);
}

static bool is_on_fiber(const struct ouro_ctx *ctx)
{
	return ouro_fiber_current(&ctx->worker->fibers) != NULL;
}

static struct ouro_event_kind *kind_of(const struct ouro_event_stream *events)
{
	return (struct ouro_event_kind *)(void *)((char *)(uintptr_t)events->session.kind -
						  offsetof(struct ouro_event_kind, sessions));
}

struct ouro_worker *ouro_event_stream_worker(const struct ouro_event_stream *events)
{
	return kind_of(events)->worker;
}

/* Resets the connection. */
static void abort_stream(struct ouro_event_stream *events)
{
	if (events->ctx)
		ouro_abort(events->ctx);
	else
		ouro_stream_close(events->stream, OURO_CLOSE_ABORT);
}

/* ---- What the session writes to ---- */

static const struct ouro_event_stream *events_of_session(const struct ouro_sse_session *session)
{
	return (const struct ouro_event_stream *)(const void *)((const char *)session -
								offsetof(struct ouro_event_stream,
									 session));
}

static struct ouro_outlet outlet_of(const struct ouro_event_stream *events)
{
	if (events->ctx)
		return ouro_outlet_of(events->ctx);
	return (struct ouro_outlet){ ouro_event_stream_worker(events), events->stream,
				     events->encoder, events->chunked };
}

static int write_event(struct ouro_sse_session *session, struct ouro_slice slice)
{
	const struct ouro_outlet outlet = outlet_of(events_of_session(session));

	if (outlet.encoder)
		return ouro_compress_push(&outlet, ouro_str(slice.ptr, slice.len), false);
	if (slice.len <= OURO_INLINE_STATIC_BYTES_MAX)
		return ouro_outlet_copy(&outlet, ouro_str(slice.ptr, slice.len));
	return ouro_outlet_write(&outlet, slice);
}

static int flush_events(struct ouro_sse_session *session)
{
	const struct ouro_outlet outlet = outlet_of(events_of_session(session));

	return outlet.encoder ? ouro_compress_push(&outlet, OURO_STR(""), true) : 0;
}

static size_t pending_bytes(const struct ouro_sse_session *session)
{
	return ouro_stream_pending(events_of_session(session)->stream);
}

static const struct ouro_sse_writer_ops writer_ops = {
	.write = write_event,
	.flush = flush_events,
	.pending = pending_bytes,
};

/* ---- Kinds ---- */

static bool is_kind(const struct ouro_event_kind *kind, const struct ouro_sse_options *options)
{
	return kind->given.heartbeat_ms == options->heartbeat_ms &&
	       kind->given.slow == options->slow &&
	       kind->given.backlog_count_max == options->backlog_count_max &&
	       kind->given.backlog_bytes_max == options->backlog_bytes_max;
}

/* A program has few of them; one that makes options up for each stream must not have all of them
 * compared. */
enum { KINDS_LOOKED_AT = 16 };

static int kind_get(struct ouro_worker *worker, const struct ouro_sse_options *options,
		    struct ouro_event_kind **out)
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
	struct ouro_event_kind *kind = worker->event_kinds;
	int err;

	for (int i = 0; kind && i < KINDS_LOOKED_AT; i++, kind = kind->next)
		if (is_kind(kind, options)) {
			kind->uses++;
			*out = kind;
			return 0;
		}
	kind = malloc(sizeof(*kind));
	if (!kind)
		return -ENOMEM;
	*kind = (struct ouro_event_kind){
		.next = worker->event_kinds, .worker = worker, .uses = 1, .given = *options
	};
	err = ouro_sse_kind_init(&kind->sessions, &writer_ops, &session_options);
	if (err) {
		free(kind);
		return err;
	}
	kind->link = &worker->event_kinds;
	if (kind->next)
		kind->next->link = &kind->next;
	worker->event_kinds = kind;
	*out = kind;
	return 0;
}

static void kind_put(struct ouro_event_kind *kind)
{
	if (--kind->uses > 0)
		return;
	*kind->link = kind->next;
	if (kind->next)
		kind->next->link = kind->link;
	ouro_sse_kind_fini(&kind->sessions);
	free(kind);
}

/* ---- Heartbeats ---- */

static int set_heartbeat(struct ouro_event_stream *events)
{
	struct ouro_loop *loop = &ouro_event_stream_worker(events)->loop;
	uint32_t due_ms;

	if (!ouro_sse_session_due(&events->session, &due_ms))
		return 0;
	return ouro_timer_set(&loop->timers, &events->heartbeat,
			      loop->now_ns + (due_ms - ouro_loop_ms(loop)) * UINT64_C(1000000));
}

/* Events only move the time when it is due: the timer looks for itself when it comes. */
static void on_heartbeat(struct ouro_timer *timer)
{
	struct ouro_event_stream *events =
		(struct ouro_event_stream *)(void *)((char *)timer -
						     offsetof(struct ouro_event_stream, heartbeat));
	struct ouro_ctx *ctx = events->ctx;
	uint32_t now = now_ms(ouro_event_stream_worker(events));

	if (ouro_sse_session_tick(&events->session, now) || set_heartbeat(events))
		abort_stream(events);
	/* What waited may have left with it. */
	else if (ctx && events->session.state == OURO_SSE_ENDED)
		ouro_end(ctx);
	if (ctx)
		ouro_h1_advance(ctx);
}

/* ---- Beginning ---- */

static struct ouro_event_stream *create(struct ouro_ctx *ctx,
					const struct ouro_sse_options *options, int *err)
{
	struct ouro_event_stream *events;
	struct ouro_event_kind *kind;

	*err = options->retry_ms > OURO_SSE_RETRY_MS_MAX ? -EINVAL
							 : kind_get(ctx->worker, options, &kind);
	if (*err)
		return NULL;
	events = ouro_pool_get(&ctx->worker->event_streams);
	if (!events) {
		kind_put(kind);
		*err = -ENOMEM;
		return NULL;
	}
	*events = (struct ouro_event_stream){
		.ctx = ctx,
		.stream = ctx->stream,
		.heartbeat = { .on_due = on_heartbeat },
		.keep_open = options->keep_open,
	};
	ouro_sse_session_init(&events->session, &kind->sessions, now_ms(ctx->worker));
	return events;
}

void ouro_event_stream_destroy(struct ouro_event_stream *events)
{
	struct ouro_event_kind *kind = kind_of(events);
	struct ouro_worker *worker = kind->worker;

	ouro_rooms_leave(&events->subscriber);
	ouro_timer_stop(&worker->loop.timers, &events->heartbeat);
	ouro_sse_session_fini(&events->session);
	ouro_coders_put_encoder(&worker->coders, events->encoder);
	ouro_pool_put(&worker->event_streams, events);
	kind_put(kind);
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
	err = ouro_sse_session_send(&events->session, &encoded, now_ms(events->ctx->worker));
	ouro_buf_unref(encoded.bytes.buf);
	return err;
}

/* The head is written. */
static int attach(struct ouro_ctx *ctx, struct ouro_event_stream *events, uint32_t retry_ms)
{
	int err;

	ctx->events = events;
	/* Hooks may have waited. */
	events->session.wrote_ms = now_ms(ctx->worker);
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
	ouro_event_stream_destroy(events);
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
static int hand(struct ouro_event_stream *events, const struct ouro_sse_encoded *event)
{
	struct ouro_worker *worker = ouro_event_stream_worker(events);
	struct ouro_counters *counters = &worker->loop.counters;
	struct ouro_sse_session *session = &events->session;
	uint64_t dropped_before = session->dropped_count;
	int err = ouro_sse_session_send(session, event, now_ms(worker));

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
	return settle(ctx, hand(ctx->events, &encoded));
}

static int send_encoded(struct ouro_ctx *ctx, const struct ouro_sse_encoded *event)
{
	int err;

	for (;;) {
		err = settle(ctx, hand(ctx->events, event));
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
	int err = hand(events, event);

	if (session->state == OURO_SSE_FAILED) {
		abort_stream(events);
		return false;
	}
	if (err == -EAGAIN || err == -ENOMEM) {
		struct ouro_worker *worker = ouro_event_stream_worker(events);

		ouro_sse_session_skip(session);
		ouro_counter_add(&worker->loop.counters.events_dropped, 1);
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
	switch ((enum ouro_sse_state)events->session.state) {
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

	if (ouro_sse_session_drain(session, now_ms(ctx->worker)))
		ouro_abort(ctx);
	else if (session->state == OURO_SSE_ENDED)
		ouro_end(ctx);
}

void ouro_event_stream_drop(struct ouro_ctx *ctx)
{
	struct ouro_event_stream *events = ctx->events;

	if (!events)
		return;
	ctx->events = NULL;
	ouro_event_stream_destroy(events);
}
