/* The demo's figures as a stream of events, which its page draws. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

enum { INTERVAL_MS = 1000, RETRY_MS = 1000, FIGURES_BYTES_MAX = 8192 };

/* A JSON object of numbers, whose names need no escapes. */
struct figures {
	char *text;
	size_t len;
};

static void add(struct figures *figures, const char *name, uint64_t value)
{
	size_t room = FIGURES_BYTES_MAX - figures->len;
	int len = snprintf(figures->text + figures->len, room, "%c\"%s\":%" PRIu64,
			   figures->len ? ',' : '{', name, value);

	/* One that does not fit any more is left out, with room for the brace. */
	if (len > 0 && (size_t)len < room - 1)
		figures->len += (size_t)len;
}

static void add_metric(void *arg, const struct ouro_metric *metric)
{
	add(arg, metric->name, metric->value);
}

static struct ouro_str figures_of(struct ouro_ctx *ctx, struct ouro_str topic, char *text)
{
	struct ouro_server *server = ouro_server_of(ctx);
	struct figures figures = { .text = text };

	add(&figures, "time_ms", ouro_now_ns(ctx) / 1000000);
	if (topic.len)
		add(&figures, "subscribers", ouro_server_subscribers(server, topic));
	ouro_server_metrics_each(server, add_metric, &figures);
	text[figures.len++] = '}';
	return (struct ouro_str){ text, figures.len };
}

/* An event a second with all counters, and the time by which their growth is a rate. With a topic in the
 * query, the number of its subscribers as well. There are no ids: who comes back wants the newest. */
static void metrics_events(struct ouro_ctx *ctx)
{
	struct ouro_str topic = ouro_query(ctx, "topic");
	char *text = ouro_alloc(ctx, FIGURES_BYTES_MAX);

	if (!text) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	if (ouro_sse_begin(ctx, &(struct ouro_sse_options){ .retry_ms = RETRY_MS }))
		return;
	while (ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = figures_of(ctx, topic,
									       text) }) == 0 &&
	       ouro_sleep(ctx, INTERVAL_MS) == 0)
		;
}
OURO_GET("/sse/metrics", metrics_events);
