/* A loop driven by poll(2) on its descriptor, as somebody else's loop would drive it, and connections
 * that are refused as they open: the same facts on both real backends. */
#include "engine/both.h"
#include "engine/listener.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, CONNECTIONS_MAX = 8 };

static const struct ouro_log no_log;
static struct ouro_loop loop;
static struct ouro_conns conns;
static struct ouro_listener listener;
static struct sockaddr_in address;
static int opened, closed, close_error, polls;
static size_t received;
static uint64_t ids[CONNECTIONS_MAX * 4];

/* ---- Connections ---- */

static void on_open(struct ouro_stream *stream)
{
	ids[opened++] = ouro_conn_id(ouro_conn_of(stream));
}

static void refuse(struct ouro_stream *stream)
{
	on_open(stream);
	ouro_stream_close(stream, OURO_CLOSE_ABORT);
}

static void echo(struct ouro_stream *stream, struct ouro_slice slice)
{
	received += slice.len;
	ouro_stream_write(stream, slice);
}

static void on_end(struct ouro_stream *stream)
{
	ouro_stream_close(stream, OURO_CLOSE_FLUSH);
}

static void ignore(struct ouro_stream *stream)
{
	(void)stream;
}

static void on_close(struct ouro_stream *stream, int error)
{
	(void)stream;
	closed++;
	close_error = error;
}

static const struct ouro_stream_events echoing = {
	.on_open = on_open,
	.on_input = echo,
	.on_end = on_end,
	.on_drain = ignore,
	.on_check = ignore,
	.on_close = on_close,
};

static const struct ouro_stream_events refusing = {
	.on_open = refuse,
	.on_input = echo,
	.on_end = on_end,
	.on_drain = ignore,
	.on_check = ignore,
	.on_close = on_close,
};

static int listen_at_loopback(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(fd, 128), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	return fd;
}

static int connect_to_it(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* ---- Life ---- */

static void open_loop(const struct ouro_backend_ops *ops, const struct ouro_stream_events *events)
{
	const struct ouro_backend_options backend = {
		.recv_buffer_count = 8,
		.recv_buffer_bytes = 256,
		.completion_entries = 64,
		.driven = true,
	};
	const struct ouro_conns_options options = {
		.connections_max = CONNECTIONS_MAX,
		.write_timeout_ms = 10000,
		.linger_ms = 1000,
		.linger_bytes_max = 1024 * 1024,
	};

	cr_assert_eq(ouro_loop_init(&loop, ops, &backend, &no_log), 0);
	cr_assert_eq(ouro_conns_init(&conns, &loop, &options), 0);
	ouro_listener_open(&listener, &conns, listen_at_loopback(), events, NULL);
}

static uint64_t now_ns(void)
{
	struct ouro_clock clock;

	loop.backend->ops->read_clock(loop.backend, &clock);
	return clock.monotonic_ns;
}

/* Sleeps on the descriptor and nothing else, for no longer than the loop says; then it has its turns.
 * The loop says nothing about time where its descriptor does. */
static void sleep_and_poll(void)
{
	struct pollfd descriptor = { .fd = ouro_loop_poll_fd(&loop), .events = POLLIN };
	static int timeout_ms;

	if (polls == 0)
		cr_assert_eq(ouro_loop_poll(&loop, &timeout_ms), 0);
	cr_assert_geq(poll(&descriptor, 1, timeout_ms < 0 ? PATIENCE_MS : timeout_ms), 0);
	cr_assert(descriptor.revents || timeout_ms >= 0, "it slept for too long");
	cr_assert_eq(ouro_loop_poll(&loop, &timeout_ms), 0);
	polls++;
}

static void drive_until(const bool *done)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (!*done) {
		sleep_and_poll();
		cr_assert_lt(now_ns(), give_up_ns);
	}
}

/* Drives the loop until @count has got to @goal. */
static void drive_to(const int *count, int goal)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (*count < goal) {
		sleep_and_poll();
		cr_assert_lt(now_ns(), give_up_ns);
	}
}

