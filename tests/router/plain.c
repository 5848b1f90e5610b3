/* A matcher so plain that it is right: see plain.h. */
#include "plain.h"

#include "base/str.h"
#include "router/router.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUTES_MAX = 30, SEGMENTS_MAX = 5, REQUESTS = 60 };

/* In the order in which they win. */
enum kind { STATIC, U64, I64, UUID, REGEX, PARAM, TAIL };
enum host_kind { EXACT, LABEL, WILDCARD, ANY };

static const char *const words[] = { "a",
				     "b",
				     "ab",
				     "",
				     "12",
				     "-12",
				     "ba",
				     "a%2F",
				     "abcdefgh",
				     "longer-than-eight",
				     "6f75726f-726f-7574-6572-000000000001",
				     "much-longer-than-sixteen-bytes",
				     "much-longer-thanksixteen-bytes" };
static const char *const expressions[] = { "[0-9]{1,2}", "a.*", "[ab]+" };
static const char *const domains[] = { "x.org", "y.x.org", "org" };
static const char *const hosts[] = { "x.org",       "y.x.org", "z.y.x.org", "ORG:80",   "a.X.org.",
				     "q.z.y.x.org", "",        ".org",      "localhost" };
static const enum ouro_method methods[] = { OURO_METHOD_GET, OURO_METHOD_HEAD, OURO_METHOD_POST,
					    OURO_METHOD_DELETE, OURO_METHOD_COUNT };

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))
#define PICK(source, array) ((array)[plain_pick(source, COUNT(array))])

struct segment {
	enum kind kind;
	const char *text; /* of static ones and expressions */
};

struct route {
	enum ouro_method method; /* OURO_METHOD_COUNT: any */
	bool guarded;
	bool accepts; /* the request at hand */
	enum host_kind host_kind;
	const char *domain;
	unsigned count;
	struct segment segments[SEGMENTS_MAX];
	char host[32], pattern[512];
};

struct table {
	struct route routes[ROUTES_MAX];
	unsigned count;
	struct ouro_router *router;
	struct ouro_router_scratch *scratch;
};

struct request {
	enum ouro_method method;
	const char *host;
	char plain_host[32]; /* lower case, without port and last dot */
	unsigned count;
	const char *segments[SEGMENTS_MAX + 2];
	char path[512];
};

unsigned plain_pick(struct plain_source *source, unsigned bound)
{
	if (source->data) {
		if (source->len == 0)
			return 0;
		source->len--;
		return *source->data++ % bound;
	}
	/* xorshift64*: the same everywhere. */
	source->state ^= source->state >> 12;
	source->state ^= source->state << 25;
	source->state ^= source->state >> 27;
	return (unsigned)((source->state * 0x2545f4914f6cdd1du) >> 33) % bound;
}

static void fail(const struct table *table, const struct request *request, const char *what)
{
	fprintf(stderr, "%s for method %u %s%s\n", what, request->method, request->host,
		request->path);
	for (unsigned i = 0; i < table->count; i++)
		fprintf(stderr, "  method %u %s%s%s%s\n", table->routes[i].method,
			table->routes[i].host, table->routes[i].pattern,
			table->routes[i].guarded ? " guarded" : "",
			table->routes[i].accepts ? "" : ", refuses");
	abort();
}

static bool has_only(const char *text, const char *characters)
{
	return *text && text[strspn(text, characters)] == '\0';
}

/* The words are chosen so that no more is needed than this. */
static bool segment_fits(const struct segment *segment, const char *text)
{
	switch (segment->kind) {
	case STATIC:
		return strcmp(segment->text, text) == 0;
	case U64:
		return has_only(text, "0123456789");
	case I64:
		return has_only(text + (*text == '-'), "0123456789");
	case UUID:
		return strlen(text) == 36;
	case REGEX:
		if (segment->text == expressions[0])
			return has_only(text, "0123456789") && strlen(text) <= 2;
		return segment->text == expressions[1] ? *text == 'a' : has_only(text, "ab");
	case PARAM:
		return *text;
	case TAIL:
		return true;
	}
	return false;
}

static bool path_fits(const struct route *route, const struct request *request)
{
	bool has_tail = route->segments[route->count - 1].kind == TAIL;

	if (has_tail ? request->count < route->count : request->count != route->count)
		return false;
	for (unsigned i = 0; i < route->count; i++)
		if (!segment_fits(&route->segments[i], request->segments[i]))
			return false;
	return true;
}

static bool host_fits(const struct route *route, const struct request *request)
{
	size_t len = strlen(request->plain_host), domain_len = strlen(route->domain);
	const char *rest = request->plain_host + len - domain_len;

	if (route->host_kind == ANY)
		return true;
	if (route->host_kind == EXACT)
		return strcmp(request->plain_host, route->domain) == 0;
	if (len < domain_len + 2 || strcmp(rest, route->domain) != 0 || rest[-1] != '.')
		return false;
	return request->plain_host[0] != '.' &&
	       (route->host_kind == WILDCARD || strchr(request->plain_host, '.') == rest - 1);
}

