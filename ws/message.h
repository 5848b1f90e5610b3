/* A message encoded once for many: servers do not mask, so that the frame is the same for all
 * (RFC 6455, 5.1), and each connection refers to the same bytes (ouro_ws_session_send_frame()). So
 * is a compressed one for connections that read each message by itself. */
#ifndef OURO_WS_MESSAGE_H
#define OURO_WS_MESSAGE_H

#include "ws/loop.h"

/* The window that messages for many are compressed with; who has a smaller one cannot read them. */
enum { OURO_WS_MESSAGE_WINDOW_BITS = OURO_WS_WINDOW_BITS_MAX };

/* How long a message of @payload_bytes, compressed or not, is as a frame. */
size_t ouro_ws_message_bytes(size_t payload_bytes);

/* Writes a message of @opcode, OURO_WS_TEXT or OURO_WS_BINARY, as a frame at @out, where it has
 * ouro_ws_message_bytes(). */
void ouro_ws_message_write(enum ouro_ws_opcode opcode, struct ouro_str payload, char *out);

/* Compresses @payload by itself, in buffers of @loop, which @chain then holds. 0; -EFBIG where that
 * is no gain; -ENOBUFS: there is no deflater; -ENOMEM. After an error @chain is empty. RFC 7692,
 * 7.2.1. */
int ouro_ws_message_deflate(struct ouro_ws_loop *loop, struct ouro_str payload,
			    struct ouro_ws_chain *chain);

/* Writes what was compressed as a frame at @out, where it has ouro_ws_message_bytes() of
 * @chain->bytes. */
void ouro_ws_message_write_deflated(enum ouro_ws_opcode opcode, const struct ouro_ws_chain *chain,
				    char *out);

#endif
