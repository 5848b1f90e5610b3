/* Routes that stand beside their handlers: in this file, in another of the program, and in a library. */
#include "server/declared.h"
#include "server/expect.h"

#include <errno.h>

static void user(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}
OURO_GET("/users/{id}", user);

static void method(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_method(ctx));
}
OURO_POST("/method", method);
OURO_PUT("/method", method);
OURO_PATCH("/method", method);
OURO_DELETE("/method", method);
OURO_OPTIONS("/method", method);
OURO_HEAD("/method", method);
OURO_ANY("/any", method);
OURO_ROUTE("GET, POST", "/form", method);

static bool wants_two(struct ouro_ctx *ctx)
{
	return ouro_str_eq(ouro_query_string(ctx), OURO_STR("two"));
}

static void one(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("one"));
}
OURO_GET("/guarded", one);
OURO_GET("/host", one, OURO_WHEN_HOST("one.example"));
OURO_GET("/field", one, OURO_WHEN_HEADER("X-Field"));

static void two(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("two"));
}
OURO_GET("/guarded", two, OURO_WHEN(wants_two));
OURO_GET("/value", two, OURO_WHEN_HEADER_IS("x-field", "two"), OURO_NAME("value"));

static void length(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int err = ouro_body(ctx, &body);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_text(ctx, 200, body);
}
OURO_POST("/small", length, OURO_BODY_MAX(4), OURO_BODY_TIMEOUT(500));

static void waits(struct ouro_ctx *ctx)
{
	if (ouro_sleep(ctx, 5000) == 0)
		ouro_text(ctx, 200, OURO_STR("slept"));
}
OURO_GET("/limited", waits, OURO_HANDLER_TIMEOUT(1000));
OURO_GET("/inlined", waits, OURO_INLINE);
OURO_GET("/half", waits, OURO_HALF_CLOSE);

static void set_up(struct ouro_server *server)
{
	declared_in_library_is_linked();
	cr_assert_eq(ouro_server_declared(server), 0);
}

struct question {
	const char *request;
	unsigned status;
	const char *body;
};

static const struct question questions[] = {
	{ GET("/users/7"), 200, "7" },
	{ ASK("POST", "/method", ""), 200, "POST" },
	{ ASK("PUT", "/method", ""), 200, "PUT" },
	{ ASK("PATCH", "/method", ""), 200, "PATCH" },
	{ ASK("DELETE", "/method", ""), 200, "DELETE" },
	{ ASK("OPTIONS", "/method", ""), 200, "OPTIONS" },
	{ ASK("HEAD", "/method", ""), 200, "" },
	{ GET("/method"), 405, NULL },
	{ ASK("PROPFIND", "/any", ""), 200, "PROPFIND" },
	{ ASK("POST", "/form", ""), 200, "POST" },
	{ GET("/form"), 200, "GET" },
	{ GET("/guarded"), 200, "one" },
	{ GET("/guarded?two"), 200, "two" },
	{ GET("/host"), 404, NULL },
	{ "GET /host HTTP/1.1\r\nHost: one.example\r\n\r\n", 200, "one" },
	{ GET("/field"), 404, NULL },
	{ ASK("GET", "/field", "x-field: a\r\n"), 200, "one" },
	{ ASK("GET", "/value", "x-field: a\r\n"), 404, NULL },
	{ ASK("GET", "/value", "x-field: two\r\n"), 200, "two" },
	{ ASK("POST", "/small", "Content-Length: 4\r\n") "1234", 200, "1234" },
	{ ASK("POST", "/small", "Content-Length: 5\r\n") "12345", 413, NULL },
	{ GET("/inlined"), 500, NULL },
	{ GET("/other"), 200, "other file" },
	{ GET("/library"), 200, "library" },
};

Test(declared, routes_methods_guards_and_limits_are_as_declared)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct answer answer = site_answer(&site, questions[i].request);

		cr_assert_eq(answer.status, questions[i].status, "%s: %u", questions[i].request,
			     answer.status);
		cr_assert(!questions[i].body || is(answer.body, questions[i].body), "%s",
			  questions[i].request);
	}
	site_close(&site);
}

Test(declared, times_are_as_declared)
{
	struct site site;
	struct sim_peer *limited, *small;

	site_open_with(&site, NULL, NULL, set_up);
	limited = site_connect(&site);
	small = site_connect(&site);
	site_ask(&site, limited, GET("/limited"));
	site_ask(&site, small, ASK("POST", "/small", "Content-Length: 4\r\n") "1");
	sim_advance(site.loop, 999);
	cr_assert(holds(sim_peer_received(small), "HTTP/1.1 408"));
	cr_assert_eq(sim_peer_received(limited).len, 0);
	sim_advance(site.loop, 1);
	cr_assert(holds(sim_peer_received(limited), "HTTP/1.1 503"));
	site_close(&site);
}

Test(declared, a_client_that_half_closes_is_answered_where_that_is_declared)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/half"));
	sim_peer_fin(peer);
	sim_advance(site.loop, 5000);
	cr_assert(holds(sim_peer_received(peer), "slept"));
	site_close(&site);
}

Test(declared, routes_are_listed_by_file_and_line)
{
	struct ouro_route_info infos[64];
	struct draft draft;
	ssize_t count;
	int line = 0;
	char file[64] = "";

	draft_open(&draft);
	set_up(draft.server);
	count = ouro_server_routes(draft.server, infos, 64);
	cr_assert_eq(count, 21);
	for (ssize_t i = 0; i < count; i++) {
		const char *colon = strchr(infos[i].place, ':');
		bool same;

		cr_assert_not_null(colon);
		same = strncmp(file, infos[i].place, (size_t)(colon - infos[i].place)) == 0;
		cr_assert(!same || atoi(colon + 1) >= line);
		line = atoi(colon + 1);
		snprintf(file, sizeof(file), "%.*s", (int)(colon - infos[i].place), infos[i].place);
	}
	draft_close(&draft);
}

Test(declared, a_server_that_has_them_already_finds_a_conflict)
{
	struct draft draft;

	draft_open(&draft);
	set_up(draft.server);
	set_up(draft.server);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EEXIST);
	cr_assert_not_null(strstr(draft.logged, "declared_library.c:"));
	draft_close(&draft);
}

Test(declared, none_are_none)
{
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_declare(draft.server, NULL, NULL), 0);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), 0);
	draft_close(&draft);
}
