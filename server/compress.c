/* Compressed answers: see server/compress.h.
 *
 * What is compressed is another representation of the same thing (RFC 9110, 8.4 and 12.5.3): its
 * strong entity tag becomes a weak one, and caches are told what it depends on. */
#include "server/compress.h"

#include "base/filebuf.h"
#include "base/str.h"
#include "proto/media_table.h"
#include "proto/negotiate.h"
#include "server/respond.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ACCEPTS_MAX = 8, /* Accept-Encoding fields that are looked at */
	/* What is encoded of a stream before others get their turn, where the writer can wait. */
	STREAM_BYTES_AT_ONCE = OURO_COMPRESS_INLINE_BYTES_MAX,
	FILE_BYTES_AT_ONCE = 64 * 1024,
};

static_assert((int)OURO_CODERS_ROOM_BYTES >= (int)OURO_COMPRESS_INLINE_BYTES_MAX,
	      "what is smaller than the body fits");

/* ---- Whether ---- */

enum ouro_coding ouro_compress_choose(const struct ouro_str *values, size_t count)
{
	struct ouro_str offers[OURO_CODING_COUNT];
	int index;

	/* In the server's order of preference, and what nobody prefers last. */
	for (unsigned i = 0; i < OURO_CODING_COUNT; i++)
		offers[i] = ouro_coding_name((enum ouro_coding)((i + 1) % OURO_CODING_COUNT));
	index = ouro_negotiate_encoding(values, count, offers, OURO_CODING_COUNT);
	return index < 0 ? OURO_CODING_IDENTITY
			 : (enum ouro_coding)((index + 1) % OURO_CODING_COUNT);
}

static enum ouro_coding coding_of_client(const struct ouro_ctx *ctx)
{
	struct ouro_str values[ACCEPTS_MAX];
	size_t count = 0;
	int index = -1;

	while (count < ACCEPTS_MAX &&
	       (index = ouro_http1_find(&ctx->parser, OURO_FIELD_ACCEPT_ENCODING, index)) >= 0)
		values[count++] = ouro_http1_value(ctx->head, ctx->parser.fields[index].value);
	return ouro_compress_choose(values, count);
}

/* The next field called @name that was set, from @index on; NULL: none. */
static struct ouro_field_line *next_set(const struct ouro_ctx *ctx, struct ouro_str name,
					size_t *index)
{
	while (*index < ctx->fields.count) {
		struct ouro_field_line *line = &ctx->fields.lines[(*index)++];

		if (ouro_str_eq_nocase(line->name, name))
			return line;
	}
	return NULL;
}

static struct ouro_field_line *first_set(const struct ouro_ctx *ctx, struct ouro_str name)
{
	size_t index = 0;

	return next_set(ctx, name, &index);
}

/* Whether a list in the fields called @name has @token. */
static bool says(const struct ouro_ctx *ctx, struct ouro_str name, struct ouro_str token)
{
	struct ouro_field_line *line;
	size_t index = 0;

	while ((line = next_set(ctx, name, &index)))
		if (ouro_str_has_token(line->value, token))
			return true;
	return false;
}

/* Whether a field is set that is only right for the body as it is: an encoding or a range of it, a digest
 * (RFC 9530; both kinds are of what is sent), or that it must stay so (RFC 9111, 5.2.2.6). */
