/* How a session sends: frames into its stream, or into a queue before it. */
#include "ws/session_private.h"

#include "ws/message.h"
#include "ws/piece.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	/* Payload of so many bytes is moved behind its head, which costs less than a segment of its
	 * own: the stream would move as much. */
	MOVE_BYTES_MAX = 512,
	/* What has to be copied, or was compressed, goes there as far as it can: in a buffer for
	 * itself a message of a few hundred bytes would hold OURO_WS_PIECE_BYTES while it waits
	 * for a client that does not read, and count as a few hundred. */
	COPY_BYTES_MAX = OURO_STREAM_RESERVE_MAX - OURO_WS_HEAD_BYTES_MAX,
};

int ouro_ws_put_bytes(struct ouro_ws_session *session, struct ouro_str frame)
{
	char *out = ouro_stream_reserve(session->stream, frame.len);

	if (!out)
		return -EPIPE;
	memcpy(out, frame.ptr, frame.len);
	ouro_stream_commit(session->stream, frame.len);
	return 0;
}

/* Writes a frame; payload of up to @move_bytes_max is moved behind its head. */
static int put_frame(struct ouro_ws_session *session, unsigned first, struct ouro_slice payload,
		     size_t move_bytes_max)
{
	bool moves = payload.len <= move_bytes_max;
	char *out = ouro_stream_reserve(session->stream,
					OURO_WS_HEAD_BYTES_MAX + (moves ? payload.len : 0));
	size_t len;

	if (!out)
		return -EPIPE;
	len = ouro_ws_write_head(out, first, payload.len);
	if (moves && payload.len > 0)
		memcpy(out + len, payload.ptr, payload.len);
	ouro_stream_commit(session->stream, len + (moves ? payload.len : 0));
	return moves ? 0 : ouro_stream_write(session->stream, payload);
}

int ouro_ws_put_frame(struct ouro_ws_session *session, unsigned first, struct ouro_slice payload)
{
	return put_frame(session, first, payload, MOVE_BYTES_MAX);
}

static int put_chain(struct ouro_ws_session *session, unsigned first,
		     const struct ouro_ws_chain *chain)
{
	char head[OURO_WS_HEAD_BYTES_MAX];
	int err;

	if (chain->bytes <= COPY_BYTES_MAX) {
		/* With its tail cut off it may lie in two buffers only if it is larger. */
		assert(chain->first == chain->last);
		return put_frame(session, first,
				 (struct ouro_slice){ chain->first->data, chain->bytes,
						      chain->first },
				 COPY_BYTES_MAX);
	}
	err = ouro_ws_put_bytes(session,
				(struct ouro_str){ head,
						   ouro_ws_write_head(head, first, chain->bytes) });
	for (struct ouro_buf *buf = chain->first; !err && buf; buf = buf->next)
		err = ouro_stream_write(session->stream,
					(struct ouro_slice){ buf->data, buf->len, buf });
	return err;
}

static void release_deflater(struct ouro_ws_session *session)
{
	ouro_ws_deflater_release(&session->endpoint->loop->codecs, session->extra->deflater);
	session->extra->deflater = NULL;
	ouro_ws_extra_put(session);
}

/* Compresses a message and writes it. -EFBIG where it does not get smaller, -ENOBUFS where there is
 * no deflater: it is then to be sent as it is. */
static int put_deflated(struct ouro_ws_session *session, unsigned opcode, struct ouro_slice payload)
{
	struct ouro_ws_loop *loop = session->endpoint->loop;
	struct ouro_ws_extra *extra = ouro_ws_extra_get(session);
	struct ouro_ws_chain chain;
	int err;

	if (!extra)
		return -ENOBUFS;
	if (!extra->deflater)
		extra->deflater =
			ouro_ws_deflater_lease(&loop->codecs, ouro_ws_server_bits(session));
	if (!extra->deflater) {
		ouro_ws_extra_put(session);
		return -ENOBUFS;
	}
	err = ouro_ws_deflate(extra->deflater, (struct ouro_str){ payload.ptr, payload.len },
			      &loop->pieces, &chain);
	if (err == -ENOMEM)
		err = -ENOBUFS;
	if (!err) {
		err = put_chain(session, OURO_WS_FIN | OURO_WS_RSV1 | opcode, &chain);
		ouro_ws_chain_drop(&chain);
	}
	/* After an error its window has what the peer will never see. */
	if (err || (session->facts & WS_DEFLATE_EACH))
		release_deflater(session);
	return err;
}

/* Up to how many bytes of @payload are moved rather than referred to. */
static size_t move_bytes_max(struct ouro_slice payload)
{
	return payload.buf && ouro_buf_is_pooled(payload.buf) ? COPY_BYTES_MAX : MOVE_BYTES_MAX;
}

