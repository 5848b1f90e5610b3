// What a WebSocket costs: masking, frames received and echoed, beside plain wslay,
// which does the same through its own buffers. Its cases are called wslay_..
extern "C" {
#define _Atomic(type) type
#include "base/stream.h"
#include "ws/frame.h"
#include "ws/mask.h"
#include "ws/session.h"
#undef _Atomic
}

#include <benchmark/benchmark.h>
#include <cstring>
#include <string>
#include <vector>
#include <wslay/wslay.h>

namespace
{

constexpr uint32_t kKey = 0x3cf017a5;
constexpr char kPayload[] = "twenty bytes of text";
constexpr size_t kPayloadBytes = sizeof(kPayload) - 1;

std::string masked_frame(unsigned first, const std::string &payload)
{
	char head[OURO_WS_HEAD_BYTES_MAX];
	size_t len = ouro_ws_write_head(head, first, payload.size());
	std::string frame, masked = payload;

	head[1] = static_cast<char>(head[1] | 0x80);
	frame.assign(head, len);
	frame.append(reinterpret_cast<const char *>(&kKey), sizeof(kKey));
	ouro_ws_mask(&masked[0], masked.size(), kKey);
	return frame + masked;
}

// As wslay and most others do it.
uint32_t mask_bytes(void *data, size_t len, uint32_t key)
{
	auto at = static_cast<unsigned char *>(data);
	unsigned char bytes[4];

	memcpy(bytes, &key, sizeof(bytes));
	for (size_t i = 0; i < len; i++) {
		at[i] = static_cast<unsigned char>(at[i] ^ bytes[i % 4]);
#ifdef __GNUC__
		__asm__("" ::: "memory");
#endif
	}
	return key;
}

void mask(benchmark::State &state, uint32_t (*fn)(void *, size_t, uint32_t))
{
	size_t len = static_cast<size_t>(state.range(0)),
	       offset = static_cast<size_t>(state.range(1));
	std::vector<char> memory(len + 128);
	char *at = &memory[64 - reinterpret_cast<uintptr_t>(memory.data()) % 64] + offset;

	for (auto _ : state) {
		benchmark::DoNotOptimize(fn(at, len, kKey));
		benchmark::ClobberMemory();
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
				static_cast<int64_t>(len));
}

// A stream whose output goes nowhere, as fast as that can be.
struct sink {
	struct ouro_stream stream;
	char memory[OURO_STREAM_RESERVE_MAX];
	uint64_t written;
};

sink *sink_of(struct ouro_stream *stream)
{
	return reinterpret_cast<sink *>(stream);
}

const struct ouro_stream_ops kSinkOps = {
	[](struct ouro_stream *stream, size_t) { return sink_of(stream)->memory; },
	[](struct ouro_stream *stream, size_t bytes) { sink_of(stream)->written += bytes; },
	[](struct ouro_stream *stream, struct ouro_slice slice) {
		sink_of(stream)->written += slice.len;
		return 0;
	},
	nullptr,
	[](const struct ouro_stream *) { return size_t{ 0 }; },
	[](struct ouro_stream *, bool) {},
	[](struct ouro_stream *, enum ouro_close) {},
	[](struct ouro_stream *, uint32_t) {},
	nullptr,
	nullptr,
};

void on_message(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		struct ouro_slice message)
{
	ouro_ws_session_send(session, opcode, message);
}

void on_close(struct ouro_ws_session *, const struct ouro_ws_end *) {}

const struct ouro_ws_events kEcho = { on_message, nullptr, nullptr, nullptr,
				      nullptr,    nullptr, on_close };

// Frames of a whole receive buffer, restored each time; one of them is an item.
void echo(benchmark::State &state, size_t payload_bytes, size_t count)
{
	struct ouro_ws_host host = { [](void *) { return uint32_t{ 1 }; }, nullptr, nullptr,
				     nullptr };
	struct ouro_ws_loop_options loop_options = {};
	struct ouro_ws_endpoint_options options = {};
	struct ouro_ws_loop loop;
	struct ouro_ws_endpoint endpoint;
	struct ouro_ws_session session;
	static sink out;
	std::string frames, input;

	for (size_t i = 0; i < count; i++)
		frames += masked_frame(0x81, std::string(payload_bytes, 'x'));
	input = frames;
	out.stream.ops = &kSinkOps;
	ouro_ws_loop_init(&loop, &host, &loop_options);
	ouro_ws_endpoint_init(&endpoint, &loop, &kEcho, &options);
	ouro_ws_session_open(&session, &endpoint, &out.stream, nullptr);
	for (auto _ : state) {
		memcpy(&input[0], frames.data(), frames.size());
		out.stream.events->on_input(&out.stream, { input.data(), input.size(), nullptr });
	}
	state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * frames.size()));
	ouro_ws_abort(&session);
	out.stream.events->on_close(&out.stream, 0);
	ouro_ws_loop_fini(&loop);
}

// Frames to pieces, without a session.
void receive(benchmark::State &state)
{
	struct ouro_ws_machines machines = {};
	struct ouro_ws_rules rules = { &machines, 1 << 20, 1 << 20 };
	struct ouro_ws_recv recv = {};
	std::string frame = masked_frame(0x81, kPayload), input = frame;
	struct ouro_ws_item item;
	size_t used;

	machines.idle_max = machines.used_max = 1;
	for (auto _ : state) {
		memcpy(&input[0], frame.data(), frame.size());
		ouro_ws_recv_next(&recv, &rules, &input[0], input.size(), &used, &item);
		benchmark::DoNotOptimize(item);
	}
	ouro_ws_recv_fini(&recv, &rules);
	ouro_ws_machines_fini(&machines);
}

