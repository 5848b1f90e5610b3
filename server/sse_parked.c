/* Event streams that are parked: they have no exchange, and their connection's events come here. What is
 * sent to them goes straight out; for all else they get an exchange again. */
#include "server/server_private.h"
#include "server/sse.h"

static const struct ouro_stream_events parked_events;

/* Whether somebody is to be called, or called again, with the context, or holds its name. */
static bool is_watched(const struct ouro_ctx *ctx)
{
	return ctx->fiber || ctx->ref || ctx->deferred || ctx->jobs > 0 || ctx->on_body ||
	       ctx->on_after || ctx->on_drain || ctx->on_gone ||
	       ouro_timer_is_set(&ctx->limit_timer);
}

/* Whether the connection is between events: nothing has come that is not used up, and it goes on. */
static bool is_quiet(const struct ouro_ctx *ctx)
{
	return ctx->in.len == 0 && ctx->queue.bytes == 0 && !ctx->input_paused &&
	       !ctx->peer_ended && !ctx->closing && !ctx->cancelled;
}

bool ouro_event_stream_may_park(const struct ouro_ctx *ctx)
{
	return ctx->events->session.state == OURO_SSE_OPEN && ctx->response == OURO_RESPONSE_BODY &&
	       ctx->request == OURO_REQUEST_DONE && is_quiet(ctx) && !is_watched(ctx) &&
	       ctx->trailers.count == 0 && ouro_event_stream_is_kept(ctx);
}

void ouro_event_stream_park(struct ouro_ctx *ctx)
{
	struct ouro_event_stream *events = ctx->events;

	events->ctx = NULL;
	events->encoder = ctx->encoder;
	events->endpoint = ctx->endpoint;
	events->chunked = ctx->chunked;
	events->keep_alive = ctx->keep_alive;
	events->client_keeps_alive = ctx->parser.keep_alive;
	ctx->encoder = NULL;
	ctx->events = NULL;
	ctx->stream->events = &parked_events;
	ctx->stream->user = events;
}

/* An exchange that is where that of the stream was: the request is read and forgotten, the answer goes on.
 * NULL: out of memory; the connection is being reset. */
static struct ouro_ctx *revive(struct ouro_event_stream *events)
{
	struct ouro_ctx *ctx = ouro_h1_activate(ouro_event_stream_worker(events), events->stream);

	if (!ctx) {
		ouro_stream_close(events->stream, OURO_CLOSE_ABORT);
		return NULL;
	}
	ctx->head = "";
	ctx->request = OURO_REQUEST_DONE;
	ctx->response = OURO_RESPONSE_BODY;
	ctx->status = 200;
	ctx->endpoint = events->endpoint;
	ctx->chunked = events->chunked;
	ctx->keep_alive = events->keep_alive;
	ctx->parser.keep_alive = events->client_keeps_alive;
	ctx->encoder = events->encoder;
	ctx->events = events;
	events->encoder = NULL;
	events->ctx = ctx;
	return ctx;
}

bool ouro_event_stream_drain(struct ouro_stream *stream)
{
	struct ouro_ctx *ctx;

	if (stream->events != &parked_events)
		return false;
	ctx = revive(stream->user);
	if (ctx)
		ouro_exchange_end_events(ctx);
	return true;
}

/* ---- Events of a connection ---- */

static void parked_on_input(struct ouro_stream *stream, struct ouro_slice slice)
{
	if (revive(stream->user))
		stream->events->on_input(stream, slice);
}

static void parked_on_end(struct ouro_stream *stream)
{
	if (revive(stream->user))
		stream->events->on_end(stream);
}

static void parked_on_drain(struct ouro_stream *stream)
{
	struct ouro_event_stream *events = stream->user;
	struct ouro_worker *worker = ouro_event_stream_worker(events);

	if (ouro_sse_session_drain(&events->session, ouro_loop_ms(&worker->loop)))
		ouro_stream_close(stream, OURO_CLOSE_ABORT);
}

/* The client owes nothing. How fast it has to take what is sent is the connection's own deadline. */
static void parked_on_check(struct ouro_stream *stream)
{
	(void)stream;
}

static void parked_on_close(struct ouro_stream *stream, int error)
{
	struct ouro_event_stream *events = stream->user;

	stream->user = ouro_event_stream_worker(events);
	stream->events = &ouro_h1_idle_events;
	ouro_event_stream_destroy(events);
	stream->events->on_close(stream, error);
}

static const struct ouro_stream_events parked_events = {
	.on_input = parked_on_input,
	.on_end = parked_on_end,
	.on_drain = parked_on_drain,
	.on_check = parked_on_check,
	.on_close = parked_on_close,
};
