/* A loop fetches what its subscribers have not had, and hands it to them: see hub/hub.h. */
#include "hub/topic.h"

#include <errno.h>
#include <stdlib.h>

enum {
	BATCH_COUNT_MAX = 32, /* messages fetched at once, for as many as have the topic */
	/* A turn sends what was delivered in it: so many connections have output at once, however many
	 * subscribe, and the memory for it stays small and warm. */
	RUN_DELIVERIES_MAX = 256,
};

/* A message that stands in the loop's memory as a buffer: one of the message's references. */
struct wrap {
	struct ouro_buf buf; /* first */
	struct ouro_hub_message *message;
};

/* Messages that were fetched, each with a reference. */
struct batch {
	struct ouro_hub_kept kept[BATCH_COUNT_MAX];
	uint32_t count;
	struct ouro_hub_id lost_up_to; /* before the first; zero: nothing is lost */
};

/* How the ring was when it was looked at for those who are live. */
struct outlook {
	struct ouro_hub_id floor, last;
	uint32_t
		refreshed; /* those who are ahead of it from no later are to be looked at; 0: none */
	uint32_t life;     /* those of another have to begin again */
	bool is_restarted; /* there are such */
};

/* ---- Beginning and end ---- */

int ouro_hub_loop_create(struct ouro_hub *hub, ouro_hub_wake_fn wake, void *arg,
			 struct ouro_hub_loop **loop)
{
	struct ouro_hub_loop *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->hub = hub;
	made->wake = wake;
	made->wake_arg = arg;
	pthread_mutex_init(&made->lock, NULL);
	ouro_hub_list_init(&made->ready);
	ouro_pool_init(&made->wraps, sizeof(struct wrap));
	atomic_fetch_add(&hub->loop_count, 1);
	*loop = made;
	return 0;
}

void ouro_hub_loop_close(struct ouro_hub_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	assert(ouro_hub_list_is_empty(&loop->ready));
	loop->is_closed = true;
	pthread_mutex_unlock(&loop->lock);
}

void ouro_hub_loop_abandon(struct ouro_hub_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	/* It is never run again, so nobody wakes it either. */
	loop->is_rung = true;
	pthread_mutex_unlock(&loop->lock);
}

void ouro_hub_loop_destroy(struct ouro_hub_loop *loop)
{
	if (!loop)
		return;
	assert(loop->is_closed);
	ouro_pool_fini(&loop->wraps);
	pthread_mutex_destroy(&loop->lock);
	atomic_fetch_sub(&loop->hub->loop_count, 1);
	free(loop);
}

/* ---- Buffers ---- */

static void release_wrap(struct ouro_buf *buf)
{
	struct wrap *wrap = (struct wrap *)(void *)buf;
	struct ouro_hub_loop *loop = buf->owner;

	ouro_hub_message_unref(wrap->message);
	ouro_pool_put(&loop->wraps, wrap);
}

static int wrap_message(struct ouro_hub_loop *loop, struct ouro_hub_message *message,
			uint32_t format, struct ouro_slice *slice)
{
	struct ouro_str bytes = ouro_hub_message_content(message)->data;
	struct wrap *wrap;
	int err = 0;

	if (format != OURO_HUB_PLAIN)
		err = ouro_hub_message_encoded(message, format, &loop->hub->formats[format],
					       loop->wake_arg, &bytes);
	if (err)
		return err;
	wrap = ouro_pool_get(&loop->wraps);
	if (!wrap)
		return -ENOMEM;
	*wrap = (struct wrap){
		.buf = {
			/* Nobody writes to it: whoever has a buffer of this kind only reads. */
			.data = (char *)(uintptr_t)bytes.ptr,
			.size = (uint32_t)bytes.len,
			.len = (uint32_t)bytes.len,
			.refs = 1,
			.release = release_wrap,
			.owner = loop,
		},
		.message = ouro_hub_message_ref(message),
	};
	*slice = (struct ouro_slice){ bytes.ptr, bytes.len, &wrap->buf };
	return 0;
}

/* ---- Handing over ---- */

/* Tells @sub; true where it is still subscribed. */
static bool tell_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	struct ouro_hub_loop *loop = sub->part->loop;

	loop->current = sub;
	sub->ops->on_gap(sub, up_to);
	return loop->current == sub;
}

/* @message as @sub has it; NULL where it cannot have it. @slices are what the message was wrapped in so
 * far, by format. */
static const struct ouro_slice *wrap_for(struct ouro_hub_loop *loop,
					 const struct ouro_subscription *sub,
					 struct ouro_hub_message *message,
					 struct ouro_slice *slices)
{
	size_t len = ouro_hub_message_content(message)->data.len;
	uint32_t format = sub->preferred;

