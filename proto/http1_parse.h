/* An incremental HTTP/1 request parser over llhttp (RFC 9112). It records where things are, as
 * offsets from the first byte of the head, so a head may come in any number of pieces and is
 * not copied. It allocates nothing and knows no socket. Ordinary heads that come whole do without
 * llhttp: see proto/http1_scan.h.
 *
 * One request goes:
 *
 *     ouro_http1_parser_init
 *     ouro_http1_parse_head     with each piece, until DONE
 *     ouro_http1_check_head     once, with the whole head in one place
 *     ouro_http1_parse_body     with each piece, until DONE, where @has_body is set
 *
 * Every verdict is the same however the bytes were cut. Faults in the bytes are found first, in
 * the order of the bytes; what a complete head means is judged afterwards, by check_head. */
#ifndef OURO_PROTO_HTTP1_PARSE_H
#define OURO_PROTO_HTTP1_PARSE_H

#include "ouro/base.h"
#include "proto/field.h"

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No request has more fields than this, whatever the limits say. */
#define OURO_HTTP1_FIELDS_CAP 128

/* @len bytes that begin @offset bytes after the first byte of the head. */
struct ouro_span {
	uint32_t offset;
	uint32_t len;
};

struct ouro_http1_field {
	struct ouro_span name;
	struct ouro_span value; /* without white space around it; may be empty */
	uint16_t known;         /* enum ouro_field */
};

/* The last Host that was found right. Most requests of a connection, and many of all, have the same
 * one, and comparing is cheaper than checking. Zero is none. */
struct ouro_http1_last_host {
	uint8_t len;
	char bytes[63];
};

struct ouro_http1_limits {
	struct ouro_http1_last_host *last_host; /* of one thread; NULL: not remembered */
	uint32_t head_bytes_max;   /* of a head with all its line ends; and of the trailers (431) */
	uint32_t target_bytes_max; /* of the request target (414) */
	uint32_t fields_max;       /* <= OURO_HTTP1_FIELDS_CAP; of a head; and of trailers (431) */
	uint64_t body_bytes_max;   /* of the payload, however it is framed (413) */
};

enum ouro_parse {
	OURO_PARSE_MORE, /* the bytes are right so far, and there are too few of them */
	OURO_PARSE_DONE,
	OURO_PARSE_BAD,
};

/* The forms of RFC 9112, 3.2. */
enum ouro_target_form {
	OURO_TARGET_ORIGIN,    /* /path?query */
	OURO_TARGET_ABSOLUTE,  /* http://host/path?query */
	OURO_TARGET_AUTHORITY, /* host:port, with CONNECT alone */
	OURO_TARGET_ASTERISK,  /* *, with OPTIONS alone */
};

/* All of it is read-only to the caller. Read @status and @reason after OURO_PARSE_BAD, the others
 * after check_head has said OURO_PARSE_DONE. */
struct ouro_http1_parser {
	/* Private: first, so that its callbacks find the rest. */
	llhttp_t llhttp;
	const struct ouro_http1_limits *limits;
	/* Private: the address that the first byte of the head has, if it lay just before the
	 * piece being parsed as its bytes lay on the wire. */
	uintptr_t origin;

	/* Bytes of the head so far, with any empty lines before it: 0 until the first byte has
	 * come, all of them after DONE. */
	uint32_t head_bytes;
	uint32_t field_count;
	uint32_t name_end; /* private: where the name read last ends */
	uint16_t status;   /* the answer to a bad request: 400, 413, 414, 417, 431, 501 or 505 */
	uint8_t phase;     /* private: enum ouro_http1_phase */
	uint8_t method;    /* enum llhttp_method */
	struct ouro_span method_name;
	struct ouro_span target;
	const char *reason; /* what is wrong with a bad request; static text */

