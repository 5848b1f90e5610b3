/* How a session receives: pieces of frames become messages, joined or not, inflated or not. */
#include "ws/session_private.h"

#include "ws/piece.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Highly compressible small messages are no bombs. */
enum { RATIO_BYTES_MIN = 64 * 1024 };

static bool is_listening(const struct ouro_ws_session *session)
{
	return session->state != OURO_WS_ENDED && !ouro_ws_is_paused(session);
}

static void count_copied(struct ouro_ws_session *session, size_t bytes)
{
	struct ouro_counters *counters = session->endpoint->loop->host.counters;

	if (counters)
		ouro_counter_add(&counters->bytes_copied, bytes);
}

void ouro_ws_drop_input(struct ouro_ws_session *session)
{
	if (!session->extra)
		return;
	ouro_inq_clear(&session->extra->input);
	ouro_buf_unref(session->extra->joined);
	session->extra->joined = NULL;
}

/* The size of a buffer that takes the place of @old, for @bytes of a message of which @left more are
 * announced. A peer must send a quarter of what it makes us take, whatever it announces. */
static size_t joined_size(const struct ouro_buf *old, size_t bytes, uint64_t left)
{
	size_t size = left < 3 * (uint64_t)bytes ? bytes + (size_t)left : 4 * bytes;

	return old && size < 2 * (size_t)old->size ? 2 * (size_t)old->size : size;
}

/* Makes room for @bytes more in the message being joined, behind which its frame has @left. */
static bool grow_joined(struct ouro_ws_session *session, size_t bytes, uint64_t left)
{
	struct ouro_ws_extra *extra = session->extra;
	struct ouro_ws_loop *loop = session->endpoint->loop;
	struct ouro_buf *old = extra->joined, *buf;

	if (old && bytes <= old->size - old->len)
		return true;
	bytes = joined_size(old, (old ? old->len : 0) + bytes, left);
	buf = bytes <= OURO_WS_PIECE_BYTES ? ouro_ws_piece_get(&loop->pieces)
					   : ouro_bufpool_get(&loop->joined, bytes);
	if (!buf)
		return false;
	if (old) {
		memcpy(buf->data, old->data, old->len);
		count_copied(session, old->len);
		buf->len = old->len;
		ouro_buf_unref(old);
	}
	extra->joined = buf;
	return true;
}

static void give_message(struct ouro_ws_session *session, unsigned opcode,
			 struct ouro_slice message)
{
	session->endpoint->events->on_message(session, (enum ouro_ws_opcode)opcode, message);
}

static void give_joined(struct ouro_ws_session *session, unsigned opcode)
{
	struct ouro_buf *buf = session->extra->joined;

	session->extra->joined = NULL;
	ouro_ws_extra_put(session);
	give_message(session, opcode, (struct ouro_slice){ buf->data, buf->len, buf });
	ouro_buf_unref(buf);
}

/* Adds a piece, behind which its frame has @left, to the message being joined. */
static void join(struct ouro_ws_session *session, const struct ouro_ws_item *item, uint64_t left)
{
	struct ouro_ws_extra *extra = ouro_ws_extra_get(session);

	if (!extra || !grow_joined(session, item->payload.len, left)) {
		ouro_ws_fail(session, OURO_WS_CODE_INTERNAL);
		return;
	}
	memcpy(extra->joined->data + extra->joined->len, item->payload.ptr, item->payload.len);
	extra->joined->len += (uint32_t)item->payload.len;
	count_copied(session, item->payload.len);
	if (item->last)
		give_joined(session, item->opcode);
}

static void give_piece(struct ouro_ws_session *session, unsigned opcode, struct ouro_slice piece,
		       bool first, bool last)
{
	unsigned flags = (first ? OURO_WS_PIECE_FIRST : 0u) | (last ? OURO_WS_PIECE_LAST : 0u);

	session->endpoint->events->on_piece(session, (enum ouro_ws_opcode)opcode, piece, flags);
}

static void take_plain(struct ouro_ws_session *session, const struct ouro_ws_recv *recv,
		       const struct ouro_ws_item *item, struct ouro_buf *buf)
{
	struct ouro_slice piece = { item->payload.ptr, item->payload.len, buf };

	if (session->endpoint->events->on_piece)
		give_piece(session, item->opcode, piece, item->first, item->last);
	else if (item->first && item->last)
		give_message(session, item->opcode, piece);
	else
		join(session, item, recv->left);
}

