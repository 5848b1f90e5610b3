/* Known field names, status lines and classes of characters. */
#include "proto/field.h"

#include "base/str.h"
#include "guard.h"
#include "proto/status.h"
#include "proto/token.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

Test(field, every_known_name_is_found)
{
	struct guard guard;
	char name[64];

	guard_init(&guard, sizeof(name));
	for (unsigned i = 1; i < OURO_FIELD_COUNT; i++) {
		struct ouro_str lower = ouro_field_name((enum ouro_field)i);

		cr_assert(lower.len > 0 && lower.len < sizeof(name));
		cr_expect_eq(ouro_field_lookup(lower), i, "%s", lower.ptr);
		for (size_t j = 0; j < lower.len; j++)
			name[j] = (char)(j % 2 ? lower.ptr[j] : toupper(lower.ptr[j]));
		cr_expect_eq(ouro_field_lookup(
				     ouro_str(guard_put(&guard, name, lower.len), lower.len)),
			     i, "%s", lower.ptr);
	}
	guard_fini(&guard);
}

Test(field, names_one_letter_off_are_not_known)
{
	static const char letters[] = "abcz-09_~!";
	char name[64];

	for (unsigned i = 1; i < OURO_FIELD_COUNT; i++) {
		struct ouro_str lower = ouro_field_name((enum ouro_field)i);

		memcpy(name, lower.ptr, lower.len);
		for (size_t j = 0; j < lower.len; j++) {
			for (size_t k = 0; k < sizeof(letters) - 1; k++) {
				if (letters[k] == lower.ptr[j])
					continue;
				name[j] = letters[k];
				cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len)),
					     OURO_FIELD_NONE, "%.*s", (int)lower.len, name);
			}
			name[j] = lower.ptr[j];
		}
		name[lower.len] = 's';
		cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len + 1)), OURO_FIELD_NONE);
		if (lower.len > 3)
			cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len - 1)),
				     OURO_FIELD_NONE);
	}
	cr_expect_eq(ouro_field_lookup(OURO_STR("")), OURO_FIELD_NONE);
	cr_expect_eq(ouro_field_name(OURO_FIELD_NONE).len, 0);
}

Test(status, lines_and_texts)
{
	cr_expect(ouro_str_eq(ouro_status_line(200), OURO_STR("HTTP/1.1 200 OK\r\n")));
	cr_expect(ouro_str_eq(ouro_status_text(200), OURO_STR("OK")));
	cr_expect(ouro_str_eq(ouro_status_line(431),
			      OURO_STR("HTTP/1.1 431 Request Header Fields Too Large\r\n")));
	cr_expect(ouro_str_eq(ouro_status_text(511), OURO_STR("Network Authentication Required")));
	cr_expect(ouro_str_eq(ouro_status_text(100), OURO_STR("Continue")));
}

Test(status, without_a_name)
{
	static const unsigned none[] = { 0, 99, 104, 299, 418, 512, 599, 999, 65535 };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		cr_expect_eq(ouro_status_line(none[i]).len, 0);
		cr_expect(ouro_str_eq(ouro_status_text(none[i]), OURO_STR("Unknown")));
	}
}

Test(token, characters)
{
	for (int c = 0; c < 256; c++) {
		bool expected = c && c < 128 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));

		cr_expect_eq(ouro_is_token_char((char)c), expected, "%d", c);
	}
	cr_expect(ouro_is_token(OURO_STR("x-a")));
	cr_expect(!ouro_is_token(OURO_STR("")));
	cr_expect(!ouro_is_token(OURO_STR("a b")));
}

Test(token, field_values)
{
	struct guard guard;
	char value[40];

	guard_init(&guard, sizeof(value));
	for (size_t len = 0; len < sizeof(value); len++) {
		memset(value, 'a', len);
		cr_expect(ouro_is_field_value(ouro_str(guard_put(&guard, value, len), len)));
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				bool expected = (c >= 0x20 && c != 0x7f) || c == '\t';
				struct ouro_str str;

				value[at] = (char)c;
				str = ouro_str(guard_put(&guard, value, len), len);
				cr_assert_eq(ouro_is_field_value(str), expected, "%d of %zu: %d",
					     (int)at, len, c);
			}
			value[at] = at % 3 ? 'a' : '\t';
		}
	}
	guard_fini(&guard);
}
