/* The smallest server: a route declared beside its handler, and middleware around all routes that says
 * how long each request took.
 *
 *	cc hello.c $(pkg-config --cflags --libs ouro) -o hello && ./hello
 *	curl -i http://127.0.0.1:8080/hello/world
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdlib.h>

static void hello(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "name"));
}
OURO_GET("/hello/{name}", hello);

/* What stands before ouro_next() is done with the request, what stands behind it with the answer, which
 * is held back so that fields can still be added. */
static void timing(struct ouro_ctx *ctx)
{
	uint64_t start = ouro_now_ns(ctx);

	ouro_next(ctx);
	ouro_set_headerf(ctx, "server-timing", "app;dur=%.3f",
			 (double)(ouro_now_ns(ctx) - start) / 1e6);
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_use(server, timing);
	if (!err)
		err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server); /* SIGTERM drains, then this returns 0 */
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
