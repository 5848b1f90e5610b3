/* From a request to its handler: patterns, methods, guards, groups, names, policies for paths, and what
 * is answered where there is no route. */
#include "server/expect.h"

#include <errno.h>

/* Answers with its pattern, and every parameter it may have. */
static void tell(struct ouro_ctx *ctx)
{
	static const char *const names[] = { "id", "name", "rest", "tenant" };
	char text[512];
	struct ouro_str pattern = ouro_pattern(ctx);
	int len = snprintf(text, sizeof(text), "%.*s", (int)pattern.len, pattern.ptr);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ouro_str value = ouro_param(ctx, names[i]);

		if (value.ptr)
			len += snprintf(text + len, sizeof(text) - (size_t)len, " %s=%.*s",
					names[i], (int)value.len, value.ptr);
	}
	ouro_text(ctx, 200, ouro_str(text, (size_t)len));
}

static void one(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("one"));
}

static void two(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("two"));
}

static void own(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-own", OURO_STR("yes"));
	ouro_text(ctx, 200, OURO_STR("own"));
}

static void mark(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-marked", OURO_STR("yes"));
}

static void whole_length(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int err = ouro_body(ctx, &body);
	char text[32];

	if (err) {
		ouro_reject(ctx, err);
		return;
	}
	ouro_text(ctx, 200, ouro_str(text, (size_t)snprintf(text, sizeof(text), "%zu", body.len)));
}

struct question {
	const char *request;
	unsigned status;
	const char *body; /* NULL: whatever it is */
};

static void ask_all(const struct ouro_options *options, void (*set_up)(struct ouro_server *server),
		    const struct question *questions, size_t count)
{
	struct site site;

	site_open_with(&site, options, NULL, set_up);
	for (size_t i = 0; i < count; i++) {
		struct answer answer = site_answer(&site, questions[i].request);

		cr_assert_eq(answer.status, questions[i].status, "%s: %u", questions[i].request,
			     answer.status);
		cr_assert(!questions[i].body || is(answer.body, questions[i].body), "%s",
			  questions[i].request);
	}
	site_close(&site);
}

#define ASK_ALL(options, set_up, questions)                                                        \
	ask_all(options, set_up, questions, sizeof(questions) / sizeof((questions)[0]))

/* ---- Patterns ---- */

static void set_up_patterns(struct ouro_server *server)
{
	static const char *const patterns[] = {
		"/",
		"/users",
		"/users/me",
		"/users/{id}",
		"/users/{id}/posts/{name}",
		"/files/{rest...}",
		"/n/{id:u64}",
		"/n/{id:i64}",
		"/n/{id:uuid}",
		"/n/{id:[a-f]+[0-9]}",
		"/n/{id}",
		"/n/{rest...}",
		"/n/7",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		add(server, "GET", patterns[i], tell);
}

Test(routing, static_paths_fit_themselves)
{
	static const struct question questions[] = {
		{ GET("/"), 200, "/" },
		{ GET("/users"), 200, "/users" },
		{ GET("/users/me"), 200, "/users/me" },
		{ GET("/Users"), 404, NULL },
		{ GET("/user"), 404, NULL },
		{ GET("/usersx"), 404, NULL },
	};

	ASK_ALL(NULL, set_up_patterns, questions);
}

Test(routing, parameters_are_segments_and_are_decoded)
{
	static const struct question questions[] = {
		{ GET("/users/7"), 200, "/users/{id} id=7" },
		{ GET("/users/a%20b"), 200, "/users/{id} id=a b" },
		{ GET("/users/a%2Fb"), 200, "/users/{id} id=a/b" },
		{ GET("/users/7/posts/x"), 200, "/users/{id}/posts/{name} id=7 name=x" },
		{ GET("/users/me/posts/x"), 200, "/users/{id}/posts/{name} id=me name=x" },
		{ GET("/users/7/posts/"), 404, NULL },
		{ GET("/users/%2"), 400, NULL },
		{ GET("/users/%zz"), 400, NULL },
	};

	ASK_ALL(NULL, set_up_patterns, questions);
}

Test(routing, tails_take_what_is_left)
{
	static const struct question questions[] = {
		{ GET("/files/"), 200, "/files/{rest...} rest=" },
		{ GET("/files/a"), 200, "/files/{rest...} rest=a" },
		{ GET("/files/a/b/c.txt"), 200, "/files/{rest...} rest=a/b/c.txt" },
		{ GET("/files/a/"), 200, "/files/{rest...} rest=a/" },
		{ GET("/files/%2e%2e/n/7"), 200, "/n/7" },
	};

	ASK_ALL(NULL, set_up_patterns, questions);
}

Test(routing, types_and_expressions_go_before_parameters)
{
	static const struct question questions[] = {
		{ GET("/n/7"), 200, "/n/7" },
		{ GET("/n/8"), 200, "/n/{id:u64} id=8" },
		{ GET("/n/-8"), 200, "/n/{id:i64} id=-8" },
		{ GET("/n/18446744073709551616"), 200, "/n/{id} id=18446744073709551616" },
		{ GET("/n/123e4567-e89b-12d3-a456-426614174000"), 200,
		  "/n/{id:uuid} id=123e4567-e89b-12d3-a456-426614174000" },
		{ GET("/n/abc1"), 200, "/n/{id:[a-f]+[0-9]} id=abc1" },
		{ GET("/n/abc12"), 200, "/n/{id} id=abc12" },
		{ GET("/n/a/b"), 200, "/n/{rest...} rest=a/b" },
	};

	ASK_ALL(NULL, set_up_patterns, questions);
}

/* ---- Methods ---- */

static void tell_method(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_method(ctx));
}

