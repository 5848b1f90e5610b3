/* Buffers from pools: what messages are joined in, compressed into and inflated into, so that none of it
 * allocates once warm, and the system does not clear the same pages for each large message anew. */
#ifndef OURO_WS_PIECE_H
#define OURO_WS_PIECE_H

#include "base/buf.h"
#include "base/pool.h"

#include <stdbool.h>

enum {
	OURO_WS_PIECE_BYTES = 16 * 1024,
	OURO_WS_JOINED_SIZES = 3, /* 64 KiB, 256 KiB and 1 MiB */
};

/* Makes @pool one of such buffers. */
void ouro_ws_pieces_init(struct ouro_pool *pool);

/* A buffer of OURO_WS_PIECE_BYTES with one reference, which goes back to @pool with its last one;
 * NULL when out of memory. */
struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool);

/* Makes each of the OURO_WS_JOINED_SIZES @pools one of buffers of its size. */
void ouro_ws_joined_init(struct ouro_pool *pools);

/* A buffer of @bytes or more for a message that is being joined: from @pools up to the largest of their
 * sizes, else from the heap. NULL when out of memory, or where it would have 4 GiB. */
struct ouro_buf *ouro_ws_joined_get(struct ouro_pool *pools, size_t bytes);

/* Whether @buf is from a pool. What may wait for long must not hold one for some bytes in it. */
bool ouro_ws_is_pooled(const struct ouro_buf *buf);

/* A buffer for @bytes that may wait for long: one from @pool where it would be full for the most part,
 * else one of that size. NULL when out of memory, or where it would have 4 GiB. */
struct ouro_buf *ouro_ws_piece_or_buf(struct ouro_pool *pool, size_t bytes);

#endif
