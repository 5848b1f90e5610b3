/* Classes of 64 bytes: see proto/classify.h. */
#include "proto/classify.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_SSE2 1
#elif defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>
#define HAVE_NEON 1
#endif

/* ---- Eight bytes in a word ---- */

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* The high bit of each byte of @ascii, all below 0x80, that is not less than @least, 1..0x80. No sum
 * carries into the next byte. */
static inline uint64_t not_less(uint64_t ascii, unsigned least)
{
	return (ascii + ONES * (0x80 - least)) & HIGHS;
}

static inline uint64_t within(uint64_t ascii, unsigned least, unsigned most)
{
	return not_less(ascii, least) & ~not_less(ascii, most + 1);
}

/* The high bits of eight bytes, the lowest byte's the lowest bit. */
static inline uint64_t gather(uint64_t highs)
{
	return (highs >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t load_word(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

struct ouro_classes ouro_classify_portable(const char *at)
{
	struct ouro_classes classes = { 0, 0, 0 };

	for (int i = 0; i < OURO_CLASSIFY_BYTES; i += 8) {
		uint64_t word = load_word(at + i);
		uint64_t ascii = word & ~HIGHS, beyond = word & HIGHS;
		/* The bit makes letters of capitals; of what is no capital it makes no letter, but
		 * for the letters themselves. */
		uint64_t name = within(ascii | ONES * 0x20, 'a', 'z') | within(ascii, '0', '9') |
				within(ascii, '-', '-') | within(ascii, '_', '_');

		classes.name |= gather(name & ~beyond) << i;
		classes.blank |= gather((within(ascii, '!', '~') & ~beyond) ^ HIGHS) << i;
		classes.control |= gather((within(ascii, ' ', '~') & ~beyond) ^ HIGHS) << i;
	}
	return classes;
}

#ifdef HAVE_SSE2

/* ---- Vectors ---- */

/* Comparisons are of signed bytes: what is beyond ASCII is less than any character. */
struct ouro_classes ouro_classify_sse2(const char *at)
{
	struct ouro_classes classes = { 0, 0, 0 };

	for (int i = 0; i < OURO_CLASSIFY_BYTES; i += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
		__m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
		__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
					       _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
		__m128i digit = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
					      _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
		__m128i line = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')),
					    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')));
		__m128i name = _mm_or_si128(_mm_or_si128(letter, digit), line);
		__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
		__m128i blank = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8('!')), del);
		__m128i control = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')), del);

		classes.name |= (uint64_t)(unsigned)_mm_movemask_epi8(name) << i;
		classes.blank |= (uint64_t)(unsigned)_mm_movemask_epi8(blank) << i;
		classes.control |= (uint64_t)(unsigned)_mm_movemask_epi8(control) << i;
	}
	return classes;
}

__attribute__((target("avx2"))) static inline uint64_t mask32(__m256i vector)
{
	return (uint32_t)_mm256_movemask_epi8(vector);
}

__attribute__((target("avx2"))) struct ouro_classes ouro_classify_avx2(const char *at)
{
	struct ouro_classes classes = { 0, 0, 0 };

	for (int i = 0; i < OURO_CLASSIFY_BYTES; i += 32) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
		__m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
		__m256i letter =
			_mm256_and_si256(_mm256_cmpgt_epi8(lower, _mm256_set1_epi8('a' - 1)),
					 _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), lower));
		__m256i digit =
			_mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8('0' - 1)),
					 _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), bytes));
		__m256i line = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('-')),
					       _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('_')));
		__m256i name = _mm256_or_si256(_mm256_or_si256(letter, digit), line);
		__m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
		__m256i blank =
			_mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8('!'), bytes), del);
		__m256i control =
			_mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes), del);

		classes.name |= mask32(name) << i;
		classes.blank |= mask32(blank) << i;
		classes.control |= mask32(control) << i;
	}
	return classes;
}

bool ouro_classify_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

/* Every processor of this architecture has the lesser one. */
static ouro_classify_fn choose(void)
{
	return ouro_classify_has_avx2() ? ouro_classify_avx2 : ouro_classify_sse2;
}

#else

struct ouro_classes ouro_classify_sse2(const char *at)
{
	return ouro_classify_portable(at);
}

struct ouro_classes ouro_classify_avx2(const char *at)
{
	return ouro_classify_portable(at);
}

bool ouro_classify_has_avx2(void)
{
	return false;
}

static ouro_classify_fn choose(void)
{
	return ouro_classify_neon;
}

#endif

#ifdef HAVE_NEON

static inline uint8x16_t within16(uint8x16_t bytes, char least, char most)
{
	return vandq_u8(vcgeq_u8(bytes, vdupq_n_u8((uint8_t)least)),
			vcleq_u8(bytes, vdupq_n_u8((uint8_t)most)));
}

/* Each byte of @all is 0 or 0xff; the sums of pairs put the bits of eight together. */
static inline uint64_t gather64(const uint8x16_t all[4])
{
	static const uint8_t bits[16] = {
		1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128
	};
	uint8x16_t mask = vld1q_u8(bits);
	uint8x16_t low = vpaddq_u8(vandq_u8(all[0], mask), vandq_u8(all[1], mask));
	uint8x16_t high = vpaddq_u8(vandq_u8(all[2], mask), vandq_u8(all[3], mask));

	low = vpaddq_u8(low, high);
	low = vpaddq_u8(low, low);
	return vgetq_lane_u64(vreinterpretq_u64_u8(low), 0);
}

struct ouro_classes ouro_classify_neon(const char *at)
{
	uint8x16_t name[4], blank[4], control[4];

	for (int i = 0; i < 4; i++) {
		uint8x16_t bytes = vld1q_u8((const uint8_t *)at + 16 * i);
		uint8x16_t lower = vorrq_u8(bytes, vdupq_n_u8(0x20));
		uint8x16_t line = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('-')),
					   vceqq_u8(bytes, vdupq_n_u8('_')));

		name[i] = vorrq_u8(vorrq_u8(within16(lower, 'a', 'z'), within16(bytes, '0', '9')),
				   line);
		blank[i] = vmvnq_u8(within16(bytes, '!', '~'));
		control[i] = vmvnq_u8(within16(bytes, ' ', '~'));
	}
	return (struct ouro_classes){ gather64(name), gather64(blank), gather64(control) };
}

#else

struct ouro_classes ouro_classify_neon(const char *at)
{
	return ouro_classify_portable(at);
}

#endif

ouro_classify_fn ouro_classify_best(void)
{
	/* Loops of several threads may choose at once; they choose the same. */
	static _Atomic(ouro_classify_fn) best;
	ouro_classify_fn fn = atomic_load_explicit(&best, memory_order_relaxed);

	if (!fn) {
		fn = choose();
		atomic_store_explicit(&best, fn, memory_order_relaxed);
	}
	return fn;
}
