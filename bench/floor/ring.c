/* Setting the ring up, and the operations all io_uring floors have in common. */
#include "ring.h"

#include "floor.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* io_uring_setup_buf_ring() came with liburing 2.4; this needs no more than 2.3. */
static void bufs_init(struct ring *ring)
{
	size_t bytes = RING_BUFS * sizeof(struct io_uring_buf);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	ring->bufs = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	ring->buf_mem = mmap(NULL, (size_t)RING_BUFS * RING_BUF_BYTES, PROT_READ | PROT_WRITE,
			     flags, -1, 0);
	if (ring->bufs == MAP_FAILED || ring->buf_mem == MAP_FAILED)
		floor_fail("mmap", -errno);

	struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)ring->bufs,
		.ring_entries = RING_BUFS,
		.bgid = RING_BUF_GROUP,
	};
	int err = io_uring_register_buf_ring(&ring->io, &reg, 0);
	if (err)
		floor_fail("io_uring_register_buf_ring", err);
	io_uring_buf_ring_init(ring->bufs);
	for (int i = 0; i < RING_BUFS; i++)
		io_uring_buf_ring_add(ring->bufs, ring->buf_mem + (size_t)i * RING_BUF_BYTES,
				      RING_BUF_BYTES, (unsigned short)i,
				      io_uring_buf_ring_mask(RING_BUFS), i);
	io_uring_buf_ring_advance(ring->bufs, RING_BUFS);
}

void ring_init(struct ring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = RING_CQ_ENTRIES,
	};

	memset(ring, 0, sizeof(*ring));
	int err = io_uring_queue_init_params(RING_SQ_ENTRIES, &ring->io, &params);
	if (err)
		floor_fail("io_uring_queue_init_params", err);
	err = io_uring_register_ring_fd(&ring->io);
	if (err < 0)
		floor_fail("io_uring_register_ring_fd", err);
	bufs_init(ring);
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->io);

	while (!sqe) {
		int err = io_uring_submit(&ring->io);
		if (err < 0 && err != -EBUSY && err != -EINTR)
			floor_fail("io_uring_submit", err);
		sqe = io_uring_get_sqe(&ring->io);
	}
	return sqe;
}

void ring_tag(struct io_uring_sqe *sqe, enum ring_op op, int fd)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)op << 32 | (uint32_t)fd);
}

enum ring_op ring_cqe_op(const struct io_uring_cqe *cqe)
{
	return (enum ring_op)(cqe->user_data >> 32);
}

int ring_cqe_fd(const struct io_uring_cqe *cqe)
{
	return (int)(uint32_t)cqe->user_data;
}

void ring_accept(struct ring *ring, int listen_fd)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	/* The sockets stay blocking: on a non-blocking one a send that finds no room would
	 * complete with -EAGAIN instead of waiting for it. */
	io_uring_prep_multishot_accept(sqe, listen_fd, NULL, NULL, SOCK_CLOEXEC);
	ring_tag(sqe, RING_ACCEPT, listen_fd);
}

void ring_recv(struct ring *ring, int fd, bool multishot)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	if (multishot)
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, fd, NULL, RING_BUF_BYTES, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = RING_BUF_GROUP;
	ring_tag(sqe, RING_RECV, fd);
}

void ring_send_close(struct ring *ring, int fd, const char *data, size_t len)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_send(sqe, fd, data, len, MSG_NOSIGNAL | MSG_WAITALL);
	io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	ring_tag(sqe, RING_SEND, fd);
	sqe = ring_sqe(ring);
	io_uring_prep_close(sqe, fd);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	ring_tag(sqe, RING_CLOSE, fd);
}

static unsigned short buf_id(const struct io_uring_cqe *cqe)
{
	return (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

char *ring_buf(const struct ring *ring, const struct io_uring_cqe *cqe)
{
	return ring->buf_mem + (size_t)buf_id(cqe) * RING_BUF_BYTES;
}

void ring_buf_return(struct ring *ring, const struct io_uring_cqe *cqe)
{
	io_uring_buf_ring_add(ring->bufs, ring_buf(ring, cqe), RING_BUF_BYTES, buf_id(cqe),
			      io_uring_buf_ring_mask(RING_BUFS), ring->freed++);
}

void ring_bufs_publish(struct ring *ring)
{
	if (ring->freed)
		io_uring_buf_ring_advance(ring->bufs, ring->freed);
	ring->freed = 0;
}
