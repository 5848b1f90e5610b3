/* The smallest server: one route with a parameter. Listens at $HELLO_LISTEN, or at
 * tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdlib.h>

static void hello(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "name"));
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("HELLO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_route(server, "GET", "/hello/{name}", hello, NULL);
	if (!err)
		err = ouro_server_run(server); /* SIGTERM drains, then this returns 0 */
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
