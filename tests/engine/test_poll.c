/* The contract of OURO_OP_POLL, the same facts on both real backends. */
#include "engine/both.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static struct ouro_backend *backend;
static struct ouro_counters counters;

static void open_backend(const struct ouro_backend_ops *ops)
{
	const struct ouro_backend_options options = {
		.recv_buffer_count = 4,
		.recv_buffer_bytes = 256,
		.completion_entries = 64,
		.counters = &counters,
	};

	cr_assert_eq(ops->open(&backend, &options), 0);
}

static void close_backend(void)
{
	cr_assert_eq(backend->in_flight, 0);
	backend->ops->close(backend);
}

/* ---- Polls that write down what happened ---- */

struct probe {
	union {
		struct ouro_op_poll poll; /* first */
		struct ouro_op op;        /* for other kinds */
	};
	int count;
	int32_t result;
	void (*then)(struct probe *probe);
};

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct probe *probe = (struct probe *)(void *)op;

	(void)buf;
	cr_assert_eq(flags & OURO_OP_MORE, 0);
	cr_assert_not(op->in_flight);
	probe->count++;
	probe->result = op->result;
	if (probe->then)
		probe->then(probe);
}

static void submit(struct probe *probe, int fd, short events)
{
	*probe = (struct probe){ .then = probe->then };
	probe->poll = (struct ouro_op_poll){
		.op = { .kind = OURO_OP_POLL, .fd = fd, .on_complete = on_complete },
		.events = events,
	};
	cr_assert_eq(backend->ops->submit(backend, &probe->op), OURO_SUBMIT_PENDING);
	cr_assert_eq(probe->count, 0, "it called back before it returned");
}

static void submit_recv(struct probe *probe, int fd)
{
	*probe = (struct probe){ 0 };
	probe->op =
		(struct ouro_op){ .kind = OURO_OP_RECV_ONCE, .fd = fd, .on_complete = on_complete };
	cr_assert_eq(backend->ops->submit(backend, &probe->op), OURO_SUBMIT_PENDING);
}

static uint64_t now_ns(void)
{
	struct ouro_clock clock;

	backend->ops->read_clock(backend, &clock);
	return clock.monotonic_ns;
}

static void turn(void)
{
	for (int i = 0; i < 3; i++)
		cr_assert_geq(backend->ops->wait(backend, now_ns() + 2000000), 0);
}

static int32_t result_of(struct probe *probe)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (probe->count == 0) {
		cr_assert_geq(backend->ops->wait(backend, give_up_ns), 0);
		cr_assert_lt(now_ns(), give_up_ns, "nothing came");
	}
	cr_assert_eq(probe->count, 1);
	return probe->result;
}

static int32_t poll_now(int fd, short events)
{
	struct probe probe = { 0 };

	submit(&probe, fd, events);
	return result_of(&probe);
}

static void cancel(struct probe *probe)
{
	backend->ops->cancel(backend, &probe->op);
	cr_assert_eq(result_of(probe), -ECANCELED);
}

static void close_ours(int fd)
{
	struct ouro_op op = { .kind = OURO_OP_CLOSE, .fd = fd };

	cr_assert_eq(backend->ops->submit(backend, &op), OURO_SUBMIT_FINISHED);
}

