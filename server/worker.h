/* A worker: one loop in one thread, with its connections, listeners, and the pools that exchanges
 * live from. Nothing in it is touched by another thread but its mailbox and its counters. */
#ifndef OURO_SERVER_WORKER_H
#define OURO_SERVER_WORKER_H

#include "engine/conn.h"
#include "engine/listener.h"
#include "engine/splice.h"
#include "fiber/fiber.h"
#include "proto/date.h"
#include "proto/http1_parse.h"
#include "proto/request_id.h"
#include "router/router.h"
#include "server/coders.h"
#include "server/head_cache.h"
#include "ws/loop.h"

#include <pthread.h>

struct ouro_hub_loop;
struct ouro_server;

enum {
	OURO_CARRY_BYTES = 2048, /* most heads that come in pieces fit */
};

struct ouro_worker {
	struct ouro_server *server;
	uint32_t index;
	int cpu; /* to be pinned to; -1: none */
	pthread_t thread;
	bool started;       /* @thread is there to be joined */
	atomic_bool failed; /* it could not begin, or had to end */

	struct ouro_loop loop;
	struct ouro_conns conns;
	struct ouro_listener *listeners; /* one for each of the server's addresses */
	int *listen_fds; /* opened by the server; the listeners own them once open */

	struct ouro_pool exchanges;
	struct ouro_pool arenas;
	struct ouro_pool carries;
	struct ouro_pool inq_items;
	struct ouro_pool polls;         /* struct ouro_poll_wait */
	struct ouro_pool handed_over;   /* memory that answers refer to (respond_pieces.c) */
	struct ouro_pool event_streams; /* struct ouro_event_stream */
	struct ouro_pool memberships;   /* struct ouro_membership */
	struct ouro_bufpool bufs;       /* bodies that are put together, or copied */
	struct ouro_pool ws_conns;      /* struct ouro_ws_conn */
	struct ouro_pool ws_queued;     /* messages that their handlers have yet to take */
	struct ouro_ws_loop ws;
	struct ouro_ws_kind *ws_kinds; /* of those that are open (server/ws.h) */
	void *ws_spare; /* memory for the exchange of an on_close; NULL: none has one */
	struct ouro_event_kind *event_kinds; /* of those that are open (server/sse.h) */
	struct ouro_pipes pipes;             /* for bodies that are saved */
	struct ouro_fibers fibers;           /* handlers run on these */
	struct ouro_file_cache *
		*file_caches;   /* files of the program's own, then of each directory */
	struct ouro_refs *refs; /* names that were given out */
	struct ouro_router_scratch *router_scratch; /* NULL where no route needs it */
	struct ouro_request_ids request_ids;
	uint32_t jobs; /* offloaded and not done */
	struct ouro_timer trim;
	struct ouro_router_scratch *scratch; /* NULL where no route has an expression */

	struct ouro_http1_limits limits;
	struct ouro_http1_last_host last_host;
	struct ouro_head_cache heads;
	struct ouro_coders coders;
	char date[OURO_DATE_BYTES]; /* of @date_unix_s */
	int64_t date_unix_s;

	struct ouro_hub_loop *rooms;        /* its part of the server's hub ... */
	struct ouro_mail rooms_mail;        /* ... which has messages for it */
	struct ouro_membership *rooms_told; /* of a gap, just now; NULL once it has ended */

	bool draining; /* no response offers to keep the connection */
	struct ouro_mail drain_mail;
	atomic_bool drain_asked;
	struct ouro_timer drain_timer;
};

/* Starts the worker's thread, which reports to ouro_server_report_start() once. 0 or a negative
 * errno. */
int ouro_worker_start(struct ouro_worker *worker);

/* What that thread does: opens the loop and all that hangs on it and begins to listen, turns the
 * loop until the worker is finished, and closes it. ouro_worker_open() returns 0 or a negative
 * errno, with nothing left open. */
int ouro_worker_open(struct ouro_worker *worker);
void ouro_worker_close(struct ouro_worker *worker);

/* Whether a drain has come to its end; asked after each turn. */
bool ouro_worker_is_finished(struct ouro_worker *worker);

/* Asks the worker to finish what it has and to end; a second time does nothing. Any thread. */
void ouro_worker_drain(struct ouro_worker *worker);

/* The present date for the Date field, OURO_DATE_BYTES long (RFC 9110, 6.6.1). */
const char *ouro_worker_date(struct ouro_worker *worker);

#endif