/* Counts @len inflated bytes and checks them. 0 or the code to close with. */
static unsigned check_inflated(struct ouro_ws_session *session, struct ouro_ws_recv *recv,
			       const struct ouro_ws_item *item, const char *data, size_t len,
			       bool last)
{
	const struct ouro_ws_endpoint_options *options = &session->endpoint->options;
	struct ouro_ws_extra *extra = session->extra;

	extra->inflated_bytes += len;
	if (extra->inflated_bytes > options->message_bytes_max)
		return OURO_WS_CODE_TOO_BIG;
	if (options->inflate_ratio_max && extra->inflated_bytes > RATIO_BYTES_MIN &&
	    extra->inflated_bytes / options->inflate_ratio_max > extra->deflated_bytes)
		return OURO_WS_CODE_TOO_BIG;
	if (item->opcode == OURO_WS_TEXT && !ouro_ws_recv_check(recv, data, len, last))
		return OURO_WS_CODE_BAD_DATA;
	return 0;
}

static unsigned code_of(ssize_t error)
{
	return error == -ENOMEM ? OURO_WS_CODE_INTERNAL : OURO_WS_CODE_BAD_DATA;
}

/* Inflates into the message being joined. 0 or the code to close with. */
static unsigned inflate_joined(struct ouro_ws_session *session, struct ouro_ws_recv *recv,
			       const struct ouro_ws_item *item)
{
	struct ouro_ws_extra *extra = session->extra;
	ssize_t len;

	do {
		struct ouro_buf *buf;
		unsigned code;

		if (!grow_joined(session, 1, 0))
			return OURO_WS_CODE_INTERNAL;
		buf = extra->joined;
		len = ouro_ws_inflate(extra->inflater, buf->data + buf->len, buf->size - buf->len);
		if (len < 0)
			return code_of(len);
		code = check_inflated(session, recv, item, buf->data + buf->len, (size_t)len,
				      len == 0 && item->last);
		if (code)
			return code;
		buf->len += (uint32_t)len;
	} while (len > 0);
	return 0;
}

/* Inflates into buffers that are given out, each as it is full; the end is an empty piece, for it
 * is not known before. 0 or the code to close with. */
static unsigned inflate_pieces(struct ouro_ws_session *session, struct ouro_ws_recv *recv,
			       const struct ouro_ws_item *item)
{
	struct ouro_ws_extra *extra = session->extra;
	unsigned code;
	ssize_t len;

	do {
		struct ouro_buf *buf = ouro_ws_piece_get(&session->endpoint->loop->pieces);
		bool last, first = !extra->begun;

		if (!buf)
			return OURO_WS_CODE_INTERNAL;
		len = ouro_ws_inflate(extra->inflater, buf->data, buf->size);
		last = len == 0 && item->last;
		code = len < 0 ? code_of(len)
			       : check_inflated(session, recv, item, buf->data, (size_t)len, last);
		if (!code && (len > 0 || last)) {
			extra->begun = true;
			buf->len = (uint32_t)len;
			give_piece(session, item->opcode,
				   (struct ouro_slice){ buf->data, buf->len, buf }, first, last);
		}
		ouro_buf_unref(buf);
	} while (!code && len > 0 && session->state == OURO_WS_OPEN);
	return code;
}

/* Makes ready for inflating @item. 0 or the code to close with. */
static unsigned begin_inflating(struct ouro_ws_session *session, const struct ouro_ws_item *item)
{
	struct ouro_ws_extra *extra = ouro_ws_extra_get(session);
	struct ouro_ws_codecs *codecs = &session->endpoint->loop->codecs;

	if (!extra)
		return OURO_WS_CODE_INTERNAL;
	if (!extra->inflater) {
		extra->inflater = ouro_ws_inflater_lease(codecs, ouro_ws_client_bits(session));
		if (!extra->inflater) {
			ouro_ws_extra_put(session);
			return OURO_WS_CODE_TRY_LATER;
		}
	}
	if (item->first) {
		extra->deflated_bytes = 0;
		extra->inflated_bytes = 0;
		extra->begun = false;
	}
	extra->deflated_bytes += item->payload.len;
	ouro_ws_inflate_from(extra->inflater, item->payload, item->last);
	return 0;
}

