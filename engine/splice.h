/* From a socket to a file without passing through this process: by splice(2), through a pipe, which is
 * there to hold the pages in between. The ring has an operation for it too, but hands each to a thread of
 * its own, which costs more than one call on ours that moves all there is. */
#ifndef OURO_ENGINE_SPLICE_H
#define OURO_ENGINE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	OURO_PIPE_BYTES =
		1024 * 1024,     /* asked for; what an unprivileged process may have without asking
					* (pipe(7), pipe-max-size) */
	OURO_PIPES_IDLE_MAX = 4, /* kept: the next body mostly comes soon */
};

struct ouro_pipe {
	int read_fd, write_fd;
	uint32_t bytes; /* how much it holds */
};

/* The pipes of a loop. Zero but for @open_max: none. */
struct ouro_pipes {
	uint32_t open_max;
	uint32_t open_count; /* taken or idle */
	uint32_t idle_count;
	struct ouro_pipe idle[OURO_PIPES_IDLE_MAX];
};

/* An empty pipe. 0; -EAGAIN where @open_max are in use; -EMFILE, -ENFILE. */
int ouro_pipes_take(struct ouro_pipes *pipes, struct ouro_pipe *pipe);

/* Gives it back. One that may not be empty is closed. */
void ouro_pipes_put(struct ouro_pipes *pipes, const struct ouro_pipe *pipe, bool is_empty);

/* Closes those that are idle. Called now and then: the longest unused go. */
void ouro_pipes_trim(struct ouro_pipes *pipes);

/* What is to be moved, and what became of it. */
struct ouro_splice {
	int from;              /* a socket */
	int to;                /* a regular file or block device, open for writing */
	int64_t offset;        /* where in it; -1: at the position of the descriptor. Moves on */
	struct ouro_pipe pipe; /* empty; and afterwards, unless @error is set */
	uint64_t bytes_max;    /* at most; no more is taken from the socket */
	uint64_t taken;        /* from the socket */
	uint64_t written;      /* of these, in the file */
	uint64_t copied;  /* of these, by way of memory: where the file cannot be spliced to (other
				* file systems; O_APPEND) */
	int error;        /* of the file, a negative errno; 0: none */
	int socket_error; /* likewise, of the socket */
	bool ended;       /* the socket has nothing more to give: its end, or trouble that a receive
				* will tell */
};

/* Moves what there is, until the socket has no more for now. Waits for the file, and never for the
 * socket: for a thread that may be kept waiting. */
void ouro_splice(struct ouro_splice *splice);

/* Writes the @count pieces at @iov, which it changes, at @offset (-1: at the position), all of them. How
 * many bytes were written, in @error why not all were. */
uint64_t ouro_write_all(int fd, struct iovec *iov, int count, int64_t offset, int *error);

#endif
