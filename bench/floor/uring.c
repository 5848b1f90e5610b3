/* The smallest io_uring loop that answers what `ouro demo` answers to GET /plaintext, with no HTTP
 * in it: the io_uring backend cannot be cheaper than this. One kernel entry a turn; what the
 * alternatives cost is measured with variants.c. */
#include "floor.h"
#include "ring.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* With so few completions in a turn, send(2) is cheaper than an entry whose completion ends the
 * next wait at once. */
enum { INLINE_BATCH_MAX = 2 };

struct server {
	struct ring ring;
	struct floor_reply reply;
	int touched[FLOOR_FD_MAX];
	size_t touched_count;
	bool close;
};

static void close_conn(int fd)
{
	floor_conns[fd] = (struct floor_conn){ 0 };
	close(fd);
}

static void on_accept(struct server *server, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ring_accept(&server->ring, ring_cqe_fd(cqe));
	if (cqe->res >= FLOOR_FD_MAX)
		close(cqe->res);
	else if (cqe->res >= 0)
		ring_recv(&server->ring, cqe->res, !server->close);
}

/* A connection that is used once costs one completion besides its accept: the receive's. */
static void answer_and_close(struct server *server, int fd)
{
	ring_send_close(&server->ring, fd, server->reply.block, server->reply.turn_len);
	/* The number may come back with the next accept, before anything is heard of this one. */
	floor_conns[fd] = (struct floor_conn){ 0 };
}

static void touch(struct server *server, int fd)
{
	if (floor_conns[fd].touched)
		return;
	floor_conns[fd].touched = true;
	server->touched[server->touched_count++] = fd;
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
	/* After -ENOBUFS this is submitted behind the buffers the turn gives back. */
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ring_recv(&server->ring, fd, !server->close);
	floor_owe(&server->reply, conn, ends);
	touch(server, fd);
}

static void on_sent(struct server *server, const struct io_uring_cqe *cqe)
{
	int fd = ring_cqe_fd(cqe);
	struct floor_conn *conn = &floor_conns[fd];

	if (server->close) {
		close_conn(fd);
		return;
	}
	conn->busy = false;
	if (cqe->res < 0) {
		/* Ends the receive, and that closes. */
		conn->owed = 0;
		shutdown(fd, SHUT_RDWR);
	} else {
		floor_reply_sent(&server->reply, conn, (size_t)cqe->res);
	}
	if (conn->owed || conn->closing)
		touch(server, fd);
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
	struct io_uring_sqe *sqe = ring_sqe(&server->ring);
	io_uring_prep_send(sqe, fd, data, len, MSG_NOSIGNAL | MSG_WAITALL);
	ring_tag(sqe, RING_SEND, fd);
	conn->busy = true;
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
		switch (ring_cqe_op(cqe)) {
		case RING_ACCEPT:
			on_accept(server, cqe);
			break;
		case RING_RECV:
			on_recv(server, cqe);
			break;
		case RING_SEND:
			on_sent(server, cqe);
			break;
		case RING_CLOSE:
			break;
		}
	}
	io_uring_cq_advance(&server->ring.io, count);
	for (size_t i = 0; i < server->touched_count; i++)
		flush(server, server->touched[i], count <= INLINE_BATCH_MAX);
	server->touched_count = 0;
	ring_bufs_publish(&server->ring);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct floor_options opt;

	floor_options_parse(argc, argv, FLOOR_URING, &opt);
	floor_reply_init(&server.reply, &opt);
	server.close = opt.close;
	ring_init(&server.ring);
	ring_accept(&server.ring, floor_listen(&opt, 0));
	for (;;)
		run_turn(&server);
}
