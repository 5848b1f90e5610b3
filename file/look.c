/* One look at a path: see file/look.h. */
#include "file/look.h"

#include "base/filebuf.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static bool is_same(const struct ouro_file_stat *a, const struct ouro_file_stat *b)
{
	return a->kind == b->kind && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->modified_ns == b->modified_ns &&
	       a->changed_ns == b->changed_ns;
}

static bool is_young(const struct ouro_file_stat *stat)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return stat->changed_ns > (int64_t)now.tv_sec * 1000000000 + now.tv_nsec -
					  (int64_t)OURO_FILE_YOUNG_MS * 1000000;
}

/* Fills @buf from @fd. 0; -ESTALE where the file ends before; -EAGAIN; a negative errno. */
static int fill(struct ouro_buf *buf, int fd, bool cached)
{
	while (buf->len < buf->size) {
		struct iovec rest = { buf->data + buf->len, buf->size - buf->len };
		ssize_t got = preadv2(fd, &rest, 1, buf->len, cached ? RWF_NOWAIT : 0);

		if (got == 0)
			return -ESTALE;
		if (got > 0)
			buf->len += (uint32_t)got;
		else if (cached && (errno == EOPNOTSUPP || errno == ENOSYS))
			return -EAGAIN; /* not every file system can promise that */
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Reads the file that is open as @fd, and closes that. */
static int read_in(struct ouro_file_look *look, int fd, bool cached)
{
	struct ouro_buf *buf = ouro_buf_create((uint32_t)look->stat.size);
	struct ouro_file_stat after;
	int err = -ENOMEM;

	if (!buf)
		goto close_fd;
	/* Before the content: what is changed later is seen as newer than this. */
	look->young = is_young(&look->stat);
	err = fill(buf, fd, cached);
	if (!err)
		err = ouro_file_stat(fd, &after);
	if (!err && !is_same(&after, &look->stat))
		err = -ESTALE;
	if (err)
		goto unref_buf;
	look->buf = buf;
	close(fd);
	return 0;

unref_buf:
	ouro_buf_unref(buf);
close_fd:
	close(fd);
	return err;
}

static int open_file(struct ouro_file_look *look, bool cached, bool may_read)
{
	int fd = ouro_beneath_open(look->root, look->path, cached, &look->stat, &look->stat);

	if (fd < 0)
		return fd;
	if (may_read && look->stat.size <= look->memory_bytes_max)
		return read_in(look, fd, cached);
	look->buf = ouro_filebuf_create(fd);
	if (look->buf)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int look_once(struct ouro_file_look *look, bool cached, bool may_read)
{
	int err = ouro_beneath_look(look->root, look->path, cached, &look->stat);

	if (err)
		return err;
	look->same = is_same(&look->stat, &look->known) && !look->known_young;
	if (look->same || look->stat.kind != OURO_FILE_REGULAR)
		return 0;
	return open_file(look, cached, may_read);
}

void ouro_file_look_run(struct ouro_file_look *look, bool cached)
{
	int tries = 0;

	/* What never stands still long enough to be read is sent as it comes. */
	do {
		look->same = false;
		look->young = false;
		look->buf = NULL;
		look->error = look_once(look, cached, tries < OURO_LOOK_TRIES_MAX - 1);
	} while (look->error == -ESTALE && ++tries < OURO_LOOK_TRIES_MAX);
}
