/* The connection, the file, the process at the other end and the helping thread. */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	RING_ENTRIES = 8,
	PAGE_BYTES = 4096,
	DROP_BYTES_MAX = 1 << 30,
	PAUSE_NS = 20000,
	LOOKS_MAX = 1 << 30,
	EVICT_PAUSES_MAX = 50000,
};

struct helper {
	pthread_t thread;
	int wanted; /* eventfds */
	int done;
	int file;
	off_t offset;
	size_t len;  /* 0: end */
	int pipe_in; /* -1: read */
	ssize_t result;
	char *buf; /* RIG_WINDOW_BYTES */
};

uint64_t rig_clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pause_shortly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
}

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* ---- The other end ---- */

/* Never sleeps, so that the sender does not pay for waking it; asks by poll(), which unlike recv()
 * takes no lock on a socket that has nothing. */
static _Noreturn void run_peer(int sock, int cpu, uint64_t *received)
{
	struct pollfd pollfd = { .fd = sock, .events = POLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pin(cpu))
		_exit(1);
	for (;;) {
		if (poll(&pollfd, 1, 0) <= 0)
			continue;
		ssize_t got = recv(sock, NULL, DROP_BYTES_MAX, MSG_TRUNC | MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			_exit(0);
		if (got > 0)
			__atomic_add_fetch(received, (uint64_t)got, __ATOMIC_RELEASE);
	}
}

/* Two ends of one connection over loopback. */
static int connect_pair(int *a, int *b)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int one = 1;
	int err = 0;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*b = -1;
	if (listener < 0 || *a < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(*a, (struct sockaddr *)&addr, sizeof(addr)))
		err = -errno;
	if (!err)
		*b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (!err && (*b < 0 || setsockopt(*a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))))
		err = -errno;
	if (listener >= 0)
		close(listener);
	return err;
}

static int start_peer(struct rig *rig, int cpu)
{
	int other;
	int err = connect_pair(&rig->sock, &other);

	if (!err)
		rig->peer = fork();
	if (!err && rig->peer == 0) {
		close(rig->sock);
		run_peer(other, cpu, rig->received);
	}
	if (!err && rig->peer < 0)
		err = -errno;
	if (other >= 0)
		close(other);
	return err ? err : rig_set_blocking(rig, false);
}

int rig_set_blocking(struct rig *rig, bool blocking)
{
	return fcntl(rig->sock, F_SETFL, blocking ? 0 : O_NONBLOCK) ? -errno : 0;
}

int rig_wait_writable(struct rig *rig)
{
	struct pollfd pollfd = { .fd = rig->sock, .events = POLLOUT };

	if (poll(&pollfd, 1, -1) < 0)
		return -errno;
	return pollfd.revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

int rig_catch_up(const struct rig *rig)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		if (__atomic_load_n(rig->received, __ATOMIC_ACQUIRE) == rig->sent)
			return 0;
	}
	return -ETIMEDOUT;
}

/* ---- The helper ---- */

/* What of the range was read or moved, which is all of it, or a negative errno. */
static ssize_t help(const struct helper *helper)
{
	off_t offset = helper->offset;
	size_t at = 0;

	while (at < helper->len) {
		size_t rest = helper->len - at;
		ssize_t got;
		if (helper->pipe_in < 0)
			got = pread(helper->file, helper->buf, rest, offset + (off_t)at);
		else
			got = splice(helper->file, &offset, helper->pipe_in, NULL, rest, 0);
		if (got <= 0)
			return got ? -errno : -EIO;
		at += (size_t)got;
	}
	return (ssize_t)at;
}

static void *run_helper(void *arg)
{
	struct helper *helper = arg;
	uint64_t count;

	while (read(helper->wanted, &count, sizeof(count)) == sizeof(count) && helper->len) {
		helper->result = help(helper);
		count = 1;
		if (write(helper->done, &count, sizeof(count)) != sizeof(count))
			abort();
	}
	return NULL;
}

static int start_helper(struct rig *rig)
{
	struct helper *helper = calloc(1, sizeof(*helper));

	if (!helper)
		return -ENOMEM;
	helper->wanted = eventfd(0, EFD_CLOEXEC);
	helper->done = eventfd(0, EFD_CLOEXEC);
	helper->buf = malloc(RIG_WINDOW_BYTES);
	int err = helper->buf && helper->wanted >= 0 && helper->done >= 0 ? 0 : -ENOMEM;
	if (!err)
		err = -pthread_create(&helper->thread, NULL, run_helper, helper);
	if (!err) {
		rig->helper = helper;
		return 0;
	}
	free(helper->buf);
	free(helper);
	return err;
}

