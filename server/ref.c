/* Names of contexts: see server/ref.h; and waiting for others who know one. */
#include "server/ref.h"

#include "server/server_private.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	SLOT_BITS = 22, /* of a name's index; the rest says which table */
	SLOTS_MAX = 1 << SLOT_BITS,
	TABLES_MAX = 1 << (32 - SLOT_BITS),
	SLOTS_PER_CHUNK = 256,
};

struct ouro_ref_slot {
	struct ouro_ctx *ctx; /* NULL: the one that had the name is gone */
	struct ouro_ref_slot *next_free;
	struct ouro_refs *refs;
	struct ouro_mail mail; /* of ouro_resume() */
	uint32_t index;
	uint32_t generation;
	int value;   /* that the last ouro_resume() brought ... */
	bool is_new; /* ... and nobody has looked at yet */
	bool posted; /* the mail is on its way; until it arrives the slot is not used anew */
};

/* One table. Made when first needed, never freed. */
struct ouro_refs {
	pthread_mutex_t lock;   /* of all below, and of the slots */
	struct ouro_loop *loop; /* NULL: no worker has it */
	struct ouro_ref_slot **chunks;
	struct ouro_ref_slot *free_slots;
	uint32_t number;
	uint32_t slot_count;
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct ouro_refs *) tables[TABLES_MAX];

static struct ouro_refs *make_table(uint32_t number)
{
	struct ouro_refs *refs = calloc(1, sizeof(*refs));

	if (!refs)
		return NULL;
	pthread_mutex_init(&refs->lock, NULL);
	refs->number = number;
	atomic_store(&tables[number], refs);
	return refs;
}

/* Gives @refs to @loop, unless another has it. */
static bool claim(struct ouro_refs *refs, struct ouro_loop *loop)
{
	bool is_free;

	pthread_mutex_lock(&refs->lock);
	is_free = !refs->loop;
	if (is_free)
		refs->loop = loop;
	pthread_mutex_unlock(&refs->lock);
	return is_free;
}

int ouro_refs_open(struct ouro_worker *worker)
{
	worker->refs = NULL;
	pthread_mutex_lock(&tables_lock);
	for (uint32_t i = 0; i < TABLES_MAX && !worker->refs; i++) {
		struct ouro_refs *refs = atomic_load(&tables[i]);

		if (!refs)
			refs = make_table(i);
		if (!refs)
			break;
		if (claim(refs, &worker->loop))
			worker->refs = refs;
	}
	pthread_mutex_unlock(&tables_lock);
	return worker->refs ? 0 : -ENOMEM;
}

void ouro_refs_disown(struct ouro_worker *worker)
{
	struct ouro_refs *refs = worker->refs;

	if (!refs)
		return;
	pthread_mutex_lock(&refs->lock);
	refs->loop = NULL;
	/* Of a loop that ended in order none is left. */
	for (uint32_t i = 0; i < refs->slot_count; i++)
		refs->chunks[i / SLOTS_PER_CHUNK][i % SLOTS_PER_CHUNK].ctx = NULL;
	pthread_mutex_unlock(&refs->lock);
}

void ouro_refs_close(struct ouro_worker *worker)
{
	if (!worker->refs)
		return;
	ouro_refs_disown(worker);
	/* From now on nobody posts; what was posted before arrives here. */
	ouro_mailbox_run(&worker->loop.mailbox);
	worker->refs = NULL;
}

/* A resume has arrived. */
static void on_resume(struct ouro_mail *mail)
{
	struct ouro_ref_slot *slot =
		(struct ouro_ref_slot *)(void *)((char *)mail -
						 offsetof(struct ouro_ref_slot, mail));
	struct ouro_refs *refs = slot->refs;
	struct ouro_ctx *ctx;
	int value;
	bool wake;

	pthread_mutex_lock(&refs->lock);
	slot->posted = false;
	ctx = slot->ctx;
	value = slot->value;
	wake = ctx && slot->is_new && ctx->waiting == OURO_WAITING_EVENT;
	if (wake)
		slot->is_new = false;
	if (!ctx) {
		slot->next_free = refs->free_slots;
		refs->free_slots = slot;
	}
	pthread_mutex_unlock(&refs->lock);
	if (!wake)
		return;
	ouro_ctx_wake(ctx, value);
	ouro_h1_advance(ctx);
}

