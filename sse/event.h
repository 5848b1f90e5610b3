/* One event of an event stream (HTML Living Standard, 9.2), from fields to bytes.
 *
 * A client takes the stream as UTF-8 and replaces what is not; that is not checked here. */
#ifndef OURO_SSE_EVENT_H
#define OURO_SSE_EVENT_H

#include "base/buf.h"
#include "base/str.h"

#include <sys/types.h>

enum {
	OURO_SSE_ID_BYTES_MAX = 256,         /* it comes back in a request field */
	OURO_SSE_NAME_BYTES_MAX = 256,       /* of @event */
	OURO_SSE_EVENT_BYTES_MAX = 16 << 20, /* encoded, in all */
	OURO_SSE_RETRY_MS_MAX = 24 * 3600 * 1000,
};

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
	 * interest (sse/session.h). Absent or empty: every event is. */
	struct ouro_str key;
	/* How long the client waits before it comes back; 0: it decides. */
	uint32_t retry_ms;
};

/* An event in memory that many can hold. */
struct ouro_sse_encoded {
	struct ouro_slice bytes;
	struct ouro_str key; /* lives as long as @bytes.buf */
};

/* Whether @id may be one: what a field value can carry (RFC 9110, 5.5) so that it comes back as
 * it was sent. So it has no controls, though the event stream forbids only NUL, CR and LF, and
 * no blanks at its ends. Empty is legal. */
bool ouro_sse_id_is_legal(struct ouro_str id);

/* Reads the field Last-Event-ID. True with @id (in @value, blanks around it left out) where it is
 * one; false where it is absent, empty, or none that an event can have had. */
bool ouro_sse_last_event_id(struct ouro_str value, struct ouro_str *id);

/* The exact length of the encoded event, the empty line at its end included; it is > 0. -EINVAL:
 * all fields are absent, the name has NUL, CR or LF, the id is not legal, or the time is above
 * OURO_SSE_RETRY_MS_MAX. -EMSGSIZE: a field or the whole is too long. */
ssize_t ouro_sse_event_size(const struct ouro_sse_event *event);

/* Writes the event at @out. Its length; -ENOBUFS where @room is less than that, with nothing
 * written; errors as of ouro_sse_event_size(). */
ssize_t ouro_sse_event_write(const struct ouro_sse_event *event, char *out, size_t room);

/* Encodes the event into a buffer of its own, of which the caller has the one reference; the key is
 * behind the bytes. 0, -ENOMEM, or an error as above. */
int ouro_sse_event_encode(const struct ouro_sse_event *event, struct ouro_sse_encoded *encoded);

#endif
