/* Bytes into encoded bytes: one encoder of one coding, used for one content after the other. */
#ifndef OURO_CODING_ENCODER_H
#define OURO_CODING_ENCODER_H

#include "coding/coding.h"
#include "ouro/base.h"

#include <stddef.h>

/* An encoder holds at most so much memory, whatever its coding and level: a window of 32 KiB for
 * gzip and deflate (300 KiB in all), of 64 KiB for br (2 to 2.7 MiB), of 128 KiB for zstd (up to
 * 2.5 MiB). */
#define OURO_ENCODER_BYTES_MAX (3u << 20)

/* The best level. Beyond it, time and memory grow much and the output hardly shrinks. */
#define OURO_ENCODER_LEVEL_MAX 9

/* The least room for output. A flush ends with a mark of some bytes; zlib would begin a new mark
 * over and over where there is no room for a whole one. */
#define OURO_ENCODER_ROOM_MIN 64

struct ouro_encoder;

enum ouro_flush {
	OURO_FLUSH_NONE, /* more is coming: what makes the smallest output */
	OURO_FLUSH_SYNC, /* the peer can decode at once all that was given so far */
	OURO_FLUSH_END,  /* nothing comes any more */
};

enum ouro_encode {
	OURO_ENCODE_DONE,   /* all input is taken, and what the flush asked for is written */
	OURO_ENCODE_FULL,   /* the room is used up: call again, with the same flush */
	OURO_ENCODE_FAILED, /* out of memory: of use only for resetting and destroying */
};

/* Makes an encoder for @coding, which is not identity, ready for its first content. @level is 1 to
 * OURO_ENCODER_LEVEL_MAX, as those of the libraries; 0 is the level that suits contents made while
 * the client waits: 4 for br, gzip and deflate, 3 for zstd. -EINVAL for a @level out of range,
 * -ENOMEM. */
int ouro_encoder_create(struct ouro_encoder **encoder, enum ouro_coding coding, unsigned level);

/* NULL is accepted. */
void ouro_encoder_destroy(struct ouro_encoder *encoder);

/* Makes it ready for another content, whatever became of the last one; allocates nothing that it
 * has had before. -ENOMEM: then of use only for destroying, or for trying again. */
int ouro_encoder_reset(struct ouro_encoder *encoder);

/* Takes bytes off the front of @in, and writes what comes of them at @out, which has room for
 * @room, at least OURO_ENCODER_ROOM_MIN; sets @len to how many it wrote, 0 where it failed. After
 * OURO_FLUSH_END is done it must be reset before more is given. */
enum ouro_encode ouro_encoder_run(struct ouro_encoder *encoder, struct ouro_str *in,
				  enum ouro_flush flush, char *out, size_t room, size_t *len);

enum ouro_coding ouro_encoder_coding(const struct ouro_encoder *encoder);

/* How much memory it holds now. */
size_t ouro_encoder_bytes(const struct ouro_encoder *encoder);

#endif
