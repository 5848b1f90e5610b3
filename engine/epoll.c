/* The readiness backend: the same completions, made from level-triggered epoll. It keeps to what
 * epoll emulations on other systems (epoll-shim, wepoll) offer too: no edge trigger, no
 * EPOLLEXCLUSIVE, no timerfd, eventfd or signalfd, and data.ptr alone. What only Linux has is in
 * accept_one() and set_blocking(). */
#include "engine/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_PER_WAIT = 512,
	EVENTS_AT_ONCE = 32,    /* of them: see run_events() */
	ACCEPTS_PER_EVENT = 64, /* at most; then others get their turn */
	ACCEPTS_TRIED_AGAIN = 8,
	FILES_PER_CHUNK = 1024,
	FILE_CHUNKS = 4096, /* descriptors up to 4 Mi */
};

/* The two name the same facts by the same bits wherever epoll is not an emulation. */
static_assert((int)EPOLLIN == POLLIN && (int)EPOLLOUT == POLLOUT && (int)EPOLLPRI == POLLPRI &&
		      (int)EPOLLRDHUP == POLLRDHUP && (int)EPOLLERR == POLLERR &&
		      (int)EPOLLHUP == POLLHUP,
	      "polls are asked of epoll as they are");

/* What is wanted of one descriptor. At most one operation waits to read and one to write; polls are
 * of descriptors that are not ours, and any number may wait. */
struct file {
	struct ouro_op *reader;
	struct ouro_op *others; /* the writer, if there is one, then polls; linked by their next */
	int fd;
	uint16_t interest; /* as registered with epoll; a file never registered has none */
	bool registered;
};

static_assert(sizeof(struct file) <= 24, "an idle connection has one");

struct epoll {
	struct ouro_backend base;
	int fd;
	int wake_pair[2]; /* others write to the second, the loop reads the first */
	struct file wake_file;
	uint32_t wait_number;             /* of the present wait, or the last */
	uint32_t accepts_at_once;         /* see run_accept() */
	uint32_t accepts_found;           /* events in a row that had as many */
	struct file *chunks[FILE_CHUNKS]; /* by descriptor; allocated as descriptors grow */
	struct epoll_event events[EVENTS_PER_WAIT];
};

static struct epoll *epoll_of(struct ouro_backend *backend)
{
	return (struct epoll *)(void *)backend;
}

/* The record of @fd, made when first asked for; NULL when out of memory. */
static struct file *file_at(struct epoll *epoll, int fd)
{
	size_t chunk = (size_t)fd / FILES_PER_CHUNK;

	if (chunk >= FILE_CHUNKS)
		return NULL;
	if (!epoll->chunks[chunk])
		epoll->chunks[chunk] = calloc(FILES_PER_CHUNK, sizeof(struct file));
	if (!epoll->chunks[chunk])
		return NULL;
	return &epoll->chunks[chunk][(size_t)fd % FILES_PER_CHUNK];
}

/* Registers @events for @file, or what is left of them; 0 or a negative errno. */
static int set_interest(struct epoll *epoll, struct file *file, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = file };

	if (file->registered && file->interest == events)
		return 0;
	if (epoll_ctl(epoll->fd, file->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, file->fd,
		      &event))
		return -errno;
	file->registered = true;
	file->interest = (uint16_t)events;
	return 0;
}

static void unregister(struct epoll *epoll, struct file *file)
{
	if (!file->registered)
		return;
	epoll_ctl(epoll->fd, EPOLL_CTL_DEL, file->fd, NULL);
	file->registered = false;
	file->interest = 0;
}

static struct ouro_op_poll *poll_of(struct ouro_op *op)
{
	return (struct ouro_op_poll *)(void *)op;
}

/* NULL: nobody waits to write. */
static struct ouro_op *writer_of(const struct file *file)
{
	struct ouro_op *first = file->others;

	return first && first->kind != OURO_OP_POLL ? first : NULL;
}

static void set_writer(struct file *file, struct ouro_op *op)
{
	assert(!writer_of(file));
	op->next = file->others;
	file->others = op;
}

static void clear_writer(struct file *file)
{
	assert(writer_of(file));
	file->others = file->others->next;
}

