/* The output of one connection: see engine/sendq.h. */
#include "engine/sendq.h"

#include <errno.h>

void ouro_sendq_pools_init(struct ouro_sendq_pools *pools)
{
	ouro_pool_init(&pools->queues, sizeof(struct ouro_sendq));
	ouro_pool_init(&pools->blocks, sizeof(struct ouro_sendblock_large));
	ouro_pool_init(&pools->buffers, sizeof(struct ouro_buf) + OURO_OUT_BUFFER_BYTES);
}

void ouro_sendq_pools_fini(struct ouro_sendq_pools *pools)
{
	ouro_pool_fini(&pools->queues);
	ouro_pool_fini(&pools->blocks);
	ouro_pool_fini(&pools->buffers);
}

void ouro_sendq_pools_trim(struct ouro_sendq_pools *pools)
{
	ouro_pool_trim(&pools->queues);
	ouro_pool_trim(&pools->blocks);
	ouro_pool_trim(&pools->buffers);
}

static void release_out_buf(struct ouro_buf *buf)
{
	ouro_pool_put(buf->owner, buf);
}

static struct ouro_buf *create_out_buf(struct ouro_sendq_pools *pools)
{
	struct ouro_buf *buf = ouro_pool_get(&pools->buffers);

	if (!buf)
		return NULL;
	*buf = (struct ouro_buf){
		.data = (char *)(buf + 1),
		.size = OURO_OUT_BUFFER_BYTES,
		.refs = 1,
		.release = release_out_buf,
		.owner = &pools->buffers,
	};
	return buf;
}

static void init_block(struct ouro_sendblock *block, uint16_t room, struct iovec *iov,
		       struct ouro_buf **buf, uint64_t *offset)
{
	*block = (struct ouro_sendblock){
		.room = room,
		.iov = iov,
		.buf = buf,
		.offset = offset,
	};
}

struct ouro_sendq *ouro_sendq_create(struct ouro_sendq_pools *pools)
{
	struct ouro_sendq *sendq = ouro_pool_get(&pools->queues);

	if (!sendq)
		return NULL;
	sendq->send.op = (struct ouro_op){ 0 };
	sendq->pools = pools;
	sendq->tail_buf = NULL;
	sendq->bytes = 0;
	sendq->head_is_warm = false;
	sendq->head = sendq->tail = &sendq->first;
	init_block(&sendq->first, OURO_SENDQ_FIRST_SEGMENTS, sendq->first_iov, sendq->first_buf,
		   sendq->first_offset);
	return sendq;
}

/* Leaves @block behind; the one that is part of the queue itself stays for later. */
static void free_block(struct ouro_sendq *sendq, struct ouro_sendblock *block)
{
	if (block != &sendq->first)
		ouro_pool_put(&sendq->pools->blocks, block);
}

void ouro_sendq_destroy(struct ouro_sendq *sendq)
{
	if (!sendq)
		return;
	assert(!sendq->send.op.in_flight);
	for (struct ouro_sendblock *block = sendq->head; block;) {
		struct ouro_sendblock *next = block->next;

		for (uint32_t i = block->head; i < block->count; i++)
			ouro_buf_unref(block->buf[i]);
		free_block(sendq, block);
		block = next;
	}
	ouro_buf_unref(sendq->tail_buf);
	ouro_pool_put(&sendq->pools->queues, sendq);
}

char *ouro_sendq_reserve(struct ouro_sendq *sendq, size_t bytes)
{
	struct ouro_buf *buf = sendq->tail_buf;

	assert(bytes <= OURO_STREAM_RESERVE_MAX);
	if (!buf || buf->size - buf->len < bytes) {
		buf = create_out_buf(sendq->pools);
		if (!buf)
			return NULL;
		ouro_buf_unref(sendq->tail_buf);
		sendq->tail_buf = buf;
	}
	return buf->data + buf->len;
}

static void move_segments(struct ouro_sendblock *from, struct ouro_sendblock *to)
{
	for (uint32_t i = from->head; i < from->count; i++) {
		to->iov[to->count] = from->iov[i];
		to->buf[to->count] = from->buf[i];
		to->offset[to->count] = from->offset[i];
		to->count++;
	}
	from->head = from->count = 0;
}

static int add_block(struct ouro_sendq *sendq)
{
	struct ouro_sendblock_large *large = ouro_pool_get(&sendq->pools->blocks);

	if (!large)
		return -ENOMEM;
	init_block(&large->block, OURO_SENDQ_SEGMENTS, large->iov, large->buf, large->offset);
	if (sendq->tail == &sendq->first && !sendq->send.op.in_flight) {
		/* What a turn wrote leaves as one send, so the few of the first block move over. */
		move_segments(&sendq->first, &large->block);
		sendq->head = &large->block;
	} else {
		sendq->tail->next = &large->block;
	}
	sendq->tail = &large->block;
	return 0;
}

/* The block that takes the next segment; NULL when out of memory. */
static struct ouro_sendblock *block_with_room(struct ouro_sendq *sendq)
{
	if (sendq->tail->count == sendq->tail->room && add_block(sendq))
		return NULL;
	return sendq->tail;
}

/* Queues @slice, which is no longer than a segment may be. */
static int append_segment(struct ouro_sendq *sendq, struct ouro_slice slice)
{
	struct ouro_sendblock *block = block_with_room(sendq);

	if (!block)
		return -ENOMEM;
	/* iovec has no const; the memory is only read. */
	block->iov[block->count].iov_base = (void *)(uintptr_t)slice.ptr;
	block->iov[block->count].iov_len = slice.len;
	block->buf[block->count] = ouro_buf_ref(slice.buf);
	block->count++;
	sendq->bytes += slice.len;
	return 0;
}

