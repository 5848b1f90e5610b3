/* Errors: answers that hooks can shape in one place, whoever found what was wrong. */
#include "base/str.h"
#include "proto/negotiate.h"
#include "proto/problem.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

enum {
	DETAIL_BYTES_MAX = 512,
	ACCEPTS_MAX = 8, /* Accept fields that are looked at */
};

#define TEXT_TYPE "text/plain; charset=utf-8"

/* Whether the client would rather have problem details than a line of text. */
static bool wants_problem(const struct ouro_ctx *ctx)
{
	static const struct ouro_str offers[] = { { "text/plain", 10 },
						  { "application/problem+json", 24 },
						  { "application/json", 16 } };
	struct ouro_str accepts[ACCEPTS_MAX];
	size_t count = 0;
	int index = -1;

	/* A head that is complete has this field where it says so, whatever else is wrong with it; of
	 * one with too many fields not all were kept. */
	if (!ctx->head || ctx->parser.field_count > ctx->worker->limits.fields_max)
		return false;
	while (count < ACCEPTS_MAX &&
	       (index = ouro_http1_find_name(&ctx->parser, ctx->head, OURO_STR("accept"), index)) >=
		       0)
		accepts[count++] = ouro_http1_value(ctx->head, ctx->parser.fields[index].value);
	return ouro_negotiate_type(accepts, count, offers, 3) > 0;
}

void ouro_respond_plain(struct ouro_ctx *ctx, unsigned status, const char *detail)
{
	struct ouro_str text = ouro_str_c(detail);
	char body[OURO_PROBLEM_BYTES_MAX(DETAIL_BYTES_MAX)];
	struct ouro_problem problem = { .status = (uint16_t)status, .detail = text };
	bool as_problem = wants_problem(ctx);
	ssize_t len;

	if (problem.detail.len > DETAIL_BYTES_MAX)
		problem.detail.len = DETAIL_BYTES_MAX;
	len = as_problem ? ouro_problem_write_json(&problem, body, sizeof(body))
			 : ouro_problem_write_text(&problem, body, sizeof(body));
	if (len < 0)
		len = 0;
	ouro_send(ctx, status, as_problem ? OURO_PROBLEM_MEDIA_TYPE : TEXT_TYPE,
		  ouro_str(body, (size_t)len));
}

static void run_error_hooks(struct ouro_ctx *ctx)
{
	ouro_hooks_run(ctx, OURO_HOOK_ERROR, true);
}

void ouro_respond_error(struct ouro_ctx *ctx, unsigned status, const char *detail)
{
	/* A hook that makes an error of its own gets the engine's answer, not itself again. */
	const unsigned outer_status = ctx->error_status;
	const char *outer_detail = ctx->error_detail;

	ctx->error_status = (uint16_t)status;
	ctx->error_detail = detail;
	if (outer_status == 0 && ctx->worker->server->hooks[OURO_HOOK_ERROR].count > 0 &&
	    !ouro_try(ctx, run_error_hooks)) {
		ouro_panic_plainly(ctx);
		return;
	}
	if (ctx->response == OURO_RESPONSE_NONE)
		ouro_respond_plain(ctx, status, detail);
	ctx->error_status = (uint16_t)outer_status;
	ctx->error_detail = outer_detail;
}

int ouro_error(struct ouro_ctx *ctx, unsigned status, const char *detail)
{
	char *copy = NULL;

	if (status < 400 || status > 599)
		return -EINVAL;
	if (ctx->response == OURO_RESPONSE_RESET)
		return -ENOTCONN;
	if (ctx->response != OURO_RESPONSE_NONE || ctx->passing)
		return -EALREADY;
	if (detail) {
		copy = ouro_ctx_copy_c(ctx, ouro_str_c(detail));
		if (!copy)
			return -ENOMEM;
	}
	ouro_respond_error(ctx, status, copy);
	return ctx->response == OURO_RESPONSE_NONE ? -ENOMEM : 0;
}

unsigned ouro_error_status(const struct ouro_ctx *ctx)
{
	return ctx->error_status;
}

const char *ouro_error_detail(const struct ouro_ctx *ctx)
{
	return ctx->error_detail;
}

static const struct {
	int err;
	unsigned status;
	const char *detail;
} rejections[] = {
	{ -EMSGSIZE, 413, "the body is too large" },
	{ -EPROTONOSUPPORT, 415, "the content type is not one that is taken here" },
	{ -EBADMSG, 400, "the body is malformed" },
	{ -EINVAL, 400, "the request is malformed" },
	/* A body that did not come in time was answered with 408 when that was noticed. */
	{ -ETIMEDOUT, 503, "it took too long" },
	{ -ENOSPC, 507, "there is no room for it" },
	{ -EDQUOT, 507, "there is no room for it" },
	{ -EAGAIN, 503, "too much is going on" },
	{ -ENOBUFS, 503, "too much is going on" },
	{ -EBUSY, 503, "too much is going on" },
	{ -ENOMEM, 503, "out of memory" },
};

void ouro_reject(struct ouro_ctx *ctx, int err)
{
	const bool is_of_body = err == -EBADMSG || err == -EMSGSIZE;
	const char *told = is_of_body ? ouro_multipart_fault(ctx) : NULL;

	if (err == -ECANCELED || err == -ENOTCONN || err == -EALREADY || err == -EPIPE)
		return;
	for (size_t i = 0; i < sizeof(rejections) / sizeof(rejections[0]); i++)
		if (rejections[i].err == err) {
			ouro_error(ctx, rejections[i].status, told ? told : rejections[i].detail);
			return;
		}
	ouro_error(ctx, 500, NULL);
}
