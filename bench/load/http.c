/* HTTP: requests on many connections, in a closed loop or at a rate, each answer compared with the
 * first one of its kind. */
#include "arrivals.h"
#include "exchange.h"
#include "target_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* One recv can take a whole answer of 64 KiB. */
	RECV_BYTES_MAX = 128 * 1024,
	/* Where bodies are dropped: what the recv() that meets the head takes. */
	HEAD_RECV_BYTES = 4096,
	/* .. and what one of those behind it drops at most. */
	DISCARD_BYTES_MAX = 1 << 30,
	/* An answer of so much finds room in any window, without being read. */
	END_ONLY_BYTES_MAX = 16384,
	KINDS_MAX = 3,
	TOLD_BYTES_MAX = 512,
};

struct conn {
	int fd;            /* -1: not open */
	unsigned awaited;  /* responses to requests in flight */
	unsigned kind;     /* of exchange: the one under way or the next one */
	unsigned answered; /* requests since it was opened */
	uint64_t position; /* bytes seen of the response being received */
	uint64_t begun_ns; /* when the requests in flight were sent, or due in an open loop */
	size_t unsent;     /* bytes of them */
	bool watched;      /* known to epoll */
	bool watches_room; /* .. for EPOLLOUT */
};

struct http {
	struct target base;
	struct conn *conns;
	struct exchange exchanges[KINDS_MAX];
	unsigned kind_count;
	/* Connections that may begin a round: a ring, so that all are used in turn. */
	struct conn **free;
	unsigned free_first;
	unsigned free_count;
	bool had_free;   /* when rounds were begun last, one was left over */
	unsigned active; /* connections with requests in flight */
	bool stopping;   /* nothing is sent any more */
	uint64_t now_ns; /* when something was received last */
	struct arrivals arrivals;
	struct times times; /* of the slice */
};

static struct http *http_of(struct target *target)
{
	return (struct http *)(void *)target;
}

static bool is_open_loop(const struct http *http)
{
	return http->base.opt->rate > 0;
}

/* A connection is there for all requests. Else a new one is made within the rounds. */
static bool is_kept(const struct http *http)
{
	return !http->base.opt->close && http->base.opt->requests_per_connection == 0;
}

static const struct exchange *exchange_of(const struct http *http, const struct conn *conn)
{
	return &http->exchanges[conn->kind];
}

static enum target_error_kind kind_of_errno(int err)
{
	return err == ECONNREFUSED || err == ETIMEDOUT || err == EHOSTUNREACH || err == ENETUNREACH
		       ? TARGET_ERROR_CONNECT
		       : TARGET_ERROR_RESET;
}

/* ---- Connections ---- */

/* In close mode only the server's FIN is waited for where the answer is there before it, so that
 * one event and one recv do for both. Long bodies that are dropped come in pieces, one recv and one
 * event for each, so that no connection is drained at the others' cost. */
static void watch(struct http *http, struct conn *conn)
{
	bool end_only = http->base.opt->close &&
			exchange_of(http, conn)->answer_len <= END_ONLY_BYTES_MAX;
	struct epoll_event event = {
		.events = EPOLLRDHUP | (http->base.opt->discard ? 0 : EPOLLET) |
			  (end_only ? 0 : EPOLLIN) | (conn->unsent ? EPOLLOUT : 0),
		.data.ptr = conn,
	};
	int what = conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	conn->watched = true;
	conn->watches_room = conn->unsent > 0;
	if (epoll_ctl(http->base.epoll_fd, what, conn->fd, &event))
		target_error(&http->base, TARGET_ERROR_CONNECT, "epoll_ctl: %s", strerror(errno));
}

static void make_free(struct http *http, struct conn *conn)
{
	unsigned count = http->base.opt->connection_count;

	http->free[(http->free_first + http->free_count++) % count] = conn;
}

static struct conn *take_free(struct http *http)
{
	struct conn *conn = http->free[http->free_first];

	http->free_first = (http->free_first + 1) % http->base.opt->connection_count;
	http->free_count--;
	return conn;
}

static void close_conn(struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	*conn = (struct conn){ .fd = -1 };
}

/* Ends it after an error. It is made anew when it is its turn, if there will be one. */
static void drop(struct http *http, struct conn *conn)
{
	bool active = conn->awaited > 0;

	close_conn(conn);
	if (active) {
		http->active--;
		make_free(http, conn);
	}
}

static void set_up(struct http *http, struct conn *conn, int fd)
{
	int one = 1;

	*conn = (struct conn){ .fd = fd };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	http->base.slice.connect_count++;
}

static int open_kept(struct http *http, struct conn *conn)
{
	int fd = target_connect(&http->base);

	if (fd < 0)
		return fd;
	set_up(http, conn, fd);
	watch(http, conn);
	return 0;
}