static void set_up_methods(struct ouro_server *server)
{
	add(server, "GET", "/a", one);
	add(server, "POST", "/a", two);
	add(server, "GET, PUT PATCH", "/several", tell_method);
	add(server, "*", "/any", tell_method);
	add(server, "DELETE", "/any", two);
	add(server, "GET", "/head", one);
	add(server, "HEAD", "/head", own);
	add(server, "OPTIONS", "/options", own);
	add(server, "GET", "/options", one);
}

Test(routing, the_method_is_part_of_the_route)
{
	static const struct question questions[] = {
		{ GET("/a"), 200, "one" },
		{ ASK("POST", "/a", "Content-Length: 0\r\n"), 200, "two" },
		{ GET("/several"), 200, "GET" },
		{ ASK("PUT", "/several", ""), 200, "PUT" },
		{ ASK("PATCH", "/several", ""), 200, "PATCH" },
		{ ASK("POST", "/several", ""), 405, NULL },
	};

	ASK_ALL(NULL, set_up_methods, questions);
}

Test(routing, a_star_takes_every_method_that_has_no_route_of_its_own)
{
	static const struct question questions[] = {
		{ GET("/any"), 200, "GET" },
		{ ASK("PROPFIND", "/any", ""), 200, "PROPFIND" },
		{ ASK("OPTIONS", "/any", ""), 200, "OPTIONS" },
		{ ASK("DELETE", "/any", ""), 200, "two" },
		{ ASK("HEAD", "/any", ""), 200, "" },
	};

	ASK_ALL(NULL, set_up_methods, questions);
}

Test(routing, what_no_route_has_is_404)
{
	static const struct question questions[] = {
		{ GET("/none"), 404, NULL },
		{ ASK("OPTIONS", "/none", ""), 404, NULL },
		{ ASK("HEAD", "/none", ""), 404, "" },
	};

	ASK_ALL(NULL, set_up_methods, questions);
}

Test(routing, other_methods_are_405_and_told_what_is_allowed)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_methods);
	answer = site_answer(&site, ASK("DELETE", "/a", ""));
	cr_assert_eq(answer.status, 405);
	cr_assert(is(answer_field(&answer, "allow"), "GET, HEAD, POST, OPTIONS"));
	site_close(&site);
}

Test(routing, head_is_answered_from_get_without_a_body)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_methods);
	answer = site_answer(&site, ASK("HEAD", "/a", ""));
	cr_assert_eq(answer.status, 200);
	cr_assert(is(answer_field(&answer, "content-length"), "3"));
	cr_assert_eq(answer.body.len, 0);
	site_close(&site);
}

Test(routing, head_can_have_a_route_of_its_own)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_methods);
	answer = site_answer(&site, ASK("HEAD", "/head", ""));
	cr_assert(is(answer_field(&answer, "x-own"), "yes"));
	cr_assert_eq(site_answer(&site, GET("/head")).status, 200);
	site_close(&site);
}

Test(routing, options_is_answered_from_what_there_is)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_methods);
	answer = site_answer(&site, ASK("OPTIONS", "/a", ""));
	cr_assert_eq(answer.status, 204);
	cr_assert(is(answer_field(&answer, "allow"), "GET, HEAD, POST, OPTIONS"));
	cr_assert_eq(answer_field(&answer, "content-length").len, 0);
	site_close(&site);
}

Test(routing, options_can_have_a_route_of_its_own)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_methods);
	answer = site_answer(&site, ASK("OPTIONS", "/options", ""));
	cr_assert_eq(answer.status, 200);
	cr_assert(is(answer_field(&answer, "x-own"), "yes"));
	site_close(&site);
}

Test(routing, automatic_options_can_be_turned_off)
{
	const struct ouro_options options = { .no_auto_options = true };
	struct site site;
	struct answer answer;

	site_open_with(&site, &options, NULL, set_up_methods);
	answer = site_answer(&site, ASK("OPTIONS", "/a", ""));
	cr_assert_eq(answer.status, 405);
	cr_assert(is(answer_field(&answer, "allow"), "GET, HEAD, POST"));
	site_close(&site);
}

static void set_up_own_404(struct ouro_server *server)
{
	add(server, "GET", "/a", one);
	add(server, "*", "/{rest...}", two);
}

Test(routing, a_tail_for_any_method_overrides_404)
{
	static const struct question questions[] = {
		{ GET("/a"), 200, "one" },
		{ GET("/none/of/these"), 200, "two" },
		{ ASK("DELETE", "/b", ""), 200, "two" },
	};

	ASK_ALL(NULL, set_up_own_404, questions);
}

static void set_up_own_405(struct ouro_server *server)
{
	add(server, "GET", "/a", one);
	add(server, "*", "/a", two);
}

Test(routing, a_star_at_the_same_path_overrides_405)
{
	static const struct question questions[] = {
		{ GET("/a"), 200, "one" },
		{ ASK("DELETE", "/a", ""), 200, "two" },
	};

	ASK_ALL(NULL, set_up_own_405, questions);
}

/* ---- Guards ---- */

static bool wants_two(struct ouro_ctx *ctx)
{
	return ouro_str_eq(ouro_query(ctx, "which"), OURO_STR("two"));
}

static void add_with(struct ouro_server *server, const char *pattern, ouro_handler_fn handler,
		     struct ouro_route_options options)
{
	cr_assert_eq(ouro_server_route(server, "GET", pattern, handler, &options), 0);
}

