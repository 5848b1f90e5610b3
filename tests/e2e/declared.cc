// Declared routes in C++, with every option in another order than the struct has them: exits with 0
// where all of them were added.
#include <ouro.h>

static void middleware(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
}

static bool anyone(struct ouro_ctx *)
{
	return true;
}

static void handler(struct ouro_ctx *ctx)
{
	ouro_check(ctx, ouro_path(ctx).len > 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}
OURO_GET("/plain", handler);
OURO_POST("/limited", handler, OURO_HALF_CLOSE, OURO_DECOMPRESS_RATIO_MAX(9),
	  OURO_DECOMPRESS(OURO_DECOMPRESS_ON), OURO_COMPRESS(OURO_COMPRESS_OFF), OURO_BODY_MAX(10),
	  OURO_HANDLER_TIMEOUT(1000), OURO_WHEN_HOST("example.com"), OURO_BODY_TIMEOUT(100),
	  OURO_USE(middleware, middleware));
OURO_ROUTE("GET, PUT", "/guarded", handler, OURO_INLINE, OURO_WHEN(anyone), OURO_NAME("guarded"),
	   OURO_WHEN_HEADER_IS("x-version", "2"));
OURO_ANY("/any", handler, OURO_WHEN_HEADER("x-version"));

int main()
{
	struct ouro_server *server;
	struct ouro_route_info routes[8];

	if (ouro_server_create(&server, nullptr) || ouro_server_declared(server) ||
	    ouro_server_route(server, "GET", "/called", handler, nullptr))
		return 1;
	if (ouro_server_routes(server, routes, 8) != 6 || routes[1].middleware_count != 2)
		return 2;
	ouro_server_destroy(server);
	return 0;
}