	if (format != OURO_HUB_PLAIN && len >= sub->preferred_bytes_min &&
	    (slices[format].buf || !wrap_message(loop, message, format, &slices[format])))
		return &slices[format];
	format = sub->format;
	if (!slices[format].buf && wrap_message(loop, message, format, &slices[format]))
		return NULL;
	return &slices[format];
}

/* Hands a message to @sub; true where it is still subscribed. @slices as above. */
static bool hand(struct ouro_subscription *sub, const struct ouro_hub_kept *kept,
		 struct ouro_slice *slices)
{
	struct ouro_hub_loop *loop = sub->part->loop;
	const struct ouro_slice *slice;
	struct ouro_hub_id stamp = ouro_hub_message_stamp(kept->message);
	/* It may have had elsewhere what was lost here. */
	bool is_gap = ouro_hub_id_is_before(sub->position, kept->gap);

	loop->delivered++;
	sub->position = stamp;
	if (is_gap && !tell_gap(sub, kept->gap))
		return false;
	slice = wrap_for(loop, sub, kept->message, slices);
	if (!slice)
		return tell_gap(sub, stamp);
	loop->current = sub;
	sub->ops->on_message(sub, kept->message, *slice);
	return loop->current == sub;
}

static void drop_slices(struct ouro_slice *slices)
{
	for (size_t i = 0; i < OURO_HUB_FORMATS_MAX; i++)
		ouro_buf_unref(slices[i].buf);
}

static struct ouro_subscription *next_visit(struct ouro_hub_part *part)
{
	struct ouro_hub_list *link = part->visit;

	if (link == &part->live)
		return NULL;
	part->visit = link->next;
	return OURO_HUB_LIST_ENTRY(link, struct ouro_subscription, link);
}

/* Hands @kept to the live ones from the next on, or to so many of them that others must have their turn
 * before the rest. */
static void hand_to_live(struct ouro_hub_part *part, const struct ouro_hub_kept *kept)
{
	struct ouro_slice slices[OURO_HUB_FORMATS_MAX] = { 0 };
	struct ouro_hub_id stamp = ouro_hub_message_stamp(kept->message);
	uint32_t delivered_max = part->loop->delivered + RUN_DELIVERIES_MAX;
	struct ouro_subscription *sub;

	while (part->loop->delivered < delivered_max && (sub = next_visit(part)))
		/* It may have come after this message, or had it while it was behind. */
		if (!sub->ahead && ouro_hub_id_is_before(sub->position, stamp))
			hand(sub, kept, slices);
	drop_slices(slices);
}

static void tell_live_of_gap(struct ouro_hub_part *part, struct ouro_hub_id up_to)
{
	struct ouro_subscription *sub;

	part->visit = part->live.next;
	while ((sub = next_visit(part)))
		if (!sub->ahead && ouro_hub_id_is_before(sub->position, up_to)) {
			sub->position = up_to;
			tell_gap(sub, up_to);
		}
}

/* ---- Fetching ---- */

static struct ouro_hub_shard *lock(struct ouro_hub_part *part)
{
	struct ouro_hub_shard *shard = ouro_hub_shard_of(part->loop->hub, part->topic->hash);

	pthread_mutex_lock(&shard->lock);
	return shard;
}

/* Fetches what comes after @position, @count_max at most; the lock is held. */
static void fetch(const struct ouro_hub_topic *topic, struct ouro_hub_id position,
		  uint32_t count_max, struct batch *batch)
{
	const struct ouro_hub_ring *ring = &topic->ring;
	uint32_t index;

	if (ouro_hub_id_is_zero(position))
		position = topic->began;
	index = ouro_hub_ring_after(ring, position);
	batch->count = 0;
	batch->lost_up_to = (struct ouro_hub_id){ 0 };
	if (ouro_hub_id_is_before(position, ring->floor))
		batch->lost_up_to = ring->floor;
	while (index < ring->count && batch->count < count_max) {
		struct ouro_hub_kept *kept = ouro_hub_ring_at(ring, index++);

		ouro_hub_message_ref(kept->message);
		batch->kept[batch->count++] = *kept;
	}
}

static uint32_t batch_count(const struct ouro_hub_part *part)
{
	uint32_t count = RUN_DELIVERIES_MAX / (part->live_count + 1);

	return count > BATCH_COUNT_MAX ? BATCH_COUNT_MAX : count > 0 ? count : 1;
}

/* What is to be known for who cannot go on from where it was; the lock is held. */
static void look_out(struct ouro_hub_part *part, struct outlook *outlook)
{
	*outlook = (struct outlook){
		.floor = part->topic->ring.floor,
		.last = part->topic->ring.last,
		.refreshed = part->refreshed,
		.life = part->topic->life,
		.is_restarted = part->life != part->topic->life,
	};
	part->refreshed = 0;
	part->life = part->topic->life;
}

