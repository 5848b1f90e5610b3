/* The simulated backend: submission, cancellation, and the rounds of completions. */
#include "support/sim_private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_FREE_BUFFERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_FREE_BUFFERS 1
#endif
#endif

#ifdef POISON_FREE_BUFFERS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

enum {
	SETTLE_TURNS_MAX = 100000,
	FIRST_NS = 1000000000, /* the clock's beginning */
	FILE_PIECE_BYTES = 4096,
};

/* Sunday, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples. */
#define FIRST_UNIX_S INT64_C(784111777)

static struct sim *current;
static struct sim_settings prepared;

void sim_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("simulated backend: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	abort();
}

/* ---- Chance ---- */

static uint64_t next_random(struct sim *sim)
{
	uint64_t z = (sim->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t sim_random(struct sim *sim, uint32_t bound)
{
	return (uint32_t)((next_random(sim) >> 32) * bound >> 32);
}

bool sim_chance(struct sim *sim, uint32_t in_1000)
{
	return in_1000 > 0 && sim_random(sim, 1000) < in_1000;
}

struct sim_settings sim_wild(uint64_t seed)
{
	static const uint16_t levels[] = { 0, 0, 50, 200, 500, 900 };
	struct sim dice = { .random = seed };
	uint16_t level[12];

	for (size_t i = 0; i < sizeof(level) / sizeof(level[0]); i++)
		level[i] = levels[sim_random(&dice, sizeof(levels) / sizeof(levels[0]))];
	return (struct sim_settings){
		.seed = seed,
		.short_recv = level[0],
		.short_send = level[1],
		.later_send = level[2],
		.delay = level[3],
		.early_wake = level[4],
		.multishot_end = level[5],
		.starve = level[6] / 2,
		.cancel_race = level[7],
		.reset = level[8] / 50,
		.copied = level[9],
		.eager_recv = level[10],
		.settle = level[11],
		.shuffle = sim_random(&dice, 2) != 0,
		.zero_copy = sim_random(&dice, 2) != 0,
		.remote = sim_random(&dice, 2) != 0,
		.window = (size_t)64 << sim_random(&dice, 12),
	};
}

/* ---- Sockets ---- */

struct sim_peer *sim_socket(int fd, const char *what)
{
	uint32_t index = (uint32_t)(fd - SIM_LISTENER_FD);
	struct sim_peer *socket;

	if (!current || fd < SIM_LISTENER_FD)
		return NULL;
	if (index >= current->socket_count)
		sim_fail("%s: descriptor %d was never opened", what, fd);
	socket = current->sockets[index];
	if (socket->fd_closed)
		sim_fail("%s: descriptor %d is closed", what, fd);
	if (!socket->accepted)
		sim_fail("%s: descriptor %d was not accepted yet", what, fd);
	return socket;
}

static struct sim_peer *socket_of(const struct ouro_op *op, const char *what)
{
	struct sim_peer *socket = sim_socket(op->fd, what);

	if (!socket)
		sim_fail("%s: %d is no descriptor of the simulated backend", what, op->fd);
	return socket;
}

/* ---- Submission ---- */

static bool is_readable(const struct sim_peer *socket)
{
	if (socket->is_listener)
		return socket->sim->backlog_first;
	return socket->inbound.len > 0 || socket->peer_fin || socket->peer_reset;
}

static struct ouro_buf *receive(struct sim *sim, struct sim_peer *socket)
{
	struct ouro_buf *buf = NULL;
	size_t len;

	if (!sim_chance(sim, sim->settings.starve))
		buf = ouro_recvpool_take(&sim->base.recvpool);
	if (!buf)
		return NULL;
	len = socket->inbound.len < buf->size ? socket->inbound.len : buf->size;
	if (len > 1 && sim_chance(sim, sim->settings.short_recv))
		len = 1 + sim_random(sim, (uint32_t)len - 1);
	ASAN_UNPOISON_MEMORY_REGION(buf->data, len);
	memcpy(buf->data, socket->inbound.ptr, len);
	buf->len = (uint32_t)len;
	sim_bytes_take(&socket->inbound, len);
	return buf;
}

/* A receive that is finished at once; false where it has to wait. */
static bool recv_eagerly(struct sim *sim, struct sim_peer *socket, struct ouro_op *op)
{
	struct ouro_buf *buf = NULL;

	if (op->kind != OURO_OP_RECV_ONCE || !is_readable(socket) ||
	    !sim_chance(sim, sim->settings.eager_recv))
		return false;
	if (socket->inbound.len > 0) {
		buf = receive(sim, socket);
		if (!buf)
			return false;
	}
	op->result = buf ? (int32_t)buf->len : socket->peer_reset ? -ECONNRESET : 0;
	sim->base.finished_buf = buf;
	return true;
}

static enum ouro_submit submit_reader(struct sim *sim, struct ouro_op *op)
{
	struct sim_peer *socket = socket_of(op, "submit");

	if (socket->reader)
		sim_fail("two operations wait to read descriptor %d", op->fd);
	if ((op->kind == OURO_OP_ACCEPT) != socket->is_listener)
		sim_fail("descriptor %d: accept belongs to the listening socket", op->fd);
	sim->counts.recvs += op->kind != OURO_OP_ACCEPT;
	sim->counts.accepts += op->kind == OURO_OP_ACCEPT;
	if (recv_eagerly(sim, socket, op))
		return OURO_SUBMIT_FINISHED;
	ouro_backend_begin(&sim->base, op);
	socket->reader = op;
	socket->reader_cancelled = socket->reader_starved = false;
	return OURO_SUBMIT_PENDING;
}

static enum ouro_submit submit_poll(struct sim *sim, struct ouro_op *op)
{
	struct sim_peer *socket = socket_of(op, "poll");

	sim->counts.polls++;
	ouro_backend_begin(&sim->base, op);
	ouro_op_list_push(&socket->polls, op);
	return OURO_SUBMIT_PENDING;
}

static void take_snapshot(struct sim_peer *socket, const struct ouro_op_send *send)
{
	size_t sum = 0;

	socket->snapshot.len = 0;
	if (send->op.kind == OURO_OP_SEND_FILE) {
		if (send->bytes == 0)
			sim_fail("a send of no byte of a file");
		return;
	}
	socket->iov_count = send->msg.msg_iovlen;
	for (size_t i = 0; i < send->msg.msg_iovlen; i++) {
		sim_bytes_add(&socket->snapshot, send->msg.msg_iov[i].iov_base,
			      send->msg.msg_iov[i].iov_len);
		sum += send->msg.msg_iov[i].iov_len;
	}
	if (sum != send->bytes || sum == 0)
		sim_fail("a send of %zu bytes has segments of %zu", send->bytes, sum);
}

/* The memory of a send is the kernel's: it must be what it was at submission. A segment may have
 * grown; what was not there at submission is not looked at. */
static void check_memory(const struct sim_bytes *snapshot, const struct ouro_op_send *send,
			 size_t iov_count)
{
	size_t done = 0;

	if (send->msg.msg_iovlen != iov_count)
		sim_fail("the segments of a send in flight were replaced");
	for (size_t i = 0; i < iov_count && done < snapshot->len; i++) {
		const struct iovec *iov = &send->msg.msg_iov[i];
		size_t left = snapshot->len - done;
		size_t len = iov->iov_len < left ? iov->iov_len : left;

		if (memcmp(iov->iov_base, snapshot->ptr + done, len) != 0)
			sim_fail("memory of a send in flight has changed");
		done += len;
	}
}

/* What a file, which is a real one, has for @send: up to @len bytes in place of a snapshot. Without an
 * allocation, once the snapshot is as large as it becomes. */
static size_t read_file(struct sim_peer *socket, const struct ouro_op_send *send, size_t len)
{
	char piece[FILE_PIECE_BYTES];
	size_t done = 0;
	ssize_t got;

	socket->snapshot.len = 0;
	do {
		size_t left = len - done < sizeof(piece) ? len - done : sizeof(piece);

		got = pread(send->file_fd, piece, left, (off_t)(send->file_offset + done));
		if (got < 0)
			sim_fail("a file cannot be read: %s", strerror(errno));
		sim_bytes_add(&socket->snapshot, piece, (size_t)got);
		done += (size_t)got;
	} while (got > 0 && done < len);
	return done;
}

/* Moves bytes of @send to the peer; returns how many. There is room. */
static int32_t transfer(struct sim *sim, struct sim_peer *socket, struct ouro_op_send *send)
{
	size_t room = sim_room(socket);
	size_t len = send->bytes < room ? send->bytes : room;

	if (len > 1 && sim_chance(sim, sim->settings.short_send))
		len = 1 + sim_random(sim, (uint32_t)len - 1);
	if (send->op.kind == OURO_OP_SEND_FILE)
		len = read_file(socket, send, len);
	sim_bytes_add(socket->reads ? &socket->received : &socket->wire, socket->snapshot.ptr, len);
	return (int32_t)len;
}

/* Tries @send now: sets its result; false where it has to wait. */
static bool try_send(struct sim *sim, struct sim_peer *socket, struct ouro_op_send *send)
{
	if (sim_chance(sim, sim->settings.reset))
		sim_peer_reset(socket);
	if (socket->peer_reset) {
		send->op.result = sim_random(sim, 2) ? -ECONNRESET : -EPIPE;
		return true;
	}
	if (socket->fin_sent)
		sim_fail("a send after the end was sent on descriptor %d", send->op.fd);
	if (sim_room(socket) == 0)
		return false;
	send->was_copied = false;
	send->op.result = transfer(sim, socket, send);
	return true;
}

static void close_if_all_sent(struct sim_peer *socket, const struct ouro_op_send *send)
{
	if (send->op.kind == OURO_OP_SEND && send->close_after &&
	    send->op.result == (int32_t)send->bytes)
		sim_close_socket(socket);
}

static enum ouro_submit submit_send(struct sim *sim, struct ouro_op_send *send)
{
	struct sim_peer *socket = socket_of(&send->op, "send");

	if (socket->writer)
		sim_fail("two sends at once on descriptor %d", send->op.fd);
	if (send->op.in_flight)
		sim_fail("a send that is in flight was submitted again");
	sim->counts.sends++;
	take_snapshot(socket, send);
	if (send->op.kind != OURO_OP_SEND_ZC && !sim_chance(sim, sim->settings.later_send) &&
	    try_send(sim, socket, send)) {
		close_if_all_sent(socket, send);
		return OURO_SUBMIT_FINISHED;
	}
	if (send->op.kind == OURO_OP_SEND_ZC) {
		sim->counts.zero_copy_sends++;
		if (!sim->settings.zero_copy)
			sim_fail("a zero-copy send where there is none");
	}
	ouro_backend_begin(&sim->base, &send->op);
	socket->writer = send;
	socket->writer_cancelled = false;
	return OURO_SUBMIT_PENDING;
}

static enum ouro_submit sim_submit(struct ouro_backend *backend, struct ouro_op *op)
{
	struct sim *sim = (struct sim *)(void *)backend;

	if (op->in_flight)
		sim_fail("an operation that is in flight was submitted again");
	if (sim->base.finished_buf)
		sim_fail("the buffer of a receive that was finished at once was not taken");
	switch ((enum ouro_op_kind)op->kind) {
	case OURO_OP_ACCEPT:
	case OURO_OP_RECV:
	case OURO_OP_RECV_ONCE:
		if (!op->on_complete)
			sim_fail("an operation without a callback was submitted");
		return submit_reader(sim, op);
	case OURO_OP_POLL:
		if (!op->on_complete)
			sim_fail("a poll without a callback was submitted");
		return submit_poll(sim, op);
	case OURO_OP_SEND:
	case OURO_OP_SEND_ZC:
	case OURO_OP_SEND_FILE:
		return submit_send(sim, (struct ouro_op_send *)(void *)op);
	case OURO_OP_CLOSE:
		sim->counts.closes++;
		sim_close_socket(socket_of(op, "close"));
		op->result = 0;
		return OURO_SUBMIT_FINISHED;
	}
	sim_fail("an operation of kind %d was submitted", op->kind);
}

static void sim_cancel(struct ouro_backend *backend, struct ouro_op *op)
{
	struct sim *sim = (struct sim *)(void *)backend;

	if (!op->in_flight)
		sim_fail("an operation was cancelled that is not in flight");
	sim->counts.cancels++;
	if (op->kind == OURO_OP_POLL) {
		op->cancelled = true;
		return;
	}
	for (uint32_t i = 0; i < sim->live_count; i++) {
		struct sim_peer *socket = sim->live[i];

		if (socket->reader == op) {
			socket->reader_cancelled = true;
			if (ouro_op_list_remove(&backend->starved, op))
				socket->reader_starved = false;
			return;
		}
		if (socket->writer && &socket->writer->op == op) {
			socket->writer_cancelled = true;
			return;
		}
	}
	/* A zero-copy send with its result has nothing left to cancel. */
	if (op->kind != OURO_OP_SEND_ZC)
		sim_fail("an operation was cancelled that nobody knows");
}

/* ---- Completion ---- */

static void finish_reader(struct sim *sim, struct sim_peer *socket, int32_t result,
			  struct ouro_buf *buf)
{
	struct ouro_op *op = socket->reader;

	socket->reader = NULL;
	op->result = result;
	ouro_backend_end(&sim->base, op);
	op->on_complete(op, buf, 0);
}

static struct sim_peer *pop_backlog(struct sim *sim)
{
	struct sim_peer *peer = sim->backlog_first;

	sim->backlog_first = peer->next;
	if (!sim->backlog_first)
		sim->backlog_last = NULL;
	peer->accepted = true;
	return peer;
}

static int run_accept(struct sim *sim, struct sim_peer *socket)
{
	int count = 0;

	do {
		struct ouro_op *op = socket->reader;
		bool races = sim->backlog_first && sim_chance(sim, sim->settings.cancel_race);

		if (socket->reader_cancelled && !races) {
			finish_reader(sim, socket, -ECANCELED, NULL);
			return count + 1;
		}
		if (!sim->backlog_first)
			return count;
		count++;
		if (sim->accept_errors_left > 0) {
			sim->accept_errors_left--;
			finish_reader(sim, socket, sim->accept_error, NULL);
		} else if (sim_chance(sim, sim->settings.multishot_end)) {
			finish_reader(sim, socket, pop_backlog(sim)->fd, NULL);
		} else {
			op->result = pop_backlog(sim)->fd;
			op->on_complete(op, NULL, OURO_OP_MORE);
		}
	} while (socket->reader && !sim_chance(sim, sim->settings.delay));
	return count;
}

static void starve(struct sim *sim, struct sim_peer *socket)
{
	ouro_counter_add(&sim->base.counters->receive_starved, 1);
	socket->reader_starved = true;
	ouro_op_list_push(&sim->base.starved, socket->reader);
}

static void receive_piece(struct sim *sim, struct sim_peer *socket)
{
	struct ouro_op *op = socket->reader;
	struct ouro_buf *buf = receive(sim, socket);

	if (!buf && socket->reader_cancelled) {
		finish_reader(sim, socket, -ECANCELED, NULL);
	} else if (!buf) {
		starve(sim, socket);
	} else if (op->kind == OURO_OP_RECV_ONCE || sim_chance(sim, sim->settings.multishot_end)) {
		finish_reader(sim, socket, (int32_t)buf->len, buf);
	} else {
		op->result = (int32_t)buf->len;
		op->on_complete(op, buf, OURO_OP_MORE);
	}
	ouro_buf_unref(buf);
}

static int run_recv(struct sim *sim, struct sim_peer *socket)
{
	int count = 0;

	do {
		bool has_data = socket->inbound.len > 0;
		bool races = is_readable(socket) && sim_chance(sim, sim->settings.cancel_race);

		if (socket->reader_cancelled && !races) {
			finish_reader(sim, socket, -ECANCELED, NULL);
			return count + 1;
		}
		if (!is_readable(socket))
			return count;
		count++;
		if (socket->peer_reset && (!has_data || sim_chance(sim, 500)))
			finish_reader(sim, socket, -ECONNRESET, NULL);
		else if (has_data)
			receive_piece(sim, socket);
		else
			finish_reader(sim, socket, 0, NULL);
	} while (socket->reader && !socket->reader_starved &&
		 !sim_chance(sim, sim->settings.delay));
	return count;
}

/* What holds at @socket of what @op has to be told, as poll(2) says. */
static int32_t poll_result(const struct sim_peer *socket, const struct ouro_op *op)
{
	const struct ouro_op_poll *poll = (const struct ouro_op_poll *)(const void *)op;
	int32_t holds = 0;

	if (is_readable(socket))
		holds |= POLLIN;
	if (!socket->is_listener && (sim_room(socket) > 0 || socket->peer_reset))
		holds |= POLLOUT;
	if (socket->peer_fin || socket->peer_reset)
		holds |= POLLRDHUP;
	if (socket->peer_reset)
		holds |= POLLERR;
	if (socket->peer_reset || (socket->peer_fin && socket->fin_sent))
		holds |= POLLHUP;
	return holds & (poll->events | POLLERR | POLLHUP);
}

static bool poll_is_due(const struct sim_peer *socket, const struct ouro_op *op)
{
	return op->cancelled || poll_result(socket, op) != 0;
}

/* Ends one poll; the others that are due end in other rounds. */
static int run_poll(struct sim *sim, struct sim_peer *socket)
{
	struct ouro_op *op = socket->polls.first;
	int32_t holds;

	while (op && !poll_is_due(socket, op))
		op = op->next;
	if (!op)
		return 0;
	ouro_op_list_remove(&socket->polls, op);
	holds = poll_result(socket, op);
	if (op->cancelled && !(holds && sim_chance(sim, sim->settings.cancel_race)))
		holds = -ECANCELED;
	op->result = holds;
	ouro_backend_end(&sim->base, op);
	op->on_complete(op, NULL, 0);
	return 1;
}

static void add_notice(struct sim *sim, struct sim_peer *socket, struct ouro_op_send *send)
{
	struct sim_notice *notice;

	if (sim->notice_count == sim->notice_room) {
		sim->notice_room = sim->notice_room ? sim->notice_room * 2 : 16;
		sim->notices = sim_realloc(sim->notices, sim->notice_room * sizeof(*notice));
	}
	notice = &sim->notices[sim->notice_count++];
	*notice = (struct sim_notice){ .send = send, .peer = socket };
	sim_bytes_add(&notice->snapshot, socket->snapshot.ptr, socket->snapshot.len);
}

static int run_writer(struct sim *sim, struct sim_peer *socket)
{
	struct ouro_op_send *send = socket->writer;
	bool is_zero_copy = send->op.kind == OURO_OP_SEND_ZC;
	bool races = sim_chance(sim, sim->settings.cancel_race), done = false;

	if (is_zero_copy && sim->settings.zero_copy_error) {
		send->op.result = sim->settings.zero_copy_error;
		done = true;
	} else if (!socket->writer_cancelled || races) {
		done = try_send(sim, socket, send);
	}
	if (!done && !socket->writer_cancelled)
		return 0;
	if (!done)
		send->op.result = -ECANCELED;
	if (send->op.kind != OURO_OP_SEND_FILE)
		check_memory(&socket->snapshot, send, socket->iov_count);
	socket->writer = NULL;
	if (socket->fd_closed)
		sim_end_socket(socket);
	/* A failed zero-copy send may or may not be followed by a notification. */
	if (is_zero_copy && (send->op.result > 0 || sim_random(sim, 2))) {
		add_notice(sim, socket, send);
		send->op.on_complete(&send->op, NULL, OURO_OP_MORE);
		return 1;
	}
	close_if_all_sent(socket, send);
	ouro_backend_end(&sim->base, &send->op);
	send->op.on_complete(&send->op, NULL, 0);
	return 1;
}

static int run_notices(struct sim *sim)
{
	uint32_t due = sim->settings.hold_notices ? 0 : sim->notice_count;
	int count = 0;

	for (uint32_t i = 0; i < due;) {
		struct sim_notice notice = sim->notices[i];

		if (sim_chance(sim, sim->settings.delay)) {
			sim->held_back++;
			i++;
			continue;
		}
		sim->notices[i] = sim->notices[--sim->notice_count];
		due--;
		check_memory(&notice.snapshot, notice.send, notice.send->msg.msg_iovlen);
		free(notice.snapshot.ptr);
		notice.send->op.result = (int32_t)sim_random(sim, 1000) - 500;
		ouro_backend_end(&sim->base, &notice.send->op);
		notice.send->op.on_complete(&notice.send->op, NULL,
					    sim_chance(sim, sim->settings.copied) ? OURO_OP_COPIED
										  : 0);
		count++;
		if (due > sim->notice_count)
			due = sim->notice_count;
	}
	return count;
}

/* ---- Rounds ---- */

static bool reader_is_due(const struct sim_peer *socket)
{
	if (!socket->reader)
		return false;
	if (socket->reader_starved)
		return socket->sim->base.recvpool.free_count > 0;
	return socket->reader_cancelled || is_readable(socket);
}

static bool writer_is_due(const struct sim_peer *socket)
{
	return socket->writer &&
	       (socket->writer_cancelled || socket->peer_reset || sim_room(socket) > 0);
}

static bool has_due_poll(const struct sim_peer *socket)
{
	for (const struct ouro_op *op = socket->polls.first; op; op = op->next)
		if (poll_is_due(socket, op))
			return true;
	return false;
}

static bool is_due(const struct sim_peer *socket)
{
	return reader_is_due(socket) || writer_is_due(socket) || has_due_poll(socket);
}

static int run_socket(struct sim *sim, struct sim_peer *socket)
{
	int count = 0;

	if (sim_chance(sim, sim->settings.delay)) {
		sim->held_back++;
		return 0;
	}
	if (writer_is_due(socket) && sim->settings.shuffle && sim_random(sim, 2))
		count += run_writer(sim, socket);
	if (reader_is_due(socket) && !socket->reader_starved)
		count += socket->is_listener ? run_accept(sim, socket) : run_recv(sim, socket);
	if (count == 0 && writer_is_due(socket))
		count += run_writer(sim, socket);
	return count + run_poll(sim, socket);
}

/* The sockets that something can still happen to, in the order of this round. */
static uint32_t make_order(struct sim *sim)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < sim->live_count; i++) {
		struct sim_peer *socket = sim->live[i];

		if (!socket->closed)
			sim->live[kept++] = socket;
	}
	sim->live_count = kept;
	memcpy(sim->order, sim->live, kept * sizeof(*sim->live));
	for (uint32_t i = kept; sim->settings.shuffle && i > 1; i--) {
		uint32_t other = sim_random(sim, i);
		struct sim_peer *socket = sim->order[other];

		sim->order[other] = sim->order[i - 1];
		sim->order[i - 1] = socket;
	}
	return kept;
}