static void set_up_guards(struct ouro_server *server)
{
	add_with(server, "/host", one, (struct ouro_route_options){ .host = "one.example.com" });
	add_with(server, "/host", tell,
		 (struct ouro_route_options){ .host = "{tenant}.example.com" });
	add_with(server, "/host", two, (struct ouro_route_options){ .host = "*.example.org" });
	add_with(server, "/field", one, (struct ouro_route_options){ .header = "X-Which" });
	add_with(server, "/value", one,
		 (struct ouro_route_options){ .header = "x-which", .header_value = "one" });
	add_with(server, "/value", two,
		 (struct ouro_route_options){ .header = "x-which", .header_value = "two" });
	add_with(server, "/value", tell, (struct ouro_route_options){ 0 });
	add_with(server, "/fn", two, (struct ouro_route_options){ .guard = wants_two });
	add_with(server, "/fn", one, (struct ouro_route_options){ 0 });
	add_with(server, "/all", two,
		 (struct ouro_route_options){ .guard = wants_two, .header = "x-which" });
}

#define HOST(host, path) "GET " path " HTTP/1.1\r\nHost: " host "\r\n\r\n"

Test(routing, hosts_guard_routes)
{
	static const struct question questions[] = {
		{ HOST("one.example.com", "/host"), 200, "one" },
		{ HOST("ONE.example.COM:8080", "/host"), 200, "one" },
		{ HOST("acme.example.com", "/host"), 200, "/host tenant=acme" },
		{ HOST("a.b.example.org", "/host"), 200, "two" },
		{ HOST("example.org", "/host"), 404, NULL },
		{ HOST("other", "/host"), 404, NULL },
		{ "GET http://one.example.com/host HTTP/1.1\r\nHost: one.example.com\r\n\r\n", 200,
		  "one" },
	};

	ASK_ALL(NULL, set_up_guards, questions);
}

Test(routing, header_fields_guard_routes)
{
	static const struct question questions[] = {
		{ ASK("GET", "/field", "x-which: \r\n"), 200, "one" },
		{ ASK("GET", "/field", "X-WHICH: z\r\n"), 200, "one" },
		{ GET("/field"), 404, NULL },
		{ ASK("GET", "/value", "X-Which: one\r\n"), 200, "one" },
		{ ASK("GET", "/value", "X-Which: two\r\n"), 200, "two" },
		{ ASK("GET", "/value", "X-Which: three\r\nX-Which: two\r\n"), 200, "two" },
		{ ASK("GET", "/value", "X-Which: twofold\r\n"), 200, "/value" },
		{ GET("/value"), 200, "/value" },
	};

	ASK_ALL(NULL, set_up_guards, questions);
}

Test(routing, functions_guard_routes)
{
	static const struct question questions[] = {
		{ GET("/fn?which=two"), 200, "two" },
		{ GET("/fn"), 200, "one" },
		{ GET("/all?which=two"), 404, NULL },
		{ ASK("GET", "/all", "X-Which: a\r\n"), 404, NULL },
		{ ASK("GET", "/all?which=two", "X-Which: a\r\n"), 200, "two" },
	};

	ASK_ALL(NULL, set_up_guards, questions);
}

/* ---- Groups ---- */

static void set_up_groups(struct ouro_server *server)
{
	const struct ouro_route_options guarded = { .header = "x-key" };
	const struct ouro_route_options small = { .body_bytes_max = 4, .guard = wants_two };
	struct ouro_group *api, *users, *none;

	cr_assert_eq(ouro_server_group(server, "/api", &guarded, &api), 0);
	cr_assert_eq(ouro_group_use(api, mark), 0);
	cr_assert_eq(ouro_group_route(api, "GET", "", tell, NULL), 0);
	cr_assert_eq(ouro_group_route(api, "GET", "/v", tell, NULL), 0);
	cr_assert_eq(ouro_group_group(api, "/users/{id}", &small, &users), 0);
	cr_assert_eq(ouro_group_route(users, "GET", "/posts/{name}", tell, NULL), 0);
	cr_assert_eq(ouro_group_route(users, "POST", "/posts", whole_length, NULL), 0);
	cr_assert_eq(ouro_server_group(server, NULL, NULL, &none), 0);
	cr_assert_eq(ouro_group_route(none, "GET", "/plain", tell, NULL), 0);
}

#define KEY "X-Key: k\r\n"

Test(routing, groups_give_prefixes_options_and_middleware)
{
	static const struct question questions[] = {
		{ ASK("GET", "/api", KEY), 200, "/api" },
		{ ASK("GET", "/api/v", KEY), 200, "/api/v" },
		{ GET("/api/v"), 404, NULL },
		{ ASK("GET", "/api/users/7/posts/x?which=two", KEY), 200,
		  "/api/users/{id}/posts/{name} id=7 name=x" },
		{ ASK("GET", "/api/users/7/posts/x", KEY), 404, NULL },
		{ ASK("GET", "/api/users/7/posts/x?which=two", ""), 404, NULL },
		{ ASK("POST", "/api/users/7/posts?which=two", KEY "Content-Length: 4\r\n") "1234",
		  200, "4" },
		{ ASK("POST", "/api/users/7/posts?which=two", KEY "Content-Length: 5\r\n") "12345",
		  413, NULL },
		{ GET("/plain"), 200, "/plain" },
	};

	ASK_ALL(NULL, set_up_groups, questions);
}

