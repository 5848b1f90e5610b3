/* An endpoint: where a request ends up. One for each route, with all that groups and server add to it,
 * flattened when the routes are compiled; never written again. */
#ifndef OURO_SERVER_ENDPOINT_H
#define OURO_SERVER_ENDPOINT_H

#include "ouro/routes.h"

/* What a request must have besides method, host and path. Of a route and of each group around it. */
struct ouro_guards {
	const struct ouro_guards *outer;
	struct ouro_str header, header_value; /* absent: not asked for */
	ouro_guard_fn guard;
};

struct ouro_endpoint {
	const ouro_handler_fn *chain; /* middleware, the outermost first, then the handler */
	const struct ouro_guards *guards;
	const struct ouro_files *files; /* what a route to files serves (server/static.h) */
	uint64_t body_bytes_max;
	uint64_t sent_bytes_max; /* of a body that is decoded: before it is */
	uint32_t body_timeout_ms;
	uint32_t handler_timeout_ms; /* 0: none */
	uint16_t chain_count;
	bool run_inline;
	bool half_close;
	bool compress, decompress;
	uint32_t decompress_ratio_max;
};

#endif
