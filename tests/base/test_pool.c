/* Tests of base/pool.h. */
#include "base/pool.h"

#include <criterion/criterion.h>
#include <string.h>

Test(pool, what_was_put_last_is_got_first)
{
	struct ouro_pool pool;
	void *a, *b;

	ouro_pool_init(&pool, 100);
	a = ouro_pool_get(&pool);
	b = ouro_pool_get(&pool);
	memset(a, 1, 100);
	memset(b, 2, 100);
	cr_assert_eq(pool.used_count, 2);
	ouro_pool_put(&pool, a);
	ouro_pool_put(&pool, b);
	cr_assert_eq(ouro_pool_get(&pool), b);
	cr_assert_eq(ouro_pool_get(&pool), a);
	ouro_pool_put(&pool, a);
	ouro_pool_put(&pool, b);
	ouro_pool_fini(&pool);
}

static void burst(struct ouro_pool *pool, int count)
{
	void *items[100];

	for (int i = 0; i < count; i++)
		items[i] = ouro_pool_get(pool);
	for (int i = 0; i < count; i++)
		ouro_pool_put(pool, items[i]);
}

Test(pool, trim_gives_back_what_a_period_did_not_need)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 64);
	burst(&pool, 100);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 100, "all were needed in this period");
	burst(&pool, 20);
	ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 60, "half of the 80 that were not");
	for (int i = 0; i < 20; i++)
		ouro_pool_trim(&pool);
	cr_assert_eq(pool.free_count, 0);
	burst(&pool, 3);
	cr_assert_eq(pool.free_count, 3);
	ouro_pool_fini(&pool);
}

Test(pool, trim_leaves_alone_what_is_used_all_the_time)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, 64);
	for (int i = 0; i < 50; i++) {
		burst(&pool, 30);
		ouro_pool_trim(&pool);
		cr_assert_eq(pool.free_count, 30);
	}
	ouro_pool_fini(&pool);
}
