/* Answers whose body follows in pieces, paced by the client; and what may come before an answer. */
#include "server/compress.h"
#include "server/respond.h"
#include "server/server_private.h"
#include "server/sse.h"

#include <errno.h>
#include <string.h>

enum {
	PENDING_BYTES_MAX = 4 * 1024 * 1024, /* queued for one client, whoever ignores -EAGAIN */
	FIELD_FRAME_BYTES = 4,               /* of a field line besides name and value */
};

/* Response hooks see an answer whose body is still to come: as if it were held, with none. */
static int pass_begun(struct ouro_ctx *ctx, unsigned status)
{
	int err;

	ctx->held = (struct ouro_held){ .status = (uint16_t)status };
	ctx->response = OURO_RESPONSE_HELD;
	err = ouro_answer_pass_hooks(ctx, status);
	if (!err)
		ctx->response = OURO_RESPONSE_NONE;
	return err;
}

/* 103 with @lines. 0 or a negative errno. */
static int write_hints(struct ouro_ctx *ctx, const struct ouro_field_line *lines, size_t count)
{
	const struct ouro_response_head head = {
		.status = 103,
		.framing = OURO_FRAMING_NONE,
		.fields = lines,
		.field_count = count,
	};
	size_t room = ouro_http1_head_bytes_max(&head);
	char *out = ouro_stream_reserve(ctx->stream, room);
	ssize_t len = out ? ouro_http1_write_head(&head, out, room) : -ENOTCONN;

	if (len < 0)
		return (int)len;
	ouro_stream_commit(ctx->stream, (size_t)len);
	return 0;
}

int ouro_early_hints(struct ouro_ctx *ctx, const struct ouro_str *links, size_t count)
{
	struct ouro_field_line lines[OURO_FIELDS_SET_MAX];
	size_t bytes = 0;

	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response > OURO_RESPONSE_HELD)
		return -EALREADY;
	if (!ctx->readable || ctx->parser.version_minor == 0)
		return -ENOTSUP;
	for (size_t i = 0; i < count; i++) {
		bytes += links[i].len;
		if (i == OURO_FIELDS_SET_MAX || bytes > OURO_FIELDS_SET_BYTES_MAX)
			return -E2BIG;
		lines[i] = (struct ouro_field_line){ OURO_STR("link"), links[i] };
	}
	return write_hints(ctx, lines, count);
}

int ouro_begin(struct ouro_ctx *ctx, unsigned status, const char *content_type, uint64_t length)
{
	enum ouro_framing framing = OURO_FRAMING_NONE;
	/* Of a head that could not be read the version is not known either. */
	bool http_1_1 = ctx->readable && ctx->parser.version_minor > 0;
	bool is_coded, length_told;
	int err = ouro_answer_may_begin(ctx, status);

	if (!err && ouro_answer_has_hooks(ctx))
		err = pass_begun(ctx, status);
	if (err)
		return err;
	ouro_answer_settle_persistence(ctx, false);
	is_coded = ctx->endpoint->compress &&
		   ouro_compress_begin(ctx, status, ouro_str_c(content_type), length);
	ctx->bodyless = ctx->is_head || status == 204 || status == 304;
	ctx->length_known = length != OURO_LENGTH_UNKNOWN;
	ctx->length_left = length;
	length_told = ctx->length_known && !is_coded;
	/* Towards HTTP/1.0 only the end of the connection can end such a body. */
	if (!length_told && !http_1_1 && !ctx->bodyless)
		ctx->keep_alive = false;
	ctx->chunked = !length_told && http_1_1;
	if (length_told)
		framing = OURO_FRAMING_LENGTH;
	else if (ctx->chunked)
		framing = OURO_FRAMING_CHUNKED;
	err = ouro_answer_write_head(ctx, status, ouro_str_c(content_type), framing, length,
				     OURO_STR(""));
	if (!err)
		ctx->response = OURO_RESPONSE_BODY;
	else if (is_coded)
		ouro_compress_undo(ctx);
	ctx->status = err ? 0 : (uint16_t)status;
	return err;
}

