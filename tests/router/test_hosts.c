/* Hosts: which routes the host of a request lets in, and in what order. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>

Test(hosts, the_most_specific_wins)
{
	struct ouro_router *router = ROUTER("GET /", "GET *.com/", "GET *.example.com/",
					    "GET {t}.example.com/", "GET www.example.com/");

	EXPECT(router, "GET www.example.com/", "GET www.example.com/");
	EXPECT(router, "GET a.example.com/", "GET {t}.example.com/ t=a");
	EXPECT(router, "GET a.b.example.com/", "GET *.example.com/");
	EXPECT(router, "GET example.com/", "GET *.com/");
	EXPECT(router, "GET com/", "GET /");
	EXPECT(router, "GET .com/", "GET /");
	EXPECT(router, "GET .example.com/", "GET /");
	EXPECT(router, "GET /", "GET /");
	ouro_router_destroy(router);
}

Test(hosts, case_port_and_root_make_no_difference)
{
	struct ouro_router *router =
		ROUTER("GET Example.COM./", "GET {t}.Example.com/", "GET [::1]/");

	EXPECT(router, "GET example.com/", "GET Example.COM./");
	EXPECT(router, "GET EXAMPLE.com.:8080/", "GET Example.COM./");
	EXPECT(router, "GET Ab.EXAMPLE.com:1/", "GET {t}.Example.com/ t=Ab");
	EXPECT(router, "GET [::1]:80/", "GET [::1]/");
	EXPECT(router, "GET [::1]/", "GET [::1]/");
	EXPECT(router, "GET [::2]/", "404");
	EXPECT(router, "GET example.org/", "404");
	ouro_router_destroy(router);
}

Test(hosts, a_less_specific_host_answers_where_the_more_specific_has_not_the_path)
{
	struct ouro_router *router =
		ROUTER("GET a.b.c/1", "GET {x}.b.c/{y}", "POST *.c/{z}", "PUT /1", "GET /{p}/2");

	EXPECT(router, "GET a.b.c/1", "GET a.b.c/1");
	EXPECT(router, "GET a.b.c/2", "GET {x}.b.c/{y} x=a y=2");
	EXPECT(router, "POST a.b.c/1", "POST *.c/{z} z=1");
	EXPECT(router, "PUT a.b.c/1", "PUT /1");
	EXPECT(router, "GET a.b.c/1/2", "GET /{p}/2 p=1");
	EXPECT(router, "DELETE a.b.c/1", "405 GET, HEAD, POST, PUT");
	EXPECT(router, "DELETE a.c/1", "405 POST, PUT");
	ouro_router_destroy(router);
}

Test(hosts, one_pattern_for_each)
{
	struct ouro_router *router =
		ROUTER("GET a.com/x", "GET b.com/x", "GET {x}.com/x", "GET *.com/x", "GET /x");

	EXPECT(router, "GET a.com/x", "GET a.com/x");
	EXPECT(router, "GET b.com/x", "GET b.com/x");
	EXPECT(router, "GET c.com/x", "GET {x}.com/x x=c");
	EXPECT(router, "GET c.d.com/x", "GET *.com/x");
	EXPECT(router, "GET c.org/x", "GET /x");
	ouro_router_destroy(router);
}

Test(hosts, one_longer_than_any_fits_no_pattern)
{
	struct ouro_router *router = ROUTER("GET *.com/", "GET /{t...}");
	char host[400];
	struct ouro_match_query query = { .host = { host, 255 }, .path = OURO_STR("/") };
	struct ouro_match out;

	memset(host, 'a', sizeof(host));
	memcpy(host + 251, ".com", 4);
	cr_assert_eq(ouro_router_match(router, &query, &out), OURO_MATCH_FOUND);
	cr_expect_eq(out.route_index, 0);
	query.host.len = 256;
	memcpy(host + 252, ".com", 4);
	cr_assert_eq(ouro_router_match(router, &query, &out), OURO_MATCH_FOUND);
	cr_expect_eq(out.route_index, 1);
	ouro_router_destroy(router);
}
