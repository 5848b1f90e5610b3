/* What the tests of codings share: contents, encoded at once and decoded however they are cut. */
#ifndef OURO_TESTS_CODING_CODED_H
#define OURO_TESTS_CODING_CODED_H

#include "base/str.h"
#include "coding/decoder.h"
#include "coding/encoder.h"

/* All but identity. */
#define CODINGS_BEGIN OURO_CODING_BR

/* Limits that nothing in a test reaches by chance. */
extern const struct ouro_decoder_limits no_limits;

/* Words, which get smaller, or noise, which does not; the same ones each time. */
void fill_words(char *out, size_t len);
void fill_noise(char *out, size_t len);

/* Encodes @content in one go at @out of @room bytes; returns its length. Whatever fails fails the
 * test. */
size_t encode(enum ouro_coding coding, struct ouro_str content, char *out, size_t room);

/* How the input comes, and how the output is taken. */
struct manner {
	size_t first; /* the length of the first piece of input, before a guarded page; 0: any */
	size_t piece; /* and of each other; 0: all that is left */
	size_t room;  /* at once; 0: all there is */
	bool late;    /* the end is told when all input is gone, with none */
};

/* Gives @input to @decoder in this @manner; what comes of it is in @out, at most @room of it, and
 * @len its length. Returns what ended it: never OURO_DECODE_FULL, OURO_DECODE_MORE only where a
 * decoder asked for more behind the end. */
enum ouro_decode decode(struct ouro_decoder *decoder, struct ouro_str input, struct manner manner,
			char *out, size_t room, size_t *len);

/* Decodes @input, made of @coding alone, in the given manner, and with no limits. */
enum ouro_decode decode_one(enum ouro_coding coding, struct ouro_str input, struct manner manner,
			    char *out, size_t room, size_t *len);

/* Expects that @input, whole and cut at every byte, is @content, or ends as @end. */
void expect_content(enum ouro_coding coding, struct ouro_str input, struct ouro_str content);
void expect_end(enum ouro_coding coding, struct ouro_str input, enum ouro_decode end);

#endif
