/* Connections: see engine/conn.h. Calls only note what is wanted and put the connection on the
 * turn's list; flush_conn(), at the end of the turn, acts on it. The sends are in conn_send.c, the
 * table and its deadlines in conn_table.c. */
#include "engine/conn_private.h"

#include <errno.h>
#include <string.h>

static struct ouro_conn *conn_from_recv(struct ouro_op *op)
{
	return (struct ouro_conn *)(void *)((char *)op - offsetof(struct ouro_conn, recv));
}

/* Asked by an assertion alone. */
__attribute__((unused)) static bool is_legal_step(enum ouro_conn_state from,
						  enum ouro_conn_state to)
{
	switch (from) {
	case OURO_CONN_FREE:
		return to == OURO_CONN_OPEN;
	case OURO_CONN_OPEN:
		return to == OURO_CONN_DRAINING || to == OURO_CONN_CLOSING;
	case OURO_CONN_DRAINING:
		return to == OURO_CONN_CLOSING;
	case OURO_CONN_CLOSING:
		return to == OURO_CONN_FREE;
	}
	return false;
}

void ouro_conn_set_state(struct ouro_conn *conn, enum ouro_conn_state to)
{
	assert(is_legal_step((enum ouro_conn_state)conn->state, to));
	conn->state = (uint8_t)to;
}

void ouro_conn_touch(struct ouro_conn *conn)
{
	struct ouro_conns *conns = conn->conns;

	if (conn->facts & CONN_TOUCHED)
		return;
	conn->facts |= CONN_TOUCHED;
	assert(conns->touched_count < conns->touched_room);
	conns->touched[conns->touched_count++] = conn;
}

void ouro_conn_fail(struct ouro_conn *conn, int error)
{
	if (conn->state == OURO_CONN_CLOSING || conn->state == OURO_CONN_FREE)
		return;
	conn->error = (int16_t)error;
	ouro_conn_set_state(conn, OURO_CONN_CLOSING);
	ouro_conn_touch(conn);
}

/* Whether a peer that goes on sending behind its answer is read any further. One that looks at what it
 * gets has seen the answer long before the limit; for one that does not, reading is wasted, so its
 * window closes until the time for lingering is over. */
static bool may_discard(const struct ouro_conn *conn)
{
	const struct ouro_conns *conns = conn->conns;

	return conns->discarded[conn - conns->slots] < conns->options.linger_bytes_max;
}

/* Input that nobody wants any more, while the connection lingers. */
static void discard_input(struct ouro_conn *conn)
{
	struct ouro_conns *conns = conn->conns;
	struct ouro_backend *backend = conns->loop->backend;
	int32_t result = conn->recv.result;

	if (result > 0)
		conns->discarded[conn - conns->slots] += (uint32_t)result;
	else if (result == 0)
		conn->facts |= CONN_PEER_ENDED;
	else if (result != -ECANCELED)
		ouro_conn_fail(conn, result);
	if (conn->recv.in_flight && !may_discard(conn))
		backend->ops->cancel(backend, &conn->recv);
	ouro_conn_touch(conn);
}

static void take_input(struct ouro_conn *conn, struct ouro_buf *buf)
{
	struct ouro_stream *stream = &conn->stream;
	int32_t result = conn->recv.result;

	if (result > 0) {
		ouro_counter_add(&conn->conns->loop->counters.bytes_received, (uint64_t)result);
		conn->facts |= CONN_RECEIVED;
		if (buf->len == buf->size)
			conn->facts |= CONN_MORE_UNREAD;
		else
			conn->facts &= (uint16_t)~CONN_MORE_UNREAD;
		stream->events->on_input(stream, (struct ouro_slice){ buf->data, buf->len, buf });
	} else if (result == 0) {
		conn->facts |= CONN_PEER_ENDED;
		stream->events->on_end(stream);
	} else if (result != -ECANCELED) {
		ouro_conn_fail(conn, result);
	}
}

static void on_recv(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct ouro_conn *conn = conn_from_recv(op);

	switch ((enum ouro_conn_state)conn->state) {
	case OURO_CONN_OPEN:
		take_input(conn, buf);
		break;
	case OURO_CONN_DRAINING:
		discard_input(conn);
		break;
	case OURO_CONN_CLOSING:
		break;
	case OURO_CONN_FREE:
		assert(false && "a completion after the last one");
	}
	if (!(flags & OURO_OP_MORE))
		ouro_conn_touch(conn);
}

