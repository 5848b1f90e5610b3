/* The contract of engine/backend.h, the same facts on both real backends, over socket pairs and
 * loopback connections. */
#include "engine/both.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESULTS_MAX = 64, BUFFERS_MAX = 64, PATIENCE_MS = 5000 };

static struct ouro_backend *backend;
static struct ouro_counters counters;

static void open_backend(const struct ouro_backend_ops *ops, uint32_t buffers, uint32_t entries)
{
	const struct ouro_backend_options options = {
		.recv_buffer_count = buffers,
		.recv_buffer_bytes = 256,
		.completion_entries = entries,
		.counters = &counters,
	};
	int err = ops->open(&backend, &options);

	cr_assert_eq(err, 0, "%s", strerror(-err));
}

static void close_backend(void)
{
	cr_assert_eq(backend->in_flight, 0);
	cr_assert_eq(backend->recvpool.free_count, backend->recvpool.count);
	backend->ops->close(backend);
}

static uint64_t now_ns(void)
{
	struct ouro_clock clock;

	backend->ops->read_clock(backend, &clock);
	return clock.monotonic_ns;
}

/* ---- Operations that write down what happened ---- */

struct probe {
	union {                           /* first */
		struct ouro_op_send send; /* .op alone for other kinds */
		struct ouro_op_poll poll;
	};
	int32_t results[RESULTS_MAX];
	int count, finals;
	unsigned last_flags;
	char text[1024];
	size_t text_len;
	bool hold;
	struct ouro_buf *held;
	struct iovec iov[2];
};

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct probe *probe = (struct probe *)(void *)op;

	cr_assert_eq(probe->finals, 0, "a completion after the final one");
	cr_assert_lt(probe->count, RESULTS_MAX);
	probe->results[probe->count++] = op->result;
	probe->last_flags = flags;
	cr_assert_eq(op->in_flight, (flags & OURO_OP_MORE) != 0);
	probe->finals += !(flags & OURO_OP_MORE);
	if (!buf)
		return;
	cr_assert_eq(op->result, (int32_t)buf->len);
	cr_assert_leq(probe->text_len + buf->len, sizeof(probe->text));
	memcpy(probe->text + probe->text_len, buf->data, buf->len);
	probe->text_len += buf->len;
	if (probe->hold && !probe->held)
		probe->held = ouro_buf_ref(buf);
}

/* A receive of one completion may be finished by its submission. */
static void submit_again(struct probe *probe)
{
	struct ouro_buf *buf;

	if (backend->ops->submit(backend, &probe->send.op) == OURO_SUBMIT_PENDING)
		return;
	cr_assert_eq(probe->send.op.kind, OURO_OP_RECV_ONCE);
	buf = backend->finished_buf;
	backend->finished_buf = NULL;
	on_complete(&probe->send.op, probe->send.op.result > 0 ? buf : NULL, 0);
	ouro_buf_unref(buf);
}

static void submit(struct probe *probe, enum ouro_op_kind kind, int fd)
{
	*probe = (struct probe){ .hold = probe->hold };
	probe->send.op.kind = (uint8_t)kind;
	probe->send.op.fd = fd;
	probe->send.op.on_complete = on_complete;
	submit_again(probe);
}

static void submit_poll(struct probe *probe, int fd, short events)
{
	*probe = (struct probe){ 0 };
	probe->poll = (struct ouro_op_poll){
		.op = { .kind = OURO_OP_POLL, .fd = fd, .on_complete = on_complete },
		.events = events,
	};
	submit_again(probe);
}

static int32_t last_result(const struct probe *probe)
{
	cr_assert_gt(probe->count, 0);
	return probe->results[probe->count - 1];
}

/* Waits until @probe has had its final completion, or @count of them (0: the final one). */
static void wait_for(struct probe *probe, int count)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (count ? probe->count < count : probe->finals == 0) {
		cr_assert_geq(backend->ops->wait(backend, give_up_ns), 0);
		cr_assert_lt(now_ns(), give_up_ns, "nothing came");
	}
}

static void turn(void)
{
	for (int i = 0; i < 3; i++)
		cr_assert_geq(backend->ops->wait(backend, now_ns() + 2000000), 0);
}

