/* Event streams: what the engine does to them. The public side is ouro/sse.h.
 *
 * A stream begins as the answer of an exchange. When its handler has returned and nobody else may look at
 * the exchange, that is given up, and the stream is parked (sse_parked.c): it has its session, its rooms
 * and its heartbeat, and whatever else happens to the connection gets it an exchange again. */
#ifndef OURO_SERVER_SSE_H
#define OURO_SERVER_SSE_H

#include "ouro/sse.h"
#include "server/exchange.h"
#include "server/rooms.h"
#include "sse/session.h"

/* What event streams with the same options share; it goes with the last of them. */
struct ouro_event_kind {
	struct ouro_event_kind *next, **link; /* @link is what points here */
	struct ouro_worker *worker;
	uint32_t uses;
	struct ouro_sse_options given;
	struct ouro_sse_kind sessions;
};

struct ouro_event_stream {
	struct ouro_ctx *ctx;       /* whose answer it is; NULL: it is parked */
	struct ouro_stream *stream; /* of the connection, in either case */
	struct ouro_subscriber subscriber;
	struct ouro_sse_session session; /* its kind is that of struct ouro_event_kind */
	struct ouro_timer heartbeat;
	/* While it is parked, what its exchange will want to know. */
	struct ouro_encoder *encoder;
	const struct ouro_endpoint *endpoint;
	bool chunked;
	bool keep_alive;
	bool client_keeps_alive; /* whatever the answer said */
	bool keep_open;          /* in either case: it stays when the handler has returned */
};

static_assert(sizeof(struct ouro_event_stream) <= 112, "a server has many idle event streams");

/* ---- Of an exchange ---- */

/* Whether the stream goes on though no handler runs. */
bool ouro_event_stream_is_kept(const struct ouro_ctx *ctx);

/* Whether an event can be sent to the client of @ctx: 0, or the error for the caller. */
int ouro_event_stream_may_send(struct ouro_ctx *ctx);

/* No more is sent; true while something waits to be written first: then the stream is ended once more
 * when it has been. */
bool ouro_event_stream_end(struct ouro_ctx *ctx);

/* The output has fallen. */
void ouro_event_stream_on_drain(struct ouro_ctx *ctx);

/* Lets go of the stream, if there is one, and of its rooms. */
void ouro_event_stream_drop(struct ouro_ctx *ctx);

/* ---- Parked, or not ---- */

struct ouro_worker *ouro_event_stream_worker(const struct ouro_event_stream *events);

/* Sends what does not wait: @event, which is referenced, to an event stream. One that cannot be taken is
 * missing. From the loop; the session is not advanced. False: the connection is being reset. */
bool ouro_event_stream_deliver(struct ouro_subscriber *subscriber,
			       const struct ouro_sse_encoded *event);

/* Tells the client that something is missing. As above. */
bool ouro_event_stream_tell_gap(struct ouro_subscriber *subscriber);

/* Leaves the rooms and gives the memory back. No exchange has @events any more. */
void ouro_event_stream_destroy(struct ouro_event_stream *events);

/* ---- Parked ---- */

/* Whether the exchange of a stream is of no more use to anybody. */
bool ouro_event_stream_may_park(const struct ouro_ctx *ctx);

/* Parks the stream of @ctx, which may be parked. The exchange has let go of it, and is to be destroyed. */
void ouro_event_stream_park(struct ouro_ctx *ctx);

/* Where @stream carries a parked stream, ends that, for the server is going. */
bool ouro_event_stream_drain(struct ouro_stream *stream);

#endif
