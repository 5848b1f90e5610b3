/* A server: routes and addresses before the start, workers while it runs. */
#include "engine/features.h"
#include "proto/secret.h"
#include "server/crash.h"
#include "server/rooms.h"
#include "server/rooms_redis.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <fcntl.h>
#include <llhttp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_URL "tcp://127.0.0.1:8080"

enum {
	BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
	MESSAGE_BYTES = 256,
	/* A server that has just gone may hold its port for some milliseconds: closing a ring
	 * goes on after the process has ended. */
	BIND_TRIES = 20,
	BIND_RETRY_US = 10000,
};

static void map_methods(struct ouro_server *server)
{
	for (size_t i = 0; i < sizeof(server->methods) / sizeof(server->methods[0]); i++)
		server->methods[i] = OURO_METHOD_COUNT;
#define MAP_METHOD(number, name, string)                                                           \
	server->methods[number] = ouro_method_lookup(OURO_STR(#string));
	HTTP_METHOD_MAP(MAP_METHOD)
#undef MAP_METHOD
}

int ouro_server_create(struct ouro_server **out, const struct ouro_options *options)
{
	struct ouro_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	if (options)
		server->log =
			(struct ouro_log){ options->log, options->log_arg, options->log_level };
	err = ouro_options_resolve(options, &server->options, &server->log);
	if (err)
		goto free_server;
	server->limits = (struct ouro_http1_limits){
		.head_bytes_max = server->options.head_bytes_max,
		.target_bytes_max = server->options.target_bytes_max,
		.fields_max = server->options.fields_max,
		.body_bytes_max = server->options.body_bytes_max,
	};
	err = -ENOMEM;
	server->root = ouro_group_new(&server->log);
	if (!server->root)
		goto free_server;
	if (server->options.listen) {
		err = ouro_server_listen(server, server->options.listen);
		if (err)
			goto unref_root;
	}
	err = ouro_rooms_create(server);
	if (err)
		goto unref_root;
	/* They may have a password, and are not needed any more. */
	server->options.hub = server->options.hub_prefix = NULL;
	map_methods(server);
	pthread_mutex_init(&server->life_lock, NULL);
	pthread_mutex_init(&server->start_lock, NULL);
	pthread_cond_init(&server->start_done, NULL);
	*out = server;
	return 0;
unref_root:
	ouro_group_unref(server->root);
free_server:
	free(server);
	return err;
}

void ouro_server_destroy(struct ouro_server *server)
{
	if (!server)
		return;
	ouro_server_stop(server);
	ouro_server_forget_routes(server);
	ouro_group_unref(server->root);
	ouro_rooms_destroy(server);
	ouro_secret_destroy(server->secret);
	pthread_mutex_destroy(&server->life_lock);
	pthread_mutex_destroy(&server->start_lock);
	pthread_cond_destroy(&server->start_done);
	free(server);
}

int ouro_server_listen(struct ouro_server *server, const char *url)
{
	char message[MESSAGE_BYTES];
	int err;

	if (server->running)
		return -EALREADY;
	if (server->address_count == OURO_LISTENERS_MAX) {
		ouro_log(&server->log, OURO_LOG_ERROR, "a server listens at no more than %d places",
			 OURO_LISTENERS_MAX);
		return -EINVAL;
	}
	err = ouro_address_parse(url, &server->addresses[server->address_count], message,
				 sizeof(message));
	if (err)
		ouro_log(&server->log, OURO_LOG_ERROR, "%s", message);
	else
		server->address_count++;
	return err;
}

void ouro_server_report_start(struct ouro_server *server, int error)
{
	pthread_mutex_lock(&server->start_lock);
	server->reported++;
	if (error && !server->start_error)
		server->start_error = error;
	pthread_cond_signal(&server->start_done);
	pthread_mutex_unlock(&server->start_lock);
}

/* ---- Sockets ---- */

static int listen_at(struct ouro_server *server, size_t index, bool first)
{
	struct ouro_address *address = &server->addresses[index];
	int fd = -EADDRINUSE;

	for (int i = 0; i < BIND_TRIES && fd == -EADDRINUSE; i++) {
		if (i > 0)
			usleep(BIND_RETRY_US);
		fd = first ? ouro_address_probe(address) : 0;
		if (fd == 0)
			fd = ouro_address_listen(address, true, BACKLOG);
	}
	if (fd < 0)
		return fd;
	if (first) {
		ouro_address_of(fd, server->urls[index]);
		/* Port 0 became a real one, which the other workers' sockets must share. */
		if (address->kind == OURO_ADDRESS_TCP) {
			address->len = sizeof(address->sockaddr);
			getsockname(fd, (struct sockaddr *)&address->sockaddr, &address->len);
		}
	}
	return fd;
}

/* The socket of @worker at address @index: its own where the kernel can spread connections over
 * several, else a duplicate of the first worker's. */
static int open_socket_of(struct ouro_server *server, struct ouro_worker *worker, size_t index)
{
	int fd;

	if (worker->index == 0)
		return listen_at(server, index, true);
	if (server->addresses[index].kind == OURO_ADDRESS_TCP)
		return listen_at(server, index, false);
	fd = fcntl(server->workers[0].listen_fds[index], F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int open_sockets(struct ouro_server *server)
{
	for (uint32_t w = 0; w < server->worker_count; w++) {
		struct ouro_worker *worker = &server->workers[w];

		for (size_t i = 0; i < server->address_count; i++) {
			int fd = open_socket_of(server, worker, i);

			if (fd < 0) {
				char text[OURO_ADDRESS_TEXT_MAX] = "an inherited socket";

				if (server->addresses[i].kind == OURO_ADDRESS_TCP)
					ouro_address_print(&server->addresses[i].sockaddr, text);
				ouro_log(&server->log, OURO_LOG_ERROR, "cannot listen at %s: %s%s",
					 text, strerror(-fd),
					 fd == -EADDRINUSE ? " (does another server run there?)"
							   : "");
				return fd;
			}
			worker->listen_fds[i] = fd;
		}
	}
	return 0;
}

/* ---- Workers ---- */

/* The nth CPU that this process may run on, or -1. */
static int nth_cpu(uint32_t n)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) == 0)
		return -1;
	n %= (uint32_t)CPU_COUNT(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set) && n-- == 0)
			return cpu;
	return -1;
}

