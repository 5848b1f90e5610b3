/* Ids of messages: a time and a number within its millisecond, written "1700000000000-5" as
 * Redis writes those of its streams. In one topic they grow.
 *
 * Because they begin with the time, an id that the topic does not reach back to is known for what
 * it is. The time alone cannot tell an id from before a restart: the clock may have been set back
 * since. So in the ids that hubs make themselves, the low bits of the number are the origin, which
 * hardly any two hubs have in common, be they of other processes or of earlier runs. */
#ifndef OURO_HUB_ID_H
#define OURO_HUB_ID_H

#include "base/str.h"

enum {
	OURO_HUB_ID_TEXT_MAX = 41,
	OURO_HUB_ORIGIN_MAX = (1 << 24) - 1,
};

/* Zero is before every message. */
struct ouro_hub_id {
	uint64_t ms;
	uint64_t seq;
};

static inline bool ouro_hub_id_is_before(struct ouro_hub_id a, struct ouro_hub_id b)
{
	return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
}

static inline bool ouro_hub_id_eq(struct ouro_hub_id a, struct ouro_hub_id b)
{
	return a.ms == b.ms && a.seq == b.seq;
}

static inline bool ouro_hub_id_is_zero(struct ouro_hub_id id)
{
	return id.ms == 0 && id.seq == 0;
}

static inline uint32_t ouro_hub_id_origin(struct ouro_hub_id id)
{
	return (uint32_t)(id.seq & OURO_HUB_ORIGIN_MAX);
}

/* The id of a message at @now_ms (Unix time) whose topic has come to @last: of the same origin, and
 * greater than that also where the clock went back. */
struct ouro_hub_id ouro_hub_id_next(struct ouro_hub_id last, uint64_t now_ms);

/* Writes @id at @out, which has room for OURO_HUB_ID_TEXT_MAX characters; returns how many. */
size_t ouro_hub_id_write(struct ouro_hub_id id, char *out);

/* Reads an id as it is written above, without leading zeros, so that each id has one text. 0 or
 * -EINVAL; @id is set on 0 alone. */
int ouro_hub_id_parse(struct ouro_str text, struct ouro_hub_id *id);

#endif