/* Arms the receive. The first one of a connection is for one completion: many connections carry
 * one request, and closing is cheapest with nothing in flight. It may be finished at once. */
static void arm_recv(struct ouro_conn *conn)
{
	struct ouro_backend *backend = conn->conns->loop->backend;
	struct ouro_buf *buf;

	conn->recv.kind = conn->facts & CONN_RECEIVED ? OURO_OP_RECV : OURO_OP_RECV_ONCE;
	if (backend->ops->submit(backend, &conn->recv) == OURO_SUBMIT_PENDING)
		return;
	buf = backend->finished_buf;
	backend->finished_buf = NULL;
	on_recv(&conn->recv, buf, 0);
	ouro_buf_unref(buf);
}

static void want_recv(struct ouro_conn *conn)
{
	bool lingers = conn->state == OURO_CONN_DRAINING && conn->facts & CONN_FIN_SENT &&
		       may_discard(conn);
	bool reads = conn->state == OURO_CONN_OPEN && conn->facts & CONN_READING;

	if (!conn->recv.in_flight &&
	    !(conn->facts & (CONN_PEER_ENDED | CONN_LENDING | CONN_LENT)) && (lingers || reads))
		arm_recv(conn);
}

/* Lends the descriptor that was asked for, once nothing is being received any more. */
static void begin_loan(struct ouro_conn *conn)
{
	if (!(conn->facts & CONN_LENDING) || conn->recv.in_flight)
		return;
	conn->facts ^= CONN_LENDING | CONN_LENT;
	conn->stream.events->on_lent(&conn->stream, conn->recv.fd);
}

/* DRAINING and all is sent: with nothing in flight and nothing expected the socket can go, else
 * the peer is told that this was all and gets time to finish its side. */
static void end_draining(struct ouro_conn *conn)
{
	struct ouro_conns *conns = conn->conns;

	bool unfinished = conn->facts & (CONN_LINGER | CONN_LENT) || conn->recv.in_flight;

	/* Zero-copy sends that the peer has not acknowledged are waited for too. */
	if (conn->sends_in_flight == 0 && (conn->facts & CONN_PEER_ENDED || !unfinished)) {
		ouro_conn_set_state(conn, OURO_CONN_CLOSING);
		return;
	}
	if (!(conn->facts & CONN_FIN_SENT)) {
		conn->facts |= CONN_FIN_SENT;
		shutdown(conn->recv.fd, SHUT_WR);
		conn->stream.stamp_ms = ouro_loop_ms(conns->loop);
		ouro_conn_check_at(conn, conn->stream.stamp_ms + conns->options.linger_ms);
	}
	want_recv(conn);
}

/* A peer that is reset, not waited for, must not see an orderly end. One that has reset the connection
 * itself sees nothing of it any more. */