static int write_copy(struct ouro_stream *stream, const char *data, size_t len)
{
	char *out = ouro_stream_reserve(stream, len);

	if (!out)
		return -ENOTCONN;
	memcpy(out, data, len);
	ouro_stream_commit(stream, len);
	return 0;
}

int ouro_answer_write_copy(struct ouro_ctx *ctx, const char *data, size_t len)
{
	return write_copy(ctx->stream, data, len);
}

/* The framing around a piece of @len bytes. 0 or -ENOTCONN. */
static int begin_piece(const struct ouro_outlet *outlet, uint64_t len)
{
	char chunk_head[OURO_HTTP1_CHUNK_HEAD_BYTES_MAX];

	if (!outlet->chunked)
		return 0;
	return write_copy(outlet->stream, chunk_head, ouro_http1_write_chunk_head(len, chunk_head));
}

static int end_piece(const struct ouro_outlet *outlet)
{
	struct ouro_str chunk_end = OURO_HTTP1_CHUNK_END;

	return outlet->chunked ? write_copy(outlet->stream, chunk_end.ptr, chunk_end.len) : 0;
}

int ouro_outlet_write(const struct ouro_outlet *outlet, struct ouro_slice slice)
{
	int err = begin_piece(outlet, slice.len);

	if (!err)
		err = ouro_stream_write(outlet->stream, slice);
	if (!err)
		err = end_piece(outlet);
	return err == -EPIPE ? -ENOTCONN : err;
}

/* Whether @bytes more can be written; 0 or the error for the caller. */
int ouro_answer_may_write(struct ouro_ctx *ctx, uint64_t bytes)
{
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	/* Between events there is nothing else. */
	if (ctx->response != OURO_RESPONSE_BODY || ctx->events)
		return -EINVAL;
	if (ctx->length_known && bytes > ctx->length_left)
		return -EMSGSIZE;
	/* What paces a writer is the client, and it takes nothing here: one that writes without end must
	 * not do so for ever. */
	if (ctx->bodyless && !ctx->length_known)
		return -EPIPE;
	return ouro_stream_pending(ctx->stream) > PENDING_BYTES_MAX ? -ENOBUFS : 0;
}

/* As one reservation. */
int ouro_outlet_copy(const struct ouro_outlet *outlet, struct ouro_str data)
{
	struct ouro_str chunk_end = OURO_HTTP1_CHUNK_END;
	char *out = ouro_stream_reserve(outlet->stream,
					data.len + OURO_HTTP1_CHUNK_HEAD_BYTES_MAX + chunk_end.len);
	size_t len = 0;

	if (!out)
		return -ENOTCONN;
	if (outlet->chunked)
		len = ouro_http1_write_chunk_head(data.len, out);
	memcpy(out + len, data.ptr, data.len);
	len += data.len;
	if (outlet->chunked) {
		memcpy(out + len, chunk_end.ptr, chunk_end.len);
		len += chunk_end.len;
	}
	ouro_stream_commit(outlet->stream, len);
	return 0;
}

/* @err of a write, or, when it went well, whether the writer should wait; one on a fiber does. */
int ouro_answer_after_write(struct ouro_ctx *ctx, int err)
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

/* Queues @slice, of a begun body. Whether anything of it was, or should have been, goes into @wrote. */
static int put_slice(struct ouro_ctx *ctx, struct ouro_slice slice, bool *wrote)
{
	const struct ouro_outlet outlet = ouro_outlet_of(ctx);
	int err = ouro_answer_may_write(ctx, slice.len);

	*wrote = !err && slice.len > 0 && !ctx->bodyless;
	if (err)
		return err;
	ctx->length_left -= ctx->length_known ? slice.len : 0;
	if (!*wrote)
		return 0;
	return ctx->encoder ? ouro_compress_write(ctx, ouro_str(slice.ptr, slice.len))
			    : ouro_outlet_write(&outlet, slice);
}

