/* Classes of characters in fields. */
#include "proto/token.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <ctype.h>

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
