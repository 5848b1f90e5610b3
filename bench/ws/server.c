/* A server of WebSockets and event streams, with the paths of the peers (bench/realtime.py). Its WebSockets are in
 * callback style and hold no fiber while nothing is said; `ouro demo` has an echo in a straight line. Options
 * are the defaults; compression comes about only where a client offers it, and the load does not.
 *
 *     bench-ws BACKEND */
#include <ouro.h>
#include <stdlib.h>
#include <string.h>

/* ---- Echo ---- */

static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	ouro_ws_send_slice(ctx, message->type, message->slice);
}

static void echo(struct ouro_ctx *ctx)
{
	ouro_ws_accept(ctx, &(struct ouro_ws_options){ .on_message = on_message });
}

/* ---- Rooms ---- */

static void on_chat_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	const char *room = ouro_data(ctx);

	ouro_publish(ctx, (struct ouro_str){ room, strlen(room) }, OURO_MESSAGE_TEXT,
		     message->data);
}

static void on_chat_close(struct ouro_ctx *ctx)
{
	free(ouro_data(ctx));
}

static void chat(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .on_message = on_chat_message,
						 .on_close = on_chat_close };
	struct ouro_str name = ouro_query(ctx, "room");
	char *room = strndup(name.len ? name.ptr : "", name.len);

	if (!room) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	ouro_set_data(ctx, room);
	if (ouro_ws_accept(ctx, &options))
		free(room);
	else if (ouro_subscribe(ctx, name))
		ouro_ws_close(ctx, OURO_WS_CODE_TRY_LATER, OURO_STR(""));
}

static void stream(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, ouro_param(ctx, "name"));
}

static void publish(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int count = ouro_body(ctx, &body);

	if (count == 0)
		count = ouro_publish(ctx, ouro_param(ctx, "name"), OURO_MESSAGE_TEXT, body);
	if (count < 0)
		ouro_reject(ctx, count);
	else
		ouro_textf(ctx, 200, "%d\n", count);
}

/* ---- The server ---- */

static int add_routes(struct ouro_server *server)
{
	int err = ouro_server_route(server, "GET", "/ws/echo", echo, NULL);

	if (!err)
		err = ouro_server_route(server, "GET", "/ws/chat", chat, NULL);
	if (!err)
		err = ouro_server_route(server, "GET", "/sse/topic/{name}", stream, NULL);
	if (!err)
		err = ouro_server_route(server, "POST", "/publish/{name}", publish, NULL);
	return err;
}

int main(int argc, char **argv)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0",
		.threads = 1,
		.backend = argc > 1 && strcmp(argv[1], "epoll") == 0 ? OURO_BACKEND_EPOLL
								     : OURO_BACKEND_URING,
	};
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = add_routes(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
