/* Compiles routes into a table: see router/table.h. A first walk through the trees counts what is
 * to be built and lays out the hash tables of their nodes; after that nothing can fail. */
#include "router/table.h"

#include "base/str.h"
#include "router/scan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct sizes {
	size_t nodes;
	size_t edges;
	size_t extras;
	size_t tests;
	size_t leaves;
	size_t routes;
	size_t names;
	size_t hosts;
	size_t urls;
	size_t parts;
	size_t regexes;
	size_t strings; /* in bytes */
};

/* How much has been built is in the same terms. */
struct compiler {
	struct ouro_table *table;
	struct sizes done;
};

static bool is_edge(const struct ouro_draft_node *node)
{
	return node->segment->kind == OURO_SEGMENT_STATIC && node->segment->text.len > 0;
}

static bool is_test(const struct ouro_draft_node *node)
{
	return node->segment->kind >= OURO_SEGMENT_U64 && node->segment->kind <= OURO_SEGMENT_REGEX;
}

/* Whether its parent needs an extra for it. */
static bool is_extra(const struct ouro_draft_node *node)
{
	return !is_edge(node) && node->segment->kind != OURO_SEGMENT_PARAM;
}

static struct ouro_words words_of(struct ouro_str segment)
{
	char short_text[8] = { 0 };

	if (segment.len >= 8)
		return ouro_words_of(segment.ptr, 0, segment.len);
	memcpy(short_text, segment.ptr, segment.len);
	return ouro_words_of(short_text, 0, segment.len);
}

