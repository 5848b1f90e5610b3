/* zstd, by libzstd. */
#include "coding/library.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
	/* Together these bound what the levels from 4 on would have: 13 MiB at 9. */
	ENCODER_WINDOW_BITS = 17,
	ENCODER_HASH_BITS = 17,
	ENCODER_CHAIN_BITS = 17,
	/* RFC 9659, 3: what decoders of HTTP must and encoders may at most have. */
	STAGE_WINDOW_BITS = 23,
};

static_assert((1 << STAGE_WINDOW_BITS) <= OURO_DECODER_BYTES_MAX / 2, "with its buffers");

struct zstd_encoder {
	struct ouro_encoder base;
	ZSTD_CCtx *zstd;
};

static int create_encoder(enum ouro_coding coding, int level, struct ouro_encoder **encoder)
{
	struct zstd_encoder *self = malloc(sizeof(*self));
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	(void)coding;
	if (!self || !zstd) {
		ZSTD_freeCCtx(zstd);
		free(self);
		return -ENOMEM;
	}
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, ENCODER_WINDOW_BITS);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, ENCODER_HASH_BITS);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_chainLog, ENCODER_CHAIN_BITS);
	self->zstd = zstd;
	*encoder = &self->base;
	return 0;
}

static void destroy_encoder(struct ouro_encoder *encoder)
{
	struct zstd_encoder *self = (struct zstd_encoder *)encoder;

	ZSTD_freeCCtx(self->zstd);
	free(self);
}

static int reset_encoder(struct ouro_encoder *encoder)
{
	ZSTD_CCtx_reset(((struct zstd_encoder *)encoder)->zstd, ZSTD_reset_session_only);
	return 0;
}

static enum ouro_encode run_encoder(struct ouro_encoder *encoder, struct ouro_str *in,
				    enum ouro_flush flush, char *out, size_t room, size_t *len)
{
	static const ZSTD_EndDirective directives[] = {
		[OURO_FLUSH_NONE] = ZSTD_e_continue,
		[OURO_FLUSH_SYNC] = ZSTD_e_flush,
		[OURO_FLUSH_END] = ZSTD_e_end,
	};
	struct zstd_encoder *self = (struct zstd_encoder *)encoder;
	ZSTD_inBuffer input = { in->ptr, in->len, 0 };
	ZSTD_outBuffer output = { out, room, 0 };
	size_t left = ZSTD_compressStream2(self->zstd, &output, &input, directives[flush]);

	if (ZSTD_isError(left))
		return OURO_ENCODE_FAILED;
	if (input.pos > 0) {
		in->ptr += input.pos;
		in->len -= input.pos;
	}
	*len = output.pos;
	/* What is left within is no reason to come again where more input will come first. */
	if (in->len > 0 || (left > 0 && (flush != OURO_FLUSH_NONE || output.pos == room)))
		return OURO_ENCODE_FULL;
	return OURO_ENCODE_DONE;
}

static size_t encoder_bytes(const struct ouro_encoder *encoder)
{
	return sizeof(struct zstd_encoder) +
	       ZSTD_sizeof_CCtx(((const struct zstd_encoder *)encoder)->zstd);
}

const struct ouro_encoder_ops ouro_zstd_encoder = {
	.create = create_encoder,
	.destroy = destroy_encoder,
	.reset = reset_encoder,
	.run = run_encoder,
	.bytes = encoder_bytes,
};

struct zstd_stage {
	struct ouro_stage base;
	ZSTD_DCtx *zstd; /* NULL: there was no memory for one */
	bool inside;     /* a frame, and not between two */
};

static int begin_stage(struct zstd_stage *self)
{
	self->inside = false;
	self->zstd = ZSTD_createDCtx();
	if (!self->zstd)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(self->zstd, ZSTD_d_windowLogMax, STAGE_WINDOW_BITS);
	return 0;
}

static int create_stage(enum ouro_coding coding, struct ouro_stage **stage)
{
	struct zstd_stage *self = malloc(sizeof(*self));

	(void)coding;
	if (!self || begin_stage(self)) {
		free(self);
		return -ENOMEM;
	}
	*stage = &self->base;
	return 0;
}

static void destroy_stage(struct ouro_stage *stage)
{
	struct zstd_stage *self = (struct zstd_stage *)stage;

	ZSTD_freeDCtx(self->zstd);
	free(self);
}

static int reset_stage(struct ouro_stage *stage)
{
	struct zstd_stage *self = (struct zstd_stage *)stage;

	self->inside = false;
	if (self->zstd && ZSTD_sizeof_DCtx(self->zstd) <= OURO_DECODER_KEPT_BYTES_MAX) {
		ZSTD_DCtx_reset(self->zstd, ZSTD_reset_session_only);
		return 0;
	}
	ZSTD_freeDCtx(self->zstd);
	return begin_stage(self);
}

static enum ouro_decode failure(size_t result)
{
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		return OURO_DECODE_NO_MEMORY;
	case ZSTD_error_frameParameter_windowTooLarge:
		return OURO_DECODE_TOO_LARGE;
	default: /* some thirty of them */
		return OURO_DECODE_MALFORMED;
	}
}

/* Whether a frame may begin so (RFC 8878, 3.1). The library might also know formats from before
 * there was an RFC, and decode them without a limit for their windows. */
static bool is_frame(unsigned char first)
{
	return first == 0x28 || (first & 0xf0) == 0x50;
}

static enum ouro_decode run_stage(struct ouro_stage *stage, struct ouro_str *in, char *out,
				  size_t room, size_t *len)
{
	struct zstd_stage *self = (struct zstd_stage *)stage;
	ZSTD_inBuffer input = { in->ptr, in->len, 0 };
	ZSTD_outBuffer output = { out, room, 0 };
	enum ouro_decode step = OURO_DECODE_DONE;

	/* Asked between frames and without input it would wait for one. */
	while (self->inside || input.pos < input.size) {
		size_t result;

		step = OURO_DECODE_MALFORMED;
		if (!self->inside && !is_frame(((const unsigned char *)in->ptr)[input.pos]))
			break;
		result = ZSTD_decompressStream(self->zstd, &output, &input);
		if (ZSTD_isError(result)) {
			step = failure(result);
			break;
		}
		self->inside = result > 0;
		step = self->inside ? OURO_DECODE_MORE : OURO_DECODE_DONE;
		if (self->inside || output.pos == room) {
			if (input.pos < input.size || (self->inside && output.pos == room))
				step = OURO_DECODE_FULL;
			break;
		}
	}
	if (input.pos > 0) {
		in->ptr += input.pos;
		in->len -= input.pos;
	}
	*len = output.pos;
	return step;
}

const struct ouro_stage_ops ouro_zstd_stage = {
	.create = create_stage,
	.destroy = destroy_stage,
	.reset = reset_stage,
	.run = run_stage,
};
