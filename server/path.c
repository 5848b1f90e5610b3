/* From a request to its endpoint: the policy for paths, the router, guards; and what is answered where
 * there is none. */
#include "router/path.h"

#include "base/str.h"
#include "proto/target.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

static bool has_field(const struct ouro_ctx *ctx, struct ouro_str name, struct ouro_str value)
{
	int index = -1;

	do {
		index = ouro_http1_find_name(&ctx->parser, ctx->head, name, index);
		if (index >= 0 &&
		    (!value.ptr ||
		     ouro_str_eq(ouro_http1_value(ctx->head, ctx->parser.fields[index].value),
				 value)))
			return true;
	} while (index >= 0);
	return false;
}

struct guard_call {
	ouro_guard_fn guard;
	bool taken;
};

static void call_guard(struct ouro_ctx *ctx)
{
	struct guard_call *call = ctx->callback_arg;

	call->taken = call->guard(ctx);
}

/* Guards are asked from within the router, which a panic must not unwind: it goes on later, where
 * there is a handler to be ended. */
static bool ask_guard(struct ouro_ctx *ctx, ouro_guard_fn guard)
{
	struct guard_call call = { .guard = guard };

	ctx->callback_arg = &call;
	if (!ouro_try(ctx, call_guard))
		ctx->verdict = OURO_VERDICT_PANICKED;
	ctx->callback_arg = NULL;
	return call.taken;
}

static bool accepts(void *arg, void *handler)
{
	struct ouro_ctx *ctx = arg;
	const struct ouro_endpoint *endpoint = handler;

	for (const struct ouro_guards *at = endpoint->guards; at; at = at->outer)
		if (ctx->verdict == OURO_VERDICT_PANICKED ||
		    (at->header.ptr && !has_field(ctx, at->header, at->header_value)) ||
		    (at->guard && !ask_guard(ctx, at->guard)))
			return false;
	return true;
}

static enum ouro_match_result match(struct ouro_ctx *ctx, struct ouro_str path)
{
	struct ouro_worker *worker = ctx->worker;
	const struct ouro_match_query query = {
		.method = worker->server->methods[ctx->parser.method],
		.host = ouro_host(ctx),
		.path = path,
		.guard = accepts,
		.guard_arg = ctx,
		.scratch = worker->router_scratch,
	};

	return ouro_router_match(worker->server->router, &query, &ctx->match);
}

/* The path with a slash at its end, or without the one it has; absent where there is no such path. */
static struct ouro_str other_slash(struct ouro_ctx *ctx, struct ouro_str path)
{
	char *copy;

	if (path.len <= 1)
		return (struct ouro_str){ 0 };
	if (path.ptr[path.len - 1] == '/')
		return ouro_str(path.ptr, path.len - 1);
	copy = ouro_arena_alloc(&ctx->arena, path.len + 1);
	if (!copy)
		return (struct ouro_str){ 0 };
	memcpy(copy, path.ptr, path.len);
	copy[path.len] = '/';
	return ouro_str(copy, path.len + 1);
}

/* @path in canonical form. 0, -EINVAL or -ENOMEM. */
static int canonical(struct ouro_ctx *ctx, struct ouro_str *path)
{
	char *out = ouro_arena_alloc(&ctx->arena, path->len);
	ssize_t len = out ? ouro_path_canonical(*path, out) : -ENOMEM;

	if (len < 0)
		return (int)len;
	*path = ouro_str(out, (size_t)len);
	return 0;
}

/* Decodes the path parameters, in place where there is nothing to decode. */
static int decode_params(struct ouro_ctx *ctx)
{
	for (uint32_t i = 0; i < ctx->match.param_count; i++) {
		struct ouro_str raw = ctx->match.values[i];
		ssize_t len;
		char *out;

		ctx->params[i] = raw;
		if (!memchr(raw.ptr, '%', raw.len))
			continue;
		out = ouro_arena_alloc(&ctx->arena, raw.len);
		if (!out)
			return -ENOMEM;
		len = ouro_target_decode(raw, out, raw.len);
		if (len < 0)
			return (int)len;
		ctx->params[i] = ouro_str(out, (size_t)len);
	}
	return 0;
}

/* Nothing was found: the requests of this verdict have an endpoint of their own. */
static void fall_back(struct ouro_ctx *ctx, enum ouro_verdict verdict)
{
	ctx->verdict = (uint8_t)verdict;
	ctx->endpoint = ctx->worker->server->fallback;
	ctx->match.param_count = 0;
}

static void found(struct ouro_ctx *ctx, struct ouro_str path, bool as_sent)
{
	int err = decode_params(ctx);

	if (err) {
		fall_back(ctx, err == -ENOMEM ? OURO_VERDICT_NO_MEMORY : OURO_VERDICT_BAD_PATH);
		return;
	}
	ctx->path = path;
	if (!as_sent && ctx->worker->server->options.paths == OURO_PATHS_REDIRECT) {
		fall_back(ctx, OURO_VERDICT_REDIRECT);
		return;
	}
	ctx->verdict = OURO_VERDICT_FOUND;
	ctx->endpoint = ctx->match.handler;
}

