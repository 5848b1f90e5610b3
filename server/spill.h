/* Files that take what does not fit into memory. They are opened, written and closed on threads of the
 * pool, so that no loop waits for a disk, and may be written still when their handler is gone: they, and what is
 * written to them, live as long as the exchange, which waits for its jobs. */
#ifndef OURO_SERVER_SPILL_H
#define OURO_SERVER_SPILL_H

#include <stdbool.h>
#include <stddef.h>

struct ouro_ctx;
struct ouro_worker;

struct ouro_spill {
	struct ouro_spill *next; /* the owner's */
	const char *directory;   /* where it is opened, without a name, when it is first written */
	int fd;                  /* -1: not open */
};

/* Writes @len bytes at @data to @spill, which is opened where it was not; with @rewind it is read from
 * its beginning then. 0; a negative errno of open(2), write(2) or lseek(2); as ouro_offload(), and then
 * it may be written still: nothing of it is touched any more until the exchange ends. */
int ouro_spill_write(struct ouro_ctx *ctx, struct ouro_spill *spill, const char *data, size_t len,
		     bool rewind);

/* Lets go of what is open, which is closed soon. No job of the exchange is in progress. */
void ouro_spill_close(struct ouro_worker *worker, struct ouro_spill *spill);

#endif
