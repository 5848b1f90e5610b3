/* The fields behind a chunked body (RFC 9110, 6.5), in a section that ouro_http1_parse_body() has found
 * well formed. */
#ifndef OURO_PROTO_TRAILER_H
#define OURO_PROTO_TRAILER_H

#include "ouro/base.h"

#include <stdbool.h>

/* Whether a field called @name, in any case, may be taken from a trailer section. RFC 9110, 6.5.1: not
 * where it is needed to frame, route, authenticate, modify or interpret what it stands behind, since
 * that has happened by then. */
bool ouro_trailer_is_allowed(struct ouro_str name);

/* Takes the next field that is allowed off the front of @section; others are passed over. @name and
 * @value, which has no white space around it, are views of the section. False: there is none. */
bool ouro_trailer_next(struct ouro_str *section, struct ouro_str *name, struct ouro_str *value);

#endif