Test(routing, middleware_of_a_group_runs_for_its_routes_alone)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up_groups);
	answer = site_answer(&site, ASK("GET", "/api/users/7/posts/x?which=two", KEY));
	cr_assert(is(answer_field(&answer, "x-marked"), "yes"));
	answer = site_answer(&site, GET("/plain"));
	cr_assert_null(answer_field(&answer, "x-marked").ptr);
	answer = site_answer(&site, ASK("GET", "/api/none", KEY));
	cr_assert_null(answer_field(&answer, "x-marked").ptr);
	site_close(&site);
}

static void set_up_host_groups(struct ouro_server *server)
{
	const struct ouro_route_options tenant = { .host = "{tenant}.example.com" };
	const struct ouro_route_options other = { .host = "other.example.org" };
	struct ouro_group *group;

	cr_assert_eq(ouro_server_group(server, "/t", &tenant, &group), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/{id}", tell, NULL), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/other", one, &other), 0);
}

Test(routing, a_group_has_a_host_for_routes_that_have_none)
{
	static const struct question questions[] = {
		{ HOST("acme.example.com", "/t/7"), 200, "/t/{id} id=7 tenant=acme" },
		{ HOST("other.example.org", "/t/other"), 200, "one" },
		{ HOST("other.example.org", "/t/7"), 404, NULL },
	};

	ASK_ALL(NULL, set_up_host_groups, questions);
}

static void set_up_mounts(struct ouro_server *server)
{
	struct ouro_group *group, *outer;

	cr_assert_eq(ouro_group_create(&group), 0);
	cr_assert_eq(ouro_group_create(&outer), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/a", tell, NULL), 0);
	cr_assert_eq(ouro_server_mount(server, "/one", group), 0);
	cr_assert_eq(ouro_server_mount(server, "/two", group), 0);
	cr_assert_eq(ouro_group_mount(outer, "/{id}", group), 0);
	cr_assert_eq(ouro_server_mount(server, "/three", outer), 0);
	/* What comes later is there too. */
	cr_assert_eq(ouro_group_use(group, mark), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/b", tell, NULL), 0);
	cr_assert_eq(ouro_group_mount(group, "/x", outer), -ELOOP);
	cr_assert_eq(ouro_group_mount(group, "/x", group), -ELOOP);
	cr_assert_eq(ouro_group_mount(group, "x", outer), -EINVAL);
	ouro_group_destroy(group);
	ouro_group_destroy(outer);
	ouro_group_destroy(NULL);
}

Test(routing, a_group_can_be_mounted_more_than_once_and_added_to_later)
{
	static const struct question questions[] = {
		{ GET("/one/a"), 200, "/one/a" }, { GET("/two/a"), 200, "/two/a" },
		{ GET("/two/b"), 200, "/two/b" }, { GET("/three/7/b"), 200, "/three/{id}/b id=7" },
		{ GET("/a"), 404, NULL },
	};

	ASK_ALL(NULL, set_up_mounts, questions);
}

/* ---- Named routes ---- */

static void set_up_names(struct ouro_server *server)
{
	add_with(server, "/users/{id:u64}/posts/{name}", one,
		 (struct ouro_route_options){ .name = "post" });
	add_with(server, "/files/{rest...}", one, (struct ouro_route_options){ .name = "file" });
	add_with(server, "/", one, (struct ouro_route_options){ .name = "root" });
}

static void build_urls(struct ouro_ctx *ctx)
{
	struct ouro_str url = ouro_url(ctx, "post", "id", "7", "name", "a b/c?", NULL);

	cr_assert(is(url, "/users/7/posts/a%20b%2Fc%3F"));
	cr_assert(is(ouro_url(ctx, "post", "name", "x", "id", "7", NULL), "/users/7/posts/x"));
	cr_assert(is(ouro_url(ctx, "file", "rest", "a/b c", NULL), "/files/a/b%20c"));
	cr_assert(is(ouro_url(ctx, "root", NULL), "/"));
	cr_assert_null(ouro_url(ctx, "none", NULL).ptr);
	cr_assert_null(ouro_url(ctx, "post", "id", "7", NULL).ptr);
	cr_assert_null(ouro_url(ctx, "post", "id", "x", "name", "x", NULL).ptr);
	cr_assert_null(ouro_url(ctx, "root", "id", "7", NULL).ptr);
	ouro_send(ctx, 200, NULL, url);
}

static void set_up_url_building(struct ouro_server *server)
{
	set_up_names(server);
	add(server, "GET", "/build", build_urls);
}

Test(routing, handlers_build_urls_of_named_routes)
{
	static const struct question questions[] = {
		{ GET("/build"), 200, "/users/7/posts/a%20b%2Fc%3F" },
	};

	ASK_ALL(NULL, set_up_url_building, questions);
}

Test(routing, servers_build_urls_of_named_routes)
{
	struct draft draft;
	const struct ouro_url_value values[] = { { "id", OURO_STR("7") },
						 { "name", OURO_STR("x") } };
	const struct ouro_url_value bad[] = { { "id", OURO_STR("seven") },
					      { "name", OURO_STR("x") } };
	const struct ouro_url_value dots[] = { { "id", OURO_STR("7") },
					       { "name", OURO_STR("..") } };
	char out[64];

	draft_open(&draft);
	set_up_names(draft.server);
	cr_assert_eq(ouro_server_url(draft.server, "post", values, 2, out, sizeof(out)), 16);
	cr_assert_str_eq(out, "/users/7/posts/x");
	cr_assert_eq(ouro_server_url(draft.server, "post", values, 2, out, 17), 16);
	cr_assert_eq(ouro_server_url(draft.server, "post", values, 2, out, 16), -ENOBUFS);
	cr_assert_eq(ouro_server_url(draft.server, "post", values, 2, out, 0), -ENOBUFS);
	cr_assert_eq(ouro_server_url(draft.server, "none", values, 2, out, sizeof(out)), -ENOENT);
	cr_assert_eq(ouro_server_url(draft.server, "post", values, 1, out, sizeof(out)), -EINVAL);
	cr_assert_eq(ouro_server_url(draft.server, "root", values, 1, out, sizeof(out)), -EINVAL);
	cr_assert_eq(ouro_server_url(draft.server, "post", bad, 2, out, sizeof(out)), -EINVAL);
	cr_assert_eq(ouro_server_url(draft.server, "post", dots, 2, out, sizeof(out)), -EINVAL);
	draft_close(&draft);
}

/* ---- What is found when the server starts ---- */

Test(routing, a_conflict_is_found_at_the_start_and_both_places_are_said)
{
	struct draft draft;
	char first[32], second[32];
	int line;

	draft_open(&draft);
	line = __LINE__ + 1;
	cr_assert_eq(ouro_server_route(draft.server, "GET", "/users/{id}", one, NULL), 0);
	cr_assert_eq(ouro_server_route(draft.server, "GET", "/users/{name}", two, NULL), 0);
	cr_assert_eq(ouro_server_start(draft.server), -EEXIST);
	snprintf(first, sizeof(first), "test_routing.c:%d", line);
	snprintf(second, sizeof(second), "test_routing.c:%d", line + 1);
	cr_assert_not_null(strstr(draft.logged, first), "%s", draft.logged);
	cr_assert_not_null(strstr(draft.logged, second), "%s", draft.logged);
	draft_close(&draft);
}

Test(routing, a_name_is_one_routes_alone)
{
	struct draft draft;

	draft_open(&draft);
	add_with(draft.server, "/a", one, (struct ouro_route_options){ .name = "n" });
	add_with(draft.server, "/b", one, (struct ouro_route_options){ .name = "n" });
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EEXIST);
	cr_assert_not_null(strstr(draft.logged, "test_routing.c:"), "%s", draft.logged);
	draft_close(&draft);
}

Test(routing, guarded_routes_do_not_conflict)
{
	struct draft draft;

	draft_open(&draft);
	set_up_guards(draft.server);
	cr_assert_gt(ouro_server_routes(draft.server, NULL, 0), 0);
	cr_assert_str_empty(draft.logged);
	draft_close(&draft);
}

Test(routing, malformed_routes_are_refused_with_their_place)
{
	static const char *const bad[][2] = {
		{ "GET", "users" },        { "GET", "/{" },     { "GET", "/{}" },
		{ "GET", "/{a}{b}" },      { "GET", "/{a}x" },  { "GET", "/{a...}/b" },
		{ "GET", "/{a}/{a}" },     { "GET", "/{a:[}" }, { "GET", "/%zz" },
		{ "get", "/a" },           { "", "/a" },        { " , ", "/a" },
		{ "GET, NONSENSE", "/a" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct draft draft;
		char place[32];
		int err, line;

		draft_open(&draft);
		line = __LINE__ + 1;
		err = ouro_server_route(draft.server, bad[i][0], bad[i][1], one, NULL);
		cr_assert_eq(err, -EINVAL, "%s %s", bad[i][0], bad[i][1]);
		snprintf(place, sizeof(place), "test_routing.c:%d: ", line);
		cr_assert_not_null(strstr(draft.logged, place), "%s", draft.logged);
		cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), 0);
		draft_close(&draft);
	}
}

