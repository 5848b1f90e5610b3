/* Conditional requests, and entity tags. */
#include "proto/condition.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DAY 86400
#define NOW (MODIFIED + 30 * DAY)

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

#define HOLDS OURO_CONDITION_HOLDS
#define NOT_MODIFIED OURO_CONDITION_NOT_MODIFIED
#define FAILED OURO_CONDITION_FAILED

static const struct ouro_validators strong = { { "\"a,b\"", 5 }, MODIFIED };
static const struct ouro_validators weak = { { "W/\"a,b\"", 7 }, MODIFIED };
static const struct ouro_validators none = { .modified_s = OURO_MODIFIED_UNKNOWN };

/* Of one field alone, its value at the edge of a page; @offset is where it is in the struct. */
static enum ouro_condition check(size_t offset, const char *value,
				 const struct ouro_validators *validators, bool is_get)
{
	struct ouro_conditions conditions = { .now_s = NOW };
	enum ouro_condition found;
	struct guard guard;
	size_t len = strlen(value);
	struct ouro_str field;

	guard_init(&guard, 512);
	field = ouro_str(guard_put(&guard, value, len), len);
	memcpy((char *)&conditions + offset, &field, sizeof(field));
	found = ouro_conditions_check(&conditions, validators, is_get);
	guard_fini(&guard);
	return found;
}

#define EXPECT(field, value, validators, is_get, expected)                                         \
	cr_expect_eq(check(offsetof(struct ouro_conditions, field), value, validators, is_get),    \
		     expected, "%s", value)

/* Of a GET, and of another method. */
#define IF_MATCH(value, validators, expected)                                                      \
	do {                                                                                       \
		EXPECT(if_match, value, validators, true, expected);                               \
		EXPECT(if_match, value, validators, false, expected);                              \
	} while (0)
#define NAMED(value, validators)                                                                   \
	do {                                                                                       \
		EXPECT(if_none_match, value, validators, true, NOT_MODIFIED);                      \
		EXPECT(if_none_match, value, validators, false, FAILED);                           \
	} while (0)
#define NOT_NAMED(value, validators)                                                               \
	do {                                                                                       \
		EXPECT(if_none_match, value, validators, true, HOLDS);                             \
		EXPECT(if_none_match, value, validators, false, HOLDS);                            \
	} while (0)

Test(condition, none_holds)
{
	struct ouro_conditions conditions = { .now_s = NOW };

	cr_expect_eq(ouro_conditions_check(&conditions, &strong, true), HOLDS);
	cr_expect_eq(ouro_conditions_check(&conditions, &strong, false), HOLDS);
	cr_expect_eq(ouro_conditions_check(&conditions, &none, true), HOLDS);
}

Test(if_match, any)
{
	IF_MATCH("*", &strong, HOLDS);
	IF_MATCH("*", &weak, HOLDS);
	IF_MATCH("*", &none, HOLDS);
}

Test(if_match, is_compared_strongly)
{
	IF_MATCH("\"a,b\"", &strong, HOLDS);
	IF_MATCH("\"a,c\"", &strong, FAILED);
	IF_MATCH("\"A,b\"", &strong, FAILED);
	IF_MATCH("W/\"a,b\"", &strong, FAILED);
	IF_MATCH("\"a,b\"", &weak, FAILED);
	IF_MATCH("W/\"a,b\"", &weak, FAILED);
}

Test(if_match, fails_where_there_is_no_tag)
{
	IF_MATCH("\"a,b\"", &none, FAILED);
	IF_MATCH("\"\"", &none, FAILED);
	IF_MATCH("", &none, FAILED);
}

Test(if_match, lists)
{
	IF_MATCH("\"x\", \"a,b\"", &strong, HOLDS);
	IF_MATCH("\"x\",W/\"y\"\t,\t\"a,b\",\"z\"", &strong, HOLDS);
	IF_MATCH(", ,\"a,b\",", &strong, HOLDS);
	IF_MATCH("\"x\", \"y\"", &strong, FAILED);
	IF_MATCH("", &strong, FAILED);
	IF_MATCH(" , ", &strong, FAILED);
}