static int run_round(struct sim *sim)
{
	uint32_t count = make_order(sim);
	int total = 0;

	sim->held_back = 0;
	/* A callback may open sockets; their turn comes in the next round. */
	for (uint32_t i = 0; i < count; i++) {
		struct sim_peer *socket = sim->order[i];

		if (!is_due(socket))
			continue;
		total += run_socket(sim, socket);
		if (sim_chance(sim, sim->settings.settle))
			ouro_backend_settled(&sim->base);
	}
	return total + run_notices(sim);
}

static void feed_starved(struct sim *sim)
{
	uint32_t budget = sim->base.recvpool.free_count;
	struct ouro_op *op;

	while (budget-- > 0 && (op = ouro_op_list_pop(&sim->base.starved)) != NULL)
		socket_of(op, "receive")->reader_starved = false;
}

static int sim_wait(struct ouro_backend *backend, uint64_t deadline_ns)
{
	struct sim *sim = (struct sim *)(void *)backend;
	bool may_sleep = deadline_ns != 0 &&
			 !__atomic_exchange_n(&sim->woken, false, __ATOMIC_ACQ_REL);
	int count;

	if (sim->in_wait)
		sim_fail("wait was called from a completion");
	sim->in_wait = true;
	sim->counts.waits++;
	ouro_backend_awake(backend);
	do {
		feed_starved(sim);
		count = run_round(sim);
	} while (count == 0 && may_sleep && sim->held_back > 0 && sim_random(sim, 4) > 0);
	sim->in_wait = false;
	if (count > 0 || !may_sleep || sim->held_back > 0 ||
	    sim_chance(sim, sim->settings.early_wake))
		return count;
	if (deadline_ns > sim->limit_ns)
		deadline_ns = sim->limit_ns;
	if (deadline_ns != OURO_DEADLINE_NEVER && deadline_ns > sim->now_ns)
		sim->now_ns = deadline_ns;
	ouro_backend_awake(backend);
	return 0;
}

