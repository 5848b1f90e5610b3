/* HTTP: the same request again and again, each answer compared with the first. */
#include "target_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RECV_BYTES_MAX = 65536,
	/* So that one recv can take a whole answer. */
	RESPONSE_BYTES_MAX = RECV_BYTES_MAX,
	REQUEST_BYTES_MAX = 512,
	DATE_BYTES = 29,
	/* Where bodies are dropped: what the recv() that meets the head takes. */
	HEAD_RECV_BYTES = 4096,
	/* .. and what one of those behind it drops at most. */
	DISCARD_BYTES_MAX = 1 << 30,
};

struct conn {
	int fd;            /* -1: not open */
	unsigned awaited;  /* responses to requests in flight */
	uint64_t position; /* bytes seen of the response being received */
	bool unsent;       /* not connected yet: the request waits for EPOLLOUT */
};

struct http {
	struct target base;
	struct conn *conns;
	char *request; /* as many copies as are sent at once */
	size_t request_len;
	char *response;   /* what every answer must equal, or begin with where bodies are dropped */
	size_t known_len; /* of response */
	size_t date_at;   /* the date's value, which may differ; known_len if there is none */
	unsigned active;  /* connections with requests in flight */
	bool stopping;    /* the slice is over: nothing is sent any more */
};

static struct http *http_of(struct target *target)
{
	return (struct http *)(void *)target;
}

/* ---- The expected answer ---- */

/* The value of field @name in the head that is @head, or NULL. */
static char *find_field(char *head, const char *name)
{
	char *at = strcasestr(head, name);
	char *end = strstr(head, "\r\n\r\n");

	return at && at < end ? at + strlen(name) : NULL;
}

/* Sets the lengths from the response that @data, @len bytes, starts with. False while it is not
 * complete; where bodies are dropped, while its head is not. */
static bool measure_response(struct http *http, char *data, size_t len)
{
	char *end = strstr(data, "\r\n\r\n");

	if (!end)
		return false;
	const char *value = find_field(data, "\r\ncontent-length:");
	size_t head_len = (size_t)(end + 4 - data);
	uint64_t total = head_len + (value ? strtoull(value, NULL, 10) : 0);
	http->base.response_len = total;
	http->known_len = http->base.opt->discard ? head_len : (size_t)total;
	return len >= http->known_len;
}

static int learn_response(struct http *http)
{
	size_t len = 0;
	bool complete = false;
	int fd = target_connect(&http->base);

	if (fd < 0)
		return fd;
	http->response = calloc(1, RESPONSE_BYTES_MAX + 1);
	int err = http->response ? 0 : -ENOMEM;
	size_t one_request = http->request_len / http->base.opt->pipeline;
	if (!err && send(fd, http->request, one_request, MSG_NOSIGNAL) != (ssize_t)one_request)
		err = -EPIPE;
	while (!err && !complete && len < RESPONSE_BYTES_MAX) {
		ssize_t got = recv(fd, http->response + len, RESPONSE_BYTES_MAX - len, 0);
		if (got <= 0)
			err = got ? -errno : -ECONNRESET;
		else
			len += (size_t)got;
		complete = measure_response(http, http->response, len);
	}
	close(fd);
	if (err)
		return err;
	if (!complete || len > http->base.response_len ||
	    strncmp(http->response, "HTTP/1.1 200 ", 13))
		return -EPROTO;
	const char *date = find_field(http->response, "\r\ndate: ");
	http->date_at = date ? (size_t)(date - http->response) : http->known_len;
	return 0;
}

static bool range_matches(const struct http *http, size_t from, const char *data, size_t len)
{
	return !memcmp(http->response + from, data, len);
}

/* Whether @data may stand at @from in a response. It does not reach beyond what is known of it. */
static bool response_matches(const struct http *http, size_t from, const char *data, size_t len)
{
	size_t to = from + len;
	size_t date_end = http->date_at + DATE_BYTES;

	if (from < http->date_at) {
		size_t head = to < http->date_at ? len : http->date_at - from;
		if (!range_matches(http, from, data, head))
			return false;
	}
	if (to > date_end) {
		size_t skip = from < date_end ? date_end - from : 0;
		return range_matches(http, from + skip, data + skip, len - skip);
	}
	return true;
}

/* ---- Connections ---- */

/* In close mode only the server's FIN is waited for: the answer is there before it, so that one
 * event and one recv do for both. Long bodies come in pieces, one recv and one event for each, so
 * that no connection is drained at the others' cost. */
static void watch(struct http *http, struct conn *conn)
{
	struct epoll_event event = {
		.events = EPOLLRDHUP | (http->base.opt->discard ? 0 : EPOLLET) |
			  (http->base.opt->close ? 0 : EPOLLIN) | (conn->unsent ? EPOLLOUT : 0),
		.data.ptr = conn,
	};

	if (epoll_ctl(http->base.epoll_fd, EPOLL_CTL_ADD, conn->fd, &event))
		target_error(&http->base, "epoll_ctl: %s", strerror(errno));
}

