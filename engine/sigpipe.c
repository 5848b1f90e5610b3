/* SIGPIPE: see engine/sigpipe.h. */
#include "engine/sigpipe.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static bool is_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void make_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

void ouro_sigpipe_block(struct ouro_sigpipe *before)
{
	sigset_t set, mask;

	make_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &mask);
	if (!before)
		return;
	before->was_blocked = sigismember(&mask, SIGPIPE) == 1;
	before->was_pending = before->was_blocked && is_pending();
}

void ouro_sigpipe_restore(const struct ouro_sigpipe *before)
{
	const struct timespec now = { 0 };
	sigset_t set;

	make_set(&set);
	if (!before->was_pending && is_pending())
		sigtimedwait(&set, NULL, &now);
	if (!before->was_blocked)
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
