/* The output of one connection: a chain of segments, each a view with the buffer that holds it, or a
 * range of a file with the file buffer.
 * It is leased from a pool while something is queued; an idle connection has none. */
#ifndef OURO_ENGINE_SENDQ_H
#define OURO_ENGINE_SENDQ_H

#include "base/filebuf.h"
#include "base/pool.h"
#include "base/stream.h"
#include "engine/op.h"

#include <sys/uio.h>

enum {
	OURO_SENDQ_SEGMENT_BYTES_MAX = 1 << 20, /* longer slices are cut: the kernel's lengths have
						 * 32 bits, and a send should not take for ever */
	OURO_SENDQ_FILE_BYTES_MAX = 2 << 20,    /* of a file in one send: some 0.2 ms */
	OURO_SENDQ_FILE_SEGMENT_MAX = 1 << 30,  /* of a file in one segment: fits any size_t */
	OURO_SENDQ_SEGMENTS = 32,               /* of one block, and so the most of one send */
	OURO_SENDQ_FIRST_SEGMENTS = 4,   /* of the block within the queue: enough for nearly all */
	OURO_SENDQ_COPY_BYTES_MAX = 512, /* smaller pieces are cheaper to move than to refer to */
	OURO_OUT_BUFFER_BYTES = OURO_STREAM_RESERVE_MAX,
};

struct ouro_sendblock {
	struct ouro_sendblock *next;
	uint16_t head;  /* first segment that is not sent in full */
	uint16_t count; /* segments used, sent ones included */
	uint16_t room;
	/* @room of each. A segment of a file has its length in iov, and its place in offset. */
	struct iovec *iov;
	struct ouro_buf **buf;
	uint64_t *offset;
};

/* One that is not within a queue. */
struct ouro_sendblock_large {
	struct ouro_sendblock block;
	struct iovec iov[OURO_SENDQ_SEGMENTS];
	struct ouro_buf *buf[OURO_SENDQ_SEGMENTS];
	uint64_t offset[OURO_SENDQ_SEGMENTS];
};

/* Pools of one loop that send queues live from. */
struct ouro_sendq_pools {
	struct ouro_pool queues;  /* struct ouro_sendq */
	struct ouro_pool blocks;  /* struct ouro_sendblock_large */
	struct ouro_pool buffers; /* struct ouro_buf with OURO_OUT_BUFFER_BYTES behind it */
};

struct ouro_sendq {
	struct ouro_op_send send; /* the send in flight, if it is not a zero-copy one */
	struct ouro_sendq_pools *pools;
	void *conn;
	struct ouro_op *zero_copy; /* the zero-copy send that has no result yet, if there is one */
	struct ouro_buf *tail_buf; /* takes reservations; NULL: none yet */
	uint64_t bytes;            /* queued and not yet taken by the kernel */
	bool head_is_warm;         /* the next piece of a file was just read by another thread */
	uint32_t progress_ms;      /* when output last went, or was queued onto nothing */
	struct ouro_sendblock *head, *tail;
	struct ouro_sendblock first; /* the chain begins here, unless it was sent and moved on */
	struct iovec first_iov[OURO_SENDQ_FIRST_SEGMENTS];
	struct ouro_buf *first_buf[OURO_SENDQ_FIRST_SEGMENTS];
	uint64_t first_offset[OURO_SENDQ_FIRST_SEGMENTS];
};

void ouro_sendq_pools_init(struct ouro_sendq_pools *pools);
void ouro_sendq_pools_fini(struct ouro_sendq_pools *pools);
void ouro_sendq_pools_trim(struct ouro_sendq_pools *pools);

/* An empty queue; NULL when out of memory. */
struct ouro_sendq *ouro_sendq_create(struct ouro_sendq_pools *pools);

/* Drops what is queued. The send must not be in flight. */
void ouro_sendq_destroy(struct ouro_sendq *sendq);

/* Room for @bytes (<= OURO_STREAM_RESERVE_MAX) behind the output; NULL when out of memory. */
char *ouro_sendq_reserve(struct ouro_sendq *sendq, size_t bytes);

/* Queues the first @bytes of the last reservation. 0 or -ENOMEM. */
int ouro_sendq_commit(struct ouro_sendq *sendq, size_t bytes);

/* Queues @slice with a reference to its buffer. 0, or -ENOMEM, when a part of it may be queued. */
int ouro_sendq_append(struct ouro_sendq *sendq, struct ouro_slice slice);

/* Queues @len bytes from @offset of @file with a reference to it. Errors as ouro_sendq_append(). */
int ouro_sendq_append_file(struct ouro_sendq *sendq, struct ouro_buf *file, uint64_t offset,
			   uint64_t len);

/* Fills @send with what one send can take, from the oldest: memory (kind OURO_OP_SEND: msg, bytes and
 * more) or a piece of a file (kind OURO_OP_SEND_FILE: file_fd, file_offset and bytes). Something is
 * queued. */
void ouro_sendq_gather(struct ouro_sendq *sendq, struct ouro_op_send *send);

/* The file that the oldest segment is of; NULL: it is memory. Something is queued. */
static inline struct ouro_buf *ouro_sendq_head_file(const struct ouro_sendq *sendq)
{
	struct ouro_buf *buf = sendq->head->buf[sendq->head->head];

	return ouro_buf_is_file(buf) ? buf : NULL;
}

/* Drops the oldest @bytes, which were sent. */
void ouro_sendq_consume(struct ouro_sendq *sendq, size_t bytes);

#endif
