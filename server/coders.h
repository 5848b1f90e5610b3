/* Encoders and decoders of one loop: made when first needed, bounded in number, and kept for the next
 * content rather than made again. */
#ifndef OURO_SERVER_CODERS_H
#define OURO_SERVER_CODERS_H

#include "base/buf.h"
#include "coding/decoder.h"
#include "coding/encoder.h"

enum {
	/* In use at a time: beyond so many, answers go uncompressed. The largest encoders have 3 MiB. */
	OURO_ENCODERS_MAX = 72,
	/* Streams have theirs for as long as they last. The others are for complete answers, which are
	 * done soon: some that never end must not take compression from all. */
	OURO_ENCODERS_OF_STREAMS_MAX = 64,
	/* Bodies that are being decoded: beyond so many, requests are refused with 503. */
	OURO_DECODERS_MAX = 256,
	OURO_CODERS_KEPT_MAX = 4, /* unused, of each coding */
	/* Encoded in one go into memory that is there for that; more is done by another thread. */
	OURO_CODERS_ROOM_BYTES = 64 * 1024,
	OURO_CODERS_BUF_BYTES = 16 * 1024, /* decoded at a time */
};

struct ouro_coders {
	unsigned level;                        /* of encoders */
	uint32_t encoder_count, decoder_count; /* in use */
	struct ouro_encoder *encoders[OURO_CODING_COUNT][OURO_CODERS_KEPT_MAX];
	struct ouro_decoder *decoders[OURO_CODING_COUNT][OURO_CODERS_KEPT_MAX];
	uint8_t encoders_kept[OURO_CODING_COUNT], decoders_kept[OURO_CODING_COUNT];
	uint8_t encoders_idle[OURO_CODING_COUNT]; /* least that were kept since the last trim */
	uint8_t decoders_idle[OURO_CODING_COUNT];
	struct ouro_buf *spare; /* OURO_CODERS_BUF_BYTES that nobody holds; NULL: none */
	char *room; /* OURO_CODERS_ROOM_BYTES for whoever encodes right now; NULL: not yet needed */
};

void ouro_coders_init(struct ouro_coders *coders, unsigned level);

/* All that was taken was given back. */
void ouro_coders_fini(struct ouro_coders *coders);

/* Called now and then: frees what nobody needed since the last call. */
void ouro_coders_trim(struct ouro_coders *coders);

/* An encoder that is ready; NULL where too many are in use, or out of memory. */
struct ouro_encoder *ouro_coders_take_encoder(struct ouro_coders *coders, enum ouro_coding coding);

/* Gives back what was taken; NULL is accepted. */
void ouro_coders_put_encoder(struct ouro_coders *coders, struct ouro_encoder *encoder);

/* A decoder for @count @codings, as ouro_decoder_create() has them. 0, -EAGAIN where too many are in use,
 * -ENOMEM. */
int ouro_coders_take_decoder(struct ouro_coders *coders, const enum ouro_coding *codings,
			     size_t count, const struct ouro_decoder_limits *limits,
			     struct ouro_decoder **decoder);

/* Gives it back: it was for @count codings, of which @coding was the first. */
void ouro_coders_put_decoder(struct ouro_coders *coders, enum ouro_coding coding, size_t count,
			     struct ouro_decoder *decoder);

/* A buffer of OURO_CODERS_BUF_BYTES with one reference; NULL when out of memory. */
struct ouro_buf *ouro_coders_take_buf(struct ouro_coders *coders);

/* Drops a reference to such a buffer, which may be NULL; one that nobody holds is kept. */
void ouro_coders_put_buf(struct ouro_coders *coders, struct ouro_buf *buf);

/* OURO_CODERS_ROOM_BYTES of memory, the same each time; NULL when out of memory. */
char *ouro_coders_room(struct ouro_coders *coders);

#endif
