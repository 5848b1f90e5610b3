/* Opening a ring: the ladder of set-up flags, the buffer ring, and the questions that tell what
 * the running kernel can do. Nothing here goes by the kernel's version. */
#include "engine/uring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Best first. SINGLE_ISSUER and DEFER_TASKRUN (6.1) keep completions out of the way until the loop
 * asks for them; COOP_TASKRUN (5.19) at least spares the interrupts. SUBMIT_ALL (5.18) keeps one
 * bad request from holding back the rest of its batch. */
static const unsigned setup_ladder[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
	0,
};

/* Somebody who sleeps on the ring's descriptor is not woken by task work that is deferred until the
 * ring is entered (seen on 6.18). A registered eventfd is written for it, but not reliably where what
 * completes is a poll or read of another eventfd, so that is no way out. */
static bool wakes_sleepers(unsigned setup_flags)
{
	return !(setup_flags & IORING_SETUP_DEFER_TASKRUN);
}

static int open_ring(struct ouro_uring *uring, uint32_t completion_entries, bool driven)
{
	int err = -EINVAL;

	for (size_t i = 0; i < sizeof(setup_ladder) / sizeof(setup_ladder[0]); i++) {
		struct io_uring_params params = {
			.flags = setup_ladder[i] | IORING_SETUP_CQSIZE,
			.cq_entries = completion_entries,
		};
		unsigned entries = OURO_URING_SUBMISSION_ENTRIES;

		if (driven && !wakes_sleepers(setup_ladder[i]))
			continue;
		if (entries > completion_entries)
			entries = completion_entries;
		err = io_uring_queue_init_params(entries, &uring->ring, &params);
		if (err == 0) {
			uring->setup_flags = setup_ladder[i];
			uring->has_cancel_skip = (params.features & IORING_FEAT_CQE_SKIP) != 0;
			return 0;
		}
		if (err != -EINVAL)
			break;
	}
	return err;
}

static int register_buffers(struct ouro_uring *uring)
{
	struct ouro_recvpool *pool = &uring->base.recvpool;
	struct io_uring_buf_reg reg = { 0 };
	int err;

	uring->buf_ring_bytes = pool->count * sizeof(struct io_uring_buf);
	uring->buf_ring = mmap(NULL, uring->buf_ring_bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uring->buf_ring == MAP_FAILED) {
		uring->buf_ring = NULL;
		return -ENOMEM;
	}
	reg.ring_addr = (uint64_t)(uintptr_t)uring->buf_ring;
	reg.ring_entries = pool->count;
	reg.bgid = OURO_URING_BUFFER_GROUP;
	err = io_uring_register_buf_ring(&uring->ring, &reg, 0);
	if (err)
		/* Kernels before 5.19 have none, and without one a receive would need a buffer
		 * of its own for every idle connection. */
		return err == -EINVAL ? -EOPNOTSUPP : err;
	io_uring_buf_ring_init(uring->buf_ring);
	for (uint32_t i = 0; i < pool->count; i++) {
		struct ouro_buf *buf = ouro_recvpool_at(pool, i);

		io_uring_buf_ring_add(uring->buf_ring, buf->data, buf->size, (unsigned short)i,
				      io_uring_buf_ring_mask(pool->count), (int)i);
	}
	io_uring_buf_ring_advance(uring->buf_ring, (int)pool->count);
	return 0;
}

/* Submits what is queued and takes one completion: for the trial below, before the loop runs. */
static int take_one(struct io_uring *ring, int32_t *result, unsigned *flags)
{
	struct io_uring_cqe *cqe;
	int err = io_uring_submit_and_wait(ring, 1);

	if (err < 0)
		return err;
	err = io_uring_wait_cqe(ring, &cqe);
	if (err)
		return err;
	*result = cqe->res;
	*flags = cqe->flags;
	io_uring_cqe_seen(ring, cqe);
	return 0;
}

/* One multishot receive on a socket pair whose far end has already said all: a kernel that knows
 * the flag (6.0) answers with data and then the end, an older one with -EINVAL. */
static int try_multishot_recv(struct ouro_uring *uring)
{
	struct ouro_recvpool *pool = &uring->base.recvpool;
	struct io_uring_sqe *sqe;
	int pair[2];
	int32_t result = 0;
	unsigned flags = IORING_CQE_F_MORE;
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (write(pair[1], "?", 1) != 1) {
		err = -errno;
		goto close_pair;
	}
	shutdown(pair[1], SHUT_WR);
	sqe = io_uring_get_sqe(&uring->ring);
	io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = OURO_URING_BUFFER_GROUP;
	uring->has_multishot_recv = true;
	do {
		err = take_one(&uring->ring, &result, &flags);
		if (err)
			goto close_pair;
		if (result == -EINVAL)
			uring->has_multishot_recv = false;
		if (flags & IORING_CQE_F_BUFFER) {
			struct ouro_buf *buf =
				ouro_recvpool_at(pool, flags >> IORING_CQE_BUFFER_SHIFT);

			io_uring_buf_ring_add(uring->buf_ring, buf->data, buf->size,
					      (unsigned short)buf->id,
					      io_uring_buf_ring_mask(pool->count), 0);
			io_uring_buf_ring_advance(uring->buf_ring, 1);
		}
	} while (flags & IORING_CQE_F_MORE);
close_pair:
	close(pair[0]);
	close(pair[1]);
	return err;
}

