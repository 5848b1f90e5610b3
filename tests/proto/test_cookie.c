/* Cookies that come and cookies that go. */
#include "proto/cookie.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

/* ---- Cookie ---- */

/* The pairs as "name=value|", read at the edge of a guarded page. */
static void expect_pairs(const char *field, const char *expected)
{
	size_t len = strlen(field);
	struct ouro_cookie_pair pair;
	struct ouro_str rest;
	struct guard guard;
	char out[256], *at = out;

	guard_init(&guard, 256);
	rest = ouro_str(guard_put(&guard, field, len), len);
	while (ouro_cookie_next(&rest, &pair))
		at += sprintf(at, "%.*s=%.*s|", (int)pair.name.len, pair.name.ptr,
			      (int)pair.value.len, pair.value.ptr);
	*at = '\0';
	cr_expect_str_eq(out, expected, "%s", field);
	guard_fini(&guard);
}

Test(cookie, pairs)
{
	expect_pairs("", "");
	expect_pairs("a=b", "a=b|");
	expect_pairs("a=b; c=d", "a=b|c=d|");
	expect_pairs("a=b;c=d", "a=b|c=d|");
	expect_pairs("  a = b \t;\tc = d ", "a=b|c=d|");
	expect_pairs("a=; b=c", "a=|b=c|");
	expect_pairs("a=b=c=", "a=b=c=|");
	expect_pairs("a=1; a=2", "a=1|a=2|");
	expect_pairs("a=b;;; c=d;", "a=b|c=d|");
}

Test(cookie, quotes_around_a_value_go)
{
	expect_pairs("a=\"b\"; c=\"\"", "a=b|c=|");
	expect_pairs("a=\"; b=\"c; d=e\"", "a=\"|b=\"c|d=e\"|");
	/* The semicolon ends it, as it does for the browser that stored it. */
	expect_pairs("a=\"b; c=d\"", "a=\"b|c=d\"|");
}

Test(cookie, values_that_only_browsers_store)
{
	expect_pairs("a={\"b\":[1,2]}; c=d e", "a={\"b\":[1,2]}|c=d e|");
	expect_pairs("a=J\xc3\xbcrgen\\", "a=J\xc3\xbcrgen\\|");
}

Test(cookie, malformed_pieces_are_skipped)
{
	expect_pairs("a; b=c", "b=c|");
	expect_pairs("=a; b=c", "b=c|");
	expect_pairs("=; b=c", "b=c|");
	expect_pairs("a b=c; d=e", "d=e|");
	expect_pairs("a[b]=c; d=e", "d=e|");
	expect_pairs("a=b\x01; d=e", "d=e|");
	expect_pairs("\xff=b; d=e", "d=e|");
}

Test(cookie, find)
{
	struct ouro_str field = OURO_STR("a=1; b=; a=2; B=3; c=\"\"");

	cr_expect(ouro_str_eq(ouro_cookie_find(field, OURO_STR("a")), OURO_STR("1")));
	cr_expect(ouro_str_eq(ouro_cookie_find(field, OURO_STR("B")), OURO_STR("3")));
	cr_expect_eq(ouro_cookie_find(field, OURO_STR("b")).len, 0);
	cr_expect_not_null(ouro_cookie_find(field, OURO_STR("b")).ptr);
	cr_expect_not_null(ouro_cookie_find(field, OURO_STR("c")).ptr);
	cr_expect_null(ouro_cookie_find(field, OURO_STR("C")).ptr);
	cr_expect_null(ouro_cookie_find(field, OURO_STR("")).ptr);
	cr_expect_null(ouro_cookie_find((struct ouro_str){ NULL, 0 }, OURO_STR("a")).ptr);
	/* A cookie at the very end, without a value. */
	cr_expect_not_null(ouro_cookie_find(OURO_STR("a="), OURO_STR("a")).ptr);
}

/* ---- Set-Cookie ---- */

#define WRITTEN(cookie, text)                                                                      \
	do {                                                                                       \
		char out[512];                                                                     \
		ssize_t len = ouro_cookie_write(&(cookie), out, sizeof(out));                      \
                                                                                                   \
		cr_assert(len >= 0);                                                               \
		cr_expect((size_t)len <= OURO_COOKIE_ROOM(&(cookie)));                             \
		cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), OURO_STR(text)), "%.*s",         \
			  (int)len, out);                                                          \
		cr_expect_eq(ouro_cookie_write(&(cookie), out, (size_t)len), len);                 \
		for (size_t room = 0; room < (size_t)len; room++)                                  \
			cr_expect_eq(ouro_cookie_write(&(cookie), out, room), -ENOBUFS);           \
	} while (0)

Test(set_cookie, left_zero_is_the_safer_choice)
{
	struct ouro_cookie cookie = { .name = OURO_STR("a"), .value = OURO_STR("b") };

	WRITTEN(cookie, "a=b; Path=/; HttpOnly; SameSite=Lax");
}

Test(set_cookie, every_attribute)
{
	struct ouro_cookie cookie = {
		.name = OURO_STR("a"),
		.value = OURO_STR("b"),
		.domain = OURO_STR("example.org"),
		.path = OURO_STR("/c"),
		.max_age_s = INT64_MAX,
		.expires_unix_s = 1795231800,
		.same_site = OURO_SAME_SITE_STRICT,
		.secure = true,
		.partitioned = true,
	};

	WRITTEN(cookie, "a=b; Domain=example.org; Path=/c; Max-Age=9223372036854775807; "
			"Expires=Sat, 21 Nov 2026 03:30:00 GMT; Secure; HttpOnly; "
			"SameSite=Strict; Partitioned");
}

