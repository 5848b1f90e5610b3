/* Proactive negotiation. */
#include "proto/negotiate.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

typedef int (*negotiate_fn)(const struct ouro_str *values, size_t value_count,
			    const struct ouro_str *offers, size_t offer_count);

/* What is chosen of @offers, names with commas between, where there is one field of @value, or none
 * for NULL; "-" for none. */
static const char *choice(negotiate_fn negotiate, const char *value, const char *offers)
{
	static char words[128];
	struct ouro_str field = ouro_str_c(value), offer[8];
	size_t count = 0;
	int index;

	strcpy(words, offers);
	for (char *word = strtok(words, ","); word; word = strtok(NULL, ","))
		offer[count++] = ouro_str_c(word);
	index = negotiate(&field, 1, offer, count);
	cr_assert(index >= -1 && index < (int)count);
	return index < 0 ? "-" : offer[index].ptr;
}

#define TYPE(value, offers, expected)                                                              \
	cr_expect_str_eq(choice(ouro_negotiate_type, value, offers), expected)
#define ENCODING(value, offers, expected)                                                          \
	cr_expect_str_eq(choice(ouro_negotiate_encoding, value, offers), expected)
#define LANGUAGE(value, offers, expected)                                                          \
	cr_expect_str_eq(choice(ouro_negotiate_language, value, offers), expected)

Test(negotiate_type, no_wishes)
{
	TYPE(NULL, "a/b,c/d", "a/b");
	TYPE("", "a/b,c/d", "a/b");
	TYPE(" , ", "a/b,c/d", "a/b");
	cr_expect_eq(ouro_negotiate_type(NULL, 0, &OURO_STR("a/b"), 1), 0);
	cr_expect_eq(ouro_negotiate_type(NULL, 0, NULL, 0), -1);
}

Test(negotiate_type, weights)
{
	TYPE("c/d", "a/b,c/d", "c/d");
	TYPE("a/b;q=0.5, c/d", "a/b,c/d", "c/d");
	TYPE("a/b;q=0.5, c/d;q=0.501", "a/b,c/d", "c/d");
	TYPE("a/b, c/d", "c/d,a/b", "c/d");
	TYPE("A/B;Q=0.1, C/D;q=1.000", "a/b,c/d", "c/d");
	TYPE("x/y", "a/b,c/d", "-");
}

Test(negotiate_type, the_closest_range_decides)
{
	/* The example of RFC 9110, 12.5.1, less what depends on parameters. */
	const char *accept = "text/*;q=0.3, text/html;q=0.7, */*;q=0.5";

	TYPE(accept, "text/html,image/jpeg,text/plain", "text/html");
	TYPE(accept, "text/plain,image/jpeg", "image/jpeg");
	TYPE("*/*, text/html;q=0.1", "text/html,text/plain", "text/plain");
	TYPE("text/html;q=0.1, */*", "text/html,text/plain", "text/plain");
	/* Of equal weights, what was named. */
	TYPE("*/*, c/d", "a/b,c/d", "c/d");
	TYPE("*/*, c/*", "a/b,c/d", "c/d");
	TYPE("c/*, a/b", "c/d,a/b", "a/b");
}

Test(negotiate_type, zero_excludes)
{
	TYPE("a/b;q=0", "a/b", "-");
	TYPE("a/b;q=0.000, */*", "a/b,c/d", "c/d");
	TYPE("a/*;q=0, a/b", "a/c,a/b", "a/b");
	TYPE("*/*;q=0", "a/b", "-");
}

Test(negotiate_type, parameters_are_read_over)
{
	TYPE("a/b;x=y;q=0.1, c/d;q=0.2", "a/b,c/d", "c/d");
	TYPE("a/b;x=\"q=1,c/d;q=0\";q=0.1, c/d;q=0.2", "a/b,c/d", "c/d");
	TYPE("a/b ; q=0.1 ; ext=1, c/d;q=0.2", "a/b,c/d", "c/d");
	TYPE("c/d", "a/b,c/d;charset=utf-8", "c/d;charset=utf-8");
	TYPE("a/b;x=1;q=0.5, a/b;q=0.1, c/d;q=0.4", "c/d,a/b", "a/b");
}

