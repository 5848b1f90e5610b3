/* SIGPIPE, which sendfile(2) raises where the peer is gone and send(2) can be told not to. A thread that
 * turns a loop has it blocked meanwhile, whatever the program does with it; the error says enough. */
#ifndef OURO_ENGINE_SIGPIPE_H
#define OURO_ENGINE_SIGPIPE_H

#include <stdbool.h>

struct ouro_sigpipe {
	bool was_blocked, was_pending;
};

/* Blocks it in the calling thread. @before (NULL: it stays so) is for ouro_sigpipe_restore(). */
void ouro_sigpipe_block(struct ouro_sigpipe *before);

/* Puts back what was, and forgets a signal that came meanwhile. */
void ouro_sigpipe_restore(const struct ouro_sigpipe *before);

#endif
