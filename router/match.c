/* Looking up a path: see router/match.h. */
#include "router/match.h"

#include "base/str.h"
#include "router/scan.h"
#include "router/value.h"

#include <assert.h>

/* What of a node to try first: its static child, then the tests one by one, then from
 * TRY_PARAM on what follows them. */
#define TRY_ALL 0
#define TRY_TEST 1
#define TRY_PARAM (UINT32_MAX - 1)
#define TRY_TAIL UINT32_MAX

/* Where the walk goes on if what it tries first comes to nothing. There is one at most for each
 * segment of the patterns. */
struct choice {
	uint32_t node;
	uint32_t try;
	uint32_t param_count;
	size_t start; /* of the segment */
};

struct walk {
	const struct ouro_table *table;
	const struct ouro_match_query *query;
	struct ouro_str *values;
	const char *text; /* the path, or a copy of a short one that has 8 bytes */
	uint64_t slashes; /* of its first bytes: see struct ouro_marks */
	size_t len;
	uint64_t method;  /* as a mask; 0: none */
	uint64_t allowed; /* methods of what fits the path, if they are collected */
	uint32_t param_count;
	uint32_t choice_count;
	bool collects; /* nothing is taken, all that fits is visited */
	bool was_near; /* something fits the path, but for its method or guard */
	struct choice choices[OURO_ROUTER_SEGMENTS_MAX + 1];
};

static size_t far_end(const struct walk *walk, size_t start)
{
	const char *slash;

	if (start < OURO_MARKS_COUNT)
		start = OURO_MARKS_COUNT;
	if (start >= walk->len)
		return walk->len;
	slash = memchr(walk->text + start, '/', walk->len - start);
	return slash ? (size_t)(slash - walk->text) : walk->len;
}

/* The end of the segment that begins at @start. */
static inline size_t segment_end(const struct walk *walk, size_t start)
{
	uint64_t slashes = start < OURO_MARKS_COUNT ? walk->slashes >> start : 0;

	if (slashes)
		return start + (size_t)__builtin_ctzll(slashes);
	return walk->len <= OURO_MARKS_COUNT ? walk->len : far_end(walk, start);
}

static inline bool is_same(const struct walk *walk, const struct ouro_table_edge *edge,
			   const struct ouro_words *words, size_t start)
{
	if ((edge->head ^ words->head) | (edge->tail ^ words->tail) | (edge->len ^ words->len))
		return false;
	return words->len <= 16 || memcmp(walk->table->strings + edge->offset + 8,
					  walk->text + start + 8, words->len - 16) == 0;
}

/* The static child of @node for the segment from @start to @end, which is not empty. */
static inline uint32_t find_static(const struct walk *walk, const struct ouro_table_node *node,
				   size_t start, size_t end)
{
	struct ouro_words words = ouro_words_of(walk->text, start, end);
	const struct ouro_table_edge *edge =
		&walk->table->edges[node->first_edge +
				    ouro_hash_place(words.key, node->multiplier, node->shift)];

	for (uint32_t i = node->probes; i > 0 && edge->len > 0; i--, edge++)
		if (is_same(walk, edge, &words, start))
			return edge->child;
	return OURO_TABLE_NONE;
}

/* The value of the segment from @start to @end becomes one of the match's. */
static inline void take_value(struct walk *walk, size_t start, size_t end)
{
	walk->values[walk->param_count++] = ouro_str(walk->query->path.ptr + start, end - start);
}

static inline void push(struct walk *walk, const struct ouro_table_node *node, size_t start,
			uint32_t try)
{
	assert(walk->choice_count < sizeof(walk->choices) / sizeof(walk->choices[0]));
	walk->choices[walk->choice_count++] = (struct choice){
		.node = (uint32_t)(node - walk->table->nodes),
		.try = try,
		.param_count = walk->param_count,
		.start = start,
	};
}

