// What a fiber costs: fiber/fiber.h and fiber/guard.h beside a plain call, and beside Boost.Context
// where there is that.
extern "C" {
// C11's word for it, which C++ has otherwise.
#define _Noreturn [[noreturn]]
#include "fiber/guard.h"
#undef _Noreturn
}

#include <benchmark/benchmark.h>
#include <vector>
#ifdef OURO_HAVE_BOOST_CONTEXT
#include <boost/context/detail/fcontext.hpp>
#endif

namespace
{

constexpr uint32_t kStackBytes = 65536;

struct ouro_fibers fibers;
struct ouro_guard guard;

void set_up(uint32_t count_max)
{
	struct ouro_fibers_options options = { kStackBytes, count_max };

	if (ouro_fibers_init(&fibers, &options) < 0)
		abort();
}

// A handler as small as can be, which the compiler cannot see through.
void count(void *arg)
{
	++*static_cast<uint64_t *>(arg);
	benchmark::ClobberMemory();
}

void count_under_guard(void *arg)
{
	ouro_guard_call(&guard, count, arg);
}

void count_for_ever(void *arg)
{
	while (!*static_cast<bool *>(arg))
		ouro_fiber_suspend(&fibers);
}

void escape(void *)
{
	ouro_guard_escape(&guard);
}

void plain_call(benchmark::State &state)
{
	ouro_fiber_fn fn = count;
	uint64_t counter = 0;

	for (auto _ : state) {
		benchmark::DoNotOptimize(fn);
		fn(&counter);
	}
}

void guard_call(benchmark::State &state)
{
	uint64_t counter = 0;

	for (auto _ : state)
		benchmark::DoNotOptimize(ouro_guard_call(&guard, count, &counter));
}

void guard_escape(benchmark::State &state)
{
	for (auto _ : state)
		benchmark::DoNotOptimize(ouro_guard_call(&guard, escape, nullptr));
}

void start_and_return(benchmark::State &state, ouro_fiber_fn fn)
{
	uint64_t counter = 0;
	struct ouro_fiber *fiber;

	set_up(1);
	for (auto _ : state)
		benchmark::DoNotOptimize(ouro_fiber_start(&fibers, fn, &counter, &fiber));
	ouro_fibers_fini(&fibers);
}

// One of so many fibers, each in its turn, goes on and suspends again.
void resume_and_suspend(benchmark::State &state)
{
	auto fiber_count = static_cast<size_t>(state.range(0));
	std::vector<struct ouro_fiber *> started(fiber_count);
	bool stop = false;
	size_t next = 0;

	set_up(static_cast<uint32_t>(fiber_count));
	for (auto &fiber : started)
		ouro_fiber_start(&fibers, count_for_ever, &stop, &fiber);
	for (auto _ : state) {
		ouro_fiber_resume(started[next]);
		next = next + 1 == fiber_count ? 0 : next + 1;
	}
	stop = true;
	for (auto fiber : started)
		ouro_fiber_resume(fiber);
	ouro_fibers_fini(&fibers);
}

// A handler that waits once: start, suspend, resume, return.
void wait_once(void *)
{
	ouro_fiber_suspend(&fibers);
}

void start_wait_and_return(benchmark::State &state)
{
	struct ouro_fiber *fiber;

	set_up(1);
	for (auto _ : state) {
		ouro_fiber_start(&fibers, wait_once, nullptr, &fiber);
		ouro_fiber_resume(fiber);
	}
	ouro_fibers_fini(&fibers);
}

// The same where the loop resumes from some calls deep and the fiber waits some calls deep, as
// handlers that read a body or a message do.
__attribute__((noinline)) void suspend_at_depth(int depth)
{
	if (depth == 0)
		ouro_fiber_suspend(&fibers);
	else
		suspend_at_depth(depth - 1);
	benchmark::ClobberMemory();
}

void wait_deep_for_ever(void *arg)
{
	while (!*static_cast<bool *>(arg))
		suspend_at_depth(4);
}

__attribute__((noinline)) void resume_at_depth(struct ouro_fiber *fiber, int depth)
{
	if (depth == 0)
		ouro_fiber_resume(fiber);
	else
		resume_at_depth(fiber, depth - 1);
	benchmark::ClobberMemory();
}

void resume_and_suspend_deep(benchmark::State &state)
{
	struct ouro_fiber *fiber;
	bool stop = false;

	set_up(1);
	ouro_fiber_start(&fibers, wait_deep_for_ever, &stop, &fiber);
	for (auto _ : state)
		resume_at_depth(fiber, 4);
	stop = true;
	ouro_fiber_resume(fiber);
	ouro_fibers_fini(&fibers);
}

BENCHMARK(plain_call);
BENCHMARK(guard_call);
BENCHMARK(guard_escape);
BENCHMARK_CAPTURE(start_and_return, plain, count);
BENCHMARK_CAPTURE(start_and_return, guard, count_under_guard);
BENCHMARK(start_wait_and_return);
BENCHMARK(resume_and_suspend)->Arg(1)->Arg(1000);
BENCHMARK(resume_and_suspend_deep);

#ifdef OURO_HAVE_BOOST_CONTEXT

namespace context = boost::context::detail;

struct boost_stack {
	std::vector<char> memory = std::vector<char>(kStackBytes);

	void *top()
	{
		return memory.data() + memory.size();
	}
};

// A function of this kind never returns; at its end it jumps back for good.
void boost_count(context::transfer_t from)
{
	count(from.data);
	context::jump_fcontext(from.fctx, nullptr);
}

void boost_count_for_ever(context::transfer_t from)
{
	for (;;)
		from = context::jump_fcontext(from.fctx, nullptr);
}

void boost_start_and_return(benchmark::State &state)
{
	boost_stack stack;
	uint64_t counter = 0;

	for (auto _ : state) {
		auto made = context::make_fcontext(stack.top(), kStackBytes, boost_count);

		benchmark::DoNotOptimize(context::jump_fcontext(made, &counter));
	}
}

void boost_resume_and_suspend(benchmark::State &state)
{
	auto fiber_count = static_cast<size_t>(state.range(0));
	std::vector<boost_stack> stacks(fiber_count);
	std::vector<context::fcontext_t> started(fiber_count);
	size_t next = 0;

	for (size_t i = 0; i < fiber_count; i++)
		started[i] =
			context::make_fcontext(stacks[i].top(), kStackBytes, boost_count_for_ever);
	for (auto _ : state) {
		started[next] = context::jump_fcontext(started[next], nullptr).fctx;
		next = next + 1 == fiber_count ? 0 : next + 1;
	}
}

BENCHMARK(boost_start_and_return);
BENCHMARK(boost_resume_and_suspend)->Arg(1)->Arg(1000);

#endif

} // namespace

BENCHMARK_MAIN();
