/* Driving one server: connect, send, check, count. */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 1024,
	RECV_BYTES_MAX = 65536,
	/* So that one recv can take a whole answer. */
	RESPONSE_BYTES_MAX = RECV_BYTES_MAX,
	REQUEST_BYTES_MAX = 512,
	DATE_BYTES = 29,
	/* Where bodies are dropped: what the recv() that meets the head takes. */
	HEAD_RECV_BYTES = 4096,
	/* .. and what one of those behind it drops at most. */
	DISCARD_BYTES_MAX = 1 << 30,
	/* No answer for so long is an error, not a slow server. */
	STALL_MS = 5000,
	/* A server is at rest when its CPU time stands still for one pause. */
	REST_PAUSE_NS = 100000,
	REST_PAUSES_MAX = 100,
};

struct conn {
	int fd;            /* -1: not open */
	unsigned awaited;  /* responses to requests in flight */
	uint64_t position; /* bytes seen of the response being received */
	bool unsent;       /* not connected yet: the request waits for EPOLLOUT */
};

struct target {
	const struct target_options *opt;
	struct sockaddr_in addr;
	clockid_t cpu_clock;
	int epoll_fd;
	struct conn *conns;
	char *request; /* as many copies as are sent at once */
	size_t request_len;
	char *response;   /* what every answer must equal, or begin with where bodies are dropped */
	size_t known_len; /* of response */
	uint64_t response_len; /* of all of it */
	size_t date_at;        /* the date's value, which may differ; known_len if there is none */
	unsigned active;       /* connections with requests in flight */
	bool stopping;         /* the slice is over: nothing is sent any more */
	struct target_slice slice;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static __attribute__((format(printf, 2, 3))) void count_error(struct target *target,
							      const char *format, ...)
{
	if (target->slice.error_count++)
		return;
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", target->opt->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

/* ---- The expected answer ---- */

static int connect_blocking(const struct target *target)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = STALL_MS / 1000 };

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&target->addr, sizeof(target->addr))) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* The value of field @name in the head that is @head, or NULL. */
static char *find_field(char *head, const char *name)
{
	char *at = strcasestr(head, name);
	char *end = strstr(head, "\r\n\r\n");

	return at && at < end ? at + strlen(name) : NULL;
}

/* Sets the lengths from the response that @data, @len bytes, starts with. False while it is not
 * complete; where bodies are dropped, while its head is not. */
static bool measure_response(struct target *target, char *data, size_t len)
{
	char *end = strstr(data, "\r\n\r\n");

	if (!end)
		return false;
	const char *value = find_field(data, "\r\ncontent-length:");
	size_t head_len = (size_t)(end + 4 - data);
	uint64_t total = head_len + (value ? strtoull(value, NULL, 10) : 0);
	target->response_len = total;
	target->known_len = target->opt->discard ? head_len : (size_t)total;
	return len >= target->known_len;
}

static int learn_response(struct target *target)
{
	size_t len = 0;
	bool complete = false;
	int fd = connect_blocking(target);

	if (fd < 0)
		return fd;
	target->response = calloc(1, RESPONSE_BYTES_MAX + 1);
	int err = target->response ? 0 : -ENOMEM;
	size_t one_request = target->request_len / target->opt->pipeline;
	if (!err && send(fd, target->request, one_request, MSG_NOSIGNAL) != (ssize_t)one_request)
		err = -EPIPE;
	while (!err && !complete && len < RESPONSE_BYTES_MAX) {
		ssize_t got = recv(fd, target->response + len, RESPONSE_BYTES_MAX - len, 0);
		if (got <= 0)
			err = got ? -errno : -ECONNRESET;
		else
			len += (size_t)got;
		complete = measure_response(target, target->response, len);
	}
	close(fd);
	if (err)
		return err;
	if (!complete || len > target->response_len ||
	    strncmp(target->response, "HTTP/1.1 200 ", 13))
		return -EPROTO;
	const char *date = find_field(target->response, "\r\ndate: ");
	target->date_at = date ? (size_t)(date - target->response) : target->known_len;
	return 0;
}

