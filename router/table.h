/* The compiled routes: one block of memory that is never written again; private to the router. Only
 * the regular expressions are apart, in memory of PCRE2.
 *
 * All patterns are in a tree of segments for each host. What most nodes need is in 32 bytes, and so
 * is what leads from a node to the next by a static segment, two of either to a cache line. */
#ifndef OURO_ROUTER_TABLE_H
#define OURO_ROUTER_TABLE_H

#include "router/draft.h"
#include "router/router.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OURO_TABLE_NONE UINT32_MAX

struct ouro_table_node {
	/* Of the static children: see router/hash.h. */
	uint64_t multiplier;
	uint32_t first_edge;
	uint32_t probes;
	uint32_t param; /* a node */
	uint32_t leaf;  /* of patterns that end here */
	uint32_t extra; /* where it has children of other kinds */
	uint8_t shift;
};

/* A static child, or a free slot: then @len is 0, for the empty segment has no edge. */
struct ouro_table_edge {
	uint64_t head, tail; /* as in struct ouro_words */
	uint32_t len;
	uint32_t child;
	uint32_t offset; /* of its bytes in the strings */
};

/* What few nodes have. */
struct ouro_table_extra {
	uint32_t empty; /* the node of the static segment without a byte */
	uint32_t tail;  /* the node of the tail */
	uint32_t first_test;
	uint32_t test_count;
};

/* A child for segments that pass a test; most specific first. */
struct ouro_table_test {
	enum ouro_segment_kind kind;
	uint32_t child;
	struct ouro_regex *regex; /* of that kind */
};

/* The routes that fit the same paths. They are side by side: by method, those for any last, and of
 * one method guarded ones as added, then the one that is not. */
struct ouro_table_leaf {
	uint64_t methods; /* that have routes */
	uint32_t first_route;
	uint32_t route_count;
	bool has_any;
	bool has_guards; /* then all must be looked at one by one; else there is one a method */
};

/* One route. It begins as struct ouro_match does, so that it is handed out in one piece. */
struct ouro_table_route {
	void *handler;
	struct ouro_str pattern;
	uint64_t method; /* as a mask; 0: any */
	uint32_t index;
	uint32_t param_count;
	const struct ouro_str *names;
	bool guarded;
};

struct ouro_table_host {
	enum ouro_host_kind kind;
	struct ouro_str text;
	uint32_t root;
};

/* A name for ouro_router_url(), with the segments of its path. */
struct ouro_table_url {
	struct ouro_str name;
	uint32_t first_part;
	uint32_t part_count;
	uint32_t param_count;
};

struct ouro_table_part {
	enum ouro_segment_kind kind;
	struct ouro_str text; /* static: the segment; else the name */
	struct ouro_regex *regex;
};

struct ouro_table {
	struct ouro_table_node *nodes; /* the first is the root for any host */
	struct ouro_table_edge *edges;
	struct ouro_table_extra *extras;
	struct ouro_table_test *tests;
	struct ouro_table_leaf *leaves;
	struct ouro_table_route *routes;
	struct ouro_str *names;
	struct ouro_table_host *hosts; /* by kind and text; without the one for any */
	struct ouro_table_url *urls;
	struct ouro_table_part *parts;
	struct ouro_regex **regexes; /* all; owned */
	char *strings;
	size_t bytes; /* of the block */
	uint32_t host_count;
	uint32_t url_count;
	uint32_t regex_count;
};

/* Orders hosts as the table has them. */
int ouro_table_host_compare(const struct ouro_table_host *host, enum ouro_host_kind kind,
			    struct ouro_str text);

/* Compiles @draft, of which expressions go over to the table. Returns 0 with @table, -E2BIG or
 * -ENOMEM. */
int ouro_table_create(struct ouro_draft *draft, struct ouro_table **table);

void ouro_table_destroy(struct ouro_table *table);

#endif
