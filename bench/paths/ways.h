/* The ways from a file to a socket. Each sends the rig's whole file once; returns 0 or a negative
 * errno. */
#ifndef OURO_BENCH_PATHS_WAYS_H
#define OURO_BENCH_PATHS_WAYS_H

#include "rig.h"

/* How long the loop was held by calls: time in which it can serve nobody else. Waiting for its
 * descriptors to be ready, with all others, is not. */
struct meter {
	uint64_t blocked_ns; /* in calls, but not running */
	uint64_t longest_ns; /* one call took, running or not */
};

struct way {
	const char *name;
	int (*send)(struct rig *rig, struct meter *meter);
	bool blocking; /* wants a socket that blocks */
};

/* Both end with a way without a name. */
extern const struct way ways_hot[];  /* for files in the page cache */
extern const struct way ways_cold[]; /* for files that are not */

#endif