static void fetch_for_live(struct ouro_hub_part *part, struct batch *batch, struct outlook *outlook)
{
	struct ouro_hub_shard *shard = lock(part);
	struct ouro_hub_topic *topic = part->topic;

	part->is_ready = false;
	batch->count = 0;
	batch->lost_up_to = (struct ouro_hub_id){ 0 };
	*outlook = (struct outlook){ 0 };
	if (topic->is_loading || part->rest.message)
		goto unlock;
	look_out(part, outlook);
	if (ouro_hub_list_is_empty(&part->live) || outlook->is_restarted)
		part->cursor = topic->ring.last;
	else
		fetch(topic, part->cursor, batch_count(part), batch);
	if (batch->count > 0)
		part->cursor = ouro_hub_message_stamp(batch->kept[batch->count - 1].message);
	ouro_hub_topic_trim(part->loop->hub, topic);
unlock:
	pthread_mutex_unlock(&shard->lock);
}

/* The message of @part->rest, of which the reference is taken, unless it is still not all's. */
static void hand_rest(struct ouro_hub_part *part)
{
	hand_to_live(part, &part->rest);
	if (part->visit != &part->live)
		return;
	ouro_hub_message_unref(part->rest.message);
	part->rest.message = NULL;
}

static void begin_again(struct ouro_subscription *sub, const struct outlook *outlook)
{
	sub->position = outlook->floor;
	sub->life = outlook->life;
	sub->is_late = true;
}

/* Whether it is known why @sub was ahead. */
static bool is_found_out(const struct ouro_subscription *sub, const struct outlook *outlook)
{
	return sub->ahead && outlook->refreshed && (int32_t)(outlook->refreshed - sub->ahead) >= 0;
}

/* Where @sub is ahead no more: it is behind, by what has come meanwhile, or by all that there is. */
static void end_ahead(struct ouro_subscription *sub, const struct outlook *outlook)
{
	sub->ahead = 0;
	sub->life = outlook->life;
	if (ouro_hub_id_is_before(outlook->last, sub->position))
		begin_again(sub, outlook);
}

static void move_to_behind(struct ouro_hub_part *part, struct ouro_subscription *sub)
{
	ouro_hub_list_remove(&sub->link);
	ouro_hub_list_add(&part->behind, &sub->link);
	sub->is_behind = true;
	part->live_count--;
}

/* Takes those out of the live ones who cannot go on with them. */
static void sort_out(struct ouro_hub_part *part, const struct outlook *outlook)
{
	struct ouro_subscription *sub;
	struct ouro_hub_list *link;

	if (!outlook->is_restarted && !outlook->refreshed)
		return;
	for (link = part->behind.next; link != &part->behind; link = link->next) {
		sub = OURO_HUB_LIST_ENTRY(link, struct ouro_subscription, link);
		if (!sub->is_waiting && sub->life != outlook->life)
			begin_again(sub, outlook);
	}
	for (link = part->live.next; link != &part->live;) {
		sub = OURO_HUB_LIST_ENTRY(link, struct ouro_subscription, link);
		link = link->next;
		if (is_found_out(sub, outlook))
			end_ahead(sub, outlook);
		else if (!sub->ahead && sub->life != outlook->life)
			begin_again(sub, outlook);
		else
			continue;
		move_to_behind(part, sub);
	}
}

static void run_live(struct ouro_hub_part *part)
{
	struct outlook outlook;
	struct batch batch;

	fetch_for_live(part, &batch, &outlook);
	sort_out(part, &outlook);
	if (!ouro_hub_id_is_zero(batch.lost_up_to))
		tell_live_of_gap(part, batch.lost_up_to);
	if (part->rest.message)
		hand_rest(part);
	for (uint32_t i = 0; i < batch.count; i++) {
		part->rest = batch.kept[i];
		part->visit = part->live.next;
		hand_rest(part);
		/* Only a message that was fetched alone is for so many. */
		assert(!part->rest.message || batch.count == 1);
	}
}

/* ---- Those behind ---- */

/* False while the topic is loaded, or has begun anew since the live ones were looked at. */
static bool fetch_for(struct ouro_subscription *sub, struct batch *batch)
{
	struct ouro_hub_topic *topic = sub->part->topic;
	struct ouro_hub_shard *shard = lock(sub->part);
	bool is_served = !topic->is_loading && topic->life == sub->part->life;

	if (is_served) {
		if (sub->is_waiting)
			ouro_hub_subscription_begin(sub);
		fetch(topic, sub->position, BATCH_COUNT_MAX, batch);
	}
	pthread_mutex_unlock(&shard->lock);
	return is_served;
}

