// What a timer costs among a thousand and a million others: set and stopped, moved, expired. Beside it
// the same by libuv, whose timers expire by a clock that cannot be set, which is why it takes no part in
// that; and in a std::priority_queue, which cannot stop one and so never tells a timer where it is. Their
// cases are called uv_.. and queue_..
extern "C" {
#include "engine/timer.h"
}

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#ifdef OURO_HAVE_UV
#include <uv.h>
#endif

namespace
{

constexpr uint64_t kSpanNs = 60000000000;
constexpr uint64_t kNsPerMs = 1000000;

// Times within a minute, at random, the same in each run. They are drawn before anything is measured.
class Times
{
      public:
	Times() : all_(1 << 16)
	{
		std::mt19937_64 random{ 1 };

		for (uint64_t &time : all_)
			time = random() % kSpanNs + 1;
	}

	uint64_t next()
	{
		return all_[next_++ % all_.size()];
	}

      private:
	std::vector<uint64_t> all_;
	size_t next_ = 0;
};

std::vector<struct ouro_timer *> expired;

void on_due(struct ouro_timer *timer)
{
	expired.push_back(timer);
}

struct many {
	struct ouro_timers timers = {};
	std::vector<struct ouro_timer> all;
	Times times;

	explicit many(size_t count) : all(count)
	{
		for (auto &timer : all) {
			timer = {};
			timer.on_due = on_due;
			set(timer, times.next());
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
		others.set(timer, others.times.next());
		ouro_timer_stop(&others.timers, &timer);
	}
}

void move(benchmark::State &state)
{
	many others(static_cast<size_t>(state.range(0)));
	size_t next = 0;

	for (auto _ : state) {
		others.set(others.all[next], others.times.next());
		next = next + 1 == others.all.size() ? 0 : next + 1;
	}
}

// The one that is due first, and what is due with it, expires and is set again, a minute later at most, so
// that as many stay set.
void expire_and_set(benchmark::State &state)
{
	many others(static_cast<size_t>(state.range(0)));
	int64_t called = 0;

	for (auto _ : state) {
		uint64_t now = others.timers.heap[0].due_ns;

		called += ouro_timers_run(&others.timers, now);
		for (auto *timer : expired)
			others.set(*timer, now + others.times.next());
		expired.clear();
	}
	if (called < static_cast<int64_t>(state.iterations()))
		state.SkipWithError("a timer did not expire");
	state.SetItemsProcessed(called);
}

void queue_expire_and_set(benchmark::State &state)
{
	using entry = std::pair<uint64_t, struct ouro_timer *>;
	std::vector<struct ouro_timer> all(static_cast<size_t>(state.range(0)));
	std::priority_queue<entry, std::vector<entry>, std::greater<entry>> queue;
	Times times;

	for (auto &timer : all)
		queue.push({ times.next(), &timer });
	for (auto _ : state) {
		entry first = queue.top();

		queue.pop();
		on_due(first.second);
		for (auto *timer : expired)
			queue.push({ first.first + times.next(), timer });
		expired.clear();
	}
}

BENCHMARK(set_and_stop)->Arg(1000)->Arg(1000000);
BENCHMARK(move)->Arg(1000)->Arg(1000000);
BENCHMARK(expire_and_set)->Arg(1000)->Arg(1000000);
BENCHMARK(queue_expire_and_set)->Arg(1000)->Arg(1000000);

#ifdef OURO_HAVE_UV

void on_uv_due(uv_timer_t *) {}

struct uv_many {
	uv_loop_t loop;
	std::vector<uv_timer_t> all;
	Times times;

	explicit uv_many(size_t count) : all(count)
	{
		if (uv_loop_init(&loop))
			abort();
		for (auto &timer : all) {
			uv_timer_init(&loop, &timer);
			set(timer);
		}
	}

	~uv_many()
	{
		for (auto &timer : all)
			uv_close(reinterpret_cast<uv_handle_t *>(&timer), nullptr);
		uv_run(&loop, UV_RUN_DEFAULT);
		uv_loop_close(&loop);
	}

	void set(uv_timer_t &timer)
	{
		if (uv_timer_start(&timer, on_uv_due, times.next() / kNsPerMs, 0))
			abort();
	}
};

void uv_set_and_stop(benchmark::State &state)
{
	uv_many others(static_cast<size_t>(state.range(0)) + 1);

	for (auto _ : state) {
		others.set(others.all[0]);
		uv_timer_stop(&others.all[0]);
	}
}

void uv_move(benchmark::State &state)
{
	uv_many others(static_cast<size_t>(state.range(0)));
	size_t next = 0;

	for (auto _ : state) {
		others.set(others.all[next]);
		next = next + 1 == others.all.size() ? 0 : next + 1;
	}
}

BENCHMARK(uv_set_and_stop)->Arg(1000)->Arg(1000000);
BENCHMARK(uv_move)->Arg(1000)->Arg(1000000);

#endif

} // namespace

BENCHMARK_MAIN();