static void make_pair(int pair[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void say(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void fill(int fd)
{
	static const char text[4096];

	while (write(fd, text, sizeof(text)) > 0)
		;
}

static void empty(int fd)
{
	char sink[4096];

	while (read(fd, sink, sizeof(sink)) > 0)
		;
}

/* ---- The facts ---- */

static void tells_what_can_be_read(const struct ouro_backend_ops *ops)
{
	struct probe probe = { 0 };
	int pair[2];

	open_backend(ops);
	make_pair(pair);
	submit(&probe, pair[0], POLLIN);
	turn();
	cr_assert_eq(probe.count, 0);
	say(pair[1], "x");
	cr_assert_eq(result_of(&probe), POLLIN);
	turn();
	cr_assert_eq(probe.count, 1, "once");
	/* It is a state, not an event: what holds already is told too. */
	cr_assert_eq(poll_now(pair[0], POLLIN), POLLIN);
	empty(pair[0]);
	submit(&probe, pair[0], POLLIN);
	turn();
	cr_assert_eq(probe.count, 0);
	cancel(&probe);
	close_pair(pair);
	close_backend();
}

static void tells_what_can_be_written(const struct ouro_backend_ops *ops)
{
	struct probe probe = { 0 };
	int pair[2];

	open_backend(ops);
	make_pair(pair);
	cr_assert_eq(poll_now(pair[0], POLLIN | POLLOUT), POLLOUT);
	fill(pair[0]);
	submit(&probe, pair[0], POLLIN | POLLOUT);
	turn();
	cr_assert_eq(probe.count, 0);
	empty(pair[1]);
	cr_assert_eq(result_of(&probe), POLLOUT);
	say(pair[1], "x");
	cr_assert_eq(poll_now(pair[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
	close_pair(pair);
	close_backend();
}

static void tells_an_end_unasked(const struct ouro_backend_ops *ops)
{
	struct probe probe = { 0 };
	int ends[2], pair[2];

	open_backend(ops);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	submit(&probe, ends[0], 0);
	turn();
	cr_assert_eq(probe.count, 0);
	close(ends[1]);
	cr_assert_eq(result_of(&probe), POLLHUP);
	close(ends[0]);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	cr_assert_eq(poll_now(ends[1], POLLIN), POLLERR);
	close(ends[1]);
	make_pair(pair);
	shutdown(pair[1], SHUT_WR);
	cr_assert_eq(poll_now(pair[0], POLLRDHUP), POLLRDHUP);
	cr_assert_eq(poll_now(pair[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	close_pair(pair);
	close_backend();
}

static void polls_descriptors_of_any_kind(const struct ouro_backend_ops *ops)
{
	int event = eventfd(0, EFD_CLOEXEC), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct probe probe = { 0 };

	open_backend(ops);
	submit(&probe, event, POLLIN);
	turn();
	cr_assert_eq(probe.count, 0);
	cr_assert_eq(eventfd_write(event, 1), 0);
	cr_assert_eq(result_of(&probe), POLLIN);
	cr_assert_eq(poll_now(file, POLLIN), POLLIN);
	cr_assert_eq(poll_now(file, POLLIN | POLLOUT), POLLIN | POLLOUT);
	cr_assert_eq(poll_now(file, POLLPRI), -EINVAL, "that will never hold");
	close(event);
	close(file);
	cr_assert_eq(poll_now(file, POLLIN), -EBADF);
	cr_assert_eq(poll_now(-1, POLLIN), -EBADF);
	close_backend();
}

static void polls_of_one_descriptor_do_not_know_each_other(const struct ouro_backend_ops *ops)
{
	struct probe in = { 0 }, also_in = { 0 }, out = { 0 }, never = { 0 };
	int pair[2];

	open_backend(ops);
	make_pair(pair);
	fill(pair[0]);
	submit(&in, pair[0], POLLIN);
	submit(&out, pair[0], POLLOUT);
	submit(&never, pair[0], POLLIN);
	submit(&also_in, pair[0], POLLIN);
	turn();
	cancel(&never);
	cr_assert_eq(in.count + out.count + also_in.count, 0);
	say(pair[1], "x");
	cr_assert_eq(result_of(&in), POLLIN);
	cr_assert_eq(result_of(&also_in), POLLIN);
	turn();
	cr_assert_eq(out.count, 0);
	empty(pair[1]);
	cr_assert_eq(result_of(&out), POLLOUT);
	close_pair(pair);
	close_backend();
}

/* What the program closes between two polls comes back as a connection, and that as the program's. */
static void a_number_may_be_used_anew(const struct ouro_backend_ops *ops)
{
	open_backend(ops);
	for (int cancelled = 0; cancelled < 2; cancelled++) {
		struct probe probe = { 0 }, recv = { 0 };
		int pair[2], number;

		make_pair(pair);
		number = pair[0];
		submit(&probe, number, cancelled ? POLLIN : POLLOUT);
		if (cancelled)
			cancel(&probe);
		else
			cr_assert_eq(result_of(&probe), POLLOUT);
		close_pair(pair);

		make_pair(pair);
		cr_assert_eq(pair[0], number);
		submit_recv(&recv, number);
		turn();
		cr_assert_eq(recv.count, 0);
		say(pair[1], "x");
		cr_assert_eq(result_of(&recv), 1);
		close_ours(number);
		close(pair[1]);
		turn();

		make_pair(pair);
		cr_assert_eq(pair[0], number);
		submit(&probe, number, POLLIN);
		turn();
		cr_assert_eq(probe.count, 0);
		say(pair[1], "x");
		cr_assert_eq(result_of(&probe), POLLIN);
		close_pair(pair);
	}
	close_backend();
}

static void cancels(const struct ouro_backend_ops *ops)
{
	open_backend(ops);
	for (int waited = 0; waited < 2; waited++) {
		struct probe probe = { 0 };
		int pair[2];

		make_pair(pair);
		submit(&probe, pair[0], POLLIN);
		if (waited)
			turn();
		cancel(&probe);
		say(pair[1], "x");
		turn();
		cr_assert_eq(probe.count, 1);
		close_pair(pair);
	}
	close_backend();
}

static struct probe late;
static int conn_pair[2], late_pair[2];

/* Runs between two completions that came together. */
static void replace_connection(struct probe *probe)
{
	(void)probe;
	close_ours(conn_pair[0]);
	make_pair(late_pair);
	submit(&late, late_pair[0], POLLIN);
}

static void an_event_of_what_was_closed_ends_no_poll(const struct ouro_backend_ops *ops)
{
	struct probe first = { .then = replace_connection }, recv = { 0 };
	int pair[2];

	open_backend(ops);
	make_pair(conn_pair);
	make_pair(pair);
	/* A connection that nobody reads at the moment. */
	submit_recv(&recv, conn_pair[0]);
	turn();
	cancel(&recv);
	submit(&first, pair[0], POLLIN);
	turn();
	say(pair[1], "x");
	say(conn_pair[1], "x");
	cr_assert_eq(result_of(&first), POLLIN);
	turn();
	cr_assert_eq(late.count, 0);
	say(late_pair[1], "x");
	cr_assert_eq(result_of(&late), POLLIN);
	close(conn_pair[1]);
	close_pair(pair);
	close_pair(late_pair);
	close_backend();
}

static void poll_again(struct probe *probe)
{
	if (probe->result == -ECANCELED)
		return;
	probe->count = 0;
	cr_assert_eq(backend->ops->submit(backend, &probe->op), OURO_SUBMIT_PENDING);
}

static void a_completion_may_poll_again(const struct ouro_backend_ops *ops)
{
	struct probe probe = { .then = poll_again };
	int pair[2];

	open_backend(ops);
	make_pair(pair);
	submit(&probe, pair[0], POLLIN);
	for (int i = 0; i < 10; i++) {
		say(pair[1], "x");
		turn();
	}
	cr_assert_eq(probe.result, POLLIN);
	empty(pair[0]);
	turn();
	cancel(&probe);
	close_pair(pair);
	close_backend();
}

ON_BOTH(tells_what_can_be_read)
ON_BOTH(tells_what_can_be_written)
ON_BOTH(tells_an_end_unasked)
ON_BOTH(polls_descriptors_of_any_kind)
ON_BOTH(polls_of_one_descriptor_do_not_know_each_other)
ON_BOTH(a_number_may_be_used_anew)
ON_BOTH(cancels)
ON_BOTH(an_event_of_what_was_closed_ends_no_poll)
ON_BOTH(a_completion_may_poll_again)
