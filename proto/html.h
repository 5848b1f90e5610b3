/* Any bytes as text in HTML, or as a segment of a path: what directory listings are made of. */
#ifndef OURO_PROTO_HTML_H
#define OURO_PROTO_HTML_H

#include "ouro/base.h"

#include <stddef.h>
#include <sys/types.h>

/* Most bytes that @len bytes become. */
#define OURO_HTML_ESCAPED_BYTES_MAX(len) (5 * (size_t)(len))
#define OURO_PATH_ENCODED_BYTES_MAX(len) (3 * (size_t)(len))

/* Writes @text at @out of @room bytes so that it stands for itself in HTML, between tags or in a
 * quoted attribute: the ampersand, the angle brackets and both quotes are escaped, other bytes are
 * kept. Bytes that are not UTF-8 are for the reader of the page to replace, which takes none that
 * comes after for a part of them. Returns the length, or -ENOSPC where it does not fit; @out may
 * then have been written to. */
ssize_t ouro_html_escape(struct ouro_str text, char *out, size_t room);

/* Percent-encodes @segment, the bytes of one path segment (a name without slashes, or its slashes
 * are encoded too), at @out of @room bytes: all but the unreserved characters of RFC 3986, 2.3, so
 * that no first segment with a colon becomes a scheme, and the result needs no escaping in HTML.
 * "." and ".." cannot be said as names in a URL. Returns the length, or -ENOSPC where it does not
 * fit; @out may then have been written to. */
ssize_t ouro_path_encode(struct ouro_str segment, char *out, size_t room);

#endif
