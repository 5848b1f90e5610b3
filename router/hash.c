/* Hash tables that are laid out once: see router/hash.h. */
#include "router/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Above so many keys there is hardly a multiplier that keeps all apart. */
enum { PERFECT_KEYS_MAX = 64, TRIES = 256 };

/* splitmix64: what is tried is always the same. */
static uint64_t next_multiplier(uint64_t *state)
{
	uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);

	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	return (word ^ word >> 31) | 1;
}

/* How many slots from its place on the farthest key is in. @taken has room for all slots. */
static uint32_t count_probes(const uint64_t *keys, size_t count, uint64_t multiplier, uint8_t shift,
			     bool *taken, size_t taken_bytes)
{
	uint32_t most = 0;

	memset(taken, 0, taken_bytes);
	for (size_t i = 0; i < count; i++) {
		uint32_t probes = 1;
		uint32_t slot = ouro_hash_place(keys[i], multiplier, shift);

		for (; taken[slot]; slot++)
			probes++;
		taken[slot] = true;
		if (probes > most)
			most = probes;
	}
	return most;
}

/* Tries multipliers for a table of 2^@bits places; keeps the best in @hash. */
static void try_bits(const uint64_t *keys, size_t count, unsigned bits, bool *taken,
		     struct ouro_hash *hash)
{
	size_t places = (size_t)1 << bits;
	uint64_t state = bits;

	for (int i = 0; i < TRIES && hash->probes != 1; i++) {
		uint64_t multiplier = next_multiplier(&state);
		uint8_t shift = (uint8_t)(64 - bits);
		uint32_t probes =
			count_probes(keys, count, multiplier, shift, taken, places + count);

		if (hash->probes == 0 || probes < hash->probes)
			*hash = (struct ouro_hash){ multiplier, (uint32_t)places + probes - 1,
						    probes, shift };
	}
}

int ouro_hash_plan(const uint64_t *keys, size_t count, struct ouro_hash *hash)
{
	unsigned bits = 1, bits_max;
	bool *taken;

	*hash = (struct ouro_hash){ 0 };
	if (count == 1)
		*hash = (struct ouro_hash){ .slots = 1, .probes = 1 };
	if (count < 2)
		return 0;
	while (((size_t)1 << bits) < count)
		bits++;
	bits_max = count <= PERFECT_KEYS_MAX ? bits + 3 : bits + 1;
	/* The least that keeps all apart, or else the best of half as full a table. */
	taken = malloc(((size_t)1 << bits_max) + count);
	if (!taken)
		return -ENOMEM;
	if (count > PERFECT_KEYS_MAX)
		bits = bits_max;
	for (; bits <= bits_max && hash->probes != 1; bits++)
		try_bits(keys, count, bits, taken, hash);
	free(taken);
	return 0;
}
