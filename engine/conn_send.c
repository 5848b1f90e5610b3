/* How a connection's output leaves: one send in flight at a time, closing joined to the last one
 * where that is possible, and zero-copy for large sends to peers where it pays. */
#include "engine/conn_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum {
	CLOSE_AFTER_BYTES_MAX = 64 * 1024,
	FLUSH_BYTES_MAX =
		1024 * 1024, /* sent at once for one connection; then others get their turn */
};

/* A zero-copy send. Its segments are referenced here until the kernel's notification, while the
 * queue goes on as soon as the bytes were taken: waiting for the notification would wait for the
 * peer's acknowledgement. */
struct zero_copy {
	struct ouro_op_send send; /* first */
	struct ouro_conn *conn;
	bool taken;    /* the result has come; the notification is still to come */
	int32_t bytes; /* as it said; negative: an error */
	uint32_t count;
	struct iovec iov[OURO_SENDQ_SEGMENTS];
	struct ouro_buf *buf[OURO_SENDQ_SEGMENTS];
};

size_t ouro_conn_zero_copy_bytes(void)
{
	return sizeof(struct zero_copy);
}

static void release_queue(struct ouro_conn *conn)
{
	ouro_sendq_destroy(conn->out);
	conn->out = NULL;
}

/* @result bytes were taken, or an error came. False when the connection is on its way out. */
static bool take_result(struct ouro_conn *conn, int32_t result)
{
	struct ouro_loop *loop = conn->conns->loop;
	struct ouro_sendq *out = conn->out;

	if (result < 0) {
		ouro_conn_fail(conn, result);
		return false;
	}
	ouro_counter_add(&loop->counters.bytes_sent, (uint64_t)result);
	ouro_sendq_consume(out, (size_t)result);
	out->progress_ms = ouro_loop_ms(loop);
	return true;
}

static void tell_drained(struct ouro_conn *conn)
{
	uint64_t pending = conn->out ? conn->out->bytes : 0;

	if (!(conn->facts & CONN_WAS_HIGH) || pending > OURO_STREAM_PENDING_LOW)
		return;
	conn->facts &= (uint16_t)~CONN_WAS_HIGH;
	if (conn->state == OURO_CONN_OPEN)
		conn->stream.events->on_drain(&conn->stream);
}

static void count_file(struct ouro_conn *conn, struct ouro_op_send *send)
{
	struct ouro_counters *counters = &conn->conns->loop->counters;

	/* The file has become shorter than it was. What was announced can neither be sent nor be made
	 * up: the peer must see that it is not whole. */
	if (send->op.result == 0)
		send->op.result = -ENODATA;
	if (send->op.result > 0)
		ouro_counter_add(send->was_copied ? &counters->bytes_copied
						  : &counters->bytes_zero_copy,
				 (uint64_t)send->op.result);
}

/* A send of the queue has ended, now or in flight. */
static void finish_send(struct ouro_conn *conn)
{
	struct ouro_sendq *out = conn->out;
	struct ouro_op_send *send = &out->send;

	conn->sends_in_flight--;
	if (send->op.kind == OURO_OP_SEND_FILE)
		count_file(conn, send);
	/* A send with a close behind it has closed the socket when it took everything, even if
	 * the connection was failed in the meantime. */
	if (send->close_after && send->op.result == (int32_t)send->bytes)
		conn->recv.fd = -1;
	if (conn->state == OURO_CONN_CLOSING || !take_result(conn, send->op.result))
		return;
	if (out->bytes == 0) {
		release_queue(conn);
		if (conn->facts & CONN_CORKED)
			ouro_conn_file_uncork(conn);
	}
	if (conn->recv.fd < 0)
		ouro_conn_set_state(conn, OURO_CONN_CLOSING);
}

static void on_sent(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct ouro_conn *conn = ((struct ouro_sendq *)(void *)op)->conn;

	(void)buf;
	(void)flags;
	finish_send(conn);
	ouro_conn_touch(conn);
}

static void drop_zero_copy(struct zero_copy *zc)
{
	for (uint32_t i = 0; i < zc->count; i++)
		ouro_buf_unref(zc->buf[i]);
	ouro_pool_put(&zc->conn->conns->zero_copies, zc);
}

/* Whether @error is about the peer. Others are about zero-copy: locked memory has a limit
 * (RLIMIT_MEMLOCK), drivers lack it. */
static bool is_peer_error(int32_t error)
{
	return error == -EPIPE || error == -ECONNRESET || error == -ETIMEDOUT ||
	       error == -ECANCELED || error == -EHOSTUNREACH || error == -ENETUNREACH;
}

static void take_zero_copy_result(struct ouro_conn *conn, int32_t result)
{
	if (result < 0 && !is_peer_error(result)) {
		/* The queue still holds it all: it goes the ordinary way. */
		conn->facts &= (uint16_t)~CONN_ZC_PAYS;
		return;
	}
	if (take_result(conn, result) && conn->out->bytes == 0)
		release_queue(conn);
}

static void on_zero_copy(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct zero_copy *zc = (struct zero_copy *)(void *)op;
	struct ouro_conn *conn = zc->conn;

	(void)buf;
	if (!zc->taken) {
		zc->taken = true;
		zc->bytes = op->result;
		conn->facts &= (uint16_t)~CONN_ZC_BUSY;
		if (conn->state != OURO_CONN_CLOSING)
			take_zero_copy_result(conn, op->result);
	}
	if (flags & OURO_OP_COPIED)
		conn->facts &= (uint16_t)~CONN_ZC_PAYS;
	if (!(flags & OURO_OP_MORE)) {
		if (!(flags & OURO_OP_COPIED) && zc->bytes > 0)
			ouro_counter_add(&conn->conns->loop->counters.bytes_zero_copy,
					 (uint64_t)zc->bytes);
		conn->sends_in_flight--;
		drop_zero_copy(zc);
	}
	ouro_conn_touch(conn);
}