Test(routing, malformed_prefixes_are_refused_with_a_log_line)
{
	static const char *const bad[] = { "api",        "/",        "/api/", "/{",
					   "/{rest...}", "/{a}/{a}", "/%zz",  "/{a:[}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ouro_group *group, *mounted;
		struct draft draft;

		draft_open(&draft);
		cr_assert_eq(ouro_group_create(&mounted), 0);
		cr_assert_eq(ouro_server_group(draft.server, bad[i], NULL, &group), -EINVAL, "%s",
			     bad[i]);
		cr_assert_not_null(strstr(draft.logged, bad[i]));
		cr_assert_eq(ouro_server_mount(draft.server, bad[i], mounted), -EINVAL);
		ouro_group_destroy(mounted);
		draft_close(&draft);
	}
}

Test(routing, malformed_guards_are_refused)
{
	static const struct ouro_route_options bad[] = {
		{ .host = "a.{b}" },
		{ .host = "{a" },
		{ .header = "not a token" },
		{ .header = "" },
		{ .header_value = "of no field" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ouro_group *group;
		struct draft draft;

		draft_open(&draft);
		cr_assert_eq(ouro_server_route(draft.server, "GET", "/", one, &bad[i]), -EINVAL,
			     "%zu", i);
		cr_assert_not_null(strstr(draft.logged, "test_routing.c:"));
		draft.logged[0] = '\0';
		cr_assert_eq(ouro_server_group(draft.server, "/g", &bad[i], &group), -EINVAL, "%zu",
			     i);
		cr_assert_not_null(strstr(draft.logged, "'/g'"));
		cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), 0);
		draft_close(&draft);
	}
}

Test(routing, an_empty_pattern_needs_a_prefix)
{
	struct draft draft;

	draft_open(&draft);
	ouro_server_route(draft.server, "GET", "", one, NULL);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(draft.logged, "test_routing.c:"));
	draft_close(&draft);
}

