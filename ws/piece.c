/* Buffers from pools: see ws/piece.h. */
#include "ws/piece.h"

void ouro_ws_pieces_init(struct ouro_pool *pool)
{
	ouro_pool_init(pool, sizeof(struct ouro_buf) + OURO_WS_PIECE_BYTES);
}

static void put_back(struct ouro_buf *buf)
{
	ouro_pool_put(buf->owner, buf);
}

/* A buffer of a pool whose buffers have @bytes. */
static struct ouro_buf *get(struct ouro_pool *pool, size_t bytes)
{
	struct ouro_buf *buf = ouro_pool_get(pool);

	if (!buf)
		return NULL;
	*buf = (struct ouro_buf){
		.data = (char *)(buf + 1),
		.size = (uint32_t)bytes,
		.refs = 1,
		.release = put_back,
		.owner = pool,
	};
	return buf;
}

struct ouro_buf *ouro_ws_piece_get(struct ouro_pool *pool)
{
	return get(pool, OURO_WS_PIECE_BYTES);
}

static size_t joined_bytes(size_t index)
{
	return (size_t)OURO_WS_PIECE_BYTES << (2 * (index + 1));
}

void ouro_ws_joined_init(struct ouro_pool *pools)
{
	for (size_t i = 0; i < OURO_WS_JOINED_SIZES; i++)
		ouro_pool_init(&pools[i], sizeof(struct ouro_buf) + joined_bytes(i));
}

struct ouro_buf *ouro_ws_joined_get(struct ouro_pool *pools, size_t bytes)
{
	for (size_t i = 0; i < OURO_WS_JOINED_SIZES; i++)
		if (bytes <= joined_bytes(i))
			return get(&pools[i], joined_bytes(i));
	return bytes <= UINT32_MAX ? ouro_buf_create((uint32_t)bytes) : NULL;
}

bool ouro_ws_is_pooled(const struct ouro_buf *buf)
{
	return buf->release == put_back;
}

struct ouro_buf *ouro_ws_piece_or_buf(struct ouro_pool *pool, size_t bytes)
{
	if (bytes > OURO_WS_PIECE_BYTES / 2 && bytes <= OURO_WS_PIECE_BYTES)
		return ouro_ws_piece_get(pool);
	return bytes <= UINT32_MAX ? ouro_buf_create((uint32_t)bytes) : NULL;
}
