/* Routes in groups, with middleware for each: who may come in is decided once, outside, and what was
 * found out about them is handed to the handlers. Also guards, names for routes, and a group that is
 * mounted twice.
 *
 *	cc groups.c $(pkg-config --cflags --libs ouro) -o groups && ./groups
 *	curl -i http://127.0.0.1:8080/api/v1/me                                     # 401
 *	curl -H 'Authorization: Bearer ada-token' http://127.0.0.1:8080/api/v1/me
 *
 * It prints its routes, then listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct user {
	const char *token, *name;
	bool is_admin;
};

static struct user users[] = {
	{ "Bearer ada-token", "ada", true },
	{ "Bearer bob-token", "bob", false },
};

/* ---- Middleware ---- */

static bool is_text(struct ouro_str str, const char *text)
{
	return str.len == strlen(text) && memcmp(str.ptr, text, str.len) == 0;
}

/* Without ouro_next() the chain ends here. */
static void authenticate(struct ouro_ctx *ctx)
{
	struct ouro_str sent = ouro_header(ctx, "authorization");

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (sent.len > 0 && is_text(sent, users[i].token)) {
			ouro_set_attribute(ctx, "user", &users[i]);
			ouro_next(ctx);
			return;
		}
	ouro_set_header(ctx, "www-authenticate", OURO_STR("Bearer"));
	ouro_error(ctx, 401, "who are you?");
}

/* Stands within authenticate(), so there is a user. */
static void admins_only(struct ouro_ctx *ctx)
{
	const struct user *user = ouro_attribute(ctx, "user");

	if (user->is_admin)
		ouro_next(ctx);
	else
		ouro_error(ctx, 403, "for administrators");
}

/* ---- Handlers ---- */

static void me(struct ouro_ctx *ctx)
{
	const struct user *user = ouro_attribute(ctx, "user");

	ouro_text(ctx, 200, (struct ouro_str){ user->name, strlen(user->name) });
}

static void note(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

/* Where the note is, the route knows by its name: prefixes may change, this line does not. */
static void add_note(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "location", ouro_url(ctx, "note", "id", "17", NULL));
	ouro_text(ctx, 201, OURO_STR("written\n"));
}

static void users_count(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("2\n"));
}

static void report(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("the report\n"));
}

static void new_report(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("the new report\n"));
}

static void brief_report(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("brief\n"));
}

/* A guard of one's own. */
static bool wants_brief(struct ouro_ctx *ctx)
{
	return is_text(ouro_query(ctx, "form"), "brief");
}

static void live(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("alive\n"));
}

/* ---- Putting it together ---- */

static int add_api(struct ouro_server *server)
{
	struct ouro_route_options named = { .name = "note" };
	struct ouro_route_options small = { .body_bytes_max = 4096 };
	struct ouro_group *api, *admin;
	int err = ouro_server_group(server, "/api/v1", NULL, &api);

	if (err)
		return err;
	err = ouro_group_group(api, "/admin", NULL, &admin);
	if (err)
		return err;
	if ((err = ouro_group_use(api, authenticate)) ||
	    (err = ouro_group_route(api, "GET", "/me", me, NULL)) ||
	    (err = ouro_group_route(api, "POST", "/notes", add_note, &small)) ||
	    (err = ouro_group_route(api, "GET", "/notes/{id:u64}", note, &named)))
		return err;
	/* Of the inner group the middleware runs within that of the outer one. */
	if ((err = ouro_group_use(admin, admins_only)))
		return err;
	return ouro_group_route(admin, "GET", "/users", users_count, NULL);
}

/* Of one method and path: those with guards are asked first, in this order. */
static int add_reports(struct ouro_server *server)
{
	struct ouro_route_options beta = { .header = "x-beta" };
	struct ouro_route_options brief = { .guard = wants_brief };
	int err;

	if ((err = ouro_server_route(server, "GET", "/report", new_report, &beta)) ||
	    (err = ouro_server_route(server, "GET", "/report", brief_report, &brief)))
		return err;
	return ouro_server_route(server, "GET", "/report", report, NULL);
}

/* A group of nobody's, as a library might bring one, in two places. */
static int mount_health(struct ouro_server *server)
{
	struct ouro_group *health;
	int err = ouro_group_create(&health);

	if (err)
		return err;
	err = ouro_group_route(health, "GET", "/live", live, NULL);
	if (!err)
		err = ouro_server_mount(server, "/health", health);
	if (!err)
		err = ouro_server_mount(server, "/internal/health", health);
	ouro_group_destroy(health);
	return err;
}

static int print_routes(struct ouro_server *server)
{
	struct ouro_route_info routes[32];
	ssize_t count = ouro_server_routes(server, routes, sizeof(routes) / sizeof(routes[0]));

	for (ssize_t i = 0; i < count; i++)
		printf("%-6s %-24s %s%s\n", routes[i].method, routes[i].pattern, routes[i].place,
		       routes[i].guarded ? " (guarded)" : "");
	fflush(stdout);
	return count < 0 ? (int)count : 0;
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	if (!(err = add_api(server)) && !(err = add_reports(server)) &&
	    !(err = mount_health(server)) && !(err = print_routes(server)))
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
