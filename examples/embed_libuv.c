/* A server within a program that has a loop already, libuv's here: the program calls ouro when its
 * descriptor can be read and when a time has come, and nothing needs another thread. What the program
 * does beside it, a timer that ticks, needs no lock either.
 *
 *	cc embed_libuv.c $(pkg-config --cflags --libs ouro libuv) -o embed_libuv && ./embed_libuv
 *	curl http://127.0.0.1:8080/ticks
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080; ends in order at SIGTERM and Ctrl-C. */
#include <errno.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static struct {
	struct ouro_server *server;
	uv_poll_t readable; /* ouro's descriptor */
	uv_timer_t due;     /* when ouro must be called though that cannot be read */
	uv_timer_t ticker;  /* the program's own business */
	uv_signal_t signals[2];
	unsigned ticks;
	int err;
} program;

static void ticks(struct ouro_ctx *ctx)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%u\n", program.ticks);

	ouro_text(ctx, 200, (struct ouro_str){ text, (size_t)len });
}
OURO_GET("/ticks", ticks);

/* Handlers may wait as anywhere else: libuv's loop goes on. */
static void slow(struct ouro_ctx *ctx)
{
	if (ouro_sleep(ctx, 300) == 0)
		ticks(ctx);
}
OURO_GET("/slow", slow);

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
	program.ticks++;
}

/* Nothing is left for libuv's loop to wait for, so uv_run() returns. */
static void close_all(void)
{
	uv_close((uv_handle_t *)&program.readable, NULL);
	uv_close((uv_handle_t *)&program.due, NULL);
	uv_close((uv_handle_t *)&program.ticker, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&program.signals[i], NULL);
}

static void on_due(uv_timer_t *timer);

/* One turn of ouro's loop. */
static void turn(void)
{
	int timeout_ms;
	int err = ouro_server_poll(program.server, &timeout_ms);

	if (err) {
		/* -ESHUTDOWN: every connection was drained. */
		program.err = err == -ESHUTDOWN ? 0 : err;
		close_all();
		return;
	}
	if (timeout_ms >= 0)
		uv_timer_start(&program.due, on_due, (uint64_t)timeout_ms, 0);
	else
		uv_timer_stop(&program.due);
}

static void on_due(uv_timer_t *timer)
{
	(void)timer;
	turn();
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
	turn();
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	ouro_server_shutdown(program.server);
}

static int run(void)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	uv_loop_t *loop = uv_default_loop();
	int fd = ouro_server_poll_fd(program.server);

	if (fd < 0)
		return fd;
	uv_poll_init(loop, &program.readable, fd);
	uv_timer_init(loop, &program.due);
	uv_timer_init(loop, &program.ticker);
	uv_poll_start(&program.readable, UV_READABLE, on_readable);
	uv_timer_start(&program.ticker, on_tick, 20, 20);
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &program.signals[i]);
		uv_signal_start(&program.signals[i], on_signal, numbers[i]);
	}
	turn();
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
	return program.err;
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN"), .threads = 1 };
	int err = ouro_server_create(&program.server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(program.server);
	if (!err)
		err = run();
	ouro_server_destroy(program.server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