int rig_help(struct rig *rig, off_t offset, size_t len, const struct rig_pipe *pipe)
{
	struct helper *helper = rig->helper;
	uint64_t one = 1;

	helper->file = rig->file;
	helper->offset = offset;
	helper->len = len;
	helper->pipe_in = pipe ? pipe->in : -1;
	return write(helper->wanted, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

ssize_t rig_helped(struct rig *rig)
{
	uint64_t count;

	if (read(rig->helper->done, &count, sizeof(count)) != sizeof(count))
		return -errno;
	return rig->helper->result;
}

static void stop_helper(struct rig *rig)
{
	if (!rig->helper)
		return;
	rig_help(rig, 0, 0, NULL);
	pthread_join(rig->helper->thread, NULL);
	close(rig->helper->wanted);
	close(rig->helper->done);
	free(rig->helper->buf);
	free(rig->helper);
}

/* ---- The file ---- */

static int fill_file(struct rig *rig)
{
	for (size_t i = 0; i < rig->file_size; i++)
		rig->memory[i] = (char)(i * 131 + 1);
	for (size_t at = 0; at < rig->file_size;) {
		ssize_t wrote = write(rig->file, rig->memory + at, rig->file_size - at);
		if (wrote < 0)
			return -errno;
		at += (size_t)wrote;
	}
	/* What is dirty cannot be evicted. */
	return fsync(rig->file) ? -errno : 0;
}

int rig_open_file(struct rig *rig, const char *dir, size_t size)
{
	rig->file_size = size;
	rig->map = MAP_FAILED;
	rig->memory = malloc(size);
	rig->file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int err = rig->file < 0 ? -errno : rig->memory ? 0 : -ENOMEM;
	if (!err)
		err = fill_file(rig);
	if (!err)
		rig->map = mmap(NULL, size, PROT_READ, MAP_SHARED, rig->file, 0);
	if (!err && rig->map == MAP_FAILED)
		err = -errno;
	if (err)
		rig_close_file(rig);
	return err;
}

void rig_close_file(struct rig *rig)
{
	if (rig->map != MAP_FAILED)
		munmap(rig->map, rig->file_size);
	if (rig->file >= 0)
		close(rig->file);
	free(rig->memory);
	rig->memory = NULL;
}

static bool is_cached(const struct rig *rig, unsigned char *pages, size_t count)
{
	if (mincore(rig->map, rig->file_size, pages))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (pages[i] & 1)
			return true;
	}
	return false;
}

/* What has been sent by reference is freed where it was sent from, but only when that processor next
 * receives: until then its pages cannot be evicted. A byte over loopback makes it receive. */
static int let_go(struct rig *rig)
{
	ssize_t sent = send(rig->sock, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0)
		return -errno;
	rig->sent += (size_t)sent;
	return rig_catch_up(rig);
}

int rig_evict(struct rig *rig)
{
	size_t count = (rig->file_size + PAGE_BYTES - 1) / PAGE_BYTES;
	unsigned char *pages = malloc(count);
	int err = pages ? -EBUSY : -ENOMEM;

	for (int i = 0; err == -EBUSY && i < EVICT_PAUSES_MAX; i++) {
		int failed = let_go(rig);
		posix_fadvise(rig->file, 0, 0, POSIX_FADV_DONTNEED);
		if (failed)
			err = failed;
		else if (!is_cached(rig, pages, count))
			err = 0;
		else
			pause_shortly();
	}
	free(pages);
	return err;
}

/* ---- All of it ---- */

static int open_pipe(struct rig_pipe *pipe, size_t size)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*pipe = (struct rig_pipe){ .out = fds[0], .in = fds[1], .size = size };
	return fcntl(fds[1], F_SETPIPE_SZ, (int)size) < 0 ? -errno : 0;
}

int rig_init(struct rig *rig, int loop_cpu, int peer_cpu)
{
	*rig = (struct rig){ .sock = -1, .file = -1, .map = MAP_FAILED };
	rig->buf = malloc(RIG_WINDOW_BYTES);
	rig->received =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err = rig->buf && rig->received != MAP_FAILED ? 0 : -ENOMEM;
	if (!err)
		err = start_peer(rig, peer_cpu);
	if (!err)
		err = pin(loop_cpu);
	if (!err)
		err = start_helper(rig);
	if (!err)
		err = open_pipe(&rig->narrow, RIG_PIPE_BYTES);
	if (!err)
		err = open_pipe(&rig->wide, RIG_WIDE_BYTES);
	if (!err)
		err = io_uring_queue_init(RING_ENTRIES, &rig->ring, 0);
	return err;
}

/* Descriptors and memory go with the program, which ends after this. */
void rig_fini(struct rig *rig)
{
	stop_helper(rig);
	if (rig->sock >= 0)
		close(rig->sock);
	if (rig->peer > 0)
		waitpid(rig->peer, NULL, 0);
}
