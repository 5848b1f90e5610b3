/* Percent-decoding and queries: see proto/target.h. */
#include "proto/target.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the escape that begins at @at, before @end. Returns its byte, or -EINVAL. */
static int decode_escape(const char *at, const char *end)
{
	int high, low;

	if (end - at < 3)
		return -EINVAL;
	high = hex_digit(at[1]);
	low = hex_digit(at[2]);
	/* %00 would end a string early for whoever hands it to C. */
	if (high < 0 || low < 0 || (high | low) == 0)
		return -EINVAL;
	return high << 4 | low;
}

/* Writing never overtakes reading, so that it may be done in place. */
static ssize_t decode(struct ouro_str text, char plus, char *out, size_t room)
{
	const char *end = text.ptr + text.len;
	size_t len = 0;

	for (const char *at = text.ptr; at < end; at++) {
		int c = (unsigned char)*at;

		if (c == '%') {
			c = decode_escape(at, end);
			if (c < 0)
				return c;
			at += 2;
		} else if (c == '+') {
			c = plus;
		}
		if (len == room)
			return -ENOSPC;
		out[len++] = (char)c;
	}
	return (ssize_t)len;
}

ssize_t ouro_target_decode(struct ouro_str text, char *out, size_t room)
{
	return decode(text, '+', out, room);
}

ssize_t ouro_query_decode(struct ouro_str text, char *out, size_t room)
{
	return decode(text, ' ', out, room);
}

/* Takes what comes before the next @separator off the front of @rest, and the separator. */
static struct ouro_str take_until(struct ouro_str *rest, char separator)
{
	const char *found = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
	size_t len = found ? (size_t)(found - rest->ptr) : rest->len;
	size_t step = found ? len + 1 : len;
	struct ouro_str taken = ouro_str(rest->ptr, len);

	*rest = ouro_str(rest->ptr + step, rest->len - step);
	return taken;
}

bool ouro_query_next(struct ouro_str *query, struct ouro_query_pair *pair)
{
	while (query->len > 0) {
		struct ouro_str text = take_until(query, '&');

		if (text.len == 0)
			continue;
		pair->name = take_until(&text, '=');
		pair->value = text;
		return true;
	}
	return false;
}
