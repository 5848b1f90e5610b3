/* One event of an event stream (HTML Living Standard, 9.2), from fields to bytes.
 *
 * A client takes the stream as UTF-8 and replaces what is not; that is not checked here. */
#ifndef OURO_SSE_EVENT_H
#define OURO_SSE_EVENT_H

#include "base/buf.h"
#include "base/str.h"
#include "ouro/sse.h"

#include <sys/types.h>

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
bool ouro_sse_parse_last_event_id(struct ouro_str value, struct ouro_str *id);

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
