/* A file as an answer: its fields, conditions (RFC 9110, 13) and ranges (14). What is sent is the file
 * itself, or its memory; only the heads of several parts are written. */
#include "base/filebuf.h"
#include "base/str.h"
#include "proto/media_table.h"
#include "proto/range.h"
#include "server/respond.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_TYPE OURO_STR("application/octet-stream")

#define BIT(field) (UINT64_C(1) << OURO_FIELD_##field)

static const uint64_t conditions = BIT(IF_MATCH) | BIT(IF_NONE_MATCH) | BIT(IF_MODIFIED_SINCE) |
				   BIT(IF_UNMODIFIED_SINCE);

/* The name of a file in its path. */
static struct ouro_str last_segment(struct ouro_str path)
{
	const char *slash = memrchr(path.ptr, '/', path.len);

	if (!slash)
		return path;
	return ouro_str(slash + 1, (size_t)(path.ptr + path.len - slash - 1));
}

/* RFC 9110, 8.8.2.1: Last-Modified is never later than Date. */
static int64_t modified_s(const struct ouro_ctx *ctx, const struct ouro_file *file)
{
	int64_t seconds = file->stat.modified_ns / 1000000000;

	/* Division goes towards zero, time does not. */
	if (file->stat.modified_ns % 1000000000 < 0)
		seconds--;
	return seconds < ctx->worker->loop.unix_s ? seconds : ctx->worker->loop.unix_s;
}

struct ouro_static_note *ouro_static_note_of(struct ouro_ctx *ctx,
					     const struct ouro_static_answer *answer)
{
	struct ouro_file *file = answer->file;
	struct ouro_static_note *note = (struct ouro_static_note *)(void *)file->note;

	if (note->made)
		return note;
	note->made = true;
	note->etag_len = (uint8_t)ouro_etag_write((uint64_t)file->stat.modified_ns, file->stat.size,
						  answer->coding, note->etag);
	note->modified_s = modified_s(ctx, file);
	ouro_date_format(note->modified_s, note->modified);
	note->type = ouro_media_type_of(last_segment(answer->name));
	return note;
}

/* ---- Fields ---- */

/* Adds a field. @value lives as long as the file, which is not as long as an answer that is held. */
static int add_field(struct ouro_ctx *ctx, const char *name, struct ouro_str value)
{
	struct ouro_fields_set *set = &ctx->fields;
	struct ouro_str name_str = ouro_str_c(name);

	if (ctx->hold || ouro_answer_has_hooks(ctx))
		return ouro_set_header(ctx, name, value);
	if (set->count == OURO_FIELDS_SET_MAX ||
	    set->bytes + name_str.len + value.len > OURO_FIELDS_SET_BYTES_MAX)
		return -E2BIG;
	if (!set->lines)
		set->lines =
			ouro_arena_alloc(&ctx->arena, OURO_FIELDS_SET_MAX * sizeof(*set->lines));
	if (!set->lines)
		return -ENOMEM;
	set->lines[set->count++] = (struct ouro_field_line){ name_str, value };
	set->bytes += name_str.len + value.len;
	return 0;
}

/* Whether somebody has set @name before. */
static bool is_set(const struct ouro_ctx *ctx, struct ouro_str name)
{
	for (size_t i = 0; i < ctx->fields.count; i++)
		if (ouro_str_eq_nocase(ctx->fields.lines[i].name, name))
			return true;
	return false;
}

/* The fields that a 304 has too (RFC 9110, 15.4.5). */
static int add_common_fields(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
			     const struct ouro_static_note *note)
{
	int err = add_field(ctx, "etag", ouro_str(note->etag, note->etag_len));

	if (!err)
		err = add_field(ctx, "last-modified", ouro_str(note->modified, OURO_DATE_BYTES));
	/* What a handler or middleware has said of this one answer goes before what is said of all. */
	if (!err && answer->cache_control.ptr && !is_set(ctx, OURO_STR("cache-control")))
		err = add_field(ctx, "cache-control", answer->cache_control);
	if (!err && answer->varies)
		err = add_field(ctx, "vary", OURO_STR("accept-encoding"));
	return err;
}

static int add_fields(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
		      const struct ouro_static_note *note)
{
	int err = add_common_fields(ctx, answer, note);

	if (!err)
		err = add_field(ctx, "accept-ranges", OURO_STR("bytes"));
	if (!err)
		err = add_field(ctx, "x-content-type-options", OURO_STR("nosniff"));
	if (!err && answer->coding)
		err = add_field(ctx, "content-encoding", ouro_static_coding_name(answer->coding));
	return err;
}

