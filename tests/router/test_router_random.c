/* The compiled table against a matcher so plain that it is right: random routes and random paths
 * made of few words, so that much overlaps, from a fixed seed. */
#include "router/router.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUTES_MAX 40
#define SEGMENTS_MAX 5
#define TABLE_COUNT 2000
#define PATH_COUNT 200

static const char *const words[] = { "a", "b", "c", "ab", "", "a%2Fb", "longer-than-eight" };
static const enum ouro_method methods[] = { OURO_METHOD_GET, OURO_METHOD_HEAD, OURO_METHOD_POST,
					    OURO_METHOD_DELETE };

struct plain_route {
	enum ouro_method method;
	unsigned count;
	const char *segments[SEGMENTS_MAX]; /* NULL: a parameter */
};

static uint64_t state;

/* xorshift64*: the same everywhere. */
static unsigned random_below(unsigned bound)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1du) >> 33) % bound;
}

static const char *random_word(void)
{
	return words[random_below(sizeof(words) / sizeof(words[0]))];
}

static struct plain_route random_route(void)
{
	struct plain_route route = { .method = methods[random_below(4)],
				     .count = 1 + random_below(SEGMENTS_MAX) };

	for (unsigned i = 0; i < route.count; i++)
		route.segments[i] = random_below(3) == 0 ? NULL : random_word();
	return route;
}

static size_t pattern_text(const struct plain_route *route, char *out)
{
	char *at = out;

	for (unsigned i = 0; i < route->count; i++)
		at += route->segments[i] ? sprintf(at, "/%s", route->segments[i])
					 : sprintf(at, "/{p%u}", i);
	return (size_t)(at - out);
}

static bool fits(const struct plain_route *route, char *const *path, unsigned count)
{
	if (route->count != count)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (route->segments[i] ? strcmp(route->segments[i], path[i]) != 0 : !*path[i])
			return false;
	return true;
}

/* Whether @a is more specific than @b, where both fit one path. */
static bool precedes(const struct plain_route *a, const struct plain_route *b)
{
	for (unsigned i = 0; i < a->count; i++)
		if (!a->segments[i] != !b->segments[i])
			return a->segments[i];
	return a->method == OURO_METHOD_HEAD && b->method == OURO_METHOD_GET;
}

static bool answers(const struct plain_route *route, enum ouro_method method)
{
	return route->method == method ||
	       (method == OURO_METHOD_HEAD && route->method == OURO_METHOD_GET);
}

struct plain_result {
	const struct plain_route *route;
	uint64_t allow;
};

static struct plain_result match_plainly(const struct plain_route *routes, size_t route_count,
					 enum ouro_method method, char *const *path, unsigned count)
{
	struct plain_result result = { 0 };

	for (size_t i = 0; i < route_count; i++) {
		if (!fits(&routes[i], path, count))
			continue;
		result.allow |= UINT64_C(1) << routes[i].method;
		if (routes[i].method == OURO_METHOD_GET)
			result.allow |= UINT64_C(1) << OURO_METHOD_HEAD;
		if (answers(&routes[i], method) &&
		    (!result.route || precedes(&routes[i], result.route)))
			result.route = &routes[i];
	}
	return result;
}

static uint64_t mask_of(struct ouro_str allow)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++)
		if (ouro_str_has_token(allow, ouro_method_name((enum ouro_method)i)))
			mask |= UINT64_C(1) << i;
	return mask;
}

static void check_path(const struct ouro_router *router, const struct plain_route *routes,
		       size_t route_count)
{
	char bytes[256], words_bytes[SEGMENTS_MAX + 1][32], *path[SEGMENTS_MAX + 1];
	unsigned count = 1 + random_below(SEGMENTS_MAX + 1), param = 0;
	enum ouro_method method = methods[random_below(4)];
	struct plain_result expected;
	enum ouro_match_result result;
	struct ouro_match out;
	char *at = bytes;

	for (unsigned i = 0; i < count; i++) {
		path[i] = words_bytes[i];
		strcpy(path[i], random_below(8) == 0 ? "other" : random_word());
		at += sprintf(at, "/%s", path[i]);
	}
	expected = match_plainly(routes, route_count, method, path, count);
	result = ouro_router_match(router, method, ouro_str(bytes, (size_t)(at - bytes)), &out);
	if (!expected.route) {
		cr_assert_eq(result,
			     expected.allow ? OURO_MATCH_METHOD_NOT_ALLOWED : OURO_MATCH_NOT_FOUND,
			     "%s", bytes);
		if (expected.allow)
			cr_assert_eq(mask_of(out.allow), expected.allow, "%s", bytes);
		return;
	}
	cr_assert_eq(result, OURO_MATCH_FOUND, "%s", bytes);
	cr_assert_eq(out.handler, expected.route, "%s", bytes);
	cr_assert_eq(out.route_index, (size_t)(expected.route - routes));
	for (unsigned i = 0; i < count; i++) {
		if (expected.route->segments[i])
			continue;
		cr_assert(param < out.param_count);
		cr_assert(ouro_str_eq(out.values[param++], ouro_str_c(path[i])), "%s", bytes);
	}
	cr_assert_eq(out.param_count, param);
}

Test(router_random, matches_as_a_plain_matcher_does)
{
	struct plain_route routes[ROUTES_MAX];
	char pattern[256];

	state = 0x6f75726f726f7574;
	for (int i = 0; i < TABLE_COUNT; i++) {
		struct ouro_router *router = ouro_router_create();
		unsigned wanted = random_below(ROUTES_MAX);
		size_t count = 0;

		for (unsigned j = 0; j < wanted; j++) {
			routes[count] = random_route();
			if (!ouro_router_add(router, ouro_method_name(routes[count].method),
					     ouro_str(pattern,
						      pattern_text(&routes[count], pattern)),
					     &routes[count], NULL, 0))
				count++;
		}
		cr_assert_eq(ouro_router_compile(router), 0);
		for (int j = 0; j < PATH_COUNT; j++)
			check_path(router, routes, count);
		ouro_router_destroy(router);
	}
}
