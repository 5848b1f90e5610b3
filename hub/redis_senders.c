/* The senders of a topic: see hub/redis_senders.h. */
#include "hub/redis_senders.h"

#include <stdlib.h>
#include <string.h>

static void grow(struct ouro_redis_senders *senders)
{
	uint32_t room = senders->room ? senders->room * 2 : 1;
	struct ouro_redis_sender *grown;

	if (room > OURO_REDIS_SENDERS_MAX)
		return;
	grown = realloc(senders->known, room * sizeof(*grown));
	if (!grown)
		return;
	senders->known = grown;
	senders->room = room;
}

/* Its place; that of a new one, at the end, where it is not known. The room's end: there is none. */
static uint32_t find(struct ouro_redis_senders *senders, uint64_t id)
{
	uint32_t place = 0;

	while (place < senders->count && senders->known[place].id != id)
		place++;
	if (place < senders->count)
		return place;
	if (place == senders->room)
		grow(senders);
	if (place == senders->room)
		return place > 0 ? place - 1 : 0;
	senders->count++;
	return place;
}

bool ouro_redis_senders_note(struct ouro_redis_senders *senders, uint64_t id, uint64_t number)
{
	uint32_t known_count = senders->count, place = find(senders, id);

	if (senders->room == 0)
		return true;
	if (place < known_count && senders->known[place].id == id &&
	    senders->known[place].number >= number)
		return false;
	memmove(senders->known + 1, senders->known, place * sizeof(*senders->known));
	senders->known[0] = (struct ouro_redis_sender){ id, number };
	return true;
}

void ouro_redis_senders_fini(struct ouro_redis_senders *senders)
{
	free(senders->known);
	*senders = (struct ouro_redis_senders){ 0 };
}
