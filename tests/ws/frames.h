/* Frames as bytes: what clients send, masked, and what servers are expected to. */
#ifndef OURO_TESTS_WS_FRAMES_H
#define OURO_TESTS_WS_FRAMES_H

#include <stddef.h>

enum { FIN = 0x80, RSV1 = 0x40, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* Bytes that grow. */
struct bytes {
	char *ptr;
	size_t len, room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t len);
void bytes_free(struct bytes *bytes);

/* A frame to be sent or expected: @first is its first byte. @len bytes, which are @payload, or
 * where @unit is not 0, its first @unit bytes over and over. */
struct frame {
	unsigned first;
	const char *payload;
	size_t len, unit;
};

/* Adds @frame as a client sends it, masked. */
void add_masked(struct bytes *bytes, const struct frame *frame);

/* Adds @frame as a server sends it. */
void add_plain(struct bytes *bytes, const struct frame *frame);

#endif
