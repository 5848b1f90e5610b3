/* The memory of one encoder or decoder: see coding/memory.h. */
#include "coding/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct ouro_coding_block {
	struct ouro_coding_block *next;
	size_t bytes; /* of what is behind this */
	bool in_use;
	max_align_t memory[];
};

void ouro_coding_memory_init(struct ouro_coding_memory *memory, size_t bytes_max)
{
	*memory = (struct ouro_coding_memory){ .bytes_max = bytes_max };
}

void ouro_coding_memory_fini(struct ouro_coding_memory *memory)
{
	ouro_coding_memory_trim(memory, 0);
	assert(!memory->blocks && memory->bytes == 0);
}

/* The smallest kept block that has @bytes, unless that would waste half of it; NULL. A content is
 * like the one before: mostly there is one that fits exactly. */
static struct ouro_coding_block *find_kept(struct ouro_coding_memory *memory, size_t bytes)
{
	struct ouro_coding_block *best = NULL;

	for (struct ouro_coding_block *block = memory->blocks; block; block = block->next)
		if (!block->in_use && block->bytes >= bytes && block->bytes / 2 <= bytes &&
		    (!best || block->bytes < best->bytes))
			best = block;
	return best;
}

void *ouro_coding_memory_alloc(struct ouro_coding_memory *memory, size_t bytes)
{
	struct ouro_coding_block *block = find_kept(memory, bytes);

	if (!block) {
		if (bytes > memory->bytes_max)
			return NULL;
		ouro_coding_memory_trim(memory, memory->bytes_max - bytes);
		if (memory->bytes > memory->bytes_max - bytes)
			return NULL;
		block = malloc(sizeof(*block) + bytes);
		if (!block)
			return NULL;
		block->bytes = bytes;
		block->next = memory->blocks;
		memory->blocks = block;
		memory->bytes += bytes;
	}
	block->in_use = true;
	return block->memory;
}

void ouro_coding_memory_free(struct ouro_coding_memory *memory, void *ptr)
{
	struct ouro_coding_block *block = memory->blocks;

	if (!ptr)
		return;
	while (block && (void *)block->memory != ptr)
		block = block->next;
	assert(block && block->in_use);
	block->in_use = false;
}

void ouro_coding_memory_free_all(struct ouro_coding_memory *memory)
{
	for (struct ouro_coding_block *block = memory->blocks; block; block = block->next)
		block->in_use = false;
}

void ouro_coding_memory_trim(struct ouro_coding_memory *memory, size_t bytes_max)
{
	struct ouro_coding_block **at = &memory->blocks, *block;

	while (memory->bytes > bytes_max && (block = *at)) {
		if (block->in_use) {
			at = &block->next;
			continue;
		}
		*at = block->next;
		memory->bytes -= block->bytes;
		free(block);
	}
}
