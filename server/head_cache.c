/* Rendered response heads: see server/head_cache.h. */
#include "server/head_cache.h"

#include "base/str.h"
#include "proto/date.h"

#include <stdbool.h>

#define LENGTH_FIELD "content-length: "

static bool can_be_kept(const struct ouro_common_head *head)
{
	return head->status >= 200 && head->status <= 999 && head->status != 204 &&
	       head->status != 304 && head->content_type.ptr &&
	       head->content_type.len <= OURO_HEAD_CACHE_TYPE_MAX;
}

/* Writes the head once without its length, then puts that field's name at its end. */
static bool fill(struct ouro_head_cache_entry *entry, const struct ouro_common_head *head,
		 const char *date, int64_t unix_s)
{
	const struct ouro_response_head bare = {
		.status = (uint16_t)head->status,
		.date = date,
		.content_type = head->content_type,
		.framing = OURO_FRAMING_NONE,
	};
	char text[512];
	ssize_t len;

	entry->status = 0;
	if (!can_be_kept(head))
		return false;
	len = ouro_http1_write_head(&bare, text, sizeof(text));
	if (len < 0)
		return false;
	len -= 2; /* the empty line */
	if ((size_t)len + sizeof(LENGTH_FIELD) - 1 > OURO_HEAD_CACHE_PREFIX_MAX)
		return false;
	memcpy(entry->prefix, text, (size_t)len);
	memcpy(entry->prefix + len, LENGTH_FIELD, sizeof(LENGTH_FIELD) - 1);
	memcpy(entry->type, head->content_type.ptr, head->content_type.len);
	entry->date_offset =
		(uint16_t)((char *)memmem(text, (size_t)len, date, OURO_DATE_BYTES) - text);
	entry->date_unix_s = unix_s;
	entry->prefix_len = (uint16_t)((size_t)len + sizeof(LENGTH_FIELD) - 1);
	entry->type_len = (uint16_t)head->content_type.len;
	entry->status = (uint16_t)head->status;
	return true;
}

static bool matches(const struct ouro_head_cache_entry *entry, const struct ouro_common_head *head)
{
	return entry->status == head->status && entry->type_len == head->content_type.len &&
	       head->content_type.ptr &&
	       memcmp(entry->type, head->content_type.ptr, head->content_type.len) == 0;
}

size_t ouro_head_cache_write(struct ouro_head_cache *cache, const struct ouro_common_head *head,
			     const char *date, int64_t unix_s, char *out)
{
	static const struct ouro_str ends[] = {
		[OURO_PERSISTENCE_DEFAULT] = { "\r\n\r\n", 4 },
		[OURO_PERSISTENCE_CLOSE] = { "\r\nconnection: close\r\n\r\n", 23 },
	};
	size_t hash = head->status + head->content_type.len * 3;
	struct ouro_head_cache_entry *entry = &cache->entries[hash % OURO_HEAD_CACHE_ENTRIES];
	struct ouro_str end;
	size_t len;

	if (head->persistence > OURO_PERSISTENCE_CLOSE)
		return 0;
	if (!matches(entry, head) && !fill(entry, head, date, unix_s))
		return 0;
	if (entry->date_unix_s != unix_s) {
		memcpy(entry->prefix + entry->date_offset, date, OURO_DATE_BYTES);
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
