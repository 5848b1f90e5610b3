/* Routes while they are collected: a tree of segments for each host; private to the router. */
#ifndef OURO_ROUTER_DRAFT_H
#define OURO_ROUTER_DRAFT_H

#include "router/hash.h"
#include "router/host.h"
#include "router/pattern.h"
#include "router/regex.h"

/* One route, in one piece of memory with its strings. */
struct ouro_draft_route {
	struct ouro_draft_route *next;         /* in the order added */
	struct ouro_draft_route *next_at_node; /* the same, of those that fit the same paths */
	enum ouro_method method;               /* OURO_METHOD_COUNT: any */
	bool guarded;
	uint32_t index;
	void *handler;
	struct ouro_str text; /* the pattern as given */
	struct ouro_str host_text;
	struct ouro_str name;
	struct ouro_str place;
	struct ouro_host_pattern host;
	struct ouro_pattern pattern;
};

/* A segment after those above it. Its strings are those of the first route that came through. */
struct ouro_draft_node {
	struct ouro_draft_node *first_child, *last_child; /* in the order added */
	struct ouro_draft_node *next;                     /* beside it */
	struct ouro_draft_route *routes;                  /* that end here */
	struct ouro_regex *regex;                         /* owned */
	const struct ouro_segment *segment;               /* NULL: the root */
	struct ouro_hash hash; /* of the static children, once it is compiled */
};

struct ouro_draft_host {
	struct ouro_draft_host *next;
	const struct ouro_host_pattern *pattern;
	struct ouro_draft_node root;
};

/* All zero: empty. */
struct ouro_draft {
	struct ouro_draft_host *hosts;
	struct ouro_draft_route *first_route, *last_route;
	struct ouro_draft_route *failed; /* not added, but nodes may have their strings */
	uint32_t route_count;
};

void ouro_draft_fini(struct ouro_draft *draft);

/* A route made of @spec, not yet added. Returns 0 with @route, to be freed with free(), or -EINVAL
 * with what is wrong in @message, or -ENOMEM. */
int ouro_draft_route_create(const struct ouro_route_spec *spec, struct ouro_draft_route **route,
			    char *message, size_t message_bytes);

/* The route that @route is a double of, or the one that has its name for another pattern: NULL
 * where there is none. */
const struct ouro_draft_route *ouro_draft_find_double(const struct ouro_draft *draft,
						      const struct ouro_draft_route *route);
const struct ouro_draft_route *ouro_draft_find_name(const struct ouro_draft *draft,
						    const struct ouro_draft_route *route);

/* Adds @route, which then belongs to @draft. Returns 0; -EINVAL where an expression is malformed,
 * with what is wrong in @message; -ENOMEM. On an error, nodes may be left that lead nowhere; no
 * match finds them. */
int ouro_draft_add(struct ouro_draft *draft, struct ouro_draft_route *route, char *message,
		   size_t message_bytes);

#endif
