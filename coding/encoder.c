/* Encoders of all codings: see coding/encoder.h. */
#include "coding/encoder.h"

#include "coding/library.h"

#include <assert.h>
#include <errno.h>

static const struct {
	const struct ouro_encoder_ops *ops;
	unsigned char level; /* by default */
} kinds[OURO_CODING_COUNT] = {
	[OURO_CODING_BR] = { &ouro_brotli_encoder, 4 },
	[OURO_CODING_ZSTD] = { &ouro_zstd_encoder, 3 },
	[OURO_CODING_GZIP] = { &ouro_zlib_encoder, 4 },
	[OURO_CODING_DEFLATE] = { &ouro_zlib_encoder, 4 },
};

int ouro_encoder_create(struct ouro_encoder **out, enum ouro_coding coding, unsigned level)
{
	struct ouro_encoder *encoder;
	int err;

	assert(coding < OURO_CODING_COUNT && kinds[coding].ops);
	if (level > OURO_ENCODER_LEVEL_MAX)
		return -EINVAL;
	err = kinds[coding].ops->create(coding, (int)(level ? level : kinds[coding].level),
					&encoder);
	if (err)
		return err;
	encoder->ops = kinds[coding].ops;
	encoder->coding = coding;
	encoder->flushing = OURO_FLUSH_NONE;
	encoder->ended = false;
	*out = encoder;
	return 0;
}

void ouro_encoder_destroy(struct ouro_encoder *encoder)
{
	if (encoder)
		encoder->ops->destroy(encoder);
}

int ouro_encoder_reset(struct ouro_encoder *encoder)
{
	encoder->flushing = OURO_FLUSH_NONE;
	encoder->ended = false;
	return encoder->ops->reset(encoder);
}

enum ouro_encode ouro_encoder_run(struct ouro_encoder *encoder, struct ouro_str *in,
				  enum ouro_flush flush, char *out, size_t room, size_t *len)
{
	enum ouro_encode step;

	assert(room >= OURO_ENCODER_ROOM_MIN);
	assert(!encoder->ended);
	assert(encoder->flushing == OURO_FLUSH_NONE || encoder->flushing == flush);
	step = encoder->ops->run(encoder, in, flush, out, room, len);
	if (step == OURO_ENCODE_FAILED)
		*len = 0;
	encoder->flushing = step == OURO_ENCODE_DONE ? OURO_FLUSH_NONE : flush;
	encoder->ended = step == OURO_ENCODE_DONE && flush == OURO_FLUSH_END;
	return step;
}

enum ouro_coding ouro_encoder_coding(const struct ouro_encoder *encoder)
{
	return encoder->coding;
}

size_t ouro_encoder_bytes(const struct ouro_encoder *encoder)
{
	return encoder->ops->bytes(encoder);
}
