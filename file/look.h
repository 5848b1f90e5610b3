/* One look at a path: what is there now, with a file's content at hand, or that it is the same as
 * before. It is done at once where nothing has to wait for a disk, else by a thread that may. */
#ifndef OURO_FILE_LOOK_H
#define OURO_FILE_LOOK_H

#include "base/buf.h"
#include "file/beneath.h"

enum {
	/* A file whose last change is not so long ago is read again at the next look, whatever its
	 * times say: clocks of file systems tick every few milliseconds, so that two changes within a
	 * tick look like one. */
	OURO_FILE_YOUNG_MS = 100,
	OURO_LOOK_TRIES_MAX = 4, /* at a file that is changed or replaced while it is looked at */
};

struct ouro_file_look {
	/* Set by who looks: */
	const struct ouro_file_root *root;
	struct ouro_str path;
	uint32_t memory_bytes_max;   /* files of at most so many bytes are read into memory */
	struct ouro_file_stat known; /* what was there before; NONE: not known */
	bool known_young;            /* as it was found: @young */

	/* Found: */
	int error;  /* 0, or why there is nothing: as ouro_beneath_look() */
	bool same;  /* what is @known is there still; nothing below is set */
	bool young; /* the content is in memory, and may have changed without showing it */
	struct ouro_file_stat stat;
	struct ouro_buf *buf; /* of a regular file, the looker's: its bytes, or the file open */
};

/* Looks. On any thread, one at a time. With @cached nothing waits for a disk, and @error is -EAGAIN
 * where something would have to. */
void ouro_file_look_run(struct ouro_file_look *look, bool cached);

#endif
