/* What the kinds of targets have in common. */
#ifndef OURO_BENCH_LOAD_TARGET_PRIVATE_H
#define OURO_BENCH_LOAD_TARGET_PRIVATE_H

#include "target.h"

#include <netinet/in.h>
#include <time.h>

enum {
	TARGET_EVENTS_MAX = 1024,
	/* Nothing for so long is an error, not a slow server. */
	TARGET_STALL_MS = 5000,
};

struct target_ops {
	size_t bytes; /* of a target of this kind, which begins with its struct target */
	/* Opens the connections. 0, or a negative errno; *@what then says of what. */
	int (*open)(struct target *target, const char **what);
	/* Also after an open() that failed, and instead of one. */
	void (*close)(struct target *target);
	void (*drive)(struct target *target, uint64_t slice_ns);
	/* Sees to what comes between two slices. NULL: that waits for the next one. */
	void (*idle)(struct target *target);
};

extern const struct target_ops target_http, target_echo, target_broadcast, target_apart;

struct target {
	const struct target_ops *ops;
	const struct target_options *opt;
	struct sockaddr_in addr;
	clockid_t cpu_clocks[TARGET_PROCESSES_MAX]; /* of each process */
	int epoll_fd;
	uint64_t response_len;
	unsigned told; /* bits of the kinds of errors that were told, where they are tolerated */
	struct target_slice slice;
	struct times times[TARGET_TIMES_COUNT];
};

/* As target_create(), whose connections are in this process in any case. */
struct target *target_create_here(const struct target_options *opt);

uint64_t target_now_ns(void);

/* Counts an error of the slice. */
void target_error(struct target *target, enum target_error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A blocking socket connected to the server; a receive waits for TARGET_STALL_MS at most. */
int target_connect(const struct target *target);

/* Waits until the server has done what follows its last answer (closing, freeing, going to
 * sleep), so that this is not charged to nobody. */
uint64_t target_cpu_at_rest(const struct target *target);

#endif
