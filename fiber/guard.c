/* A place to return to at once: see fiber/guard.h. */
#include "fiber/guard.h"

#include "fiber/sanitize.h"
#include "fiber/switch.h"

/* The thread sanitizer keeps a stack of calls, which only setjmp() makes it take back. */
#if defined(OURO_FIBER_ASSEMBLY) && !defined(OURO_FIBER_TSAN)

/* Beside the switch, since they save the same registers in the same way. */
bool ouro_guard_enter(struct ouro_guard *guard, ouro_fiber_fn fn, void *arg);
_Noreturn void ouro_guard_jump(void *place);

bool ouro_guard_call(struct ouro_guard *guard, ouro_fiber_fn fn, void *arg)
{
	return ouro_guard_enter(guard, fn, arg);
}

#else

#include <setjmp.h>

bool ouro_guard_call(struct ouro_guard *guard, ouro_fiber_fn fn, void *arg)
{
	/* In this frame, which must be there for as long as one may jump to it. */
	jmp_buf place;

	guard->place = &place;
	if (_setjmp(place) != 0)
		return false;
	fn(arg);
	return true;
}

static _Noreturn void ouro_guard_jump(void *place)
{
	_longjmp(*(jmp_buf *)place, 1);
}

#endif

_Noreturn void ouro_guard_escape(struct ouro_guard *guard)
{
	ouro_sanitize_no_return();
	ouro_guard_jump(guard->place);
}
