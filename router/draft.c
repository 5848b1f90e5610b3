/* Routes while they are collected: see router/draft.h. */
#include "router/draft.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void free_routes(struct ouro_draft_route *route)
{
	for (struct ouro_draft_route *next; route; route = next) {
		next = route->next;
		free(route);
	}
}

static void free_node(struct ouro_draft_node *node)
{
	for (struct ouro_draft_node *child = node->first_child, *next; child; child = next) {
		next = child->next;
		free_node(child);
		free(child);
	}
	ouro_regex_destroy(node->regex);
}

void ouro_draft_fini(struct ouro_draft *draft)
{
	for (struct ouro_draft_host *host = draft->hosts, *next; host; host = next) {
		next = host->next;
		free_node(&host->root);
		free(host);
	}
	free_routes(draft->first_route);
	free_routes(draft->failed);
	*draft = (struct ouro_draft){ 0 };
}

static struct ouro_str copy(struct ouro_str text, char **at)
{
	char *start = *at;

	if (text.len > 0)
		memcpy(start, text.ptr, text.len);
	*at += text.len;
	return ouro_str(start, text.len);
}

static const char *parse(struct ouro_draft_route *route, char *room)
{
	const char *wrong = ouro_host_parse(&route->host, route->host_text, room);

	if (!wrong)
		wrong = ouro_pattern_parse(&route->pattern, route->text,
					   room + route->host_text.len);
	if (wrong || route->host.kind != OURO_HOST_PARAM)
		return wrong;
	if (route->pattern.param_count == OURO_ROUTER_PARAMS_MAX)
		return "too many parameters";
	for (uint32_t i = 0; i < route->pattern.count; i++)
		if (ouro_str_eq(route->pattern.segments[i].name, route->host.name))
			return "two parameters of one name";
	return NULL;
}

int ouro_draft_route_create(const struct ouro_route_spec *spec, struct ouro_draft_route **out,
			    char *message, size_t message_bytes)
{
	enum ouro_method method = spec->method.len > 0 ? ouro_method_lookup(spec->method)
						       : OURO_METHOD_COUNT;
	struct ouro_draft_route *route;
	const char *wrong = NULL;
	char *at;

	if (spec->method.len > 0 && method == OURO_METHOD_COUNT)
		wrong = "no known method";
	else if (spec->pattern.len > OURO_ROUTER_PATTERN_BYTES_MAX)
		wrong = "too long";
	if (wrong) {
		snprintf(message, message_bytes, "%s", wrong);
		return -EINVAL;
	}
	route = malloc(sizeof(*route) + 2 * spec->pattern.len + 2 * spec->host.len +
		       spec->name.len + spec->place.len);
	if (!route)
		return -ENOMEM;
	at = (char *)(route + 1);
	route->next = route->next_at_node = NULL;
	route->method = method;
	route->guarded = spec->guarded;
	route->index = 0;
	route->handler = spec->handler;
	route->text = copy(spec->pattern, &at);
	route->host_text = copy(spec->host, &at);
	route->name = copy(spec->name, &at);
	route->place = copy(spec->place, &at);
	wrong = parse(route, at);
	if (wrong) {
		snprintf(message, message_bytes, "%s", wrong);
		free(route);
		return -EINVAL;
	}
	*out = route;
	return 0;
}

static struct ouro_draft_host *find_host(const struct ouro_draft *draft,
					 const struct ouro_host_pattern *pattern)
{
	for (struct ouro_draft_host *host = draft->hosts; host; host = host->next)
		if (host->pattern->kind == pattern->kind &&
		    ouro_str_eq(host->pattern->text, pattern->text))
			return host;
	return NULL;
}

static struct ouro_draft_node *find_child(const struct ouro_draft_node *node,
					  const struct ouro_segment *segment)
{
	for (struct ouro_draft_node *child = node->first_child; child; child = child->next)
		if (ouro_segment_is_same(child->segment, segment))
			return child;
	return NULL;
}

const struct ouro_draft_route *ouro_draft_find_double(const struct ouro_draft *draft,
						      const struct ouro_draft_route *route)
{
	const struct ouro_draft_host *host = find_host(draft, &route->host);
	const struct ouro_draft_node *node = host ? &host->root : NULL;

	for (uint32_t i = 0; node && i < route->pattern.count; i++)
		node = find_child(node, &route->pattern.segments[i]);
	if (!node || route->guarded)
		return NULL;
	for (const struct ouro_draft_route *other = node->routes; other;
	     other = other->next_at_node)
		if (other->method == route->method && !other->guarded)
			return other;
	return NULL;
}

const struct ouro_draft_route *ouro_draft_find_name(const struct ouro_draft *draft,
						    const struct ouro_draft_route *route)
{
	for (const struct ouro_draft_route *other = draft->first_route;
	     other && route->name.len > 0; other = other->next)
		if (ouro_str_eq(other->name, route->name) && !ouro_str_eq(other->text, route->text))
			return other;
	return NULL;
}

static struct ouro_draft_host *make_host(struct ouro_draft *draft,
					 const struct ouro_host_pattern *pattern)
{
	struct ouro_draft_host *host = find_host(draft, pattern);

	if (host)
		return host;
	host = calloc(1, sizeof(*host));
	if (!host)
		return NULL;
	host->pattern = pattern;
	host->next = draft->hosts;
	draft->hosts = host;
	return host;
}

static int make_child(struct ouro_draft_node *node, const struct ouro_segment *segment,
		      struct ouro_draft_node **out, char *message, size_t message_bytes)
{
	struct ouro_draft_node *child = find_child(node, segment);
	int err = 0;

	*out = child;
	if (child)
		return 0;
	child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	child->segment = segment;
	if (segment->kind == OURO_SEGMENT_REGEX)
		err = ouro_regex_create(segment->text, &child->regex, message, message_bytes);
	if (err) {
		free(child);
		return err;
	}
	if (node->last_child)
		node->last_child->next = child;
	else
		node->first_child = child;
	node->last_child = child;
	*out = child;
	return 0;
}

int ouro_draft_add(struct ouro_draft *draft, struct ouro_draft_route *route, char *message,
		   size_t message_bytes)
{
	struct ouro_draft_host *host = make_host(draft, &route->host);
	struct ouro_draft_node *node = host ? &host->root : NULL;
	struct ouro_draft_route **end;
	int err = host ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < route->pattern.count; i++) {
		struct ouro_segment *segment = &route->pattern.segments[i];

		err = make_child(node, segment, &node, message, message_bytes);
		if (!err)
			segment->regex = node->regex;
	}
	if (err) {
		route->next = draft->failed;
		draft->failed = route;
		return err;
	}
	if (draft->last_route)
		draft->last_route->next = route;
	else
		draft->first_route = route;
	draft->last_route = route;
	for (end = &node->routes; *end; end = &(*end)->next_at_node)
		;
	*end = route;
	route->index = draft->route_count++;
	return 0;
}
