/* The demo: a few paths that anyone can talk to. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SLOW_MS_MAX = 60000, STREAM_CHUNKS_MAX = 1000000, STREAM_BYTES_MAX = 1 << 20 };

static void page(struct ouro_ctx *ctx)
{
	/* Browsers then let it measure times to some microseconds, not to a tenth of a millisecond or
	 * more: nothing of another origin shares its process. */
	ouro_set_header(ctx, "cross-origin-opener-policy", OURO_STR("same-origin"));
	ouro_set_header(ctx, "cross-origin-embedder-policy", OURO_STR("require-corp"));
	ouro_send_static(ctx, 200, "text/html; charset=utf-8",
			 (struct ouro_str){ (const char *)cli_demo_page, cli_demo_page_len });
}
OURO_GET("/", page, OURO_INLINE);

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}
OURO_GET("/plaintext", plaintext, OURO_INLINE);

/* ---- JSON, put together piece by piece ---- */

struct json {
	struct ouro_ctx *ctx;
	char *out;
	size_t len, room;
	bool failed;
};

static void json_add(struct json *json, struct ouro_str text)
{
	if (json->failed || !text.ptr || text.len > json->room - json->len) {
		json->failed = true;
		return;
	}
	memcpy(json->out + json->len, text.ptr, text.len);
	json->len += text.len;
}

static void json_send(struct json *json)
{
	if (json->failed)
		ouro_text(json->ctx, 503, OURO_STR("out of memory\n"));
	else
		ouro_send(json->ctx, 200, "application/json",
			  (struct ouro_str){ json->out, json->len });
}

static struct json json_begin(struct ouro_ctx *ctx, size_t room)
{
	struct json json = { .ctx = ctx, .out = ouro_alloc(ctx, room), .room = room };

	json.failed = !json.out;
	return json;
}

static void json(struct ouro_ctx *ctx)
{
	struct json json = json_begin(ctx, 64);

	json_add(&json, OURO_STR("{\"message\":"));
	json_add(&json, ouro_json_string(ctx, OURO_STR("Hello, World!")));
	json_add(&json, OURO_STR("}"));
	json_send(&json);
}
OURO_GET("/json", json, OURO_INLINE);

static bool add_pair(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct json *json = arg;

	if (json->len > 1)
		json_add(json, OURO_STR(","));
	json_add(json, OURO_STR("["));
	json_add(json, ouro_json_string(json->ctx, name));
	json_add(json, OURO_STR(","));
	json_add(json, ouro_json_string(json->ctx, value));
	json_add(json, OURO_STR("]"));
	return !json->failed;
}

/* The pairs as an array of [name, value]: names may repeat, and their order may matter. */
static void query(struct ouro_ctx *ctx)
{
	struct json json = json_begin(ctx, 16 + 12 * ouro_query_string(ctx).len);

	json_add(&json, OURO_STR("["));
	if (ouro_query_each(ctx, add_pair, &json) == -EINVAL) {
		ouro_text(ctx, 400, OURO_STR("malformed escape in the query\n"));
		return;
	}
	json_add(&json, OURO_STR("]"));
	json_send(&json);
}
OURO_GET("/query", query);

/* ---- The others ---- */

bool cli_query_number(struct ouro_ctx *ctx, const char *name, unsigned max, unsigned *value)
{
	struct ouro_str text = ouro_query(ctx, name);
	unsigned sum = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || sum > max / 10)
			return false;
		sum = sum * 10 + (unsigned)(text.ptr[i] - '0');
	}
	*value = sum;
	return sum <= max;
}

static void user(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}
OURO_GET("/users/{id}", user);
OURO_GET("/orders/{id:[0-9]+}", user);

/* Begins when the first piece of the body has come, so that a body that never comes, or is malformed
 * from its beginning, still gets the status that it deserves. */
static void echo(struct ouro_ctx *ctx)
{
	struct ouro_str type = ouro_header_at(ctx, OURO_FIELD_CONTENT_TYPE);
	struct ouro_slice chunk;
	char *copy = type.len ? ouro_alloc(ctx, type.len + 1) : NULL;

	if (!ouro_has_body(ctx)) {
		ouro_send(ctx, 200, NULL, OURO_STR(""));
		return;
	}
	if (copy) {
		memcpy(copy, type.ptr, type.len);
		copy[type.len] = '\0';
	}
	if (ouro_body_read(ctx, &chunk) < 0)
		return;
	ouro_begin(ctx, 200, copy ? copy : "application/octet-stream", ouro_body_length(ctx));
	do
		ouro_write_slice(ctx, chunk);
	while (ouro_body_read(ctx, &chunk) > 0);
}
OURO_ROUTE("GET, POST, PUT", "/echo", echo);

/* How long the body is, which is read as a whole, and decoded where --decompress is given. */
static void length(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int err = ouro_body(ctx, &body);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_textf(ctx, 200, "%zu\n", body.len);
}
OURO_ROUTE("POST, PUT", "/length", length);

static void slow(struct ouro_ctx *ctx)
{
	unsigned ms;

	if (!cli_query_number(ctx, "ms", SLOW_MS_MAX, &ms))
		ouro_error(ctx, 400, "ms must be a number from 0 to 60000");
	else if (ouro_sleep(ctx, ms) == 0)
		ouro_text(ctx, 200, OURO_STR("ok"));
}
OURO_GET("/slow", slow);

static void stream(struct ouro_ctx *ctx)
{
	static const char piece[STREAM_BYTES_MAX];
	unsigned chunks, bytes;

	if (!cli_query_number(ctx, "chunks", STREAM_CHUNKS_MAX, &chunks) ||
	    !cli_query_number(ctx, "bytes", STREAM_BYTES_MAX, &bytes)) {
		ouro_error(ctx, 400, "chunks and bytes must be numbers up to 1000000 and 1048576");
		return;
	}
	ouro_begin(ctx, 200, "application/octet-stream", OURO_LENGTH_UNKNOWN);
	while (chunks-- > 0)
		if (ouro_write_slice(ctx, (struct ouro_slice){ piece, bytes, NULL }))
			return;
}
OURO_GET("/stream", stream);

static void panic(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "as it was asked to");
}
OURO_GET("/panic", panic);
OURO_GET("/metrics", ouro_metrics);

static void on_panic(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 500, OURO_STR("the handler panicked; the server goes on\n"));
}

int cli_add_demo(struct ouro_server *server, const struct cli_options *options)
{
	int err = ouro_server_hook(server, OURO_HOOK_PANIC, 0, on_panic);

	if (!err && options->root)
		err = ouro_server_files(server, "/files", options->root, &options->files);
	return err ? err : ouro_server_declared(server);
}