static void cancel(struct probe *probe)
{
	backend->ops->cancel(backend, &probe->send.op);
	wait_for(probe, 0);
	cr_assert_eq(last_result(probe), -ECANCELED);
}

static void close_fd(int fd)
{
	struct ouro_op op = { .kind = OURO_OP_CLOSE, .fd = fd };

	cr_assert_eq(backend->ops->submit(backend, &op), OURO_SUBMIT_FINISHED);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- Sockets ---- */

static void make_pair(int pair[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
}

static int listen_at_loopback(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)address, len), 0);
	cr_assert_eq(listen(fd, 128), 0);
	getsockname(fd, (struct sockaddr *)address, &len);
	return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static bool has(const struct probe *probe, const char *text)
{
	return probe->text_len == strlen(text) && memcmp(probe->text, text, probe->text_len) == 0;
}

/* A turn with many completions, after which the ring backend hands sends to the ring. */
static void be_busy(void)
{
	enum { COUNT = 8 };
	static struct probe probes[COUNT];
	int pairs[COUNT][2];

	for (int i = 0; i < COUNT; i++) {
		make_pair(pairs[i]);
		say(pairs[i][1], "x");
		submit_poll(&probes[i], pairs[i][0], POLLIN);
	}
	for (int i = 0; i < COUNT; i++)
		wait_for(&probes[i], 0);
	for (int i = 0; i < COUNT; i++) {
		close_fd(pairs[i][0]);
		close(pairs[i][1]);
	}
	/* A ring closes with the next wait. */
	cr_assert_geq(backend->ops->wait(backend, 0), 0);
}

/* ---- The facts ---- */

static void accepts_many(const struct ouro_backend_ops *ops)
{
	enum { COUNT = 30 };
	struct sockaddr_in address;
	struct probe accepts = { 0 };
	int fds[COUNT], listener = listen_at_loopback(&address);

	open_backend(ops, 4, 64);
	submit(&accepts, OURO_OP_ACCEPT, listener);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = connect_to(&address);
		if (i % 4 == 0)
			turn();
	}
	wait_for(&accepts, COUNT);
	cr_assert_eq(accepts.count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		cr_assert_geq(accepts.results[i], 0);
		cr_assert(is_open(accepts.results[i]));
		close(accepts.results[i]);
		close(fds[i]);
	}
	cancel(&accepts);
	close(listener);
	close_backend();
}

static void receives_many_in_order_and_then_the_end(const struct ouro_backend_ops *ops)
{
	struct probe recv = { 0 };
	int pair[2];

	open_backend(ops, 4, 64);
	make_pair(pair);
	submit(&recv, OURO_OP_RECV, pair[0]);
	for (int i = 0; i < 5; i++) {
		say(pair[1], "piece ");
		turn();
	}
	cr_assert(has(&recv, "piece piece piece piece piece "));
	shutdown(pair[1], SHUT_WR);
	/* A kernel may end a receive of many early; then its owner arms it again. */
	wait_for(&recv, 0);
	cr_assert_eq(last_result(&recv), 0);
	close(pair[0]);
	close(pair[1]);
	close_backend();
}

static void receives_once(const struct ouro_backend_ops *ops)
{
	struct probe recv = { 0 };
	int pair[2];

	open_backend(ops, 4, 64);
	make_pair(pair);
	submit(&recv, OURO_OP_RECV_ONCE, pair[0]);
	say(pair[1], "one");
	wait_for(&recv, 0);
	cr_assert(has(&recv, "one"));
	cr_assert_eq(recv.count, 1);
	say(pair[1], "two");
	turn();
	cr_assert_eq(recv.count, 1);
	submit(&recv, OURO_OP_RECV_ONCE, pair[0]);
	wait_for(&recv, 0);
	cr_assert(has(&recv, "two"));
	close(pair[1]);
	submit(&recv, OURO_OP_RECV_ONCE, pair[0]);
	wait_for(&recv, 0);
	cr_assert_eq(last_result(&recv), 0);
	close(pair[0]);
	close_backend();
}

static void tells_a_reset(const struct ouro_backend_ops *ops)
{
	const struct linger now = { .l_onoff = 1 };
	struct sockaddr_in address;
	struct probe recv = { 0 };
	int listener = listen_at_loopback(&address);
	int peer = connect_to(&address), fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	open_backend(ops, 4, 64);
	submit(&recv, OURO_OP_RECV, fd);
	turn();
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(peer);
	wait_for(&recv, 0);
	cr_assert_eq(last_result(&recv), -ECONNRESET);
	close(fd);
	close(listener);
	close_backend();
}