Test(routing, nothing_can_be_added_once_routes_are_compiled)
{
	struct ouro_group *group, *inner, *mounted;
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_group_create(&mounted), 0);
	cr_assert_eq(ouro_server_group(draft.server, "/g", NULL, &group), 0);
	cr_assert_eq(ouro_server_mount(draft.server, "/m", mounted), 0);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), 0);
	cr_assert_eq(ouro_server_route(draft.server, "GET", "/a", one, NULL), -EALREADY);
	cr_assert_eq(ouro_server_use(draft.server, mark), -EALREADY);
	cr_assert_eq(ouro_server_group(draft.server, "/h", NULL, &inner), -EALREADY);
	cr_assert_eq(ouro_server_mount(draft.server, "/h", mounted), -EALREADY);
	cr_assert_eq(ouro_server_hook(draft.server, OURO_HOOK_REQUEST, 0, one), -EALREADY);
	cr_assert_eq(ouro_group_route(group, "GET", "/a", one, NULL), -EALREADY);
	cr_assert_eq(ouro_group_route(mounted, "GET", "/a", one, NULL), -EALREADY);
	cr_assert_eq(ouro_group_use(mounted, mark), -EALREADY);
	cr_assert_eq(ouro_group_group(group, "/h", NULL, &inner), -EALREADY);
	ouro_group_destroy(mounted);
	draft_close(&draft);
}

Test(routing, groups_may_be_nested_32_deep_and_no_deeper)
{
	for (int depth = 32; depth <= 33; depth++) {
		struct ouro_group *group;
		struct draft draft;

		draft_open(&draft);
		cr_assert_eq(ouro_server_group(draft.server, "/g", NULL, &group), 0);
		for (int i = 1; i < depth; i++)
			cr_assert_eq(ouro_group_group(group, "/g", NULL, &group), 0);
		cr_assert_eq(ouro_group_route(group, "GET", "/a", one, NULL), 0);
		cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), depth == 32 ? 1 : -EINVAL);
		draft_close(&draft);
	}
}

/* ---- Introspection ---- */

Test(routing, routes_can_be_listed_with_all_that_groups_add)
{
	const struct ouro_route_options options = { .name = "n",
						    .guard = wants_two,
						    .host = "a.example" };
	const struct ouro_route_options inlined = { .run_inline = true };
	struct ouro_route_info infos[4];
	struct ouro_group *group;
	struct draft draft;
	char place[32];
	int line;

	draft_open(&draft);
	cr_assert_eq(ouro_server_use(draft.server, mark), 0);
	cr_assert_eq(ouro_server_group(draft.server, "/api", NULL, &group), 0);
	cr_assert_eq(ouro_group_use(group, mark), 0);
	line = __LINE__ + 1;
	cr_assert_eq(ouro_group_route(group, "GET, POST", "/a", one, &options), 0);
	cr_assert_eq(ouro_server_route(draft.server, "*", "/b", one, &inlined), 0);
	cr_assert_eq(ouro_server_routes(draft.server, infos, 1), 3);
	cr_assert_eq(ouro_server_routes(draft.server, infos, 4), 3);
	cr_assert_str_eq(infos[0].method, "GET");
	cr_assert_str_eq(infos[0].pattern, "/api/a");
	cr_assert_str_eq(infos[0].host, "a.example");
	cr_assert_str_eq(infos[0].name, "n");
	snprintf(place, sizeof(place), "test_routing.c:%d", line);
	cr_assert_str_eq(infos[0].place, place);
	cr_assert_eq(infos[0].middleware_count, 2);
	cr_assert(infos[0].guarded);
	cr_assert_not(infos[0].run_inline);
	cr_assert_str_eq(infos[1].method, "POST");
	cr_assert_str_eq(infos[2].method, "*");
	cr_assert_str_eq(infos[2].host, "");
	cr_assert_str_eq(infos[2].name, "");
	cr_assert_eq(infos[2].middleware_count, 1);
	cr_assert_not(infos[2].guarded);
	cr_assert(infos[2].run_inline);
	draft_close(&draft);
}

/* ---- Policies for paths ---- */

static void set_up_paths(struct ouro_server *server)
{
	add(server, "GET, POST", "/a", tell);
	add(server, "GET", "/b/", tell);
	add(server, "GET", "/u/{id}", tell);
	add(server, "GET", "/f/{rest...}", tell);
	add(server, "GET", "/", tell);
}

Test(routing, canonical_paths_forgive_how_a_path_is_written)
{
	static const struct question questions[] = {
		{ GET("/a/"), 200, "/a" },
		{ GET("/b"), 200, "/b/" },
		{ GET("//a"), 200, "/a" },
		{ GET("/./a"), 200, "/a" },
		{ GET("/x/../a"), 200, "/a" },
		{ GET("/../../a"), 200, "/a" },
		{ GET("/%61"), 200, "/a" },
		{ GET("/x/%2e%2E/a"), 200, "/a" },
		{ GET("/u/x%2fy"), 200, "/u/{id} id=x/y" },
		{ GET("/u/x%2F..%2Fy"), 200, "/u/{id} id=x/../y" },
		{ GET("/f/x//y/./z/../w"), 200, "/f/{rest...} rest=x/y/w" },
		{ GET("/f"), 200, "/f/{rest...} rest=" },
		{ GET("/u//"), 404, NULL },
		{ GET("/%zz"), 400, NULL },
		{ GET("/a%00"), 404, NULL },
		{ GET("//"), 200, "/" },
	};

	ASK_ALL(NULL, set_up_paths, questions);
}

struct redirection {
	const char *request;
	const char *location;
};

