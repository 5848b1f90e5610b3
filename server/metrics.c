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

static void print_metric(struct text *text, const char *name, const char *help, const char *type,
			 uint64_t value)
{
	int len = snprintf(text->out + text->len, text->room - text->len,
			   "# HELP ouro_%s %s\n# TYPE ouro_%s %s\nouro_%s %llu\n", name, help, name,
			   type, name, (unsigned long long)value);

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

static void print_hub(struct text *text, struct ouro_server *server)
{
	struct ouro_rooms_redis_stats hub;

	if (!ouro_rooms_redis_get_stats(server, &hub))
		return;
	print_metric(text, "hub_connected", "whether rooms are shared with other processes now",
		     "gauge", hub.is_connected);
	print_metric(text, "hub_connects_total", "times that the connection to the hub came up",
		     "counter", hub.connects);
	print_metric(text, "hub_queued", "published messages that the hub has yet to take", "gauge",
		     hub.queued);
	print_metric(text, "hub_queued_bytes", "memory that these take", "gauge", hub.queued_bytes);
	print_metric(text, "hub_lost_total", "published messages that the hub refused", "counter",
		     hub.lost);
}

void ouro_metrics(struct ouro_ctx *ctx)
{
	struct ouro_server *server = ctx->worker->server;
	size_t room = METRICS_BYTES_MAX + server->worker_count * (size_t)LOOP_METRICS_BYTES_MAX;
	struct ouro_buf *buf = ouro_buf_create((uint32_t)room);
	struct text text = { buf ? buf->data : NULL, 0, room };
	struct ouro_piece_ref piece = { .memory = { .buf = buf } };
	const struct ouro_hub_stats rooms = ouro_hub_get_stats(server->hub);
	uint64_t accepted = sum(server, offsetof(struct ouro_counters, connections_accepted));
	uint64_t closed = sum(server, offsetof(struct ouro_counters, connections_closed));

	if (!text.out) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
#define PRINT_COUNTER(name, help)                                                                  \
	print_metric(&text, #name "_total", help, "counter",                                       \
		     sum(server, offsetof(struct ouro_counters, name)));
	OURO_COUNTERS(PRINT_COUNTER)
#undef PRINT_COUNTER
#define PRINT_LOOPS(name, help)                                                                    \
	print_loops(&text, server, "loop_" #name "_total", help " by one loop",                    \
		    offsetof(struct ouro_counters, name))
	PRINT_LOOPS(bytes_copied, "payload and head bytes moved in memory");
	PRINT_LOOPS(bytes_zero_copy, "bytes that were never copied into or out of memory");
	PRINT_LOOPS(bytes_rendered, "head and small body bytes written into output buffers");
#undef PRINT_LOOPS
	print_metric(&text, "connections", "connections open now", "gauge",
		     accepted > closed ? accepted - closed : 0);
	print_metric(&text, "topics", "topics of rooms", "gauge", rooms.topic_count);
	print_metric(&text, "topic_bytes", "bytes of messages that topics keep", "gauge",
		     rooms.bytes);
	print_hub(&text, server);
	print_metric(&text, "threads", "loops, one thread each", "gauge", server->worker_count);
	/* Written where it is sent from, so that looking at the counters of copies does not change them. */
	ouro_counter_add(&ctx->worker->loop.counters.bytes_rendered, text.len);
	piece.memory.ptr = text.out;
	piece.memory.len = text.len;
	ouro_respond_pieces(ctx, 200, OURO_STR("text/plain; version=0.0.4; charset=utf-8"), &piece,
			    1);
}
