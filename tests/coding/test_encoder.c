/* Encoders: round trips, flushes, reuse, memory. */
#include "coded.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>

enum { LARGE = 300000 };

static char content[LARGE], encoded[LARGE + LARGE / 8], decoded[LARGE + 1];

#define FOR_EACH_CODING(name)                                                                      \
	ParameterizedTestParameters(encoder, name)                                                 \
	{                                                                                          \
		static enum ouro_coding codings[] = { OURO_CODING_BR, OURO_CODING_ZSTD,            \
						      OURO_CODING_GZIP, OURO_CODING_DEFLATE };     \
		return cr_make_param_array(enum ouro_coding, codings, 4);                          \
	}                                                                                          \
	ParameterizedTest(enum ouro_coding *coding, encoder, name)

static struct ouro_encoder *create(enum ouro_coding coding, unsigned level)
{
	struct ouro_encoder *encoder;

	cr_assert_eq(ouro_encoder_create(&encoder, coding, level), 0);
	return encoder;
}

/* Encodes @in to the end of @encoded, from @at on; returns the new end. */
static size_t run(struct ouro_encoder *encoder, struct ouro_str in, enum ouro_flush flush,
		  size_t at, size_t room)
{
	enum ouro_encode step;
	size_t len;

	do {
		step = ouro_encoder_run(encoder, &in, flush, encoded + at, room, &len);
		cr_assert_neq(step, OURO_ENCODE_FAILED);
		at += len;
		cr_assert_leq(at + room, sizeof(encoded));
	} while (step == OURO_ENCODE_FULL);
	cr_assert_eq(in.len, 0);
	return at;
}

static void expect_decoded(enum ouro_coding coding, size_t encoded_len, size_t len)
{
	size_t got;

	cr_expect_eq(decode_one(coding, ouro_str(encoded, encoded_len),
				(struct manner){ .piece = 4096 }, decoded, sizeof(decoded), &got),
		     OURO_DECODE_DONE);
	cr_expect_eq(got, len);
	cr_expect_eq(memcmp(decoded, content, len), 0);
}

FOR_EACH_CODING(large_texts_come_back_and_were_smaller)
{
	struct ouro_encoder *encoder = create(*coding, 0);
	size_t len;

	fill_words(content, LARGE);
	len = run(encoder, ouro_str(content, LARGE), OURO_FLUSH_END, 0, 1000);
	cr_expect_lt(len, LARGE / 3);
	expect_decoded(*coding, len, LARGE);
	ouro_encoder_destroy(encoder);
}

FOR_EACH_CODING(noise_comes_back)
{
	struct ouro_encoder *encoder = create(*coding, 0);
	size_t len;

	fill_noise(content, LARGE);
	len = run(encoder, ouro_str(content, LARGE), OURO_FLUSH_END, 0, 1000);
	expect_decoded(*coding, len, LARGE);
	ouro_encoder_destroy(encoder);
}

FOR_EACH_CODING(nothing_comes_back_as_nothing)
{
	size_t len = encode(*coding, ouro_str(NULL, 0), encoded, OURO_ENCODER_ROOM_MIN);

	cr_expect_gt(len, 0);
	expect_decoded(*coding, len, 0);
}

FOR_EACH_CODING(each_level_comes_back_within_the_memory_promised)
{
	fill_words(content, LARGE);
	for (unsigned level = 0; level <= OURO_ENCODER_LEVEL_MAX; level++) {
		struct ouro_encoder *encoder = create(*coding, level);
		size_t len = 0;

		/* In pieces, as the libraries need more memory then. */
		for (size_t at = 0; at < LARGE; at += 10000)
			len = run(encoder, ouro_str(content + at, 10000), OURO_FLUSH_NONE, len,
				  1000);
		cr_expect_leq(ouro_encoder_bytes(encoder), OURO_ENCODER_BYTES_MAX, "level %u: %zu",
			      level, ouro_encoder_bytes(encoder));
		len = run(encoder, ouro_str(NULL, 0), OURO_FLUSH_END, len, 1000);
		expect_decoded(*coding, len, LARGE);
		cr_expect_eq(ouro_encoder_reset(encoder), 0);
		len = run(encoder, ouro_str(content, LARGE), OURO_FLUSH_END, 0, 1000);
		cr_expect_leq(ouro_encoder_bytes(encoder), OURO_ENCODER_BYTES_MAX, "level %u: %zu",
			      level, ouro_encoder_bytes(encoder));
		expect_decoded(*coding, len, LARGE);
		ouro_encoder_destroy(encoder);
	}
}

FOR_EACH_CODING(levels_have_a_range)
{
	struct ouro_encoder *encoder = NULL;

	cr_expect_eq(ouro_encoder_create(&encoder, *coding, OURO_ENCODER_LEVEL_MAX + 1), -EINVAL);
	cr_expect_null(encoder);
}

