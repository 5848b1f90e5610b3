/* What the parts of a session share: session.c (its course), session_recv.c, session_send.c. */
#ifndef OURO_WS_SESSION_PRIVATE_H
#define OURO_WS_SESSION_PRIVATE_H

#include "base/inq.h"
#include "ws/session.h"

/* Facts about a session. */
enum {
	WS_TAKING = 1 << 0,        /* input is being taken: what it calls must not take more */
	WS_PAUSED = 1 << 1,        /* by the user */
	WS_THROTTLED = 1 << 2,     /* answers to pings pile up: their sender does not read */
	WS_PEER_ENDED = 1 << 3,    /* FIN was received while input was kept */
	WS_PINGED = 1 << 4,        /* since the last input */
	WS_CLEAN = 1 << 5,         /* both sides closed */
	WS_IN_PIECES = 1 << 6,     /* a message is being sent in pieces */
	WS_WANTS_DRAIN = 1 << 7,   /* the user was told -EAGAIN */
	WS_DEFLATE = 1 << 8,       /* permessage-deflate is on ... */
	WS_DEFLATE_EACH = 1 << 9,  /* ... with server_no_context_takeover */
	WS_INFLATE_EACH = 1 << 10, /* ... with client_no_context_takeover */
	WS_UNSENT = 1 << 11,       /* output was pending when an answer was due */
	WS_TOO_SLOW = 1 << 12,     /* it is closed for that: nothing waits for its reading */
};

/* A message that waits to be sent. */
struct ouro_ws_output {
	struct ouro_ws_output *next;
	struct ouro_slice slice; /* holds its buffer */
	uint8_t opcode;          /* 0: @slice is a whole frame */
};

/* What a session needs at times; from a pool while it does. */
struct ouro_ws_extra {
	struct ouro_ws_recv recv; /* between two inputs, while it is not idle */
	bool is_receiving;        /* it is there */
	bool begun;               /* a piece of a compressed message was given out */
	struct ouro_buf *joined;  /* the message so far */
	struct ouro_ws_inflater *inflater;
	struct ouro_ws_deflater *deflater;
	uint64_t deflated_bytes; /* of the compressed message being received, so far */
	uint64_t inflated_bytes;
	struct ouro_inq input; /* kept while paused */
	struct ouro_ws_output *first, *last;
	size_t queued_bytes;
};

/* The session's extra, leased where it has none; NULL: out of memory. */
struct ouro_ws_extra *ouro_ws_extra_get(struct ouro_ws_session *session);

/* Gives it back where nothing is in it. */
void ouro_ws_extra_put(struct ouro_ws_session *session);

/* Goes to @state, which must be further on. */
void ouro_ws_set_state(struct ouro_ws_session *session, enum ouro_ws_state state);

/* Ends the session: sends a close with @code, then closes the stream. */
void ouro_ws_fail(struct ouro_ws_session *session, enum ouro_ws_code code);

/* The stream is to be closed, as @how says; ENDED. */
void ouro_ws_end_stream(struct ouro_ws_session *session, enum ouro_close how);

/* Takes what was kept while paused, as long as it is not paused again. */
void ouro_ws_take_kept(struct ouro_ws_session *session);

/* Takes or keeps what was received. */
void ouro_ws_input(struct ouro_ws_session *session, struct ouro_slice input);

/* Drops what is kept of input and of a message being joined. */
void ouro_ws_drop_input(struct ouro_ws_session *session);

/* Sends messages that wait, as far as there is room or, with @all, without regard to it. */
void ouro_ws_flush(struct ouro_ws_session *session, bool all);

/* Drops messages that wait. */
void ouro_ws_drop_output(struct ouro_ws_session *session);

/* Writes a frame; @first as of ouro_ws_write_head(). 0, -EPIPE or -ENOMEM. */
int ouro_ws_put_frame(struct ouro_ws_session *session, unsigned first, struct ouro_slice payload);

/* Writes bytes that are a whole frame, of at most OURO_STREAM_RESERVE_MAX. Errors likewise. */
int ouro_ws_put_bytes(struct ouro_ws_session *session, struct ouro_str frame);

static inline bool ouro_ws_is_paused(const struct ouro_ws_session *session)
{
	return (session->facts & (WS_PAUSED | WS_THROTTLED)) != 0;
}

static inline unsigned ouro_ws_server_bits(const struct ouro_ws_session *session)
{
	return session->deflate_bits & 0x0f;
}

static inline unsigned ouro_ws_client_bits(const struct ouro_ws_session *session)
{
	return session->deflate_bits >> 4;
}

static inline uint32_t ouro_ws_now(const struct ouro_ws_session *session)
{
	const struct ouro_ws_host *host = &session->endpoint->loop->host;

	return host->now_ms(host->arg);
}

#endif
