/* Who has sent the messages of a topic, and which was the last of each: a message that comes again
 * is known by that. It may come again where Redis loses its data, and with them the numbers by
 * which it tells what it has had. */
#ifndef OURO_HUB_REDIS_SENDERS_H
#define OURO_HUB_REDIS_SENDERS_H

#include <stdbool.h>
#include <stdint.h>

/* Beyond it the one who has been silent for longest is forgotten. */
enum { OURO_REDIS_SENDERS_MAX = 64 };

struct ouro_redis_sender {
	uint64_t id;
	uint64_t number; /* of its last message; they grow */
};

/* Zero: none. */
struct ouro_redis_senders {
	struct ouro_redis_sender *known; /* who has sent last comes first */
	uint32_t count, room;
};

/* Notes message @number of the sender @id. False where that, or a later one, was noted before. Where there
 * is no memory for another sender, the one who has been silent for longest is forgotten. */
bool ouro_redis_senders_note(struct ouro_redis_senders *senders, uint64_t id, uint64_t number);

void ouro_redis_senders_fini(struct ouro_redis_senders *senders);

#endif
