/* The values that Allow may have in a 405; private to the router. A path may fit several patterns,
 * and Allow lists the methods of all of them (RFC 9110, 10.2.1), so that each set of patterns that
 * fit one path together is looked for when the routes are compiled. */
#ifndef OURO_ROUTER_ALLOW_H
#define OURO_ROUTER_ALLOW_H

#include "router/table.h"

#include <stddef.h>
#include <stdint.h>

struct ouro_allow_sets {
	uint64_t *methods; /* ordered, each once; to be freed with free() */
	size_t count;
	size_t capacity;
};

/* Finds the sets of methods of all paths that fit a pattern in @table. Returns 0, -ENOMEM, or
 * -E2BIG where patterns overlap in more ways than anyone would mean. @sets is to be freed in any
 * case. */
int ouro_allow_find(const struct ouro_table *table, struct ouro_allow_sets *sets);

/* Bytes that the texts of @sets take. */
size_t ouro_allow_text_bytes(const struct ouro_allow_sets *sets);

/* Writes the texts of @sets at @text and lists them in @table, which has room for them. */
void ouro_allow_fill(const struct ouro_allow_sets *sets, char *text, struct ouro_table *table);

#endif
