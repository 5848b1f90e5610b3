/* From names of fields to the numbers of ouro/field.h and back: a name is compared with the table
 * once, when its head is complete, and never again. */
#ifndef OURO_PROTO_FIELD_H
#define OURO_PROTO_FIELD_H

#include "ouro/base.h"
#include "ouro/field.h"

/* The id of @name, a token (RFC 9110, 5.6.2), compared without regard to case, or
 * OURO_FIELD_NONE. */
enum ouro_field ouro_field_lookup(struct ouro_str name);

/* The lower-case name of @field; empty for OURO_FIELD_NONE. Static memory. */
struct ouro_str ouro_field_name(enum ouro_field field);

#endif
