/* Server-sent events: a clock, and rooms that browsers listen to and anybody posts to.
 *
 *	cc events.c $(pkg-config --cflags --libs ouro) -o events && ./events
 *	curl -N http://127.0.0.1:8080/clock
 *	curl -N http://127.0.0.1:8080/rooms/lobby &
 *	curl -d 'hello' http://127.0.0.1:8080/rooms/lobby
 *	curl -N -H 'Last-Event-ID: ..' http://127.0.0.1:8080/rooms/lobby
 *
 * In a browser: new EventSource("/rooms/lobby").onmessage = e => console.log(e.data).
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>

/* Straight on: the handler is there as long as its client is, and sleeps on a fiber. */
static void clock_events(struct ouro_ctx *ctx)
{
	const struct ouro_sse_options options = { .heartbeat_ms = 15000, .retry_ms = 2000 };

	if (ouro_sse_begin(ctx, &options))
		return;
	while (ouro_sse_send(ctx, &(struct ouro_sse_event){ .event = OURO_STR("tick"),
							    .data = ouro_date(ctx) }) == 0)
		ouro_sleep(ctx, 1000);
}
OURO_GET("/clock", clock_events);

static void left(struct ouro_ctx *ctx)
{
	struct ouro_str room = ouro_param(ctx, "name");

	printf("somebody left %.*s\n", (int)room.len, room.ptr);
}

/* In a room the stream goes on when the handler has returned: ten thousand of them hold no stack. A browser
 * that was away gets what it has missed. */
static void join(struct ouro_ctx *ctx)
{
	/* Of two numbers that come while a client is slow, it gets the newer alone. */
	const struct ouro_sse_options options = { .slow = OURO_SSE_SLOW_COALESCE };

	ouro_on_gone(ctx, left);
	if (ouro_sse_begin(ctx, &options) == 0)
		ouro_subscribe(ctx, ouro_param(ctx, "name"));
}
OURO_GET("/rooms/{name}", join);

static void post(struct ouro_ctx *ctx)
{
	struct ouro_message message = { .type = OURO_MESSAGE_TEXT };
	int count = ouro_body(ctx, &message.data);

	message.key = ouro_query(ctx, "key");
	if (count == 0)
		count = ouro_publish_message(ctx, ouro_param(ctx, "name"), &message);
	if (count < 0)
		ouro_reject(ctx, count);
	else
		ouro_textf(ctx, 200, "%d are here\n", count);
}
OURO_POST("/rooms/{name}", post);

int main(void)
{
	const struct ouro_options options = { .listen = getenv("OURO_LISTEN"), .compress = true };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return 1;
	err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err != 0;
}
