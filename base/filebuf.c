/* Open files as counted buffers: see base/filebuf.h. */
#include "base/filebuf.h"

#include <stdlib.h>
#include <unistd.h>

static void close_and_free(struct ouro_buf *buf)
{
	close(ouro_filebuf_fd(buf));
	free(buf);
}

struct ouro_buf *ouro_filebuf_create(int fd)
{
	struct ouro_buf *buf = malloc(sizeof(*buf));

	if (buf)
		ouro_filebuf_init(buf, fd, close_and_free);
	return buf;
}
