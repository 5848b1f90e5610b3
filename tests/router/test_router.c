/* Routes: what may be added, what a path finds, and what is said when it finds nothing. */
#include "router/router.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

struct route_case {
	const char *method;
	const char *pattern;
};

/* A router with these routes; the handler of each is its pattern. */
static struct ouro_router *create(const struct route_case *routes, size_t count)
{
	struct ouro_router *router = ouro_router_create();
	char message[256];

	cr_assert(router);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(ouro_router_add(router, ouro_str_c(routes[i].method),
					     ouro_str_c(routes[i].pattern),
					     (void *)(uintptr_t)&routes[i], message,
					     sizeof(message)),
			     0, "%s", message);
	cr_assert_eq(ouro_router_compile(router), 0);
	return router;
}

#define CREATE(routes) create(routes, sizeof(routes) / sizeof((routes)[0]))

/* Says in one text what comes of a request: "GET /a/{x} x=1", or "404", or "405 GET, HEAD". */
static const char *match(const struct ouro_router *router, const char *method, const char *path)
{
	static char text[512];
	struct ouro_match out;
	const struct route_case *route;
	int len;

	switch (ouro_router_match(router, ouro_method_lookup(ouro_str_c(method)), ouro_str_c(path),
				  &out)) {
	case OURO_MATCH_NOT_FOUND:
		return "404";
	case OURO_MATCH_METHOD_NOT_ALLOWED:
		snprintf(text, sizeof(text), "405 %.*s", (int)out.allow.len, out.allow.ptr);
		return text;
	case OURO_MATCH_FOUND:
		break;
	}
	route = out.handler;
	cr_expect(ouro_str_eq(out.pattern, ouro_str_c(route->pattern)));
	len = snprintf(text, sizeof(text), "%s %s", route->method, route->pattern);
	for (uint32_t i = 0; i < out.param_count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, " %.*s=%.*s",
				(int)out.names[i].len, out.names[i].ptr, (int)out.values[i].len,
				out.values[i].ptr);
	return text;
}

static void expect(const struct ouro_router *router, const char *method, const char *path,
		   const char *expected)
{
	const char *text = match(router, method, path);

	cr_expect_str_eq(text, expected, "%s %s gives %s, not %s", method, path, text, expected);
}

Test(router, static_paths)
{
	static const struct route_case routes[] = {
		{ "GET", "/" },     { "GET", "/plaintext" }, { "GET", "/a/b" },
		{ "GET", "/a/b/" }, { "GET", "/a//b" },      { "GET", "/a%2Fb" },
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "GET", "/", "GET /");
	expect(router, "GET", "/plaintext", "GET /plaintext");
	expect(router, "GET", "/a/b", "GET /a/b");
	expect(router, "GET", "/a/b/", "GET /a/b/");
	expect(router, "GET", "/a//b", "GET /a//b");
	expect(router, "GET", "/a%2Fb", "GET /a%2Fb");
	expect(router, "GET", "/a%2fb", "404");
	expect(router, "GET", "/plaintex", "404");
	expect(router, "GET", "/plaintextx", "404");
	expect(router, "GET", "/plaintext/", "404");
	expect(router, "GET", "/Plaintext", "404");
	expect(router, "GET", "//", "404");
	expect(router, "GET", "", "404");
	expect(router, "GET", "a/b", "404");
	expect(router, "GET", "*", "404");
	ouro_router_destroy(router);
}

Test(router, parameters_stand_for_one_segment)
{
	static const struct route_case routes[] = {
		{ "GET", "/users/{id}" },
		{ "GET", "/users/{id}/posts/{post-no}" },
		{ "GET", "/{a}/x/{b}/" },
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "GET", "/users/7", "GET /users/{id} id=7");
	expect(router, "GET", "/users/a%2Fb%zz", "GET /users/{id} id=a%2Fb%zz");
	expect(router, "GET", "/users/{id}", "GET /users/{id} id={id}");
	expect(router, "GET", "/users/7/posts/8", "GET /users/{id}/posts/{post-no} id=7 post-no=8");
	expect(router, "GET", "/u/x/v/", "GET /{a}/x/{b}/ a=u b=v");
	expect(router, "GET", "/users/x/v/", "GET /{a}/x/{b}/ a=users b=v");
	expect(router, "GET", "/users/", "404");
	expect(router, "GET", "/users", "404");
	expect(router, "GET", "/users/7/", "404");
	expect(router, "GET", "/users/7/posts", "404");
	expect(router, "GET", "/users/7/posts/", "404");
	expect(router, "GET", "/users//posts/8", "404");
	expect(router, "GET", "/u/x/v", "404");
	ouro_router_destroy(router);
}