static int sim_poll_fd(const struct ouro_backend *backend)
{
	(void)backend;
	return -ENOTSUP;
}

static int sim_hand_over(struct ouro_backend *backend, uint64_t deadline_ns)
{
	(void)backend;
	(void)deadline_ns;
	return 0;
}

static void sim_wake(struct ouro_backend *backend)
{
	__atomic_store_n(&((struct sim *)(void *)backend)->woken, true, __ATOMIC_RELEASE);
}

static void sim_read_clock(struct ouro_backend *backend, struct ouro_clock *clock)
{
	const struct sim *sim = (const struct sim *)(const void *)backend;

	clock->monotonic_ns = sim->now_ns;
	clock->unix_s = FIRST_UNIX_S + (int64_t)((sim->now_ns - FIRST_NS) / 1000000000U);
}

static bool sim_has_zero_copy(const struct ouro_backend *backend)
{
	return ((const struct sim *)(const void *)backend)->settings.zero_copy;
}

/* ---- Life ---- */

static void release_buf(struct ouro_buf *buf)
{
	struct sim *sim = buf->owner;

	/* Whoever still looks at it sees this, or is found out in builds that can tell. */
	memset(buf->data, 0xdd, buf->len);
	ASAN_POISON_MEMORY_REGION(buf->data, buf->size);
	ouro_recvpool_put(&sim->base.recvpool, buf);
}

