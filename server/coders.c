/* Encoders and decoders of one loop: see server/coders.h. */
#include "server/coders.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void ouro_coders_init(struct ouro_coders *coders, unsigned level)
{
	*coders = (struct ouro_coders){ .level = level };
}

static void free_encoders(struct ouro_coders *coders, unsigned coding, unsigned count)
{
	while (count-- > 0)
		ouro_encoder_destroy(coders->encoders[coding][--coders->encoders_kept[coding]]);
}

static void free_decoders(struct ouro_coders *coders, unsigned coding, unsigned count)
{
	while (count-- > 0)
		ouro_decoder_destroy(coders->decoders[coding][--coders->decoders_kept[coding]]);
}

void ouro_coders_fini(struct ouro_coders *coders)
{
	assert(coders->encoder_count == 0 && coders->decoder_count == 0);
	for (unsigned i = 0; i < OURO_CODING_COUNT; i++) {
		free_encoders(coders, i, coders->encoders_kept[i]);
		free_decoders(coders, i, coders->decoders_kept[i]);
	}
	ouro_buf_unref(coders->spare);
	free(coders->room);
}

void ouro_coders_trim(struct ouro_coders *coders)
{
	for (unsigned i = 0; i < OURO_CODING_COUNT; i++) {
		free_encoders(coders, i, coders->encoders_idle[i]);
		free_decoders(coders, i, coders->decoders_idle[i]);
		coders->encoders_idle[i] = coders->encoders_kept[i];
		coders->decoders_idle[i] = coders->decoders_kept[i];
	}
}

struct ouro_encoder *ouro_coders_take_encoder(struct ouro_coders *coders, enum ouro_coding coding)
{
	uint8_t *kept = &coders->encoders_kept[coding];
	struct ouro_encoder *encoder = NULL;

	if (coders->encoder_count == OURO_ENCODERS_MAX)
		return NULL;
	if (*kept > 0) {
		encoder = coders->encoders[coding][--*kept];
		if (coders->encoders_idle[coding] > *kept)
			coders->encoders_idle[coding] = *kept;
		if (ouro_encoder_reset(encoder)) {
			ouro_encoder_destroy(encoder);
			return NULL;
		}
	} else if (ouro_encoder_create(&encoder, coding, coders->level)) {
		return NULL;
	}
	coders->encoder_count++;
	return encoder;
}

void ouro_coders_put_encoder(struct ouro_coders *coders, struct ouro_encoder *encoder)
{
	enum ouro_coding coding;

	if (!encoder)
		return;
	coders->encoder_count--;
	coding = ouro_encoder_coding(encoder);
	if (coders->encoders_kept[coding] < OURO_CODERS_KEPT_MAX)
		coders->encoders[coding][coders->encoders_kept[coding]++] = encoder;
	else
		ouro_encoder_destroy(encoder);
}

int ouro_coders_take_decoder(struct ouro_coders *coders, const enum ouro_coding *codings,
			     size_t count, const struct ouro_decoder_limits *limits,
			     struct ouro_decoder **decoder)
{
	uint8_t *kept = &coders->decoders_kept[codings[0]];
	int err;

	if (coders->decoder_count == OURO_DECODERS_MAX)
		return -EAGAIN;
	/* Those of several codings are rare, and made as they are needed. */
	if (count == 1 && *kept > 0) {
		*decoder = coders->decoders[codings[0]][--*kept];
		if (coders->decoders_idle[codings[0]] > *kept)
			coders->decoders_idle[codings[0]] = *kept;
		err = ouro_decoder_reset(*decoder, limits);
		if (err)
			ouro_decoder_destroy(*decoder);
	} else {
		err = ouro_decoder_create(decoder, codings, count, limits);
	}
	if (!err)
		coders->decoder_count++;
	return err;
}

void ouro_coders_put_decoder(struct ouro_coders *coders, enum ouro_coding coding, size_t count,
			     struct ouro_decoder *decoder)
{
	static const struct ouro_decoder_limits none;

	coders->decoder_count--;
	/* What a large window had is given back now: it may be long until the next content. */
	if (count == 1 && coders->decoders_kept[coding] < OURO_CODERS_KEPT_MAX &&
	    ouro_decoder_reset(decoder, &none) == 0)
		coders->decoders[coding][coders->decoders_kept[coding]++] = decoder;
	else
		ouro_decoder_destroy(decoder);
}

struct ouro_buf *ouro_coders_take_buf(struct ouro_coders *coders)
{
	struct ouro_buf *buf = coders->spare;

	coders->spare = NULL;
	return buf ? buf : ouro_buf_create(OURO_CODERS_BUF_BYTES);
}

void ouro_coders_put_buf(struct ouro_coders *coders, struct ouro_buf *buf)
{
	if (buf && buf->refs == 1 && !coders->spare)
		coders->spare = buf;
	else
		ouro_buf_unref(buf);
}

char *ouro_coders_room(struct ouro_coders *coders)
{
	if (!coders->room)
		coders->room = malloc(OURO_CODERS_ROOM_BYTES);
	return coders->room;
}
