/* The stacks of fibers: alignment, the guard below, memory that is given back. */
#include "fiber/fiber.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { STACK_BYTES = 65536 };

static struct ouro_fibers fibers;

static void set_up(uint32_t count_max)
{
	struct ouro_fibers_options options = { .stack_bytes = STACK_BYTES, .count_max = count_max };

	cr_assert_eq(ouro_fibers_init(&fibers, &options), 0);
}

static struct ouro_fiber *start(ouro_fiber_fn fn, void *arg)
{
	struct ouro_fiber *fiber;

	cr_assert_eq(ouro_fiber_start(&fibers, fn, arg, &fiber), 0);
	return fiber;
}

static void use_aligned(void *text)
{
	_Alignas(32) volatile float values[8] = { 1.5f };

	cr_assert_eq((uintptr_t)values % 32, 0);
	/* A function of variable arguments saves vector registers where it thinks is aligned. */
	snprintf(text, 32, "%f %Lf", (double)values[0], 2.25L);
}

Test(fiber_stack, is_aligned)
{
	char text[32];

	set_up(1);
	cr_assert_null(start(use_aligned, text));
	cr_assert_str_eq(text, "1.500000 2.250000");
	ouro_fibers_fini(&fibers);
}

static uintptr_t touched;

/* Touches so many bytes of the stack, from its upper end on; @touched is where they begin. */
__attribute__((noinline)) static void touch(size_t bytes)
{
	volatile char *memory = __builtin_alloca(bytes);

	for (size_t i = bytes; i > 0; i -= i < 512 ? i : 512)
		memory[i - 1] = 1;
	memory[0] = 1;
	touched = (uintptr_t)memory;
}

static void touch_all(void *arg)
{
	(void)arg;
	touch(STACK_BYTES - 2048);
}

Test(fiber_stack, all_that_was_asked_for_can_be_used)
{
	set_up(1);
	cr_assert_null(start(touch_all, NULL));
	ouro_fibers_fini(&fibers);
}

/* In a loop's turn this would be an endless recursion. */
__attribute__((noinline)) static int recurse(volatile int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void *arg)
{
	(void)arg;
	recurse(0);
}