int ouro_sendq_append(struct ouro_sendq *sendq, struct ouro_slice slice)
{
	while (slice.len > 0) {
		struct ouro_slice piece = slice;
		int err;

		if (piece.len > OURO_SENDQ_SEGMENT_BYTES_MAX)
			piece.len = OURO_SENDQ_SEGMENT_BYTES_MAX;
		err = append_segment(sendq, piece);
		if (err)
			return err;
		slice.ptr += piece.len;
		slice.len -= piece.len;
	}
	return 0;
}

int ouro_sendq_append_file(struct ouro_sendq *sendq, struct ouro_buf *file, uint64_t offset,
			   uint64_t len)
{
	while (len > 0) {
		uint64_t piece = len < OURO_SENDQ_FILE_SEGMENT_MAX ? len
								   : OURO_SENDQ_FILE_SEGMENT_MAX;
		struct ouro_sendblock *block = block_with_room(sendq);

		if (!block)
			return -ENOMEM;
		block->iov[block->count] = (struct iovec){ .iov_len = (size_t)piece };
		block->buf[block->count] = ouro_buf_ref(file);
		block->offset[block->count] = offset;
		block->count++;
		sendq->bytes += piece;
		offset += piece;
		len -= piece;
	}
	return 0;
}

/* The last segment where it ends just before @ptr in @buf, so that it can grow; else NULL. It may
 * grow while a send of it is in flight: what that send did not see is left over from it. */
static struct iovec *growing_segment(struct ouro_sendq *sendq, const struct ouro_buf *buf,
				     const char *ptr)
{
	struct ouro_sendblock *block = sendq->tail;
	uint32_t last = block->count - 1U;

	if (block->head == block->count || block->buf[last] != buf)
		return NULL;
	if ((const char *)block->iov[last].iov_base + block->iov[last].iov_len != ptr)
		return NULL;
	return &block->iov[last];
}

int ouro_sendq_commit(struct ouro_sendq *sendq, size_t bytes)
{
	struct ouro_buf *buf = sendq->tail_buf;
	char *ptr = buf->data + buf->len;
	struct iovec *segment = growing_segment(sendq, buf, ptr);

	assert(bytes <= buf->size - buf->len);
	if (segment) {
		segment->iov_len += bytes;
		sendq->bytes += bytes;
	} else {
		int err = ouro_sendq_append(sendq, (struct ouro_slice){ ptr, bytes, buf });

		if (err)
			return err;
	}
	buf->len += (uint32_t)bytes;
	return 0;
}

static void gather_file(const struct ouro_sendblock *block, struct ouro_op_send *send)
{
	size_t len = block->iov[block->head].iov_len;

	send->op.kind = OURO_OP_SEND_FILE;
	send->bytes = len < OURO_SENDQ_FILE_BYTES_MAX ? len : OURO_SENDQ_FILE_BYTES_MAX;
	send->file_fd = ouro_filebuf_fd(block->buf[block->head]);
	send->file_offset = block->offset[block->head];
}

/* Whether a file comes right behind segment @index of @block. */
static bool file_follows(const struct ouro_sendblock *block, uint32_t index)
{
	if (index < block->count)
		return ouro_buf_is_file(block->buf[index]);
	block = block->next;
	return block && ouro_buf_is_file(block->buf[block->head]);
}

void ouro_sendq_gather(struct ouro_sendq *sendq, struct ouro_op_send *send)
{
	const struct ouro_sendblock *block = sendq->head;
	uint32_t end = block->head;
	size_t bytes = 0;

	if (ouro_sendq_head_file(sendq)) {
		gather_file(block, send);
		return;
	}
	for (; end < block->count && !ouro_buf_is_file(block->buf[end]); end++)
		bytes += block->iov[end].iov_len;
	send->op.kind = OURO_OP_SEND;
	send->msg = (struct msghdr){
		.msg_iov = &block->iov[block->head],
		.msg_iovlen = (size_t)(end - block->head),
	};
	send->bytes = bytes;
	send->more = file_follows(block, end);
}

static void leave_sent_block(struct ouro_sendq *sendq)
{
	struct ouro_sendblock *block = sendq->head;

	if (!block->next) {
		block->head = block->count = 0;
		return;
	}
	sendq->head = block->next;
	free_block(sendq, block);
}

/* Takes @bytes off the oldest segment of @block. */
static void shorten(struct ouro_sendblock *block, size_t bytes)
{
	struct iovec *segment = &block->iov[block->head];

	if (ouro_buf_is_file(block->buf[block->head]))
		block->offset[block->head] += bytes;
	else
		segment->iov_base = (char *)segment->iov_base + bytes;
	segment->iov_len -= bytes;
}

void ouro_sendq_consume(struct ouro_sendq *sendq, size_t bytes)
{
	assert(bytes <= sendq->bytes);
	sendq->bytes -= bytes;
	sendq->head_is_warm = false;
	while (bytes > 0) {
		struct ouro_sendblock *block = sendq->head;
		struct iovec *segment = &block->iov[block->head];

		if (bytes < segment->iov_len) {
			shorten(block, bytes);
			return;
		}
		bytes -= segment->iov_len;
		ouro_buf_unref(block->buf[block->head]);
		block->head++;
		if (block->head == block->count)
			leave_sent_block(sendq);
	}
}
