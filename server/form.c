/* Forms, and what a client would rather have. */
#include "proto/form.h"

#include "proto/media_type.h"
#include "proto/negotiate.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

enum { FORM_PAIRS_MAX = 1000, OFFERS_MAX = 32, ACCEPTS_MAX = 8 };

/* The body of the form, decoded no further, in memory that is decoded into. */
static int read_form(struct ouro_ctx *ctx, char **copy, size_t *len)
{
	struct ouro_str body;
	int err;

	if (!ouro_media_type_is(ouro_header_at(ctx, OURO_FIELD_CONTENT_TYPE), OURO_FORM_MEDIA_TYPE))
		return -EPROTONOSUPPORT;
	err = ouro_body(ctx, &body);
	if (err)
		return err;
	*copy = ouro_arena_alloc(&ctx->arena, body.len);
	if (!*copy)
		return -ENOMEM;
	memcpy(*copy, body.ptr, body.len);
	ouro_counter_add(&ctx->worker->loop.counters.bytes_copied, body.len);
	*len = body.len;
	return 0;
}

/* Decodes the pairs of the body at @copy, once: they are asked for one by one. */
static int decode_form(struct ouro_ctx *ctx, char *copy, size_t len)
{
	struct ouro_query_pair pair, *pairs;
	struct ouro_form form;
	size_t count = 0, room = 1;
	int err;

	for (size_t i = 0; i < len && room < FORM_PAIRS_MAX; i++)
		room += copy[i] == '&';
	pairs = ouro_arena_alloc(&ctx->arena, room * sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	ouro_form_init(&form, copy, len, FORM_PAIRS_MAX);
	while ((err = ouro_form_next(&form, &pair)) > 0)
		pairs[count++] = pair;
	if (err < 0)
		return -EBADMSG;
	ctx->form = pairs;
	ctx->form_count = count;
	return 0;
}

int ouro_form_each(struct ouro_ctx *ctx, ouro_pair_fn fn, void *arg)
{
	size_t len;
	char *copy;
	int err;

	if (!ctx->form) {
		err = read_form(ctx, &copy, &len);
		if (!err)
			err = decode_form(ctx, copy, len);
		if (err)
			return err;
	}
	for (size_t i = 0; i < ctx->form_count; i++)
		if (!fn(arg, ctx->form[i].name, ctx->form[i].value))
			break;
	return 0;
}

struct search {
	struct ouro_str name, value;
};

static bool search_pair(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct search *search = arg;

	if (!ouro_str_eq(name, search->name))
		return true;
	search->value = value;
	return false;
}

struct ouro_str ouro_form(struct ouro_ctx *ctx, const char *name)
{
	struct search search = { .name = ouro_str_c(name) };

	return ouro_form_each(ctx, search_pair, &search) ? (struct ouro_str){ 0 } : search.value;
}

int ouro_negotiate(struct ouro_ctx *ctx, const char *const *offers, size_t count)
{
	struct ouro_str accepts[ACCEPTS_MAX], types[OFFERS_MAX];
	size_t accept_count = 0;
	int index = -1;

	if (count > OFFERS_MAX)
		return -1;
	for (size_t i = 0; i < count; i++)
		types[i] = ouro_str_c(offers[i]);
	while (ctx->readable && accept_count < ACCEPTS_MAX &&
	       (index = ouro_http1_find(&ctx->parser, OURO_FIELD_ACCEPT, index)) >= 0)
		accepts[accept_count++] =
			ouro_http1_value(ctx->head, ctx->parser.fields[index].value);
	/* RFC 9110, 12.5.5: caches must know. What cannot be told does no harm. */
	if (!ctx->varies && ouro_set_header(ctx, "vary", OURO_STR("accept")) == 0)
		ctx->varies = true;
	return ouro_negotiate_type(accepts, accept_count, types, count);
}
