/* The fields behind a chunked body: kept as they came, and looked through when they are asked for. */
#include "base/str.h"
#include "proto/trailer.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

enum { TRAILERS_BYTES_FIRST = 256 };

int ouro_trailers_keep(struct ouro_ctx *ctx)
{
	struct ouro_str piece = ctx->parser.trailers, *all = &ctx->section;
	size_t needed = all->len + piece.len, room = ctx->section_room;
	char *bytes;

	/* Without fields it is an empty line, which may come in two pieces: of that nothing is kept. */
	if (all->len == 0 && (piece.ptr[0] == '\r' || piece.ptr[0] == '\n'))
		return 0;
	/* The parser has seen to it that no section is longer than head_bytes_max. */
	while (needed > room)
		room = room ? room * 2 : TRAILERS_BYTES_FIRST;
	bytes = (char *)(uintptr_t)all->ptr;
	if (room > ctx->section_room) {
		bytes = ouro_arena_alloc(&ctx->arena, room);
		if (!bytes)
			return -ENOMEM;
		if (all->len > 0)
			memcpy(bytes, all->ptr, all->len);
		ctx->section_room = room;
	}
	memcpy(bytes + all->len, piece.ptr, piece.len);
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, piece.len);
	*all = ouro_str(bytes, needed);
	return 0;
}

/* What of the section can be looked at: all of it, or nothing while it still comes. */
static struct ouro_str section_of(const struct ouro_ctx *ctx)
{
	return ctx->request == OURO_REQUEST_DONE ? ctx->section : OURO_STR("");
}

struct ouro_str ouro_trailer(const struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str rest = section_of(ctx), wanted = ouro_str_c(name), own, value;

	while (ouro_trailer_next(&rest, &own, &value))
		if (ouro_str_eq_nocase(own, wanted))
			return value;
	return (struct ouro_str){ 0 };
}

void ouro_trailer_each(struct ouro_ctx *ctx, const char *name, ouro_pair_fn fn, void *arg)
{
	struct ouro_str rest = section_of(ctx), wanted = ouro_str_c(name), own, value;

	while (ouro_trailer_next(&rest, &own, &value))
		if ((!name || ouro_str_eq_nocase(own, wanted)) && !fn(arg, own, value))
			return;
}