static void take_compressed(struct ouro_ws_session *session, struct ouro_ws_recv *recv,
			    const struct ouro_ws_item *item)
{
	bool in_pieces = session->endpoint->events->on_piece != NULL;
	unsigned code = begin_inflating(session, item);

	if (!code)
		code = in_pieces ? inflate_pieces(session, recv, item)
				 : inflate_joined(session, recv, item);
	if (code) {
		/* An event may have closed it meanwhile. */
		if (session->state == OURO_WS_OPEN)
			ouro_ws_fail(session, (enum ouro_ws_code)code);
		return;
	}
	if (!item->last)
		return;
	if (session->facts & WS_INFLATE_EACH) {
		ouro_ws_inflater_release(&session->endpoint->loop->codecs,
					 session->extra->inflater);
		session->extra->inflater = NULL;
	}
	if (in_pieces)
		ouro_ws_extra_put(session);
	else
		give_joined(session, item->opcode);
}

/* Answers piling up are those to a peer that sends pings and does not read. It is not listened to
 * until it does. */
static void throttle(struct ouro_ws_session *session)
{
	if (session->state != OURO_WS_OPEN ||
	    ouro_stream_pending(session->stream) <= OURO_STREAM_PENDING_HIGH)
		return;
	session->facts |= WS_THROTTLED;
	ouro_stream_set_reading(session->stream, false);
}

static void take_ping(struct ouro_ws_session *session, const struct ouro_ws_item *item)
{
	ouro_ws_put_bytes(session, item->answer);
	if (session->endpoint->events->on_ping)
		session->endpoint->events->on_ping(session, item->payload);
	throttle(session);
}

static void take_close(struct ouro_ws_session *session, const struct ouro_ws_item *item)
{
	if (session->state == OURO_WS_OPEN)
		ouro_ws_put_bytes(session, item->answer);
	session->code = item->code;
	session->facts |= WS_CLEAN;
	/* RFC 6455, 7.1.1: the server closes the connection. */
	ouro_ws_end_stream(session, OURO_CLOSE_FLUSH);
}

/* After our close only the peer's is of interest. */
static void take_late(struct ouro_ws_session *session, enum ouro_ws_item_kind kind,
		      const struct ouro_ws_item *item)
{
	if (kind == OURO_WS_ITEM_CLOSE)
		take_close(session, item);
	else if (kind == OURO_WS_ITEM_BAD)
		ouro_ws_end_stream(session, OURO_CLOSE_LINGER);
}

static void take_item(struct ouro_ws_session *session, struct ouro_ws_recv *recv,
		      enum ouro_ws_item_kind kind, const struct ouro_ws_item *item,
		      struct ouro_buf *buf)
{
	if (session->state == OURO_WS_CLOSE_SENT) {
		take_late(session, kind, item);
		return;
	}
	switch (kind) {
	case OURO_WS_ITEM_MORE:
		break;
	case OURO_WS_ITEM_PIECE:
		if (item->compressed)
			take_compressed(session, recv, item);
		else
			take_plain(session, recv, item, buf);
		break;
	case OURO_WS_ITEM_PING:
		take_ping(session, item);
		break;
	case OURO_WS_ITEM_PONG:
		if (session->endpoint->events->on_pong)
			session->endpoint->events->on_pong(session, item->payload);
		break;
	case OURO_WS_ITEM_CLOSE:
		take_close(session, item);
		break;
	case OURO_WS_ITEM_BAD:
		ouro_ws_fail(session, (enum ouro_ws_code)item->code);
		break;
	}
}

/* What is known of a message that has not ended. Most have within one input, and nothing of them is known
 * between two. */
static struct ouro_ws_recv begin_receiving(struct ouro_ws_session *session)
{
	struct ouro_ws_extra *extra = session->extra;

	if (!extra || !extra->is_receiving)
		return (struct ouro_ws_recv){ .rsv1 = (session->facts & WS_DEFLATE) != 0 };
	extra->is_receiving = false;
	return extra->recv;
}

