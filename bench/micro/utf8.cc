// What it costs to check that text is UTF-8: ASCII, characters of two, three and four bytes.
extern "C" {
#include "ws/utf8.h"
}

#include <benchmark/benchmark.h>
#include <string>

namespace
{

// Text of whole characters, of at least as many bytes as are asked for.
void check(benchmark::State &state, const std::string &unit)
{
	std::string text;

	while (text.size() < static_cast<size_t>(state.range(0)))
		text += unit;
	for (auto _ : state) {
		uint8_t at = OURO_WS_UTF8_WHOLE;

		if (!ouro_ws_utf8_feed(&at, text.data(), text.size()) || at != OURO_WS_UTF8_WHOLE) {
			state.SkipWithError("good text is refused");
			break;
		}
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

BENCHMARK_CAPTURE(check, ascii, std::string("ascii"))->Arg(20)->Arg(1024)->Arg(65536);
BENCHMARK_CAPTURE(check, two_bytes, std::string("\xce\xba"))->Arg(20)->Arg(1024)->Arg(65536);
BENCHMARK_CAPTURE(check, cjk, std::string("\xe6\xbc\xa2"))->Arg(20)->Arg(1024)->Arg(65536);
BENCHMARK_CAPTURE(check, emoji, std::string("\xf0\x9f\x98\x80"))->Arg(20)->Arg(1024)->Arg(65536);

} // namespace

BENCHMARK_MAIN();
