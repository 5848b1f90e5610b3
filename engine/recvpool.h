/* The pool of receive buffers of one loop: one piece of memory, cut once, never grown. Each buffer
 * sits behind its own header, so that equal offsets of neighbours fall into different cache sets. */
#ifndef OURO_ENGINE_RECVPOOL_H
#define OURO_ENGINE_RECVPOOL_H

#include "base/buf.h"

#include <stdbool.h>

struct ouro_recvpool {
	char *memory;
	size_t memory_bytes;
	size_t stride;       /* from one header to the next */
	uint32_t count;      /* buffers in all */
	uint32_t free_count; /* of these, free to receive into */
	uint32_t buf_bytes;
	struct ouro_buf *free_list; /* last in first out; unused where the kernel keeps the list */
};

/* Maps memory for @count buffers of @buf_bytes each. @release is called with a buffer that lost
 * its last reference, @owner is kept in each buffer for it. 0 or -ENOMEM. */
int ouro_recvpool_init(struct ouro_recvpool *pool, uint32_t count, uint32_t buf_bytes,
		       ouro_buf_release_fn release, void *owner);
void ouro_recvpool_fini(struct ouro_recvpool *pool);

static inline struct ouro_buf *ouro_recvpool_at(struct ouro_recvpool *pool, uint32_t index)
{
	return (struct ouro_buf *)(void *)(pool->memory + index * pool->stride);
}

/* Takes a buffer with one reference off the free list; NULL when there is none. */
struct ouro_buf *ouro_recvpool_take(struct ouro_recvpool *pool);

/* Puts a buffer back on the free list. */
void ouro_recvpool_put(struct ouro_recvpool *pool, struct ouro_buf *buf);

/* Whether so few buffers are free that a buffer must not be kept beyond its completion: what wants
 * to stay is copied instead, so that slow peers never stop the others from being read. */
static inline bool ouro_recvpool_is_scarce(const struct ouro_recvpool *pool)
{
	return pool->free_count < (pool->count + 3) / 4;
}

/* Whether @buf is one of @pool's. */
static inline bool ouro_recvpool_owns(const struct ouro_recvpool *pool, const struct ouro_buf *buf)
{
	const char *at = (const char *)buf;

	return at >= pool->memory && at < pool->memory + pool->memory_bytes;
}

#endif
