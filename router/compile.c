/* Compiles routes into a table: see router/table.h. The routes are sorted, so that what shares a
 * beginning stands together; then all sizes are known before anything is built, and each level of
 * the tree is a matter of finding where groups end. */
#include "router/allow.h"
#include "router/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sizes {
	size_t slots;
	size_t leaves;
	size_t static_leaves;
	size_t nodes;
	size_t edges;
	size_t names;
	size_t allows;
	size_t strings; /* in bytes */
};

struct compiler {
	struct ouro_route_draft **routes;
	size_t route_count;
	struct ouro_table *table;
	struct ouro_str *names;
	/* How many have been made. */
	uint32_t name_count;
	uint32_t node_count;
	uint32_t edge_count;
	uint32_t leaf_count;
	uint32_t string_bytes;
};

static int compare_routes(const void *a, const void *b)
{
	const struct ouro_route_draft *one = *(const struct ouro_route_draft *const *)a;
	const struct ouro_route_draft *other = *(const struct ouro_route_draft *const *)b;
	int order = ouro_pattern_compare(&one->pattern, &other->pattern);

	return order ? order : (one->method > other->method) - (one->method < other->method);
}

static bool fit_same_paths(const struct ouro_route_draft *a, const struct ouro_route_draft *b)
{
	return ouro_pattern_compare(&a->pattern, &b->pattern) == 0;
}

/* How many segments two patterns have in common at their beginning. */
static uint32_t common_segments(const struct ouro_pattern *a, const struct ouro_pattern *b)
{
	uint32_t count = 0;

	while (count < a->count && count < b->count && !ouro_pattern_compare_at(a, b, count))
		count++;
	return count;
}

/* Each segment that the pattern before does not share becomes a node, and if static an edge. */
static void measure(struct ouro_route_draft **routes, size_t count, struct sizes *sizes)
{
	*sizes = (struct sizes){ .slots = 1, .nodes = 1 };
	for (size_t i = 0; i < count; i++) {
		const struct ouro_pattern *pattern = &routes[i]->pattern;
		uint32_t shared = 0;

		sizes->strings += pattern->text.len;
		sizes->names += pattern->param_count;
		if (i > 0) {
			if (fit_same_paths(routes[i - 1], routes[i]))
				continue;
			shared = common_segments(&routes[i - 1]->pattern, pattern);
		}
		sizes->leaves++;
		sizes->static_leaves += pattern->param_count == 0;
		sizes->nodes += pattern->count - shared;
		for (; shared < pattern->count; shared++)
			sizes->edges += !pattern->segments[shared].is_param;
	}
	while (sizes->slots < 2 * sizes->static_leaves)
		sizes->slots *= 2;
}

/* Sets @array to the next part of a block, @count elements; @at is where it ends. */
#define TAKE(at, array, count)                                                                     \
	((array) = (void *)(at), (at) += ((count) * sizeof(*(array)) + 7) / 8 * 8)

/* One block for all of it. The offsets within are checked to fit before. */
static struct ouro_table *allocate(const struct sizes *sizes, size_t routes,
				   struct ouro_str **names)
{
	size_t bytes = sizeof(struct ouro_table) + 8 * 8 +
		       sizes->slots * sizeof(struct ouro_table_slot) +
		       sizes->leaves * sizeof(struct ouro_table_leaf) +
		       routes * sizeof(struct ouro_table_route) +
		       sizes->nodes * sizeof(struct ouro_table_node) +
		       sizes->edges * sizeof(struct ouro_table_edge) +
		       sizes->allows * sizeof(struct ouro_table_allow) +
		       sizes->names * sizeof(struct ouro_str) + sizes->strings;
	struct ouro_table *table = calloc(1, bytes);
	char *at = (char *)table;

	if (!table)
		return NULL;
	TAKE(at, table, 1);
	TAKE(at, table->slots, sizes->slots);
	TAKE(at, table->leaves, sizes->leaves);
	TAKE(at, table->routes, routes);
	TAKE(at, table->nodes, sizes->nodes);
	TAKE(at, table->edges, sizes->edges);
	TAKE(at, table->allows, sizes->allows);
	TAKE(at, *names, sizes->names);
	TAKE(at, table->strings, sizes->strings);
	table->slot_mask = (uint32_t)sizes->slots - 1;
	return table;
}

static void add_route(struct compiler *c, size_t index)
{
	const struct ouro_route_draft *route = c->routes[index];
	const struct ouro_pattern *pattern = &route->pattern;
	struct ouro_table_route *out = &c->table->routes[index];
	char *text = c->table->strings + c->string_bytes;

	memcpy(text, pattern->text.ptr, pattern->text.len);
	c->string_bytes += (uint32_t)pattern->text.len;
	*out = (struct ouro_table_route){
		.handler = route->handler,
		.pattern = { text, pattern->text.len },
		.names = c->names + c->name_count,
		.index = route->index,
		.param_count = pattern->param_count,
	};
	for (uint32_t i = 0; i < pattern->count; i++) {
		const struct ouro_segment *segment = &pattern->segments[i];

		if (segment->is_param)
			c->names[c->name_count++] =
				(struct ouro_str){ text + segment->offset, segment->len };
	}
}

