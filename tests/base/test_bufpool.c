/* Tests of base/bufpool.h. */
#include "base/bufpool.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ouro_bufpool bufs;

static void init(void)
{
	ouro_bufpool_init(&bufs);
}

static void fini(void)
{
	ouro_bufpool_fini(&bufs);
}

TestSuite(bufpool, .init = init, .fini = fini);

static uint32_t size_for(size_t bytes)
{
	struct ouro_buf *buf = ouro_bufpool_get(&bufs, bytes);
	uint32_t size = buf->size;

	cr_assert_eq(buf->len, 0);
	cr_assert_eq(buf->refs, 1);
	memset(buf->data, 0xff, size);
	ouro_buf_unref(buf);
	return size;
}

Test(bufpool, sizes_are_the_least_that_will_do)
{
	cr_assert_eq(size_for(0), OURO_BUFPOOL_BYTES_MIN);
	cr_assert_eq(size_for(OURO_BUFPOOL_BYTES_MIN), OURO_BUFPOOL_BYTES_MIN);
	cr_assert_eq(size_for(OURO_BUFPOOL_BYTES_MIN + 1), 2 * OURO_BUFPOOL_BYTES_MIN);
	cr_assert_eq(size_for(65536), 65536);
	cr_assert_eq(size_for(OURO_BUFPOOL_BYTES_MAX - 1), OURO_BUFPOOL_BYTES_MAX);
	cr_assert_eq(size_for(OURO_BUFPOOL_BYTES_MAX), OURO_BUFPOOL_BYTES_MAX);
}

Test(bufpool, a_larger_one_is_of_the_heap)
{
	struct ouro_buf *buf = ouro_bufpool_get(&bufs, OURO_BUFPOOL_BYTES_MAX + 1);

	cr_assert_eq(buf->size, OURO_BUFPOOL_BYTES_MAX + 1);
	cr_assert(!ouro_buf_is_pooled(buf));
	ouro_buf_unref(buf);
	cr_assert_null(ouro_bufpool_get(&bufs, (size_t)UINT32_MAX + 1));
}

Test(bufpool, one_goes_back_with_its_last_reference)
{
	struct ouro_buf *buf = ouro_bufpool_get(&bufs, 5000), *again;

	cr_assert(ouro_buf_is_pooled(buf));
	ouro_buf_ref(buf);
	ouro_buf_unref(buf);
	cr_assert_eq(bufs.pools[1].used_count, 1);
	ouro_buf_unref(buf);
	cr_assert_eq(bufs.pools[1].used_count, 0);
	again = ouro_bufpool_get(&bufs, 6000);
	cr_assert_eq(again, buf);
	ouro_buf_unref(again);
}

Test(bufpool, what_is_not_needed_goes_back_to_the_system)
{
	struct ouro_buf *buf = ouro_bufpool_get(&bufs, 65536);

	ouro_buf_unref(buf);
	cr_assert_gt(bufs.pools[4].mapped_bytes, 0);
	for (int i = 0; i < 4; i++)
		ouro_bufpool_trim(&bufs);
	cr_assert_eq(bufs.pools[4].mapped_bytes, 0);
}
