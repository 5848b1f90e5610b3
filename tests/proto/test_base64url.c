/* Base64 for URLs. */
#include "proto/base64url.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>

static void expect_both_ways(struct ouro_str bytes, const char *text)
{
	unsigned char decoded[64];
	char encoded[64];
	size_t len = ouro_base64url_encode((const unsigned char *)bytes.ptr, bytes.len, encoded);

	cr_expect(ouro_str_eq(ouro_str(encoded, len), ouro_str_c(text)), "%.*s, not %s", (int)len,
		  encoded, text);
	cr_expect_eq(len, OURO_BASE64URL_BYTES(bytes.len));
	cr_assert_eq(ouro_base64url_decode(ouro_str_c(text), decoded), (ssize_t)bytes.len);
	cr_expect_eq(memcmp(decoded, bytes.ptr, bytes.len), 0);
}

Test(base64url, both_ways)
{
	expect_both_ways(OURO_STR(""), "");
	expect_both_ways(OURO_STR("f"), "Zg");
	expect_both_ways(OURO_STR("fo"), "Zm8");
	expect_both_ways(OURO_STR("foo"), "Zm9v");
	expect_both_ways(OURO_STR("foob"), "Zm9vYg");
	expect_both_ways(OURO_STR("\xfb\xff\xbf"), "-_-_");
	expect_both_ways(OURO_STR("\0\0\0\0"), "AAAAAA");
}

Test(base64url, what_no_bytes_become_is_refused)
{
	static const char *const bad[] = { "Z",   "Zg==", "Zm8=",  "Zh",     "Zm9",  "Zm9vY",
					   "Z g", "+/+/", "Zm9\n", "Zg\xff", "Zg.A", "Zm9v=" };
	unsigned char out[16];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ouro_base64url_decode(ouro_str_c(bad[i]), out), -EINVAL, "%s", bad[i]);
	cr_expect_eq(ouro_base64url_decode(OURO_STR("Zg\0\0"), out), -EINVAL);
}

Test(base64url, encodes_what_lies_at_the_end_of_the_text)
{
	for (size_t len = 0; len < 80; len++) {
		size_t text_len = OURO_BASE64URL_BYTES(len);
		unsigned char data[80] = { 0 };
		char apart[112], together[112];

		for (size_t i = 0; i < len; i++)
			data[i] = (unsigned char)(37 * i + len);
		ouro_base64url_encode(data, len, apart);
		memcpy(together + text_len - len, data, len);
		ouro_base64url_encode((unsigned char *)together + text_len - len, len, together);
		cr_expect_eq(memcmp(apart, together, text_len), 0, "%zu", len);
	}
}

Test(base64url, nothing_is_read_beyond_the_end)
{
	static const char text[] = "Zm9vYmFyZm8";
	struct guard guard;
	unsigned char out[16];
	char back[OURO_BASE64URL_BYTES(sizeof(text))];

	guard_init(&guard, sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++) {
		const char *at = guard_put(&guard, text, len);

		ouro_base64url_decode(ouro_str(at, len), out);
		ouro_base64url_encode((const unsigned char *)at, len, back);
	}
	guard_fini(&guard);
}
