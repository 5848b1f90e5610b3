/* Percent-decoding and queries. */
#include "proto/target.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static void expect_decoded(const char *text, const char *expected)
{
	char out[64];
	ssize_t len = ouro_target_decode(ouro_str_c(text), out, sizeof(out));

	cr_assert(len >= 0, "%s", text);
	cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str_c(expected)), "%s: %.*s", text,
		  (int)len, out);
}

Test(target, decode)
{
	expect_decoded("", "");
	expect_decoded("abc", "abc");
	expect_decoded("a%20b", "a b");
	expect_decoded("%41%4a%4A%7e", "AJJ~");
	expect_decoded("%2F%25%2e", "/%.");
	expect_decoded("J%C3%bCrgen", "J\xc3\xbcrgen");
	expect_decoded("%ff%01", "\xff\x01");
	expect_decoded("a+b", "a+b");
	expect_decoded("%25zz", "%zz");
}

Test(target, malformed_escapes_are_refused)
{
	static const char *const bad[] = {
		"%",    "%2",   "a%",  "a%2", "%zz",   "%2g", "%g2",
		"%%20", "% 20", "%+1", "%00", "a%00b", "%-1", "%\xff\xff"
	};
	char out[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(ouro_target_decode(ouro_str_c(bad[i]), out, sizeof(out)), -EINVAL,
			     "%s", bad[i]);
		cr_expect_eq(ouro_query_decode(ouro_str_c(bad[i]), out, sizeof(out)), -EINVAL, "%s",
			     bad[i]);
	}
}

Test(target, decodes_in_place)
{
	char text[] = "a%20b%2Fc";
	ssize_t len = ouro_target_decode(ouro_str_c(text), text, sizeof(text));

	cr_expect_eq(len, 5);
	cr_expect_eq(memcmp(text, "a b/c", 5), 0);
}

Test(target, room)
{
	char out[8];

	cr_expect_eq(ouro_target_decode(OURO_STR("a%20b"), out, 3), 3);
	cr_expect_eq(ouro_target_decode(OURO_STR("a%20b"), out, 2), -ENOSPC);
	cr_expect_eq(ouro_target_decode(OURO_STR(""), out, 0), 0);
}

Test(target, nothing_is_read_beyond_the_end)
{
	static const char text[] = "ab%20c%C3%BC";
	struct guard guard;
	char out[32];

	guard_init(&guard, sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++)
		ouro_target_decode(ouro_str(guard_put(&guard, text, len), len), out, sizeof(out));
	guard_fini(&guard);
}

/* The pairs as "name=value;", decoded. */
static void expect_query(const char *text, const char *expected)
{
	struct ouro_str query = ouro_str_c(text);
	struct ouro_query_pair pair;
	char out[256], *at = out;

	while (ouro_query_next(&query, &pair)) {
		at += ouro_query_decode(pair.name, at, 32);
		*at++ = '=';
		at += ouro_query_decode(pair.value, at, 32);
		*at++ = ';';
	}
	*at = '\0';
	cr_expect_str_eq(out, expected, "%s: %s", text, out);
	cr_expect_eq(query.len, 0);
}

Test(query, pairs)
{
	expect_query("", "");
	expect_query("a=b", "a=b;");
	expect_query("a=b&c=d", "a=b;c=d;");
	expect_query("a&b=", "a=;b=;");
	expect_query("=a", "=a;");
	expect_query("=", "=;");
	expect_query("&&a=b&&&c&", "a=b;c=;");
	expect_query("a=b=c", "a=b=c;");
	expect_query("a=b?c/d", "a=b?c/d;");
	expect_query("a=b;c=d", "a=b;c=d;");
	expect_query("a+b=c+%2B", "a b=c +;");
	expect_query("a%3Db=%26", "a=b=&;");
}

Test(query, absent_has_no_pairs)
{
	struct ouro_str query = { NULL, 0 };
	struct ouro_query_pair pair;

	cr_expect(!ouro_query_next(&query, &pair));
}