static void end_receiving(struct ouro_ws_session *session, struct ouro_ws_recv *recv)
{
	struct ouro_ws_extra *extra;

	/* Of one that has ended nothing is wanted but the reason. */
	if (session->state == OURO_WS_ENDED && !(session->facts & WS_CLEAN)) {
		ouro_ws_recv_fini(recv, &session->endpoint->rules);
		*recv = (struct ouro_ws_recv){ 0 };
	}
	if (ouro_ws_recv_is_idle(recv)) {
		ouro_ws_extra_put(session);
		return;
	}
	extra = ouro_ws_extra_get(session);
	if (extra) {
		extra->recv = *recv;
		extra->is_receiving = true;
		return;
	}
	ouro_ws_recv_fini(recv, &session->endpoint->rules);
	if (session->state == OURO_WS_OPEN)
		ouro_ws_fail(session, OURO_WS_CODE_INTERNAL);
	else
		ouro_ws_abort(session);
}

/* Takes from the front of @input; returns how much, less than all only if it does not listen any
 * more. */
static size_t take(struct ouro_ws_session *session, struct ouro_slice input)
{
	/* Payload is unmasked where it lies: received bytes have no other reader. */
	char *data = (char *)(uintptr_t)input.ptr;
	size_t taken = 0, used;
	enum ouro_ws_item_kind kind;
	struct ouro_ws_item item;
	struct ouro_ws_recv recv = begin_receiving(session);

	session->facts |= WS_TAKING;
	/* Once more with nothing where a machine is to be given back. */
	while (is_listening(session) && (taken < input.len || recv.machine)) {
		kind = ouro_ws_recv_next(&recv, &session->endpoint->rules, data + taken,
					 input.len - taken, &used, &item);
		taken += used;
		if (kind == OURO_WS_ITEM_MORE)
			break;
		take_item(session, &recv, kind, &item, input.buf);
	}
	session->facts &= (uint16_t)~WS_TAKING;
	end_receiving(session, &recv);
	return taken;
}

static void keep(struct ouro_ws_session *session, struct ouro_slice input)
{
	const struct ouro_ws_host *host = &session->endpoint->loop->host;
	struct ouro_ws_extra *extra = ouro_ws_extra_get(session);
	bool copy = !input.buf || (host->is_scarce && host->is_scarce(host->arg, input.buf));

	if (!extra || ouro_inq_push(&extra->input, input, copy)) {
		ouro_ws_extra_put(session);
		ouro_ws_abort(session);
		return;
	}
	if (copy)
		count_copied(session, input.len);
}

void ouro_ws_input(struct ouro_ws_session *session, struct ouro_slice input)
{
	size_t taken = 0;

	if (session->state == OURO_WS_ENDED)
		return;
	session->stream->stamp_ms = ouro_ws_now(session);
	session->facts &= (uint16_t)~WS_PINGED;
	if (!(session->extra && session->extra->input.first))
		taken = take(session, input);
	if (taken == input.len || session->state == OURO_WS_ENDED)
		return;
	keep(session, (struct ouro_slice){ input.ptr + taken, input.len - taken, input.buf });
}

/* The oldest of what is kept; NULL: nothing. */
static struct ouro_inq_item *first_kept(const struct ouro_ws_session *session)
{
	return session->extra ? session->extra->input.first : NULL;
}

void ouro_ws_take_kept(struct ouro_ws_session *session)
{
	struct ouro_inq_item *item;

	if (session->facts & WS_TAKING)
		return;
	while (is_listening(session) && (item = first_kept(session))) {
		struct ouro_slice slice = item->slice;
		size_t taken = take(session, slice);

		if (taken < slice.len) {
			item->slice.ptr += taken;
			item->slice.len -= taken;
			session->extra->input.bytes -= taken;
			break;
		}
		ouro_inq_pop(&session->extra->input, &slice);
		ouro_buf_unref(slice.buf);
		ouro_ws_extra_put(session);
	}
	if ((session->facts & WS_PEER_ENDED) && session->state != OURO_WS_ENDED &&
	    !first_kept(session))
		ouro_ws_end_stream(session, OURO_CLOSE_FLUSH);
}
