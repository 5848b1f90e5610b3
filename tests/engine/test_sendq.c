/* The send queue against a flat string of bytes. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TOTAL_MAX = 400000, OPERATIONS = 4000 };

static struct ouro_sendq_pools pools;
static char *model; /* all that was ever queued; a file holds the same */
static struct ouro_buf *file;
static size_t queued, consumed;

static void open_pools(void)
{
	ouro_sendq_pools_init(&pools);
	model = malloc(TOTAL_MAX);
	rig_fill(model, TOTAL_MAX, 0);
	file = rig_file(TOTAL_MAX);
}

static void close_pools(void)
{
	cr_assert_eq(pools.queues.used_count, 0);
	cr_assert_eq(pools.blocks.used_count, 0);
	cr_assert_eq(pools.buffers.used_count, 0);
	ouro_sendq_pools_fini(&pools);
	cr_assert_eq(file->refs, 1);
	ouro_buf_unref(file);
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

static void append_file(struct ouro_sendq *sendq, size_t len)
{
	cr_assert_eq(ouro_sendq_append_file(sendq, file, queued, len), 0);
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
	struct ouro_op_send send = { 0 };
	size_t sum = 0;

	cr_assert_eq(sendq->bytes, queued - consumed);
	if (sendq->bytes == 0)
		return 0;
	ouro_sendq_gather(sendq, &send);
	cr_assert_gt(send.bytes, 0);
	cr_assert_leq(send.bytes, sendq->bytes);
	if (send.op.kind == OURO_OP_SEND_FILE) {
		cr_assert_eq(send.file_fd, ouro_filebuf_fd(file));
		cr_assert_eq(send.file_offset, consumed);
		return send.bytes;
	}
	for (size_t i = 0; i < send.msg.msg_iovlen; i++) {
		cr_assert_eq(memcmp(send.msg.msg_iov[i].iov_base, model + consumed + sum,
				    send.msg.msg_iov[i].iov_len),
			     0);
		sum += send.msg.msg_iov[i].iov_len;
	}
	cr_assert_eq(sum, send.bytes);
	return send.bytes;
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

			/* Blocks are added in another way while a send is in flight. */
			sendq->send.op.in_flight = rand() % 2;
			switch (rand() % 5) {
			case 0:
				append(sendq, len);
				break;
			case 4:
				append_file(sendq, len);
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
		sendq->send.op.in_flight = false;
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
	struct ouro_op_send send = { 0 };

	queued = consumed = 0;
	for (int i = 0; i < 50; i++)
		render(sendq, 100, 100);
	ouro_sendq_gather(sendq, &send);
	cr_assert_eq(send.msg.msg_iovlen, 1);
	ouro_sendq_destroy(sendq);
}

/* A send takes a part of the first block while others are added behind it. */
Test(sendq, blocks_behind_a_first_one_that_was_sent_in_part_are_kept)
{
	struct ouro_sendq *sendq = ouro_sendq_create(&pools);

	queued = consumed = 0;
	for (int i = 0; i < OURO_SENDQ_FIRST_SEGMENTS; i++)
		append(sendq, 10);
	check_gather(sendq);
	sendq->send.op.in_flight = true;
	append(sendq, 10);
	sendq->send.op.in_flight = false;
	consume(sendq, 15);
	for (int i = 0; i < 3 * OURO_SENDQ_SEGMENTS; i++)
		append(sendq, 10);
	while (sendq->bytes > 0)
		consume(sendq, check_gather(sendq));
	ouro_sendq_destroy(sendq);
}

Test(sendq, memory_before_a_file_says_that_more_follows)
{
	struct ouro_op_send send = { 0 };

	queued = consumed = 0;
	/* So many that the file is the first of the next block. */
	for (int i = 0; i < OURO_SENDQ_FIRST_SEGMENTS + OURO_SENDQ_SEGMENTS; i++) {
		struct ouro_sendq *other = ouro_sendq_create(&pools);

		for (int j = 0; j <= i; j++)
			append(other, 10);
		append_file(other, 10);
		append(other, 10);
		do {
			ouro_sendq_gather(other, &send);
			cr_assert_eq(send.op.kind, OURO_OP_SEND);
			ouro_sendq_consume(other, send.bytes);
		} while (!send.more);
		ouro_sendq_gather(other, &send);
		cr_assert_eq(send.op.kind, OURO_OP_SEND_FILE);
		cr_assert_eq(send.bytes, 10);
		ouro_sendq_consume(other, 10);
		ouro_sendq_gather(other, &send);
		cr_assert_eq(send.op.kind, OURO_OP_SEND);
		cr_assert_not(send.more);
		ouro_sendq_destroy(other);
	}
}

Test(sendq, large_files_are_sent_in_pieces)
{
	struct ouro_sendq *sendq = ouro_sendq_create(&pools);
	struct ouro_op_send send = { 0 };
	const uint64_t len = UINT64_C(5) << 30;
	uint64_t at = 7;

	cr_assert_eq(ouro_sendq_append_file(sendq, file, at, len), 0);
	cr_assert_eq(sendq->bytes, len);
	while (sendq->bytes > 0) {
		ouro_sendq_gather(sendq, &send);
		cr_assert_eq(send.op.kind, OURO_OP_SEND_FILE);
		cr_assert_eq(send.file_offset, at);
		cr_assert_leq(send.bytes, OURO_SENDQ_FILE_BYTES_MAX);
		at += send.bytes;
		ouro_sendq_consume(sendq, send.bytes);
	}
	cr_assert_eq(at, 7 + len);
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

	cr_assert_eq(ouro_sendq_append(sendq, (struct ouro_slice){ "", 0, NULL }), 0);
	cr_assert_eq(ouro_sendq_append_file(sendq, file, 3, 0), 0);
	cr_assert_eq(sendq->bytes, 0);
	cr_assert_eq(sendq->head->count, 0);
	ouro_sendq_destroy(sendq);
	ouro_sendq_destroy(NULL);
}
