/* A server within another loop: poll(2) in the test's own thread, clients in another, on both backends. */
#include "engine/features.h"
#include "ouro.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { POLLS_MAX = 100000, NAP_MS = 60, JOB_US = 30000, LATE_MS = 2000 };

static struct ouro_server *served;

static void plain(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("plain"));
}

static void nap(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, NAP_MS);
	ouro_text(ctx, 200, OURO_STR("slept"));
}

static void work(void *args)
{
	usleep(JOB_US);
	*(int *)args = 42;
}

static void offload(struct ouro_ctx *ctx)
{
	int result = 0;

	ouro_offload(ctx, work, &result, sizeof(result));
	ouro_text(ctx, 200, result == 42 ? OURO_STR("worked") : OURO_STR("not"));
}

static void end(struct ouro_ctx *ctx)
{
	ouro_server_shutdown(served);
	ouro_text(ctx, 200, OURO_STR("ending"));
}

static void create(struct ouro_server **server, enum ouro_backend_choice backend, uint32_t threads)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = threads,
		.backend = backend,
		.connections_max = 64,
		.log_level = OURO_LOG_WARNING,
	};

	cr_assert_eq(ouro_server_create(server, &options), 0);
	cr_assert_eq(ouro_server_route(*server, "GET", "/plain", plain, NULL), 0);
	cr_assert_eq(ouro_server_route(*server, "GET", "/nap", nap, NULL), 0);
	cr_assert_eq(ouro_server_route(*server, "GET", "/offload", offload, NULL), 0);
	cr_assert_eq(ouro_server_route(*server, "GET", "/end", end, NULL), 0);
	served = *server;
}

/* ---- A client ---- */

struct client {
	pthread_t thread;
	char url[128];
	const char *path, *expected;
	int count;
	atomic_bool done;
};

static int connect_to(const char *url)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* All on one connection. */
static void *ask(void *arg)
{
	struct client *client = arg;
	int fd = connect_to(client->url);

	for (int i = 0; i < client->count; i++) {
		char text[1024];
		size_t len = (size_t)snprintf(text, sizeof(text),
					      "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", client->path);
		ssize_t got;

		cr_assert_eq(write(fd, text, len), (ssize_t)len);
		len = 0;
		do {
			got = read(fd, text + len, sizeof(text) - 1 - len);
			cr_assert_gt(got, 0);
			len += (size_t)got;
			text[len] = '\0';
		} while (!strstr(text, client->expected));
	}
	close(fd);
	atomic_store(&client->done, true);
	return NULL;
}

static void start_client(struct client *client, const char *path, const char *expected, int count)
{
	client->path = path;
	client->expected = expected;
	client->count = count;
	atomic_init(&client->done, false);
	snprintf(client->url, sizeof(client->url), "%s", ouro_server_address(served, 0));
	cr_assert_eq(pthread_create(&client->thread, NULL, ask, client), 0);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleeps as long as the server says, and no longer, while @client is not done. What the last poll
 * said. */
static int drive(const struct client *client)
{
	int fd = ouro_server_poll_fd(served), timeout_ms = 0, err;

	cr_assert_geq(fd, 0);
	for (int i = 0; i < POLLS_MAX && !(client && atomic_load(&client->done)); i++) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };

		err = ouro_server_poll(served, &timeout_ms);
		if (err)
			return err;
		/* The client is done without telling the server. */
		if (client && (timeout_ms < 0 || timeout_ms > LATE_MS))
			timeout_ms = LATE_MS;
		poll(&pollfd, 1, timeout_ms);
	}
	return timeout_ms;
}

static void serve(const char *path, const char *expected, int count)
{
	struct client client;

	cr_assert_geq(ouro_server_poll_fd(served), 0);
	start_client(&client, path, expected, count);
	drive(&client);
	cr_assert(atomic_load(&client.done));
	pthread_join(client.thread, NULL);
}

static bool has_ring(void)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count;
	int err = ouro_features_probe(features, &count);

	if (err)
		fprintf(stderr, "skipped: %s\n", ouro_features_explain(err));
	return err == 0;
}