Test(if_match, commas_in_tags_end_nothing)
{
	struct ouro_validators b = { OURO_STR("\"b\""), MODIFIED };
	struct ouro_validators comma = { OURO_STR("\", \""), MODIFIED };

	IF_MATCH("\"a,\"b\"", &b, FAILED);
	IF_MATCH("\"a,b\"", &b, FAILED);
	IF_MATCH("\"a\", \"b\"", &comma, FAILED);
	IF_MATCH("\", \"", &comma, HOLDS);
}

Test(if_match, a_list_counts_up_to_what_is_malformed)
{
	IF_MATCH("\"a,b\", x", &strong, HOLDS);
	IF_MATCH("x, \"a,b\"", &strong, FAILED);
	IF_MATCH("\"x\"\"a,b\"", &strong, FAILED);
	IF_MATCH("\"x\" y, \"a,b\"", &strong, FAILED);
	IF_MATCH("\"a,b", &strong, FAILED);
	IF_MATCH("\"", &strong, FAILED);
	IF_MATCH("W/", &strong, FAILED);
	IF_MATCH("W", &strong, FAILED);
	IF_MATCH("w/\"a,b\"", &strong, FAILED);
	IF_MATCH("a,b", &strong, FAILED);
	IF_MATCH("*, \"a,b\"", &strong, FAILED);
	IF_MATCH("\"x\", *", &strong, FAILED);
	IF_MATCH("**", &strong, FAILED);
}

Test(if_none_match, any)
{
	NAMED("*", &strong);
	NAMED("*", &weak);
	NAMED("*", &none);
}

Test(if_none_match, is_compared_weakly)
{
	NAMED("\"a,b\"", &strong);
	NAMED("W/\"a,b\"", &strong);
	NAMED("\"a,b\"", &weak);
	NAMED("W/\"a,b\"", &weak);
	NOT_NAMED("\"a,c\"", &strong);
	NOT_NAMED("W/\"a,c\"", &weak);
}

Test(if_none_match, holds_where_there_is_no_tag)
{
	NOT_NAMED("\"a,b\"", &none);
	NOT_NAMED("\"\"", &none);
}

Test(if_none_match, lists)
{
	NAMED("\"x\", W/\"a,b\", \"y\"", &strong);
	NOT_NAMED("\"x\", \"y\"", &strong);
	NOT_NAMED("", &strong);
	NOT_NAMED("x, \"a,b\"", &strong);
	NOT_NAMED("a,b", &strong);
}

Test(if_modified_since, of_get)
{
	EXPECT(if_modified_since, BEFORE, &strong, true, HOLDS);
	EXPECT(if_modified_since, SAME, &strong, true, NOT_MODIFIED);
	EXPECT(if_modified_since, AFTER, &strong, true, NOT_MODIFIED);
}

Test(if_modified_since, of_other_methods_is_ignored)
{
	EXPECT(if_modified_since, AFTER, &strong, false, HOLDS);
}

Test(if_modified_since, other_forms_of_dates)
{
	EXPECT(if_modified_since, "Sunday, 06-Nov-94 08:49:37 GMT", &strong, true, NOT_MODIFIED);
	EXPECT(if_modified_since, "Sunday, 06-Nov-94 08:49:36 GMT", &strong, true, HOLDS);
	EXPECT(if_modified_since, "Sun Nov  6 08:49:37 1994", &strong, true, NOT_MODIFIED);
}

Test(if_modified_since, two_digits_of_a_year_are_about_now)
{
	struct ouro_conditions conditions = {
		.if_modified_since = OURO_STR("Sunday, 01-Nov-26 00:00:00 GMT"),
		.now_s = INT64_C(1795000000), /* in November 2026 */
	};
	struct ouro_validators of_1970 = { .modified_s = 1 };

	cr_expect_eq(ouro_conditions_check(&conditions, &of_1970, true), NOT_MODIFIED);
	conditions.now_s = 0;
	cr_expect_eq(ouro_conditions_check(&conditions, &of_1970, true), HOLDS);
}

Test(if_modified_since, what_is_no_date_is_ignored)
{
	EXPECT(if_modified_since, "", &strong, true, HOLDS);
	EXPECT(if_modified_since, "tomorrow", &strong, true, HOLDS);
	EXPECT(if_modified_since, AFTER ", " AFTER, &strong, true, HOLDS);
	EXPECT(if_modified_since, "\"a,b\"", &strong, true, HOLDS);
}

Test(if_modified_since, is_ignored_where_the_date_is_unknown)
{
	EXPECT(if_modified_since, AFTER, &none, true, HOLDS);
}

