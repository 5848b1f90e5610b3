/* Stacks for fibers: see fiber/stack.h. */
#include "fiber/stack.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#define MADV_NONE_SUCH 0x7fffffff /* no kernel knows it */

enum {
	SLAB_COUNT = 32,
	/* As wide as a stack usually is: a function whose frame is larger than the rest of the
	 * stack must touch it, and not step over it into somebody else's stack. */
	GUARD_BYTES = 65536,
	/* Tops of stacks lie at different distances from a page's end: else what all of them touch
	 * would share the few cache lines that one place in a page may be in. */
	COLOUR_COUNT = 16,
	COLOUR_BYTES = 256,
	STACK_ALIGN = 64,
};

struct ouro_stack_slab {
	struct ouro_stack_slab *next;
	struct ouro_stack_slab *next_spare;
	char *memory;
	uint32_t spare; /* a bit for each stack that is not in use */
	uint32_t put;   /* those of them that have not been flushed yet */
};

static_assert(SLAB_COUNT == 32, "as many bits as there are in a mask");
#define ALL_SPARE UINT32_MAX

static size_t round_up(size_t bytes, size_t step)
{
	return (bytes + step - 1) / step * step;
}

/* A cell is, from below: the guard, the stack, the head and room to move that about. */
void ouro_stacks_init(struct ouro_stacks *stacks, size_t stack_bytes, size_t head_bytes)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	*stacks = (struct ouro_stacks){ .page_bytes = page_bytes };
	stacks->guard_bytes = round_up(GUARD_BYTES, page_bytes);
	stacks->head_bytes = round_up(head_bytes, STACK_ALIGN);
	stacks->cell_bytes =
		stacks->guard_bytes + round_up(stack_bytes, page_bytes) +
		round_up(stacks->head_bytes + (COLOUR_COUNT - 1) * COLOUR_BYTES, page_bytes);
}

static size_t slab_bytes(const struct ouro_stacks *stacks)
{
	return stacks->cell_bytes * SLAB_COUNT;
}

static void unmap_slab(struct ouro_stacks *stacks, struct ouro_stack_slab *slab)
{
	munmap(slab->memory, slab_bytes(stacks));
	stacks->mapped_bytes -= slab_bytes(stacks);
	free(slab);
}

void ouro_stacks_fini(struct ouro_stacks *stacks)
{
	struct ouro_stack_slab *slab = stacks->slabs;

	while (slab) {
		struct ouro_stack_slab *next = slab->next;

		unmap_slab(stacks, slab);
		slab = next;
	}
}

/* Emulators of Linux take advice that they do not know for granted; then a mark is not to be relied
 * on either. */
static bool is_advice_heeded(char *memory, size_t bytes)
{
	return madvise(memory, bytes, MADV_NONE_SUCH) < 0;
}

/* Newer kernels mark the pages themselves; with older ones, and where memory is locked, the mapping
 * is split, and there may not be more than some ten thousand stacks. */
static int install_guard(char *begin, size_t bytes, bool may_mark)
{
	if (may_mark && madvise(begin, bytes, MADV_GUARD_INSTALL) == 0)
		return 0;
	return mprotect(begin, bytes, PROT_NONE) == 0 ? 0 : -ENOMEM;
}

static char *map_memory(const struct ouro_stacks *stacks)
{
	char *memory = mmap(NULL, slab_bytes(stacks), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	bool may_mark;

	if (memory == MAP_FAILED)
		return NULL;
	/* One touched stack must not make the memory of all. Kernels without huge pages say no. */
	(void)madvise(memory, slab_bytes(stacks), MADV_NOHUGEPAGE);
	may_mark = is_advice_heeded(memory, stacks->page_bytes);
	for (uint32_t i = 0; i < SLAB_COUNT; i++) {
		char *cell = memory + i * stacks->cell_bytes;

		if (install_guard(cell, stacks->guard_bytes, may_mark) == 0)
			continue;
		munmap(memory, slab_bytes(stacks));
		return NULL;
	}
	return memory;
}

static int map_slab(struct ouro_stacks *stacks)
{
	struct ouro_stack_slab *slab = malloc(sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	*slab = (struct ouro_stack_slab){
		.next = stacks->slabs,
		.next_spare = stacks->spare,
		.memory = map_memory(stacks),
		.spare = ALL_SPARE,
	};
	if (!slab->memory) {
		free(slab);
		return -ENOMEM;
	}
	stacks->slabs = slab;
	stacks->spare = slab;
	stacks->mapped_bytes += slab_bytes(stacks);
	return 0;
}

static char *cell_of(const struct ouro_stacks *stacks, const struct ouro_stack *stack)
{
	return stack->slab->memory + stack->index * stacks->cell_bytes;
}

int ouro_stacks_get(struct ouro_stacks *stacks, struct ouro_stack *stack)
{
	struct ouro_stack_slab *slab;

	if (!stacks->spare) {
		int err = map_slab(stacks);

		if (err)
			return err;
	}
	slab = stacks->spare;
	assert(slab->put == 0);
	stack->slab = slab;
	stack->index = (uint32_t)__builtin_ctz(slab->spare);
	stack->low = cell_of(stacks, stack) + stacks->guard_bytes;
	stack->high = cell_of(stacks, stack) + stacks->cell_bytes - stacks->head_bytes -
		      stack->index % COLOUR_COUNT * COLOUR_BYTES;
	slab->spare &= slab->spare - 1;
	if (slab->spare == 0)
		stacks->spare = slab->next_spare;
	return 0;
}

void ouro_stacks_put(struct ouro_stacks *stacks, const struct ouro_stack *stack)
{
	struct ouro_stack_slab *slab = stack->slab;
	uint32_t bit = UINT32_C(1) << stack->index;

	(void)stacks;
	assert(!(slab->spare & bit));
	slab->spare |= bit;
	slab->put |= bit;
}

/* Neighbours at once: guards between them stay what they are. */
static void flush_slab(const struct ouro_stacks *stacks, struct ouro_stack_slab *slab)
{
	uint32_t first = 0, end;

	for (; first < SLAB_COUNT; first = end) {
		for (end = first; end < SLAB_COUNT && slab->put >> end & 1; end++)
			;
		if (end > first)
			madvise(slab->memory + first * stacks->cell_bytes,
				(end - first) * stacks->cell_bytes, MADV_DONTNEED);
		else
			end++;
	}
	slab->put = 0;
}

void ouro_stacks_flush(struct ouro_stacks *stacks)
{
	struct ouro_stack_slab **link = &stacks->slabs, **spare_link = &stacks->spare;

	while (*link) {
		struct ouro_stack_slab *slab = *link;

		if (slab->put && slab->spare == ALL_SPARE) {
			*link = slab->next;
			unmap_slab(stacks, slab);
			continue;
		}
		if (slab->put)
			flush_slab(stacks, slab);
		if (slab->spare) {
			*spare_link = slab;
			spare_link = &slab->next_spare;
		}
		link = &slab->next;
	}
	*spare_link = NULL;
}

void ouro_stacks_drop_deep(const struct ouro_stacks *stacks, const struct ouro_stack *stack)
{
	uintptr_t top_page = (uintptr_t)stack->high & ~(uintptr_t)(stacks->page_bytes - 1);
	char *kept = stack->high - ((uintptr_t)stack->high - top_page) - stacks->page_bytes;

	if (kept > stack->low)
		madvise(stack->low, (size_t)(kept - stack->low), MADV_DONTNEED);
}
