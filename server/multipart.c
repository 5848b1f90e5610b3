/* Forms with files, part by part, in the buffers that the body comes in: see ouro/multipart.h. */
#include "server/multipart.h"

#include "base/str.h"
#include "server/server_private.h"
#include "server/spill.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PARTS_MAX = 128,
	NAME_BYTES_MAX = 1024,
	MEMORY_BYTES_MAX = 65536,
	FAULT_BYTES = 128,
	REPEATS_MAX =
		100, /* of one error: a handler that minds none would hold up the loop for ever */
};

/* The fields of one part. */
struct part_fields {
	uint32_t count;
	struct ouro_multipart_field fields[];
};

/* ---- Beginning and ending ---- */

static int note_fault(struct ouro_ctx *ctx, int err, const char *format, ...) OURO_PRINTF(3, 4);

static int note_fault(struct ouro_ctx *ctx, int err, const char *format, ...)
{
	char *fault = ouro_arena_alloc(&ctx->arena, FAULT_BYTES);
	va_list args;

	if (fault) {
		va_start(args, format);
		vsnprintf(fault, FAULT_BYTES, format, args);
		va_end(args);
	}
	ctx->multipart_fault = fault;
	if (ctx->multipart)
		ctx->multipart->err = err;
	return err;
}

static int fail_at(struct ouro_ctx *ctx, int err, uint64_t at, const char *reason)
{
	return note_fault(ctx, err, "byte %" PRIu64 ": %s", at, reason);
}

/* What the parser found. */
static int fail_parsed(struct ouro_ctx *ctx)
{
	const struct ouro_multipart_parser *p = &ctx->multipart->parser;

	return fail_at(ctx, p->is_limit ? -EMSGSIZE : -EBADMSG, p->fault_at, p->reason);
}

static const char *default_directory(void)
{
	const char *directory = secure_getenv("TMPDIR");

	return directory && *directory ? directory : "/tmp";
}

static int resolve(struct ouro_ctx *ctx, const struct ouro_multipart_options *given,
		   struct ouro_multipart_options *limits)
{
	const char *directory;

	*limits = given ? *given : (struct ouro_multipart_options){ 0 };
	limits->parts_max = limits->parts_max ? limits->parts_max : PARTS_MAX;
	limits->name_bytes_max = limits->name_bytes_max ? limits->name_bytes_max : NAME_BYTES_MAX;
	if (!limits->header_bytes_max)
		limits->header_bytes_max = OURO_MULTIPART_HEADER_BYTES_MAX;
	if (!limits->part_bytes_max)
		limits->part_bytes_max = UINT64_MAX;
	if (!limits->memory_bytes_max)
		limits->memory_bytes_max = MEMORY_BYTES_MAX;
	if (limits->header_bytes_max > OURO_MULTIPART_HEADER_BYTES_MAX)
		return -EINVAL;
	directory = limits->directory ? limits->directory : default_directory();
	limits->directory = ouro_ctx_copy_c(ctx, ouro_str_c(directory));
	return limits->directory ? 0 : -ENOMEM;
}

/* A copy of the delimiter that slices can hold: what refers to it may be sent when the exchange has
 * ended. */
static struct ouro_buf *copy_delimiter(const struct ouro_multipart_parser *p)
{
	struct ouro_buf *buf = ouro_buf_create(p->delimiter_len);

	if (buf)
		memcpy(buf->data, p->delimiter, p->delimiter_len);
	return buf;
}

