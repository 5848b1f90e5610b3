/* Memory that goes all at once: see base/arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	ALIGNMENT = alignof(max_align_t),
	HEADER_BYTES = (sizeof(struct ouro_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT,
	PIECE_BYTES_MAX = (OURO_ARENA_BLOCK_BYTES - HEADER_BYTES) / 2,
};

static void *alloc_large(struct ouro_arena *arena, size_t bytes)
{
	struct ouro_arena_block *block = malloc(HEADER_BYTES + bytes);

	if (!block)
		return NULL;
	block->next = arena->large;
	arena->large = block;
	return (char *)block + HEADER_BYTES;
}

void *ouro_arena_alloc(struct ouro_arena *arena, size_t bytes)
{
	struct ouro_arena_block *block;
	void *piece;

	/* No such memory is to be had, and rounding it up would wrap. */
	if (bytes > SIZE_MAX / 2)
		return NULL;
	/* Nothing is something too: NULL says that memory is short. */
	bytes = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	if (bytes > (size_t)(arena->end - arena->at)) {
		if (bytes > PIECE_BYTES_MAX)
			return alloc_large(arena, bytes);
		block = ouro_pool_get(arena->pool);
		if (!block)
			return NULL;
		block->next = arena->blocks;
		arena->blocks = block;
		arena->at = (char *)block + HEADER_BYTES;
		arena->end = (char *)block + OURO_ARENA_BLOCK_BYTES;
	}
	piece = arena->at;
	arena->at += bytes;
	return piece;
}

void ouro_arena_reset(struct ouro_arena *arena)
{
	while (arena->blocks) {
		struct ouro_arena_block *next = arena->blocks->next;

		ouro_pool_put(arena->pool, arena->blocks);
		arena->blocks = next;
	}
	while (arena->large) {
		struct ouro_arena_block *next = arena->large->next;

		free(arena->large);
		arena->large = next;
	}
	arena->at = arena->end = NULL;
}
