/* Dates of HTTP fields (RFC 9110, 5.6.7), without locale or time zone of the C library. */
#ifndef OURO_PROTO_DATE_H
#define OURO_PROTO_DATE_H

#include "ouro/base.h"

#include <stdint.h>

/* "Sat, 21 Nov 2026 03:30:00 GMT" */
#define OURO_DATE_BYTES 29

/* Writes @unix_seconds as IMF-fixdate at @out, OURO_DATE_BYTES bytes without a terminator.
 * Seconds outside the years 1 to 9999, which the form cannot say, become the nearest that it
 * can. */
void ouro_date_format(int64_t unix_seconds, char *out);

/* Reads any of the three forms: IMF-fixdate, RFC 850, asctime. @now_unix_seconds settles the
 * century of RFC 850's two digits: no date is more than 50 years ahead of it. Returns 0, or
 * -EINVAL where @text is no such date, with @unix_seconds untouched. */
int ouro_date_parse(struct ouro_str text, int64_t now_unix_seconds, int64_t *unix_seconds);

#endif
