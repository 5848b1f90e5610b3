/* Counted buffers by size, from pools: for bodies and messages that are put together in memory. Nothing of it
 * allocates once warm, and the system does not clear the same pages for each large one anew. */
#ifndef OURO_BASE_BUFPOOL_H
#define OURO_BASE_BUFPOOL_H

#include "base/buf.h"
#include "base/pool.h"

#include <stdbool.h>

enum {
	OURO_BUFPOOL_SIZES = 9, /* each twice the one before: 4 KiB to 1 MiB */
	OURO_BUFPOOL_BYTES_MIN = 4096,
	OURO_BUFPOOL_BYTES_MAX = OURO_BUFPOOL_BYTES_MIN << (OURO_BUFPOOL_SIZES - 1),
};

struct ouro_bufpool {
	struct ouro_pool pools[OURO_BUFPOOL_SIZES];
};

void ouro_bufpool_init(struct ouro_bufpool *bufs);

/* No buffer of it may be referenced. */
void ouro_bufpool_fini(struct ouro_bufpool *bufs);

/* Gives half of what was not needed since the last call back to the system. Called now and then. */
void ouro_bufpool_trim(struct ouro_bufpool *bufs);

/* An empty buffer of @bytes or up to twice as many (the least size at least) with one reference, which goes
 * back with its last one; from the heap where it is larger than all sizes. NULL when out of memory, or where it
 * would have 4 GiB. */
struct ouro_buf *ouro_bufpool_get(struct ouro_bufpool *bufs, size_t bytes);

/* A buffer of @bytes from a pool of one's own, whose items have sizeof(struct ouro_buf) more; NULL when out of
 * memory. */
struct ouro_buf *ouro_buf_from(struct ouro_pool *pool, uint32_t bytes);

/* Whether @buf is from such pools. What may wait for long must not hold one for some bytes in it. */
bool ouro_buf_is_pooled(const struct ouro_buf *buf);

#endif
