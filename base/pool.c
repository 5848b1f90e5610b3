/* A pool of equal pieces of memory: see base/pool.h.
 *
 * A piece is in use, on the free list, or dropped: not touched yet, or given back to the system. The
 * free list threads through the pieces' own memory; which of them are dropped the slab knows. A slab
 * whose pieces are all dropped is unmapped. Of others, whatever pages lie within neighbours that are
 * dropped go: a few pieces in use must not keep the memory of all, and unmapping pages within a slab
 * would cost the process mappings, of which it has 65,530 by default. */
#include "base/pool.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_FREE_ITEMS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_FREE_ITEMS 1
#endif
#endif

#ifdef POISON_FREE_ITEMS
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_register_root_region(addr, size) ((void)(addr), (void)(size))
#define __lsan_unregister_root_region(addr, size) ((void)(addr), (void)(size))
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

enum {
	SLAB_COUNT_MAX = 64,
	LINE_BYTES = 64,
	LARGE_BYTES_MIN = 1024,
	/* Where a slab is a page. All slabs then begin alike: fewer would not spread over a cache. */
	PIECES_PER_PAGE_MIN = 32,
};

/* At the beginning of its memory; the pieces follow. */
struct ouro_pool_slab {
	struct ouro_pool_slab *next_spare, **spare_link; /* while any piece is dropped */
	struct ouro_pool_slab *next_trimmed;
	uint64_t dropped; /* a bit for each such piece */
	uint64_t fresh;   /* those of them that may still be in memory: none between two calls */
};

static_assert(SLAB_COUNT_MAX == 64, "as many bits as there are in a mask");
static_assert(sizeof(struct ouro_pool_slab) <= LINE_BYTES, "pieces begin behind it");
static_assert(LINE_BYTES % alignof(max_align_t) == 0, "pieces may hold anything");

static size_t round_up(size_t bytes, size_t step)
{
	return (bytes + step - 1) / step * step;
}

/* A slab of one page is found by where its pieces are. Behind each piece of others is a word that says
 * which slab it is of. */
static struct ouro_pool_slab **slab_word(const struct ouro_pool *pool, void *item)
{
	size_t at = round_up(pool->item_bytes, sizeof(struct ouro_pool_slab *));

	return (struct ouro_pool_slab **)(void *)((char *)item + at);
}

static struct ouro_pool_slab *slab_of(const struct ouro_pool *pool, void *item)
{
	if (pool->slab_bytes == pool->page_bytes)
		return (struct ouro_pool_slab *)((uintptr_t)item & ~(pool->page_bytes - 1));
	return *slab_word(pool, item);
}

/* The stride is an odd number of lines, so that what is at one place in each of the pieces is spread
 * over all sets of a cache. For small pieces that takes too much: there it is enough that it is no
 * even number of lines. */
static size_t small_stride(size_t bytes)
{
	size_t stride = round_up(bytes, alignof(max_align_t));

	return stride % (2 * LINE_BYTES) == 0 ? stride + alignof(max_align_t) : stride;
}

static size_t large_stride(size_t bytes)
{
	return (round_up(bytes, LINE_BYTES) / LINE_BYTES | 1) * LINE_BYTES;
}

static uint32_t pieces_in(const struct ouro_pool *pool, size_t bytes)
{
	size_t count = (bytes - LINE_BYTES) / pool->stride_bytes;

	return count < SLAB_COUNT_MAX ? (uint32_t)count : SLAB_COUNT_MAX;
}

/* Of small pieces a slab is as many as fill its pages: what is left over at the end would be in memory.
 * Of the smallest it is one page. */
