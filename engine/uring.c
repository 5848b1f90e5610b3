/* The ring backend: one kernel entry per turn hands over everything submitted and brings back
 * whatever completed. Multishot, provided buffers, linked close and zero-copy sends all stay in
 * here; what others see is operations and completions. */
#include "engine/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A completion's user data is the address of its op with the low bits of the op's generation above
 * it, so that a completion that comes after the final one (seen on some kernels after a reset) is
 * recognised and dropped. Receives, for which that was seen, live in slots that stay mapped. */
enum {
	GENERATION_SHIFT = 48,
	COMPLETION_BATCH = 128,
	CANCEL_AGAIN_NS = 1000000, /* between two requests to cancel the same operations */
};

#define ADDRESS_MASK ((UINT64_C(1) << GENERATION_SHIFT) - 1)

/* User data that is no address of an op. */
#define DATA_IGNORE UINT64_C(0)
#define DATA_TIMEOUT UINT64_C(2)
#define DATA_TIMEOUT_UPDATE UINT64_C(4)
#define DATA_WAKE UINT64_C(6)
#define DATA_CANCEL UINT64_C(8)
#define DATA_SPECIAL_MAX UINT64_C(8)

static struct ouro_uring *uring_of(struct ouro_backend *backend)
{
	return (struct ouro_uring *)(void *)backend;
}

static uint64_t op_data(const struct ouro_op *op)
{
	return (uint64_t)(uintptr_t)op | (uint64_t)op->generation << GENERATION_SHIFT;
}

/* A free submission entry; the queue is handed over when it is full. A full completion queue may
 * hold that up (-EBUSY), but only until the kernel has flushed what it kept back, which entering
 * for events does. */
static struct io_uring_sqe *get_sqe(struct ouro_uring *uring)
{
	struct io_uring_sqe *sqe;

	while ((sqe = io_uring_get_sqe(&uring->ring)) == NULL)
		io_uring_submit_and_get_events(&uring->ring);
	return sqe;
}

static void put_back(struct ouro_uring *uring, struct ouro_buf *buf)
{
	struct ouro_recvpool *pool = &uring->base.recvpool;

	io_uring_buf_ring_add(uring->buf_ring, buf->data, buf->size, (unsigned short)buf->id,
			      io_uring_buf_ring_mask(pool->count),
			      (int)uring->buf_ring_unpublished);
	uring->buf_ring_unpublished++;
	pool->free_count++;
}

/* A buffer lost its last reference: it goes back to the kernel with the next wait. */
static void release_buf(struct ouro_buf *buf)
{
	put_back(buf->owner, buf);
}

static void publish_bufs(struct ouro_uring *uring)
{
	if (uring->buf_ring_unpublished == 0)
		return;
	io_uring_buf_ring_advance(uring->buf_ring, (int)uring->buf_ring_unpublished);
	uring->buf_ring_unpublished = 0;
}

static void queue_recv(struct ouro_uring *uring, struct ouro_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	if (op->kind == OURO_OP_RECV && uring->has_multishot_recv)
		io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, op->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = OURO_URING_BUFFER_GROUP;
	io_uring_sqe_set_data64(sqe, op_data(op));
}

/* Receives at once what may have come already: many connections carry one request, which is there
 * when they are accepted, and then a system call is cheaper than a request to the ring. The ring's
 * buffers are the kernel's, so a few others are kept for this. False where there is nothing yet. */
static bool recv_eagerly(struct ouro_uring *uring, struct ouro_op *op)
{
	struct ouro_buf *buf = ouro_recvpool_take(&uring->eager);
	ssize_t got;

	if (!buf)
		return false;
	got = recv(op->fd, buf->data, buf->size, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		ouro_buf_unref(buf);
		return false;
	}
	op->result = got < 0 ? -errno : (int32_t)got;
	buf->len = got > 0 ? (uint32_t)got : 0;
	uring->base.finished_buf = buf;
	return true;
}

/* Receives that found no buffer are armed again only as buffers come back, one each, oldest first:
 * arming them at once would fail at once, for ever. */
static void feed_starved(struct ouro_uring *uring)
{
	uint32_t budget = uring->base.recvpool.free_count;
	struct ouro_op *op;

	while (budget-- > 0 && (op = ouro_op_list_pop(&uring->base.starved)) != NULL)
		queue_recv(uring, op);
}

static void queue_accept(struct ouro_uring *uring, struct ouro_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(uring);
	int flags = fcntl(op->fd, F_GETFL);

	/* The ring polls for a blocking descriptor; a non-blocking one would answer -EAGAIN. */
	if (flags >= 0 && flags & O_NONBLOCK)
		fcntl(op->fd, F_SETFL, flags & ~O_NONBLOCK);
	io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, op_data(op));
}

