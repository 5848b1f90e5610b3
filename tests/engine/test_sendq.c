/* The send queue against a flat string of bytes. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TOTAL_MAX = 400000, OPERATIONS = 4000 };

static struct ouro_sendq_pools pools;
static char *model; /* all that was ever queued */
static size_t queued, consumed;

static void open_pools(void)
{
	ouro_sendq_pools_init(&pools);
	model = malloc(TOTAL_MAX);
	rig_fill(model, TOTAL_MAX, 0);
}

static void close_pools(void)
{
	cr_assert_eq(pools.queues.used_count, 0);
	cr_assert_eq(pools.blocks.used_count, 0);
	cr_assert_eq(pools.buffers.used_count, 0);
	ouro_sendq_pools_fini(&pools);
	free(model);
}

TestSuite(sendq, .init = open_pools, .fini = close_pools);

static void append(struct ouro_sendq *sendq, size_t len)
{
	struct ouro_buf *buf = ouro_buf_create((uint32_t)len);

	memcpy(buf->data, model + queued, len);
	cr_assert_eq(ouro_sendq_append(sendq, (struct ouro_slice){ buf->data, len, buf }), 0);
	ouro_buf_unref(buf);
	queued += len;
}

static void render(struct ouro_sendq *sendq, size_t reserved, size_t len)
{
	char *room = ouro_sendq_reserve(sendq, reserved);

	cr_assert_not_null(room);
	memcpy(room, model + queued, len);
	cr_assert_eq(ouro_sendq_commit(sendq, len), 0);
	queued += len;
}

/* What the next send would take must be the next bytes of the model. */
static size_t check_gather(struct ouro_sendq *sendq)
{
	struct msghdr msg;
	size_t bytes = ouro_sendq_gather(sendq, &msg), sum = 0;

	cr_assert_eq(sendq->bytes, queued - consumed);
	for (size_t i = 0; i < msg.msg_iovlen; i++) {
		cr_assert_eq(memcmp(msg.msg_iov[i].iov_base, model + consumed + sum,
				    msg.msg_iov[i].iov_len),
			     0);
		sum += msg.msg_iov[i].iov_len;
	}
	cr_assert_eq(sum, bytes);
	cr_assert_leq(bytes, sendq->bytes);
	cr_assert(bytes > 0 || sendq->bytes == 0);
	return bytes;
}

static void consume(struct ouro_sendq *sendq, size_t len)
{
	ouro_sendq_consume(sendq, len);
	consumed += len;
}

Test(sendq, random_operations_do_as_a_flat_string)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		struct ouro_sendq *sendq = ouro_sendq_create(&pools);

		srand(seed);
		queued = consumed = 0;
		for (int i = 0; i < OPERATIONS && queued + 9000 < TOTAL_MAX; i++) {
			size_t len = (size_t)(rand() % (rand() % 8 ? 100 : 8000));
			size_t gathered = check_gather(sendq);

			switch (rand() % 4) {
			case 0:
				append(sendq, len);
				break;
			case 1:
			case 2:
				render(sendq, len + (size_t)(rand() % 100), len);
				break;
			case 3:
				consume(sendq, gathered ? (size_t)rand() % (gathered + 1) : 0);
				break;
			}
		}
		while (sendq->bytes > 0)
			consume(sendq, check_gather(sendq));
		ouro_sendq_destroy(sendq);
	}
}

Test(sendq, any_number_of_bytes_may_be_consumed)
{
	for (size_t cut = 0; cut <= 600; cut++) {
		struct ouro_sendq *sendq = ouro_sendq_create(&pools);

		queued = consumed = 0;
		/* More segments than one block has, of one to some bytes. */
		for (size_t i = 0; queued < 600; i++)
			append(sendq, queued + 1 + i % 15 > 600 ? 600 - queued : 1 + i % 15);
		while (consumed < cut) {
			size_t gathered = check_gather(sendq);

			consume(sendq, gathered < cut - consumed ? gathered : cut - consumed);
		}
		check_gather(sendq);
		ouro_sendq_destroy(sendq);
	}
}

Test(sendq, pieces_rendered_one_after_the_other_are_one_segment)
{
	struct ouro_sendq *sendq = ouro_sendq_create(&pools);
	struct msghdr msg;

	queued = consumed = 0;
	for (int i = 0; i < 50; i++)
		render(sendq, 100, 100);
	ouro_sendq_gather(sendq, &msg);
	cr_assert_eq(msg.msg_iovlen, 1);
	ouro_sendq_destroy(sendq);
}

Test(sendq, segments_hold_their_buffers_until_they_are_consumed)
{
	struct ouro_sendq *sendq = ouro_sendq_create(&pools);
	struct ouro_buf *buf = ouro_buf_create(1000);

	for (int i = 0; i < 100; i++)
		ouro_sendq_append(sendq, (struct ouro_slice){ buf->data, 10, buf });
	cr_assert_eq(buf->refs, 101);
	ouro_sendq_consume(sendq, 15);
	cr_assert_eq(buf->refs, 100);
	ouro_sendq_consume(sendq, 485);
	cr_assert_eq(buf->refs, 51);
	ouro_sendq_destroy(sendq);
	cr_assert_eq(buf->refs, 1);
	ouro_buf_unref(buf);
}

Test(sendq, empty_slices_are_nothing)
{
	struct ouro_sendq *sendq = ouro_sendq_create(&pools);
	struct msghdr msg;

	cr_assert_eq(ouro_sendq_append(sendq, (struct ouro_slice){ "", 0, NULL }), 0);
	cr_assert_eq(ouro_sendq_gather(sendq, &msg), 0);
	ouro_sendq_destroy(sendq);
	ouro_sendq_destroy(NULL);
}