int ouro_answer_write_taken(struct ouro_ctx *ctx, struct ouro_slice slice)
{
	bool wrote;
	int err = put_slice(ctx, slice, &wrote);

	ouro_buf_unref(slice.buf);
	return wrote ? ouro_answer_after_write(ctx, err) : err;
}

int ouro_write_slice(struct ouro_ctx *ctx, struct ouro_slice slice)
{
	ouro_buf_ref(slice.buf);
	return ouro_answer_write_taken(ctx, slice);
}

static int put_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset, uint64_t len,
		    bool *wrote)
{
	const struct ouro_outlet outlet = ouro_outlet_of(ctx);
	int err = ouro_answer_may_write(ctx, len);

	*wrote = !err && len > 0 && !ctx->bodyless;
	if (err)
		return err;
	ctx->length_left -= ctx->length_known ? len : 0;
	if (!*wrote)
		return 0;
	if (ctx->encoder)
		return ouro_compress_write_file(ctx, file, offset, len);
	err = begin_piece(&outlet, len);
	if (!err)
		err = ouro_stream_write_file(ctx->stream, file, offset, len);
	if (!err)
		err = end_piece(&outlet);
	return err == -EPIPE ? -ENOTCONN : err;
}

int ouro_answer_write_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset,
			   uint64_t len)
{
	bool wrote;
	int err = put_file(ctx, file, offset, len, &wrote);

	ouro_buf_unref(file);
	return wrote ? ouro_answer_after_write(ctx, err) : err;
}

int ouro_write(struct ouro_ctx *ctx, struct ouro_str data)
{
	const struct ouro_outlet outlet = ouro_outlet_of(ctx);
	struct ouro_slice slice = { data.ptr, data.len, NULL };
	int err = ouro_answer_may_write(ctx, data.len);

	if (err || data.len == 0 || ctx->bodyless || ctx->encoder)
		return ouro_write_slice(ctx, slice);
	if (data.len <= OURO_INLINE_BODY_BYTES_MAX) {
		ctx->length_left -= ctx->length_known ? data.len : 0;
		return ouro_answer_after_write(ctx, ouro_outlet_copy(&outlet, data));
	}
	slice.buf = ouro_answer_copy_body(ctx, data);
	if (!slice.buf)
		return -ENOMEM;
	slice.ptr = slice.buf->data;
	return ouro_answer_write_taken(ctx, slice);
}

/* The end of a chunked body, with its trailers. 0 or a negative errno. */
static int write_last_chunk(struct ouro_ctx *ctx)
{
	struct ouro_str last = OURO_HTTP1_LAST_CHUNK;
	const struct ouro_fields_set *set = &ctx->trailers;
	size_t room = last.len + set->bytes + set->count * FIELD_FRAME_BYTES;
	char *out = ouro_stream_reserve(ctx->stream, room);
	ssize_t len;

	if (!out)
		return -ENOTCONN;
	len = ouro_http1_write_trailers(set->lines, set->count, out, room);
	if (len < 0)
		return (int)len;
	ouro_stream_commit(ctx->stream, (size_t)len);
	return 0;
}

int ouro_end(struct ouro_ctx *ctx)
{
	if (ctx->response == OURO_RESPONSE_RESET)
		return 0;
	if (ctx->response != OURO_RESPONSE_BODY)
		return -EINVAL;
	if (ctx->length_known && ctx->length_left > 0 && !ctx->bodyless) {
		ouro_abort(ctx);
		return 0;
	}
	if (ctx->events && ouro_event_stream_end(ctx))
		return 0;
	if (ctx->encoder && ouro_compress_end(ctx)) {
		ouro_abort(ctx);
		return 0;
	}
	if (ctx->chunked && !ctx->bodyless && write_last_chunk(ctx)) {
		ouro_abort(ctx);
		return 0;
	}
	ctx->response = OURO_RESPONSE_DONE;
	ouro_event_stream_drop(ctx);
	return 0;
}