/* More slots. The table's lock is held. */
static bool grow(struct ouro_refs *refs)
{
	size_t chunk_count = refs->slot_count / SLOTS_PER_CHUNK;
	struct ouro_ref_slot **chunks, *chunk;

	if (refs->slot_count == SLOTS_MAX)
		return false;
	chunks = realloc(refs->chunks, (chunk_count + 1) * sizeof(struct ouro_ref_slot *));
	if (!chunks)
		return false;
	refs->chunks = chunks;
	chunk = calloc(SLOTS_PER_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	chunks[chunk_count] = chunk;
	for (uint32_t i = SLOTS_PER_CHUNK; i-- > 0;) {
		chunk[i].refs = refs;
		chunk[i].index = refs->slot_count + i;
		chunk[i].mail.on_arrival = on_resume;
		chunk[i].next_free = refs->free_slots;
		refs->free_slots = &chunk[i];
	}
	refs->slot_count += SLOTS_PER_CHUNK;
	return true;
}

static struct ouro_ref_slot *take_slot(struct ouro_refs *refs, struct ouro_ctx *ctx)
{
	struct ouro_ref_slot *slot = NULL;

	pthread_mutex_lock(&refs->lock);
	if (refs->free_slots || grow(refs)) {
		slot = refs->free_slots;
		refs->free_slots = slot->next_free;
		slot->ctx = ctx;
		slot->is_new = false;
		slot->generation += slot->generation == UINT32_MAX ? 2 : 1;
	}
	pthread_mutex_unlock(&refs->lock);
	return slot;
}

struct ouro_ref ouro_ref(struct ouro_ctx *ctx)
{
	struct ouro_refs *refs = ctx->worker->refs;

	if (!ctx->ref)
		ctx->ref = take_slot(refs, ctx);
	if (!ctx->ref)
		return (struct ouro_ref){ 0 };
	return (struct ouro_ref){ refs->number << SLOT_BITS | ctx->ref->index,
				  ctx->ref->generation };
}

void ouro_ref_drop(struct ouro_ctx *ctx)
{
	struct ouro_ref_slot *slot = ctx->ref;
	struct ouro_refs *refs = slot->refs;

	ctx->ref = NULL;
	pthread_mutex_lock(&refs->lock);
	slot->ctx = NULL;
	if (!slot->posted) {
		slot->next_free = refs->free_slots;
		refs->free_slots = slot;
	}
	pthread_mutex_unlock(&refs->lock);
}

/* The slot that @ref names, with the lock of its table; NULL, without, where its context is gone. */
static struct ouro_ref_slot *lock_slot(struct ouro_ref ref)
{
	struct ouro_refs *refs = atomic_load(&tables[ref.index >> SLOT_BITS]);
	uint32_t index = ref.index & (SLOTS_MAX - 1);
	struct ouro_ref_slot *slot;

	if (!refs || ref.generation == 0)
		return NULL;
	pthread_mutex_lock(&refs->lock);
	if (refs->loop && index < refs->slot_count) {
		slot = &refs->chunks[index / SLOTS_PER_CHUNK][index % SLOTS_PER_CHUNK];
		if (slot->ctx && slot->generation == ref.generation)
			return slot;
	}
	pthread_mutex_unlock(&refs->lock);
	return NULL;
}

int ouro_resume(struct ouro_ref ref, int value)
{
	struct ouro_ref_slot *slot;

	if (value < 0)
		return -EINVAL;
	slot = lock_slot(ref);
	if (!slot)
		return -ENOTCONN;
	slot->value = value;
	slot->is_new = true;
	/* The context is there, so its loop is, and stays while the lock is held. */
	if (!slot->posted) {
		slot->posted = true;
		ouro_loop_post(slot->refs->loop, &slot->mail);
	}
	pthread_mutex_unlock(&slot->refs->lock);
	return 0;
}

/* Looks whether something came before anybody waited, be its mail still on its way. */
static bool take_value(struct ouro_ctx *ctx, int *value)
{
	struct ouro_ref_slot *slot = ctx->ref;
	bool is_new;

	if (!slot)
		return false;
	pthread_mutex_lock(&slot->refs->lock);
	is_new = slot->is_new;
	slot->is_new = false;
	*value = slot->value;
	pthread_mutex_unlock(&slot->refs->lock);
	return is_new;
}

int ouro_wait(struct ouro_ctx *ctx, uint32_t timeout_ms)
{
	int err = ouro_ctx_may_wait(ctx), value;

	if (err)
		return err;
	if (take_value(ctx, &value))
		return value;
	return ouro_ctx_suspend_for(ctx, OURO_WAITING_EVENT, timeout_ms);
}

/* ---- Posting ---- */

struct post {
	struct ouro_mail mail; /* first */
	struct ouro_ref ref;
	ouro_post_fn fn;
	void *arg;
};

static void call_post(struct ouro_ctx *ctx)
{
	const struct post *post = ctx->callback_arg;

	post->fn(ctx, post->arg);
}

static void on_post(struct ouro_mail *mail)
{
	struct post *post = (struct post *)(void *)mail;
	struct ouro_ref_slot *slot = lock_slot(post->ref);
	struct ouro_ctx *ctx = slot ? slot->ctx : NULL;

	if (slot)
		pthread_mutex_unlock(&slot->refs->lock);
	if (ctx) {
		ctx->callback_arg = post;
		ouro_exchange_call(ctx, call_post);
		ouro_h1_advance(ctx);
	} else {
		post->fn(NULL, post->arg);
	}
	free(post);
}

int ouro_post(struct ouro_ref ref, ouro_post_fn fn, void *arg)
{
	struct post *post = malloc(sizeof(*post));
	struct ouro_ref_slot *slot;

	if (!post)
		return -ENOMEM;
	*post = (struct post){ { .on_arrival = on_post }, ref, fn, arg };
	slot = lock_slot(ref);
	if (!slot) {
		free(post);
		return -ENOTCONN;
	}
	ouro_loop_post(slot->refs->loop, &post->mail);
	pthread_mutex_unlock(&slot->refs->lock);
	return 0;
}
