/* A server that answers the same bytes as the floors, by all that a usual route has around it: two
 * middlewares, one of which hands something to the handler, a parameter, a handler on a fiber that may
 * wait. What it costs beside `ouro demo`, whose /plaintext is inline and has none of it, is the price of
 * the chain.
 *
 *     bench-chain BACKEND */
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t busy_ns;

static void timing(struct ouro_ctx *ctx)
{
	uint64_t start = ouro_now_ns(ctx);

	ouro_next(ctx);
	busy_ns += ouro_now_ns(ctx) - start;
}

static void authorise(struct ouro_ctx *ctx)
{
	static char user[] = "anybody";

	if (ouro_header_at(ctx, OURO_FIELD_AUTHORIZATION).ptr) {
		ouro_error(ctx, 403, NULL);
		return;
	}
	ouro_set_attribute(ctx, "user", user);
	ouro_next(ctx);
}

static void word(struct ouro_ctx *ctx)
{
	struct ouro_str name = ouro_param(ctx, "word");

	if (!ouro_attribute(ctx, "user") || name.len != strlen("plaintext"))
		ouro_error(ctx, 404, NULL);
	else
		ouro_text(ctx, 200, OURO_STR("Hello, World!"));
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
	err = ouro_server_use(server, timing);
	if (!err)
		err = ouro_server_use(server, authorise);
	if (!err)
		err = ouro_server_route(server, "GET", "/{word}", word, NULL);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
