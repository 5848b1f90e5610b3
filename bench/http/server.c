/* A server with the paths of the HTTP peers (bench/peers.py), written as users would write it. Options are
 * the defaults; it is quiet, as they are.
 *
 *     bench-http BACKEND [LISTEN [THREADS]] */
#include <ouro.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 1 << 16 };

static char large_body[LARGE_BYTES];

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}

/* What the published comparisons of others answer. */
static void hello(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello"));
}

static void large(struct ouro_ctx *ctx)
{
	ouro_send_take(ctx, 200, "text/plain; charset=utf-8",
		       (struct ouro_str){ large_body, sizeof(large_body) }, NULL, NULL);
}

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	int err = ouro_body(ctx, &body);

	if (err)
		ouro_reject(ctx, err);
	else
		ouro_text(ctx, 200, body);
}

static void on_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	ouro_ws_send_slice(ctx, message->type, message->slice);
}

static void ws_echo(struct ouro_ctx *ctx)
{
	ouro_ws_accept(ctx, &(struct ouro_ws_options){ .on_message = on_message });
}

static int add_routes(struct ouro_server *server)
{
	static const struct ouro_route_options at_once = { .run_inline = true };
	int err = ouro_server_route(server, "GET", "/plaintext", plaintext, &at_once);

	if (!err)
		err = ouro_server_route(server, "GET", "/hello", hello, &at_once);
	if (!err)
		err = ouro_server_route(server, "GET", "/large", large, &at_once);
	if (!err)
		err = ouro_server_route(server, "GET", "/metrics", ouro_metrics, &at_once);
	if (!err)
		err = ouro_server_route(server, "POST", "/echo", echo, NULL);
	if (!err)
		err = ouro_server_route(server, "GET", "/ws/echo", ws_echo, NULL);
	return err;
}

int main(int argc, char **argv)
{
	const struct ouro_options options = {
		.listen = argc > 2 ? argv[2] : "tcp://127.0.0.1:0",
		.threads = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1,
		.backend = argc > 1 && strcmp(argv[1], "epoll") == 0 ? OURO_BACKEND_EPOLL
								     : OURO_BACKEND_URING,
	};
	struct ouro_server *server;

	memset(large_body, 'x', sizeof(large_body));
	int err = ouro_server_create(&server, &options);
	if (err)
		return EXIT_FAILURE;
	err = add_routes(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
