/* Moving bytes from sockets to files by real pipes. */
#include "engine/splice.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 100000 };

static struct ouro_pipes pipes;
static int ends[2]; /* of a socket pair: what is spliced from, and its peer */
static int file;
static char content[BYTES];

static struct ouro_splice begin(void)
{
	struct ouro_splice move = { .bytes_max = UINT64_MAX };

	pipes.open_max = 8;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	file = memfd_create("to", MFD_CLOEXEC);
	cr_assert_geq(file, 0);
	for (int i = 0; i < BYTES; i++)
		content[i] = (char)(i * 7 + i / 251);
	cr_assert_eq(ouro_pipes_take(&pipes, &move.pipe), 0);
	move.from = ends[0];
	move.to = file;
	return move;
}

static void end(struct ouro_splice *move)
{
	ouro_pipes_put(&pipes, &move->pipe, !move->error);
	ouro_pipes_trim(&pipes);
	cr_assert_eq(pipes.open_count, 0);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static void send_all(size_t bytes)
{
	cr_assert_eq(send(ends[1], content, bytes, 0), (ssize_t)bytes);
}

static bool file_has(size_t at, size_t bytes)
{
	char got[BYTES + 64];

	return pread(file, got, sizeof(got), 0) == (ssize_t)(at + bytes) &&
	       memcmp(got + at, content, bytes) == 0;
}

Test(splice, moves_what_there_is_and_does_not_wait_for_more)
{
	struct ouro_splice move = begin();

	ouro_splice(&move); /* nothing: the socket blocks, and this does not */
	cr_assert_eq(move.taken, 0);
	send_all(BYTES);
	ouro_splice(&move);
	cr_assert_eq(move.taken, BYTES);
	cr_assert_eq(move.written, BYTES);
	cr_assert_eq(move.copied, 0);
	cr_assert_eq(move.offset, BYTES);
	cr_assert_not(move.ended);
	cr_assert(file_has(0, BYTES));
	end(&move);
}

Test(splice, takes_no_more_than_it_may)
{
	struct ouro_splice move = begin();
	char rest[16];

	send_all(BYTES);
	move.bytes_max = BYTES - 3;
	ouro_splice(&move);
	cr_assert_eq(move.taken, BYTES - 3);
	cr_assert_eq(recv(ends[0], rest, sizeof(rest), MSG_DONTWAIT), 3);
	cr_assert_eq(memcmp(rest, content + BYTES - 3, 3), 0);
	end(&move);
}

Test(splice, tells_the_end_when_all_is_taken)
{
	struct ouro_splice move = begin();

	send_all(1000);
	shutdown(ends[1], SHUT_WR);
	ouro_splice(&move);
	cr_assert_eq(move.taken, 1000);
	cr_assert(move.ended);
	cr_assert_eq(move.socket_error, 0);
	end(&move);
}

Test(splice, goes_to_the_position_where_no_offset_is_given)
{
	struct ouro_splice move = begin();

	cr_assert_eq(lseek(file, 10, SEEK_SET), 10);
	move.offset = -1;
	send_all(BYTES);
	ouro_splice(&move);
	cr_assert_eq(move.written, BYTES);
	cr_assert_eq(move.offset, -1);
	cr_assert(file_has(10, BYTES));
	cr_assert_eq(lseek(file, 0, SEEK_CUR), 10 + BYTES);
	end(&move);
}

Test(splice, copies_where_a_file_cannot_be_spliced_to)
{
	struct ouro_splice move = begin();
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	move.to = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	move.offset = -1;
	send_all(BYTES);
	ouro_splice(&move);
	cr_assert_eq(move.written, BYTES);
	cr_assert_eq(move.copied, BYTES);
	cr_assert(file_has(0, BYTES));
	close(move.to);
	end(&move);
}

Test(splice, says_why_the_file_takes_no_more)
{
	struct ouro_splice move = begin();

	move.to = open("/dev/full", O_WRONLY | O_CLOEXEC);
	send_all(BYTES);
	ouro_splice(&move);
	cr_assert_eq(move.error, -ENOSPC);
	cr_assert_eq(move.written, 0);
	cr_assert_gt(move.taken, 0);
	close(move.to);
	end(&move);
}

Test(splice, a_descriptor_that_is_not_for_writing_is_ebadf)
{
	struct ouro_splice move = begin();

	move.to = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	send_all(BYTES);
	ouro_splice(&move);
	cr_assert_eq(move.error, -EBADF);
	close(move.to);
	end(&move);
}

Test(splice, something_else_than_a_stream_is_told_as_the_sockets_error)
{
	struct ouro_splice move = begin();

	move.from = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ouro_splice(&move);
	cr_assert_eq(move.taken, 0);
	cr_assert_eq(move.error, 0);
	cr_assert(move.socket_error == -EBADF || move.ended);
	close(move.from);
	end(&move);
}

/* ---- Writing ---- */

Test(write_all, writes_all_pieces_in_order)
{
	struct ouro_splice move = begin();
	struct iovec pieces[] = {
		{ content, 0 }, { content, 10 }, { content + 10, 0 }, { content + 10, BYTES - 10 }
	};
	int error;

	cr_assert_eq(ouro_write_all(file, pieces, 4, 5, &error), BYTES);
	cr_assert_eq(error, 0);
	cr_assert(file_has(5, BYTES));
	cr_assert_eq(ouro_write_all(file, NULL, 0, 0, &error), 0);
	cr_assert_eq(error, 0);
	end(&move);
}

Test(write_all, says_how_much_was_written_when_no_more_could_be)
{
	const struct rlimit limit = { 1000, RLIM_INFINITY };
	struct ouro_splice move = begin();
	struct iovec pieces[] = { { content, 600 }, { content + 600, 600 } };
	int error;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(ouro_write_all(file, pieces, 2, 0, &error), 1000);
	cr_assert_eq(error, -EFBIG);
	cr_assert(file_has(0, 1000));
	end(&move);
}

/* ---- Pipes ---- */

Test(pipes, are_used_again_and_are_no_more_than_may_be)
{
	struct ouro_pipes own = { .open_max = OURO_PIPES_IDLE_MAX + 2 };
	struct ouro_pipe pipe[OURO_PIPES_IDLE_MAX + 2], other;

	for (int i = 0; i < OURO_PIPES_IDLE_MAX + 2; i++)
		cr_assert_eq(ouro_pipes_take(&own, &pipe[i]), 0);
	cr_assert_geq(pipe[0].bytes, 4096);
	cr_assert_eq(ouro_pipes_take(&own, &other), -EAGAIN);
	ouro_pipes_put(&own, &pipe[0], true);
	cr_assert_eq(ouro_pipes_take(&own, &other), 0);
	cr_assert_eq(other.read_fd, pipe[0].read_fd);
	/* One that holds something is not given to anybody. */
	ouro_pipes_put(&own, &other, false);
	cr_assert_eq(own.idle_count, 0);
	cr_assert_eq(own.open_count, OURO_PIPES_IDLE_MAX + 1);
	for (int i = 1; i < OURO_PIPES_IDLE_MAX + 2; i++)
		ouro_pipes_put(&own, &pipe[i], true);
	cr_assert_eq(own.idle_count, OURO_PIPES_IDLE_MAX);
	cr_assert_eq(own.open_count, OURO_PIPES_IDLE_MAX);
	ouro_pipes_trim(&own);
	cr_assert_eq(own.open_count, 0);
}

Test(pipes, without_descriptors_there_are_none)
{
	struct ouro_pipes own = { .open_max = 1 };
	struct rlimit before, none = { 0 };
	struct ouro_pipe pipe;
	int err;

	getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = ouro_pipes_take(&own, &pipe);
	/* The test has to tell its result. */
	setrlimit(RLIMIT_NOFILE, &before);
	cr_assert_eq(err, -EMFILE);
	cr_assert_eq(own.open_count, 0);
}