static void close_loop(void)
{
	ouro_listener_close(&listener);
	ouro_conns_close_all(&conns, OURO_CLOSE_ABORT);
	while (!ouro_listener_is_closed(&listener) || conns.open_count > 0)
		cr_assert_eq(ouro_loop_turn(&loop, true), 0);
	while (loop.backend->in_flight > 0)
		cr_assert_eq(ouro_loop_turn(&loop, true), 0);
	ouro_conns_fini(&conns);
	ouro_loop_fini(&loop);
}

/* ---- The facts ---- */

/* A client that says something, hears it and goes, and then says whether all went well. */
struct client {
	pthread_t thread;
	struct ouro_mail mail;
	bool well, done;
};

static void on_client_done(struct ouro_mail *mail)
{
	((struct client *)(void *)((char *)mail - offsetof(struct client, mail)))->done = true;
}

static void *be_client(void *arg)
{
	struct client *client = arg;
	char text[] = "hello", got[sizeof(text)];
	int fd = connect_to_it();

	client->well = true;
	for (int i = 0; i < 20; i++) {
		if (i % 5 == 0)
			usleep(2000);
		client->well &= write(fd, text, sizeof(text)) == sizeof(text);
		client->well &= recv(fd, got, sizeof(got), MSG_WAITALL) == sizeof(got);
		client->well &= memcmp(text, got, sizeof(text)) == 0;
	}
	shutdown(fd, SHUT_WR);
	client->well &= read(fd, got, sizeof(got)) == 0;
	close(fd);
	client->mail.on_arrival = on_client_done;
	ouro_loop_post(&loop, &client->mail);
	return NULL;
}

static void its_descriptor_tells_all_there_is_to_do(const struct ouro_backend_ops *ops)
{
	struct client clients[3] = { 0 };

	open_loop(ops, &echoing);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&clients[i].thread, NULL, be_client, &clients[i]), 0);
	for (int i = 0; i < 3; i++) {
		drive_until(&clients[i].done);
		pthread_join(clients[i].thread, NULL);
		cr_assert(clients[i].well);
	}
	drive_to(&closed, 3);
	cr_assert_eq(opened, 3);
	cr_assert_eq(received, 3 * 20 * sizeof("hello"));
	close_loop();
}

static int due;

static void count_due(struct ouro_timer *timer)
{
	(void)timer;
	due++;
}

static void timers_are_kept(const struct ouro_backend_ops *ops)
{
	static const uint32_t after_ms[] = { 30, 5, 60 };
	struct ouro_timer timers[3] = { 0 };
	uint64_t begin_ns;

	open_loop(ops, &echoing);
	begin_ns = now_ns();
	for (int i = 0; i < 3; i++) {
		timers[i].on_due = count_due;
		ouro_timer_set(&loop.timers, &timers[i],
			       begin_ns + after_ms[i] * UINT64_C(1000000));
	}
	drive_to(&due, 3);
	cr_assert_geq(now_ns() - begin_ns, 60 * UINT64_C(1000000));
	cr_assert_leq(polls, 12, "it spins");
	close_loop();
}

static void an_idle_loop_sleeps(const struct ouro_backend_ops *ops)
{
	struct pollfd descriptor;
	int timeout_ms = 99;

	open_loop(ops, &echoing);
	cr_assert_eq(ouro_loop_poll(&loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, -1);
	descriptor = (struct pollfd){ .fd = ouro_loop_poll_fd(&loop), .events = POLLIN };
	cr_assert_eq(poll(&descriptor, 1, 20), 0);
	/* What happens in between is not lost. */
	close(connect_to_it());
	cr_assert_eq(poll(&descriptor, 1, PATIENCE_MS), 1);
	cr_assert_eq(poll(&descriptor, 1, PATIENCE_MS), 1);
	drive_to(&closed, 1);
	close_loop();
}

static int wakes;

static void count_wake(struct ouro_mail *mail)
{
	(void)mail;
	wakes++;
}

static void *post_soon(void *mail)
{
	usleep(5000);
	ouro_loop_post(&loop, mail);
	return NULL;
}

static void mail_of_others_wakes_it_each_time(const struct ouro_backend_ops *ops)
{
	struct ouro_mail mail = { .on_arrival = count_wake };

	open_loop(ops, &echoing);
	for (int i = 1; i <= 5; i++) {
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL, post_soon, &mail), 0);
		drive_to(&wakes, i);
		pthread_join(thread, NULL);
	}
	close_loop();
}

