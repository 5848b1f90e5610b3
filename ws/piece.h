/* Buffers of one size from a pool: what messages are compressed into and inflated into, so that none of it
 * allocates once warm. */
#ifndef OURO_WS_PIECE_H
#define OURO_WS_PIECE_H

#include "base/bufpool.h"

enum { OURO_WS_PIECE_BYTES = 16 * 1024 };

/* Makes @pool one of such buffers. */
void ouro_ws_pieces_init(struct ouro_pool *pool);

/* A buffer of OURO_WS_PIECE_BYTES with one reference, which goes back to @pool with its last one;
 * NULL when out of memory. */
struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool);

/* A buffer for @bytes that may wait for long: one from @pool where it would be full for the most part,
 * else one of that size. NULL when out of memory, or where it would have 4 GiB. */
struct ouro_buf *ouro_ws_piece_or_buf(struct ouro_pool *pool, size_t bytes);

#endif
