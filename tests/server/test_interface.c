/* Parts of the interface that stand alone: middleware of one route and its order, numbers and raw values of
 * parameters, formatted text, fields that go before arguments, answers that have no body. */
#include "server/expect.h"

#include <errno.h>

static char trace[64];

static void note(const char *letter)
{
	strncat(trace, letter, sizeof(trace) - strlen(trace) - 1);
}

static void a(struct ouro_ctx *ctx)
{
	note("a");
	ouro_next(ctx);
}

static void b(struct ouro_ctx *ctx)
{
	note("b");
	ouro_next(ctx);
}

static void c(struct ouro_ctx *ctx)
{
	note("c");
	ouro_next(ctx);
}

static void d(struct ouro_ctx *ctx)
{
	note("d");
	ouro_next(ctx);
}

static void handler(struct ouro_ctx *ctx)
{
	note("h");
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void ordered(struct ouro_server *server)
{
	struct ouro_group *group;

	cr_assert_eq(ouro_server_use_at(server, 10, c), 0);
	cr_assert_eq(ouro_server_use_at(server, -10, a), 0);
	cr_assert_eq(ouro_server_use(server, b), 0);
	cr_assert_eq(ouro_server_use_at(server, 10, d), 0);
	add(server, "GET", "/", handler);
	cr_assert_eq(ouro_server_group(server, "/in", NULL, &group), 0);
	cr_assert_eq(ouro_group_use_at(group, 1, b), 0);
	cr_assert_eq(ouro_group_use_at(group, -99, a), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/", handler, NULL), 0);
}

Test(interface, middleware_runs_by_order_number_then_as_it_was_added)
{
	struct site site;

	site_open_with(&site, NULL, NULL, ordered);
	site_answer(&site, GET("/"));
	cr_assert_str_eq(trace, "abcdh");
	trace[0] = '\0';
	/* What a group has is within what is around the group, whatever its numbers. */
	site_answer(&site, GET("/in/"));
	cr_assert_str_eq(trace, "abcdabh");
	site_close(&site);
}

static void own(struct ouro_server *server)
{
	ouro_handler_fn of_route[] = { c, d, NULL };
	struct ouro_group *group;

	cr_assert_eq(ouro_server_use(server, a), 0);
	cr_assert_eq(ouro_server_group(server, "/in",
				       &(struct ouro_route_options){
					       .middleware = (ouro_handler_fn[]){ b, NULL } },
				       &group),
		     0);
	cr_assert_eq(ouro_group_route(group, "GET", "/own", handler,
				      &(struct ouro_route_options){ .middleware = of_route }),
		     0);
	/* It was copied. */
	of_route[0] = of_route[1] = NULL;
	cr_assert_eq(ouro_group_route(group, "GET", "/none", handler, NULL), 0);
}

Test(interface, a_route_has_middleware_of_its_own)
{
	struct ouro_route_info routes[2];
	struct site site;

	site_open_with(&site, NULL, NULL, own);
	site_answer(&site, GET("/in/own"));
	cr_assert_str_eq(trace, "abcdh");
	trace[0] = '\0';
	site_answer(&site, GET("/in/none"));
	cr_assert_str_eq(trace, "abh");
	cr_assert_eq(ouro_server_routes(site.server, routes, 2), 2);
	cr_assert_eq(routes[0].middleware_count, 4);
	cr_assert_eq(routes[1].middleware_count, 2);
	site_close(&site);
}

OURO_GET("/declared", handler, OURO_USE(c, d));

static void declared(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_declared(server), 0);
}

Test(interface, a_declared_route_has_middleware_of_its_own)
{
	struct site site;

	site_open_with(&site, NULL, NULL, declared);
	site_answer(&site, GET("/declared"));
	cr_assert_str_eq(trace, "cdh");
	site_close(&site);
}

static void numbers(struct ouro_ctx *ctx)
{
	uint64_t u = 7;
	int64_t i = 7;
	int of_u = ouro_param_u64(ctx, "n", &u), of_i = ouro_param_i64(ctx, "n", &i);

	cr_assert_eq(ouro_param_u64(ctx, "m", &u), -ENOENT);
	cr_assert_eq(ouro_param_i64(ctx, "m", &i), -ENOENT);
	ouro_textf(ctx, 200, "%d %llu %d %lld", of_u, (unsigned long long)u, of_i, (long long)i);
}

static void raw(struct ouro_ctx *ctx)
{
	struct ouro_str value = ouro_param_raw(ctx, "p"), decoded = ouro_param(ctx, "p");

	cr_assert_null(ouro_param_raw(ctx, "q").ptr);
	ouro_textf(ctx, 200, "%.*s %.*s", (int)value.len, value.ptr, (int)decoded.len, decoded.ptr);
}

static void long_text(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_textf(ctx, 200, "%5000d", 1), -E2BIG);
	ouro_textf(ctx, 200, "%4095d", 1);
}

