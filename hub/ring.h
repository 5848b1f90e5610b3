/* What a topic remembers: its latest messages in the order of their ids, for loops that have not
 * fetched them yet and for subscribers who come back. */
#ifndef OURO_HUB_RING_H
#define OURO_HUB_RING_H

#include "hub/message.h"

struct ouro_hub_kept {
	struct ouro_hub_message *message;
	/* Not zero: before this message, some up to this id may have been lost for ever. */
	struct ouro_hub_id gap;
};

/* Zero: empty, with nothing ever published. */
struct ouro_hub_ring {
	struct ouro_hub_kept *kept;
	uint32_t room;  /* a power of two */
	uint32_t first; /* index of the oldest */
	uint32_t count;
	size_t bytes;             /* of the messages */
	struct ouro_hub_id floor; /* the ring knows of what came after it, and of nothing before */
	struct ouro_hub_id last;  /* of the newest message, also when that has been dropped */
};

void ouro_hub_ring_fini(struct ouro_hub_ring *ring);

/* Adds @message, whose id is greater than all before, with a reference. 0 or -ENOMEM. */
int ouro_hub_ring_add(struct ouro_hub_ring *ring, struct ouro_hub_message *message,
		      struct ouro_hub_id gap);

void ouro_hub_ring_drop_oldest(struct ouro_hub_ring *ring);

/* @index counts from the oldest. */
struct ouro_hub_kept *ouro_hub_ring_at(const struct ouro_hub_ring *ring, uint32_t index);

/* The index of the oldest message after @id; the count where there is none. */
uint32_t ouro_hub_ring_after(const struct ouro_hub_ring *ring, struct ouro_hub_id id);

/* The oldest message that its publisher gave the id @id; NULL where there is none. */
struct ouro_hub_message *ouro_hub_ring_find(const struct ouro_hub_ring *ring, struct ouro_str id);

#endif