/* Where the first poll is linked. */
static struct ouro_op **polls_of(struct file *file)
{
	struct ouro_op *writer = writer_of(file);

	return writer ? &writer->next : &file->others;
}

static uint32_t wanted_events(struct file *file)
{
	uint32_t events = (file->reader ? (uint32_t)EPOLLIN : 0) |
			  (writer_of(file) ? (uint32_t)EPOLLOUT : 0);

	for (struct ouro_op *op = *polls_of(file); op; op = op->next)
		events |= (uint16_t)poll_of(op)->events;
	return events;
}

static void put(struct file *file, struct ouro_op *op, bool writer)
{
	if (writer) {
		set_writer(file, op);
	} else {
		assert(!file->reader);
		file->reader = op;
	}
}

static void take_out(struct file *file, bool writer)
{
	if (writer)
		clear_writer(file);
	else
		file->reader = NULL;
}

/* Puts @op in its place at its descriptor. Interest only grows here: what nobody waits for any more
 * is dropped when it is first reported, which for most descriptors is never. */
static void wait_for(struct epoll *epoll, struct ouro_op *op, bool writer)
{
	struct file *file = file_at(epoll, op->fd);
	int err = -ENOMEM;

	if (file) {
		file->fd = op->fd;
		put(file, op, writer);
		err = set_interest(epoll, file,
				   (file->registered ? file->interest : 0) | wanted_events(file));
		if (err)
			take_out(file, writer);
	}
	if (err)
		ouro_backend_finish_later(&epoll->base, op, err);
}

static void finish(struct epoll *epoll, struct ouro_op **place, int32_t result,
		   struct ouro_buf *buf)
{
	struct ouro_op *op = *place;

	*place = NULL;
	op->result = result;
	ouro_backend_end(&epoll->base, op);
	op->on_complete(op, buf, 0);
}

static void set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && blocking != !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int accept_one(int fd)
{
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return peer < 0 ? -errno : peer;
}

/* There may be no more to accept than was accepted: ask for more after so many events that had as many. */
static void accepted_all(struct epoll *epoll)
{
	if (++epoll->accepts_found < ACCEPTS_TRIED_AGAIN)
		return;
	epoll->accepts_found = 0;
	if (epoll->accepts_at_once < ACCEPTS_PER_EVENT)
		epoll->accepts_at_once *= 2;
}

/* That there is no connection left is told by a call that fails, which costs as much as one that does not. So it
 * is as many as there were of late, and level trigger reports the rest. */
static void run_accept(struct epoll *epoll, struct file *file)
{
	uint32_t count = epoll->accepts_at_once;

	for (uint32_t i = 0; i < count && file->reader; i++) {
		int result = accept_one(file->fd);

		if (result == -EAGAIN || result == -EINTR) {
			epoll->accepts_at_once = i > 1 ? i : 1;
			epoll->accepts_found = 0;
			return;
		}
		/* The peer gave up while it waited to be accepted (accept(2)). */
		if (result == -ECONNABORTED || result == -EPROTO)
			continue;
		if (result < 0) {
			finish(epoll, &file->reader, result, NULL);
			return;
		}
		file->reader->result = result;
		file->reader->on_complete(file->reader, NULL, OURO_OP_MORE);
	}
	accepted_all(epoll);
}

/* Receives at once what may have come already. Many connections carry one request, which is there
 * when they are accepted; these never need to be registered. False where there is nothing yet. */
static bool recv_eagerly(struct epoll *epoll, struct ouro_op *op)
{
	struct ouro_buf *buf = ouro_recvpool_take(&epoll->base.recvpool);
	ssize_t got;

	if (!buf)
		return false;
	got = recv(op->fd, buf->data, buf->size, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		ouro_buf_unref(buf);
		return false;
	}
	op->result = got < 0 ? -errno : (int32_t)got;
	buf->len = got > 0 ? (uint32_t)got : 0;
	epoll->base.finished_buf = buf;
	return true;
}

/* What came for an operation that waited to read, and has not been told of it. */
struct received {
	struct ouro_op *op; /* NULL: nothing was tried */
	struct ouro_buf *buf;
	int32_t result;
};

