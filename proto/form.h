/* Bodies of HTML forms, application/x-www-form-urlencoded of the URL standard. */
#ifndef OURO_PROTO_FORM_H
#define OURO_PROTO_FORM_H

#include "ouro/base.h"
#include "proto/target.h"

#include <stddef.h>

#define OURO_FORM_MEDIA_TYPE OURO_STR("application/x-www-form-urlencoded")

/* A walk through one body. */
struct ouro_form {
	struct ouro_str rest; /* not decoded yet */
	size_t pairs_left;
};

/* Begins a walk through the @len bytes at @body, which is decoded in place on the way: a second
 * walk would decode it twice. */
void ouro_form_init(struct ouro_form *form, char *body, size_t len, size_t pairs_max);

/* Takes the next pair, decoded; its views point into the body. 1; 0 when there is none left;
 * -EINVAL where an escape is malformed (cut, not hexadecimal, or %00); -E2BIG where it would be one
 * pair more than the walk began with. After an error the walk is over: 0 from then on. Bytes are
 * not checked to be UTF-8. */
int ouro_form_next(struct ouro_form *form, struct ouro_query_pair *pair);

#endif
