/* Rendered response heads: see server/head_cache.h. */
#include "server/head_cache.h"

#include "base/str.h"
#include "proto/date.h"

#include <stdbool.h>

#define LENGTH_FIELD "content-length: "

static bool is_common(const struct ouro_response_head *head)
{
	return head->framing == OURO_FRAMING_LENGTH && head->field_count == 0 &&
	       head->status >= 200 && head->status != 204 && head->status != 304 &&
	       head->persistence <= OURO_PERSISTENCE_CLOSE &&
	       head->content_type.len <= OURO_HEAD_CACHE_TYPE_MAX;
}

/* Writes the head once without its length, then puts that field's name at its end. */
static bool fill(struct ouro_head_cache_entry *entry, const struct ouro_response_head *head,
		 int64_t unix_s)
{
	struct ouro_response_head bare = *head;
	char text[512];
	ssize_t len;
	const char *date;

	bare.framing = OURO_FRAMING_NONE;
	bare.persistence = OURO_PERSISTENCE_DEFAULT;
	entry->status = 0;
	len = ouro_http1_write_head(&bare, text, sizeof(text));
	if (len < 0)
		return false;
	len -= 2; /* the empty line */
	if ((size_t)len + sizeof(LENGTH_FIELD) - 1 > OURO_HEAD_CACHE_PREFIX_MAX)
		return false;
	date = memmem(text, (size_t)len, head->date, OURO_DATE_BYTES);
	if (!date)
		return false;
	memcpy(entry->prefix, text, (size_t)len);
	memcpy(entry->prefix + len, LENGTH_FIELD, sizeof(LENGTH_FIELD) - 1);
	memcpy(entry->type, head->content_type.ptr ? head->content_type.ptr : "",
	       head->content_type.len);
	entry->date_offset = (uint16_t)(date - text);
	entry->date_unix_s = unix_s;
	entry->prefix_len = (uint16_t)((size_t)len + sizeof(LENGTH_FIELD) - 1);
	entry->type_len = (uint16_t)head->content_type.len;
	entry->status = head->status;
	return true;
}

static bool matches(const struct ouro_head_cache_entry *entry, const struct ouro_response_head *head)
{
	return entry->status == head->status && entry->type_len == head->content_type.len &&
	       memcmp(entry->type, head->content_type.ptr, head->content_type.len) == 0;
}

static struct ouro_head_cache_entry *find(struct ouro_head_cache *cache,
					  const struct ouro_response_head *head)
{
	size_t hash = head->status + head->content_type.len * 3;

	return &cache->entries[hash % OURO_HEAD_CACHE_ENTRIES];
}

size_t ouro_head_cache_write(struct ouro_head_cache *cache, const struct ouro_response_head *head,
			     int64_t unix_s, char *out)
{
	static const struct ouro_str ends[] = {
		[OURO_PERSISTENCE_DEFAULT] = { "\r\n\r\n", 4 },
		[OURO_PERSISTENCE_CLOSE] = { "\r\nconnection: close\r\n\r\n", 23 },
	};
	struct ouro_head_cache_entry *entry = find(cache, head);
	struct ouro_str end;
	size_t len;

	/* Without a type there is nothing to compare it with. */
	if (!head->content_type.ptr || !is_common(head))
		return 0;
	if (!matches(entry, head) && !fill(entry, head, unix_s))
		return 0;
	if (entry->date_unix_s != unix_s) {
		memcpy(entry->prefix + entry->date_offset, head->date, OURO_DATE_BYTES);
		entry->date_unix_s = unix_s;
	}
	/* All of it, since a copy of known size is a few moves. */
	memcpy(out, entry->prefix, OURO_HEAD_CACHE_PREFIX_MAX);
	len = entry->prefix_len;
	len += ouro_u64_to_dec(head->content_length, out + len);
	end = ends[head->persistence];
	memcpy(out + len, end.ptr, end.len);
	return len + end.len;
}