/* A receive whose completion cancels another one. */
struct canceller {
	struct probe probe; /* first */
	struct probe *other;
};

static void cancel_other(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct canceller *own = (struct canceller *)(void *)op;

	on_complete(op, buf, flags);
	if (own->other->send.op.in_flight && own->probe.count == 1 && own->other->count == 0)
		backend->ops->cancel(backend, &own->other->send.op);
}

/* Whichever is told first cancels the other: what has come for that must not be lost, whether it is told or
 * stays in the socket. */
static void a_completion_may_cancel_what_has_bytes_under_way(const struct ouro_backend_ops *ops)
{
	struct canceller recvs[2] = { 0 };
	int pairs[2][2];

	open_backend(ops, 16, 64);
	for (int i = 0; i < 2; i++) {
		make_pair(pairs[i]);
		say(pairs[i][1], "bytes");
		recvs[i].other = &recvs[1 - i].probe;
		recvs[i].probe.send.op = (struct ouro_op){ .kind = OURO_OP_RECV,
							   .fd = pairs[i][0],
							   .on_complete = cancel_other };
	}
	for (int i = 0; i < 2; i++)
		submit_again(&recvs[i].probe);
	turn();
	cr_assert_eq(recvs[0].probe.finals + recvs[1].probe.finals, 1);
	for (int i = 0; i < 2; i++) {
		struct probe *probe = &recvs[i].probe;
		char rest[16];
		ssize_t left = recv(pairs[i][0], rest, sizeof(rest), 0);

		cr_assert_eq(probe->text_len + (left > 0 ? (size_t)left : 0), strlen("bytes"));
		if (probe->finals)
			cr_assert_eq(last_result(probe), -ECANCELED);
		else
			cancel(probe);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	close_backend();
}

static void starves_without_loss(const struct ouro_backend_ops *ops)
{
	enum { COUNT = 12, BUFFERS = 4 };
	static struct probe recvs[COUNT];
	int pairs[COUNT][2], got = 0;

	open_backend(ops, BUFFERS, 64);
	for (int i = 0; i < COUNT; i++) {
		make_pair(pairs[i]);
		recvs[i].hold = true;
		submit(&recvs[i], OURO_OP_RECV, pairs[i][0]);
	}
	turn();
	for (int i = 0; i < COUNT; i++)
		say(pairs[i][1], "hello");
	turn();
	for (int i = 0; i < COUNT; i++)
		got += recvs[i].held != NULL;
	cr_assert_eq(got, BUFFERS);
	cr_assert_geq(counters.receive_starved, 1);
	for (int given = 0; given < COUNT; given++) {
		uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);
		int i;

		/* Whoever holds one gives it back, and somebody else goes on. */
		for (i = 0; i < COUNT && !recvs[i].held; i++)
			;
		cr_assert_lt(i, COUNT);
		ouro_buf_unref(recvs[i].held);
		recvs[i].held = NULL;
		recvs[i].hold = false;
		for (got = 0; got < (given + 1 + BUFFERS < COUNT ? given + 1 + BUFFERS : COUNT);) {
			cr_assert_geq(backend->ops->wait(backend, now_ns() + 1000000), 0);
			cr_assert_lt(now_ns(), give_up_ns);
			got = 0;
			for (int k = 0; k < COUNT; k++)
				got += recvs[k].text_len == 5;
		}
	}
	for (int i = 0; i < COUNT; i++) {
		cr_assert(has(&recvs[i], "hello"), "%d", i);
		if (!recvs[i].finals)
			cancel(&recvs[i]);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	close_backend();
}

static void cancels_what_starves(const struct ouro_backend_ops *ops)
{
	struct probe holder = { .hold = true }, starved = { 0 };
	int a[2], b[2];

	open_backend(ops, 1, 64);
	make_pair(a);
	make_pair(b);
	submit(&holder, OURO_OP_RECV_ONCE, a[0]);
	say(a[1], "x");
	wait_for(&holder, 0);
	submit(&starved, OURO_OP_RECV, b[0]);
	say(b[1], "y");
	turn();
	cr_assert_eq(starved.count, 0);
	cancel(&starved);
	ouro_buf_unref(holder.held);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close_backend();
}

/* The receive finds no buffer only after it was cancelled: nobody waits for one any more. */
static void cancels_what_is_about_to_starve(const struct ouro_backend_ops *ops)
{
	struct probe holder = { .hold = true }, starved = { 0 };
	int a[2], b[2];

	open_backend(ops, 1, 64);
	make_pair(a);
	make_pair(b);
	submit(&holder, OURO_OP_RECV_ONCE, a[0]);
	say(a[1], "x");
	wait_for(&holder, 0);
	say(b[1], "y");
	submit(&starved, OURO_OP_RECV, b[0]);
	cancel(&starved);
	ouro_buf_unref(holder.held);
	turn();
	cr_assert_eq(starved.text_len, 0);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close_backend();
}

/* Submits a send of @len bytes; true where it is in flight. */
static bool submit_send(struct probe *probe, int fd, char *data, size_t len, bool close_after)
{
	*probe = (struct probe){ 0 };
	probe->iov[0] = (struct iovec){ data, len / 2 };
	probe->iov[1] = (struct iovec){ data + len / 2, len - len / 2 };
	probe->send = (struct ouro_op_send){
		.op = { .kind = OURO_OP_SEND, .fd = fd, .on_complete = on_complete },
		.msg = { .msg_iov = probe->iov, .msg_iovlen = 2 },
		.bytes = len,
		.close_after = close_after,
	};
	return backend->ops->submit(backend, &probe->send.op) == OURO_SUBMIT_PENDING;
}

static void sends_short_and_goes_on(const struct ouro_backend_ops *ops)
{
	enum { TOTAL = 300000, SNDBUF = 4096 };
	static char text[TOTAL], got[TOTAL];
	size_t sent = 0, received = 0;
	struct probe send;
	int pair[2], size = SNDBUF, pieces = 0;

	for (int i = 0; i < TOTAL; i++)
		text[i] = (char)(i % 253);
	open_backend(ops, 4, 64);
	make_pair(pair);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (sent < TOTAL) {
		if (pieces % 8 == 1)
			be_busy();
		if (submit_send(&send, pair[0], text + sent, TOTAL - sent, false)) {
			while (send.finals == 0) {
				ssize_t n = read(pair[1], got + received, TOTAL - received);

				received += n > 0 ? (size_t)n : 0;
				cr_assert_geq(backend->ops->wait(backend, now_ns() + 1000000), 0);
			}
		}
		cr_assert_gt(send.send.op.result, 0, "%s", strerror(-send.send.op.result));
		sent += (size_t)send.send.op.result;
		pieces++;
	}
	cr_assert_gt(pieces, 1);
	while (received < TOTAL) {
		ssize_t n = read(pair[1], got + received, TOTAL - received);

		cr_assert_gt(n, 0);
		received += (size_t)n;
	}
	cr_assert_eq(memcmp(text, got, TOTAL), 0);
	close(pair[0]);
	close(pair[1]);
	close_backend();
}

static void closes_after_the_send(const struct ouro_backend_ops *ops)
{
	for (int busy = 0; busy < 2; busy++) {
		char text[] = "goodbye", got[32];
		struct probe send;
		int pair[2];

		open_backend(ops, 4, 64);
		make_pair(pair);
		if (busy)
			be_busy();
		if (submit_send(&send, pair[0], text, 7, true))
			wait_for(&send, 0);
		cr_assert_eq(send.send.op.result, 7);
		cr_assert_not(is_open(pair[0]));
		cr_assert_eq(read(pair[1], got, sizeof(got)), 7);
		cr_assert_eq(read(pair[1], got, sizeof(got)), 0);
		close(pair[1]);
		close_backend();
	}
}

static void a_send_that_fails_does_not_close(const struct ouro_backend_ops *ops)
{
	for (int busy = 0; busy < 2; busy++) {
		char text[] = "goodbye";
		struct probe send;
		int pair[2];

		open_backend(ops, 4, 64);
		make_pair(pair);
		close(pair[1]);
		if (busy)
			be_busy();
		if (submit_send(&send, pair[0], text, 7, true))
			wait_for(&send, 0);
		cr_assert_eq(send.send.op.result, -EPIPE);
		cr_assert(is_open(pair[0]));
		close(pair[0]);
		close_backend();
	}
}

static void cancels_a_send_that_waits(const struct ouro_backend_ops *ops)
{
	static char text[60000];

	for (int way = 0; way < 4; way++) {
		struct probe blocked;
		int pair[2], size = 4096;

		open_backend(ops, 4, 64);
		make_pair(pair);
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		while (send(pair[0], text, sizeof(text), MSG_DONTWAIT) > 0)
			;
		if (way & 1)
			be_busy();
		cr_assert(submit_send(&blocked, pair[0], text, sizeof(text), way & 2));
		turn();
		cr_assert_eq(blocked.count, 0);
		backend->ops->cancel(backend, &blocked.send.op);
		wait_for(&blocked, 0);
		cr_assert_lt(blocked.send.op.result, (int32_t)sizeof(text));
		cr_assert(is_open(pair[0]), "what was not sent in full is not closed");
		close(pair[0]);
		close(pair[1]);
		close_backend();
	}
}

static void cancels_what_waits_to_read(const struct ouro_backend_ops *ops)
{
	static const enum ouro_op_kind kinds[] = { OURO_OP_RECV, OURO_OP_RECV_ONCE };

	open_backend(ops, 4, 64);
	for (int i = 0; i < 2; i++) {
		for (int waited = 0; waited < 2; waited++) {
			struct probe probe = { 0 };
			int pair[2];

			make_pair(pair);
			submit(&probe, kinds[i], pair[0]);
			if (waited)
				turn();
			cancel(&probe);
			close_fd(pair[0]);
			turn();
			cr_assert_not(is_open(pair[0]));
			close(pair[1]);
		}
	}
	close_backend();
}

static void *wake_soon(void *arg)
{
	(void)arg;
	usleep(20000);
	backend->ops->wake(backend);
	return NULL;
}

static void another_thread_wakes_it(const struct ouro_backend_ops *ops)
{
	pthread_t thread;

	open_backend(ops, 4, 64);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, wake_soon, NULL), 0);
		cr_assert_geq(backend->ops->wait(backend, OURO_DEADLINE_NEVER), 0);
		pthread_join(thread, NULL);
		/* The wake may have come twice over: nothing of it is left after a turn. */
		turn();
	}
	close_backend();
}

