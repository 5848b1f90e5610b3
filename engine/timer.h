/* Timers with the loop's own resolution: a heap of four children, so that the next one is always
 * known and both setting and stopping cost a few comparisons. For what every connection has, the
 * table in engine/conn.h is cheaper. */
#ifndef OURO_ENGINE_TIMER_H
#define OURO_ENGINE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct ouro_timer;

/* The timer is no longer set when this is called, and may be set again. */
typedef void (*ouro_timer_fn)(struct ouro_timer *timer);

/* Embedded in its owner; zero is "not set". */
struct ouro_timer {
	uint64_t due_ns; /* while it is set; as it was set last otherwise */
	ouro_timer_fn on_due;
	uint32_t place; /* in the heap, counted from 1; 0: not set */
};

/* Has a copy of the time: which of two is due first is seen in the heap alone, and of the timers, which lie
 * anywhere, those that move are only written to. */
struct ouro_timer_entry {
	uint64_t due_ns;
	struct ouro_timer *timer;
};

struct ouro_timers {
	struct ouro_timer_entry *heap; /* heap[0] is due first */
	uint32_t count;
	uint32_t room;
};

void ouro_timers_fini(struct ouro_timers *timers);

/* Sets @timer to @due_ns (the loop's clock), or moves it there. 0 or -ENOMEM. */
int ouro_timer_set(struct ouro_timers *timers, struct ouro_timer *timer, uint64_t due_ns);

/* Unsets @timer; nothing happens when it is not set. */
void ouro_timer_stop(struct ouro_timers *timers, struct ouro_timer *timer);

static inline bool ouro_timer_is_set(const struct ouro_timer *timer)
{
	return timer->place != 0;
}

/* When the first timer is due; UINT64_MAX when none is set. */
static inline uint64_t ouro_timers_next(const struct ouro_timers *timers)
{
	return timers->count ? timers->heap[0].due_ns : UINT64_MAX;
}

/* Calls every timer that is due at @now_ns. One that is set for @now_ns or before by such a call
 * waits for the next run. Returns how many were called. */
int ouro_timers_run(struct ouro_timers *timers, uint64_t now_ns);

#endif
