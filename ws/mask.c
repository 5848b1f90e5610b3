/* Masking: see ws/mask.h. */
#include "ws/mask.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

enum {
	BLOCK_WORDS = 4,
	BLOCK_BYTES = BLOCK_WORDS * 8,
	/* Fewer bytes are done before a function that fits the processor has been called. */
	SHORT_BYTES_MAX = 64,
	/* From here on it pays that stores do not cross cache lines. */
	ALIGN_BYTES_MIN = 512,
};

/* The key for what is @step bytes further on. */
static uint32_t turn_key(uint32_t key, size_t step)
{
	unsigned char bytes[2 * OURO_WS_MASK_KEY_BYTES];

	memcpy(bytes, &key, sizeof(key));
	memcpy(bytes + sizeof(key), &key, sizeof(key));
	memcpy(&key, bytes + step % OURO_WS_MASK_KEY_BYTES, sizeof(key));
	return key;
}

static void mask_word(unsigned char *at, uint64_t key)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	word ^= key;
	memcpy(at, &word, sizeof(word));
}

/* Words of 64 bits, then what is left; only the last three bytes are done one by one. */
static inline uint32_t mask_words(unsigned char *at, size_t len, uint32_t key)
{
	uint64_t wide = (uint64_t)key << 32 | key;
	unsigned char bytes[OURO_WS_MASK_KEY_BYTES];
	size_t words = len / 8;
	uint32_t half;

	for (size_t i = 0; i < words; i++)
		mask_word(at + 8 * i, wide);
	at += 8 * words;
	len -= 8 * words;
	if (len >= sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		half ^= key;
		memcpy(at, &half, sizeof(half));
		at += sizeof(half);
		len -= sizeof(half);
	}
	memcpy(bytes, &key, sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		at[i] ^= bytes[i];
	return turn_key(key, len);
}

uint32_t ouro_ws_mask_portable(void *data, size_t len, uint32_t key)
{
	uint64_t wide = (uint64_t)key << 32 | key;
	unsigned char *at = data;

	/* Blocks, not words, for compilers make vectors of them at any level of optimisation. */
	for (; len >= BLOCK_BYTES; at += BLOCK_BYTES, len -= BLOCK_BYTES) {
		uint64_t block[BLOCK_WORDS];

		memcpy(block, at, sizeof(block));
		for (int i = 0; i < BLOCK_WORDS; i++)
			block[i] ^= wide;
		memcpy(at, block, sizeof(block));
	}
	return mask_words(at, len, key);
}

#ifdef HAVE_AVX2

enum { VECTOR_BYTES = 32, UNROLLED = 4 };

__attribute__((target("avx2"))) static void mask_vector(unsigned char *at, __m256i key)
{
	__m256i vector = _mm256_loadu_si256((const __m256i *)(const void *)at);

	_mm256_storeu_si256((__m256i *)(void *)at, _mm256_xor_si256(vector, key));
}

__attribute__((target("avx2"))) uint32_t ouro_ws_mask_avx2(void *data, size_t len, uint32_t key)
{
	unsigned char *at = data;
	__m256i wide;

	if (len >= ALIGN_BYTES_MIN) {
		size_t before = -(uintptr_t)at % VECTOR_BYTES;

		key = mask_words(at, before, key);
		at += before;
		len -= before;
	}
	wide = _mm256_set1_epi32((int)key);
	for (; len >= VECTOR_BYTES * UNROLLED; len -= VECTOR_BYTES * UNROLLED) {
		for (int i = 0; i < UNROLLED; i++)
			mask_vector(at + i * VECTOR_BYTES, wide);
		at += VECTOR_BYTES * UNROLLED;
	}
	for (; len >= VECTOR_BYTES; at += VECTOR_BYTES, len -= VECTOR_BYTES)
		mask_vector(at, wide);
	return mask_words(at, len, key);
}

bool ouro_ws_mask_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

#else

uint32_t ouro_ws_mask_avx2(void *data, size_t len, uint32_t key)
{
	return ouro_ws_mask_portable(data, len, key);
}

bool ouro_ws_mask_has_avx2(void)
{
	return false;
}

#endif

typedef uint32_t (*mask_fn)(void *data, size_t len, uint32_t key);

static uint32_t mask_first(void *data, size_t len, uint32_t key);

/* Loops of several threads may choose at once; they choose the same. */
static _Atomic(mask_fn) mask_best = mask_first;

static uint32_t mask_first(void *data, size_t len, uint32_t key)
{
	mask_fn best = ouro_ws_mask_has_avx2() ? ouro_ws_mask_avx2 : ouro_ws_mask_portable;

	atomic_store_explicit(&mask_best, best, memory_order_relaxed);
	return best(data, len, key);
}

uint32_t ouro_ws_mask(void *data, size_t len, uint32_t key)
{
	if (len <= SHORT_BYTES_MAX)
		return mask_words(data, len, key);
	return atomic_load_explicit(&mask_best, memory_order_relaxed)(data, len, key);
}
