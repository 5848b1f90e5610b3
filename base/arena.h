/* Memory that is taken piece by piece and goes all at once: what one request needs. Its blocks come
 * from a pool of the loop; a piece too large for a block has memory of its own. */
#ifndef OURO_BASE_ARENA_H
#define OURO_BASE_ARENA_H

#include "base/pool.h"

enum { OURO_ARENA_BLOCK_BYTES = 4096 };

struct ouro_arena_block {
	struct ouro_arena_block *next;
};

/* Zero but for @pool, whose items have OURO_ARENA_BLOCK_BYTES: empty. */
struct ouro_arena {
	struct ouro_pool *pool;
	struct ouro_arena_block *blocks; /* the newest first */
	struct ouro_arena_block *large;
	char *at, *end; /* what is left of the newest block */
};

/* @bytes aligned for any type; NULL when out of memory. */
void *ouro_arena_alloc(struct ouro_arena *arena, size_t bytes);

/* Gives everything back; the arena is empty and can be used again. */
void ouro_arena_reset(struct ouro_arena *arena);

#endif
