/* Tests of ws/utf8.h, beside a plain reading of RFC 3629. */
#include "ws/utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>
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

/* Blocks are passed over by vectors: two bytes of all kinds, and a third, around the end of the first one,
 * behind ASCII and behind characters that may still be open there. */
Test(ws_utf8, every_pair_where_blocks_meet)
{
	static const unsigned char thirds[] = { 'a', 0x80, 0x9f, 0xbf, 0xc3, 0xff };
	static const char *const fillings[] = { "a", "\xc3\xbc", "\xe6\xbc\xa2",
						"\xf0\x9f\x98\x80" };
	unsigned char text[80];

	for (uint32_t n = 0; n < 1 << 16; n++) {
		size_t at = 29 + n % 5, third = n / 5 % sizeof(thirds), filling = n / 30 % 4;
		size_t step = strlen(fillings[filling]);

		if ((n >> 8) < 0x80 && (n & 0xff) < 0x80)
			continue;
		for (size_t i = 0; i + step <= sizeof(text); i += step)
			memcpy(text + i, fillings[filling], step);
		/* From a character on. */
		at -= at % step;
		text[at] = (unsigned char)(n >> 8);
		text[at + 1] = (unsigned char)n;
		text[at + 2] = thirds[third];
		memset(text + at + 3, 'a', sizeof(text) - at - 3);
		expect_same(text, sizeof(text));
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Text of characters of all lengths, which is right, and then with one byte that is another. */
Test(ws_utf8, random_text_with_and_without_a_fault)
{
	static const char *const characters[] = {
		"a",
		"z",
		"\xc3\xbc",
		"\xdf\xbf",
		"\xe0\xa0\x80",
		"\xe6\xbc\xa2",
		"\xed\x9f\xbf",
		"\xef\xbf\xbf",
		"\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf",
		"0123456789abcdef0123456789abcdef",
	};
	size_t count = sizeof(characters) / sizeof(characters[0]);
	uint32_t random = 1;

	for (int round = 0; round < 20000; round++) {
		size_t wanted = 1 + next_random(&random) % 300, len = 0;
		unsigned char *text = malloc(wanted + 32);

		/* Few kinds at a time, so that there are long runs of each. */
		uint32_t first = next_random(&random), kinds = 1 + next_random(&random) % 4;
		while (len < wanted) {
			const char *one =
				characters[(first + next_random(&random) % kinds) % count];

			memcpy(text + len, one, strlen(one));
			len += strlen(one);
		}
		expect_same(text, len);
		text[next_random(&random) % len] = (unsigned char)next_random(&random);
		expect_same(text, len);
		/* What is behind the end is none of its business. */
		expect_same(text, len - next_random(&random) % len);
		free(text);
	}
}

/* A fault in any place of a long text is found, whatever is before and behind it. */
Test(ws_utf8, a_fault_anywhere_in_a_long_text)
{
	static const char *const faults[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xe0\x9f\xbf",
		"\xe0\xa0",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x90\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3\xbc\xbc",
		"\xe6\xbc\xa2\xa2",
		"\xf0\x9f\x98\x80\x80",
	};

	for (size_t fault = 0; fault < sizeof(faults) / sizeof(faults[0]); fault++)
		for (size_t before = 0; before < 140; before++)
			for (size_t wide = 0; wide < 2; wide++) {
				char text[400];
				size_t len = 0;
				uint8_t state = OURO_WS_UTF8_WHOLE;

				while (len < before)
					len += (size_t)sprintf(text + len, "%s",
							       wide ? "\xe6\xbc\xa2" : "a");
				len += (size_t)sprintf(text + len, "%s", faults[fault]);
				while (len < 300)
					len += (size_t)sprintf(text + len, "%s",
							       wide ? "\xe6\xbc\xa2" : "a");
				cr_expect_not(ouro_ws_utf8_feed(&state, text, len),
					      "fault %zu at %zu", fault, before);
				expect_same((unsigned char *)text, len);
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