/* Without waiting for the handshake, which over loopback is over when connect() returns. */
static bool open_new(struct http *http, struct conn *conn)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
	    (!connect(fd, (const struct sockaddr *)&http->base.addr, sizeof(http->base.addr)) ||
	     errno == EINPROGRESS)) {
		set_up(http, conn, fd);
		return true;
	}
	target_error(&http->base, TARGET_ERROR_CONNECT, "connect: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return false;
}

/* It has had all requests it was to have. With SO_LINGER of no time, close() sends RST. */
static void end_by_us(struct http *http, struct conn *conn)
{
	struct linger at_once = { .l_onoff = 1 };

	if (http->base.opt->reset)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_conn(conn);
}

/* ---- Rounds ---- */

static void send_requests(struct http *http, struct conn *conn)
{
	const struct exchange *exchange = exchange_of(http, conn);
	const char *from = exchange->request + exchange->request_len - conn->unsent;
	ssize_t sent = send(conn->fd, from, conn->unsent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN) {
		target_error(&http->base, kind_of_errno(errno), "send: %s", strerror(errno));
		drop(http, conn);
		return;
	}
	if (sent > 0)
		conn->unsent -= (size_t)sent;
	if (!conn->watched || conn->watches_room != (conn->unsent > 0))
		watch(http, conn);
}

/* One round of a connection: `pipeline` requests at once, which count from @begun_ns on. */
static void start_round(struct http *http, struct conn *conn, uint64_t begun_ns)
{
	if (conn->fd < 0 && !open_new(http, conn)) {
		make_free(http, conn);
		return;
	}
	conn->awaited = http->base.opt->pipeline;
	conn->position = 0;
	conn->begun_ns = begun_ns;
	conn->unsent = exchange_of(http, conn)->request_len;
	http->active++;
	send_requests(http, conn);
}

static void end_round(struct http *http, struct conn *conn)
{
	unsigned limit = http->base.opt->requests_per_connection;

	http->active--;
	if (conn->fd >= 0) {
		conn->answered += http->base.opt->pipeline;
		conn->kind = (conn->kind + 1) % http->kind_count;
		if (limit && conn->answered >= limit)
			end_by_us(http, conn);
	}
	if (http->stopping || is_open_loop(http))
		make_free(http, conn);
	else
		start_round(http, conn, http->now_ns);
}

/* ---- Responses ---- */

/* @len bytes more of the response are there. */
static void advance(struct http *http, struct conn *conn, size_t len)
{
	conn->position += len;
	if (conn->position == exchange_of(http, conn)->answer_len) {
		conn->position = 0;
		conn->awaited--;
		http->base.slice.request_count++;
		times_add(&http->times, http->now_ns - conn->begun_ns);
	}
}

static bool take(struct http *http, struct conn *conn, const char *data, size_t len)
{
	const struct exchange *exchange = exchange_of(http, conn);

	while (len) {
		uint64_t rest = exchange->answer_len - conn->position;
		size_t piece = rest < len ? (size_t)rest : len;
		if (!conn->awaited || !exchange_matches(exchange, conn->position, data, piece))
			return false;
		advance(http, conn, piece);
		data += piece;
		len -= piece;
	}
	return true;
}

static void on_end(struct http *http, struct conn *conn, bool idle)
{
	/* Only the server's FIN shows that it did close. */
	if (http->base.opt->close && !conn->awaited) {
		close_conn(conn);
		end_round(http, conn);
		return;
	}
	if (!idle) {
		target_error(&http->base, TARGET_ERROR_RESET, "closed with %u requests unanswered",
			     conn->awaited);
		/* That it closes behind the last answer is as little what was asked for. */
		conn->awaited = conn->awaited ? conn->awaited : 1;
	}
	drop(http, conn);
}

/* Drops what has come of a body, and copies nothing of it: so the load costs less than the server,
 * even where there is no more to a server than copying. */
static ssize_t receive_dropped(struct http *http, struct conn *conn)
{
	uint64_t rest = exchange_of(http, conn)->answer_len - conn->position;
	size_t max = rest < DISCARD_BYTES_MAX ? (size_t)rest : DISCARD_BYTES_MAX;
	ssize_t got = recv(conn->fd, NULL, max, MSG_DONTWAIT | MSG_TRUNC);

	http->now_ns = target_now_ns();
	if (got > 0)
		advance(http, conn, (size_t)got);
	return got;
}

/* As receive(), of what is compared. As often as there may be more: there is no further event for
 * what was there at the last one. */
