/* Compressed requests: see server/decompress.h.
 *
 * A small piece of a body may become a large one: it is decoded one buffer at a time, when somebody wants
 * the next one, and the session takes no more input meanwhile. */
#include "server/decompress.h"

#include "base/str.h"
#include "proto/param.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

enum {
	/* The ratio counts behind these: beginnings of honest texts may be very repetitive. */
	RATIO_FREE_BYTES = 64 * 1024,
	/* What a coding may add to what it cannot make smaller: a share of it, and its frame. */
	ADDED_SHARE = 8,
	ADDED_BYTES = 4096,
};

struct ouro_decoding {
	struct ouro_decoder *decoder; /* NULL: it is over */
	enum ouro_coding first;       /* of @count codings */
	size_t count;
	struct ouro_slice sent; /* what of the body was not decoded yet; holds its buffer */
	bool last;              /* nothing comes behind that */
	bool full;              /* the decoder has more to give without any */
	struct ouro_buf *out;   /* what was decoded last; used again where nobody keeps it */
};

uint64_t ouro_decompress_sent_max(uint64_t bytes_max)
{
	uint64_t added = bytes_max / ADDED_SHARE + ADDED_BYTES;

	return bytes_max > UINT64_MAX - added ? UINT64_MAX : bytes_max + added;
}

/* Adds the codings of one field value. How many there are, or -ENOTSUP. */
static int add_codings(struct ouro_str list, enum ouro_coding *codings, int count)
{
	struct ouro_str name;

	while (ouro_list_next(&list, &name)) {
		enum ouro_coding coding = ouro_coding_find(name);

		/* RFC 9110, 8.4.1: not to be sent, and harmless. */
		if (coding == OURO_CODING_IDENTITY)
			continue;
		if (coding == OURO_CODING_COUNT || count == OURO_DECODER_CODINGS_MAX)
			return -ENOTSUP;
		codings[count++] = coding;
	}
	return count;
}

/* What the body is encoded with, in order. */
static int find_codings(const struct ouro_ctx *ctx, enum ouro_coding *codings)
{
	int count = 0, index = -1;

	while (count >= 0 &&
	       (index = ouro_http1_find(&ctx->parser, OURO_FIELD_CONTENT_ENCODING, index)) >= 0)
		count = add_codings(ouro_http1_value(ctx->head, ctx->parser.fields[index].value),
				    codings, count);
	return count;
}

/* RFC 9110, 15.5.16 and 12.5.3: the answer says what would be taken. */
static void refuse(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "accept-encoding", OURO_STR("br, zstd, gzip, deflate"));
	ouro_respond_error(ctx, 415, "the content coding is not one that is taken here");
	ouro_exchange_look(ctx);
}

bool ouro_decompress_begin(struct ouro_ctx *ctx)
{
	const struct ouro_endpoint *endpoint = ctx->endpoint;
	const struct ouro_decoder_limits limits = {
		.bytes_max = endpoint->body_bytes_max,
		.ratio_max = endpoint->decompress_ratio_max,
		.ratio_free_bytes = RATIO_FREE_BYTES,
	};
	enum ouro_coding codings[OURO_DECODER_CODINGS_MAX];
	int count = find_codings(ctx, codings), err = -ENOMEM;
	struct ouro_decoding *decoding;

	if (count == 0)
		return true;
	if (count < 0) {
		refuse(ctx);
		return false;
	}
	decoding = ouro_arena_alloc(&ctx->arena, sizeof(*decoding));
	if (decoding) {
		*decoding = (struct ouro_decoding){ .first = codings[0], .count = (size_t)count };
		err = ouro_coders_take_decoder(&ctx->worker->coders, codings, (size_t)count,
					       &limits, &decoding->decoder);
	}
	if (err) {
		ouro_exchange_fail(ctx, 503, "too much is being decoded", err);
		return false;
	}
	ctx->decoding = decoding;
	return true;
}

static bool is_unwanted(const struct ouro_ctx *ctx)
{
	return ctx->response == OURO_RESPONSE_DONE && !ctx->fiber;
}

/* Holds @piece, which else goes with the present event; while receive buffers are scarce, a copy. */
static bool hold(struct ouro_ctx *ctx, struct ouro_slice piece)
{
	struct ouro_recvpool *pool = &ctx->worker->loop.backend->recvpool;
	struct ouro_buf *own;

	if (!ouro_recvpool_owns(pool, piece.buf) || !ouro_recvpool_is_scarce(pool)) {
		ouro_buf_ref(piece.buf);
		ctx->decoding->sent = piece;
		return true;
	}
	own = ouro_buf_create((uint32_t)piece.len);
	if (!own)
		return false;
	memcpy(own->data, piece.ptr, piece.len);
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, piece.len);
	ctx->decoding->sent = (struct ouro_slice){ own->data, piece.len, own };
	return true;
}

