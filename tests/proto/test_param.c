/* Lists and parameters. */
#include "proto/param.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static void expect_elements(const char *list, const char *expected)
{
	size_t len = strlen(list);
	struct ouro_str rest, element;
	struct guard guard;
	char out[256], *at = out;

	guard_init(&guard, 256);
	rest = ouro_str(guard_put(&guard, list, len), len);
	while (ouro_list_next(&rest, &element))
		at += sprintf(at, "[%.*s]", (int)element.len, element.ptr);
	*at = '\0';
	cr_expect_str_eq(out, expected, "%s", list);
	guard_fini(&guard);
}

Test(list, elements)
{
	expect_elements("", "");
	expect_elements(" , ,,", "");
	expect_elements("a", "[a]");
	expect_elements("a,b , \tc ", "[a][b][c]");
	expect_elements("a b,c", "[a b][c]");
}

Test(list, quoted_commas_end_nothing)
{
	expect_elements("a=\"b,c\",d", "[a=\"b,c\"][d]");
	expect_elements("a=\"b\\\",c\",d", "[a=\"b\\\",c\"][d]");
	expect_elements("a=\"b,c", "[a=\"b,c]");
	expect_elements("a=\"b\\", "[a=\"b\\]");
	/* Outside quotes a backslash is a character like others. */
	expect_elements("a\\,b", "[a\\][b]");
}

/* The subject and its parameters as "subject;name=value", values taken out of their quotes; "!"
 * where what follows is malformed. */
static void expect_params(const char *text, const char *expected)
{
	size_t len = strlen(text);
	struct ouro_param param;
	struct ouro_str rest, subject;
	struct guard guard;
	char out[256], value[64], *at = out;
	int step;

	guard_init(&guard, 256);
	rest = ouro_str(guard_put(&guard, text, len), len);
	subject = ouro_param_subject(&rest);
	at += sprintf(at, "%.*s", (int)subject.len, subject.ptr);
	while ((step = ouro_param_next(&rest, &param)) > 0)
		at += sprintf(at, ";%.*s=%.*s", (int)param.name.len, param.name.ptr,
			      (int)ouro_param_value(&param, value, sizeof(value)), value);
	if (step < 0)
		strcpy(at, "!");
	cr_expect_str_eq(out, expected, "%s", text);
	guard_fini(&guard);
}

Test(param, parameters)
{
	expect_params("", "");
	expect_params("a", "a");
	expect_params(" a ", "a");
	expect_params("a;b=c", "a;b=c");
	expect_params("a ; b=c\t;d=e ", "a;b=c;d=e");
	expect_params("a;;b=c;", "a;b=c");
	expect_params(";b=c", ";b=c");
}

Test(param, quoted_values)
{
	expect_params("a;b=\"c d\"", "a;b=c d");
	expect_params("a;b=\"\";c=d", "a;b=;c=d");
	expect_params("a;b=\"c;d=e,f\"", "a;b=c;d=e,f");
	expect_params("a;b=\"c\\\"d\\\\e\\f\"", "a;b=c\"d\\ef");
	expect_params("a;b=\"J\xc3\xbcrgen\tx\"", "a;b=J\xc3\xbcrgen\tx");
}

Test(param, malformed)
{
	static const char *const bad[] = { ";b",         ";b=",       ";=c",         ";b =c",
					   ";b= c",      ";b=c d",    ";b=\"c",      ";b=\"c\\",
					   ";b=\"c\\\"", ";b=\"c\"d", ";b=\"\x01\"", ";b=c\xff",
					   ";b@=c",      ";b=c=d" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_params(bad[i], "!");
	expect_params("a;b=c;d", "a;b=c!");
}

Test(param, room)
{
	struct ouro_str rest = OURO_STR(";a=\"b\\c\"");
	struct ouro_param param;
	char out[2];

	cr_assert_eq(ouro_param_next(&rest, &param), 1);
	cr_expect_eq(ouro_param_value(&param, out, 2), 2);
	cr_expect_eq(ouro_param_value(&param, out, 1), -ENOBUFS);
}

Test(param, absent)
{
	struct ouro_str rest = { NULL, 0 }, element;
	struct ouro_param param;

	cr_expect(!ouro_list_next(&rest, &element));
	cr_expect_eq(ouro_param_subject(&rest).len, 0);
	cr_expect_eq(ouro_param_next(&rest, &param), 0);
}
