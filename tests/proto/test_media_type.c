/* Content-Type. */
#include "proto/media_type.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>

static bool is(const char *content_type, const char *type)
{
	return ouro_media_type_is(ouro_str_c(content_type), ouro_str_c(type));
}

Test(media_type, is)
{
	cr_expect(is("application/json", "application/json"));
	cr_expect(is("Application/JSON", "application/json"));
	cr_expect(is("application/json;charset=utf-8", "application/json"));
	cr_expect(is(" application/json ; charset=utf-8", "application/json"));
	cr_expect(is("application/json;", "application/json"));
	cr_expect(!is("application/jsonp", "application/json"));
	cr_expect(!is("application/json, text/plain", "application/json"));
	cr_expect(!is("application", "application/json"));
	cr_expect(!is("", "application/json"));
	cr_expect(!is(NULL, "application/json"));
	cr_expect(!is(NULL, ""));
}

static void expect_param(const char *content_type, const char *name, const char *expected)
{
	char out[64];
	ssize_t len =
		ouro_media_type_param(ouro_str_c(content_type), ouro_str_c(name), out, sizeof(out));

	cr_assert(len >= 0, "%s", content_type);
	cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str_c(expected)), "%s: %.*s",
		  content_type, (int)len, out);
}

static ssize_t param_error(const char *content_type, const char *name)
{
	char out[64];

	return ouro_media_type_param(ouro_str_c(content_type), ouro_str_c(name), out, sizeof(out));
}

Test(media_type, parameters)
{
	expect_param("text/html;charset=utf-8", "charset", "utf-8");
	expect_param("text/html; Charset=\"utf-8\"", "charset", "utf-8");
	expect_param("multipart/form-data; boundary=\"a;b\\\"c\"", "boundary", "a;b\"c");
	expect_param("a/b; c=\"; boundary=d\"; boundary=e; boundary=f", "boundary", "e");
}

Test(media_type, no_parameter)
{
	cr_expect_eq(param_error("text/html", "charset"), -ENOENT);
	cr_expect_eq(param_error("text/html;a=b", "charset"), -ENOENT);
	cr_expect_eq(param_error("text/html;a;charset=b", "charset"), -EINVAL);
	cr_expect_eq(param_error("text;charset=b", "charset"), -EINVAL);
	cr_expect_eq(param_error("text/;charset=b", "charset"), -EINVAL);
	cr_expect_eq(param_error("text/a/b;charset=b", "charset"), -EINVAL);
	cr_expect_eq(param_error("", "charset"), -EINVAL);
	cr_expect_eq(param_error(NULL, "charset"), -EINVAL);
}

Test(media_type, room)
{
	char out[4];

	cr_expect_eq(ouro_media_type_param(OURO_STR("a/b;c=defg"), OURO_STR("c"), out, 4), 4);
	cr_expect_eq(ouro_media_type_param(OURO_STR("a/b;c=defg"), OURO_STR("c"), out, 3),
		     -ENOBUFS);
}
