/* Rooms across real threads: other threads publish to event streams and WebSockets on all loops while clients
 * come and go and the server starts, stops and is gone; on both backends. */
#include "engine/features.h"
#include "ouro.h"
#include "server/ws_frames.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENERS = 6,
	PUBLISHERS = 2,
	MESSAGES = 400,
	TEXT_BYTES = 64 * 1024,
	NAP_US = 200,
	VISITS = 40
};

/* The thread sanitizer sees no accept of a ring: two loops that close a number one after the other look
 * like a race, which it cannot even report. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { RING_LOOPS = 1 };
#define ONE_RING_LOOP 1
#endif
#endif
#ifndef ONE_RING_LOOP
enum { RING_LOOPS = 3 };
#endif

static struct ouro_server *served;
static atomic_bool ending;

static void join_room(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, OURO_STR("room"));
}

static void publish_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	ouro_publish(ctx, OURO_STR("room"), OURO_MESSAGE_TEXT, message->data);
}

static void join_by_ws(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .on_message = publish_message };

	if (ouro_ws_accept(ctx, &options) == 0)
		ouro_subscribe(ctx, OURO_STR("room"));
}

/* Is in the room, and stays. */
static void stay(struct ouro_ctx *ctx)
{
	join_room(ctx);
	while (ouro_sleep(ctx, 1) == 0)
		ouro_publish(ctx, OURO_STR("room"), OURO_MESSAGE_TEXT, OURO_STR("from a handler"));
}

static void create(enum ouro_backend_choice backend)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = backend == OURO_BACKEND_URING ? RING_LOOPS : 3,
		.backend = backend,
		.connections_max = 128,
		.drain_timeout_ms = 10000,
		.log_level = OURO_LOG_WARNING,
	};

	cr_assert_eq(ouro_server_create(&served, &options), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/room", join_room, NULL), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/ws", join_by_ws, NULL), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/stay", stay, NULL), 0);
}

#define JOIN_ROOM "GET /room HTTP/1.0\r\n\r\n"
#define STAY "GET /stay HTTP/1.0\r\n\r\n"
#define JOIN_BY_WS WS_ASK("/ws") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

static int listen_at(const char *url, const char *ask)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(write(fd, ask, strlen(ask)), (ssize_t)strlen(ask));
	return fd;
}

static void await_subscribers(uint32_t count)
{
	for (int i = 0; i < 50000 && ouro_server_subscribers(served, OURO_STR("room")) != count;
	     i++)
		usleep(NAP_US);
	cr_assert_eq(ouro_server_subscribers(served, OURO_STR("room")), count);
}

/* ---- All get all ---- */

struct publisher {
	pthread_t thread;
	int number;
};

static void *publish_all(void *arg)
{
	const struct publisher *publisher = arg;
	char text[32];

	for (int i = 0; i < MESSAGES; i++) {
		int len = snprintf(text, sizeof(text), "%d/%d.", publisher->number, i);
		const struct ouro_message message = { .data = { text, (size_t)len } };

		cr_assert_eq(ouro_server_publish(served, OURO_STR("room"), &message), LISTENERS);
	}
	return NULL;
}

/* Reads until all of them have come, each once, those of one publisher in order. A message, of either kind of
 * client, is at @begin and ends with a point. */
static void expect_all(int fd, const char *begin)
{
	static char text[TEXT_BYTES];
	int next[PUBLISHERS] = { 0 }, got = 0;
	size_t len = 0;

	while (got < PUBLISHERS * MESSAGES) {
		ssize_t count = read(fd, text + len, sizeof(text) - 1 - len);
		char *at = text, *end;

		cr_assert_gt(count, 0);
		len += (size_t)count;
		text[len] = '\0';
		while ((at = strstr(at, begin)) && (end = strchr(at, '.'))) {
			int publisher, number;

			at += strspn(at + strlen(begin), "\x01\x02\x03\x04\x05\x06\x07\x08\x09") +
			      strlen(begin);
			cr_assert_eq(sscanf(at, "%d/%d.", &publisher, &number), 2);
			cr_assert_eq(number, next[publisher]);
			next[publisher]++;
			got++;
			at = end + 1;
			len -= (size_t)(at - text);
			memmove(text, at, len + 1);
			at = text;
		}
	}
}

