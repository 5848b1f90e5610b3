/* Rendered response heads of one worker. Nearly all answers of a service have one of a few heads
 * that differ only in their length and in the second they were made in; these are copied, not
 * written anew. */
#ifndef OURO_SERVER_HEAD_CACHE_H
#define OURO_SERVER_HEAD_CACHE_H

#include "proto/http1_write.h"

enum {
	OURO_HEAD_CACHE_ENTRIES = 8,
	OURO_HEAD_CACHE_TYPE_MAX = 48,    /* longer content types are written anew */
	OURO_HEAD_CACHE_PREFIX_MAX = 160, /* up to and with "content-length: " */
	OURO_HEAD_CACHE_BYTES_MAX = 224,  /* room that a head from here needs */
};

struct ouro_head_cache_entry {
	uint16_t status; /* 0: empty */
	uint16_t type_len;
	uint16_t prefix_len;
	uint16_t date_offset;
	int64_t date_unix_s; /* of the date in @prefix */
	char type[OURO_HEAD_CACHE_TYPE_MAX];
	char prefix[OURO_HEAD_CACHE_PREFIX_MAX];
};

/* Zero is empty. */
struct ouro_head_cache {
	struct ouro_head_cache_entry entries[OURO_HEAD_CACHE_ENTRIES];
};

/* What a head of the common kind depends on, besides the time: its length is known, it has no fields
 * of its own and a status with a body. */
struct ouro_common_head {
	unsigned status;
	enum ouro_persistence persistence;
	struct ouro_str content_type;
	uint64_t content_length;
};

/* Writes at @out (room: OURO_HEAD_CACHE_BYTES_MAX) what ouro_http1_write_head() writes for @head and
 * @date, which is that of @unix_s. Returns the length; 0 where it cannot be kept: a status that has
 * no body, a type that is absent, long or invalid, another persistence than default and close. */
size_t ouro_head_cache_write(struct ouro_head_cache *cache, const struct ouro_common_head *head,
			     const char *date, int64_t unix_s, char *out);

#endif
