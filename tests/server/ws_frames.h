/* What tests of WebSockets say often. */
#ifndef OURO_TESTS_SERVER_WS_FRAMES_H
#define OURO_TESTS_SERVER_WS_FRAMES_H

#include <stddef.h>
#include <string.h>

#define WS_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
/* A handshake; more fields and the end of the head may follow. */
#define WS_ASK(path)                                                                               \
	"GET " path " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" WS_KEY \
	"Sec-WebSocket-Version: 13\r\n"
#define WS_OPEN(path) WS_ASK(path) "\r\n"

/* Puts a frame with a key of zeros, which masks nothing, at @out. Less than 65536 bytes. */
static inline size_t ws_put_frame(char *out, unsigned first, const char *payload, size_t len)
{
	size_t at = 2;

	out[0] = (char)first;
	if (len < 126) {
		out[1] = (char)(0x80 | len);
	} else {
		out[1] = (char)(0x80 | 126);
		out[2] = (char)(len >> 8);
		out[3] = (char)len;
		at = 4;
	}
	memset(out + at, 0, 4);
	memcpy(out + at + 4, payload, len);
	return at + 4 + len;
}

#endif
