/* Ranges of bytes. */
#include "proto/range.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { RANGES_MAX = 8 };

static const char *const names[] = {
	[OURO_RANGES_IGNORED] = "ignored",    [OURO_RANGES_SOME] = "",
	[OURO_RANGES_UNSATISFIABLE] = "none", [OURO_RANGES_MALFORMED] = "malformed",
	[OURO_RANGES_TOO_MANY] = "too many",
};

/* What comes of @value as text: "[0-1][5-9]", or a word. */
static const char *outcome(struct ouro_str value, uint64_t length, size_t max)
{
	static char text[RANGES_MAX * 48];
	struct ouro_range ranges[RANGES_MAX];
	size_t count = 99;
	enum ouro_ranges found = ouro_ranges_parse(value, length, ranges, max, &count);
	char *at = text;

	if (found != OURO_RANGES_SOME) {
		cr_expect_eq(count, 99);
		return names[found];
	}
	cr_assert(count > 0 && count <= max);
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "[%llu-%llu]", (unsigned long long)ranges[i].first,
			      (unsigned long long)ranges[i].last);
	return text;
}

static void expect(const char *value, uint64_t length, const char *expected)
{
	size_t len = strlen(value);
	struct guard guard;

	guard_init(&guard, 512);
	cr_expect_str_eq(outcome(ouro_str(guard_put(&guard, value, len), len), length, RANGES_MAX),
			 expected, "%s of %llu", value, (unsigned long long)length);
	guard_fini(&guard);
}

Test(range, examples_of_the_rfc)
{
	/* RFC 9110, 14.1.2. */
	expect("bytes=0-499", 10000, "[0-499]");
	expect("bytes=500-999", 10000, "[500-999]");
	expect("bytes=-500", 10000, "[9500-9999]");
	expect("bytes=9500-", 10000, "[9500-9999]");
	expect("bytes=0-0,-1", 10000, "[0-0][9999-9999]");
	expect("bytes= 0-999, 4500-5499, -1000", 10000, "[0-999][4500-5499][9000-9999]");
	expect("bytes=500-600,601-999", 10000, "[500-999]");
	expect("bytes=500-700,601-999", 10000, "[500-999]");
}

Test(range, absent_is_ignored)
{
	cr_expect_str_eq(outcome(ouro_str(NULL, 0), 10, RANGES_MAX), "ignored");
}

Test(range, other_units_are_ignored)
{
	expect("items=0-1", 10, "ignored");
	expect("byte=0-1", 10, "ignored");
	expect("bytess=0-1", 10, "ignored");
	expect("items=whatever \"this\" says", 10, "ignored");
}

Test(range, the_unit_is_in_any_case)
{
	expect("BYTES=0-1", 10, "[0-1]");
	expect("Bytes=0-1", 10, "[0-1]");
}

Test(range, ends_with_the_representation)
{
	expect("bytes=5-9", 10, "[5-9]");
	expect("bytes=5-10", 10, "[5-9]");
	expect("bytes=5-1000", 10, "[5-9]");
	expect("bytes=9-", 10, "[9-9]");
	expect("bytes=0-0", 1, "[0-0]");
	expect("bytes=0-", 10, "[0-9]");
}

Test(range, suffixes)
{
	expect("bytes=-1", 10, "[9-9]");
	expect("bytes=-10", 10, "[0-9]");
	expect("bytes=-11", 10, "[0-9]");
	expect("bytes=-0", 10, "none");
	expect("bytes=-00", 10, "none");
}

Test(range, beyond_the_representation)
{
	expect("bytes=10-", 10, "none");
	expect("bytes=10-20", 10, "none");
	expect("bytes=10-,11-,-0", 10, "none");
	expect("bytes=10-20,3-4,11-", 10, "[3-4]");
}

Test(range, an_empty_representation)
{
	expect("bytes=0-", 0, "none");
	expect("bytes=0-0", 0, "none");
	expect("bytes=-0", 0, "none");
	/* Satisfiable, but no Content-Range can say what it is. */
	expect("bytes=-5", 0, "ignored");
	expect("bytes=0-,-5", 0, "ignored");
}

