/* Tests of base/log.h. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <string.h>

static char last[2000];
static enum ouro_log_level last_level;
static int lines;

static void keep(void *arg, enum ouro_log_level level, const char *line)
{
	cr_assert_eq(arg, &lines);
	strcpy(last, line);
	last_level = level;
	lines++;
}

Test(log, lines_are_formatted_and_without_an_end)
{
	const struct ouro_log log = { .write = keep, .arg = &lines };

	ouro_log(&log, OURO_LOG_WARNING, "%s is %d", "x", 5);
	cr_assert_str_eq(last, "x is 5");
	cr_assert_eq(last_level, OURO_LOG_WARNING);
}

Test(log, what_is_less_important_than_asked_for_is_dropped)
{
	struct ouro_log log = { .write = keep, .arg = &lines, .level = OURO_LOG_WARNING };

	ouro_log(&log, OURO_LOG_INFO, "no");
	cr_assert_eq(lines, 0);
	ouro_log(&log, OURO_LOG_WARNING, "yes");
	ouro_log(&log, OURO_LOG_ERROR, "yes");
	cr_assert_eq(lines, 2);
	log.level = OURO_LOG_NOTHING;
	ouro_log(&log, OURO_LOG_ERROR, "no");
	cr_assert_eq(lines, 2);
}

Test(log, long_lines_are_cut)
{
	const struct ouro_log log = { .write = keep, .arg = &lines };

	ouro_log(&log, OURO_LOG_ERROR, "%2000d", 1);
	cr_assert_eq(strlen(last), 1023);
}