static void a_wake_before_the_wait_ends_it(const struct ouro_backend_ops *ops)
{
	open_backend(ops, 4, 64);
	for (int i = 0; i < 1000; i++)
		backend->ops->wake(backend);
	cr_assert_geq(backend->ops->wait(backend, OURO_DEADLINE_NEVER), 0);
	close_backend();
}

static void sleeps_to_its_deadline(const struct ouro_backend_ops *ops)
{
	static const uint32_t sleeps_ms[] = { 1, 30, 5, 60, 2 };

	open_backend(ops, 4, 64);
	for (size_t i = 0; i < sizeof(sleeps_ms) / sizeof(sleeps_ms[0]); i++) {
		uint64_t due_ns = now_ns() + sleeps_ms[i] * UINT64_C(1000000);
		int waits = 0;

		while (now_ns() < due_ns) {
			cr_assert_geq(backend->ops->wait(backend, due_ns), 0);
			waits++;
		}
		cr_assert_leq(waits, 4, "it spins");
		cr_assert_lt(now_ns() - due_ns, 200 * UINT64_C(1000000));
	}
	close_backend();
}

static void does_not_sleep_when_told(const struct ouro_backend_ops *ops)
{
	struct probe recv = { 0 };
	int pair[2];
	uint64_t begin_ns;

	open_backend(ops, 4, 64);
	make_pair(pair);
	submit(&recv, OURO_OP_RECV, pair[0]);
	begin_ns = now_ns();
	for (int i = 0; i < 10; i++)
		cr_assert_geq(backend->ops->wait(backend, 0), 0);
	cr_assert_lt(now_ns() - begin_ns, 1000 * UINT64_C(1000000));
	cancel(&recv);
	close(pair[0]);
	close(pair[1]);
	close_backend();
}

