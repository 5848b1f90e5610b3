/* Tests of ws/handshake.h. */
#include "ws/handshake.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(ws_handshake, accept_of_the_rfc)
{
	char accept[OURO_WS_ACCEPT_BYTES];

	/* RFC 6455, 1.3. */
	cr_assert_eq(ouro_ws_accept_key(OURO_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept), 0);
	cr_assert_eq(memcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept)), 0);
}

Test(ws_handshake, keys_are_16_bytes_of_base64)
{
	static const char *const bad[] = {
		"",
		"dGhlIHNhbXBsZSBub25jZQ=",
		"dGhlIHNhbXBsZSBub25jZQ===",
		"dGhlIHNhbXBsZSBub25jZQ",
		"dGhlIHNhbXBsZSBub25jZTE=",
		"dGhlIHNhbXBsZSBub25jZTEy",
		"dGhlIHNhbXBsZSBub25j-Q==",
		"dGhlIHNhbXBsZSBub25jZ===",
		" GhlIHNhbXBsZSBub25jZQ==",
		"dGhlIHNhbXBsZSBub25jZQ=a",
		"====dGhlIHNhbXBsZSBub25j",
	};
	char accept[OURO_WS_ACCEPT_BYTES];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ouro_ws_accept_key(ouro_str_c(bad[i]), accept), -EINVAL, "%s", bad[i]);
	cr_expect_eq(ouro_ws_accept_key(OURO_STR("////////////////+0zZzQ=="), accept), 0);
}

Test(ws_handshake, version_13)
{
	cr_assert(ouro_ws_version_is_known(OURO_STR("13")));
	cr_assert(ouro_ws_version_is_known(OURO_STR(" 13\t")));
	cr_assert_not(ouro_ws_version_is_known(OURO_STR("8")));
	cr_assert_not(ouro_ws_version_is_known(OURO_STR("13, 8")));
	cr_assert_not(ouro_ws_version_is_known(OURO_STR("")));
	cr_assert_not(ouro_ws_version_is_known(ouro_str(NULL, 0)));
}

static void expect_protocol(const char *offered, const char *chosen)
{
	static const struct ouro_str known[] = { { "chat", 4 }, { "superchat", 9 } };
	struct ouro_str got = ouro_ws_choose_protocol(ouro_str_c(offered), known, 2);

	cr_expect(ouro_str_eq(got, ouro_str_c(chosen)), "%s: %.*s", offered, (int)got.len, got.ptr);
	cr_expect_eq(got.ptr == NULL, chosen == NULL);
}

Test(ws_handshake, the_first_protocol_that_both_know)
{
	expect_protocol("chat", "chat");
	expect_protocol("superchat, chat", "superchat");
	expect_protocol("other,superchat ,chat", "superchat");
	expect_protocol(", ,chat,", "chat");
	expect_protocol("Chat", NULL);
	expect_protocol("other", NULL);
	expect_protocol("", NULL);
	expect_protocol(NULL, NULL);
	cr_assert_null(ouro_ws_choose_protocol(OURO_STR("chat"), NULL, 0).ptr);
}

static bool is_allowed(const char *origin, const char *host, const char *allowed)
{
	struct ouro_str list = ouro_str_c(allowed);

	return ouro_ws_origin_is_allowed(ouro_str_c(origin), ouro_str_c(host), &list,
					 allowed ? 1 : 0);
}

Test(ws_handshake, pages_of_the_same_host)
{
	cr_assert(is_allowed(NULL, "example.com", NULL));
	cr_assert(is_allowed("http://example.com", "example.com", NULL));
	cr_assert(is_allowed("HTTPS://Example.com", "example.COM:443", NULL));
	cr_assert(is_allowed("http://example.com:80", "example.com", NULL));
	cr_assert(is_allowed("http://[::1]:8080", "[::1]:8080", NULL));
	cr_assert_not(is_allowed("http://example.com:8080", "example.com", NULL));
	cr_assert_not(is_allowed("http://example.com:443", "example.com", NULL));
	cr_assert_not(is_allowed("http://evil.com", "example.com", NULL));
	cr_assert_not(is_allowed("http://example.com.evil.com", "example.com", NULL));
	cr_assert_not(is_allowed("null", "example.com", NULL));
	cr_assert_not(is_allowed("", "example.com", NULL));
	cr_assert_not(is_allowed("http://", "", NULL));
}

Test(ws_handshake, origins_that_are_listed)
{
	cr_assert(is_allowed("https://a.example", "other", "https://a.example"));
	cr_assert(is_allowed("https://A.example:443", "other", "https://a.example"));
	cr_assert(is_allowed("https://anything", "other", "*"));
	cr_assert(is_allowed("null", "other", "null"));
	cr_assert(is_allowed("null", "other", "*"));
	cr_assert(is_allowed(NULL, "other", "https://a.example"));
	cr_assert_not(is_allowed("http://a.example", "other", "https://a.example"));
	cr_assert_not(is_allowed("https://a.example:444", "other", "https://a.example"));
	cr_assert_not(is_allowed("https://other", "other", "https://a.example"));
	cr_assert_not(is_allowed("null", "other", "https://a.example"));
}
