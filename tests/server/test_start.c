/* Starting and stopping threads, with requests in between: what crosses them must be clean under the
 * thread sanitizer. What is served is the end-to-end tests' matter. */
#include "engine/features.h"
#include "ouro.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 3, THREADS = 4, CLIENTS = 4, REQUESTS = 20 };

static void hello(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("hello"));
}

static int connect_to(const char *url)
{
	const char *port = strrchr(url, ':');
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(port + 1));
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Asks for what a thread answers by itself, and for the counters of all, in turn. */
static void *ask(void *arg)
{
	static const struct {
		const char *path, *expected;
	} asked[] = { { "/", "hello" }, { "/metrics", "ouro_requests_total" } };

	for (size_t i = 0; i < REQUESTS; i++) {
		char request[64], answer[32768];
		size_t len = 0;
		ssize_t got;
		int fd = connect_to(arg);

		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			 asked[i % 2].path);
		cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
		while ((got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
			len += (size_t)got;
		answer[len] = '\0';
		cr_assert_not_null(strstr(answer, asked[i % 2].expected));
		close(fd);
	}
	return NULL;
}

static void run_rounds(enum ouro_backend_choice backend)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = THREADS,
		.backend = backend,
		.connections_max = 256,
		.log_level = OURO_LOG_WARNING,
	};

	for (int round = 0; round < ROUNDS; round++) {
		struct ouro_server *server;
		pthread_t clients[CLIENTS];
		char url[128];

		cr_assert_eq(ouro_server_create(&server, &options), 0);
		cr_assert_eq(ouro_server_route(server, "GET", "/", hello, NULL), 0);
		cr_assert_eq(ouro_server_route(server, "GET", "/metrics", ouro_metrics, NULL), 0);
		cr_assert_eq(ouro_server_start(server), 0);
		snprintf(url, sizeof(url), "%s", ouro_server_address(server, 0));
		for (int i = 0; i < CLIENTS; i++)
			cr_assert_eq(pthread_create(&clients[i], NULL, ask, url), 0);
		for (int i = 0; i < CLIENTS; i++)
			pthread_join(clients[i], NULL);
		ouro_server_stop(server);
		ouro_server_stop(server);
		ouro_server_destroy(server);
	}
}

Test(start, a_server_can_be_stopped_while_nobody_has_come)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = THREADS,
		.backend = OURO_BACKEND_EPOLL,
		.connections_max = 256,
		.log_level = OURO_LOG_WARNING,
	};
	struct ouro_server *server;

	cr_assert_eq(ouro_server_create(&server, &options), 0);
	for (int round = 0; round < ROUNDS; round++) {
		cr_assert_eq(ouro_server_start(server), 0);
		cr_assert_eq(ouro_server_start(server), -EALREADY);
		ouro_server_stop(server);
	}
	ouro_server_destroy(server);
}

Test(start, threads_answer_and_end_on_epoll)
{
	run_rounds(OURO_BACKEND_EPOLL);
}

Test(start, threads_answer_and_end_on_uring)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count;
	int err = ouro_features_probe(features, &count);

	if (err)
		fprintf(stderr, "skipped: %s\n", ouro_features_explain(err));
	else
		run_rounds(OURO_BACKEND_URING);
}
