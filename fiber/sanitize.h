/* Tells the sanitizers and valgrind which stack is the current one; without them there is nothing
 * here, but for the few instructions that valgrind looks for where a stack is made.
 *
 * To the thread sanitizer each stack is a thread, of which it has room for some 8,000.
 *
 * The address sanitizer is told on both sides of a switch, the thread sanitizer on the loop's side
 * only: each function must leave with the context with which it was entered. Hence nothing here
 * may be a function of its own. */
#ifndef OURO_FIBER_SANITIZE_H
#define OURO_FIBER_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define OURO_FIBER_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define OURO_FIBER_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define OURO_FIBER_ASAN
#endif
#ifdef __SANITIZE_THREAD__
#define OURO_FIBER_TSAN
#endif

#ifdef OURO_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef OURO_FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#ifdef OURO_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

#if defined(OURO_FIBER_ASAN) || defined(OURO_FIBER_TSAN)
/* Whether someone must be told on the fiber that it runs. */
#define OURO_FIBER_SANITIZED 1
/* What the sanitizers add to a frame, and the frames of what they call. */
#define OURO_FIBER_STACK_FACTOR 4
#else
#define OURO_FIBER_SANITIZED 0
#define OURO_FIBER_STACK_FACTOR 1
#endif

#define OURO_FIBER_INLINE static inline __attribute__((always_inline))

/* What they must know of one stack. */
struct ouro_sanitize {
	char *low, *high;
	void *fake_stack;      /* of the suspended fiber */
	void *back_fake_stack; /* of the loop while the fiber runs */
	const void *back_low;  /* the loop's stack */
	size_t back_bytes;
	void *thread; /* as which the fiber runs */
	void *back_thread;
	unsigned stack_id;
};

OURO_FIBER_INLINE void ouro_sanitize_init(struct ouro_sanitize *self, char *low, char *high)
{
	*self = (struct ouro_sanitize){ .low = low, .high = high };
#ifdef OURO_FIBER_ASAN
	ASAN_POISON_MEMORY_REGION(low, (size_t)(high - low));
#endif
#ifdef OURO_FIBER_TSAN
	self->thread = __tsan_create_fiber(0);
#endif
#ifdef OURO_HAVE_VALGRIND
	self->stack_id = VALGRIND_STACK_REGISTER(low, high);
#endif
}

OURO_FIBER_INLINE void ouro_sanitize_fini(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_ASAN
	ASAN_UNPOISON_MEMORY_REGION(self->low, (size_t)(self->high - self->low));
#endif
#ifdef OURO_FIBER_TSAN
	__tsan_destroy_fiber(self->thread);
#endif
#ifdef OURO_HAVE_VALGRIND
	VALGRIND_STACK_DEREGISTER(self->stack_id);
#endif
	(void)self;
}

/* The stack is leased. */
OURO_FIBER_INLINE void ouro_sanitize_lease(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_ASAN
	ASAN_UNPOISON_MEMORY_REGION(self->low, (size_t)(self->high - self->low));
#endif
	(void)self;
}

/* The lease is over: whoever still looks at the stack is found out. */
OURO_FIBER_INLINE void ouro_sanitize_release(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_ASAN
	ASAN_POISON_MEMORY_REGION(self->low, (size_t)(self->high - self->low));
#endif
	(void)self;
}

/* On the loop's stack, just before a switch to the fiber. */
OURO_FIBER_INLINE void ouro_sanitize_leave_loop(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_TSAN
	self->back_thread = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(self->thread, 0);
#endif
#ifdef OURO_FIBER_ASAN
	__sanitizer_start_switch_fiber(&self->back_fake_stack, self->low,
				       (size_t)(self->high - self->low));
#endif
	(void)self;
}

/* On the loop's stack, just after the switch back. */
OURO_FIBER_INLINE void ouro_sanitize_enter_loop(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_ASAN
	__sanitizer_finish_switch_fiber(self->back_fake_stack, NULL, NULL);
#endif
#ifdef OURO_FIBER_TSAN
	__tsan_switch_to_fiber(self->back_thread, 0);
#endif
	(void)self;
}

/* On the fiber, just after it was started or resumed. */
OURO_FIBER_INLINE void ouro_sanitize_enter_fiber(struct ouro_sanitize *self)
{
#ifdef OURO_FIBER_ASAN
	__sanitizer_finish_switch_fiber(self->fake_stack, &self->back_low, &self->back_bytes);
#endif
	(void)self;
}

/* On the fiber, just before it suspends, or returns and is not resumed. */
OURO_FIBER_INLINE void ouro_sanitize_leave_fiber(struct ouro_sanitize *self, bool returns)
{
#ifdef OURO_FIBER_ASAN
	if (returns)
		self->fake_stack = NULL;
	__sanitizer_start_switch_fiber(returns ? NULL : &self->fake_stack, self->back_low,
				       self->back_bytes);
#endif
	(void)self;
	(void)returns;
}

/* Frames of the current stack are about to be left without returning from them. */
OURO_FIBER_INLINE void ouro_sanitize_no_return(void)
{
#ifdef OURO_FIBER_ASAN
	__asan_handle_no_return();
#endif
}

#endif