/* 2^64 is 18446744073709551616. */
Test(range, numbers_beyond_64_bits)
{
	expect("bytes=18446744073709551615-", 10, "none");
	expect("bytes=18446744073709551616-", 10, "none");
	expect("bytes=18446744073709551617-18446744073709551618", 10, "none");
	expect("bytes=5-18446744073709551616", 10, "[5-9]");
	expect("bytes=5-99999999999999999999999999999999999999", 10, "[5-9]");
	expect("bytes=-18446744073709551616", 10, "[0-9]");
	expect("bytes=-99999999999999999999999999999999999999", 10, "[0-9]");
	expect("bytes=99999999999999999999999999999999999999-5", 10, "malformed");
	expect("bytes=00000000000000000000000000000000000001-2", 10, "[1-2]");
}

Test(range, the_largest_length)
{
	expect("bytes=0-", UINT64_MAX, "[0-18446744073709551614]");
	expect("bytes=18446744073709551614-18446744073709551615", UINT64_MAX,
	       "[18446744073709551614-18446744073709551614]");
	expect("bytes=18446744073709551615-", UINT64_MAX, "none");
	expect("bytes=0-0,18446744073709551614-,0-", UINT64_MAX, "[0-18446744073709551614]");
	expect("bytes=5-,0-0,5-", UINT64_MAX, "ignored");
}

Test(range, lists_may_have_blanks_and_empty_elements)
{
	expect("bytes= 0-1 ,\t3-4\t", 10, "[0-1][3-4]");
	expect("bytes=,,0-1,,3-4,,", 10, "[0-1][3-4]");
}

Test(range, malformed)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes=",
		"bytes= ",
		"bytes=,",
		"=0-1",
		"=",
		"bytes =0-1",
		" bytes=0-1",
		"bytes 0-1",
		"0-1",
		"items 0-1",
		"bytes=0",
		"bytes=-",
		"bytes=--1",
		"bytes=a-b",
		"bytes=0-b",
		"bytes=0-1b",
		"bytes=0-1-2",
		"bytes=0 -1",
		"bytes=0- 1",
		"bytes=0-1 2-3",
		"bytes=0-1;2-3",
		"bytes=+0-1",
		"bytes=0x0-1",
		"bytes=1-0",
		"bytes=20-19",
		"bytes=0-1,x",
		"bytes=0-1,3-2",
		"bytes=0-1,bytes=3-4",
		"bytes=\xb2-3",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i], 10, "malformed");
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-1\0"), 10, RANGES_MAX), "malformed");
}

Test(range, keep_the_order_asked)
{
	expect("bytes=6-7,3-4,0-1", 10, "[6-7][3-4][0-1]");
	expect("bytes=-1,0-0,5-5", 10, "[9-9][0-0][5-5]");
}

Test(range, those_that_overlap_the_one_before_are_joined)
{
	expect("bytes=0-,0-", 10, "[0-9]");
	expect("bytes=0-5,2-3", 10, "[0-5]");
	expect("bytes=2-3,0-5", 10, "[0-5]");
	expect("bytes=0-5,3-8", 10, "[0-8]");
	expect("bytes=3-8,0-5", 10, "[0-8]");
	expect("bytes=0-,1-,2-,3-,4-,5-,6-,7-,8-,9-", 10, "[0-9]");
}

Test(range, those_that_touch_the_one_before_are_joined)
{
	expect("bytes=0-3,4-5", 10, "[0-5]");
	expect("bytes=4-5,0-3", 10, "[0-5]");
	expect("bytes=0-3,5-6", 10, "[0-3][5-6]");
	expect("bytes=5-6,0-3", 10, "[5-6][0-3]");
}

