/* The pool of receive buffers: see engine/recvpool.h. */
#include "engine/recvpool.h"

#include <errno.h>
#include <sys/mman.h>

int ouro_recvpool_init(struct ouro_recvpool *pool, uint32_t count, uint32_t buf_bytes,
		       ouro_buf_release_fn release, void *owner)
{
	size_t stride = sizeof(struct ouro_buf) + ((buf_bytes + 63U) & ~(size_t)63U);
	void *memory = mmap(NULL, count * stride, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	*pool = (struct ouro_recvpool){
		.memory = memory,
		.memory_bytes = count * stride,
		.stride = stride,
		.count = count,
		.buf_bytes = buf_bytes,
	};
	for (uint32_t i = count; i-- > 0;) {
		struct ouro_buf *buf = ouro_recvpool_at(pool, i);

		*buf = (struct ouro_buf){
			.data = (char *)(buf + 1),
			.size = buf_bytes,
			.id = i,
			.release = release,
			.owner = owner,
		};
		ouro_recvpool_put(pool, buf);
	}
	return 0;
}

void ouro_recvpool_fini(struct ouro_recvpool *pool)
{
	if (pool->memory)
		munmap(pool->memory, pool->memory_bytes);
	pool->memory = NULL;
}

struct ouro_buf *ouro_recvpool_take(struct ouro_recvpool *pool)
{
	struct ouro_buf *buf = pool->free_list;

	if (!buf)
		return NULL;
	pool->free_list = buf->next;
	pool->free_count--;
	buf->refs = 1;
	return buf;
}

void ouro_recvpool_put(struct ouro_recvpool *pool, struct ouro_buf *buf)
{
	buf->next = pool->free_list;
	pool->free_list = buf;
	pool->free_count++;
}
