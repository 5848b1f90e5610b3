/* Memory with an inaccessible page right behind it: who reads one byte too many is caught. */
#ifndef OURO_TESTS_PROTO_GUARD_H
#define OURO_TESTS_PROTO_GUARD_H

#include <stddef.h>

struct guard {
	char *map;
	size_t map_bytes;
	char *end; /* the first byte that cannot be touched */
};

/* Maps room for @bytes_max. Exits the process where that fails. */
void guard_init(struct guard *guard, size_t bytes_max);

void guard_fini(struct guard *guard);

/* Copies @len bytes right before the edge; returns where they are. A copy made before is gone. */
const char *guard_put(struct guard *guard, const char *data, size_t len);

#endif
