/* What the ring does where the kernel does not find an operation that is to be cancelled, and that is there
 * all the same: here, since the request to cancel names another one. */
#include "engine/both.h"

#include <criterion/criterion.h>
#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, NO_OP = 1 << 20 };

static struct ouro_backend *backend;
static struct ouro_counters counters;
static int cancels_to_spoil, cancel_count;

static void look_at(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_ASYNC_CANCEL)
		return;
	cancel_count++;
	if (cancels_to_spoil > 0) {
		cancels_to_spoil--;
		sqe->addr = NO_OP;
	}
}

int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned count);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned count);

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
	for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; at++)
		look_at(&ring->sq.sqes[at & *ring->sq.kring_mask]);
	return __real_io_uring_submit_and_wait(ring, count);
}

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	cr_assert_null(buf);
	cr_assert_eq(flags, 0);
	op->tag++;
}

static uint64_t now_ns(void)
{
	struct ouro_clock clock;

	backend->ops->read_clock(backend, &clock);
	return clock.monotonic_ns;
}

static void wait_until_ended(const struct ouro_op *op)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (op->tag == 0) {
		cr_assert_geq(backend->ops->wait(backend, give_up_ns), 0);
		cr_assert_lt(now_ns(), give_up_ns, "it did not end");
	}
}

/* Cancels one of two polls, of which requests so many are missed. How many there were. */
static int cancel_missed(int missed)
{
	const struct ouro_backend_options options = { .recv_buffer_count = 4,
						      .recv_buffer_bytes = 256,
						      .completion_entries = 64,
						      .counters = &counters };
	struct ouro_op_poll polls[2];
	int pair[2];

	cr_assert_eq(both_uring()->open(&backend, &options), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < 2; i++) {
		polls[i] = (struct ouro_op_poll){
			.op = { .kind = OURO_OP_POLL, .fd = pair[i], .on_complete = on_complete },
			.events = POLLIN,
		};
		cr_assert_eq(backend->ops->submit(backend, &polls[i].op), OURO_SUBMIT_PENDING);
	}
	cr_assert_geq(backend->ops->wait(backend, 0), 0);
	cancels_to_spoil = missed;
	cancel_count = 0;
	backend->ops->cancel(backend, &polls[0].op);
	/* Whoever is closed may be asked twice. */
	backend->ops->cancel(backend, &polls[0].op);
	wait_until_ended(&polls[0].op);
	cr_assert_eq(polls[0].op.result, -ECANCELED);
	cr_assert_eq(polls[0].op.tag, 1);
	cr_assert_eq(polls[1].op.tag, 0, "the other one was cancelled too");
	backend->ops->cancel(backend, &polls[1].op);
	wait_until_ended(&polls[1].op);
	cr_assert_eq(backend->in_flight, 0);
	backend->ops->close(backend);
	close(pair[0]);
	close(pair[1]);
	return cancel_count;
}

Test(uring_cancel, what_was_missed_is_cancelled_again)
{
	if (!both_uring())
		return;
	cr_assert_eq(cancel_missed(0), 3);
	/* Both requests, and three repetitions. */
	cr_assert_geq(cancel_missed(5), 6);
}
