/* Answers: the head is written straight into the connection's output, a small body behind it, and
 * anything larger is referred to. Where middleware has yet to see an answer it is held until then. */
#include "base/str.h"
#include "proto/status.h"
#include "proto/token.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	INLINE_BODY_BYTES_MAX = 4096,  /* copied behind the head; more gets a buffer of its own */
	INLINE_STATIC_BYTES_MAX = 512, /* the same for static memory, where it is cheap */
	FIELD_BYTES_MAX = 3072,        /* of all fields a handler sets */
	PENDING_BYTES_MAX = 4 * 1024 * 1024, /* queued for one client, whoever ignores -EAGAIN */
	OTHER_HEAD_BYTES_MAX = 512,          /* what is in a head besides fields and type */
	FORMATTED_BYTES_MAX = 1024,          /* a field's value from a format */
};

static void count_response(struct ouro_ctx *ctx, unsigned status)
{
	struct ouro_counters *counters = &ctx->worker->loop.counters;

	ouro_counter_add(&counters->responses, 1);
	if (status >= 500)
		ouro_counter_add(&counters->responses_5xx, 1);
	else if (status >= 400)
		ouro_counter_add(&counters->responses_4xx, 1);
}

/* How the connection goes on, in the words that the client's version needs (RFC 9112, 9.3). */
static enum ouro_persistence persistence_of(const struct ouro_ctx *ctx)
{
	bool http_1_0 = ctx->parser.version_minor == 0 && ctx->head;

	if (!ctx->keep_alive)
		return OURO_PERSISTENCE_CLOSE;
	return http_1_0 ? OURO_PERSISTENCE_KEEP_ALIVE : OURO_PERSISTENCE_DEFAULT;
}

/* Whether a new response can begin; 0 or the error for the caller. */
static int check_begin(const struct ouro_ctx *ctx, unsigned status)
{
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response != OURO_RESPONSE_NONE || ctx->passing)
		return -EALREADY;
	return status < 200 || status > 999 ? -EINVAL : 0;
}

/* A client that still waits to be asked for its body may now send it or not: nothing can be read
 * behind it (RFC 9110, 10.1.1). */
static void settle_persistence(struct ouro_ctx *ctx)
{
	if (ctx->request == OURO_REQUEST_BODY && ctx->parser.expects_continue &&
	    !ctx->continue_sent)
		ctx->keep_alive = false;
}

/* Room for a head; NULL where the client has gone or memory is short, and the connection with it. */
static char *reserve(struct ouro_ctx *ctx, size_t bytes)
{
	char *out = ouro_stream_reserve(ctx->stream, bytes);

	if (!out)
		ouro_abort(ctx);
	return out;
}

/* Takes a head of @head_len bytes at @out, and @body behind it, as output. */
static void commit(struct ouro_ctx *ctx, unsigned status, char *out, size_t head_len,
		   struct ouro_str body)
{
	if (body.len > 0)
		memcpy(out + head_len, body.ptr, body.len);
	ouro_stream_commit(ctx->stream, head_len + body.len);
	count_response(ctx, status);
}

/* Whether a field that was set says the content type, which then goes before what the answer says. */
static bool has_type(const struct ouro_ctx *ctx)
{
	for (size_t i = 0; i < ctx->field_count; i++)
		if (ouro_str_eq_nocase(ctx->fields[i].name, OURO_STR("content-type")))
			return true;
	return false;
}

/* Writes a head and, where there is any, @body behind it. 0, -ENOTCONN or -EINVAL. */
static int write_head(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		      enum ouro_framing framing, uint64_t content_length, struct ouro_str body)
{
	const struct ouro_response_head head = {
		.status = (uint16_t)status,
		.date = ouro_worker_date(ctx->worker),
		.content_type = has_type(ctx) ? (struct ouro_str){ 0 } : content_type,
		.framing = framing,
		.content_length = content_length,
		.persistence = persistence_of(ctx),
		.fields = ctx->fields,
		.field_count = ctx->field_count,
	};
	size_t room = ouro_http1_head_bytes_max(&head);
	char *out;
	ssize_t len;

	if (room + body.len > OURO_STREAM_RESERVE_MAX)
		return -EINVAL;
	out = reserve(ctx, room + body.len);
	len = out ? ouro_http1_write_head(&head, out, room) : -ENOTCONN;
	if (len < 0)
		return (int)len;
	commit(ctx, status, out, (size_t)len, body);
	return 0;
}

