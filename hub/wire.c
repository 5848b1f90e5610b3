/* A message as bytes: see hub/wire.h.
 *
 *     0       1     2      3..8                      9..
 *     format  kind  which  lengths of event, id, key event, id, key, data
 *
 * Lengths are little-endian, of two bytes each; the data have the rest. */
#include "hub/wire.h"

#include <errno.h>

enum {
	FORMAT = 1,
	HEAD_BYTES = 9,
	HAS_EVENT = 1,
	HAS_ID = 2,
	HAS_KEY = 4,
	HAS_DATA = 8,
	HAS_ALL = 15
};

size_t ouro_hub_wire_size(const struct ouro_hub_content *content)
{
	return HEAD_BYTES + content->event.len + content->id.len + content->key.len +
	       content->data.len;
}

static char *put_len(size_t len, char *out)
{
	out[0] = (char)(len & 0xff);
	out[1] = (char)(len >> 8);
	return out + 2;
}

static char *put(struct ouro_str str, char *out)
{
	if (str.len > 0)
		memcpy(out, str.ptr, str.len);
	return out + str.len;
}

void ouro_hub_wire_write(const struct ouro_hub_content *content, char *out)
{
	*out++ = FORMAT;
	*out++ = content->kind == OURO_HUB_BINARY;
	*out++ = (char)((content->event.ptr ? HAS_EVENT : 0) | (content->id.ptr ? HAS_ID : 0) |
			(content->key.ptr ? HAS_KEY : 0) | (content->data.ptr ? HAS_DATA : 0));
	out = put_len(content->event.len, out);
	out = put_len(content->id.len, out);
	out = put_len(content->key.len, out);
	out = put(content->event, out);
	out = put(content->id, out);
	out = put(content->key, out);
	put(content->data, out);
}

static size_t get_len(const char *bytes)
{
	return (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
}

/* Takes @len bytes from @rest, which has as many; absent where @has is false, and then there are
 * none. */
static bool take(struct ouro_str *rest, size_t len, bool has, struct ouro_str *str)
{
	if (!has) {
		*str = ouro_str(NULL, 0);
		return len == 0;
	}
	*str = ouro_str(rest->ptr, len);
	*rest = ouro_str(rest->ptr + len, rest->len - len);
	return true;
}

int ouro_hub_wire_read(struct ouro_str bytes, struct ouro_hub_content *content)
{
	struct ouro_hub_content parsed;
	size_t event_len, id_len, key_len;
	struct ouro_str rest;
	unsigned which;

	if (bytes.len < HEAD_BYTES || bytes.ptr[0] != FORMAT || (bytes.ptr[1] & ~1) != 0 ||
	    (bytes.ptr[2] & ~HAS_ALL) != 0)
		return -EPROTO;
	which = (unsigned)bytes.ptr[2];
	event_len = get_len(bytes.ptr + 3);
	id_len = get_len(bytes.ptr + 5);
	key_len = get_len(bytes.ptr + 7);
	rest = ouro_str(bytes.ptr + HEAD_BYTES, bytes.len - HEAD_BYTES);
	if (event_len + id_len + key_len > rest.len)
		return -EPROTO;
	parsed.kind = bytes.ptr[1] ? OURO_HUB_BINARY : OURO_HUB_TEXT;
	if (!take(&rest, event_len, which & HAS_EVENT, &parsed.event) ||
	    !take(&rest, id_len, which & HAS_ID, &parsed.id) ||
	    !take(&rest, key_len, which & HAS_KEY, &parsed.key) ||
	    !take(&rest, rest.len, which & HAS_DATA, &parsed.data))
		return -EPROTO;
	*content = parsed;
	return 0;
}
