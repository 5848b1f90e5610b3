/* Looking up a path: see router/match.h. */
#include "router/match.h"

#include "base/str.h"

#include <assert.h>

/* One walk through the tree. */
struct walk {
	const struct ouro_table *table;
	uint64_t method; /* as a mask */
	const char *end; /* of the path */
	uint64_t seen;   /* methods of what fits the path */
	uint32_t leaf;   /* what was found */
	uint32_t param_count;
	struct ouro_str *values;
};

static uint32_t find_static(const struct ouro_table *table, struct ouro_str path)
{
	uint32_t hash = ouro_table_hash(path);

	for (uint32_t i = hash & table->slot_mask;; i = (i + 1) & table->slot_mask) {
		const struct ouro_table_slot *slot = &table->slots[i];
		const struct ouro_table_leaf *leaf;

		if (slot->leaf == OURO_TABLE_NONE)
			return OURO_TABLE_NONE;
		if (slot->hash != hash)
			continue;
		leaf = &table->leaves[slot->leaf];
		if (leaf->path_len == path.len &&
		    memcmp(table->strings + leaf->path_offset, path.ptr, path.len) == 0)
			return slot->leaf;
	}
}

static enum ouro_match_result found(const struct ouro_table *table, uint32_t leaf_index,
				    enum ouro_method method, struct ouro_match *out)
{
	const struct ouro_table_leaf *leaf = &table->leaves[leaf_index];
	const struct ouro_table_route *route;
	uint64_t before;

	if (!(leaf->own >> method & 1))
		method = OURO_METHOD_GET;
	before = leaf->own & ((UINT64_C(1) << method) - 1);
	route = &table->routes[leaf->first_route + (uint32_t)__builtin_popcountll(before)];
	out->handler = route->handler;
	out->pattern = route->pattern;
	out->route_index = route->index;
	out->param_count = route->param_count;
	out->names = route->names;
	return OURO_MATCH_FOUND;
}

uint32_t ouro_table_child(const struct ouro_table *table, const struct ouro_table_node *node,
			  struct ouro_str text)
{
	const struct ouro_table_edge *edges = table->edges + node->first_edge;
	uint32_t low = 0, high = node->edge_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct ouro_table_edge *edge = &edges[middle];
		int order = edge->len != text.len
				    ? (edge->len < text.len ? -1 : 1)
				    : memcmp(table->strings + edge->offset, text.ptr, text.len);

		if (order == 0)
			return edge->child;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return OURO_TABLE_NONE;
}

static bool visit(struct walk *walk, uint32_t index, const char *at);

/* Goes on from a node below, which stands for what ends at @end. */
static bool enter(struct walk *walk, uint32_t child, const char *end)
{
	uint32_t leaf;

	if (child == OURO_TABLE_NONE)
		return false;
	if (end < walk->end)
		return visit(walk, child, end + 1);
	leaf = walk->table->nodes[child].leaf;
	if (leaf == OURO_TABLE_NONE)
		return false;
	walk->seen |= walk->table->leaves[leaf].methods;
	walk->leaf = leaf;
	return walk->table->leaves[leaf].methods & walk->method;
}

/* Looks below a node for what begins at @at. The most specific comes first, so that the first that
 * is found is the answer. No node is visited twice: there is one way to each. */
static bool visit(struct walk *walk, uint32_t index, const char *at)
{
	const struct ouro_table_node *node = &walk->table->nodes[index];
	const char *end = at < walk->end ? memchr(at, '/', (size_t)(walk->end - at)) : NULL;
	struct ouro_str text;

	if (!end)
		end = walk->end;
	text = ouro_str(at, (size_t)(end - at));
	if (enter(walk, ouro_table_child(walk->table, node, text), end))
		return true;
	if (text.len == 0 || node->param_child == OURO_TABLE_NONE)
		return false;
	walk->values[walk->param_count++] = text;
	if (enter(walk, node->param_child, end))
		return true;
	walk->param_count--;
	return false;
}

static struct ouro_str allow_of(const struct ouro_table *table, uint64_t methods)
{
	uint32_t low = 0, high = table->allow_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (table->allows[middle].methods <= methods)
			low = middle;
		else
			high = middle;
	}
	/* The compiler has met every set of routes that fit one path. */
	assert(table->allows[low].methods == methods);
	return table->allows[low].text;
}

enum ouro_match_result ouro_table_match(const struct ouro_table *table, enum ouro_method method,
					struct ouro_str path, struct ouro_match *out)
{
	uint32_t leaf = find_static(table, path);
	struct walk walk;

	if (leaf != OURO_TABLE_NONE && (table->leaves[leaf].methods >> method & 1))
		return found(table, leaf, method, out);
	if (path.len == 0 || path.ptr[0] != '/' || (leaf == OURO_TABLE_NONE && !table->has_params))
		return OURO_MATCH_NOT_FOUND;
	walk = (struct walk){
		.table = table,
		.method = method < OURO_METHOD_COUNT ? UINT64_C(1) << method : 0,
		.end = path.ptr + path.len,
		.values = out->values,
	};
	if (visit(&walk, 0, path.ptr + 1))
		return found(table, walk.leaf, method, out);
	if (!walk.seen)
		return OURO_MATCH_NOT_FOUND;
	out->allow = allow_of(table, walk.seen);
	return OURO_MATCH_METHOD_NOT_ALLOWED;
}
