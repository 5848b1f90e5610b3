/* What may be added to a router, and what is said of the rest. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(add, malformed_routes_are_refused)
{
	static const struct {
		const char *route;
		const char *says;
	} cases[] = {
		{ "BREW /", "no known method" },
		{ "get /", "no known method" },
		{ "GET a", "begins with a slash" },
		{ "GET {a}", "begins with a slash" },
		{ "GET /{}", "without a name" },
		{ "GET /{a", "whole segment" },
		{ "GET /a}", "whole segment" },
		{ "GET /a{b}", "whole segment" },
		{ "GET /{a}b", "whole segment" },
		{ "GET /{a}{b}", "a parameter's name" },
		{ "GET /{a:x}{b:y}", "whole segment" },
		{ "GET /{a.b}", "a parameter's name" },
		{ "GET /{a..}", "a parameter's name" },
		{ "GET /{...}", "without a name" },
		{ "GET /{:u64}", "without a name" },
		{ "GET /{a:}", "an empty expression" },
		{ "GET /{a:b/c}", "no slash may be in an expression" },
		{ "GET /{a...}/b", "a tail comes last" },
		{ "GET /{a...}/", "a tail comes last" },
		{ "GET /{a}/{a}", "two parameters" },
		{ "GET /{a}/{a...}", "two parameters" },
		{ "GET {a}.org/{a}", "two parameters" },
		{ "GET /a b", "no path has" },
		{ "GET /a?b", "no path has" },
		{ "GET /a#b", "no path has" },
		{ "GET /\xc3\xa4", "no path has" },
		{ "GET /%", "percent-escape" },
		{ "GET /%2", "percent-escape" },
		{ "GET /%2g", "percent-escape" },
		{ "GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
		  "too many parameters" },
		{ "GET {q}.org/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}",
		  "too many parameters" },
		{ "GET {a}/", "a domain behind it" },
		{ "GET */", "a domain behind it" },
		{ "GET *./", "a domain behind it" },
		{ "GET {}.org/", "as a whole" },
		{ "GET {a}b.org/", "as a whole" },
		{ "GET *a.org/", "as a whole" },
		{ "GET {a.}.org/", "as a whole" },
		{ "GET a.*.org/", "no host has" },
		{ "GET example.com:80/", "no host has" },
	};
	struct ouro_router *router = ouro_router_create();
	char message[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = add_route(router, cases[i].route, message, sizeof(message));

		cr_expect_eq(err, -EINVAL, "%s", cases[i].route);
		cr_expect(strstr(message, cases[i].says), "%s: %s", cases[i].route, message);
	}
	cr_expect_eq(add_route(router, "GET a", NULL, 0), -EINVAL);
	ouro_router_destroy(router);
}

Test(add, an_expression_is_refused_with_what_pcre2_says)
{
	struct ouro_router *router = ouro_router_create();
	char message[256];

	cr_expect_eq(add_route(router, "GET /a/{b:[0-9}", message, sizeof(message)), -EINVAL);
	cr_expect(strstr(message, "route GET /a/{b:[0-9}: missing terminating ]"), "%s", message);
	cr_expect(strstr(message, "at offset 4 of the expression"), "%s", message);
	cr_expect_eq(add_route(router, "GET /a/{b:(*UTF)x}", message, sizeof(message)), -EINVAL);
	/* Nothing of it is left. */
	cr_expect_eq(add_route(router, "GET /a/{c}", message, sizeof(message)), 0);
	cr_expect_eq(ouro_router_compile(router, message, sizeof(message)), 0);
	EXPECT(router, "GET /a/4", "GET /a/{c} c=4");
	ouro_router_destroy(router);
}

Test(add, a_double_is_refused_and_both_places_named)
{
	struct ouro_router *router = ouro_router_create();
	struct ouro_route_spec spec = { .method = OURO_STR("GET"),
					.pattern = OURO_STR("/a/{y}"),
					.place = OURO_STR("main.c:9") };
	char message[256];

	cr_assert_eq(ouro_router_add(router, &spec, message, sizeof(message)), 0);
	spec.pattern = OURO_STR("/a/{x}");
	spec.place = OURO_STR("main.c:12");
	cr_expect_eq(ouro_router_add(router, &spec, message, sizeof(message)), -EEXIST);
	cr_expect_str_eq(
		message,
		"route GET /a/{x} (main.c:12) fits the same paths as GET /a/{y} (main.c:9)");
	spec.place = OURO_STR("");
	cr_expect_eq(ouro_router_add(router, &spec, message, sizeof(message)), -EEXIST);
	cr_expect_str_eq(message, "route GET /a/{x} fits the same paths as GET /a/{y} (main.c:9)");
	ouro_router_destroy(router);
}