/* Without WAITALL, so that the caller sees how a large send gets on. */
static void queue_send(struct ouro_uring *uring, const struct ouro_op_send *send)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	if (send->msg.msg_iovlen == 1)
		io_uring_prep_send(sqe, send->op.fd, send->msg.msg_iov[0].iov_base,
				   send->msg.msg_iov[0].iov_len, MSG_NOSIGNAL);
	else
		io_uring_prep_sendmsg(sqe, send->op.fd, &send->msg, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, op_data(&send->op));
}

/* sendfile(2) can only be told by the descriptor not to block, and the ring wants descriptors that do.
 * Nothing else looks at it meanwhile: the ring enters the kernel from this thread alone. */
static bool send_file_directly(struct ouro_op_send *send)
{
	int on = 1, off = 0;
	bool done;

	ioctl(send->op.fd, FIONBIO, &on);
	done = ouro_backend_send_file(send);
	ioctl(send->op.fd, FIONBIO, &off);
	return done;
}

/* The loop's own send. False where it would block. */
static bool send_directly(struct ouro_op_send *send)
{
	ssize_t sent = ouro_backend_send(send, MSG_DONTWAIT);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	send->op.result = sent < 0 ? -errno : (int32_t)sent;
	if (send->close_after && send->op.result == (int32_t)send->bytes)
		close(send->op.fd);
	return true;
}

static enum ouro_submit submit_send(struct ouro_uring *uring, struct ouro_op_send *send)
{
	bool small_turn = uring->turn_completions <= OURO_URING_DIRECT_SENDS_MAX;

	/* A close right behind a send of our own costs less than the two as linked requests; a file
	 * behind it is sent by the loop as well. */
	if ((small_turn || send->close_after || send->more) && send_directly(send)) {
		ouro_counter_add(&uring->base.counters->sends_direct, 1);
		return OURO_SUBMIT_FINISHED;
	}
	/* One that has to wait leaves the closing to its caller. */
	send->close_after = false;
	queue_send(uring, send);
	ouro_counter_add(&uring->base.counters->sends_queued, 1);
	return OURO_SUBMIT_PENDING;
}

static void queue_poll(struct ouro_uring *uring, const struct ouro_op *op, short events)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_poll_add(sqe, op->fd, (unsigned short)events);
	io_uring_sqe_set_data64(sqe, op_data(op));
}

/* Files are sent by the loop: as requests of the ring, splices go through threads of the kernel, which
 * costs more (docs/zero-copy.md). The ring says when there is room again. */
static enum ouro_submit submit_send_file(struct ouro_uring *uring, struct ouro_op_send *send)
{
	if (send_file_directly(send)) {
		ouro_counter_add(&uring->base.counters->sends_direct, 1);
		return OURO_SUBMIT_FINISHED;
	}
	queue_poll(uring, &send->op, POLLOUT);
	return OURO_SUBMIT_PENDING;
}

static void queue_send_zc(struct ouro_uring *uring, struct ouro_op_send *send)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_sendmsg(sqe, send->op.fd, &send->msg, MSG_NOSIGNAL);
	sqe->opcode = OURO_IORING_OP_SENDMSG_ZC;
	sqe->ioprio = IORING_SEND_ZC_REPORT_USAGE;
	io_uring_sqe_set_data64(sqe, op_data(&send->op));
	ouro_counter_add(&uring->base.counters->sends_zero_copy, 1);
}

static void queue_close(struct ouro_uring *uring, struct ouro_op *op)
{
	struct io_uring_sqe *sqe;

	if (!uring->has_cancel_skip) {
		close(op->fd);
		return;
	}
	sqe = get_sqe(uring);
	io_uring_prep_close(sqe, op->fd);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, DATA_IGNORE);
}

static enum ouro_submit uring_submit(struct ouro_backend *backend, struct ouro_op *op)
{
	struct ouro_uring *uring = uring_of(backend);
	enum ouro_submit submitted = OURO_SUBMIT_PENDING;

