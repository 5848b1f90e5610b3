/* The values that Allow may have: see router/allow.h. */
#include "router/allow.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Sets of nodes that are looked at, at most. Routes as people write them take little more than one
 * for each segment; made to overlap in every way they could take exponentially many. */
#define STEPS_MAX 1000000

struct search {
	const struct ouro_table *table;
	struct ouro_allow_sets *sets;
	uint32_t steps;
};

/* Nodes that paths with one beginning lead to: each has come that far by another pattern. */
struct node_set {
	uint32_t *nodes;
	uint32_t count;
};

static int add_set(struct ouro_allow_sets *sets, uint64_t methods)
{
	size_t i = sets->count;
	uint64_t *grown;

	while (i > 0 && sets->methods[i - 1] > methods)
		i--;
	if (i > 0 && sets->methods[i - 1] == methods)
		return 0;
	if (sets->count == sets->capacity) {
		sets->capacity = sets->capacity ? sets->capacity * 2 : 16;
		grown = realloc(sets->methods, sets->capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		sets->methods = grown;
	}
	memmove(sets->methods + i + 1, sets->methods + i, (sets->count - i) * sizeof(*grown));
	sets->methods[i] = methods;
	sets->count++;
	return 0;
}

static void add_node(struct node_set *set, uint32_t node)
{
	if (node != OURO_TABLE_NONE)
		set->nodes[set->count++] = node;
}

static int visit(struct search *search, const struct node_set *set);

/* Goes on with what fits the segment @text; NULL: one that no pattern names. */
static int visit_below(struct search *search, const struct node_set *set,
		       const struct ouro_str *text)
{
	struct node_set below = { malloc(2 * set->count * sizeof(uint32_t)), 0 };
	int err = 0;

	if (!below.nodes)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct ouro_table_node *node = &search->table->nodes[set->nodes[i]];

		if (text)
			add_node(&below, ouro_table_child(search->table, node, *text));
		/* A parameter is never empty. */
		if (!text || text->len > 0)
			add_node(&below, node->param_child);
	}
	if (below.count > 0)
		err = visit(search, &below);
	free(below.nodes);
	return err;
}

/* Whether a node before the one at @index in @set has an edge for @text too. */
static bool is_repeated(const struct search *search, const struct node_set *set, uint32_t index,
			struct ouro_str text)
{
	for (uint32_t i = 0; i < index; i++)
		if (ouro_table_child(search->table, &search->table->nodes[set->nodes[i]], text) !=
		    OURO_TABLE_NONE)
			return true;
	return false;
}

static int visit(struct search *search, const struct node_set *set)
{
	const struct ouro_table *table = search->table;
	uint64_t methods = 0;
	int err = 0;

	if (++search->steps > STEPS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t leaf = table->nodes[set->nodes[i]].leaf;

		methods |= leaf == OURO_TABLE_NONE ? 0 : table->leaves[leaf].methods;
	}
	if (methods)
		err = add_set(search->sets, methods);
	for (uint32_t i = 0; !err && i < set->count; i++) {
		const struct ouro_table_node *node = &table->nodes[set->nodes[i]];

		for (uint32_t j = 0; !err && j < node->edge_count; j++) {
			const struct ouro_table_edge *edge = &table->edges[node->first_edge + j];
			struct ouro_str text = { table->strings + edge->offset, edge->len };

			if (!is_repeated(search, set, i, text))
				err = visit_below(search, set, &text);
		}
	}
	return err ? err : visit_below(search, set, NULL);
}

int ouro_allow_find(const struct ouro_table *table, struct ouro_allow_sets *sets)
{
	struct search search = { .table = table, .sets = sets };
	uint32_t root = 0;

	return visit(&search, &(struct node_set){ &root, 1 });
}

/* Writes the names of @methods at @out, or only counts where that is NULL. Returns the bytes. */
static size_t write_text(uint64_t methods, char *out)
{
	size_t len = 0;

	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++) {
		struct ouro_str name = ouro_method_name((enum ouro_method)i);

		if (!(methods >> i & 1))
			continue;
		if (out) {
			if (len > 0)
				memcpy(out + len, ", ", 2);
			memcpy(out + len + (len > 0 ? 2 : 0), name.ptr, name.len);
		}
		len += name.len + (len > 0 ? 2 : 0);
	}
	return len;
}

size_t ouro_allow_text_bytes(const struct ouro_allow_sets *sets)
{
	size_t bytes = 0;

	for (size_t i = 0; i < sets->count; i++)
		bytes += write_text(sets->methods[i], NULL);
	return bytes;
}

void ouro_allow_fill(const struct ouro_allow_sets *sets, char *text, struct ouro_table *table)
{
	for (size_t i = 0; i < sets->count; i++) {
		size_t len = write_text(sets->methods[i], text);

		table->allows[i] = (struct ouro_table_allow){ sets->methods[i], { text, len } };
		text += len;
	}
	table->allow_count = (uint32_t)sets->count;
}