void write_head(benchmark::State &state)
{
	char head[OURO_WS_HEAD_BYTES_MAX];

	for (auto _ : state) {
		benchmark::DoNotOptimize(
			ouro_ws_write_head(head, 0x82, static_cast<uint64_t>(state.range(0))));
		benchmark::ClobberMemory();
	}
}

// Plain wslay.
struct wslay_peer {
	const char *input;
	size_t input_len;
	char output[1 << 21];
	size_t output_len;
};

ssize_t wslay_read(wslay_event_context_ptr context, uint8_t *out, size_t room, int, void *arg)
{
	auto peer = static_cast<wslay_peer *>(arg);
	size_t len = peer->input_len < room ? peer->input_len : room;

	if (len == 0) {
		wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(out, peer->input, len);
	peer->input += len;
	peer->input_len -= len;
	return static_cast<ssize_t>(len);
}

ssize_t wslay_write(wslay_event_context_ptr, const uint8_t *data, size_t len, int, void *arg)
{
	auto peer = static_cast<wslay_peer *>(arg);

	memcpy(peer->output + peer->output_len, data, len);
	peer->output_len += len;
	return static_cast<ssize_t>(len);
}

void wslay_message(wslay_event_context_ptr context,
		   const struct wslay_event_on_msg_recv_arg *message, void *)
{
	struct wslay_event_msg answer = { message->opcode, message->msg, message->msg_length };

	wslay_event_queue_msg(context, &answer);
}

void wslay_echo(benchmark::State &state, size_t payload_bytes, size_t count)
{
	struct wslay_event_callbacks callbacks = {};
	static wslay_peer peer;
	wslay_event_context_ptr context;
	std::string frames;

	for (size_t i = 0; i < count; i++)
		frames += masked_frame(0x81, std::string(payload_bytes, 'x'));
	callbacks.recv_callback = wslay_read;
	callbacks.send_callback = wslay_write;
	callbacks.on_msg_recv_callback = wslay_message;
	wslay_event_context_server_init(&context, &callbacks, &peer);
	for (auto _ : state) {
		peer.input = frames.data();
		peer.input_len = frames.size();
		peer.output_len = 0;
		wslay_event_recv(context);
		wslay_event_send(context);
	}
	state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * frames.size()));
	wslay_event_context_free(context);
}

void wslay_head(benchmark::State &state)
{
	struct wslay_frame_callbacks callbacks = {
		[](const uint8_t *data, size_t len, int, void *arg) {
			memcpy(arg, data, len < 16 ? len : 16);
			return static_cast<ssize_t>(len);
		},
		nullptr,
		nullptr,
	};
	wslay_frame_context_ptr context;
	struct wslay_frame_iocb frame = {};
	static char out[16];
	std::vector<uint8_t> payload(static_cast<size_t>(state.range(0)));

	wslay_frame_context_init(&context, &callbacks, out);
	frame.fin = 1;
	frame.opcode = WSLAY_BINARY_FRAME;
	frame.payload_length = payload.size();
	frame.data = payload.data();
	frame.data_length = payload.size();
	for (auto _ : state) {
		benchmark::DoNotOptimize(wslay_frame_send(context, &frame));
		benchmark::ClobberMemory();
	}
	wslay_frame_context_free(context);
}

void mask_sizes(benchmark::internal::Benchmark *bench)
{
	for (int64_t len : { 20, 64, 125, 256, 1024, 4096, 65536, 1 << 20 })
		bench->Args({ len, 0 })->Args({ len, 6 });
}

void mask_offsets(benchmark::internal::Benchmark *bench)
{
	for (int64_t offset = 1; offset < 32; offset++)
		if (offset != 6)
			bench->Args({ 1024, offset });
}

BENCHMARK_CAPTURE(mask, best, ouro_ws_mask)->Apply(mask_sizes)->Apply(mask_offsets);
BENCHMARK_CAPTURE(mask, portable, ouro_ws_mask_portable)->Apply(mask_sizes);
BENCHMARK_CAPTURE(mask, bytes, mask_bytes)->Args({ 20, 0 })->Args({ 1024, 0 });
BENCHMARK(receive);
BENCHMARK_CAPTURE(echo, 20, kPayloadBytes, 1);
BENCHMARK_CAPTURE(echo, 20_by_32, kPayloadBytes, 32);
BENCHMARK_CAPTURE(echo, 4096, 4096, 1);
BENCHMARK_CAPTURE(echo, 65536, 65536, 1);
BENCHMARK_CAPTURE(wslay_echo, 20, kPayloadBytes, 1);
BENCHMARK_CAPTURE(wslay_echo, 20_by_32, kPayloadBytes, 32);
BENCHMARK_CAPTURE(wslay_echo, 4096, 4096, 1);
BENCHMARK_CAPTURE(wslay_echo, 65536, 65536, 1);
BENCHMARK(write_head)->Arg(20)->Arg(4096)->Arg(65536);
BENCHMARK(wslay_head)->Arg(20)->Arg(4096)->Arg(65536);

} // namespace

BENCHMARK_MAIN();
