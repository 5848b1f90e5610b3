/* ouro-hold: opens WebSockets, event streams or connections that ask once, and holds them while they are
 * idle, answering pings, so that somebody else may look at what they cost the server.
 *
 * Lines of standard input say how many are to be open; once they are, that number is told, and how many
 * events, messages or answers all of them have had. At its end they are closed, after a look that each is still there. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNS_MAX = 1000000,
	/* Of one source address, whose ports are fewer than 28,232 where nothing was changed. */
	CONNS_OF_ADDRESS = 20000,
	EVENTS_MAX = 1024,
	RECV_BYTES_MAX = 65536,
	COMMAND_BYTES_MAX = 32,
	SAID_BYTES_MAX = 125,
};

struct conn {
	int fd;
	union {
		struct frame_reader frames;
		struct events_reader events;
		uint64_t left; /* of the body of the answer */
	};
};

struct hold {
	struct sockaddr_in addr;
	enum client_kind kind;
	const char *path;
	const char *said; /* by each WebSocket once it is open; NULL: nothing */
	int epoll_fd;
	struct conn *conns; /* [CONNS_MAX]; what is not used is no memory */
	unsigned long count;
	unsigned long long event_count; /* messages, events with data, or answers */
};

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "ouro-hold: %s: %s\n", what, strerror(err));
	exit(1);
}

/* ---- Receiving ---- */

static bool on_data(void *arg, const char *data, size_t len)
{
	struct hold *hold = arg;

	(void)data;
	(void)len;
	hold->event_count++;
	return true;
}

static void on_stream_event(void *arg)
{
	(void)arg;
}

static const struct events_calls stream_calls = { on_data, on_stream_event };

static int take_frames(struct hold *hold, struct conn *conn, const char *data, size_t len)
{
	struct frame_piece piece;
	int got;

	while ((got = frame_read(&conn->frames, &data, &len, &piece)) > 0) {
		if (piece.opcode == FRAME_CLOSE)
			return -EPIPE;
		if (piece.opcode == FRAME_PING && frame_send_pong(conn->fd, &piece))
			return -EPIPE;
		if (piece.opcode < FRAME_CLOSE && piece.ends && piece.fin)
			hold->event_count++;
	}
	return got;
}

static int take_body(struct hold *hold, struct conn *conn, size_t len)
{
	if (len > conn->left)
		return -EPROTO;
	conn->left -= len;
	hold->event_count += len > 0 && conn->left == 0;
	return 0;
}

static int take_kind(struct hold *hold, struct conn *conn, const char *data, size_t len)
{
	switch (hold->kind) {
	case CLIENT_WS:
		return take_frames(hold, conn, data, len);
	case CLIENT_EVENTS:
		return events_read(&conn->events, data, len, &stream_calls, hold);
	case CLIENT_HTTP:
		return take_body(hold, conn, len);
	}
	return -EINVAL;
}

static void take(struct hold *hold, struct conn *conn, const char *data, size_t len)
{
	int err = take_kind(hold, conn, data, len);

	if (err)
		fail("a connection was closed, or had something else", -err);
}

static void receive(struct hold *hold, struct conn *conn)
{
	static char buf[RECV_BYTES_MAX];
	ssize_t got = recv(conn->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (got > 0)
		take(hold, conn, buf, (size_t)got);
	else if (got == 0 || errno != EAGAIN)
		fail("a connection did not stay open", got ? errno : ECONNRESET);
}

/* Whether standard input has something. */
static bool wait_for_events(struct hold *hold, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(hold->epoll_fd, events, EVENTS_MAX, timeout_ms);
	bool asked = false;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			receive(hold, events[i].data.ptr);
		else
			asked = true;
	}
	return asked;
}

/* ---- Opening ---- */

static int connect_from(const struct hold *hold, unsigned long index)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / CONNS_OF_ADDRESS))
	};
	struct timeval limit = { .tv_sec = 10 };
	int one = 1;

	if (fd < 0)
		fail("socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	/* The port is chosen at connect(), when it must differ for this server only. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (const struct sockaddr *)&hold->addr, sizeof(hold->addr)))
		fail("connect", errno);
	return fd;
}

