/* Events of an event stream: see sse/event.h. */
#include "sse/event.h"

#include <errno.h>

enum { RETRY_DIGITS_MAX = 20 };

/* Takes the next line from @text; false behind the last one. There is always one, if an empty
 * one. */
static bool next_line(struct ouro_str *text, struct ouro_str *line)
{
	size_t len = 0;

	if (!text->ptr)
		return false;
	while (len < text->len && text->ptr[len] != '\r' && text->ptr[len] != '\n')
		len++;
	*line = ouro_str(text->ptr, len);
	if (len == text->len) {
		*text = ouro_str(NULL, 0);
		return true;
	}
	len += len + 1 < text->len && memcmp(text->ptr + len, "\r\n", 2) == 0 ? 2 : 1;
	*text = ouro_str(text->ptr + len, text->len - len);
	return true;
}

static bool has_control(struct ouro_str str)
{
	for (size_t i = 0; i < str.len; i++)
		if ((unsigned char)str.ptr[i] < 0x20 || str.ptr[i] == 0x7f)
			return true;
	return false;
}

bool ouro_sse_id_is_legal(struct ouro_str id)
{
	return id.len <= OURO_SSE_ID_BYTES_MAX && !has_control(id) &&
	       ouro_str_trim(id).len == id.len;
}

bool ouro_sse_parse_last_event_id(struct ouro_str value, struct ouro_str *id)
{
	struct ouro_str trimmed = ouro_str_trim(value);

	if (trimmed.len == 0 || !ouro_sse_id_is_legal(trimmed))
		return false;
	*id = trimmed;
	return true;
}

static bool has_line_end_or_nul(struct ouro_str str)
{
	return str.len > 0 && (memchr(str.ptr, '\r', str.len) || memchr(str.ptr, '\n', str.len) ||
			       memchr(str.ptr, '\0', str.len));
}

static int check(const struct ouro_sse_event *event)
{
	if (event->id.len > OURO_SSE_ID_BYTES_MAX || event->event.len > OURO_SSE_NAME_BYTES_MAX ||
	    event->key.len > OURO_SSE_NAME_BYTES_MAX)
		return -EMSGSIZE;
	/* Before they are added up: what is longer than the whole may be cannot be less encoded. */
	if (event->data.len > OURO_SSE_EVENT_BYTES_MAX ||
	    event->comment.len > OURO_SSE_EVENT_BYTES_MAX)
		return -EMSGSIZE;
	if (!event->comment.ptr && !event->event.ptr && !event->id.ptr && !event->data.ptr &&
	    event->retry_ms == 0)
		return -EINVAL;
	if (has_line_end_or_nul(event->event) || !ouro_sse_id_is_legal(event->id) ||
	    event->retry_ms > OURO_SSE_RETRY_MS_MAX)
		return -EINVAL;
	return 0;
}

/* Counts and, where @out is set, writes: so that the two cannot differ. */
struct writer {
	char *out; /* NULL: only counted */
	size_t len;
};

static void put(struct writer *writer, struct ouro_str str)
{
	if (writer->out && str.len > 0)
		memcpy(writer->out + writer->len, str.ptr, str.len);
	writer->len += str.len;
}

static void put_field(struct writer *writer, struct ouro_str name, struct ouro_str value)
{
	put(writer, name);
	/* The one space is the client's to remove; without it, a value that begins with one would
	 * lose it. */
	put(writer, OURO_STR(": "));
	put(writer, value);
	put(writer, OURO_STR("\n"));
}

static void put_lines(struct writer *writer, struct ouro_str name, struct ouro_str text)
{
	struct ouro_str line;

	while (next_line(&text, &line))
		put_field(writer, name, line);
}

static void put_event(struct writer *writer, const struct ouro_sse_event *event)
{
	char digits[RETRY_DIGITS_MAX];

	put_lines(writer, OURO_STR(""), event->comment);
	if (event->event.ptr)
		put_field(writer, OURO_STR("event"), event->event);
	if (event->id.ptr)
		put_field(writer, OURO_STR("id"), event->id);
	if (event->retry_ms > 0)
		put_field(writer, OURO_STR("retry"),
			  ouro_str(digits, ouro_u64_to_dec(event->retry_ms, digits)));
	put_lines(writer, OURO_STR("data"), event->data);
	put(writer, OURO_STR("\n"));
}

ssize_t ouro_sse_event_size(const struct ouro_sse_event *event)
{
	struct writer counter = { 0 };
	int err = check(event);

	if (err)
		return err;
	put_event(&counter, event);
	if (counter.len > OURO_SSE_EVENT_BYTES_MAX)
		return -EMSGSIZE;
	return (ssize_t)counter.len;
}

ssize_t ouro_sse_event_write(const struct ouro_sse_event *event, char *out, size_t room)
{
	ssize_t len = ouro_sse_event_size(event);
	struct writer writer = { .out = out };

	if (len < 0)
		return len;
	if ((size_t)len > room)
		return -ENOBUFS;
	put_event(&writer, event);
	assert(writer.len == (size_t)len);
	return len;
}

int ouro_sse_event_encode(const struct ouro_sse_event *event, struct ouro_sse_encoded *encoded)
{
	ssize_t len = ouro_sse_event_size(event);
	struct writer writer = { 0 };
	struct ouro_buf *buf;

	if (len < 0)
		return (int)len;
	buf = ouro_buf_create((uint32_t)((size_t)len + event->key.len));
	if (!buf)
		return -ENOMEM;
	writer.out = buf->data;
	put_event(&writer, event);
	buf->len = (uint32_t)writer.len;
	*encoded = (struct ouro_sse_encoded){
		.bytes = { .ptr = buf->data, .len = writer.len, .buf = buf },
		.key = ouro_str(buf->data + writer.len, event->key.len),
	};
	if (event->key.len > 0)
		memcpy(buf->data + writer.len, event->key.ptr, event->key.len);
	return 0;
}