bool ouro_table_test_passes(enum ouro_segment_kind kind, const struct ouro_regex *regex,
			    struct ouro_str value, struct ouro_router_scratch *scratch)
{
	switch (kind) {
	case OURO_SEGMENT_U64:
		return ouro_value_is_u64(value);
	case OURO_SEGMENT_I64:
		return ouro_value_is_i64(value);
	case OURO_SEGMENT_UUID:
		return ouro_value_is_uuid(value);
	case OURO_SEGMENT_REGEX:
		assert(scratch);
		return ouro_regex_match(regex, value, scratch);
	case OURO_SEGMENT_STATIC:
	case OURO_SEGMENT_PARAM:
	case OURO_SEGMENT_TAIL:
		break;
	}
	return true;
}

/* The child for the first test from @try on that the segment passes. */
static uint32_t enter_test(struct walk *walk, const struct ouro_table_node *node, size_t start,
			   size_t end, uint32_t try)
{
	const struct ouro_table_extra *extra = &walk->table->extras[node->extra];
	struct ouro_str value = ouro_str(walk->query->path.ptr + start, end - start);

	for (uint32_t i = try - TRY_TEST; i < extra->test_count; i++) {
		const struct ouro_table_test *test = &walk->table->tests[extra->first_test + i];

		if (!ouro_table_test_passes(test->kind, test->regex, value, walk->query->scratch))
			continue;
		push(walk, node, start, TRY_TEST + i + 1);
		take_value(walk, start, end);
		return test->child;
	}
	return OURO_TABLE_NONE;
}

/* As enter(), for a node that has children of more kinds than most. */
static __attribute__((noinline)) uint32_t enter_extra(struct walk *walk,
						      const struct ouro_table_node *node,
						      size_t start, size_t *end, uint32_t try)
{
	const struct ouro_table_extra *extra = &walk->table->extras[node->extra];
	uint32_t child = OURO_TABLE_NONE;

	if (try == TRY_ALL) {
		if (*end == start)
			child = extra->empty;
		else if (node->probes > 0)
			child = find_static(walk, node, start, *end);
		if (child != OURO_TABLE_NONE) {
			push(walk, node, start, TRY_TEST);
			return child;
		}
		try = TRY_TEST;
	}
	if (*end > start && try < TRY_PARAM) {
		child = enter_test(walk, node, start, *end, try);
		if (child != OURO_TABLE_NONE)
			return child;
	}
	if (*end > start && try <= TRY_PARAM && node->param != OURO_TABLE_NONE) {
		push(walk, node, start, TRY_TAIL);
		take_value(walk, start, *end);
		return node->param;
	}
	if (extra->tail == OURO_TABLE_NONE)
		return OURO_TABLE_NONE;
	*end = walk->len;
	take_value(walk, start, *end);
	return extra->tail;
}

/* Goes from @node through the segment from @start to @end to the child that is the most specific
 * from @try on, and keeps in mind where there are more. A tail moves the end. */
static inline uint32_t enter(struct walk *walk, const struct ouro_table_node *node, size_t start,
			     size_t *end, uint32_t try)
{
	if (node->extra != OURO_TABLE_NONE)
		return enter_extra(walk, node, start, end, try);
	if (*end == start)
		return OURO_TABLE_NONE;
	if (node->probes > 0 && try == TRY_ALL) {
		uint32_t child = find_static(walk, node, start, *end);

		if (child != OURO_TABLE_NONE) {
			if (node->param != OURO_TABLE_NONE)
				push(walk, node, start, TRY_PARAM);
			return child;
		}
	}
	if (node->param != OURO_TABLE_NONE)
		take_value(walk, start, *end);
	return node->param;
}

static bool accepts(const struct walk *walk, const struct ouro_table_route *route)
{
	return !route->guarded || !walk->query->guard ||
	       walk->query->guard(walk->query->guard_arg, route->handler);
}

/* Of the routes of @leaf that are for exactly @method (0: any), the first that accepts. */
static const struct ouro_table_route *first_accepting(const struct walk *walk,
						      const struct ouro_table_leaf *leaf,
						      uint64_t method)
{
	const struct ouro_table_route *route = &walk->table->routes[leaf->first_route];

	for (uint32_t i = 0; i < leaf->route_count; i++, route++)
		if (route->method == method && accepts(walk, route))
			return route;
	return NULL;
}

