/* Groups: collecting routes, middleware and groups within, before the start. */
#include "server/group.h"

#include "base/str.h"
#include "proto/token.h"
#include "router/router.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 512, PLACE_BYTES_MAX = 512 };

struct ouro_group *ouro_group_new(const struct ouro_log *log)
{
	struct ouro_group *group = calloc(1, sizeof(*group));

	if (group) {
		group->refs = 1;
		group->log = log;
	}
	return group;
}

void ouro_group_unref(struct ouro_group *group)
{
	if (!group || --group->refs > 0)
		return;
	for (struct ouro_group_entry *entry = group->first; entry; entry = entry->next)
		ouro_group_unref(entry->child);
	while (group->notes) {
		struct ouro_group_note *next = group->notes->next;

		free(group->notes);
		group->notes = next;
	}
	free(group);
}

const struct ouro_log *ouro_group_log(const struct ouro_group *group)
{
	static const struct ouro_log standard_error;

	return group->log ? group->log : &standard_error;
}

void *ouro_group_alloc(struct ouro_group *group, size_t bytes)
{
	struct ouro_group_note *note = calloc(1, sizeof(*note) + bytes);

	if (!note)
		return NULL;
	note->next = group->notes;
	group->notes = note;
	return note->bytes;
}

bool ouro_group_keep_text(struct ouro_group *group, const char **text)
{
	size_t bytes = *text ? strlen(*text) + 1 : 0;
	char *copy = bytes ? ouro_group_alloc(group, bytes) : NULL;

	if (copy)
		memcpy(copy, *text, bytes);
	*text = copy;
	return copy || !bytes;
}

/* A copy of the array @middleware, NULL of NULL; false when out of memory. */
static bool keep_middleware(struct ouro_group *group, const ouro_handler_fn **middleware)
{
	ouro_handler_fn *copy;
	size_t count = 0;

	if (!*middleware)
		return true;
	while ((*middleware)[count])
		count++;
	copy = ouro_group_alloc(group, (count + 1) * sizeof(*copy));
	if (copy)
		memcpy(copy, *middleware, count * sizeof(*copy));
	*middleware = copy;
	return copy != NULL;
}

static bool keep_options(struct ouro_group *group, const struct ouro_route_options *given,
			 struct ouro_route_options *kept)
{
	if (!given)
		return true;
	*kept = *given;
	return keep_middleware(group, &kept->middleware) &&
	       ouro_group_keep_text(group, &kept->name) &&
	       ouro_group_keep_text(group, &kept->host) &&
	       ouro_group_keep_text(group, &kept->header) &&
	       ouro_group_keep_text(group, &kept->header_value);
}

static void append(struct ouro_group *group, struct ouro_group_entry *entry)
{
	if (group->last)
		group->last->next = entry;
	else
		group->first = entry;
	group->last = entry;
}

bool ouro_method_list_next(struct ouro_str *rest, struct ouro_str *method)
{
	while (rest->len > 0 && (*rest->ptr == ',' || *rest->ptr == ' '))
		*rest = ouro_str(rest->ptr + 1, rest->len - 1);
	*method = ouro_str(rest->ptr, 0);
	while (rest->len > 0 && *rest->ptr != ',' && *rest->ptr != ' ') {
		method->len++;
		*rest = ouro_str(rest->ptr + 1, rest->len - 1);
	}
	return method->len > 0;
}

/* NULL, or what is wrong with @options (may be NULL). The router checks the host. */
static const char *check_options(const struct ouro_route_options *options)
{
	if (!options)
		return NULL;
	if (options->header && !ouro_is_token(ouro_str_c(options->header)))
		return "the header of a guard must be the name of a field";
	if (options->header_value && !options->header)
		return "the value of a guard needs a header";
	if (options->compress > OURO_COMPRESS_OFF || options->decompress > OURO_DECOMPRESS_OFF)
		return "compress or decompress is not one of its values";
	return NULL;
}

