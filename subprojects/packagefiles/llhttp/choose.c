/* Which of the two builds of the machine runs: see meson.build. A parser may be begun by one and go on
 * in the other, for its state is a number that both have from the same source. */
#include "llhttp.h"

int llhttp__internal_init(llhttp__internal_t *state);
int llhttp__internal_init_plain(llhttp__internal_t *state);
int llhttp__internal_execute(llhttp__internal_t *state, const char *at, const char *end);
int llhttp__internal_execute_plain(llhttp__internal_t *state, const char *at, const char *end);
int llhttp__internal_execute_sse42(llhttp__internal_t *state, const char *at, const char *end);

int llhttp__internal_init(llhttp__internal_t *state)
{
	return llhttp__internal_init_plain(state);
}

int llhttp__internal_execute(llhttp__internal_t *state, const char *at, const char *end)
{
	/* This reads a word that was filled in before main(): no more than a branch. */
	if (__builtin_cpu_supports("sse4.2"))
		return llhttp__internal_execute_sse42(state, at, end);
	return llhttp__internal_execute_plain(state, at, end);
}
