// What memory from the pools costs, got and put back: the pool of pieces and the pool of receive
// buffers, beside malloc and free of the same size. Its cases are called malloc_..
extern "C" {
#include "base/pool.h"
#include "engine/recvpool.h"
}

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <vector>

namespace
{

constexpr uint32_t kBufBytes = 16384;

// So many got, then all put back in the order in which they came; one of them is an item.
template <typename Get, typename Put>
void bursts(benchmark::State &state, size_t burst, Get get, Put put)
{
	std::vector<void *> held(burst);

	for (auto _ : state) {
		for (auto &item : held) {
			item = get();
			benchmark::DoNotOptimize(item);
		}
		for (auto item : held)
			put(item);
	}
	state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * burst));
}

void pool(benchmark::State &state)
{
	struct ouro_pool pool;

	ouro_pool_init(&pool, static_cast<size_t>(state.range(0)));
	bursts(
		state, static_cast<size_t>(state.range(1)), [&] { return ouro_pool_get(&pool); },
		[&](void *item) { ouro_pool_put(&pool, item); });
	ouro_pool_fini(&pool);
}

void recvpool(benchmark::State &state)
{
	struct ouro_recvpool pool;
	auto burst = static_cast<uint32_t>(state.range(1));

	if (ouro_recvpool_init(&pool, burst, kBufBytes, nullptr, nullptr) < 0) {
		state.SkipWithError("no memory for the buffers");
		return;
	}
	bursts(
		state, burst, [&] { return static_cast<void *>(ouro_recvpool_take(&pool)); },
		[&](void *item) {
			ouro_recvpool_put(&pool, static_cast<struct ouro_buf *>(item));
		});
	ouro_recvpool_fini(&pool);
}

void malloc_free(benchmark::State &state)
{
	auto bytes = static_cast<size_t>(state.range(0));

	bursts(
		state, static_cast<size_t>(state.range(1)), [&] { return malloc(bytes); }, free);
}

BENCHMARK(pool)->Args({ 512, 1 })->Args({ 512, 1000 });
BENCHMARK(pool)->Args({ kBufBytes, 1 })->Args({ kBufBytes, 1000 });
BENCHMARK(recvpool)->Args({ kBufBytes, 1 })->Args({ kBufBytes, 1000 });
BENCHMARK(malloc_free)->Args({ 512, 1 })->Args({ 512, 1000 });
BENCHMARK(malloc_free)->Args({ kBufBytes, 1 })->Args({ kBufBytes, 1000 });

} // namespace

BENCHMARK_MAIN();