/* Whether a route is well-formed by itself: a router of its own is asked. */
static int try_route(const struct ouro_group *group, const struct ouro_group_entry *entry)
{
	struct ouro_router *router = ouro_router_create();
	struct ouro_str rest = ouro_str_c(entry->method), method;
	char message[MESSAGE_BYTES];
	bool any = false;
	int err = router ? 0 : -ENOMEM;

	while (!err && ouro_method_list_next(&rest, &method)) {
		struct ouro_route_spec spec = {
			.method = ouro_str_eq(method, OURO_STR("*")) ? OURO_STR("") : method,
			.host = ouro_str_c(entry->options.host),
			.pattern = ouro_str_c(entry->text),
			.name = ouro_str_c(any ? NULL : entry->options.name),
			.place = ouro_str_c(entry->place),
		};

		any = true;
		/* Within a prefix the whole of it can be the route. */
		if (spec.pattern.len == 0)
			spec.pattern = OURO_STR("/");
		err = ouro_router_add(router, &spec, message, sizeof(message));
		if (err)
			ouro_log(ouro_group_log(group), OURO_LOG_ERROR, "%s: %s", entry->place,
				 message);
	}
	if (!err) {
		const char *wrong = any ? check_options(&entry->options) : "a route needs a method";

		if (wrong) {
			ouro_log(ouro_group_log(group), OURO_LOG_ERROR, "%s: %s", entry->place,
				 wrong);
			err = -EINVAL;
		}
	}
	ouro_router_destroy(router);
	return err;
}