static int sim_open(struct ouro_backend **backend, const struct ouro_backend_options *options)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int err;

	if (!sim)
		return -ENOMEM;
	if (current)
		sim_fail("two simulated backends at once");
	sim->base.ops = &ouro_backend_sim;
	ouro_backend_take_options(&sim->base, options);
	sim->settings = prepared;
	sim->random = prepared.seed;
	sim->now_ns = FIRST_NS;
	sim->limit_ns = OURO_DEADLINE_NEVER;
	prepared = (struct sim_settings){ 0 };
	err = ouro_recvpool_init(&sim->base.recvpool, options->recv_buffer_count,
				 options->recv_buffer_bytes, release_buf, sim);
	if (err) {
		free(sim);
		return err;
	}
	current = sim;
	sim_add_socket(sim)->is_listener = true;
	sim->sockets[0]->accepted = true;
	*backend = &sim->base;
	return 0;
}

static void sim_close(struct ouro_backend *backend)
{
	struct sim *sim = (struct sim *)(void *)backend;
	struct ouro_recvpool *pool = &sim->base.recvpool;

	if (backend->in_flight > 0)
		sim_fail("closed with %u operations in flight", backend->in_flight);
	if (pool->free_count != pool->count)
		sim_fail("closed with %u receive buffers in use", pool->count - pool->free_count);
	for (uint32_t i = 0; i < sim->socket_count; i++) {
		if (i > 0 && sim->sockets[i]->accepted && !sim->sockets[i]->fd_closed)
			sim_fail("closed with descriptor %d open", sim->sockets[i]->fd);
		sim_free_socket(sim->sockets[i]);
	}
	ASAN_UNPOISON_MEMORY_REGION(pool->memory, pool->memory_bytes);
	ouro_recvpool_fini(pool);
	free(sim->sockets);
	free(sim->live);
	free(sim->order);
	free(sim->notices);
	free(sim);
	current = NULL;
}

