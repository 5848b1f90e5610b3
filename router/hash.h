/* Hash tables that are laid out once for keys known beforehand; private to the router.
 *
 * A key is a number. Its place is the top bits of its product with a multiplier that is chosen for
 * the table: for few keys so that each has a place of its own and one look decides, for many so that
 * looks are few. Those that share a place stand behind one another. */
#ifndef OURO_ROUTER_HASH_H
#define OURO_ROUTER_HASH_H

#include <stddef.h>
#include <stdint.h>

struct ouro_hash {
	uint64_t multiplier;
	uint32_t slots;  /* that the table must have */
	uint32_t probes; /* how many slots from its place on a key may be in; 0: no keys */
	uint8_t shift;
};

static inline uint32_t ouro_hash_place(uint64_t key, uint64_t multiplier, uint8_t shift)
{
	return (uint32_t)(key * multiplier >> shift);
}

/* Lays out a table for @count keys, which are put into it in this order, each into the first free
 * slot from its place on. Returns 0, or -ENOMEM. */
int ouro_hash_plan(const uint64_t *keys, size_t count, struct ouro_hash *hash);

#endif
