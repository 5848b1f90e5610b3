/* Tests of ws/utf8.h, beside a plain reading of RFC 3629. */
#include "ws/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes at the front of @len cannot be refused yet; @whole: they end with a character. */
static size_t plain(const unsigned char *text, size_t len, bool *whole)
{
	size_t at = 0;

	*whole = true;
	while (at < len) {
		unsigned char lead = text[at];
		size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint32_t low = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
		uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);

		if (more > 0 && (lead < 0xc2 || lead > 0xf4))
			return at;
		for (size_t i = 1; i <= more; i++) {
			uint32_t least, most;

			if (at + i == len) {
				*whole = false;
				return len;
			}
			if ((text[at + i] & 0xc0) != 0x80)
				return at + i;
			point = point << 6 | (text[at + i] & 0x3f);
			/* What it may still become. */
			least = point << 6 * (more - i);
			most = least | ((1u << 6 * (more - i)) - 1);
			if (most < low || least > 0x10ffff || (least >= 0xd800 && most <= 0xdfff))
				return at + i;
		}
		at += more + 1;
	}
	return len;
}

/* That it is refused exactly where it must be, given whole and byte by byte. */
static void expect_same(const unsigned char *text, size_t len)
{
	bool whole;
	size_t good = plain(text, len, &whole);
	uint8_t state = OURO_WS_UTF8_WHOLE;

	if (ouro_ws_utf8_feed(&state, (const char *)text, len) != (good == len))
		cr_assert_fail("%zu bytes: %02x %02x %02x %02x", len, text[0], text[1], text[2],
			       text[3]);
	if (good == len && (state == OURO_WS_UTF8_WHOLE) != whole)
		cr_assert_fail("%zu bytes end within a character or not", len);
	state = OURO_WS_UTF8_WHOLE;
	for (size_t i = 0; i < len; i++) {
		bool accepted = ouro_ws_utf8_feed(&state, (const char *)text + i, 1);

		if (accepted != (i < good))
			cr_assert_fail("byte %zu of %zu", i, len);
		if (!accepted)
			break;
	}
}

Test(ws_utf8, every_three_bytes)
{
	unsigned char text[4] = { 0 };

	for (uint32_t n = 0; n < 1 << 24; n++) {
		text[0] = (unsigned char)(n >> 16);
		text[1] = (unsigned char)(n >> 8);
		text[2] = (unsigned char)n;
		/* ASCII first is the same for all that follows. */
		if (text[0] < 0x80 && text[0] != 'a')
			continue;
		expect_same(text, 3);
	}
}

Test(ws_utf8, every_four_bytes_that_may_be_one)
{
	unsigned char text[4];

	for (unsigned lead = 0xef; lead <= 0xff; lead++) {
		for (uint32_t n = 0; n < 1 << 16; n++) {
			text[0] = (unsigned char)lead;
			text[1] = (unsigned char)(n >> 8);
			text[2] = (unsigned char)n;
			for (unsigned last = 0x7f; last <= 0xc0; last += 13) {
				text[3] = (unsigned char)last;
				expect_same(text, 4);
			}
		}
	}
}

Test(ws_utf8, a_bad_byte_anywhere_among_ascii)
{
	for (size_t len = 1; len < 100; len++) {
		for (size_t at = 0; at < len; at++) {
			unsigned char *text = malloc(len);

			memset(text, 'a', len);
			text[at] = 0xff;
			expect_same(text, len);
			text[at] = 0xc3;
			if (at + 1 < len)
				text[at + 1] = 0xbc;
			expect_same(text, len);
			free(text);
		}
	}
}

Test(ws_utf8, nothing_changes_nothing)
{
	uint8_t state = OURO_WS_UTF8_WHOLE;

	cr_assert(ouro_ws_utf8_feed(&state, "\xe2\x82", 2));
	cr_assert_neq(state, OURO_WS_UTF8_WHOLE);
	cr_assert(ouro_ws_utf8_feed(&state, NULL, 0));
	cr_assert(ouro_ws_utf8_feed(&state, "\xac", 1));
	cr_assert_eq(state, OURO_WS_UTF8_WHOLE);
}
