/* Text passed over by vectors: see ws/utf8_vector.h.
 *
 * The method is that of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (2021).
 * Whatever can be wrong with two bytes in a row is seen in three of their four halves: the first byte's
 * both, and the second's high one. For each of these a table of sixteen says which faults it would allow;
 * a fault that all three allow is there. What is left to see is that a lead of three or four bytes has as
 * many behind it, and no other has: a byte that continues behind one that continues is right exactly
 * where such a lead is two or three bytes before. */
#include "ws/utf8_vector.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>

/* Faults of two bytes in a row; RFC 3629, 4. */
enum {
	SHORT = 1 << 0,      /* a lead, and what does not continue */
	STRAY = 1 << 1,      /* ASCII, and what continues */
	OVERLONG_2 = 1 << 2, /* C0, C1 */
	OVERLONG_3 = 1 << 3, /* E0 80..9F */
	SURROGATE = 1 << 4,  /* ED A0..BF */
	LARGE = 1 << 5,      /* F4 90..BF, and F5..FF with them */
	FOUR_80 = 1 << 6,    /* 80..8F behind F0, where it is overlong, and behind F5..FF */
	TWICE = 1 << 7,      /* both continue, which may be right */
	ANY_LOW = SHORT | STRAY | TWICE,
	CONTINUES = STRAY | OVERLONG_2 | TWICE,
};

enum { LEAD_OF_THREE = 0xe0, LEAD_OF_FOUR = 0xf0 };

/* Of the high half of the first byte. */
static const uint8_t first_high[16] = {
	STRAY,
	STRAY,
	STRAY,
	STRAY,
	STRAY,
	STRAY,
	STRAY,
	STRAY,
	TWICE,
	TWICE,
	TWICE,
	TWICE,
	SHORT | OVERLONG_2,
	SHORT,
	SHORT | OVERLONG_3 | SURROGATE,
	SHORT | LARGE | FOUR_80,
};

/* Of its low half. */
static const uint8_t first_low[16] = {
	[0x0] = ANY_LOW | OVERLONG_2 | OVERLONG_3 | FOUR_80,
	[0x1] = ANY_LOW | OVERLONG_2,
	[0x2] = ANY_LOW,
	[0x3] = ANY_LOW,
	[0x4] = ANY_LOW | LARGE,
	[0x5] = ANY_LOW | LARGE | FOUR_80,
	[0x6] = ANY_LOW | LARGE | FOUR_80,
	[0x7] = ANY_LOW | LARGE | FOUR_80,
	[0x8] = ANY_LOW | LARGE | FOUR_80,
	[0x9] = ANY_LOW | LARGE | FOUR_80,
	[0xa] = ANY_LOW | LARGE | FOUR_80,
	[0xb] = ANY_LOW | LARGE | FOUR_80,
	[0xc] = ANY_LOW | LARGE | FOUR_80,
	[0xd] = ANY_LOW | LARGE | FOUR_80 | SURROGATE,
	[0xe] = ANY_LOW | LARGE | FOUR_80,
	[0xf] = ANY_LOW | LARGE | FOUR_80,
};

/* Of the high half of the second byte. */
static const uint8_t second_high[16] = {
	[0x0] = SHORT,
	[0x1] = SHORT,
	[0x2] = SHORT,
	[0x3] = SHORT,
	[0x4] = SHORT,
	[0x5] = SHORT,
	[0x6] = SHORT,
	[0x7] = SHORT,
	[0x8] = CONTINUES | OVERLONG_3 | FOUR_80,
	[0x9] = CONTINUES | OVERLONG_3 | LARGE,
	[0xa] = CONTINUES | SURROGATE | LARGE,
	[0xb] = CONTINUES | SURROGATE | LARGE,
	[0xc] = SHORT,
	[0xd] = SHORT,
	[0xe] = SHORT,
	[0xf] = SHORT,
};

#define AVX2 __attribute__((target("avx2")))

struct tables {
	__m256i first_high, first_low, second_high;
};

AVX2 static inline __m256i both_halves(const uint8_t *table)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

/* @block, as if it began @bytes earlier: the end of @before comes first. */
#define SHIFTED(block, before, bytes)                                                              \
	_mm256_alignr_epi8(block, _mm256_permute2x128_si256(before, block, 0x21), 16 - (bytes))

