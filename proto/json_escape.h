/* Any bytes as a JSON string (RFC 8259, 7). */
#ifndef OURO_PROTO_JSON_ESCAPE_H
#define OURO_PROTO_JSON_ESCAPE_H

#include "ouro/base.h"

#include <stddef.h>
#include <sys/types.h>

/* Most bytes that @len bytes become, the quotes included. */
#define OURO_JSON_STRING_BYTES_MAX(len) (6 * (size_t)(len) + 2)

/* Writes @text in quotes at @out of @room bytes: quotes, backslashes and control characters are
 * escaped, valid UTF-8 is kept, and each invalid sequence becomes one U+FFFD as the Unicode
 * standard advises (maximal subparts). Returns the length, or -ENOSPC where it does not fit; @out
 * may then have been written to. */
ssize_t ouro_json_write_string(struct ouro_str text, char *out, size_t room);

#endif