	switch ((enum ouro_op_kind)op->kind) {
	case OURO_OP_ACCEPT:
		queue_accept(uring, op);
		break;
	case OURO_OP_RECV_ONCE:
		if (recv_eagerly(uring, op))
			return OURO_SUBMIT_FINISHED;
		queue_recv(uring, op);
		break;
	case OURO_OP_RECV:
		queue_recv(uring, op);
		break;
	case OURO_OP_SEND:
		submitted = submit_send(uring, (struct ouro_op_send *)(void *)op);
		break;
	case OURO_OP_SEND_ZC:
		queue_send_zc(uring, (struct ouro_op_send *)(void *)op);
		break;
	case OURO_OP_SEND_FILE:
		submitted = submit_send_file(uring, (struct ouro_op_send *)(void *)op);
		break;
	case OURO_OP_CLOSE:
		queue_close(uring, op);
		op->result = 0;
		return OURO_SUBMIT_FINISHED;
	case OURO_OP_POLL:
		queue_poll(uring, op, ((struct ouro_op_poll *)(void *)op)->events);
		break;
	}
	if (submitted == OURO_SUBMIT_PENDING)
		ouro_backend_begin(backend, op);
	return submitted;
}

static void queue_cancel(struct ouro_uring *uring, const struct ouro_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(uring);

	io_uring_prep_cancel64(sqe, op_data(op), 0);
	if (uring->has_cancel_skip)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, DATA_CANCEL);
}

static void uring_cancel(struct ouro_backend *backend, struct ouro_op *op)
{
	struct ouro_uring *uring = uring_of(backend);

	assert(op->in_flight);
	if (ouro_op_list_remove(&backend->starved, op)) {
		ouro_backend_finish_later(backend, op, -ECANCELED);
		return;
	}
	if (!op->cancelled)
		ouro_op_list_push(&uring->cancelled, op);
	op->cancelled = true;
	queue_cancel(uring, op);
}

/* An operation that is not found when it is to be cancelled has ended, which is nearly always so, or is on
 * its way from one list of the kernel's to another, behind which it may block a worker for as long as the peer
 * takes nothing. So those that have not ended are asked again, with pauses. When to wake for that. */
static uint64_t repeat_cancels(struct ouro_uring *uring, uint64_t deadline_ns)
{
	struct ouro_clock now;

	uring->cancel_missed = uring->cancelled.first != NULL;
	if (!uring->cancel_missed)
		return deadline_ns;
	ouro_backend_read_real_clock(&uring->base, &now);
	if (now.monotonic_ns >= uring->cancel_again_ns) {
		for (struct ouro_op *op = uring->cancelled.first; op; op = op->next)
			queue_cancel(uring, op);
		uring->cancel_again_ns = now.monotonic_ns + CANCEL_AGAIN_NS;
	}
	return deadline_ns < uring->cancel_again_ns ? deadline_ns : uring->cancel_again_ns;
}

/* The buffer a completion brought, with one reference; NULL where it brought none. */
static struct ouro_buf *take_buf(struct ouro_uring *uring, int32_t result, unsigned flags)
{
	struct ouro_recvpool *pool = &uring->base.recvpool;
	struct ouro_buf *buf;

	if (!(flags & IORING_CQE_F_BUFFER))
		return NULL;
	buf = ouro_recvpool_at(pool, flags >> IORING_CQE_BUFFER_SHIFT);
	buf->refs = 1;
	buf->len = result > 0 ? (uint32_t)result : 0;
	pool->free_count--;
	return buf;
}

/* The completion of a receive: with data and a buffer, or an end without. */
static void complete_recv(struct ouro_uring *uring, struct ouro_op *op, unsigned flags)
{
	struct ouro_buf *buf = take_buf(uring, op->result, flags);

	if (op->result == -ENOBUFS && op->cancelled)
		op->result = -ECANCELED;
	if (op->result == -ENOBUFS) {
		/* Not an error of the connection: it waits for a buffer, still in flight. */
		ouro_counter_add(&uring->base.counters->receive_starved, 1);
		ouro_op_list_push(&uring->base.starved, op);
		return;
	}
	if (!(flags & IORING_CQE_F_MORE))
		ouro_backend_end(&uring->base, op);
	op->on_complete(op, buf, flags & IORING_CQE_F_MORE ? OURO_OP_MORE : 0);
	ouro_buf_unref(buf);
}

static void complete_send_zc(struct ouro_uring *uring, struct ouro_op *op, unsigned flags)
{
	unsigned out = 0;

	if (flags & IORING_CQE_F_MORE)
		out |= OURO_OP_MORE;
	if (flags & IORING_CQE_F_NOTIF && (uint32_t)op->result & IORING_NOTIF_USAGE_ZC_COPIED) {
		ouro_counter_add(&uring->base.counters->sends_zero_copy_copied, 1);
		out |= OURO_OP_COPIED;
	}
	if (!(flags & IORING_CQE_F_MORE))
		ouro_backend_end(&uring->base, op);
	op->on_complete(op, NULL, out);
}