/* Writes a message; with @opcode 0, @payload is a whole frame. @move_max as of put_frame(). */
static int put_message(struct ouro_ws_session *session, unsigned opcode, struct ouro_slice payload,
		       size_t move_max)
{
	const struct ouro_ws_endpoint_options *options = &session->endpoint->options;
	int err;

	if (opcode == 0)
		return ouro_stream_write(session->stream, payload);
	if ((session->facts & WS_DEFLATE) && payload.len >= options->deflate_bytes_min) {
		err = put_deflated(session, opcode, payload);
		if (err != -EFBIG && err != -ENOBUFS)
			return err;
	}
	return put_frame(session, OURO_WS_FIN | opcode, payload, move_max);
}

static bool has_queue(const struct ouro_ws_session *session)
{
	return session->extra && session->extra->first;
}

static bool is_over(const struct ouro_ws_session *session)
{
	return ouro_stream_pending(session->stream) > session->endpoint->options.output_bytes_max;
}

/* Takes the oldest message off the queue; its reference is the caller's. */
static struct ouro_ws_output pop_output(struct ouro_ws_session *session)
{
	struct ouro_ws_extra *extra = session->extra;
	struct ouro_ws_output *item = extra->first, output = *item;

	extra->first = item->next;
	if (!extra->first)
		extra->last = NULL;
	extra->queued_bytes -= output.slice.len + OURO_WS_OUTPUT_BYTES;
	ouro_pool_put(&session->endpoint->loop->outputs, item);
	ouro_ws_extra_put(session);
	return output;
}

void ouro_ws_drop_output(struct ouro_ws_session *session)
{
	while (has_queue(session))
		ouro_buf_unref(pop_output(session).slice.buf);
}

void ouro_ws_flush(struct ouro_ws_session *session, bool all)
{
	while (has_queue(session) && !(session->facts & WS_IN_PIECES) &&
	       (all || !is_over(session))) {
		struct ouro_ws_output output = pop_output(session);

		/* The stream fails by itself. */
		put_message(session, output.opcode, output.slice, move_bytes_max(output.slice));
		ouro_buf_unref(output.slice.buf);
	}
}

/* @payload in a buffer that takes not much more; NULL: out of memory. */
static struct ouro_buf *create_copy(struct ouro_ws_session *session, struct ouro_slice payload)
{
	struct ouro_ws_loop *loop = session->endpoint->loop;
	struct ouro_buf *buf = ouro_ws_piece_or_buf(&loop->pieces, payload.len);

	if (!buf)
		return NULL;
	if (payload.len > 0)
		memcpy(buf->data, payload.ptr, payload.len);
	buf->len = (uint32_t)payload.len;
	if (loop->host.counters)
		ouro_counter_add(&loop->host.counters->bytes_copied, payload.len);
	return buf;
}

/* Whether @payload must not hold its buffer while it waits. */
static bool is_to_be_copied(const struct ouro_ws_session *session, struct ouro_slice payload)
{
	const struct ouro_ws_host *host = &session->endpoint->loop->host;

	if (!payload.buf)
		return false;
	return (ouro_buf_is_pooled(payload.buf) && payload.len <= payload.buf->size / 2) ||
	       (host->is_scarce && host->is_scarce(host->arg, payload.buf));
}

/* Queues a message, of which a copy is kept with @copy, else a reference. 0 or -ENOMEM. */
static int push_output(struct ouro_ws_session *session, unsigned opcode, struct ouro_slice payload,
		       bool copy)
{
	struct ouro_ws_extra *extra = ouro_ws_extra_get(session);
	struct ouro_ws_output *item = extra ? ouro_pool_get(&session->endpoint->loop->outputs)
					    : NULL;
	struct ouro_buf *buf = NULL;

	if (item)
		buf = copy ? create_copy(session, payload) : ouro_buf_ref(payload.buf);
	if (!item || (copy && !buf)) {
		if (item)
			ouro_pool_put(&session->endpoint->loop->outputs, item);
		ouro_ws_extra_put(session);
		return -ENOMEM;
	}
	payload.ptr = copy ? buf->data : payload.ptr;
	payload.buf = buf;
	*item = (struct ouro_ws_output){ .slice = payload, .opcode = (uint8_t)opcode };
	if (extra->last)
		extra->last->next = item;
	else
		extra->first = item;
	extra->last = item;
	extra->queued_bytes += payload.len + OURO_WS_OUTPUT_BYTES;
	return 0;
}

static void count_dropped(const struct ouro_ws_session *session)
{
	ouro_counter_add(&session->endpoint->loop->host.counters->ws_messages_dropped, 1);
}

/* Room in the queue for a message of @bytes, for which older ones may be dropped. */
static bool make_room(struct ouro_ws_session *session, size_t bytes)
{
	const struct ouro_ws_endpoint_options *options = &session->endpoint->options;
	size_t queued = session->extra ? session->extra->queued_bytes : 0;

	bytes += OURO_WS_OUTPUT_BYTES;
	if (bytes > options->queue_bytes_max)
		return false;
	if (options->overflow != OURO_WS_OVERFLOW_DROP_OLD)
		return queued <= options->queue_bytes_max - bytes;
	while (has_queue(session) &&
	       session->extra->queued_bytes > options->queue_bytes_max - bytes) {
		ouro_buf_unref(pop_output(session).slice.buf);
		count_dropped(session);
	}
	return true;
}

