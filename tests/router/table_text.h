/* Routers made in one line, and what they answer as one text to compare. */
#ifndef OURO_TESTS_ROUTER_TABLE_TEXT_H
#define OURO_TESTS_ROUTER_TABLE_TEXT_H

#include "router/router.h"

/* Routes are strings, "METHOD [HOST]PATTERN", where METHOD may be "ANY"; with "guarded " before
 * them they are. Ends the test where one is refused. */
struct ouro_router *router_of(const char *const *routes, size_t count);

#define ROUTER(...)                                                                                \
	router_of((const char *const[]){ __VA_ARGS__ },                                            \
		  sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* Adds one more, before it is compiled. Returns what ouro_router_add() does. */
int add_route(struct ouro_router *router, const char *route, char *message, size_t message_bytes);

/* What comes of a request for "METHOD [HOST]PATH": the route as given with " NAME=VALUE" for each
 * parameter, or "404", or "405 GET, HEAD". Guarded routes accept if their text has @accepted in it;
 * NULL: all do. */
const char *answer(const struct ouro_router *router, const char *request, const char *accepted);

#define EXPECT(router, request, expected)                                                          \
	cr_expect_str_eq(answer(router, request, NULL), expected, "%s gives %s, not %s", request,  \
			 answer(router, request, NULL), expected)

#endif
