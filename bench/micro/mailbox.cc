// What it costs to hand something to a loop and to take it there, for each piece of so many that are
// taken at once; one thread does both, so that it is without what processors tell each other. Beside
// it a list behind a mutex. Its cases are called mutex_..
#include "mailbox.h"

#include <benchmark/benchmark.h>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace
{

void post_and_run(benchmark::State &state)
{
	auto count = static_cast<unsigned>(state.range(0));

	micro_mailbox_init();
	for (auto _ : state)
		if (micro_mailbox_post_and_run(count) != static_cast<int>(count)) {
			state.SkipWithError("mail was lost");
			break;
		}
	state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * count);
}

struct piece {
	void (*on_arrival)(struct piece *piece);
	int arrived;
};

void on_piece(struct piece *piece)
{
	piece->arrived++;
}

void mutex_post_and_run(benchmark::State &state)
{
	std::vector<struct piece> pieces(static_cast<size_t>(state.range(0)), piece{ on_piece, 0 });
	std::vector<struct piece *> list, taken;
	std::promise<void> end;
	// With one thread alone in the process a mutex is no atomic operation, and nothing is compared.
	std::thread other([ended = end.get_future()] { ended.wait(); });
	std::mutex mutex;

	for (auto _ : state) {
		for (auto &piece : pieces) {
			std::lock_guard<std::mutex> guard(mutex);
			list.push_back(&piece);
		}
		{
			std::lock_guard<std::mutex> guard(mutex);
			taken.swap(list);
		}
		for (auto *piece : taken)
			piece->on_arrival(piece);
		taken.clear();
	}
	end.set_value();
	other.join();
	if (pieces[0].arrived != static_cast<int>(state.iterations()))
		state.SkipWithError("a piece was lost");
	state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}

BENCHMARK(post_and_run)->Arg(1)->Arg(32)->Arg(1024);
BENCHMARK(mutex_post_and_run)->Arg(1)->Arg(32)->Arg(1024);

} // namespace

BENCHMARK_MAIN();