bool ouro_decompress_take(struct ouro_ctx *ctx, struct ouro_slice piece, bool last)
{
	struct ouro_decoding *decoding = ctx->decoding;

	if (is_unwanted(ctx))
		ouro_decompress_drop(ctx);
	if (!decoding->decoder)
		return false;
	assert(decoding->sent.len == 0 && !decoding->last);
	decoding->last = last;
	if (piece.len > 0 && !hold(ctx, piece))
		ouro_exchange_fail(ctx, 503, "out of memory", -ENOMEM);
	return true;
}

static void drop_sent(struct ouro_decoding *decoding)
{
	ouro_buf_unref(decoding->sent.buf);
	decoding->sent = (struct ouro_slice){ 0 };
}

static void drop_decoder(struct ouro_ctx *ctx)
{
	struct ouro_decoding *decoding = ctx->decoding;

	if (decoding->decoder)
		ouro_coders_put_decoder(&ctx->worker->coders, decoding->first, decoding->count,
					decoding->decoder);
	decoding->decoder = NULL;
}

void ouro_decompress_drop(struct ouro_ctx *ctx)
{
	drop_decoder(ctx);
	drop_sent(ctx->decoding);
	ouro_coders_put_buf(&ctx->worker->coders, ctx->decoding->out);
	ctx->decoding->out = NULL;
}

/* Memory for what comes next, which nobody else holds. */
static bool make_room(struct ouro_ctx *ctx)
{
	struct ouro_decoding *decoding = ctx->decoding;

	if (decoding->out && decoding->out->refs > 1) {
		ouro_buf_unref(decoding->out);
		decoding->out = NULL;
	}
	if (!decoding->out)
		decoding->out = ouro_coders_take_buf(&ctx->worker->coders);
	return decoding->out != NULL;
}

/* Runs the decoder once; what comes of it is in decoding->out. */
static enum ouro_decode decode(struct ouro_ctx *ctx, size_t *len)
{
	struct ouro_decoding *decoding = ctx->decoding;
	struct ouro_str in = ouro_str(decoding->sent.ptr, decoding->sent.len);
	enum ouro_decode step;

	if (!make_room(ctx))
		return OURO_DECODE_NO_MEMORY;
	step = ouro_decoder_run(decoding->decoder, &in, decoding->last, decoding->out->data,
				decoding->out->size, len);
	decoding->full = step == OURO_DECODE_FULL;
	decoding->sent.ptr = in.ptr;
	decoding->sent.len = in.len;
	if (in.len == 0)
		drop_sent(decoding);
	return step;
}

/* Whether @step is one behind which it goes on; the request has failed else. */
static bool is_good(struct ouro_ctx *ctx, enum ouro_decode step)
{
	switch (step) {
	case OURO_DECODE_MORE:
	case OURO_DECODE_FULL:
	case OURO_DECODE_DONE:
		return true;
	case OURO_DECODE_MALFORMED:
		ouro_exchange_fail(ctx, 400, "the body cannot be decoded", -EBADMSG);
		return false;
	case OURO_DECODE_TRUNCATED:
		ouro_exchange_fail(ctx, 400, "the body ends within its coding", -EBADMSG);
		return false;
	case OURO_DECODE_TOO_LARGE:
		ouro_exchange_fail(ctx, 413, "the body is too large when it is decoded", -EMSGSIZE);
		return false;
	case OURO_DECODE_NO_MEMORY:
		break;
	}
	ouro_exchange_fail(ctx, 503, "out of memory", -ENOMEM);
	return false;
}

bool ouro_decompress_step(struct ouro_ctx *ctx)
{
	struct ouro_decoding *decoding = ctx->decoding;
	size_t len = 0;
	bool done;
	enum ouro_decode step;

	if (!decoding->decoder)
		return false;
	if (is_unwanted(ctx)) {
		ouro_decompress_drop(ctx);
		if (decoding->last)
			ctx->request = OURO_REQUEST_DONE;
		return decoding->last;
	}
	if (decoding->sent.len == 0 && !decoding->full && !decoding->last)
		return false;
	step = decode(ctx, &len);
	if (!is_good(ctx, step))
		return true;
	done = decoding->last && step == OURO_DECODE_DONE;
	if (done) {
		ctx->request = OURO_REQUEST_DONE;
		drop_decoder(ctx);
	}
	if (len > 0 || done)
		ouro_exchange_body(ctx,
				   (struct ouro_slice){ decoding->out->data, len, decoding->out },
				   done);
	return true;
}
