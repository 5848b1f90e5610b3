/* A declared route in a file of its own, to which nothing refers. */
#include "ouro.h"

static void other(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("other file"));
}
OURO_GET("/other", other);