static int plan_hash(struct ouro_draft_node *node)
{
	uint64_t *keys;
	size_t count = 0;
	int err;

	for (const struct ouro_draft_node *child = node->first_child; child; child = child->next)
		count += is_edge(child);
	keys = malloc((count + 1) * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	count = 0;
	for (const struct ouro_draft_node *child = node->first_child; child; child = child->next)
		if (is_edge(child))
			keys[count++] = words_of(child->segment->text).key;
	err = ouro_hash_plan(keys, count, &node->hash);
	free(keys);
	return err;
}

/* As deep as patterns have segments. */
static int plan_node(struct ouro_draft_node *node, struct sizes *sizes)
{
	int err = plan_hash(node);
	bool has_extra = false;

	sizes->nodes++;
	sizes->edges += node->hash.slots;
	sizes->leaves += node->routes != NULL;
	sizes->regexes += node->regex != NULL;
	for (struct ouro_draft_node *child = node->first_child; !err && child;
	     child = child->next) {
		has_extra |= is_extra(child);
		sizes->tests += is_test(child);
		if (is_edge(child))
			sizes->strings += child->segment->text.len;
		err = plan_node(child, sizes);
	}
	sizes->extras += has_extra;
	return err;
}

/* What the path of a name is built from: bytes as they are, or the name of a value. */
static struct ouro_str url_text(const struct ouro_segment *segment)
{
	return segment->kind == OURO_SEGMENT_STATIC ? segment->text : segment->name;
}

static void plan_route(const struct ouro_draft_route *route, struct sizes *sizes)
{
	sizes->routes++;
	sizes->names += route->pattern.param_count + (route->host.kind == OURO_HOST_PARAM);
	sizes->strings += route->text.len + route->host.name.len;
	for (uint32_t i = 0; i < route->pattern.count; i++)
		sizes->strings += route->pattern.segments[i].name.len;
	if (route->name.len == 0)
		return;
	sizes->urls++;
	sizes->parts += route->pattern.count;
	sizes->strings += route->name.len;
	for (uint32_t i = 0; i < route->pattern.count; i++)
		sizes->strings += url_text(&route->pattern.segments[i]).len;
}

static int plan(struct ouro_draft *draft, struct sizes *sizes)
{
	int err = 0;

	/* There is always a root for any host, the first. */
	*sizes = (struct sizes){ .nodes = 1 };
	for (struct ouro_draft_host *host = draft->hosts; !err && host; host = host->next) {
		err = plan_node(&host->root, sizes);
		sizes->hosts++;
		sizes->strings += host->pattern->text.len;
	}
	for (const struct ouro_draft_route *route = draft->first_route; route; route = route->next)
		plan_route(route, sizes);
	if (err)
		return err;
	return sizes->nodes > UINT32_MAX / 2 || sizes->edges > UINT32_MAX / 2 ||
			       sizes->strings > UINT32_MAX / 2
		       ? -E2BIG
		       : 0;
}

/* Sets @array to the next part of the block, @count elements, or only counts where that is NULL. */
#define TAKE(block, at, array, count)                                                              \
	((array) = (block) ? (void *)((char *)(block) + (at)) : NULL,                              \
	 (at) += ((count) * sizeof(*(array)) + 31) / 32 * 32)

/* The table itself comes first. Lines of the cache hold whole nodes and edges. */
static size_t lay_out(struct ouro_table *table, char *block, const struct sizes *sizes)
{
	size_t at = (sizeof(*table) + 63) / 64 * 64;

	TAKE(block, at, table->nodes, sizes->nodes);
	TAKE(block, at, table->edges, sizes->edges);
	TAKE(block, at, table->extras, sizes->extras);
	TAKE(block, at, table->tests, sizes->tests);
	TAKE(block, at, table->leaves, sizes->leaves);
	TAKE(block, at, table->routes, sizes->routes);
	TAKE(block, at, table->names, sizes->names);
	TAKE(block, at, table->hosts, sizes->hosts);
	TAKE(block, at, table->urls, sizes->urls);
	TAKE(block, at, table->parts, sizes->parts);
	TAKE(block, at, table->regexes, sizes->regexes);
	TAKE(block, at, table->strings, sizes->strings);
	return (at + 63) / 64 * 64;
}

static struct ouro_table *allocate(const struct sizes *sizes)
{
	struct ouro_table parts = { 0 }, *table;

	parts.bytes = lay_out(&parts, NULL, sizes);
	table = aligned_alloc(64, parts.bytes);
	if (!table)
		return NULL;
	memset(table, 0, parts.bytes);
	lay_out(&parts, (char *)table, sizes);
	*table = parts;
	for (size_t i = 0; i < sizes->edges; i++)
		table->edges[i].child = OURO_TABLE_NONE;
	return table;
}

static struct ouro_str copy_string(struct compiler *c, struct ouro_str text)
{
	char *to = c->table->strings + c->done.strings;

	if (text.len > 0)
		memcpy(to, text.ptr, text.len);
	c->done.strings += text.len;
	return ouro_str(to, text.len);
}

static uint64_t mask_of(enum ouro_method method)
{
	return method < OURO_METHOD_COUNT ? UINT64_C(1) << method : 0;
}

static void add_route(struct compiler *c, const struct ouro_draft_route *draft)
{
	struct ouro_table_route *route = &c->table->routes[c->done.routes++];
	struct ouro_str *names = &c->table->names[c->done.names];
	uint32_t count = 0;

	if (draft->host.kind == OURO_HOST_PARAM)
		names[count++] = copy_string(c, draft->host.name);
	for (uint32_t i = 0; i < draft->pattern.count; i++)
		if (draft->pattern.segments[i].kind != OURO_SEGMENT_STATIC)
			names[count++] = copy_string(c, draft->pattern.segments[i].name);
	c->done.names += count;
	*route = (struct ouro_table_route){
		.handler = draft->handler,
		.pattern = copy_string(c, draft->text),
		.method = mask_of(draft->method),
		.index = draft->index,
		.param_count = count,
		.names = names,
		.guarded = draft->guarded,
	};
}

/* Adds those of @routes that have this method and guard or not. */
static void add_routes(struct compiler *c, const struct ouro_draft_route *routes,
		       enum ouro_method method, bool guarded)
{
	for (; routes; routes = routes->next_at_node)
		if (routes->method == method && routes->guarded == guarded)
			add_route(c, routes);
}

static uint32_t add_leaf(struct compiler *c, const struct ouro_draft_route *routes)
{
	uint32_t index = (uint32_t)c->done.leaves++;
	struct ouro_table_leaf *leaf = &c->table->leaves[index];
	size_t first = c->done.routes;

	leaf->first_route = (uint32_t)first;
	for (const struct ouro_draft_route *route = routes; route; route = route->next_at_node) {
		leaf->methods |= mask_of(route->method);
		leaf->has_any |= route->method == OURO_METHOD_COUNT;
		leaf->has_guards |= route->guarded;
	}
	for (unsigned method = 0; method <= OURO_METHOD_COUNT; method++) {
		add_routes(c, routes, (enum ouro_method)method, true);
		add_routes(c, routes, (enum ouro_method)method, false);
	}
	leaf->route_count = (uint32_t)(c->done.routes - first);
	return index;
}

static uint32_t add_node(struct compiler *c, struct ouro_draft_node *draft);

static void add_edge(struct compiler *c, const struct ouro_table_node *node,
		     struct ouro_draft_node *child)
{
	struct ouro_words words = words_of(child->segment->text);
	uint32_t slot = ouro_hash_place(words.key, node->multiplier, node->shift);
	struct ouro_table_edge *edge = &c->table->edges[node->first_edge + slot];

	while (edge->len > 0)
		edge++;
	*edge = (struct ouro_table_edge){ .head = words.head,
					  .tail = words.tail,
					  .len = words.len };
	edge->offset = (uint32_t)(copy_string(c, child->segment->text).ptr - c->table->strings);
	edge->child = add_node(c, child);
}

static void add_test(struct compiler *c, struct ouro_table_test *test,
		     struct ouro_draft_node *child)
{
	*test = (struct ouro_table_test){ .kind = child->segment->kind, .regex = child->regex };
	if (child->regex)
		c->table->regexes[c->done.regexes++] = child->regex;
	child->regex = NULL;
	test->child = add_node(c, child);
}

static void add_extra(struct compiler *c, struct ouro_table_node *node,
		      struct ouro_draft_node *draft)
{
	struct ouro_table_extra *extra = &c->table->extras[c->done.extras];
	struct ouro_table_test *tests = &c->table->tests[c->done.tests];

	node->extra = (uint32_t)c->done.extras++;
	*extra = (struct ouro_table_extra){ .empty = OURO_TABLE_NONE,
					    .tail = OURO_TABLE_NONE,
					    .first_test = (uint32_t)c->done.tests };
	for (struct ouro_draft_node *child = draft->first_child; child; child = child->next)
		extra->test_count += is_test(child);
	c->done.tests += extra->test_count;
	for (unsigned kind = OURO_SEGMENT_U64; kind <= OURO_SEGMENT_REGEX; kind++)
		for (struct ouro_draft_node *child = draft->first_child; child; child = child->next)
			if (child->segment->kind == kind)
				add_test(c, tests++, child);
	for (struct ouro_draft_node *child = draft->first_child; child; child = child->next) {
		if (child->segment->kind == OURO_SEGMENT_TAIL)
			extra->tail = add_node(c, child);
		else if (is_extra(child) && !is_test(child))
			extra->empty = add_node(c, child);
	}
}

static void fill_node(struct compiler *c, struct ouro_table_node *node,
		      struct ouro_draft_node *draft)
{
	bool has_extra = false;

	*node = (struct ouro_table_node){
		.multiplier = draft->hash.multiplier,
		.first_edge = (uint32_t)c->done.edges,
		.probes = draft->hash.probes,
		.param = OURO_TABLE_NONE,
		.leaf = draft->routes ? add_leaf(c, draft->routes) : OURO_TABLE_NONE,
		.extra = OURO_TABLE_NONE,
		.shift = draft->hash.shift,
	};
	c->done.edges += draft->hash.slots;
	for (struct ouro_draft_node *child = draft->first_child; child; child = child->next) {
		has_extra |= is_extra(child);
		if (is_edge(child))
			add_edge(c, node, child);
		else if (child->segment->kind == OURO_SEGMENT_PARAM)
			node->param = add_node(c, child);
	}
	if (has_extra)
		add_extra(c, node, draft);
}

static uint32_t add_node(struct compiler *c, struct ouro_draft_node *draft)
{
	uint32_t index = (uint32_t)c->done.nodes++;

	fill_node(c, &c->table->nodes[index], draft);
	return index;
}

int ouro_table_host_compare(const struct ouro_table_host *host, enum ouro_host_kind kind,
			    struct ouro_str text)
{
	if (host->kind != kind)
		return host->kind < kind ? -1 : 1;
	if (host->text.len != text.len)
		return host->text.len < text.len ? -1 : 1;
	return memcmp(host->text.ptr, text.ptr, text.len);
}

static int compare_hosts(const void *a, const void *b)
{
	const struct ouro_table_host *one = a, *other = b;

	return ouro_table_host_compare(one, other->kind, other->text);
}

static void add_hosts(struct compiler *c, const struct ouro_draft *draft)
{
	struct ouro_draft_node none = { 0 }, *root = &none;

	for (struct ouro_draft_host *host = draft->hosts; host; host = host->next)
		if (host->pattern->kind == OURO_HOST_ANY)
			root = &host->root;
	add_node(c, root);
	for (struct ouro_draft_host *host = draft->hosts; host; host = host->next) {
		if (host->pattern->kind == OURO_HOST_ANY)
			continue;
		c->table->hosts[c->done.hosts++] = (struct ouro_table_host){
			.kind = host->pattern->kind,
			.text = copy_string(c, host->pattern->text),
			.root = add_node(c, &host->root),
		};
	}
	c->table->host_count = (uint32_t)c->done.hosts;
	if (c->done.hosts > 1)
		qsort(c->table->hosts, c->done.hosts, sizeof(*c->table->hosts), compare_hosts);
}

static bool has_url(const struct ouro_table *table, struct ouro_str name)
{
	for (uint32_t i = 0; i < table->url_count; i++)
		if (ouro_str_eq(table->urls[i].name, name))
			return true;
	return false;
}

static void add_url(struct compiler *c, const struct ouro_draft_route *route)
{
	struct ouro_table *table = c->table;

	/* Routes with several methods may share one name and pattern. */
	if (route->name.len == 0 || has_url(table, route->name))
		return;
	table->urls[table->url_count++] = (struct ouro_table_url){
		.name = copy_string(c, route->name),
		.first_part = (uint32_t)c->done.parts,
		.part_count = route->pattern.count,
		.param_count = route->pattern.param_count,
	};
	for (uint32_t i = 0; i < route->pattern.count; i++) {
		const struct ouro_segment *segment = &route->pattern.segments[i];

		table->parts[c->done.parts++] = (struct ouro_table_part){
			.kind = segment->kind,
			.text = copy_string(c, url_text(segment)),
			.regex = segment->regex,
		};
	}
}

int ouro_table_create(struct ouro_draft *draft, struct ouro_table **out)
{
	struct compiler c = { 0 };
	struct sizes sizes;
	int err = plan(draft, &sizes);

	if (err)
		return err;
	c.table = allocate(&sizes);
	if (!c.table)
		return -ENOMEM;
	add_hosts(&c, draft);
	for (const struct ouro_draft_route *route = draft->first_route; route; route = route->next)
		add_url(&c, route);
	c.table->regex_count = (uint32_t)c.done.regexes;
	assert(c.done.nodes <= sizes.nodes && c.done.edges == sizes.edges);
	assert(c.done.tests == sizes.tests && c.done.extras == sizes.extras);
	assert(c.done.routes == sizes.routes && c.done.names == sizes.names);
	assert(c.done.strings <= sizes.strings && c.done.parts <= sizes.parts);
	*out = c.table;
	return 0;
}

void ouro_table_destroy(struct ouro_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->regex_count; i++)
		ouro_regex_destroy(table->regexes[i]);
	free(table);
}
