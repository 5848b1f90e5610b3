/* The canonical form of a path (RFC 3986, 6.2.2), so that what means the same compares the same. */
#ifndef OURO_ROUTER_PATH_H
#define OURO_ROUTER_PATH_H

#include "ouro/base.h"

#include <stdbool.h>
#include <sys/types.h>

/* Whether ouro_path_canonical() would leave @path as it is. A path that has neither an escape nor
 * "//" nor "/." costs one pass without a branch for each byte. */
bool ouro_path_is_canonical(struct ouro_str path);

/* Writes the canonical form of @path at @out, which has room for as many bytes as @path has and may
 * be where @path is: runs of slashes become one, then segments "." and ".." are carried out, also
 * where they are written with escapes; escapes of unreserved characters are decoded, others stay
 * with their hexadecimal digits in upper case, so that %2F never separates segments. What does not
 * begin with a slash ("*") has no segments; only its escapes change. Returns the bytes, or -EINVAL
 * at a malformed escape: what is at @out then means nothing. */
ssize_t ouro_path_canonical(struct ouro_str path, char *out);

/* Only what that does to escapes, for a part of a path. */
ssize_t ouro_path_canonical_escapes(struct ouro_str text, char *out);

/* Whether @c stands for itself in a path and never needs an escape (RFC 3986, 2.3). */
bool ouro_path_is_unreserved(unsigned char c);

#endif
