/* Base64 for URLs and file names, without padding (RFC 4648, 5). */
#ifndef OURO_PROTO_BASE64URL_H
#define OURO_PROTO_BASE64URL_H

#include "ouro/base.h"

#include <stddef.h>
#include <sys/types.h>

/* Characters that @len bytes become. */
#define OURO_BASE64URL_BYTES(len) (((size_t)(len)*4 + 2) / 3)

/* Writes the @len bytes at @data as text at @out, OURO_BASE64URL_BYTES(len) characters without a
 * terminator; returns how many. The data may be the last @len bytes of that very memory. */
size_t ouro_base64url_encode(const unsigned char *data, size_t len, char *out);

/* Writes the bytes of @text at @out, which has room for @text.len / 4 * 3 + 2 of them and may be
 * @text.ptr; returns how many. -EINVAL where @text is not what ouro_base64url_encode() makes of any
 * bytes: other characters, padding, a length that no bytes have, bits left over that are not 0.
 * @out may then have been written to. */
ssize_t ouro_base64url_decode(struct ouro_str text, unsigned char *out);

#endif
