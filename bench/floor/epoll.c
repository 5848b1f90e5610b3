/* The smallest epoll loop that answers what `ouro demo` answers to GET /plaintext, with no HTTP in
 * it: the epoll backend cannot be cheaper than this. Level-triggered, one recv and one send a turn
 * and connection. */
#include "floor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 512, RECV_BYTES_MAX = 16384 };

struct server {
	struct floor_reply reply;
	int epoll_fd;
	int listen_fd;
	bool close;
	bool eager;
};

/* Has @fd watched for @events, if it is not already. */
static void watch(const struct server *server, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	struct floor_conn *conn = &floor_conns[fd];

	if (conn->events == events)
		return;
	if (epoll_ctl(server->epoll_fd, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		floor_fail("epoll_ctl", -errno);
	conn->events = events;
}

/* False when the peer is gone. */
static bool receive(const struct server *server, int fd)
{
	static char buf[RECV_BYTES_MAX];
	struct floor_conn *conn = &floor_conns[fd];
	ssize_t len = recv(fd, buf, sizeof(buf), 0);

	if (len <= 0)
		return len < 0 && errno == EAGAIN;
	floor_owe(&server->reply, conn, floor_count_ends(conn, buf, (size_t)len));
	return true;
}

/* Sends what is owed, or as much as the socket takes. False when the connection is to be closed:
 * the peer is gone, or has the one answer it asked for. */
static bool flush(const struct server *server, int fd)
{
	struct floor_conn *conn = &floor_conns[fd];

	if (!conn->owed)
		return true;
	while (conn->owed) {
		size_t len;
		const char *data = floor_reply_next(&server->reply, conn, &len);
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		floor_reply_sent(&server->reply, conn, (size_t)sent);
	}
	return !server->close;
}

static void serve(const struct server *server, int fd)
{
	struct floor_conn *conn = &floor_conns[fd];

	if (receive(server, fd) && flush(server, fd)) {
		watch(server, fd, conn->owed ? EPOLLIN | EPOLLOUT : EPOLLIN);
		return;
	}
	*conn = (struct floor_conn){ 0 };
	close(fd);
}

static void accept_all(const struct server *server)
{
	for (;;) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= FLOOR_FD_MAX)
			close(fd);
		else if (server->eager)
			serve(server, fd);
		else
			watch(server, fd, EPOLLIN);
	}
}

int main(int argc, char **argv)
{
	static struct epoll_event events[EVENTS_MAX];
	struct floor_options opt;
	struct server server;

	floor_options_parse(argc, argv, FLOOR_EPOLL, &opt);
	floor_reply_init(&server.reply, &opt);
	server.close = opt.close;
	/* A connection that is used once has often sent its request before it is accepted, and
	 * then need not be watched at all. */
	server.eager = opt.close && !opt.lazy;
	server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll_fd < 0)
		floor_fail("epoll_create1", -errno);
	server.listen_fd = floor_listen(&opt, SOCK_NONBLOCK);
	watch(&server, server.listen_fd, EPOLLIN);
	for (;;) {
		int count = epoll_wait(server.epoll_fd, events, EVENTS_MAX, -1);
		if (count < 0 && errno != EINTR)
			floor_fail("epoll_wait", -errno);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == server.listen_fd)
				accept_all(&server);
			else
				serve(&server, events[i].data.fd);
		}
	}
}