void ouro_pool_init(struct ouro_pool *pool, size_t item_bytes)
{
	size_t word_bytes = sizeof(struct ouro_pool_slab *);
	size_t with_word = round_up(item_bytes, word_bytes) + word_bytes;
	size_t bytes;

	assert(item_bytes >= sizeof(struct ouro_pool_item));
	*pool = (struct ouro_pool){
		.item_bytes = item_bytes,
		.stride_bytes = small_stride(item_bytes),
		.page_bytes = (size_t)sysconf(_SC_PAGESIZE),
	};
	pool->slab_bytes = pool->page_bytes;
	pool->slab_count = pieces_in(pool, pool->page_bytes);
	if (item_bytes < LARGE_BYTES_MIN && pool->slab_count >= PIECES_PER_PAGE_MIN)
		return;
	pool->stride_bytes = item_bytes >= LARGE_BYTES_MIN ? large_stride(with_word)
							   : small_stride(with_word);
	bytes = LINE_BYTES + SLAB_COUNT_MAX * pool->stride_bytes;
	if (item_bytes < LARGE_BYTES_MIN)
		bytes = bytes / pool->page_bytes * pool->page_bytes;
	pool->slab_count = pieces_in(pool, bytes);
	pool->slab_bytes = round_up(bytes, pool->page_bytes);
}

/* ---- Slabs ---- */

static uint64_t all_dropped(const struct ouro_pool *pool)
{
	return UINT64_MAX >> (SLAB_COUNT_MAX - pool->slab_count);
}

static char *item_at(const struct ouro_pool *pool, struct ouro_pool_slab *slab, uint32_t index)
{
	return (char *)slab + LINE_BYTES + index * pool->stride_bytes;
}

static void link_spare(struct ouro_pool *pool, struct ouro_pool_slab *slab)
{
	slab->next_spare = pool->spare;
	slab->spare_link = &pool->spare;
	if (slab->next_spare)
		slab->next_spare->spare_link = &slab->next_spare;
	pool->spare = slab;
}

static void unlink_spare(struct ouro_pool_slab *slab)
{
	*slab->spare_link = slab->next_spare;
	if (slab->next_spare)
		slab->next_spare->spare_link = slab->spare_link;
}

static bool map_slab(struct ouro_pool *pool)
{
	size_t bytes = pool->slab_bytes;
	struct ouro_pool_slab *slab =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (slab == MAP_FAILED)
		return false;
	/* One piece must not make the memory of all. Kernels without huge pages say no. */
	(void)madvise(slab, bytes, MADV_NOHUGEPAGE);
	slab->dropped = all_dropped(pool);
	ASAN_POISON_MEMORY_REGION(item_at(pool, slab, 0), bytes - LINE_BYTES);
	/* What pieces refer to is not leaked. */
	__lsan_register_root_region(slab, bytes);
	link_spare(pool, slab);
	pool->mapped_bytes += bytes;
	return true;
}

/* False where the slab lies between others and the process may not have one mapping more: it stays. */
static bool unmap_slab(struct ouro_pool *pool, struct ouro_pool_slab *slab)
{
	size_t bytes = pool->slab_bytes;

	unlink_spare(slab);
	__lsan_unregister_root_region(slab, bytes);
	if (munmap(slab, bytes) < 0) {
		__lsan_register_root_region(slab, bytes);
		link_spare(pool, slab);
		return false;
	}
	ASAN_UNPOISON_MEMORY_REGION(slab, bytes);
	pool->mapped_bytes -= bytes;
	return true;
}

/* The whole pages within the pieces from @first to before @end. */
static void drop_pages(const struct ouro_pool *pool, struct ouro_pool_slab *slab, uint32_t first,
		       uint32_t end)
{
	size_t from = LINE_BYTES + first * pool->stride_bytes;
	size_t to = LINE_BYTES + end * pool->stride_bytes;

	from = round_up(from, pool->page_bytes);
	to = end == pool->slab_count ? pool->slab_bytes : to / pool->page_bytes * pool->page_bytes;
	if (from < to)
		madvise((char *)slab + from, to - from, MADV_DONTNEED);
}

/* Neighbours at once, those that were dropped before included: a page may be part of two pieces. */
static void drop_fresh(const struct ouro_pool *pool, struct ouro_pool_slab *slab)
{
	uint32_t first = 0, end;

	for (; first < pool->slab_count; first = end + 1) {
		bool any_fresh = false;

		for (end = first; end < pool->slab_count && slab->dropped >> end & 1; end++)
			any_fresh |= slab->fresh >> end & 1;
		if (any_fresh)
			drop_pages(pool, slab, first, end);
	}
	slab->fresh = 0;
}

