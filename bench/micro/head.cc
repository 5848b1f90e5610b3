// What the head of a response costs, written with the date there already, or copied from the cache of
// those that were written, beside what one would write first: snprintf and strftime. Its cases are called
// naive_..
extern "C" {
#include "proto/date.h"
#include "proto/http1_write.h"
#include "server/head_cache.h"
}

#include <benchmark/benchmark.h>
#include <cstdio>
#include <ctime>

namespace
{

constexpr time_t kNow = 1795750000;
constexpr char kType[] = "text/plain; charset=utf-8";

void write_head(benchmark::State &state)
{
	struct ouro_response_head head = {};
	char date[OURO_DATE_BYTES], out[512];

	ouro_date_format(kNow, date);
	head.status = 200;
	head.date = date;
	head.content_type = { kType, sizeof(kType) - 1 };
	head.content_length = 13;
	for (auto _ : state) {
		benchmark::DoNotOptimize(head);
		benchmark::DoNotOptimize(ouro_http1_write_head(&head, out, sizeof(out)));
		benchmark::ClobberMemory();
	}
}

void cached_head(benchmark::State &state)
{
	static struct ouro_head_cache cache;
	struct ouro_common_head head = {};
	char date[OURO_DATE_BYTES], out[OURO_HEAD_CACHE_BYTES_MAX];
	size_t len = 0;

	ouro_date_format(kNow, date);
	head.status = 200;
	head.content_type = { kType, sizeof(kType) - 1 };
	head.content_length = 13;
	for (auto _ : state) {
		benchmark::DoNotOptimize(head);
		len = ouro_head_cache_write(&cache, &head, date, kNow, out);
		benchmark::DoNotOptimize(len);
		benchmark::ClobberMemory();
	}
	if (len == 0)
		state.SkipWithError("the head is not kept");
}

void format_date(benchmark::State &state)
{
	time_t now = kNow;
	char date[OURO_DATE_BYTES];

	for (auto _ : state) {
		benchmark::DoNotOptimize(now);
		ouro_date_format(now, date);
		benchmark::DoNotOptimize(date);
		benchmark::ClobberMemory();
	}
}

void naive_head(benchmark::State &state)
{
	time_t now = kNow;
	size_t length = 13;
	char date[64], out[512];

	for (auto _ : state) {
		struct tm parts;

		benchmark::DoNotOptimize(now);
		benchmark::DoNotOptimize(length);
		gmtime_r(&now, &parts);
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		benchmark::DoNotOptimize(
			snprintf(out, sizeof(out),
				 "HTTP/1.1 %d %s\r\ndate: %s\r\ncontent-type: %s\r\n"
				 "content-length: %zu\r\n\r\n",
				 200, "OK", date, kType, length));
		benchmark::ClobberMemory();
	}
}

BENCHMARK(write_head);
BENCHMARK(cached_head);
BENCHMARK(format_date);
BENCHMARK(naive_head);

} // namespace

BENCHMARK_MAIN();