/* The connection takes no further part in the slice. */
static void drop(struct http *http, struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	if (conn->awaited)
		http->active--;
	*conn = (struct conn){ .fd = -1 };
}

static int open_kept(struct http *http, struct conn *conn)
{
	int one = 1;

	*conn = (struct conn){ .fd = target_connect(&http->base) };
	if (conn->fd < 0)
		return conn->fd;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(http, conn);
	return 0;
}

static void send_requests(struct http *http, struct conn *conn)
{
	ssize_t sent =
		send(conn->fd, http->request, http->request_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent == (ssize_t)http->request_len) {
		conn->unsent = false;
	} else if (sent < 0 && errno == EAGAIN && http->base.opt->close) {
		conn->unsent = true;
	} else {
		target_error(&http->base, "send: %s", sent < 0 ? strerror(errno) : "short");
		drop(http, conn);
	}
}

/* One round of a connection: `pipeline` requests on a kept one, one request on a new one. */
static void start_round(struct http *http, struct conn *conn)
{
	conn->awaited = http->base.opt->pipeline;
	conn->position = 0;
	http->active++;
	if (!http->base.opt->close) {
		send_requests(http, conn);
		return;
	}
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn->fd < 0 || (connect(conn->fd, (const struct sockaddr *)&http->base.addr,
				     sizeof(http->base.addr)) &&
			     errno != EINPROGRESS)) {
		target_error(&http->base, "connect: %s", strerror(errno));
		drop(http, conn);
		return;
	}
	/* Over loopback the handshake is over when connect() returns. */
	send_requests(http, conn);
	if (conn->fd >= 0)
		watch(http, conn);
}

static void end_round(struct http *http, struct conn *conn)
{
	http->active--;
	if (!http->stopping)
		start_round(http, conn);
}

/* ---- Responses ---- */

/* @len bytes more of the response are there. */
static void advance(struct http *http, struct conn *conn, size_t len)
{
	conn->position += len;
	if (conn->position == http->base.response_len) {
		conn->position = 0;
		conn->awaited--;
		http->base.slice.request_count++;
	}
}

/* Whether @len bytes at @data, of the response alone, go on with it as they must. */
static bool piece_matches(const struct http *http, uint64_t from, const char *data, size_t len)
{
	if (from >= http->known_len)
		return true;
	size_t known = http->known_len - (size_t)from;
	return response_matches(http, (size_t)from, data, len < known ? len : known);
}

static bool take(struct http *http, struct conn *conn, const char *data, size_t len)
{
	while (len) {
		uint64_t rest = http->base.response_len - conn->position;
		size_t piece = rest < len ? (size_t)rest : len;
		if (!conn->awaited || !piece_matches(http, conn->position, data, piece))
			return false;
		advance(http, conn, piece);
		data += piece;
		len -= piece;
	}
	return true;
}

/* Ends a request on its own connection. Only the server's FIN shows that it did close. */
static void on_close_mode_end(struct http *http, struct conn *conn)
{
	bool complete = !conn->awaited;

	if (!complete) {
		target_error(&http->base, "closed before the answer was complete");
		drop(http, conn);
		return;
	}
	close(conn->fd);
	*conn = (struct conn){ .fd = -1 };
	end_round(http, conn);
}

static void on_end(struct http *http, struct conn *conn, bool idle)
{
	if (http->base.opt->close) {
		on_close_mode_end(http, conn);
		return;
	}
	if (!idle)
		target_error(&http->base, "closed with %u requests unanswered", conn->awaited);
	drop(http, conn);
}

/* Drops what has come of a body, and copies nothing of it: so the load costs less than the server,
 * even where there is no more to a server than copying. */
static ssize_t receive_dropped(struct http *http, struct conn *conn)
{
	uint64_t rest = http->base.response_len - conn->position;
	size_t max = rest < DISCARD_BYTES_MAX ? (size_t)rest : DISCARD_BYTES_MAX;
	ssize_t got = recv(conn->fd, NULL, max, MSG_DONTWAIT | MSG_TRUNC);

	if (got > 0)
		advance(http, conn, (size_t)got);
	return got;
}

/* What recv() says, or -1 with errno EPROTO where the answer is not what it must be. */
static ssize_t receive(struct http *http, struct conn *conn)
{
	static char buf[RECV_BYTES_MAX];
	bool discard = http->base.opt->discard;

	if (discard && conn->position >= http->known_len)
		return receive_dropped(http, conn);
	size_t max = discard ? HEAD_RECV_BYTES : sizeof(buf);
	ssize_t got = recv(conn->fd, buf, max, MSG_DONTWAIT);
	if (got > 0 && !take(http, conn, buf, (size_t)got)) {
		target_error(&http->base, "an answer differs from the first one: %.*s", (int)got,
			     buf);
		errno = EPROTO;
		return -1;
	}
	return got;
}

