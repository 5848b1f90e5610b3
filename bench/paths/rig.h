/* What every way of sending a file is tried on: a file, a loopback connection whose other end is
 * read and dropped by a process on another processor, pipes, a ring, a second thread. */
#ifndef OURO_BENCH_PATHS_RIG_H
#define OURO_BENCH_PATHS_RIG_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	RIG_READ_BYTES = 65536,   /* a buffer that is read into and sent from */
	RIG_PIPE_BYTES = 65536,   /* a pipe as it is made */
	RIG_WIDE_BYTES = 1 << 20, /* a pipe as wide as users may make it */
	RIG_WINDOW_BYTES = 262144 /* of a cold file, what is waited for at once */
};

struct rig_pipe {
	int out; /* is read */
	int in;  /* is written */
	size_t size;
};

struct rig {
	int sock; /* does not block, but where a method asks for it */
	int file; /* of file_size bytes; holds no zeros, is on disk */
	size_t file_size;
	void *map;    /* the same, mapped and never touched: for mincore() */
	char *memory; /* file_size bytes that are not the file's */
	char *buf;    /* RIG_WINDOW_BYTES */
	struct rig_pipe narrow;
	struct rig_pipe wide;
	struct io_uring ring;
	uint64_t sent;      /* bytes since the start */
	uint64_t *received; /* the same at the other end; shared with its process */
	pid_t peer;
	struct helper *helper;
};

/* All of these return 0 or a negative errno, or a count. */

/* Everything but the file. The loop and the helper run on processor @loop_cpu, the other end on
 * @peer_cpu. */
int rig_init(struct rig *rig, int loop_cpu, int peer_cpu);
void rig_fini(struct rig *rig);

/* A file of @size bytes in @dir, which has no name and goes with its descriptor. */
int rig_open_file(struct rig *rig, const char *dir, size_t size);
void rig_close_file(struct rig *rig);

/* Returns when nothing of the file is in the page cache; -EBUSY if that cannot be had. */
int rig_evict(struct rig *rig);
/* Returns when the other end has all that was sent. Does not sleep meanwhile: looks again and again. */
int rig_catch_up(const struct rig *rig);

int rig_set_blocking(struct rig *rig, bool blocking);
int rig_wait_writable(struct rig *rig);

/* The helper does one thing at a time. @pipe NULL: reads the range to nowhere in particular. Else
 * moves it into the pipe; its size must do. rig_help() asks, rig_helped() waits for the result. */
int rig_help(struct rig *rig, off_t offset, size_t len, const struct rig_pipe *pipe);
ssize_t rig_helped(struct rig *rig);

uint64_t rig_clock_ns(clockid_t clock);

#endif
