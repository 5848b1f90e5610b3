/* WebSockets: one that talks in a straight line, and one in callbacks, which holds no stack while nothing is
 * said.
 *
 *	cc ws.c $(pkg-config --cflags --libs ouro) -o ws && ./ws
 *	websocat ws://127.0.0.1:8080/echo
 *	websocat ws://127.0.0.1:8080/count
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_BYTES_MAX = 64 * 1024 };

/* ---- In a straight line ---- */

static void echo(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .message_bytes_max = MESSAGE_BYTES_MAX };
	struct ouro_ws_message message;

	/* One that is no WebSocket has been answered. */
	if (ouro_ws_accept(ctx, &options))
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		ouro_ws_send_slice(ctx, message.type, message.slice);
}
OURO_GET("/echo", echo);

/* ---- In callbacks ---- */

static void on_open(struct ouro_ctx *ctx)
{
	ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("say something"));
}

static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	unsigned *count = ouro_data(ctx);
	char text[64];
	int len = snprintf(text, sizeof(text), "message %u had %zu bytes", ++*count,
			   message->data.len);

	ouro_ws_send(ctx, OURO_WS_TEXT, (struct ouro_str){ text, (size_t)len });
}

static void on_close(struct ouro_ctx *ctx)
{
	free(ouro_data(ctx));
}

static void count(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .on_open = on_open,
						 .on_message = on_message,
						 .on_close = on_close };
	unsigned *counter = calloc(1, sizeof(*counter));

	if (!counter) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	ouro_set_data(ctx, counter);
	if (ouro_ws_accept(ctx, &options))
		free(counter);
}
OURO_GET("/count", count);

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
