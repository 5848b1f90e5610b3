/* Names of contexts that others may keep: see struct ouro_ref. Each worker has a table of those that
 * were given out; a name says which table, which slot, and which use of the slot. Tables outlast their
 * workers, so that a name never points to nothing. */
#ifndef OURO_SERVER_REF_H
#define OURO_SERVER_REF_H

#include "server/worker.h"

struct ouro_ctx;

/* Takes a table for @worker, whose loop is open; gives it back, and has all that was posted to it
 * called. 0 or -ENOMEM. */
int ouro_refs_open(struct ouro_worker *worker);
void ouro_refs_close(struct ouro_worker *worker);

/* Lets nobody post to @worker any more, whose loop has failed: what it holds stays as it is. */
void ouro_refs_disown(struct ouro_worker *worker);

/* Ends the name of @ctx, which has one. */
void ouro_ref_drop(struct ouro_ctx *ctx);

#endif