/* Forms of a target that are no path (RFC 9110, 9.3.6 and 9.3.7). */
static bool route_other_form(struct ouro_ctx *ctx)
{
	if (ctx->parser.form == OURO_TARGET_ASTERISK) {
		fall_back(ctx, OURO_VERDICT_ASTERISK);
		return true;
	}
	if (ctx->parser.form == OURO_TARGET_AUTHORITY) {
		/* What follows is meant for the other server, whatever is answered. */
		ctx->keep_alive = false;
		fall_back(ctx, OURO_VERDICT_CONNECT);
		return true;
	}
	return false;
}

void ouro_path_route(struct ouro_ctx *ctx)
{
	bool exact = ctx->worker->server->options.paths == OURO_PATHS_EXACT;
	struct ouro_str path = ouro_path(ctx);
	bool as_sent = exact || ouro_path_is_canonical(path);
	enum ouro_match_result result;
	int err;

	if (route_other_form(ctx))
		return;
	err = as_sent ? 0 : canonical(ctx, &path);
	if (err) {
		fall_back(ctx, err == -ENOMEM ? OURO_VERDICT_NO_MEMORY : OURO_VERDICT_BAD_PATH);
		return;
	}
	result = match(ctx, path);
	if (result == OURO_MATCH_NOT_FOUND && !exact) {
		struct ouro_str other = other_slash(ctx, path);

		if (other.ptr) {
			result = match(ctx, other);
			as_sent = as_sent && result == OURO_MATCH_NOT_FOUND;
			path = other;
		}
	}
	if (ctx->verdict == OURO_VERDICT_PANICKED)
		fall_back(ctx, OURO_VERDICT_PANICKED);
	else if (result == OURO_MATCH_FOUND)
		found(ctx, path, as_sent);
	else
		fall_back(ctx, result == OURO_MATCH_NOT_FOUND ? OURO_VERDICT_NOT_FOUND
							      : OURO_VERDICT_NOT_ALLOWED);
}

/* RFC 9110, 15.5.6: a 405 says what would be allowed. An OPTIONS that no route answers is answered from
 * the same (RFC 9110, 9.3.7). */
static void refuse_method(struct ouro_ctx *ctx)
{
	const struct ouro_server *server = ctx->worker->server;
	bool options = server->methods[ctx->parser.method] == OURO_METHOD_OPTIONS;
	uint64_t allowed = ctx->match.allowed;
	char text[OURO_METHODS_TEXT_BYTES_MAX];

	if (!server->options.no_auto_options)
		allowed |= UINT64_C(1) << OURO_METHOD_OPTIONS;
	ouro_set_header(ctx, "allow", ouro_str(text, ouro_methods_print(allowed, text)));
	if (options && !server->options.no_auto_options)
		ouro_send(ctx, 204, NULL, OURO_STR(""));
	else
		ouro_error(ctx, 405, NULL);
}

/* Writes @text at @out with what no URI may have escaped (RFC 3986, 2). Browsers take a backslash for a
 * slash, and two of these at the beginning for another host: clients could be led astray. */
static size_t put_uri(struct ouro_str text, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to = out;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];

		if (ouro_path_is_unreserved(byte) || (byte && strchr("%!$&'()*+,;=:@/?", byte))) {
			*to++ = (char)byte;
			continue;
		}
		*to++ = '%';
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	return (size_t)(to - out);
}

void ouro_path_redirect(struct ouro_ctx *ctx, struct ouro_str path)
{
	struct ouro_str query = ouro_query_string(ctx);
	size_t len = 3 * (path.len + query.len) + 1;
	char *location = ouro_arena_alloc(&ctx->arena, len);

	if (!location) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	len = put_uri(path, location);
	if (query.len > 0) {
		location[len++] = '?';
		len += put_uri(query, location + len);
	}
	if (ouro_redirect(ctx, 308, ouro_str(location, len)))
		ouro_error(ctx, 404, NULL);
}

void ouro_path_refuse(struct ouro_ctx *ctx)
{
	switch ((enum ouro_verdict)ctx->verdict) {
	case OURO_VERDICT_NOT_FOUND:
		ouro_error(ctx, 404, NULL);
		return;
	case OURO_VERDICT_NOT_ALLOWED:
		refuse_method(ctx);
		return;
	case OURO_VERDICT_BAD_PATH:
		ouro_error(ctx, 400, "malformed escape in the path");
		return;
	case OURO_VERDICT_ASTERISK:
		ouro_send(ctx, 204, NULL, OURO_STR(""));
		return;
	case OURO_VERDICT_CONNECT:
		ouro_error(ctx, 501, "CONNECT is not supported");
		return;
	case OURO_VERDICT_REDIRECT:
		ouro_path_redirect(ctx, ctx->path);
		return;
	case OURO_VERDICT_NO_MEMORY:
		ouro_error(ctx, 503, "out of memory");
		return;
	case OURO_VERDICT_PANICKED:
		ouro_panic_again(ctx);
	case OURO_VERDICT_FOUND:
		break;
	}
	assert(false && "a route was found and has an endpoint of its own");
}