static bool range_matches(const struct target *target, size_t from, const char *data, size_t len)
{
	return !memcmp(target->response + from, data, len);
}

/* Whether @data may stand at @from in a response. It does not reach beyond what is known of it. */
static bool response_matches(const struct target *target, size_t from, const char *data, size_t len)
{
	size_t to = from + len;
	size_t date_end = target->date_at + DATE_BYTES;

	if (from < target->date_at) {
		size_t head = to < target->date_at ? len : target->date_at - from;
		if (!range_matches(target, from, data, head))
			return false;
	}
	if (to > date_end) {
		size_t skip = from < date_end ? date_end - from : 0;
		return range_matches(target, from + skip, data + skip, len - skip);
	}
	return true;
}

/* ---- Connections ---- */

/* In close mode only the server's FIN is waited for: the answer is there before it, so that one
 * event and one recv do for both. Long bodies come in pieces, one recv and one event for each, so
 * that no connection is drained at the others' cost. */
static void watch(struct target *target, struct conn *conn)
{
	struct epoll_event event = {
		.events = EPOLLRDHUP | (target->opt->discard ? 0 : EPOLLET) |
			  (target->opt->close ? 0 : EPOLLIN) | (conn->unsent ? EPOLLOUT : 0),
		.data.ptr = conn,
	};

	if (epoll_ctl(target->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event))
		count_error(target, "epoll_ctl: %s", strerror(errno));
}

/* The connection takes no further part in the slice. */
static void drop(struct target *target, struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	if (conn->awaited)
		target->active--;
	*conn = (struct conn){ .fd = -1 };
}

static int open_kept(struct target *target, struct conn *conn)
{
	int one = 1;

	*conn = (struct conn){ .fd = connect_blocking(target) };
	if (conn->fd < 0)
		return conn->fd;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(target, conn);
	return 0;
}

static void send_requests(struct target *target, struct conn *conn)
{
	ssize_t sent =
		send(conn->fd, target->request, target->request_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent == (ssize_t)target->request_len) {
		conn->unsent = false;
	} else if (sent < 0 && errno == EAGAIN && target->opt->close) {
		conn->unsent = true;
	} else {
		count_error(target, "send: %s", sent < 0 ? strerror(errno) : "short");
		drop(target, conn);
	}
}

/* One round of a connection: `pipeline` requests on a kept one, one request on a new one. */
static void start_round(struct target *target, struct conn *conn)
{
	conn->awaited = target->opt->pipeline;
	conn->position = 0;
	target->active++;
	if (!target->opt->close) {
		send_requests(target, conn);
		return;
	}
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn->fd < 0 ||
	    (connect(conn->fd, (const struct sockaddr *)&target->addr, sizeof(target->addr)) &&
	     errno != EINPROGRESS)) {
		count_error(target, "connect: %s", strerror(errno));
		drop(target, conn);
		return;
	}
	/* Over loopback the handshake is over when connect() returns. */
	send_requests(target, conn);
	if (conn->fd >= 0)
		watch(target, conn);
}

static void end_round(struct target *target, struct conn *conn)
{
	target->active--;
	if (!target->stopping)
		start_round(target, conn);
}

/* ---- Responses ---- */

/* @len bytes more of the response are there. */
static void advance(struct target *target, struct conn *conn, size_t len)
{
	conn->position += len;
	if (conn->position == target->response_len) {
		conn->position = 0;
		conn->awaited--;
		target->slice.request_count++;
	}
}

/* Whether @len bytes at @data, of the response alone, go on with it as they must. */
static bool piece_matches(const struct target *target, uint64_t from, const char *data, size_t len)
{
	if (from >= target->known_len)
		return true;
	size_t known = target->known_len - (size_t)from;
	return response_matches(target, (size_t)from, data, len < known ? len : known);
}

static bool take(struct target *target, struct conn *conn, const char *data, size_t len)
{
	while (len) {
		uint64_t rest = target->response_len - conn->position;
		size_t piece = rest < len ? (size_t)rest : len;
		if (!conn->awaited || !piece_matches(target, conn->position, data, piece))
			return false;
		advance(target, conn, piece);
		data += piece;
		len -= piece;
	}
	return true;
}

