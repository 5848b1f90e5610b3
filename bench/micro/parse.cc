// What a request's head costs to parse and judge: heads of three sizes, whole, cut in two and cut at
// every 64 bytes, beside llhttp itself on the same bytes, which neither judges them nor records where
// anything is. Its cases are called llhttp_..
extern "C" {
#include "proto/http1_parse.h"
}

#include <algorithm>
#include <benchmark/benchmark.h>
#include <string>

namespace
{

const std::string kSmall = "GET /plaintext HTTP/1.1\r\nHost: a.test\r\n\r\n";
const std::string kMedium = "GET /plaintext HTTP/1.1\r\n"
			    "Host: 127.0.0.1:8080\r\n"
			    "User-Agent: load/1.0\r\n"
			    "Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\n"
			    "Accept-Encoding: gzip\r\n"
			    "Connection: keep-alive\r\n\r\n";
const std::string kLarge =
	"GET /articles/2026/a-title-of-some-length?page=2&order=newest HTTP/1.1\r\n"
	"Host: www.example.test\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
	"Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Referer: https://www.example.test/articles/2026\r\n"
	"Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; seen=1795750000; "
	"consent=necessary.statistics; cart=c4ca4238a0b923820dcc509a6f75849b\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Connection: keep-alive\r\n\r\n";

const struct ouro_http1_limits kLimits = { nullptr, 65536, 8192, 100, 1 << 20 };

void head(benchmark::State &state, const std::string &text, size_t piece)
{
	static struct ouro_http1_parser parser;

	for (auto _ : state) {
		enum ouro_parse verdict = OURO_PARSE_MORE;
		size_t consumed;

		ouro_http1_parser_init(&parser, &kLimits);
		for (size_t at = 0; at < text.size(); at += piece)
			verdict = ouro_http1_parse_head(&parser, text.data() + at,
							std::min(piece, text.size() - at),
							&consumed);
		if (verdict != OURO_PARSE_DONE ||
		    ouro_http1_check_head(&parser, text.data()) != OURO_PARSE_DONE) {
			state.SkipWithError("a good head is refused");
			break;
		}
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

int count(llhttp_t *llhttp)
{
	++*static_cast<uint64_t *>(llhttp->data);
	return 0;
}

void llhttp_head(benchmark::State &state, const std::string &text)
{
	llhttp_settings_t settings;
	llhttp_t llhttp;
	uint64_t heads = 0;

	llhttp_settings_init(&settings);
	settings.on_headers_complete = count;
	llhttp_init(&llhttp, HTTP_REQUEST, &settings);
	llhttp.data = &heads;
	for (auto _ : state) {
		llhttp_reset(&llhttp);
		llhttp_execute(&llhttp, text.data(), text.size());
	}
	if (heads != static_cast<uint64_t>(state.iterations()))
		state.SkipWithError("not every head was found");
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

BENCHMARK_CAPTURE(head, small, kSmall, kSmall.size());
BENCHMARK_CAPTURE(head, medium, kMedium, kMedium.size());
BENCHMARK_CAPTURE(head, large, kLarge, kLarge.size());
BENCHMARK_CAPTURE(head, small_in_two, kSmall, (kSmall.size() + 1) / 2);
BENCHMARK_CAPTURE(head, medium_in_two, kMedium, (kMedium.size() + 1) / 2);
BENCHMARK_CAPTURE(head, large_in_two, kLarge, (kLarge.size() + 1) / 2);
BENCHMARK_CAPTURE(head, medium_by_64, kMedium, 64);
BENCHMARK_CAPTURE(head, large_by_64, kLarge, 64);
BENCHMARK_CAPTURE(llhttp_head, small, kSmall);
BENCHMARK_CAPTURE(llhttp_head, medium, kMedium);
BENCHMARK_CAPTURE(llhttp_head, large, kLarge);

} // namespace

BENCHMARK_MAIN();
