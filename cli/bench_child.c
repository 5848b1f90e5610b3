/* Programs that `ouro bench` runs: started, read, ended, their CPU time; and the signals that end the
 * command, so that no child outlives it. */
#include "cli/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_MAX = BENCH_BACKEND_COUNT + 1, END_TIMEOUT_MS = 5000 };

/* ---- Signals ---- */

int bench_signals_take(struct bench_signals *signals)
{
	sigset_t ends;
	int err;

	signals->number = 0;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &ends, &signals->before))
		return -errno;
	signals->fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (signals->fd >= 0)
		return 0;
	err = -errno;
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
	return err;
}

void bench_signals_restore(struct bench_signals *signals)
{
	close(signals->fd);
	if (signals->number)
		/* It stays pending until the mask is as it was. */
		raise(signals->number);
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

/* ---- Starting ---- */

/* In the child: becomes the program, or says why not where the program would have spoken. */
static void __attribute__((noreturn)) become(char *const argv[], const cpu_set_t *cpus, bool prints,
					     int out, pid_t parent, const sigset_t *mask)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Whatever happens to the command: nobody else would end its children. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && null >= 0 &&
	    dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0 &&
	    dup2(prints ? out : null, STDOUT_FILENO) >= 0 &&
	    (!cpus || sched_setaffinity(0, sizeof(*cpus), cpus) == 0) &&
	    sigprocmask(SIG_SETMASK, mask, NULL) == 0)
		execv(argv[0], argv);
	dprintf(out, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int bench_child_start(struct bench_child *child, char *const argv[], const cpu_set_t *cpus,
		      bool prints, const struct bench_signals *signals)
{
	pid_t parent = getpid();
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child->len = 0;
	child->text[0] = '\0';
	child->pid = fork();
	if (child->pid == 0)
		become(argv, cpus, prints, ends[1], parent, &signals->before);
	err = child->pid < 0 ? -errno : 0;
	close(ends[1]);
	child->out = ends[0];
	if (err) {
		close(ends[0]);
		child->pid = 0;
		child->out = -1;
	}
	return err;
}

/* ---- Reading ---- */

static void read_child(struct bench_child *child)
{
	ssize_t got;

	/* What is printed last says how it went. */
	if (child->len == sizeof(child->text) - 1) {
		child->len /= 2;
		memmove(child->text, child->text + sizeof(child->text) - 1 - child->len,
			child->len);
	}
	got = read(child->out, child->text + child->len, sizeof(child->text) - 1 - child->len);
	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		close(child->out);
		child->out = -1;
	} else {
		child->len += (size_t)got;
	}
	child->text[child->len] = '\0';
}

int bench_children_read(struct bench_child *const *children, size_t count,
			struct bench_signals *signals, int timeout_ms)
{
	struct pollfd fds[CHILDREN_MAX + 1] = { { .fd = signals->fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	int ready;

	/* Poll passes over a descriptor of -1. */
	for (size_t i = 0; i < count; i++)
		fds[i + 1] = (struct pollfd){ .fd = children[i]->out, .events = POLLIN };
	ready = poll(fds, count + 1, timeout_ms);
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	if (ready == 0)
		return -ETIMEDOUT;
	if (fds[0].revents) {
		if (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			signals->number = (int)info.ssi_signo;
		return -EINTR;
	}
	for (size_t i = 0; i < count; i++)
		if (fds[i + 1].revents)
			read_child(children[i]);
	return 0;
}

/* ---- Ending ---- */

int bench_child_wait(struct bench_child *child)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(child->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	child->pid = 0;
	if (pid < 0)
		return 128;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* That it has closed what it prints to is the sign of its end. */
static void wait_for_silence(struct bench_child *child)
{
	int64_t end_ms = now_ms() + END_TIMEOUT_MS;

	while (child->out >= 0 && now_ms() < end_ms) {
		struct pollfd fd = { .fd = child->out, .events = POLLIN };

		if (poll(&fd, 1, (int)(end_ms - now_ms())) > 0)
			read_child(child);
	}
}

void bench_child_end(struct bench_child *child)
{
	if (child->pid == 0)
		return;
	kill(child->pid, SIGTERM);
	wait_for_silence(child);
	if (child->out >= 0) {
		kill(child->pid, SIGKILL);
		close(child->out);
		child->out = -1;
	}
	bench_child_wait(child);
}

/* ---- CPU time ---- */

/* Clock ticks in user space and in the kernel, from /proc: fields 14 and 15. The second, the program's name,
 * may hold anything. */
static int read_ticks(pid_t pid, struct bench_cpu *cpu)
{
	char path[64], text[1024];
	unsigned long long user, kernel;
	const char *behind;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	behind = strrchr(text, ')');
	if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			      &user, &kernel) != 2)
		return -EPROTO;
	cpu->user_ticks = (double)user;
	cpu->system_ticks = (double)kernel;
	return 0;
}

int bench_cpu_read(pid_t pid, struct bench_cpu *cpu)
{
	struct timespec time;
	clockid_t clock;
	int err = clock_getcpuclockid(pid, &clock);

	if (err)
		return -err;
	if (clock_gettime(clock, &time))
		return -errno;
	cpu->all_s = (double)time.tv_sec + (double)time.tv_nsec / 1e9;
	return read_ticks(pid, cpu);
}

void bench_cpu_between(const struct bench_cpu *before, const struct bench_cpu *after,
		       struct bench_run *run)
{
	double user = after->user_ticks - before->user_ticks;
	double kernel = after->system_ticks - before->system_ticks;
	double all_s = after->all_s - before->all_s;

	run->system_s = user + kernel > 0 ? all_s * kernel / (user + kernel) : 0;
	run->user_s = all_s - run->system_s;
}
