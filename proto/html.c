/* Text in HTML and in paths: see proto/html.h. */
#include "proto/html.h"

#include "base/str.h"

#include <errno.h>

/* What stands for @c, or an empty string where that is @c itself. */
static struct ouro_str escape_of(char c)
{
	switch (c) {
	case '&':
		return OURO_STR("&amp;");
	case '<':
		return OURO_STR("&lt;");
	case '>':
		return OURO_STR("&gt;");
	case '"':
		return OURO_STR("&#34;");
	case '\'':
		return OURO_STR("&#39;");
	default:
		return OURO_STR("");
	}
}

ssize_t ouro_html_escape(struct ouro_str text, char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		struct ouro_str piece = escape_of(text.ptr[i]);

		if (piece.len == 0)
			piece = ouro_str(text.ptr + i, 1);
		if (piece.len > room - len)
			return -ENOSPC;
		memcpy(out + len, piece.ptr, piece.len);
		len += piece.len;
	}
	return (ssize_t)len;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

ssize_t ouro_path_encode(struct ouro_str segment, char *out, size_t room)
{
	/* RFC 3986, 2.1: upper case, so that equal names have equal URLs. */
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 0;

	for (size_t i = 0; i < segment.len; i++) {
		unsigned char c = (unsigned char)segment.ptr[i];
		size_t bytes = is_unreserved(segment.ptr[i]) ? 1 : 3;

		if (bytes > room - len)
			return -ENOSPC;
		if (bytes == 1) {
			out[len++] = segment.ptr[i];
			continue;
		}
		out[len++] = '%';
		out[len++] = digits[c >> 4];
		out[len++] = digits[c & 15];
	}
	return (ssize_t)len;
}