/* ---- Pieces ---- */

/* A piece that was dropped; NULL when out of memory. Not for inlining: whoever finds one on the free
 * list would save registers for it too. */
static __attribute__((noinline)) void *get_dropped(struct ouro_pool *pool)
{
	struct ouro_pool_slab *slab;
	char *item;

	pool->free_min = 0;
	if (!pool->spare && !map_slab(pool))
		return NULL;
	slab = pool->spare;
	item = item_at(pool, slab, (uint32_t)__builtin_ctzll(slab->dropped));
	slab->dropped &= slab->dropped - 1;
	if (slab->dropped == 0)
		unlink_spare(slab);
	if (pool->slab_bytes != pool->page_bytes) {
		ASAN_UNPOISON_MEMORY_REGION(item, pool->stride_bytes);
		*slab_word(pool, item) = slab;
		ASAN_POISON_MEMORY_REGION(item, pool->stride_bytes);
	}
	ASAN_UNPOISON_MEMORY_REGION(item, pool->item_bytes);
	pool->used_count++;
	return item;
}

/* Drops a piece that nobody uses, but for its pages; returns its slab. */
static struct ouro_pool_slab *drop_item(struct ouro_pool *pool, struct ouro_pool_item *item)
{
	struct ouro_pool_slab *slab;
	uint64_t bit;

	ASAN_UNPOISON_MEMORY_REGION(item, pool->stride_bytes);
	slab = slab_of(pool, item);
	ASAN_POISON_MEMORY_REGION(item, pool->stride_bytes);
	bit = UINT64_C(1) << ((size_t)((char *)item - item_at(pool, slab, 0)) / pool->stride_bytes);
	assert(!(slab->dropped & bit));
	if (slab->dropped == 0)
		link_spare(pool, slab);
	slab->dropped |= bit;
	slab->fresh |= bit;
	return slab;
}

/* Drops @count pieces of the free list: all of them first, then their pages, with as few calls as
 * will do. */
static void drop_some(struct ouro_pool *pool, uint32_t count)
{
	struct ouro_pool_slab *trimmed = NULL;

	for (; count > 0; count--) {
		struct ouro_pool_item *item = pool->free_list;
		struct ouro_pool_slab *slab;
		bool is_first;

		ASAN_UNPOISON_MEMORY_REGION(item, pool->item_bytes);
		pool->free_list = item->next;
		pool->free_count--;
		slab = drop_item(pool, item);
		is_first = (slab->fresh & (slab->fresh - 1)) == 0;
		if (is_first) {
			slab->next_trimmed = trimmed;
			trimmed = slab;
		}
	}
	while (trimmed) {
		struct ouro_pool_slab *slab = trimmed;

		trimmed = slab->next_trimmed;
		if (slab->dropped != all_dropped(pool) || !unmap_slab(pool, slab))
			drop_fresh(pool, slab);
	}
}

void ouro_pool_fini(struct ouro_pool *pool)
{
	assert(pool->used_count == 0);
	drop_some(pool, pool->free_count);
	while (pool->spare && unmap_slab(pool, pool->spare))
		;
}

void *ouro_pool_get(struct ouro_pool *pool)
{
	struct ouro_pool_item *item = pool->free_list;

	if (!item)
		return get_dropped(pool);
	ASAN_UNPOISON_MEMORY_REGION(item, pool->item_bytes);
	pool->free_list = item->next;
	pool->free_count--;
	if (pool->free_count < pool->free_min)
		pool->free_min = pool->free_count;
	pool->used_count++;
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
	uint32_t count = pool->free_min / 2 + pool->free_min % 2;

	drop_some(pool, count < OURO_POOL_TRIM_MAX ? count : OURO_POOL_TRIM_MAX);
	pool->free_min = pool->free_count;
}
