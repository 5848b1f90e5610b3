/* What every kind of target does: connect, count, account. */
#include "target_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* A server is at rest when its CPU time stands still for one pause. */
	REST_PAUSE_NS = 100000,
	REST_PAUSES_MAX = 100,
};

static const struct target_ops *const kinds[] = {
	[TARGET_HTTP] = &target_http,
	[TARGET_ECHO] = &target_echo,
	[TARGET_BROADCAST] = &target_broadcast,
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t target_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static bool is_told(struct target *target, enum target_error_kind kind)
{
	unsigned bit = 1u << kind;
	bool told = target->opt->tolerate ? target->told & bit : target->slice.error_count > 0;

	target->told |= bit;
	return told;
}

void target_error(struct target *target, enum target_error_kind kind, const char *format, ...)
{
	bool told = is_told(target, kind);
	va_list args;

	target->slice.error_count++;
	target->slice.errors[kind]++;
	if (told)
		return;
	va_start(args, format);
	fprintf(stderr, "%s: ", target->opt->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int target_connect(const struct target *target)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = TARGET_STALL_MS / 1000 };

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

/* CPU time of all threads of all of its processes. */
static uint64_t cpu_now_ns(const struct target *target)
{
	uint64_t ns = 0;

	for (unsigned i = 0; i < target->opt->pid_count; i++)
		ns += clock_ns(target->cpu_clocks[i]);
	return ns;
}

uint64_t target_cpu_at_rest(const struct target *target)
{
	struct timespec pause = { .tv_nsec = REST_PAUSE_NS };
	uint64_t cpu_ns = cpu_now_ns(target);

	for (int i = 0; i < REST_PAUSES_MAX; i++) {
		uint64_t before = cpu_ns;
		nanosleep(&pause, NULL);
		cpu_ns = cpu_now_ns(target);
		if (cpu_ns == before)
			break;
	}
	return cpu_ns;
}

void target_drive(struct target *target, uint64_t slice_ns, struct target_slice *out)
{
	struct target_slice slice = { .error_count = target->slice.error_count };

	/* An error since the last slice is one of this. */
	memcpy(slice.errors, target->slice.errors, sizeof(slice.errors));
	target->slice = slice;
	target->ops->drive(target, slice_ns);
	*out = target->slice;
	target->slice.error_count = 0;
	memset(target->slice.errors, 0, sizeof(target->slice.errors));
}

/* Adds the ticks of one process to @out. */
static int add_ticks(pid_t pid, struct target_ticks *out)
{
	char path[64];
	char line[1024];

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
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
	out->user += strtoull(at, &end, 10);
	out->system += strtoull(end, NULL, 10);
	return 0;
}

int target_ticks(const struct target *target, struct target_ticks *out)
{
	int err = 0;

	*out = (struct target_ticks){ 0 };
	for (unsigned i = 0; !err && i < target->opt->pid_count; i++)
		err = add_ticks(target->opt->pids[i], out);
	return err;
}

uint64_t target_response_len(const struct target *target)
{
	return target->response_len;
}

const struct times *target_times(const struct target *target, enum target_times which)
{
	return &target->times[which];
}

void target_forget_times(struct target *target)
{
	for (size_t i = 0; i < TARGET_TIMES_COUNT; i++)
		times_clear(&target->times[i]);
}

static int open_target(struct target *target, const char **what)
{
	int err;

	*what = "address";
	target->addr.sin_family = AF_INET;
	target->addr.sin_port = htons(target->opt->port);
	if (inet_pton(AF_INET, target->opt->host, &target->addr.sin_addr) != 1)
		return -EINVAL;
	*what = "process";
	for (unsigned i = 0; i < target->opt->pid_count; i++) {
		err = -clock_getcpuclockid(target->opt->pids[i], &target->cpu_clocks[i]);
		if (err)
			return err;
	}
	*what = "epoll";
	target->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return target->epoll_fd < 0 ? -errno : target->ops->open(target, what);
}

static struct target *create(const struct target_ops *ops, const struct target_options *opt)
{
	struct target *target = calloc(1, ops->bytes);
	const char *what;
	int err;

	if (!target)
		return NULL;
	target->ops = ops;
	target->opt = opt;
	target->epoll_fd = -1;
	err = open_target(target, &what);
	if (err) {
		fprintf(stderr, "%s: %s: %s\n", opt->name, what, strerror(-err));
		target_destroy(target);
		return NULL;
	}
	return target;
}

struct target *target_create_here(const struct target_options *opt)
{
	return create(kinds[opt->kind], opt);
}

struct target *target_create(const struct target_options *opt)
{
	return create(opt->kind == TARGET_BROADCAST ? &target_apart : kinds[opt->kind], opt);
}

void target_destroy(struct target *target)
{
	if (!target)
		return;
	target->ops->close(target);
	if (target->epoll_fd >= 0)
		close(target->epoll_fd);
	free(target);
}
