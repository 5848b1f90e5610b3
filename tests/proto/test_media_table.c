/* Media types of files. */
#include "proto/media_table.h"

#include "base/str.h"
#include "guard.h"
#include "proto/media_table_data.h"
#include "proto/media_type.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static const struct {
	const char *extension;
	const char *type;
} table[] = {
#define ROW(extension, type) { extension, type },
	OURO_MEDIA_TABLE(ROW)
#undef ROW
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static void expect_type(const char *name, const char *expected)
{
	struct ouro_str type;
	struct guard guard;
	size_t len = strlen(name);

	guard_init(&guard, 512);
	type = ouro_media_type_of(ouro_str(guard_put(&guard, name, len), len));
	if (!expected)
		cr_expect_null(type.ptr, "%s", name);
	else
		cr_expect(ouro_str_eq(type, ouro_str_c(expected)), "%s: %.*s, not %s", name,
			  (int)type.len, type.ptr ? type.ptr : "", expected);
	guard_fini(&guard);
}

Test(media_table, what_the_web_is_made_of)
{
	expect_type("index.html", "text/html; charset=utf-8");
	expect_type("index.htm", "text/html; charset=utf-8");
	expect_type("a.css", "text/css; charset=utf-8");
	expect_type("a.js", "text/javascript; charset=utf-8");
	expect_type("a.mjs", "text/javascript; charset=utf-8");
	expect_type("a.js.map", "application/json");
	expect_type("a.json", "application/json");
	expect_type("a.jsonld", "application/ld+json");
	expect_type("a.webmanifest", "application/manifest+json");
	expect_type("a.wasm", "application/wasm");
	expect_type("a.xml", "application/xml");
	expect_type("a.svg", "image/svg+xml");
	expect_type("a.png", "image/png");
	expect_type("a.jpg", "image/jpeg");
	expect_type("a.jpeg", "image/jpeg");
	expect_type("a.gif", "image/gif");
	expect_type("a.webp", "image/webp");
	expect_type("a.avif", "image/avif");
	expect_type("favicon.ico", "image/vnd.microsoft.icon");
	expect_type("a.woff", "font/woff");
	expect_type("a.woff2", "font/woff2");
	expect_type("a.ttf", "font/ttf");
	expect_type("a.otf", "font/otf");
	expect_type("a.txt", "text/plain; charset=utf-8");
	expect_type("a.md", "text/markdown; charset=utf-8");
	expect_type("a.csv", "text/csv; charset=utf-8");
	expect_type("a.vtt", "text/vtt; charset=utf-8");
	expect_type("a.pdf", "application/pdf");
	expect_type("a.zip", "application/zip");
	expect_type("a.mp3", "audio/mpeg");
	expect_type("a.mp4", "video/mp4");
	expect_type("a.webm", "video/webm");
	expect_type("a.ts", "video/mp2t");
	expect_type("a.m3u8", "application/vnd.apple.mpegurl");
}

Test(media_table, the_last_extension_counts)
{
	expect_type("a.tar.gz", "application/gzip");
	expect_type("a.html.zip", "application/zip");
	expect_type("a..png", "image/png");
}

Test(media_table, in_any_case)
{
	expect_type("INDEX.HTML", "text/html; charset=utf-8");
	expect_type("a.JpG", "image/jpeg");
}

Test(media_table, unknown_is_absent)
{
	expect_type("", NULL);
	expect_type(".", NULL);
	expect_type("README", NULL);
	expect_type("html", NULL);
	expect_type("a.", NULL);
	expect_type("a.html~", NULL);
	expect_type("a.html ", NULL);
	expect_type("a.unheard-of", NULL);
	expect_type("a.\xff\xff", NULL);
	expect_type("v1.2/html", NULL);
	cr_expect_null(ouro_media_type_of(ouro_str(NULL, 0)).ptr);
	cr_expect_null(ouro_media_type_of(OURO_STR("a.js\0")).ptr);
}

Test(media_table, a_dot_at_the_beginning_begins_no_extension)
{
	expect_type(".html", NULL);
	expect_type(".a.html", "text/html; charset=utf-8");
}

Test(media_table, extensions_are_not_cut)
{
	char name[64];

	/* As long as a key, and longer: no cut one is found. */
	for (int len = 14; len < 40; len++) {
		snprintf(name, sizeof(name), "a.js%0*d", len, 0);
		expect_type(name, NULL);
	}
	expect_type("a.webmanifests", NULL);
	expect_type("a.htmlhtmlhtmlhtml", NULL);
}

Test(media_table, is_sorted_and_every_row_is_found)
{
	char name[64];

	cr_expect_gt(ROWS, 1000);
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(name, sizeof(name), "name.%s", table[i].extension);
		expect_type(name, table[i].type);
		if (i > 0)
			cr_expect_lt(strcmp(table[i - 1].extension, table[i].extension), 0, "%s",
				     table[i].extension);
	}
}

