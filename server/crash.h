/* What is said when the process crashes: memory that is already wrong is not continued on, but the line
 * that says where it went wrong is worth having. */
#ifndef OURO_SERVER_CRASH_H
#define OURO_SERVER_CRASH_H

#include <stddef.h>

/* Reports SIGSEGV, SIGBUS, SIGILL and SIGFPE with a backtrace on standard error, then lets them end the
 * process as they would have. Signals that somebody handles already are left to them. */
void ouro_crash_install(void);

/* Puts back what was there before. */
void ouro_crash_uninstall(void);

/* Gives the calling thread a stack for that, so that the overflow of its own can be reported too; and
 * takes it away again. Without memory for it there is none. */
struct ouro_crash_stack {
	void *memory;
};
void ouro_crash_stack_init(struct ouro_crash_stack *stack);
void ouro_crash_stack_fini(struct ouro_crash_stack *stack);

#endif
