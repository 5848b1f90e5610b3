/* Splicing from sockets to files: see engine/splice.h. */
#include "engine/splice.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { COPY_BYTES = 64 * 1024 };

static int open_pipe(struct ouro_pipe *pipe)
{
	int fds[2], bytes;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* Refused to users who have many already: then it is as large as it is. */
	bytes = fcntl(fds[1], F_SETPIPE_SZ, OURO_PIPE_BYTES);
	if (bytes < 0)
		bytes = fcntl(fds[1], F_GETPIPE_SZ);
	*pipe = (struct ouro_pipe){ fds[0], fds[1], bytes > 0 ? (uint32_t)bytes : COPY_BYTES };
	return 0;
}

static void close_pipe(const struct ouro_pipe *pipe)
{
	close(pipe->read_fd);
	close(pipe->write_fd);
}

int ouro_pipes_take(struct ouro_pipes *pipes, struct ouro_pipe *pipe)
{
	int err;

	if (pipes->idle_count > 0) {
		*pipe = pipes->idle[--pipes->idle_count];
		return 0;
	}
	if (pipes->open_count >= pipes->open_max)
		return -EAGAIN;
	err = open_pipe(pipe);
	if (!err)
		pipes->open_count++;
	return err;
}

void ouro_pipes_put(struct ouro_pipes *pipes, const struct ouro_pipe *pipe, bool is_empty)
{
	if (is_empty && pipes->idle_count < OURO_PIPES_IDLE_MAX) {
		pipes->idle[pipes->idle_count++] = *pipe;
		return;
	}
	close_pipe(pipe);
	pipes->open_count--;
}

void ouro_pipes_trim(struct ouro_pipes *pipes)
{
	while (pipes->idle_count > 0) {
		close_pipe(&pipes->idle[--pipes->idle_count]);
		pipes->open_count--;
	}
}

/* Takes @count bytes off the front of @iov. */
static void skip(struct iovec **iov, int *left, size_t count)
{
	while (*left > 0 && count >= (*iov)->iov_len) {
		count -= (*iov)->iov_len;
		(*iov)++;
		(*left)--;
	}
	if (*left > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + count;
		(*iov)->iov_len -= count;
	}
}

uint64_t ouro_write_all(int fd, struct iovec *iov, int count, int64_t offset, int *error)
{
	uint64_t written = 0;

	*error = 0;
	skip(&iov, &count, 0);
	while (count > 0) {
		ssize_t step = offset < 0 ? writev(fd, iov, count)
					  : pwritev(fd, iov, count, offset + (off_t)written);

		if (step < 0 && errno == EINTR)
			continue;
		/* A write of something that writes nothing would be tried for ever. */
		if (step <= 0) {
			*error = step < 0 ? -errno : -ENOSPC;
			break;
		}
		written += (size_t)step;
		skip(&iov, &count, (size_t)step);
	}
	return written;
}

/* Fills the pipe with at most @bytes of what the socket has. How many; 0: no more for now. */
static size_t fill(struct ouro_splice *move, size_t bytes)
{
	struct pollfd socket = { .fd = move->from, .events = POLLIN };
	ssize_t got;

	/* The socket may be one that blocks, and the flags of the call are about the pipe alone. */
	if (poll(&socket, 1, 0) <= 0)
		return 0;
	if (socket.revents & POLLERR || !(socket.revents & POLLIN)) {
		move->ended = true;
		return 0;
	}
	got = splice(move->from, NULL, move->pipe.write_fd, NULL, bytes,
		     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (got > 0)
		return (size_t)got;
	if (got == 0)
		move->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		move->socket_error = -errno;
	return 0;
}

static void note_written(struct ouro_splice *move, uint64_t bytes)
{
	move->written += bytes;
	if (move->offset >= 0)
		move->offset += (int64_t)bytes;
}

/* Moves up to @bytes from the pipe to the file by way of memory. How many left the pipe. */
static size_t copy_out(struct ouro_splice *move, size_t bytes)
{
	char memory[COPY_BYTES];
	ssize_t got =
		read(move->pipe.read_fd, memory, bytes < sizeof(memory) ? bytes : sizeof(memory));
	struct iovec iov = { memory, got > 0 ? (size_t)got : 0 };
	uint64_t written;

	if (got <= 0) {
		move->error = got < 0 && errno != EINTR ? -errno : 0;
		return 0;
	}
	written = ouro_write_all(move->to, &iov, 1, move->offset, &move->error);
	note_written(move, written);
	move->copied += written;
	return (size_t)got;
}

/* Empties the pipe, which holds @bytes, into the file. */
static void drain(struct ouro_splice *move, size_t bytes)
{
	while (bytes > 0 && !move->error) {
		off_t at = (off_t)move->offset;
		ssize_t step = -1;

		errno = EINVAL;
		if (move->copied == 0)
			step = splice(move->pipe.read_fd, NULL, move->to,
				      move->offset < 0 ? NULL : &at, bytes, SPLICE_F_MOVE);
		if (step > 0) {
			note_written(move, (uint64_t)step);
			bytes -= (size_t)step;
		} else if (step < 0 && errno == EINVAL) {
			bytes -= copy_out(move, bytes);
		} else if (step == 0 || errno != EINTR) {
			move->error = step < 0 ? -errno : -ENOSPC;
		}
	}
}

void ouro_splice(struct ouro_splice *move)
{
	while (move->taken < move->bytes_max && !move->error) {
		uint64_t left = move->bytes_max - move->taken;
		size_t bytes =
			fill(move, left < move->pipe.bytes ? (size_t)left : move->pipe.bytes);

		if (bytes == 0)
			return;
		move->taken += bytes;
		drain(move, bytes);
	}
}
