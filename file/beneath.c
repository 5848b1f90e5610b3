/* What is beneath a directory, by openat2(2): see file/beneath.h; file/walk.c does without it. */
#include "file/beneath.h"

#include "file/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12 */
#endif

/* O_NONBLOCK and O_NOCTTY are for what may have taken the place of the file since it was looked at: a FIFO
 * must not hold the thread up, a terminal not become the process's. */
enum {
	LOOK_FLAGS = O_PATH | O_CLOEXEC,
	READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
};

static int check_component(const struct ouro_file_root *root, struct ouro_str name)
{
	if (name.len == 0)
		return -EINVAL;
	if (name.len > OURO_FILE_NAME_MAX)
		return -ENAMETOOLONG;
	if (name.ptr[0] != '.')
		return 0;
	if (name.len == 1 || (name.len == 2 && name.ptr[1] == '.'))
		return -EINVAL;
	return root->dotfiles ? 0 : -EPERM;
}

int ouro_file_path_check(const struct ouro_file_root *root, struct ouro_str path)
{
	const char *at = path.ptr, *end = path.ptr + path.len;

	if (path.len == 0 || memchr(path.ptr, '\0', path.len))
		return -EINVAL;
	if (path.len > OURO_FILE_PATH_MAX)
		return -ENAMETOOLONG;
	if (root->anywhere)
		return 0;
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;
		int err = check_component(root, (struct ouro_str){ at, (size_t)(stop - at) });

		if (err || !slash)
			return err;
		at = slash + 1;
	}
}

static enum ouro_file_kind kind_of(unsigned mode)
{
	if (S_ISREG(mode))
		return OURO_FILE_REGULAR;
	return S_ISDIR(mode) ? OURO_FILE_DIRECTORY : OURO_FILE_OTHER;
}

static int64_t nanoseconds(struct statx_timestamp time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int ouro_file_stat(int fd, struct ouro_file_stat *stat)
{
	struct statx got;
	int err = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME, &got);

	if (err)
		return -errno;
	*stat = (struct ouro_file_stat){
		.kind = kind_of(got.stx_mode),
		.device = (uint64_t)got.stx_dev_major << 32 | got.stx_dev_minor,
		.inode = got.stx_ino,
		.size = got.stx_size,
		.modified_ns = nanoseconds(got.stx_mtime),
		.changed_ns = nanoseconds(got.stx_ctime),
	};
	return 0;
}

static int by_kernel(const struct ouro_file_root *root, const char *path, bool cached, int flags)
{
	struct open_how how = { .flags = (unsigned)flags };
	long fd;

	if (!root->anywhere)
		how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	if (!root->anywhere && !root->symlinks)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	if (cached)
		how.resolve |= RESOLVE_CACHED;
	/* The kernel says EAGAIN where it cannot exclude that a rename made ".." of a link lead
	 * outside; the next try mostly succeeds. */
	for (int tries = 0; tries < OURO_FILE_TRIES_MAX; tries++) {
		fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		/* The path was checked, so what is not known to a kernel is RESOLVE_CACHED. */
		if (cached && (errno == EAGAIN || errno == EINVAL))
			return -EAGAIN;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -ESTALE;
}

/* Opens @path, which was checked, with @flags. A descriptor or a negative errno. */
static int resolve(const struct ouro_file_root *root, struct ouro_str path, bool cached, int flags)
{
	char text[OURO_FILE_PATH_MAX + 1];
	int fd;

	memcpy(text, path.ptr, path.len);
	text[path.len] = '\0';
	if (!root->walk) {
		fd = by_kernel(root, text, cached, flags);
		/* Filters answer calls that they do not know with one of the first two. While others
		 * rename without pause the kernel is never sure; the walk, which holds each directory
		 * that it has come through, needs not be. */
		if (fd != -ENOSYS && fd != -EPERM && fd != -ESTALE)
			return fd;
	}
	if (cached)
		return -EAGAIN;
	if (!root->anywhere)
		return ouro_file_walk(root, path, flags);
	fd = openat(root->fd, text, flags);
	return fd < 0 ? -errno : fd;
}

int ouro_beneath_look(const struct ouro_file_root *root, struct ouro_str path, bool cached,
		      struct ouro_file_stat *stat)
{
	int fd, err = ouro_file_path_check(root, path);

	if (err)
		return err;
	fd = resolve(root, path, cached, LOOK_FLAGS);
	if (fd < 0)
		return fd;
	err = ouro_file_stat(fd, stat);
	close(fd);
	return err;
}

int ouro_beneath_open(const struct ouro_file_root *root, struct ouro_str path, bool cached,
		      const struct ouro_file_stat *seen, struct ouro_file_stat *now)
{
	struct ouro_file_stat stat;
	int fd, err = ouro_file_path_check(root, path);

	if (err)
		return err;
	fd = resolve(root, path, cached, READ_FLAGS);
	if (fd < 0)
		return fd;
	err = ouro_file_stat(fd, &stat);
	if (!err && (stat.kind != OURO_FILE_REGULAR || stat.device != seen->device ||
		     stat.inode != seen->inode))
		err = -ESTALE;
	if (err) {
		close(fd);
		return err;
	}
	*now = stat;
	return fd;
}

int ouro_beneath_open_directory(const struct ouro_file_root *root, struct ouro_str path)
{
	int fd, err;

	if (path.len == 0) {
		fd = openat(root->fd, ".", DIRECTORY_FLAGS);
		return fd < 0 ? -errno : fd;
	}
	err = ouro_file_path_check(root, path);
	return err ? err : resolve(root, path, false, DIRECTORY_FLAGS);
}
