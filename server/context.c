/* What handlers ask of a context: the request's parts, waiting, the connection. The answers are in
 * respond.c. */
#include "base/str.h"
#include "proto/json_escape.h"
#include "proto/request_id.h"
#include "proto/target.h"
#include "server/server_private.h"
#include "server/ws.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { URL_PARAMS_MAX = OURO_ROUTER_PARAMS_MAX };

/* A part of the head. Hooks may ask where there is none, or none that could be understood. */
static struct ouro_str view(const struct ouro_ctx *ctx, struct ouro_span span)
{
	return ctx->readable ? ouro_http1_value(ctx->head, span) : OURO_STR("");
}

struct ouro_str ouro_method(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.method_name);
}

struct ouro_str ouro_target(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.target);
}

struct ouro_str ouro_path(const struct ouro_ctx *ctx)
{
	return ctx->readable ? ouro_http1_path(&ctx->parser, ctx->head) : OURO_STR("");
}

struct ouro_str ouro_query_string(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.query);
}

struct ouro_str ouro_pattern(const struct ouro_ctx *ctx)
{
	return ctx->verdict == OURO_VERDICT_FOUND && ctx->endpoint != ctx->worker->server->fallback
		       ? ctx->match.pattern
		       : OURO_STR("");
}

struct ouro_str ouro_param(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str wanted = ouro_str_c(name);

	for (uint32_t i = 0; i < ctx->match.param_count; i++)
		if (ouro_str_eq(ctx->match.names[i], wanted))
			return ctx->params[i];
	return (struct ouro_str){ 0 };
}

struct ouro_str ouro_param_raw(const struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str wanted = ouro_str_c(name);

	for (uint32_t i = 0; i < ctx->match.param_count; i++)
		if (ouro_str_eq(ctx->match.names[i], wanted))
			return ctx->match.values[i];
	return (struct ouro_str){ 0 };
}

int ouro_param_u64(struct ouro_ctx *ctx, const char *name, uint64_t *value)
{
	struct ouro_str text = ouro_param(ctx, name);

	return text.ptr ? ouro_str_to_u64(text, value) : -ENOENT;
}

int ouro_param_i64(struct ouro_ctx *ctx, const char *name, int64_t *value)
{
	struct ouro_str text = ouro_param(ctx, name);
	bool negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t size, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	int err;

	if (!text.ptr)
		return -ENOENT;
	err = ouro_str_to_u64(ouro_str(text.ptr + negative, text.len - negative), &size);
	if (err)
		return err;
	if (size > most)
		return -ERANGE;
	*value = negative ? (int64_t)(0 - size) : (int64_t)size;
	return 0;
}

/* @raw decoded, in the arena; absent where it is malformed or memory is short, told apart in @err.
 */
static struct ouro_str decode(struct ouro_ctx *ctx, struct ouro_str raw, int *err)
{
	char *out = ouro_arena_alloc(&ctx->arena, raw.len ? raw.len : 1);
	ssize_t len = out ? ouro_query_decode(raw, out, raw.len) : -ENOMEM;

	*err = len < 0 ? (int)len : 0;
	return len < 0 ? (struct ouro_str){ 0 } : ouro_str(out, (size_t)len);
}

int ouro_query_each(struct ouro_ctx *ctx, ouro_pair_fn fn, void *arg)
{
	struct ouro_str rest = ouro_query_string(ctx);
	struct ouro_query_pair pair;
	int err = 0;

	while (ouro_query_next(&rest, &pair)) {
		struct ouro_str name = decode(ctx, pair.name, &err);
		struct ouro_str value = { 0 };

		if (!err)
			value = decode(ctx, pair.value, &err);
		if (err)
			return err;
		if (!fn(arg, name, value))
			return 0;
	}
	return 0;
}

struct ouro_str ouro_query(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str rest = ouro_query_string(ctx), wanted = ouro_str_c(name);
	struct ouro_query_pair pair;
	int err;

	/* What other pairs are, malformed perhaps, makes no difference to this one. */
	while (ouro_query_next(&rest, &pair)) {
		bool plain = !pair.name.len || (!memchr(pair.name.ptr, '%', pair.name.len) &&
						!memchr(pair.name.ptr, '+', pair.name.len));
		struct ouro_str own = plain ? pair.name : decode(ctx, pair.name, &err);

		if (own.ptr && ouro_str_eq(own, wanted))
			return decode(ctx, pair.value, &err);
	}
	return (struct ouro_str){ 0 };
}

struct ouro_str ouro_header(const struct ouro_ctx *ctx, const char *name)
{
	int index = -1;

	if (ctx->readable)
		index = ouro_http1_find_name(&ctx->parser, ctx->head, ouro_str_c(name), -1);
	return index < 0 ? (struct ouro_str){ 0 } : view(ctx, ctx->parser.fields[index].value);
}

