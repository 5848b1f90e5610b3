/* A pool of equal pieces of memory: see base/pool.h. */
#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_FREE_ITEMS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_FREE_ITEMS 1
#endif
#endif

#ifdef POISON_FREE_ITEMS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

void ouro_pool_init(struct ouro_pool *pool, size_t item_bytes)
{
	assert(item_bytes >= sizeof(struct ouro_pool_item));
	*pool = (struct ouro_pool){ .item_bytes = item_bytes };
}

static void free_some(struct ouro_pool *pool, uint32_t count)
{
	while (count-- > 0) {
		struct ouro_pool_item *item = pool->free_list;

		ASAN_UNPOISON_MEMORY_REGION(item, pool->item_bytes);
		pool->free_list = item->next;
		pool->free_count--;
		free(item);
	}
}

void ouro_pool_fini(struct ouro_pool *pool)
{
	assert(pool->used_count == 0);
	free_some(pool, pool->free_count);
}

void *ouro_pool_get(struct ouro_pool *pool)
{
	struct ouro_pool_item *item = pool->free_list;

	if (item) {
		ASAN_UNPOISON_MEMORY_REGION(item, pool->item_bytes);
		pool->free_list = item->next;
		pool->free_count--;
		if (pool->free_count < pool->free_min)
			pool->free_min = pool->free_count;
	} else {
		pool->free_min = 0;
		item = malloc(pool->item_bytes);
	}
	pool->used_count += item != NULL;
	return item;
}

void ouro_pool_put(struct ouro_pool *pool, void *memory)
{
	struct ouro_pool_item *item = memory;

	assert(pool->used_count > 0);
	item->next = pool->free_list;
	pool->free_list = item;
	pool->free_count++;
	pool->used_count--;
	/* Whoever still looks at it is found out in builds that can tell. */
	ASAN_POISON_MEMORY_REGION(item, pool->item_bytes);
}

void ouro_pool_trim(struct ouro_pool *pool)
{
	free_some(pool, (pool->free_min + 1) / 2);
	pool->free_min = pool->free_count;
}
