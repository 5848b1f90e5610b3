/* WebSockets: messages are sent, and must come back byte for byte and in order. */
#include "client.h"
#include "summary.h"
#include "target_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* Messages differ, so that one echoed twice, or another's, is noticed. */
	VARIANTS = 16,
	RECV_BYTES_MAX = 128 * 1024,
	IOV_MAX_USED = 16,
};

struct conn {
	int fd;
	uint32_t index;
	uint64_t sent;   /* messages whose last byte has gone */
	uint64_t wanted; /* messages to be sent in all */
	uint64_t received;
	size_t sent_bytes; /* of message number @sent */
	size_t position;   /* received of message number @received */
	bool watches_room; /* for EPOLLOUT */
	struct frame_reader reader;
	uint64_t *begun_ns; /* [pipeline]: when a message was wanted */
};

struct echo {
	struct target base;
	struct conn *conns;
	uint64_t *begun_ns;
	char *messages; /* [VARIANTS][message_bytes] */
	char *frames;   /* the same, as they are sent */
	size_t frame_bytes;
	unsigned active; /* connections that wait for echoes */
	bool stopping;
};

static struct echo *echo_of(struct target *target)
{
	return (struct echo *)(void *)target;
}

static size_t variant(const struct conn *conn, uint64_t number)
{
	return (size_t)(conn->index + number) % VARIANTS;
}

static void fail(struct echo *echo, struct conn *conn, const char *what, int err)
{
	target_error(&echo->base, err ? TARGET_ERROR_RESET : TARGET_ERROR_ANSWER,
		     "connection %u: %s%s%s", conn->index, what, err ? ": " : "",
		     err ? strerror(err) : "");
	if (conn->received < conn->wanted)
		echo->active--;
	conn->wanted = conn->received;
	close(conn->fd);
	conn->fd = -1;
}

/* ---- Sending ---- */

static void watch(struct echo *echo, struct conn *conn, int what, bool room)
{
	struct epoll_event event = { .events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = conn };

	conn->watches_room = room;
	if (epoll_ctl(echo->base.epoll_fd, what, conn->fd, &event))
		fail(echo, conn, "epoll_ctl", errno);
}

static void count_sent(struct echo *echo, struct conn *conn, size_t bytes)
{
	conn->sent_bytes += bytes;
	conn->sent += conn->sent_bytes / echo->frame_bytes;
	conn->sent_bytes %= echo->frame_bytes;
}

static void flush(struct echo *echo, struct conn *conn)
{
	while (conn->fd >= 0 && conn->sent < conn->wanted) {
		struct iovec parts[IOV_MAX_USED];
		struct msghdr message = { .msg_iov = parts };
		for (uint64_t i = conn->sent; i < conn->wanted && message.msg_iovlen < IOV_MAX_USED;
		     i++)
			parts[message.msg_iovlen++] =
				(struct iovec){ echo->frames + variant(conn, i) * echo->frame_bytes,
						echo->frame_bytes };
		parts[0].iov_base = (char *)parts[0].iov_base + conn->sent_bytes;
		parts[0].iov_len -= conn->sent_bytes;
		ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN) {
			fail(echo, conn, "send", errno);
			return;
		}
		if (sent < 0) {
			if (!conn->watches_room)
				watch(echo, conn, EPOLL_CTL_MOD, true);
			return;
		}
		count_sent(echo, conn, (size_t)sent);
	}
	if (conn->fd >= 0 && conn->watches_room)
		watch(echo, conn, EPOLL_CTL_MOD, false);
}

static void want(struct echo *echo, struct conn *conn, uint64_t now)
{
	if (conn->received == conn->wanted)
		echo->active++;
	conn->begun_ns[conn->wanted++ % echo->base.opt->pipeline] = now;
}

/* ---- Receiving ---- */

/* A message has come back in full. */
static void count_echo(struct echo *echo, struct conn *conn, uint64_t now)
{
	uint64_t begun = conn->begun_ns[conn->received % echo->base.opt->pipeline];

	times_add(&echo->base.times[TARGET_TIMES_MESSAGE], now - begun);
	echo->base.slice.request_count++;
	conn->position = 0;
	conn->received++;
	if (conn->received == conn->wanted)
		echo->active--;
	if (!echo->stopping)
		want(echo, conn, now);
}

static bool take_piece(struct echo *echo, struct conn *conn, const struct frame_piece *piece,
		       uint64_t now)
{
	size_t bytes = echo->base.opt->message_bytes;
	enum frame_opcode opcode = echo->base.opt->text ? FRAME_TEXT : FRAME_BINARY;

	if (piece->opcode == FRAME_PING)
		return frame_send_pong(conn->fd, piece) == 0;
	/* A message may come back in several frames. */
	if (conn->received == conn->wanted || piece->len > bytes - conn->position ||
	    (piece->opcode != opcode && piece->opcode != FRAME_CONTINUATION) ||
	    memcmp(echo->messages + variant(conn, conn->received) * bytes + conn->position,
		   piece->data, piece->len))
		return false;
	conn->position += piece->len;
	if (!piece->ends || !piece->fin)
		return true;
	if (conn->position != bytes)
		return false;
	count_echo(echo, conn, now);
	return true;
}

static void take(struct echo *echo, struct conn *conn, const char *data, size_t len)
{
	uint64_t now = target_now_ns();
	struct frame_piece piece;
	int got;

	while ((got = frame_read(&conn->reader, &data, &len, &piece)) > 0)
		if (!take_piece(echo, conn, &piece, now)) {
			fail(echo, conn,
			     piece.opcode == FRAME_CLOSE ? "closed by the server"
							 : "not what was sent came back",
			     0);
			return;
		}
	if (got < 0)
		fail(echo, conn, "frame", -got);
}

