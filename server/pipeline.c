/* The pipeline: what runs for one request, in which order, and on which stack. Request hooks, the
 * route, its chain (middleware, then the handler), response hooks.
 *
 * All of it runs on one fiber, leased for the request and given back when the chain has returned; only
 * what is inline runs on the loop's own stack, and it cannot wait. */
#include "server/decompress.h"
#include "server/server_private.h"

#include <errno.h>

void ouro_hooks_run(struct ouro_ctx *ctx, enum ouro_hook phase, bool until_answered)
{
	const struct ouro_hooks *hooks = &ctx->worker->server->hooks[phase];

	for (uint32_t i = 0; i < hooks->count; i++) {
		if (until_answered && ctx->response != OURO_RESPONSE_NONE)
			return;
		hooks->entries[i].fn(ctx);
	}
}

void ouro_hooks_run_for(struct ouro_worker *worker, struct ouro_stream *stream,
			enum ouro_hook phase)
{
	const struct ouro_hooks *hooks = &worker->server->hooks[phase];
	struct ouro_ctx *ctx = ouro_exchange_create(worker, stream);

	if (!ctx) {
		ouro_stream_close(stream, OURO_CLOSE_ABORT);
		return;
	}
	ctx->head = "";
	ctx->response = OURO_RESPONSE_RESET;
	for (uint32_t i = 0; i < hooks->count; i++)
		if (!ouro_try(ctx, hooks->entries[i].fn))
			ouro_panic_aftermath(ctx);
	if (!ctx->keep_alive)
		ouro_stream_close(stream, OURO_CLOSE_FLUSH);
	ouro_exchange_destroy(ctx);
}

void ouro_next(struct ouro_ctx *ctx)
{
	uint16_t at = ctx->chain_at;

	if (at >= ctx->endpoint->chain_count)
		return;
	ctx->chain_at++;
	ctx->endpoint->chain[at](ctx);
	/* Whoever calls a second time finds nothing left, however far the chain went. */
	ctx->chain_at = OURO_CHAIN_OVER;
}

/* What a fiber runs. When the chain has returned, what it deferred runs, unless it goes on in callbacks;
 * then the answer leaves. All on the stack of the chain, so that hooks may wait. */
static void run_task(void *arg)
{
	struct ouro_ctx *ctx = arg;
	bool returned = ouro_try(ctx, ctx->task);

	ctx->hold = false;
	if (!returned)
		ouro_panic_aftermath(ctx);
	else if (ctx->deferred && !ouro_exchange_is_waiting(ctx))
		ouro_deferred_run(ctx);
	ouro_exchange_look(ctx);
}

static void start_limit(struct ouro_ctx *ctx)
{
	struct ouro_loop *loop = &ctx->worker->loop;
	uint64_t limit_ns = ctx->endpoint->handler_timeout_ms * UINT64_C(1000000);

	/* Without memory for it the handler has all the time that the connection has. */
	if (limit_ns > 0)
		ouro_timer_set(&loop->timers, &ctx->limit_timer, loop->now_ns + limit_ns);
}

/* Runs @task: on a fiber, or on this stack. */
static void start(struct ouro_ctx *ctx, ouro_handler_fn task, bool on_this_stack)
{
	struct ouro_fiber *fiber;
	int err;

	ctx->task = task;
	if (on_this_stack) {
		run_task(ctx);
		return;
	}
	err = ouro_fiber_start(&ctx->worker->fibers, run_task, ctx, &fiber);
	if (err) {
		ouro_counter_add(&ctx->worker->loop.counters.fibers_refused, 1);
		ouro_respond_error(ctx, 503, "too many requests are in progress");
		ouro_exchange_look(ctx);
	}
}

/* Whether the body that was announced is one that the route takes. */
static bool body_fits(struct ouro_ctx *ctx)
{
	uint64_t max = ctx->endpoint->sent_bytes_max;

	ctx->parser.body_bytes_max = max;
	if (!ctx->parser.has_body)
		return true;
	if (ctx->endpoint->decompress && !ouro_decompress_begin(ctx))
		return false;
	if (!ctx->decoding)
		ctx->parser.body_bytes_max = max = ctx->endpoint->body_bytes_max;
	if (ctx->parser.content_length <= max)
		return true;
	ouro_exchange_fail(ctx, 413, "the body is larger than this route takes", -EMSGSIZE);
	return false;
}

/* Runs the chain of the endpoint, which was found. */
static void run_chain(struct ouro_ctx *ctx)
{
	ctx->hold = ctx->endpoint->chain_count > 1;
	ctx->chain_at = 0;
	ouro_next(ctx);
}

static void run_routed(struct ouro_ctx *ctx)
{
	ouro_path_route(ctx);
	if (!body_fits(ctx))
		return;
	start_limit(ctx);
	run_chain(ctx);
}

/* With request hooks: these come first, and may answer. */
static void run_hooked(struct ouro_ctx *ctx)
{
	ouro_hooks_run(ctx, OURO_HOOK_REQUEST, true);
	if (ctx->response == OURO_RESPONSE_NONE && !ctx->closing)
		run_routed(ctx);
}

void ouro_pipeline_run(struct ouro_ctx *ctx)
{
	const struct ouro_server *server = ctx->worker->server;

	if (server->hooks[OURO_HOOK_REQUEST].count > 0) {
		start(ctx, run_hooked, false);
	} else {
		if (!server->guarded) {
			ouro_path_route(ctx);
		} else if (!ouro_try(ctx, ouro_path_route)) {
			ouro_panic_aftermath(ctx);
			return;
		}
		if (!body_fits(ctx))
			return;
		start_limit(ctx);
		start(ctx, run_chain, ctx->endpoint->run_inline);
	}
	if (ctx->response == OURO_RESPONSE_DONE && ctx->request == OURO_REQUEST_BODY)
		ctx->on_body = NULL;
}