/* A route for HEAD where the leaf has none of its own is the one for GET (RFC 9110, 9.3.2). */
static const struct ouro_table_route *choose_guarded(const struct walk *walk,
						     const struct ouro_table_leaf *leaf)
{
	const uint64_t head = UINT64_C(1) << OURO_METHOD_HEAD, get = UINT64_C(1) << OURO_METHOD_GET;
	const struct ouro_table_route *route = NULL;

	if (walk->method)
		route = first_accepting(walk, leaf, walk->method);
	if (!route && walk->method == head)
		route = first_accepting(walk, leaf, get);
	return route ? route : first_accepting(walk, leaf, 0);
}

static const struct ouro_table_route *choose(const struct walk *walk,
					     const struct ouro_table_leaf *leaf)
{
	const uint64_t head = UINT64_C(1) << OURO_METHOD_HEAD, get = UINT64_C(1) << OURO_METHOD_GET;
	uint64_t method = walk->method;
	uint64_t before;

	if (leaf->has_guards)
		return choose_guarded(walk, leaf);
	if (method == head && !(leaf->methods & head))
		method = get;
	if (leaf->methods & method)
		before = leaf->methods & (method - 1);
	else if (leaf->has_any)
		before = leaf->methods;
	else
		return NULL;
	return &walk->table->routes[leaf->first_route +
				    (before ? (uint32_t)__builtin_popcountll(before) : 0)];
}

static void collect(struct walk *walk, const struct ouro_table_leaf *leaf)
{
	const struct ouro_table_route *route = &walk->table->routes[leaf->first_route];

	for (uint32_t i = 0; i < leaf->route_count; i++, route++)
		if (accepts(walk, route))
			walk->allowed |= route->method;
}

/* The route that answers where the path ends at @node. */
static inline const struct ouro_table_route *end_at(struct walk *walk,
						    const struct ouro_table_node *node)
{
	const struct ouro_table_leaf *leaf;
	const struct ouro_table_route *route;

	if (node->leaf == OURO_TABLE_NONE)
		return NULL;
	leaf = &walk->table->leaves[node->leaf];
	if (walk->collects) {
		collect(walk, leaf);
		return NULL;
	}
	route = choose(walk, leaf);
	walk->was_near |= !route;
	return route;
}

/* Walks from @root on, behind @param_count values that are there already. The most specific comes
 * first, so that the first that is found is it. */
static const struct ouro_table_route *search(struct walk *walk, uint32_t root, uint32_t param_count)
{
	struct choice at = { .node = root, .try = TRY_ALL, .start = 1 };

	walk->choice_count = 0;
	walk->param_count = param_count;
	for (;;) {
		const struct ouro_table_node *node = &walk->table->nodes[at.node];
		size_t end = segment_end(walk, at.start);
		uint32_t child = enter(walk, node, at.start, &end, at.try);

		if (child != OURO_TABLE_NONE) {
			const struct ouro_table_route *route;

			if (end < walk->len) {
				at.node = child;
				at.start = end + 1;
				at.try = TRY_ALL;
				continue;
			}
			route = end_at(walk, &walk->table->nodes[child]);
			if (route)
				return route;
		}
		if (walk->choice_count == 0)
			return NULL;
		at = walk->choices[--walk->choice_count];
		walk->param_count = at.param_count;
	}
}

/* The root of the tree for the hosts of this kind and text, or OURO_TABLE_NONE. */
static uint32_t find_host(const struct ouro_table *table, enum ouro_host_kind kind,
			  struct ouro_str text)
{
	uint32_t low = 0, high = table->host_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = ouro_table_host_compare(&table->hosts[middle], kind, text);

		if (order == 0)
			return table->hosts[middle].root;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return OURO_TABLE_NONE;
}

