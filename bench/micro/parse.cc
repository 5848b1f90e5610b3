// What a request's head costs to parse and judge: heads of three sizes, whole, cut in two, cut at every
// 64 bytes, and left to llhttp, as unusual ones are; beside llhttp itself on the same bytes, which neither
// judges them nor records where anything is, in cases called llhttp_.. Then what a body in chunks costs, and
// to find a field.
extern "C" {
#include "proto/http1_parse.h"
}

#include "texts.h"

#include <algorithm>

namespace
{

constexpr char kSmall[] = "GET /plaintext HTTP/1.1\r\nHost: a.net\r\n\r\n";
constexpr char kMedium[] = "GET /plaintext HTTP/1.1\r\n"
			   "Host: 127.0.0.1:8080\r\n"
			   "User-Agent: load/1\r\n"
			   "Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\n"
			   "Accept-Encoding: br\r\n"
			   "Connection: keep-alive\r\n\r\n";
constexpr char kLarge[] =
	"GET /articles/2026/a-title-of-some-length?page=2&order=newest HTTP/1.1\r\n"
	"Host: www.example.test\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
	"Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Referer: https://www.example.test/articles/2026\r\n"
	"Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; seen=1795750000; "
	"consent=necessary.statistics; cart=c4ca4238a0b923820dcc509a6f75849b; lang=en-GB; tz=1234\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Connection: keep-alive\r\n\r\n";
// Of curl, of load generators, of browsers.
static_assert(sizeof(kSmall) - 1 == 40 && sizeof(kMedium) - 1 == 166 && sizeof(kLarge) - 1 == 703);

const struct ouro_http1_limits kLimits = { nullptr, 65536, 8192, 100, 1 << 20 };

// @text in pieces: the first of @first bytes, the others of @rest.
enum ouro_parse parse(struct ouro_http1_parser *parser, const std::string &text, size_t first,
		      size_t rest)
{
	enum ouro_parse verdict = OURO_PARSE_MORE;
	size_t consumed;

	ouro_http1_parser_init(parser, &kLimits);
	for (size_t at = 0, piece; at < text.size(); at += piece) {
		piece = std::min(at ? rest : first, text.size() - at);
		verdict = ouro_http1_parse_head(parser, text.data() + at, piece, &consumed);
	}
	return verdict == OURO_PARSE_DONE ? ouro_http1_check_head(parser, text.data()) : verdict;
}

void head(benchmark::State &state, const std::string &text, size_t first, size_t rest)
{
	static struct ouro_http1_parser parser;

	for (auto _ : state)
		if (parse(&parser, text, first, rest) != OURO_PARSE_DONE) {
			state.SkipWithError("a good head is refused");
			break;
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

// ---- Bodies ----

std::string chunked_body(size_t chunk, size_t count)
{
	std::string body;
	char size[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(size, sizeof(size), "%zx\r\n", chunk);
		body += size + std::string(chunk, 'x') + "\r\n";
	}
	return body + "0\r\n\r\n";
}

size_t read_body(struct ouro_http1_parser *parser, const std::string &body)
{
	enum ouro_parse verdict = OURO_PARSE_MORE;
	size_t payload_bytes = 0;

	for (size_t at = 0, consumed; verdict == OURO_PARSE_MORE && at < body.size();
	     at += consumed) {
		struct ouro_str payload;

		verdict = ouro_http1_parse_body(parser, body.data() + at, body.size() - at,
						&consumed, &payload);
		benchmark::DoNotOptimize(payload);
		payload_bytes += payload.len;
	}
	return verdict == OURO_PARSE_DONE ? payload_bytes : 0;
}

void chunked(benchmark::State &state)
{
	const auto chunk = static_cast<size_t>(state.range(0)),
		   count = static_cast<size_t>(state.range(1));
	const std::string body = chunked_body(chunk, count);
	static struct ouro_http1_parser before, parser;

	parse(&before, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", SIZE_MAX,
	      SIZE_MAX);
	for (auto _ : state) {
		parser = before;
		if (read_body(&parser, body) != chunk * count) {
			state.SkipWithError("the payload was not found");
			break;
		}
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * body.size()));
}

// ---- Fields ----

void find_known(benchmark::State &state)
{
	static struct ouro_http1_parser parser;

	parse(&parser, kLarge, SIZE_MAX, SIZE_MAX);
	for (auto _ : state) {
		int at = ouro_http1_find(&parser, OURO_FIELD_CONNECTION, -1);

		benchmark::DoNotOptimize(at);
		if (at < 0)
			state.SkipWithError("it is not found");
	}
}

void find_by_name(benchmark::State &state)
{
	static struct ouro_http1_parser parser;
	struct ouro_str name = { "sec-fetch-site", 14 };

	parse(&parser, kLarge, SIZE_MAX, SIZE_MAX);
	for (auto _ : state) {
		int at = ouro_http1_find_name(&parser, kLarge, name, -1);

		benchmark::DoNotOptimize(at);
		if (at < 0)
			state.SkipWithError("it is not found");
	}
}

BENCHMARK(chunked)->Args({ 16, 64 })->Args({ 1024, 64 })->Args({ 16384, 4 });
BENCHMARK(find_known);
BENCHMARK(find_by_name);

} // namespace

int main(int argc, char **argv)
{
	const std::map<std::string, std::string> texts = { { "head.small", kSmall },
							   { "head.medium", kMedium },
							   { "head.large", kLarge } };

	for (const auto &[name, text] : texts) {
		const std::string size = name.substr(name.find('.') + 1);
		auto add = [&](const std::string &of, size_t first, size_t rest) {
			benchmark::RegisterBenchmark(of.c_str(), [text = text, first,
								  rest](benchmark::State &state) {
				head(state, text, first, rest);
			});
		};

		add("head/" + size, text.size(), 1);
		add("head/" + size + "_in_two", (text.size() + 1) / 2, text.size());
		add("head/" + size + "_by_64", 64, 64);
		// Of one byte nothing can be told, and all of the head is llhttp's from then on.
		add("head/" + size + "_by_llhttp", 1, text.size());
		benchmark::RegisterBenchmark(("llhttp_head/" + size).c_str(),
					     [text = text](benchmark::State &state) {
						     llhttp_head(state, text);
					     });
	}
	return run_or_print(argc, argv, texts);
}
