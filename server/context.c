/* What handlers ask of a context: the request's parts, waiting, the connection. The answers are in
 * respond.c. */
#include "base/str.h"
#include "proto/json_escape.h"
#include "proto/target.h"
#include "server/exchange.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

static struct ouro_str view(const struct ouro_ctx *ctx, struct ouro_span span)
{
	return ouro_http1_value(ctx->head, span);
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
	return ouro_http1_path(&ctx->parser, ctx->head);
}

struct ouro_str ouro_query_string(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.query);
}

struct ouro_str ouro_param(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str wanted = ouro_str_c(name);

	for (uint32_t i = 0; i < ctx->match.param_count; i++)
		if (ouro_str_eq(ctx->match.names[i], wanted))
			return ctx->params[i];
	return (struct ouro_str){ 0 };
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

struct search {
	struct ouro_str name, value;
};

static bool search_pair(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct search *search = arg;

	if (!ouro_str_eq(name, search->name))
		return true;
	search->value = value;
	return false;
}

struct ouro_str ouro_query(struct ouro_ctx *ctx, const char *name)
{
	struct search search = { .name = ouro_str_c(name) };

	ouro_query_each(ctx, search_pair, &search);
	return search.value;
}

struct ouro_str ouro_header(const struct ouro_ctx *ctx, const char *name)
{
	int index = ouro_http1_find_name(&ctx->parser, ctx->head, ouro_str_c(name), -1);

	return index < 0 ? (struct ouro_str){ 0 } : view(ctx, ctx->parser.fields[index].value);
}

struct ouro_str ouro_host(const struct ouro_ctx *ctx)
{
	return view(ctx, ctx->parser.host);
}

bool ouro_has_body(const struct ouro_ctx *ctx)
{
	return ctx->parser.has_body;
}

uint64_t ouro_body_length(const struct ouro_ctx *ctx)
{
	if (!ctx->parser.has_body)
		return 0;
	return ctx->parser.chunked ? UINT64_MAX : ctx->parser.content_length;
}

/* Tells a client that waits for it to send its body (RFC 9110, 15.2.1). */
static void send_continue(struct ouro_ctx *ctx)
{
	struct ouro_str line = OURO_HTTP1_CONTINUE;
	char *out;

	if (!ctx->parser.expects_continue || ctx->continue_sent ||
	    ctx->response != OURO_RESPONSE_NONE)
		return;
	ctx->continue_sent = true;
	out = ouro_stream_reserve(ctx->stream, line.len);
	if (!out)
		return;
	memcpy(out, line.ptr, line.len);
	ouro_stream_commit(ctx->stream, line.len);
}

int ouro_on_body(struct ouro_ctx *ctx, ouro_body_fn fn)
{
	if (ctx->on_body)
		return -EALREADY;
	ctx->on_body = fn;
	if (ctx->request == OURO_REQUEST_BODY) {
		send_continue(ctx);
		ctx->stream->stamp_ms = ouro_loop_ms(&ctx->worker->loop);
		ouro_stream_check_at(ctx->stream,
				     ctx->stream->stamp_ms +
					     ctx->worker->server->options.body_timeout_ms);
		return 0;
	}
	/* There is none: the session tells it so, from the loop as always. */
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
	if (!keep && ctx->response == OURO_RESPONSE_NONE)
		ctx->keep_alive = false;
}

void ouro_abort(struct ouro_ctx *ctx)
{
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

uint64_t ouro_now_ns(const struct ouro_ctx *ctx)
{
	return ctx->worker->loop.now_ns;
}