/* What the child of a fork() comes to that runs a fiber over the end of its stack. */
static int overflow_in_child(void)
{
	int status = 0;
	pid_t child = fork();

	cr_assert_geq(child, 0);
	if (child == 0) {
		/* Neither what the test runner does with the signal nor the sanitizer's report. */
		if (!SANITIZED) {
			signal(SIGSEGV, SIG_DFL);
			signal(SIGBUS, SIG_DFL);
		}
		fclose(stderr);
		start(overflow, NULL);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static bool is_fault(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS;
	/* The sanitizer reports a stack overflow, and exits. */
	return SANITIZED && WEXITSTATUS(status) != 0;
}

Test(fiber_stack, overflow_faults)
{
	set_up(1);
	cr_assert(is_fault(overflow_in_child()));
	ouro_fibers_fini(&fibers);
}

static void wait_deep(void *place)
{
	touch(STACK_BYTES / 2);
	*(uintptr_t *)place = touched;
	ouro_fiber_suspend(&fibers);
}

enum { MANY = 200, PAGE = 4096 };

static uintptr_t places[MANY];

/* All at once, each of which has used half of its stack. */
static void burst(int count)
{
	static struct ouro_fiber *started[MANY];

	for (int i = 0; i < count; i++)
		started[i] = start(wait_deep, &places[i]);
	for (int i = 0; i < count; i++)
		while (ouro_fiber_resume(started[i]))
			;
}

/* How many pages of the used halves of those stacks are in memory. */
static int resident_pages(void)
{
	unsigned char in_memory[STACK_BYTES / 2 / PAGE];
	int count = 0;

	for (int i = 0; i < MANY; i++) {
		uintptr_t begin = places[i] + (PAGE - places[i] % PAGE);

		/* Where nothing is mapped any more this fails, and then nothing is resident. */
		if (mincore((void *)begin, sizeof(in_memory) * PAGE, in_memory) < 0)
			continue;
		for (size_t page = 0; page < sizeof(in_memory); page++)
			count += in_memory[page] & 1;
	}
	return count;
}

Test(fiber_stack, trim_gives_back_what_a_period_did_not_need)
{
	set_up(MANY);
	burst(100);
	ouro_fibers_trim(&fibers);
	cr_assert_eq(fibers.free_count, 100, "all were needed in this period");
	burst(20);
	ouro_fibers_trim(&fibers);
	cr_assert_eq(fibers.free_count, 60, "half of the 80 that were not");
	for (int i = 0; i < 20; i++)
		ouro_fibers_trim(&fibers);
	cr_assert_eq(fibers.free_count, 0);
	cr_assert_eq(fibers.stacks.mapped_bytes, 0);
	burst(3);
	cr_assert_eq(fibers.free_count, 3);
	ouro_fibers_fini(&fibers);
}

Test(fiber_stack, trim_drops_pages_of_what_it_gives_back)
{
	int before;

	if (SANITIZED)
		cr_skip_test("the sanitizer keeps locals elsewhere");
	set_up(MANY);
	burst(MANY);
	before = resident_pages();
	cr_assert_gt(before, MANY * (STACK_BYTES / 2 / PAGE - 2));
	/* One that stays in use keeps its slab mapped. */
	for (int i = 0; i < 20; i++) {
		burst(1);
		ouro_fibers_trim(&fibers);
	}
	cr_assert_eq(fibers.free_count, 1);
	cr_assert_gt(fibers.stacks.mapped_bytes, 0);
	/* The one that stays is at two places. */
	cr_assert_leq(resident_pages(), 2 * STACK_BYTES / 2 / PAGE);
	ouro_fibers_fini(&fibers);
}

Test(fiber_stack, trim_drops_the_depth_of_what_stays)
{
	if (SANITIZED)
		cr_skip_test("the sanitizer keeps locals elsewhere");
	set_up(MANY);
	burst(MANY);
	ouro_fibers_trim(&fibers);
	cr_assert_eq(fibers.free_count, MANY);
	cr_assert_lt(resident_pages(), MANY * 2 + 32 * STACK_BYTES / 2 / PAGE);
	burst(MANY);
	ouro_fibers_fini(&fibers);
}

static void wait_once(void *arg)
{
	(void)arg;
	ouro_fiber_suspend(&fibers);
}

Test(fiber_stack, given_back_stacks_work_again)
{
	static struct ouro_fiber *started[MANY];

	set_up(MANY);
	for (int times = 0; times < 10; times++) {
		int count = MANY - times * 19;

		for (int i = 0; i < count; i++)
			started[i] = start(wait_once, NULL);
		ouro_fibers_trim(&fibers);
		for (int i = 0; i < count; i++)
			cr_assert_not(ouro_fiber_resume(started[i]));
		ouro_fibers_trim(&fibers);
		ouro_fibers_trim(&fibers);
	}
	ouro_fibers_fini(&fibers);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

Test(fiber_stack, no_room_for_one_is_an_error_and_no_more)
{
	struct rlimit before, none = { .rlim_cur = 1 };
	struct ouro_fiber *untouched = (struct ouro_fiber *)&untouched;

	if (SANITIZED)
		cr_skip_test("the sanitizer needs address space itself");
	set_up(MANY);
	getrlimit(RLIMIT_AS, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_AS, &none);
	cr_assert_eq(ouro_fiber_start(&fibers, do_nothing, NULL, &untouched), -ENOMEM);
	setrlimit(RLIMIT_AS, &before);
	cr_assert_eq(untouched, (struct ouro_fiber *)&untouched);
	cr_assert_eq(fibers.used_count, 0);
	cr_assert_null(start(do_nothing, NULL));
	ouro_fibers_fini(&fibers);
}
