/* Negotiating permessage-deflate (RFC 7692, 7.1): offers in, an answer out, strings both. */
#ifndef OURO_WS_EXTENSION_H
#define OURO_WS_EXTENSION_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OURO_WS_WINDOW_BITS_MIN = 8, /* RFC 7692, 7.1.2 */
	OURO_WS_WINDOW_BITS_MAX = 15,
	/* zlib has no raw deflate with a window of 256 bytes. */
	OURO_WS_DEFLATE_BITS_MIN = 9,
	/* Room for the longest answer and a terminator. */
	OURO_WS_EXTENSION_BYTES_MAX = 160,
};

/* What a server would like; zero: no wishes. */
struct ouro_ws_deflate_wishes {
	/* The server compresses each message by itself: no memory is held between two, and
	 * broadcast messages are compressed once for all. */
	bool server_no_context_takeover;
	/* The client is made to do so: no memory is held between two messages for reading them. */
	bool client_no_context_takeover;
	/* The largest windows, in bits, 9..15; 0: 15. Clients that do not say that they can be told
	 * keep to 15. */
	uint8_t server_window_bits;
	uint8_t client_window_bits;
};

/* What came out of it. Zero: no compression. */
struct ouro_ws_deflate_params {
	bool enabled;
	bool server_no_context_takeover;
	bool client_no_context_takeover;
	bool says_server_bits; /* the answer has server_max_window_bits */
	bool says_client_bits;
	uint8_t server_window_bits; /* 9..15 */
	uint8_t client_window_bits; /* 8..15 */
};

/* Reads one value of Sec-WebSocket-Extensions and accepts the first offer of permessage-deflate in
 * it that can be kept to. Offers with parameters that are unknown, twice or have impossible values
 * are passed over (RFC 7692, 7.1), and so are other extensions. With several fields it is called
 * for one after the other until @params is enabled. 0, and @params set, maybe to no compression;
 * -EINVAL where @offers is not a list of extensions, which is a bad request (RFC 6455, 9.1). */
int ouro_ws_negotiate_deflate(struct ouro_str offers, const struct ouro_ws_deflate_wishes *wishes,
			      struct ouro_ws_deflate_params *params);

/* Writes the value of Sec-WebSocket-Extensions for the answer; returns its length, 0 without
 * compression, when the field is left out. */
size_t ouro_ws_write_extension(const struct ouro_ws_deflate_params *params,
			       char out[OURO_WS_EXTENSION_BYTES_MAX]);

#endif
