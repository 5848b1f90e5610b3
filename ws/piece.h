/* Buffers of one size from a pool: what messages are joined in, compressed into and inflated into,
 * so that none of it allocates once warm. */
#ifndef OURO_WS_PIECE_H
#define OURO_WS_PIECE_H

#include "base/buf.h"
#include "base/pool.h"

enum { OURO_WS_PIECE_BYTES = 16 * 1024 };

/* Makes @pool one of such buffers. */
void ouro_ws_pieces_init(struct ouro_pool *pool);

/* A buffer of OURO_WS_PIECE_BYTES with one reference, which goes back to @pool with its last one;
 * NULL when out of memory. */
struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool);

#endif