/* The socket of a file takes more, or is in trouble, which the next try will tell. */
static void complete_send_file(struct ouro_uring *uring, struct ouro_op_send *send)
{
	bool ends = send->op.result < 0 || send->op.cancelled;

	if (!ends && !send_file_directly(send)) {
		queue_poll(uring, &send->op, POLLOUT);
		return;
	}
	if (send->op.cancelled && send->op.result > 0)
		send->op.result = -ECANCELED;
	ouro_backend_end(&uring->base, &send->op);
	send->op.on_complete(&send->op, NULL, 0);
}

static void complete_op(struct ouro_uring *uring, uint64_t data, int32_t result, unsigned flags)
{
	struct ouro_op *op = (struct ouro_op *)(uintptr_t)(data & ADDRESS_MASK);

	if (!op->in_flight || op->generation != data >> GENERATION_SHIFT) {
		ouro_buf_unref(take_buf(uring, result, flags));
		return;
	}
	if (op->cancelled && !(flags & IORING_CQE_F_MORE))
		ouro_op_list_remove(&uring->cancelled, op);
	switch ((enum ouro_op_kind)op->kind) {
	case OURO_OP_RECV:
	case OURO_OP_RECV_ONCE:
		op->result = result;
		complete_recv(uring, op, flags);
		return;
	case OURO_OP_SEND_ZC:
		op->result = result;
		complete_send_zc(uring, op, flags);
		return;
	case OURO_OP_SEND_FILE:
		op->result = result;
		complete_send_file(uring, (struct ouro_op_send *)(void *)op);
		return;
	case OURO_OP_SEND:
	case OURO_OP_ACCEPT:
	case OURO_OP_POLL:
	case OURO_OP_CLOSE:
		op->result = result;
		if (!(flags & IORING_CQE_F_MORE))
			ouro_backend_end(&uring->base, op);
		op->on_complete(op, NULL, flags & IORING_CQE_F_MORE ? OURO_OP_MORE : 0);
		return;
	}
}

static void complete(struct ouro_uring *uring, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data > DATA_SPECIAL_MAX)
		complete_op(uring, cqe->user_data, cqe->res, cqe->flags);
	else if (cqe->user_data == DATA_WAKE)
		uring->wake_armed = false;
	else if (cqe->user_data == DATA_CANCEL)
		uring->cancel_missed |= cqe->res < 0 && uring->cancelled.first;
	else if (cqe->user_data == DATA_TIMEOUT ||
		 (cqe->user_data == DATA_TIMEOUT_UPDATE && cqe->res < 0))
		/* Fired, or it fired before it could be moved: the next wait arms a new one. */
		uring->armed_ns = OURO_DEADLINE_NEVER;
}

/* Sees to it that the ring completes something at @deadline_ns or before. A timeout that is armed
 * for an earlier time stays: a needless wake-up costs less than moving it each turn. */
static inline void arm_deadline(struct ouro_uring *uring, uint64_t deadline_ns)
{
	struct io_uring_sqe *sqe;
	bool pending = uring->armed_ns != OURO_DEADLINE_NEVER;

	if (deadline_ns >= uring->armed_ns)
		return;
	uring->armed_ts.tv_sec = (long long)(deadline_ns / 1000000000U);
	uring->armed_ts.tv_nsec = (long long)(deadline_ns % 1000000000U);
	sqe = get_sqe(uring);
	if (pending) {
		io_uring_prep_timeout_update(sqe, &uring->armed_ts, DATA_TIMEOUT,
					     IORING_TIMEOUT_ABS);
		io_uring_sqe_set_data64(sqe, DATA_TIMEOUT_UPDATE);
	} else {
		io_uring_prep_timeout(sqe, &uring->armed_ts, 0, IORING_TIMEOUT_ABS);
		io_uring_sqe_set_data64(sqe, DATA_TIMEOUT);
	}
	uring->armed_ns = deadline_ns;
}

static void arm_wake(struct ouro_uring *uring)
{
	struct io_uring_sqe *sqe;

	if (uring->wake_armed)
		return;
	sqe = get_sqe(uring);
	io_uring_prep_read(sqe, uring->wake_fd, &uring->wake_value, sizeof(uring->wake_value), 0);
	io_uring_sqe_set_data64(sqe, DATA_WAKE);
	uring->wake_armed = true;
}

static int run_completions(struct ouro_uring *uring)
{
	struct io_uring_cqe *batch[COMPLETION_BATCH];
	unsigned count;
	int total = 0;

	while ((count = io_uring_peek_batch_cqe(&uring->ring, batch, COMPLETION_BATCH)) > 0) {
		for (unsigned i = 0; i < count; i++)
			complete(uring, batch[i]);
		io_uring_cq_advance(&uring->ring, count);
		total += (int)count;
	}
	return total;
}