static int drop(struct ouro_ws_session *session)
{
	count_dropped(session);
	return -ENOBUFS;
}

/* What becomes of a message that does not fit. 0: it may be queued. */
static int overflow(struct ouro_ws_session *session, size_t bytes)
{
	switch (session->endpoint->options.overflow) {
	case OURO_WS_OVERFLOW_WAIT:
		session->facts |= WS_WANTS_DRAIN;
		return -EAGAIN;
	case OURO_WS_OVERFLOW_DROP_NEW:
		return drop(session);
	case OURO_WS_OVERFLOW_DROP_OLD:
		return make_room(session, bytes) ? 0 : drop(session);
	case OURO_WS_OVERFLOW_CLOSE:
		session->facts |= WS_TOO_SLOW;
		ouro_ws_session_close(session, OURO_WS_CODE_POLICY, (struct ouro_str){ NULL, 0 });
		return -ENOBUFS;
	}
	assert(false);
	return -EINVAL;
}

/* When a message goes; else a negative errno. */
enum { AT_ONCE, LATER };

/* When a message of @bytes may go, as the queue and the policy have it. */
static int admit(struct ouro_ws_session *session, size_t bytes)
{
	int err;

	if (session->state != OURO_WS_OPEN)
		return -EPIPE;
	if (is_over(session)) {
		err = overflow(session, bytes);
		return err ? err : LATER;
	}
	if (has_queue(session) || (session->facts & WS_IN_PIECES))
		return make_room(session, bytes) ? LATER : -EBUSY;
	return AT_ONCE;
}

static int submit(struct ouro_ws_session *session, unsigned opcode, struct ouro_slice payload)
{
	int when = admit(session, payload.len);

	if (when < 0)
		return when;
	return when == LATER
		       ? push_output(session, opcode, payload, is_to_be_copied(session, payload))
		       : put_message(session, opcode, payload, move_bytes_max(payload));
}

int ouro_ws_session_send(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			 struct ouro_slice payload)
{
	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	return submit(session, opcode, payload);
}

int ouro_ws_session_send_copy(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			      struct ouro_str payload)
{
	struct ouro_slice slice = { payload.ptr, payload.len, NULL };
	int result = admit(session, payload.len);
	struct ouro_buf *buf;

	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	if (result < 0)
		return result;
	if (result == LATER)
		return push_output(session, opcode, slice, true);
	if (payload.len <= COPY_BYTES_MAX)
		return put_message(session, opcode, slice, COPY_BYTES_MAX);
	buf = create_copy(session, slice);
	if (!buf)
		return -ENOMEM;
	result = put_message(session, opcode, (struct ouro_slice){ buf->data, payload.len, buf },
			     MOVE_BYTES_MAX);
	ouro_buf_unref(buf);
	return result;
}

int ouro_ws_session_send_frame(struct ouro_ws_session *session, struct ouro_slice frame)
{
	uint16_t wanted_drain = session->facts & WS_WANTS_DRAIN;
	int err = submit(session, 0, frame);

	if (!err || err == -EPIPE || err == -ENOBUFS)
		return err;
	/* Nobody waits to send it once more. */
	session->facts &= (uint16_t)(~WS_WANTS_DRAIN | wanted_drain);
	return drop(session);
}

bool ouro_ws_session_has_room(const struct ouro_ws_session *session)
{
	return session->state == OURO_WS_OPEN && !is_over(session);
}

bool ouro_ws_session_reads_deflated(const struct ouro_ws_session *session)
{
	uint16_t each = WS_DEFLATE | WS_DEFLATE_EACH;

	/* With a context of its own a peer would need its own compression: it reads plain ones, which
	 * any message may be. */
	return (session->facts & each) == each &&
	       ouro_ws_server_bits(session) >= OURO_WS_MESSAGE_WINDOW_BITS;
}

int ouro_ws_session_send_piece(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			       struct ouro_slice piece, bool last)
{
	bool begun = (session->facts & WS_IN_PIECES) != 0;
	int err;

	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	if (session->state != OURO_WS_OPEN)
		return -EPIPE;
	if (is_over(session) || (!begun && has_queue(session))) {
		session->facts |= WS_WANTS_DRAIN;
		return -EAGAIN;
	}
	err = ouro_ws_put_frame(session,
				(unsigned)(begun ? OURO_WS_CONTINUATION : opcode) |
					(last ? OURO_WS_FIN : 0u),
				piece);
	if (err)
		return err;
	if (!last) {
		session->facts |= WS_IN_PIECES;
		return 0;
	}
	session->facts &= (uint16_t)~WS_IN_PIECES;
	ouro_ws_flush(session, false);
	return 0;
}
