/* The memory of one encoder or decoder: bounded, and kept from one content to the next, since some
 * libraries can only begin anew by giving back all they have. */
#ifndef OURO_CODING_MEMORY_H
#define OURO_CODING_MEMORY_H

#include <stddef.h>

struct ouro_coding_block;

struct ouro_coding_memory {
	struct ouro_coding_block *blocks; /* in use and kept; some twenty */
	size_t bytes;                     /* of all of them */
	size_t bytes_max;
};

void ouro_coding_memory_init(struct ouro_coding_memory *memory, size_t bytes_max);

/* All blocks must have been given back. */
void ouro_coding_memory_fini(struct ouro_coding_memory *memory);

/* @bytes of memory, aligned for anything; NULL where that would be over @bytes_max, or there is
 * none. */
void *ouro_coding_memory_alloc(struct ouro_coding_memory *memory, size_t bytes);

/* Gives back @ptr of ouro_coding_memory_alloc(); NULL is accepted. */
void ouro_coding_memory_free(struct ouro_coding_memory *memory, void *ptr);

/* Gives back all that is in use, for whoever can no longer do so. */
void ouro_coding_memory_free_all(struct ouro_coding_memory *memory);

/* Returns kept blocks to the system until all there are have @bytes_max or none is left. */
void ouro_coding_memory_trim(struct ouro_coding_memory *memory, size_t bytes_max);

#endif
