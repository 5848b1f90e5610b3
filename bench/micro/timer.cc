// What a timer costs among a thousand and a million others: set and stopped, moved, expired, beside
// the same in a std::priority_queue, which cannot stop one and so never tells a timer where it is. Its
// cases are called queue_..
extern "C" {
#include "engine/timer.h"
}

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <functional>
#include <queue>
#include <random>
#include <vector>

namespace
{

constexpr uint64_t kSpanNs = 60000000000;

void on_due(struct ouro_timer *timer)
{
	benchmark::DoNotOptimize(timer);
}

// Timers that are set at random within a minute, the same in each run.
struct many {
	struct ouro_timers timers = {};
	std::vector<struct ouro_timer> all;
	std::mt19937_64 random{ 1 };

	explicit many(size_t count) : all(count)
	{
		for (auto &timer : all) {
			timer = {};
			timer.on_due = on_due;
			set(timer, random() % kSpanNs + 1);
		}
	}

	~many()
	{
		ouro_timers_fini(&timers);
	}

	void set(struct ouro_timer &timer, uint64_t due_ns)
	{
		if (ouro_timer_set(&timers, &timer, due_ns) < 0)
			abort();
	}
};

void set_and_stop(benchmark::State &state)
{
	many others(static_cast<size_t>(state.range(0)));
	struct ouro_timer timer = {};

	timer.on_due = on_due;
	for (auto _ : state) {
		others.set(timer, others.random() % kSpanNs + 1);
		ouro_timer_stop(&others.timers, &timer);
	}
}

void move(benchmark::State &state)
{
	many others(static_cast<size_t>(state.range(0)));
	size_t next = 0;

	for (auto _ : state) {
		others.set(others.all[next], others.random() % kSpanNs + 1);
		next = next + 1 == others.all.size() ? 0 : next + 1;
	}
}

// The one that is due first expires and is set again, a minute later at most, so that as many stay set.
void expire_and_set(benchmark::State &state)
{
	many others(static_cast<size_t>(state.range(0)));
	int64_t called = 0;

	for (auto _ : state) {
		struct ouro_timer *first = others.timers.heap[0].timer;
		uint64_t now = first->due_ns;

		called += ouro_timers_run(&others.timers, now);
		others.set(*first, now + others.random() % kSpanNs + 1);
	}
	if (called != static_cast<int64_t>(state.iterations()))
		state.SkipWithError("a timer did not expire");
}

void queue_expire_and_set(benchmark::State &state)
{
	using entry = std::pair<uint64_t, struct ouro_timer *>;
	std::vector<struct ouro_timer> all(static_cast<size_t>(state.range(0)));
	std::priority_queue<entry, std::vector<entry>, std::greater<entry>> queue;
	std::mt19937_64 random{ 1 };

	for (auto &timer : all)
		queue.push({ random() % kSpanNs + 1, &timer });
	for (auto _ : state) {
		entry first = queue.top();

		queue.pop();
		on_due(first.second);
		queue.push({ first.first + random() % kSpanNs + 1, first.second });
	}
}

BENCHMARK(set_and_stop)->Arg(1000)->Arg(1000000);
BENCHMARK(move)->Arg(1000)->Arg(1000000);
BENCHMARK(expire_and_set)->Arg(1000)->Arg(1000000);
BENCHMARK(queue_expire_and_set)->Arg(1000)->Arg(1000000);

} // namespace

BENCHMARK_MAIN();