#define ON_BOTH(name)                                                                              \
	static void name(enum ouro_backend_choice backend);                                        \
	Test(embed, name##_on_epoll)                                                               \
	{                                                                                          \
		name(OURO_BACKEND_EPOLL);                                                          \
	}                                                                                          \
	Test(embed, name##_on_uring)                                                               \
	{                                                                                          \
		if (has_ring())                                                                    \
			name(OURO_BACKEND_URING);                                                  \
	}                                                                                          \
	static void name(enum ouro_backend_choice backend)

ON_BOTH(serves_one_connection_many_times)
{
	struct ouro_server *server;

	create(&server, backend, 1);
	serve("/plain", "plain", 50);
	ouro_server_destroy(server);
}

ON_BOTH(is_called_again_in_time_for_who_sleeps)
{
	struct ouro_server *server;
	long begin;

	create(&server, backend, 1);
	begin = now_ms();
	serve("/nap", "slept", 3);
	cr_assert_geq(now_ms() - begin, 3 * NAP_MS);
	ouro_server_destroy(server);
}

ON_BOTH(is_woken_by_the_end_of_a_job)
{
	struct ouro_server *server;
	long begin;

	create(&server, backend, 1);
	begin = now_ms();
	serve("/offload", "worked", 3);
	/* Nothing but the descriptor wakes it; the timeout is far away. */
	cr_assert_lt(now_ms() - begin, LATE_MS);
	ouro_server_destroy(server);
}

ON_BOTH(says_when_a_handler_shut_it_down_and_starts_again)
{
	struct ouro_server *server;
	struct client client;
	int timeout_ms;

	create(&server, backend, 1);
	for (int round = 0; round < 3; round++) {
		cr_assert_geq(ouro_server_poll_fd(server), 0);
		start_client(&client, "/end", "ending", 1);
		cr_assert_eq(drive(NULL), -ESHUTDOWN);
		pthread_join(client.thread, NULL);
		cr_assert_eq(ouro_server_poll(server, &timeout_ms), -ESHUTDOWN);
	}
	ouro_server_destroy(server);
}

static void *shut_down(void *arg)
{
	usleep(JOB_US);
	ouro_server_shutdown(arg);
	return NULL;
}

ON_BOTH(is_shut_down_by_another_thread)
{
	struct ouro_server *server;
	pthread_t thread;

	create(&server, backend, 1);
	cr_assert_geq(ouro_server_poll_fd(server), 0);
	pthread_create(&thread, NULL, shut_down, server);
	cr_assert_eq(drive(NULL), -ESHUTDOWN);
	pthread_join(thread, NULL);
	ouro_server_destroy(server);
}

ON_BOTH(stops_and_is_destroyed_with_a_handler_that_waits)
{
	struct ouro_server *server;
	int timeout_ms;
	int fd;

	create(&server, backend, 1);
	cr_assert_geq(ouro_server_poll_fd(server), 0);
	fd = connect_to(ouro_server_address(server, 0));
	cr_assert_gt(write(fd, "GET /nap HTTP/1.1\r\nHost: a\r\n\r\n", 31), 0);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(ouro_server_poll(server, &timeout_ms), 0);
		usleep(1000);
	}
	ouro_server_stop(server);
	cr_assert_eq(ouro_server_poll(server, &timeout_ms), -ESHUTDOWN);
	ouro_server_stop(server);
	cr_assert_geq(ouro_server_poll_fd(server), 0);
	ouro_server_destroy(server);
	close(fd);
}

Test(embed, of_more_than_one_thread_is_refused)
{
	struct ouro_server *server;

	create(&server, OURO_BACKEND_EPOLL, 2);
	cr_assert_eq(ouro_server_poll_fd(server), -EINVAL);
	ouro_server_destroy(server);
}

Test(embed, is_not_polled_before_it_is_started)
{
	struct ouro_server *server;
	int timeout_ms;

	create(&server, OURO_BACKEND_EPOLL, 1);
	cr_assert_eq(ouro_server_poll(server, &timeout_ms), -EINVAL);
	ouro_server_destroy(server);
}

Test(embed, is_not_what_a_server_with_threads_of_its_own_does)
{
	struct ouro_server *server;
	int timeout_ms;

	create(&server, OURO_BACKEND_EPOLL, 1);
	cr_assert_eq(ouro_server_start(server), 0);
	cr_assert_eq(ouro_server_poll_fd(server), -EALREADY);
	cr_assert_eq(ouro_server_poll(server, &timeout_ms), -EINVAL);
	ouro_server_destroy(server);
}