/* Receives for the reader of @file; false, and @received->op is NULL, where there is no buffer for it. */
static bool receive(struct epoll *epoll, const struct file *file, struct received *received)
{
	struct ouro_buf *buf = ouro_recvpool_take(&epoll->base.recvpool);
	ssize_t got;

	*received = (struct received){ 0 };
	if (!buf)
		return false;
	got = recv(file->fd, buf->data, buf->size, 0);
	buf->len = got > 0 ? (uint32_t)got : 0;
	*received = (struct received){ file->reader, buf, got < 0 ? -errno : (int32_t)got };
	return true;
}

/* Tells the operation. One that has been cancelled since it was received for still gets the bytes, as on
 * the ring, where the completion would have been under way: they are gone from the socket. */
static void tell(struct epoll *epoll, struct file *file, const struct received *received)
{
	struct ouro_op *op = received->op;
	bool cancelled = file->reader != op;
	int32_t own_result = op->result, result = received->result;

	if (result > 0 && (cancelled || op->kind == OURO_OP_RECV)) {
		op->result = result;
		op->on_complete(op, received->buf, OURO_OP_MORE);
		if (cancelled)
			op->result = own_result;
	} else if (!cancelled && result != -EAGAIN && result != -EINTR) {
		finish(epoll, &file->reader, result, result > 0 ? received->buf : NULL);
	}
	ouro_buf_unref(received->buf);
}

static void run_recv(struct epoll *epoll, struct file *file)
{
	struct ouro_op *op = file->reader;
	struct received received;

	if (receive(epoll, file, &received)) {
		tell(epoll, file, &received);
		return;
	}
	ouro_counter_add(&epoll->base.counters->receive_starved, 1);
	file->reader = NULL;
	set_interest(epoll, file, wanted_events(file));
	ouro_op_list_push(&epoll->base.starved, op);
}

static void run_reader(struct epoll *epoll, struct file *file)
{
	switch ((enum ouro_op_kind)file->reader->kind) {
	case OURO_OP_ACCEPT:
		run_accept(epoll, file);
		return;
	case OURO_OP_RECV:
	case OURO_OP_RECV_ONCE:
		run_recv(epoll, file);
		return;
	case OURO_OP_SEND:
	case OURO_OP_SEND_ZC:
	case OURO_OP_SEND_FILE:
	case OURO_OP_CLOSE:
	case OURO_OP_POLL:
		break;
	}
	assert(false && "an operation that does not wait to read");
}

static void close_file(struct epoll *epoll, int fd)
{
	struct file *file = file_at(epoll, fd);

	if (file && file->registered) {
		assert(!file->reader && !file->others);
		file->registered = false;
		file->interest = 0;
	}
	close(fd);
}

/* Tries the send; false where it would block. */
static bool try_send(struct epoll *epoll, struct ouro_op_send *send)
{
	ssize_t sent;

	if (send->op.kind == OURO_OP_SEND_FILE) {
		if (!ouro_backend_send_file(send))
			return false;
		ouro_counter_add(&epoll->base.counters->sends_direct, 1);
		return true;
	}
	sent = ouro_backend_send(send, 0);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	send->op.result = sent < 0 ? -errno : (int32_t)sent;
	ouro_counter_add(&epoll->base.counters->sends_direct, 1);
	return true;
}

static void close_if_all_sent(struct epoll *epoll, struct ouro_op_send *send)
{
	if (send->close_after && send->op.result == (int32_t)send->bytes)
		close_file(epoll, send->op.fd);
}

static void run_writer(struct epoll *epoll, struct file *file)
{
	struct ouro_op_send *send = (struct ouro_op_send *)(void *)writer_of(file);

	if (!try_send(epoll, send))
		return;
	clear_writer(file);
	close_if_all_sent(epoll, send);
	ouro_backend_end(&epoll->base, &send->op);
	send->op.on_complete(&send->op, NULL, 0);
}

static enum ouro_submit submit_send(struct epoll *epoll, struct ouro_op_send *send)
{
	if (try_send(epoll, send)) {
		close_if_all_sent(epoll, send);
		return OURO_SUBMIT_FINISHED;
	}
	ouro_backend_begin(&epoll->base, &send->op);
	wait_for(epoll, &send->op, true);
	return OURO_SUBMIT_PENDING;
}

