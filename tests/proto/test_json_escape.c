/* JSON strings, and what becomes of bytes that are no UTF-8. */
#include "proto/json_escape.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#define BAD "\xef\xbf\xbd"

static void expect_json(struct ouro_str text, const char *expected)
{
	struct guard guard;
	char out[256];
	size_t expected_len = strlen(expected);
	ssize_t len;

	guard_init(&guard, 256);
	text.ptr = guard_put(&guard, text.ptr, text.len);
	len = ouro_json_write_string(text, out, sizeof(out));
	cr_assert(len >= 0 && (size_t)len <= OURO_JSON_STRING_BYTES_MAX(text.len));
	cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str(expected, expected_len)),
		  "%.*s, not %s", (int)len, out, expected);
	cr_expect_eq(ouro_json_write_string(text, out, expected_len), len);
	for (size_t room = 0; room < expected_len; room++)
		cr_expect_eq(ouro_json_write_string(text, out, room), -ENOSPC);
	guard_fini(&guard);
}

Test(json, plain)
{
	expect_json(OURO_STR(""), "\"\"");
	expect_json(OURO_STR("Hello, World!"), "\"Hello, World!\"");
	expect_json(OURO_STR("a/b\x7f"), "\"a/b\x7f\"");
}

Test(json, escapes)
{
	expect_json(OURO_STR("\"\\"), "\"\\\"\\\\\"");
	expect_json(OURO_STR("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
	expect_json(OURO_STR("\0\x01\x0b\x1f"), "\"\\u0000\\u0001\\u000b\\u001f\"");
}

Test(json, valid_utf8_is_kept)
{
	expect_json(OURO_STR("\xc2\x80\xdf\xbf"), "\"\xc2\x80\xdf\xbf\"");
	expect_json(OURO_STR("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
		    "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"");
	expect_json(OURO_STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
		    "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

Test(json, invalid_utf8_is_replaced)
{
	/* Lone continuations and bytes that begin nothing. */
	expect_json(OURO_STR("\x80\xbf"), "\"" BAD BAD "\"");
	expect_json(OURO_STR("\xc0\xaf\xc1\xbf"), "\"" BAD BAD BAD BAD "\"");
	expect_json(OURO_STR("\xf5\xff"), "\"" BAD BAD "\"");
	/* Too long, surrogates, beyond the last code point. */
	expect_json(OURO_STR("\xe0\x9f\xbf"), "\"" BAD BAD BAD "\"");
	expect_json(OURO_STR("\xed\xa0\x80"), "\"" BAD BAD BAD "\"");
	expect_json(OURO_STR("\xf0\x8f\xbf\xbf"), "\"" BAD BAD BAD BAD "\"");
	expect_json(OURO_STR("\xf4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"");
}

Test(json, cut_sequences_are_one_replacement)
{
	expect_json(OURO_STR("\xc2"), "\"" BAD "\"");
	expect_json(OURO_STR("\xe2\x82"), "\"" BAD "\"");
	expect_json(OURO_STR("\xf0\x9f\x98"), "\"" BAD "\"");
	expect_json(OURO_STR("\xe2\x82"
			     "a"),
		    "\"" BAD "a\"");
	expect_json(OURO_STR("\xf0\x9f\x98\xc2\xa9"), "\"" BAD "\xc2\xa9\"");
	/* The example of the Unicode standard, 3.9, table 3-8. */
	expect_json(OURO_STR("a\xf1\x80\x80\xe1\x80\xc2"
			     "b\x80"
			     "c\x80\xbf"
			     "d"),
		    "\"a" BAD BAD BAD "b" BAD "c" BAD BAD "d\"");
}