/* Writes the head and a small body from the worker's rendered heads. False where they do not have
 * such a head. */
static bool write_common(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 uint64_t content_length, struct ouro_str body)
{
	struct ouro_worker *worker = ctx->worker;
	const struct ouro_common_head head = { status, persistence_of(ctx), content_type,
					       content_length };
	const char *date = ouro_worker_date(worker);
	size_t len;
	char *out;

	if (ctx->field_count > 0)
		return false;
	out = ouro_stream_reserve(ctx->stream, OURO_HEAD_CACHE_BYTES_MAX + body.len);
	if (!out)
		return false;
	len = ouro_head_cache_write(&worker->heads, &head, date, worker->date_unix_s, out);
	if (len == 0)
		return false;
	commit(ctx, status, out, len, body);
	return true;
}

/* @body in memory of its own, for the kernel to read when it comes to it. */
static struct ouro_buf *copy_body(struct ouro_ctx *ctx, struct ouro_str body)
{
	struct ouro_buf *buf = body.len <= UINT32_MAX ? ouro_buf_create((uint32_t)body.len) : NULL;

	if (!buf)
		return NULL;
	memcpy(buf->data, body.ptr, body.len);
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, body.len);
	return buf;
}

/* A complete answer whose body goes as a segment of its own. */
static int send_apart(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		      struct ouro_slice body, bool copy)
{
	struct ouro_slice slice = body;
	int err;

	if (copy) {
		slice.buf = copy_body(ctx, ouro_str(body.ptr, body.len));
		if (!slice.buf)
			return -ENOMEM;
		slice.ptr = slice.buf->data;
	}
	err = write_head(ctx, status, content_type, OURO_FRAMING_LENGTH, body.len, OURO_STR(""));
	if (!err && ouro_stream_write(ctx->stream, slice)) {
		/* The head is queued and its body is not. */
		ouro_abort(ctx);
		err = -ENOTCONN;
	}
	if (copy)
		ouro_buf_unref(slice.buf);
	return err;
}

/* A complete answer leaves. Without @copy, @body lives for ever, or @slice.buf holds it. */
static int write_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		       struct ouro_slice body, bool copy)
{
	size_t inline_max = copy ? INLINE_BODY_BYTES_MAX : INLINE_STATIC_BYTES_MAX;
	struct ouro_str text = ouro_str(body.ptr, body.len), sent = text;
	int err;

	settle_persistence(ctx);
	if (ctx->is_head || status == 204 || status == 304)
		sent = OURO_STR("");
	if (sent.len > inline_max)
		err = send_apart(ctx, status, content_type, body, copy);
	else if (!write_common(ctx, status, content_type, body.len, sent))
		err = write_head(ctx, status, content_type, OURO_FRAMING_LENGTH, body.len, sent);
	else
		err = 0;
	if (!err) {
		ctx->response = OURO_RESPONSE_DONE;
		ctx->status = (uint16_t)status;
	}
	return err;
}

static bool has_response_hooks(const struct ouro_ctx *ctx)
{
	return ctx->worker->server->hooks[OURO_HOOK_RESPONSE].count > 0 && !ctx->hooks_failed;
}

static void run_response_hooks(struct ouro_ctx *ctx)
{
	ouro_hooks_run(ctx, OURO_HOOK_RESPONSE, false);
}

/* Response hooks see the answer that is held; one that panics takes it away. None of them can write it
 * or give another. */
static int pass_hooks(struct ouro_ctx *ctx, unsigned status)
{
	bool passed;

	if (ctx->passing)
		return -EALREADY;
	if (!has_response_hooks(ctx))
		return 0;
	assert(ctx->response == OURO_RESPONSE_HELD);
	ctx->status = (uint16_t)status;
	ctx->passing = true;
	passed = ouro_try(ctx, run_response_hooks);
	ctx->passing = false;
	/* While one waited, the request may have failed: then it was answered in another way. */
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response != OURO_RESPONSE_HELD)
		return -EALREADY;
	if (passed)
		return 0;
	ouro_held_drop(ctx);
	ouro_panic_plainly(ctx);
	return -EALREADY;
}

int ouro_flush(struct ouro_ctx *ctx)
{
	struct ouro_held held;
	int err;

	if (ctx->response != OURO_RESPONSE_HELD)
		return -EINVAL;
	err = pass_hooks(ctx, ctx->held.status);
	if (err)
		return err;
	held = ctx->held;
	ctx->held = (struct ouro_held){ 0 };
	ctx->response = OURO_RESPONSE_NONE;
	err = write_whole(ctx, held.status, held.type, held.body,
			  !held.is_static && !held.body.buf);
	ouro_buf_unref(held.body.buf);
	if (err)
		ctx->status = 0;
	return err;
}