static void add_slot(struct compiler *c, uint32_t leaf, struct ouro_str path)
{
	struct ouro_table *table = c->table;
	uint32_t hash = ouro_table_hash(path);
	uint32_t i = hash & table->slot_mask;

	while (table->slots[i].leaf != OURO_TABLE_NONE)
		i = (i + 1) & table->slot_mask;
	table->slots[i] = (struct ouro_table_slot){ hash, leaf };
}

/* Makes one leaf of the routes from @index on that fit the same paths; returns where they end. */
static size_t add_leaf(struct compiler *c, size_t index)
{
	struct ouro_table *table = c->table;
	struct ouro_table_leaf *leaf = &table->leaves[c->leaf_count];
	const struct ouro_route_draft *first = c->routes[index];

	leaf->first_route = (uint32_t)index;
	leaf->path_offset = (uint32_t)(table->routes[index].pattern.ptr - table->strings);
	leaf->path_len = (uint32_t)table->routes[index].pattern.len;
	for (; index < c->route_count && fit_same_paths(first, c->routes[index]); index++)
		leaf->own |= UINT64_C(1) << c->routes[index]->method;
	leaf->methods = leaf->own;
	/* RFC 9110, 9.3.2: HEAD is GET without the content. */
	if (leaf->own >> OURO_METHOD_GET & 1)
		leaf->methods |= UINT64_C(1) << OURO_METHOD_HEAD;
	if (first->pattern.param_count == 0)
		add_slot(c, c->leaf_count, table->routes[index - 1].pattern);
	else
		table->has_params = true;
	c->leaf_count++;
	return index;
}

static const struct ouro_pattern *pattern_of(const struct compiler *c, uint32_t leaf)
{
	return &c->routes[c->table->leaves[leaf].first_route]->pattern;
}

/* The end of the leaves from @low on that have the same segment at @depth. */
static uint32_t group_end(const struct compiler *c, uint32_t low, uint32_t high, uint32_t depth)
{
	uint32_t end = low + 1;

	while (end < high &&
	       !ouro_pattern_compare_at(pattern_of(c, low), pattern_of(c, end), depth))
		end++;
	return end;
}

/* Edges of one node are side by side, so their number must be known before the nodes below it are
 * made. */
static uint32_t count_edges(const struct compiler *c, uint32_t low, uint32_t high, uint32_t depth)
{
	uint32_t count = 0;

	for (; low < high; low = group_end(c, low, high, depth))
		count += !pattern_of(c, low)->segments[depth].is_param;
	return count;
}

/* Makes the node of the leaves from @low to @high, whose first @depth segments are the same. */
static uint32_t add_node(struct compiler *c, uint32_t low, uint32_t high, uint32_t depth)
{
	uint32_t index = c->node_count++;
	struct ouro_table_node *node = &c->table->nodes[index];
	struct ouro_table_edge *edge;

	node->leaf = OURO_TABLE_NONE;
	node->param_child = OURO_TABLE_NONE;
	if (low < high && pattern_of(c, low)->count == depth)
		node->leaf = low++;
	node->first_edge = c->edge_count;
	node->edge_count = count_edges(c, low, high, depth);
	c->edge_count += node->edge_count;
	edge = &c->table->edges[node->first_edge];
	while (low < high) {
		const struct ouro_segment *segment = &pattern_of(c, low)->segments[depth];
		uint32_t end = group_end(c, low, high, depth);
		uint32_t child = add_node(c, low, end, depth + 1);

		if (segment->is_param)
			node->param_child = child;
		else
			*edge++ = (struct ouro_table_edge){
				.offset = c->table->leaves[low].path_offset + segment->offset,
				.len = segment->len,
				.child = child,
			};
		low = end;
	}
	return index;
}

static int build(struct ouro_route_draft **routes, size_t count, const struct sizes *sizes,
		 struct ouro_table **table)
{
	struct compiler c = { .routes = routes, .route_count = count };

	c.table = allocate(sizes, count, &c.names);
	if (!c.table)
		return -ENOMEM;
	for (size_t i = 0; i < sizes->slots; i++)
		c.table->slots[i].leaf = OURO_TABLE_NONE;
	for (size_t i = 0; i < count; i++)
		add_route(&c, i);
	for (size_t i = 0; i < count;)
		i = add_leaf(&c, i);
	add_node(&c, 0, c.leaf_count, 0);
	*table = c.table;
	return 0;
}

int ouro_table_create(struct ouro_route_draft **routes, size_t count, struct ouro_table **table)
{
	struct ouro_allow_sets sets = { 0 };
	struct ouro_table *draft = NULL;
	struct sizes sizes;
	size_t strings;
	int err;

	if (count > 1)
		qsort(routes, count, sizeof(struct ouro_route_draft *), compare_routes);
	measure(routes, count, &sizes);
	if (sizes.strings > UINT32_MAX / 2 || sizes.nodes > UINT32_MAX / 2)
		return -E2BIG;
	/* Which sets of methods a 405 may need is found in the tree; a second one has room for
	 * them, so that all is in one block. */
	err = build(routes, count, &sizes, &draft);
	if (!err)
		err = ouro_allow_find(draft, &sets);
	free(draft);
	strings = sizes.strings;
	sizes.allows = sets.count;
	sizes.strings += ouro_allow_text_bytes(&sets);
	if (!err)
		err = build(routes, count, &sizes, table);
	if (!err)
		ouro_allow_fill(&sets, (*table)->strings + strings, *table);
	free(sets.methods);
	return err;
}
