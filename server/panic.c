/* Panics: a handler that ends in the middle, and what it deferred. */
#include "server/server_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 256 };

struct call {
	struct ouro_ctx *ctx;
	ouro_handler_fn fn;
};

static void call(void *arg)
{
	const struct call *call = arg;

	call->fn(call->ctx);
}

bool ouro_try(struct ouro_ctx *ctx, ouro_handler_fn fn)
{
	struct call what = { ctx, fn };
	struct ouro_guard guard, *outer = ctx->guard;
	uint16_t chain_at = ctx->chain_at;
	bool returned;

	/* Hooks and callbacks that run within middleware are no part of its chain. */
	ctx->chain_at = OURO_CHAIN_OVER;
	ctx->guard = &guard;
	returned = ouro_guard_call(&guard, call, &what);
	ctx->guard = outer;
	ctx->chain_at = chain_at;
	return returned;
}

void ouro_panic(struct ouro_ctx *ctx, const char *format, ...)
{
	char *message = ouro_arena_alloc(&ctx->arena, MESSAGE_BYTES);
	va_list args;

	ctx->panic_message = message ? message : "out of memory";
	if (message) {
		va_start(args, format);
		vsnprintf(message, MESSAGE_BYTES, format, args);
		va_end(args);
	}
	assert(ctx->guard);
	ouro_guard_escape(ctx->guard);
}

void ouro_panic_again(struct ouro_ctx *ctx)
{
	assert(ctx->guard && ctx->panic_message);
	ouro_guard_escape(ctx->guard);
}

const char *ouro_panic_message(const struct ouro_ctx *ctx)
{
	return ctx->panic_message;
}

int ouro_defer(struct ouro_ctx *ctx, ouro_defer_fn fn, void *arg)
{
	struct ouro_deferred *deferred = ouro_arena_alloc(&ctx->arena, sizeof(*deferred));

	if (!deferred) {
		fn(arg);
		return -ENOMEM;
	}
	*deferred = (struct ouro_deferred){ ctx->deferred, fn, arg };
	ctx->deferred = deferred;
	return 0;
}

/* Takes each off the list before it is called, so that one that panics is not called again. */
static void run_deferred(struct ouro_ctx *ctx)
{
	while (ctx->deferred) {
		struct ouro_deferred *deferred = ctx->deferred;

		ctx->deferred = deferred->next;
		deferred->fn(deferred->arg);
	}
}

static void log_panic(const struct ouro_ctx *ctx)
{
	struct ouro_str path = ouro_path(ctx);

	ouro_counter_add(&ctx->worker->loop.counters.panics, 1);
	ouro_log(&ctx->worker->server->log, OURO_LOG_ERROR, "the handler of %.*s panicked: %s",
		 (int)path.len, path.ptr, ctx->panic_message);
}

void ouro_deferred_run(struct ouro_ctx *ctx)
{
	while (ctx->deferred)
		if (!ouro_try(ctx, run_deferred))
			log_panic(ctx);
}

void ouro_panic_plainly(struct ouro_ctx *ctx)
{
	log_panic(ctx);
	ouro_held_drop(ctx);
	ctx->keep_alive = false;
	ctx->hold = false;
	ctx->hooks_failed = true;
	ctx->fields.count = 0;
	ctx->fields.bytes = 0;
	if (ctx->response == OURO_RESPONSE_NONE)
		ouro_respond_plain(ctx, 500, NULL);
	else if (ctx->response == OURO_RESPONSE_BODY)
		ouro_abort(ctx);
}

static void run_panic_hooks(struct ouro_ctx *ctx)
{
	ouro_hooks_run(ctx, OURO_HOOK_PANIC, true);
}

static void answer_500(struct ouro_ctx *ctx)
{
	ouro_error(ctx, 500, NULL);
}

/* No answer was begun: hooks may give one, and if they fail too, the engine does. */
static void answer(struct ouro_ctx *ctx)
{
	ctx->fields.count = 0;
	ctx->fields.bytes = 0;
	if (!ouro_try(ctx, run_panic_hooks)) {
		log_panic(ctx);
		if (ctx->response == OURO_RESPONSE_BODY)
			ouro_abort(ctx);
	}
	if (ctx->response == OURO_RESPONSE_NONE && !ouro_try(ctx, answer_500))
		ouro_panic_plainly(ctx);
}

void ouro_panic_aftermath(struct ouro_ctx *ctx)
{
	log_panic(ctx);
	ctx->keep_alive = false;
	ouro_deferred_run(ctx);
	ouro_held_drop(ctx);
	switch ((enum ouro_response_state)ctx->response) {
	case OURO_RESPONSE_NONE:
		if (!ctx->closing)
			answer(ctx);
		return;
	case OURO_RESPONSE_HELD:
	case OURO_RESPONSE_BODY:
		/* Half of an answer must not be taken for all of it. */
		ouro_abort(ctx);
		return;
	case OURO_RESPONSE_DONE:
	case OURO_RESPONSE_RESET:
		return;
	}
}
