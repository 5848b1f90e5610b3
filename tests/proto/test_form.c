/* Bodies of forms. */
#include "proto/form.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

/* The pairs as "name=value;", then what ended the walk where that was an error. */
static void expect_form(const char *text, size_t pairs_max, const char *expected)
{
	char body[128], out[256], *at = out;
	struct ouro_query_pair pair;
	struct ouro_form form;
	int step;

	strcpy(body, text);
	ouro_form_init(&form, body, strlen(body), pairs_max);
	while ((step = ouro_form_next(&form, &pair)) > 0)
		at += sprintf(at, "%.*s=%.*s;", (int)pair.name.len, pair.name.ptr,
			      (int)pair.value.len, pair.value.ptr);
	strcpy(at, step == -EINVAL ? "malformed" : step == -E2BIG ? "too many" : "");
	cr_expect_str_eq(out, expected, "%s", text);
	cr_expect_eq(ouro_form_next(&form, &pair), 0);
}

Test(form, pairs)
{
	expect_form("", 9, "");
	expect_form("a=b&c=d", 9, "a=b;c=d;");
	expect_form("a+b=c+%2B&d", 9, "a b=c +;d=;");
	expect_form("&&a%3D=%26&", 9, "a==&;");
	expect_form("n=J%C3%BCrgen", 9, "n=J\xc3\xbcrgen;");
	expect_form("a=%2525", 9, "a=%25;");
}

Test(form, malformed_escapes_end_it)
{
	expect_form("a=b&c=%zz&d=e", 9, "a=b;malformed");
	expect_form("a=b&%2=c&d=e", 9, "a=b;malformed");
	expect_form("a=%00", 9, "malformed");
}

Test(form, pairs_have_a_limit)
{
	expect_form("a=b&c=d", 2, "a=b;c=d;");
	expect_form("a=b&c=d&", 2, "a=b;c=d;");
	expect_form("a=b&c=d&e", 2, "a=b;c=d;too many");
	expect_form("a=b", 0, "too many");
	expect_form("", 0, "");
}