AVX2 static inline __m256i load(const unsigned char *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* Not zero where a byte of @block is wrong, by what it and the three before it are. */
AVX2 static inline __m256i faults_of(const struct tables *tables, __m256i block, __m256i before)
{
	const __m256i low = _mm256_set1_epi8(0x0f), top = _mm256_set1_epi8((char)0x80);
	__m256i first = SHIFTED(block, before, 1);
	__m256i pair = _mm256_and_si256(
		_mm256_and_si256(
			_mm256_shuffle_epi8(tables->first_high,
					    _mm256_and_si256(_mm256_srli_epi16(first, 4), low)),
			_mm256_shuffle_epi8(tables->first_low, _mm256_and_si256(first, low))),
		_mm256_shuffle_epi8(tables->second_high,
				    _mm256_and_si256(_mm256_srli_epi16(block, 4), low)));
	/* The top bit is left where there is a lead. */
	__m256i third = _mm256_subs_epu8(SHIFTED(block, before, 2),
					 _mm256_set1_epi8((char)(LEAD_OF_THREE - 0x80)));
	__m256i fourth = _mm256_subs_epu8(SHIFTED(block, before, 3),
					  _mm256_set1_epi8((char)(LEAD_OF_FOUR - 0x80)));

	return _mm256_xor_si256(pair, _mm256_and_si256(_mm256_or_si256(third, fourth), top));
}

/* How many bytes before @at are of a character that goes on at @at; those from @text on are right. */
static size_t begun_before(const unsigned char *text, const unsigned char *at)
{
	static const uint8_t leads[] = { 0xc0, LEAD_OF_THREE, LEAD_OF_FOUR };

	for (size_t i = 0; i < sizeof(leads); i++)
		if ((size_t)(at - text) > i && at[-1 - (ptrdiff_t)i] >= leads[i])
			return i + 1;
	return 0;
}

/* The first block at or behind @at that is not ASCII, or of which there is not all. */
AVX2 static const unsigned char *pass_ascii(const unsigned char *at, const unsigned char *end)
{
	enum { BLOCK = OURO_WS_UTF8_BLOCK_BYTES };

	while (end - at >= 4 * BLOCK) {
		__m256i any = _mm256_or_si256(_mm256_or_si256(load(at), load(at + BLOCK)),
					      _mm256_or_si256(load(at + 2 * BLOCK),
							      load(at + 3 * BLOCK)));
		if (_mm256_movemask_epi8(any))
			break;
		at += 4 * BLOCK;
	}
	while (end - at >= BLOCK && !_mm256_movemask_epi8(load(at)))
		at += BLOCK;
	return at;
}

AVX2 static size_t pass_avx2(const unsigned char *text, size_t len)
{
	const struct tables tables = { both_halves(first_high), both_halves(first_low),
				       both_halves(second_high) };
	const unsigned char *at = text, *end = text + len;
	__m256i before = _mm256_setzero_si256();

	while (end - at >= OURO_WS_UTF8_BLOCK_BYTES) {
		__m256i block = load(at), faults = faults_of(&tables, block, before);

		if (!_mm256_testz_si256(faults, faults))
			break;
		at += OURO_WS_UTF8_BLOCK_BYTES;
		before = block;
		/* No character is open behind ASCII, and so none is before what follows it. */
		if (!_mm256_movemask_epi8(block))
			at = pass_ascii(at, end);
	}
	return (size_t)(at - text) - begun_before(text, at);
}

static size_t pass_nothing(const unsigned char *text, size_t len)
{
	(void)text;
	(void)len;
	return 0;
}

typedef size_t (*pass_fn)(const unsigned char *text, size_t len);

static size_t pass_first(const unsigned char *text, size_t len);

/* Several threads may choose at once; they choose the same. */
static _Atomic(pass_fn) pass_best = pass_first;

static size_t pass_first(const unsigned char *text, size_t len)
{
	pass_fn best = __builtin_cpu_supports("avx2") ? pass_avx2 : pass_nothing;

	atomic_store_explicit(&pass_best, best, memory_order_relaxed);
	return best(text, len);
}

size_t ouro_ws_utf8_pass(const unsigned char *text, size_t len)
{
	return atomic_load_explicit(&pass_best, memory_order_relaxed)(text, len);
}

#else

size_t ouro_ws_utf8_pass(const unsigned char *text, size_t len)
{
	(void)text;
	(void)len;
	return 0;
}

#endif
