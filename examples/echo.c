/* Bodies of any size in constant memory: what comes in goes out again, piece by piece, in the buffers it
 * was received in. While the client does not read, ouro_write_slice() waits; while this handler does not
 * read, the client has to.
 *
 *	cc echo.c $(pkg-config --cflags --libs ouro) -o echo && ./echo
 *	head -c 1G /dev/zero | curl -T - http://127.0.0.1:8080/echo | wc -c
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdlib.h>

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	ssize_t count = ouro_body_read(ctx, &chunk);

	/* A body that is malformed or does not come has been answered with the status it deserves. That
	 * is possible as long as nothing was sent, so the answer begins behind the first read; where the
	 * body breaks off later, the engine resets the connection, for half must not look like all. */
	if (count < 0)
		return;
	ouro_begin(ctx, 200, "application/octet-stream", ouro_body_length(ctx));
	while (count > 0 && ouro_write_slice(ctx, chunk) == 0)
		count = ouro_body_read(ctx, &chunk);
}
OURO_ROUTE("POST, PUT", "/echo", echo, OURO_BODY_MAX(UINT64_MAX));

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
