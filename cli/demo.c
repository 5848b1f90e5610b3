/* The demo: a few paths that anyone can talk to. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SLOW_MS_MAX = 60000 };

static void page(struct ouro_ctx *ctx)
{
	ouro_send_static(ctx, 200, "text/html; charset=utf-8",
			 (struct ouro_str){ cli_demo_page, strlen(cli_demo_page) });
}

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}

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

/* ---- The others ---- */

static void user(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

/* Begins with the first piece of the body, so that a body that never comes, or is malformed from
 * its beginning, still gets the status that it deserves. */
static void echo_chunk(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	const char *type = ouro_data(ctx);

	if (!ouro_is_answered(ctx))
		ouro_begin(ctx, 200, type ? type : "application/octet-stream",
			   ouro_body_length(ctx));
	ouro_write_slice(ctx, chunk);
	if (last)
		ouro_end(ctx);
}

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_str type = ouro_header(ctx, "content-type");
	char *copy = type.len ? ouro_alloc(ctx, type.len + 1) : NULL;

	if (!ouro_has_body(ctx)) {
		ouro_send(ctx, 200, NULL, OURO_STR(""));
		return;
	}
	if (copy) {
		memcpy(copy, type.ptr, type.len);
		copy[type.len] = '\0';
	}
	ouro_set_data(ctx, copy);
	ouro_on_body(ctx, echo_chunk);
}

static void slow_over(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void slow(struct ouro_ctx *ctx)
{
	struct ouro_str text = ouro_query(ctx, "ms");
	unsigned ms = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || ms > SLOW_MS_MAX) {
			ms = SLOW_MS_MAX + 1;
			break;
		}
		ms = ms * 10 + (unsigned)(text.ptr[i] - '0');
	}
	if (ms > SLOW_MS_MAX)
		ouro_text(ctx, 400, OURO_STR("ms must be a number from 0 to 60000\n"));
	else if (ouro_after(ctx, ms, slow_over))
		ouro_text(ctx, 503, OURO_STR("out of memory\n"));
}

int cli_add_demo(struct ouro_server *server)
{
	static const struct {
		const char *method, *pattern;
		ouro_handler_fn handler;
	} routes[] = {
		{ "GET", "/", page },       { "GET", "/plaintext", plaintext },
		{ "GET", "/json", json },   { "GET", "/users/{id}", user },
		{ "GET", "/query", query }, { "GET", "/echo", echo },
		{ "POST", "/echo", echo },  { "PUT", "/echo", echo },
		{ "GET", "/slow", slow },   { "GET", "/metrics", ouro_metrics },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]) && !err; i++)
		err = ouro_server_route(server, routes[i].method, routes[i].pattern,
					routes[i].handler);
	return err;
}
