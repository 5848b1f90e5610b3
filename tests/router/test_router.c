/* Routes: what a path finds, and what is said when it finds nothing. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(router, static_paths)
{
	struct ouro_router *router = ROUTER("GET /", "GET /plaintext", "GET /a/b", "GET /a/b/",
					    "GET /a//b", "GET /a%2Fb", "GET /a/exactly8",
					    "GET /a/sixteen-bytes-ab",
					    "GET /a/sixteen-bytes-and-more");

	EXPECT(router, "GET /", "GET /");
	EXPECT(router, "GET /plaintext", "GET /plaintext");
	EXPECT(router, "GET /a/b", "GET /a/b");
	EXPECT(router, "GET /a/b/", "GET /a/b/");
	EXPECT(router, "GET /a//b", "GET /a//b");
	EXPECT(router, "GET /a%2Fb", "GET /a%2Fb");
	EXPECT(router, "GET /a%2fb", "404");
	EXPECT(router, "GET /a/exactly8", "GET /a/exactly8");
	EXPECT(router, "GET /a/exactly9", "404");
	EXPECT(router, "GET /a/sixteen-bytes-ab", "GET /a/sixteen-bytes-ab");
	EXPECT(router, "GET /a/sixteen-bytes-and-more", "GET /a/sixteen-bytes-and-more");
	EXPECT(router, "GET /a/sixteen-bXtes-and-more", "404");
	EXPECT(router, "GET /plaintex", "404");
	EXPECT(router, "GET /plaintextx", "404");
	EXPECT(router, "GET /plaintext/", "404");
	EXPECT(router, "GET /Plaintext", "404");
	EXPECT(router, "GET //", "404");
	EXPECT(router, "GET *", "404");
	ouro_router_destroy(router);
}

Test(router, what_is_no_path_finds_nothing)
{
	struct ouro_router *router = ROUTER("GET /", "GET /{a}", "GET /{a}/b");
	const char *const paths[] = { "", "a", "a/b", "*", "x/" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct ouro_match_query query = { .path = ouro_str_c(paths[i]) };
		struct ouro_match out;

		cr_expect_eq(ouro_router_match(router, &query, &out), OURO_MATCH_NOT_FOUND, "%s",
			     paths[i]);
	}
	ouro_router_destroy(router);
}

Test(router, parameters_stand_for_one_segment)
{
	struct ouro_router *router =
		ROUTER("GET /users/{id}", "GET /users/{id}/posts/{post-no}", "GET /{a}/x/{b}/");

	EXPECT(router, "GET /users/7", "GET /users/{id} id=7");
	EXPECT(router, "GET /users/a%2Fb%zz", "GET /users/{id} id=a%2Fb%zz");
	EXPECT(router, "GET /users/{id}", "GET /users/{id} id={id}");
	EXPECT(router, "GET /users/7/posts/8", "GET /users/{id}/posts/{post-no} id=7 post-no=8");
	EXPECT(router, "GET /u/x/v/", "GET /{a}/x/{b}/ a=u b=v");
	EXPECT(router, "GET /users/x/v/", "GET /{a}/x/{b}/ a=users b=v");
	EXPECT(router, "GET /users/", "404");
	EXPECT(router, "GET /users", "404");
	EXPECT(router, "GET /users/7/", "404");
	EXPECT(router, "GET /users/7/posts", "404");
	EXPECT(router, "GET /users/7/posts/", "404");
	EXPECT(router, "GET /users//posts/8", "404");
	EXPECT(router, "GET /u/x/v", "404");
	ouro_router_destroy(router);
}

Test(router, static_segments_win_and_are_given_up)
{
	struct ouro_router *router = ROUTER("GET /{a}/{b}", "GET /{a}/b", "GET /a/{b}", "GET /a/b",
					    "GET /a/{x}/c", "GET /{x}/b/d", "GET /a/b/e",
					    "GET /{x}/b/{y}");

	EXPECT(router, "GET /a/b", "GET /a/b");
	EXPECT(router, "GET /a/x", "GET /a/{b} b=x");
	EXPECT(router, "GET /x/b", "GET /{a}/b a=x");
	EXPECT(router, "GET /x/y", "GET /{a}/{b} a=x b=y");
	EXPECT(router, "GET /a/b/e", "GET /a/b/e");
	EXPECT(router, "GET /a/b/c", "GET /a/{x}/c x=b");
	EXPECT(router, "GET /a/b/d", "GET /{x}/b/d x=a");
	EXPECT(router, "GET /a/b/f", "GET /{x}/b/{y} x=a y=f");
	EXPECT(router, "GET /a/c/f", "404");
	ouro_router_destroy(router);
}

Test(router, names_belong_to_the_route)
{
	struct ouro_router *router = ROUTER("GET /a/{x}/b", "GET /a/{y}/c", "POST /a/{z}/b");

	EXPECT(router, "GET /a/1/b", "GET /a/{x}/b x=1");
	EXPECT(router, "GET /a/1/c", "GET /a/{y}/c y=1");
	EXPECT(router, "POST /a/1/b", "POST /a/{z}/b z=1");
	ouro_router_destroy(router);
}

Test(router, a_tail_takes_the_rest)
{
	struct ouro_router *router = ROUTER("GET /files/{path...}", "GET /files/a/{x}",
					    "GET /files/", "POST /f/{path...}", "GET /{all...}");

	EXPECT(router, "GET /files/b", "GET /files/{path...} path=b");
	EXPECT(router, "GET /files/b/c//d/", "GET /files/{path...} path=b/c//d/");
	EXPECT(router, "GET /files/a/b", "GET /files/a/{x} x=b");
	EXPECT(router, "GET /files/a/b/c", "GET /files/{path...} path=a/b/c");
	EXPECT(router, "GET /files/a/", "GET /files/{path...} path=a/");
	EXPECT(router, "GET /files/", "GET /files/");
	EXPECT(router, "POST /f/", "POST /f/{path...} path=");
	EXPECT(router, "POST /f", "405 GET, HEAD");
	EXPECT(router, "GET /files", "GET /{all...} all=files");
	EXPECT(router, "GET /", "GET /{all...} all=");
	ouro_router_destroy(router);
}

Test(router, types_take_their_values)
{
	struct ouro_router *router = ROUTER("GET /{n:u64}", "GET /{n:i64}", "GET /{n:uuid}",
					    "GET /{n}", "GET /a/{n:u64}");

	EXPECT(router, "GET /0", "GET /{n:u64} n=0");
	EXPECT(router, "GET /18446744073709551615", "GET /{n:u64} n=18446744073709551615");
	EXPECT(router, "GET /18446744073709551616", "GET /{n} n=18446744073709551616");
	EXPECT(router, "GET /007", "GET /{n:u64} n=007");
	EXPECT(router, "GET /-1", "GET /{n:i64} n=-1");
	EXPECT(router, "GET /-9223372036854775808", "GET /{n:i64} n=-9223372036854775808");
	EXPECT(router, "GET /-9223372036854775809", "GET /{n} n=-9223372036854775809");
	EXPECT(router, "GET /-", "GET /{n} n=-");
	EXPECT(router, "GET /+1", "GET /{n} n=+1");
	EXPECT(router, "GET /1a", "GET /{n} n=1a");
	EXPECT(router, "GET /0123abcd-0000-0000-0000-0123456789AB",
	       "GET /{n:uuid} n=0123abcd-0000-0000-0000-0123456789AB");
	EXPECT(router, "GET /0123abcd-0000-0000-00000-123456789AB",
	       "GET /{n} n=0123abcd-0000-0000-00000-123456789AB");
	EXPECT(router, "GET /0123abcd-0000-0000-0000-0123456789AG",
	       "GET /{n} n=0123abcd-0000-0000-0000-0123456789AG");
	EXPECT(router, "GET /a/1", "GET /a/{n:u64} n=1");
	EXPECT(router, "GET /a/b", "404");
	EXPECT(router, "GET /a/", "404");
	ouro_router_destroy(router);
}

Test(router, kinds_at_one_place_have_an_order)
{
	struct ouro_router *router = ROUTER("GET /{t...}", "GET /{p}", "GET /{r:.*[0-5]}",
					    "GET /{q:.*[0-7]}", "GET /{i:i64}", "GET /{u:u64}",
					    "GET /12");

	EXPECT(router, "GET /12", "GET /12");
	EXPECT(router, "GET /13", "GET /{u:u64} u=13");
	EXPECT(router, "GET /-13", "GET /{i:i64} i=-13");
	EXPECT(router, "GET /a3", "GET /{r:.*[0-5]} r=a3");
	EXPECT(router, "GET /a7", "GET /{q:.*[0-7]} q=a7");
	EXPECT(router, "GET /a9", "GET /{p} p=a9");
	EXPECT(router, "GET /a/9", "GET /{t...} t=a/9");
	ouro_router_destroy(router);
}

Test(router, each_kind_is_given_up_where_it_does_not_go_on)
{
	struct ouro_router *router = ROUTER("GET /1/a", "GET /{u:u64}/b", "GET /{i:i64}/c",
					    "GET /{r:[0-9]}/d", "GET /{q:[0-9]+}/e", "GET /{p}/f",
					    "GET /{t...}");

	EXPECT(router, "GET /1/a", "GET /1/a");
	EXPECT(router, "GET /1/b", "GET /{u:u64}/b u=1");
	EXPECT(router, "GET /1/c", "GET /{i:i64}/c i=1");
	EXPECT(router, "GET /1/d", "GET /{r:[0-9]}/d r=1");
	EXPECT(router, "GET /1/e", "GET /{q:[0-9]+}/e q=1");
	EXPECT(router, "GET /1/f", "GET /{p}/f p=1");
	EXPECT(router, "GET /1/g", "GET /{t...} t=1/g");
	ouro_router_destroy(router);
}

Test(router, patterns_are_compared_canonically)
{
	struct ouro_router *router = ROUTER("GET /%61%7e/%2f/%c3%a4");

	EXPECT(router, "GET /a~/%2F/%C3%A4", "GET /%61%7e/%2f/%c3%a4");
	EXPECT(router, "GET /%61%7e/%2f/%c3%a4", "404");
	ouro_router_destroy(router);
}

Test(router, long_paths)
{
	struct ouro_router *router = ROUTER(
		"GET /a/{x}/b/{y}", "GET /{t...}",
		"GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/{x}/end");

	EXPECT(router,
	       "GET /a/"
	       "0123456789012345678901234567890123456789012345678901234567890123456789/b/c",
	       "GET /a/{x}/b/{y} "
	       "x=0123456789012345678901234567890123456789012345678901234567890123456789 y=c");
	EXPECT(router,
	       "GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/x/end",
	       "GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/{x}/end"
	       " x=x");
	EXPECT(router, "GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/x",
	       "GET /{t...} "
	       "t=0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/x");
	ouro_router_destroy(router);
}

Test(router, without_routes_finds_nothing)
{
	struct ouro_router *router = ouro_router_create();

	cr_assert_eq(ouro_router_compile(router, NULL, 0), 0);
	EXPECT(router, "GET /", "404");
	EXPECT(router, "GET /a", "404");
	ouro_router_destroy(router);
	ouro_router_destroy(NULL);
}

Test(router, a_parameter_is_found_by_name)
{
	struct ouro_router *router = ROUTER("GET /{first}/{second}");
	struct ouro_match_query query = { .path = OURO_STR("/a/b") };
	struct ouro_match out;

	cr_assert_eq(ouro_router_match(router, &query, &out), OURO_MATCH_FOUND);
	cr_expect(ouro_str_eq(ouro_match_param(&out, OURO_STR("second")), OURO_STR("b")));
	cr_expect(ouro_str_eq(ouro_match_param(&out, OURO_STR("first")), OURO_STR("a")));
	cr_expect_eq(ouro_match_param(&out, OURO_STR("third")).ptr, NULL);
	ouro_router_destroy(router);
}

Test(router, routes_are_counted_as_added)
{
	struct ouro_router *router = ROUTER("GET /z", "GET /{y}", "GET /a");
	const char *const paths[] = { "/z", "/y", "/a" };

	for (uint32_t i = 0; i < 3; i++) {
		struct ouro_match_query query = { .path = ouro_str_c(paths[i]) };
		struct ouro_match out;

		cr_assert_eq(ouro_router_match(router, &query, &out), OURO_MATCH_FOUND);
		cr_expect_eq(out.route_index, i);
	}
	ouro_router_destroy(router);
}

Test(router, many_children_of_one_node)
{
	static char texts[3000][32];
	struct ouro_router *router = ouro_router_create();
	char request[32];

	for (size_t i = 0; i < 3000; i++) {
		snprintf(texts[i], sizeof(texts[i]), "GET /segment-number-%zu", i);
		cr_assert_eq(add_route(router, texts[i], NULL, 0), 0);
	}
	cr_assert_eq(ouro_router_compile(router, NULL, 0), 0);
	for (size_t i = 0; i < 3000; i++)
		EXPECT(router, texts[i], texts[i]);
	for (size_t i = 3000; i < 4000; i++) {
		snprintf(request, sizeof(request), "GET /segment-number-%zu", i);
		EXPECT(router, request, "404");
	}
	ouro_router_destroy(router);
}
