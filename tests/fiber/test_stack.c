/* Tests of fiber/stack.h: what is mapped, and what is not. */
#include "fiber/stack.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_BYTES = 65536, HEAD_BYTES = 200, COUNT = 70 };

static struct ouro_stacks stacks;
static struct ouro_stack got[COUNT];

static void get_all(void)
{
	ouro_stacks_init(&stacks, STACK_BYTES, HEAD_BYTES);
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(ouro_stacks_get(&stacks, &got[i]), 0);
}

static void put(int begin, int end)
{
	for (int i = begin; i < end; i++)
		ouro_stacks_put(&stacks, &got[i]);
	ouro_stacks_flush(&stacks);
}

/* The kernel says so, instead of a fault. */
static bool is_readable(const char *byte)
{
	static int pipe_ends[2];
	char read_back;

	if (pipe_ends[1] == 0)
		cr_assert_eq(pipe(pipe_ends), 0);
	return write(pipe_ends[1], byte, 1) == 1 && read(pipe_ends[0], &read_back, 1) == 1;
}

static void check_all(void)
{
	for (int i = 0; i < COUNT; i++) {
		cr_assert_not(is_readable(got[i].low - 1), "the guard's last byte");
		cr_assert_not(is_readable(got[i].low - stacks.guard_bytes), "its first byte");
		cr_assert(is_readable(got[i].low));
		memset(got[i].low, i, (size_t)(got[i].high - got[i].low) + HEAD_BYTES);
	}
	for (int i = 0; i < COUNT; i++) {
		cr_assert_eq(got[i].low[0], i);
		cr_assert_eq(got[i].high[HEAD_BYTES - 1], i);
	}
}

Test(stack, each_has_its_guard_and_its_size)
{
	get_all();
	check_all();
	for (int i = 0; i < COUNT; i++) {
		cr_assert_geq(got[i].high - got[i].low, STACK_BYTES);
		cr_assert_eq((uintptr_t)got[i].high % 64, 0);
	}
	ouro_stacks_fini(&stacks);
	cr_assert_eq(stacks.mapped_bytes, 0);
}

Test(stack, guards_stay_when_memory_is_given_back)
{
	get_all();
	put(1, COUNT - 1);
	for (int i = 1; i < COUNT - 1; i++)
		cr_assert_eq(ouro_stacks_get(&stacks, &got[i]), 0);
	check_all();
	ouro_stacks_fini(&stacks);
}

Test(stack, slab_is_unmapped_with_its_last_stack)
{
	size_t mapped;

	get_all();
	mapped = stacks.mapped_bytes;
	put(1, 32);
	cr_assert_eq(stacks.mapped_bytes, mapped);
	put(0, 1);
	cr_assert_eq(stacks.mapped_bytes, mapped / 3 * 2);
	put(32, COUNT);
	cr_assert_eq(stacks.mapped_bytes, 0);
	ouro_stacks_fini(&stacks);
}

/* Marks of pages are refused there, so this is what older kernels do, too. */
Test(stack, locked_memory_has_guards)
{
	if (mlockall(MCL_FUTURE | MCL_ONFAULT) < 0)
		cr_skip_test("memory may not be locked here");
	get_all();
	check_all();
	put(0, COUNT / 2);
	for (int i = 0; i < COUNT / 2; i++)
		cr_assert_eq(ouro_stacks_get(&stacks, &got[i]), 0);
	check_all();
	ouro_stacks_fini(&stacks);
}
