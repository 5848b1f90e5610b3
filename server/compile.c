/* Compiling routes: groups are walked once, and each route becomes an endpoint with all that its groups
 * add to it, known to the router. */
#include "server/compress.h"
#include "server/decompress.h"
#include "server/group.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

/* One group on the way from the root to a route. */
struct scope {
	const struct scope *outer;
	const struct ouro_group *group;
	const char *prefix; /* all of it so far */
	const char *host;
	struct ouro_route_options limits; /* resolved so far: numbers and flags alone */
	const struct ouro_guards *guards;
	uint32_t depth;
};

/* Memory that lives as long as the server. */
static void *keep(struct ouro_server *server, size_t bytes)
{
	struct ouro_group_note *note = calloc(1, sizeof(*note) + bytes);

	if (!note)
		return NULL;
	note->next = server->compiled_notes;
	server->compiled_notes = note;
	return note->bytes;
}

static const char *join(struct ouro_server *server, const char *prefix, const char *text)
{
	size_t prefix_len = strlen(prefix), len = strlen(text);
	char *joined = keep(server, prefix_len + len + 1);

	if (joined) {
		memcpy(joined, prefix, prefix_len);
		memcpy(joined + prefix_len, text, len);
	}
	return joined;
}

static int refuse(const struct ouro_server *server, const char *text, const char *wrong)
{
	ouro_log(&server->log, OURO_LOG_ERROR, "%s: %s", text, wrong);
	return -EINVAL;
}

/* What @inner says over what @outer says. */
static void resolve(const struct ouro_route_options *outer, const struct ouro_route_options *inner,
		    struct ouro_route_options *out)
{
	*out = (struct ouro_route_options){
		.body_bytes_max = inner->body_bytes_max ? inner->body_bytes_max
							: outer->body_bytes_max,
		.body_timeout_ms = inner->body_timeout_ms ? inner->body_timeout_ms
							  : outer->body_timeout_ms,
		.handler_timeout_ms = inner->handler_timeout_ms ? inner->handler_timeout_ms
								: outer->handler_timeout_ms,
		.run_inline = inner->run_inline || outer->run_inline,
		.half_close = inner->half_close || outer->half_close,
		.compress = inner->compress ? inner->compress : outer->compress,
		.decompress = inner->decompress ? inner->decompress : outer->decompress,
		.decompress_ratio_max = inner->decompress_ratio_max ? inner->decompress_ratio_max
								    : outer->decompress_ratio_max,
	};
}

/* The guards of @options around which @outer stand; @outer where there are none. NULL in @failed. */
static const struct ouro_guards *add_guards(struct ouro_server *server,
					    const struct ouro_guards *outer,
					    const struct ouro_route_options *options, bool *failed)
{
	struct ouro_guards *guards;

	if (!options->header && !options->guard)
		return outer;
	guards = keep(server, sizeof(*guards));
	*failed = !guards;
	if (!guards)
		return NULL;
	guards->outer = outer;
	guards->header = ouro_str_c(options->header);
	guards->header_value = ouro_str_c(options->header_value);
	guards->guard = options->guard;
	server->guarded |= options->guard != NULL;
	return guards;
}

/* How many there are in @middleware, which ends in NULL or is it. */
static size_t length(const ouro_handler_fn *middleware)
{
	size_t count = 0;

	while (middleware && middleware[count])
		count++;
	return count;
}

static size_t count_middleware(const struct scope *scope, const struct ouro_route_options *options)
{
	size_t count = length(options->middleware);

	for (; scope; scope = scope->outer)
		count += length(scope->group->options.middleware) + scope->group->middleware_count;
	return count;
}

/* Puts @count of @from before @to; returns where they begin. */
static ouro_handler_fn *prepend(ouro_handler_fn *to, const ouro_handler_fn *from, size_t count)
{
	to -= count;
	if (count > 0)
		memcpy(to, from, count * sizeof(*to));
	return to;
}

/* Middleware of all scopes, the outermost first, then the route's own, then the handler. */
static const ouro_handler_fn *make_chain(struct ouro_server *server, const struct scope *scope,
					 const struct ouro_route_options *options, size_t count,
					 ouro_handler_fn handler)
{
	ouro_handler_fn *chain = keep(server, (count + 1) * sizeof(*chain));
	ouro_handler_fn *at = chain + count;

	if (!chain)
		return NULL;
	*at = handler;
	at = prepend(at, options->middleware, length(options->middleware));
	for (; scope; scope = scope->outer) {
		const struct ouro_group *group = scope->group;

		at = prepend(at, group->middleware, group->middleware_count);
		at = prepend(at, group->options.middleware, length(group->options.middleware));
	}
	return chain;
}

static int make_endpoint(struct ouro_server *server, const struct scope *scope,
			 const struct ouro_route_options *options, ouro_handler_fn handler,
			 struct ouro_endpoint **out)
{
	struct ouro_endpoint *endpoint = keep(server, sizeof(*endpoint));
	size_t count = count_middleware(scope, options);
	struct ouro_route_options limits;
	bool failed = !endpoint;

