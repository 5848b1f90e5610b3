/* Classes of characters: see proto/token.h. */
#include "proto/token.h"

#include <stdint.h>
#include <string.h>

/* One bit for each ASCII character, in words of 32. */
static const uint32_t token_chars[4] = {
	0x00000000, /* no control character */
	0x03ff6cfa, /* ! # $ % & ' * + - . and digits */
	0xc7fffffe, /* ^ _ and upper-case letters */
	0x57ffffff, /* ` | ~ and lower-case letters */
};

bool ouro_is_token_char(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 128 && (token_chars[u >> 5] >> (u & 31) & 1);
}

bool ouro_is_token(struct ouro_str str)
{
	for (size_t i = 0; i < str.len; i++)
		if (!ouro_is_token_char(str.ptr[i]))
			return false;
	return str.len > 0;
}

static bool is_field_byte(char c)
{
	unsigned char u = (unsigned char)c;

	return (u >= 0x20 && u != 0x7f) || u == '\t';
}

/* Whether one of the eight bytes at @at is below 0x20, or 0x7f. */
static bool has_control8(const char *at)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t word, low, del;

	memcpy(&word, at, sizeof(word));
	low = (word - ones * 0x20) & ~word;
	del = word ^ ones * 0x7f;
	return (low | ((del - ones) & ~del)) & highs;
}

bool ouro_is_field_value(struct ouro_str str)
{
	size_t i = 0;

	/* Eight at a time where none is special; the last eight overlap those before. */
	if (str.len >= 8) {
		while (i + 8 <= str.len && !has_control8(str.ptr + i))
			i += 8;
		if (i + 8 > str.len && !has_control8(str.ptr + str.len - 8))
			return true;
	}
	for (; i < str.len; i++)
		if (!is_field_byte(str.ptr[i]))
			return false;
	return true;
}