static bool has_method(const struct route *route, enum ouro_method method)
{
	return route->method == OURO_METHOD_COUNT || route->method == method ||
	       (method == OURO_METHOD_HEAD && route->method == OURO_METHOD_GET);
}

static bool same_beginning(const struct route *a, const struct route *b, unsigned count)
{
	if (a->host_kind != b->host_kind || strcmp(a->domain, b->domain) != 0)
		return false;
	if (a->count < count || b->count < count)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (a->segments[i].kind != b->segments[i].kind ||
		    a->segments[i].text != b->segments[i].text)
			return false;
	return true;
}

static unsigned first_with(const struct table *table, const struct route *route, unsigned count)
{
	unsigned i = 0;

	while (!same_beginning(&table->routes[i], route, count))
		i++;
	return i;
}

static int method_rank(const struct route *route, enum ouro_method method)
{
	return route->method == method ? 0 : route->method == OURO_METHOD_COUNT ? 2 : 1;
}

/* Whether @a goes before @b, where both fit. */
static bool precedes(const struct table *table, const struct route *a, const struct route *b,
		     enum ouro_method method)
{
	if (a->host_kind != b->host_kind)
		return a->host_kind < b->host_kind;
	if (strlen(a->domain) != strlen(b->domain))
		return strlen(a->domain) > strlen(b->domain);
	for (unsigned i = 0; i < a->count && i < b->count; i++) {
		if (a->segments[i].kind != b->segments[i].kind)
			return a->segments[i].kind < b->segments[i].kind;
		if (a->segments[i].text != b->segments[i].text)
			return first_with(table, a, i + 1) < first_with(table, b, i + 1);
	}
	if (method_rank(a, method) != method_rank(b, method))
		return method_rank(a, method) < method_rank(b, method);
	return a->guarded != b->guarded ? a->guarded : a < b;
}

static const struct route *match_plainly(const struct table *table, const struct request *request,
					 uint64_t *allowed)
{
	const struct route *best = NULL;

	*allowed = 0;
	for (unsigned i = 0; i < table->count; i++) {
		const struct route *route = &table->routes[i];

		if (!host_fits(route, request) || !path_fits(route, request) ||
		    (route->guarded && !route->accepts))
			continue;
		if (route->method < OURO_METHOD_COUNT)
			*allowed |= UINT64_C(1) << route->method;
		if (route->method == OURO_METHOD_GET)
			*allowed |= UINT64_C(1) << OURO_METHOD_HEAD;
		if (has_method(route, request->method) &&
		    (!best || precedes(table, route, best, request->method)))
			best = route;
	}
	return best;
}

static void print_pattern(struct route *route)
{
	static const char *const forms[] = { [U64] = "/{p%u:u64}",
					     [I64] = "/{p%u:i64}",
					     [UUID] = "/{p%u:uuid}",
					     [PARAM] = "/{p%u}",
					     [TAIL] = "/{p%u...}" };
	char *at = route->pattern;

	for (unsigned i = 0; i < route->count; i++) {
		const struct segment *segment = &route->segments[i];

		if (segment->kind == STATIC)
			at += sprintf(at, "/%s", segment->text);
		else if (segment->kind == REGEX)
			at += sprintf(at, "/{p%u:%s}", i, segment->text);
		else
			at += sprintf(at, forms[segment->kind], i);
	}
}

static void make_route(struct plain_source *source, struct route *route)
{
	static const char *const host_forms[] = {
		[EXACT] = "%s", [LABEL] = "{host}.%s", [WILDCARD] = "*.%s", [ANY] = "%s"
	};

	*route = (struct route){ .method = PICK(source, methods),
				 .guarded = plain_pick(source, 4) == 0,
				 .host_kind = plain_pick(source, 8),
				 .count = 1 + plain_pick(source, SEGMENTS_MAX) };
	if (route->host_kind >= ANY) {
		route->host_kind = ANY;
		route->domain = "";
	} else {
		route->domain = PICK(source, domains);
	}
	snprintf(route->host, sizeof(route->host), host_forms[route->host_kind], route->domain);
	for (unsigned i = 0; i < route->count; i++) {
		struct segment *segment = &route->segments[i];

		/* Half of them static. */
		segment->kind = plain_pick(source, 2) ? plain_pick(source, TAIL + 1) : STATIC;
		if (segment->kind == TAIL)
			route->count = i + 1;
		if (segment->kind == STATIC)
			segment->text = PICK(source, words);
		else
			segment->text = segment->kind == REGEX ? PICK(source, expressions) : NULL;
	}
	print_pattern(route);
}

