/* The server's inside, shared by the files of this folder. */
#ifndef OURO_SERVER_PRIVATE_H
#define OURO_SERVER_PRIVATE_H

#include "engine/address.h"
#include "engine/offload.h"
#include "ouro/routes.h"
#include "proto/http1_parse.h"
#include "router/router.h"
#include "server/exchange.h"
#include "server/group.h"
#include "server/worker.h"

enum {
	OURO_LISTENERS_MAX = 16,
	OURO_THREADS_MAX = 1024,
	OURO_LINGER_MS = 2000, /* for a client to close its side after we closed ours */
	/* What it may send in that time and have dropped. A client that does not look before it has
	 * sent all gets its answer as long as that is an upload of ordinary size; and all that can be
	 * under way when one that does look sees the answer (by default 4 MiB in its send buffer, 32
	 * in ours: tcp(7), tcp_wmem and tcp_rmem) is less. */
	OURO_LINGER_BYTES_MAX = 64 * 1024 * 1024,
	/* What is left of a body behind its answer is read and dropped up to this, so that the
	 * connection can go on: about what is under way anyway by then, and cheaper than another
	 * connection. */
	OURO_DRAIN_BYTES_MAX = 256 * 1024,
	OURO_PIPES_MAX =
		32, /* of a loop; with more bodies being moved at a time, some are copied */
	OURO_HOOK_PHASES = OURO_HOOK_CLOSE + 1,
	OURO_HOOKS_MAX = 32, /* of one phase */
};

struct ouro_hook_entry {
	ouro_handler_fn fn;
	int order;
	uint32_t index; /* by which those of one order are ordered */
};

/* The hooks of one phase; ordered once the routes are compiled. */
struct ouro_hooks {
	struct ouro_hook_entry entries[OURO_HOOKS_MAX];
	uint32_t count;
};

struct ouro_server {
	struct ouro_options options; /* every zero replaced by its default */
	struct ouro_log log;
	struct ouro_http1_limits limits;
	struct ouro_group *root;
	struct ouro_hooks hooks[OURO_HOOK_PHASES];
	struct ouro_router
		*router; /* NULL: the routes are not compiled yet; below: what they became */
	bool guarded;    /* a route has a guard function, which may panic */
	const struct ouro_endpoint *fallback; /* of requests that no route fits */
	struct ouro_route_info *route_infos;
	size_t route_count, route_room;
	struct ouro_group_note *compiled_notes; /* memory of endpoints and the like */
	struct ouro_files *files;               /* directories that are served */
	uint32_t files_count;
	struct ouro_secret *secret;     /* of cookies; NULL: none */
	struct ouro_offload *offload;   /* while it runs */
	struct ouro_hub *hub;           /* of rooms, which outlive a stop */
	atomic_bool hub_is_lost;        /* a loop failed that has a part in it */
	struct ouro_rooms_redis *redis; /* what makes it one with that of other processes; NULL */
	enum ouro_method methods[64];   /* by llhttp's number */

	struct ouro_address addresses[OURO_LISTENERS_MAX];
	char urls[OURO_LISTENERS_MAX][OURO_ADDRESS_TEXT_MAX];
	size_t address_count;

	const struct ouro_backend_ops *backend;
	bool may_fall_back; /* the choice of backend was ours */
	struct ouro_worker *workers;
	uint32_t worker_count;
	bool embedded; /* its one worker is driven by ouro_server_poll(), not by a thread */
	bool stopped;  /* embedded: a stop that was asked for is over */

	pthread_mutex_t
		life_lock;   /* of all below to the next lock; the owner's thread alone writes */
	bool starting;       /* the workers are not all there yet ... */
	bool shutdown_asked; /* ... and are to end as soon as they are */
	bool running;
	bool is_run;      /* by ouro_server_run() ... */
	pthread_t runner; /* ... in this thread */

	pthread_mutex_t start_lock; /* guards the two below */
	pthread_cond_t start_done;
	uint32_t reported; /* workers that began or failed to */
	int start_error;
};

/* Worker @error (0 or a negative errno) has begun, or not. Its thread. */
void ouro_server_report_start(struct ouro_server *server, int error);

/* Checks @given and fills in the defaults. 0, or -EINVAL with a log line. */
int ouro_options_resolve(const struct ouro_options *given, struct ouro_options *resolved,
			 const struct ouro_log *log);

/* Flattens groups, routes and hooks into what requests are matched with, once. 0 or a negative errno
 * with a log line. ouro_server_forget_routes() frees that. */
int ouro_server_compile(struct ouro_server *server);
void ouro_server_forget_routes(struct ouro_server *server);

/* Takes the next of the methods in @rest, which are separated by commas or spaces; false: no more. */
bool ouro_method_list_next(struct ouro_str *rest, struct ouro_str *method);

/* Size of what poll.c takes from struct ouro_worker.polls. */
size_t ouro_poll_wait_bytes(void);

/* Size of what respond_pieces.c takes from struct ouro_worker.handed_over. */
size_t ouro_handed_over_bytes(void);

/* Sockets, workers and threads of a server whose routes are compiled; with @embedded the one worker is
 * opened by the calling thread. 0 or a negative errno with a log line. */
int ouro_server_open(struct ouro_server *server, bool embedded);

/* Frees what ouro_server_open() made, when all workers have ended. */
void ouro_server_close(struct ouro_server *server);

/* Stops a server that is embedded: turns its loop until all is closed. */
void ouro_embedded_stop(struct ouro_server *server);

/* The backend that options and environment ask for, tried; with a log line where it is not the
 * first choice. 0 or a negative errno. */
int ouro_server_choose_backend(struct ouro_server *server);

/* The events of a connection on which no request has begun (h1.c); its user is the worker. */
extern const struct ouro_stream_events ouro_h1_idle_events;

/* Goes on with a connection after something in its exchange has changed (h1.c). @ctx may be gone
 * afterwards. */
void ouro_h1_advance(struct ouro_ctx *ctx);

/* An exchange for @stream, which has none and is its from now on; NULL: out of memory. */
struct ouro_ctx *ouro_h1_activate(struct ouro_worker *worker, struct ouro_stream *stream);

/* Whether what is left of the body, as far as is known, may be dropped for the connection to go on. */
bool ouro_h1_may_drain(const struct ouro_ctx *ctx);

#endif
