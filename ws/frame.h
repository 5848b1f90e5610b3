/* Frames (RFC 6455, 5). Received bytes become pieces of messages, which are views of the very
 * bytes, unmasked where they lie; what is legal wslay decides (ws/machine.h). Sent frames are a
 * head of at most ten bytes and the payload as it is. */
#ifndef OURO_WS_FRAME_H
#define OURO_WS_FRAME_H

#include "ws/machine.h"

#include <assert.h>

/* What may be received, and where machines come from; of many connections. */
struct ouro_ws_rules {
	struct ouro_ws_machines *machines;
	uint64_t frame_bytes_max;   /* payload of a frame */
	uint64_t message_bytes_max; /* payload of a message; on the wire a compressed one may have
				     * as much more as deflate can add */
};

/* The receiving side of one connection. Zero but for @rsv1: at the beginning. */
struct ouro_ws_recv {
	struct ouro_ws_machine *machine; /* only while it has something to remember */
	uint64_t left;                   /* payload of the frame that is still to come */
	uint64_t message_bytes;          /* of the message, up to the end of this frame */
	uint32_t key;                    /* for the next byte */
	uint8_t opcode;                  /* of the message; 0: none has begun */
	uint8_t utf8;                    /* where its text ended so far */
	uint8_t facts;                   /* enum in frame.c */
	bool rsv1;                       /* set by the user: messages may be compressed */
};

enum ouro_ws_item_kind {
	OURO_WS_ITEM_MORE,  /* all was used, nothing is complete */
	OURO_WS_ITEM_PIECE, /* of a message */
	OURO_WS_ITEM_PING,
	OURO_WS_ITEM_PONG,
	OURO_WS_ITEM_CLOSE,
	OURO_WS_ITEM_BAD, /* the connection is to be closed with @code */
};

/* One thing that was received. @payload of a piece is within what was given to ouro_ws_recv_next().
 * Otherwise @payload and @answer, a frame to send, live until it is called again: those of a CLOSE
 * until ouro_ws_recv_fini(). */
struct ouro_ws_item {
	struct ouro_str payload; /* the reason of a close */
	struct ouro_str answer;  /* to a ping or a close; absent: none */
	uint16_t code;           /* of BAD and CLOSE; OURO_WS_CODE_NONE: the close had none */
	uint8_t opcode;          /* of a piece: OURO_WS_TEXT or OURO_WS_BINARY */
	bool first;              /* piece of its message */
	bool last;               /* likewise; it may be empty */
	bool compressed; /* what it is a piece of is to be inflated; it is not checked as text */
};

/* Takes one thing from the front of @data, which is changed where it is payload; @used says how
 * much of it was taken. Pieces are as long as they can be within a frame and @data. Text is checked
 * as it comes. The limits are checked when a head is complete (1009). Is called until it says MORE,
 * and not again after CLOSE or BAD. Nothing is allocated but by wslay, for control frames, and for
 * machines that the pool does not have: without one the connection is closed with 1013, try again
 * later. */
enum ouro_ws_item_kind ouro_ws_recv_next(struct ouro_ws_recv *recv,
					 const struct ouro_ws_rules *rules, char *data, size_t len,
					 size_t *used, struct ouro_ws_item *item);

/* Whether there is nothing to remember: no message has begun, and no part of a head has come. */
bool ouro_ws_recv_is_idle(const struct ouro_ws_recv *recv);

/* Goes on checking text that was compressed. False: it is not UTF-8, or @last and not whole. */
bool ouro_ws_recv_check(struct ouro_ws_recv *recv, const char *text, size_t len, bool last);

/* Gives back what is leased. */
void ouro_ws_recv_fini(struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules);

enum {
	OURO_WS_HEAD_BYTES_MAX = 10, /* without a mask, as servers send */
	OURO_WS_FIN = 0x80,
	OURO_WS_RSV1 = 0x40, /* compressed */
};

/* Writes the head of a frame whose first byte is @first (opcode and bits) and that has
 * @payload_bytes, which must be less than 2^63. Returns its length. */
size_t ouro_ws_write_head(char out[OURO_WS_HEAD_BYTES_MAX], unsigned first, uint64_t payload_bytes);

#endif
