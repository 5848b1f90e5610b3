/* The counters of all workers, added up, in the Prometheus text format. */
#include "server/exchange.h"
#include "server/server_private.h"

#include <stdio.h>
#include <string.h>

enum { METRICS_BYTES_MAX = 8192 };

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

static uint64_t sum(const struct ouro_server *server, size_t offset)
{
	uint64_t total = 0;

	for (uint32_t w = 0; w < server->worker_count; w++) {
		const char *counters = (const char *)&server->workers[w].loop.counters;

		total += ouro_counter_get((const uint64_t *)(const void *)(counters + offset));
	}
	return total;
}

void ouro_metrics(struct ouro_ctx *ctx)
{
	const struct ouro_server *server = ctx->worker->server;
	struct text text = { ouro_alloc(ctx, METRICS_BYTES_MAX), 0, METRICS_BYTES_MAX };
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
	print_metric(&text, "connections", "connections open now", "gauge",
		     accepted > closed ? accepted - closed : 0);
	print_metric(&text, "threads", "loops, one thread each", "gauge", server->worker_count);
	ouro_send(ctx, 200, "text/plain; version=0.0.4; charset=utf-8",
		  ouro_str(text.out, text.len));
}
