/* The event stream of an exchange: what the engine does to it. The public side is ouro/sse.h. */
#ifndef OURO_SERVER_SSE_H
#define OURO_SERVER_SSE_H

#include "server/exchange.h"
#include "server/rooms.h"
#include "sse/session.h"

/* Size of what sse.c takes from struct ouro_worker.event_streams. */
size_t ouro_event_stream_bytes(void);

/* Whether the stream goes on though no handler runs. */
bool ouro_event_stream_is_kept(const struct ouro_ctx *ctx);

/* Whether an event can be sent to the client of @ctx: 0, or the error for the caller. */
int ouro_event_stream_may_send(struct ouro_ctx *ctx);

/* The subscriber that @events is. */
struct ouro_subscriber *ouro_event_stream_subscriber(struct ouro_event_stream *events);

/* Sends what does not wait: @event, which is referenced, to an event stream. One that cannot be taken is
 * missing. From the loop; the session is not advanced. False: the connection is being reset. */
bool ouro_event_stream_deliver(struct ouro_subscriber *subscriber,
			       const struct ouro_sse_encoded *event);

/* Tells the client that something is missing. As above. */
bool ouro_event_stream_tell_gap(struct ouro_subscriber *subscriber);

/* No more is sent; true while something waits to be written first: then the stream is ended once more
 * when it has been. */
bool ouro_event_stream_end(struct ouro_ctx *ctx);

/* The output has fallen. */
void ouro_event_stream_on_drain(struct ouro_ctx *ctx);

/* Lets go of the stream, if there is one, and of its rooms. */
void ouro_event_stream_drop(struct ouro_ctx *ctx);

#endif