static void free_workers(struct ouro_server *server)
{
	for (uint32_t w = 0; w < server->worker_count; w++) {
		struct ouro_worker *worker = &server->workers[w];

		for (size_t i = 0; worker->listen_fds && i < server->address_count; i++)
			if (worker->listen_fds[i] >= 0)
				close(worker->listen_fds[i]);
		free(worker->listen_fds);
		free(worker->listeners);
	}
	/* First: a job of a loop that failed may still tell it that it is done. */
	ouro_offload_destroy(server->offload);
	server->offload = NULL;
	free(server->workers);
	server->workers = NULL;
	server->worker_count = 0;
}

static int init_worker(struct ouro_server *server, uint32_t index)
{
	struct ouro_worker *worker = &server->workers[index];
	size_t count = server->address_count;

	worker->server = server;
	worker->index = index;
	worker->cpu = server->options.pin_threads ? nth_cpu(index) : -1;
	worker->listeners = calloc(count, sizeof(*worker->listeners));
	worker->listen_fds = malloc(count * sizeof(*worker->listen_fds));
	if (!worker->listeners || !worker->listen_fds)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		worker->listen_fds[i] = -1;
	return 0;
}

static int create_workers(struct ouro_server *server)
{
	uint32_t count = server->options.threads;
	int err = ouro_offload_create(&server->offload, server->options.offload_threads,
				      server->options.offload_queue_max);

	if (err)
		return err;
	server->workers = aligned_alloc(64, (count * sizeof(*server->workers) + 63) / 64 * 64);
	if (!server->workers)
		return -ENOMEM;
	memset(server->workers, 0, count * sizeof(*server->workers));
	server->worker_count = count;
	for (uint32_t w = 0; w < count && !err; w++)
		err = init_worker(server, w);
	return err ? err : open_sockets(server);
}

/* Starts all threads and waits until each has begun or failed. */
static int start_workers(struct ouro_server *server)
{
	uint32_t started = 0;
	int err = 0;

	if (server->embedded)
		return ouro_worker_open(&server->workers[0]);
	server->reported = 0;
	server->start_error = 0;
	while (started < server->worker_count && !err) {
		err = ouro_worker_start(&server->workers[started]);
		started += !err;
	}
	pthread_mutex_lock(&server->start_lock);
	while (server->reported < started)
		pthread_cond_wait(&server->start_done, &server->start_lock);
	pthread_mutex_unlock(&server->start_lock);
	return err ? err : server->start_error;
}

static void stop_workers(struct ouro_server *server)
{
	for (uint32_t w = 0; w < server->worker_count; w++)
		if (server->workers[w].started && !atomic_load(&server->workers[w].failed))
			ouro_worker_drain(&server->workers[w]);
	for (uint32_t w = server->worker_count; w-- > 0;) {
		struct ouro_worker *worker = &server->workers[w];

		/* What all the others have published, the first sees off. */
		if (w == 0 && worker->started && !atomic_load(&worker->failed))
			ouro_rooms_redis_be_last(server);
		if (worker->started)
			pthread_join(worker->thread, NULL);
	}
}

/* Those that were listened at: a path that another server listens at stays. */
static void remove_unix_paths(const struct ouro_server *server)
{
	for (size_t i = 0; i < server->address_count; i++)
		if (server->addresses[i].kind == OURO_ADDRESS_UNIX && server->urls[i][0])
			unlink(server->urls[i] + strlen("unix:"));
}

/* Opens the sockets and starts the threads on server->backend, or leaves nothing behind.
 * @began: whether the sockets were not what failed. */
