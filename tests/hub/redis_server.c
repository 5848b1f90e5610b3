/* A Redis server of the test's own: see redis_server.h. */
#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS_MAX = 20000 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Debian's redis-tools has the server's program as redis-check-rdb, which looks at the name that
 * it is called by; the package with the proper name would start a server for the machine. */
static const char *find_program(void)
{
	static const char *const paths[] = { "/usr/bin/redis-server", "/usr/local/bin/redis-server",
					     "/usr/bin/redis-check-rdb", NULL };

	for (size_t i = 0; paths[i]; i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

bool redis_server_exists(void)
{
	return find_program() != NULL;
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		die("a free port");
	close(fd);
	return ntohs(address.sin_port);
}

void redis_server_init(struct redis_server *server)
{
	*server = (struct redis_server){ .port = free_port() };
	strcpy(server->folder, "/tmp/ouro-redis-XXXXXX");
	if (!mkdtemp(server->folder))
		die("a folder");
	snprintf(server->unix_path, sizeof(server->unix_path), "%s/socket", server->folder);
}

static void run(const char *const *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(command[0], (char *const *)(uintptr_t)command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die(command[0]);
}

void redis_server_fini(struct redis_server *server)
{
	const char *const command[] = { "rm", "-rf", server->folder, NULL };

	redis_server_kill(server);
	run(command);
}

/* In the child: becomes the server. */
static void become(const struct redis_server *server, pid_t parent)
{
	char port[8];
	int log = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600);

	/* Nothing is left running when the test is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(port, sizeof(port), "%u", server->port);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execl(find_program(), "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
	      server->unix_path, "--save", "", "--appendonly", server->persists ? "yes" : "no",
	      "--appendfsync", "always", "--requirepass", server->password ? server->password : "",
	      server->renamed ? "--rename-command" : (char *)NULL, server->renamed, "",
	      (char *)NULL);
	_exit(127);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

void redis_server_start(struct redis_server *server)
{
	pid_t parent = getpid();

	server->pid = fork();
	if (server->pid < 0)
		die("fork");
	if (server->pid == 0) {
		if (chdir(server->folder))
			_exit(1);
		become(server, parent);
	}
	for (int ms = 0; ms < START_MS_MAX; ms += 20) {
		const char *answer = redis_server_ask(server, "PING\r\n");

		if (strncmp(answer, "+PONG", 5) == 0)
			return;
		sleep_ms(20);
	}
	fprintf(stderr, "redis-server does not answer; see %s/log\n", server->folder);
	exit(1);
}

void redis_server_kill(struct redis_server *server)
{
	if (server->pid == 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void redis_server_freeze(struct redis_server *server, bool freeze)
{
	kill(server->pid, freeze ? SIGSTOP : SIGCONT);
}

/* Sends @text; what is answered to its last command, or nothing. */
const char *redis_server_ask(struct redis_server *server, const char *command)
{
	static char answer[4096];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[512];
	ssize_t len = 0;

	answer[0] = '\0';
	strcpy(address.sun_path, server->unix_path);
	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		goto close_fd;
	if (server->password) {
		snprintf(text, sizeof(text), "AUTH %s\r\n", server->password);
		if (write(fd, text, strlen(text)) < 0 || read(fd, answer, sizeof(answer) - 1) <= 0)
			goto close_fd;
	}
	if (write(fd, command, strlen(command)) > 0)
		len = read(fd, answer, sizeof(answer) - 1);
	answer[len > 0 ? len : 0] = '\0';
close_fd:
	close(fd);
	return answer;
}
