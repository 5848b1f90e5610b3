/* Fields that handlers set: of heads, and of trailers. */
#include "base/str.h"
#include "proto/token.h"
#include "server/respond.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FORMATTED_BYTES_MAX = 1024 /* a field's value from a format */ };

static bool is_engines_own(struct ouro_str name)
{
	static const struct ouro_str own[] = {
		{ "connection", 10 },
		{ "content-length", 14 },
		{ "transfer-encoding", 17 },
		{ "date", 4 },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (ouro_str_eq_nocase(name, own[i]))
			return true;
	return false;
}

/* Adds a copy of @line to @set. 0, -E2BIG or -ENOMEM. */
static int add_field(struct ouro_ctx *ctx, struct ouro_fields_set *set, struct ouro_field_line line)
{
	size_t bytes = line.name.len + line.value.len;

	if (set->count == OURO_FIELDS_SET_MAX || set->bytes + bytes > OURO_FIELDS_SET_BYTES_MAX)
		return -E2BIG;
	if (!set->lines)
		set->lines =
			ouro_arena_alloc(&ctx->arena, OURO_FIELDS_SET_MAX * sizeof(*set->lines));
	line.name = ouro_ctx_copy(ctx, line.name);
	line.value = ouro_ctx_copy(ctx, line.value);
	if (!set->lines || !line.name.ptr || !line.value.ptr)
		return -ENOMEM;
	set->lines[set->count++] = line;
	set->bytes += bytes;
	return 0;
}

int ouro_set_header(struct ouro_ctx *ctx, const char *name, struct ouro_str value)
{
	struct ouro_field_line line = { ouro_str_c(name), value };

	if (ctx->response > OURO_RESPONSE_HELD)
		return ctx->response == OURO_RESPONSE_RESET ? -ENOTCONN : -EALREADY;
	if (!ouro_is_token(line.name) || is_engines_own(line.name) || !ouro_is_field_value(value))
		return -EINVAL;
	return add_field(ctx, &ctx->fields, line);
}

int ouro_set_trailer(struct ouro_ctx *ctx, const char *name, struct ouro_str value)
{
	struct ouro_field_line line = { ouro_str_c(name), value };

	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response == OURO_RESPONSE_DONE)
		return -EALREADY;
	if (ctx->response == OURO_RESPONSE_BODY && !ctx->chunked)
		return -ENOTSUP;
	if (!ouro_http1_is_trailer(line.name) || !ouro_is_field_value(value))
		return -EINVAL;
	return add_field(ctx, &ctx->trailers, line);
}

int ouro_set_headerf(struct ouro_ctx *ctx, const char *name, const char *format, ...)
{
	char value[FORMATTED_BYTES_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(value))
		return -E2BIG;
	return ouro_set_header(ctx, name, ouro_str(value, (size_t)len));
}

int ouro_unset_header(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str wanted = ouro_str_c(name);
	size_t kept = 0, before = ctx->fields.count;

	if (ctx->response > OURO_RESPONSE_HELD)
		return 0;
	for (size_t i = 0; i < before; i++) {
		struct ouro_field_line line = ctx->fields.lines[i];

		if (ouro_str_eq_nocase(line.name, wanted))
			ctx->fields.bytes -= line.name.len + line.value.len;
		else
			ctx->fields.lines[kept++] = line;
	}
	ctx->fields.count = kept;
	return (int)(before - kept);
}
