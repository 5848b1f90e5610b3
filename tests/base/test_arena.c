/* Tests of base/arena.h. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static struct ouro_pool pool;
static struct ouro_arena arena;

static void open_arena(void)
{
	ouro_pool_init(&pool, OURO_ARENA_BLOCK_BYTES);
	arena = (struct ouro_arena){ .pool = &pool };
}

static void close_arena(void)
{
	ouro_arena_reset(&arena);
	ouro_pool_fini(&pool);
}

TestSuite(arena, .init = open_arena, .fini = close_arena);

Test(arena, pieces_are_aligned_and_do_not_overlap)
{
	char *pieces[300];

	for (size_t i = 0; i < 300; i++) {
		pieces[i] = ouro_arena_alloc(&arena, i * 7 % 1500);
		cr_assert_not_null(pieces[i]);
		cr_assert_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)i, i * 7 % 1500);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t k = 0; k < i * 7 % 1500; k++)
			cr_assert_eq(pieces[i][k], (char)i);
}

Test(arena, small_pieces_share_a_block)
{
	for (int i = 0; i < 50; i++)
		ouro_arena_alloc(&arena, 64);
	cr_assert_eq(pool.used_count, 1);
}

Test(arena, large_pieces_have_memory_of_their_own)
{
	memset(ouro_arena_alloc(&arena, 1000000), 1, 1000000);
	cr_assert_eq(pool.used_count, 0);
}

Test(arena, reset_gives_everything_back_and_the_arena_works_again)
{
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			ouro_arena_alloc(&arena, 1000);
		ouro_arena_alloc(&arena, 5000);
		cr_assert_gt(pool.used_count, 0);
		ouro_arena_reset(&arena);
		cr_assert_eq(pool.used_count, 0);
	}
	cr_assert_leq(pool.free_count, 100);
}

Test(arena, sizes_that_would_wrap_are_refused_and_the_next_one_is_not)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 + 1 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *small;

		cr_assert_null(ouro_arena_alloc(&arena, sizes[i]));
		small = ouro_arena_alloc(&arena, 16);
		cr_assert_not_null(small);
		memset(small, 1, 16);
	}
}
