/* Rooms that WebSockets and event streams share, and messages to a single client.
 *
 *	cc chat.c $(pkg-config --cflags --libs ouro) -o chat && ./chat
 *	websocat 'ws://127.0.0.1:8080/rooms/lobby?user=ada'
 *	curl -N http://127.0.0.1:8080/rooms/lobby/events
 *	curl -d 'psst' http://127.0.0.1:8080/users/ada
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <ouro.h>
#include <stdlib.h>
#include <string.h>

/* Topics are one space of names: rooms and users have a part of it each. Absent: out of memory, which no
 * topic's name can be. */
static struct ouro_str topic(struct ouro_ctx *ctx, const char *kind, struct ouro_str name)
{
	size_t len = strlen(kind);
	char *text = ouro_alloc(ctx, len + name.len);

	if (!text)
		return (struct ouro_str){ 0 };
	memcpy(text, kind, len);
	memcpy(text + len, name.ptr, name.len);
	return (struct ouro_str){ text, len + name.len };
}

/* A client that was too slow has missed something, and may want to load all of it anew. */
static void on_gap(struct ouro_ctx *ctx, struct ouro_str missed)
{
	(void)missed;
	ouro_ws_send(ctx, OURO_WS_TEXT, OURO_STR("(something is missing here)"));
}

static void chat(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .message_bytes_max = 4096, .on_gap = on_gap };
	struct ouro_str room = topic(ctx, "room/", ouro_param(ctx, "room"));
	struct ouro_str user = ouro_query(ctx, "user");
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, &options))
		return;
	if (ouro_subscribe(ctx, room) ||
	    (user.len > 0 && ouro_subscribe(ctx, topic(ctx, "user/", user)))) {
		ouro_ws_close(ctx, OURO_WS_CODE_TRY_LATER, OURO_STR("there is no room"));
		return;
	}
	/* What others say is sent while this waits. Returning leaves the rooms. */
	while (ouro_ws_recv(ctx, &message) == 0)
		ouro_publish(ctx, room,
			     message.type == OURO_WS_TEXT ? OURO_MESSAGE_TEXT : OURO_MESSAGE_BINARY,
			     message.data);
}
OURO_GET("/rooms/{room}", chat);

static void events(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, topic(ctx, "room/", ouro_param(ctx, "room")));
}
OURO_GET("/rooms/{room}/events", events);

/* To one client alone, be it on several devices. */
static void tell(struct ouro_ctx *ctx)
{
	struct ouro_str text;
	int count = ouro_body(ctx, &text);

	if (count == 0)
		count = ouro_publish(ctx, topic(ctx, "user/", ouro_param(ctx, "name")),
				     OURO_MESSAGE_TEXT, text);
	if (count < 0)
		ouro_reject(ctx, count);
	else if (count == 0)
		ouro_error(ctx, 404, "nobody of that name is here");
	else
		ouro_text(ctx, 200, OURO_STR("told\n"));
}
OURO_POST("/users/{name}", tell);

int main(void)
{
	const struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
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