static bool is_fixed(const struct ouro_ctx *ctx)
{
	static const struct ouro_str names[] = {
		{ "content-encoding", 16 }, { "content-range", 13 }, { "content-digest", 14 },
		{ "repr-digest", 11 },      { "digest", 6 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (first_set(ctx, names[i]))
			return true;
	return says(ctx, OURO_STR("cache-control"), OURO_STR("no-transform"));
}

/* Whether the answer would be compressed if the client liked that. */
static bool is_fit(const struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
		   uint64_t bytes)
{
	const struct ouro_field_line *type;

	if (!ctx->readable || bytes < ctx->worker->server->options.compress_bytes_min)
		return false;
	/* Ranges are ranges of what is there, not of what comes of it (RFC 9110, 14.2). */
	if (status == 204 || status == 206 || status == 304)
		return false;
	type = first_set(ctx, OURO_STR("content-type"));
	return ouro_media_type_compresses(type ? type->value : content_type) && !is_fixed(ctx);
}

/* Caches learn that the answer depends on the client. False where the head has no room for that. */
static bool say_vary(struct ouro_ctx *ctx)
{
	return says(ctx, OURO_STR("vary"), OURO_STR("accept-encoding")) ||
	       says(ctx, OURO_STR("vary"), OURO_STR("*")) ||
	       ouro_set_header(ctx, "vary", OURO_STR("accept-encoding")) == 0;
}

/* What the answer, which is fit, is to be encoded with. */
static enum ouro_coding choose(struct ouro_ctx *ctx)
{
	return say_vary(ctx) ? coding_of_client(ctx) : OURO_CODING_IDENTITY;
}

/* RFC 9110, 8.8.3.3: a strong tag is for these very bytes. False where there is no room for that. */
static bool weaken_etag(struct ouro_ctx *ctx)
{
	struct ouro_field_line *line = first_set(ctx, OURO_STR("etag"));
	char *weak;

	if (!line || ouro_str_starts(line->value, OURO_STR("W/")))
		return true;
	if (ctx->fields.bytes + 2 > OURO_FIELDS_SET_BYTES_MAX)
		return false;
	weak = ouro_arena_alloc(&ctx->arena, line->value.len + 2);
	if (!weak)
		return false;
	weak[0] = 'W';
	weak[1] = '/';
	memcpy(weak + 2, line->value.ptr, line->value.len);
	line->value = ouro_str(weak, line->value.len + 2);
	ctx->fields.bytes += 2;
	return true;
}

/* Whether the client holds what the strong tag @etag names, with a weak one. */
static bool holds_weak(const struct ouro_ctx *ctx, struct ouro_str etag)
{
	int index = -1;

	while ((index = ouro_http1_find(&ctx->parser, OURO_FIELD_IF_NONE_MATCH, index)) >= 0) {
		struct ouro_str tags = ouro_http1_value(ctx->head, ctx->parser.fields[index].value);
		const char *end = tags.ptr + tags.len, *at = tags.ptr;

		/* Within a tag there are no quotes: one that begins with them is it. */
		while ((at = memmem(at, (size_t)(end - at), etag.ptr, etag.len)) != NULL) {
			if (at - tags.ptr >= 2 && at[-2] == 'W' && at[-1] == '/')
				return true;
			at++;
		}
	}
	return false;
}

/* RFC 9110, 15.4.5: 304 has the Vary and the tag that 200 would have. Whether that would have been
 * compressed is not known here, but which tag the client was given is, and only that one lets caches find
 * what they hold (RFC 9111, 4.3.4). Where the head has no room it stays as it is. */
static void adapt_not_modified(struct ouro_ctx *ctx)
{
	const struct ouro_field_line *etag = first_set(ctx, OURO_STR("etag"));

	if (!ctx->readable)
		return;
	say_vary(ctx);
	if (etag && holds_weak(ctx, etag->value))
		weaken_etag(ctx);
}

/* Says in the head what the body is encoded with. False where the head has no room for that. */
static bool announce(struct ouro_ctx *ctx, enum ouro_coding coding)
{
	if (ouro_set_header(ctx, "content-encoding", ouro_coding_name(coding)))
		return false;
	if (weaken_etag(ctx))
		return true;
	ouro_unset_header(ctx, "content-encoding");
	return false;
}

void ouro_compress_undo(struct ouro_ctx *ctx)
{
	ouro_compress_drop(ctx);
	ouro_unset_header(ctx, "content-encoding");
}

static struct ouro_coders *coders_of(struct ouro_ctx *ctx)
{
	return &ctx->worker->coders;
}

static void count(struct ouro_worker *worker, uint64_t in, uint64_t out)
{
	struct ouro_counters *counters = &worker->loop.counters;

	ouro_counter_add(&counters->bytes_compressed_in, in);
	ouro_counter_add(&counters->bytes_compressed_out, out);
}

/* ---- Whole answers ---- */

/* How much memory the pieces are; UINT64_MAX where one is of a file: those have their own ways. */
static uint64_t sum_of(const struct ouro_piece_ref *pieces, size_t piece_count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < piece_count; i++) {
		if (pieces[i].file)
			return UINT64_MAX;
		sum += pieces[i].memory.len;
	}
	return sum;
}

/* Encodes all of @pieces at @out. The length; -ENOSPC where @room is not enough, -ENOMEM. On any
 * thread. */
static ssize_t encode_all(struct ouro_encoder *encoder, const struct ouro_piece_ref *pieces,
			  size_t piece_count, char *out, size_t room)
{
	size_t len = 0, wrote;

	for (size_t i = 0; i < piece_count; i++) {
		struct ouro_str in = ouro_str(pieces[i].memory.ptr, pieces[i].memory.len);
		enum ouro_encode step;

		do {
			if (room - len < OURO_ENCODER_ROOM_MIN)
				return -ENOSPC;
			step = ouro_encoder_run(encoder, &in,
						i + 1 == piece_count ? OURO_FLUSH_END
								     : OURO_FLUSH_NONE,
						out + len, room - len, &wrote);
			len += wrote;
		} while (step == OURO_ENCODE_FULL);
		if (step == OURO_ENCODE_FAILED)
			return -ENOMEM;
	}
	return (ssize_t)len;
}

/* Encodes here and now, where that makes it smaller. */
static bool encode_now(struct ouro_ctx *ctx, enum ouro_coding coding,
		       const struct ouro_piece_ref *pieces, size_t piece_count, uint64_t bytes,
		       struct ouro_slice *body)
{
	struct ouro_encoder *encoder = ouro_coders_take_encoder(coders_of(ctx), coding);
	char *room = encoder ? ouro_coders_room(coders_of(ctx)) : NULL;
	ssize_t len = -ENOMEM;

	if (room)
		len = encode_all(encoder, pieces, piece_count, room, (size_t)bytes - 1);
	ouro_coders_put_encoder(coders_of(ctx), encoder);
	if (len < 0)
		return false;
	*body = (struct ouro_slice){ room, (size_t)len, NULL };
	if (len > OURO_INLINE_BODY_BYTES_MAX) {
		body->buf = ouro_buf_create((uint32_t)len);
		if (!body->buf)
			return false;
		memcpy(body->buf->data, room, (size_t)len);
		body->ptr = body->buf->data;
		ouro_counter_add(&ctx->worker->loop.counters.bytes_rendered, (uint64_t)len);
	}
	count(ctx->worker, bytes, (uint64_t)len);
	return true;
}

bool ouro_compress_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 const struct ouro_piece_ref *pieces, size_t piece_count,
			 struct ouro_compressed *compressed)
{
	uint64_t bytes = sum_of(pieces, piece_count);
	enum ouro_coding coding;

