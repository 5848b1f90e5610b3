/* One server under load: its connections, what is in flight on them and the CPU time its processes
 * take. Only the target whose slice it is sends anything. */
#ifndef OURO_BENCH_LOAD_TARGET_H
#define OURO_BENCH_LOAD_TARGET_H

#include "times.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TARGET_PROCESSES_MAX = 64 };

/* What HTTP asks for. */
enum target_request {
	TARGET_GET,
	TARGET_POST,         /* a body with its length */
	TARGET_POST_CHUNKED, /* the same in chunks */
	TARGET_MIX, /* in turn on each connection: GET /plaintext and, of /echo, both kinds of POST */
};

/* What may go wrong with a server under load. */
enum target_error_kind {
	TARGET_ERROR_CONNECT,
	TARGET_ERROR_RESET, /* the connection ended before its time */
	TARGET_ERROR_STALL, /* nothing came for TARGET_STALL_MS */
	TARGET_ERROR_ANSWER,
	TARGET_ERROR_COUNT
};

enum target_kind {
	TARGET_HTTP,      /* requests and answers */
	TARGET_ECHO,      /* WebSocket messages that come back */
	TARGET_BROADCAST, /* messages that come to all subscribers, WebSockets and event streams */
};

struct target_options {
	const char *name;
	const char *host;                 /* dotted IPv4 address */
	const char *path;                 /* of every request; of the WebSockets that echo */
	uint16_t port;                    /* where the server listens */
	pid_t pids[TARGET_PROCESSES_MAX]; /* whose CPU time counts; all their threads */
	unsigned pid_count;
	enum target_kind kind;
	unsigned connection_count; /* in use at the same time */
	unsigned pipeline;         /* requests or messages at once, on a connection or to a topic */
	bool close;                /* HTTP: a new connection for every request */
	bool discard; /* HTTP: bodies are counted and dropped; not with close or pipeline */
	unsigned message_bytes; /* of what is echoed or published */
	bool text;              /* echo: messages of text, not binary ones */
	unsigned stream_count;  /* broadcast: how many of the connections are event streams */
	unsigned publish_count; /* broadcast: messages of a slice */
	/* Of HTTP alone: */
	enum target_request request;
	unsigned body_bytes;              /* of a POST */
	unsigned requests_per_connection; /* .. and then we end it; 0: it stays */
	bool reset;                       /* .. by RST, not by FIN */
	bool tolerate;                    /* errors are counted, and the connection is made anew */
	bool poisson;                     /* the open loop's times are random */
	double rate;                      /* requests a second of an open loop; 0: a closed one */
};

/* What is timed of each message. */
enum target_times {
	/* HTTP: asked, in an open loop due to be asked, until it was answered; echo: there and
	 * back; broadcast: published until a subscriber has it */
	TARGET_TIMES_MESSAGE,
	TARGET_TIMES_ALL, /* broadcast: published until the last subscriber has it */
	TARGET_TIMES_LAG, /* open loop: due until sent, by the load's own fault: a connection was free */
	TARGET_TIMES_COUNT
};

struct target_slice {
	uint64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t request_count; /* answers, echoes or deliveries */
	uint64_t error_count;
	uint64_t errors[TARGET_ERROR_COUNT]; /* the same by kind */
	uint64_t reopen_count;  /* connections the server had closed while they were idle */
	uint64_t connect_count; /* HTTP: connections made during it */
	uint64_t late_count;    /* open loop: due in it, but sent behind its end */
	uint64_t unsent_count;  /* open loop: due in it, and never sent */
	uint64_t p50_ns;        /* HTTP: of what was timed in it */
	uint64_t p99_ns;
	uint64_t p999_ns;
	uint64_t all_ns; /* the median of TARGET_TIMES_ALL in it; 0 where there is none */
};

/* User and system time of the server since its start, in clock ticks: too coarse for a slice,
 * good for their share over a run. */
struct target_ticks {
	uint64_t user;
	uint64_t system;
};

struct target;

/* HTTP asks once of each kind and keeps the answer: every later one must equal it, but for the
 * value of its date; where bodies are dropped, its head must, and its length. Then opens the
 * connections. NULL after a message on stderr. @opt and its strings must live as long as the
 * target. */
struct target *target_create(const struct target_options *opt);
void target_destroy(struct target *target);

/* Drives all connections in a closed loop, for @slice_ns or until publish_count messages have come
 * to all, and returns when nothing is in flight and the server is at rest. In an open loop what is
 * due within @slice_ns is asked for then, or as soon as a connection is free; it is given up where
 * that takes as long again. The first error of a slice is told on stderr; where they are tolerated,
 * the first of each kind. */
void target_drive(struct target *target, uint64_t slice_ns, struct target_slice *out);

int target_ticks(const struct target *target, struct target_ticks *out);

/* Of HTTP's answers, of one of each kind; 0 of others. */
uint64_t target_response_len(const struct target *target);

/* What was timed since the last target_forget_times(). */
const struct times *target_times(const struct target *target, enum target_times which);
void target_forget_times(struct target *target);

#endif
