/* The router as others see it: see router/router.h. */
#include "router/router.h"

#include "base/str.h"
#include "router/draft.h"
#include "router/match.h"
#include "router/table.h"
#include "router/url.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_BYTES = 256 };

struct ouro_router {
	struct ouro_draft draft;  /* until it is compiled */
	struct ouro_table *table; /* from then on */
};

struct ouro_router *ouro_router_create(void)
{
	return calloc(1, sizeof(struct ouro_router));
}

void ouro_router_destroy(struct ouro_router *router)
{
	if (!router)
		return;
	ouro_draft_fini(&router->draft);
	ouro_table_destroy(router->table);
	free(router);
}

static int clip(struct ouro_str text)
{
	return text.len < 200 ? (int)text.len : 200;
}

/* Says which route it is: "GET example.com/a/{x} (file.c:12)". */
static void print_route(char *out, size_t room, struct ouro_str method, struct ouro_str host,
			struct ouro_str pattern, struct ouro_str place)
{
	bool has_place = place.len > 0;

	if (method.len == 0)
		method = OURO_STR("ANY");
	snprintf(out, room, "%.*s %.*s%.*s%s%.*s%s", clip(method), method.ptr, clip(host), host.ptr,
		 clip(pattern), pattern.ptr, has_place ? " (" : "", clip(place), place.ptr,
		 has_place ? ")" : "");
}

/* Says on behalf of whom, and what is wrong; returns @err. */
static int refuse(int err, const struct ouro_route_spec *spec, const char *wrong, char *message,
		  size_t message_bytes)
{
	char route[2 * MESSAGE_BYTES];

	print_route(route, sizeof(route), spec->method, spec->host, spec->pattern, spec->place);
	if (message && message_bytes > 0)
		snprintf(message, message_bytes, "route %s: %s", route, wrong);
	return err;
}

/* The same where another route is in the way; @what says how. */
static int refuse_for(const struct ouro_draft_route *other, const struct ouro_route_spec *spec,
		      const char *what, char *message, size_t message_bytes)
{
	char route[2 * MESSAGE_BYTES], another[2 * MESSAGE_BYTES];

	print_route(route, sizeof(route), spec->method, spec->host, spec->pattern, spec->place);
	print_route(another, sizeof(another), ouro_method_name(other->method), other->host_text,
		    other->text, other->place);
	if (message && message_bytes > 0)
		snprintf(message, message_bytes, "route %s %s %s", route, what, another);
	return -EEXIST;
}

int ouro_router_add(struct ouro_router *router, const struct ouro_route_spec *spec, char *message,
		    size_t message_bytes)
{
	char wrong[MESSAGE_BYTES] = "out of memory";
	const struct ouro_draft_route *other;
	struct ouro_draft_route *route;
	int err;

	if (router->table)
		return refuse(-EINVAL, spec, "the router is compiled", message, message_bytes);
	err = ouro_draft_route_create(spec, &route, wrong, sizeof(wrong));
	if (err)
		return refuse(err, spec, wrong, message, message_bytes);
	other = ouro_draft_find_double(&router->draft, route);
	if (other) {
		free(route);
		return refuse_for(other, spec, "fits the same paths as", message, message_bytes);
	}
	other = ouro_draft_find_name(&router->draft, route);
	if (other) {
		free(route);
		return refuse_for(other, spec, "has the name of", message, message_bytes);
	}
	err = ouro_draft_add(&router->draft, route, wrong, sizeof(wrong));
	return err ? refuse(err, spec, wrong, message, message_bytes) : 0;
}

int ouro_router_compile(struct ouro_router *router, char *message, size_t message_bytes)
{
	const char *wrong = "out of memory";
	int err = -EINVAL;

	if (!router->table)
		err = ouro_table_create(&router->draft, &router->table);
	if (err == -EINVAL)
		wrong = "the routes are compiled already";
	else if (err == -E2BIG)
		wrong = "more routes than a table can hold";
	if (!err)
		ouro_draft_fini(&router->draft);
	else if (message && message_bytes > 0)
		snprintf(message, message_bytes, "%s", wrong);
	return err;
}

enum ouro_match_result ouro_router_match(const struct ouro_router *router,
					 const struct ouro_match_query *query,
					 struct ouro_match *out)
{
	assert(router->table);
	return ouro_table_match(router->table, query, out);
}

struct ouro_str ouro_match_param(const struct ouro_match *match, struct ouro_str name)
{
	for (uint32_t i = 0; i < match->param_count; i++)
		if (ouro_str_eq(match->names[i], name))
			return match->values[i];
	return ouro_str(NULL, 0);
}

bool ouro_router_needs_scratch(const struct ouro_router *router)
{
	assert(router->table);
	return router->table->regex_count > 0;
}

struct ouro_router_scratch *ouro_router_scratch_create(const struct ouro_router *router)
{
	(void)router;
	return ouro_regex_scratch_create();
}

size_t ouro_router_table_bytes(const struct ouro_router *router)
{
	size_t bytes;

	assert(router->table);
	bytes = router->table->bytes;
	for (uint32_t i = 0; i < router->table->regex_count; i++)
		bytes += ouro_regex_bytes(router->table->regexes[i]);
	return bytes;
}

ssize_t ouro_router_url(const struct ouro_router *router, struct ouro_str name,
			const struct ouro_url_param *params, size_t count, char *out, size_t room)
{
	assert(router->table);
	return ouro_table_url(router->table, name, params, count, out, room);
}
