/* One server under load: its connections, the requests in flight on them and the CPU time its
 * process takes. Only the target whose slice it is sends anything. */
#ifndef OURO_BENCH_LOAD_TARGET_H
#define OURO_BENCH_LOAD_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct target_options {
	const char *name;
	const char *host;          /* dotted IPv4 address */
	const char *path;          /* the target of every request */
	uint16_t port;             /* where the server listens */
	pid_t pid;                 /* whose CPU time counts; all its threads */
	unsigned connection_count; /* in use at the same time */
	unsigned pipeline;         /* requests sent at once on one connection */
	bool close;                /* a new connection for every request */
	bool discard;              /* bodies are counted and dropped; not with close or pipeline */
};

struct target_slice {
	uint64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t request_count;
	uint64_t error_count;
	uint64_t reopen_count; /* connections the server had closed while they were idle */
};

/* User and system time of the server since its start, in clock ticks: too coarse for a slice,
 * good for their share over a run. */
struct target_ticks {
	uint64_t user;
	uint64_t system;
};

struct target;

/* Asks once and keeps the answer: every later one must equal it, but for the value of its date;
 * where bodies are dropped, its head must, and its length. Then opens the connections. NULL after a
 * message on stderr. @opt and its strings must live as long as the target. */
struct target *target_create(const struct target_options *opt);
void target_destroy(struct target *target);

/* Drives all connections for @slice_ns in a closed loop, and returns when nothing is in flight
 * and the server is at rest. The first error of a slice is told on stderr. */
void target_drive(struct target *target, uint64_t slice_ns, struct target_slice *out);

int target_ticks(const struct target *target, struct target_ticks *out);
uint64_t target_response_len(const struct target *target);

#endif
