/* A ring set up the way a server with one thread wants it, with a ring of receive buffers. */
#ifndef OURO_BENCH_FLOOR_RING_H
#define OURO_BENCH_FLOOR_RING_H

#include <liburing.h>
#include <stddef.h>

enum {
	RING_SQ_ENTRIES = 1024,
	/* Multishot operations complete more often than they are submitted. */
	RING_CQ_ENTRIES = 8192,
	/* Few and small: what is received should still be in the second-level cache when the
	 * buffer is used again. */
	RING_BUFS = 128,
	RING_BUF_BYTES = 4096,
	RING_BUF_GROUP = 0,
};

/* What a completion is for: the upper half of user_data. The lower half is the descriptor. */
enum ring_op { RING_ACCEPT, RING_RECV, RING_SEND, RING_CLOSE };

struct ring {
	struct io_uring io;
	struct io_uring_buf_ring *bufs;
	char *buf_mem;
	int freed; /* buffers put back, not yet shown to the kernel */
};

/* Creates the ring for the calling thread. Ends the program on failure. */
void ring_init(struct ring *ring);

/* An entry tagged with @op and @fd; submits what is queued if there is no free one. The caller
 * prepares it through the pointer and then tags it, since preparing clears user_data. */
struct io_uring_sqe *ring_sqe(struct ring *ring);
void ring_tag(struct io_uring_sqe *sqe, enum ring_op op, int fd);

enum ring_op ring_cqe_op(const struct io_uring_cqe *cqe);
int ring_cqe_fd(const struct io_uring_cqe *cqe);

void ring_accept(struct ring *ring, int listen_fd);
void ring_recv(struct ring *ring, int fd, bool multishot);

/* Sends @data and closes. Both report only failure (a short send is one); it cancels the close
 * without a word, so that @fd is still open when the completion of RING_SEND comes. Until then
 * the memory is the kernel's, and nobody is told when it no longer is. */
void ring_send_close(struct ring *ring, int fd, const char *data, size_t len);

/* The buffer a receive completion carries, and its way back; the kernel sees all that a turn
 * returns with one store, in ring_bufs_publish(). */
char *ring_buf(const struct ring *ring, const struct io_uring_cqe *cqe);
void ring_buf_return(struct ring *ring, const struct io_uring_cqe *cqe);
void ring_bufs_publish(struct ring *ring);

#endif