Test(routing, redirected_paths_are_308_to_the_canonical_one_with_the_query)
{
	static const struct redirection redirections[] = {
		{ GET("/a/"), "/a" },
		{ GET("/a/?x=1&y=%2f"), "/a?x=1&y=%2f" },
		{ GET("/b"), "/b/" },
		{ GET("//a?q"), "/a?q" },
		{ GET("/x/../a"), "/a" },
		{ GET("/%61"), "/a" },
		{ GET("/u/x%2fy"), "/u/x%2Fy" },
		{ GET("/f/x//y"), "/f/x/y" },
		{ GET("/f"), "/f/" },
		{ ASK("HEAD", "/a/", ""), "/a" },
		{ ASK("POST", "/a/", "Content-Length: 3\r\n") "abc", "/a" },
		{ "GET http://a//a?q HTTP/1.1\r\nHost: a\r\n\r\n", "/a?q" },
	};
	const struct ouro_options options = { .paths = OURO_PATHS_REDIRECT };
	struct site site;

	site_open_with(&site, &options, NULL, set_up_paths);
	for (size_t i = 0; i < sizeof(redirections) / sizeof(redirections[0]); i++) {
		struct answer answer = site_answer(&site, redirections[i].request);

		cr_assert_eq(answer.status, 308, "%s", redirections[i].request);
		cr_assert(is(answer_field(&answer, "location"), redirections[i].location));
	}
	site_close(&site);
}

Test(routing, with_redirects_canonical_paths_are_answered_and_unknown_ones_404)
{
	static const struct question questions[] = {
		{ GET("/a"), 200, "/a" },
		{ GET("/b/"), 200, "/b/" },
		{ GET("/u/x%2Fy"), 200, "/u/{id} id=x/y" },
		{ GET("/"), 200, "/" },
		{ GET("//none"), 404, NULL },
		{ ASK("DELETE", "/a/", ""), 405, NULL },
		{ GET("/%zz"), 400, NULL },
	};
	const struct ouro_options options = { .paths = OURO_PATHS_REDIRECT };

	ASK_ALL(&options, set_up_paths, questions);
}

Test(routing, exact_paths_are_compared_byte_by_byte)
{
	static const struct question questions[] = {
		{ GET("/a"), 200, "/a" },
		{ GET("/a/"), 404, NULL },
		{ GET("/b"), 404, NULL },
		{ GET("//a"), 404, NULL },
		{ GET("/x/../a"), 404, NULL },
		{ GET("/%61"), 404, NULL },
		{ GET("/u/%2e%2e"), 200, "/u/{id} id=.." },
		{ GET("/u/x%2fy"), 200, "/u/{id} id=x/y" },
		{ GET("/f/x//y/.."), 200, "/f/{rest...} rest=x//y/.." },
		{ GET("/u/%zz"), 400, NULL },
	};
	const struct ouro_options options = { .paths = OURO_PATHS_EXACT };

	ASK_ALL(&options, set_up_paths, questions);
}

/* ---- Limits of one route ---- */

static void set_up_limits(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_route(server, "POST", "/small", whole_length,
				       &(struct ouro_route_options){ .body_bytes_max = 4 }),
		     0);
	cr_assert_eq(ouro_server_route(server, "POST", "/large", whole_length,
				       &(struct ouro_route_options){ .body_bytes_max = 12 }),
		     0);
	cr_assert_eq(ouro_server_route(server, "POST", "/usual", whole_length, NULL), 0);
	cr_assert_eq(ouro_server_route(server, "POST", "/quick", whole_length,
				       &(struct ouro_route_options){ .body_timeout_ms = 300 }),
		     0);
	cr_assert_eq(ouro_server_route(server, "POST", "/slow", whole_length,
				       &(struct ouro_route_options){ .body_timeout_ms = 3000 }),
		     0);
}

#define COUNTED(path, length, body) ASK("POST", path, "Content-Length: " length "\r\n") body
#define CHUNKED(path, chunks) ASK("POST", path, "Transfer-Encoding: chunked\r\n") chunks

Test(routing, a_route_has_its_own_body_limit_smaller_or_larger)
{
	static const struct question questions[] = {
		{ COUNTED("/small", "4", "1234"), 200, "4" },
		{ COUNTED("/small", "5", "12345"), 413, NULL },
		{ CHUNKED("/small", "4\r\n1234\r\n0\r\n\r\n"), 200, "4" },
		{ CHUNKED("/small", "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"), 413, NULL },
		{ COUNTED("/large", "12", "123456789012"), 200, "12" },
		{ COUNTED("/large", "13", "1234567890123"), 413, NULL },
		{ CHUNKED("/large", "c\r\n123456789012\r\n0\r\n\r\n"), 200, "12" },
		{ CHUNKED("/large", "d\r\n1234567890123\r\n0\r\n\r\n"), 413, NULL },
		{ COUNTED("/usual", "8", "12345678"), 200, "8" },
		{ COUNTED("/usual", "9", "123456789"), 413, NULL },
		{ CHUNKED("/usual", "9\r\n123456789\r\n0\r\n\r\n"), 413, NULL },
		{ COUNTED("/none", "9", "123456789"), 413, NULL },
	};
	const struct ouro_options options = { .body_bytes_max = 8 };

	ASK_ALL(&options, set_up_limits, questions);
}

