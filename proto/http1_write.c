/* Response heads: see proto/http1_write.h. */
#include "proto/http1_write.h"

#include "base/str.h"
#include "proto/date.h"
#include "proto/status.h"
#include "proto/token.h"
#include "proto/trailer.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The functions that write take where the next byte goes and return where the one after theirs
 * goes; the room has been reckoned before. Copies are made in pieces of constant size, the last of
 * which overlaps the one before it: for a few dozen bytes that is faster than memcpy(). */
static inline char *put(char *at, const char *data, size_t len)
{
	if (len >= 16) {
		for (size_t i = 0; i + 16 < len; i += 16)
			memcpy(at + i, data + i, 16);
		memcpy(at + len - 16, data + len - 16, 16);
	} else if (len > 0) {
		memcpy(at, data, len);
	}
	return at + len;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

/* RFC 9110, 8.6 and 15.4.5: no body may follow, so nothing says how long it is. */
static bool never_has_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

/* Most bytes of a head that are not the caller's: the longest status line, every field that is
 * written here with its longest value, the line that ends the head. */
#define FIXED_BYTES_MAX                                                                            \
	(OURO_STATUS_LINE_BYTES_MAX + sizeof("date: \r\n") + OURO_DATE_BYTES +                     \
	 sizeof("content-type: \r\n") + sizeof("transfer-encoding: chunked\r\n") + 20 +            \
	 sizeof("connection: keep-alive\r\n") + sizeof("\r\n"))

size_t ouro_http1_head_bytes_max(const struct ouro_response_head *head)
{
	size_t bytes = FIXED_BYTES_MAX + head->content_type.len;

	for (size_t i = 0; i < head->field_count; i++)
		bytes += head->fields[i].name.len + head->fields[i].value.len + 4;
	return bytes;
}

static char *put_status(char *at, const struct ouro_response_head *head)
{
	struct ouro_str line = ouro_status_line(head->status);

	if (line.len > 0) {
		at = put(at, line.ptr, line.len);
	} else {
		at = PUT(at, "HTTP/1.1 ");
		at += ouro_u64_to_dec(head->status, at);
		at = PUT(at, " Unknown\r\n");
	}
	if (head->date) {
		at = PUT(at, "date: ");
		at = put(at, head->date, OURO_DATE_BYTES);
		at = PUT(at, "\r\n");
	}
	return at;
}

static char *put_framing(char *at, const struct ouro_response_head *head)
{
	if (never_has_body(head->status))
		return at;
	switch (head->framing) {
	case OURO_FRAMING_LENGTH:
		at = PUT(at, "content-length: ");
		at += ouro_u64_to_dec(head->content_length, at);
		at = PUT(at, "\r\n");
		break;
	case OURO_FRAMING_CHUNKED:
		at = PUT(at, "transfer-encoding: chunked\r\n");
		break;
	case OURO_FRAMING_NONE:
		break;
	}
	return at;
}

static char *put_persistence(char *at, const struct ouro_response_head *head)
{
	switch (head->persistence) {
	case OURO_PERSISTENCE_DEFAULT:
		break;
	case OURO_PERSISTENCE_CLOSE:
		return PUT(at, "connection: close\r\n");
	case OURO_PERSISTENCE_KEEP_ALIVE:
		return PUT(at, "connection: keep-alive\r\n");
	case OURO_PERSISTENCE_UPGRADE:
		return PUT(at, "connection: upgrade\r\n");
	}
	return at;
}

/* A second field that tells the framing, or one that contradicts it, is how answers are split. */
static bool is_written_here(struct ouro_str name)
{
	return ouro_str_eq_nocase(name, OURO_STR("content-length")) ||
	       ouro_str_eq_nocase(name, OURO_STR("transfer-encoding")) ||
	       ouro_str_eq_nocase(name, OURO_STR("connection"));
}

static bool is_valid(const struct ouro_response_head *head)
{
	if (head->status < 100 || head->status > 999 || !ouro_is_field_value(head->content_type))
		return false;
	for (size_t i = 0; i < head->field_count; i++) {
		const struct ouro_field_line *field = &head->fields[i];

		if (!ouro_is_token(field->name) || is_written_here(field->name) ||
		    !ouro_is_field_value(field->value))
			return false;
	}
	return true;
}

/* Field lines, and the empty line that ends them. */
static char *put_fields(char *at, const struct ouro_field_line *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		at = put(at, fields[i].name.ptr, fields[i].name.len);
		at = PUT(at, ": ");
		at = put(at, fields[i].value.ptr, fields[i].value.len);
		at = PUT(at, "\r\n");
	}
	return PUT(at, "\r\n");
}

static char *put_head(char *at, const struct ouro_response_head *head)
{
	at = put_status(at, head);
	if (head->content_type.ptr) {
		at = PUT(at, "content-type: ");
		at = put(at, head->content_type.ptr, head->content_type.len);
		at = PUT(at, "\r\n");
	}
	at = put_framing(at, head);
	at = put_persistence(at, head);
	return put_fields(at, head->fields, head->field_count);
}

bool ouro_http1_is_trailer(struct ouro_str name)
{
	return ouro_is_token(name) && ouro_trailer_is_allowed(name);
}

ssize_t ouro_http1_write_trailers(const struct ouro_field_line *fields, size_t count, char *out,
				  size_t room)
{
	size_t bytes = sizeof("0\r\n\r\n") - 1;

	for (size_t i = 0; i < count; i++) {
		if (!ouro_http1_is_trailer(fields[i].name) || !ouro_is_field_value(fields[i].value))
			return -EINVAL;
		bytes += fields[i].name.len + fields[i].value.len + 4;
	}
	if (bytes > room)
		return -ENOSPC;
	return put_fields(PUT(out, "0\r\n"), fields, count) - out;
}

ssize_t ouro_http1_write_head(const struct ouro_response_head *head, char *out, size_t room)
{
	if (!is_valid(head))
		return -EINVAL;
	if (room < ouro_http1_head_bytes_max(head))
		return -ENOSPC;
	return put_head(out, head) - out;
}

size_t ouro_http1_write_chunk_head(uint64_t bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";
	unsigned shift = 60;
	size_t len = 0;

	assert(bytes > 0);
	while (!(bytes >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		out[len++] = digits[bytes >> shift & 15];
		if (shift == 0)
			break;
	}
	out[len++] = '\r';
	out[len++] = '\n';
	return len;
}