/* A descriptor that is polled leaves the set with its last poll: its owner may then close it behind
 * our back, and its number may become a connection's. */
static void leave_if_idle(struct epoll *epoll, struct file *file)
{
	if (file->reader || file->others)
		set_interest(epoll, file, wanted_events(file));
	else
		unregister(epoll, file);
}

/* epoll refuses what is always ready. */
static int32_t result_of_refusal(const struct ouro_op_poll *poll, int err)
{
	int32_t holds = poll->events & (POLLIN | POLLOUT);

	if (err != -EPERM)
		return err;
	return holds ? holds : -EINVAL;
}

static void start_poll(struct epoll *epoll, struct ouro_op_poll *poll)
{
	struct file *file = poll->op.fd >= 0 ? file_at(epoll, poll->op.fd) : NULL;
	int err = poll->op.fd >= 0 ? -ENOMEM : -EBADF;

	poll->wait_number = epoll->wait_number;
	if (file) {
		struct ouro_op **polls = polls_of(file);

		file->fd = poll->op.fd;
		poll->op.next = *polls;
		*polls = &poll->op;
		err = set_interest(epoll, file, wanted_events(file));
		if (err)
			*polls = poll->op.next;
	}
	if (err)
		ouro_backend_finish_later(&epoll->base, &poll->op, result_of_refusal(poll, err));
}

/* Takes what ends with @events out of the polls of @file. An event may be of a descriptor that was
 * closed since it was collected, whose number another one has now: polls of this very wait do not
 * believe it. What holds is told again by the next one. */
static struct ouro_op_list take_polls(struct epoll *epoll, struct file *file, uint32_t events)
{
	struct ouro_op_list done = { 0 };
	struct ouro_op *op, **place = polls_of(file);

	while ((op = *place) != NULL) {
		uint32_t told = (uint16_t)poll_of(op)->events | (uint32_t)(EPOLLERR | EPOLLHUP);

		if (events & told && poll_of(op)->wait_number != epoll->wait_number) {
			*place = op->next;
			op->result = (int32_t)(events & told);
			ouro_op_list_push(&done, op);
		} else {
			place = &op->next;
		}
	}
	return done;
}

static int run_polls(struct epoll *epoll, struct file *file, uint32_t events)
{
	struct ouro_op_list done = take_polls(epoll, file, events);
	struct ouro_op *op;
	int count = 0;

	if (done.first)
		leave_if_idle(epoll, file);
	while ((op = ouro_op_list_pop(&done)) != NULL) {
		ouro_backend_end(&epoll->base, op);
		op->on_complete(op, NULL, 0);
		count++;
	}
	return count;
}

static void cancel_poll(struct epoll *epoll, struct file *file, struct ouro_op *op)
{
	struct ouro_op **place = file ? polls_of(file) : NULL;

	while (place && *place && *place != op)
		place = &(*place)->next;
	if (!place || !*place)
		return; /* it has ended: its completion is on its way */
	*place = op->next;
	leave_if_idle(epoll, file);
	ouro_backend_finish_later(&epoll->base, op, -ECANCELED);
}

static enum ouro_submit epoll_submit(struct ouro_backend *backend, struct ouro_op *op)
{
	struct epoll *epoll = epoll_of(backend);

	switch ((enum ouro_op_kind)op->kind) {
	case OURO_OP_ACCEPT:
		set_blocking(op->fd, false);
		break;
	case OURO_OP_RECV_ONCE:
		if (recv_eagerly(epoll, op))
			return OURO_SUBMIT_FINISHED;
		break;
	case OURO_OP_RECV:
		break;
	case OURO_OP_POLL:
		ouro_backend_begin(backend, op);
		start_poll(epoll, poll_of(op));
		return OURO_SUBMIT_PENDING;
	case OURO_OP_SEND:
	case OURO_OP_SEND_ZC:
	case OURO_OP_SEND_FILE:
		return submit_send(epoll, (struct ouro_op_send *)(void *)op);
	case OURO_OP_CLOSE:
		close_file(epoll, op->fd);
		op->result = 0;
		return OURO_SUBMIT_FINISHED;
	}
	ouro_backend_begin(backend, op);
	wait_for(epoll, op, false);
	return OURO_SUBMIT_PENDING;
}

