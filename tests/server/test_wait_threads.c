/* Other threads that resume and post while connections come and go, and servers that end in every way with
 * handlers that wait: two loops each, on both backends. */
#include "engine/features.h"
#include "ouro.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 3, REQUESTS = 60, TELLERS = 2, NAMES = 32, ROUNDS = 3, NAP_US = 200 };

/* The thread sanitizer sees no accept of a ring: two loops that close a number one after the other look
 * like a race, which it cannot even report. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { RING_LOOPS = 1 };
#define ONE_RING_LOOP 1
#endif
#endif
#ifndef ONE_RING_LOOP
enum { RING_LOOPS = 2 };
#endif

static struct ouro_server *served;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ouro_ref names[NAMES];
static uint32_t name_count;
static atomic_bool ending;
static atomic_int posted, arrived, waiting, cancelled, begun, deferred;

static void note_name(struct ouro_ref ref)
{
	pthread_mutex_lock(&names_lock);
	names[name_count++ % NAMES] = ref;
	pthread_mutex_unlock(&names_lock);
}

static struct ouro_ref name_at(uint32_t index)
{
	struct ouro_ref ref;

	pthread_mutex_lock(&names_lock);
	ref = names[index % NAMES];
	pthread_mutex_unlock(&names_lock);
	return ref;
}

static void count_deferred(void *arg)
{
	(void)arg;
	atomic_fetch_add(&deferred, 1);
}

static void waits(struct ouro_ctx *ctx)
{
	atomic_fetch_add(&begun, 1);
	ouro_defer(ctx, count_deferred, NULL);
	note_name(ouro_ref(ctx));
	for (int i = 0; i < 5 && ouro_wait(ctx, 5) >= 0; i++)
		;
	ouro_text(ctx, 200, OURO_STR("waited"));
}

static void waits_for_ever(struct ouro_ctx *ctx)
{
	note_name(ouro_ref(ctx));
	atomic_fetch_add(&waiting, 1);
	if (ouro_wait(ctx, OURO_FOREVER) == -ECANCELED)
		atomic_fetch_add(&cancelled, 1);
}

static void job(void *arg)
{
	(void)arg;
	usleep(NAP_US);
}

static void offloads(struct ouro_ctx *ctx)
{
	for (int i = 0; i < 3; i++)
		ouro_offload(ctx, job, NULL, 0);
	ouro_text(ctx, 200, OURO_STR("worked"));
}

static void shuts_down(struct ouro_ctx *ctx)
{
	ouro_server_shutdown(served);
	ouro_text(ctx, 200, OURO_STR("ending"));
	ouro_server_shutdown(served);
}

static void on_post(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	atomic_fetch_add(&arrived, 1);
	if (ctx)
		ouro_set_data(ctx, NULL);
}

static pthread_cond_t listening = PTHREAD_COND_INITIALIZER;
static char logged_url[128]; /* with names_lock */

static void write_log(void *arg, enum ouro_log_level level, const char *line)
{
	const char *url = strstr(line, "tcp://");

	(void)arg;
	if (level >= OURO_LOG_WARNING)
		fprintf(stderr, "%s\n", line);
	if (!url || !strstr(line, "listening"))
		return;
	pthread_mutex_lock(&names_lock);
	snprintf(logged_url, sizeof(logged_url), "%.*s", (int)strcspn(url, " "), url);
	pthread_cond_signal(&listening);
	pthread_mutex_unlock(&names_lock);
}

static void create(enum ouro_backend_choice backend)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = backend == OURO_BACKEND_URING ? RING_LOOPS : 2,
		.backend = backend,
		.connections_max = 128,
		.drain_timeout_ms = 100,
		.log = write_log,
		.log_level = OURO_LOG_INFO,
	};

	memset(names, 0, sizeof(names));
	cr_assert_eq(ouro_server_create(&served, &options), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/wait", waits, NULL), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/ever", waits_for_ever, NULL), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/offload", offloads, NULL), 0);
	cr_assert_eq(ouro_server_route(served, "GET", "/end", shuts_down, NULL), 0);
}

static int connect_to(const char *url)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int send_request(const char *url, const char *path)
{
	int fd = connect_to(url);
	char text[128];
	int len = snprintf(text, sizeof(text),
			   "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path);

	cr_assert_eq(write(fd, text, (size_t)len), len);
	return fd;
}

static void await_end(int fd)
{
	char sink[512];

	while (read(fd, sink, sizeof(sink)) > 0)
		;
}

static void read_to_end(int fd)
{
	await_end(fd);
	close(fd);
}

struct client {
	pthread_t thread;
	const char *url;
	int fds[REQUESTS];
};

/* Every third leaves before its answer. Descriptors stay until the server has ended, for the thread
 * sanitizer's sake as well. */
static void *come_and_go(void *arg)
{
	struct client *client = arg;

	for (int i = 0; i < REQUESTS; i++) {
		int fd = send_request(client->url, i % 4 == 3 ? "/offload" : "/wait");

		client->fds[i] = fd;
		if (i % 3 > 0)
			await_end(fd);
		shutdown(fd, SHUT_RDWR);
	}
	return NULL;
}

static void *tell(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; !atomic_load(&ending); i++) {
		struct ouro_ref ref = name_at(i);

		ouro_resume(ref, (int)(i % 100));
		if (i % 3 == 0 && ouro_post(ref, on_post, NULL) == 0)
			atomic_fetch_add(&posted, 1);
		if (i % 16 == 0)
			usleep(NAP_US);
	}
	return NULL;
}