struct ouro_str ouro_header_at(const struct ouro_ctx *ctx, enum ouro_field field)
{
	int index = -1;

	if (ctx->readable && field != OURO_FIELD_NONE && ctx->parser.known >> field & 1)
		index = ouro_http1_find(&ctx->parser, field, -1);
	return index < 0 ? (struct ouro_str){ 0 } : view(ctx, ctx->parser.fields[index].value);
}

void ouro_header_each(struct ouro_ctx *ctx, const char *name, ouro_pair_fn fn, void *arg)
{
	struct ouro_str wanted = ouro_str_c(name);

	for (uint32_t i = 0; ctx->readable && i < ctx->parser.field_count; i++) {
		struct ouro_str own = view(ctx, ctx->parser.fields[i].name);

		if (name && !ouro_str_eq_nocase(own, wanted))
			continue;
		if (!fn(arg, own, view(ctx, ctx->parser.fields[i].value)))
			return;
	}
}

struct ouro_str ouro_host(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.host);
}

bool ouro_has_body(const struct ouro_ctx *ctx)
{
	return ctx->readable && ctx->parser.has_body;
}

uint64_t ouro_body_length(const struct ouro_ctx *ctx)
{
	if (!ouro_has_body(ctx))
		return 0;
	return ctx->parser.chunked || ctx->decoding ? UINT64_MAX : ctx->parser.content_length;
}

/* Tells a client that waits for it to send its body (RFC 9110, 15.2.1). */
static void send_continue(struct ouro_ctx *ctx)
{
	struct ouro_str line = OURO_HTTP1_CONTINUE;
	char *out;

	if (!ctx->parser.expects_continue || ctx->continue_sent ||
	    ctx->response > OURO_RESPONSE_HELD)
		return;
	ctx->continue_sent = true;
	out = ouro_stream_reserve(ctx->stream, line.len);
	if (!out)
		return;
	memcpy(out, line.ptr, line.len);
	ouro_stream_commit(ctx->stream, line.len);
}

void ouro_body_expect(struct ouro_ctx *ctx)
{
	if (ctx->request != OURO_REQUEST_BODY)
		return;
	send_continue(ctx);
	ctx->stream->stamp_ms = ouro_loop_ms(&ctx->worker->loop);
	ouro_stream_check_at(ctx->stream, ctx->stream->stamp_ms + ctx->endpoint->body_timeout_ms);
}

int ouro_on_body(struct ouro_ctx *ctx, ouro_body_fn fn)
{
	if (ctx->on_body || ctx->body_finished)
		return -EALREADY;
	ctx->on_body = fn;
	/* Where there is none the session tells it so, from the loop as always. */
	ouro_body_expect(ctx);
	return 0;
}

int ouro_after(struct ouro_ctx *ctx, uint32_t ms, ouro_handler_fn fn)
{
	struct ouro_loop *loop = &ctx->worker->loop;
	int err;

	if (ctx->on_after)
		return -EALREADY;
	err = ouro_timer_set(&loop->timers, &ctx->timer, loop->now_ns + ms * UINT64_C(1000000));
	if (!err)
		ctx->on_after = fn;
	return err;
}

int ouro_on_drain(struct ouro_ctx *ctx, ouro_handler_fn fn)
{
	ctx->on_drain = fn;
	return 0;
}

void ouro_on_gone(struct ouro_ctx *ctx, ouro_handler_fn fn)
{
	ctx->on_gone = fn;
}

void ouro_keep_alive(struct ouro_ctx *ctx, bool keep)
{
	if (!keep && ctx->response <= OURO_RESPONSE_HELD)
		ctx->keep_alive = false;
}

void ouro_close(struct ouro_ctx *ctx)
{
	ctx->keep_alive = false;
}

bool ouro_is_closed(const struct ouro_ctx *ctx)
{
	return ctx->cancelled || ctx->closing ||
	       (ctx->ws && ctx->ws->session.state != OURO_WS_OPEN);
}

uint64_t ouro_connection_id(const struct ouro_ctx *ctx)
{
	/* Ids of a loop have 48 bits. */
	return (uint64_t)ctx->worker->index << 48 | ouro_conn_id(ouro_conn_of(ctx->stream));
}

void ouro_abort(struct ouro_ctx *ctx)
{
	ouro_held_drop(ctx);
	ctx->request = OURO_REQUEST_FAILED;
	if (ctx->response != OURO_RESPONSE_DONE)
		ctx->response = OURO_RESPONSE_RESET;
	ctx->closing = true;
	ouro_stream_close(ctx->stream, OURO_CLOSE_ABORT);
}

