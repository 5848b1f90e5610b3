/* What a topic remembers: see hub/ring.h. */
#include "hub/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { ROOM_MIN = 4 };

struct ouro_hub_kept *ouro_hub_ring_at(const struct ouro_hub_ring *ring, uint32_t index)
{
	return &ring->kept[(ring->first + index) & (ring->room - 1)];
}

void ouro_hub_ring_fini(struct ouro_hub_ring *ring)
{
	while (ring->count > 0)
		ouro_hub_ring_drop_oldest(ring);
	free(ring->kept);
	ring->kept = NULL;
	ring->room = 0;
}

static int grow(struct ouro_hub_ring *ring)
{
	uint32_t room = ring->room ? ring->room * 2 : ROOM_MIN;
	struct ouro_hub_kept *kept = malloc(room * sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	for (uint32_t i = 0; i < ring->count; i++)
		kept[i] = *ouro_hub_ring_at(ring, i);
	free(ring->kept);
	ring->kept = kept;
	ring->room = room;
	ring->first = 0;
	return 0;
}

int ouro_hub_ring_add(struct ouro_hub_ring *ring, struct ouro_hub_message *message,
		      struct ouro_hub_id gap)
{
	struct ouro_hub_id stamp = ouro_hub_message_stamp(message);

	assert(ouro_hub_id_is_before(ring->last, stamp));
	if (ring->count == ring->room && grow(ring))
		return -ENOMEM;
	*ouro_hub_ring_at(ring, ring->count) = (struct ouro_hub_kept){
		.message = ouro_hub_message_ref(message),
		.gap = gap,
	};
	ring->count++;
	ring->bytes += ouro_hub_message_bytes(message);
	ring->last = stamp;
	return 0;
}

void ouro_hub_ring_drop_oldest(struct ouro_hub_ring *ring)
{
	struct ouro_hub_message *message = ouro_hub_ring_at(ring, 0)->message;

	assert(ring->count > 0);
	ring->floor = ouro_hub_message_stamp(message);
	ring->bytes -= ouro_hub_message_bytes(message);
	ring->first = (ring->first + 1) & (ring->room - 1);
	ring->count--;
	ouro_hub_message_unref(message);
}

uint32_t ouro_hub_ring_after(const struct ouro_hub_ring *ring, struct ouro_hub_id id)
{
	uint32_t low = 0, high = ring->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ouro_hub_id_is_before(id, ouro_hub_message_stamp(
						      ouro_hub_ring_at(ring, middle)->message)))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct ouro_hub_message *ouro_hub_ring_find(const struct ouro_hub_ring *ring, struct ouro_str id)
{
	for (uint32_t i = 0; i < ring->count; i++) {
		struct ouro_hub_message *message = ouro_hub_ring_at(ring, i)->message;
		struct ouro_str given = ouro_hub_message_content(message)->id;

		if (given.ptr && ouro_str_eq(given, id))
			return message;
	}
	return NULL;
}
