/* SIGPIPE stays out of the way, and is as it was afterwards. */
#include "engine/sigpipe.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static bool is_blocked(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, SIGPIPE) == 1;
}

static bool is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

static void write_to_nobody(void)
{
	int pair[2];

	cr_assert_eq(pipe(pair), 0);
	close(pair[0]);
	cr_assert_eq(write(pair[1], "x", 1), -1);
	close(pair[1]);
}

/* The default, which ends the process, is the one that must not happen. */
static void use_default(void)
{
	signal(SIGPIPE, SIG_DFL);
}

TestSuite(sigpipe, .init = use_default);

Test(sigpipe, one_that_came_meanwhile_is_forgotten)
{
	struct ouro_sigpipe before;

	ouro_sigpipe_block(&before);
	write_to_nobody();
	cr_assert(is_pending());
	ouro_sigpipe_restore(&before);
	cr_assert_not(is_pending());
	cr_assert_not(is_blocked());
}

Test(sigpipe, what_the_program_had_blocked_stays_blocked)
{
	struct ouro_sigpipe outer, before;

	ouro_sigpipe_block(&outer);
	ouro_sigpipe_block(&before);
	write_to_nobody();
	ouro_sigpipe_restore(&before);
	cr_assert(is_blocked());
	cr_assert_not(is_pending());
	ouro_sigpipe_restore(&outer);
	cr_assert_not(is_blocked());
}

Test(sigpipe, one_that_the_program_waits_for_is_left_to_it)
{
	struct ouro_sigpipe outer, before;

	ouro_sigpipe_block(&outer);
	write_to_nobody();
	ouro_sigpipe_block(&before);
	write_to_nobody();
	ouro_sigpipe_restore(&before);
	cr_assert(is_pending());
	ouro_sigpipe_restore(&outer);
	cr_assert_not(is_blocked());
}
