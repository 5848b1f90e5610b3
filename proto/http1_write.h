/* HTTP/1.1 response heads and chunk frames, written into memory of the caller. */
#ifndef OURO_PROTO_HTTP1_WRITE_H
#define OURO_PROTO_HTTP1_WRITE_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The interim answer to Expect: 100-continue (RFC 9110, 15.2.1). */
#define OURO_HTTP1_CONTINUE OURO_STR("HTTP/1.1 100 Continue\r\n\r\n")

/* Ends a chunked body that has no trailers. */
#define OURO_HTTP1_LAST_CHUNK OURO_STR("0\r\n\r\n")

/* Ends the payload of each chunk. */
#define OURO_HTTP1_CHUNK_END OURO_STR("\r\n")

/* Most bytes that ouro_http1_write_chunk_head() writes. */
#define OURO_HTTP1_CHUNK_HEAD_BYTES_MAX 18

/* One field line; both are views. */
struct ouro_field_line {
	struct ouro_str name;
	struct ouro_str value;
};

/* How the end of the body is told (RFC 9112, 6). */
enum ouro_framing {
	OURO_FRAMING_LENGTH,  /* content-length */
	OURO_FRAMING_CHUNKED, /* transfer-encoding: chunked; never towards HTTP/1.0 */
	OURO_FRAMING_NONE,    /* no field: the body ends with the connection, or there is none */
};

enum ouro_persistence {
	OURO_PERSISTENCE_DEFAULT,    /* no field: goes on in HTTP/1.1, ends in HTTP/1.0 */
	OURO_PERSISTENCE_CLOSE,      /* connection: close */
	OURO_PERSISTENCE_KEEP_ALIVE, /* connection: keep-alive, for HTTP/1.0 */
	OURO_PERSISTENCE_UPGRADE,    /* connection: upgrade, for 101 and 426 */
};

/* The fields are written in the order of the members; a zero value is a valid default for all but
 * @status. */
struct ouro_response_head {
	uint16_t status;              /* 100 to 999 */
	const char *date;             /* OURO_DATE_BYTES bytes of IMF-fixdate; NULL: no date */
	struct ouro_str content_type; /* absent: no field */
	enum ouro_framing framing;    /* 1xx, 204 and 304 never get a field, whatever it says */
	uint64_t content_length;      /* with OURO_FRAMING_LENGTH */
	enum ouro_persistence persistence;
	const struct ouro_field_line *fields; /* more fields, written as they are */
	size_t field_count;
};

/* The room that ouro_http1_write_head() wants: an upper bound of what it writes. */
size_t ouro_http1_head_bytes_max(const struct ouro_response_head *head);

/* Writes @head with its final empty line at @out, which has @room bytes. Returns the bytes
 * written; -ENOSPC where @room is less than ouro_http1_head_bytes_max(); or -EINVAL where a name is
 * no token or one that is written here (connection, content-length, transfer-encoding), a value
 * holds CR, LF, NUL or another control character than tab, or the status is not from 100 to 999.
 * After an error nothing is written. */
ssize_t ouro_http1_write_head(const struct ouro_response_head *head, char *out, size_t room);

/* Writes the size line of a chunk of @bytes (> 0) at @out, which has room for
 * OURO_HTTP1_CHUNK_HEAD_BYTES_MAX; returns its length. The payload and OURO_HTTP1_CHUNK_END
 * follow. */
size_t ouro_http1_write_chunk_head(uint64_t bytes, char *out);

/* Whether a field of this name may stand in trailers at all (RFC 9110, 6.5.1): not what frames or
 * routes the message, controls or authenticates the request, or says how the content is to be read. */
bool ouro_http1_is_trailer(struct ouro_str name);

/* Writes the last chunk with @fields behind it, and the empty line, at @out. Returns the bytes written;
 * -ENOSPC; -EINVAL where a name may not be a trailer's, is no token, or a value holds control characters.
 * After an error nothing is written. */
ssize_t ouro_http1_write_trailers(const struct ouro_field_line *fields, size_t count, char *out,
				  size_t room);

#endif