static void prepare_reset(struct ouro_conn *conn)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (conn->recv.fd >= 0 && conn->error != -ECONNRESET)
		setsockopt(conn->recv.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* CLOSING: ends what is in flight; when nothing is, closes the socket and frees the slot. */
static void end_closing(struct ouro_conn *conn)
{
	struct ouro_backend *backend = conn->conns->loop->backend;

	if (!(conn->facts & CONN_CANCELLED)) {
		conn->facts |= CONN_CANCELLED;
		if (conn->error || conn->sends_in_flight > 0)
			prepare_reset(conn);
		if (conn->recv.in_flight)
			backend->ops->cancel(backend, &conn->recv);
		if (conn->out && conn->out->send.op.in_flight)
			backend->ops->cancel(backend, &conn->out->send.op);
		/* One that waits for the peer to take something would keep the socket open. */
		if (conn->facts & CONN_ZC_BUSY)
			backend->ops->cancel(backend, conn->out->zero_copy);
		if (conn->facts & CONN_LENT)
			conn->stream.events->on_recall(&conn->stream);
	}
	/* Whoever it is lent to may be using the descriptor this very moment, on another thread: its
	 * number must not become another's. */
	if (conn->recv.in_flight || (conn->out && conn->out->send.op.in_flight) ||
	    conn->facts & CONN_LENT)
		return;
	if (conn->recv.fd >= 0) {
		struct ouro_op close_op = { .kind = OURO_OP_CLOSE, .fd = conn->recv.fd };

		conn->recv.fd = -1;
		backend->ops->submit(backend, &close_op);
	}
	/* Memory of a zero-copy send is the kernel's until it says so, also after the close. */
	if (conn->sends_in_flight == 0)
		ouro_conn_free(conn);
}

static void flush_conn(struct ouro_conn *conn)
{
	conn->facts &= (uint16_t)~CONN_TOUCHED;
	if (conn->state == OURO_CONN_OPEN || conn->state == OURO_CONN_DRAINING)
		ouro_conn_send(conn);
	if (conn->state == OURO_CONN_OPEN)
		begin_loan(conn);
	if (conn->state == OURO_CONN_OPEN)
		want_recv(conn);
	if (conn->state == OURO_CONN_DRAINING && !conn->out)
		end_draining(conn);
	if (conn->state == OURO_CONN_CLOSING)
		end_closing(conn);
}

bool ouro_conns_flush(void *arg)
{
	struct ouro_conns *conns = arg;
	uint32_t count = conns->touched_count;

	if (count == 0)
		return false;
	for (uint32_t i = 0; i < count; i++)
		flush_conn(conns->touched[i]);
	/* What was touched from within waits for the next turn, which then does not sleep. */
	conns->touched_count -= count;
	memmove(conns->touched, conns->touched + count,
		conns->touched_count * sizeof(conns->touched[0]));
	return conns->touched_count > 0;
}

static struct ouro_sendq *sendq_of(struct ouro_conn *conn)
{
	struct ouro_conns *conns = conn->conns;

	if (conn->state != OURO_CONN_OPEN)
		return NULL;
	if (!conn->out) {
		conn->out = ouro_sendq_create(&conns->pools);
		if (!conn->out)
			return NULL;
		conn->out->conn = conn;
		conn->out->progress_ms = ouro_loop_ms(conns->loop);
		ouro_conn_check_at(conn, conn->out->progress_ms + conns->options.write_timeout_ms);
		ouro_conn_touch(conn);
	}
	return conn->out;
}

static void note_high(struct ouro_conn *conn)
{
	if (conn->out->bytes > OURO_STREAM_PENDING_HIGH)
		conn->facts |= CONN_WAS_HIGH;
}

static char *conn_reserve(struct ouro_stream *stream, size_t bytes)
{
	struct ouro_sendq *out = sendq_of(ouro_conn_of(stream));

	return out ? ouro_sendq_reserve(out, bytes) : NULL;
}

static void conn_commit(struct ouro_stream *stream, size_t bytes)
{
	struct ouro_conn *conn = ouro_conn_of(stream);

	if (conn->state != OURO_CONN_OPEN || !conn->out)
		return;
	ouro_counter_add(&conn->conns->loop->counters.bytes_rendered, bytes);
	if (ouro_sendq_commit(conn->out, bytes))
		ouro_conn_fail(conn, -ENOMEM);
	else
		note_high(conn);
}

static int write_copy(struct ouro_conn *conn, struct ouro_slice slice)
{
	while (slice.len > 0) {
		size_t bytes = slice.len < OURO_STREAM_RESERVE_MAX ? slice.len
								   : OURO_STREAM_RESERVE_MAX;
		char *room = ouro_sendq_reserve(conn->out, bytes);
		int err = -ENOMEM;

		if (room) {
			memcpy(room, slice.ptr, bytes);
			err = ouro_sendq_commit(conn->out, bytes);
		}
		if (err)
			return err;
		ouro_counter_add(&conn->conns->loop->counters.bytes_copied, bytes);
		slice.ptr += bytes;
		slice.len -= bytes;
	}
	return 0;
}

static int conn_write(struct ouro_stream *stream, struct ouro_slice slice)
{
	struct ouro_conn *conn = ouro_conn_of(stream);
	struct ouro_recvpool *recvpool = &conn->conns->loop->backend->recvpool;
	bool scarce = slice.buf && ouro_recvpool_owns(recvpool, slice.buf) &&
		      ouro_recvpool_is_scarce(recvpool);
	int err;

	if (conn->state != OURO_CONN_OPEN)
		return -EPIPE;
	if (!sendq_of(conn)) {
		ouro_conn_fail(conn, -ENOMEM);
		return -ENOMEM;
	}
	if (slice.len <= OURO_SENDQ_COPY_BYTES_MAX || scarce)
		err = write_copy(conn, slice);
	else
		err = ouro_sendq_append(conn->out, slice);
	/* Part of a slice cannot be taken back, so the connection goes with it. */
	if (err)
		ouro_conn_fail(conn, err);
	else
		note_high(conn);
	return err;
}

static int conn_write_file(struct ouro_stream *stream, struct ouro_buf *file, uint64_t offset,
			   uint64_t len)
{
	struct ouro_conn *conn = ouro_conn_of(stream);
	int err;

	if (conn->state != OURO_CONN_OPEN)
		return -EPIPE;
	err = sendq_of(conn) ? ouro_sendq_append_file(conn->out, file, offset, len) : -ENOMEM;
	if (err)
		ouro_conn_fail(conn, err);
	else
		note_high(conn);
	return err;
}

static size_t conn_pending(const struct ouro_stream *stream)
{
	const struct ouro_conn *conn = ouro_conn_of(stream);

	if (!conn->out)
		return 0;
	return conn->out->bytes < SIZE_MAX ? (size_t)conn->out->bytes : SIZE_MAX;
}

static void conn_set_reading(struct ouro_stream *stream, bool on)
{
	struct ouro_conn *conn = ouro_conn_of(stream);
	struct ouro_backend *backend = conn->conns->loop->backend;

	if (conn->state != OURO_CONN_OPEN || on == ((conn->facts & CONN_READING) != 0))
		return;
	conn->facts ^= CONN_READING;
	if (!on && conn->recv.in_flight)
		backend->ops->cancel(backend, &conn->recv);
	ouro_conn_touch(conn);
}

static void conn_close(struct ouro_stream *stream, enum ouro_close how)
{
	struct ouro_conn *conn = ouro_conn_of(stream);

	switch (how) {
	case OURO_CLOSE_ABORT:
		ouro_conn_fail(conn, -ECONNABORTED);
		return;
	case OURO_CLOSE_LINGER:
		conn->facts |= CONN_LINGER;
		break;
	case OURO_CLOSE_FLUSH:
		/* Closing a socket with unread input resets it. */
		if (conn->facts & CONN_MORE_UNREAD)
			conn->facts |= CONN_LINGER;
		break;
	}
	if (conn->state != OURO_CONN_OPEN)
		return;
	ouro_conn_set_state(conn, OURO_CONN_DRAINING);
	conn->conns->discarded[conn - conn->conns->slots] = 0;
	ouro_conn_touch(conn);
}

static void conn_check_at(struct ouro_stream *stream, uint32_t ms)
{
	ouro_conn_check_at(ouro_conn_of(stream), ms);
}

static int conn_lend(struct ouro_stream *stream)
{
	struct ouro_conn *conn = ouro_conn_of(stream);
	struct ouro_backend *backend = conn->conns->loop->backend;

	assert(!(conn->facts & (CONN_LENDING | CONN_LENT)));
	if (conn->state != OURO_CONN_OPEN)
		return -EPIPE;
	conn->facts |= CONN_LENDING;
	if (conn->recv.in_flight)
		backend->ops->cancel(backend, &conn->recv);
	ouro_conn_touch(conn);
	return 0;
}

static void conn_give_back(struct ouro_stream *stream)
{
	struct ouro_conn *conn = ouro_conn_of(stream);

	assert(conn->facts & (CONN_LENDING | CONN_LENT));
	conn->facts &= (uint16_t) ~(CONN_LENDING | CONN_LENT);
	/* Others have read, and whether there is more is not known. */
	conn->facts |= conn->state == OURO_CONN_OPEN ? CONN_MORE_UNREAD : CONN_LINGER;
	ouro_conn_touch(conn);
}

static const struct ouro_stream_ops conn_ops = {
	.reserve = conn_reserve,
	.commit = conn_commit,
	.write = conn_write,
	.write_file = conn_write_file,
	.pending = conn_pending,
	.set_reading = conn_set_reading,
	.close = conn_close,
	.check_at = conn_check_at,
	.lend = conn_lend,
	.give_back = conn_give_back,
};

struct ouro_conn *ouro_conn_open(struct ouro_conns *conns, int fd,
				 const struct ouro_stream_events *events, void *user)
{
	struct ouro_conn *conn = ouro_conn_take_slot(conns);

	if (!conn)
		return NULL;
	conn->stream = (struct ouro_stream){ .ops = &conn_ops, .events = events, .user = user };
	conn->recv.on_complete = on_recv;
	conn->recv.fd = fd;
	conn->error = 0;
	/* The slot's last connection may have left it on the list. */
	conn->facts = CONN_READING | (conn->facts & CONN_TOUCHED);
	ouro_conn_set_state(conn, OURO_CONN_OPEN);
	events->on_open(&conn->stream);
	if (conn->state == OURO_CONN_OPEN && conn->facts & CONN_READING)
		arm_recv(conn);
	return conn;
}
