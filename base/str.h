/* String views: comparison, searching and number parsing without a copy or a terminator. */
#ifndef OURO_BASE_STR_H
#define OURO_BASE_STR_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline struct ouro_str ouro_str(const char *ptr, size_t len)
{
	return (struct ouro_str){ ptr, len };
}

/* A view of a NUL-terminated string; NULL gives the absent view. */
static inline struct ouro_str ouro_str_c(const char *c_string)
{
	return (struct ouro_str){ c_string, c_string ? strlen(c_string) : 0 };
}

static inline bool ouro_str_eq(struct ouro_str a, struct ouro_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ouro_str_starts(struct ouro_str str, struct ouro_str prefix)
{
	return str.len >= prefix.len && memcmp(str.ptr, prefix.ptr, prefix.len) == 0;
}

/* ASCII case-insensitive equality, as field names and most tokens compare (RFC 9110, 5.1). */
bool ouro_str_eq_nocase(struct ouro_str a, struct ouro_str b);

/* @str without spaces and tabs at either end (OWS, RFC 9110, 5.6.3). */
struct ouro_str ouro_str_trim(struct ouro_str str);

/* Whether the comma-separated list @list holds @token, compared without regard to case
 * (RFC 9110, 5.6.1). Empty elements are skipped. */
bool ouro_str_has_token(struct ouro_str list, struct ouro_str token);

/* Parses all of @str as an unsigned decimal number into @value. Returns 0, -EINVAL where @str is
 * empty or holds anything but digits, -ERANGE where it does not fit. @value is set on 0 alone. */
int ouro_str_to_u64(struct ouro_str str, uint64_t *value);

/* Writes @value in decimal at @out, which has room for 20 characters; returns how many. */
size_t ouro_u64_to_dec(uint64_t value, char *out);

#endif
