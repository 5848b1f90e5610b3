/* Open files as counted buffers: who sends a range of a file holds the file, as whoever points into
 * memory holds that. Their bytes are reached through the descriptor alone. */
#ifndef OURO_BASE_FILEBUF_H
#define OURO_BASE_FILEBUF_H

#include "base/buf.h"

#include <stdbool.h>

/* Makes @buf, in memory of its owner, the buffer of the file that @fd has open: one reference, and
 * @release, which sees to the descriptor, when the last one goes. */
static inline void ouro_filebuf_init(struct ouro_buf *buf, int fd, ouro_buf_release_fn release)
{
	*buf = (struct ouro_buf){ .refs = 1, .id = (uint32_t)fd, .release = release };
}

/* Takes @fd over as a buffer with one reference; it is closed when the last one goes. NULL when out
 * of memory; @fd is then still the caller's. */
struct ouro_buf *ouro_filebuf_create(int fd);

static inline bool ouro_buf_is_file(const struct ouro_buf *buf)
{
	return buf && !buf->data;
}

/* What of the file was in memory when it was last asked, and when: its first @size bytes at @len (both are
 * of no use to a file otherwise). Zero: not known. */
static inline void ouro_filebuf_note_cached(struct ouro_buf *buf, uint32_t bytes, uint32_t ms)
{
	buf->size = bytes;
	buf->len = ms;
}

/* The descriptor; it is read by position, so that its own position neither matters nor moves. */
static inline int ouro_filebuf_fd(const struct ouro_buf *buf)
{
	assert(ouro_buf_is_file(buf));
	return (int)buf->id;
}

#endif