static void on_event(struct http *http, struct conn *conn, uint32_t events)
{
	if (conn->fd < 0)
		return;
	if (conn->unsent && (events & EPOLLOUT))
		send_requests(http, conn);
	if (conn->fd < 0 || !(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	bool idle = !conn->awaited;
	ssize_t got = receive(http, conn);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0) {
		target_error(&http->base, "recv: %s", strerror(errno));
		drop(http, conn);
		return;
	}
	if (got == 0 || ((events & EPOLLRDHUP) && !http->base.opt->discard))
		on_end(http, conn, idle);
	else if (!conn->awaited && !http->base.opt->close)
		end_round(http, conn);
}

/* ---- A slice ---- */

/* Sees to what happened to the connections since the target's last slice. */
static void reopen_closed(struct http *http)
{
	struct epoll_event events[TARGET_EVENTS_MAX];
	int count = http->base.opt->close
			    ? 0
			    : epoll_wait(http->base.epoll_fd, events, TARGET_EVENTS_MAX, 0);

	for (int i = 0; i < count; i++)
		on_event(http, events[i].data.ptr, events[i].events);
	for (unsigned i = 0; i < http->base.opt->connection_count; i++) {
		struct conn *conn = &http->conns[i];
		if (http->base.opt->close || conn->fd >= 0)
			continue;
		if (open_kept(http, conn))
			target_error(&http->base, "cannot connect");
		http->base.slice.reopen_count++;
	}
}

static void drive_http(struct target *target, uint64_t slice_ns)
{
	struct http *http = http_of(target);
	struct epoll_event events[TARGET_EVENTS_MAX];

	http->active = 0;
	http->stopping = false;
	reopen_closed(http);
	uint64_t cpu_start = target_cpu_at_rest(&http->base);
	uint64_t start = target_now_ns();
	uint64_t heard = start;
	for (unsigned i = 0; i < http->base.opt->connection_count; i++) {
		if (http->base.opt->close || http->conns[i].fd >= 0)
			start_round(http, &http->conns[i]);
	}
	/* Never sleeps: waking a processor that has gone idle is dear, in a virtual machine
	 * above all, and it would be the server that pays for it. */
	while (http->active) {
		int count = epoll_wait(http->base.epoll_fd, events, TARGET_EVENTS_MAX, 0);
		uint64_t now = target_now_ns();
		if (count > 0)
			heard = now;
		if (now - heard > (uint64_t)TARGET_STALL_MS * 1000000) {
			target_error(&http->base, "no answer on %u connections", http->active);
			break;
		}
		http->stopping = http->base.slice.error_count || now - start >= slice_ns;
		for (int i = 0; i < count; i++)
			on_event(http, events[i].data.ptr, events[i].events);
	}
	http->base.slice.wall_ns = target_now_ns() - start;
	http->base.slice.cpu_ns = target_cpu_at_rest(&http->base) - cpu_start;
}

/* ---- Creation ---- */

static int make_request(struct http *http)
{
	char one[REQUEST_BYTES_MAX];
	int len = snprintf(one, sizeof(one), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
			   http->base.opt->path,
			   http->base.opt->close ? "Connection: close\r\n" : "");

	if (len < 0 || len >= REQUEST_BYTES_MAX)
		return -E2BIG;
	http->request_len = (size_t)len * http->base.opt->pipeline;
	http->request = malloc(http->request_len);
	if (!http->request)
		return -ENOMEM;
	for (unsigned i = 0; i < http->base.opt->pipeline; i++)
		memcpy(http->request + (size_t)len * i, one, (size_t)len);
	return 0;
}

static int open_all(struct http *http)
{
	unsigned count = http->base.opt->connection_count;

	http->conns = calloc(count, sizeof(*http->conns));
	if (!http->conns)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		http->conns[i].fd = -1;
	for (unsigned i = 0; i < count && !http->base.opt->close; i++) {
		int err = open_kept(http, &http->conns[i]);
		if (err)
			return err;
	}
	return 0;
}

static int open_http(struct target *target, const char **what)
{
	struct http *http = http_of(target);
	int err;

	*what = "request";
	err = make_request(http);
	if (err)
		return err;
	*what = "first answer";
	err = learn_response(http);
	if (err)
		return err;
	*what = "connect";
	return open_all(http);
}

static void close_http(struct target *target)
{
	struct http *http = http_of(target);

	for (unsigned i = 0; http->conns && i < http->base.opt->connection_count; i++) {
		if (http->conns[i].fd >= 0)
			close(http->conns[i].fd);
	}
	free(http->conns);
	free(http->request);
	free(http->response);
}

const struct target_ops target_http = { sizeof(struct http), open_http, close_http, drive_http,
					NULL };