void ouro_held_drop(struct ouro_ctx *ctx)
{
	if (ctx->response != OURO_RESPONSE_HELD)
		return;
	ouro_buf_unref(ctx->held.body.buf);
	ctx->held = (struct ouro_held){ 0 };
	ctx->response = OURO_RESPONSE_NONE;
	ctx->status = 0;
}

/* Keeps the answer until middleware and hooks have seen it. */
static int hold(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		struct ouro_str body, bool copy)
{
	struct ouro_held held = { .status = (uint16_t)status, .is_static = !copy };

	held.body = (struct ouro_slice){ body.ptr, body.len, NULL };
	if (content_type.ptr) {
		held.type = ouro_ctx_copy(ctx, content_type);
		if (!held.type.ptr)
			return -ENOMEM;
	}
	if (copy && body.len > INLINE_BODY_BYTES_MAX) {
		held.body.buf = copy_body(ctx, body);
		held.body.ptr = held.body.buf ? held.body.buf->data : NULL;
	} else if (copy) {
		held.body.ptr = ouro_ctx_copy(ctx, body).ptr;
	}
	if (!held.body.ptr)
		return -ENOMEM;
	ctx->held = held;
	ctx->status = (uint16_t)status;
	ctx->response = OURO_RESPONSE_HELD;
	return 0;
}

/* Whether a head with this content type can be written, whatever else it has. */
static bool type_fits(struct ouro_str content_type)
{
	return content_type.len + FIELD_BYTES_MAX + INLINE_BODY_BYTES_MAX + OTHER_HEAD_BYTES_MAX <=
	       OURO_STREAM_RESERVE_MAX;
}

/* A complete answer. Without @copy, @body lives for ever. */
static int send_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		      struct ouro_str body, bool copy)
{
	struct ouro_str present = body.ptr ? body : OURO_STR("");
	int err = check_begin(ctx, status);

	if (err)
		return err;
	if (!ctx->hold && !has_response_hooks(ctx))
		return write_whole(ctx, status, content_type,
				   (struct ouro_slice){ present.ptr, present.len, NULL }, copy);
	if (!type_fits(content_type) || (content_type.ptr && !ouro_is_field_value(content_type)))
		return -EINVAL;
	err = hold(ctx, status, content_type, present, copy);
	return err || ctx->hold ? err : ouro_flush(ctx);
}

int ouro_send(struct ouro_ctx *ctx, unsigned status, const char *content_type, struct ouro_str body)
{
	return send_whole(ctx, status, ouro_str_c(content_type), body, true);
}

int ouro_text(struct ouro_ctx *ctx, unsigned status, struct ouro_str body)
{
	return send_whole(ctx, status, OURO_STR("text/plain; charset=utf-8"), body, true);
}

int ouro_textf(struct ouro_ctx *ctx, unsigned status, const char *format, ...)
{
	char text[INLINE_BODY_BYTES_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(text))
		return -E2BIG;
	return ouro_text(ctx, status, ouro_str(text, (size_t)len));
}

int ouro_send_static(struct ouro_ctx *ctx, unsigned status, const char *content_type,
		     struct ouro_str body)
{
	return send_whole(ctx, status, ouro_str_c(content_type), body, false);
}

/* Response hooks see an answer whose body is still to come: as if it were held, with none. */
static int pass_begun(struct ouro_ctx *ctx, unsigned status)
{
	int err;

	ctx->held = (struct ouro_held){ .status = (uint16_t)status };
	ctx->response = OURO_RESPONSE_HELD;
	err = pass_hooks(ctx, status);
	if (!err)
		ctx->response = OURO_RESPONSE_NONE;
	return err;
}

