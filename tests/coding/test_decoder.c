/* Decoders: what is well-formed, malformed and truncated, whole and cut; several codings. */
#include "coded.h"

#include <criterion/criterion.h>
#include <zlib.h>

#define BYTES(...)                                                                                 \
	ouro_str((const char *)(const unsigned char[]){ __VA_ARGS__ },                             \
		 sizeof((const unsigned char[]){ __VA_ARGS__ }))

static char buffer[4096], other[4096];
static const struct ouro_str text = { "so little, little text to be decoded", 36 };

static struct ouro_str coded(enum ouro_coding coding)
{
	return ouro_str(buffer, encode(coding, text, buffer, sizeof(buffer)));
}

static struct ouro_str with(struct ouro_str str, struct ouro_str more)
{
	memmove(other, str.ptr, str.len);
	memcpy(other + str.len, more.ptr, more.len);
	return ouro_str(other, str.len + more.len);
}

Test(decoder, each_coding_is_decoded_however_it_is_cut)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++)
		expect_content((enum ouro_coding)i, coded((enum ouro_coding)i), text);
}

Test(decoder, truncated_at_any_byte)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		struct ouro_str whole = coded((enum ouro_coding)i);

		for (size_t len = 1; len < whole.len; len++)
			expect_end((enum ouro_coding)i, ouro_str(whole.ptr, len),
				   OURO_DECODE_TRUNCATED);
	}
}

Test(decoder, nothing_is_complete)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++)
		expect_content((enum ouro_coding)i, ouro_str("", 0), ouro_str("", 0));
}

Test(decoder, garbage_is_malformed)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++)
		expect_end((enum ouro_coding)i, OURO_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
			   OURO_DECODE_MALFORMED);
}

Test(decoder, garbage_behind_the_end_is_malformed)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		struct ouro_str whole = coded((enum ouro_coding)i);

		expect_end((enum ouro_coding)i, with(whole, OURO_STR("garbage")),
			   OURO_DECODE_MALFORMED);
	}
}

Test(decoder, zeros_behind_the_end_are_garbage)
{
	expect_end(OURO_CODING_GZIP, with(coded(OURO_CODING_GZIP), BYTES(0, 0, 0)),
		   OURO_DECODE_MALFORMED);
}

Test(decoder, wrong_sums_are_malformed)
{
	struct ouro_str gzip = coded(OURO_CODING_GZIP), deflate;

	buffer[gzip.len - 5] ^= 1;
	expect_end(OURO_CODING_GZIP, gzip, OURO_DECODE_MALFORMED);
	deflate = coded(OURO_CODING_DEFLATE);
	buffer[deflate.len - 1] ^= 1;
	expect_end(OURO_CODING_DEFLATE, deflate, OURO_DECODE_MALFORMED);
}

/* RFC 1952, 2.2. */
Test(decoder, gzip_has_any_number_of_members)
{
	struct ouro_str once = coded(OURO_CODING_GZIP);
	char twice[80];

	memcpy(twice, text.ptr, text.len);
	memcpy(twice + text.len, text.ptr, text.len);
	expect_content(OURO_CODING_GZIP, with(once, once), ouro_str(twice, 2 * text.len));
	expect_end(OURO_CODING_GZIP, with(once, ouro_str(once.ptr, 5)), OURO_DECODE_TRUNCATED);
}

/* RFC 8878, 3. */
Test(decoder, zstd_has_any_number_of_frames_some_to_be_skipped)
{
	struct ouro_str once = coded(OURO_CODING_ZSTD);
	struct ouro_str skipped = BYTES(0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'n', 'o');
	char twice[80];

	memcpy(twice, text.ptr, text.len);
	memcpy(twice + text.len, text.ptr, text.len);
	expect_content(OURO_CODING_ZSTD, with(once, once), ouro_str(twice, 2 * text.len));
	expect_content(OURO_CODING_ZSTD, with(once, skipped), text);
	expect_content(OURO_CODING_ZSTD, with(skipped, once), text);
	expect_content(OURO_CODING_ZSTD, skipped, ouro_str("", 0));
}

/* The magic number of a format from before the RFC, which libzstd may know. */
Test(decoder, zstd_from_before_the_rfc_is_malformed)
{
	expect_end(OURO_CODING_ZSTD, BYTES(0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0), OURO_DECODE_MALFORMED);
}

