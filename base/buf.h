/* Counted buffers: the one ownership rule. Whatever points into a buffer holds a reference to it;
 * at zero the buffer goes back to where it came from. A buffer belongs to one loop and its count
 * is not atomic. */
#ifndef OURO_BASE_BUF_H
#define OURO_BASE_BUF_H

#include "ouro/base.h"

#include <assert.h>
#include <stdint.h>

typedef void (*ouro_buf_release_fn)(struct ouro_buf *buf);

struct ouro_buf {
	char *data; /* @size bytes of memory; NULL: a file (base/filebuf.h) */
	uint32_t size;
	uint32_t len; /* bytes at @data that mean something */
	uint32_t refs;
	uint32_t id;                 /* the owner's: index in its pool; the descriptor of a file */
	ouro_buf_release_fn release; /* takes the buffer back when @refs reaches 0 */
	void *owner;                 /* the owner's: where @release puts it */
	struct ouro_buf *next;       /* the owner's: free list */
};

/* Allocates a buffer of @size bytes on the heap with one reference; NULL when out of memory. Its
 * release frees it. */
struct ouro_buf *ouro_buf_create(uint32_t size);

static inline struct ouro_buf *ouro_buf_ref(struct ouro_buf *buf)
{
	if (buf)
		buf->refs++;
	return buf;
}

static inline void ouro_buf_unref(struct ouro_buf *buf)
{
	if (!buf)
		return;
	assert(buf->refs > 0);
	if (--buf->refs == 0)
		buf->release(buf);
}

#endif
