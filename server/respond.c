/* Answers: the head is written straight into the connection's output, a small body behind it, and
 * anything larger is referred to. Where middleware has yet to see an answer it is held until then. */
#include "server/respond.h"
#include "base/str.h"
#include "proto/status.h"
#include "proto/token.h"
#include "server/compress.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OTHER_HEAD_BYTES_MAX = 512 /* what is in a head besides fields and type */ };

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

	if (ctx->upgrading)
		return OURO_PERSISTENCE_UPGRADE;
	if (!ctx->keep_alive)
		return OURO_PERSISTENCE_CLOSE;
	return http_1_0 ? OURO_PERSISTENCE_KEEP_ALIVE : OURO_PERSISTENCE_DEFAULT;
}

/* Whether a new response can begin; 0 or the error for the caller. */
int ouro_answer_may_begin(const struct ouro_ctx *ctx, unsigned status)
{
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response != OURO_RESPONSE_NONE || ctx->passing)
		return -EALREADY;
	return status < 200 || status > 999 ? -EINVAL : 0;
}

/* A client that still waits to be asked for its body may now send it or not: nothing can be read
 * behind it (RFC 9110, 10.1.1). Nor is anything behind one that is too large to be thrown away; who
 * only begins the answer may read on. */
void ouro_answer_settle_persistence(struct ouro_ctx *ctx, bool is_whole)
{
	bool unasked = ctx->request == OURO_REQUEST_BODY && ctx->parser.expects_continue &&
		       !ctx->continue_sent;

	if (unasked || (is_whole && !ouro_h1_may_drain(ctx)))
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
	for (size_t i = 0; i < ctx->fields.count; i++)
		if (ouro_str_eq_nocase(ctx->fields.lines[i].name, OURO_STR("content-type")))
			return true;
	return false;
}

/* Writes a head and, where there is any, @body behind it. 0, -ENOTCONN or -EINVAL. */
int ouro_answer_write_head(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			   enum ouro_framing framing, uint64_t content_length, struct ouro_str body)
{
	const struct ouro_response_head head = {
		.status = (uint16_t)status,
		.date = ouro_worker_date(ctx->worker),
		.content_type = has_type(ctx) ? (struct ouro_str){ 0 } : content_type,
		.framing = framing,
		.content_length = content_length,
		.persistence = persistence_of(ctx),
		.fields = ctx->fields.lines,
		.field_count = ctx->fields.count,
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

	if (ctx->fields.count > 0)
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
struct ouro_buf *ouro_answer_copy_body(struct ouro_ctx *ctx, struct ouro_str body)
{
	struct ouro_buf *buf = ouro_bufpool_get(&ctx->worker->bufs, body.len);

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
		slice.buf = ouro_answer_copy_body(ctx, ouro_str(body.ptr, body.len));
		if (!slice.buf)
			return -ENOMEM;
		slice.ptr = slice.buf->data;
	}
	err = ouro_answer_write_head(ctx, status, content_type, OURO_FRAMING_LENGTH, body.len,
				     OURO_STR(""));
	if (!err && ouro_stream_write(ctx->stream, slice)) {
		/* The head is queued and its body is not. */
		ouro_abort(ctx);
		err = -ENOTCONN;
	}
	if (copy)
		ouro_buf_unref(slice.buf);
	return err;
}

static void end_answer(struct ouro_ctx *ctx, unsigned status)
{
	ctx->response = OURO_RESPONSE_DONE;
	ctx->status = (uint16_t)status;
}

int ouro_answer_write_compressed(struct ouro_ctx *ctx, unsigned status,
				 struct ouro_str content_type,
				 const struct ouro_compressed *compressed)
{
	struct ouro_slice body = compressed->body;
	int err;

	if (compressed->is_head)
		err = ouro_answer_write_head(ctx, status, content_type, OURO_FRAMING_NONE, 0,
					     OURO_STR(""));
	else if (body.buf)
		err = send_apart(ctx, status, content_type, body, false);
	else
		err = ouro_answer_write_head(ctx, status, content_type, OURO_FRAMING_LENGTH,
					     body.len, ouro_str(body.ptr, body.len));
	ouro_buf_unref(body.buf);
	if (err)
		ouro_compress_undo(ctx);
	else
		end_answer(ctx, status);
	return err;
}

/* Where @body is one to be compressed, that leaves, as @err says. False: it is to go as it is. */
static bool write_compressed(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			     struct ouro_slice body, int *err)
{
	const struct ouro_piece_ref piece = { .memory = body };
	struct ouro_compressed compressed;

	if (!ouro_compress_whole(ctx, status, content_type, &piece, 1, &compressed))
		return false;
	*err = ouro_answer_write_compressed(ctx, status, content_type, &compressed);
	return true;
}

/* A complete answer leaves. Without @copy, @body lives for ever, or @slice.buf holds it. */
static int write_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		       struct ouro_slice body, bool copy)
{
	size_t inline_max = copy ? OURO_INLINE_BODY_BYTES_MAX : OURO_INLINE_STATIC_BYTES_MAX;
	struct ouro_str text = ouro_str(body.ptr, body.len), sent = text;
	int err;

	ouro_answer_settle_persistence(ctx, true);
	if (ctx->endpoint->compress && write_compressed(ctx, status, content_type, body, &err))
		return err;
	if (ctx->is_head || status == 204 || status == 304)
		sent = OURO_STR("");
	if (sent.len > inline_max)
		err = send_apart(ctx, status, content_type, body, copy);
	else if (!write_common(ctx, status, content_type, body.len, sent))
		err = ouro_answer_write_head(ctx, status, content_type, OURO_FRAMING_LENGTH,
					     body.len, sent);
	else
		err = 0;
	if (!err)
		end_answer(ctx, status);
	return err;
}

