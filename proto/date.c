/* Dates of HTTP fields: see proto/date.h. Days are counted as in the proleptic Gregorian calendar
 * with years that begin in March, so that the leap day is the last of its year. */
#include "proto/date.h"

#include "base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DAY_SECONDS 86400

/* 1 January of the year 1, and the last second of 9999. */
#define SECONDS_MIN INT64_C(-62135596800)
#define SECONDS_MAX INT64_C(253402300799)

/* Days from 1 March of the year 0 to 1 January 1970. */
#define EPOCH_DAYS INT64_C(719468)

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct civil {
	unsigned year;
	unsigned month; /* 1 to 12 */
	unsigned day;
	unsigned hour;
	unsigned minute;
	unsigned second;
};

static void put2(char *out, unsigned value)
{
	out[0] = (char)('0' + value / 10);
	out[1] = (char)('0' + value % 10);
}

/* Days from 1 March of the year 0 to the date. */
static int64_t days_of(const struct civil *civil)
{
	unsigned year = civil->year - (civil->month <= 2);
	unsigned month = (civil->month + 9) % 12;
	unsigned era = year / 400, of_era = year % 400;
	unsigned day = (153 * month + 2) / 5 + civil->day - 1;

	return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day;
}

/* The date that is @days after 1 March of the year 0. */
static struct civil date_of(unsigned days)
{
	unsigned era = days / 146097, of_era = days % 146097;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned day = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day + 2) / 153;

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = day - (153 * month + 2) / 5 + 1,
	};
}

void ouro_date_format(int64_t unix_seconds, char *out)
{
	int64_t since = (unix_seconds < SECONDS_MIN   ? SECONDS_MIN
			 : unix_seconds > SECONDS_MAX ? SECONDS_MAX
						      : unix_seconds) +
			EPOCH_DAYS * DAY_SECONDS;
	unsigned days = (unsigned)(since / DAY_SECONDS);
	unsigned second = (unsigned)(since % DAY_SECONDS);
	struct civil civil = date_of(days);

	memcpy(out, "day, DD mon YYYY hh:mm:ss GMT", OURO_DATE_BYTES);
	/* 1 March of the year 0 was a Wednesday. */
	memcpy(out, day_names + (days + 3) % 7 * 3, 3);
	put2(out + 5, civil.day);
	memcpy(out + 8, month_names + (civil.month - 1) * 3, 3);
	put2(out + 12, civil.year / 100);
	put2(out + 14, civil.year % 100);
	put2(out + 17, second / 3600);
	put2(out + 20, second / 60 % 60);
	put2(out + 23, second % 60);
}

/* What is left of a date being read; each step takes its part off the front, or is false. */
static bool skip(struct ouro_str *text, const char *literal)
{
	struct ouro_str prefix = ouro_str_c(literal);

	if (!ouro_str_starts(*text, prefix))
		return false;
	*text = ouro_str(text->ptr + prefix.len, text->len - prefix.len);
	return true;
}

/* Exactly @digits digits. */
static bool take_number(struct ouro_str *text, size_t digits, unsigned *value)
{
	uint64_t number;

	if (text->len < digits || ouro_str_to_u64(ouro_str(text->ptr, digits), &number))
		return false;
	*value = (unsigned)number;
	*text = ouro_str(text->ptr + digits, text->len - digits);
	return true;
}

/* A name of three letters; names and dates are case-sensitive (RFC 9110, 5.6.7). */
static bool take_name(struct ouro_str *text, const char *names, unsigned *index)
{
	for (unsigned i = 0; names[i * 3]; i++) {
		if (text->len < 3 || memcmp(text->ptr, names + i * 3, 3) != 0)
			continue;
		*index = i;
		*text = ouro_str(text->ptr + 3, text->len - 3);
		return true;
	}
	return false;
}

static bool take_month(struct ouro_str *text, struct civil *civil)
{
	if (!take_name(text, month_names, &civil->month))
		return false;
	civil->month++;
	return true;
}

static bool take_time(struct ouro_str *text, struct civil *civil)
{
	return take_number(text, 2, &civil->hour) && skip(text, ":") &&
	       take_number(text, 2, &civil->minute) && skip(text, ":") &&
	       take_number(text, 2, &civil->second);
}

/* ", 06 Nov 1994 08:49:37 GMT" */
static bool read_imf(struct ouro_str text, struct civil *civil)
{
	return skip(&text, ", ") && take_number(&text, 2, &civil->day) && skip(&text, " ") &&
	       take_month(&text, civil) && skip(&text, " ") &&
	       take_number(&text, 4, &civil->year) && skip(&text, " ") && take_time(&text, civil) &&
	       skip(&text, " GMT") && text.len == 0;
}

/* "day, 06-Nov-94 08:49:37 GMT", what is left of "Sunday, ..."; @index is the day. */
static bool read_rfc850(struct ouro_str text, unsigned index, struct civil *civil)
{
	static const char *const rests[] = {
		"day", "day", "sday", "nesday", "rsday", "day", "urday"
	};

	return skip(&text, rests[index]) && skip(&text, ", ") &&
	       take_number(&text, 2, &civil->day) && skip(&text, "-") && take_month(&text, civil) &&
	       skip(&text, "-") && take_number(&text, 2, &civil->year) && skip(&text, " ") &&
	       take_time(&text, civil) && skip(&text, " GMT") && text.len == 0;
}

/* " Nov  6 08:49:37 1994" */
static bool read_asctime(struct ouro_str text, struct civil *civil)
{
	return skip(&text, " ") && take_month(&text, civil) && skip(&text, " ") &&
	       (skip(&text, " ") ? take_number(&text, 1, &civil->day)
				 : take_number(&text, 2, &civil->day)) &&
	       skip(&text, " ") && take_time(&text, civil) && skip(&text, " ") &&
	       take_number(&text, 4, &civil->year) && text.len == 0;
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_valid(const struct civil *civil)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned leap_day = civil->month == 2 && is_leap(civil->year);

	/* The grammar has a leap second, which Unix time does not: it is the next minute. */
	return civil->year >= 1 && civil->day >= 1 &&
	       civil->day <= days[civil->month - 1] + leap_day && civil->hour <= 23 &&
	       civil->minute <= 59 && civil->second <= 60;
}

static int64_t seconds_of(const struct civil *civil)
{
	return (days_of(civil) - EPOCH_DAYS) * DAY_SECONDS + civil->hour * 3600 +
	       civil->minute * 60 + civil->second;
}

/* Finds the century of a year of two digits: the one that puts the date last, but no more than 50
 * years after now. */
static void settle_century(struct civil *civil, int64_t now)
{
	const int64_t ahead = INT64_C(50) * 31556952;

	civil->year += 9900;
	while (civil->year > 100 && seconds_of(civil) > now + ahead)
		civil->year -= 100;
}

int ouro_date_parse(struct ouro_str text, int64_t now_unix_seconds, int64_t *unix_seconds)
{
	struct civil civil = { 0 };
	unsigned day;

	if (!take_name(&text, day_names, &day))
		return -EINVAL;
	if (!read_imf(text, &civil) && !read_asctime(text, &civil)) {
		if (!read_rfc850(text, day, &civil))
			return -EINVAL;
		settle_century(&civil, now_unix_seconds);
	}
	/* That the day of the week is right is not checked: recipients are told to be robust. */
	if (!is_valid(&civil))
		return -EINVAL;
	*unix_seconds = seconds_of(&civil);
	return 0;
}
