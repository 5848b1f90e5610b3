/* Conditional requests: which of them still want what they ask for (RFC 9110, 13), and the
 * validators by which this is told (8.8). */
#ifndef OURO_PROTO_CONDITION_H
#define OURO_PROTO_CONDITION_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OURO_MODIFIED_UNKNOWN INT64_MIN

/* What tells the current representation from earlier ones, and from others of its resource. */
struct ouro_validators {
	struct ouro_str etag; /* well-formed: quoted, with or without W/; absent: none */
	int64_t modified_s;   /* Unix time, as Last-Modified says it; OURO_MODIFIED_UNKNOWN: none */
};

/* The values of the fields, absent where the request has none. What came in several fields of one
 * name is joined with ", " (5.3). */
struct ouro_conditions {
	struct ouro_str if_match;
	struct ouro_str if_none_match;
	struct ouro_str if_modified_since;
	struct ouro_str if_unmodified_since;
	int64_t now_s; /* Unix time; settles the century of the two digits in RFC 850's dates */
};

enum ouro_condition {
	OURO_CONDITION_HOLDS,        /* answer as if there were no conditions */
	OURO_CONDITION_NOT_MODIFIED, /* 304 */
	OURO_CONDITION_FAILED,       /* 412 */
};

/* Evaluates the conditions in the order of 13.2.2 for a representation that there is, whose
 * validators are @validators. For a response that would be neither a 2xx nor 412 without them,
 * conditions are not evaluated at all (13.2.1). @is_get: the method is GET or HEAD.
 *
 * If-Match is compared strongly, If-None-Match weakly; "*" stands for any representation. A list of
 * entity tags counts up to the first thing in it that is none. Dates are ignored where they are
 * malformed, where there are several, and where the representation has none. */
enum ouro_condition ouro_conditions_check(const struct ouro_conditions *conditions,
					  const struct ouro_validators *validators, bool is_get);

/* Whether Range counts, given the value of If-Range; it does where that is absent. Evaluated after
 * the other conditions (13.2.2). An entity tag is compared strongly. A date holds where it is
 * exactly that of @validators and strong (13.1.5): as 8.8.2.2 has it, at least one second has
 * passed from then to @now_s, the server's Unix time, so that whoever was sent it could tell that
 * nothing else came in the same second. */
bool ouro_if_range_holds(struct ouro_str if_range, const struct ouro_validators *validators,
			 int64_t now_s);

/* The two comparisons of entity tags (8.8.3.2), for well-formed ones. Strong: the same, and neither
 * is weak. Weak: the same but for the W/. An absent one is equal to none. */
bool ouro_etag_eq_strong(struct ouro_str a, struct ouro_str b);
bool ouro_etag_eq_weak(struct ouro_str a, struct ouro_str b);

/* Most bytes that ouro_etag_write() writes. */
#define OURO_ETAG_BYTES_MAX 52

/* Writes the entity tag of a file that was modified at @modified_ns and has @size bytes at @out,
 * without a terminator: a strong one, in its quotes, of hexadecimal digits and hyphens. Returns its
 * length. @salt tells representations of one file from each other (a content coding needs another
 * tag than the file itself) or servers; 0 writes nothing. Different arguments give different tags,
 * and whoever gets one can read the arguments in it. */
size_t ouro_etag_write(uint64_t modified_ns, uint64_t size, uint64_t salt,
		       char out[OURO_ETAG_BYTES_MAX]);

/* Bytes by which a weak tag is longer. */
#define OURO_ETAG_WEAK_BYTES 2

/* Writes @etag, which is well-formed, as a weak one at @out of @room bytes, which must not overlap
 * it; sets @weak to what was written. One that is weak already stays as it is. False where it does
 * not fit; nothing is written then. */
bool ouro_etag_weaken(struct ouro_str etag, char *out, size_t room, struct ouro_str *weak);

#endif
