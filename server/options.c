/* The options of a server: defaults, ranges, and what the process may use. */
#include "hub/hub.h"
#include "ouro/sse.h"
#include "server/server_private.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

/* Files that are not connections: rings, listeners, logs, what the program itself has open. */
enum { FILES_BESIDE_CONNECTIONS = 64, CONNECTIONS_DEFAULT_MAX = 1 << 20 };

struct range {
	const char *name;
	uint32_t *value;
	uint32_t fallback, min, max;
};

static uint32_t cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* As many as descriptors can be had for: the soft limit is raised to the hard one. */
static uint32_t connections_possible(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { limit.rlim_max, limit.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit.rlim_cur = limit.rlim_max;
	}
	if (limit.rlim_cur > CONNECTIONS_DEFAULT_MAX)
		return CONNECTIONS_DEFAULT_MAX;
	if (limit.rlim_cur <= 2 * FILES_BESIDE_CONNECTIONS)
		return FILES_BESIDE_CONNECTIONS;
	return (uint32_t)limit.rlim_cur - FILES_BESIDE_CONNECTIONS;
}

static int resolve_range(const struct range *range, const struct ouro_log *log)
{
	if (*range->value == 0)
		*range->value = range->fallback;
	if (*range->value >= range->min && *range->value <= range->max)
		return 0;
	ouro_log(log, OURO_LOG_ERROR, "%s is %u; it must be %u to %u", range->name, *range->value,
		 range->min, range->max);
	return -EINVAL;
}

int ouro_options_resolve(const struct ouro_options *given, struct ouro_options *resolved,
			 const struct ouro_log *log)
{
	static const uint32_t day_ms = 24 * 60 * 60 * 1000;
	struct ouro_options o = given ? *given : (struct ouro_options){ 0 };
	const struct range ranges[] = {
		{ "threads", &o.threads, cpus_allowed(), 1, OURO_THREADS_MAX },
		{ "head_bytes_max", &o.head_bytes_max, 16384, 256, 1 << 20 },
		{ "target_bytes_max", &o.target_bytes_max, 8192, 16, 1 << 20 },
		{ "fields_max", &o.fields_max, 100, 1, OURO_HTTP1_FIELDS_CAP },
		{ "connections_max", &o.connections_max,
		  o.connections_max ? 1 : connections_possible(), 1, 1U << 26 },
		{ "head_timeout_ms", &o.head_timeout_ms, 10000, 1, day_ms },
		{ "body_timeout_ms", &o.body_timeout_ms, 30000, 1, day_ms },
		{ "idle_timeout_ms", &o.idle_timeout_ms, 75000, 1, day_ms },
		{ "write_timeout_ms", &o.write_timeout_ms, 30000, 1, day_ms },
		{ "drain_timeout_ms", &o.drain_timeout_ms, 10000, 1, day_ms },
		{ "recv_buffers", &o.recv_buffers, 256, 1, 32768 },
		{ "recv_buffer_bytes", &o.recv_buffer_bytes, 16384, 64, 1 << 24 },
		{ "completion_entries", &o.completion_entries, 8192, 16, 65536 },
		{ "fiber_stack_bytes", &o.fiber_stack_bytes, 65536, 16384, 1 << 24 },
		{ "fibers_max", &o.fibers_max, 65536, 1, 1 << 22 },
		{ "offload_threads", &o.offload_threads, 4, 1, 1024 },
		{ "offload_queue_max", &o.offload_queue_max, 1024, 1, 1 << 20 },
		{ "compress_bytes_min", &o.compress_bytes_min, 1024, 1, UINT32_MAX },
		{ "compress_level", &o.compress_level, 0, 0, OURO_ENCODER_LEVEL_MAX },
		{ "decompress_ratio_max", &o.decompress_ratio_max, 100, 1, UINT32_MAX },
		{ "topics_max", &o.topics_max, 65536, 1, 1U << 30 },
		{ "subscribers_max", &o.subscribers_max, 1 << 20, 1, INT32_MAX },
		{ "message_bytes_max", &o.message_bytes_max, 1 << 20, 1, OURO_SSE_EVENT_BYTES_MAX },
		{ "replay_count_max", &o.replay_count_max, 64, 1,
		  o.replay_count_max == OURO_HUB_NO_REPLAY ? UINT32_MAX : OURO_HUB_RING_COUNT_MAX },
		{ "replay_bytes_max", &o.replay_bytes_max, 65536, 1, UINT32_MAX },
		{ "topic_bytes_max", &o.topic_bytes_max, 256 << 20, 1, UINT32_MAX },
		{ "topic_retention_ms", &o.topic_retention_ms, 60000, 1, day_ms },
		{ "zero_copy_bytes_min", &o.zero_copy_bytes_min, 65536, 1, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		int err = resolve_range(&ranges[i], log);

		if (err)
			return err;
	}
	if (o.body_bytes_max == 0)
		o.body_bytes_max = 1 << 20;
	if (o.log_level > OURO_LOG_NOTHING || o.backend > OURO_BACKEND_EPOLL ||
	    o.paths > OURO_PATHS_EXACT) {
		ouro_log(log, OURO_LOG_ERROR,
			 "log_level, backend or paths is not one of its values");
		return -EINVAL;
	}
	*resolved = o;
	return 0;
}
