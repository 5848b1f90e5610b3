/* Decoders keep to their limits, of whatever they are given. */
#include "coded.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { MIB = 1 << 20 };

static char content[MIB], encoded[MIB], decoded[2 * MIB];

/* The outcome of decoding @in within @limits, in pieces of @piece; @len is how much came of it. */
static enum ouro_decode decode_within(struct ouro_decoder_limits limits,
				      const enum ouro_coding *codings, size_t count,
				      struct ouro_str in, size_t piece, size_t *len)
{
	struct ouro_decoder *decoder;
	enum ouro_decode step;

	cr_assert_eq(ouro_decoder_create(&decoder, codings, count, &limits), 0);
	step = decode(decoder, in, (struct manner){ .piece = piece, .room = 1000 }, decoded,
		      sizeof(decoded), len);
	ouro_decoder_destroy(decoder);
	return step;
}

static void expect_bytes_max(uint64_t bytes_max, enum ouro_decode expected)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in = { encoded, encode(coding, ouro_str(content, 5000), encoded,
						       sizeof(encoded)) };

		for (size_t piece = 0; piece < 8; piece++) {
			enum ouro_decode step;
			size_t len;

			step = decode_within((struct ouro_decoder_limits){ bytes_max, 0, 0 },
					     &coding, 1, in, piece, &len);
			cr_expect_eq(step, expected, "%d in pieces of %zu: %d", i, piece, step);
			cr_expect_leq(len, bytes_max);
		}
	}
}

Test(decoder_limits, as_many_bytes_as_are_allowed)
{
	fill_words(content, 5000);
	expect_bytes_max(5000, OURO_DECODE_DONE);
	expect_bytes_max(4999, OURO_DECODE_TOO_LARGE);
	expect_bytes_max(3000, OURO_DECODE_TOO_LARGE);
	expect_bytes_max(0, OURO_DECODE_TOO_LARGE);
}

Test(decoder_limits, nothing_is_never_too_large)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in = { encoded, encode(coding, ouro_str(NULL, 0), encoded, 100) };
		size_t len;

		cr_expect_eq(decode_within((struct ouro_decoder_limits){ 0 }, &coding, 1, in, 0,
					   &len),
			     OURO_DECODE_DONE);
	}
}

Test(decoder_limits, a_mebibyte_of_zeros_is_a_bomb)
{
	struct ouro_decoder_limits limits = { UINT64_MAX, 100, 64 << 10 };

	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in = { encoded,
				       encode(coding, ouro_str(content, MIB), encoded, MIB) };
		size_t len;

		cr_assert_lt(in.len, MIB / 900);
		for (size_t piece = 0; piece < 5; piece++) {
			cr_expect_eq(decode_within(limits, &coding, 1, in, piece, &len),
				     OURO_DECODE_TOO_LARGE);
			cr_expect_leq(len, 100 * in.len > limits.ratio_free_bytes
						   ? 100 * in.len
						   : limits.ratio_free_bytes);
		}
	}
}

Test(decoder_limits, the_beginning_may_have_any_ratio)
{
	struct ouro_decoder_limits limits = { UINT64_MAX, 2, 64 << 10 };

	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in;
		size_t len;

		in = ouro_str(encoded, encode(coding, ouro_str(content, 64 << 10), encoded, MIB));
		cr_expect_eq(decode_within(limits, &coding, 1, in, 0, &len), OURO_DECODE_DONE);
		in = ouro_str(encoded,
			      encode(coding, ouro_str(content, (64 << 10) + 1), encoded, MIB));
		cr_expect_eq(decode_within(limits, &coding, 1, in, 0, &len), OURO_DECODE_TOO_LARGE);
	}
}

Test(decoder_limits, what_hardly_shrinks_has_no_ratio)
{
	struct ouro_decoder_limits limits = { MIB, 2, 0 };

	fill_noise(content, MIB / 2);
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in = { encoded,
				       encode(coding, ouro_str(content, MIB / 2), encoded, MIB) };
		size_t len;

		cr_expect_eq(decode_within(limits, &coding, 1, in, 4096, &len), OURO_DECODE_DONE);
		cr_expect_eq(len, MIB / 2);
	}
}

/* Members of gzip with nothing in them: what is between two codings may be a bomb too. */
Test(decoder_limits, bombs_between_codings)
{
	enum ouro_coding codings[] = { OURO_CODING_GZIP, OURO_CODING_BR };
	size_t member = encode(OURO_CODING_GZIP, ouro_str(NULL, 0), encoded, 100), count = 0, len;
	struct ouro_str in;

	for (; count + member <= MIB; count += member)
		memcpy(content + count, encoded, member);
	in = ouro_str(encoded, encode(OURO_CODING_BR, ouro_str(content, count), encoded, MIB));
	cr_expect_eq(decode_within(no_limits, codings, 2, in, 0, &len), OURO_DECODE_DONE);
	cr_expect_eq(len, 0);
	cr_expect_eq(decode_within((struct ouro_decoder_limits){ UINT64_MAX, 100, 0 }, codings, 2,
				   in, 0, &len),
		     OURO_DECODE_TOO_LARGE);
	cr_expect_eq(decode_within((struct ouro_decoder_limits){ MIB / 2, 0, 0 }, codings, 2, in, 0,
				   &len),
		     OURO_DECODE_TOO_LARGE);
}

/* What does not compress is a bit larger below each coding than it is itself. */
Test(decoder_limits, what_a_coding_adds_is_not_too_large)
{
	enum ouro_coding codings[] = { OURO_CODING_ZSTD, OURO_CODING_BR, OURO_CODING_GZIP };
	enum { BYTES = 200000 };
	struct ouro_str in = ouro_str(content, BYTES);
	size_t len;

	fill_noise(content, BYTES);
	for (size_t i = 0; i < 3; i++) {
		char *out = i % 2 ? decoded : encoded;

		in = ouro_str(out, encode(codings[i], in, out, MIB));
	}
	cr_expect_eq(decode_within((struct ouro_decoder_limits){ BYTES, 2, 0 }, codings, 3, in, 0,
				   &len),
		     OURO_DECODE_DONE);
	cr_expect_eq(len, BYTES);
}

/* RFC 9659, 3: 8 MiB. The descriptor says 16. */
Test(decoder_limits, windows_of_zstd_have_a_limit)
{
	expect_end(OURO_CODING_ZSTD, ouro_str("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9),
		   OURO_DECODE_TOO_LARGE);
	expect_content(OURO_CODING_ZSTD, ouro_str("\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00", 9),
		       ouro_str("", 0));
}
