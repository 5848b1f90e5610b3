/* Server-sent events (HTML Living Standard, 9.2) on a context: an answer that goes on, event by event.
 *
 *     ouro_sse_begin(ctx, NULL);
 *     while (ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = ouro_date(ctx) }) == 0)
 *             ouro_sleep(ctx, 1000);
 *
 * The stream ends when the handler returns, unless it is in rooms (ouro/rooms.h), is kept open, or the
 * handler is to be called again: then it needs neither handler nor fiber. Comments that clients read over
 * are sent while there is nothing else, so that those that have gone without a word are noticed. When the
 * server stops, streams are ended in order: what waits returns -ECANCELED, and one that no handler runs for
 * is ended, which ouro_on_gone() tells. Clients come back by themselves, to whoever serves then. */
#ifndef OURO_SSE_H
#define OURO_SSE_H

#include "ouro/context.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	OURO_SSE_ID_BYTES_MAX = 256,         /* it comes back in a request field */
	OURO_SSE_NAME_BYTES_MAX = 256,       /* of the event, and of the key */
	OURO_SSE_EVENT_BYTES_MAX = 16 << 20, /* encoded, in all */
	OURO_SSE_RETRY_MS_MAX = 24 * 3600 * 1000,
};

#define OURO_SSE_NO_HEARTBEAT UINT32_MAX

/* Every field may be absent. Zero is the event without any: it has no bytes, and cannot be sent. */
struct ouro_sse_event {
	/* The client's listeners are chosen by it; absent: those of "message". */
	struct ouro_str event;
	/* Absent: the client takes note of the other fields and calls nobody. Present and empty: it
	 * calls its listeners with an empty string. CR, LF and CRLF all end a line, and all of them
	 * arrive as LF. */
	struct ouro_str data;
	/* What the client says in Last-Event-ID when it comes back. Present and empty: it is to
	 * say nothing. */
	struct ouro_str id;
	/* A line, or several, that the client reads over. */
	struct ouro_str comment;
	/* Not sent: of the events with one key that wait for a slow reader, only the newest is of
	 * interest (OURO_SSE_SLOW_COALESCE). Absent or empty: every event is. */
	struct ouro_str key;
	/* How long the client waits before it comes back; 0: it decides. */
	uint32_t retry_ms;
};

/* What happens to an event for which there is no more room, since the client reads too slowly. Where
 * events are dropped, an event "gap" with empty data comes before the next one that is not. */
enum ouro_sse_slow {
	OURO_SSE_SLOW_WAIT, /* whoever sends waits; what rooms bring does not wait, it is dropped */
	OURO_SSE_SLOW_DROP_NEWEST, /* it is dropped */
	OURO_SSE_SLOW_DROP_OLDEST, /* the oldest ones that wait are dropped for it */
	OURO_SSE_SLOW_COALESCE, /* an event takes the place of the one with its key that waits, room
				    * or not; where there is none, as DROP_OLDEST */
	OURO_SSE_SLOW_CLOSE,    /* the client is given up: its connection is reset */
};

/* Zero is the default of each. */
struct ouro_sse_options {
	/* 15000; a comment is sent when nothing else was for so long; at most 24 days.
	 * OURO_SSE_NO_HEARTBEAT: never. */
	uint32_t heartbeat_ms;
	uint32_t retry_ms; /* told at the beginning; 0: the client decides when it comes back */
	enum ouro_sse_slow slow;
	/* 256, at most 65536, and 262144: what may wait, beside some 256 KiB of output, for a client
	 * that is slow. An event larger than backlog_bytes_max may wait alone. */
	uint32_t backlog_count_max;
	uint32_t backlog_bytes_max;
	/* The stream stays when the handler has returned, until ouro_end(): for events that others send
	 * through ouro_post(). */
	bool keep_open;
};

/* Begins an event stream: 200, text/event-stream, and cache-control: no-store where that was not set.
 * What a proxy in front is to be told (X-Accel-Buffering: no, for one) is set before, as any field.
 * Compressed where the route says so, each event whole on its way. @options may be NULL. 0; -EINVAL where
 * an option is out of its range; -ENOMEM; errors as ouro_begin(). To a HEAD the answer is the head alone. */
OURO_API int ouro_sse_begin(struct ouro_ctx *ctx, const struct ouro_sse_options *options);

/* Sends @event, which is copied; on a fiber it waits where the client is slow and the policy says so. 0,
 * also where the policy has dropped this event or others. -EAGAIN, not taken: the caller is not on a fiber
 * and should wait for ouro_on_drain(). -ECANCELED: the client has gone, or the server stops; -ETIMEDOUT
 * where the route's handler_timeout_ms is over. -EINVAL: no event stream was begun, all fields of the event
 * are absent, its name has NUL, CR or LF, its id controls or blanks around it, or the time is above
 * OURO_SSE_RETRY_MS_MAX. -EMSGSIZE: a field or the whole is too long. -EPIPE: the stream has ended, or was
 * asked for with HEAD. -ENOBUFS: the client was given up (OURO_SSE_SLOW_CLOSE). -ENOMEM. */
OURO_API int ouro_sse_send(struct ouro_ctx *ctx, const struct ouro_sse_event *event);

/* The id of the last event that the client has had, which it says when it comes back; absent where it
 * says none, or one that no event can have. */
OURO_API struct ouro_str ouro_sse_last_event_id(const struct ouro_ctx *ctx);

/* How many events this client has lost by being slow. */
OURO_API uint64_t ouro_sse_dropped(const struct ouro_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
