/* A stream of events to one reader: heartbeats while there is nothing to say, and an answer to
 * readers that are slower than the events.
 *
 * The session writes through an interface, below, since the bytes of a response go through its
 * framing and may be compressed on the way. It never calls its owner back, and knows no clock:
 * @now_ms is the loop's time, cut to 32 bits (times at most 24 days apart compare right).
 *
 *     send -> writer                   while the writer has less than pending_bytes_max
 *     send -> backlog -> drain -> writer  otherwise; where the backlog is full, by the policy
 */
#ifndef OURO_SSE_SESSION_H
#define OURO_SSE_SESSION_H

#include "sse/event.h"

#include <assert.h>

struct ouro_sse_session;

/* What a session writes to: its owner, who finds itself by where the session is. */
struct ouro_sse_writer_ops {
	/* Takes all of @slice, an event or more, referencing its buffer or copying. 0, or a
	 * negative errno after which the stream is over. */
	int (*write)(struct ouro_sse_session *session, struct ouro_slice slice);
	/* What was written since the last call leaves now, however it is framed and compressed.
	 * Called once at the end of whatever wrote. Results as of write. */
	int (*flush)(struct ouro_sse_session *session);
	/* The bytes that were taken and have not left. */
	size_t (*pending)(const struct ouro_sse_session *session);
};

enum {
	OURO_SSE_HEARTBEAT_MS_DEFAULT = 15000,
	OURO_SSE_PENDING_BYTES_DEFAULT = 64 * 1024,
	OURO_SSE_BACKLOG_COUNT_DEFAULT = 256,
	OURO_SSE_BACKLOG_COUNT_MAX = 65536,
	OURO_SSE_BACKLOG_BYTES_DEFAULT = 256 * 1024,
};

/* Zero is the default of each. */
struct ouro_sse_session_options {
	/* A comment is sent when nothing else was for so long; at most 24 days.
	 * OURO_SSE_NO_HEARTBEAT: never. */
	uint32_t heartbeat_ms;
	size_t pending_bytes_max; /* the writer is full at so many bytes */
	/* What may wait in the session. An event larger than backlog_bytes_max may wait alone. */
	uint32_t backlog_count_max;
	size_t backlog_bytes_max;
	enum ouro_sse_slow slow;
	/* Encoded: sent where events were dropped, before the next one that was not, so that the
	 * client can be told. Its buffer is referenced. @ptr NULL: nothing. Events that are
	 * coalesced are not missing. */
	struct ouro_slice gap;
};

enum ouro_sse_state {
	OURO_SSE_OPEN,
	OURO_SSE_ENDING, /* the backlog is still to be written */
	OURO_SSE_ENDED,
	OURO_SSE_FAILED,
};

/* What sessions with the same options share. It outlives them. */
struct ouro_sse_kind {
	const struct ouro_sse_writer_ops *ops;
	struct ouro_sse_session_options options;
};

/* 0, or -EINVAL where an option is out of its range. */
int ouro_sse_kind_init(struct ouro_sse_kind *kind, const struct ouro_sse_writer_ops *ops,
		       const struct ouro_sse_session_options *options);

void ouro_sse_kind_fini(struct ouro_sse_kind *kind);

struct ouro_sse_backlog;

/* The caller's memory; its fields are the session's but for what is said to be for reading. */
struct ouro_sse_session {
	const struct ouro_sse_kind *kind;
	struct ouro_sse_backlog *backlog; /* what waits; NULL: nothing */
	uint64_t dropped_count;   /* for reading: events lost to slowness, coalesced ones not */
	uint32_t coalesced_count; /* for reading */
	uint32_t waiting_count;   /* for reading */
	uint32_t wrote_ms;        /* when the writer was last given something */
	int16_t error;            /* for reading: why it has FAILED */
	uint8_t state;            /* for reading: enum ouro_sse_state */
	bool is_after_gap;        /* the next event is preceded by options.gap */
};

static_assert(sizeof(struct ouro_sse_session) <= 40, "a server has many idle event streams");

void ouro_sse_session_init(struct ouro_sse_session *session, const struct ouro_sse_kind *kind,
			   uint32_t now_ms);

/* Drops what waits. The writer is not called. */
void ouro_sse_session_fini(struct ouro_sse_session *session);

/* Writes @event, or lets it wait, referencing its buffer. 0, also where the policy has dropped
 * this event or others. -EAGAIN: it was not taken (OURO_SSE_SLOW_WAIT); to be sent again once a
 * drain has made room. -EPIPE: the session is ending or has ended. -ENOMEM: it was not taken.
 * Another error is that of the writer, or -ENOBUFS for a reader that is too slow; the session
 * has failed with it, and every later call answers the same. */
int ouro_sse_session_send(struct ouro_sse_session *session, const struct ouro_sse_encoded *event,
			  uint32_t now_ms);

/* An event was not sent though it should have been: options.gap comes before the next one. */
void ouro_sse_session_skip(struct ouro_sse_session *session);

/* Writes of what waits as much as the writer may have. Called when the writer's output has fallen:
 * if anything waits, a drain is to be expected. 0 or the error that the session has failed with. */
int ouro_sse_session_drain(struct ouro_sse_session *session, uint32_t now_ms);

/* Sends the heartbeat if it is due. None is sent while the writer still has bytes that have not
 * left: they show as well that the stream lives. Results as of a drain. */
int ouro_sse_session_tick(struct ouro_sse_session *session, uint32_t now_ms);

/* When the next tick is to be called, at the latest, into @due_ms; false: never. */
bool ouro_sse_session_due(const struct ouro_sse_session *session, uint32_t *due_ms);

/* The last event was sent: the session is ENDED when what waits is written, at once or in a drain.
 * Nothing happens where it has ended before. */
void ouro_sse_session_end(struct ouro_sse_session *session);

/* For how many events there is memory to wait in. */
uint32_t ouro_sse_session_room(const struct ouro_sse_session *session);

/* Whether an event would go to the writer at once. */
bool ouro_sse_session_is_free(const struct ouro_sse_session *session);

#endif
