/* Buffers from pools: see base/bufpool.h. */
#include "base/bufpool.h"

static size_t size_at(size_t index)
{
	return (size_t)OURO_BUFPOOL_BYTES_MIN << index;
}

void ouro_bufpool_init(struct ouro_bufpool *bufs)
{
	for (size_t i = 0; i < OURO_BUFPOOL_SIZES; i++)
		ouro_pool_init(&bufs->pools[i], sizeof(struct ouro_buf) + size_at(i));
}

void ouro_bufpool_fini(struct ouro_bufpool *bufs)
{
	for (size_t i = 0; i < OURO_BUFPOOL_SIZES; i++)
		ouro_pool_fini(&bufs->pools[i]);
}

void ouro_bufpool_trim(struct ouro_bufpool *bufs)
{
	for (size_t i = 0; i < OURO_BUFPOOL_SIZES; i++)
		ouro_pool_trim(&bufs->pools[i]);
}

static void put_back(struct ouro_buf *buf)
{
	ouro_pool_put(buf->owner, buf);
}

struct ouro_buf *ouro_buf_from(struct ouro_pool *pool, uint32_t bytes)
{
	struct ouro_buf *buf = ouro_pool_get(pool);

	if (!buf)
		return NULL;
	*buf = (struct ouro_buf){
		.data = (char *)(buf + 1),
		.size = bytes,
		.refs = 1,
		.release = put_back,
		.owner = pool,
	};
	return buf;
}

struct ouro_buf *ouro_bufpool_get(struct ouro_bufpool *bufs, size_t bytes)
{
	size_t index = 0;

	if (bytes > OURO_BUFPOOL_BYTES_MAX)
		return bytes <= UINT32_MAX ? ouro_buf_create((uint32_t)bytes) : NULL;
	while (bytes > size_at(index))
		index++;
	return ouro_buf_from(&bufs->pools[index], (uint32_t)size_at(index));
}

bool ouro_buf_is_pooled(const struct ouro_buf *buf)
{
	return buf->release == put_back;
}
