/* Parameters with regular expressions: what they match, and that nothing makes them run away. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(regex, the_whole_segment_must_match)
{
	struct ouro_router *router = ROUTER("GET /a/{x:[0-9]+}", "GET /b/{x:a|ab}", "GET /c/{x:b*}",
					    "GET /d/{x:[0-9]{2,4}}", "GET /e/{x:a$}");

	EXPECT(router, "GET /a/12", "GET /a/{x:[0-9]+} x=12");
	EXPECT(router, "GET /a/12b", "404");
	EXPECT(router, "GET /a/b12", "404");
	EXPECT(router, "GET /b/ab", "GET /b/{x:a|ab} x=ab");
	EXPECT(router, "GET /b/abc", "404");
	EXPECT(router, "GET /c/bb", "GET /c/{x:b*} x=bb");
	EXPECT(router, "GET /d/1", "404");
	EXPECT(router, "GET /d/1234", "GET /d/{x:[0-9]{2,4}} x=1234");
	EXPECT(router, "GET /d/12345", "404");
	EXPECT(router, "GET /e/a\n", "404");
	ouro_router_destroy(router);
}

Test(regex, an_empty_segment_is_no_value)
{
	struct ouro_router *router = ROUTER("GET /c/{x:b*}");

	EXPECT(router, "GET /c/", "404");
	ouro_router_destroy(router);
}

Test(regex, bytes_are_matched_not_characters)
{
	struct ouro_router *router = ROUTER("GET /{x:..}");

	EXPECT(router, "GET /\xc3\xa4", "GET /{x:..} x=\xc3\xa4");
	EXPECT(router, "GET /\xff\xfe", "GET /{x:..} x=\xff\xfe");
	ouro_router_destroy(router);
}

/* The first alternative tries all ways to cut the letters into runs before it gives up, twice as
 * many for each letter, and then the second would match. That it does for few, and for more does
 * not, is the limit at work. */
Test(regex, a_match_that_would_run_away_is_none)
{
	struct ouro_router *router = ROUTER("GET /{x:(a+)+b|a*c}");
	char request[256];

	EXPECT(router, "GET /aaac", "GET /{x:(a+)+b|a*c} x=aaac");
	for (int letters = 30; letters < 200; letters += 10) {
		snprintf(
			request, sizeof(request), "GET /%.*sc", letters,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		EXPECT(router, request, "404");
	}
	ouro_router_destroy(router);
}

Test(regex, a_limit_lets_the_next_route_have_its_turn)
{
	struct ouro_router *router = ROUTER("GET /{x:(a+)+b|a*c}", "GET /{y}");

	EXPECT(router, "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac",
	       "GET /{y} y=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac");
	ouro_router_destroy(router);
}

Test(regex, a_long_value_is_no_matter_for_a_sane_expression)
{
	struct ouro_router *router = ROUTER("GET /{x:(?:[a-z0-9]+-?)+}");
	static char path[8001] = "/";
	struct ouro_match_query query = { .path = { path, 8000 },
					  .scratch = ouro_router_scratch_create(router) };
	struct ouro_match out;

	for (size_t i = 1; i < 8000; i++)
		path[i] = i % 9 == 0 ? '-' : (char)('a' + i % 26);
	cr_expect_eq(ouro_router_match(router, &query, &out), OURO_MATCH_FOUND);
	ouro_router_scratch_destroy(query.scratch);
	ouro_router_destroy(router);
}
