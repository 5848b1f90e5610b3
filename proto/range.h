/* Ranges of bytes: Range read, Content-Range and multipart/byteranges written (RFC 9110, 14). */
#ifndef OURO_PROTO_RANGE_H
#define OURO_PROTO_RANGE_H

#include "ouro/base.h"

#include <stddef.h>
#include <stdint.h>

/* Positions of the first and the last byte, both inclusive; @last is below the length of the
 * representation, and @first not beyond @last. */
struct ouro_range {
	uint64_t first;
	uint64_t last;
};

enum ouro_ranges {
	OURO_RANGES_IGNORED,       /* answer with the whole, as if there were no such field */
	OURO_RANGES_SOME,          /* answer with these: 206 */
	OURO_RANGES_UNSATISFIABLE, /* none overlaps the representation: 416 */
	OURO_RANGES_MALFORMED, /* not in the form of the field, or one ends before it begins: 416 */
	OURO_RANGES_TOO_MANY,  /* more than @max: 416 */
};

/* Reads @value, the value of a Range field, for a representation of @length bytes. After
 * OURO_RANGES_SOME, and only then, @out holds @count ranges, at least one and at most @max, in the
 * order asked; @out may have been written to in any case. Takes time linear in the length of
 * @value. Whether the method is GET, the only one that has ranges, is the caller's to look at.
 *
 * Ranges beyond the length are left out, others end with it. Numbers that do not fit in 64 bits are
 * beyond any length. One that overlaps the one asked for before it, or touches it, is joined with
 * it in that one's place (15.3.7.2), and the outcome again with the one before; @max counts what is
 * left, but is not exceeded in between.
 *
 * OURO_RANGES_IGNORED: @value is absent; another unit; ranges which, although joined, have more
 * bytes together than the representation, so that nobody gets more sent than by asking for the
 * whole (14.2 lets a server ignore overlapping ones); and the end of an empty representation
 * ("bytes=-5"), which is satisfiable (14.1.2) but which Content-Range cannot say.
 *
 * OURO_RANGES_MALFORMED: 14.2 leaves it to the server whether such are ignored or rejected; who
 * asked for less than all is better told than sent all. */
enum ouro_ranges ouro_ranges_parse(struct ouro_str value, uint64_t length, struct ouro_range *out,
				   size_t max, size_t *count);

/* Most bytes of a Content-Range. */
#define OURO_CONTENT_RANGE_BYTES_MAX 68

/* Content-Range, "bytes 0-1/10": how many bytes it has; and written at @out, which returns that
 * number. @length is that of the whole representation. */
size_t ouro_content_range_bytes(struct ouro_range range, uint64_t length);
size_t ouro_content_range_write(struct ouro_range range, uint64_t length, char *out);

/* Writes the Content-Range of a 416, which has an asterisk for the range, at @out, which has room
 * for OURO_CONTENT_RANGE_BYTES_MAX; returns its length. */
size_t ouro_content_range_write_none(uint64_t length, char *out);

/* The Content-Type of a response in parts, up to the boundary. */
#define OURO_BYTERANGES_TYPE OURO_STR("multipart/byteranges; boundary=")

/* What the parts of one multipart/byteranges (14.6) have in common. Each is a head and then the
 * bytes of its range; after the last comes the end. */
struct ouro_byteranges {
	/* A token of 1 to 70 characters (RFC 2046, 5.1.1) that does not occur in the
	 * representation, for which chance is enough. */
	struct ouro_str boundary;
	struct ouro_str media_type; /* of the representation; absent or empty: parts say none */
	uint64_t length;            /* of the representation; at most INT64_MAX, as that of files */
};

/* The head of part @index, counted from 0: how many bytes it has; and written at @out, which
 * returns that number. */
size_t ouro_byteranges_head_bytes(const struct ouro_byteranges *multi, size_t index,
				  struct ouro_range range);
size_t ouro_byteranges_write_head(const struct ouro_byteranges *multi, size_t index,
				  struct ouro_range range, char *out);

/* What is behind the bytes of the last part, likewise. */
size_t ouro_byteranges_end_bytes(const struct ouro_byteranges *multi);
size_t ouro_byteranges_write_end(const struct ouro_byteranges *multi, char *out);

/* The Content-Length of all: the heads, the bytes of the @count @ranges that ouro_ranges_parse()
 * gave, and the end. */
uint64_t ouro_byteranges_body_bytes(const struct ouro_byteranges *multi,
				    const struct ouro_range *ranges, size_t count);

#endif
