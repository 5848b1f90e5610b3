/* WebSockets of a worker: what a connection has once it is one, between its session (ws/session.h) and
 * its handler. In a straight line the handler's exchange stays; in callback style there is one for each
 * callback, and an idle connection has this alone. */
#ifndef OURO_SERVER_WS_H
#define OURO_SERVER_WS_H

#include "ouro/ws.h"
#include "server/exchange.h"
#include "server/rooms.h"
#include "ws/session.h"

#include <stddef.h>

enum {
	OURO_WS_QUEUED_MAX = 64, /* messages that nobody has taken, before reading stops ... */
	OURO_WS_QUEUED_BYTES_MAX = 64 * 1024, /* ... and bytes of them */
};

struct ouro_ws_callbacks {
	ouro_handler_fn on_open;
	ouro_ws_message_fn on_message; /* NULL: not callback style, whatever else is set */
	ouro_handler_fn on_drain;
	ouro_handler_fn on_close;
	ouro_ws_gap_fn on_gap; /* in either style */
};

/* What connections with the same options and subprotocol share; it goes with the last of them. */
struct ouro_ws_kind {
	struct ouro_ws_kind *next, **link; /* @link is what points here */
	struct ouro_worker *worker;
	uint32_t uses;
	const char *protocol; /* the program's own string; NULL: none */
	struct ouro_ws_endpoint_options given;
	struct ouro_ws_callbacks callbacks;
	struct ouro_ws_endpoint endpoint;
};

/* A message that the handler has yet to take; it holds its buffer. */
struct ouro_ws_queued {
	struct ouro_ws_queued *next;
	enum ouro_ws_opcode type;
	struct ouro_slice slice;
};

/* As session.owner_facts: it has what was received behind the handshake. */
enum { OURO_WS_BEGUN = 1 << 0 };

/* All that an idle one has besides its slot. What only those need whose handler runs is in the exchange,
 * what a message under way needs the session leases. */
struct ouro_ws_conn {
	struct ouro_ws_session session; /* first; its endpoint is that of the kind */
	struct ouro_subscriber subscriber;
	struct ouro_ctx *ctx; /* NULL: the handler is over, or none of its callbacks runs */
	void *data;           /* the handler's own, between callbacks */
};

static_assert(sizeof(struct ouro_ws_conn) <= 64, "a server has many idle WebSockets");

static inline struct ouro_ws_kind *ouro_ws_kind_of(const struct ouro_ws_conn *conn)
{
	return (struct ouro_ws_kind *)(void *)((char *)conn->session.endpoint -
					       offsetof(struct ouro_ws_kind, endpoint));
}

/* ---- A worker's ---- */

void ouro_ws_open_worker(struct ouro_worker *worker);
void ouro_ws_close_worker(struct ouro_worker *worker);

/* Gives back what was not needed. */
void ouro_ws_trim(struct ouro_worker *worker);

/* Where @stream is a WebSocket's, begins to close it, for the server is going. */
bool ouro_ws_drain(struct ouro_stream *stream);

/* ---- A connection's ---- */

/* What a connection is to have, made before the 101 is written, for memory may be short. NULL: it is. It is
 * opened then, or destroyed. */
struct ouro_ws_conn *ouro_ws_conn_create(struct ouro_worker *worker,
					 const struct ouro_ws_endpoint_options *options,
					 const struct ouro_ws_callbacks *callbacks,
					 const char *protocol);
void ouro_ws_conn_destroy(struct ouro_ws_conn *conn);
void ouro_ws_conn_open(struct ouro_ws_conn *conn, struct ouro_ctx *ctx,
		       const struct ouro_ws_deflate_params *deflate);

/* Sends a whole frame that a room brings to a WebSocket, which is referenced. From the loop. 0; -ENOBUFS:
 * it is lost; -EPIPE: the WebSocket is closing. */
int ouro_ws_conn_deliver(struct ouro_subscriber *subscriber, struct ouro_slice frame);

/* Whether another one would not be dropped for want of room. */
bool ouro_ws_conn_has_room(struct ouro_subscriber *subscriber);

/* Tells the handler that messages of @topic are lost. From the loop. */
void ouro_ws_conn_tell_gap(struct ouro_subscriber *subscriber, struct ouro_str topic);

/* Begins to close: see ouro_ws_session_close(). Its rooms are left. */
int ouro_ws_conn_close(struct ouro_ws_conn *conn, unsigned code, struct ouro_str reason);

/* Takes the oldest message that waits for the handler, with its reference; false: there is none. */
bool ouro_ws_pop(struct ouro_ctx *ctx, struct ouro_ws_message *message);

/* The handler's part, or one of its callbacks, is over: closes where it should. */
void ouro_ws_look(struct ouro_ctx *ctx);

/* Goes on after something in the exchange has changed, which may be gone afterwards. From the loop. */
void ouro_ws_advance(struct ouro_ctx *ctx);

#endif
