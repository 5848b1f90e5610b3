/* The server's inside, shared by the files of this folder. */
#ifndef OURO_SERVER_PRIVATE_H
#define OURO_SERVER_PRIVATE_H

#include "engine/address.h"
#include "ouro/server.h"
#include "proto/http1_parse.h"
#include "router/router.h"
#include "server/worker.h"

enum {
	OURO_LISTENERS_MAX = 16,
	OURO_THREADS_MAX = 1024,
	OURO_LINGER_MS = 2000, /* for a client to close its side after we closed ours */
};

struct ouro_server {
	struct ouro_options options; /* every zero replaced by its default */
	struct ouro_log log;
	struct ouro_http1_limits limits;
	struct ouro_router *router;
	struct ouro_route *routes;    /* all of them, to be freed */
	enum ouro_method methods[64]; /* by llhttp's number */

	struct ouro_address addresses[OURO_LISTENERS_MAX];
	char urls[OURO_LISTENERS_MAX][OURO_ADDRESS_TEXT_MAX];
	size_t address_count;

	const struct ouro_backend_ops *backend;
	bool may_fall_back; /* the choice of backend was ours */
	struct ouro_worker *workers;
	uint32_t worker_count;
	bool running;

	pthread_mutex_t start_lock; /* guards the two below */
	pthread_cond_t start_done;
	uint32_t reported; /* workers that began or failed to */
	int start_error;
};

/* The handler as the router keeps it: routers hold object pointers, handlers are functions. */
struct ouro_route {
	ouro_handler_fn handler;
	struct ouro_route *next;
};

/* Worker @error (0 or a negative errno) has begun, or not. Its thread. */
void ouro_server_report_start(struct ouro_server *server, int error);

/* Checks @given and fills in the defaults. 0, or -EINVAL with a log line. */
int ouro_options_resolve(const struct ouro_options *given, struct ouro_options *resolved,
			 const struct ouro_log *log);

/* The backend that options and environment ask for, tried; with a log line where it is not the
 * first choice. 0 or a negative errno. */
int ouro_server_choose_backend(struct ouro_server *server);

/* The events of a connection on which no request has begun (h1.c); its user is the worker. */
extern const struct ouro_stream_events ouro_h1_idle_events;

/* Goes on with a connection after something in its exchange has changed (h1.c). @ctx may be gone
 * afterwards. */
void ouro_h1_advance(struct ouro_ctx *ctx);

#endif