static struct ouro_str type_of(const struct ouro_static_answer *answer,
			       const struct ouro_static_note *note)
{
	if (answer->content_type.ptr)
		return answer->content_type;
	return note->type.ptr ? note->type : DEFAULT_TYPE;
}

/* ---- Bodies ---- */

/* @len bytes from @offset of @file. */
static struct ouro_piece_ref piece_of(const struct ouro_file *file, uint64_t offset, uint64_t len)
{
	struct ouro_buf *buf = ouro_buf_ref(file->buf);

	if (ouro_buf_is_file(buf))
		return (struct ouro_piece_ref){ .file = buf, .offset = offset, .len = len };
	return (struct ouro_piece_ref){ .memory = { buf->data + offset, len, buf } };
}

static int send_whole(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
		      const struct ouro_static_note *note)
{
	struct ouro_piece_ref piece;
	int err = add_fields(ctx, answer, note);

	if (err)
		return err;
	piece = piece_of(answer->file, 0, answer->file->stat.size);
	return ouro_respond_pieces(ctx, 200, type_of(answer, note), &piece, 1);
}

static int send_range(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
		      const struct ouro_static_note *note, struct ouro_range range)
{
	char text[OURO_CONTENT_RANGE_BYTES_MAX];
	size_t len = ouro_content_range_write(range, answer->file->stat.size, text);
	struct ouro_piece_ref piece;
	int err = add_fields(ctx, answer, note);

	if (!err)
		err = ouro_set_header(ctx, "content-range", ouro_str(text, len));
	if (err)
		return err;
	piece = piece_of(answer->file, range.first, range.last - range.first + 1);
	return ouro_respond_pieces(ctx, 206, type_of(answer, note), &piece, 1);
}

/* The heads of all parts and the end, in memory of their own; NULL when out of memory. */
static struct ouro_buf *make_heads(const struct ouro_byteranges *multi,
				   const struct ouro_range *ranges, size_t count)
{
	size_t bytes = ouro_byteranges_end_bytes(multi);

	for (size_t i = 0; i < count; i++)
		bytes += ouro_byteranges_head_bytes(multi, i, ranges[i]);
	return ouro_buf_create((uint32_t)bytes);
}

/* Writes the next @bytes of @heads by what has been called: a piece, with a reference of its own. */
static struct ouro_piece_ref take_head(struct ouro_buf *heads, size_t bytes)
{
	char *at = heads->data + heads->len;

	heads->len += (uint32_t)bytes;
	return (struct ouro_piece_ref){ .memory = { at, bytes, ouro_buf_ref(heads) } };
}

static int send_parts(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
		      const struct ouro_byteranges *multi, const struct ouro_range *ranges,
		      size_t count)
{
	struct ouro_piece_ref pieces[2 * OURO_STATIC_RANGES_MAX + 1];
	struct ouro_str type = ouro_static_join(ctx, OURO_BYTERANGES_TYPE, multi->boundary);
	struct ouro_buf *heads = make_heads(multi, ranges, count);
	size_t bytes, made = 0;
	int err;

	if (!heads || !type.ptr) {
		ouro_buf_unref(heads);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		bytes = ouro_byteranges_write_head(multi, i, ranges[i], heads->data + heads->len);
		pieces[made++] = take_head(heads, bytes);
		pieces[made++] = piece_of(answer->file, ranges[i].first,
					  ranges[i].last - ranges[i].first + 1);
	}
	bytes = ouro_byteranges_write_end(multi, heads->data + heads->len);
	pieces[made++] = take_head(heads, bytes);
	err = ouro_respond_pieces(ctx, 206, type, pieces, made);
	ouro_buf_unref(heads);
	return err;
}

static int send_ranges(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
		       const struct ouro_static_note *note, const struct ouro_range *ranges,
		       size_t count)
{
	char boundary[OURO_REQUEST_ID_BYTES];
	const struct ouro_byteranges multi = {
		.boundary = { boundary, sizeof(boundary) },
		.media_type = type_of(answer, note),
		.length = answer->file->stat.size,
	};
	int err = add_fields(ctx, answer, note);

	if (err)
		return err;
	ouro_request_ids_next(&ctx->worker->request_ids, boundary);
	return send_parts(ctx, answer, &multi, ranges, count);
}

/* RFC 9110, 15.5.17: says how long the file is. */
static int refuse_range(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
			const char *detail)
{
	char text[OURO_CONTENT_RANGE_BYTES_MAX];
	size_t len = ouro_content_range_write_none(answer->file->stat.size, text);
	int err = ouro_set_header(ctx, "content-range", ouro_str(text, len));

	return err ? err : ouro_error(ctx, 416, detail);
}