	if (status == 304)
		adapt_not_modified(ctx);
	if (bytes == UINT64_MAX || !is_fit(ctx, status, content_type, bytes))
		return false;
	coding = choose(ctx);
	if (coding == OURO_CODING_IDENTITY)
		return false;
	*compressed = (struct ouro_compressed){ .is_head = ctx->is_head };
	/* Those that another thread compresses do not come here, unless none could be had. */
	if (bytes > OURO_COMPRESS_INLINE_BYTES_MAX &&
	    !(ctx->is_head && ouro_fiber_current(&ctx->worker->fibers)))
		return false;
	if (!ctx->is_head &&
	    !encode_now(ctx, coding, pieces, piece_count, bytes, &compressed->body))
		return false;
	if (announce(ctx, coding))
		return true;
	ouro_buf_unref(compressed->body.buf);
	return false;
}

/* ---- By another thread ---- */

/* What that thread works on. It is its own, since whoever waits for it may give up meanwhile; buffers are
 * counted on the loop's thread alone. */
struct task {
	struct ouro_coders *coders;
	struct ouro_encoder *encoder;
	struct ouro_buf *out; /* room for what is smaller than the body */
	ssize_t len;          /* of the result, or a negative errno */
	size_t piece_count;
	struct ouro_piece_ref pieces[];
};

static void run_task(void *arg)
{
	struct task *task = arg;

	task->len = encode_all(task->encoder, task->pieces, task->piece_count, task->out->data,
			       task->out->size);
}

static void release_task(void *arg)
{
	struct task *task = arg;

	ouro_coders_put_encoder(task->coders, task->encoder);
	ouro_buf_unref(task->out);
	for (size_t i = 0; i < task->piece_count; i++)
		ouro_buf_unref(task->pieces[i].memory.buf);
	free(task);
}

static struct task *make_task(struct ouro_ctx *ctx, enum ouro_coding coding,
			      const struct ouro_piece_ref *pieces, size_t piece_count,
			      uint64_t bytes)
{
	struct task *task = malloc(sizeof(*task) + piece_count * sizeof(*pieces));

	if (!task)
		return NULL;
	task->coders = coders_of(ctx);
	task->encoder = ouro_coders_take_encoder(task->coders, coding);
	task->out = ouro_buf_create((uint32_t)bytes - 1);
	task->len = -ENOMEM;
	task->piece_count = piece_count;
	for (size_t i = 0; i < piece_count; i++) {
		task->pieces[i] = pieces[i];
		ouro_buf_ref(pieces[i].memory.buf);
	}
	if (task->encoder && task->out)
		return task;
	release_task(task);
	return NULL;
}

