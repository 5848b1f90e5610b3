/* Heap buffers: see base/buf.h. */
#include "base/buf.h"

#include <stdlib.h>

static void free_buf(struct ouro_buf *buf)
{
	free(buf);
}

struct ouro_buf *ouro_buf_create(uint32_t size)
{
	struct ouro_buf *buf = malloc(sizeof(*buf) + size);

	if (!buf)
		return NULL;
	*buf = (struct ouro_buf){
		.data = (char *)(buf + 1),
		.size = size,
		.refs = 1,
		.release = free_buf,
	};
	return buf;
}
