/* Tests of ws/mask.h: all there is of it beside a byte at a time. */
#include "ws/mask.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 300, OFFSETS = 33, LONG_BYTES = 100000 };

typedef uint32_t (*mask_fn)(void *data, size_t len, uint32_t key);

static const unsigned char key_bytes[4] = { 0x12, 0xfe, 0x00, 0x80 };

static uint32_t key_word(void)
{
	uint32_t key;

	memcpy(&key, key_bytes, sizeof(key));
	return key;
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static void fill(unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(i);
}

/* @len bytes, the first of which was met by key byte @phase. */
static void expect_masked(const unsigned char *data, size_t len, size_t phase)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != (unsigned char)(byte_at(i) ^ key_bytes[(i + phase) % 4]))
			cr_assert_fail("byte %zu of %zu, phase %zu", i, len, phase);
}

/* Every length at every alignment, in memory that has not a byte more. */
static void expect_all(mask_fn fn)
{
	for (size_t len = 0; len < LENGTHS; len++) {
		for (size_t offset = 0; offset < OFFSETS; offset++) {
			unsigned char *memory = malloc(offset + len + 1), *data = memory + offset;
			uint32_t next;

			memset(memory, 0x55, offset + len + 1);
			fill(data, len);
			next = fn(data, len, key_word());
			expect_masked(data, len, 0);
			cr_assert(offset == 0 || data[-1] == 0x55);
			cr_assert_eq(data[len], 0x55);
			cr_assert_eq(((unsigned char *)&next)[0], key_bytes[len % 4]);
			cr_assert_eq(((unsigned char *)&next)[3], key_bytes[(len + 3) % 4]);
			free(memory);
		}
	}
}

static void expect_long(mask_fn fn)
{
	unsigned char *data = malloc(LONG_BYTES + 5);

	for (size_t offset = 0; offset < 5; offset++) {
		fill(data + offset, LONG_BYTES);
		fn(data + offset, LONG_BYTES, key_word());
		expect_masked(data + offset, LONG_BYTES, 0);
	}
	free(data);
}

Test(ws_mask, any_length_and_alignment)
{
	expect_all(ouro_ws_mask);
	expect_all(ouro_ws_mask_portable);
	expect_long(ouro_ws_mask);
	expect_long(ouro_ws_mask_portable);
}

Test(ws_mask, any_length_and_alignment_with_avx2)
{
	if (!ouro_ws_mask_has_avx2())
		cr_skip_test("the processor has no AVX2");
	expect_all(ouro_ws_mask_avx2);
	expect_long(ouro_ws_mask_avx2);
}

Test(ws_mask, pieces_go_on_where_the_last_ended)
{
	unsigned char data[LENGTHS];

	for (size_t cut = 0; cut <= LENGTHS; cut++) {
		uint32_t key = key_word();

		fill(data, LENGTHS);
		key = ouro_ws_mask(data, cut, key);
		ouro_ws_mask(data + cut, LENGTHS - cut, key);
		expect_masked(data, LENGTHS, 0);
	}
}

Test(ws_mask, twice_is_none)
{
	unsigned char data[LENGTHS], before[LENGTHS];

	fill(data, LENGTHS);
	memcpy(before, data, LENGTHS);
	ouro_ws_mask(data, LENGTHS, key_word());
	ouro_ws_mask(data, LENGTHS, key_word());
	cr_assert_eq(memcmp(data, before, LENGTHS), 0);
}