Test(range, joining_goes_on)
{
	expect("bytes=0-1,4-5,8-9,2-8", 10, "[0-9]");
	expect("bytes=0-1,4-5,8-9,5-8", 10, "[0-1][4-9]");
	expect("bytes=8-9,0-1,4-5,1-4", 10, "[8-9][0-5]");
}

/* Overlapping ones that are not neighbours stay, while the body is no longer than the whole. */
Test(range, no_more_bytes_than_the_whole)
{
	expect("bytes=0-3,6-7,1-4", 11, "[0-3][6-7][1-4]");
	expect("bytes=0-3,6-7,1-4", 10, "[0-3][6-7][1-4]");
	expect("bytes=0-3,6-7,1-4", 9, "ignored");
	expect("bytes=0-4,6-6,0-4", 11, "[0-4][6-6][0-4]");
	expect("bytes=0-4,6-6,0-4", 10, "ignored");
	expect("bytes=1-,0-0,1-,0-0", 10, "[0-9]");
	expect("bytes=2-,0-0,2-,0-0", 10, "ignored");
}

Test(range, as_many_as_there_is_room_for)
{
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0,2-2"), 10, 2), "[0-0][2-2]");
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0,2-2,4-4"), 10, 2), "too many");
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0,2-2,4-4"), 10, 3), "[0-0][2-2][4-4]");
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0"), 10, 0), "too many");
	/* What is not kept needs no room. */
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0,11-,1-1,12-,2-2,-0"), 10, 1), "[0-2]");
	cr_expect_str_eq(outcome(OURO_STR("bytes=0-0,4-4,2-2,1-3"), 10, 2), "too many");
}

/* 10,000 ranges, the longest joined chains among them: with quadratic time this would be seen. */
Test(range, many)
{
	enum { COUNT = 10000, ELEMENT_BYTES_MAX = 32 };
	char *text = malloc(COUNT * ELEMENT_BYTES_MAX);
	struct ouro_range *ranges = calloc(COUNT, sizeof(*ranges));
	size_t len, count;

	cr_assert(text && ranges);
	len = (size_t)sprintf(text, "bytes=");
	for (int i = 0; i < COUNT - 1; i++)
		len += (size_t)sprintf(text + len, "%d-%d,", 2 * i, 2 * i);
	cr_expect_eq(ouro_ranges_parse(ouro_str(text, len), 2 * COUNT, ranges, COUNT, &count),
		     OURO_RANGES_SOME);
	cr_expect_eq(count, COUNT - 1);
	cr_expect_eq(ranges[COUNT - 2].first, 2 * (COUNT - 2));
	cr_expect_eq(ouro_ranges_parse(ouro_str(text, len), 2 * COUNT, ranges, COUNT - 2, &count),
		     OURO_RANGES_TOO_MANY);
	/* One that closes all gaps at once. */
	len += (size_t)sprintf(text + len, "1-");
	cr_expect_eq(ouro_ranges_parse(ouro_str(text, len), 2 * COUNT, ranges, COUNT, &count),
		     OURO_RANGES_SOME);
	cr_expect_eq(count, 1);
	cr_expect(ranges[0].first == 0 && ranges[0].last == 2 * COUNT - 1);
	free(ranges);
	free(text);
}

Test(range, nothing_is_read_beyond_the_end)
{
	const char *value = "bytes=0-1, 33-44 ,5-,-18446744073709551616";
	struct ouro_range ranges[RANGES_MAX];
	struct guard guard;
	size_t count;

	guard_init(&guard, 64);
	for (size_t len = 0; len <= strlen(value); len++)
		ouro_ranges_parse(ouro_str(guard_put(&guard, value, len), len), 100, ranges,
				  RANGES_MAX, &count);
	guard_fini(&guard);
}

static void expect_content_range(struct ouro_range range, uint64_t length, const char *expected)
{
	char out[OURO_CONTENT_RANGE_BYTES_MAX];
	size_t len = ouro_content_range_write(range, length, out);

	cr_expect(ouro_str_eq(ouro_str(out, len), ouro_str_c(expected)), "%.*s, not %s", (int)len,
		  out, expected);
	cr_expect_eq(ouro_content_range_bytes(range, length), len);
}