/* The pieces of the answer that is held; *@one is what they are where it has none. */
static const struct ouro_piece_ref *held_pieces(const struct ouro_held *held,
						struct ouro_piece_ref *one, size_t *piece_count)
{
	*one = (struct ouro_piece_ref){ .memory = held->body };
	*piece_count = held->pieces ? held->piece_count : 1;
	return held->pieces ? held->pieces : one;
}

/* The result of @task takes the place of the body that is held. */
static void replace_body(struct ouro_ctx *ctx, struct task *task, enum ouro_coding coding,
			 uint64_t bytes)
{
	struct ouro_held *held = &ctx->held;

	if (task->len < 0 || !announce(ctx, coding))
		return;
	ouro_answer_drop_body(held);
	held->pieces = NULL;
	held->is_static = false;
	held->is_coded = true;
	held->body = (struct ouro_slice){ task->out->data, (size_t)task->len, task->out };
	task->out = NULL;
	ouro_counter_add(&ctx->worker->loop.counters.bytes_rendered, (uint64_t)task->len);
	count(ctx->worker, bytes, (uint64_t)task->len);
}

bool ouro_compress_waits(const struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 const struct ouro_piece_ref *pieces, size_t piece_count)
{
	uint64_t bytes = sum_of(pieces, piece_count);

	return bytes > OURO_COMPRESS_INLINE_BYTES_MAX && bytes <= UINT32_MAX && !ctx->is_head &&
	       ouro_fiber_current(&ctx->worker->fibers) && is_fit(ctx, status, content_type, bytes);
}

int ouro_compress_held(struct ouro_ctx *ctx)
{
	const struct ouro_piece_ref *pieces;
	struct ouro_piece_ref one;
	enum ouro_coding coding;
	struct task *task;
	size_t piece_count;
	uint64_t bytes;

	pieces = held_pieces(&ctx->held, &one, &piece_count);
	if (!ouro_compress_waits(ctx, ctx->held.status, ctx->held.type, pieces, piece_count))
		return 0;
	coding = choose(ctx);
	if (coding == OURO_CODING_IDENTITY)
		return 0;
	bytes = sum_of(pieces, piece_count);
	task = make_task(ctx, coding, pieces, piece_count, bytes);
	if (!task)
		return 0;
	/* Who cannot wait, or no longer, sends it as it is. */
	if (ouro_offload_owned(ctx, run_task, task, release_task) == 0) {
		if (ctx->response == OURO_RESPONSE_HELD)
			replace_body(ctx, task, coding, bytes);
		release_task(task);
	}
	if (ctx->response == OURO_RESPONSE_HELD)
		return 0;
	return ctx->response == OURO_RESPONSE_RESET ? -ENOTCONN : -EALREADY;
}

/* ---- Streams ---- */

bool ouro_compress_begin(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 uint64_t length)
{
	enum ouro_coding coding;

	if (status == 304)
		adapt_not_modified(ctx);
	if (!is_fit(ctx, status, content_type, length))
		return false;
	coding = choose(ctx);
	if (coding == OURO_CODING_IDENTITY)
		return false;
	if (!ctx->is_head) {
		if (coders_of(ctx)->encoder_count >= OURO_ENCODERS_OF_STREAMS_MAX)
			return false;
		ctx->encoder = ouro_coders_take_encoder(coders_of(ctx), coding);
		if (!ctx->encoder)
			return false;
	}
	if (announce(ctx, coding))
		return true;
	ouro_compress_drop(ctx);
	return false;
}

static int run_outlet(const struct ouro_outlet *outlet, struct ouro_str data, enum ouro_flush flush)
{
	char out[OURO_INLINE_BODY_BYTES_MAX];
	const uint64_t in = data.len;
	enum ouro_encode step;
	uint64_t sum = 0;
	size_t len;
	int err = 0;

	do {
		step = ouro_encoder_run(outlet->encoder, &data, flush, out, sizeof(out), &len);
		sum += len;
		if (len > 0)
			err = ouro_outlet_copy(outlet, ouro_str(out, len));
	} while (step == OURO_ENCODE_FULL && !err);
	count(outlet->worker, in, sum);
	return step == OURO_ENCODE_FAILED ? -ENOMEM : err;
}

static int run_stream(struct ouro_ctx *ctx, struct ouro_str data, enum ouro_flush flush)
{
	const struct ouro_outlet outlet = ouro_outlet_of(ctx);

	return run_outlet(&outlet, data, flush);
}

