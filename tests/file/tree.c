/* A directory of the test's own: see tree.h. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static char home[64];

static void must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

struct ouro_file_root tree_create(void)
{
	char path[sizeof(home) + 8];
	struct ouro_file_root root = { 0 };

	strcpy(home, "/tmp/ouro-tree-XXXXXX");
	must(mkdtemp(home), home);
	snprintf(path, sizeof(path), "%s/root", home);
	must(mkdir(path, 0755) == 0 && chdir(path) == 0, path);
	must(chmod(home, 0755) == 0, home);
	root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(root.fd >= 0, path);
	return root;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	(void)stat, (void)type, (void)where;
	return remove(path);
}

void tree_remove(void)
{
	if (geteuid() != getuid())
		must(seteuid(getuid()) == 0, "seteuid");
	must(chdir("/") == 0 && nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, home);
}

void tree_directory(const char *path)
{
	must(mkdir(path, 0755) == 0, path);
}

void tree_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content), path);
	close(fd);
}

void tree_file_of(const char *path, size_t bytes)
{
	tree_file(path, "");
	must(truncate(path, (off_t)bytes) == 0, path);
}

void tree_link(const char *path, const char *target)
{
	must(symlink(target, path) == 0, path);
}

void tree_fifo(const char *path)
{
	must(mkfifo(path, 0666) == 0, path);
}

void tree_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, path);
	close(fd);
}

bool tree_device(const char *path)
{
	return mknod(path, S_IFCHR | 0666, makedev(1, 3)) == 0;
}

void tree_mode(const char *path, unsigned mode)
{
	must(chmod(path, mode) == 0, path);
}

void tree_rename(const char *from, const char *to)
{
	must(rename(from, to) == 0, from);
}

void tree_unlink(const char *path)
{
	must(unlink(path) == 0, path);
}

void tree_date(const char *path, int64_t unix_s)
{
	const struct timespec then[2] = { { .tv_sec = unix_s }, { .tv_sec = unix_s } };

	must(utimensat(AT_FDCWD, path, then, 0) == 0, path);
}

/* The time of change cannot be set: it is waited for. */
void tree_age(const char *path)
{
	const struct timespec a_while = { .tv_nsec = 150000000 };

	tree_date(path, 1000000000);
	nanosleep(&a_while, NULL);
}

bool tree_as_nobody(void)
{
	return geteuid() != 0 || seteuid(NOBODY) == 0;
}

unsigned tree_descriptor_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	must(directory, "/proc/self/fd");
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
