/* Bodies of type multipart/form-data (RFC 7578; their syntax is that of RFC 2046, 5.1.1), taken apart as
 * they come: pieces of any size go in, events come out, and nothing is kept but the header of the part
 * that begins. It allocates nothing and knows no socket.
 *
 * One body goes:
 *
 *     ouro_multipart_boundary   once, with the field that says how parts are told apart
 *     ouro_multipart_init
 *     ouro_multipart_parse      with each piece, until MORE
 *     ouro_multipart_finish     when the body has ended
 *
 * The events are PART, any number of DATA, PART_END, for each part in turn; the same, with the same data
 * when joined, the same verdict and the same place of a fault, however the body was cut.
 *
 * What is taken: a body without parts, as browsers send for forms without fields; a preamble and an
 * epilogue, bounded; blanks behind a boundary. What is not: lines that end in LF alone, folded lines, a
 * part without a Content-Disposition of form-data with a name, the same parameter or field twice where
 * one counts. */
#ifndef OURO_PROTO_MULTIPART_H
#define OURO_PROTO_MULTIPART_H

#include "ouro/base.h"
#include "proto/param.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OURO_MULTIPART_MEDIA_TYPE OURO_STR("multipart/form-data")

enum {
	OURO_MULTIPART_BOUNDARY_MAX = 70,        /* RFC 2046, 5.1.1 */
	OURO_MULTIPART_HEADER_BYTES_MAX = 8192,  /* of one part, with all line ends */
	OURO_MULTIPART_FIELDS_MAX = 32,          /* of one part */
	OURO_MULTIPART_OUTSIDE_BYTES_MAX = 8192, /* of the preamble; and of the epilogue */
	OURO_MULTIPART_PADDING_MAX = 64,         /* blanks behind a boundary */
	OURO_MULTIPART_DELIMITER_MAX = OURO_MULTIPART_BOUNDARY_MAX + 4,
};

enum ouro_multipart_event {
	OURO_MULTIPART_MORE,     /* the piece is used up */
	OURO_MULTIPART_PART,     /* a part begins: its header is in the parser */
	OURO_MULTIPART_DATA,     /* some bytes of the part, never none */
	OURO_MULTIPART_PART_END, /* it was all of them */
	OURO_MULTIPART_BAD,      /* see @reason; from now on it is always this */
};

struct ouro_multipart_field {
	struct ouro_str name;  /* a token */
	struct ouro_str value; /* without white space around it; may be empty */
};

/* All of it is read-only to the caller. It has views of itself, so it stays where it is. */
struct ouro_multipart_parser {
	/* Of a bad body. */
	const char *reason; /* static text */
	uint64_t fault_at;  /* index of the byte at which it is seen, of the body's */
	bool is_limit;      /* not malformed, but more than is taken */

	/* Of the part that has begun; valid until the next call after PART. */
	struct ouro_param name;
	struct ouro_param filename;   /* @value is absent where there is none */
	struct ouro_str content_type; /* absent where there is none */
	uint32_t field_count;
	struct ouro_multipart_field fields[OURO_MULTIPART_FIELDS_MAX];
	uint64_t header_at; /* index of its header's first byte, of the body's */

	uint64_t body_bytes; /* taken so far; after PART it is the index of the data's first */

	/* Private. */
	uint8_t state;
	uint32_t matched;       /* bytes of the delimiter that came last */
	uint32_t unreal;        /* the first of them that are no data, whatever follows */
	uint32_t delimiter_len; /* CRLF, two hyphens, the boundary */
	uint32_t outside_bytes; /* of the preamble, of blanks, of the epilogue */
	uint32_t header_len;    /* bytes of @header */
	uint32_t line_offset;   /* where the line being read begins in it */
	uint32_t header_max;    /* most bytes that it may have */
	char delimiter[OURO_MULTIPART_DELIMITER_MAX];
	char header[OURO_MULTIPART_HEADER_BYTES_MAX];
};

/* Writes the boundary that @content_type, a field's value, names at @out, which has room for
 * OURO_MULTIPART_BOUNDARY_MAX bytes; returns its length. -EPROTONOSUPPORT where it is not of this media
 * type; -ENOENT where there is no boundary; -EINVAL where the parameters are malformed, the boundary is
 * none (RFC 2046, 5.1.1: 1 to 70 characters of some) or given twice. */
ssize_t ouro_multipart_boundary(struct ouro_str content_type, char *out);

/* Readies @p for one body with @boundary, which is copied. A part's header may have @header_bytes_max
 * bytes (at most OURO_MULTIPART_HEADER_BYTES_MAX). */
void ouro_multipart_init(struct ouro_multipart_parser *p, struct ouro_str boundary,
			 size_t header_bytes_max);

/* Takes bytes off the front of @piece up to the next event. MORE: all were taken. With DATA, @data is a
 * view into @piece, or, of bytes that were held back in case they were the beginning of a delimiter, of
 * the parser's delimiter; else it is untouched. */
enum ouro_multipart_event ouro_multipart_parse(struct ouro_multipart_parser *p,
					       struct ouro_str *piece, struct ouro_str *data);

/* Whether the body may end here. Where not, @p says why, as after BAD. */
bool ouro_multipart_finish(struct ouro_multipart_parser *p);

/* Writes the value of the name or the file name @param at @out, which has room for @param->value.len
 * bytes; returns its length. What browsers escape in quotes is resolved (%22, %0D, %0A: HTML,
 * "multipart form data"), and what other clients do: a backslash before a quote or another one.
 * Other backslashes and percent signs stand for themselves, as browsers mean them. */
size_t ouro_multipart_text(const struct ouro_param *param, char *out);

#endif
