/* Finding a file: at once where the cache knows it or the kernel can say without a disk; else the handler
 * waits, and a thread of the pool looks, once for all who wait. */
#include "base/str.h"
#include "engine/offload.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A look by another thread. It belongs to no handler, since several may wait for it, or none any more. */
struct look_job {
	struct ouro_offload_job job; /* first */
	struct ouro_worker *worker;
	struct ouro_file_cache *cache;
	struct ouro_file_look *look;
};

/* A handler that waits; on its stack. */
struct finder {
	struct ouro_file_waiter waiter; /* first */
	struct ouro_ctx *ctx;
	struct ouro_file *file;
	int error;
	bool known;
};

static uint64_t now_ms(const struct ouro_worker *worker)
{
	return worker->loop.now_ns / 1000000;
}

/* On a thread of the pool. */
static void run_look(struct ouro_offload_job *job)
{
	ouro_file_look_run(((struct look_job *)(void *)job)->look, false);
}

static void on_looked(struct ouro_offload_job *job)
{
	struct look_job *own = (struct look_job *)(void *)job;

	own->worker->jobs--;
	ouro_file_cache_settle(own->cache, own->look, now_ms(own->worker));
	free(own);
}

static int start_look(struct ouro_worker *worker, struct ouro_file_cache *cache,
		      struct ouro_file_look *look)
{
	struct look_job *job = malloc(sizeof(*job));
	int err;

	if (!job)
		return -ENOMEM;
	*job = (struct look_job){
		.job = { .run = run_look, .on_done = on_looked, .loop = &worker->loop },
		.worker = worker,
		.cache = cache,
		.look = look,
	};
	err = ouro_offload_submit(worker->server->offload, &job->job);
	if (err)
		free(job);
	else
		worker->jobs++;
	return err;
}

static void on_known(struct ouro_file_waiter *waiter, int error, struct ouro_file *file)
{
	struct finder *finder = (struct finder *)(void *)waiter;
	struct ouro_ctx *ctx = finder->ctx;

	finder->known = true;
	finder->error = error;
	finder->file = file ? ouro_file_ref(file) : NULL;
	ouro_ctx_wake(ctx, 0);
	ouro_h1_advance(ctx);
}

static int wait_for(struct ouro_ctx *ctx, struct ouro_file_cache *cache,
		    const struct ouro_file_root *root, struct ouro_str path,
		    struct ouro_file **file)
{
	struct finder finder = { .waiter = { .on_known = on_known }, .ctx = ctx };
	struct ouro_file_look *look;
	int err = ouro_ctx_may_wait(ctx);

	if (!err)
		err = ouro_file_cache_wait(cache, root, path, &finder.waiter, &look);
	if (err)
		return err;
	err = look ? start_look(ctx->worker, cache, look) : 0;
	if (err) {
		ouro_file_cache_withdraw(cache, look);
		return err;
	}
	err = ouro_ctx_suspend(ctx, OURO_WAITING_FILE);
	if (!finder.known) {
		ouro_file_cache_leave(&finder.waiter);
		return err;
	}
	*file = finder.file;
	return finder.error;
}

int ouro_static_find(struct ouro_ctx *ctx, const struct ouro_static_place *place,
		     const struct ouro_file_root *root, struct ouro_str path,
		     struct ouro_file **file)
{
	int err = ouro_file_cache_get(place->cache, root, path, now_ms(ctx->worker), file);

	if (err == -EAGAIN)
		return wait_for(ctx, place->cache, root, path, file);
	if (!err)
		ouro_file_ref(*file);
	return err;
}

struct ouro_str ouro_static_join(struct ouro_ctx *ctx, struct ouro_str path, struct ouro_str suffix)
{
	char *joined = ouro_arena_alloc(&ctx->arena, path.len + suffix.len + 1);

	if (!joined)
		return (struct ouro_str){ 0 };
	if (path.len > 0)
		memcpy(joined, path.ptr, path.len);
	memcpy(joined + path.len, suffix.ptr, suffix.len);
	return ouro_str(joined, path.len + suffix.len);
}
