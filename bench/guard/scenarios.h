/* The scenarios of the replay: what is asked of which routes, and what must come back. */
#ifndef OURO_BENCH_GUARD_SCENARIOS_H
#define OURO_BENCH_GUARD_SCENARIOS_H

#include <ouro.h>

struct scenario {
	const char *name;
	void (*set_up)(struct ouro_server *server);
	const char *opening; /* asked once on each connection, before all else; NULL: nothing */
	const char *input;   /* asked each time ... */
	uint32_t requests;   /* ... which is so many requests */
	bool reconnects;     /* each time on a connection of its own, which the server ends */
	const char *begins, *ends; /* of what comes back to @input */
};

/* All of them, in the order of the report. */
const struct scenario *scenarios_get(size_t *count);

#endif
