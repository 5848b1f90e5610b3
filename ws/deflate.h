/* permessage-deflate (RFC 7692, 7.2) over zlib. Contexts are large (a deflater with the defaults
 * some 260 KB, an inflater some 40), so each loop has a bounded pool of them: with
 * no_context_takeover one is used for a message and given back, otherwise a connection keeps it
 * from its first compressed message on. Where there is none to be had, sending does without
 * compression. */
#ifndef OURO_WS_DEFLATE_H
#define OURO_WS_DEFLATE_H

#include "base/buf.h"
#include "base/pool.h"
#include "ws/extension.h"

#include <sys/types.h>

struct ouro_ws_codec_options {
	int level;              /* 1 (fast) .. 9; 0: 6 */
	int mem_level;          /* 1 .. 9, 2^(this + 9) bytes each; 0: 8 */
	uint32_t deflaters_max; /* in use at once */
	uint32_t inflaters_max;
	uint32_t idle_max; /* of each kind, kept beyond what is in use */
};

struct ouro_ws_deflater;
struct ouro_ws_inflater;

/* A loop's. Zero but for the options: empty. */
struct ouro_ws_codecs {
	struct ouro_ws_codec_options options;
	struct ouro_ws_deflater *deflaters;
	struct ouro_ws_inflater *inflaters;
	uint32_t deflaters_idle, deflaters_used;
	uint32_t inflaters_idle, inflaters_used;
};

/* Frees those that are idle; none may be in use. */
void ouro_ws_codecs_fini(struct ouro_ws_codecs *codecs);

/* A deflater with a window of 2^@window_bits (9..15) and nothing in it; NULL when as many as may be
 * are in use or memory is short. */
struct ouro_ws_deflater *ouro_ws_deflater_lease(struct ouro_ws_codecs *codecs,
						unsigned window_bits);
void ouro_ws_deflater_release(struct ouro_ws_codecs *codecs, struct ouro_ws_deflater *deflater);

/* Compressed payload: buffers linked by their next, in order. */
struct ouro_ws_chain {
	struct ouro_buf *first, *last;
	size_t bytes;
};

/* Compresses @message (not empty) as one message, in buffers from @pieces (ws/piece.h). 0; -EFBIG
 * where it does not get smaller, and then the window knows the message all the same: what follows
 * may refer to it, so the deflater must be released; -ENOMEM likewise. Then @chain is empty. */
int ouro_ws_deflate(struct ouro_ws_deflater *deflater, struct ouro_str message,
		    struct ouro_pool *pieces, struct ouro_ws_chain *chain);

/* Drops the buffers. */
void ouro_ws_chain_drop(struct ouro_ws_chain *chain);

/* An inflater for windows of up to 2^@window_bits (8..15); NULL likewise. */
struct ouro_ws_inflater *ouro_ws_inflater_lease(struct ouro_ws_codecs *codecs,
						unsigned window_bits);
void ouro_ws_inflater_release(struct ouro_ws_codecs *codecs, struct ouro_ws_inflater *inflater);

/* Gives @inflater a piece of a message, the last one where @last: it stays where it is until
 * ouro_ws_inflate() has returned 0. */
void ouro_ws_inflate_from(struct ouro_ws_inflater *inflater, struct ouro_str piece, bool last);

/* Inflates up to @room (> 0) bytes to @out; returns how many, 0 when the piece is used up.
 * -EBADMSG: that is not deflate; -ENOMEM. After an error it is to be released. */
ssize_t ouro_ws_inflate(struct ouro_ws_inflater *inflater, char *out, size_t room);

#endif