/* Who may not wait any more goes on without, as it would if nothing were compressed. */
static bool may_wait(const struct ouro_ctx *ctx)
{
	return ouro_fiber_current(&ctx->worker->fibers) && !ctx->cancelled && !ctx->closing;
}

/* Whether the stream is still there behind a wait. 0 or -ENOTCONN. */
static int look_again(const struct ouro_ctx *ctx)
{
	return ctx->response == OURO_RESPONSE_BODY && ctx->encoder ? 0 : -ENOTCONN;
}

/* Where much is queued the client has to take some of it first: what one call writes may be far more than
 * memory. Who may not wait any more is told so; who never could has what there is queued. 0 or a negative
 * errno. */
static int await_client(struct ouro_ctx *ctx)
{
	int err;

	if (ouro_stream_pending(ctx->stream) <= OURO_STREAM_PENDING_HIGH ||
	    !ouro_fiber_current(&ctx->worker->fibers))
		return 0;
	err = ouro_ctx_suspend(ctx, OURO_WAITING_DRAIN);
	return err ? err : look_again(ctx);
}

int ouro_compress_write(struct ouro_ctx *ctx, struct ouro_str data)
{
	int err = 0;

	while (data.len > STREAM_BYTES_AT_ONCE && !err) {
		err = run_stream(ctx, ouro_str(data.ptr, STREAM_BYTES_AT_ONCE), OURO_FLUSH_NONE);
		data.ptr += STREAM_BYTES_AT_ONCE;
		data.len -= STREAM_BYTES_AT_ONCE;
		if (!err && may_wait(ctx)) {
			/* Others have their turn. */
			ouro_ctx_suspend_for(ctx, OURO_WAITING_TIME, 0);
			err = look_again(ctx);
		}
		if (!err)
			err = await_client(ctx);
	}
	return err ? err : run_stream(ctx, data, OURO_FLUSH_SYNC);
}

int ouro_compress_push(const struct ouro_outlet *outlet, struct ouro_str data, bool flush)
{
	return run_outlet(outlet, data, flush ? OURO_FLUSH_SYNC : OURO_FLUSH_NONE);
}

/* A part of a file that is read by another thread. */
struct reading {
	struct ouro_buf *file;
	uint64_t offset;
	ssize_t result;
	char data[FILE_BYTES_AT_ONCE];
};

static void read_part(void *arg)
{
	struct reading *reading = arg;

	do
		reading->result = pread(ouro_filebuf_fd(reading->file), reading->data,
					sizeof(reading->data), (off_t)reading->offset);
	while (reading->result < 0 && errno == EINTR);
}

static void release_reading(void *arg)
{
	struct reading *reading = arg;

	ouro_buf_unref(reading->file);
	free(reading);
}

static struct reading *make_reading(struct ouro_buf *file, uint64_t offset)
{
	struct reading *reading = malloc(sizeof(*reading));

	if (reading) {
		reading->file = ouro_buf_ref(file);
		reading->offset = offset;
	}
	return reading;
}

/* Reads a part of @file; NULL when out of memory. Who cannot wait waits for the disk here. */
static struct reading *read_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset)
{
	struct reading *reading = make_reading(file, offset);

	if (reading && may_wait(ctx)) {
		if (ouro_offload_owned(ctx, read_part, reading, release_reading) == 0)
			return reading;
		reading = make_reading(file, offset);
	}
	if (reading)
		read_part(reading);
	return reading;
}

int ouro_compress_write_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset,
			     uint64_t len)
{
	int err = 0;

	while (len > 0 && !err) {
		struct reading *reading = read_file(ctx, file, offset);
		size_t part;

		if (!reading)
			return -ENOMEM;
		part = reading->result > 0 ? (size_t)reading->result : 0;
		part = part > len ? (size_t)len : part;
		err = look_again(ctx);
		/* A file that has become shorter: see ouro_send_fd(). */
		if (!err && part == 0)
			err = -ENOTCONN;
		if (!err)
			err = ouro_compress_write(ctx, ouro_str(reading->data, part));
		release_reading(reading);
		offset += part;
		len -= part;
		if (!err && len > 0)
			err = await_client(ctx);
	}
	return err;
}

int ouro_compress_end(struct ouro_ctx *ctx)
{
	int err = run_stream(ctx, OURO_STR(""), OURO_FLUSH_END);

	ouro_compress_drop(ctx);
	return err;
}

void ouro_compress_drop(struct ouro_ctx *ctx)
{
	ouro_coders_put_encoder(coders_of(ctx), ctx->encoder);
	ctx->encoder = NULL;
}
