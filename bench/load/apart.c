/* A target in a process of its own, which does what it is told to: one process may not have as many files
 * open as there are subscribers to all servers. */
#include "target_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct apart {
	struct target base;
	int fd; /* to the process */
	pid_t pid;
};

/* What the process answers with: once when its connections are open, then to each order, which is the length
 * of a slice. */
struct answer {
	struct target_slice slice;
	struct times times[TARGET_TIMES_COUNT]; /* of this slice */
};

static struct apart *apart_of(struct target *target)
{
	return (struct apart *)(void *)target;
}

static bool send_all(int fd, const void *data, size_t len)
{
	for (const char *at = data; len > 0;) {
		ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		at += sent;
		len -= (size_t)sent;
	}
	return true;
}

static bool recv_all(int fd, void *data, size_t len)
{
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

/* ---- The process ---- */

/* Waits for an order. Pings that come meanwhile are answered: until it is this server's turn all others may
 * open their connections. False: there will be none any more. */
static bool wait_for_order(int fd, struct target *target, uint64_t *slice_ns)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = target->epoll_fd, .events = POLLIN } };

	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			target->ops->idle(target);
	} while (!fds[0].revents);
	return recv_all(fd, slice_ns, sizeof(*slice_ns));
}

static _Noreturn void serve(int fd, const struct target_options *opt)
{
	static struct answer answer;
	struct target *target = target_create_here(opt);
	uint64_t slice_ns;

	if (!target || !send_all(fd, &answer, sizeof(answer)))
		_exit(1);
	while (wait_for_order(fd, target, &slice_ns)) {
		target_forget_times(target);
		target_drive(target, slice_ns, &answer.slice);
		for (size_t i = 0; i < TARGET_TIMES_COUNT; i++)
			answer.times[i] = target->times[i];
		if (!send_all(fd, &answer, sizeof(answer)))
			break;
	}
	target_destroy(target);
	_exit(0);
}

/* ---- Who tells it ---- */

static int open_apart(struct target *target, const char **what)
{
	struct apart *apart = apart_of(target);
	static struct answer answer;
	int fds[2];

	*what = "process of its own";
	apart->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	apart->fd = fds[0];
	apart->pid = fork();
	if (apart->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		serve(fds[1], target->opt);
	}
	int err = apart->pid < 0 ? -errno : 0;
	close(fds[1]);
	if (!err && !recv_all(apart->fd, &answer, sizeof(answer)))
		err = -ECONNABORTED;
	return err;
}

static void close_apart(struct target *target)
{
	struct apart *apart = apart_of(target);

	/* Closing alone would not do: processes that were made later have it, too. */
	if (apart->fd >= 0) {
		shutdown(apart->fd, SHUT_RDWR);
		close(apart->fd);
	}
	if (apart->pid > 0)
		waitpid(apart->pid, NULL, 0);
}

static void drive_apart(struct target *target, uint64_t slice_ns)
{
	struct apart *apart = apart_of(target);
	static struct answer answer;

	if (!send_all(apart->fd, &slice_ns, sizeof(slice_ns)) ||
	    !recv_all(apart->fd, &answer, sizeof(answer))) {
		target_error(target, TARGET_ERROR_RESET, "its process has ended");
		return;
	}
	target->slice = answer.slice;
	for (size_t i = 0; i < TARGET_TIMES_COUNT; i++)
		times_add_all(&target->times[i], &answer.times[i]);
}

const struct target_ops target_apart = { sizeof(struct apart), open_apart, close_apart, drive_apart,
					 NULL };
