/* The timer heap: see engine/timer.h. */
#include "engine/timer.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum { CHILDREN = 4, ROOM_FIRST = 64 };

static void place(struct ouro_timers *timers, uint32_t index, struct ouro_timer_entry entry)
{
	timers->heap[index] = entry;
	entry.timer->place = index + 1;
}

static void sift_up(struct ouro_timers *timers, uint32_t index, struct ouro_timer_entry entry)
{
	while (index > 0) {
		uint32_t parent = (index - 1) / CHILDREN;

		if (timers->heap[parent].due_ns <= entry.due_ns)
			break;
		place(timers, index, timers->heap[parent]);
		index = parent;
	}
	place(timers, index, entry);
}

static uint32_t first_due_child(const struct ouro_timers *timers, uint32_t index)
{
	uint32_t first = index * CHILDREN + 1;
	uint32_t best = first;

	for (uint32_t child = first + 1; child < first + CHILDREN && child < timers->count; child++)
		if (timers->heap[child].due_ns < timers->heap[best].due_ns)
			best = child;
	return best;
}

static void sift_down(struct ouro_timers *timers, uint32_t index, struct ouro_timer_entry entry)
{
	while (index * CHILDREN + 1 < timers->count) {
		uint32_t child = first_due_child(timers, index);

		if (entry.due_ns <= timers->heap[child].due_ns)
			break;
		place(timers, index, timers->heap[child]);
		index = child;
	}
	place(timers, index, entry);
}

static int grow(struct ouro_timers *timers)
{
	uint32_t room = timers->room ? timers->room * 2 : ROOM_FIRST;
	struct ouro_timer_entry *heap = realloc(timers->heap, room * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	timers->heap = heap;
	timers->room = room;
	return 0;
}

void ouro_timers_fini(struct ouro_timers *timers)
{
	free(timers->heap);
	*timers = (struct ouro_timers){ 0 };
}

int ouro_timer_set(struct ouro_timers *timers, struct ouro_timer *timer, uint64_t due_ns)
{
	int err;

	assert(timer->on_due);
	ouro_timer_stop(timers, timer);
	if (timers->count == timers->room) {
		err = grow(timers);
		if (err)
			return err;
	}
	timer->due_ns = due_ns;
	sift_up(timers, timers->count++, (struct ouro_timer_entry){ due_ns, timer });
	return 0;
}

void ouro_timer_stop(struct ouro_timers *timers, struct ouro_timer *timer)
{
	uint32_t index = timer->place - 1;
	struct ouro_timer_entry last;

	if (timer->place == 0)
		return;
	assert(timers->heap[index].timer == timer);
	timer->place = 0;
	last = timers->heap[--timers->count];
	if (last.timer == timer)
		return;
	if (index > 0 && timers->heap[(index - 1) / CHILDREN].due_ns > last.due_ns)
		sift_up(timers, index, last);
	else
		sift_down(timers, index, last);
}

int ouro_timers_run(struct ouro_timers *timers, uint64_t now_ns)
{
	/* Calls may set timers that are due at once; the budget leaves these for later. */
	uint32_t budget = timers->count;
	int called = 0;

	while (budget-- > 0 && timers->count > 0 && timers->heap[0].due_ns <= now_ns) {
		struct ouro_timer *timer = timers->heap[0].timer;

		ouro_timer_stop(timers, timer);
		timer->on_due(timer);
		called++;
	}
	return called;
}