Test(content_range, of_a_range)
{
	expect_content_range((struct ouro_range){ 0, 0 }, 1, "bytes 0-0/1");
	expect_content_range((struct ouro_range){ 0, 1 }, 10, "bytes 0-1/10");
	expect_content_range((struct ouro_range){ 9, 10 }, 100, "bytes 9-10/100");
}

Test(content_range, the_longest)
{
	struct ouro_range range = { UINT64_MAX - 1, UINT64_MAX - 1 };

	expect_content_range(
		range, UINT64_MAX,
		"bytes 18446744073709551614-18446744073709551614/18446744073709551615");
	cr_expect_eq(ouro_content_range_bytes(range, UINT64_MAX), OURO_CONTENT_RANGE_BYTES_MAX);
}

Test(content_range, of_none)
{
	char out[OURO_CONTENT_RANGE_BYTES_MAX];
	size_t len = ouro_content_range_write_none(10, out);

	cr_expect(ouro_str_eq(ouro_str(out, len), OURO_STR("bytes */10")));
	len = ouro_content_range_write_none(0, out);
	cr_expect(ouro_str_eq(ouro_str(out, len), OURO_STR("bytes */0")));
	len = ouro_content_range_write_none(UINT64_MAX, out);
	cr_expect(ouro_str_eq(ouro_str(out, len), OURO_STR("bytes */18446744073709551615")));
}

/* The body in parts of @ranges of @content, whose sizes are checked on the way. */
static void expect_parts(const struct ouro_byteranges *multi, const char *content,
			 const struct ouro_range *ranges, size_t count, const char *expected)
{
	char out[1024];
	size_t len = 0, bytes;

	for (size_t i = 0; i < count; i++) {
		bytes = ouro_byteranges_write_head(multi, i, ranges[i], out + len);
		cr_expect_eq(ouro_byteranges_head_bytes(multi, i, ranges[i]), bytes);
		len += bytes;
		bytes = ranges[i].last - ranges[i].first + 1;
		memcpy(out + len, content + ranges[i].first, bytes);
		len += bytes;
	}
	bytes = ouro_byteranges_write_end(multi, out + len);
	cr_expect_eq(ouro_byteranges_end_bytes(multi), bytes);
	len += bytes;
	cr_expect(ouro_str_eq(ouro_str(out, len), ouro_str_c(expected)), "%.*s\nnot\n%s", (int)len,
		  out, expected);
	cr_expect_eq(ouro_byteranges_body_bytes(multi, ranges, count), len);
}

Test(byteranges, parts)
{
	struct ouro_byteranges multi = { OURO_STR("THIS"), OURO_STR("text/plain"), 10 };
	struct ouro_range ranges[] = { { 0, 1 }, { 5, 9 }, { 3, 3 } };

	expect_parts(
		&multi, "0123456789", ranges, 3,
		"--THIS\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
		"\r\n--THIS\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-9/10\r\n\r\n"
		"56789"
		"\r\n--THIS\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-3/10\r\n\r\n3"
		"\r\n--THIS--\r\n");
}

Test(byteranges, a_part_without_type)
{
	struct ouro_byteranges multi = { .boundary = OURO_STR("b"), .length = 10 };
	struct ouro_range range = { 9, 9 };

	expect_parts(&multi, "0123456789", &range, 1,
		     "--b\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n--b--\r\n");
}

Test(byteranges, the_longest_body)
{
	struct ouro_byteranges multi = { .boundary = OURO_STR("b"), .length = INT64_MAX };
	struct ouro_range range = { 0, INT64_MAX - 1 };

	cr_expect_eq(ouro_byteranges_body_bytes(&multi, &range, 1),
		     (uint64_t)INT64_MAX + ouro_byteranges_head_bytes(&multi, 0, range) +
			     ouro_byteranges_end_bytes(&multi));
}