	struct ouro_span path;  /* as sent; empty for *, CONNECT, and http://host: see _path() */
	struct ouro_span query; /* without the question mark; offset 0 where there is none */
	struct ouro_span host; /* effective host[:port]: the target's, else of Host; may be empty */
	uint8_t form;          /* enum ouro_target_form */
	uint8_t version_minor; /* 0 or 1; the major version is 1 */
	bool has_body;         /* a body follows: chunked, or counted and not empty */
	bool chunked;
	bool keep_alive;       /* the client expects more requests after this one */
	bool expects_continue; /* it waits for a 100 (Continue) before it sends the body */
	bool upgrade;          /* it offers to switch to what the Upgrade field names */
	bool numbered;         /* private: names of fields have their numbers already */
	uint64_t known;        /* bit 1 << id for each known field that is there */
	uint64_t content_length;
	uint64_t body_bytes;     /* payload given out so far */
	uint64_t body_bytes_max; /* of the limits; whoever knows better may change it between
				  * check_head and the first parse_body */

	/* After parse_body: what it took of the trailer section (RFC 9112, 7.1.2) in that call, a view
	 * of its data. The pieces together are the section, up to and including the empty line that
	 * ends it; see proto/trailer.h. */
	struct ouro_str trailers;

	/* Private, for bodies. */
	uint64_t body_left;  /* payload to come, of a counted body or of its chunk */
	uint32_t line_bytes; /* bytes of this chunk's frame so far, or of the trailers */
	uint32_t frame_left; /* bytes that frames may still take beyond what they need */
	uint32_t trailer_count;

	char name[16]; /* private: the method while it is read */
	/* One more than fields can be: where those over the limit go. */
	struct ouro_http1_field fields[OURO_HTTP1_FIELDS_CAP + 1];
};

/* Readies @p for one request; called again for the next on the same connection. @limits stays
 * with the caller and must outlive @p's use. */
void ouro_http1_parser_init(struct ouro_http1_parser *p, const struct ouro_http1_limits *limits);

/* Takes the next bytes of the connection. DONE: the first @consumed of them are the rest of the
 * head, including the empty line that ends it; what follows is the body or the next request.
 * MORE: all were consumed. BAD: see @status; @p must be initialised before it is used again. */
enum ouro_parse ouro_http1_parse_head(struct ouro_http1_parser *p, const char *data, size_t len,
				      size_t *consumed);

/* Judges the complete head, whose @head_bytes bytes lie at @head: request line, Host, framing,
 * Connection, Expect; trims values and numbers known names. Called once, after parse_head has
 * said DONE and before anything else is asked. Returns DONE or BAD. */
enum ouro_parse ouro_http1_check_head(struct ouro_http1_parser *p, const char *head);

/* Takes the next bytes of the body: consumes up to and including the next piece of payload, and
 * sets @payload to a view of it in @data, empty where none was found. MORE: call again with what
 * was not consumed, or, when that is nothing, with what comes next. DONE: the body has ended, its
 * trailers included; @payload may hold its last piece. BAD: see @status. Without a body it is
 * DONE at once and consumes nothing. */
enum ouro_parse ouro_http1_parse_body(struct ouro_http1_parser *p, const char *data, size_t len,
				      size_t *consumed, struct ouro_str *payload);

/* How much of a counted body is still to come; of a chunked one that is not known. */
static inline uint64_t ouro_http1_body_left(const struct ouro_http1_parser *p)
{
	return p->chunked ? UINT64_MAX : p->content_length - p->body_bytes;
}

/* Counts @bytes of a counted body, not more than are left of it, that were taken off the connection by
 * other means. DONE where these were the last, else MORE. */
enum ouro_parse ouro_http1_pass_body(struct ouro_http1_parser *p, uint64_t bytes);

/* @span as a view of the head at @head. */
static inline struct ouro_str ouro_http1_value(const char *head, struct ouro_span span)
{
	return (struct ouro_str){ head + span.offset, span.len };
}

/* Path of the request; "/" where an absolute target has none. As sent, not decoded. */
struct ouro_str ouro_http1_path(const struct ouro_http1_parser *p, const char *head);

/* Index of the first field numbered @id after index @previous (-1 to begin), or -1. */
int ouro_http1_find(const struct ouro_http1_parser *p, enum ouro_field id, int previous);

/* As above for any @name, compared without regard to case. */
int ouro_http1_find_name(const struct ouro_http1_parser *p, const char *head, struct ouro_str name,
			 int previous);

#endif
