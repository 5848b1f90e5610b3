/* Text put together in memory of the caller, with one check at the end for all of it. */
#ifndef OURO_PROTO_PUT_H
#define OURO_PROTO_PUT_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ouro_put {
	char *out;
	size_t room;
	size_t len;
	bool full; /* something did not fit; nothing is written any more */
};

void ouro_put_init(struct ouro_put *put, char *out, size_t room);
void ouro_put_str(struct ouro_put *put, struct ouro_str str);
void ouro_put_dec(struct ouro_put *put, uint64_t value);

/* @str as a JSON string, in its quotes. */
void ouro_put_json(struct ouro_put *put, struct ouro_str str);

/* The length of what was put, or -ENOBUFS where something did not fit. */
ssize_t ouro_put_end(const struct ouro_put *put);

#endif