/* Hands @batch to @sub as far as it stays; true where it has stayed. */
static bool hand_batch(struct ouro_subscription *sub, const struct batch *batch)
{
	bool stays = true;

	if (!ouro_hub_id_is_zero(batch->lost_up_to)) {
		sub->position = batch->lost_up_to;
		sub->is_late = true;
	}
	if (sub->is_late) {
		sub->is_late = false;
		stays = tell_gap(sub, sub->position);
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		struct ouro_slice slices[OURO_HUB_FORMATS_MAX] = { 0 };

		if (stays)
			stays = hand(sub, &batch->kept[i], slices);
		drop_slices(slices);
		ouro_hub_message_unref(batch->kept[i].message);
	}
	return stays;
}

static void move_to_live(struct ouro_hub_part *part, struct ouro_subscription *sub)
{
	ouro_hub_list_remove(&sub->link);
	ouro_hub_list_add(&part->live, &sub->link);
	sub->is_behind = false;
	part->live_count++;
}

/* Each of them once, and at least one, however much was handed to the others. Who had their turn are
 * the last to have the next. */
static void run_behind(struct ouro_hub_part *part)
{
	struct ouro_hub_list turn;
	struct batch batch;

	ouro_hub_list_init(&turn);
	ouro_hub_list_add_all(&turn, &part->behind);
	while (!ouro_hub_list_is_empty(&turn)) {
		struct ouro_subscription *sub =
			OURO_HUB_LIST_ENTRY(turn.next, struct ouro_subscription, link);

		if (!fetch_for(sub, &batch))
			break;
		/* Before it is told anything: it may go, or all others may. */
		ouro_hub_list_remove(&sub->link);
		ouro_hub_list_add(&part->behind, &sub->link);
		/* There need be no message to keep the loop busy. */
		part->loop->delivered++;
		if (hand_batch(sub, &batch) && !ouro_hub_id_is_before(sub->position, part->cursor))
			move_to_live(part, sub);
		if (part->loop->delivered >= RUN_DELIVERIES_MAX)
			break;
	}
	ouro_hub_list_add_all(&turn, &part->behind);
	ouro_hub_list_add_all(&part->behind, &turn);
}

/* ---- Running ---- */

static void finish(struct ouro_hub_part *part)
{
	struct ouro_hub_topic *topic = part->topic;
	struct ouro_hub_shard *shard = lock(part);

	part->is_delivering = false;
	if (ouro_hub_part_is_empty(part))
		ouro_hub_part_free(part);
	else if (!topic->is_loading &&
		 (part->rest.message || !ouro_hub_list_is_empty(&part->behind) ||
		  ouro_hub_id_is_before(part->cursor, topic->ring.last)))
		ouro_hub_part_ring(part);
	pthread_mutex_unlock(&shard->lock);
}

static void run_part(struct ouro_hub_part *part)
{
	part->is_delivering = true;
	run_live(part);
	run_behind(part);
	finish(part);
}

/* Takes what is ready. What is rung for from here on wakes the loop again. */
static void take_ready(struct ouro_hub_loop *loop, struct ouro_hub_list *ready)
{
	ouro_hub_list_init(ready);
	pthread_mutex_lock(&loop->lock);
	ouro_hub_list_add_all(ready, &loop->ready);
	loop->is_rung = false;
	pthread_mutex_unlock(&loop->lock);
}

/* Gives back what this run has not come to, before what was rung for meanwhile. */
static void give_back(struct ouro_hub_loop *loop, struct ouro_hub_list *ready)
{
	if (ouro_hub_list_is_empty(ready))
		return;
	pthread_mutex_lock(&loop->lock);
	ouro_hub_list_add_all(ready, &loop->ready);
	ouro_hub_list_add_all(&loop->ready, ready);
	if (!loop->is_rung)
		loop->wake(loop->wake_arg);
	loop->is_rung = true;
	pthread_mutex_unlock(&loop->lock);
}

void ouro_hub_loop_run(struct ouro_hub_loop *loop)
{
	struct ouro_hub_list ready;

	assert(!loop->is_running);
	loop->is_running = true;
	loop->delivered = 0;
	take_ready(loop, &ready);
	while (!ouro_hub_list_is_empty(&ready) && loop->delivered < RUN_DELIVERIES_MAX) {
		struct ouro_hub_list *link = ready.next;

		ouro_hub_list_remove(link);
		run_part(OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_ready));
	}
	give_back(loop, &ready);
	loop->current = NULL;
	loop->is_running = false;
}