/* ---- Conditions ---- */

/* All values of @field as one list; absent where there is none, or memory is short. */
static struct ouro_str list_of(struct ouro_ctx *ctx, enum ouro_field field)
{
	int index = ouro_http1_find(&ctx->parser, field, -1);
	struct ouro_str list = { 0 };

	for (; index >= 0; index = ouro_http1_find(&ctx->parser, field, index)) {
		struct ouro_str value =
			ouro_http1_value(ctx->head, ctx->parser.fields[index].value);

		if (list.ptr) {
			list = ouro_static_join(ctx, list, OURO_STR(", "));
			value = list.ptr ? ouro_static_join(ctx, list, value) : list;
		}
		list = value;
		if (!list.ptr)
			break;
	}
	return list;
}

static enum ouro_condition check_conditions(struct ouro_ctx *ctx,
					    const struct ouro_validators *validators)
{
	const struct ouro_conditions given = {
		.if_match = list_of(ctx, OURO_FIELD_IF_MATCH),
		.if_none_match = list_of(ctx, OURO_FIELD_IF_NONE_MATCH),
		.if_modified_since = list_of(ctx, OURO_FIELD_IF_MODIFIED_SINCE),
		.if_unmodified_since = list_of(ctx, OURO_FIELD_IF_UNMODIFIED_SINCE),
		.now_s = ctx->worker->loop.unix_s,
	};

	return ouro_conditions_check(&given, validators,
				     ctx->parser.method == HTTP_GET || ctx->is_head);
}

static int respond_to_range(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
			    const struct ouro_static_note *note)
{
	struct ouro_range ranges[OURO_STATIC_RANGES_MAX];
	size_t count;

	switch (ouro_ranges_parse(list_of(ctx, OURO_FIELD_RANGE), answer->file->stat.size, ranges,
				  OURO_STATIC_RANGES_MAX, &count)) {
	case OURO_RANGES_IGNORED:
		break;
	case OURO_RANGES_SOME:
		return count == 1 ? send_range(ctx, answer, note, ranges[0])
				  : send_ranges(ctx, answer, note, ranges, count);
	case OURO_RANGES_UNSATISFIABLE:
		return refuse_range(ctx, answer, "the file has none of these bytes");
	case OURO_RANGES_MALFORMED:
		return refuse_range(ctx, answer, "malformed ranges");
	case OURO_RANGES_TOO_MANY:
		return refuse_range(ctx, answer, "too many ranges");
	}
	return send_whole(ctx, answer, note);
}

/* With conditions or ranges in the request. */
static int respond_conditionally(struct ouro_ctx *ctx, const struct ouro_static_answer *answer,
				 const struct ouro_static_note *note)
{
	const struct ouro_validators validators = {
		.etag = { note->etag, note->etag_len },
		.modified_s = note->modified_s,
	};
	int err;

	switch (check_conditions(ctx, &validators)) {
	case OURO_CONDITION_HOLDS:
		break;
	case OURO_CONDITION_NOT_MODIFIED:
		err = add_common_fields(ctx, answer, note);
		return err ? err : ouro_send(ctx, 304, NULL, OURO_STR(""));
	case OURO_CONDITION_FAILED:
		return ouro_error(ctx, 412, NULL);
	}
	/* GET alone has ranges (RFC 9110, 14.2). */
	if (ctx->parser.method == HTTP_GET && ctx->parser.known & BIT(RANGE) &&
	    ouro_if_range_holds(list_of(ctx, OURO_FIELD_IF_RANGE), &validators,
				ctx->worker->loop.unix_s))
		return respond_to_range(ctx, answer, note);
	return send_whole(ctx, answer, note);
}

int ouro_static_respond(struct ouro_ctx *ctx, const struct ouro_static_answer *answer)
{
	const struct ouro_static_note *note = ouro_static_note_of(ctx, answer);
	const struct ouro_fields_set before = ctx->fields;
	int err;

	/* An error hook may answer with a file to a head that could not be read: then the parser holds
	 * nothing, or what is left of another request. */
	if (ctx->readable && ctx->parser.known & (conditions | BIT(RANGE)))
		err = respond_conditionally(ctx, answer, note);
	else
		err = send_whole(ctx, answer, note);
	/* Another answer is to follow, and knows nothing of this file. */
	if (err && ctx->response == OURO_RESPONSE_NONE) {
		ctx->fields.count = before.count;
		ctx->fields.bytes = before.bytes;
	}
	return err;
}
