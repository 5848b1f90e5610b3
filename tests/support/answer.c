/* Responses as a client reads them: see support/answer.h. */
#include "support/answer.h"

#include "proto/token.h"

#include <stdlib.h>

enum { ANSWERS_MAX = 4096 };

/* The line at the beginning of @bytes, without its end, which must be CR LF. */
static bool read_line(struct ouro_str *bytes, struct ouro_str *line)
{
	const char *end = memchr(bytes->ptr, '\n', bytes->len);
	size_t len = end ? (size_t)(end - bytes->ptr) : 0;

	if (len == 0 || end[-1] != '\r')
		return false;
	*line = ouro_str(bytes->ptr, len - 1);
	*bytes = ouro_str(end + 1, bytes->len - len - 1);
	return !memchr(line->ptr, '\r', line->len);
}

static bool read_status(struct ouro_str line, unsigned *status)
{
	uint64_t number;

	if (line.len < 13 || memcmp(line.ptr, "HTTP/1.1 ", 9) != 0 || line.ptr[12] != ' ' ||
	    ouro_str_to_u64(ouro_str(line.ptr + 9, 3), &number))
		return false;
	*status = (unsigned)number;
	return number >= 100;
}

static bool read_field(struct ouro_str line)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	size_t name_len = colon ? (size_t)(colon - line.ptr) : 0;

	return colon && ouro_is_token(ouro_str(line.ptr, name_len)) &&
	       ouro_is_field_value(ouro_str(colon + 1, line.len - name_len - 1));
}

/* Field lines up to the empty one that ends them. */
static bool read_fields(struct ouro_str *bytes)
{
	struct ouro_str line;

	do {
		if (!read_line(bytes, &line) || (line.len > 0 && !read_field(line)))
			return false;
	} while (line.len > 0);
	return true;
}

struct ouro_str answer_field(const struct answer *answer, const char *name)
{
	struct ouro_str rest = answer->head, line, wanted = ouro_str_c(name);

	while (read_line(&rest, &line) && line.len > 0)
		if (line.len > wanted.len && line.ptr[wanted.len] == ':' &&
		    ouro_str_eq_nocase(ouro_str(line.ptr, wanted.len), wanted))
			return ouro_str_trim(
				ouro_str(line.ptr + wanted.len + 1, line.len - wanted.len - 1));
	return (struct ouro_str){ 0 };
}

static bool read_chunks(struct ouro_str *bytes)
{
	struct ouro_str line;

	while (read_line(bytes, &line) && line.len > 0 && line.len < 17) {
		char text[20] = { 0 };
		char *end;
		unsigned long long size;

		memcpy(text, line.ptr, line.len);
		size = strtoull(text, &end, 16);
		if (*end)
			return false;
		if (size == 0)
			return read_fields(bytes);
		if (bytes->len < size + 2)
			return false;
		if (memcmp(bytes->ptr + size, "\r\n", 2) != 0)
			return false;
		*bytes = ouro_str(bytes->ptr + size + 2, bytes->len - size - 2);
	}
	return false;
}

static bool read_body(struct ouro_str *bytes, bool to_head, struct answer *answer)
{
	struct ouro_str length = answer_field(answer, "content-length");
	struct ouro_str coding = answer_field(answer, "transfer-encoding");
	uint64_t len;

	answer->chunked = coding.ptr != NULL;
	if (length.ptr && coding.ptr)
		return false;
	if (answer->status < 200 || answer->status == 204) {
		/* RFC 9110, 8.6; RFC 9112, 6.1: neither field may be there. */
		return !length.ptr && !coding.ptr;
	}
	if (to_head || answer->status == 304)
		return true;
	if (coding.ptr)
		return ouro_str_eq(coding, OURO_STR("chunked")) && read_chunks(bytes);
	answer->until_close = !length.ptr;
	if (answer->until_close)
		len = bytes->len;
	else if (ouro_str_to_u64(length, &len) || len > bytes->len)
		return false;
	*bytes = ouro_str(bytes->ptr + len, bytes->len - len);
	return true;
}

bool answer_read(struct ouro_str *bytes, bool to_head, struct answer *answer)
{
	struct ouro_str rest = *bytes, line;
	const char *begin = bytes->ptr, *body;

	*answer = (struct answer){ 0 };
	if (rest.len == 0 || !read_line(&rest, &line) || !read_status(line, &answer->status))
		return false;
	if (!read_fields(&rest))
		return false;
	answer->head = ouro_str(begin, (size_t)(rest.ptr - begin));
	body = rest.ptr;
	if (!read_body(&rest, to_head, answer))
		return false;
	answer->body = ouro_str(body, (size_t)(rest.ptr - body));
	*bytes = rest;
	return true;
}

static bool are_whole(struct ouro_str bytes, int depth)
{
	struct ouro_str rest = bytes;
	struct answer answer;

	if (bytes.len == 0)
		return true;
	if (depth == ANSWERS_MAX)
		return false;
	if (answer_read(&rest, false, &answer) && are_whole(rest, depth + 1))
		return true;
	rest = bytes;
	return answer_read(&rest, true, &answer) && answer.body.len == 0 && rest.len < bytes.len &&
	       are_whole(rest, depth + 1);
}

bool answers_are_whole(struct ouro_str bytes)
{
	return are_whole(bytes, 0);
}