static void typed(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "Content-Type", OURO_STR("text/csv"));
	ouro_text(ctx, 200, OURO_STR("a,b"));
}

static void asked(struct ouro_ctx *ctx)
{
	struct ouro_str value = ouro_query(ctx, "a");

	ouro_text(ctx, 200, value.ptr ? value : OURO_STR("absent"));
}

static int endless_result;

static void endless(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	do
		endless_result = ouro_write(ctx, OURO_STR("more"));
	while (endless_result == 0);
	ouro_reject(ctx, endless_result);
}

static void form(struct ouro_ctx *ctx)
{
	struct ouro_str one = ouro_form(ctx, "a"), other = ouro_form(ctx, "b");

	cr_assert_null(ouro_form(ctx, "c").ptr);
	ouro_textf(ctx, 200, "%.*s %.*s", (int)one.len, one.ptr, (int)other.len, other.ptr);
}

static void others(struct ouro_server *server)
{
	add(server, "POST", "/form", form);
	add(server, "GET", "/n/{n}", numbers);
	add(server, "GET", "/raw/{p...}", raw);
	add(server, "GET", "/long", long_text);
	add(server, "GET", "/typed", typed);
	add(server, "GET", "/asked", asked);
	add(server, "GET", "/endless", endless);
}

Test(interface, parameters_are_read_as_numbers)
{
	struct site site;

	site_open_with(&site, NULL, NULL, others);
	cr_assert(is(site_answer(&site, GET("/n/42")).body, "0 42 0 42"));
	cr_assert(is(site_answer(&site, GET("/n/-42")).body, "-22 7 0 -42"));
	cr_assert(is(site_answer(&site, GET("/n/9223372036854775808")).body,
		     "0 9223372036854775808 -34 7"));
	cr_assert(is(site_answer(&site, GET("/n/-9223372036854775808")).body,
		     "-22 7 0 -9223372036854775808"));
	cr_assert(is(site_answer(&site, GET("/n/-")).body, "-22 7 -22 7"));
	site_close(&site);
}

Test(interface, parameters_are_had_as_they_stand_in_the_path)
{
	struct site site;

	site_open_with(&site, NULL, NULL, others);
	cr_assert(is(site_answer(&site, GET("/raw/a%2f..%2Fb/c")).body, "a%2F..%2Fb/c a/../b/c"));
	site_close(&site);
}

Test(interface, formatted_text_has_a_limit)
{
	struct site site;

	site_open_with(&site, NULL, NULL, others);
	cr_assert_eq(site_answer(&site, GET("/long")).body.len, 4095);
	site_close(&site);
}

Test(interface, a_content_type_that_was_set_goes_before_the_answers_own)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	site_open_with(&site, NULL, NULL, others);
	peer = site_connect(&site);
	got = site_ask(&site, peer, GET("/typed"));
	cr_assert(holds(got, "Content-Type: text/csv\r\n"));
	cr_assert_null(memmem(got.ptr, got.len, "text/plain", 10));
	site_close(&site);
}

Test(interface, a_query_parameter_is_found_beside_malformed_ones)
{
	struct site site;

	site_open_with(&site, NULL, NULL, others);
	cr_assert(is(site_answer(&site, GET("/asked?x=%zz&a=1")).body, "1"));
	cr_assert(is(site_answer(&site, GET("/asked?%zz&%61=2+3&a=4")).body, "2 3"));
	cr_assert(is(site_answer(&site, GET("/asked?a=%zz")).body, "absent"));
	site_close(&site);
}

Test(interface, a_writer_without_end_ends_where_there_is_no_body)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, others);
	peer = site_connect(&site);
	cr_assert(holds(site_ask(&site, peer, ASK("HEAD", "/endless", "")), "HTTP/1.1 200"));
	cr_assert_eq(endless_result, -EPIPE);
	cr_assert(holds(site_ask(&site, peer, GET("/asked?a=1")), "\r\n\r\n1"));
	site_close(&site);
}

Test(interface, a_form_is_copied_and_decoded_once)
{
	struct site site;

	site_open_with(&site, NULL, NULL, others);
	cr_assert(is(site_answer(&site, "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n"
					"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
					"a=1+2&b=%2541")
			     .body,
		     "1 2 %41"));
	cr_assert_eq(site_counters(&site)->bytes_copied, 13);
	site_close(&site);
}