static ssize_t receive_compared(struct http *http, struct conn *conn)
{
	static char buf[RECV_BYTES_MAX];
	size_t max = http->base.opt->discard ? HEAD_RECV_BYTES : sizeof(buf);
	ssize_t all = 0;
	ssize_t got;

	do {
		got = recv(conn->fd, buf, max, MSG_DONTWAIT);
		http->now_ns = target_now_ns();
		if (got <= 0)
			return all ? all : got;
		if (!take(http, conn, buf, (size_t)got)) {
			target_error(&http->base, TARGET_ERROR_ANSWER,
				     "an answer differs from the first one: %.*s",
				     got < TOLD_BYTES_MAX ? (int)got : TOLD_BYTES_MAX, buf);
			errno = EPROTO;
			return -1;
		}
		all += got;
	} while (got == sizeof(buf));
	return all;
}

/* What recv() says, or -1 with errno EPROTO where the answer is not what it must be. */
static ssize_t receive(struct http *http, struct conn *conn)
{
	if (http->base.opt->discard && conn->position >= exchange_of(http, conn)->known_len)
		return receive_dropped(http, conn);
	return receive_compared(http, conn);
}

static void on_event(struct http *http, struct conn *conn, uint32_t events)
{
	if (conn->fd < 0)
		return;
	if (conn->unsent && (events & EPOLLOUT))
		send_requests(http, conn);
	if (conn->fd < 0 || !(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	/* In close mode a connection is open only while a round goes on. */
	bool idle = !conn->awaited && !http->base.opt->close;
	ssize_t got = receive(http, conn);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0) {
		if (errno != EPROTO && !idle)
			target_error(&http->base, kind_of_errno(errno), "recv: %s",
				     strerror(errno));
		conn->awaited = idle ? 0 : 1;
		drop(http, conn);
		return;
	}
	if (got == 0 || ((events & EPOLLRDHUP) && !http->base.opt->discard))
		on_end(http, conn, idle);
	else if (!conn->awaited && !http->base.opt->close)
		end_round(http, conn);
}

/* ---- A slice ---- */

static int look(struct http *http)
{
	struct epoll_event events[TARGET_EVENTS_MAX];
	int count = epoll_wait(http->base.epoll_fd, events, TARGET_EVENTS_MAX, 0);

	for (int i = 0; i < count; i++)
		on_event(http, events[i].data.ptr, events[i].events);
	return count;
}

/* Sees to what happened to the connections since the target's last slice. Then all are free. */
static void make_ready(struct http *http)
{
	http->free_count = 0;
	http->active = 0;
	http->stopping = false;
	times_clear(&http->times);
	if (!http->base.opt->close)
		look(http);
	http->free_count = 0;
	for (unsigned i = 0; i < http->base.opt->connection_count; i++) {
		struct conn *conn = &http->conns[i];
		if (conn->fd < 0 && is_kept(http)) {
			if (open_kept(http, conn))
				target_error(&http->base, TARGET_ERROR_CONNECT, "cannot connect");
			http->base.slice.reopen_count++;
		}
		make_free(http, conn);
	}
	http->had_free = true;
}

/* A request that was @due is sent. Where it had to wait for no connection, it waited for us. */
static void count_wait(struct http *http, uint64_t now, uint64_t due)
{
	http->base.slice.late_count += now >= http->arrivals.end_ns;
	if (http->had_free)
		times_add(&http->base.times[TARGET_TIMES_LAG], now - due);
}

/* Begins what is to begin: a round of every free connection, or, in an open loop, as many as are
 * due. */
static void start_rounds(struct http *http, uint64_t now)
{
	uint64_t due = now;

	/* Not more than are free now: one that cannot be opened is so again at once. */
	for (unsigned left = http->free_count; left > 0 && !http->stopping; left--) {
		if (is_open_loop(http)) {
			if (!arrivals_next(&http->arrivals, &due) || due > now)
				break;
			arrivals_advance(&http->arrivals);
			count_wait(http, now, due);
		}
		start_round(http, take_free(http), due);
	}
	http->had_free = http->free_count > 0;
}

/* Whether the slice is over, @elapsed_ns after its beginning: nothing is in flight, and nothing
 * will be. */
static bool is_over(const struct http *http, uint64_t elapsed_ns, uint64_t slice_ns)
{
	uint64_t due;

	if (http->active > 0)
		return false;
	if (!is_open_loop(http))
		return http->stopping;
	return http->stopping || elapsed_ns >= 2 * slice_ns ||
	       !arrivals_next(&http->arrivals, &due);
}

/* What was never sent has waited all the same. */
static void count_unsent(struct http *http, uint64_t now)
{
	uint64_t due;

	while (arrivals_next(&http->arrivals, &due)) {
		http->base.slice.unsent_count++;
		times_add(&http->times, now > due ? now - due : 0);
		arrivals_advance(&http->arrivals);
	}
}

static void give_up(struct http *http, uint64_t now)
{
	for (unsigned i = 0; i < http->base.opt->connection_count; i++) {
		struct conn *conn = &http->conns[i];
		if (!conn->awaited)
			continue;
		target_error(&http->base, TARGET_ERROR_STALL, "no answer for %d ms",
			     TARGET_STALL_MS);
		times_add(&http->times, now - conn->begun_ns);
		drop(http, conn);
	}
}

/* Never sleeps: waking a processor that has gone idle is dear, in a virtual machine above all, and
 * it would be the server that pays for it. */
static void run_loop(struct http *http, uint64_t start, uint64_t slice_ns)
{
	uint64_t heard = start;
	uint64_t now = start;

	while (!is_over(http, now - start, slice_ns)) {
		if (http->free_count > 0)
			start_rounds(http, now);
		else
			http->had_free = false;
		int count = look(http);
		now = target_now_ns();
		if (count > 0 || http->active == 0)
			heard = now;
		if (now - heard > (uint64_t)TARGET_STALL_MS * 1000000)
			give_up(http, now);
		bool failed = http->base.slice.error_count && !http->base.opt->tolerate;
		http->stopping = failed ||
				 now - start >= (is_open_loop(http) ? 2 * slice_ns : slice_ns);
	}
	if (is_open_loop(http))
		count_unsent(http, now);
}

static void drive_http(struct target *target, uint64_t slice_ns)
{
	struct http *http = http_of(target);
	struct target_slice *slice = &target->slice;

	make_ready(http);
	uint64_t cpu_start = target_cpu_at_rest(target);
	uint64_t start = target_now_ns();
	if (is_open_loop(http))
		arrivals_begin(&http->arrivals, target->opt->rate, target->opt->poisson, start,
			       slice_ns);
	run_loop(http, start, slice_ns);
	slice->wall_ns = target_now_ns() - start;
	slice->cpu_ns = target_cpu_at_rest(target) - cpu_start;
	slice->p50_ns = times_quantile(&http->times, 0.5);
	slice->p99_ns = times_quantile(&http->times, 0.99);
	slice->p999_ns = times_quantile(&http->times, 0.999);
	times_add_all(&target->times[TARGET_TIMES_MESSAGE], &http->times);
}

/* ---- Creation ---- */

/* Makes one more kind of exchange, and has it once on *@fd, which is opened where it is -1 and is
 * left open where there may be a further one. */
static int add_exchange(struct http *http, const struct exchange_options *opt, int *fd)
{
	struct exchange *exchange = &http->exchanges[http->kind_count++];
	int err = exchange_init(exchange, opt);

	if (err)
		return err;
	if (*fd < 0)
		*fd = target_connect(&http->base);
	if (*fd < 0)
		return *fd;
	err = exchange_learn(exchange, opt, *fd);
	http->base.response_len += exchange->answer_len;
	if (opt->close) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

/* In the order in which each connection has them. */
static int make_exchanges(struct http *http, int *fd)
{
	static const enum exchange_kind kinds[] = {
		[TARGET_GET] = EXCHANGE_GET,
		[TARGET_POST] = EXCHANGE_POST,
		[TARGET_POST_CHUNKED] = EXCHANGE_POST_CHUNKED,
	};
	const struct target_options *opt = http->base.opt;
	struct exchange_options one = {
		.path = opt->path,
		.body_bytes = opt->body_bytes,
		.copies = opt->pipeline,
		.close = opt->close,
		.discard = opt->discard,
	};
	int err = 0;

	if (opt->request != TARGET_MIX) {
		one.kind = kinds[opt->request];
		return add_exchange(http, &one, fd);
	}
	for (size_t i = 0; !err && i < KINDS_MAX; i++) {
		one.kind = kinds[i];
		one.path = one.kind == EXCHANGE_GET ? "/plaintext" : "/echo";
		err = add_exchange(http, &one, fd);
	}
	return err;
}

static int open_all(struct http *http)
{
	unsigned count = http->base.opt->connection_count;

	http->conns = calloc(count, sizeof(*http->conns));
	http->free = calloc(count, sizeof(struct conn *));
	if (!http->conns || !http->free)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		http->conns[i].fd = -1;
	for (unsigned i = 0; i < count && is_kept(http); i++) {
		int err = open_kept(http, &http->conns[i]);
		if (err)
			return err;
	}
	return 0;
}

static int open_http(struct target *target, const char **what)
{
	struct http *http = http_of(target);
	int fd = -1;

	*what = "first answer";
	int err = make_exchanges(http, &fd);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	*what = "connect";
	return open_all(http);
}

static void close_http(struct target *target)
{
	struct http *http = http_of(target);

	for (unsigned i = 0; http->conns && i < http->base.opt->connection_count; i++)
		close_conn(&http->conns[i]);
	free(http->conns);
	free(http->free);
	for (unsigned i = 0; i < http->kind_count; i++)
		exchange_fini(&http->exchanges[i]);
}

const struct target_ops target_http = { sizeof(struct http), open_http, close_http, drive_http,
					NULL };