static void epoll_cancel(struct ouro_backend *backend, struct ouro_op *op)
{
	struct epoll *epoll = epoll_of(backend);
	struct file *file = file_at(epoll, op->fd);

	assert(op->in_flight);
	if (op->kind == OURO_OP_POLL) {
		cancel_poll(epoll, file, op);
		return;
	}
	if (file && file->reader == op)
		file->reader = NULL;
	else if (file && writer_of(file) == op)
		clear_writer(file);
	else if (!ouro_op_list_remove(&backend->starved, op))
		return; /* it is among the ready ones: its completion is on its way */
	/* A listening descriptor may be shared with other processes and then stays in the set
	 * when it is closed here, so it leaves the set at once. */
	if (op->kind == OURO_OP_ACCEPT && file)
		unregister(epoll, file);
	ouro_backend_finish_later(backend, op, -ECANCELED);
}

static void run_wake(struct epoll *epoll)
{
	char sink[64];

	while (recv(epoll->wake_pair[0], sink, sizeof(sink), 0) == (ssize_t)sizeof(sink))
		;
}

/* An event that no operation of ours was waiting for. */
static int run_rest(struct epoll *epoll, struct file *file, uint32_t events)
{
	int count = *polls_of(file) ? run_polls(epoll, file, events) : 0;

	if (count > 0 || !file->registered)
		return count;
	/* Trouble is reported whether asked for or not; where nobody waits, it leaves. */
	if (events & (uint32_t)(EPOLLERR | EPOLLHUP))
		leave_if_idle(epoll, file);
	else
		set_interest(epoll, file, wanted_events(file));
	return 0;
}

static int run_event(struct epoll *epoll, const struct epoll_event *event)
{
	struct file *file = event->data.ptr;
	uint32_t trouble = event->events & (uint32_t)(EPOLLERR | EPOLLHUP);
	int count = 0;

	if (file == &epoll->wake_file) {
		run_wake(epoll);
		return 1;
	}
	if (writer_of(file) && (event->events & EPOLLOUT || trouble)) {
		run_writer(epoll, file);
		count++;
	}
	if (file->reader && (event->events & EPOLLIN || trouble)) {
		run_reader(epoll, file);
		count++;
	}
	if (count > 0)
		return count;
	return run_rest(epoll, file, event->events);
}

/* Whether there is nothing but to receive, and for an operation that goes on after it. */
static bool is_for_receive(const struct epoll_event *event)
{
	const struct file *file = event->data.ptr;

	return event->events == EPOLLIN && file->reader && file->reader->kind == OURO_OP_RECV;
}

/* Runs @count events of one wait. All that is to be received is, before anybody is told of any: several
 * receives in a row, then what is made of them, then (settled) what is sent for it. Each of these three finds
 * its instructions and data in the caches, which the others need for themselves. */
static int run_events(struct epoll *epoll, const struct epoll_event *events, int count)
{
	struct received received[EVENTS_AT_ONCE];
	int done = 0;

	for (int i = 0; i < count; i++) {
		received[i].op = NULL;
		if (is_for_receive(&events[i]) && !ouro_recvpool_is_scarce(&epoll->base.recvpool))
			receive(epoll, events[i].data.ptr, &received[i]);
	}
	for (int i = 0; i < count; i++) {
		if (!received[i].op) {
			done += run_event(epoll, &events[i]);
			continue;
		}
		tell(epoll, events[i].data.ptr, &received[i]);
		done++;
	}
	ouro_backend_settled(&epoll->base);
	return done;
}

static void feed_starved(struct epoll *epoll)
{
	uint32_t budget = epoll->base.recvpool.free_count;
	struct ouro_op *op;

	while (budget-- > 0 && (op = ouro_op_list_pop(&epoll->base.starved)) != NULL)
		wait_for(epoll, op, false);
}

