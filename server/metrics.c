/* The counters of all workers, added up, in the Prometheus text format. */
#include "hub/hub.h"
#include "server/exchange.h"
#include "server/rooms_redis.h"
#include "server/server_private.h"

#include <stdio.h>
#include <string.h>

enum {
	METRICS_BYTES_MAX = 16384,    /* without what is shown loop by loop ... */
	LOOP_METRICS_BYTES_MAX = 512, /* ... of each of them */
};

struct text {
	char *out;
	size_t len, room;
};

static void print_metric(void *arg, const struct ouro_metric *metric)
{
	struct text *text = arg;
	const char *suffix = metric->is_gauge ? "" : "_total", *name = metric->name;
	int len = snprintf(text->out + text->len, text->room - text->len,
			   "# HELP ouro_%s%s %s\n# TYPE ouro_%s%s %s\nouro_%s%s %llu\n", name,
			   suffix, metric->help, name, suffix,
			   metric->is_gauge ? "gauge" : "counter", name, suffix,
			   (unsigned long long)metric->value);

	if (len > 0 && (size_t)len < text->room - text->len)
		text->len += (size_t)len;
}

/* One counter of each loop, by its number. */
static void print_loops(struct text *text, const struct ouro_server *server, const char *name,
			const char *help, size_t offset)
{
	int len = snprintf(text->out + text->len, text->room - text->len,
			   "# HELP ouro_%s %s\n# TYPE ouro_%s counter\n", name, help, name);

	for (uint32_t w = 0; w < server->worker_count && len > 0; w++) {
		const char *counters = (const char *)&server->workers[w].loop.counters;
		const uint64_t *counter = (const uint64_t *)(const void *)(counters + offset);

		if ((size_t)len >= text->room - text->len)
			return;
		text->len += (size_t)len;
		len = snprintf(text->out + text->len, text->room - text->len,
			       "ouro_%s{loop=\"%u\"} %llu\n", name, w,
			       (unsigned long long)ouro_counter_get(counter));
	}
	if (len > 0 && (size_t)len < text->room - text->len)
		text->len += (size_t)len;
}

static uint64_t sum(const struct ouro_server *server, size_t offset)
{
	uint64_t total = 0;

	for (uint32_t w = 0; w < server->worker_count; w++) {
		const char *counters = (const char *)&server->workers[w].loop.counters;

		total += ouro_counter_get((const uint64_t *)(const void *)(counters + offset));
	}
	return total;
}

static void each_of_hub(struct ouro_server *server, ouro_metric_fn fn, void *arg)
{
	struct ouro_rooms_redis_stats hub = { 0 };
	bool is_shared = ouro_rooms_redis_get_stats(server, &hub);
	const struct ouro_metric metrics[] = {
		{ "hub_connected", "whether rooms are shared with other processes now",
		  hub.is_connected, true },
		{ "hub_connects", "times that the connection to the hub came up", hub.connects,
		  false },
		{ "hub_queued", "published messages that the hub has yet to take", hub.queued,
		  true },
		{ "hub_queued_bytes", "memory that these take", hub.queued_bytes, true },
		{ "hub_lost", "published messages that the hub refused", hub.lost, false },
	};

	for (size_t i = 0; is_shared && i < sizeof(metrics) / sizeof(metrics[0]); i++)
		fn(arg, &metrics[i]);
}

static void each_gauge(struct ouro_server *server, ouro_metric_fn fn, void *arg)
{
	const struct ouro_hub_stats rooms = ouro_hub_get_stats(server->hub);
	/* In this order: what is closed meanwhile was accepted before. */
	uint64_t closed = sum(server, offsetof(struct ouro_counters, connections_closed));
	uint64_t accepted = sum(server, offsetof(struct ouro_counters, connections_accepted));
	const struct ouro_metric gauges[] = {
		{ "connections", "connections open now", accepted > closed ? accepted - closed : 0,
		  true },
		{ "topics", "topics of rooms", rooms.topic_count, true },
		{ "topic_bytes", "bytes of messages that topics keep", rooms.bytes, true },
		{ "threads", "loops, one thread each", server->worker_count, true },
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		fn(arg, &gauges[i]);
}

void ouro_server_metrics_each(struct ouro_server *server, ouro_metric_fn fn, void *arg)
{
#define EACH_COUNTER(name, help)                                                                   \
	fn(arg, &(struct ouro_metric){                                                             \
			#name, help, sum(server, offsetof(struct ouro_counters, name)), false });
	OURO_COUNTERS(EACH_COUNTER)
#undef EACH_COUNTER
	each_gauge(server, fn, arg);
	each_of_hub(server, fn, arg);
}

void ouro_metrics(struct ouro_ctx *ctx)
{
	struct ouro_server *server = ctx->worker->server;
	size_t room = METRICS_BYTES_MAX + server->worker_count * (size_t)LOOP_METRICS_BYTES_MAX;
	struct ouro_buf *buf = ouro_buf_create((uint32_t)room);
	struct text text = { buf ? buf->data : NULL, 0, room };
	struct ouro_piece_ref piece = { .memory = { .buf = buf } };

	if (!text.out) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	ouro_server_metrics_each(server, print_metric, &text);
#define PRINT_LOOPS(name, help)                                                                    \
	print_loops(&text, server, "loop_" #name "_total", help " by one loop",                    \
		    offsetof(struct ouro_counters, name))
	PRINT_LOOPS(bytes_copied, "payload and head bytes moved in memory");
	PRINT_LOOPS(bytes_zero_copy, "bytes that were never copied into or out of memory");
	PRINT_LOOPS(bytes_rendered, "head and small body bytes written into output buffers");
#undef PRINT_LOOPS
	/* Written where it is sent from, so that looking at the counters of copies does not change them. */
	ouro_counter_add(&ctx->worker->loop.counters.bytes_rendered, text.len);
	piece.memory.ptr = text.out;
	piece.memory.len = text.len;
	ouro_respond_pieces(ctx, 200, OURO_STR("text/plain; version=0.0.4; charset=utf-8"), &piece,
			    1);
}