Test(router, the_most_specific_wins)
{
	static const struct route_case routes[] = {
		{ "GET", "/{a}/{b}" }, { "GET", "/{a}/b" },    { "GET", "/a/{b}" },
		{ "GET", "/a/b" },     { "GET", "/a/{x}/c" },  { "GET", "/{x}/b/d" },
		{ "GET", "/a/b/e" },   { "GET", "/{x}/b/{y}" }
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "GET", "/a/b", "GET /a/b");
	expect(router, "GET", "/a/x", "GET /a/{b} b=x");
	expect(router, "GET", "/x/b", "GET /{a}/b a=x");
	expect(router, "GET", "/x/y", "GET /{a}/{b} a=x b=y");
	expect(router, "GET", "/a/b/e", "GET /a/b/e");
	/* What looked right for some segments is given up where it does not go on. */
	expect(router, "GET", "/a/b/c", "GET /a/{x}/c x=b");
	expect(router, "GET", "/a/b/d", "GET /{x}/b/d x=a");
	expect(router, "GET", "/a/b/f", "GET /{x}/b/{y} x=a y=f");
	expect(router, "GET", "/a/c/f", "404");
	ouro_router_destroy(router);
}

Test(router, parameters_either_side_of_a_static_segment)
{
	static const struct route_case routes[] = { { "GET", "/a/{x}/b" }, { "GET", "/a/b/{y}" } };
	struct ouro_router *router = CREATE(routes);

	expect(router, "GET", "/a/b/b", "GET /a/b/{y} y=b");
	expect(router, "GET", "/a/c/b", "GET /a/{x}/b x=c");
	expect(router, "GET", "/a/b/c", "GET /a/b/{y} y=c");
	expect(router, "GET", "/a/c/d", "404");
	ouro_router_destroy(router);
}

Test(router, methods_are_part_of_the_route)
{
	static const struct route_case routes[] = {
		{ "GET", "/a" },        { "POST", "/a" },      { "PUT", "/{x}" },
		{ "DELETE", "/a/{y}" }, { "PATCH", "/a/{z}" }, { "UNSUBSCRIBE", "/a" },
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "GET", "/a", "GET /a");
	expect(router, "POST", "/a", "POST /a");
	expect(router, "UNSUBSCRIBE", "/a", "UNSUBSCRIBE /a");
	/* A less specific route answers where the more specific has other methods. */
	expect(router, "PUT", "/a", "PUT /{x} x=a");
	expect(router, "DELETE", "/a/1", "DELETE /a/{y} y=1");
	expect(router, "PATCH", "/a/1", "PATCH /a/{z} z=1");
	ouro_router_destroy(router);
}

Test(router, allow_lists_the_methods_of_all_that_fits)
{
	static const struct route_case routes[] = {
		{ "GET", "/a" },      { "POST", "/a" },    { "PUT", "/{x}" },
		{ "DELETE", "/b/c" }, { "GET", "/{x}/c" }, { "PATCH", "/b/{y}" },
		{ "POST", "/d/{y}" },
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "DELETE", "/a", "405 GET, HEAD, POST, PUT");
	expect(router, "GET", "/b", "405 PUT");
	expect(router, "PUT", "/b/c", "405 GET, HEAD, DELETE, PATCH");
	expect(router, "PUT", "/b/d", "405 PATCH");
	expect(router, "PUT", "/e/c", "405 GET, HEAD");
	expect(router, "PUT", "/d/c", "405 GET, HEAD, POST");
	expect(router, "BREW", "/a", "405 GET, HEAD, POST, PUT");
	expect(router, "PUT", "/", "404");
	expect(router, "PUT", "/e/d", "404");
	ouro_router_destroy(router);
}