/* What is due before the kernel is entered. (Inline, as arm_deadline(): each turn would pay for the second,
 * rare caller.) */
static inline void get_ready(struct ouro_uring *uring)
{
	publish_bufs(uring);
	feed_starved(uring);
	arm_wake(uring);
}

/* -EBUSY: completions must be taken first. -EAGAIN: the kernel is short of memory for requests; they
 * stay queued. These resolve by going on. */
static bool is_passing(int err)
{
	return err == -EINTR || err == -EBUSY || err == -EAGAIN;
}

static int uring_wait(struct ouro_backend *backend, uint64_t deadline_ns)
{
	struct ouro_uring *uring = uring_of(backend);
	int count, err;

	if (uring->cancel_missed)
		deadline_ns = repeat_cancels(uring, deadline_ns);
	get_ready(uring);
	if (deadline_ns == 0 || backend->ready.first) {
		err = io_uring_submit_and_get_events(&uring->ring);
	} else {
		if (deadline_ns != OURO_DEADLINE_NEVER)
			arm_deadline(uring, deadline_ns);
		err = io_uring_submit_and_wait(&uring->ring, 1);
	}
	if (err < 0 && !is_passing(err))
		return err;
	ouro_backend_awake(backend);
	count = ouro_backend_run_ready(backend);
	count += run_completions(uring);
	uring->turn_completions = (uint32_t)count;
	return count;
}

static int uring_poll_fd(const struct ouro_backend *backend)
{
	const struct ouro_uring *uring = (const struct ouro_uring *)(const void *)backend;

	return uring->setup_flags & IORING_SETUP_DEFER_TASKRUN ? -ENOTSUP : uring->ring.ring_fd;
}

static int uring_hand_over(struct ouro_backend *backend, uint64_t deadline_ns)
{
	struct ouro_uring *uring = uring_of(backend);
	int err;

	if (uring->cancel_missed)
		deadline_ns = repeat_cancels(uring, deadline_ns);
	get_ready(uring);
	if (deadline_ns != OURO_DEADLINE_NEVER)
		arm_deadline(uring, deadline_ns);
	err = io_uring_submit(&uring->ring);
	if (err < 0 && !is_passing(err))
		return err;
	return io_uring_sq_ready(&uring->ring) > 0 ? -EAGAIN : 1;
}

static void uring_wake(struct ouro_backend *backend)
{
	const uint64_t one = 1;
	ssize_t written;

	/* It can fail only by being full, and then the loop is about to wake anyway. */
	written = write(uring_of(backend)->wake_fd, &one, sizeof(one));
	(void)written;
}

static bool uring_has_zero_copy(const struct ouro_backend *backend)
{
	return ((const struct ouro_uring *)(const void *)backend)->has_zero_copy;
}

static int uring_open(struct ouro_backend **backend, const struct ouro_backend_options *options)
{
	struct ouro_uring *uring = calloc(1, sizeof(*uring));
	int err;

	if (!uring)
		return -ENOMEM;
	err = ouro_uring_setup(uring, options, release_buf);
	if (err) {
		free(uring);
		return err;
	}
	uring->base.ops = &ouro_backend_uring;
	*backend = &uring->base;
	return 0;
}

/* The wake-up read is the backend's own, and still in flight: it is completed by waking, so that
 * the kernel writes no more into memory that is about to go. */
static void drain_own(struct ouro_uring *uring)
{
	while (uring->wake_armed) {
		struct io_uring_cqe *cqe;

		uring_wake(&uring->base);
		if (io_uring_submit_and_wait(&uring->ring, 1) < 0)
			break;
		/* Nothing else can be of interest, and what it belonged to may be gone. */
		while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
			if (cqe->user_data == DATA_WAKE)
				uring->wake_armed = false;
			io_uring_cqe_seen(&uring->ring, cqe);
		}
	}
}

static void uring_close(struct ouro_backend *backend)
{
	struct ouro_uring *uring = uring_of(backend);

	assert(backend->in_flight == 0);
	drain_own(uring);
	ouro_uring_teardown(uring);
	free(uring);
}

const struct ouro_backend_ops ouro_backend_uring = {
	.name = "uring",
	.open = uring_open,
	.close = uring_close,
	.submit = uring_submit,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.poll_fd = uring_poll_fd,
	.hand_over = uring_hand_over,
	.wake = uring_wake,
	.read_clock = ouro_backend_read_real_clock,
	.has_zero_copy = uring_has_zero_copy,
};
