/* The input queue: received slices that nobody could take yet, in order, each holding its buffer. */
#ifndef OURO_BASE_INQ_H
#define OURO_BASE_INQ_H

#include "base/buf.h"
#include "base/pool.h"

#include <stdbool.h>

struct ouro_inq_item {
	struct ouro_inq_item *next;
	struct ouro_slice slice;
};

/* Zero but for @pool, whose items are struct ouro_inq_item: empty. */
struct ouro_inq {
	struct ouro_pool *pool;
	struct ouro_inq_item *first, *last;
	size_t bytes;
};

/* Adds @slice behind the others. With @copy its bytes are copied to memory of their own, else a
 * reference to its buffer is taken. 0 or -ENOMEM. */
int ouro_inq_push(struct ouro_inq *inq, struct ouro_slice slice, bool copy);

/* Takes the oldest slice with its reference, which is the caller's now; false when empty. */
bool ouro_inq_pop(struct ouro_inq *inq, struct ouro_slice *slice);

/* Drops everything. */
void ouro_inq_clear(struct ouro_inq *inq);

#endif
