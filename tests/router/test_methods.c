/* Methods and guards: which of the routes that fit a path answers, and what Allow says. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>

Test(methods, names_and_numbers)
{
	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++)
		cr_expect_eq(ouro_method_lookup(ouro_method_name((enum ouro_method)i)), i);
	cr_expect_eq(ouro_method_lookup(OURO_STR("GET")), OURO_METHOD_GET);
	cr_expect_eq(ouro_method_lookup(OURO_STR("M-SEARCH")), OURO_METHOD_M_SEARCH);
	cr_expect_eq(ouro_method_lookup(OURO_STR("get")), OURO_METHOD_COUNT);
	cr_expect_eq(ouro_method_lookup(OURO_STR("")), OURO_METHOD_COUNT);
	cr_expect_eq(ouro_method_name(OURO_METHOD_COUNT).len, 0);
}

Test(methods, printing)
{
	char out[OURO_METHODS_TEXT_BYTES_MAX];

	cr_expect_eq(ouro_methods_print(0, out), 0);
	cr_expect_eq(ouro_methods_print(7, out), 15);
	cr_expect(memcmp(out, "GET, HEAD, POST", 15) == 0);
	cr_expect_eq(ouro_methods_print((UINT64_C(1) << OURO_METHOD_COUNT) - 1, out),
		     OURO_METHODS_TEXT_BYTES_MAX - 2);
}

Test(methods, are_part_of_the_route)
{
	struct ouro_router *router = ROUTER("GET /a", "POST /a", "PUT /{x}", "DELETE /a/{y}",
					    "PATCH /a/{z}", "UNSUBSCRIBE /a");

	EXPECT(router, "GET /a", "GET /a");
	EXPECT(router, "POST /a", "POST /a");
	EXPECT(router, "UNSUBSCRIBE /a", "UNSUBSCRIBE /a");
	EXPECT(router, "DELETE /a/1", "DELETE /a/{y} y=1");
	EXPECT(router, "PATCH /a/1", "PATCH /a/{z} z=1");
	ouro_router_destroy(router);
}

Test(methods, a_less_specific_route_answers_where_the_more_specific_has_others)
{
	struct ouro_router *router = ROUTER("GET /a", "POST /{x:u64}", "PUT /{x}", "PATCH /{x...}");

	EXPECT(router, "PUT /a", "PUT /{x} x=a");
	EXPECT(router, "PUT /1", "PUT /{x} x=1");
	EXPECT(router, "PATCH /a", "PATCH /{x...} x=a");
	EXPECT(router, "POST /a", "405 GET, HEAD, PUT, PATCH");
	ouro_router_destroy(router);
}

Test(methods, allow_lists_those_of_all_that_fits)
{
	struct ouro_router *router = ROUTER("GET /a", "POST /a", "PUT /{x}", "DELETE /b/c",
					    "GET /{x}/c", "PATCH /b/{y}", "POST /d/{y}");

	EXPECT(router, "DELETE /a", "405 GET, HEAD, POST, PUT");
	EXPECT(router, "GET /b", "405 PUT");
	EXPECT(router, "PUT /b/c", "405 GET, HEAD, DELETE, PATCH");
	EXPECT(router, "PUT /b/d", "405 PATCH");
	EXPECT(router, "PUT /e/c", "405 GET, HEAD");
	EXPECT(router, "PUT /d/c", "405 GET, HEAD, POST");
	EXPECT(router, "BREW /a", "405 GET, HEAD, POST, PUT");
	EXPECT(router, "PUT /", "404");
	EXPECT(router, "PUT /e/d", "404");
	ouro_router_destroy(router);
}

Test(methods, get_answers_head)
{
	struct ouro_router *router =
		ROUTER("GET /a", "GET /b", "HEAD /b", "HEAD /{x}", "POST /c", "ANY /a");

	EXPECT(router, "HEAD /a", "GET /a");
	EXPECT(router, "HEAD /b", "HEAD /b");
	EXPECT(router, "GET /b", "GET /b");
	EXPECT(router, "HEAD /c", "HEAD /{x} x=c");
	EXPECT(router, "GET /c", "405 HEAD, POST");
	ouro_router_destroy(router);
}

Test(methods, any_comes_after_the_methods_of_its_pattern)
{
	struct ouro_router *router =
		ROUTER("ANY /a", "POST /a", "GET /{x}", "ANY /b/{x...}", "GET /b/c");

	EXPECT(router, "POST /a", "POST /a");
	EXPECT(router, "GET /a", "ANY /a");
	EXPECT(router, "BREW /a", "ANY /a");
	EXPECT(router, "GET /b/c", "GET /b/c");
	EXPECT(router, "PUT /b/c", "ANY /b/{x...} x=c");
	ouro_router_destroy(router);
}

Test(methods, guards_are_asked_in_order)
{
	struct ouro_router *router =
		ROUTER("GET /{d}", "guarded GET /{a}", "guarded GET /{bc}", "guarded GET /{c}");

	cr_expect_str_eq(answer(router, "GET /1", "{a}"), "guarded GET /{a} a=1");
	cr_expect_str_eq(answer(router, "GET /1", "c}"), "guarded GET /{bc} bc=1");
	cr_expect_str_eq(answer(router, "GET /1", "{c}"), "guarded GET /{c} c=1");
	cr_expect_str_eq(answer(router, "GET /1", "none"), "GET /{d} d=1");
	cr_expect_str_eq(answer(router, "HEAD /1", "{c}"), "guarded GET /{c} c=1");
	ouro_router_destroy(router);
}

Test(methods, a_route_that_refuses_is_as_if_it_were_not_there)
{
	struct ouro_router *router = ROUTER("guarded GET /a", "guarded POST /a", "GET /{x}",
					    "ANY /c", "guarded GET /c", "guarded PUT /d");

	cr_expect_str_eq(answer(router, "GET /a", "none"), "GET /{x} x=a");
	cr_expect_str_eq(answer(router, "POST /a", "none"), "405 GET, HEAD");
	cr_expect_str_eq(answer(router, "PUT /a", "POST"), "405 GET, HEAD, POST");
	cr_expect_str_eq(answer(router, "GET /c", "none"), "ANY /c");
	cr_expect_str_eq(answer(router, "GET /c", "GET /c"), "guarded GET /c");
	cr_expect_str_eq(answer(router, "PUT /d/e", "none"), "404");
	cr_expect_str_eq(answer(router, "PUT /d", "none"), "405 GET, HEAD");
	ouro_router_destroy(router);
}

Test(methods, only_refused_routes_are_a_404)
{
	struct ouro_router *router = ROUTER("guarded GET /a");

	cr_expect_str_eq(answer(router, "GET /a", "none"), "404");
	cr_expect_str_eq(answer(router, "PUT /a", "none"), "404");
	cr_expect_str_eq(answer(router, "PUT /a", "GET"), "405 GET, HEAD");
	ouro_router_destroy(router);
}
