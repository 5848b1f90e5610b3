/* Fibers on several threads at once: each loop's are its own. */
#include "fiber/fiber.h"
#include "fiber/guard.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { THREADS = 2, FIBERS = 50, ROUNDS = 20, TIMES = 20 };

struct loop {
	struct ouro_fibers fibers;
	pthread_t thread;
	int sum;
};

static void add(void *arg)
{
	struct loop *loop = arg;

	for (int i = 0; i < ROUNDS; i++) {
		loop->sum++;
		ouro_fiber_suspend(&loop->fibers);
	}
}

static void escape(void *guard)
{
	ouro_guard_escape(guard);
}

static void add_under_guard(void *arg)
{
	struct ouro_guard guard;

	cr_assert(ouro_guard_call(&guard, add, arg));
	cr_assert_not(ouro_guard_call(&guard, escape, &guard));
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;
	struct ouro_fibers_options options = { .stack_bytes = 65536, .count_max = FIBERS };
	struct ouro_fiber *started[FIBERS];

	cr_assert_eq(ouro_fibers_init(&loop->fibers, &options), 0);
	for (int times = 0; times < TIMES; times++) {
		for (int i = 0; i < FIBERS; i++)
			cr_assert_eq(ouro_fiber_start(&loop->fibers, add_under_guard, loop,
						      &started[i]),
				     0);
		for (int round = 0; round < ROUNDS; round++)
			for (int i = 0; i < FIBERS; i++)
				cr_assert_eq(ouro_fiber_resume(started[i]), round < ROUNDS - 1);
		ouro_fibers_trim(&loop->fibers);
	}
	ouro_fibers_fini(&loop->fibers);
	return NULL;
}

Test(fiber_threads, loops_have_their_own)
{
	static struct loop loops[THREADS];

	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(loops[i].thread, NULL);
		cr_assert_eq(loops[i].sum, FIBERS * ROUNDS * TIMES);
	}
}
