// What it costs to publish: hub/hub.h on one loop, with so many subscribers who reference what they
// are handed and let go of it, beside calling them one after the other with a copy for each.
extern "C" {
#include "hub/hub.h"
}

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace
{

constexpr size_t kMessageBytes = 128;

struct reader {
	struct ouro_subscription sub; // first
	uint64_t bytes;
	uint64_t padding[8]; // what a connection has besides
};

void on_message(struct ouro_subscription *sub, const struct ouro_hub_message *,
		struct ouro_slice bytes)
{
	auto *reader = reinterpret_cast<struct reader *>(sub);

	ouro_buf_ref(bytes.buf);
	reader->bytes += bytes.len;
	ouro_buf_unref(bytes.buf);
}

void on_gap(struct ouro_subscription *, struct ouro_hub_id)
{
	abort();
}

const struct ouro_subscriber_ops ops = { on_message, on_gap };

bool is_rung;

void wake(void *)
{
	is_rung = true;
}

struct ouro_hub_content content()
{
	static const char data[kMessageBytes] = "data";
	struct ouro_hub_content content = {};

	content.data = { data, sizeof(data) };
	return content;
}

void run_all(struct ouro_hub_loop *loop)
{
	while (is_rung) {
		is_rung = false;
		ouro_hub_loop_run(loop);
	}
}

struct ouro_hub_encoding *encode(void *, const struct ouro_hub_message *message)
{
	struct ouro_str data = ouro_hub_message_content(message)->data;
	struct ouro_hub_encoding *encoding = ouro_hub_encoding_create(data.len);

	memcpy(encoding->bytes, data.ptr, data.len);
	return encoding;
}

void publish(benchmark::State &state, uint32_t format)
{
	std::vector<struct reader> readers(static_cast<size_t>(state.range(0)));
	struct ouro_str topic = { "room", 4 };
	struct ouro_hub_format how = { encode };
	struct ouro_hub_options options = {};
	struct ouro_subscription_options subscription = {};
	struct ouro_hub_content message = content();
	struct ouro_hub_loop *loop;
	struct ouro_hub *hub;

	options.formats = &how;
	options.format_count = 1;
	if (ouro_hub_create(&hub, &options) || ouro_hub_loop_create(hub, wake, nullptr, &loop))
		abort();
	subscription.ops = &ops;
	subscription.format = format;
	for (auto &reader : readers)
		if (ouro_hub_subscribe(loop, topic, &reader.sub, &subscription))
			abort();
	for (auto _ : state) {
		ouro_hub_publish(hub, topic, &message);
		run_all(loop);
	}
	state.SetItemsProcessed(state.iterations() * state.range(0));
	for (auto &reader : readers)
		ouro_hub_unsubscribe(&reader.sub);
	ouro_hub_loop_close(loop);
	ouro_hub_loop_destroy(loop);
	ouro_hub_destroy(hub);
}

void copy_for_each(benchmark::State &state)
{
	std::vector<struct reader> readers(static_cast<size_t>(state.range(0)));
	struct ouro_str data = content().data;

	for (auto _ : state)
		for (auto &reader : readers) {
			struct ouro_buf *buf = ouro_buf_create(static_cast<uint32_t>(data.len));

			memcpy(buf->data, data.ptr, data.len);
			on_message(&reader.sub, nullptr, ouro_slice{ buf->data, data.len, buf });
			ouro_buf_unref(buf);
		}
	state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Nobody is there: what a publisher pays who does not know.
void publish_to_nobody(benchmark::State &state)
{
	struct ouro_hub_options options = {};
	struct ouro_hub_content message = content();
	struct ouro_str topic = { "room", 4 };
	struct ouro_hub *hub;

	if (ouro_hub_create(&hub, &options))
		abort();
	for (auto _ : state)
		benchmark::DoNotOptimize(ouro_hub_publish(hub, topic, &message));
	ouro_hub_destroy(hub);
}

BENCHMARK_CAPTURE(publish, plain, OURO_HUB_PLAIN)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK_CAPTURE(publish, encoded, 1)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK(copy_for_each)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK(publish_to_nobody);

} // namespace

BENCHMARK_MAIN();