Test(media_table, every_type_is_one)
{
	char charset[16];

	for (size_t i = 0; i < ROWS; i++) {
		struct ouro_str type = ouro_str_c(table[i].type);
		ssize_t len =
			ouro_media_type_param(type, OURO_STR("charset"), charset, sizeof(charset));

		if (ouro_str_starts(type, OURO_STR("text/")))
			cr_expect(ouro_str_eq(ouro_str(charset, (size_t)len), OURO_STR("utf-8")),
				  "%s", table[i].type);
		else
			cr_expect_eq(len, -ENOENT, "%s", table[i].type);
	}
}

static void expect_compresses(const char *type, bool expected)
{
	struct guard guard;
	size_t len = strlen(type);

	guard_init(&guard, 128);
	cr_expect_eq(ouro_media_type_compresses(ouro_str(guard_put(&guard, type, len), len)),
		     expected, "%s", type);
	guard_fini(&guard);
}

Test(media_table, worth_compressing)
{
	static const char *const types[] = {
		"text/html",
		"text/html; charset=utf-8",
		"TEXT/CSS",
		"text/javascript ;charset=utf-8",
		"text/x-whatever",
		"application/json",
		"Application/JSON; x=y",
		"application/problem+json",
		"application/atom+xml",
		"application/x+yaml",
		"application/xml",
		"application/javascript",
		"application/wasm",
		"application/x-tar",
		"application/vnd.ms-fontobject",
		"font/ttf",
		"font/otf",
		"image/svg+xml",
		"image/SVG+XML",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		expect_compresses(types[i], true);
}

Test(media_table, not_worth_compressing)
{
	static const char *const types[] = {
		"",
		"text",
		";text/html",
		"a/b; c=\"+json\"",
		"application/jsonx",
		"application/octet-stream",
		"application/zip",
		"application/gzip",
		"application/zstd",
		"application/pdf",
		"application/epub+zip",
		"font/woff",
		"font/woff2",
		"image/png",
		"image/bmp",
		"audio/mpeg",
		"video/mp4",
		"video/mp2t",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		expect_compresses(types[i], false);
	cr_expect_not(ouro_media_type_compresses(ouro_str(NULL, 0)));
}

/* What is compressed as a whole is not compressed again, nor is what is seen or heard. */
Test(media_table, rows_that_compress)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct ouro_str type = ouro_str_c(table[i].type);
		bool compresses = ouro_media_type_compresses(type);

		if (ouro_str_starts(type, OURO_STR("text/")))
			cr_expect(compresses, "%s", table[i].type);
		if (ouro_str_starts(type, OURO_STR("video/")) || strstr(table[i].type, "zip") ||
		    (ouro_str_starts(type, OURO_STR("image/")) && !strstr(table[i].type, "+xml")))
			cr_expect_not(compresses, "%s", table[i].type);
	}
}