static int open_reader(struct ouro_ctx *ctx, const struct ouro_multipart_options *options)
{
	char boundary[OURO_MULTIPART_BOUNDARY_MAX];
	struct ouro_multipart_reader *reader;
	ssize_t len =
		ouro_multipart_boundary(ouro_header_at(ctx, OURO_FIELD_CONTENT_TYPE), boundary);
	int err;

	if (len == -EPROTONOSUPPORT)
		return -EPROTONOSUPPORT;
	if (len < 0)
		return note_fault(ctx, -EBADMSG, "the content type has %s boundary",
				  len == -ENOENT ? "no" : "a malformed");
	reader = ouro_arena_alloc(&ctx->arena, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	memset(reader, 0, offsetof(struct ouro_multipart_reader, parser));
	err = resolve(ctx, options, &reader->limits);
	if (err)
		return err;
	ouro_multipart_init(&reader->parser, ouro_str(boundary, (size_t)len),
			    reader->limits.header_bytes_max);
	reader->delimiter_buf = copy_delimiter(&reader->parser);
	if (!reader->delimiter_buf)
		return -ENOMEM;
	reader->rest = OURO_STR("");
	ctx->multipart = reader;
	return 0;
}

static void count_repeat(struct ouro_ctx *ctx)
{
	if (++ctx->multipart_repeats > REPEATS_MAX)
		ouro_panic(ctx, "it went on reading a form %d times after an error", REPEATS_MAX);
}

int ouro_multipart_open(struct ouro_ctx *ctx, const struct ouro_multipart_options *options)
{
	int err = open_reader(ctx, options);

	/* There is no reader that would remember it: it is found again each time. */
	if (err)
		count_repeat(ctx);
	return err;
}

int ouro_multipart_begin(struct ouro_ctx *ctx, const struct ouro_multipart_options *options)
{
	return ctx->multipart ? -EALREADY : ouro_multipart_open(ctx, options);
}

void ouro_multipart_release(struct ouro_ctx *ctx)
{
	struct ouro_multipart_reader *reader = ctx->multipart;

	assert(ctx->jobs == 0);
	ctx->multipart = NULL;
	ouro_buf_unref(reader->buf);
	ouro_buf_unref(reader->delimiter_buf);
	for (struct ouro_spill *spill = reader->spills; spill; spill = spill->next)
		ouro_spill_close(ctx->worker, spill);
	free(reader->stage);
}

bool ouro_multipart_is_saving(const struct ouro_ctx *ctx)
{
	return ctx->multipart->saving;
}

const char *ouro_multipart_fault(const struct ouro_ctx *ctx)
{
	return ctx->multipart_fault;
}

int ouro_multipart_repeat(struct ouro_ctx *ctx, int err)
{
	int cancelled = ouro_ctx_may_wait(ctx);

	if (cancelled)
		return cancelled;
	count_repeat(ctx);
	return err;
}

/* ---- Events ---- */

/* Waits for more of the body. Positive; 0: it has ended. */
static int refill(struct ouro_ctx *ctx, struct ouro_multipart_reader *reader)
{
	struct ouro_slice chunk;
	ssize_t got;

	ouro_buf_unref(reader->buf);
	reader->buf = NULL;
	reader->rest = OURO_STR("");
	got = ouro_body_read(ctx, &chunk);
	if (got <= 0)
		return (int)got;
	/* Held once more, so that whoever reads the body by other means harms himself alone. */
	reader->buf = ouro_buf_ref(chunk.buf);
	reader->rest = ouro_str(chunk.ptr, chunk.len);
	return 1;
}

/* The next event (never MORE, nor BAD) with @data, 0 at the end of the body, or a negative errno. */
static int next_event(struct ouro_ctx *ctx, struct ouro_multipart_reader *reader,
		      struct ouro_str *data)
{
	enum ouro_multipart_event event;
	int more;

	if (reader->err)
		return ouro_multipart_repeat(ctx, reader->err);
	if (reader->ended)
		return 0;
	while ((event = ouro_multipart_parse(&reader->parser, &reader->rest, data)) ==
	       OURO_MULTIPART_MORE) {
		more = refill(ctx, reader);
		if (more < 0)
			return more;
		if (more > 0)
			continue;
		if (!ouro_multipart_finish(&reader->parser))
			return fail_parsed(ctx);
		reader->ended = true;
		return 0;
	}
	return event == OURO_MULTIPART_BAD ? fail_parsed(ctx) : (int)event;
}

/* Counts a piece of a part against its limit. */
static int count_data(struct ouro_ctx *ctx, struct ouro_multipart_reader *reader, size_t len)
{
	const uint64_t max = reader->limits.part_bytes_max;

	if (len > max - reader->part_bytes)
		return fail_at(ctx, -EMSGSIZE, reader->data_at + max, "a part is too large");
	reader->part_bytes += len;
	return 0;
}

ssize_t ouro_multipart_data(struct ouro_ctx *ctx, struct ouro_str *data)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	int event, err;

	if (!reader->in_part)
		return reader->err ? ouro_multipart_repeat(ctx, reader->err) : 0;
	event = next_event(ctx, reader, data);
	if (event < 0)
		return event;
	if (event == OURO_MULTIPART_PART_END) {
		reader->in_part = false;
		return 0;
	}
	assert(event == OURO_MULTIPART_DATA);
	err = count_data(ctx, reader, data->len);
	return err ? err : (ssize_t)data->len;
}

/* ---- Parts ---- */