int ouro_begin(struct ouro_ctx *ctx, unsigned status, const char *content_type, uint64_t length)
{
	enum ouro_framing framing = OURO_FRAMING_NONE;
	/* Of a head that could not be read the version is not known either. */
	bool http_1_1 = ctx->readable && ctx->parser.version_minor > 0;
	int err = check_begin(ctx, status);

	if (!err && has_response_hooks(ctx))
		err = pass_begun(ctx, status);
	if (err)
		return err;
	settle_persistence(ctx);
	ctx->bodyless = ctx->is_head || status == 204 || status == 304;
	ctx->length_known = length != OURO_LENGTH_UNKNOWN;
	ctx->length_left = length;
	/* Towards HTTP/1.0 only the end of the connection can end such a body. */
	if (!ctx->length_known && !http_1_1 && !ctx->bodyless)
		ctx->keep_alive = false;
	ctx->chunked = !ctx->length_known && http_1_1;
	if (ctx->length_known)
		framing = OURO_FRAMING_LENGTH;
	else if (ctx->chunked)
		framing = OURO_FRAMING_CHUNKED;
	err = write_head(ctx, status, ouro_str_c(content_type), framing, length, OURO_STR(""));
	if (!err)
		ctx->response = OURO_RESPONSE_BODY;
	ctx->status = err ? 0 : (uint16_t)status;
	return err;
}

static int write_copy(struct ouro_ctx *ctx, const char *data, size_t len)
{
	char *out = ouro_stream_reserve(ctx->stream, len);

	if (!out)
		return -ENOTCONN;
	memcpy(out, data, len);
	ouro_stream_commit(ctx->stream, len);
	return 0;
}

/* Queues @slice in the framing of the response. */
static int write_framed(struct ouro_ctx *ctx, struct ouro_slice slice)
{
	char chunk_head[OURO_HTTP1_CHUNK_HEAD_BYTES_MAX];
	struct ouro_str chunk_end = OURO_HTTP1_CHUNK_END;
	int err = 0;

	if (ctx->chunked)
		err = write_copy(ctx, chunk_head,
				 ouro_http1_write_chunk_head(slice.len, chunk_head));
	if (!err)
		err = ouro_stream_write(ctx->stream, slice);
	if (!err && ctx->chunked)
		err = write_copy(ctx, chunk_end.ptr, chunk_end.len);
	return err == -EPIPE ? -ENOTCONN : err;
}

/* Whether @bytes more can be written; 0 or the error for the caller. */
static int check_write(struct ouro_ctx *ctx, size_t bytes)
{
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response != OURO_RESPONSE_BODY)
		return -EINVAL;
	if (ctx->length_known && bytes > ctx->length_left)
		return -EMSGSIZE;
	/* What paces a writer is the client, and it takes nothing here: one that writes without end must
	 * not do so for ever. */
	if (ctx->bodyless && !ctx->length_known)
		return -EPIPE;
	return ouro_stream_pending(ctx->stream) > PENDING_BYTES_MAX ? -ENOBUFS : 0;
}

/* A small piece, in its framing, as one reservation. */
static int write_inline(struct ouro_ctx *ctx, struct ouro_str data)
{
	struct ouro_str chunk_end = OURO_HTTP1_CHUNK_END;
	char *out = ouro_stream_reserve(ctx->stream,
					data.len + OURO_HTTP1_CHUNK_HEAD_BYTES_MAX + chunk_end.len);
	size_t len = 0;

	if (!out)
		return -ENOTCONN;
	if (ctx->chunked)
		len = ouro_http1_write_chunk_head(data.len, out);
	memcpy(out + len, data.ptr, data.len);
	len += data.len;
	if (ctx->chunked) {
		memcpy(out + len, chunk_end.ptr, chunk_end.len);
		len += chunk_end.len;
	}
	ouro_stream_commit(ctx->stream, len);
	return 0;
}

/* @err of a write, or, when it went well, whether the writer should wait; one on a fiber does. */
static int after_write(struct ouro_ctx *ctx, int err)
{
	bool on_fiber = ouro_fiber_current(&ctx->worker->fibers) != NULL;

	if (err) {
		/* Half a chunk may be queued: the client must not take it for whole. */
		ouro_abort(ctx);
		return err;
	}
	if (ouro_stream_pending(ctx->stream) <= OURO_STREAM_PENDING_HIGH)
		return 0;
	return on_fiber ? ouro_ctx_suspend(ctx, OURO_WAITING_DRAIN) : -EAGAIN;
}

int ouro_write_slice(struct ouro_ctx *ctx, struct ouro_slice slice)
{
	int err = check_write(ctx, slice.len);

	if (err)
		return err;
	ctx->length_left -= ctx->length_known ? slice.len : 0;
	if (slice.len == 0 || ctx->bodyless)
		return 0;
	return after_write(ctx, write_framed(ctx, slice));
}

