/* A server: its options, its routes, its life. */
#ifndef OURO_SERVER_H
#define OURO_SERVER_H

#include "ouro/base.h"
#include "ouro/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ouro_server;
struct ouro_ctx;

/* Handles one request, or takes part in it as middleware or hook. It runs on a fiber of the loop that
 * owns the connection: what waits (ouro_sleep(), ouro_body_read() and others in ouro/wait.h) suspends
 * this handler and nothing else, but what blocks the thread blocks all of the loop. It either answers
 * before it returns, or asks to be called again (ouro_on_body(), ouro_after()) and answers then. One
 * that does neither is logged and answered with 500. */
typedef void (*ouro_handler_fn)(struct ouro_ctx *ctx);

enum ouro_backend_choice {
	OURO_BACKEND_AUTO,  /* the environment's OURO_BACKEND, else the ring where it can be had */
	OURO_BACKEND_URING, /* io_uring, or an error */
	OURO_BACKEND_EPOLL,
};

/* What of a request's path counts when a route is looked for.
 *
 * The canonical form (RFC 3986, 6.2.2) has no dot segments and no empty segments, and escapes only
 * what must be escaped: %2F stays as it is, within its segment. Where the path has no route and the
 * one that differs in a trailing slash has, that one is meant. */
enum ouro_paths {
	OURO_PATHS_CANONICAL, /* routes are found by the canonical form */
	OURO_PATHS_REDIRECT, /* the same, but where it differs from what was sent, the answer is 308
			       * (Permanent Redirect) to it */
	OURO_PATHS_EXACT,    /* byte by byte as sent: /a/, //a and /%61 are not /a */
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

	enum ouro_paths paths;
	bool no_auto_options; /* OPTIONS without a route is 405, not answered from the others */

	bool compress; /* answers are compressed where a client takes that: see enum ouro_compress
			* (ouro/routes.h), which says so for each route */
	uint32_t compress_bytes_min; /* 1024; smaller complete answers are sent as they are */
	uint32_t compress_level;     /* 1 to 9; 0: what suits each coding (br, gzip and deflate 4,
					* zstd 3) */
	bool decompress;             /* bodies of requests are decoded: see enum ouro_decompress */
	uint32_t decompress_ratio_max; /* 100; bodies that grow to more than so many times their
					* length, and 64 KiB, are 413 */

	uint32_t
		fiber_stack_bytes; /* 65536 for each handler that waits; touched pages count alone */
	uint32_t fibers_max;       /* 65536 handlers in progress on one loop; beyond: 503 */
	uint32_t offload_threads;  /* 4 for ouro_offload(), of the whole server */
	uint32_t offload_queue_max; /* 1024 jobs waiting for one of these; beyond: -EAGAIN */

	uint32_t topics_max;        /* 65536 (ouro/rooms.h) */
	uint32_t subscribers_max;   /* 1048576 of one topic */
	uint32_t message_bytes_max; /* 1048576, at most 16 MiB: the data of a message */
	uint32_t
		replay_count_max; /* 64, at most 1048576: messages that a topic keeps for clients who
				     * come back. UINT32_MAX: none */
	uint32_t replay_bytes_max;   /* 65536, all of these together */
	uint32_t topic_bytes_max;    /* 268435456 that all topics keep */
	uint32_t topic_retention_ms; /* 60000 for which a topic without subscribers is kept */

	/* "redis://[[user]:password@]host[:port][/database]", or
	 * "redis+unix://[[user]:password@]/path[?db=database]", percent-encoded: rooms are shared by all
	 * processes that have it. NULL: they are of this process alone. */
	const char *hub;
	const char
		*hub_prefix; /* "ouro", at most 64 bytes: what keys and channels there begin with */

	ouro_log_fn log; /* NULL: standard error */
	void *log_arg;
	enum ouro_log_level log_level;
};

/* Makes a server. @options may be NULL and is copied; strings in it must live until the server has
 * started. 0; -ENOMEM; -EINVAL where an option is out of its range, -ENOTSUP for a hub where it was built
 * without hiredis, each with a log line that says which. */
OURO_API int ouro_server_create(struct ouro_server **server, const struct ouro_options *options);

/* Frees a server that is not running. NULL is accepted. */
OURO_API void ouro_server_destroy(struct ouro_server *server);