static void run_all(enum ouro_backend_choice backend)
{
	struct publisher publishers[PUBLISHERS];
	int fds[LISTENERS];

	create(backend);
	cr_assert_eq(ouro_server_start(served), 0);
	for (int i = 0; i < LISTENERS; i++)
		fds[i] = listen_at(ouro_server_address(served, 0), i % 2 ? JOIN_BY_WS : JOIN_ROOM);
	await_subscribers(LISTENERS);
	for (int i = 0; i < PUBLISHERS; i++) {
		publishers[i].number = i;
		pthread_create(&publishers[i].thread, NULL, publish_all, &publishers[i]);
	}
	for (int i = 0; i < LISTENERS; i++)
		expect_all(fds[i], i % 2 ? "\x81" : "data: ");
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(publishers[i].thread, NULL);
	for (int i = 1; i < LISTENERS; i += 2)
		close(fds[i]);
	ouro_server_stop(served);
	/* Ended in order. */
	for (int i = 0; i < LISTENERS; i += 2) {
		char byte;
		int left = 0;

		/* The end of the last event may not have been read. */
		while (read(fds[i], &byte, 1) > 0)
			left++;
		cr_assert_leq(left, 2);
		close(fds[i]);
	}
	ouro_server_destroy(served);
}

/* ---- Whoever comes and goes ---- */

static void *publish_on(void *arg)
{
	static const char text[4096];
	const struct ouro_message message = { .data = { text, sizeof(text) },
					      .key = OURO_STR("k") };

	(void)arg;
	while (!atomic_load(&ending)) {
		ouro_server_publish(served, OURO_STR("room"), &message);
		usleep(NAP_US);
	}
	return NULL;
}

static void run_comers(enum ouro_backend_choice backend)
{
	pthread_t publishers[PUBLISHERS];
	static const char *const asks[] = { STAY, JOIN_ROOM, JOIN_BY_WS };
	int fds[VISITS];

	create(backend);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_create(&publishers[i], NULL, publish_on, NULL);
	/* They go on publishing while the server is stopped and started. */
	for (int round = 0; round < 2; round++) {
		cr_assert_eq(ouro_server_start(served), 0);
		for (int i = 0; i < VISITS; i++) {
			char some[1000];

			fds[i] = listen_at(ouro_server_address(served, 0), asks[i % 3]);
			cr_assert_gt(read(fds[i], some, sizeof(some)), 0);
			if (i % 2)
				shutdown(fds[i], SHUT_RDWR);
			else if (i % 5 == 0)
				shutdown(fds[i], SHUT_RD);
		}
		/* Some are in the room still, and some do not read. A WebSocket's output would be
		 * flushed after a mere end, for as long as write_timeout_ms: these reset. */
		for (int i = 0; i < VISITS; i++)
			if (asks[i % 3] == asks[2])
				close(fds[i]);
			else
				shutdown(fds[i], SHUT_RDWR);
		ouro_server_stop(served);
		cr_assert_eq(ouro_server_subscribers(served, OURO_STR("room")), 0);
		for (int i = 0; i < VISITS; i++)
			if (asks[i % 3] != asks[2])
				close(fds[i]);
	}
	atomic_store(&ending, true);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(publishers[i], NULL);
	ouro_server_destroy(served);
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

Test(rooms_threads, all_get_all_in_order_on_epoll)
{
	run_all(OURO_BACKEND_EPOLL);
}

Test(rooms_threads, all_get_all_in_order_on_uring)
{
	if (has_ring())
		run_all(OURO_BACKEND_URING);
}

Test(rooms_threads, clients_and_servers_come_and_go_on_epoll)
{
	run_comers(OURO_BACKEND_EPOLL);
}

Test(rooms_threads, clients_and_servers_come_and_go_on_uring)
{
	if (has_ring())
		run_comers(OURO_BACKEND_URING);
}
