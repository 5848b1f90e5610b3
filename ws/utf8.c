/* UTF-8: see ws/utf8.h. */
#include "ws/utf8.h"

#include "ws/utf8_vector.h"

#include <assert.h>
#include <string.h>

/* What may come next. Within a character only the second byte is ever narrower than 80..BF, which
 * is what excludes overlong forms, surrogates and what is above U+10FFFF (RFC 3629, 4). */
enum state {
	WHOLE = OURO_WS_UTF8_WHOLE,
	ONE_MORE,
	TWO_MORE,
	THREE_MORE,
	AFTER_E0,
	AFTER_ED,
	AFTER_F0,
	AFTER_F4,
	STATE_COUNT,
	IMPOSSIBLE = STATE_COUNT,
};

static const struct {
	uint8_t low, high, next;
} continuations[STATE_COUNT] = {
	[ONE_MORE] = { 0x80, 0xbf, WHOLE },      [TWO_MORE] = { 0x80, 0xbf, ONE_MORE },
	[THREE_MORE] = { 0x80, 0xbf, TWO_MORE }, [AFTER_E0] = { 0xa0, 0xbf, ONE_MORE },
	[AFTER_ED] = { 0x80, 0x9f, ONE_MORE },   [AFTER_F0] = { 0x90, 0xbf, TWO_MORE },
	[AFTER_F4] = { 0x80, 0x8f, TWO_MORE },
};

/* The state behind first bytes from C0 on. */
static const uint8_t leads[64] = {
	IMPOSSIBLE, IMPOSSIBLE, ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,
	ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,
	ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,
	ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,
	ONE_MORE,   ONE_MORE,   ONE_MORE,   ONE_MORE,   AFTER_E0,   TWO_MORE,   TWO_MORE,
	TWO_MORE,   TWO_MORE,   TWO_MORE,   TWO_MORE,   TWO_MORE,   TWO_MORE,   TWO_MORE,
	TWO_MORE,   TWO_MORE,   TWO_MORE,   AFTER_ED,   TWO_MORE,   TWO_MORE,   AFTER_F0,
	THREE_MORE, THREE_MORE, THREE_MORE, AFTER_F4,   IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE,
	IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE,
	IMPOSSIBLE,
};

enum {
	BLOCK_WORDS = 4,
	BLOCK_BYTES = BLOCK_WORDS * 8,
	PASS_BYTES_MIN = 64, /* what is shorter takes longer by vectors */
};

#define HIGH_BITS 0x8080808080808080u

static uint64_t word_at(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* The first byte at or behind @at from which on it is not known, without looking at single bytes,
 * that they are ASCII. */
static const unsigned char *skip_ascii(const unsigned char *at, const unsigned char *end)
{
	const unsigned char *begin = at;

	while (end - at >= BLOCK_BYTES) {
		uint64_t any = 0;

		for (int i = 0; i < BLOCK_WORDS; i++)
			any |= word_at(at + 8 * i);
		if (any & HIGH_BITS)
			break;
		at += BLOCK_BYTES;
	}
	while (end - at >= 8 && !(word_at(at) & HIGH_BITS))
		at += 8;
	/* What is left is part of a last word, some of which was seen before. */
	if (end - at < 8 && end - begin >= 8 && !(word_at(end - 8) & HIGH_BITS))
		at = end;
	return at;
}

/* From @state on with @byte, which is not ASCII between two characters. */
static uint8_t step(uint8_t state, unsigned char byte)
{
	if (state != WHOLE) {
		bool fits = byte >= continuations[state].low && byte <= continuations[state].high;

		return fits ? continuations[state].next : IMPOSSIBLE;
	}
	return byte < 0xc0 ? IMPOSSIBLE : leads[byte - 0xc0];
}

/* Goes on from *@state over the bytes from @at to @end. As ouro_ws_utf8_feed(). */
static inline bool feed_bytes(uint8_t *state, const unsigned char *at, const unsigned char *end)
{
	uint8_t now = *state;

	while (at < end) {
		if (now == WHOLE && *at < 0x80) {
			const unsigned char *next = skip_ascii(at, end);

			at = next > at ? next : at + 1;
			continue;
		}
		now = step(now, *at++);
		if (now == IMPOSSIBLE)
			return false;
	}
	*state = now;
	return true;
}

/* Vectors begin with a character, and leave what is wrong to others. */
static bool feed_blocks(uint8_t *state, const unsigned char *at, const unsigned char *end)
{
	for (; *state != WHOLE; at++)
		if (!feed_bytes(state, at, at + 1))
			return false;
	at += ouro_ws_utf8_pass(at, (size_t)(end - at));
	return feed_bytes(state, at, end);
}

bool ouro_ws_utf8_feed(uint8_t *state, const char *data, size_t len)
{
	const unsigned char *at = (const unsigned char *)data;

	assert(*state < STATE_COUNT);
	if (len == 0)
		return true; /* @data may be NULL then */
	return len < PASS_BYTES_MIN ? feed_bytes(state, at, at + len)
				    : feed_blocks(state, at, at + len);
}