	if (failed)
		return -ENOMEM;
	resolve(&scope->limits, options, &limits);
	*endpoint = (struct ouro_endpoint){
		.chain = make_chain(server, scope, options, count, handler),
		.guards = add_guards(server, scope->guards, options, &failed),
		.body_bytes_max = limits.body_bytes_max,
		.body_timeout_ms = limits.body_timeout_ms,
		.handler_timeout_ms = limits.handler_timeout_ms,
		.chain_count = (uint16_t)(count + 1),
		.run_inline = limits.run_inline,
		.half_close = limits.half_close,
		.compress = limits.compress == OURO_COMPRESS_ON,
		.decompress = limits.decompress == OURO_DECOMPRESS_ON,
		.decompress_ratio_max = limits.decompress_ratio_max,
		.sent_bytes_max = limits.body_bytes_max,
	};
	if (endpoint->decompress)
		endpoint->sent_bytes_max = ouro_decompress_sent_max(limits.body_bytes_max);
	if (endpoint->compress && server->options.fiber_stack_bytes < OURO_COMPRESS_STACK_BYTES_MIN)
		return refuse(server, "compress", "it needs fiber_stack_bytes of 32768 at least");
	if (endpoint->sent_bytes_max > server->limits.body_bytes_max)
		server->limits.body_bytes_max = endpoint->sent_bytes_max;
	*out = endpoint;
	return failed || !endpoint->chain ? -ENOMEM : 0;
}

static int note_route(struct ouro_server *server, const struct ouro_route_info *info)
{
	size_t room = server->route_room ? server->route_room * 2 : 32;
	struct ouro_route_info *infos;

	if (server->route_count == server->route_room) {
		infos = realloc(server->route_infos, room * sizeof(*infos));
		if (!infos)
			return -ENOMEM;
		server->route_infos = infos;
		server->route_room = room;
	}
	server->route_infos[server->route_count++] = *info;
	return 0;
}

/* Adds @entry for one method. */
static int add_method(struct ouro_server *server, const struct scope *scope,
		      const struct ouro_group_entry *entry, struct ouro_endpoint *endpoint,
		      const char *pattern, struct ouro_str method, bool first)
{
	bool any = ouro_str_eq(method, OURO_STR("*"));
	const char *host = entry->options.host ? entry->options.host : scope->host;
	const char *name = first && entry->options.name ? entry->options.name : "";
	char *method_copy = keep(server, method.len + 1);
	char message[MESSAGE_BYTES];
	const struct ouro_route_spec spec = {
		.method = any ? OURO_STR("") : method,
		.host = ouro_str_c(host),
		.pattern = ouro_str_c(pattern),
		.name = ouro_str_c(name),
		.place = ouro_str_c(entry->place),
		.guarded = endpoint->guards != NULL,
		.handler = endpoint,
	};
	int err;

	if (!method_copy)
		return -ENOMEM;
	memcpy(method_copy, method.ptr, method.len);
	err = ouro_router_add(server->router, &spec, message, sizeof(message));
	if (err) {
		ouro_log(&server->log, OURO_LOG_ERROR, "%s", message);
		return err;
	}
	return note_route(server, &(struct ouro_route_info){
					  .method = method_copy,
					  .host = host ? host : "",
					  .pattern = pattern,
					  .name = name,
					  .place = entry->place,
					  .middleware_count = (size_t)endpoint->chain_count - 1,
					  .guarded = endpoint->guards != NULL,
					  .run_inline = endpoint->run_inline,
				  });
}

static int add_route(struct ouro_server *server, const struct scope *scope,
		     const struct ouro_group_entry *entry)
{
	const char *pattern = join(server, scope->prefix, entry->text);
	struct ouro_str rest = ouro_str_c(entry->method), method;
	struct ouro_endpoint *endpoint;
	bool first = true;
	int err;

	if (count_middleware(scope, &entry->options) > OURO_MIDDLEWARE_MAX)
		return refuse(server, entry->place, "it has too much middleware around it");
	err = pattern ? make_endpoint(server, scope, &entry->options, entry->handler, &endpoint)
		      : -ENOMEM;
	if (!err && entry->files)
		err = ouro_static_compile(server, entry->files, endpoint);
	if (!err && !*pattern)
		err = refuse(server, entry->place, "an empty pattern needs a prefix");
	while (!err && ouro_method_list_next(&rest, &method)) {
		err = add_method(server, scope, entry, endpoint, pattern, method, first);
		first = false;
	}
	return err;
}

static int add_group(struct ouro_server *server, const struct scope *scope);

static int add_child(struct ouro_server *server, const struct scope *scope,
		     const struct ouro_group_entry *entry)
{
	bool failed = false;
	struct scope inner = {
		.outer = scope,
		.group = entry->child,
		.prefix = join(server, scope->prefix, entry->text),
		.host = entry->child->options.host ? entry->child->options.host : scope->host,
		.guards = add_guards(server, scope->guards, &entry->child->options, &failed),
		.depth = scope->depth + 1,
	};

	if (failed || !inner.prefix)
		return -ENOMEM;
	if (inner.depth > OURO_GROUP_DEPTH_MAX)
		return refuse(server, inner.prefix, "groups within groups go too deep");
	resolve(&scope->limits, &entry->child->options, &inner.limits);
	return add_group(server, &inner);
}

