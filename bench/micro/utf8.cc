// What it costs to check that text is UTF-8: ASCII, characters of two, three and four bytes, a mixture.
extern "C" {
#include "ws/utf8.h"
}

#include "texts.h"

namespace
{

const std::map<std::string, std::string> kUnits = {
	{ "ascii", "only ascii here " },
	{ "two_bytes", "\xce\xba" },
	{ "mixed", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 and more" },
	{ "cjk", "\xe6\xbc\xa2" },
	{ "emoji", "\xf0\x9f\x98\x80" },
};
const size_t kSizes[] = { 20, 1024, 65536 };

// Of whole characters, of at least @size bytes.
std::string text_of(const std::string &unit, size_t size)
{
	std::string text;

	while (text.size() < size)
		text += unit;
	return text;
}

void check(benchmark::State &state, const std::string &text)
{
	for (auto _ : state) {
		uint8_t at = OURO_WS_UTF8_WHOLE;

		if (!ouro_ws_utf8_feed(&at, text.data(), text.size()) || at != OURO_WS_UTF8_WHOLE) {
			state.SkipWithError("good text is refused");
			break;
		}
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

} // namespace

int main(int argc, char **argv)
{
	std::map<std::string, std::string> texts;

	for (const auto &[name, unit] : kUnits)
		for (size_t size : kSizes) {
			std::string text = text_of(unit, size);
			std::string of = name + "/" + std::to_string(size);

			texts["check." + name + "." + std::to_string(size)] = text;
			benchmark::RegisterBenchmark(("check/" + of).c_str(),
						     [text](benchmark::State &state) {
							     check(state, text);
						     });
		}
	return run_or_print(argc, argv, texts);
}
