/* Routes: a method, a host and a path pattern each, compiled into one immutable table.
 *
 * A pattern begins with a slash and is made of segments, each one of
 *
 *     users           static: these bytes
 *     {id}            a parameter: any one segment of at least one byte
 *     {id:u64}        the same of one type: u64 and i64 are decimal numbers that fit 64 bits with
 *                     and without a sign, uuid is as in RFC 9562 in either case
 *     {id:[0-9]+}     the same that a regular expression of PCRE2 matches as a whole
 *     {path...}       last only: the rest, slashes included, and perhaps empty: /files/{path...}
 *                     fits /files/ but not /files
 *
 * No other character means anything. A trailing slash counts: /a and /a/ are two paths.
 *
 * Of the routes that fit method, host, path and guard, the most specific wins: by host first, where
 * an exact one goes before a parameter, then wildcards from the longest on, then none; then segment
 * by segment from the left, where static goes before u64, i64, uuid, expressions in the order they
 * were added, parameter, tail; then by method, where a route for it goes before one for any. What
 * looked right for some segments is given up where it does not go on.
 *
 * That is a walk in a tree of segments. A path gives each node of the tree one set of values at
 * most, because there is one way to a node and it fixes where each segment begins. So a lookup
 * visits no node twice, whatever the path: in the worst case all nodes once for each host that
 * fits, which is linear in what was added. Expressions have limits of their own: router/regex.h.
 *
 * Paths are compared byte by byte. Patterns are brought to the form of ouro_path_canonical(), but
 * for their dots and slashes; a path in that form fits where any of its spellings should. %2F stays
 * within its segment. Values are given as they stand in the path; who reads one decodes it. */
#ifndef OURO_ROUTER_ROUTER_H
#define OURO_ROUTER_ROUTER_H

#include "ouro/base.h"
#include "router/method.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Parameters of one route, with that of its host. */
#define OURO_ROUTER_PARAMS_MAX 16

/* Segments of one pattern. */
#define OURO_ROUTER_SEGMENTS_MAX 64

/* Bytes of one pattern. */
#define OURO_ROUTER_PATTERN_BYTES_MAX 4096

struct ouro_router;

/* What one thread needs to match regular expressions. */
struct ouro_router_scratch;

/* One route to add. All strings are copied. */
struct ouro_route_spec {
	struct ouro_str method; /* a name that ouro_method_lookup() knows; empty: any method */
	/* "example.com", "{tenant}.example.com" (one label, a parameter) or "*.example.com" (one or
	 * more labels), without port; empty: any host. Case makes no difference, nor does a dot at
	 * the end. */
	struct ouro_str host;
	struct ouro_str pattern;
	struct ouro_str name;  /* for ouro_router_url(); empty: none */
	struct ouro_str place; /* where the route is from, "file.c:12", for messages; or empty */
	/* The match may refuse it for one request, which then goes on as if there were no such
	 * route. Several guarded routes may have the same method, host and pattern; they are asked
	 * in the order added, and one without a guard comes after them. */
	bool guarded;
	void *handler; /* handed back by a match */
};

/* Whether the guarded route of @handler takes the request. It may be asked more than once. */
typedef bool (*ouro_router_guard_fn)(void *arg, void *handler);

struct ouro_match_query {
	enum ouro_method method; /* OURO_METHOD_COUNT: none that is known; routes for any fit */
	struct ouro_str host;    /* as in the Host field; looked at where some route has a host */
	struct ouro_str path;    /* canonical or as sent, without the query */
	ouro_router_guard_fn guard; /* called for guarded routes only; NULL: all accept */
	void *guard_arg;
	struct ouro_router_scratch *scratch; /* NULL will do unless ouro_router_needs_scratch() */
};

enum ouro_match_result {
	OURO_MATCH_FOUND,
	OURO_MATCH_NOT_FOUND,          /* no route has this path: 404 */
	OURO_MATCH_METHOD_NOT_ALLOWED, /* some do, for other methods: 405 with @allowed */
};

/* Names and @pattern live as long as the router; values point into path and host of the query.
 * What does not belong to the result means nothing: no match writes more than it must. */
struct ouro_match {
	void *handler;           /* FOUND: as given to ouro_router_add() */
	struct ouro_str pattern; /* FOUND: of the route, as given */
	uint64_t allowed;        /* METHOD_NOT_ALLOWED: a mask of methods, with HEAD for GET */
	uint32_t route_index;    /* FOUND: routes are counted in the order they were added */
	uint32_t param_count;
	const struct ouro_str *names; /* @param_count names: the host's, then as in the pattern */
	struct ouro_str values[OURO_ROUTER_PARAMS_MAX]; /* as sent; only a tail may be empty */
};

/* NULL when out of memory. */
struct ouro_router *ouro_router_create(void);

void ouro_router_destroy(struct ouro_router *router);

/* Adds a route. A route for GET answers HEAD too, unless HEAD has one of its own that is as
 * specific. Returns 0; -EINVAL where a part of it is malformed or over a bound above, or the router
 * is compiled; -EEXIST where an unguarded route with this method or lack of one fits the same hosts
 * and paths, or its name is that of another pattern; -ENOMEM. On an error nothing is added and
 * @message (may be NULL) of @message_bytes says what is wrong, as a C string. */
int ouro_router_add(struct ouro_router *router, const struct ouro_route_spec *spec, char *message,
		    size_t message_bytes);

/* Builds the table; afterwards no route can be added, and any thread may match. Returns 0, -EINVAL
 * where it is compiled already, -E2BIG where the table would be larger than its 32-bit offsets can
 * say, or -ENOMEM, with @message as above. */
int ouro_router_compile(struct ouro_router *router, char *message, size_t message_bytes);

/* Looks up @query. @router is compiled. Allocates nothing. */
enum ouro_match_result ouro_router_match(const struct ouro_router *router,
					 const struct ouro_match_query *query,
					 struct ouro_match *out);

/* The value of the parameter called @name in a FOUND match, or {NULL, 0}. */
struct ouro_str ouro_match_param(const struct ouro_match *match, struct ouro_str name);

/* Whether some route of the compiled @router has a regular expression. */
bool ouro_router_needs_scratch(const struct ouro_router *router);

/* For one thread at a time. NULL when out of memory. It may outlive @router. */
struct ouro_router_scratch *ouro_router_scratch_create(const struct ouro_router *router);

void ouro_router_scratch_destroy(struct ouro_router_scratch *scratch);

/* Memory of the compiled table, with its expressions. */
size_t ouro_router_table_bytes(const struct ouro_router *router);

struct ouro_url_param {
	struct ouro_str name;
	struct ouro_str value; /* not encoded */
};

/* Writes the path of the route called @name at @out, which has @room, without a terminator. Values
 * are percent-encoded for a segment; a tail keeps its slashes. @router is compiled. Returns the
 * bytes; -ENOENT where there is no such name; -EINVAL where a parameter of the path is missing or
 * another is given, or where the path would not come back to the route with this value: it is empty
 * (but for a tail), has a segment "." or "..", or the type or the expression does not fit what it
 * is once encoded; -ENOBUFS; -ENOMEM. */
ssize_t ouro_router_url(const struct ouro_router *router, struct ouro_str name,
			const struct ouro_url_param *params, size_t count, char *out, size_t room);

#endif