static void receive(struct echo *echo, struct conn *conn)
{
	static char buf[RECV_BYTES_MAX];
	ssize_t got = recv(conn->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (got > 0)
		take(echo, conn, buf, (size_t)got);
	else if (got == 0 || errno != EAGAIN)
		fail(echo, conn, "recv", got ? errno : ECONNRESET);
}

static void on_event(struct echo *echo, struct conn *conn, uint32_t events)
{
	if (conn->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(echo, conn);
	if (conn->fd >= 0 && (conn->sent < conn->wanted || conn->watches_room))
		flush(echo, conn);
}

/* ---- A slice ---- */

static int look(struct echo *echo)
{
	struct epoll_event events[TARGET_EVENTS_MAX];
	int count = epoll_wait(echo->base.epoll_fd, events, TARGET_EVENTS_MAX, 0);

	for (int i = 0; i < count; i++)
		on_event(echo, events[i].data.ptr, events[i].events);
	return count;
}

static void start_all(struct echo *echo)
{
	for (unsigned i = 0; i < echo->base.opt->connection_count; i++) {
		struct conn *conn = &echo->conns[i];
		for (unsigned j = 0; j < echo->base.opt->pipeline && conn->fd >= 0; j++)
			want(echo, conn, target_now_ns());
		if (conn->fd >= 0)
			flush(echo, conn);
	}
}

static void drive_echo(struct target *target, uint64_t slice_ns)
{
	struct echo *echo = echo_of(target);

	/* Pings that have come meanwhile. */
	while (look(echo) > 0)
		;
	uint64_t cpu_start = target_cpu_at_rest(target);
	uint64_t start = target_now_ns();
	uint64_t heard = start;
	echo->stopping = false;
	start_all(echo);
	/* Never sleeps, as with HTTP. */
	while (echo->active) {
		int count = look(echo);
		uint64_t now = target_now_ns();
		if (count > 0)
			heard = now;
		if (now - heard > (uint64_t)TARGET_STALL_MS * 1000000) {
			target_error(target, TARGET_ERROR_STALL, "no echo on %u connections",
				     echo->active);
			break;
		}
		echo->stopping = target->slice.error_count || now - start >= slice_ns;
	}
	target->slice.wall_ns = target_now_ns() - start;
	target->slice.cpu_ns = target_cpu_at_rest(target) - cpu_start;
}

/* ---- Creation ---- */

static int make_messages(struct echo *echo)
{
	size_t bytes = echo->base.opt->message_bytes;
	enum frame_opcode opcode = echo->base.opt->text ? FRAME_TEXT : FRAME_BINARY;
	uint64_t random = 1;

	echo->messages = malloc(VARIANTS * bytes);
	echo->frames = malloc(VARIANTS * (bytes + FRAME_HEAD_BYTES_MAX));
	if (!echo->messages || !echo->frames)
		return -ENOMEM;
	for (size_t i = 0; i < VARIANTS * bytes; i++) {
		unsigned byte = (unsigned)(summary_random(&random) >> 56);
		/* Printable where it is to be text. */
		echo->messages[i] = (char)(echo->base.opt->text ? ' ' + byte % 95 : byte);
	}
	/* All frames are of one length. */
	for (size_t i = 0; i < VARIANTS; i++)
		echo->frame_bytes = frame_write(echo->frames + i * echo->frame_bytes, opcode,
						echo->messages + i * bytes, bytes,
						(uint32_t)summary_random(&random) | 1);
	return 0;
}

static int ask(struct echo *echo, struct conn *conn)
{
	int one = 1;

	conn->fd = target_connect(&echo->base);
	if (conn->fd < 0)
		return conn->fd;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return client_ask(conn->fd, CLIENT_WS, echo->base.opt->path);
}

static int open_conn(struct echo *echo, struct conn *conn)
{
	char rest[CLIENT_REST_MAX];
	struct client_body body;
	int len = client_read_head(conn->fd, CLIENT_WS, rest, &body);

	if (len < 0)
		return len;
	watch(echo, conn, EPOLL_CTL_ADD, false);
	if (len > 0)
		take(echo, conn, rest, (size_t)len);
	return echo->base.slice.error_count ? -EPROTO : 0;
}

static int open_echo(struct target *target, const char **what)
{
	struct echo *echo = echo_of(target);
	unsigned count = target->opt->connection_count;
	int err = make_messages(echo);

	*what = "WebSocket";
	echo->conns = calloc(count, sizeof(*echo->conns));
	echo->begun_ns = calloc((size_t)count * target->opt->pipeline, sizeof(*echo->begun_ns));
	if (err || !echo->conns || !echo->begun_ns)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		echo->conns[i] = (struct conn){ .fd = -1, .index = i };
		echo->conns[i].begun_ns = echo->begun_ns + (size_t)i * target->opt->pipeline;
	}
	for (unsigned opened = 0, asked = 0; !err && opened < count;) {
		if (asked < count && asked - opened < CLIENT_OPENING_MAX)
			err = ask(echo, &echo->conns[asked++]);
		else
			err = open_conn(echo, &echo->conns[opened++]);
	}
	return err;
}

static void close_echo(struct target *target)
{
	struct echo *echo = echo_of(target);

	for (unsigned i = 0; echo->conns && i < target->opt->connection_count; i++)
		if (echo->conns[i].fd >= 0)
			close(echo->conns[i].fd);
	free(echo->conns);
	free(echo->begun_ns);
	free(echo->messages);
	free(echo->frames);
}

const struct target_ops target_echo = { sizeof(struct echo), open_echo, close_echo, drive_echo,
					NULL };