const struct ouro_backend_ops ouro_backend_sim = {
	.name = "sim",
	.open = sim_open,
	.close = sim_close,
	.submit = sim_submit,
	.cancel = sim_cancel,
	.wait = sim_wait,
	.poll_fd = sim_poll_fd,
	.hand_over = sim_hand_over,
	.wake = sim_wake,
	.read_clock = sim_read_clock,
	.has_zero_copy = sim_has_zero_copy,
};

/* ---- The test's side ---- */

void sim_prepare(const struct sim_settings *settings)
{
	prepared = *settings;
}

struct sim *sim_of(const struct ouro_loop *loop)
{
	if (loop->backend->ops != &ouro_backend_sim)
		sim_fail("the loop runs on another backend");
	return (struct sim *)(void *)loop->backend;
}

void sim_change(struct sim *sim, const struct sim_settings *settings)
{
	sim->settings = *settings;
}

const struct sim_counts *sim_counts(const struct sim *sim)
{
	return &sim->counts;
}

void sim_fail_accepts(struct sim *sim, int error, uint32_t count)
{
	sim->accept_error = error;
	sim->accept_errors_left = count;
}

void sim_release_notices(struct sim *sim)
{
	sim->settings.hold_notices = false;
}

static bool is_quiet(const struct ouro_loop *loop)
{
	const struct sim *sim = sim_of(loop);

	if (loop->busy || ouro_timers_next(&loop->timers) <= sim->now_ns ||
	    atomic_load(&loop->mailbox.newest))
		return false;
	if (sim->notice_count > 0 && !sim->settings.hold_notices)
		return false;
	for (uint32_t i = 0; i < sim->live_count; i++)
		if (is_due(sim->live[i]))
			return false;
	return true;
}

static void turn(struct ouro_loop *loop, bool may_sleep)
{
	int err = ouro_loop_turn(loop, may_sleep);

	if (err)
		sim_fail("the loop failed: %s", strerror(-err));
}

void sim_settle(struct ouro_loop *loop)
{
	int turns = 0;

	do {
		turn(loop, false);
		if (++turns == SETTLE_TURNS_MAX)
			sim_fail("the loop does not come to rest");
	} while (!is_quiet(loop));
}

void sim_skip(struct sim *sim, uint32_t ms)
{
	sim->now_ns += ms * UINT64_C(1000000);
}

void sim_advance(struct ouro_loop *loop, uint32_t ms)
{
	struct sim *sim = sim_of(loop);
	uint64_t before_ns = sim->now_ns;
	int turns = 0;

	sim->limit_ns = sim->now_ns + ms * UINT64_C(1000000);
	while (sim->now_ns < sim->limit_ns) {
		turn(loop, true);
		turns = sim->now_ns > before_ns ? 0 : turns + 1;
		before_ns = sim->now_ns;
		if (turns == SETTLE_TURNS_MAX)
			sim_fail("the loop does not come to rest");
	}
	sim->limit_ns = OURO_DEADLINE_NEVER;
	sim_settle(loop);
}
