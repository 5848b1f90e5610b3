/* Reporting crashes: see server/crash.h. */
#include "server/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#endif
#endif

enum { STACK_BYTES = 64 * 1024, FRAMES_MAX = 64, HEX_DIGITS = 16 };

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGSEGV, "SIGSEGV" },
	{ SIGBUS, "SIGBUS" },
	{ SIGILL, "SIGILL" },
	{ SIGFPE, "SIGFPE" },
};

enum { SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]) };

static struct sigaction before[SIGNAL_COUNT];
static bool taken[SIGNAL_COUNT];

/* printf(3) must not be called here (signal-safety(7)). */
static void say(const char *text)
{
	ssize_t written = write(STDERR_FILENO, text, strlen(text));

	(void)written;
}

static void say_address(uintptr_t address)
{
	char text[HEX_DIGITS + 1] = { 0 };

	for (int i = HEX_DIGITS; i-- > 0; address >>= 4)
		text[i] = "0123456789abcdef"[address & 15];
	say("0x");
	say(text);
}

static void report(int number, siginfo_t *info, void *context)
{
	(void)context;
	say("ouro: error: crash: ");
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if (signals[i].number == number)
			say(signals[i].name);
	say(" at address ");
	say_address((uintptr_t)info->si_addr);
	say("; where an address lies just below a handler's stack, fiber_stack_bytes is too little\n");
#ifdef HAVE_BACKTRACE
	void *frames[FRAMES_MAX];

	backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
#endif
	/* The default action is in place again. What the processor raised it raises anew on return, at the
	 * very instruction; what somebody sent is sent again. */
	if (info->si_code <= 0)
		raise(number);
}

void ouro_crash_install(void)
{
	struct sigaction action = {
		.sa_sigaction = report,
		.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER),
	};

#ifdef HAVE_BACKTRACE
	/* The first call loads a library, for which it is too late in a crash. */
	void *frame;

	backtrace(&frame, 1);
#endif
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		taken[i] = sigaction(signals[i].number, NULL, &before[i]) == 0 &&
			   !(before[i].sa_flags & SA_SIGINFO) && before[i].sa_handler == SIG_DFL;
		if (taken[i])
			sigaction(signals[i].number, &action, NULL);
	}
}

void ouro_crash_uninstall(void)
{
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if (taken[i])
			sigaction(signals[i].number, &before[i], NULL);
}

void ouro_crash_stack_init(struct ouro_crash_stack *stack)
{
	stack_t given = { .ss_size = STACK_BYTES }, present;

	stack->memory = NULL;
	/* Somebody's own, a sanitizer's for one, stays. */
	if (sigaltstack(NULL, &present) || !(present.ss_flags & SS_DISABLE))
		return;
	stack->memory = malloc(STACK_BYTES);
	given.ss_sp = stack->memory;
	if (stack->memory && sigaltstack(&given, NULL)) {
		free(stack->memory);
		stack->memory = NULL;
	}
}

void ouro_crash_stack_fini(struct ouro_crash_stack *stack)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	if (!stack->memory)
		return;
	sigaltstack(&none, NULL);
	free(stack->memory);
	stack->memory = NULL;
}
