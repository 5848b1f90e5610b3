/* Pieces of files that are not in the page cache: sendfile(2) would keep the loop waiting for a disk. So
 * it is asked first, and what is missing is read by another thread, whose reading leaves it in the
 * cache. What that thread has read is not kept: the copy is made only where a disk is waited for, which
 * takes far longer. */
#include "engine/conn_private.h"
#include "engine/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	READ_BYTES = 64 * 1024,
	CACHED_MS = 200, /* for so long what was in memory is taken to be there still */
	CORK_BYTES_MIN = 256 * 1024,
};

/* A piece that another thread reads; it holds the connection's slot until it is done. */
struct file_read {
	struct ouro_offload_job job; /* first */
	struct ouro_conn *conn;
	struct ouro_buf *file;
	int fd;
	uint64_t offset;
	size_t bytes;
};

size_t ouro_conn_file_read_bytes(void)
{
	return sizeof(struct file_read);
}

#ifdef RWF_NOWAIT
/* Whether the byte at @offset can be had without waiting; also where this file system cannot say, since
 * then nobody can. */
static bool is_cached(int fd, uint64_t offset)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	return preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}
#else
static bool is_cached(int fd, uint64_t offset)
{
	(void)fd;
	(void)offset;
	return true;
}
#endif

/* On a thread of the pool. Errors are found again by whoever sends. */
static void read_piece(struct ouro_offload_job *job)
{
	const struct file_read *piece = (const struct file_read *)(const void *)job;
	char sink[READ_BYTES];
	size_t done = 0;

	posix_fadvise(piece->fd, (off_t)piece->offset, (off_t)piece->bytes, POSIX_FADV_WILLNEED);
	while (done < piece->bytes) {
		size_t left = piece->bytes - done;
		ssize_t got = pread(piece->fd, sink, left < sizeof(sink) ? left : sizeof(sink),
				    (off_t)(piece->offset + done));

		if (got <= 0)
			return;
		done += (size_t)got;
	}
}

static void on_read(struct ouro_offload_job *job)
{
	struct file_read *piece = (struct file_read *)(void *)job;
	struct ouro_conn *conn = piece->conn;

	ouro_buf_unref(piece->file);
	ouro_pool_put(&conn->conns->file_reads, piece);
	conn->facts &= (uint16_t)~CONN_FILE_READ;
	conn->sends_in_flight--;
	if (conn->out)
		conn->out->head_is_warm = true;
	ouro_conn_touch(conn);
}

static bool start_reading(struct ouro_conn *conn, const struct ouro_op_send *send)
{
	struct ouro_conns *conns = conn->conns;
	struct file_read *piece = ouro_pool_get(&conns->file_reads);

	if (!piece)
		return false;
	*piece = (struct file_read){
		.job = { .run = read_piece, .on_done = on_read, .loop = conns->loop },
		.conn = conn,
		.file = ouro_buf_ref(ouro_sendq_head_file(conn->out)),
		.fd = send->file_fd,
		.offset = send->file_offset,
		.bytes = send->bytes,
	};
	if (ouro_offload_submit(conns->options.offload, &piece->job)) {
		ouro_buf_unref(piece->file);
		ouro_pool_put(&conns->file_reads, piece);
		return false;
	}
	ouro_counter_add(&conns->loop->counters.file_reads, 1);
	conn->facts |= CONN_FILE_READ;
	conn->sends_in_flight++;
	return true;
}

/* Whether all of @send was there a moment ago: files that are sent often are not asked for each time. */
static bool was_cached(const struct ouro_conn *conn, const struct ouro_op_send *send)
{
	const struct ouro_buf *file = ouro_sendq_head_file(conn->out);
	uint32_t now_ms = ouro_loop_ms(conn->conns->loop);

	return send->file_offset + send->bytes <= file->size &&
	       !ouro_ms_reached(now_ms, file->len + CACHED_MS);
}

/* What was found lengthens what is known to be there, if that was found just before; the beginning of a
 * file begins anew. */
static void note_cached(struct ouro_buf *file, const struct ouro_op_send *send, uint32_t now_ms)
{
	uint64_t end = send->file_offset + send->bytes;
	bool goes_on = send->file_offset <= file->size &&
		       !ouro_ms_reached(now_ms, file->len + CACHED_MS);

	if (send->file_offset == 0)
		ouro_filebuf_note_cached(file, (uint32_t)end, now_ms);
	else if (goes_on && end > file->size && end <= UINT32_MAX)
		ouro_filebuf_note_cached(file, (uint32_t)end, file->len);
}

/* Asks for both ends; what lies between was most likely read with one of them. */
static bool look(const struct ouro_conn *conn, const struct ouro_op_send *send)
{
	if (!is_cached(send->file_fd, send->file_offset) ||
	    !is_cached(send->file_fd, send->file_offset + send->bytes - 1))
		return false;
	note_cached(ouro_sendq_head_file(conn->out), send, ouro_loop_ms(conn->conns->loop));
	return true;
}

/* While a large file is sent segments go out full: without this, each of the pieces of 64 KiB that
 * sendfile(2) is made of ends in one that is not, which costs both sides (docs/zero-copy.md). For small
 * ones the two calls cost more than they save. */
static void set_cork(const struct ouro_conn *conn, int on)
{
#ifdef TCP_CORK
	setsockopt(conn->recv.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
#else
	(void)conn;
	(void)on;
#endif
}

void ouro_conn_file_cork(struct ouro_conn *conn)
{
	const struct ouro_sendblock *block = conn->out->head;

	if (conn->facts & CONN_CORKED || block->iov[block->head].iov_len < CORK_BYTES_MIN)
		return;
	conn->facts |= CONN_CORKED;
	set_cork(conn, 1);
}

void ouro_conn_file_uncork(struct ouro_conn *conn)
{
	conn->facts &= (uint16_t)~CONN_CORKED;
	set_cork(conn, 0);
}

bool ouro_conn_file_is_ready(struct ouro_conn *conn, const struct ouro_op_send *send)
{
	if (!conn->conns->options.offload || conn->out->head_is_warm || was_cached(conn, send))
		return true;
	if (look(conn, send))
		return true;
	/* Where nobody can read it for the loop, the loop waits. */
	return !start_reading(conn, send);
}