static int timeout_ms(struct epoll *epoll, uint64_t deadline_ns)
{
	struct timespec clock;
	uint64_t now_ns, left;

	if (deadline_ns == 0 || epoll->base.ready.first)
		return 0;
	if (deadline_ns == OURO_DEADLINE_NEVER)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	now_ns = (uint64_t)clock.tv_sec * 1000000000U + (uint64_t)clock.tv_nsec;
	if (now_ns >= deadline_ns)
		return 0;
	left = (deadline_ns - now_ns + 999999) / 1000000;
	return left > 3600000 ? 3600000 : (int)left;
}

static int epoll_backend_wait(struct ouro_backend *backend, uint64_t deadline_ns)
{
	struct epoll *epoll = epoll_of(backend);
	int events, count;

	feed_starved(epoll);
	epoll->wait_number++;
	events = epoll_wait(epoll->fd, epoll->events, EVENTS_PER_WAIT,
			    timeout_ms(epoll, deadline_ns));
	if (events < 0 && errno != EINTR)
		return -errno;
	ouro_backend_awake(backend);
	count = ouro_backend_run_ready(backend);
	for (int i = 0; i < events; i += EVENTS_AT_ONCE)
		count += run_events(epoll, &epoll->events[i],
				    events - i < EVENTS_AT_ONCE ? events - i : EVENTS_AT_ONCE);
	return count;
}

static int epoll_poll_fd(const struct ouro_backend *backend)
{
	return ((const struct epoll *)(const void *)backend)->fd;
}

static int epoll_hand_over(struct ouro_backend *backend, uint64_t deadline_ns)
{
	(void)deadline_ns;
	feed_starved(epoll_of(backend));
	return backend->ready.first ? -EAGAIN : 0;
}

static void epoll_wake(struct ouro_backend *backend)
{
	/* It can fail only by being full, and then the loop is about to wake anyway. */
	ssize_t sent = send(epoll_of(backend)->wake_pair[1], "", 1, MSG_NOSIGNAL);

	(void)sent;
}

static bool epoll_has_zero_copy(const struct ouro_backend *backend)
{
	(void)backend;
	return false;
}

static void release_buf(struct ouro_buf *buf)
{
	struct epoll *epoll = buf->owner;

	ouro_recvpool_put(&epoll->base.recvpool, buf);
}

static int open_wake(struct epoll *epoll)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, epoll->wake_pair))
		return -errno;
	set_blocking(epoll->wake_pair[0], false);
	set_blocking(epoll->wake_pair[1], false);
	epoll->wake_file.fd = epoll->wake_pair[0];
	return set_interest(epoll, &epoll->wake_file, EPOLLIN);
}

static void free_epoll(struct epoll *epoll)
{
	for (int i = 0; i < 2; i++)
		if (epoll->wake_pair[i] >= 0)
			close(epoll->wake_pair[i]);
	if (epoll->fd >= 0)
		close(epoll->fd);
	for (size_t i = 0; i < FILE_CHUNKS; i++)
		free(epoll->chunks[i]);
	ouro_recvpool_fini(&epoll->base.recvpool);
	free(epoll);
}

static int epoll_open(struct ouro_backend **backend, const struct ouro_backend_options *options)
{
	struct epoll *epoll = calloc(1, sizeof(*epoll));
	int err;

	if (!epoll)
		return -ENOMEM;
	epoll->base.ops = &ouro_backend_epoll;
	ouro_backend_take_options(&epoll->base, options);
	epoll->wake_pair[0] = epoll->wake_pair[1] = -1;
	epoll->accepts_at_once = 1;
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	err = epoll->fd < 0 ? -errno : 0;
	if (!err)
		err = ouro_recvpool_init(&epoll->base.recvpool, options->recv_buffer_count,
					 options->recv_buffer_bytes, release_buf, epoll);
	if (!err)
		err = open_wake(epoll);
	if (err) {
		free_epoll(epoll);
		return err;
	}
	*backend = &epoll->base;
	return 0;
}

static void epoll_close(struct ouro_backend *backend)
{
	assert(backend->in_flight == 0);
	free_epoll(epoll_of(backend));
}

const struct ouro_backend_ops ouro_backend_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.wait = epoll_backend_wait,
	.poll_fd = epoll_poll_fd,
	.hand_over = epoll_hand_over,
	.wake = epoll_wake,
	.read_clock = ouro_backend_read_real_clock,
	.has_zero_copy = epoll_has_zero_copy,
};
