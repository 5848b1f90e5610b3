/* Tests of fiber/guard.h, on the loop's stack and on fibers. */
#include "fiber/guard.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ouro_fibers fibers;
static struct ouro_guard outer, inner;
static volatile int reached;

static void return_at_once(void *arg)
{
	(void)arg;
	reached++;
}

/* Not inlined, and with something in its frame that must be stepped over. */
__attribute__((noinline)) static void escape_from_depth(struct ouro_guard *guard, int depth)
{
	volatile char frame[100];

	memset((char *)frame, depth, sizeof(frame));
	if (depth < 0)
		return;
	if (depth == 0)
		ouro_guard_escape(guard);
	escape_from_depth(guard, depth - 1);
	reached = frame[5] + 1000;
}

static void escape(void *guard)
{
	reached++;
	escape_from_depth(guard, 10);
	reached = 1000;
}

static void both_ends(void *arg)
{
	(void)arg;
	cr_assert(ouro_guard_call(&outer, return_at_once, NULL));
	cr_assert_eq(reached, 1);
	cr_assert_not(ouro_guard_call(&outer, escape, &outer));
	cr_assert_eq(reached, 2);
}

static void inner_escapes(void *arg)
{
	(void)arg;
	cr_assert_not(ouro_guard_call(&inner, escape, &inner));
	reached++;
}

static void outer_escapes_from_inner(void *arg)
{
	(void)arg;
	ouro_guard_call(&inner, escape, &outer);
	reached = 1000;
}

static void nested(void *arg)
{
	(void)arg;
	cr_assert(ouro_guard_call(&outer, inner_escapes, NULL));
	cr_assert_eq(reached, 2);
	cr_assert_not(ouro_guard_call(&outer, outer_escapes_from_inner, NULL));
	cr_assert_eq(reached, 3);
}

static void suspend_then_escape(void *arg)
{
	(void)arg;
	ouro_fiber_suspend(&fibers);
	reached++;
	ouro_fiber_suspend(&fibers);
	escape(&outer);
}

static void guard_over_suspensions(void *arg)
{
	(void)arg;
	cr_assert_not(ouro_guard_call(&outer, suspend_then_escape, NULL));
	cr_assert_eq(reached, 2);
	ouro_fiber_suspend(&fibers);
	reached++;
}

static struct ouro_fiber *start(ouro_fiber_fn fn)
{
	struct ouro_fibers_options options = { .stack_bytes = 65536, .count_max = 1 };
	struct ouro_fiber *fiber;

	if (!fibers.free)
		cr_assert_eq(ouro_fibers_init(&fibers, &options), 0);
	cr_assert_eq(ouro_fiber_start(&fibers, fn, NULL, &fiber), 0);
	return fiber;
}

Test(guard, return_and_escape_on_the_loops_stack)
{
	both_ends(NULL);
}

Test(guard, return_and_escape_on_a_fiber)
{
	cr_assert_null(start(both_ends));
	ouro_fibers_fini(&fibers);
}

Test(guard, nested_on_the_loops_stack)
{
	nested(NULL);
}

Test(guard, nested_on_a_fiber)
{
	cr_assert_null(start(nested));
	ouro_fibers_fini(&fibers);
}

Test(guard, holds_while_its_fiber_waits)
{
	struct ouro_fiber *fiber = start(guard_over_suspensions);

	cr_assert(ouro_fiber_resume(fiber));
	cr_assert(ouro_fiber_resume(fiber));
	cr_assert_not(ouro_fiber_resume(fiber));
	cr_assert_eq(reached, 3);
	ouro_fibers_fini(&fibers);
}

Test(guard, stack_is_fit_for_use_after_an_escape)
{
	for (int i = 0; i < 1000; i++) {
		reached = 0;
		cr_assert_null(start(both_ends));
	}
	cr_assert_eq(fibers.free_count, 1);
	ouro_fibers_fini(&fibers);
}

/* Values that the compiler keeps in registers which a called function saves. */
__attribute__((noinline)) static long sum_around(void (*fn)(void *), void *arg, long a, long b,
						 long c, long d, long e, long f)
{
	a *= 3;
	b *= 5;
	c *= 7;
	d *= 11;
	e *= 13;
	f *= 17;
	ouro_guard_call(arg, fn, arg);
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

/* Overwrites those registers before it escapes. */
static void clobber_and_escape(void *guard)
{
	volatile long source = 1;
	long a = source, b = source * 2, c = source * 3, d = source * 4, e = source * 5;

	for (int i = 0; i < 10; i++) {
		return_at_once(NULL);
		a += b ^ i;
		b += c;
		c += d;
		d += e;
		e += a;
	}
	source = a + b + c + d + e;
	escape(guard);
}

Test(guard, registers_are_as_before_after_an_escape)
{
	cr_assert_eq(sum_around(clobber_and_escape, &outer, 1, 2, 3, 4, 5, 6),
		     3 + 20 + 63 + 176 + 325 + 612);
}
