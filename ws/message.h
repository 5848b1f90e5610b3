/* A message encoded once for many: servers do not mask, so that the frame is the same for all, and
 * each connection refers to the same bytes. A twin that is compressed is made when the first
 * connection that can read it asks. */
#ifndef OURO_WS_MESSAGE_H
#define OURO_WS_MESSAGE_H

#include "ws/loop.h"

/* How long a message of @payload_bytes is as a frame. */
size_t ouro_ws_message_bytes(size_t payload_bytes);

/* Writes a message of @opcode, OURO_WS_TEXT or OURO_WS_BINARY, as a frame at @out, where it has
 * ouro_ws_message_bytes(). */
void ouro_ws_message_write(enum ouro_ws_opcode opcode, struct ouro_str payload, char *out);

/* Of one loop, as its buffers are. */
struct ouro_ws_shared {
	struct ouro_ws_loop *loop;
	struct ouro_buf *plain;    /* the whole frame */
	struct ouro_buf *deflated; /* likewise, compressed; NULL: not made */
	uint8_t opcode;
	uint8_t head_bytes;  /* of @plain */
	uint8_t window_bits; /* that @deflated needs */
	bool incompressible; /* it was tried */
};

/* Encodes @payload (less than 4 GiB) as a message of @opcode, which is OURO_WS_TEXT or
 * OURO_WS_BINARY. The bytes are copied. 0 or -ENOMEM. */
int ouro_ws_shared_init(struct ouro_ws_shared *message, struct ouro_ws_loop *loop,
			enum ouro_ws_opcode opcode, struct ouro_str payload);

/* Drops the references of @message itself; connections that still send it have theirs. */
void ouro_ws_shared_fini(struct ouro_ws_shared *message);

/* The payload, as long as @message is. */
struct ouro_str ouro_ws_shared_payload(const struct ouro_ws_shared *message);

/* The frame for a connection that reads compressed messages, each by itself, with a window of
 * 2^@window_bits: compressed, or plain where that is no gain, where it was made with a larger
 * window, or memory is short. */
struct ouro_buf *ouro_ws_shared_deflated(struct ouro_ws_shared *message, unsigned window_bits);

#endif
