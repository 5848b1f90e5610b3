/* A message as bytes, for other processes to read. */
#ifndef OURO_HUB_WIRE_H
#define OURO_HUB_WIRE_H

#include "hub/message.h"

/* The length of @content as bytes; its fields are within their limits. */
size_t ouro_hub_wire_size(const struct ouro_hub_content *content);

/* Writes @content at @out, which has room for as much. */
void ouro_hub_wire_write(const struct ouro_hub_content *content, char *out);

/* Reads what was written by the above; the strings in @content point into @bytes. 0, or -EPROTO for
 * anything else. */
int ouro_hub_wire_read(struct ouro_str bytes, struct ouro_hub_content *content);

#endif