/* Adds a place to listen at, besides or (when called first with no options->listen) instead of the
 * default: "tcp://host:port" (a name, an IPv4 or a bracketed IPv6 address, or * for all; port 0:
 * any free one), "unix:/path" or "fd:N" (an inherited listening socket). Before the start. 0;
 * -EALREADY where it runs; -EINVAL or -ENOENT (no such host) with a log line that says why. */
OURO_API int ouro_server_listen(struct ouro_server *server, const char *url);

/* Keys for signed and encrypted cookies, each of at least 32 bytes that nobody can guess, copied. The
 * first makes new ones, all are tried on what clients send, so that keys can be changed. Before the
 * start. 0; -EINVAL (too short, none or more than 8), -EALREADY (it runs), -ENOMEM. */
OURO_API int ouro_server_secret(struct ouro_server *server, const struct ouro_str *keys,
				size_t count);

/* Compiles the routes, opens the listening sockets and starts the threads, in which SIGPIPE is blocked. 0; else a negative errno
 * with a log line, and nothing runs. Another server listening at the same TCP address: -EADDRINUSE.
 * Two routes that fit the same requests: -EEXIST, and the line says where both are. */
OURO_API int ouro_server_start(struct ouro_server *server);

/* Stops accepting, lets requests in progress finish within drain_timeout_ms, closes everything and
 * joins the threads. Harmless when nothing runs. Not from a handler. */
OURO_API void ouro_server_stop(struct ouro_server *server);

/* Starts, waits for SIGTERM or SIGINT, stops. It blocks these signals in the calling thread and in
 * those it starts while it runs. Meanwhile a crash (SIGSEGV, SIGBUS, SIGILL, SIGFPE) is reported on
 * standard error with a backtrace before it ends the process, unless the program handles these
 * signals itself. 0, or a negative errno as ouro_server_start(). */
OURO_API int ouro_server_run(struct ouro_server *server);

/* Runs the server's one loop (options.threads is 1) within another loop, which belongs to the calling
 * thread; all of these calls come from it.
 *
 * ouro_server_poll_fd() starts the server where it was not and returns a descriptor that can be read when
 * there is something to do; it stays the server's. A negative errno as ouro_server_start(); -EINVAL where
 * there are more threads, -EALREADY where it runs in one of its own.
 *
 * ouro_server_poll() does what there is to do, without sleeping. @timeout_ms: when it must be called again
 * at the latest, though the descriptor cannot be read; -1: never. 0; -ESHUTDOWN where the server has
 * stopped: see ouro_server_shutdown(); -EINVAL where ouro_server_poll_fd() was not called; or another
 * negative errno that it cannot go on from. On an error @timeout_ms is -1.
 *
 * On the ring the kernel may end system calls of that thread that sleep, epoll_wait(2) for one, with
 * EINTR: they are to be made again. */
OURO_API int ouro_server_poll_fd(struct ouro_server *server);
OURO_API int ouro_server_poll(struct ouro_server *server, int *timeout_ms);

/* Asks a server that runs in any way to stop as ouro_server_stop() does, and returns at once: a
 * ouro_server_run() then returns, a ouro_server_poll() says -ESHUTDOWN once all is closed. From any
 * thread, also while it starts or stops, and from handlers; does nothing where it does not run. */
OURO_API void ouro_server_shutdown(struct ouro_server *server);

/* The URL of listener @index (from 0) of a started server, with the port that it got; NULL where
 * there is no such listener. Lives as long as the server runs. */
OURO_API const char *ouro_server_address(const struct ouro_server *server, size_t index);

/* "uring" or "epoll": what a started server uses. */
OURO_API const char *ouro_server_backend(const struct ouro_server *server);

/* Answers with all counters in the Prometheus text format. A handler, to be routed where wanted. */
OURO_API void ouro_metrics(struct ouro_ctx *ctx);

/* One figure of a server, all its loops added up. */
struct ouro_metric {
	const char *name; /* as ouro_metrics() shows it, without "ouro_" and "_total" */
	const char *help; /* a line about it */
	uint64_t value;
	bool is_gauge; /* a level that falls too; else it only grows */
};

/* Takes one of them. @metric lives for the call, its strings always. */
typedef void (*ouro_metric_fn)(void *arg, const struct ouro_metric *metric);

/* Calls @fn with each figure that ouro_metrics() shows of the server as a whole, in no order to be relied
 * on, before it returns: for what shows or sends them in another form. Loops go on counting meanwhile, so
 * figures need not match each other to the last one. From any thread, while the server runs. */
OURO_API void ouro_server_metrics_each(struct ouro_server *server, ouro_metric_fn fn, void *arg);

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
