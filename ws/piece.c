/* Buffers from a pool: see ws/piece.h. */
#include "ws/piece.h"

void ouro_ws_pieces_init(struct ouro_pool *pool)
{
	ouro_pool_init(pool, sizeof(struct ouro_buf) + OURO_WS_PIECE_BYTES);
}

struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool)
{
	return ouro_buf_from(pool, OURO_WS_PIECE_BYTES);
}

struct ouro_buf *ouro_ws_piece_or_buf(struct ouro_pool *pool, size_t bytes)
{
	if (bytes > OURO_WS_PIECE_BYTES / 2 && bytes <= OURO_WS_PIECE_BYTES)
		return ouro_ws_piece_get(pool);
	return bytes <= UINT32_MAX ? ouro_buf_create((uint32_t)bytes) : NULL;
}