static bool is_double(const struct table *table, const struct route *route)
{
	for (unsigned i = 0; i < table->count; i++)
		if (table->routes[i].method == route->method &&
		    table->routes[i].count == route->count &&
		    same_beginning(&table->routes[i], route, route->count) &&
		    !table->routes[i].guarded && !route->guarded)
			return true;
	return false;
}

static void make_table(struct plain_source *source, struct table *table)
{
	unsigned wanted = plain_pick(source, ROUTES_MAX + 1);

	table->router = ouro_router_create();
	table->count = 0;
	for (unsigned i = 0; i < wanted; i++) {
		struct route *route = &table->routes[table->count];
		char message[512] = "";
		int err;

		make_route(source, route);
		err = ouro_router_add(table->router,
				      &(struct ouro_route_spec){
					      .method = ouro_method_name(route->method),
					      .host = ouro_str_c(route->host),
					      .pattern = ouro_str_c(route->pattern),
					      .guarded = route->guarded,
					      .handler = route,
				      },
				      message, sizeof(message));
		if ((err != 0) != is_double(table, route)) {
			fprintf(stderr, "%s%s: %s\n", route->host, route->pattern, message);
			abort();
		}
		table->count += err == 0;
	}
	if (ouro_router_compile(table->router, NULL, 0))
		abort();
	table->scratch = ouro_router_scratch_create(table->router);
}

static void make_request(struct plain_source *source, struct request *request)
{
	char *at = request->path;
	size_t host_len = 0;

	request->method = PICK(source, methods);
	request->host = PICK(source, hosts);
	for (const char *c = request->host; *c && *c != ':'; c++)
		request->plain_host[host_len++] = (char)(*c | (*c >= 'A' && *c <= 'Z' ? 0x20 : 0));
	if (host_len > 0 && request->plain_host[host_len - 1] == '.')
		host_len--;
	request->plain_host[host_len] = '\0';
	request->count = 1 + plain_pick(source, COUNT(request->segments));
	for (unsigned i = 0; i < request->count; i++) {
		request->segments[i] = plain_pick(source, 10) ? PICK(source, words) : "other";
		at += sprintf(at, "/%s", request->segments[i]);
	}
}

static bool accepts(void *arg, void *handler)
{
	const struct route *route = handler;

	(void)arg;
	if (!route->guarded)
		abort();
	return route->accepts;
}

/* The values of the match are those that the route has parameters for. */
static bool values_are_right(const struct route *route, const struct request *request,
			     const struct ouro_match *match)
{
	const char *at = request->path + 1;
	uint32_t param = 0;

	if (route->host_kind == LABEL) {
		size_t len = strcspn(request->host, ".");

		if (match->param_count == 0 ||
		    !ouro_str_eq(match->values[param++], ouro_str(request->host, len)))
			return false;
	}
	for (unsigned i = 0; i < route->count; at += strlen(request->segments[i++]) + 1) {
		struct ouro_str value = ouro_str_c(request->segments[i]);
		char name[8];

		if (route->segments[i].kind == STATIC)
			continue;
		if (route->segments[i].kind == TAIL)
			value = ouro_str_c(at);
		snprintf(name, sizeof(name), "p%u", i);
		if (param == match->param_count || !ouro_str_eq(match->values[param], value) ||
		    !ouro_str_eq(match->names[param++], ouro_str_c(name)))
			return false;
	}
	return param == match->param_count;
}

static void check_request(const struct table *table, const struct request *request)
{
	struct ouro_match_query query = { .method = request->method,
					  .host = ouro_str_c(request->host),
					  .path = ouro_str_c(request->path),
					  .guard = accepts,
					  .scratch = table->scratch };
	struct ouro_match match;
	enum ouro_match_result result = ouro_router_match(table->router, &query, &match);
	uint64_t allowed;
	const struct route *route = match_plainly(table, request, &allowed);

	if (route) {
		if (result != OURO_MATCH_FOUND || match.handler != route)
			fail(table, request, "another route");
		if (match.route_index != (uint32_t)(route - table->routes))
			fail(table, request, "another index");
		if (!values_are_right(route, request, &match))
			fail(table, request, "other values");
	} else if (allowed) {
		if (result != OURO_MATCH_METHOD_NOT_ALLOWED || match.allowed != allowed)
			fail(table, request, "other methods");
	} else if (result != OURO_MATCH_NOT_FOUND) {
		fail(table, request, "something found");
	}
}

void plain_play(struct plain_source *source)
{
	struct table table;
	struct request request;

	make_table(source, &table);
	for (unsigned i = 0; i < REQUESTS; i++) {
		for (unsigned j = 0; j < table.count; j++)
			table.routes[j].accepts = plain_pick(source, 2);
		make_request(source, &request);
		check_request(&table, &request);
		if (source->data && source->len == 0)
			break;
	}
	ouro_router_scratch_destroy(table.scratch);
	ouro_router_destroy(table.router);
}
