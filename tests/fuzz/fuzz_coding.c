/* Fuzz target of content codings. The first byte says which codings and which game: bytes through a
 * decoder of one to three codings; or bytes encoded, flushed here and there, and decoded.
 *
 * What must hold: limits are kept whatever the bytes are, whole and cut end alike and give the same,
 * and what was encoded comes back. */
#include "base/str.h"
#include "coding/decoder.h"
#include "coding/encoder.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	INPUT_BYTES_MAX = 8192,
	OUTPUT_BYTES_MAX = 1 << 17,
	RATIO_MAX = 5,
	RATIO_FREE_BYTES = 1000,
	CODINGS = OURO_CODING_COUNT - 1, /* all but identity */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define EXPECT(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* One more than the limit, so that what is over it would be seen. */
static char whole[OUTPUT_BYTES_MAX + 1], cut[OUTPUT_BYTES_MAX + 1];
static char encoded[2 * INPUT_BYTES_MAX + 4096];

struct chain {
	enum ouro_coding codings[OURO_DECODER_CODINGS_MAX];
	size_t count;
};

static struct chain chain_of(unsigned char choice)
{
	struct chain chain = { .count = 1 + choice / CODINGS % OURO_DECODER_CODINGS_MAX };

	for (size_t i = 0; i < chain.count; i++)
		chain.codings[i] = (enum ouro_coding)(1 + (choice + i * (choice >> 4)) % CODINGS);
	return chain;
}

/* Decodes @in piece by piece; what comes of it is within the limit for bytes. */
static enum ouro_decode decode(struct ouro_decoder *decoder, struct ouro_str in, size_t piece,
			       size_t room, char *out, size_t *len)
{
	enum ouro_decode step;
	size_t count;

	*len = 0;
	do {
		size_t given = in.len < piece ? in.len : piece;
		struct ouro_str part = ouro_str(in.ptr, given);
		bool last = given == in.len;

		do {
			size_t left = OUTPUT_BYTES_MAX + 1 - *len;

			EXPECT(left > 0);
			step = ouro_decoder_run(decoder, &part, last, out + *len,
						room < left ? room : left, &count);
			EXPECT(count <= room);
			*len += count;
		} while (step == OURO_DECODE_FULL);
		EXPECT(step >= OURO_DECODE_MALFORMED || part.len == 0);
		if (last)
			EXPECT(step >= OURO_DECODE_DONE);
		else
			EXPECT(step != OURO_DECODE_TRUNCATED);
		in = ouro_str(in.ptr + given, in.len - given);
		if (last)
			break;
	} while (step <= OURO_DECODE_DONE);
	EXPECT(*len <= OUTPUT_BYTES_MAX);
	return step;
}

/* Both are refused; which of them it is depends on how much came out before: brotli gives more when
 * it has to wait for input. */
static enum ouro_decode refused(enum ouro_decode end)
{
	return end == OURO_DECODE_TOO_LARGE ? OURO_DECODE_MALFORMED : end;
}

/* libzstd does not see that a frame is shorter than it says where its last block is empty, unless the
 * frame came whole. */
static bool is_strict(const struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->codings[i] == OURO_CODING_ZSTD)
			return false;
	return true;
}

static void check_decoder(const struct chain *chain, struct ouro_str in, size_t piece)
{
	struct ouro_decoder_limits limits = { .bytes_max = OUTPUT_BYTES_MAX };
	struct ouro_decoder *decoder;
	size_t whole_len, cut_len;
	enum ouro_decode end, cut_end;

	EXPECT(ouro_decoder_create(&decoder, chain->codings, chain->count, &limits) == 0);
	end = decode(decoder, in, in.len, sizeof(whole), whole, &whole_len);
	EXPECT(ouro_decoder_reset(decoder, &limits) == 0);
	cut_end = decode(decoder, in, piece, 1 + piece * 3, cut, &cut_len);
	if (refused(cut_end) != refused(end))
		EXPECT(!is_strict(chain) && end == OURO_DECODE_MALFORMED);
	else if (end == OURO_DECODE_DONE)
		EXPECT(ouro_str_eq(ouro_str(whole, whole_len), ouro_str(cut, cut_len)));

	limits.ratio_max = RATIO_MAX;
	limits.ratio_free_bytes = RATIO_FREE_BYTES;
	EXPECT(ouro_decoder_reset(decoder, &limits) == 0);
	decode(decoder, in, piece, 1 + piece * 3, cut, &cut_len);
	EXPECT(cut_len <= RATIO_FREE_BYTES || cut_len <= in.len * RATIO_MAX);
	ouro_decoder_destroy(decoder);
}

static size_t encode(enum ouro_coding coding, unsigned level, struct ouro_str in, size_t piece)
{
	struct ouro_encoder *encoder;
	size_t len = 0, count;
	enum ouro_flush flush;

	EXPECT(ouro_encoder_create(&encoder, coding, level) == 0);
	do {
		size_t given = in.len < piece ? in.len : piece;
		struct ouro_str part = ouro_str(in.ptr, given);
		enum ouro_encode step;

		in = ouro_str(in.ptr + given, in.len - given);
		flush = in.len == 0 ? OURO_FLUSH_END
			: given & 1 ? OURO_FLUSH_SYNC
				    : OURO_FLUSH_NONE;
		do {
			EXPECT(sizeof(encoded) - len >= OURO_ENCODER_ROOM_MIN);
			step = ouro_encoder_run(encoder, &part, flush, encoded + len,
						OURO_ENCODER_ROOM_MIN, &count);
			EXPECT(step != OURO_ENCODE_FAILED);
			len += count;
		} while (step == OURO_ENCODE_FULL);
	} while (flush != OURO_FLUSH_END);
	EXPECT(ouro_encoder_bytes(encoder) <= OURO_ENCODER_BYTES_MAX);
	ouro_encoder_destroy(encoder);
	return len;
}

static void check_round_trip(const struct chain *chain, struct ouro_str in, size_t piece)
{
	struct ouro_decoder_limits limits = { .bytes_max = in.len };
	struct ouro_decoder *decoder;
	size_t len = encode(chain->codings[0], (unsigned)chain->count, in, piece), decoded;

	EXPECT(ouro_decoder_create(&decoder, chain->codings, 1, &limits) == 0);
	EXPECT(decode(decoder, ouro_str(encoded, len), piece, piece, cut, &decoded) ==
	       OURO_DECODE_DONE);
	EXPECT(ouro_str_eq(ouro_str(cut, decoded), in));
	ouro_decoder_destroy(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chain chain;
	struct ouro_str in;
	size_t piece;

	if (len < 2 || len > INPUT_BYTES_MAX)
		return 0;
	chain = chain_of(data[0] & 0x7f);
	piece = 1 + data[1] * (size_t)data[1] / 16;
	in = ouro_str((const char *)data + 2, len - 2);
	if (data[0] & 0x80)
		check_round_trip(&chain, in, piece < 40 ? 40 : piece);
	else
		check_decoder(&chain, in, piece);
	return 0;
}
