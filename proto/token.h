/* Classes of characters in HTTP fields (RFC 9110, 5.6.2). */
#ifndef OURO_PROTO_TOKEN_H
#define OURO_PROTO_TOKEN_H

#include "ouro/base.h"

#include <stdbool.h>

/* Whether @c may be part of a token. */
bool ouro_is_token_char(char c);

/* Whether @str is a token: one character or more, of the right ones. */
bool ouro_is_token(struct ouro_str str);

/* Whether @str may be sent as a field value: no control character but tab. */
bool ouro_is_field_value(struct ouro_str str);

#endif
