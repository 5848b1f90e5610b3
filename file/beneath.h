/* Looking at and opening what is beneath a directory, and nothing else: whatever a path says, and
 * whatever links say on the way, nothing outside is ever opened, and of what is inside only regular
 * files and directories are opened for reading.
 *
 * The kernel resolves (openat2(2), Linux 5.6); where it does not know that call, or a filter forbids
 * it, an own walk opens one component after the other. Thread-safe: nothing is kept between calls. */
#ifndef OURO_FILE_BENEATH_H
#define OURO_FILE_BENEATH_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OURO_FILE_PATH_MAX = 4095, /* bytes of a path, and of one with its links resolved */
	OURO_FILE_NAME_MAX = 255,  /* bytes of one component */
	OURO_FILE_LINKS_MAX = 40,  /* symbolic links on the way, as in the kernel */
	OURO_FILE_TRIES_MAX = 16,  /* while others rename what a path leads through */
};

enum ouro_file_kind {
	OURO_FILE_NONE,
	OURO_FILE_REGULAR,
	OURO_FILE_DIRECTORY,
	OURO_FILE_OTHER, /* a device, FIFO or socket: never opened */
};

struct ouro_file_stat {
	enum ouro_file_kind kind;
	uint64_t device, inode;
	uint64_t size;
	int64_t modified_ns, changed_ns; /* mtime and ctime, since 1970 */
};

/* A directory, and what may be reached beneath it. */
struct ouro_file_root {
	int fd;        /* of the directory; O_PATH will do */
	bool symlinks; /* are followed, as long as they stay beneath; else they are -ELOOP */
	bool dotfiles; /* may be asked for; targets of links may have dots in any case */
	bool walk;     /* the own walk even where the kernel could do it */
	bool anywhere; /* no root at all: paths are the program's own, and mean what they mean to
			* open(2) from @fd on, which may be AT_FDCWD; nothing above applies */
};

/* Whether @path may be looked for at all: components with single slashes between them. 0; -EINVAL where
 * it is empty or absolute, a component is empty, "." or "..", or there is a NUL; -ENAMETOOLONG; -EPERM
 * where a component begins with a dot and may not. With root->anywhere only an empty path, one that is too
 * long, and a NUL are wrong. The functions below ask this first. */
int ouro_file_path_check(const struct ouro_file_root *root, struct ouro_str path);

/* What is at @path, without opening it for reading. 0 or a negative errno: as above; -ENOENT, -ENOTDIR,
 * -EACCES; -ELOOP where there are symbolic links and none are allowed, or too many; -EXDEV where one
 * leads outside; -ESTALE where others kept changing the way; what else openat2(2) says.
 *
 * With @cached nothing waits for a disk: -EAGAIN where it would have to, or the kernel (before Linux 5.12)
 * cannot promise. */
int ouro_beneath_look(const struct ouro_file_root *root, struct ouro_str path, bool cached,
		      struct ouro_file_stat *stat);

/* Opens the regular file at @path for reading, at which a look has @seen one. The descriptor, and in
 * @now what the file is by then; or a negative errno as above, -ESTALE where it is another one now. */
int ouro_beneath_open(const struct ouro_file_root *root, struct ouro_str path, bool cached,
		      const struct ouro_file_stat *seen, struct ouro_file_stat *now);

/* Opens the directory at @path, which may be empty here: the root itself. May wait for a disk. A
 * descriptor or a negative errno as above. */
int ouro_beneath_open_directory(const struct ouro_file_root *root, struct ouro_str path);

/* What @fd is, as far as it is known here: a remote file system is not asked again. 0 or a negative
 * errno. */
int ouro_file_stat(int fd, struct ouro_file_stat *stat);

#endif
