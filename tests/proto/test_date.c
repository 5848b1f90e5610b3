/* Dates against those of the C library, and the three forms that are read. */
#include "proto/date.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <time.h>

/* 21 November 2026 */
#define NOW INT64_C(1795231800)

static void expect_format(int64_t seconds, const char *expected)
{
	char out[OURO_DATE_BYTES + 1] = { 0 };

	out[OURO_DATE_BYTES] = '!';
	ouro_date_format(seconds, out);
	cr_expect_eq(out[OURO_DATE_BYTES], '!');
	out[OURO_DATE_BYTES] = '\0';
	cr_expect_str_eq(out, expected);
}

Test(date, format)
{
	expect_format(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	expect_format(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
	expect_format(951782399, "Mon, 28 Feb 2000 23:59:59 GMT");
	expect_format(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
	expect_format(4107542399, "Sun, 28 Feb 2100 23:59:59 GMT");
	expect_format(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
	expect_format(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
}

Test(date, format_stays_within_four_digits)
{
	expect_format(INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
	expect_format(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
	expect_format(INT64_C(-62135596800), "Mon, 01 Jan 0001 00:00:00 GMT");
	expect_format(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT");
}

Test(date, format_agrees_with_the_c_library_and_is_read_back)
{
	char expected[64], out[OURO_DATE_BYTES];
	int64_t back;

	for (int64_t i = -2000; i < 8000; i++) {
		/* About a year and a bit apart, at any time of the day. */
		time_t seconds = (time_t)(i * 31622413);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (tm.tm_year + 1900 < 1000)
			continue;
		ouro_date_format(seconds, out);
		cr_assert_eq(memcmp(out, expected, OURO_DATE_BYTES), 0, "%s", expected);
		cr_assert_eq(ouro_date_parse(ouro_str(out, OURO_DATE_BYTES), NOW, &back), 0);
		cr_assert_eq(back, seconds, "%s", expected);
	}
}

static void expect_parse(const char *text, int64_t expected)
{
	int64_t seconds = -5;
	int err = ouro_date_parse(ouro_str_c(text), NOW, &seconds);

	cr_expect_eq(err, 0, "%s", text);
	cr_expect_eq(seconds, expected, "%s: %lld", text, (long long)seconds);
}

Test(date, parse_the_three_forms)
{
	expect_parse("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
	expect_parse("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
	expect_parse("Sun Nov  6 08:49:37 1994", 784111777);
	expect_parse("Sun Nov 16 08:49:37 1994", 784975777);
}

Test(date, parse_all_names_of_days)
{
	expect_parse("Monday, 07-Nov-94 08:49:37 GMT", 784198177);
	expect_parse("Tuesday, 08-Nov-94 08:49:37 GMT", 784284577);
	expect_parse("Wednesday, 09-Nov-94 08:49:37 GMT", 784370977);
	expect_parse("Thursday, 10-Nov-94 08:49:37 GMT", 784457377);
	expect_parse("Friday, 11-Nov-94 08:49:37 GMT", 784543777);
	expect_parse("Saturday, 12-Nov-94 08:49:37 GMT", 784630177);
}

Test(date, two_digits_are_at_most_fifty_years_ahead)
{
	expect_parse("Sunday, 22-Nov-76 00:00:00 GMT", 217468800);
	expect_parse("Sunday, 19-Nov-76 00:00:00 GMT", 3372969600);
	expect_parse("Sunday, 01-Jan-00 00:00:00 GMT", 946684800);
	expect_parse("Sunday, 01-Jan-27 00:00:00 GMT", 1798761600);
}

Test(date, a_leap_second_is_the_next_minute)
{
	expect_parse("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
}

Test(date, other_texts_are_refused)
{
	static const char *const bad[] = {
		"",
		"Sun",
		"784111777",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37 GMT",
		"Sun, 06 Nov 1994 08:49 GMT",
		"Sun, 06  Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 29 Feb 1994 08:49:37 GMT",
		"Sun, 29 Feb 1900 08:49:37 GMT",
		"Sun, 06 Nov 0000 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:00:61 GMT",
		"Sun, +6 Nov 1994 08:49:37 GMT",
		"Sun, -6 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Monsday, 06-Nov-94 08:49:37 GMT",
		"Sunday 06-Nov-94 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov 06 08:49:37 1994 ",
		"Sun Nov  0 08:49:37 1994",
		"Sun Nov   6 08:49:37 1994",
	};
	int64_t seconds = 5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ouro_date_parse(ouro_str_c(bad[i]), NOW, &seconds), -EINVAL, "%s",
			     bad[i]);
	cr_expect_eq(seconds, 5);
}

Test(date, nothing_is_read_beyond_the_end)
{
	static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
					    "Wednesday, 09-Nov-94 08:49:37 GMT",
					    "Sun Nov  6 08:49:37 1994" };
	struct guard guard;
	int64_t seconds;

	guard_init(&guard, 64);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t full = strlen(good[i]);

		for (size_t len = 0; len <= full; len++) {
			struct ouro_str text = ouro_str(guard_put(&guard, good[i], len), len);

			cr_expect_eq(ouro_date_parse(text, NOW, &seconds),
				     len == full ? 0 : -EINVAL);
		}
	}
	guard_fini(&guard);
}
