/* Tests of base/buf.h. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

static int released;

static void count_release(struct ouro_buf *buf)
{
	(void)buf;
	released++;
}

Test(buf, is_released_with_its_last_reference)
{
	struct ouro_buf buf = { .refs = 1, .release = count_release };

	cr_assert_eq(ouro_buf_ref(&buf), &buf);
	ouro_buf_ref(&buf);
	ouro_buf_unref(&buf);
	ouro_buf_unref(&buf);
	cr_assert_eq(released, 0);
	ouro_buf_unref(&buf);
	cr_assert_eq(released, 1);
}

Test(buf, null_is_accepted)
{
	cr_assert_null(ouro_buf_ref(NULL));
	ouro_buf_unref(NULL);
}

Test(buf, of_the_heap_has_its_memory_behind_it)
{
	struct ouro_buf *buf = ouro_buf_create(1000);

	cr_assert_eq(buf->size, 1000);
	cr_assert_eq(buf->len, 0);
	cr_assert_eq(buf->refs, 1);
	memset(buf->data, 1, buf->size);
	ouro_buf_unref(buf);
}

Test(buf, of_the_heap_may_be_empty)
{
	ouro_buf_unref(ouro_buf_create(0));
}
