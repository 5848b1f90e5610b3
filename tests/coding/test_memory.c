/* The memory of one encoder or decoder. */
#include "coding/memory.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static struct ouro_coding_memory memory;

static void init(void)
{
	ouro_coding_memory_init(&memory, 1000);
}

static void fini(void)
{
	ouro_coding_memory_fini(&memory);
}

TestSuite(coding_memory, .init = init, .fini = fini);

Test(coding_memory, what_is_given_back_is_given_out_again)
{
	void *a = ouro_coding_memory_alloc(&memory, 100);
	void *b = ouro_coding_memory_alloc(&memory, 200);

	ouro_coding_memory_free(&memory, a);
	ouro_coding_memory_free(&memory, b);
	cr_expect_eq(ouro_coding_memory_alloc(&memory, 200), b);
	cr_expect_eq(ouro_coding_memory_alloc(&memory, 90), a);
	cr_expect_eq(memory.bytes, 300);
	ouro_coding_memory_free(&memory, a);
	ouro_coding_memory_free(&memory, b);
}

Test(coding_memory, the_smallest_that_fits_is_taken)
{
	void *large = ouro_coding_memory_alloc(&memory, 150);
	void *small = ouro_coding_memory_alloc(&memory, 100);

	ouro_coding_memory_free(&memory, small);
	ouro_coding_memory_free(&memory, large);
	cr_expect_eq(ouro_coding_memory_alloc(&memory, 99), small);
	ouro_coding_memory_free(&memory, small);
}

Test(coding_memory, much_is_not_taken_for_little)
{
	void *large = ouro_coding_memory_alloc(&memory, 500), *small;

	ouro_coding_memory_free(&memory, large);
	small = ouro_coding_memory_alloc(&memory, 10);
	cr_expect_neq(small, large);
	ouro_coding_memory_free(&memory, small);
}

Test(coding_memory, it_is_aligned_for_anything)
{
	void *odd = ouro_coding_memory_alloc(&memory, 3);
	void *next = ouro_coding_memory_alloc(&memory, 3);

	cr_expect_eq((uintptr_t)odd % _Alignof(max_align_t), 0);
	cr_expect_eq((uintptr_t)next % _Alignof(max_align_t), 0);
	ouro_coding_memory_free(&memory, odd);
	ouro_coding_memory_free(&memory, next);
}

Test(coding_memory, there_is_a_limit)
{
	void *most = ouro_coding_memory_alloc(&memory, 600);

	cr_expect_null(ouro_coding_memory_alloc(&memory, 401));
	cr_expect_null(ouro_coding_memory_alloc(&memory, 1001));
	cr_expect_null(ouro_coding_memory_alloc(&memory, SIZE_MAX));
	ouro_coding_memory_free(&memory, most);
}

Test(coding_memory, kept_blocks_make_room_for_others)
{
	void *ptr = ouro_coding_memory_alloc(&memory, 600);

	ouro_coding_memory_free(&memory, ptr);
	ptr = ouro_coding_memory_alloc(&memory, 1000);
	cr_assert(ptr);
	memset(ptr, 1, 1000);
	cr_expect_eq(memory.bytes, 1000);
	ouro_coding_memory_free(&memory, ptr);
}

Test(coding_memory, trimming_frees_what_is_kept_only)
{
	void *used = ouro_coding_memory_alloc(&memory, 100);
	void *kept = ouro_coding_memory_alloc(&memory, 200);

	ouro_coding_memory_free(&memory, kept);
	ouro_coding_memory_trim(&memory, 300);
	cr_expect_eq(memory.bytes, 300);
	ouro_coding_memory_trim(&memory, 0);
	cr_expect_eq(memory.bytes, 100);
	ouro_coding_memory_free(&memory, used);
}

Test(coding_memory, all_of_it_can_be_given_back_at_once)
{
	void *a = ouro_coding_memory_alloc(&memory, 100);

	ouro_coding_memory_alloc(&memory, 200);
	ouro_coding_memory_free_all(&memory);
	cr_expect_eq(ouro_coding_memory_alloc(&memory, 100), a);
	ouro_coding_memory_free_all(&memory);
}