/* Ends a request on its own connection. Only the server's FIN shows that it did close. */
static void on_close_mode_end(struct target *target, struct conn *conn)
{
	bool complete = !conn->awaited;

	if (!complete) {
		count_error(target, "closed before the answer was complete");
		drop(target, conn);
		return;
	}
	close(conn->fd);
	*conn = (struct conn){ .fd = -1 };
	end_round(target, conn);
}

static void on_end(struct target *target, struct conn *conn, bool idle)
{
	if (target->opt->close) {
		on_close_mode_end(target, conn);
		return;
	}
	if (!idle)
		count_error(target, "closed with %u requests unanswered", conn->awaited);
	drop(target, conn);
}

/* Drops what has come of a body, and copies nothing of it: so the load costs less than the server,
 * even where there is no more to a server than copying. */
static ssize_t receive_dropped(struct target *target, struct conn *conn)
{
	uint64_t rest = target->response_len - conn->position;
	size_t max = rest < DISCARD_BYTES_MAX ? (size_t)rest : DISCARD_BYTES_MAX;
	ssize_t got = recv(conn->fd, NULL, max, MSG_DONTWAIT | MSG_TRUNC);

	if (got > 0)
		advance(target, conn, (size_t)got);
	return got;
}

/* What recv() says, or -1 with errno EPROTO where the answer is not what it must be. */
static ssize_t receive(struct target *target, struct conn *conn)
{
	static char buf[RECV_BYTES_MAX];
	bool discard = target->opt->discard;

	if (discard && conn->position >= target->known_len)
		return receive_dropped(target, conn);
	size_t max = discard ? HEAD_RECV_BYTES : sizeof(buf);
	ssize_t got = recv(conn->fd, buf, max, MSG_DONTWAIT);
	if (got > 0 && !take(target, conn, buf, (size_t)got)) {
		count_error(target, "an answer differs from the first one: %.*s", (int)got, buf);
		errno = EPROTO;
		return -1;
	}
	return got;
}