/* More completions at once than the queue has places. */
static void loses_nothing_when_completions_overflow(const struct ouro_backend_ops *ops)
{
	enum { COUNT = 300, ROUNDS = 3 };
	struct rlimit files = { 1024, 1024 };
	struct probe *recvs = calloc(COUNT, sizeof(*recvs));
	int(*pairs)[2] = calloc(COUNT, sizeof(*pairs));
	uint64_t give_up_ns;
	size_t got;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	open_backend(ops, 64, 64);
	for (int i = 0; i < COUNT; i++) {
		make_pair(pairs[i]);
		submit(&recvs[i], i % 2 ? OURO_OP_RECV : OURO_OP_RECV_ONCE, pairs[i][0]);
	}
	turn();
	give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);
	for (int round = 1; round <= ROUNDS; round++) {
		for (int i = 0; i < COUNT; i++)
			say(pairs[i][1], "x");
		do {
			cr_assert_geq(backend->ops->wait(backend, now_ns() + 1000000), 0);
			cr_assert_lt(now_ns(), give_up_ns, "bytes were lost");
			got = 0;
			for (int i = 0; i < COUNT; i++) {
				got += recvs[i].text_len;
				if (recvs[i].finals && recvs[i].text_len < ROUNDS) {
					/* Once, or many that ended early. */
					recvs[i].finals = 0;
					submit_again(&recvs[i]);
				}
			}
		} while (got < (size_t)(COUNT * round));
	}
	for (int i = 0; i < COUNT; i++)
		if (!recvs[i].finals)
			backend->ops->cancel(backend, &recvs[i].send.op);
	for (int i = 0; i < COUNT; i++) {
		wait_for(&recvs[i], 0);
		cr_assert_eq(recvs[i].text_len, ROUNDS);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	close_backend();
	free(recvs);
	free(pairs);
}

