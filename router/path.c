/* The canonical form of a path: see router/path.h. */
#include "router/path.h"

#include "base/str.h"
#include "router/scan.h"

#include <errno.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

bool ouro_path_is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

/* The byte that the escape at @at stands for, or -1 where it is malformed. */
static int escaped_byte(const char *at, const char *end)
{
	int high, low;

	if (end - at < 3)
		return -1;
	high = hex_digit(at[1]);
	low = hex_digit(at[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Writes one character of a path at @out, or the escape for it. Returns what was read. */
static size_t put_char(const char *at, const char *end, char **out)
{
	static const char digits[] = "0123456789ABCDEF";
	int byte;

	if (*at != '%') {
		*(*out)++ = *at;
		return 1;
	}
	byte = escaped_byte(at, end);
	if (byte < 0)
		return 0;
	if (ouro_path_is_unreserved((unsigned char)byte)) {
		*(*out)++ = (char)byte;
	} else {
		*(*out)++ = '%';
		*(*out)++ = digits[byte >> 4];
		*(*out)++ = digits[byte & 15];
	}
	return 3;
}

ssize_t ouro_path_canonical_escapes(struct ouro_str text, char *out)
{
	const char *at = text.ptr, *end = at + text.len;
	char *start = out;

	while (at < end) {
		size_t step = put_char(at, end, &out);

		if (step == 0)
			return -EINVAL;
		at += step;
	}
	return out - start;
}

static bool is_dot(struct ouro_str segment)
{
	return segment.len == 1 && segment.ptr[0] == '.';
}

static bool is_two_dots(struct ouro_str segment)
{
	return segment.len == 2 && segment.ptr[0] == '.' && segment.ptr[1] == '.';
}

/* What is written always ends with the slash before the segment to come, so that a dot segment at
 * the end leaves that slash (RFC 3986, 5.2.4). */
ssize_t ouro_path_canonical(struct ouro_str path, char *out)
{
	const char *at = path.ptr, *end = at + path.len;
	char *to = out;

	if (path.len == 0 || *at != '/')
		return ouro_path_canonical_escapes(path, out);
	*to++ = *at++;
	while (at < end) {
		char *segment = to;
		size_t step = 0;

		for (; at < end && *at != '/'; at += step) {
			step = put_char(at, end, &to);
			if (step == 0)
				return -EINVAL;
		}
		if (is_dot(ouro_str(segment, (size_t)(to - segment)))) {
			to = segment;
		} else if (is_two_dots(ouro_str(segment, (size_t)(to - segment)))) {
			to = segment - (segment > out + 1);
			while (to[-1] != '/')
				to--;
		} else if (to > segment && at < end) {
			*to++ = '/';
		}
		at += at < end;
	}
	return to - out;
}

/* Whether nothing in @path needs more than a glance: no escape, no slash or dot after a slash. */
static bool is_plain(struct ouro_str path)
{
	struct ouro_marks slashes, dots, escapes;
	uint64_t wrong = 0, before = 0;

	for (size_t i = 0; i < path.len; i += OURO_MARKS_COUNT) {
		struct ouro_str part = ouro_str(path.ptr + i, path.len - i);

		slashes = ouro_marks_find(part, '/');
		dots = ouro_marks_find(part, '.');
		escapes = ouro_marks_find(part, '%');
		wrong |= escapes.bits | ((slashes.bits << 1 | before) & (slashes.bits | dots.bits));
		before = slashes.bits >> (OURO_MARKS_COUNT - 1);
	}
	return wrong == 0;
}

static bool is_canonical_escape(const char *at, const char *end)
{
	int byte = escaped_byte(at, end);

	return byte >= 0 && !ouro_path_is_unreserved((unsigned char)byte) && at[1] < 'a' &&
	       at[2] < 'a';
}

bool ouro_path_is_canonical(struct ouro_str path)
{
	const char *at = path.ptr, *end = at + path.len, *segment;
	bool has_segments = path.len > 0 && *at == '/';

	if (is_plain(path))
		return true;
	for (; at < end; at++)
		if (*at == '%' && !is_canonical_escape(at, end))
			return false;
	if (!has_segments)
		return true;
	for (segment = path.ptr + 1; segment < end; segment = at + 1) {
		struct ouro_str text;

		at = memchr(segment, '/', (size_t)(end - segment));
		if (!at)
			at = end;
		text = ouro_str(segment, (size_t)(at - segment));
		if (text.len == 0 || is_dot(text) || is_two_dots(text))
			return false;
	}
	return true;
}
