/* Buffers of one size: see ws/piece.h. */
#include "ws/piece.h"

void ouro_ws_pieces_init(struct ouro_pool *pool)
{
	ouro_pool_init(pool, sizeof(struct ouro_buf) + OURO_WS_PIECE_BYTES);
}

static void put_back(struct ouro_buf *buf)
{
	ouro_pool_put(buf->owner, buf);
}

struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool)
{
	struct ouro_buf *buf = ouro_pool_get(pool);

	if (!buf)
		return NULL;
	*buf = (struct ouro_buf){
		.data = (char *)(buf + 1),
		.size = OURO_WS_PIECE_BYTES,
		.refs = 1,
		.release = put_back,
		.owner = pool,
	};
	return buf;
}

bool ouro_ws_is_piece(const struct ouro_buf *buf)
{
	return buf->release == put_back;
}

struct ouro_buf *ouro_ws_piece_or_buf(struct ouro_pool *pool, size_t bytes)
{
	if (bytes > OURO_WS_PIECE_BYTES / 2 && bytes <= OURO_WS_PIECE_BYTES)
		return ouro_ws_piece_get(pool);
	return bytes <= UINT32_MAX ? ouro_buf_create((uint32_t)bytes) : NULL;
}
