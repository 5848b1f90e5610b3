/* Timers: the heap against a naive model, and what callbacks may do. */
#include "engine/timer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { TIMERS = 200, OPERATIONS = 10000 };

struct probe {
	struct ouro_timer timer; /* first */
	uint64_t due_ns;         /* the model's; 0: not set */
	int called;
};

static struct ouro_timers timers;
static uint64_t now_ns, last_due_ns;

static void fini_timers(void)
{
	ouro_timers_fini(&timers);
}

TestSuite(timer, .fini = fini_timers);

static void on_due(struct ouro_timer *timer)
{
	struct probe *probe = (struct probe *)(void *)timer;

	cr_assert_neq(probe->due_ns, 0);
	cr_assert_leq(probe->due_ns, now_ns);
	cr_assert_geq(probe->due_ns, last_due_ns, "out of order");
	cr_assert_not(ouro_timer_is_set(timer));
	last_due_ns = probe->due_ns;
	probe->due_ns = 0;
	probe->called++;
}

static uint64_t first_of(const struct probe *probes)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++)
		if (probes[i].due_ns && probes[i].due_ns < first)
			first = probes[i].due_ns;
	return first;
}

Test(timer, random_operations_do_as_a_naive_model)
{
	static struct probe probes[TIMERS];

	srand(1);
	for (int i = 0; i < TIMERS; i++)
		probes[i].timer.on_due = on_due;
	for (int i = 0; i < OPERATIONS; i++) {
		struct probe *probe = &probes[rand() % TIMERS];

		switch (rand() % 4) {
		case 0:
		case 1:
			probe->due_ns = now_ns + 1 + (uint64_t)(rand() % 1000);
			cr_assert_eq(ouro_timer_set(&timers, &probe->timer, probe->due_ns), 0);
			break;
		case 2:
			probe->due_ns = 0;
			ouro_timer_stop(&timers, &probe->timer);
			break;
		case 3:
			now_ns += (uint64_t)(rand() % 30);
			last_due_ns = 0;
			ouro_timers_run(&timers, now_ns);
			cr_assert_gt(first_of(probes), now_ns, "all that was due was called");
			break;
		}
		cr_assert_eq(ouro_timers_next(&timers), first_of(probes));
		cr_assert_eq(ouro_timer_is_set(&probe->timer), probe->due_ns != 0);
	}
}

static void set_again(struct ouro_timer *timer)
{
	struct probe *probe = (struct probe *)(void *)timer;

	probe->called++;
	ouro_timer_set(&timers, timer, now_ns);
}

Test(timer, one_that_sets_itself_again_waits_for_the_next_run)
{
	struct probe a = { .timer = { .on_due = set_again } };
	struct probe b = { .timer = { .on_due = set_again } };

	now_ns = 10;
	ouro_timer_set(&timers, &a.timer, 5);
	ouro_timer_set(&timers, &b.timer, 10);
	for (int run = 1; run <= 3; run++) {
		cr_assert_eq(ouro_timers_run(&timers, now_ns), 2);
		cr_assert_eq(a.called + b.called, 2 * run);
	}
	ouro_timer_stop(&timers, &a.timer);
	ouro_timer_stop(&timers, &b.timer);
}

static struct probe victim;

static void stop_victim(struct ouro_timer *timer)
{
	(void)timer;
	ouro_timer_stop(&timers, &victim.timer);
}

Test(timer, one_may_stop_another_that_is_due)
{
	struct ouro_timer first = { .on_due = stop_victim };

	victim.timer.on_due = on_due;
	ouro_timer_set(&timers, &first, 1);
	ouro_timer_set(&timers, &victim.timer, 2);
	cr_assert_eq(ouro_timers_run(&timers, 10), 1);
	cr_assert_eq(victim.called, 0);
	cr_assert_eq(timers.count, 0);
}

Test(timer, stopping_one_that_is_not_set_does_nothing)
{
	struct ouro_timer timer = { .on_due = on_due };

	ouro_timer_stop(&timers, &timer);
	cr_assert_eq(ouro_timers_next(&timers), UINT64_MAX);
}
