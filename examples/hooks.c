/* Hooks: what happens to every request and every connection, in one place for each phase. Also how a
 * handler ends when something is wrong with it, and what it defers until then.
 *
 *	cc hooks.c $(pkg-config --cflags --libs ouro) -o hooks && ./hooks
 *	curl -i http://127.0.0.1:8080/divide/7/2
 *	curl -i http://127.0.0.1:8080/divide/7/0        # a failed check: 500, and the server goes on
 *	curl -i http://127.0.0.1:8080/nowhere           # 404 as the error hook has it
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Handlers and hooks run on every loop's thread: what they share is theirs to guard. */
static atomic_uint connections_open, requests, results_held;

/* ---- Hooks ---- */

/* A connection has come. Whoever is refused here costs little more than the accept. */
static void on_connect(struct ouro_ctx *ctx)
{
	if (atomic_fetch_add(&connections_open, 1) >= 1000)
		ouro_abort(ctx);
}

static void on_close(struct ouro_ctx *ctx)
{
	(void)ctx;
	atomic_fetch_sub(&connections_open, 1);
}

/* Before there is a route: what answers here is all that runs. */
static void on_request(struct ouro_ctx *ctx)
{
	atomic_fetch_add(&requests, 1);
	if (ouro_header(ctx, "x-blocked").ptr)
		ouro_error(ctx, 403, "blocked");
}

/* Any answer, the engine's own included. */
static void on_response(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-request-id", ouro_request_id(ctx));
	ouro_set_header(ctx, "x-content-type-options", OURO_STR("nosniff"));
}

/* Every error takes this shape, whoever found it. */
static void on_error(struct ouro_ctx *ctx)
{
	const char *detail = ouro_error_detail(ctx);
	char text[256];
	int len = snprintf(text, sizeof(text), "sorry: %u%s%s\n", ouro_error_status(ctx),
			   detail ? ", " : "", detail ? detail : "");

	if (len >= (int)sizeof(text))
		len = (int)sizeof(text) - 1;
	ouro_text(ctx, ouro_error_status(ctx), (struct ouro_str){ text, (size_t)len });
}

/* The message may say more than strangers should read: it is in the log. */
static void on_panic(struct ouro_ctx *ctx)
{
	fprintf(stderr, "panic, connection %llu: %s\n", (unsigned long long)ouro_connection_id(ctx),
		ouro_panic_message(ctx));
	ouro_text(ctx, 500, OURO_STR("this was our fault\n"));
}

/* ---- Handlers ---- */

static void release(void *result)
{
	free(result);
	atomic_fetch_sub(&results_held, 1);
}

/* The parameter @name, which is digits: the route lets nothing else through. */
static long number(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str text = ouro_param(ctx, name);
	long sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum = sum * 10 + (text.ptr[i] - '0');
	return sum;
}

static void divide(struct ouro_ctx *ctx)
{
	long dividend = number(ctx, "a");
	long divisor = number(ctx, "b");
	long *result = malloc(sizeof(*result));
	char text[32];
	int len;

	if (!result) {
		ouro_error(ctx, 503, NULL);
		return;
	}
	/* However this handler ends, the memory is freed. */
	atomic_fetch_add(&results_held, 1);
	ouro_defer(ctx, release, result);
	ouro_check(ctx, divisor != 0);
	*result = dividend / divisor;
	len = snprintf(text, sizeof(text), "%ld\n", *result);
	ouro_text(ctx, 200, (struct ouro_str){ text, (size_t)len });
}

static void panic(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "the moon is in the %s house", "seventh");
}

static void counts(struct ouro_ctx *ctx)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "connections=%u requests=%u held=%u\n",
			   atomic_load(&connections_open), atomic_load(&requests),
			   atomic_load(&results_held));

	ouro_text(ctx, 200, (struct ouro_str){ text, (size_t)len });
}

OURO_GET("/divide/{a:[0-9]{1,9}}/{b:[0-9]{1,9}}", divide);
OURO_GET("/panic", panic);
OURO_GET("/counts", counts);

static int add_hooks(struct ouro_server *server)
{
	static const struct {
		enum ouro_hook phase;
		ouro_handler_fn hook;
	} hooks[] = {
		{ OURO_HOOK_CONNECT, on_connect }, { OURO_HOOK_CLOSE, on_close },
		{ OURO_HOOK_REQUEST, on_request }, { OURO_HOOK_RESPONSE, on_response },
		{ OURO_HOOK_ERROR, on_error },     { OURO_HOOK_PANIC, on_panic },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(hooks) / sizeof(hooks[0]); i++)
		err = ouro_server_hook(server, hooks[i].phase, 0, hooks[i].hook);
	return err;
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = add_hooks(server);
	if (!err)
		err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
