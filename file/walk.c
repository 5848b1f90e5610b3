/* The own walk: one component after the other is opened without following links, and what a link says is
 * put before what is left of the path. ".." comes from links alone. It is never asked of the kernel, since
 * a directory that was moved meanwhile has another parent: the names so far are walked again without
 * the last one. */
#include "file/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_FLAGS = O_PATH | O_NOFOLLOW | O_CLOEXEC };

struct walk {
	const struct ouro_file_root *root;
	int flags; /* for what the path ends at */
	int at;    /* the directory reached; the root's own descriptor, or one of ours */
	unsigned links;
	size_t done_len;
	char done[OURO_FILE_PATH_MAX + 1]; /* the names from the root to @at: real directories */
	char rest[OURO_FILE_PATH_MAX + 1]; /* what is left of the path */
};

static void enter(struct walk *walk, int fd)
{
	if (walk->at != walk->root->fd)
		close(walk->at);
	walk->at = fd;
}

/* Takes the first component of what is left into @name; the components behind it stay. Whether there is
 * a slash behind it goes into @slash: then it must be a directory. False: nothing is left. */
static bool next_name(struct walk *walk, char *name, bool *slash)
{
	size_t skip = strspn(walk->rest, "/");
	size_t len = strcspn(walk->rest + skip, "/");
	size_t behind = strspn(walk->rest + skip + len, "/");

	if (len == 0)
		return false;
	memcpy(name, walk->rest + skip, len);
	name[len] = '\0';
	*slash = behind > 0;
	skip += len + behind;
	memmove(walk->rest, walk->rest + skip, strlen(walk->rest + skip) + 1);
	return true;
}

/* Goes down into @fd, the directory @name, which is then the walk's. 0 or a negative errno. */
static int go_down(struct walk *walk, const char *name, int fd)
{
	size_t len = strlen(name);

	if (walk->done_len + len + 1 > OURO_FILE_PATH_MAX) {
		close(fd);
		return -ENAMETOOLONG;
	}
	memcpy(walk->done + walk->done_len, name, len);
	walk->done_len += len;
	walk->done[walk->done_len++] = '/';
	enter(walk, fd);
	return 0;
}

static int go_up(struct walk *walk)
{
	char *name = walk->done, *slash;

	if (walk->done_len == 0)
		return -EXDEV;
	walk->done_len--;
	while (walk->done_len > 0 && walk->done[walk->done_len - 1] != '/')
		walk->done_len--;
	walk->done[walk->done_len] = '\0';
	enter(walk, walk->root->fd);
	while ((slash = strchr(name, '/'))) {
		int fd;

		*slash = '\0';
		fd = openat(walk->at, name, STEP_FLAGS | O_DIRECTORY);
		*slash = '/';
		if (fd < 0)
			return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
		enter(walk, fd);
		name = slash + 1;
	}
	return 0;
}

/* Puts what the link @fd says before what is left. 0 or a negative errno. */
static int follow(struct walk *walk, int fd, bool slash)
{
	char target[OURO_FILE_PATH_MAX + 1];
	size_t rest = strlen(walk->rest);
	ssize_t len;

	if (!walk->root->symlinks || ++walk->links > OURO_FILE_LINKS_MAX)
		return -ELOOP;
	len = readlinkat(fd, "", target, sizeof(target));
	if (len < 0)
		return -errno;
	if (len == 0)
		return -ENOENT;
	if (target[0] == '/')
		return -EXDEV;
	if ((size_t)len + slash + rest > OURO_FILE_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(walk->rest + len + slash, walk->rest, rest + 1);
	memcpy(walk->rest, target, (size_t)len);
	if (slash)
		walk->rest[len] = '/';
	return 0;
}

/* Opens what the path ends at: @name, looked at as @fd, which is then gone or the answer. */
static int finish(struct walk *walk, const char *name, int fd)
{
	int opened;

	if (walk->flags & O_PATH)
		return fd;
	opened = openat(walk->at, name, walk->flags | O_NOFOLLOW);
	if (opened < 0)
		opened = errno == ELOOP ? -ESTALE : -errno;
	close(fd);
	return opened;
}

/* One component that is neither "." nor "..". -EINPROGRESS where the path goes on behind it; else a
 * descriptor or another negative errno. */
static int step(struct walk *walk, const char *name, bool slash)
{
	int err, fd = openat(walk->at, name, STEP_FLAGS);
	struct stat stat;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &stat) ? -errno : 0;
	if (err)
		goto close_fd;
	if (S_ISLNK(stat.st_mode)) {
		err = follow(walk, fd, slash);
		close(fd);
		return err ? err : -EINPROGRESS;
	}
	if (slash && !S_ISDIR(stat.st_mode)) {
		err = -ENOTDIR;
		goto close_fd;
	}
	if (walk->rest[0] == '\0')
		return finish(walk, name, fd);
	err = go_down(walk, name, fd);
	return err ? err : -EINPROGRESS;

close_fd:
	close(fd);
	return err;
}

static int run(struct walk *walk)
{
	char name[OURO_FILE_PATH_MAX + 1];
	bool slash;
	int fd;

	while (next_name(walk, name, &slash)) {
		int err = 0;

		if (strcmp(name, "..") == 0) {
			err = go_up(walk);
		} else if (strcmp(name, ".") != 0) {
			err = step(walk, name, slash);
			if (err != -EINPROGRESS)
				return err;
			err = 0;
		}
		if (err)
			return err;
	}
	/* A link ended in "." or "..": the directory itself. */
	fd = openat(walk->at, ".", STEP_FLAGS);
	return fd < 0 ? -errno : finish(walk, ".", fd);
}

int ouro_file_walk(const struct ouro_file_root *root, struct ouro_str path, int flags)
{
	/* Too large for the stacks that some threads have. */
	struct walk *walk = malloc(sizeof(*walk));
	int fd;

	if (!walk)
		return -ENOMEM;
	walk->root = root;
	walk->flags = flags;
	walk->at = root->fd;
	walk->links = 0;
	walk->done_len = 0;
	memcpy(walk->rest, path.ptr, path.len);
	walk->rest[path.len] = '\0';
	fd = run(walk);
	enter(walk, root->fd);
	free(walk);
	return fd;
}
