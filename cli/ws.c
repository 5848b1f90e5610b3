/* The demo's WebSockets: what comes goes back, in the buffer it came in. */
#include "cli/cli.h"

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_ws_message message;

	if (ouro_ws_accept(ctx, NULL))
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		if (ouro_ws_send_slice(ctx, message.type, message.slice))
			return;
}
OURO_GET("/ws/echo", echo);