bool ouro_answer_has_hooks(const struct ouro_ctx *ctx)
{
	return ctx->worker->server->hooks[OURO_HOOK_RESPONSE].count > 0 && !ctx->hooks_failed;
}

static void run_response_hooks(struct ouro_ctx *ctx)
{
	ouro_hooks_run(ctx, OURO_HOOK_RESPONSE, false);
}

/* Response hooks see the answer that is held; one that panics takes it away. None of them can write it
 * or give another. */
int ouro_answer_pass_hooks(struct ouro_ctx *ctx, unsigned status)
{
	bool passed;

	if (ctx->passing)
		return -EALREADY;
	if (!ouro_answer_has_hooks(ctx))
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

/* An answer that was held, or need not be, leaves. */
static int write_held(struct ouro_ctx *ctx, struct ouro_held *held)
{
	int err;

	if (held->pieces)
		return ouro_answer_write_pieces(ctx, held);
	err = write_whole(ctx, held->status, held->type, held->body,
			  !held->is_static && !held->body.buf);
	ouro_answer_drop_body(held);
	return err;
}

int ouro_flush(struct ouro_ctx *ctx)
{
	struct ouro_held held;
	int err;

	if (ctx->response != OURO_RESPONSE_HELD)
		return -EINVAL;
	err = ouro_answer_pass_hooks(ctx, ctx->held.status);
	if (!err && ctx->endpoint->compress)
		err = ouro_compress_held(ctx);
	if (err)
		return err;
	held = ctx->held;
	ctx->held = (struct ouro_held){ 0 };
	ctx->response = OURO_RESPONSE_NONE;
	err = write_held(ctx, &held);
	if (err)
		ctx->status = 0;
	if (err && held.is_coded)
		ouro_compress_undo(ctx);
	return err;
}

void ouro_held_drop(struct ouro_ctx *ctx)
{
	if (ctx->response != OURO_RESPONSE_HELD)
		return;
	ouro_answer_drop_body(&ctx->held);
	ctx->held = (struct ouro_held){ 0 };
	ctx->response = OURO_RESPONSE_NONE;
	ctx->status = 0;
}

void ouro_answer_drop_body(struct ouro_held *held)
{
	for (size_t i = 0; i < held->piece_count; i++) {
		ouro_buf_unref(held->pieces[i].memory.buf);
		ouro_buf_unref(held->pieces[i].file);
	}
	held->piece_count = 0;
	ouro_buf_unref(held->body.buf);
	held->body.buf = NULL;
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
	if (copy && body.len > OURO_INLINE_BODY_BYTES_MAX) {
		held.body.buf = ouro_answer_copy_body(ctx, body);
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
	return content_type.len + OURO_FIELDS_SET_BYTES_MAX + OURO_INLINE_BODY_BYTES_MAX +
		       OTHER_HEAD_BYTES_MAX <=
	       OURO_STREAM_RESERVE_MAX;
}

/* @pieces where they stay as long as the request does; NULL when out of memory. */
static const struct ouro_piece_ref *keep_pieces(struct ouro_ctx *ctx,
						const struct ouro_piece_ref *pieces, size_t count)
{
	struct ouro_piece_ref *kept = ouro_arena_alloc(&ctx->arena, count * sizeof(*kept));

	if (kept)
		memcpy(kept, pieces, count * sizeof(*kept));
	return kept;
}

static int hold_pieces(struct ouro_ctx *ctx, const struct ouro_held *held)
{
	struct ouro_held kept = *held;

	kept.pieces = keep_pieces(ctx, held->pieces, held->piece_count);
	if (held->type.ptr)
		kept.type = ouro_ctx_copy(ctx, held->type);
	if (!kept.pieces || (held->type.ptr && !kept.type.ptr))
		return -ENOMEM;
	ctx->held = kept;
	ctx->status = held->status;
	ctx->response = OURO_RESPONSE_HELD;
	return 0;
}

int ouro_respond_pieces(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			const struct ouro_piece_ref *pieces, size_t count)
{
	static const struct ouro_piece_ref none = { .memory = { .ptr = "" } };
	struct ouro_held held = {
		.status = (uint16_t)status,
		.type = content_type,
		.pieces = count ? pieces : &none,
		.piece_count = count ? count : 1,
	};
	int err = ouro_answer_may_begin(ctx, status);

	if (!err &&
	    (!type_fits(content_type) || (content_type.ptr && !ouro_is_field_value(content_type))))
		err = -EINVAL;
	if (!err && !ctx->hold && !ouro_answer_has_hooks(ctx) &&
	    !(ctx->endpoint->compress &&
	      ouro_compress_waits(ctx, status, content_type, held.pieces, held.piece_count)))
		return ouro_answer_write_pieces(ctx, &held);
	if (!err)
		err = hold_pieces(ctx, &held);
	if (err) {
		ouro_answer_drop_body(&held);
		return err;
	}
	return ctx->hold ? 0 : ouro_flush(ctx);
}

static bool waits(const struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		  struct ouro_slice body)
{
	const struct ouro_piece_ref piece = { .memory = body };

	return ouro_compress_waits(ctx, status, content_type, &piece, 1);
}

/* A complete answer. Without @copy, @body lives for ever. */
static int send_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		      struct ouro_str body, bool copy)
{
	struct ouro_str present = body.ptr ? body : OURO_STR("");
	const struct ouro_slice whole = { present.ptr, present.len, NULL };
	int err = ouro_answer_may_begin(ctx, status);

	if (err)
		return err;
	if (!ctx->hold && !ouro_answer_has_hooks(ctx) &&
	    !(ctx->endpoint->compress && waits(ctx, status, content_type, whole)))
		return write_whole(ctx, status, content_type, whole, copy);
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
	char text[OURO_INLINE_BODY_BYTES_MAX];
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

bool ouro_is_answered(const struct ouro_ctx *ctx)
{
	return ctx->response != OURO_RESPONSE_NONE && ctx->response != OURO_RESPONSE_RESET;
}

int ouro_redirect(struct ouro_ctx *ctx, unsigned status, struct ouro_str location)
{
	int err;

	if (status < 300 || status > 399)
		return -EINVAL;
	err = ouro_answer_may_begin(ctx, status);
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
	const struct ouro_held *held = &ctx->held;
	struct ouro_slice body = held->body;

	if (held->piece_count == 1 && !held->pieces->file)
		body = held->pieces->memory;
	if (ctx->response != OURO_RESPONSE_HELD)
		return (struct ouro_str){ 0 };
	return ouro_str(body.ptr, body.len);
}
