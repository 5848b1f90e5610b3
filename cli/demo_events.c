/* The demo's event streams: a clock, and topics that anyone may publish to. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

enum { TICK_MS = 1000 };

/* An event a second; who comes back goes on where it was. */
static void clock_events(struct ouro_ctx *ctx)
{
	struct ouro_str last = ouro_sse_last_event_id(ctx);
	uint64_t number = 0;
	char id[24];

	for (size_t i = 0; i < last.len && last.ptr[i] >= '0' && last.ptr[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(last.ptr[i] - '0');
	if (ouro_sse_begin(ctx, NULL))
		return;
	do
		snprintf(id, sizeof(id), "%" PRIu64, ++number);
	while (ouro_sse_send(ctx, &(struct ouro_sse_event){ .event = OURO_STR("tick"),
							    .data = ouro_date(ctx),
							    .id = { id, strlen(id) } }) == 0 &&
	       ouro_sleep(ctx, TICK_MS) == 0);
}
OURO_GET("/sse/clock", clock_events);

static void topic_events(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, ouro_param(ctx, "name"));
}
OURO_GET("/sse/topic/{name}", topic_events);

/* ---- Publishing ---- */

/* The member @key of @object, a string; absent where there is none. False where it is something else. */
static bool take_text(yyjson_val *object, const char *key, struct ouro_str *text)
{
	yyjson_val *value = yyjson_obj_get(object, key);

	if (!value)
		return true;
	*text = (struct ouro_str){ yyjson_get_str(value), yyjson_get_len(value) };
	return yyjson_is_str(value);
}

static int read_json(struct yyjson_doc *doc, struct ouro_message *message)
{
	yyjson_val *root = yyjson_doc_get_root(doc);

	return yyjson_is_obj(root) && take_text(root, "data", &message->data) &&
			       take_text(root, "event", &message->event) &&
			       take_text(root, "id", &message->id)
		       ? 0
		       : -EINVAL;
}

/* The body is the data; as JSON it may name the event and its id as well. */
static int read_message(struct ouro_ctx *ctx, struct ouro_message *message)
{
	struct yyjson_doc *doc;
	int err = ouro_body_json(ctx, &doc);

	if (err == -EPROTONOSUPPORT)
		return ouro_body(ctx, &message->data);
	return err ? err : read_json(doc, message);
}

static void publish(struct ouro_ctx *ctx)
{
	struct ouro_message message = { .type = OURO_MESSAGE_TEXT };
	int count = read_message(ctx, &message);

	if (count == 0)
		count = ouro_publish_message(ctx, ouro_param(ctx, "name"), &message);
	if (count < 0)
		ouro_reject(ctx, count);
	else
		ouro_textf(ctx, 200, "%d\n", count);
}
OURO_POST("/publish/{name}", publish);
