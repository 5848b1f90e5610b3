/* A WebSocket (RFC 6455) over a stream, from behind the opening handshake on: messages in, messages
 * out, pings, and the close handshake with its deadlines.
 *
 * OPEN -> CLOSE_SENT (ours first; what comes before the peer's is discarded) -> ENDED
 * OPEN -> ENDED (the peer closed, and was answered; or it was refused, or has gone)
 *
 * In ENDED the stream is closing; its end ends the session. Nothing calls back but the stream's
 * events, ouro_ws_take() and ouro_ws_resume(). */
#ifndef OURO_WS_SESSION_H
#define OURO_WS_SESSION_H

#include "base/stream.h"
#include "ws/loop.h"

struct ouro_ws_session;

enum ouro_ws_piece_flags {
	OURO_WS_PIECE_FIRST = 1 << 0,
	OURO_WS_PIECE_LAST = 1 << 1,
};

/* How a session ended. */
struct ouro_ws_end {
	uint16_t code; /* as the peer gave it (OURO_WS_CODE_NONE: it gave none); what it was refused
	                * with; else OURO_WS_CODE_ABNORMAL */
	bool clean;    /* both sides closed */
	int error;     /* of the stream: 0 or a negative errno */
	struct ouro_str reason; /* the peer's, UTF-8; lives for the call */
};

/* Events. A session may be used in all of them but on_close. */
struct ouro_ws_events {
	/* A message, whole. One that came in one frame and one piece is a view of the received
	 * bytes, others are joined first. @message lives for the call; to keep it, reference its
	 * buffer, which may hold other received bytes besides, or copy it. It may be written to:
	 * the bytes are the session's alone. */
	void (*on_message)(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			   struct ouro_slice message);
	/* If this is set, messages are not joined but given as they come, by OURO_WS_PIECE_FIRST
	 * and _LAST; pieces may be empty. What was given may turn out to be no valid message (1007,
	 * 1009): then no LAST comes. */
	void (*on_piece)(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			 struct ouro_slice piece, unsigned flags);
	/* May be NULL. Pings are answered before. @payload lives for the call. */
	void (*on_ping)(struct ouro_ws_session *session, struct ouro_str payload);
	void (*on_pong)(struct ouro_ws_session *session, struct ouro_str payload);
	/* May be NULL. After -EAGAIN: there is room again. */
	void (*on_drain)(struct ouro_ws_session *session);
	/* May be NULL. The peer has closed, or was refused: from now on nothing can be sent. What was
	 * may still be on its way; on_close follows. */
	void (*on_closing)(struct ouro_ws_session *session);
	/* The last event, of each once: the stream is gone, @session is the owner's again. */
	void (*on_close)(struct ouro_ws_session *session, const struct ouro_ws_end *end);
};

enum ouro_ws_state {
	OURO_WS_OPEN,
	OURO_WS_CLOSE_SENT,
	OURO_WS_ENDED,
};

struct ouro_ws_extra;

/* Fields are for ws/ but for @owner_facts. It is within what its owner has for it, and found by where it
 * is: a pointer would be a fifth of it. */
struct ouro_ws_session {
	struct ouro_stream *stream;
	struct ouro_ws_endpoint *endpoint;
	struct ouro_ws_extra *extra; /* what few need at a time; NULL: nothing */
	uint32_t due_ms;             /* for the peer's close */
	uint16_t code;               /* of the end; 0: none yet */
	uint16_t facts;              /* enum in ws/session_private.h */
	uint8_t state;               /* enum ouro_ws_state */
	uint8_t deflate_bits;        /* windows: the server's, the client's << 4 */
	uint8_t owner_facts; /* the owner's own, where it has no room for less than a word */
};

static_assert(sizeof(struct ouro_ws_session) <= 40, "a server has many idle WebSockets");

/* Makes @session one over @stream, which must be open, and becomes its user; @deflate as it was
 * answered, or NULL. @session is memory of the caller's, until on_close. */
void ouro_ws_session_open(struct ouro_ws_session *session, struct ouro_ws_endpoint *endpoint,
			  struct ouro_stream *stream, const struct ouro_ws_deflate_params *deflate);

/* The session that uses @stream; NULL where something else does. */
struct ouro_ws_session *ouro_ws_session_of(const struct ouro_stream *stream);

/* Takes bytes that came behind the handshake, before the stream gives more. Calls back. */
void ouro_ws_take(struct ouro_ws_session *session, struct ouro_slice input);

/* Sends a message. @payload is referenced by its buffer, or outlives the connection where it has
 * none, unless it is compressed, or small; it is not checked as text, which peers do. 0; -EPIPE
 * when closing; -EAGAIN and -ENOBUFS by policy (enum ouro_ws_overflow); -EBUSY while a message in
 * pieces is under way and the queue of those behind it is full; -ENOMEM. */
int ouro_ws_session_send(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			 struct ouro_slice payload);

/* Likewise, with the bytes copied. */
int ouro_ws_session_send_copy(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			      struct ouro_str payload);

/* Sends what does not wait: @frame, a whole message as ws/message.h writes it, which is referenced.
 * 0; -EPIPE when closing; -ENOBUFS: it is lost, by policy, with OURO_WS_OVERFLOW_WAIT too, after
 * which no on_drain follows, or because memory is short. */
int ouro_ws_session_send_frame(struct ouro_ws_session *session, struct ouro_slice frame);

/* Whether it is open and less than output_bytes_max are queued. */
bool ouro_ws_session_has_room(const struct ouro_ws_session *session);

/* Whether the peer reads messages that were compressed for many. */
bool ouro_ws_session_reads_deflated(const struct ouro_ws_session *session);

/* Sends a piece of a message as a frame of its own, the last one where @last. They are not
 * compressed. Other messages wait until it has ended. -EAGAIN, whatever the policy, where there is
 * no room or, before the first one, others wait; on_drain follows. Other errors as above. */
int ouro_ws_session_send_piece(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			       struct ouro_slice piece, bool last);

/* Sends a ping. 0; -EINVAL where @payload has over 125 bytes; -EPIPE when closing. */
int ouro_ws_session_ping(struct ouro_ws_session *session, struct ouro_str payload);

/* Begins to close, behind all that is queued: sends @code, or none where it is 0, and @reason, then
 * waits for the peer's. 0; -EINVAL where @code may not be sent, or @reason has over 123 bytes, is
 * not UTF-8 or has no code; -EPIPE when closing already. */
int ouro_ws_session_close(struct ouro_ws_session *session, unsigned code, struct ouro_str reason);

/* Resets the connection. */
void ouro_ws_abort(struct ouro_ws_session *session);

/* Stops events of messages, after the one that is being given; what is received is kept. A
 * compressed frame may still give pieces. While paused, no ping is sent and nobody is taken for
 * dead. */
void ouro_ws_pause(struct ouro_ws_session *session);

/* Goes on. Calls back with what was kept, before it returns. */
void ouro_ws_resume(struct ouro_ws_session *session);

#endif
