/* Percent-decoding and queries: what is inside a request target (RFC 3986, 2.1; the query as
 * application/x-www-form-urlencoded of the URL standard). */
#ifndef OURO_PROTO_TARGET_H
#define OURO_PROTO_TARGET_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Percent-decodes @text, one path segment or other value, into @out of @room bytes; a plus sign
 * stays one. The result is at most @text.len long and @out may be @text.ptr. Returns its length;
 * -EINVAL where an escape is cut, not hexadecimal, or %00; -ENOSPC where it does not fit. The
 * bytes are not checked to be UTF-8. After an error @out may have been written to. */
ssize_t ouro_target_decode(struct ouro_str text, char *out, size_t room);

/* One name=value of a query, as sent. */
struct ouro_query_pair {
	struct ouro_str name;
	struct ouro_str value; /* empty where there is no equals sign */
};

/* Takes the next pair off the front of @query (without its question mark), skipping empty ones.
 * False when there is none left. The views in @pair point into @query and are not decoded. */
bool ouro_query_next(struct ouro_str *query, struct ouro_query_pair *pair);

/* As ouro_target_decode(), for names and values of a query: a plus sign is a space. */
ssize_t ouro_query_decode(struct ouro_str text, char *out, size_t room);

#endif
