// What it costs to queue an answer of some size, to gather it for one send and to drop it when it was
// sent, all but the kernel's part: written into the queue's own memory, or as a reference to a buffer.
// Beside it a string to which is appended what is to be sent. Its cases are called string_..
#ifdef __GNUC__
/* What C leaves zero and C++ would have named. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
extern "C" {
#define _Atomic(type) type
#include "engine/sendq.h"
#undef _Atomic
}

#include <benchmark/benchmark.h>
#include <cstring>
#include <string>

namespace
{

constexpr size_t kHeadBytes = 117; // of the demo's /plaintext

// The loop of a queue: what has been queued is sent at once, and in one piece after the other.
bool send_all(struct ouro_sendq *sendq)
{
	struct ouro_op_send send = {};

	while (sendq->bytes > 0) {
		ouro_sendq_gather(sendq, &send);
		benchmark::DoNotOptimize(send);
		if (send.bytes == 0)
			return false;
		ouro_sendq_consume(sendq, send.bytes);
	}
	return true;
}

bool queue_bytes(struct ouro_sendq *sendq, const std::string &bytes, size_t len)
{
	char *at = ouro_sendq_reserve(sendq, len);

	if (!at)
		return false;
	memcpy(at, bytes.data(), len);
	return ouro_sendq_commit(sendq, len) == 0;
}

struct rig {
	struct ouro_sendq_pools pools;

	rig()
	{
		ouro_sendq_pools_init(&pools);
	}

	~rig()
	{
		ouro_sendq_pools_fini(&pools);
	}
};

// A head and a body behind it, both copied into the queue's memory.
void copy(benchmark::State &state)
{
	const size_t body = static_cast<size_t>(state.range(0));
	const std::string bytes(kHeadBytes + body, 'x');
	rig rig;

	for (auto _ : state) {
		struct ouro_sendq *sendq = ouro_sendq_create(&rig.pools);

		if (!queue_bytes(sendq, bytes, kHeadBytes) || !queue_bytes(sendq, bytes, body) ||
		    !send_all(sendq)) {
			state.SkipWithError("it was not queued");
			break;
		}
		ouro_sendq_destroy(sendq);
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}

// A head that is copied, and a body that is not.
void reference(benchmark::State &state)
{
	const auto body = static_cast<uint32_t>(state.range(0));
	const std::string head(kHeadBytes, 'x');
	struct ouro_buf *buf = ouro_buf_create(body);
	rig rig;

	memset(buf->data, 'x', body);
	for (auto _ : state) {
		struct ouro_sendq *sendq = ouro_sendq_create(&rig.pools);

		if (!queue_bytes(sendq, head, kHeadBytes) ||
		    ouro_sendq_append(sendq, { buf->data, body, buf }) || !send_all(sendq)) {
			state.SkipWithError("it was not queued");
			break;
		}
		ouro_sendq_destroy(sendq);
	}
	if (buf->refs != 1)
		state.SkipWithError("a reference was kept");
	ouro_buf_unref(buf);
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
				static_cast<int64_t>(kHeadBytes + body));
}

void string_append(benchmark::State &state)
{
	const std::string bytes(kHeadBytes + static_cast<size_t>(state.range(0)), 'x');

	for (auto _ : state) {
		std::string out;

		out.append(bytes, 0, kHeadBytes);
		out.append(bytes, kHeadBytes, std::string::npos);
		benchmark::DoNotOptimize(out.data());
		benchmark::ClobberMemory();
	}
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}

BENCHMARK(copy)->Arg(13)->Arg(512)->Arg(4096);
BENCHMARK(reference)->Arg(13)->Arg(512)->Arg(4096)->Arg(65536)->Arg(1 << 20);
BENCHMARK(string_append)->Arg(13)->Arg(512)->Arg(4096)->Arg(65536)->Arg(1 << 20);

} // namespace

BENCHMARK_MAIN();
