/* The opening handshake (RFC 6455, 4.2) as strings: what a server checks of a request that asks for
 * a WebSocket, and what it answers. */
#ifndef OURO_WS_HANDSHAKE_H
#define OURO_WS_HANDSHAKE_H

#include "ouro/base.h"

#include <stdbool.h>

enum {
	OURO_WS_KEY_BYTES = 24,    /* Sec-WebSocket-Key: 16 bytes as base64 */
	OURO_WS_ACCEPT_BYTES = 28, /* Sec-WebSocket-Accept: 20 bytes as base64 */
};

/* Writes the value of Sec-WebSocket-Accept for @key (4.2.2), not terminated. 0; -EINVAL where
 * @key is not 16 bytes as base64, which is a bad request; -EIO where libcrypto refuses. */
int ouro_ws_accept_key(struct ouro_str key, char accept[OURO_WS_ACCEPT_BYTES]);

/* Whether @version, the value of Sec-WebSocket-Version, is 13. Otherwise the answer is 426 with
 * "Sec-WebSocket-Version: 13" (4.4). */
bool ouro_ws_version_is_known(struct ouro_str version);

/* The first of @offered, a value of Sec-WebSocket-Protocol, that is among the @count names at
 * @known: clients list what they prefer first. Names compare with regard to case, as they are
 * compared again by the client. Absent where there is none; then the field is left out of the
 * answer. The result points into @offered. */
struct ouro_str ouro_ws_choose_protocol(struct ouro_str offered, const struct ouro_str *known,
					size_t count);

/* Whether a page from @origin, the value of the field of that name, may connect (10.2). Without the
 * field it is not a browser that asks, and may. @allowed: @count origins such as
 * "https://example.com", or "*" for any. Where @count is 0, only pages of the host that the request
 * is for, @host, may. Scheme and host compare without regard to case. A port that is the scheme's
 * own (80 or 443) may be left out on either side. "null", an origin that the browser keeps to
 * itself, matches only what is written so, or "*". */
bool ouro_ws_origin_is_allowed(struct ouro_str origin, struct ouro_str host,
			       const struct ouro_str *allowed, size_t count);

#endif