static int start_on_backend(struct ouro_server *server, bool *began)
{
	int err;

	memset(server->urls, 0, sizeof(server->urls));
	err = create_workers(server);
	*began = err == 0;
	if (!err) {
		err = start_workers(server);
		if (err)
			stop_workers(server);
	}
	if (err) {
		remove_unix_paths(server);
		free_workers(server);
	}
	return err;
}

/* Some limits are met only when all the rings are open. All threads then use epoll, since two
 * backends want different things of a socket that they share. */
static int start_or_fall_back(struct ouro_server *server)
{
	bool began;
	int err = start_on_backend(server, &began);

	if (err && began && server->may_fall_back && server->backend != &ouro_backend_epoll) {
		ouro_log(&server->log, OURO_LOG_INFO, "using epoll: %s",
			 ouro_features_explain(err));
		server->backend = &ouro_backend_epoll;
		err = start_on_backend(server, &began);
	}
	if (err && began)
		ouro_log(&server->log, OURO_LOG_ERROR, "cannot start: %s", strerror(-err));
	return err;
}

static void drain_workers(struct ouro_server *server)
{
	for (uint32_t w = 0; w < server->worker_count; w++)
		if (!atomic_load(&server->workers[w].failed))
			ouro_worker_drain(&server->workers[w]);
}

static void begin_start(struct ouro_server *server)
{
	pthread_mutex_lock(&server->life_lock);
	server->starting = true;
	server->shutdown_asked = false;
	pthread_mutex_unlock(&server->life_lock);
}

/* A handler may have asked for the end already, while others of the workers were still to come. */
static void end_start(struct ouro_server *server, bool running)
{
	pthread_mutex_lock(&server->life_lock);
	server->starting = false;
	server->running = running;
	if (running && server->shutdown_asked)
		drain_workers(server);
	pthread_mutex_unlock(&server->life_lock);
}

int ouro_server_open(struct ouro_server *server, bool embedded)
{
	int err;

	if (server->running)
		return -EALREADY;
	server->embedded = embedded;
	server->stopped = false;
	if (server->address_count == 0) {
		err = ouro_server_listen(server, DEFAULT_URL);
		if (err)
			return err;
	}
	begin_start(server);
	err = ouro_server_compile(server);
	if (!err)
		err = ouro_static_open_roots(server);
	if (!err)
		err = ouro_server_choose_backend(server);
	if (!err)
		err = start_or_fall_back(server);
	if (err)
		ouro_static_close_roots(server);
	end_start(server, err == 0);
	if (err)
		return err;
	for (size_t i = 0; i < server->address_count; i++)
		ouro_log(&server->log, OURO_LOG_INFO, "listening on %s (%s, %u thread%s)",
			 server->urls[i], server->backend->name, server->worker_count,
			 server->worker_count == 1 ? "" : "s");
	return 0;
}

int ouro_server_start(struct ouro_server *server)
{
	return ouro_server_open(server, false);
}

void ouro_server_close(struct ouro_server *server)
{
	pthread_mutex_lock(&server->life_lock);
	server->running = false;
	pthread_mutex_unlock(&server->life_lock);
	remove_unix_paths(server);
	free_workers(server);
	ouro_static_close_roots(server);
}

void ouro_server_stop(struct ouro_server *server)
{
	if (!server->running)
		return;
	if (server->embedded) {
		ouro_embedded_stop(server);
		return;
	}
	stop_workers(server);
	ouro_server_close(server);
}

void ouro_server_shutdown(struct ouro_server *server)
{
	pthread_mutex_lock(&server->life_lock);
	if (server->is_run)
		pthread_kill(server->runner, SIGTERM);
	else if (server->running)
		drain_workers(server);
	else if (server->starting)
		server->shutdown_asked = true;
	pthread_mutex_unlock(&server->life_lock);
}

static void set_run(struct ouro_server *server, bool is_run)
{
	pthread_mutex_lock(&server->life_lock);
	server->runner = pthread_self();
	server->is_run = is_run;
	pthread_mutex_unlock(&server->life_lock);
}

int ouro_server_run(struct ouro_server *server)
{
	const struct timespec now = { 0 };
	sigset_t ends, before;
	int err, number;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, &before);
	set_run(server, true);
	ouro_crash_install();
	err = ouro_server_start(server);
	if (!err) {
		sigwait(&ends, &number);
		ouro_log(&server->log, OURO_LOG_INFO, "stopping: signal %d", number);
		ouro_server_stop(server);
	}
	ouro_crash_uninstall();
	set_run(server, false);
	/* Those that came while it stopped meant what has been done, not the program's end. */
	while (sigtimedwait(&ends, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

const char *ouro_server_address(const struct ouro_server *server, size_t index)
{
	return server->running && index < server->address_count ? server->urls[index] : NULL;
}

const char *ouro_server_backend(const struct ouro_server *server)
{
	return server->backend ? server->backend->name : NULL;
}