static void run_tellers(enum ouro_backend_choice backend)
{
	struct client clients[CLIENTS];
	pthread_t tellers[TELLERS];
	char url[128];

	create(backend);
	for (int i = 0; i < TELLERS; i++)
		pthread_create(&tellers[i], NULL, tell, NULL);
	/* They go on telling while the server is stopped, started and gone. */
	for (int round = 0; round < 2; round++) {
		cr_assert_eq(ouro_server_start(served), 0);
		snprintf(url, sizeof(url), "%s", ouro_server_address(served, 0));
		for (int i = 0; i < CLIENTS; i++)
			clients[i].url = url;
		for (int i = 0; i < CLIENTS; i++)
			pthread_create(&clients[i].thread, NULL, come_and_go, &clients[i]);
		for (int i = 0; i < CLIENTS; i++)
			pthread_join(clients[i].thread, NULL);
		ouro_server_stop(served);
		for (int i = 0; i < CLIENTS * REQUESTS; i++)
			close(clients[i / REQUESTS].fds[i % REQUESTS]);
	}
	ouro_server_destroy(served);
	atomic_store(&ending, true);
	for (int i = 0; i < TELLERS; i++)
		pthread_join(tellers[i], NULL);
	cr_assert_eq(atomic_load(&posted), atomic_load(&arrived));
	cr_assert_gt(atomic_load(&posted), 0);
	cr_assert_eq(atomic_load(&begun), atomic_load(&deferred));
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

Test(wait_threads, tell_handlers_that_come_and_go_on_epoll)
{
	run_tellers(OURO_BACKEND_EPOLL);
}

Test(wait_threads, tell_handlers_that_come_and_go_on_uring)
{
	if (has_ring())
		run_tellers(OURO_BACKEND_URING);
}

static void await_waiting(int count)
{
	for (int i = 0; i < 50000 && atomic_load(&waiting) < count; i++)
		usleep(NAP_US);
	cr_assert_eq(atomic_load(&waiting), count);
}

static void stop_while_they_wait(enum ouro_backend_choice backend)
{
	create(backend);
	for (int round = 0; round < ROUNDS; round++) {
		int fds[8];

		cr_assert_eq(ouro_server_start(served), 0);
		atomic_store(&waiting, 0);
		atomic_store(&cancelled, 0);
		for (int i = 0; i < 8; i++)
			fds[i] = send_request(ouro_server_address(served, 0), "/ever");
		await_waiting(8);
		ouro_server_stop(served);
		cr_assert_eq(atomic_load(&cancelled), 8);
		for (int i = 0; i < 8; i++)
			close(fds[i]);
	}
	ouro_server_destroy(served);
}

Test(wait_threads, stop_ends_handlers_that_wait_on_epoll)
{
	stop_while_they_wait(OURO_BACKEND_EPOLL);
}

Test(wait_threads, stop_ends_handlers_that_wait_on_uring)
{
	if (has_ring())
		stop_while_they_wait(OURO_BACKEND_URING);
}

/* ---- Shutting down ---- */

static void *run(void *arg)
{
	*(int *)arg = ouro_server_run(served);
	return NULL;
}

/* What another thread starts is not to be looked at from here; its log says where it listens. */
static void await_url(char url[static sizeof(logged_url)])
{
	pthread_mutex_lock(&names_lock);
	while (!logged_url[0])
		pthread_cond_wait(&listening, &names_lock);
	strcpy(url, logged_url);
	logged_url[0] = '\0';
	pthread_mutex_unlock(&names_lock);
}

Test(wait_threads, a_handler_shuts_down_what_runs)
{
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t thread;
		char url[sizeof(logged_url)];
		int result = 1;

		create(OURO_BACKEND_EPOLL);
		pthread_create(&thread, NULL, run, &result);
		await_url(url);
		read_to_end(send_request(url, "/end"));
		pthread_join(thread, NULL);
		cr_assert_eq(result, 0);
		ouro_server_destroy(served);
	}
}

static void *shut_down_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		ouro_server_shutdown(served);
		usleep(NAP_US * 10);
	}
	return NULL;
}

/* However often, and however late: before it runs, while it stops, and when it has. */
Test(wait_threads, other_threads_shut_down_what_runs)
{
	pthread_t threads[2];
	int result = 1;

	create(OURO_BACKEND_EPOLL);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, shut_down_often, NULL);
	result = ouro_server_run(served);
	cr_assert_eq(result, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ouro_server_destroy(served);
}

Test(wait_threads, a_handler_shuts_down_what_was_started)
{
	char url[128];
	int fd;

	create(OURO_BACKEND_EPOLL);
	cr_assert_eq(ouro_server_start(served), 0);
	snprintf(url, sizeof(url), "%s", ouro_server_address(served, 0));
	fd = send_request(url, "/ever");
	await_waiting(1);
	read_to_end(send_request(url, "/end"));
	/* It ends by itself; stopping it is still the owner's. */
	read_to_end(fd);
	ouro_server_stop(served);
	cr_assert_eq(atomic_load(&cancelled), 1);
	ouro_server_destroy(served);
}

Test(wait_threads, shutting_down_what_does_not_run_does_nothing)
{
	create(OURO_BACKEND_EPOLL);
	ouro_server_shutdown(served);
	cr_assert_eq(ouro_server_start(served), 0);
	read_to_end(send_request(ouro_server_address(served, 0), "/wait"));
	ouro_server_stop(served);
	ouro_server_shutdown(served);
	ouro_server_destroy(served);
}
