/* Any bytes as a JSON string: see proto/json_escape.h. */
#include "proto/json_escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What one step reads and writes. */
struct piece {
	size_t taken;
	size_t len;
	char bytes[8];
};

/* How many bytes at @at begin a valid UTF-8 sequence: its length where all are there, and @valid
 * is set; else those of the longest part of it, at least one (Unicode, 3.9: maximal subpart). */
static size_t utf8_length(const unsigned char *at, size_t len, bool *valid)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t need = *at < 0xc2 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 1;

	/* The second byte is narrower where the sequence would be too long, a surrogate, or beyond
	 * the last code point. */
	if (*at == 0xe0)
		low = 0xa0;
	if (*at == 0xed)
		high = 0x9f;
	if (*at == 0xf0)
		low = 0x90;
	if (*at == 0xf4)
		high = 0x8f;
	*valid = *at < 0x80 || need > 1;
	for (size_t i = 1; i < need; i++) {
		if (i == len || at[i] < low || at[i] > high) {
			*valid = false;
			return i;
		}
		low = 0x80;
		high = 0xbf;
	}
	return need;
}

static void escape_control(struct piece *piece, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};

	if (letters[c]) {
		piece->len = 2;
		piece->bytes[1] = letters[c];
		return;
	}
	piece->len = 6;
	memcpy(piece->bytes + 1, "u00", 3);
	piece->bytes[4] = digits[c >> 4];
	piece->bytes[5] = digits[c & 15];
}

/* What becomes of the byte or the sequence at @at, which is not plain. */
static void escape(struct piece *piece, const char *at, size_t len)
{
	unsigned char c = (unsigned char)*at;
	bool valid;

	piece->taken = 1;
	piece->bytes[0] = '\\';
	if (c < 0x20) {
		escape_control(piece, c);
	} else if (c < 0x80) {
		piece->len = 2;
		piece->bytes[1] = *at;
	} else {
		piece->taken = utf8_length((const unsigned char *)at, len, &valid);
		piece->len = valid ? piece->taken : 3;
		memcpy(piece->bytes, valid ? at : "\xef\xbf\xbd", piece->len);
	}
}

static bool is_plain(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
}

ssize_t ouro_json_write_string(struct ouro_str text, char *out, size_t room)
{
	const char *at = text.ptr, *end = text.ptr + text.len;
	size_t len = 0;
	struct piece piece;

	if (room < 2)
		return -ENOSPC;
	out[len++] = '"';
	while (at < end) {
		/* The closing quote always has its place. */
		if (is_plain(*at)) {
			if (room - len < 2)
				return -ENOSPC;
			out[len++] = *at++;
			continue;
		}
		escape(&piece, at, (size_t)(end - at));
		if (room - len < piece.len + 1)
			return -ENOSPC;
		memcpy(out + len, piece.bytes, piece.len);
		len += piece.len;
		at += piece.taken;
	}
	out[len++] = '"';
	return (ssize_t)len;
}
