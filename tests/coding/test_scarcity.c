/* Running out of memory, wherever it happens, is an error of the coder and nothing worse. */
#include "coded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

static long left = -1; /* how many calls succeed; -1: all */

void *__wrap_malloc(size_t bytes)
{
	if (left == 0)
		return NULL;
	if (left > 0)
		left--;
	return __real_malloc(bytes);
}

static char content[100000], encoded[100000], decoded[100001];

/* Encodes with only @calls of malloc(); returns how that went, and checks that it recovers. */
static enum ouro_encode encode_with(struct ouro_encoder *encoder, long calls)
{
	struct ouro_str in = ouro_str(content, sizeof(content));
	enum ouro_encode step;
	size_t len;

	left = calls;
	step = ouro_encoder_run(encoder, &in, OURO_FLUSH_END, encoded, sizeof(encoded), &len);
	left = -1;
	cr_assert(step == OURO_ENCODE_DONE || len == 0);
	return step;
}

static bool survives_creation(enum ouro_coding coding, long calls)
{
	struct ouro_encoder *encoder = NULL;
	int err;

	left = calls;
	err = ouro_encoder_create(&encoder, coding, 0);
	left = -1;
	cr_assert(err == 0 || (err == -ENOMEM && !encoder));
	ouro_encoder_destroy(encoder);
	return err == 0;
}

Test(scarcity, an_encoder_is_not_created)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		long calls = 0;

		while (!survives_creation((enum ouro_coding)i, calls))
			cr_assert_lt(++calls, 20);
		cr_expect_gt(calls, 0);
	}
}

Test(scarcity, an_encoder_fails_and_can_be_reset)
{
	fill_words(content, sizeof(content));
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		struct ouro_encoder *encoder;
		enum ouro_encode step;
		long calls = 0;

		do {
			cr_assert_eq(ouro_encoder_create(&encoder, (enum ouro_coding)i, 0), 0);
			step = encode_with(encoder, calls++);
			cr_assert_eq(ouro_encoder_reset(encoder), 0);
			cr_expect_eq(encode_with(encoder, -1), OURO_ENCODE_DONE);
			ouro_encoder_destroy(encoder);
		} while (step == OURO_ENCODE_FAILED);
		cr_expect_eq(step, OURO_ENCODE_DONE);
		if (i == OURO_CODING_BR)
			cr_expect_gt(calls, 3);
	}
}

Test(scarcity, an_encoder_that_failed_can_be_destroyed)
{
	struct ouro_encoder *encoder;

	cr_assert_eq(ouro_encoder_create(&encoder, OURO_CODING_BR, 0), 0);
	cr_expect_eq(encode_with(encoder, 1), OURO_ENCODE_FAILED);
	ouro_encoder_destroy(encoder);
}

static bool decodes_with(enum ouro_coding coding, struct ouro_str in, long calls)
{
	struct ouro_decoder *decoder;
	enum ouro_decode step;
	size_t len;
	int err;

	left = calls;
	err = ouro_decoder_create(&decoder, (enum ouro_coding[]){ coding, coding }, 2, &no_limits);
	if (err) {
		left = -1;
		cr_assert_eq(err, -ENOMEM);
		return false;
	}
	do {
		char out[1000];

		step = ouro_decoder_run(decoder, &in, true, out, sizeof(out), &len);
	} while (step == OURO_DECODE_FULL);
	left = -1;
	cr_assert(step == OURO_DECODE_DONE || step == OURO_DECODE_NO_MEMORY);
	cr_expect_eq(ouro_decoder_reset(decoder, &no_limits), 0);
	ouro_decoder_destroy(decoder);
	return step == OURO_DECODE_DONE;
}

Test(scarcity, a_decoder_is_not_created_or_fails)
{
	fill_words(content, sizeof(content));
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		size_t len = encode(coding, ouro_str(content, sizeof(content)), encoded,
				    sizeof(encoded));
		long calls = 0;

		len = encode(coding, ouro_str(encoded, len), decoded, sizeof(decoded));
		while (!decodes_with(coding, ouro_str(decoded, len), calls))
			cr_assert_lt(++calls, 200);
		cr_expect_gt(calls, 0);
	}
}