int ouro_group_add(struct ouro_group *group, const char *place,
		   const struct ouro_group_entry *given)
{
	struct ouro_group_entry *entry;
	int err;

	if (group->compiled)
		return -EALREADY;
	entry = ouro_group_alloc(group, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = *given;
	entry->place = place;
	if (!ouro_group_keep_text(group, &entry->place) ||
	    !ouro_group_keep_text(group, &entry->method) ||
	    !ouro_group_keep_text(group, &entry->text) ||
	    !keep_options(group, &given->options, &entry->options))
		return -ENOMEM;
	err = try_route(group, entry);
	if (!err)
		append(group, entry);
	return err;
}

int ouro_group_route_at(const char *file, int line, struct ouro_group *group, const char *method,
			const char *pattern, ouro_handler_fn handler,
			const struct ouro_route_options *options)
{
	const char *base = file ? strrchr(file, '/') : NULL;
	struct ouro_group_entry entry = { .text = pattern, .method = method, .handler = handler };
	char place[PLACE_BYTES_MAX] = "";

	if (group->compiled)
		return -EALREADY;
	if (!method || !pattern || !handler)
		return -EINVAL;
	if (options)
		entry.options = *options;
	if (file)
		snprintf(place, sizeof(place), "%s:%d", base ? base + 1 : file, line);
	return ouro_group_add(group, place, &entry);
}

int(ouro_group_route)(struct ouro_group *group, const char *method, const char *pattern,
		      ouro_handler_fn handler, const struct ouro_route_options *options)
{
	return ouro_group_route_at(NULL, 0, group, method, pattern, handler, options);
}

int ouro_group_use_at(struct ouro_group *group, int order, ouro_handler_fn middleware)
{
	uint32_t at = group->middleware_count;

	if (group->compiled)
		return -EALREADY;
	if (!middleware)
		return -EINVAL;
	if (at == OURO_MIDDLEWARE_MAX)
		return -E2BIG;
	for (; at > 0 && group->middleware_order[at - 1] > order; at--) {
		group->middleware[at] = group->middleware[at - 1];
		group->middleware_order[at] = group->middleware_order[at - 1];
	}
	group->middleware[at] = middleware;
	group->middleware_order[at] = order;
	group->middleware_count++;
	return 0;
}

int ouro_group_use(struct ouro_group *group, ouro_handler_fn middleware)
{
	return ouro_group_use_at(group, 0, middleware);
}

/* Puts @child, whose reference is taken over, under @prefix. */
static int add_child(struct ouro_group *parent, const char *prefix, struct ouro_group *child)
{
	struct ouro_group_entry *entry = ouro_group_alloc(parent, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->text = prefix;
	if (!ouro_group_keep_text(parent, &entry->text))
		return -ENOMEM;
	entry->child = child;
	append(parent, entry);
	return 0;
}

/* Whether a route could stand behind @prefix, and have @host: a router of its own is asked. */
static int try_prefix(const char *prefix, const char *host, char *message)
{
	struct ouro_router *router = ouro_router_create();
	size_t len = strlen(prefix);
	char *pattern = malloc(len + 2);
	int err = -ENOMEM;

	if (router && pattern) {
		struct ouro_route_spec spec = { .host = ouro_str_c(host) };

		memcpy(pattern, prefix, len);
		memcpy(pattern + len, "/x", 2);
		spec.pattern = ouro_str(pattern, len + 2);
		err = ouro_router_add(router, &spec, message, MESSAGE_BYTES);
	}
	free(pattern);
	ouro_router_destroy(router);
	return err;
}

/* Checks what a group is to have; @prefix and @options may be NULL. 0; -EINVAL with a log line; -ENOMEM. */
static int check_group(const struct ouro_group *parent, const char *prefix,
		       const struct ouro_route_options *options)
{
	size_t len = prefix ? strlen(prefix) : 0;
	const char *wrong = check_options(options);
	char message[MESSAGE_BYTES];

	if (len > 0 && (prefix[0] != '/' || prefix[len - 1] == '/'))
		wrong = "it must begin with a slash and not end with one";
	else if (len > OURO_PREFIX_BYTES_MAX)
		wrong = "it is too long";
	if (!wrong) {
		int err =
			try_prefix(len > 0 ? prefix : "", options ? options->host : NULL, message);

		if (err != -EINVAL)
			return err;
		wrong = message;
	}
	ouro_log(ouro_group_log(parent), OURO_LOG_ERROR, "prefix '%s': %s", prefix ? prefix : "",
		 wrong);
	return -EINVAL;
}

int ouro_group_group(struct ouro_group *parent, const char *prefix,
		     const struct ouro_route_options *options, struct ouro_group **out)
{
	struct ouro_group *group;
	int err = parent->compiled ? -EALREADY : check_group(parent, prefix, options);

	if (err)
		return err;
	group = ouro_group_new(parent->log);
	if (!group)
		return -ENOMEM;
	err = keep_options(group, options, &group->options) ? 0 : -ENOMEM;
	if (!err)
		err = add_child(parent, prefix ? prefix : "", group);
	if (err) {
		ouro_group_unref(group);
		return err;
	}
	*out = group;
	return 0;
}

int ouro_group_create(struct ouro_group **group)
{
	*group = ouro_group_new(NULL);
	return *group ? 0 : -ENOMEM;
}

void ouro_group_destroy(struct ouro_group *group)
{
	ouro_group_unref(group);
}

static bool holds(const struct ouro_group *group, const struct ouro_group *wanted)
{
	if (group == wanted)
		return true;
	for (const struct ouro_group_entry *entry = group->first; entry; entry = entry->next)
		if (entry->child && holds(entry->child, wanted))
			return true;
	return false;
}

int ouro_group_mount(struct ouro_group *parent, const char *prefix, struct ouro_group *group)
{
	int err = parent->compiled ? -EALREADY : check_group(parent, prefix, NULL);

	if (err)
		return err;
	if (holds(group, parent))
		return -ELOOP;
	err = add_child(parent, prefix ? prefix : "", group);
	if (!err)
		group->refs++;
	return err;
}

/* ---- The server's root group ---- */

int ouro_server_route_at(const char *file, int line, struct ouro_server *server, const char *method,
			 const char *pattern, ouro_handler_fn handler,
			 const struct ouro_route_options *options)
{
	return ouro_group_route_at(file, line, server->root, method, pattern, handler, options);
}

int(ouro_server_route)(struct ouro_server *server, const char *method, const char *pattern,
		       ouro_handler_fn handler, const struct ouro_route_options *options)
{
	return ouro_group_route_at(NULL, 0, server->root, method, pattern, handler, options);
}

int ouro_server_use_at(struct ouro_server *server, int order, ouro_handler_fn middleware)
{
	return ouro_group_use_at(server->root, order, middleware);
}

int ouro_server_use(struct ouro_server *server, ouro_handler_fn middleware)
{
	return ouro_group_use(server->root, middleware);
}

int ouro_server_group(struct ouro_server *server, const char *prefix,
		      const struct ouro_route_options *options, struct ouro_group **group)
{
	return ouro_group_group(server->root, prefix, options, group);
}

int ouro_server_mount(struct ouro_server *server, const char *prefix, struct ouro_group *group)
{
	return ouro_group_mount(server->root, prefix, group);
}

static int compare_places(const void *a, const void *b)
{
	const struct ouro_declared_route *const *one = a, *const *other = b;
	int order = strcmp((*one)->file, (*other)->file);

	return order ? order : ((*one)->line > (*other)->line) - ((*one)->line < (*other)->line);
}

int ouro_server_declare(struct ouro_server *server, struct ouro_declared_route *const *first,
			struct ouro_declared_route *const *end)
{
	size_t count = (size_t)(end - first);
	struct ouro_declared_route **routes;
	int err = 0;

	if (count == 0)
		return 0;
	routes = malloc(count * sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	/* The compiler lists them as it likes. */
	memcpy(routes, first, count * sizeof(*routes));
	qsort(routes, count, sizeof(*routes), compare_places);
	for (size_t i = 0; i < count && !err; i++)
		err = ouro_group_route_at(routes[i]->file, routes[i]->line, server->root,
					  routes[i]->method, routes[i]->pattern, routes[i]->handler,
					  &routes[i]->options);
	free(routes);
	return err;
}
