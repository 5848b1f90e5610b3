/* A pool of equal pieces of memory for one loop: last in first out, so that what is handed out is
 * warm in the cache. It grows with a burst and gives back what a whole period did not need, really:
 * pieces lie in slabs of the pool's own, not among what else the process allocated. */
#ifndef OURO_BASE_POOL_H
#define OURO_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { OURO_POOL_TRIM_MAX = 1024 }; /* pieces that one trim gives back at most */

struct ouro_pool_slab;

struct ouro_pool_item {
	struct ouro_pool_item *next;
};

struct ouro_pool {
	struct ouro_pool_item *free_list;
	size_t item_bytes;
	size_t stride_bytes; /* from one piece of a slab to the next */
	size_t page_bytes;
	size_t slab_bytes;
	size_t mapped_bytes;          /* all slabs, whether in memory or not */
	struct ouro_pool_slab *spare; /* slabs with pieces that are neither used nor on the list */
	uint32_t slab_count;          /* pieces of a slab */
	uint32_t free_count;
	uint32_t free_min; /* the lowest @free_count since the last trim: what nobody needed */
	uint32_t used_count;
};

void ouro_pool_init(struct ouro_pool *pool, size_t item_bytes);

/* Unmaps everything; nothing may be in use. */
void ouro_pool_fini(struct ouro_pool *pool);

/* A piece of @item_bytes, aligned for any type, its content undefined; NULL when out of memory. */
void *ouro_pool_get(struct ouro_pool *pool);

/* Takes a piece back. */
void ouro_pool_put(struct ouro_pool *pool, void *item);

/* Gives half of what was unused since the last call back to the system, at most OURO_POOL_TRIM_MAX
 * pieces. Called now and then. */
void ouro_pool_trim(struct ouro_pool *pool);

#endif
