/* Rooms over several processes: the hub's backend on Redis, on the loop of the server's first worker, which
 * outlives a stop as the hub does. Where the server has no hub option, or was built without hiredis, there is
 * none, and all of these do nothing. */
#ifndef OURO_SERVER_ROOMS_REDIS_H
#define OURO_SERVER_ROOMS_REDIS_H

#include "server/server_private.h"

struct ouro_hub_backend;

/* What /metrics shows. */
struct ouro_rooms_redis_stats {
	bool is_connected;
	uint64_t connects; /* times that it came to be */
	uint32_t queued;   /* messages that Redis has not taken yet */
	uint64_t queued_bytes;
	uint64_t lost; /* messages that it has refused for good */
};

/* The backend that options.hub asks for, at *@backend; NULL where it asks for none. 0; -EINVAL: it is not
 * a URL that is understood, or the prefix is too long; -ENOTSUP: it was built without hiredis; both with a
 * log line; -ENOMEM or the error of getrandom(2). */
int ouro_rooms_redis_create(struct ouro_server *server, struct ouro_hub_backend **backend);

/* After the hub. */
void ouro_rooms_redis_destroy(struct ouro_server *server);

/* Begins to connect, where @worker is the first, and does not wait for it. 0 or -ENOMEM. */
int ouro_rooms_redis_open(struct ouro_worker *worker);

/* All other workers have ended, so that nothing is published any more but by handlers of the first. Any
 * thread, once after a start, where the first worker's loop may still turn. */
void ouro_rooms_redis_be_last(struct ouro_server *server);

/* Of a worker that drains and has nothing in progress: whether it may end, asked after each turn. The
 * first waits for the others, and until Redis has taken what was published, at most to the end of the
 * drain or OURO_ROOMS_FLUSH_MS more. Then it disconnects. */
bool ouro_rooms_redis_may_end(struct ouro_worker *worker);
enum { OURO_ROOMS_FLUSH_MS = 1000 };

/* The worker's loop has failed, and is not called any more. What is published waits from now on. */
void ouro_rooms_redis_disown(struct ouro_worker *worker);

/* False where there is no backend. Any thread. */
bool ouro_rooms_redis_get_stats(struct ouro_server *server, struct ouro_rooms_redis_stats *stats);

#endif