/* A name, or a file name; absent where @param is. */
static int read_text(struct ouro_ctx *ctx, const struct ouro_param *param, struct ouro_str *text)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	char *out;
	size_t len;

	*text = (struct ouro_str){ 0 };
	if (!param->value.ptr)
		return 0;
	out = ouro_arena_alloc(&ctx->arena, param->value.len + 1);
	if (!out)
		return -ENOMEM;
	len = ouro_multipart_text(param, out);
	if (len > reader->limits.name_bytes_max)
		return fail_at(ctx, -EMSGSIZE, reader->parser.header_at,
			       "the name of a part is too long");
	*text = ouro_str(out, len);
	return 0;
}

/* The fields, copied; NULL when out of memory. */
static struct part_fields *copy_fields(struct ouro_ctx *ctx, const struct ouro_multipart_parser *p)
{
	struct part_fields *copy =
		ouro_arena_alloc(&ctx->arena,
				 sizeof(*copy) + p->field_count * sizeof(copy->fields[0]));

	if (!copy)
		return NULL;
	copy->count = p->field_count;
	for (uint32_t i = 0; i < p->field_count; i++) {
		copy->fields[i].name = ouro_ctx_copy(ctx, p->fields[i].name);
		copy->fields[i].value = ouro_ctx_copy(ctx, p->fields[i].value);
		if (!copy->fields[i].name.ptr || !copy->fields[i].value.ptr)
			return NULL;
	}
	return copy;
}

struct ouro_str ouro_part_header(const struct ouro_part *part, const char *name)
{
	const struct part_fields *fields = part->fields_;
	struct ouro_str wanted = ouro_str_c(name);

	for (uint32_t i = 0; fields && i < fields->count; i++)
		if (ouro_str_eq_nocase(fields->fields[i].name, wanted))
			return fields->fields[i].value;
	return (struct ouro_str){ 0 };
}

/* The part that has begun, as its header says. */
static int describe(struct ouro_ctx *ctx, struct ouro_part *part)
{
	const struct ouro_multipart_parser *p = &ctx->multipart->parser;
	struct ouro_part own = { .fd = -1 };
	int err = read_text(ctx, &p->name, &own.name);

	if (!err)
		err = read_text(ctx, &p->filename, &own.filename);
	if (err)
		return err;
	own.fields_ = copy_fields(ctx, p);
	if (!own.fields_)
		return -ENOMEM;
	own.content_type = ouro_part_header(&own, "content-type");
	*part = own;
	return 0;
}

int ouro_multipart_part(struct ouro_ctx *ctx, struct ouro_part *part)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	struct ouro_str data;
	ssize_t got;
	int event, err;

	while ((got = ouro_multipart_data(ctx, &data)) > 0)
		;
	event = got < 0 ? (int)got : next_event(ctx, reader, &data);
	if (event <= 0)
		return event;
	assert(event == OURO_MULTIPART_PART);
	if (reader->part_count == reader->limits.parts_max)
		return fail_at(ctx, -EMSGSIZE, reader->parser.header_at, "too many parts");
	err = describe(ctx, part);
	if (err) {
		/* The parser has it behind itself: there is no going back to it. */
		reader->err = err;
		return err;
	}
	reader->part_count++;
	reader->part_bytes = 0;
	reader->data_at = reader->parser.body_bytes;
	reader->in_part = reader->had_part = true;
	return 1;
}

int ouro_multipart_next(struct ouro_ctx *ctx, struct ouro_part *part)
{
	int err = ctx->multipart ? 0 : ouro_multipart_open(ctx, NULL);

	if (err)
		return err;
	return ctx->multipart->collecting ? -EALREADY : ouro_multipart_part(ctx, part);
}

/* @data with what holds it. */
static struct ouro_slice slice_of(const struct ouro_multipart_reader *reader, struct ouro_str data)
{
	const char *delimiter = reader->parser.delimiter;
	uintptr_t offset = (uintptr_t)data.ptr - (uintptr_t)delimiter;

	if (offset < reader->parser.delimiter_len)
		return (struct ouro_slice){ reader->delimiter_buf->data + offset, data.len,
					    reader->delimiter_buf };
	return (struct ouro_slice){ data.ptr, data.len, reader->buf };
}

ssize_t ouro_part_read(struct ouro_ctx *ctx, struct ouro_slice *chunk)
{
	struct ouro_multipart_reader *reader = ctx->multipart;
	struct ouro_str data;
	ssize_t got;

	*chunk = (struct ouro_slice){ "", 0, NULL };
	if (!reader || !reader->had_part || reader->collecting)
		return -EINVAL;
	got = ouro_multipart_data(ctx, &data);
	if (got > 0)
		*chunk = slice_of(reader, data);
	return got;
}