Test(negotiate_type, malformed_elements_are_skipped)
{
	TYPE("a/b;q=2, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=.5, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=-1, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=1.001, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=0.1234, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=\"1\", c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("*/b, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b c, c/d;q=0.1", "a/b,c/d", "c/d");
	TYPE("a/b;q=1.0, c/d", "a/b,c/d", "a/b");
	/* With nothing left there are no wishes. */
	TYPE("rubbish", "a/b,c/d", "a/b");
}

Test(negotiate_type, fields_are_one_list)
{
	struct ouro_str values[] = { OURO_STR("a/b;q=0.1"), { NULL, 0 }, OURO_STR("c/d;q=0.2") };
	struct ouro_str offers[] = { OURO_STR("a/b"), OURO_STR("c/d") };

	cr_expect_eq(ouro_negotiate_type(values, 3, offers, 2), 1);
}

Test(negotiate_type, elements_have_a_limit)
{
	char field[8 * OURO_NEGOTIATE_ELEMENTS_MAX + 8], *at = field;

	for (int i = 0; i < OURO_NEGOTIATE_ELEMENTS_MAX - 1; i++)
		at += sprintf(at, "x/y,");
	strcpy(at, "a/b,c/d");
	TYPE(field, "c/d,a/b", "a/b");
	/* Malformed ones count too: they cost as much. */
	at = field;
	for (int i = 0; i < OURO_NEGOTIATE_ELEMENTS_MAX - 1; i++)
		at += sprintf(at, "/,");
	strcpy(at, "a/b,c/d");
	TYPE(field, "c/d,a/b", "a/b");
}

Test(negotiate_encoding, no_wishes)
{
	ENCODING(NULL, "gzip,identity", "identity");
	ENCODING("", "gzip,identity", "identity");
	ENCODING(NULL, "gzip,br", "gzip");
	ENCODING("", "gzip,br", "-");
}

Test(negotiate_encoding, weights)
{
	ENCODING("gzip, br", "br,gzip,identity", "br");
	ENCODING("gzip, br;q=0.5", "br,gzip,identity", "gzip");
	ENCODING("br;q=0.001", "identity,br", "br");
	ENCODING("GZIP", "gzip,identity", "gzip");
	ENCODING("x-gzip", "gzip,identity", "gzip");
	ENCODING("deflate", "gzip,br", "-");
}

Test(negotiate_encoding, identity)
{
	ENCODING("deflate", "gzip,identity", "identity");
	ENCODING("gzip;q=0", "gzip,identity", "identity");
	ENCODING("gzip;q=0.5, identity", "gzip,identity", "identity");
	ENCODING("identity;q=0, deflate", "gzip,identity", "-");
	ENCODING("*;q=0, deflate", "gzip,identity", "-");
	ENCODING("*;q=0, identity;q=0.1", "gzip,identity", "identity");
	ENCODING("gzip;q=0.1, *;q=0.5", "gzip,identity", "identity");
	ENCODING("*", "gzip,identity", "gzip");
}

Test(negotiate_language, filtering)
{
	LANGUAGE(NULL, "de,en", "de");
	LANGUAGE("en", "de,en", "en");
	LANGUAGE("EN", "de,en-GB", "en-GB");
	LANGUAGE("de-DE", "de-DE-1996,de-Latn-DE", "de-DE-1996");
	LANGUAGE("e", "en", "-");
	LANGUAGE("en-u", "en-US,en-u-co", "en-u-co");
	LANGUAGE("fr", "de,en", "-");
	LANGUAGE("en;q=0.2, de;q=0.8", "en,de", "de");
	LANGUAGE("en, de", "de-CH-1996,en", "de-CH-1996");
}

Test(negotiate_language, the_longest_range_decides)
{
	LANGUAGE("en, en-GB;q=0.1, de;q=0.5", "en-GB,de", "de");
	LANGUAGE("en;q=0, en-GB", "en-US,en-GB", "en-GB");
	LANGUAGE("en-GB;q=0, en", "en-GB,en-US", "en-US");
	LANGUAGE("*;q=0.5, de;q=0.1", "de,en", "en");
	LANGUAGE("*, de;q=0", "de", "-");
}

Test(negotiate_language, lookup_before_anything)
{
	LANGUAGE("en-GB, *;q=0.1", "de,en", "en");
	LANGUAGE("zh-Hant-TW", "de,zh-Hant,zh", "zh-Hant");
	LANGUAGE("en-GB, de;q=0.9", "de,en", "en");
	LANGUAGE("en-GB, en;q=0.1, de;q=0.5", "de,en", "de");
}