static int add_group(struct ouro_server *server, const struct scope *scope)
{
	int err = 0;

	/* What is known to be compiled cannot be added to unnoticed. */
	((struct ouro_group *)(uintptr_t)scope->group)->compiled = true;
	for (const struct ouro_group_entry *entry = scope->group->first; entry && !err;
	     entry = entry->next)
		err = entry->child ? add_child(server, scope, entry)
				   : add_route(server, scope, entry);
	return err;
}

static int compare_hooks(const void *a, const void *b)
{
	const struct ouro_hook_entry *one = a, *other = b;

	if (one->order != other->order)
		return one->order < other->order ? -1 : 1;
	return one->index < other->index ? -1 : one->index > other->index;
}

/* Requests that no route fits go through the server's middleware all the same. Where none of that and
 * no hook may want to wait, they need no fiber. */
static int add_fallback(struct ouro_server *server, const struct scope *root)
{
	const struct ouro_route_options options = {
		.run_inline = server->root->middleware_count == 0 &&
			      server->hooks[OURO_HOOK_ERROR].count == 0 &&
			      server->hooks[OURO_HOOK_RESPONSE].count == 0,
		/* Nobody reads their bodies. */
		.decompress = OURO_DECOMPRESS_OFF,
	};
	struct ouro_endpoint *endpoint;
	int err = make_endpoint(server, root, &options, ouro_path_refuse, &endpoint);

	server->fallback = err ? NULL : endpoint;
	return err;
}

static void forget(struct ouro_server *server)
{
	while (server->compiled_notes) {
		struct ouro_group_note *next = server->compiled_notes->next;

		free(server->compiled_notes);
		server->compiled_notes = next;
	}
	ouro_static_forget(server);
	free(server->route_infos);
	server->route_infos = NULL;
	server->route_count = server->route_room = 0;
	server->fallback = NULL;
	ouro_router_destroy(server->router);
	server->router = NULL;
}

int ouro_server_compile(struct ouro_server *server)
{
	const struct scope root = {
		.group = server->root,
		.prefix = "",
		.limits = { .body_bytes_max = server->options.body_bytes_max,
			    .body_timeout_ms = server->options.body_timeout_ms,
			    .compress = server->options.compress ? OURO_COMPRESS_ON
								 : OURO_COMPRESS_OFF,
			    .decompress = server->options.decompress ? OURO_DECOMPRESS_ON
								     : OURO_DECOMPRESS_OFF,
			    .decompress_ratio_max = server->options.decompress_ratio_max },
	};
	char message[MESSAGE_BYTES];
	int err;

	if (server->router)
		return 0;
	server->router = ouro_router_create();
	if (!server->router)
		return -ENOMEM;
	for (size_t i = 0; i < OURO_HOOK_PHASES; i++)
		qsort(server->hooks[i].entries, server->hooks[i].count,
		      sizeof(struct ouro_hook_entry), compare_hooks);
	err = add_group(server, &root);
	if (!err)
		err = add_fallback(server, &root);
	if (!err) {
		err = ouro_router_compile(server->router, message, sizeof(message));
		if (err)
			ouro_log(&server->log, OURO_LOG_ERROR, "%s", message);
	}
	if (err)
		forget(server);
	return err;
}

void ouro_server_forget_routes(struct ouro_server *server)
{
	forget(server);
}

ssize_t ouro_server_routes(struct ouro_server *server, struct ouro_route_info *out, size_t max)
{
	int err = ouro_server_compile(server);

	if (err)
		return err;
	for (size_t i = 0; i < server->route_count && i < max; i++)
		out[i] = server->route_infos[i];
	return (ssize_t)server->route_count;
}

int ouro_server_hook(struct ouro_server *server, enum ouro_hook phase, int order,
		     ouro_handler_fn hook)
{
	struct ouro_hooks *hooks;

	if ((unsigned)phase >= OURO_HOOK_PHASES || !hook)
		return -EINVAL;
	if (server->router)
		return -EALREADY;
	hooks = &server->hooks[phase];
	if (hooks->count == OURO_HOOKS_MAX)
		return -E2BIG;
	hooks->entries[hooks->count] = (struct ouro_hook_entry){ hook, order, hooks->count };
	hooks->count++;
	return 0;
}

ssize_t ouro_server_url(struct ouro_server *server, const char *name,
			const struct ouro_url_value *values, size_t count, char *out, size_t room)
{
	struct ouro_url_param params[OURO_ROUTER_PARAMS_MAX];
	int err = ouro_server_compile(server);
	ssize_t len;

	if (err)
		return err;
	if (count > OURO_ROUTER_PARAMS_MAX)
		return -EINVAL;
	if (room == 0)
		return -ENOBUFS;
	for (size_t i = 0; i < count; i++)
		params[i] = (struct ouro_url_param){ ouro_str_c(values[i].name), values[i].value };
	len = ouro_router_url(server->router, ouro_str_c(name), params, count, out, room - 1);
	if (len >= 0)
		out[len] = '\0';
	return len;
}