static void zero_copy_tells_twice(const struct ouro_backend_ops *ops)
{
	static char text[100000];
	struct sockaddr_in address;
	struct probe send;
	char sink[10000];
	int listener = listen_at_loopback(&address);
	int peer = connect_to(&address), fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	size_t received = 0;

	open_backend(ops, 4, 64);
	if (backend->ops->has_zero_copy(backend)) {
		submit_send(&send, peer, text, 1, false);
		if (!send.finals && send.send.op.in_flight)
			wait_for(&send, 0);
		send = (struct probe){ .iov = { { text, sizeof(text) } } };
		send.send = (struct ouro_op_send){
			.op = { .kind = OURO_OP_SEND_ZC, .fd = fd, .on_complete = on_complete },
			.msg = { .msg_iov = send.iov, .msg_iovlen = 1 },
			.bytes = sizeof(text),
		};
		cr_assert_eq(backend->ops->submit(backend, &send.send.op), OURO_SUBMIT_PENDING);
		wait_for(&send, 1);
		cr_assert_gt(send.results[0], 0);
		while (received < (size_t)send.results[0])
			received += (size_t)read(peer, sink, sizeof(sink));
		wait_for(&send, 0);
		cr_assert_eq(send.count, 2);
		cr_assert(send.last_flags & OURO_OP_COPIED, "loopback copies");
	}
	close(fd);
	close(peer);
	close(listener);
	close_backend();
}

/* ---- On both ---- */

ON_BOTH(accepts_many)
ON_BOTH(a_completion_may_cancel_what_has_bytes_under_way)
ON_BOTH(receives_many_in_order_and_then_the_end)
ON_BOTH(receives_once)
ON_BOTH(tells_a_reset)
ON_BOTH(starves_without_loss)
ON_BOTH(cancels_what_starves)
ON_BOTH(cancels_what_is_about_to_starve)
ON_BOTH(sends_short_and_goes_on)
ON_BOTH(closes_after_the_send)
ON_BOTH(a_send_that_fails_does_not_close)
ON_BOTH(cancels_a_send_that_waits)
ON_BOTH(cancels_what_waits_to_read)
ON_BOTH(another_thread_wakes_it)
ON_BOTH(a_wake_before_the_wait_ends_it)
ON_BOTH(sleeps_to_its_deadline)
ON_BOTH(does_not_sleep_when_told)
ON_BOTH(loses_nothing_when_completions_overflow)
ON_BOTH(zero_copy_tells_twice)
