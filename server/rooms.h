/* The server's hub, its loops' parts of it, and who subscribes. The public side is ouro/rooms.h. */
#ifndef OURO_SERVER_ROOMS_H
#define OURO_SERVER_ROOMS_H

#include "server/exchange.h"

/* The hub of @server, whose options are resolved. 0 or a negative errno. */
int ouro_rooms_create(struct ouro_server *server);

/* All workers have ended. */
void ouro_rooms_destroy(struct ouro_server *server);

/* The worker's part of it. 0 or -ENOMEM. */
int ouro_rooms_open(struct ouro_worker *worker);

/* Nothing is delivered any more, and mail under way arrives here; connections may still hold messages. */
void ouro_rooms_close(struct ouro_worker *worker);

/* Frees the worker's part, which is closed, when its connections are gone. */
void ouro_rooms_release(struct ouro_worker *worker);

/* The worker's loop has failed: others must not wake it, and what it holds stays as it is. */
void ouro_rooms_disown(struct ouro_worker *worker);

/* Gives up topics that nobody has asked for in a while. */
void ouro_rooms_sweep(struct ouro_worker *worker);

/* Size of what rooms.c takes from struct ouro_worker.memberships. */
size_t ouro_membership_bytes(void);

struct ouro_membership;

/* Who is in rooms, and lives as long as it can be sent to: an event stream, or a WebSocket, whose context
 * may be that of one callback. Zero: in none. */
struct ouro_subscriber {
	struct ouro_membership *memberships; /* one for each topic that it has */
};

/* Ends all subscriptions of @subscriber. */
void ouro_rooms_leave(struct ouro_subscriber *subscriber);

#endif
