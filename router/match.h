/* Looking up a path in the compiled routes; private to the router. */
#ifndef OURO_ROUTER_MATCH_H
#define OURO_ROUTER_MATCH_H

#include "router/table.h"

/* See ouro_router_match(). */
enum ouro_match_result ouro_table_match(const struct ouro_table *table, enum ouro_method method,
					struct ouro_str path, struct ouro_match *out);

#endif
