/* The compiled routes: one block of memory that is never written again; private to the router.
 *
 * Paths without parameters are found by a hash of the whole path. All patterns are in a tree of
 * segments besides, for paths with parameters and for the methods of a 405. */
#ifndef OURO_ROUTER_TABLE_H
#define OURO_ROUTER_TABLE_H

#include "router/pattern.h"
#include "router/router.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OURO_TABLE_NONE UINT32_MAX

/* One route: what a match hands out. */
struct ouro_table_route {
	void *handler;
	struct ouro_str pattern;
	const struct ouro_str *names;
	uint32_t index;
	uint32_t param_count;
};

/* The routes whose patterns fit the same paths. Those are side by side, in the order of their
 * methods. */
struct ouro_table_leaf {
	uint64_t own;     /* methods of the routes */
	uint64_t methods; /* those and what they answer too: HEAD for GET */
	uint32_t first_route;
	uint32_t path_offset; /* of a static path: in the strings, from its slash on */
	uint32_t path_len;
};

struct ouro_table_node {
	uint32_t first_edge; /* static segments, ordered by length and bytes */
	uint32_t edge_count;
	uint32_t param_child;
	uint32_t leaf; /* of patterns that end here */
};

struct ouro_table_edge {
	uint32_t offset; /* of the segment in the strings */
	uint32_t len;
	uint32_t child;
};

struct ouro_table_slot {
	uint32_t hash;
	uint32_t leaf; /* OURO_TABLE_NONE: the slot is free */
};

/* The value of Allow for one set of methods. */
struct ouro_table_allow {
	uint64_t methods;
	struct ouro_str text;
};

struct ouro_table {
	struct ouro_table_slot *slots;
	struct ouro_table_leaf *leaves;
	struct ouro_table_route *routes;
	struct ouro_table_node *nodes; /* the first is the root */
	struct ouro_table_edge *edges;
	struct ouro_table_allow *allows; /* ordered by @methods */
	char *strings;
	uint32_t slot_mask;
	uint32_t allow_count;
	bool has_params; /* some pattern has a parameter: what is not in the slots may be found */
};

/* One route before it is compiled. */
struct ouro_route_draft {
	struct ouro_pattern pattern;
	enum ouro_method method;
	uint32_t index;
	void *handler;
};

/* Compiles @routes, which it sorts. Returns 0 with @table, to be freed with free(), or a negative
 * errno: see ouro_router_compile(). */
int ouro_table_create(struct ouro_route_draft **routes, size_t count, struct ouro_table **table);

/* The child of @node for the static segment @text, or OURO_TABLE_NONE. */
uint32_t ouro_table_child(const struct ouro_table *table, const struct ouro_table_node *node,
			  struct ouro_str text);

/* A hash of a whole path. It need not resist an enemy: what is in the table is ours. */
static inline uint32_t ouro_table_hash(struct ouro_str path)
{
	const uint64_t factor = 0x9e3779b97f4a7c15u;
	uint64_t hash = path.len * factor, word = 0;
	size_t i = 0;

	for (; i + 8 < path.len; i += 8) {
		__builtin_memcpy(&word, path.ptr + i, 8);
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	/* The last word overlaps the one before it, so that nothing beyond the path is read. */
	if (path.len >= 8) {
		__builtin_memcpy(&word, path.ptr + path.len - 8, 8);
	} else {
		word = 0;
		for (; i < path.len; i++)
			word = word << 8 | (unsigned char)path.ptr[i];
	}
	hash = (hash ^ word) * factor;
	return (uint32_t)(hash >> 32);
}

#endif
