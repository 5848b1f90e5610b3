/* Tests of base/inq.h. */
#include "base/inq.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ouro_pool pool;
static struct ouro_inq inq;

static void open_inq(void)
{
	ouro_pool_init(&pool, sizeof(struct ouro_inq_item));
	inq = (struct ouro_inq){ .pool = &pool };
}

static void close_inq(void)
{
	ouro_inq_clear(&inq);
	ouro_pool_fini(&pool);
}

TestSuite(inq, .init = open_inq, .fini = close_inq);

Test(inq, gives_slices_in_order)
{
	struct ouro_slice slice;

	for (int round = 0; round < 2; round++) {
		cr_assert_eq(ouro_inq_push(&inq, (struct ouro_slice){ "one", 3, NULL }, false), 0);
		cr_assert_eq(ouro_inq_push(&inq, (struct ouro_slice){ "four", 4, NULL }, true), 0);
		cr_assert_eq(inq.bytes, 7);
		cr_assert(ouro_inq_pop(&inq, &slice));
		cr_assert_eq(memcmp(slice.ptr, "one", 3), 0);
		cr_assert(ouro_inq_pop(&inq, &slice));
		cr_assert_eq(slice.len, 4);
		cr_assert_eq(memcmp(slice.ptr, "four", 4), 0);
		ouro_buf_unref(slice.buf);
		cr_assert_not(ouro_inq_pop(&inq, &slice));
		cr_assert_eq(inq.bytes, 0);
	}
}

Test(inq, references_the_buffer_or_copies_the_bytes)
{
	struct ouro_buf *buf = ouro_buf_create(10);
	struct ouro_slice in = { buf->data, 10, buf }, out;

	ouro_inq_push(&inq, in, false);
	cr_assert_eq(buf->refs, 2);
	ouro_inq_push(&inq, in, true);
	cr_assert_eq(buf->refs, 2);
	ouro_inq_pop(&inq, &out);
	cr_assert_eq(out.ptr, buf->data);
	ouro_buf_unref(out.buf);
	ouro_inq_pop(&inq, &out);
	cr_assert_neq(out.ptr, buf->data);
	ouro_buf_unref(out.buf);
	cr_assert_eq(buf->refs, 1);
	ouro_buf_unref(buf);
}

Test(inq, clear_drops_what_is_held)
{
	struct ouro_buf *buf = ouro_buf_create(10);

	for (int i = 0; i < 5; i++)
		ouro_inq_push(&inq, (struct ouro_slice){ buf->data, 10, buf }, i % 2);
	ouro_inq_clear(&inq);
	cr_assert_eq(buf->refs, 1);
	cr_assert_eq(pool.used_count, 0);
	ouro_buf_unref(buf);
}
