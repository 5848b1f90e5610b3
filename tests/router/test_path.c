/* The canonical form of paths. */
#include "base/str.h"
#include "router/path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *path;
	const char *canonical; /* NULL: malformed */
} cases[] = {
	{ "/", "/" },
	{ "", "" },
	{ "*", "*" },
	{ "/a", "/a" },
	{ "/a/", "/a/" },
	{ "/a/b.c/d", "/a/b.c/d" },
	{ "//", "/" },
	{ "///a//b///", "/a/b/" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/..", "/" },
	{ "/../", "/" },
	{ "/../a", "/a" },
	{ "/a/.", "/a/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../b", "/b" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../..", "/" },
	{ "/a/b/../../../c", "/c" },
	{ "/a//../b", "/b" },
	{ "/a/%2e/b", "/a/b" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/a/.%2E/b", "/b" },
	{ "/a/.b/..c/...", "/a/.b/..c/..." },
	{ "/.well-known/x", "/.well-known/x" },
	{ "/%61%7E%2d", "/a~-" },
	{ "/a%2fb", "/a%2Fb" },
	{ "/a%2Fb", "/a%2Fb" },
	{ "/%2F..%2F", "/%2F..%2F" },
	{ "/%c3%A4%00", "/%C3%A4%00" },
	{ "/%252e", "/%252e" },
	{ "/%25%32e", "/%252e" },
	{ "/%", NULL },
	{ "/%4", NULL },
	{ "/%4g", NULL },
	{ "/%g4", NULL },
	{ "/a%", NULL },
	{ "/a/b/c%2", NULL },
	{ "%", NULL },
	{ "a/../%61", "a/../a" },
};

Test(path, canonical_forms)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ouro_str path = ouro_str_c(cases[i].path);
		char *out = malloc(path.len + 1);
		ssize_t len = ouro_path_canonical(path, out);

		if (cases[i].canonical)
			cr_expect(len >= 0 && ouro_str_eq(ouro_str(out, (size_t)len),
							  ouro_str_c(cases[i].canonical)),
				  "%s gives %.*s", path.ptr, (int)len, out);
		else
			cr_expect_eq(len, -EINVAL, "%s", path.ptr);
		cr_expect_eq(ouro_path_is_canonical(path),
			     cases[i].canonical && strcmp(cases[i].canonical, path.ptr) == 0, "%s",
			     path.ptr);
		free(out);
	}
}

Test(path, what_is_not_plain_is_seen_wherever_it_is)
{
	char path[200];

	for (size_t len = 4; len < sizeof(path); len++) {
		for (size_t at = 1; at + 2 <= len; at++) {
			memset(path, 'a', len);
			path[0] = '/';
			cr_assert(ouro_path_is_canonical(ouro_str(path, len)));
			memcpy(path + at, "//", 2);
			cr_assert(!ouro_path_is_canonical(ouro_str(path, len)), "%zu of %zu", at,
				  len);
			memcpy(path + at, at + 3 <= len ? "%61" : "%6", at + 3 <= len ? 3 : 2);
			cr_assert(!ouro_path_is_canonical(ouro_str(path, len)));
		}
	}
}

/* Paths of what matters in them: done twice is done once, in place is done elsewhere, and only what
 * is canonical stays as it is. */
Test(path, random_paths)
{
	static const char *const parts[] = { "/",   "/",   ".",   "..", "%2e",
					     "%2F", "%61", "%e4", "a",  "bcdefghijklmno",
					     "%",   "%4",  "~" };
	unsigned state = 1;

	for (int i = 0; i < 200000; i++) {
		char path[256] = "/", once[256], twice[256];
		size_t len = 1;
		ssize_t first, second;

		for (unsigned j = state % 12; j > 0; j--) {
			const char *part;

			state = state * 1103515245 + 12345;
			part = parts[(state >> 16) % (sizeof(parts) / sizeof(parts[0]))];
			memcpy(path + len, part, strlen(part));
			len += strlen(part);
		}
		state = state * 1103515245 + 12345;
		first = ouro_path_canonical(ouro_str(path, len), once);
		if (first < 0) {
			cr_assert_eq(first, -EINVAL);
			cr_assert(!ouro_path_is_canonical(ouro_str(path, len)));
			continue;
		}
		cr_assert((size_t)first <= len);
		second = ouro_path_canonical(ouro_str(once, (size_t)first), twice);
		cr_assert(second == first && memcmp(once, twice, (size_t)first) == 0, "%s", path);
		cr_assert(ouro_path_is_canonical(ouro_str(once, (size_t)first)), "%s", path);
		cr_assert_eq(ouro_path_is_canonical(ouro_str(path, len)),
			     (size_t)first == len && memcmp(path, once, len) == 0, "%s", path);
		cr_assert_eq(ouro_path_canonical(ouro_str(path, len), path), first);
		cr_assert(memcmp(path, once, (size_t)first) == 0);
	}
}
