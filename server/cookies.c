/* Cookies: of the request, and in its answer; signed and sealed ones. */
#include "proto/cookie.h"

#include "proto/secret.h"
#include "server/server_private.h"

#include <errno.h>

struct ouro_str ouro_cookie(const struct ouro_ctx *ctx, const char *name)
{
	int index = -1;

	/* Several Cookie fields do occur behind proxies that translate from HTTP/2. */
	while (ctx->readable &&
	       (index = ouro_http1_find(&ctx->parser, OURO_FIELD_COOKIE, index)) >= 0) {
		struct ouro_str found =
			ouro_cookie_find(ouro_http1_value(ctx->head,
							  ctx->parser.fields[index].value),
					 ouro_str_c(name));

		if (found.ptr)
			return found;
	}
	return (struct ouro_str){ 0 };
}

int ouro_set_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie)
{
	size_t room = OURO_COOKIE_ROOM(cookie);
	char *out = ouro_arena_alloc(&ctx->arena, room);
	ssize_t len = out ? ouro_cookie_write(cookie, out, room) : -ENOMEM;

	return len < 0 ? (int)len : ouro_set_header(ctx, "set-cookie", ouro_str(out, (size_t)len));
}

/* When the value itself is to stop being good; 0: never. */
static int64_t expiry_of(const struct ouro_ctx *ctx, const struct ouro_cookie *cookie)
{
	int64_t now = ctx->worker->loop.unix_s;

	if (cookie->max_age_s > 0)
		return cookie->max_age_s < INT64_MAX - now ? now + cookie->max_age_s : INT64_MAX;
	return cookie->max_age_s < 0 ? 0 : cookie->expires_unix_s;
}

typedef ssize_t (*close_fn)(const struct ouro_secret *secret, struct ouro_str name,
			    struct ouro_str value, int64_t expires_unix_s, char *out, size_t room);
typedef ssize_t (*open_fn)(const struct ouro_secret *secret, struct ouro_str name,
			   struct ouro_str text, int64_t now_unix_s, char *out, size_t room);

static int set_closed(struct ouro_ctx *ctx, const struct ouro_cookie *cookie, close_fn close,
		      size_t room)
{
	const struct ouro_secret *secret = ctx->worker->server->secret;
	struct ouro_cookie closed = *cookie;
	struct ouro_str value = cookie->value.ptr ? cookie->value : OURO_STR("");
	char *out;
	ssize_t len;

	if (!secret)
		return -ENOKEY;
	out = ouro_arena_alloc(&ctx->arena, room);
	len = out ? close(secret, cookie->name, value, expiry_of(ctx, cookie), out, room) : -ENOMEM;
	if (len < 0)
		return (int)len;
	closed.value = ouro_str(out, (size_t)len);
	return ouro_set_cookie(ctx, &closed);
}

static struct ouro_str get_closed(struct ouro_ctx *ctx, const char *name, open_fn open)
{
	const struct ouro_secret *secret = ctx->worker->server->secret;
	struct ouro_str text = ouro_cookie(ctx, name);
	size_t room = OURO_SECRET_OPEN_ROOM(text.len);
	ssize_t len = -ENOKEY;
	char *out;

	if (!text.ptr || !secret)
		return (struct ouro_str){ 0 };
	out = ouro_arena_alloc(&ctx->arena, room);
	if (out)
		len = open(secret, ouro_str_c(name), text, ctx->worker->loop.unix_s, out, room);
	return len < 0 ? (struct ouro_str){ 0 } : ouro_str(out, (size_t)len);
}

int ouro_set_signed_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie)
{
	return set_closed(ctx, cookie, ouro_secret_sign,
			  OURO_SECRET_SIGNED_BYTES(cookie->value.len));
}

struct ouro_str ouro_signed_cookie(struct ouro_ctx *ctx, const char *name)
{
	return get_closed(ctx, name, ouro_secret_open_signed);
}

int ouro_set_sealed_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie)
{
	return set_closed(ctx, cookie, ouro_secret_seal,
			  OURO_SECRET_SEALED_BYTES(cookie->value.len));
}

struct ouro_str ouro_sealed_cookie(struct ouro_ctx *ctx, const char *name)
{
	return get_closed(ctx, name, ouro_secret_open_sealed);
}

int ouro_server_secret(struct ouro_server *server, const struct ouro_str *keys, size_t count)
{
	struct ouro_secret *secret;
	int err = server->running ? -EALREADY : ouro_secret_create(&secret, keys, count);

	if (err)
		return err;
	ouro_secret_destroy(server->secret);
	server->secret = secret;
	return 0;
}