Test(router, get_answers_head)
{
	static const struct route_case routes[] = {
		{ "GET", "/a" },    { "GET", "/b" },  { "HEAD", "/b" },
		{ "HEAD", "/{x}" }, { "POST", "/c" },
	};
	struct ouro_router *router = CREATE(routes);

	expect(router, "HEAD", "/a", "GET /a");
	expect(router, "HEAD", "/b", "HEAD /b");
	expect(router, "GET", "/b", "GET /b");
	expect(router, "HEAD", "/c", "HEAD /{x} x=c");
	expect(router, "GET", "/c", "405 HEAD, POST");
	ouro_router_destroy(router);
}

Test(router, without_routes_finds_nothing)
{
	struct ouro_router *router = ouro_router_create();

	cr_assert_eq(ouro_router_compile(router), 0);
	expect(router, "GET", "/", "404");
	expect(router, "GET", "/a", "404");
	ouro_router_destroy(router);
	ouro_router_destroy(NULL);
}

Test(router, param_is_found_by_name)
{
	static const struct route_case routes[] = { { "GET", "/{first}/{second}" } };
	struct ouro_router *router = CREATE(routes);
	struct ouro_match out;

	cr_assert_eq(ouro_router_match(router, OURO_METHOD_GET, OURO_STR("/a/b"), &out),
		     OURO_MATCH_FOUND);
	cr_expect(ouro_str_eq(ouro_match_param(&out, OURO_STR("second")), OURO_STR("b")));
	cr_expect(ouro_str_eq(ouro_match_param(&out, OURO_STR("first")), OURO_STR("a")));
	cr_expect_eq(ouro_match_param(&out, OURO_STR("third")).ptr, NULL);
	ouro_router_destroy(router);
}

Test(router, routes_are_counted_as_added)
{
	static const struct route_case routes[] = { { "GET", "/z" },
						    { "GET", "/{y}" },
						    { "GET", "/a" } };
	struct ouro_router *router = CREATE(routes);
	struct ouro_match out;

	ouro_router_match(router, OURO_METHOD_GET, OURO_STR("/a"), &out);
	cr_expect_eq(out.route_index, 2);
	ouro_router_match(router, OURO_METHOD_GET, OURO_STR("/z"), &out);
	cr_expect_eq(out.route_index, 0);
	ouro_router_match(router, OURO_METHOD_GET, OURO_STR("/y"), &out);
	cr_expect_eq(out.route_index, 1);
	ouro_router_destroy(router);
}

Test(router, malformed_routes_are_refused)
{
	static const struct {
		const char *method;
		const char *pattern;
		const char *says;
	} cases[] = {
		{ "BREW", "/", "no known method" },
		{ "get", "/", "no known method" },
		{ "", "/", "no known method" },
		{ "GET", "", "begins with a slash" },
		{ "GET", "a", "begins with a slash" },
		{ "GET", "{a}", "begins with a slash" },
		{ "GET", "/{}", "without a name" },
		{ "GET", "/{a", "whole segment" },
		{ "GET", "/a}", "whole segment" },
		{ "GET", "/a{b}", "whole segment" },
		{ "GET", "/{a}b", "whole segment" },
		{ "GET", "/{a}{b}", "a parameter's name" },
		{ "GET", "/{a.b}", "a parameter's name" },
		{ "GET", "/{a:[0-9]+}", "a parameter's name" },
		{ "GET", "/{a...}", "a parameter's name" },
		{ "GET", "/{a}/{a}", "two parameters" },
		{ "GET", "/a b", "no path has" },
		{ "GET", "/a?b", "no path has" },
		{ "GET", "/a#b", "no path has" },
		{ "GET", "/\xc3\xa4", "no path has" },
		{ "GET", "/%", "percent-escape" },
		{ "GET", "/%2", "percent-escape" },
		{ "GET", "/%2g", "percent-escape" },
		{ "GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
		  "too many parameters" },
	};
	struct ouro_router *router = ouro_router_create();
	char message[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = ouro_router_add(router, ouro_str_c(cases[i].method),
					  ouro_str_c(cases[i].pattern), NULL, message,
					  sizeof(message));

		cr_expect_eq(err, -EINVAL, "%s", cases[i].pattern);
		cr_expect(strstr(message, cases[i].says), "%s: %s", cases[i].pattern, message);
	}
	cr_expect_eq(ouro_router_add(router, OURO_STR("GET"), OURO_STR(""), NULL, NULL, 0),
		     -EINVAL);
	ouro_router_destroy(router);
}