Test(set_cookie, nothing_but_the_pair)
{
	struct ouro_cookie cookie = {
		.name = OURO_STR("a"),
		.path = OURO_STR(""),
		.same_site = OURO_SAME_SITE_UNSET,
		.script_readable = true,
	};

	WRITTEN(cookie, "a=");
}

Test(set_cookie, negative_age_deletes)
{
	struct ouro_cookie cookie = { .name = OURO_STR("a"), .max_age_s = -1 };

	WRITTEN(cookie, "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

Test(set_cookie, room_suffices_for_the_longest)
{
	struct ouro_cookie cookie = {
		.name = OURO_STR("a"),
		.domain = OURO_STR("d"),
		.max_age_s = INT64_MAX,
		.expires_unix_s = INT64_MIN,
		.same_site = OURO_SAME_SITE_STRICT,
		.secure = true,
		.partitioned = true,
	};
	char out[512];

	cr_expect_gt(ouro_cookie_write(&cookie, out, OURO_COOKIE_ROOM(&cookie)), 0);
}

static int write_result(struct ouro_cookie cookie)
{
	char out[8192];
	ssize_t len = ouro_cookie_write(&cookie, out, sizeof(out));

	return len < 0 ? (int)len : 0;
}

#define NAMED(text) .name = OURO_STR(text)

Test(set_cookie, names_are_tokens)
{
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("") }), -EINVAL);
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("a b") }), -EINVAL);
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("a=b") }), -EINVAL);
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("a;b") }), -EINVAL);
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("a\r\nb") }), -EINVAL);
}

Test(set_cookie, values_are_cookie_octets)
{
	for (int c = 0; c < 256; c++) {
		char value[] = { 'a', (char)c, 'b' };
		struct ouro_cookie cookie = { NAMED("a"), .value = { value, sizeof(value) } };
		bool good = c > 0x20 && c < 0x7f && !strchr("\",;\\", c);

		cr_expect_eq(write_result(cookie), good ? 0 : -EINVAL, "%d", c);
	}
}

Test(set_cookie, attributes_cannot_end_themselves)
{
	for (int c = 0; c < 256; c++) {
		char text[] = { '/', (char)c };
		struct ouro_cookie path = { NAMED("a"), .path = { text, sizeof(text) } };
		struct ouro_cookie domain = { NAMED("a"), .domain = { text, sizeof(text) } };
		bool good = c >= 0x20 && c < 0x7f && c != ';';

		cr_expect_eq(write_result(path), good ? 0 : -EINVAL, "%d", c);
		cr_expect_eq(write_result(domain), good ? 0 : -EINVAL, "%d", c);
	}
	cr_expect_eq(write_result((struct ouro_cookie){ NAMED("a"), .path = OURO_STR("b") }),
		     -EINVAL);
}

Test(set_cookie, what_wants_secure)
{
	struct ouro_cookie none = { NAMED("a"), .same_site = OURO_SAME_SITE_NONE };
	struct ouro_cookie partitioned = { NAMED("a"), .partitioned = true };

	cr_expect_eq(write_result(none), -EINVAL);
	cr_expect_eq(write_result(partitioned), -EINVAL);
	none.secure = partitioned.secure = true;
	cr_expect_eq(write_result(none), 0);
	cr_expect_eq(write_result(partitioned), 0);
}

Test(set_cookie, prefixes_keep_their_promise)
{
	static const char *const names[] = { "__Secure-a",    "__Host-a",   "__Http-a",
					     "__Host-Http-a", "__secure-a", "__HOST-a" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ouro_cookie cookie = { .name = ouro_str_c(names[i]) };
		bool host = i % 4 == 1 || i == 3;
		bool http = i == 2 || i == 3;

		cr_expect_eq(write_result(cookie), -EINVAL, "%s", names[i]);
		cookie.secure = true;
		cr_expect_eq(write_result(cookie), 0, "%s", names[i]);
		cookie.path = OURO_STR("/b");
		cr_expect_eq(write_result(cookie), host ? -EINVAL : 0, "%s", names[i]);
		cookie.path = OURO_STR("");
		cr_expect_eq(write_result(cookie), host ? -EINVAL : 0, "%s", names[i]);
		cookie.path = OURO_STR("/");
		cookie.domain = OURO_STR("example.org");
		cr_expect_eq(write_result(cookie), host ? -EINVAL : 0, "%s", names[i]);
		cookie.domain = OURO_STR("");
		cookie.script_readable = true;
		cr_expect_eq(write_result(cookie), http ? -EINVAL : 0, "%s", names[i]);
	}
}

Test(set_cookie, what_browsers_would_drop_is_an_error)
{
	static char text[OURO_COOKIE_BYTES_MAX];
	struct ouro_cookie cookie = { NAMED("a"), .value = { text, sizeof(text) - 1 } };

	memset(text, '/', sizeof(text));
	cr_expect_eq(write_result(cookie), 0);
	cookie.value.len++;
	cr_expect_eq(write_result(cookie), -E2BIG);
	cookie.value.len = 0;
	cookie.path = ouro_str(text, 1024);
	cr_expect_eq(write_result(cookie), 0);
	cookie.path.len++;
	cr_expect_eq(write_result(cookie), -E2BIG);
}
