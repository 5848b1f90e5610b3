/* Routes: a method and a path pattern each, compiled into one immutable table.
 *
 * A pattern begins with a slash and is made of segments. A segment is static, or one parameter,
 * `{name}`, that stands for one whole segment of at least one byte. Of the routes that fit both
 * the method and the path, the most specific wins: segment by segment from the left, a static one
 * before a parameter. A trailing slash counts: /a and /a/ are two paths.
 *
 * Paths are compared as the client sent them, byte by byte, before percent-decoding: %2F stays
 * within its segment and never separates two, and /%61 is not /a. Parameters are given undecoded
 * for the same reason; who reads one decodes it. */
#ifndef OURO_ROUTER_ROUTER_H
#define OURO_ROUTER_ROUTER_H

#include "ouro/base.h"
#include "router/method.h"

#include <stddef.h>
#include <stdint.h>

/* Parameters of one route. */
#define OURO_ROUTER_PARAMS_MAX 16

/* Segments of one pattern. */
#define OURO_ROUTER_SEGMENTS_MAX 64

/* Bytes of one pattern. */
#define OURO_ROUTER_PATTERN_BYTES_MAX 4096

struct ouro_router;

enum ouro_match_result {
	OURO_MATCH_FOUND,
	OURO_MATCH_NOT_FOUND,          /* no route has this path: 404 */
	OURO_MATCH_METHOD_NOT_ALLOWED, /* some do, for other methods: 405 with @allow */
};

/* Views of names, @pattern and @allow live as long as the router; values point into the path. */
struct ouro_match {
	void *handler;           /* FOUND: as given to ouro_router_add() */
	struct ouro_str pattern; /* FOUND: of the route, as given */
	struct ouro_str allow;   /* METHOD_NOT_ALLOWED: "GET, HEAD, POST", for the Allow field */
	uint32_t route_index;    /* FOUND: routes are counted in the order they were added */
	uint32_t param_count;
	const struct ouro_str *names; /* @param_count names, in the order of the pattern */
	struct ouro_str values[OURO_ROUTER_PARAMS_MAX]; /* as sent, not decoded, never empty */
};

/* NULL when out of memory. */
struct ouro_router *ouro_router_create(void);

void ouro_router_destroy(struct ouro_router *router);

/* Adds a route; method and pattern are copied, @handler is handed back by a match. A route for
 * GET answers HEAD too, unless HEAD has one of its own that is as specific. Returns 0; -EINVAL
 * where the method or the pattern is malformed or over a bound above, or the router is compiled;
 * -EEXIST where a route with this method fits the same paths; -ENOMEM. On an error, @message (may
 * be NULL) of @message_bytes says what is wrong, as a C string. */
int ouro_router_add(struct ouro_router *router, struct ouro_str method, struct ouro_str pattern,
		    void *handler, char *message, size_t message_bytes);

/* Builds the table; afterwards no route can be added, and any thread may match. Returns 0,
 * -EINVAL where it is compiled already, -E2BIG where the table would be larger than its 32-bit
 * offsets can say or its patterns overlap in a million ways, or -ENOMEM. */
int ouro_router_compile(struct ouro_router *router);

/* Looks up @path, as it was sent and without the query; OURO_METHOD_COUNT as @method fits no
 * route. @router is compiled. Sets what struct ouro_match says for the result; the rest of @out,
 * and values beyond the last, mean nothing. Allocates nothing. */
enum ouro_match_result ouro_router_match(const struct ouro_router *router, enum ouro_method method,
					 struct ouro_str path, struct ouro_match *out);

/* The value of the parameter called @name in a FOUND match, or {NULL, 0}. */
struct ouro_str ouro_match_param(const struct ouro_match *match, struct ouro_str name);

#endif
