/* Routers made in one line: see table_text.h. */
#include "table_text.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct ouro_str cut(const char **at, char until)
{
	const char *start = *at, *end = strchr(start, until);

	cr_assert(end, "%s", start);
	*at = end;
	return ouro_str(start, (size_t)(end - start));
}

int add_route(struct ouro_router *router, const char *route, char *message, size_t message_bytes)
{
	struct ouro_route_spec spec = { .handler = (void *)(uintptr_t)route };
	const char *at = route;

	if (strncmp(at, "guarded ", 8) == 0) {
		spec.guarded = true;
		at += 8;
	}
	spec.method = cut(&at, ' ');
	if (ouro_str_eq(spec.method, OURO_STR("ANY")))
		spec.method = OURO_STR("");
	at++;
	if (strchr(at, '/')) {
		spec.host = cut(&at, '/');
		spec.pattern = ouro_str_c(at);
	} else {
		spec.pattern = ouro_str_c(at);
	}
	return ouro_router_add(router, &spec, message, message_bytes);
}

struct ouro_router *router_of(const char *const *routes, size_t count)
{
	struct ouro_router *router = ouro_router_create();
	char message[512] = "";

	cr_assert(router);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(add_route(router, routes[i], message, sizeof(message)), 0, "%s",
			     message);
	cr_assert_eq(ouro_router_compile(router, message, sizeof(message)), 0, "%s", message);
	return router;
}

static bool accepts(void *arg, void *handler)
{
	cr_assert(strncmp(handler, "guarded ", 8) == 0);
	return !arg || strstr(handler, arg);
}

const char *answer(const struct ouro_router *router, const char *request, const char *accepted)
{
	static char text[2048];
	struct ouro_match_query query = { .guard = accepts,
					  .guard_arg = (void *)(uintptr_t)accepted };
	struct ouro_match out;
	enum ouro_match_result result;
	const char *at = request;
	size_t len;

	query.method = ouro_method_lookup(cut(&at, ' '));
	at++;
	if (strchr(at, '/'))
		query.host = cut(&at, '/');
	query.path = ouro_str_c(at);
	if (ouro_router_needs_scratch(router))
		query.scratch = ouro_router_scratch_create(router);
	result = ouro_router_match(router, &query, &out);
	ouro_router_scratch_destroy(query.scratch);
	switch (result) {
	case OURO_MATCH_NOT_FOUND:
		return "404";
	case OURO_MATCH_METHOD_NOT_ALLOWED:
		len = 4 + ouro_methods_print(out.allowed, strcpy(text, "405 ") + 4);
		text[len] = '\0';
		return text;
	case OURO_MATCH_FOUND:
		break;
	}
	len = (size_t)snprintf(text, sizeof(text), "%s", (const char *)out.handler);
	for (uint32_t i = 0; i < out.param_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %.*s=%.*s",
					(int)out.names[i].len, out.names[i].ptr,
					(int)out.values[i].len, out.values[i].ptr);
	return text;
}
