/* Sessions without memory. The linker sends what they call through here. */
#include "sse/session.h"

#include <criterion/criterion.h>
#include <errno.h>

/* Names that the linker gives. */
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

static bool is_out;

void *__wrap_malloc(size_t bytes)
{
	return is_out ? NULL : __real_malloc(bytes);
}

static size_t pending, written;

static int count_write(struct ouro_sse_session *writer, struct ouro_slice slice)
{
	(void)writer;
	written += slice.len;
	return 0;
}

static int no_flush(struct ouro_sse_session *writer)
{
	(void)writer;
	return 0;
}

static size_t get_pending(const struct ouro_sse_session *writer)
{
	(void)writer;
	return pending;
}

static const struct ouro_sse_writer_ops ops = { count_write, no_flush, get_pending };

static struct ouro_sse_encoded encode(const char *key)
{
	struct ouro_sse_event event = { .data = OURO_STR("x"), .key = ouro_str_c(key) };
	struct ouro_sse_encoded encoded;

	cr_assert_eq(ouro_sse_event_encode(&event, &encoded), 0);
	return encoded;
}

Test(sse_memory, an_event_that_cannot_be_encoded_is_not)
{
	struct ouro_sse_encoded encoded;

	is_out = true;
	cr_expect_eq(ouro_sse_event_encode(&(struct ouro_sse_event){ .data = OURO_STR("x") },
					   &encoded),
		     -ENOMEM);
}

Test(sse_memory, an_event_that_cannot_wait_costs_no_other)
{
	struct ouro_sse_encoded event = encode("key");
	struct ouro_sse_session session;
	struct ouro_sse_kind kind;

	ouro_sse_kind_init(&kind, &ops,
			   &(struct ouro_sse_session_options){ .slow = OURO_SSE_SLOW_COALESCE });
	ouro_sse_session_init(&session, &kind, 0);
	pending = SIZE_MAX;
	is_out = true;
	cr_expect_eq(ouro_sse_session_send(&session, &event, 0), -ENOMEM);
	cr_expect_eq(event.bytes.buf->refs, 1);
	is_out = false;
	for (uint32_t i = 0; i < 8; i++)
		cr_expect_eq(ouro_sse_session_send(&session, &event, 0), 0);
	cr_expect_eq(session.waiting_count, 1);
	pending = 0;
	cr_expect_eq(ouro_sse_session_drain(&session, 0), 0);
	cr_expect_eq(written, event.bytes.len);

	/* Eight of no key fill the ring; the ninth needs a larger one. */
	event.key = ouro_str(NULL, 0);
	pending = SIZE_MAX;
	for (uint32_t i = 0; i < 8; i++)
		cr_expect_eq(ouro_sse_session_send(&session, &event, 0), 0);
	is_out = true;
	cr_expect_eq(ouro_sse_session_send(&session, &event, 0), -ENOMEM);
	is_out = false;
	cr_expect_eq(session.waiting_count, 8);
	cr_expect_eq(session.dropped_count, 0);
	ouro_sse_session_fini(&session);
	ouro_sse_kind_fini(&kind);
	cr_expect_eq(event.bytes.buf->refs, 1);
	ouro_buf_unref(event.bytes.buf);
}
