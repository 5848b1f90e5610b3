/* Values that a typed parameter takes; private to the router. */
#ifndef OURO_ROUTER_VALUE_H
#define OURO_ROUTER_VALUE_H

#include "ouro/base.h"

#include <stdbool.h>

/* Decimal digits whose number fits 64 bits, perhaps with zeros before it. */
bool ouro_value_is_u64(struct ouro_str value);

/* The same with a sign: perhaps a '-' before the digits. */
bool ouro_value_is_i64(struct ouro_str value);

/* Hexadecimal digits in groups of 8, 4, 4, 4 and 12 with '-' between them (RFC 9562, 4). */
bool ouro_value_is_uuid(struct ouro_str value);

#endif