Test(if_modified_since, dates_before_1970)
{
	struct ouro_validators old = { .modified_s = -1 };

	EXPECT(if_modified_since, "Wed, 31 Dec 1969 23:59:59 GMT", &old, true, NOT_MODIFIED);
	EXPECT(if_modified_since, "Wed, 31 Dec 1969 23:59:58 GMT", &old, true, HOLDS);
}

Test(if_unmodified_since, of_any_method)
{
	for (int is_get = 0; is_get < 2; is_get++) {
		EXPECT(if_unmodified_since, BEFORE, &strong, is_get, FAILED);
		EXPECT(if_unmodified_since, SAME, &strong, is_get, HOLDS);
		EXPECT(if_unmodified_since, AFTER, &strong, is_get, HOLDS);
	}
}

Test(if_unmodified_since, what_is_no_date_is_ignored)
{
	EXPECT(if_unmodified_since, "", &strong, true, HOLDS);
	EXPECT(if_unmodified_since, "yesterday", &strong, true, HOLDS);
	EXPECT(if_unmodified_since, BEFORE ", " BEFORE, &strong, true, HOLDS);
}

Test(if_unmodified_since, is_ignored_where_the_date_is_unknown)
{
	EXPECT(if_unmodified_since, BEFORE, &none, true, HOLDS);
}

/* RFC 9110, 13.2.2: every combination of one value that is true, one that is false, and none. */
Test(condition, order)
{
	static const struct ouro_str tags[] = { { NULL, 0 }, { "\"a,b\"", 5 }, { "\"x\"", 3 } };
	static const struct ouro_str dates[] = { { NULL, 0 }, { SAME, 29 }, { BEFORE, 29 } };

	for (int i = 0; i < 3 * 3 * 3 * 3 * 2; i++) {
		int match = i % 3, unmodified = i / 3 % 3, none_match = i / 9 % 3;
		int modified = i / 27 % 3;
		bool is_get = i / 81;
		struct ouro_conditions conditions = {
			.if_match = tags[match],
			.if_unmodified_since = dates[unmodified],
			.if_none_match = tags[none_match],
			.if_modified_since = dates[modified],
			.now_s = NOW,
		};
		enum ouro_condition expected = HOLDS;

		if (match == 2 || (match == 0 && unmodified == 2))
			expected = FAILED;
		else if (none_match == 1)
			expected = is_get ? NOT_MODIFIED : FAILED;
		else if (none_match == 0 && is_get && modified == 1)
			expected = NOT_MODIFIED;
		cr_expect_eq(ouro_conditions_check(&conditions, &strong, is_get), expected,
			     "%d%d%d%d of %d", match, unmodified, none_match, modified, is_get);
	}
}

Test(condition, nothing_is_read_beyond_the_end)
{
	const char *list = "\"x\" , W/\"y\",\"a,b\"";
	char cut[64];

	for (size_t len = 0; len < strlen(list); len++) {
		snprintf(cut, sizeof(cut), "%.*s", (int)len, list);
		IF_MATCH(cut, &strong, FAILED);
		NOT_NAMED(cut, &strong);
	}
	for (size_t len = 0; len < strlen(SAME); len++) {
		snprintf(cut, sizeof(cut), "%.*s", (int)len, SAME);
		EXPECT(if_modified_since, cut, &strong, true, HOLDS);
	}
}

static void expect_if_range(const char *value, const struct ouro_validators *validators,
			    int64_t now_s, bool expected)
{
	size_t len = strlen(value);
	struct guard guard;

	guard_init(&guard, 64);
	cr_expect_eq(ouro_if_range_holds(ouro_str(guard_put(&guard, value, len), len), validators,
					 now_s),
		     expected, "%s", value);
	guard_fini(&guard);
}

Test(if_range, absent_holds)
{
	cr_expect(ouro_if_range_holds(ouro_str(NULL, 0), &strong, NOW));
	cr_expect(ouro_if_range_holds(ouro_str(NULL, 0), &none, NOW));
}

Test(if_range, tags_are_compared_strongly)
{
	expect_if_range("\"a,b\"", &strong, NOW, true);
	expect_if_range("\"a,c\"", &strong, NOW, false);
	expect_if_range("W/\"a,b\"", &strong, NOW, false);
	expect_if_range("\"a,b\"", &weak, NOW, false);
	expect_if_range("W/\"a,b\"", &weak, NOW, false);
	expect_if_range("\"a,b\"", &none, NOW, false);
}

