/* The pool of receive buffers. */
#include "engine/recvpool.h"

#include <criterion/criterion.h>
#include <string.h>

static void put_back(struct ouro_buf *buf)
{
	ouro_recvpool_put(buf->owner, buf);
}

Test(recvpool, gives_out_what_it_has_and_takes_it_back)
{
	struct ouro_recvpool pool;
	struct ouro_buf *bufs[8];

	cr_assert_eq(ouro_recvpool_init(&pool, 8, 1000, put_back, &pool), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 8; i++) {
			bufs[i] = ouro_recvpool_take(&pool);
			cr_assert_eq(bufs[i]->size, 1000);
			cr_assert_eq(bufs[i]->refs, 1);
			memset(bufs[i]->data, i, 1000);
			cr_assert_eq(ouro_recvpool_at(&pool, bufs[i]->id), bufs[i]);
		}
		cr_assert_null(ouro_recvpool_take(&pool));
		cr_assert_eq(pool.free_count, 0);
		for (int i = 0; i < 8; i++) {
			for (int k = 0; k < 1000; k++)
				cr_assert_eq(bufs[i]->data[k], i);
			ouro_buf_unref(bufs[i]);
		}
		cr_assert_eq(pool.free_count, 8);
	}
	ouro_recvpool_fini(&pool);
}

Test(recvpool, knows_its_own)
{
	struct ouro_recvpool pool;
	struct ouro_buf other = { 0 };

	ouro_recvpool_init(&pool, 2, 64, put_back, &pool);
	cr_assert(ouro_recvpool_owns(&pool, ouro_recvpool_at(&pool, 0)));
	cr_assert(ouro_recvpool_owns(&pool, ouro_recvpool_at(&pool, 1)));
	cr_assert_not(ouro_recvpool_owns(&pool, &other));
	cr_assert_not(ouro_recvpool_owns(&pool, NULL));
	ouro_recvpool_fini(&pool);
}

/* Were it otherwise, requests that hold the last buffers could wait for the rest of themselves. */
Test(recvpool, however_small_is_scarce_when_nothing_is_left)
{
	for (uint32_t count = 1; count <= 64; count *= 2) {
		struct ouro_recvpool pool;
		uint32_t taken = 0;

		ouro_recvpool_init(&pool, count, 64, put_back, &pool);
		cr_assert_not(ouro_recvpool_is_scarce(&pool));
		while (!ouro_recvpool_is_scarce(&pool)) {
			cr_assert_not_null(ouro_recvpool_take(&pool));
			taken++;
		}
		cr_assert_geq(taken, count - count / 4);
		ouro_recvpool_fini(&pool);
	}
}
