/* Many bytes of a path at once; private to the router. Nothing here reads outside of what it is
 * given: loads overlap at the end instead. */
#ifndef OURO_ROUTER_SCAN_H
#define OURO_ROUTER_SCAN_H

#include "ouro/base.h"

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/* Bytes whose marks fit one word. */
#define OURO_MARKS_COUNT 64

/* Where a character is: bit i for byte i, of the first OURO_MARKS_COUNT bytes of a text. */
struct ouro_marks {
	uint64_t bits;
};

/* Eight bytes as a number whose lowest bits are the first byte. */
static inline uint64_t ouro_load8(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The same of four bytes. */
static inline uint64_t ouro_load4(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap32(word);
#endif
	return word;
}

/* The same of fewer than eight bytes; those that are missing are zero. */
static inline uint64_t ouro_load_short(const char *at, size_t len)
{
	uint64_t word = 0;

	if (len >= 4)
		return ouro_load4(at) | ouro_load4(at + len - 4) << (8 * (len - 4));
	/* First, middle and last, of which some may be the same. */
	if (len > 0)
		word = (uint64_t)(unsigned char)at[0] |
		       (uint64_t)(unsigned char)at[len / 2] << (8 * (len / 2)) |
		       (uint64_t)(unsigned char)at[len - 1] << (8 * (len - 1));
	return word;
}

/* The reverse of ouro_load8(). */
static inline void ouro_store8(char *at, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	memcpy(at, &word, sizeof(word));
}

/* Which of eight bytes are @c, one bit each. The sum carries no bit from one byte to the next: its
 * high bit says that something else in the byte is set, and the multiplication gathers the bits. */
static inline uint64_t ouro_marks_of_word(uint64_t word, char c)
{
	const uint64_t low = UINT64_C(0x0101010101010101), high = low << 7;
	uint64_t other = word ^ (low * (unsigned char)c);

	other = ~((((other & ~high) + ~high) | other)) & high;
	return (other >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* The same of eight bytes at @at. */
static inline uint64_t ouro_marks_of_8(const char *at, char c)
{
#if defined(__SSE2__)
	__m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)at);

	return (uint64_t)(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))) & 0xff);
#else
	return ouro_marks_of_word(ouro_load8(at), c);
#endif
}

/* The same of sixteen bytes at @at. */
static inline uint64_t ouro_marks_of_16(const char *at, char c)
{
#if defined(__SSE2__)
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

	return (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
#elif defined(__aarch64__) && defined(__ARM_NEON)
	static const uint8_t weights[16] = { 1, 2, 4, 8, 16, 32, 64, 128,
					     1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t equal = vceqq_u8(vld1q_u8((const uint8_t *)at), vdupq_n_u8((uint8_t)c));
	uint8x16_t bits = vandq_u8(equal, vld1q_u8(weights));

	return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
#else
	return ouro_marks_of_word(ouro_load8(at), c) | ouro_marks_of_word(ouro_load8(at + 8), c)
							       << 8;
#endif
}

static inline struct ouro_marks ouro_marks_find(struct ouro_str text, char c)
{
	size_t len = text.len < OURO_MARKS_COUNT ? text.len : OURO_MARKS_COUNT;
	uint64_t bits;

	if (len < 8)
		return (struct ouro_marks){ ouro_marks_of_word(ouro_load_short(text.ptr, len), c) };
	if (len < 16) {
		bits = ouro_marks_of_8(text.ptr, c);
		bits |= ouro_marks_of_8(text.ptr + len - 8, c) << (len - 8);
		return (struct ouro_marks){ bits };
	}
	bits = ouro_marks_of_16(text.ptr + len - 16, c) << (len - 16);
	for (size_t i = 0; i + 16 < len; i += 16)
		bits |= ouro_marks_of_16(text.ptr + i, c) << i;
	return (struct ouro_marks){ bits };
}

/* A segment as numbers: equal in all of these, and in the bytes between where it is longer than 16,
 * means equal. */
struct ouro_words {
	uint64_t head; /* its first 8 bytes; zero where it has fewer */
	uint64_t tail; /* the last 8 bytes of one longer than that; they may overlap */
	uint64_t key;  /* to hash it by */
	uint32_t len;
};

/* The same for the segment from @start to @end, which is not empty, of a text that has at least 8
 * bytes at @text. */
static inline struct ouro_words ouro_words_of(const char *text, size_t start, size_t end)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	struct ouro_words words = { .len = (uint32_t)(end - start) };

	if (words.len <= 8) {
		/* The eight bytes that end with the segment, or where the text begins first, those
		 * that it begins with: what is not of the segment is shifted out. */
		size_t at = end > 8 ? end - 8 : 0;

		words.head = ouro_load8(text + at) << (8 * (8 - (end - at))) >>
			     (8 * (8 - (end - start)));
		words.key = words.head;
		return words;
	}
	words.head = ouro_load8(text + start);
	words.tail = ouro_load8(text + end - 8);
	words.key = words.head + words.tail * factor;
	for (size_t i = start + 8; i + 8 < end; i += 8)
		words.key = (words.key ^ ouro_load8(text + i)) * factor;
	return words;
}

#endif