static void on_event(struct target *target, struct conn *conn, uint32_t events)
{
	if (conn->fd < 0)
		return;
	if (conn->unsent && (events & EPOLLOUT))
		send_requests(target, conn);
	if (conn->fd < 0 || !(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	bool idle = !conn->awaited;
	ssize_t got = receive(target, conn);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0) {
		count_error(target, "recv: %s", strerror(errno));
		drop(target, conn);
		return;
	}
	if (got == 0 || ((events & EPOLLRDHUP) && !target->opt->discard))
		on_end(target, conn, idle);
	else if (!conn->awaited && !target->opt->close)
		end_round(target, conn);
}

/* ---- A slice ---- */

/* Waits until the server has done what follows its last answer (closing, freeing, going to
 * sleep), so that this is not charged to nobody. */
static uint64_t cpu_at_rest(const struct target *target)
{
	struct timespec pause = { .tv_nsec = REST_PAUSE_NS };
	uint64_t cpu_ns = clock_ns(target->cpu_clock);

	for (int i = 0; i < REST_PAUSES_MAX; i++) {
		uint64_t before = cpu_ns;
		nanosleep(&pause, NULL);
		cpu_ns = clock_ns(target->cpu_clock);
		if (cpu_ns == before)
			break;
	}
	return cpu_ns;
}

/* Sees to what happened to the connections since the target's last slice. */
static void reopen_closed(struct target *target)
{
	struct epoll_event events[EVENTS_MAX];
	int count = target->opt->close ? 0 : epoll_wait(target->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++)
		on_event(target, events[i].data.ptr, events[i].events);
	for (unsigned i = 0; i < target->opt->connection_count; i++) {
		struct conn *conn = &target->conns[i];
		if (target->opt->close || conn->fd >= 0)
			continue;
		if (open_kept(target, conn))
			count_error(target, "cannot connect");
		target->slice.reopen_count++;
	}
}

void target_drive(struct target *target, uint64_t slice_ns, struct target_slice *out)
{
	struct epoll_event events[EVENTS_MAX];

	target->slice = (struct target_slice){ 0 };
	target->active = 0;
	target->stopping = false;
	reopen_closed(target);
	uint64_t cpu_start = cpu_at_rest(target);
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	uint64_t heard = start;
	for (unsigned i = 0; i < target->opt->connection_count; i++) {
		if (target->opt->close || target->conns[i].fd >= 0)
			start_round(target, &target->conns[i]);
	}
	/* Never sleeps: waking a processor that has gone idle is dear, in a virtual machine
	 * above all, and it would be the server that pays for it. */
	while (target->active) {
		int count = epoll_wait(target->epoll_fd, events, EVENTS_MAX, 0);
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		if (count > 0)
			heard = now;
		if (now - heard > (uint64_t)STALL_MS * 1000000) {
			count_error(target, "no answer on %u connections", target->active);
			break;
		}
		target->stopping = target->slice.error_count || now - start >= slice_ns;
		for (int i = 0; i < count; i++)
			on_event(target, events[i].data.ptr, events[i].events);
	}
	target->slice.wall_ns = clock_ns(CLOCK_MONOTONIC) - start;
	target->slice.cpu_ns = cpu_at_rest(target) - cpu_start;
	*out = target->slice;
}

int target_ticks(const struct target *target, struct target_ticks *out)
{
	char path[64];
	char line[1024];

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)target->opt->pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	bool ok = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	/* The second field, in brackets, may hold anything; the 14th and 15th are the times. */
	const char *at = ok ? strrchr(line, ')') : NULL;
	for (int field = 2; at && field < 14; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	char *end;
	out->user = strtoull(at, &end, 10);
	out->system = strtoull(end, NULL, 10);
	return 0;
}

uint64_t target_response_len(const struct target *target)
{
	return target->response_len;
}

/* ---- Creation ---- */

static int make_request(struct target *target)
{
	char one[REQUEST_BYTES_MAX];
	int len = snprintf(one, sizeof(one), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
			   target->opt->path, target->opt->close ? "Connection: close\r\n" : "");

	if (len < 0 || len >= REQUEST_BYTES_MAX)
		return -E2BIG;
	target->request_len = (size_t)len * target->opt->pipeline;
	target->request = malloc(target->request_len);
	if (!target->request)
		return -ENOMEM;
	for (unsigned i = 0; i < target->opt->pipeline; i++)
		memcpy(target->request + (size_t)len * i, one, (size_t)len);
	return 0;
}

static int open_all(struct target *target)
{
	unsigned count = target->opt->connection_count;

	target->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (target->epoll_fd < 0)
		return -errno;
	target->conns = calloc(count, sizeof(*target->conns));
	if (!target->conns)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		target->conns[i].fd = -1;
	for (unsigned i = 0; i < count && !target->opt->close; i++) {
		int err = open_kept(target, &target->conns[i]);
		if (err)
			return err;
	}
	return 0;
}

struct target *target_create(const struct target_options *opt)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->opt = opt;
	target->epoll_fd = -1;
	target->addr.sin_family = AF_INET;
	target->addr.sin_port = htons(opt->port);
	const char *what = "address";
	int err = inet_pton(AF_INET, opt->host, &target->addr.sin_addr) == 1 ? 0 : -EINVAL;
	if (!err) {
		what = "process";
		err = -clock_getcpuclockid(opt->pid, &target->cpu_clock);
	}
	if (!err) {
		what = "request";
		err = make_request(target);
	}
	if (!err) {
		what = "first answer";
		err = learn_response(target);
	}
	if (!err) {
		what = "connect";
		err = open_all(target);
	}
	if (err) {
		fprintf(stderr, "%s: %s: %s\n", opt->name, what, strerror(-err));
		target_destroy(target);
		return NULL;
	}
	return target;
}

void target_destroy(struct target *target)
{
	if (!target)
		return;
	for (unsigned i = 0; target->conns && i < target->opt->connection_count; i++) {
		if (target->conns[i].fd >= 0)
			close(target->conns[i].fd);
	}
	if (target->epoll_fd >= 0)
		close(target->epoll_fd);
	free(target->conns);
	free(target->request);
	free(target->response);
	free(target);
}