Test(routing, a_route_has_its_own_time_for_bodies)
{
	const struct ouro_options options = { .body_timeout_ms = 1000 };
	struct site site;
	struct sim_peer *quick, *usual, *slow;

	site_open_with(&site, &options, NULL, set_up_limits);
	quick = site_connect(&site);
	usual = site_connect(&site);
	slow = site_connect(&site);
	site_ask(&site, quick, COUNTED("/quick", "5", "1"));
	site_ask(&site, usual, COUNTED("/usual", "5", "1"));
	site_ask(&site, slow, COUNTED("/slow", "5", "1"));
	sim_advance(site.loop, 600);
	cr_assert(holds(sim_peer_received(quick), "HTTP/1.1 408"));
	cr_assert_eq(sim_peer_received(usual).len, 0);
	sim_advance(site.loop, 800);
	cr_assert(holds(sim_peer_received(usual), "HTTP/1.1 408"));
	cr_assert_eq(sim_peer_received(slow).len, 0);
	sim_advance(site.loop, 2000);
	cr_assert(holds(sim_peer_received(slow), "HTTP/1.1 408"));
	site_close(&site);
}

/* ---- Requests that no route fits ---- */

static void set_up_server_middleware(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_use(server, mark), 0);
	set_up_paths(server);
}

Test(routing, middleware_of_the_server_runs_for_requests_that_no_route_fits)
{
	static const char *const requests[] = {
		GET("/none"),
		ASK("DELETE", "/a", ""),
		ASK("OPTIONS", "/a", ""),
		GET("/u/%zz"),
		GET("/a/"),
		GET("/a"),
	};
	const struct ouro_options options = { .paths = OURO_PATHS_REDIRECT };
	struct site site;

	site_open_with(&site, &options, NULL, set_up_server_middleware);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct answer answer = site_answer(&site, requests[i]);

		cr_assert(is(answer_field(&answer, "x-marked"), "yes"), "%s", requests[i]);
	}
	site_close(&site);
}

static void set_up_tail(struct ouro_server *server)
{
	add(server, "GET", "/{rest...}", tell);
}

Test(routing, a_redirect_never_leads_to_another_host)
{
	static const char *const requests[] = {
		GET("//evil.example//x"),   GET("/\\evil.example//x"),  GET("/.//\\evil.example"),
		GET("/%5cevil.example//x"), GET("/x/..//evil.example"), GET("///evil.example"),
		GET("/\tevil.example//"),
	};
	const struct ouro_options options = { .paths = OURO_PATHS_REDIRECT };
	struct site site;

	site_open_with(&site, &options, NULL, set_up_tail);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct answer answer = site_answer(&site, requests[i]);
		struct ouro_str location = answer_field(&answer, "location");

		if (answer.status == 400)
			continue;
		cr_assert_eq(answer.status, 308, "%s", requests[i]);
		cr_assert_gt(location.len, 1);
		cr_assert_eq(location.ptr[0], '/');
		/* Browsers take a backslash for a slash. */
		cr_assert_null(memchr("/\\", location.ptr[1], 2), "%.*s", (int)location.len,
			       location.ptr);
	}
	site_close(&site);
}

/* ---- Groups and names at their edges ---- */

Test(routing, prefix_and_pattern_together_are_checked_at_the_start)
{
	char prefix[3001], pattern[3001];
	struct ouro_group *group;
	struct draft draft;

	memset(prefix, 'a', sizeof(prefix) - 1);
	memset(pattern, 'b', sizeof(pattern) - 1);
	prefix[0] = pattern[0] = '/';
	prefix[3000] = pattern[3000] = '\0';
	draft_open(&draft);
	cr_assert_eq(ouro_server_group(draft.server, prefix, NULL, &group), 0);
	cr_assert_eq(ouro_group_route(group, "GET", pattern, one, NULL), 0);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(draft.logged, "test_routing.c:"), "%.200s", draft.logged);
	draft_close(&draft);
}

Test(routing, a_parameter_of_a_prefix_cannot_be_one_of_its_routes)
{
	struct ouro_group *group;
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_group(draft.server, "/{id}", NULL, &group), 0);
	cr_assert_eq(ouro_group_route(group, "GET", "/{id}", one, NULL), 0);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(draft.logged, "test_routing.c:"), "%s", draft.logged);
	draft_close(&draft);
}

Test(routing, too_much_middleware_of_all_groups_names_the_route)
{
	struct ouro_group *group;
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_group(draft.server, "/g", NULL, &group), 0);
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(ouro_server_use(draft.server, mark), 0);
		cr_assert_eq(ouro_group_use(group, mark), 0);
	}
	cr_assert_eq(ouro_group_route(group, "GET", "/a", one, NULL), 0);
	cr_assert_eq(ouro_server_routes(draft.server, NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(draft.logged, "test_routing.c:"), "%s", draft.logged);
	draft_close(&draft);
}

Test(routing, a_server_that_could_not_start_can_be_asked_again)
{
	struct draft draft;

	draft_open(&draft);
	add(draft.server, "GET", "/a", one);
	add(draft.server, "GET", "/a", two);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(ouro_server_start(draft.server), -EEXIST);
	draft_close(&draft);
}

static void set_up_name_of_two_methods(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_route(server, "GET, POST", "/p/{id}", one,
				       &(struct ouro_route_options){ .name = "p" }),
		     0);
}

Test(routing, a_route_of_several_methods_has_its_name_once)
{
	const struct ouro_url_value value = { "id", OURO_STR("7") };
	struct draft draft;
	char out[8];

	draft_open(&draft);
	set_up_name_of_two_methods(draft.server);
	cr_assert_eq(ouro_server_url(draft.server, "p", &value, 1, out, sizeof(out)), 4);
	cr_assert_str_eq(out, "/p/7");
	draft_close(&draft);
}
