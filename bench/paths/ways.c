/* The ways from a file to a socket. */
#include "ways.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- How long a call holds the loop ---- */

struct call {
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

/* The clocks cost more than some calls: where only CPU time counts there is no meter. They leave
 * errno alone. */
static struct call call_begin(const struct meter *meter)
{
	if (!meter)
		return (struct call){ 0 };
	return (struct call){ .wall_ns = rig_clock_ns(CLOCK_MONOTONIC),
			      .cpu_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID) };
}

static void call_end(struct meter *meter, struct call begin)
{
	if (!meter)
		return;
	uint64_t cpu = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin.cpu_ns;
	uint64_t wall = rig_clock_ns(CLOCK_MONOTONIC) - begin.wall_ns;
	meter->blocked_ns += wall > cpu ? wall - cpu : 0;
	if (wall > meter->longest_ns)
		meter->longest_ns = wall;
}

/* ---- Steps ---- */

/* What a call that sends has returned: waits where it must. */
static int on_sent(struct rig *rig, ssize_t sent)
{
	if (sent < 0)
		return errno == EAGAIN ? rig_wait_writable(rig) : -errno;
	rig->sent += (size_t)sent;
	return sent ? 0 : -EIO;
}

static int send_memory(struct rig *rig, struct meter *meter, const char *data, size_t len, int more)
{
	int err = 0;

	for (size_t at = 0; !err && at < len;) {
		struct call call = call_begin(meter);
		ssize_t sent = send(rig->sock, data + at, len - at, MSG_NOSIGNAL | more);
		call_end(meter, call);
		err = on_sent(rig, sent);
		at += sent > 0 ? (size_t)sent : 0;
	}
	return err;
}

static int send_range(struct rig *rig, struct meter *meter, off_t from, size_t to)
{
	int err = 0;

	while (!err && (size_t)from < to) {
		struct call call = call_begin(meter);
		ssize_t sent = sendfile(rig->sock, rig->file, &from, to - (size_t)from);
		call_end(meter, call);
		err = on_sent(rig, sent);
	}
	return err;
}

/* All @len bytes that are in @pipe. */
static int send_pipe(struct rig *rig, struct meter *meter, const struct rig_pipe *pipe, size_t len,
		     bool more)
{
	int err = 0;

	while (!err && len) {
		struct call call = call_begin(meter);
		ssize_t sent =
			splice(pipe->out, NULL, rig->sock, NULL, len, more ? SPLICE_F_MORE : 0);
		call_end(meter, call);
		err = on_sent(rig, sent);
		len -= sent > 0 ? (size_t)sent : 0;
	}
	return err;
}

/* ---- From the page cache ---- */

static int by_read(struct rig *rig, struct meter *meter)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size;) {
		struct call call = call_begin(meter);
		ssize_t got = pread(rig->file, rig->buf, least(RIG_READ_BYTES, rig->file_size - at),
				    (off_t)at);
		call_end(meter, call);
		if (got <= 0)
			return -EIO;
		at += (size_t)got;
		err = send_memory(rig, meter, rig->buf, (size_t)got,
				  at < rig->file_size ? MSG_MORE : 0);
	}
	return err;
}

static int by_memory(struct rig *rig, struct meter *meter)
{
	return send_memory(rig, meter, rig->memory, rig->file_size, 0);
}

static int by_sendfile(struct rig *rig, struct meter *meter)
{
	return send_range(rig, meter, 0, rig->file_size);
}

/* While sendfile() goes on, acknowledgments make the kernel send what is there: with TCP_NODELAY
 * segments that are not full, too, but not with TCP_CORK (tcp(7)), which is stronger. */
static int by_corked_sendfile(struct rig *rig, struct meter *meter)
{
	int on = 1;
	int off = 0;

	if (setsockopt(rig->sock, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)))
		return -errno;
	int err = send_range(rig, meter, 0, rig->file_size);
	if (!err && setsockopt(rig->sock, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)))
		err = -errno;
	return err;
}

static int by_splice(struct rig *rig, struct meter *meter, const struct rig_pipe *pipe)
{
	off_t at = 0;
	int err = 0;

	while (!err && (size_t)at < rig->file_size) {
		struct call call = call_begin(meter);
		ssize_t got = splice(rig->file, &at, pipe->in, NULL,
				     least(pipe->size, rig->file_size - (size_t)at), 0);
		call_end(meter, call);
		if (got <= 0)
			return -EIO;
		err = send_pipe(rig, meter, pipe, (size_t)got, (size_t)at < rig->file_size);
	}
	return err;
}

static int by_splice_narrow(struct rig *rig, struct meter *meter)
{
	return by_splice(rig, meter, &rig->narrow);
}

static int by_splice_wide(struct rig *rig, struct meter *meter)
{
	return by_splice(rig, meter, &rig->wide);
}

/* The result of the ring's next completion. */
static int ring_result(struct rig *rig)
{
	struct io_uring_cqe *cqe;
	int res = io_uring_wait_cqe(&rig->ring, &cqe);

	if (!res) {
		res = cqe->res;
		io_uring_cqe_seen(&rig->ring, cqe);
	}
	return res;
}

static int ring_submit(struct rig *rig, struct meter *meter)
{
	struct call call = call_begin(meter);
	int res = io_uring_submit(&rig->ring);

	call_end(meter, call);
	return res < 0 ? res : 0;
}

/* Two linked operations move a pipe full from the file to the socket; the kernel gives both to
 * threads of its own, at once. */