Test(router, bounds_of_a_pattern)
{
	static char pattern[OURO_ROUTER_PATTERN_BYTES_MAX + 1];
	struct ouro_router *router = ouro_router_create();
	char message[64];

	memset(pattern, '/', sizeof(pattern));
	cr_expect_eq(ouro_router_add(router, OURO_STR("GET"),
				     ouro_str(pattern, OURO_ROUTER_SEGMENTS_MAX), NULL, NULL, 0),
		     0);
	cr_expect_eq(ouro_router_add(router, OURO_STR("GET"),
				     ouro_str(pattern, OURO_ROUTER_SEGMENTS_MAX + 1), NULL, message,
				     sizeof(message)),
		     -EINVAL);
	memset(pattern + 1, 'a', sizeof(pattern) - 1);
	cr_expect_eq(ouro_router_add(router, OURO_STR("GET"),
				     ouro_str(pattern, sizeof(pattern) - 1), NULL, NULL, 0),
		     0);
	cr_expect_eq(ouro_router_add(router, OURO_STR("GET"), ouro_str(pattern, sizeof(pattern)),
				     NULL, message, sizeof(message)),
		     -EINVAL);
	cr_expect_eq(ouro_router_compile(router), 0);
	ouro_router_destroy(router);
}

Test(router, the_same_route_twice_is_refused)
{
	struct ouro_router *router = ouro_router_create();
	char message[256];

#define ADD(method, pattern)                                                                       \
	ouro_router_add(router, OURO_STR(method), OURO_STR(pattern), NULL, message, sizeof(message))
	cr_expect_eq(ADD("GET", "/a/{x}"), 0);
	cr_expect_eq(ADD("GET", "/a/{y}"), -EEXIST);
	cr_expect(strstr(message, "GET /a/{y}"), "%s", message);
	cr_expect_eq(ADD("POST", "/a/{y}"), 0);
	cr_expect_eq(ADD("GET", "/a"), 0);
	cr_expect_eq(ADD("GET", "/a"), -EEXIST);
	cr_expect_eq(ADD("HEAD", "/a"), 0);
	cr_expect_eq(ouro_router_compile(router), 0);
	cr_expect_eq(ADD("GET", "/b"), -EINVAL);
	cr_expect_eq(ouro_router_compile(router), -EINVAL);
#undef ADD
	ouro_router_destroy(router);
}

Test(router, patterns_that_overlap_beyond_measure_are_refused)
{
	struct ouro_router *router = ouro_router_create();
	char pattern[64];

	/* Each of 14 segments is static in two routes: 3^14 kinds of paths fit some of them. */
	for (int i = 0; i < 28; i++) {
		char *at = pattern;

		for (int j = 0; j < 14; j++)
			at += i / 2 == j ? sprintf(at, "/%c", 'a' + i % 2)
					 : sprintf(at, "/{%c}", 'a' + j);
		cr_assert_eq(ouro_router_add(router, OURO_STR("GET"), ouro_str_c(pattern), NULL,
					     NULL, 0),
			     0);
	}
	cr_expect_eq(ouro_router_compile(router), -E2BIG);
	ouro_router_destroy(router);
}

Test(method, names_and_numbers)
{
	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++)
		cr_expect_eq(ouro_method_lookup(ouro_method_name((enum ouro_method)i)), i);
	cr_expect_eq(ouro_method_lookup(OURO_STR("GET")), OURO_METHOD_GET);
	cr_expect_eq(ouro_method_lookup(OURO_STR("M-SEARCH")), OURO_METHOD_M_SEARCH);
	cr_expect_eq(ouro_method_lookup(OURO_STR("get")), OURO_METHOD_COUNT);
	cr_expect_eq(ouro_method_lookup(OURO_STR("")), OURO_METHOD_COUNT);
	cr_expect_eq(ouro_method_name(OURO_METHOD_COUNT).len, 0);
}
