/* Routes while they are collected: see router/router.h. */
#include "router/router.h"

#include "base/str.h"
#include "router/match.h"
#include "router/table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct ouro_router {
	struct ouro_route_draft **routes; /* until it is compiled */
	size_t count;
	size_t capacity;
	struct ouro_table *table; /* from then on */
};

struct ouro_router *ouro_router_create(void)
{
	return calloc(1, sizeof(struct ouro_router));
}

static void free_routes(struct ouro_router *router)
{
	for (size_t i = 0; i < router->count; i++)
		free(router->routes[i]);
	free(router->routes);
	router->routes = NULL;
	router->count = router->capacity = 0;
}

void ouro_router_destroy(struct ouro_router *router)
{
	if (!router)
		return;
	free_routes(router);
	free(router->table);
	free(router);
}

/* Says on behalf of whom and what is wrong; returns @err. */
static int refuse(int err, struct ouro_str method, struct ouro_str pattern, const char *wrong,
		  char *message, size_t message_bytes)
{
	if (message && message_bytes > 0)
		snprintf(message, message_bytes, "route %.*s %.*s: %s", (int)method.len, method.ptr,
			 (int)pattern.len, pattern.ptr, wrong);
	return err;
}

static bool has_route(const struct ouro_router *router, const struct ouro_route_draft *route)
{
	for (size_t i = 0; i < router->count; i++)
		if (router->routes[i]->method == route->method &&
		    ouro_pattern_compare(&router->routes[i]->pattern, &route->pattern) == 0)
			return true;
	return false;
}

static int reserve(struct ouro_router *router)
{
	size_t capacity = router->capacity ? router->capacity * 2 : 16;
	struct ouro_route_draft **routes;

	if (router->count < router->capacity)
		return 0;
	routes = realloc(router->routes, capacity * sizeof(struct ouro_route_draft *));
	if (!routes)
		return -ENOMEM;
	router->routes = routes;
	router->capacity = capacity;
	return 0;
}

/* A route with a copy of the pattern behind it in the same memory. */
static struct ouro_route_draft *create_route(enum ouro_method method, struct ouro_str pattern,
					     void *handler)
{
	struct ouro_route_draft *route = malloc(sizeof(*route) + pattern.len);

	if (!route)
		return NULL;
	memcpy(route + 1, pattern.ptr, pattern.len);
	route->method = method;
	route->handler = handler;
	return route;
}

int ouro_router_add(struct ouro_router *router, struct ouro_str method, struct ouro_str pattern,
		    void *handler, char *message, size_t message_bytes)
{
	enum ouro_method id = ouro_method_lookup(method);
	struct ouro_route_draft *route;
	const char *wrong;
	int err;

	if (router->table)
		return refuse(-EINVAL, method, pattern, "the router is compiled", message,
			      message_bytes);
	if (id == OURO_METHOD_COUNT)
		return refuse(-EINVAL, method, pattern, "no known method", message, message_bytes);
	if (pattern.len > OURO_ROUTER_PATTERN_BYTES_MAX)
		return refuse(-EINVAL, method, ouro_str(pattern.ptr, 32), "too long", message,
			      message_bytes);
	route = reserve(router) ? NULL : create_route(id, pattern, handler);
	if (!route)
		return refuse(-ENOMEM, method, pattern, "out of memory", message, message_bytes);
	wrong = ouro_pattern_parse(&route->pattern, ouro_str((char *)(route + 1), pattern.len));
	err = -EINVAL;
	if (!wrong && has_route(router, route)) {
		wrong = "a route with this method fits the same paths";
		err = -EEXIST;
	}
	if (wrong) {
		free(route);
		return refuse(err, method, pattern, wrong, message, message_bytes);
	}
	route->index = (uint32_t)router->count;
	router->routes[router->count++] = route;
	return 0;
}

int ouro_router_compile(struct ouro_router *router)
{
	int err;

	if (router->table)
		return -EINVAL;
	err = ouro_table_create(router->routes, router->count, &router->table);
	if (!err)
		free_routes(router);
	return err;
}

enum ouro_match_result ouro_router_match(const struct ouro_router *router, enum ouro_method method,
					 struct ouro_str path, struct ouro_match *out)
{
	assert(router->table);
	return ouro_table_match(router->table, method, path, out);
}

struct ouro_str ouro_match_param(const struct ouro_match *match, struct ouro_str name)
{
	for (uint32_t i = 0; i < match->param_count; i++)
		if (ouro_str_eq(match->names[i], name))
			return match->values[i];
	return ouro_str(NULL, 0);
}