/* One zero-copy send that asks to be told whether it was copied, on a Unix socket, which has none: a
 * kernel that knows both (6.2) answers -EOPNOTSUPP, one that does not know the flag or the opcode
 * -EINVAL. */
static int try_zero_copy(struct ouro_uring *uring)
{
	char byte = '?';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	int pair[2];
	int32_t result;
	unsigned flags;
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	sqe = io_uring_get_sqe(&uring->ring);
	io_uring_prep_sendmsg(sqe, pair[0], &msg, MSG_NOSIGNAL);
	sqe->opcode = OURO_IORING_OP_SENDMSG_ZC;
	sqe->ioprio = IORING_SEND_ZC_REPORT_USAGE;
	uring->has_zero_copy = true;
	do {
		err = take_one(&uring->ring, &result, &flags);
		if (!err && result == -EINVAL)
			uring->has_zero_copy = false;
	} while (!err && flags & IORING_CQE_F_MORE);
	close(pair[0]);
	close(pair[1]);
	return err;
}

static void release_eager(struct ouro_buf *buf)
{
	struct ouro_uring *uring = buf->owner;

	ouro_recvpool_put(&uring->eager, buf);
}

int ouro_uring_setup(struct ouro_uring *uring, const struct ouro_backend_options *options,
		     ouro_buf_release_fn release)
{
	int err = open_ring(uring, options->completion_entries, options->driven);

	if (err)
		return err;
	ouro_backend_take_options(&uring->base, options);
	uring->armed_ns = OURO_DEADLINE_NEVER;
	err = ouro_recvpool_init(&uring->base.recvpool, options->recv_buffer_count,
				 options->recv_buffer_bytes, release, uring);
	if (err)
		goto exit_ring;
	err = ouro_recvpool_init(&uring->eager, OURO_URING_EAGER_BUFFERS,
				 options->recv_buffer_bytes, release_eager, uring);
	if (err)
		goto fini_pool;
	err = register_buffers(uring);
	if (err)
		goto fini_pool;
	err = try_multishot_recv(uring);
	if (err)
		goto fini_pool;
	err = try_zero_copy(uring);
	if (err)
		goto fini_pool;
	uring->has_registered_ring = io_uring_register_ring_fd(&uring->ring) == 1;
	uring->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (uring->wake_fd < 0) {
		err = -errno;
		goto fini_pool;
	}
	return 0;
fini_pool:
	/* The kernel lets go of the buffers with the ring, so the ring goes first. */
	io_uring_queue_exit(&uring->ring);
	if (uring->buf_ring)
		munmap(uring->buf_ring, uring->buf_ring_bytes);
	ouro_recvpool_fini(&uring->eager);
	ouro_recvpool_fini(&uring->base.recvpool);
	return err;
exit_ring:
	io_uring_queue_exit(&uring->ring);
	return err;
}

void ouro_uring_teardown(struct ouro_uring *uring)
{
	io_uring_unregister_buf_ring(&uring->ring, OURO_URING_BUFFER_GROUP);
	io_uring_queue_exit(&uring->ring);
	close(uring->wake_fd);
	munmap(uring->buf_ring, uring->buf_ring_bytes);
	ouro_recvpool_fini(&uring->eager);
	ouro_recvpool_fini(&uring->base.recvpool);
}

size_t ouro_uring_features(const struct ouro_uring *uring, struct ouro_feature *out)
{
	bool defer = (uring->setup_flags & IORING_SETUP_DEFER_TASKRUN) != 0;
	bool coop = (uring->setup_flags & IORING_SETUP_COOP_TASKRUN) != 0;
	bool all = (uring->setup_flags & IORING_SETUP_SUBMIT_ALL) != 0;
	size_t count = 0;

	out[count++] =
		(struct ouro_feature){ "single issuer, deferred task work", defer,
				       defer  ? "completions run only when the loop asks for them"
				       : coop ? "cooperative task work"
					      : "interrupting task work" };
	out[count++] = (struct ouro_feature){ "submit all", all,
					      all ? "a bad request does not hold back its batch"
						  : "the rest is submitted again" };
	out[count++] = (struct ouro_feature){ "registered ring", uring->has_registered_ring,
					      uring->has_registered_ring
						      ? "entered without a descriptor look-up"
						      : "entered through its descriptor" };
	out[count++] = (struct ouro_feature){ "provided buffer ring", true,
					      "an idle connection holds no receive buffer" };
	out[count++] = (struct ouro_feature){ "multishot receive", uring->has_multishot_recv,
					      uring->has_multishot_recv
						      ? "one request receives many times"
						      : "armed again after each receive" };
	out[count++] = (struct ouro_feature){ "quiet completions", uring->has_cancel_skip,
					      uring->has_cancel_skip
						      ? "a close costs no completion"
						      : "descriptors are closed by the loop" };
	out[count++] = (struct ouro_feature){ "zero-copy send", uring->has_zero_copy,
					      uring->has_zero_copy
						      ? "for large sends, until the kernel says "
							"that it copied"
						      : "sends are copied by the kernel" };
	return count;
}