FOR_EACH_CODING(input_in_any_two_pieces_comes_back)
{
	enum { SHORT = 200 };
	struct ouro_encoder *encoder = create(*coding, 0);

	fill_words(content, SHORT);
	for (size_t cut = 0; cut <= SHORT; cut++) {
		size_t len = run(encoder, ouro_str(content, cut), OURO_FLUSH_NONE, 0, 64);

		len = run(encoder, ouro_str(content + cut, SHORT - cut), OURO_FLUSH_END, len, 64);
		expect_decoded(*coding, len, SHORT);
		cr_assert_eq(ouro_encoder_reset(encoder), 0);
	}
	ouro_encoder_destroy(encoder);
}

/* Gives @decoder what was encoded since @from, and expects @len bytes behind @at of the content. */
static void expect_more(struct ouro_decoder *decoder, size_t from, size_t to, size_t at, size_t len)
{
	struct ouro_str in = ouro_str(encoded + from, to - from);
	size_t got;

	cr_expect_eq(ouro_decoder_run(decoder, &in, false, decoded, sizeof(decoded), &got),
		     OURO_DECODE_MORE);
	cr_expect_eq(got, len);
	cr_expect_eq(memcmp(decoded, content + at, len), 0);
}

FOR_EACH_CODING(what_is_flushed_can_be_decoded_at_once)
{
	static const size_t sizes[] = { 1, 20, 0, 3000, 1, 100000, 7 };
	struct ouro_encoder *encoder = create(*coding, 0);
	struct ouro_decoder *decoder;
	size_t at = 0, len = 0;

	fill_words(content, LARGE);
	cr_assert_eq(ouro_decoder_create(&decoder, coding, 1, &no_limits), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t end = run(encoder, ouro_str(content + at, sizes[i]), OURO_FLUSH_SYNC, len,
				 OURO_ENCODER_ROOM_MIN);

		expect_more(decoder, len, end, at, sizes[i]);
		len = end;
		at += sizes[i];
	}
	len = run(encoder, ouro_str(NULL, 0), OURO_FLUSH_END, len, OURO_ENCODER_ROOM_MIN);
	expect_decoded(*coding, len, at);
	ouro_decoder_destroy(decoder);
	ouro_encoder_destroy(encoder);
}

/* Whatever room is left when the mark of a flush begins, the flush comes to its end. */
FOR_EACH_CODING(flushes_end_in_any_room)
{
	struct ouro_encoder *encoder = create(*coding, 0);

	fill_noise(content, 400);
	for (size_t room = OURO_ENCODER_ROOM_MIN; room < 450; room++) {
		size_t len = run(encoder, ouro_str(content, 400), OURO_FLUSH_SYNC, 0, room);

		cr_expect_lt(len, 500);
		len = run(encoder, ouro_str(NULL, 0), OURO_FLUSH_END, len, room);
		expect_decoded(*coding, len, 400);
		cr_assert_eq(ouro_encoder_reset(encoder), 0);
	}
	ouro_encoder_destroy(encoder);
}

FOR_EACH_CODING(resetting_drops_what_was_under_way)
{
	struct ouro_encoder *encoder = create(*coding, 0);
	struct ouro_str in = ouro_str(content, LARGE);
	size_t len;

	fill_noise(content, LARGE);
	cr_expect_eq(ouro_encoder_run(encoder, &in, OURO_FLUSH_SYNC, encoded, 64, &len),
		     OURO_ENCODE_FULL);
	cr_expect_eq(ouro_encoder_reset(encoder), 0);
	len = run(encoder, ouro_str(content, 100), OURO_FLUSH_END, 0, 64);
	expect_decoded(*coding, len, 100);
	ouro_encoder_destroy(encoder);
}

FOR_EACH_CODING(resetting_does_not_make_it_grow)
{
	struct ouro_encoder *encoder = create(*coding, 0);
	size_t bytes = 0;

	fill_words(content, LARGE);
	for (int i = 0; i < 5; i++) {
		run(encoder, ouro_str(content, LARGE), OURO_FLUSH_END, 0, 1000);
		cr_assert_eq(ouro_encoder_reset(encoder), 0);
		if (i > 0)
			cr_expect_eq(ouro_encoder_bytes(encoder), bytes);
		bytes = ouro_encoder_bytes(encoder);
	}
	ouro_encoder_destroy(encoder);
}

Test(encoder, it_knows_its_coding)
{
	struct ouro_encoder *encoder = create(OURO_CODING_DEFLATE, 1);

	cr_expect_eq(ouro_encoder_coding(encoder), OURO_CODING_DEFLATE);
	ouro_encoder_destroy(encoder);
	ouro_encoder_destroy(NULL);
}

/* RFC 9110, 8.4.1.2: not the bare format. */
Test(encoder, deflate_is_in_the_frame_of_zlib)
{
	encode(OURO_CODING_DEFLATE, OURO_STR("hello"), encoded, 100);
	cr_expect_eq((unsigned char)encoded[0], 0x78);
	cr_expect_eq(((unsigned char)encoded[0] << 8 | (unsigned char)encoded[1]) % 31, 0);
}
