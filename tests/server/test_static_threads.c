/* Static files while others replace them: two loops, looks by other threads throughout, caches too small for
 * all that is asked for. Whatever comes is one version of a file, whole. */
#include "engine/features.h"
#include "file/tree.h"
#include "ouro.h"
#include "server/server_private.h"
#include "server/static.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CLIENTS = 3,
	REQUESTS = 120,
	FILES = 24,
	SMALL_BYTES = 50,
	LARGE_BYTES = 20000,
	NAP_US = 300
};

/* The thread sanitizer does not see openat(2) and openat2(2), so that it must not see what is done with their
 * descriptors either, or numbers that come back look like a race. What closes directories cannot be kept
 * from it, nor can what a ring accepts be shown to it: these are left out. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sys/stat.h>
#include <sys/syscall.h>
int close(int fd)
{
	return (int)syscall(SYS_close, fd);
}
int fstat(int fd, struct stat *stat)
{
	return (int)syscall(SYS_newfstatat, fd, "", stat, AT_EMPTY_PATH);
}
enum { SANITIZED = 1 };
#define THREAD_SANITIZED 1
#endif
#endif
#ifndef THREAD_SANITIZED
enum { SANITIZED = 0 };
#endif

static struct ouro_server *served;
static atomic_bool ending;
static atomic_int whole, refused;

/* File @index, whose bytes are all the same, put in the place of what was there. */
static void put_file(int index, char byte)
{
	static char content[LARGE_BYTES + 1];
	char name[16];

	memset(content, byte, index % 2 ? LARGE_BYTES : SMALL_BYTES);
	content[index % 2 ? LARGE_BYTES : SMALL_BYTES] = '\0';
	snprintf(name, sizeof(name), "f%d", index);
	tree_file("new", content);
	tree_rename("new", name);
}

static void *replace(void *arg)
{
	(void)arg;
	for (int i = 0; !atomic_load(&ending); i++) {
		put_file(i % FILES, (char)('a' + i % 26));
		usleep(NAP_US);
	}
	return NULL;
}

static void create(enum ouro_backend_choice backend)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = 2,
		.backend = backend,
		.connections_max = 128,
		.log_level = OURO_LOG_WARNING,
	};
	const struct ouro_files_options files = {
		.cached_files_max = FILES / 3,
		.revalidate_ms = 1,
		.memory_bytes_max = SMALL_BYTES,
		.precompressed = true,
		.list = !SANITIZED,
	};

	cr_assert_eq(ouro_server_create(&served, &options), 0);
	cr_assert_eq(ouro_server_files(served, "/", ".", &files), 0);
	/* Compiled; and from now on nothing can be said at once. */
	cr_assert_geq(ouro_server_routes(served, NULL, 0), 1);
	served->files->root.walk = true;
}

static int connect_to_served(void)
{
	const char *url = ouro_server_address(served, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* All that comes from @fd, terminated; it may be cut to @room. */
static void read_all(int fd, char *out, size_t room)
{
	size_t done = 0;
	ssize_t got;

	while (done < room - 1 && (got = read(fd, out + done, room - 1 - done)) > 0)
		done += (size_t)got;
	out[done] = '\0';
}

static void check_answer(int index, char *answer)
{
	size_t expected = index % 2 ? LARGE_BYTES : SMALL_BYTES;
	char *body = strstr(answer, "\r\n\r\n");

	if (strncmp(answer, "HTTP/1.1 503", 12) == 0) {
		atomic_fetch_add(&refused, 1);
		return;
	}
	if (!body || strncmp(answer, "HTTP/1.1 200", 12) != 0 || strlen(body + 4) != expected ||
	    strspn(body + 4, (char[]){ body[4], '\0' }) != expected) {
		fprintf(stderr, "file %d: %.300s\n", index, answer);
		return;
	}
	atomic_fetch_add(&whole, 1);
}

static void *ask(void *arg)
{
	char *answer = malloc(2 * LARGE_BYTES);
	int seed = *(int *)arg;

	for (int i = 0; i < REQUESTS; i++) {
		int index = (i * 7 + seed * 5) % FILES, fd = connect_to_served();
		char request[256];
		int len = snprintf(request, sizeof(request),
				   "GET /%s%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
				   "Accept-Encoding: gzip\r\n\r\n",
				   i % 10 ? "f" : "?f", index);

		cr_assert_eq(write(fd, request, (size_t)len), len);
		if (i % 6 == 5) /* some leave before their answer */
			shutdown(fd, SHUT_RDWR);
		read_all(fd, answer, 2 * LARGE_BYTES);
		if (i % 6 != 5 && i % 10)
			check_answer(index, answer);
		close(fd);
	}
	free(answer);
	return NULL;
}

static void run(enum ouro_backend_choice backend)
{
	pthread_t clients[CLIENTS], replacer;
	int seeds[CLIENTS], asked = 0;

	tree_create();
	for (int i = 0; i < FILES; i++)
		put_file(i, 'A');
	create(backend);
	cr_assert_eq(ouro_server_start(served), 0);
	pthread_create(&replacer, NULL, replace, NULL);
	for (int i = 0; i < CLIENTS; i++) {
		seeds[i] = i;
		pthread_create(&clients[i], NULL, ask, &seeds[i]);
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	atomic_store(&ending, true);
	pthread_join(replacer, NULL);
	ouro_server_stop(served);
	ouro_server_destroy(served);
	for (int i = 0; i < REQUESTS; i++)
		asked += CLIENTS * (i % 6 != 5 && i % 10);
	cr_assert_eq(atomic_load(&whole) + atomic_load(&refused), asked);
	cr_assert_gt(atomic_load(&whole), asked / 2);
	tree_remove();
}

Test(static_threads, whatever_comes_is_one_version_on_epoll)
{
	run(OURO_BACKEND_EPOLL);
}

Test(static_threads, whatever_comes_is_one_version_on_uring)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count;
	int err = ouro_features_probe(features, &count);

	if (err)
		fprintf(stderr, "skipped: %s\n", ouro_features_explain(err));
	else if (SANITIZED)
		fprintf(stderr, "skipped: the sanitizer sees no descriptors of a ring\n");
	else
		run(OURO_BACKEND_URING);
}
