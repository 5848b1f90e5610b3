/* The demo's WebSockets: one where what comes goes back, in the buffer it came in, and rooms. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ECHO_BYTES_MAX = 64 * 1024 * 1024 };

static bool is(struct ouro_str text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

/* The query parameter "deflate"; false where it is none of these. */
static bool choose_deflate(struct ouro_ctx *ctx, enum ouro_ws_deflate *deflate)
{
	struct ouro_str text = ouro_query(ctx, "deflate");

	if (is(text, "off"))
		*deflate = OURO_WS_DEFLATE_OFF;
	else if (is(text, "takeover"))
		*deflate = OURO_WS_DEFLATE_TAKEOVER;
	else if (!text.ptr || is(text, "each"))
		*deflate = OURO_WS_DEFLATE_EACH;
	else
		return false;
	return true;
}

/* The client may choose how: ?deflate=off, each or takeover, and ?bytes_max=N, the largest message. */
static void echo(struct ouro_ctx *ctx)
{
	struct ouro_ws_options options = { 0 };
	struct ouro_ws_message message;
	unsigned bytes_max;

	if (!choose_deflate(ctx, &options.deflate)) {
		ouro_error(ctx, 400, "deflate must be off, each or takeover");
		return;
	}
	if (!cli_query_number(ctx, "bytes_max", ECHO_BYTES_MAX, &bytes_max)) {
		ouro_error(ctx, 400, "bytes_max must be a number up to 67108864");
		return;
	}
	options.message_bytes_max = bytes_max;
	if (ouro_ws_accept(ctx, &options))
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		if (ouro_ws_send_slice(ctx, message.type, message.slice))
			return;
}
OURO_GET("/ws/echo", echo);

/* ---- Rooms ---- */

/* What a client's callbacks know of it: the topic that it is in. */
struct room {
	size_t len;
	char name[];
};

static struct room *room_create(struct ouro_str name)
{
	struct room *room = malloc(sizeof(*room) + name.len);

	if (!room)
		return NULL;
	room->len = name.len;
	memcpy(room->name, name.ptr, name.len);
	return room;
}

static void on_said(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	const struct room *room = ouro_data(ctx);
	int count;

	if (message->type != OURO_WS_TEXT) {
		ouro_ws_close(ctx, OURO_WS_CODE_UNSUPPORTED, OURO_STR("only text is published"));
		return;
	}
	count = ouro_publish(ctx, (struct ouro_str){ room->name, room->len }, OURO_MESSAGE_TEXT,
			     message->data);
	if (count < 0)
		ouro_ws_close(ctx,
			      count == -EMSGSIZE ? OURO_WS_CODE_TOO_BIG : OURO_WS_CODE_TRY_LATER,
			      OURO_STR("it could not be published"));
}

static void on_left(struct ouro_ctx *ctx)
{
	free(ouro_data(ctx));
}

static bool take_room(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct ouro_str *room = arg;

	if (name.len != strlen("room") || memcmp(name.ptr, "room", name.len) != 0)
		return true;
	*room = value;
	return false;
}

/* Idle clients hold neither a fiber nor a context. The topics are those of /sse/topic/{name} and
 * /publish/{name}. */
static void chat(struct ouro_ctx *ctx)
{
	const struct ouro_ws_options options = { .on_message = on_said, .on_close = on_left };
	struct ouro_str name = OURO_STR("lobby");
	struct room *room;

	if (ouro_query_each(ctx, take_room, &name) == -EINVAL || name.len == 0 ||
	    name.len > OURO_TOPIC_BYTES_MAX) {
		ouro_error(ctx, 400, "the room must have a name of at most 256 bytes");
		return;
	}
	room = room_create(name);
	if (!room) {
		ouro_error(ctx, 503, "out of memory");
		return;
	}
	ouro_set_data(ctx, room);
	if (ouro_ws_accept(ctx, &options))
		free(room);
	else if (ouro_subscribe(ctx, name))
		ouro_ws_close(ctx, OURO_WS_CODE_TRY_LATER, OURO_STR("the room is full"));
}
OURO_GET("/ws/chat", chat);
