/* Fuzz target of the router. The first byte chooses the game: requests to a table made of few words,
 * which a plain matcher must answer the same; or patterns and paths as they come, which must leave
 * what cannot go wrong right. */
#include "../router/plain.h"

#include "base/str.h"
#include "router/path.h"
#include "router/router.h"

#include <stdbool.h>
#include <stdlib.h>

enum { INPUT_BYTES_MAX = 4096, LINES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool fact)
{
	if (!fact)
		abort();
}

static void check_path(struct ouro_str path)
{
	char once[INPUT_BYTES_MAX], twice[INPUT_BYTES_MAX];
	ssize_t len = ouro_path_canonical(path, once);
	bool is_canonical = ouro_path_is_canonical(path);

	if (len < 0) {
		require(!is_canonical);
		return;
	}
	require((size_t)len <= path.len);
	require(is_canonical == ouro_str_eq(path, ouro_str(once, (size_t)len)));
	require(ouro_path_is_canonical(ouro_str(once, (size_t)len)));
	require(ouro_path_canonical(ouro_str(once, (size_t)len), twice) == len);
}

static void check_match(const struct ouro_router *router, const struct ouro_match_query *query)
{
	struct ouro_match match;
	const char *end = query->path.ptr + query->path.len;

	switch (ouro_router_match(router, query, &match)) {
	case OURO_MATCH_FOUND:
		require(match.handler == router);
		require(match.param_count <= OURO_ROUTER_PARAMS_MAX);
		for (uint32_t i = 0; i < match.param_count; i++) {
			require(ouro_match_param(&match, match.names[i]).ptr ==
				match.values[i].ptr);
			/* All but the host's points into the path. */
			require(match.values[i].ptr + match.values[i].len <= end || i == 0);
		}
		break;
	case OURO_MATCH_METHOD_NOT_ALLOWED:
		require(match.allowed != 0 && !(match.allowed >> query->method & 1));
		break;
	case OURO_MATCH_NOT_FOUND:
		break;
	}
}

static struct ouro_str next_line(struct ouro_str *text)
{
	const char *end = memchr(text->ptr, '\n', text->len);
	size_t len = end ? (size_t)(end - text->ptr) : text->len;
	struct ouro_str line = ouro_str(text->ptr, len);

	len += end != NULL;
	*text = ouro_str(text->ptr + len, text->len - len);
	return line;
}

/* Lines up to an empty one are routes, those behind it paths; a host may be before the slash. */
static void play_lines(struct ouro_str text)
{
	struct ouro_router *router = ouro_router_create();
	struct ouro_match_query query = { .method = OURO_METHOD_GET };
	unsigned lines = 0;

	for (; text.len > 0 && lines < LINES_MAX; lines++) {
		struct ouro_str line = next_line(&text);
		const char *slash = memchr(line.ptr, '/', line.len);
		size_t host_len = slash ? (size_t)(slash - line.ptr) : 0;
		char message[64];

		if (line.len == 0)
			break;
		ouro_router_add(router,
				&(struct ouro_route_spec){
					.method = OURO_STR("GET"),
					.host = ouro_str(line.ptr, host_len),
					.pattern =
						ouro_str(line.ptr + host_len, line.len - host_len),
					.handler = router,
				},
				message, sizeof(message));
	}
	require(ouro_router_compile(router, NULL, 0) == 0);
	query.scratch = ouro_router_scratch_create(router);
	for (lines = 0; text.len > 0 && lines < LINES_MAX; lines++) {
		struct ouro_str line = next_line(&text);
		const char *slash = memchr(line.ptr, '/', line.len);
		size_t host_len = slash ? (size_t)(slash - line.ptr) : 0;

		query.host = ouro_str(line.ptr, host_len);
		query.path = ouro_str(line.ptr + host_len, line.len - host_len);
		query.method = lines % 2 ? OURO_METHOD_POST : OURO_METHOD_GET;
		check_path(query.path);
		check_match(router, &query);
	}
	ouro_router_scratch_destroy(query.scratch);
	ouro_router_destroy(router);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct plain_source source;

	if (len == 0 || len > INPUT_BYTES_MAX)
		return 0;
	source = (struct plain_source){ .data = data + 1, .len = len - 1 };
	if (*data & 1)
		plain_play(&source);
	else
		play_lines(ouro_str((const char *)data + 1, len - 1));
	return 0;
}
