/* uring.c with the choices made there as options: what one-shot receives, registered buffers,
 * zero-copy sends and linked closes cost or save is measured, not assumed. */
#include "floor.h"
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { INLINE_BATCH_MAX = 2 };

struct server {
	struct ring ring;
	struct floor_reply reply;
	int touched[FLOOR_FD_MAX];
	size_t touched_count;
	unsigned inline_batch_max; /* turns with more completions send through the ring */
	bool multishot;
	bool close;
	bool now; /* with close: by system calls, the first at once after the accept */
	bool fixed;
	bool zero_copy;
};

static void close_conn(int fd)
{
	floor_conns[fd] = (struct floor_conn){ 0 };
	close(fd);
}

static void touch(struct server *server, int fd)
{
	if (floor_conns[fd].touched)
		return;
	floor_conns[fd].touched = true;
	server->touched[server->touched_count++] = fd;
}

static void answer_and_close(struct server *server, int fd)
{
	const struct floor_reply *reply = &server->reply;

	if (server->now) {
		send(fd, reply->block, reply->turn_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		close_conn(fd);
		return;
	}
	ring_send_close(&server->ring, fd, reply->block, reply->turn_len);
	floor_conns[fd] = (struct floor_conn){ 0 };
}

static void on_open(struct server *server, int fd)
{
	static char buf[RING_BUF_BYTES];
	ssize_t len = server->now ? recv(fd, buf, sizeof(buf), MSG_DONTWAIT) : 0;

	if (len > 0 && floor_count_ends(&floor_conns[fd], buf, (size_t)len))
		answer_and_close(server, fd);
	else
		ring_recv(&server->ring, fd, server->multishot);
}

static void on_accept(struct server *server, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ring_accept(&server->ring, ring_cqe_fd(cqe));
	if (cqe->res >= FLOOR_FD_MAX)
		close(cqe->res);
	else if (cqe->res >= 0)
		on_open(server, cqe->res);
}

static void on_recv(struct server *server, const struct io_uring_cqe *cqe)
{
	int fd = ring_cqe_fd(cqe);
	struct floor_conn *conn = &floor_conns[fd];
	size_t ends = 0;

	if (cqe->res <= 0 && cqe->res != -ENOBUFS) {
		conn->closing = true;
		touch(server, fd);
		return;
	}
	if (cqe->res > 0) {
		ends = floor_count_ends(conn, ring_buf(&server->ring, cqe), (size_t)cqe->res);
		ring_buf_return(&server->ring, cqe);
	}
	if (ends && server->close) {
		answer_and_close(server, fd);
		return;
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ring_recv(&server->ring, fd, server->multishot);
	floor_owe(&server->reply, conn, ends);
	touch(server, fd);
}

static void on_sent(struct server *server, const struct io_uring_cqe *cqe)
{
	int fd = ring_cqe_fd(cqe);
	struct floor_conn *conn = &floor_conns[fd];

	/* The block is never written to: when the kernel lets go of it does not matter. */
	if (cqe->flags & IORING_CQE_F_NOTIF)
		return;
	if (server->close) {
		close_conn(fd);
		return;
	}
	conn->busy = false;
	if (cqe->res < 0) {
		conn->owed = 0;
		shutdown(fd, SHUT_RDWR);
	} else {
		floor_reply_sent(&server->reply, conn, (size_t)cqe->res);
	}
	if (conn->owed || conn->closing)
		touch(server, fd);
}

static void submit_send(struct server *server, int fd, const char *data, size_t len)
{
	struct io_uring_sqe *sqe = ring_sqe(&server->ring);
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (server->zero_copy && server->fixed)
		io_uring_prep_send_zc_fixed(sqe, fd, data, len, flags, 0, 0);
	else if (server->zero_copy)
		io_uring_prep_send_zc(sqe, fd, data, len, flags, 0);
	else if (server->fixed)
		io_uring_prep_write_fixed(sqe, fd, data, (unsigned)len, 0, 0);
	else
		io_uring_prep_send(sqe, fd, data, len, flags);
	ring_tag(sqe, RING_SEND, fd);
	floor_conns[fd].busy = true;
}

static void flush(struct server *server, int fd, bool now)
{
	struct floor_conn *conn = &floor_conns[fd];

	conn->touched = false;
	if (conn->busy)
		return;
	if (conn->closing) {
		close_conn(fd);
		return;
	}
	if (!conn->owed)
		return;
	size_t len;
	const char *data = floor_reply_next(&server->reply, conn, &len);
	if (now) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			floor_reply_sent(&server->reply, conn, (size_t)sent);
		if (!conn->owed)
			return;
		data = floor_reply_next(&server->reply, conn, &len);
	}
	submit_send(server, fd, data, len);
}

static void run_turn(struct server *server)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	unsigned count = 0;

	int err = io_uring_submit_and_wait(&server->ring.io, 1);
	if (err < 0 && err != -EINTR && err != -EBUSY)
		floor_fail("io_uring_submit_and_wait", err);
	io_uring_for_each_cqe(&server->ring.io, head, cqe)
	{
		count++;
		if (ring_cqe_op(cqe) == RING_ACCEPT)
			on_accept(server, cqe);
		else if (ring_cqe_op(cqe) == RING_RECV)
			on_recv(server, cqe);
		else
			on_sent(server, cqe);
	}
	io_uring_cq_advance(&server->ring.io, count);
	for (size_t i = 0; i < server->touched_count; i++)
		flush(server, server->touched[i], count <= server->inline_batch_max);
	server->touched_count = 0;
	ring_bufs_publish(&server->ring);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct floor_options opt;

	floor_options_parse(argc, argv, FLOOR_VARIANTS, &opt);
	floor_reply_init(&server.reply, &opt);
	server.close = opt.close;
	server.now = opt.close && !strcmp(opt.ended, "now");
	server.multishot = !opt.close && !strcmp(opt.recv, "multishot");
	server.fixed = opt.fixed;
	server.zero_copy = opt.zero_copy;
	server.inline_batch_max = INLINE_BATCH_MAX;
	/* What is sent inline passes neither the registered buffer nor the zero-copy path. */
	if (!strcmp(opt.send, "sqe") || opt.fixed || opt.zero_copy)
		server.inline_batch_max = 0;
	else if (!strcmp(opt.send, "inline"))
		server.inline_batch_max = RING_CQ_ENTRIES;

	ring_init(&server.ring);
	if (opt.fixed) {
		struct iovec iov = { server.reply.block, server.reply.block_len };
		int err = io_uring_register_buffers(&server.ring.io, &iov, 1);
		if (err)
			floor_fail("io_uring_register_buffers", err);
	}
	ring_accept(&server.ring, floor_listen(&opt, 0));
	for (;;)
		run_turn(&server);
}