static const struct ouro_table_route *search_host(struct walk *walk, enum ouro_host_kind kind,
						  struct ouro_str text, uint32_t param_count)
{
	uint32_t root = find_host(walk->table, kind, text);

	return root != OURO_TABLE_NONE ? search(walk, root, param_count) : NULL;
}

/* Hosts that fit, the most specific first: the host itself, then what is behind its first dot for a
 * parameter, then what is behind each of its dots for a wildcard. */
static __attribute__((noinline)) const struct ouro_table_route *search_hosts(struct walk *walk)
{
	char bytes[OURO_HOST_BYTES_MAX];
	struct ouro_str host = ouro_str(bytes, ouro_host_normal(walk->query->host, bytes));
	const char *dot = host.len > 0 ? memchr(host.ptr, '.', host.len) : NULL;
	struct ouro_str rest = ouro_str(NULL, 0);
	const struct ouro_table_route *route = NULL;

	if (host.len > 0)
		route = search_host(walk, OURO_HOST_EXACT, host, 0);
	if (dot == host.ptr)
		dot = NULL;
	if (dot)
		rest = ouro_str(dot + 1, host.len - (size_t)(dot + 1 - host.ptr));
	if (!route && dot) {
		walk->values[0] = ouro_str(walk->query->host.ptr, (size_t)(dot - host.ptr));
		route = search_host(walk, OURO_HOST_PARAM, rest, 1);
	}
	while (!route && dot) {
		route = search_host(walk, OURO_HOST_WILDCARD, rest, 0);
		dot = memchr(rest.ptr, '.', rest.len);
		if (dot)
			rest = ouro_str(dot + 1, rest.len - (size_t)(dot + 1 - rest.ptr));
	}
	return route;
}

static const struct ouro_table_route *search_all(struct walk *walk)
{
	const struct ouro_table_route *route = NULL;

	if (walk->table->host_count > 0)
		route = search_hosts(walk);
	return route ? route : search(walk, 0, 0);
}

#define SAME_PLACE(field, other)                                                                   \
	static_assert(offsetof(struct ouro_table_route, other) ==                                  \
			      offsetof(struct ouro_match, field),                                  \
		      "a route is handed out in one piece")
SAME_PLACE(handler, handler);
SAME_PLACE(pattern, pattern);
SAME_PLACE(route_index, index);
SAME_PLACE(param_count, param_count);
SAME_PLACE(names, names);

enum ouro_match_result ouro_table_match(const struct ouro_table *table,
					const struct ouro_match_query *query,
					struct ouro_match *out)
{
	const struct ouro_table_route *route;
	char short_text[8];
	struct walk walk;

	if (query->path.len == 0 || query->path.ptr[0] != '/')
		return OURO_MATCH_NOT_FOUND;
	walk.table = table;
	walk.query = query;
	walk.values = out->values;
	walk.text = query->path.ptr;
	walk.len = query->path.len;
	walk.slashes = ouro_marks_find(query->path, '/').bits;
	walk.method = query->method < OURO_METHOD_COUNT ? UINT64_C(1) << query->method : 0;
	walk.collects = walk.was_near = false;
	if (walk.len < sizeof(short_text)) {
		ouro_store8(short_text, ouro_load_short(walk.text, walk.len));
		walk.text = short_text;
	}
	route = search_all(&walk);
	if (route) {
		memcpy(out, route, offsetof(struct ouro_match, values));
		return OURO_MATCH_FOUND;
	}
	if (!walk.was_near)
		return OURO_MATCH_NOT_FOUND;
	walk.collects = true;
	walk.allowed = 0;
	search_all(&walk);
	/* RFC 9110, 9.3.2: HEAD is GET without the content. */
	if (walk.allowed >> OURO_METHOD_GET & 1)
		walk.allowed |= UINT64_C(1) << OURO_METHOD_HEAD;
	out->allowed = walk.allowed;
	return walk.allowed ? OURO_MATCH_METHOD_NOT_ALLOWED : OURO_MATCH_NOT_FOUND;
}