int ouro_write(struct ouro_ctx *ctx, struct ouro_str data)
{
	struct ouro_slice slice = { data.ptr, data.len, NULL };
	int err = check_write(ctx, data.len);

	if (err || data.len == 0 || ctx->bodyless)
		return ouro_write_slice(ctx, slice);
	if (data.len <= INLINE_BODY_BYTES_MAX) {
		ctx->length_left -= ctx->length_known ? data.len : 0;
		return after_write(ctx, write_inline(ctx, data));
	}
	slice.buf = copy_body(ctx, data);
	if (!slice.buf)
		return -ENOMEM;
	slice.ptr = slice.buf->data;
	err = ouro_write_slice(ctx, slice);
	ouro_buf_unref(slice.buf);
	return err;
}

int ouro_end(struct ouro_ctx *ctx)
{
	struct ouro_str last = OURO_HTTP1_LAST_CHUNK;

	if (ctx->response == OURO_RESPONSE_RESET)
		return 0;
	if (ctx->response != OURO_RESPONSE_BODY)
		return -EINVAL;
	if (ctx->length_known && ctx->length_left > 0 && !ctx->bodyless) {
		ouro_abort(ctx);
		return 0;
	}
	if (ctx->chunked && !ctx->bodyless && write_copy(ctx, last.ptr, last.len)) {
		ouro_abort(ctx);
		return 0;
	}
	ctx->response = OURO_RESPONSE_DONE;
	return 0;
}

bool ouro_is_answered(const struct ouro_ctx *ctx)
{
	return ctx->response != OURO_RESPONSE_NONE && ctx->response != OURO_RESPONSE_RESET;
}

static bool is_engines_own(struct ouro_str name)
{
	static const struct ouro_str own[] = {
		{ "connection", 10 },
		{ "content-length", 14 },
		{ "transfer-encoding", 17 },
		{ "date", 4 },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (ouro_str_eq_nocase(name, own[i]))
			return true;
	return false;
}

int ouro_set_header(struct ouro_ctx *ctx, const char *name, struct ouro_str value)
{
	struct ouro_field_line line = { ouro_str_c(name), value };

	if (ctx->response > OURO_RESPONSE_HELD)
		return ctx->response == OURO_RESPONSE_RESET ? -ENOTCONN : -EALREADY;
	if (!ouro_is_token(line.name) || is_engines_own(line.name) || !ouro_is_field_value(value))
		return -EINVAL;
	if (ctx->field_count == OURO_FIELDS_SET_MAX ||
	    ctx->field_bytes + line.name.len + value.len > FIELD_BYTES_MAX)
		return -E2BIG;
	if (!ctx->fields)
		ctx->fields =
			ouro_arena_alloc(&ctx->arena, OURO_FIELDS_SET_MAX * sizeof(*ctx->fields));
	line.name = ouro_ctx_copy(ctx, line.name);
	line.value = ouro_ctx_copy(ctx, line.value);
	if (!ctx->fields || !line.name.ptr || !line.value.ptr)
		return -ENOMEM;
	ctx->fields[ctx->field_count++] = line;
	ctx->field_bytes += line.name.len + value.len;
	return 0;
}

int ouro_set_headerf(struct ouro_ctx *ctx, const char *name, const char *format, ...)
{
	char value[FORMATTED_BYTES_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(value))
		return -E2BIG;
	return ouro_set_header(ctx, name, ouro_str(value, (size_t)len));
}

int ouro_unset_header(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str wanted = ouro_str_c(name);
	size_t kept = 0, before = ctx->field_count;

	if (ctx->response > OURO_RESPONSE_HELD)
		return 0;
	for (size_t i = 0; i < before; i++) {
		struct ouro_field_line line = ctx->fields[i];

		if (ouro_str_eq_nocase(line.name, wanted))
			ctx->field_bytes -= line.name.len + line.value.len;
		else
			ctx->fields[kept++] = line;
	}
	ctx->field_count = kept;
	return (int)(before - kept);
}

int ouro_redirect(struct ouro_ctx *ctx, unsigned status, struct ouro_str location)
{
	int err;

	if (status < 300 || status > 399)
		return -EINVAL;
	err = check_begin(ctx, status);
	if (!err)
		err = ouro_set_header(ctx, "location", location);
	return err ? err : ouro_send(ctx, status, NULL, OURO_STR(""));
}

unsigned ouro_status(const struct ouro_ctx *ctx)
{
	return ctx->status;
}

struct ouro_str ouro_answer_body(const struct ouro_ctx *ctx)
{
	if (ctx->response != OURO_RESPONSE_HELD)
		return (struct ouro_str){ 0 };
	return ouro_str(ctx->held.body.ptr, ctx->held.body.len);
}