static int by_ring_splice(struct rig *rig, struct meter *meter, const struct rig_pipe *pipe)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size;) {
		unsigned len = (unsigned)least(pipe->size, rig->file_size - at);
		unsigned more = at + len < rig->file_size ? SPLICE_F_MORE : 0;
		struct io_uring_sqe *in = io_uring_get_sqe(&rig->ring);
		struct io_uring_sqe *out = io_uring_get_sqe(&rig->ring);
		io_uring_prep_splice(in, rig->file, (int64_t)at, pipe->in, -1, len, 0);
		in->flags |= IOSQE_IO_LINK;
		io_uring_prep_splice(out, pipe->out, -1, rig->sock, -1, len, more);
		err = ring_submit(rig, meter);
		for (int i = 0; !err && i < 2; i++) {
			int res = ring_result(rig);
			if (res != (int)len)
				err = res < 0 ? res : -EIO;
		}
		at += len;
		rig->sent += len;
	}
	return err;
}

static int by_ring_splice_narrow(struct rig *rig, struct meter *meter)
{
	return by_ring_splice(rig, meter, &rig->narrow);
}

static int by_ring_splice_wide(struct rig *rig, struct meter *meter)
{
	return by_ring_splice(rig, meter, &rig->wide);
}

/* ---- From the disk ---- */

static int wait_for_window(struct rig *rig, size_t at, size_t len, const struct rig_pipe *pipe)
{
	int err = rig_help(rig, (off_t)at, len, pipe);

	if (err)
		return err;
	ssize_t got = rig_helped(rig);
	return got < 0 ? (int)got : 0;
}

/* Another thread reads a window and drops it, so that sendfile() finds it in the page cache. */
static int by_reading_ahead(struct rig *rig, struct meter *meter)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size; at += RIG_WINDOW_BYTES) {
		size_t len = least(RIG_WINDOW_BYTES, rig->file_size - at);
		err = wait_for_window(rig, at, len, NULL);
		if (!err)
			err = send_range(rig, meter, (off_t)at, at + len);
	}
	return err;
}

/* Whether the byte at @at is in the page cache: what a server can know for the price of a call. */
static bool is_there(struct rig *rig, struct meter *meter, size_t at)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct call call = call_begin(meter);
	ssize_t got = preadv2(rig->file, &iov, 1, (off_t)at, RWF_NOWAIT);

	call_end(meter, call);
	return got == 1;
}

/* The same, but only for windows whose first or last byte is missing. */
static int by_probing(struct rig *rig, struct meter *meter)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size; at += RIG_WINDOW_BYTES) {
		size_t len = least(RIG_WINDOW_BYTES, rig->file_size - at);
		if (!is_there(rig, meter, at) || !is_there(rig, meter, at + len - 1))
			err = wait_for_window(rig, at, len, NULL);
		if (!err)
			err = send_range(rig, meter, (off_t)at, at + len);
	}
	return err;
}

static int by_readahead(struct rig *rig, struct meter *meter)
{
	struct call call = call_begin(meter);
	int err = readahead(rig->file, 0, rig->file_size) ? -errno : 0;

	call_end(meter, call);
	return err ? err : send_range(rig, meter, 0, rig->file_size);
}

static int by_willneed(struct rig *rig, struct meter *meter)
{
	struct call call = call_begin(meter);
	int err = -posix_fadvise(rig->file, 0, (off_t)rig->file_size, POSIX_FADV_WILLNEED);

	call_end(meter, call);
	return err ? err : send_range(rig, meter, 0, rig->file_size);
}

/* Another thread fills the pipe, the loop empties it. */
static int by_filling_pipe(struct rig *rig, struct meter *meter)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size; at += RIG_WINDOW_BYTES) {
		size_t len = least(RIG_WINDOW_BYTES, rig->file_size - at);
		err = wait_for_window(rig, at, len, &rig->wide);
		if (!err)
			err = send_pipe(rig, meter, &rig->wide, len, at + len < rig->file_size);
	}
	return err;
}

static int by_ring_read(struct rig *rig, struct meter *meter)
{
	int err = 0;

	for (size_t at = 0; !err && at < rig->file_size;) {
		unsigned len = (unsigned)least(RIG_WINDOW_BYTES, rig->file_size - at);
		io_uring_prep_read(io_uring_get_sqe(&rig->ring), rig->file, rig->buf, len, at);
		err = ring_submit(rig, meter);
		if (err)
			return err;
		int got = ring_result(rig);
		if (got <= 0)
			return got ? got : -EIO;
		at += (size_t)got;
		err = send_memory(rig, meter, rig->buf, (size_t)got,
				  at < rig->file_size ? MSG_MORE : 0);
	}
	return err;
}

const struct way ways_hot[] = {
	{ "read and send", by_read, false },
	{ "read and send, again", by_read, false },
	{ "send from memory", by_memory, false },
	{ "sendfile", by_sendfile, false },
	{ "sendfile, corked", by_corked_sendfile, false },
	{ "splice, pipe of 64 KiB", by_splice_narrow, false },
	{ "splice, pipe of 1 MiB", by_splice_wide, false },
	{ "ring splice, 64 KiB", by_ring_splice_narrow, true },
	{ "ring splice, 1 MiB", by_ring_splice_wide, true },
	{ NULL, NULL, false },
};

const struct way ways_cold[] = {
	{ "sendfile, blindly", by_sendfile, false },
	{ "sendfile, again", by_sendfile, false },
	{ "thread reads, sendfile", by_reading_ahead, false },
	{ "the same, if not there", by_probing, false },
	{ "readahead, sendfile", by_readahead, false },
	{ "WILLNEED, sendfile", by_willneed, false },
	{ "thread fills pipe", by_filling_pipe, false },
	{ "ring read, send", by_ring_read, false },
	{ "ring splice, 1 MiB", by_ring_splice_wide, true },
	{ NULL, NULL, false },
};