Test(if_range, dates_must_be_the_same)
{
	expect_if_range(BEFORE, &strong, NOW, false);
	expect_if_range(SAME, &strong, NOW, true);
	expect_if_range(SAME, &weak, NOW, true);
	expect_if_range(AFTER, &strong, NOW, false);
	expect_if_range("Sunday, 06-Nov-94 08:49:37 GMT", &strong, NOW, true);
	expect_if_range(SAME, &none, NOW, false);
}

/* RFC 9110, 8.8.2.2. */
Test(if_range, dates_must_be_a_second_old)
{
	expect_if_range(SAME, &strong, MODIFIED - 1, false);
	expect_if_range(SAME, &strong, MODIFIED, false);
	expect_if_range(SAME, &strong, MODIFIED + 1, true);
}

Test(if_range, neither_tag_nor_date_is_false)
{
	static const char *const bad[] = {
		"",    "*",   "W/",        "W/\"",           "\"",
		"\"a", "a,b", "w/\"a,b\"", "\"x\", \"a,b\"", SAME ", " SAME,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_if_range(bad[i], &strong, NOW, false);
}

Test(etag, comparisons)
{
	/* RFC 9110, 8.8.3.2, and absent ones. */
	static const struct {
		const char *a, *b;
		bool strong, weak;
	} rows[] = {
		{ "W/\"1\"", "W/\"1\"", false, true }, { "W/\"1\"", "W/\"2\"", false, false },
		{ "W/\"1\"", "\"1\"", false, true },   { "\"1\"", "\"1\"", true, true },
		{ "\"\"", "\"\"", true, true },        { NULL, "\"1\"", false, false },
		{ NULL, NULL, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ouro_str a = ouro_str_c(rows[i].a), b = ouro_str_c(rows[i].b);

		cr_expect_eq(ouro_etag_eq_strong(a, b), rows[i].strong);
		cr_expect_eq(ouro_etag_eq_strong(b, a), rows[i].strong);
		cr_expect_eq(ouro_etag_eq_weak(a, b), rows[i].weak);
		cr_expect_eq(ouro_etag_eq_weak(b, a), rows[i].weak);
	}
}

static void expect_etag(uint64_t modified_ns, uint64_t size, uint64_t salt, const char *expected)
{
	char out[OURO_ETAG_BYTES_MAX];
	size_t len = ouro_etag_write(modified_ns, size, salt, out);

	cr_expect(ouro_str_eq(ouro_str(out, len), ouro_str_c(expected)), "%.*s, not %s", (int)len,
		  out, expected);
}

Test(etag, written)
{
	expect_etag(0, 0, 0, "\"0-0\"");
	expect_etag(0x10, 0xabcdef, 0, "\"10-abcdef\"");
	expect_etag(UINT64_C(0x17f0e1d2c3b4a596), 4096, 0, "\"17f0e1d2c3b4a596-1000\"");
	expect_etag(1, 2, 3, "\"1-2-3\"");
}

Test(etag, the_longest)
{
	char out[OURO_ETAG_BYTES_MAX];

	expect_etag(UINT64_MAX, UINT64_MAX, UINT64_MAX,
		    "\"ffffffffffffffff-ffffffffffffffff-ffffffffffffffff\"");
	cr_expect_eq(ouro_etag_write(UINT64_MAX, UINT64_MAX, UINT64_MAX, out), OURO_ETAG_BYTES_MAX);
}

static void expect_weakened(const char *etag, const char *expected)
{
	size_t expected_len = strlen(expected);
	struct ouro_str weakened = ouro_str(NULL, 7);
	char out[64];

	for (size_t room = 0; room < expected_len; room++)
		cr_expect_not(ouro_etag_weaken(ouro_str_c(etag), out, room, &weakened));
	cr_expect(!weakened.ptr && weakened.len == 7);
	cr_expect(ouro_etag_weaken(ouro_str_c(etag), out, expected_len, &weakened));
	cr_expect(weakened.ptr == out && ouro_str_eq(weakened, ouro_str_c(expected)));
}

Test(etag, weakened)
{
	expect_weakened("\"abc\"", "W/\"abc\"");
	expect_weakened("W/\"abc\"", "W/\"abc\"");
	expect_weakened("\"\"", "W/\"\"");
}
