/* Text in HTML and in paths. */
#include "proto/html.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>

typedef ssize_t (*escape_fn)(struct ouro_str text, char *out, size_t room);

/* @text at the edge of a page becomes @expected, and nothing where that does not fit. */
static void expect_escaped(escape_fn escape, struct ouro_str text, const char *expected)
{
	struct guard guard;
	char out[1024];
	size_t expected_len = strlen(expected);
	ssize_t len;

	guard_init(&guard, 512);
	text.ptr = guard_put(&guard, text.ptr, text.len);
	len = escape(text, out, expected_len);
	cr_assert_eq(len, (ssize_t)expected_len, "%s", expected);
	cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str(expected, expected_len)),
		  "%.*s, not %s", (int)len, out, expected);
	for (size_t room = 0; room < expected_len; room++)
		cr_expect_eq(escape(text, out, room), -ENOSPC);
	guard_fini(&guard);
}

Test(html, what_is_markup_is_escaped)
{
	expect_escaped(ouro_html_escape, OURO_STR(""), "");
	expect_escaped(ouro_html_escape, OURO_STR("read me.txt"), "read me.txt");
	expect_escaped(ouro_html_escape, OURO_STR("<b> & \"it's\""),
		       "&lt;b&gt; &amp; &#34;it&#39;s&#34;");
	expect_escaped(ouro_html_escape, OURO_STR("&amp;"), "&amp;amp;");
}

Test(html, other_bytes_are_kept)
{
	expect_escaped(ouro_html_escape, OURO_STR("\xc3\xa9\xff\t\x01`"), "\xc3\xa9\xff\t\x01`");
}

Test(html, bound)
{
	char text[256], out[OURO_HTML_ESCAPED_BYTES_MAX(256)];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (size_t i = 0; i < sizeof(text); i++)
		cr_expect_leq(ouro_html_escape(ouro_str(text + i, 1), out, sizeof(out)),
			      (ssize_t)OURO_HTML_ESCAPED_BYTES_MAX(1));
	cr_expect_eq(ouro_html_escape(ouro_str(text, 256), out, sizeof(out)), 251 + 5 + 4 + 4 + 10);
	cr_expect_eq(ouro_html_escape(ouro_str(NULL, 0), NULL, 0), 0);
}

Test(path_encode, unreserved_characters_are_kept)
{
	const char *kept = "ABCXYZabcxyz0189-._~";

	expect_escaped(ouro_path_encode, OURO_STR(""), "");
	expect_escaped(ouro_path_encode, ouro_str_c(kept), kept);
}

Test(path_encode, all_else_is_encoded)
{
	expect_escaped(ouro_path_encode, OURO_STR("a b"), "a%20b");
	expect_escaped(ouro_path_encode, OURO_STR("100%/x"), "100%25%2Fx");
	expect_escaped(ouro_path_encode, OURO_STR("c:d?e#f"), "c%3Ad%3Fe%23f");
	expect_escaped(ouro_path_encode, OURO_STR("'\"<>&+;="), "%27%22%3C%3E%26%2B%3B%3D");
	expect_escaped(ouro_path_encode, OURO_STR("\xc3\xa9\xff"), "%C3%A9%FF");
	expect_escaped(ouro_path_encode, OURO_STR("\0\x7f@[`{"), "%00%7F%40%5B%60%7B");
}

Test(path_encode, bound)
{
	char out[OURO_PATH_ENCODED_BYTES_MAX(1)];

	for (int c = 0; c < 256; c++) {
		char byte = (char)c;

		cr_expect_gt(ouro_path_encode(ouro_str(&byte, 1), out, sizeof(out)), 0);
	}
	cr_expect_eq(ouro_path_encode(ouro_str(NULL, 0), NULL, 0), 0);
}
