/* Looking up a path in the compiled routes; private to the router. */
#ifndef OURO_ROUTER_MATCH_H
#define OURO_ROUTER_MATCH_H

#include "router/table.h"

/* See ouro_router_match(). */
enum ouro_match_result ouro_table_match(const struct ouro_table *table,
					const struct ouro_match_query *query,
					struct ouro_match *out);

/* Whether @value, which is not empty, passes the test of a segment of this @kind. */
bool ouro_table_test_passes(enum ouro_segment_kind kind, const struct ouro_regex *regex,
			    struct ouro_str value, struct ouro_router_scratch *scratch);

#endif
