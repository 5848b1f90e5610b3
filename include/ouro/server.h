/* A server: its options, its routes, its life. */
#ifndef OURO_SERVER_H
#define OURO_SERVER_H

#include "ouro/base.h"
#include "ouro/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ouro_server;
struct ouro_ctx;

/* Answers one request. Called by the loop that owns the connection; it must not block. It either
 * answers before it returns, or asks to be called again (ouro_on_body(), ouro_after()) and answers
 * then. One that does neither is logged and answered with 500. */
typedef void (*ouro_handler_fn)(struct ouro_ctx *ctx);

enum ouro_backend_choice {
	OURO_BACKEND_AUTO,  /* the environment's OURO_BACKEND, else the ring where it can be had */
	OURO_BACKEND_URING, /* io_uring, or an error */
	OURO_BACKEND_EPOLL,
};

/* Zero is the default of each. */
struct ouro_options {
	const char *listen; /* "tcp://127.0.0.1:8080"; see ouro_server_listen() */
	enum ouro_backend_choice backend;
	uint32_t threads; /* loops, each with a thread of its own; 0: one for each CPU that this
			   * process may run on */
	bool pin_threads; /* each thread to one of these CPUs */

	uint32_t head_bytes_max;   /* 16384; a larger head or trailer section: 431 */
	uint32_t target_bytes_max; /* 8192; a longer request target: 414 */
	uint32_t fields_max;       /* 100, at most 128; more fields: 431 */
	uint64_t body_bytes_max;   /* 1048576; a larger body: 413 */
	uint32_t connections_max;  /* of all loops; more wait in the backlog. Default: what the
				    * limit of open files allows */

	uint32_t head_timeout_ms;  /* 10000, from the first byte of a head to its last: 408 */
	uint32_t body_timeout_ms;  /* 30000 without a byte of an awaited body: 408 */
	uint32_t idle_timeout_ms;  /* 75000 without a request: closed */
	uint32_t write_timeout_ms; /* 30000 without the client taking a byte: reset */
	uint32_t drain_timeout_ms; /* 10000 for requests in progress when the server stops */

	uint32_t recv_buffers;        /* 256 for each loop; rounded up to a power of two */
	uint32_t recv_buffer_bytes;   /* 16384 */
	uint32_t completion_entries;  /* 8192; completion queue of each ring */
	uint32_t zero_copy_bytes_min; /* 65536; sends of at least so many bytes to other machines
				       * may skip the kernel's copy (ring only). UINT32_MAX: none */

	ouro_log_fn log; /* NULL: standard error */
	void *log_arg;
	enum ouro_log_level log_level;
};

/* Makes a server. @options may be NULL and is copied; strings in it must live until the server has
 * started. 0; -ENOMEM; -EINVAL where an option is out of its range, with a log line that says
 * which. */
OURO_API int ouro_server_create(struct ouro_server **server, const struct ouro_options *options);

/* Frees a server that is not running. NULL is accepted. */
OURO_API void ouro_server_destroy(struct ouro_server *server);

/* Adds a place to listen at, besides or (when called first with no options->listen) instead of the
 * default: "tcp://host:port" (a name, an IPv4 or a bracketed IPv6 address, or * for all; port 0:
 * any free one), "unix:/path" or "fd:N" (an inherited listening socket). Before the start. 0;
 * -EINVAL or -ENOENT (no such host) with a log line that says why. */
OURO_API int ouro_server_listen(struct ouro_server *server, const char *url);

/* Adds a route, before the start. @pattern: segments that are text or one "{name}" each. A GET
 * route answers HEAD too. 0; -EINVAL (malformed), -EEXIST (the same as another), -ENOMEM; each with
 * a log line. */
OURO_API int ouro_server_route(struct ouro_server *server, const char *method, const char *pattern,
			       ouro_handler_fn handler);

/* Opens the listening sockets and starts the threads. 0; else a negative errno with a log line,
 * and nothing runs. Another server listening at the same TCP address: -EADDRINUSE. */
OURO_API int ouro_server_start(struct ouro_server *server);

/* Stops accepting, lets requests in progress finish within drain_timeout_ms, closes everything and
 * joins the threads. Harmless when nothing runs. Not from a handler. */
OURO_API void ouro_server_stop(struct ouro_server *server);

/* Starts, waits for SIGTERM or SIGINT, stops. It blocks these signals in the calling thread and in
 * those it starts while it runs. 0, or a negative errno as ouro_server_start(). */
OURO_API int ouro_server_run(struct ouro_server *server);

/* The URL of listener @index (from 0) of a started server, with the port that it got; NULL where
 * there is no such listener. Lives as long as the server runs. */
OURO_API const char *ouro_server_address(const struct ouro_server *server, size_t index);

/* "uring" or "epoll": what a started server uses. */
OURO_API const char *ouro_server_backend(const struct ouro_server *server);

/* Answers with all counters in the Prometheus text format. A handler, to be routed where wanted. */
OURO_API void ouro_metrics(struct ouro_ctx *ctx);

/* One thing the running kernel offers the ring backend or not, found by trying. */
struct ouro_feature_info {
	const char *name;
	bool present;
	const char *effect; /* what is used because of it */
};

/* Fills @out with up to @max features; returns how many there are. 0 where there is no ring here;
 * @why (may be NULL) then says why, in static text. */
OURO_API size_t ouro_features(struct ouro_feature_info *out, size_t max, const char **why);

#ifdef __cplusplus
}
#endif

#endif