static bool is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)(const void *)a)->sin_addr,
			      &((const struct sockaddr_in *)(const void *)b)->sin_addr,
			      sizeof(struct in_addr)) == 0;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr,
		      sizeof(struct in6_addr)) == 0;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return IN6_IS_ADDR_LOOPBACK(
		&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Data for a peer on this machine is always copied by the kernel, and then zero-copy only costs. */
static bool is_remote(int fd)
{
	struct sockaddr_storage own = { 0 }, peer = { 0 };
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

	if (getsockname(fd, (struct sockaddr *)&own, &own_len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len))
		return false;
	if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
		return false;
	return !is_loopback(&peer) && !is_same_host(&own, &peer);
}

static bool zero_copy_pays(struct ouro_conn *conn, size_t bytes)
{
	struct ouro_conns *conns = conn->conns;
	struct ouro_backend *backend = conns->loop->backend;

	if (conns->options.zero_copy_bytes_min == 0 || bytes < conns->options.zero_copy_bytes_min)
		return false;
	if (!(conn->facts & CONN_ZC_ASKED)) {
		conn->facts |= CONN_ZC_ASKED;
		if (backend->ops->has_zero_copy(backend) && is_remote(conn->recv.fd))
			conn->facts |= CONN_ZC_PAYS;
	}
	return conn->facts & CONN_ZC_PAYS && conn->sends_in_flight < ZC_IN_FLIGHT_MAX;
}

/* Begins a zero-copy send of what @msg holds; false when out of memory. */
static bool start_zero_copy(struct ouro_conn *conn, const struct msghdr *msg, size_t bytes)
{
	struct ouro_backend *backend = conn->conns->loop->backend;
	struct ouro_sendblock *block = conn->out->head;
	struct zero_copy *zc = ouro_pool_get(&conn->conns->zero_copies);

	if (!zc)
		return false;
	zc->conn = conn;
	zc->taken = false;
	zc->bytes = 0;
	zc->count = (uint32_t)msg->msg_iovlen;
	for (uint32_t i = 0; i < zc->count; i++) {
		zc->iov[i] = msg->msg_iov[i];
		zc->buf[i] = ouro_buf_ref(block->buf[block->head + i]);
	}
	zc->send = (struct ouro_op_send){
		.op = { .on_complete = on_zero_copy, .kind = OURO_OP_SEND_ZC, .fd = conn->recv.fd },
		.msg = { .msg_iov = zc->iov, .msg_iovlen = zc->count },
		.bytes = bytes,
	};
	conn->facts |= CONN_ZC_BUSY;
	conn->out->zero_copy = &zc->send.op;
	conn->sends_in_flight++;
	backend->ops->submit(backend, &zc->send.op);
	return true;
}

/* Whether the socket can be closed right behind this send: it is the last, it is small enough for
 * its progress not to matter, nothing is expected from the peer, and nothing is in flight that
 * would have to end first. */
static bool closes_after(const struct ouro_conn *conn, size_t bytes)
{
	return conn->state == OURO_CONN_DRAINING && bytes == conn->out->bytes &&
	       bytes <= CLOSE_AFTER_BYTES_MAX && !(conn->facts & (CONN_LINGER | CONN_LENT)) &&
	       !conn->recv.in_flight;
}

/* Starts the next send; false where it has to wait, or there is none. */
static bool send_next(struct ouro_conn *conn)
{
	struct ouro_backend *backend = conn->conns->loop->backend;
	struct ouro_op_send *send = &conn->out->send;

	if (conn->out->bytes == 0) {
		/* Reserved, and nothing committed. */
		release_queue(conn);
		return false;
	}
	ouro_sendq_gather(conn->out, send);
	send->close_after = false;
	if (send->op.kind == OURO_OP_SEND_FILE) {
		if (!ouro_conn_file_is_ready(conn, send))
			return false;
		ouro_conn_file_cork(conn);
	} else {
		if (conn->facts & CONN_CORKED)
			ouro_conn_file_uncork(conn);
		if (zero_copy_pays(conn, send->bytes) &&
		    start_zero_copy(conn, &send->msg, send->bytes))
			return false;
		send->close_after = closes_after(conn, send->bytes);
	}
	send->op.fd = conn->recv.fd;
	send->op.on_complete = on_sent;
	conn->sends_in_flight++;
	if (backend->ops->submit(backend, &send->op) == OURO_SUBMIT_PENDING)
		return false;
	finish_send(conn);
	return conn->out != NULL && conn->state != OURO_CONN_CLOSING;
}

void ouro_conn_send(struct ouro_conn *conn)
{
	uint64_t sent = 0;

	while (conn->out && !conn->out->send.op.in_flight &&
	       !(conn->facts & (CONN_ZC_BUSY | CONN_FILE_READ))) {
		if (sent > FLUSH_BYTES_MAX) {
			ouro_conn_touch(conn);
			break;
		}
		sent += conn->out->bytes;
		if (!send_next(conn))
			break;
		sent -= conn->out->bytes;
	}
	/* What is written in answer to this leaves with the next turn, so that a writer that never
	 * has to wait does not keep the loop from the others. */
	tell_drained(conn);
}