struct ouro_str ouro_peer(struct ouro_ctx *ctx)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	char *text = ouro_arena_alloc(&ctx->arena, OURO_ADDRESS_TEXT_MAX);

	if (!text ||
	    getpeername(ouro_conn_fd(ouro_conn_of(ctx->stream)), (struct sockaddr *)&peer, &len))
		return OURO_STR("");
	ouro_address_print(&peer, text);
	return ouro_str_c(text);
}

struct ouro_str ouro_request_id(struct ouro_ctx *ctx)
{
	struct ouro_str sent = ouro_header_at(ctx, OURO_FIELD_X_REQUEST_ID);
	char *made;

	if (ctx->request_id.ptr)
		return ctx->request_id;
	if (sent.ptr && ouro_request_id_is_valid(sent))
		return ctx->request_id = sent;
	made = ouro_arena_alloc(&ctx->arena, OURO_REQUEST_ID_BYTES);
	if (!made)
		return OURO_STR("");
	ouro_request_ids_next(&ctx->worker->request_ids, made);
	return ctx->request_id = ouro_str(made, OURO_REQUEST_ID_BYTES);
}

int ouro_set_attribute(struct ouro_ctx *ctx, const char *key, void *value)
{
	struct ouro_attribute_node *node = ctx->attributes;

	while (node && strcmp(node->key, key) != 0)
		node = node->next;
	if (!node) {
		node = ouro_arena_alloc(&ctx->arena, sizeof(*node));
		if (!node)
			return -ENOMEM;
		*node = (struct ouro_attribute_node){ ctx->attributes, key, NULL };
		ctx->attributes = node;
	}
	node->value = value;
	return 0;
}

void *ouro_attribute(const struct ouro_ctx *ctx, const char *key)
{
	for (const struct ouro_attribute_node *node = ctx->attributes; node; node = node->next)
		if (node->key == key || strcmp(node->key, key) == 0)
			return node->value;
	return NULL;
}

struct ouro_str ouro_date(struct ouro_ctx *ctx)
{
	return ouro_ctx_copy(ctx, ouro_str(ouro_worker_date(ctx->worker), OURO_DATE_BYTES));
}

struct ouro_str ouro_url(struct ouro_ctx *ctx, const char *name, ...)
{
	struct ouro_url_value params[URL_PARAMS_MAX];
	const char *param;
	size_t count = 0, room = OURO_ROUTER_PATTERN_BYTES_MAX + 1;
	ssize_t len = -EINVAL;
	va_list args;
	char *out;

	va_start(args, name);
	while ((param = va_arg(args, const char *)) != NULL && count < URL_PARAMS_MAX) {
		params[count] =
			(struct ouro_url_value){ param, ouro_str_c(va_arg(args, const char *)) };
		room += 3 * params[count++].value.len;
	}
	va_end(args);
	out = param ? NULL : ouro_arena_alloc(&ctx->arena, room);
	if (out)
		len = ouro_server_url(ctx->worker->server, name, params, count, out, room);
	return len < 0 ? (struct ouro_str){ 0 } : ouro_str(out, (size_t)len);
}

struct ouro_str ouro_ctx_copy(struct ouro_ctx *ctx, struct ouro_str text)
{
	char *copy = ouro_arena_alloc(&ctx->arena, text.len ? text.len : 1);

	if (!copy)
		return (struct ouro_str){ 0 };
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return ouro_str(copy, text.len);
}

char *ouro_ctx_copy_c(struct ouro_ctx *ctx, struct ouro_str text)
{
	char *copy = ouro_arena_alloc(&ctx->arena, text.len + 1);

	if (!copy)
		return NULL;
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return copy;
}

struct ouro_str ouro_json_string(struct ouro_ctx *ctx, struct ouro_str text)
{
	size_t room = OURO_JSON_STRING_BYTES_MAX(text.len);
	char *out = ouro_arena_alloc(&ctx->arena, room);
	struct ouro_str present = text.ptr ? text : OURO_STR("");
	ssize_t len = out ? ouro_json_write_string(present, out, room) : -ENOMEM;

	return len < 0 ? (struct ouro_str){ 0 } : ouro_str(out, (size_t)len);
}

void *ouro_alloc(struct ouro_ctx *ctx, size_t bytes)
{
	return ouro_arena_alloc(&ctx->arena, bytes);
}

void ouro_set_data(struct ouro_ctx *ctx, void *data)
{
	ctx->data = data;
}

void *ouro_data(const struct ouro_ctx *ctx)
{
	return ctx->data;
}

struct ouro_server *ouro_server_of(const struct ouro_ctx *ctx)
{
	return ctx->worker->server;
}

uint64_t ouro_now_ns(const struct ouro_ctx *ctx)
{
	struct ouro_backend *backend = ctx->worker->loop.backend;
	struct ouro_clock clock;

	/* The loop's own reading is as old as the turn, and many handlers take less than a turn. */
	backend->ops->read_clock(backend, &clock);
	return clock.monotonic_ns;
}
