/* A declared route in a static library. */
#include "server/declared.h"

#include "ouro.h"

static void library(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("library"));
}
OURO_GET("/library", library);

void declared_in_library_is_linked(void) {}