static void count_poll(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	(void)buf;
	(void)flags;
	cr_assert_eq(op->result, POLLIN);
	wakes++;
}

static void *write_soon(void *fd)
{
	usleep(5000);
	eventfd_write(*(int *)fd, 1);
	return NULL;
}

static void descriptors_of_others_wake_it_each_time(const struct ouro_backend_ops *ops)
{
	struct ouro_op_poll foreign = { .events = POLLIN };
	int fd = eventfd(0, EFD_CLOEXEC);
	eventfd_t value;

	open_loop(ops, &echoing);
	foreign.op.kind = OURO_OP_POLL;
	foreign.op.fd = fd;
	foreign.op.on_complete = count_poll;
	for (int i = 1; i <= 5; i++) {
		pthread_t thread;

		loop.backend->ops->submit(loop.backend, &foreign.op);
		polls = 0; /* something was done outside of a turn */
		cr_assert_eq(pthread_create(&thread, NULL, write_soon, &fd), 0);
		drive_to(&wakes, i);
		pthread_join(thread, NULL);
		eventfd_read(fd, &value);
	}
	close(fd);
	close_loop();
}

static struct ouro_mail endless;

static void post_again(struct ouro_mail *mail)
{
	wakes++;
	if (!loop.stopping)
		ouro_loop_post(&loop, mail);
}

static void a_poll_ends_though_there_is_always_more(const struct ouro_backend_ops *ops)
{
	int timeout_ms = 99;

	open_loop(ops, &echoing);
	endless.on_arrival = post_again;
	ouro_loop_post(&loop, &endless);
	cr_assert_eq(ouro_loop_poll(&loop, &timeout_ms), 0);
	cr_assert_gt(wakes, 1);
	cr_assert_eq(timeout_ms, 0);
	ouro_loop_stop(&loop);
	cr_assert_eq(ouro_loop_poll(&loop, &timeout_ms), 0);
	cr_assert_eq(timeout_ms, -1);
	close_loop();
}

/* More than the table has slots, with requests that nobody is to see. */
static void refuses_connections_as_they_open(const struct ouro_backend_ops *ops)
{
	enum { COUNT = CONNECTIONS_MAX * 3 };
	char sink[8];

	open_loop(ops, &refusing);
	for (int i = 0; i < COUNT; i++) {
		int fd = connect_to_it();

		cr_assert_eq(write(fd, "request", 7), 7);
		drive_to(&closed, i + 1);
		cr_assert_eq(read(fd, sink, sizeof(sink)), -1);
		cr_assert_eq(errno, ECONNRESET);
		close(fd);
	}
	cr_assert_eq(opened, COUNT);
	cr_assert_eq(close_error, -ECONNABORTED);
	cr_assert_eq(received, 0);
	cr_assert_eq(conns.open_count, 0);
	cr_assert_eq(conns.used_slots, 1, "the slot was free again each time");
	for (int i = 1; i < COUNT; i++)
		cr_assert_neq(ids[i], ids[i - 1]);
	close_loop();
}

ON_BOTH(its_descriptor_tells_all_there_is_to_do)
ON_BOTH(timers_are_kept)
ON_BOTH(an_idle_loop_sleeps)
ON_BOTH(mail_of_others_wakes_it_each_time)
ON_BOTH(descriptors_of_others_wake_it_each_time)
ON_BOTH(a_poll_ends_though_there_is_always_more)
ON_BOTH(refuses_connections_as_they_open)
