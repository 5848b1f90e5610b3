/* Content-Type (RFC 9110, 8.3). */
#ifndef OURO_PROTO_MEDIA_TYPE_H
#define OURO_PROTO_MEDIA_TYPE_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether @content_type, the value of such a field, is of media type @type, "type/subtype",
 * whatever the parameters; compared without regard to case. */
bool ouro_media_type_is(struct ouro_str content_type, struct ouro_str type);

/* Writes the value of the first parameter called @name (any case; "charset", "boundary") of
 * @content_type at @out of @room bytes, taken out of its quotes; returns its length, which is less
 * than that of @content_type. -ENOENT where there is none; -EINVAL where what comes before it is no
 * media type with parameters; -ENOBUFS where it does not fit. After an error @out may have been
 * written to. */
ssize_t ouro_media_type_param(struct ouro_str content_type, struct ouro_str name, char *out,
			      size_t room);

#endif