Test(add, doubles)
{
	static const struct {
		const char *one, *other;
		bool conflict;
	} cases[] = {
		{ "GET /a", "GET /a", true },
		{ "GET /a", "GET /%61", true },
		{ "GET /a", "POST /a", false },
		{ "GET /a", "HEAD /a", false },
		{ "GET /a", "ANY /a", false },
		{ "ANY /a", "ANY /a", true },
		{ "GET /a/{x}", "GET /a/{y}", true },
		{ "GET /a/{x}", "GET /a/{y:u64}", false },
		{ "GET /{x:u64}", "GET /{y:u64}", true },
		{ "GET /{x:u64}", "GET /{y:i64}", false },
		{ "GET /{x:[a]}", "GET /{y:[a]}", true },
		{ "GET /{x:[a]}", "GET /{y:[b]}", false },
		{ "GET /{x...}", "GET /{y...}", true },
		{ "GET /{x...}", "GET /{y}", false },
		{ "GET /a", "GET /a/", false },
		{ "GET a.b/", "GET A.B./", true },
		{ "GET a.b/", "GET /", false },
		{ "GET {x}.b/", "GET {y}.b/", true },
		{ "GET {x}.b/", "GET *.b/", false },
		{ "guarded GET /a", "GET /a", false },
		{ "guarded GET /a", "guarded GET /a", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ouro_router *router = ouro_router_create();

		cr_assert_eq(add_route(router, cases[i].one, NULL, 0), 0);
		cr_expect_eq(add_route(router, cases[i].other, NULL, 0),
			     cases[i].conflict ? -EEXIST : 0, "%s, %s", cases[i].one,
			     cases[i].other);
		cr_expect_eq(ouro_router_compile(router, NULL, 0), 0);
		ouro_router_destroy(router);
	}
}

Test(add, a_name_is_for_one_pattern)
{
	struct ouro_router *router = ouro_router_create();
	struct ouro_route_spec spec = { .method = OURO_STR("GET"),
					.pattern = OURO_STR("/a/{x}"),
					.name = OURO_STR("a") };
	char message[256];

	cr_assert_eq(ouro_router_add(router, &spec, message, sizeof(message)), 0);
	spec.method = OURO_STR("POST");
	cr_expect_eq(ouro_router_add(router, &spec, message, sizeof(message)), 0);
	spec.pattern = OURO_STR("/b/{x}");
	cr_expect_eq(ouro_router_add(router, &spec, message, sizeof(message)), -EEXIST);
	cr_expect_str_eq(message, "route POST /b/{x} has the name of GET /a/{x}");
	ouro_router_destroy(router);
}

Test(add, bounds_of_a_pattern)
{
	static char pattern[OURO_ROUTER_PATTERN_BYTES_MAX + 1];
	struct ouro_router *router = ouro_router_create();
	struct ouro_route_spec spec = { .pattern = { pattern, OURO_ROUTER_SEGMENTS_MAX } };

	memset(pattern, '/', sizeof(pattern));
	cr_expect_eq(ouro_router_add(router, &spec, NULL, 0), 0);
	spec.pattern.len++;
	cr_expect_eq(ouro_router_add(router, &spec, NULL, 0), -EINVAL);
	memset(pattern + 1, 'a', sizeof(pattern) - 1);
	spec.pattern.len = OURO_ROUTER_PATTERN_BYTES_MAX;
	cr_expect_eq(ouro_router_add(router, &spec, NULL, 0), 0);
	spec.pattern.len++;
	cr_expect_eq(ouro_router_add(router, &spec, NULL, 0), -EINVAL);
	cr_expect_eq(ouro_router_compile(router, NULL, 0), 0);
	ouro_router_destroy(router);
}

Test(add, nothing_after_compiling)
{
	struct ouro_router *router = ROUTER("GET /");
	char message[256];

	cr_expect_eq(add_route(router, "GET /b", message, sizeof(message)), -EINVAL);
	cr_expect_str_eq(message, "route GET /b: the router is compiled");
	cr_expect_eq(ouro_router_compile(router, message, sizeof(message)), -EINVAL);
	cr_expect_str_eq(message, "the routes are compiled already");
	ouro_router_destroy(router);
}

Test(add, the_table_says_how_large_it_is)
{
	struct ouro_router *one = ROUTER("GET /");
	struct ouro_router *more = ROUTER("GET /", "GET /{x:[a-z]+}");

	cr_expect_gt(ouro_router_table_bytes(one), 0);
	cr_expect_lt(ouro_router_table_bytes(one), 2048);
	cr_expect_gt(ouro_router_table_bytes(more), ouro_router_table_bytes(one));
	cr_expect(!ouro_router_needs_scratch(one));
	cr_expect(ouro_router_needs_scratch(more));
	ouro_router_destroy(one);
	ouro_router_destroy(more);
}