static void say(struct hold *hold, struct conn *conn)
{
	char frame[SAID_BYTES_MAX + FRAME_HEAD_BYTES_MAX];
	size_t len = frame_write(frame, FRAME_TEXT, hold->said, strlen(hold->said), 0x3cf017a5);

	if (send(conn->fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("send", errno);
}

static void ask(struct hold *hold, unsigned long index)
{
	struct conn *conn = &hold->conns[index];
	int err;

	conn->fd = connect_from(hold, index);
	err = client_ask(conn->fd, hold->kind, hold->path);
	if (err)
		fail(hold->path, -err);
}

static void open_conn(struct hold *hold)
{
	struct conn *conn = &hold->conns[hold->count++];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	char rest[CLIENT_REST_MAX];
	struct client_body body;
	int len = client_read_head(conn->fd, hold->kind, rest, &body);

	if (len < 0)
		fail(hold->path, -len);
	if (hold->kind == CLIENT_EVENTS)
		conn->events.chunked = body.chunked;
	if (hold->kind == CLIENT_HTTP)
		conn->left = body.len;
	take(hold, conn, rest, (size_t)len);
	if (hold->said)
		say(hold, conn);
	if (epoll_ctl(hold->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event))
		fail("epoll_ctl", errno);
}

/* ---- Commands ---- */

static bool obey(struct hold *hold)
{
	char line[COMMAND_BYTES_MAX];
	unsigned long wanted, asked = hold->count;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	wanted = strtoul(line, NULL, 10);
	if (wanted > CONNS_MAX)
		fail(line, E2BIG);
	while (hold->count < wanted) {
		if (asked < wanted && asked - hold->count < CLIENT_OPENING_MAX)
			ask(hold, asked++);
		else
			open_conn(hold);
		if (hold->count % CLIENT_OPENING_MAX == 0)
			wait_for_events(hold, 0);
	}
	printf("%lu open, %llu events\n", hold->count, hold->event_count);
	fflush(stdout);
	return true;
}

static _Noreturn void usage(void)
{
	fputs("usage: ouro-hold HOST:PORT events|http PATH\n"
	      "       ouro-hold HOST:PORT ws PATH [MESSAGE]\n",
	      stderr);
	exit(2);
}

static bool parse_kind(struct hold *hold, const char *name)
{
	static const char *const names[] = {
		[CLIENT_WS] = "ws",
		[CLIENT_EVENTS] = "events",
		[CLIENT_HTTP] = "http",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0) {
			hold->kind = (enum client_kind)i;
			return true;
		}
	return false;
}

static void parse(struct hold *hold, int argc, char **argv)
{
	char *port = argc == 4 || argc == 5 ? strchr(argv[1], ':') : NULL;

	if (!port || !parse_kind(hold, argv[2]) ||
	    (argc == 5 && (hold->kind != CLIENT_WS || strlen(argv[4]) > SAID_BYTES_MAX)))
		usage();
	*port++ = '\0';
	hold->addr.sin_family = AF_INET;
	hold->addr.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, argv[1], &hold->addr.sin_addr) != 1)
		usage();
	hold->path = argv[3];
	hold->said = argc == 5 ? argv[4] : NULL;
}

int main(int argc, char **argv)
{
	struct epoll_event input = { .events = EPOLLIN };
	struct hold hold = { 0 };

	parse(&hold, argc, argv);
	/* One line at a time is asked for: nothing stays behind in a buffer, unseen by epoll. */
	setvbuf(stdin, NULL, _IONBF, 0);
	hold.conns = calloc(CONNS_MAX, sizeof(*hold.conns));
	hold.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!hold.conns || hold.epoll_fd < 0 ||
	    epoll_ctl(hold.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input))
		fail("epoll", errno);
	do
		while (!wait_for_events(&hold, -1))
			;
	while (obey(&hold));
	/* What happened to any of them meanwhile ends this in fail(). */
	wait_for_events(&hold, 0);
	return 0;
}