static size_t bare_deflate(int level, struct ouro_str in, char *out, size_t room)
{
	z_stream zlib = { 0 };

	cr_assert_eq(deflateInit2(&zlib, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_in = (z_const Bytef *)in.ptr;
	zlib.avail_in = (uInt)in.len;
	zlib.next_out = (Bytef *)out;
	zlib.avail_out = (uInt)room;
	cr_assert_eq(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(deflateEnd(&zlib), Z_OK);
	return room - zlib.avail_out;
}

Test(decoder, deflate_may_be_bare)
{
	for (int level = 0; level <= 9; level++) {
		size_t len = bare_deflate(level, text, buffer, sizeof(buffer));

		expect_content(OURO_CODING_DEFLATE, ouro_str(buffer, len), text);
	}
}

/* A stored block whose bits for filling up look like the frame of zlib, up to the second byte. */
Test(decoder, bare_deflate_may_begin_like_zlib)
{
	expect_content(OURO_CODING_DEFLATE,
		       BYTES(0x78, 2, 0, 0xfd, 0xff, 'h', 'i', 1, 1, 0, 0xfe, 0xff, '!'),
		       OURO_STR("hi!"));
}

Test(decoder, dictionaries_are_malformed)
{
	expect_end(OURO_CODING_DEFLATE, BYTES(0x78, 0xbb, 1, 2, 3, 4, 5), OURO_DECODE_MALFORMED);
}

/* Encodes @content by each of @codings, the first one first. */
static struct ouro_str encode_all(const enum ouro_coding *codings, size_t count,
				  struct ouro_str content)
{
	for (size_t i = 0; i < count; i++) {
		char *out = i % 2 ? other : buffer;

		content = ouro_str(out, encode(codings[i], content, out, sizeof(buffer)));
	}
	return content;
}

static void expect_chain(const enum ouro_coding *codings, size_t count)
{
	struct ouro_str in = encode_all(codings, count, text);
	struct ouro_decoder *decoder;
	char out[100];
	size_t len;

	cr_assert_eq(ouro_decoder_create(&decoder, codings, count, &no_limits), 0);
	for (size_t cut = 0; cut < in.len; cut++) {
		cr_expect_eq(decode(decoder, in, (struct manner){ .first = cut, .room = 5 }, out,
				    sizeof(out), &len),
			     OURO_DECODE_DONE);
		cr_expect(ouro_str_eq(ouro_str(out, len), text));
		cr_assert_eq(ouro_decoder_reset(decoder, &no_limits), 0);
		if (cut == 0)
			continue;
		cr_expect_eq(decode(decoder, ouro_str(in.ptr, cut), (struct manner){ .piece = 1 },
				    out, sizeof(out), &len),
			     OURO_DECODE_TRUNCATED);
		cr_assert_eq(ouro_decoder_reset(decoder, &no_limits), 0);
	}
	ouro_decoder_destroy(decoder);
}

Test(decoder, codings_are_taken_off_last_one_first)
{
	for (int a = CODINGS_BEGIN; a < OURO_CODING_COUNT; a++)
		for (int b = CODINGS_BEGIN; b < OURO_CODING_COUNT; b++)
			expect_chain((enum ouro_coding[]){ (enum ouro_coding)a,
							   (enum ouro_coding)b },
				     2);
}

Test(decoder, three_codings)
{
	expect_chain((enum ouro_coding[]){ OURO_CODING_GZIP, OURO_CODING_BR, OURO_CODING_ZSTD },
		     OURO_DECODER_CODINGS_MAX);
}

static enum ouro_decode decode_two(enum ouro_coding first, enum ouro_coding second,
				   struct ouro_str in)
{
	struct ouro_decoder *decoder;
	enum ouro_decode step;
	char out[100];
	size_t len;

	cr_assert_eq(ouro_decoder_create(&decoder, (enum ouro_coding[]){ first, second }, 2,
					 &no_limits),
		     0);
	step = decode(decoder, in, (struct manner){ 0 }, out, sizeof(out), &len);
	ouro_decoder_destroy(decoder);
	return step;
}

Test(decoder, what_is_below_another_coding_may_be_wrong_too)
{
	enum ouro_coding br = OURO_CODING_BR, gzip = OURO_CODING_GZIP;
	struct ouro_str in = coded(gzip);

	cr_expect_eq(decode_two(br, gzip, in), OURO_DECODE_MALFORMED);
	in = ouro_str(other, encode(br, ouro_str(in.ptr, in.len - 1), other, sizeof(other)));
	cr_expect_eq(decode_two(gzip, br, in), OURO_DECODE_TRUNCATED);
	in = ouro_str(other, encode(br, ouro_str(NULL, 0), other, sizeof(other)));
	cr_expect_eq(decode_two(gzip, br, in), OURO_DECODE_TRUNCATED);
	cr_expect_eq(decode_two(gzip, br, OURO_STR("")), OURO_DECODE_DONE);
}

Test(decoder, reset_after_anything)
{
	static const struct manner whole;
	char out[100];
	size_t len;

	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		struct ouro_str in = coded(coding);
		struct ouro_decoder *decoder;

		cr_assert_eq(ouro_decoder_create(&decoder, &coding, 1, &no_limits), 0);
		decode(decoder, OURO_STR("garbage, which it is"), whole, out, sizeof(out), &len);
		cr_assert_eq(ouro_decoder_reset(decoder, &no_limits), 0);
		decode(decoder, ouro_str(in.ptr, in.len / 2), whole, out, sizeof(out), &len);
		cr_assert_eq(ouro_decoder_reset(decoder, &no_limits), 0);
		cr_expect_eq(decode(decoder, in, whole, out, sizeof(out), &len), OURO_DECODE_DONE);
		cr_expect(ouro_str_eq(ouro_str(out, len), text));
		ouro_decoder_destroy(decoder);
	}
	ouro_decoder_destroy(NULL);
}
