/* The table of topics: see hub/topic.h. */
#include "hub/topic.h"

#include "hub/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { BUCKET_COUNT_MIN = 16, SWEEP_MS_MIN = 100 };

uint64_t ouro_hub_now_ms(const struct ouro_hub *hub)
{
	struct timespec now;

	if (hub->options.clock_ms)
		return hub->options.clock_ms(hub->options.clock_arg);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int ouro_hub_check_name(const struct ouro_hub *hub, struct ouro_str name)
{
	if (name.len == 0)
		return -EINVAL;
	return name.len > hub->options.name_bytes_max ? -ENAMETOOLONG : 0;
}

/* ---- The table ---- */

static struct ouro_hub_topic **bucket_of(const struct ouro_hub_shard *shard, uint64_t hash)
{
	return &shard->buckets[hash & (shard->bucket_count - 1)];
}

struct ouro_hub_topic *ouro_hub_topic_find(struct ouro_hub_shard *shard, uint64_t hash,
					   struct ouro_str name)
{
	struct ouro_hub_topic *topic = shard->bucket_count ? *bucket_of(shard, hash) : NULL;

	while (topic && (topic->hash != hash || !ouro_str_eq(ouro_hub_topic_name(topic), name)))
		topic = topic->next;
	return topic;
}

static int grow_buckets(struct ouro_hub_shard *shard)
{
	struct ouro_hub_shard grown = *shard;

	grown.bucket_count = shard->bucket_count ? shard->bucket_count * 2 : BUCKET_COUNT_MIN;
	grown.buckets = calloc(grown.bucket_count, sizeof(*grown.buckets));
	if (!grown.buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < shard->bucket_count; i++) {
		struct ouro_hub_topic *topic = shard->buckets[i], *next;

		for (; topic; topic = next) {
			struct ouro_hub_topic **bucket = bucket_of(&grown, topic->hash);

			next = topic->next;
			topic->next = *bucket;
			*bucket = topic;
		}
	}
	free(shard->buckets);
	shard->buckets = grown.buckets;
	shard->bucket_count = grown.bucket_count;
	return 0;
}

/* Counts one more topic; false where there are too many. */
static bool count_topic(struct ouro_hub *hub)
{
	uint32_t count = atomic_fetch_add(&hub->topic_count, 1);

	if (count < hub->options.topic_count_max)
		return true;
	atomic_fetch_sub(&hub->topic_count, 1);
	return false;
}

/* Where a new topic begins: after every id that one of its name can have had before. */
static struct ouro_hub_id beginning(struct ouro_hub *hub)
{
	uint64_t now_ms = ouro_hub_now_ms(hub), newest_ms = atomic_load(&hub->newest_ms);

	return (struct ouro_hub_id){ now_ms > newest_ms ? now_ms : newest_ms + 1, hub->origin };
}

int ouro_hub_topic_create(struct ouro_hub *hub, uint64_t hash, struct ouro_str name,
			  struct ouro_hub_topic **topic)
{
	struct ouro_hub_shard *shard = ouro_hub_shard_of(hub, hash);
	struct ouro_hub_backend *backend = hub->options.backend;
	struct ouro_hub_topic *made, **bucket;
	int err = -ENOMEM;

	if (!count_topic(hub))
		return -ENOSPC;
	if (shard->topic_count == shard->bucket_count && grow_buckets(shard))
		goto uncount;
	made = malloc(sizeof(*made) + name.len);
	if (!made)
		goto uncount;
	*made = (struct ouro_hub_topic){ .hash = hash, .name_len = name.len };
	memcpy(made->name, name.ptr, name.len);
	ouro_hub_list_init(&made->parts);
	if (backend) {
		made->is_loading = true;
		err = backend->ops->want(backend, name, &made->follow);
		if (err)
			goto free_made;
	} else {
		made->ring.floor = made->ring.last = beginning(hub);
	}
	bucket = bucket_of(shard, hash);
	made->next = *bucket;
	*bucket = made;
	shard->topic_count++;
	*topic = made;
	return 0;

free_made:
	free(made);
uncount:
	atomic_fetch_sub(&hub->topic_count, 1);
	return err;
}

/* Takes a topic without parts, which *@at is, out of its bucket and frees it. */
static void let_go(struct ouro_hub *hub, struct ouro_hub_shard *shard, struct ouro_hub_topic **at)
{
	struct ouro_hub_topic *topic = *at;
	uint64_t newest_ms = atomic_load(&hub->newest_ms);

	assert(ouro_hub_list_is_empty(&topic->parts));
	while (topic->ring.last.ms > newest_ms &&
	       !atomic_compare_exchange_weak(&hub->newest_ms, &newest_ms, topic->ring.last.ms))
		;
	if (hub->options.backend)
		hub->options.backend->ops->unwant(hub->options.backend, topic->follow);
	*at = topic->next;
	shard->topic_count--;
	atomic_fetch_sub(&hub->bytes, topic->ring.bytes);
	ouro_hub_ring_fini(&topic->ring);
	free(topic);
	atomic_fetch_sub(&hub->topic_count, 1);
}

static bool is_over(const struct ouro_hub *hub, struct ouro_hub_topic *topic, uint64_t now_ms)
{
	if (!ouro_hub_list_is_empty(&topic->parts))
		return false;
	/* The wall clock may have been set back. */
	if (topic->empty_since_ms > now_ms)
		topic->empty_since_ms = now_ms;
	return now_ms - topic->empty_since_ms >= hub->options.retention_ms;
}

static uint32_t sweep_shard(struct ouro_hub *hub, struct ouro_hub_shard *shard, uint64_t now_ms)
{
	uint32_t count = 0;

	pthread_mutex_lock(&shard->lock);
	for (uint32_t i = 0; i < shard->bucket_count; i++) {
		struct ouro_hub_topic **at = &shard->buckets[i];

		while (*at) {
			if (is_over(hub, *at, now_ms)) {
				let_go(hub, shard, at);
				count++;
			} else {
				at = &(*at)->next;
			}
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return count;
}

uint32_t ouro_hub_sweep(struct ouro_hub *hub)
{
	uint64_t now_ms = ouro_hub_now_ms(hub);
	uint32_t count = 0;

	for (size_t i = 0; i < OURO_HUB_SHARD_COUNT; i++)
		count += sweep_shard(hub, &hub->shards[i], now_ms);
	return count;
}

/* Whether @then_ms is less than SWEEP_MS_MIN ago. */
static bool is_a_moment_ago(uint64_t then_ms, uint64_t now_ms)
{
	/* The wall clock may have been set back. */
	return now_ms >= then_ms && now_ms - then_ms < SWEEP_MS_MIN;
}

void ouro_hub_make_room(struct ouro_hub *hub)
{
	uint64_t now_ms, swept_ms;

	if (atomic_load(&hub->topic_count) < hub->options.topic_count_max)
		return;
	now_ms = ouro_hub_now_ms(hub);
	swept_ms = atomic_load(&hub->swept_ms);
	if (is_a_moment_ago(swept_ms, now_ms))
		return;
	/* Of several that come at once, one does it. */
	if (atomic_compare_exchange_strong(&hub->swept_ms, &swept_ms, now_ms))
		ouro_hub_sweep(hub);
}

/* ---- What a topic keeps ---- */

static void drop_oldest(struct ouro_hub *hub, struct ouro_hub_topic *topic)
{
	size_t bytes = topic->ring.bytes;

	ouro_hub_ring_drop_oldest(&topic->ring);
	atomic_fetch_sub(&hub->bytes, bytes - topic->ring.bytes);
}

void ouro_hub_topic_clear(struct ouro_hub *hub, struct ouro_hub_topic *topic)
{
	while (topic->ring.count > 0)
		drop_oldest(hub, topic);
	topic->ring.floor = topic->ring.last = topic->began = (struct ouro_hub_id){ 0 };
}

/* How many of the oldest messages no loop has to fetch any more. */
static uint32_t fetched_count(const struct ouro_hub_topic *topic)
{
	uint32_t count = topic->ring.count;
	const struct ouro_hub_list *link;

	/* While it is loaded nobody is served, and all of it is for those who will be. */
	if (topic->is_loading)
		return count;
	for (link = topic->parts.next; link != &topic->parts; link = link->next) {
		struct ouro_hub_part *part =
			OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_topic);
		uint32_t fetched = ouro_hub_ring_after(&topic->ring, part->cursor);

		if (fetched < count)
			count = fetched;
	}
	return count;
}

static bool is_within(const struct ouro_hub_ring *ring, uint32_t count_max, size_t bytes_max)
{
	return ring->count <= count_max && ring->bytes <= bytes_max;
}

void ouro_hub_topic_trim(struct ouro_hub *hub, struct ouro_hub_topic *topic)
{
	const struct ouro_hub_options *options = &hub->options;
	const struct ouro_hub_ring *ring = &topic->ring;
	uint32_t fetched;

	if (is_within(ring, options->replay_count_max, options->replay_bytes_max))
		return;
	fetched = fetched_count(topic);
	while (ring->count > 0 &&
	       !is_within(ring, options->replay_count_max, options->replay_bytes_max) &&
	       (fetched > 0 ||
		!is_within(ring, options->backlog_count_max, options->backlog_bytes_max))) {
		drop_oldest(hub, topic);
		if (fetched > 0)
			fetched--;
	}
}

/* Counts @bytes more for the hub, giving up replay in this topic where there is no room for
 * them. */
static int reserve(struct ouro_hub *hub, struct ouro_hub_topic *topic, size_t bytes)
{
	uint32_t fetched;

	if (bytes > hub->options.bytes_max)
		return -ENOSPC;
	if (atomic_fetch_add(&hub->bytes, bytes) + bytes <= hub->options.bytes_max)
		return 0;
	for (fetched = fetched_count(topic); fetched > 0; fetched--) {
		drop_oldest(hub, topic);
		if (atomic_load(&hub->bytes) <= hub->options.bytes_max)
			return 0;
	}
	atomic_fetch_sub(&hub->bytes, bytes);
	return -ENOSPC;
}

/* Gives up the older half of what the topics of @shard keep for replay alone. */
static void give_up_half(struct ouro_hub *hub, struct ouro_hub_shard *shard)
{
	pthread_mutex_lock(&shard->lock);
	for (uint32_t i = 0; i < shard->bucket_count; i++)
		for (struct ouro_hub_topic *topic = shard->buckets[i]; topic; topic = topic->next) {
			uint32_t fetched = topic->ring.count > 0 ? fetched_count(topic) : 0;

			for (uint32_t left = fetched / 2; fetched > left; fetched--)
				drop_oldest(hub, topic);
		}
	pthread_mutex_unlock(&shard->lock);
}

static bool has_room(const struct ouro_hub *hub, size_t bytes)
{
	return atomic_load(&hub->bytes) <= hub->options.bytes_max - bytes;
}

bool ouro_hub_give_up_replay(struct ouro_hub *hub, size_t bytes)
{
	uint64_t now_ms = ouro_hub_now_ms(hub);
	size_t before;

	if (bytes > hub->options.bytes_max || is_a_moment_ago(atomic_load(&hub->full_ms), now_ms))
		return false;
	/* Half of what there is each time around. */
	do {
		before = atomic_load(&hub->bytes);
		for (size_t i = 0; i < OURO_HUB_SHARD_COUNT && !has_room(hub, bytes); i++)
			give_up_half(hub, &hub->shards[atomic_fetch_add(&hub->next_to_give, 1) %
						       OURO_HUB_SHARD_COUNT]);
	} while (!has_room(hub, bytes) && atomic_load(&hub->bytes) < before);
	if (has_room(hub, bytes))
		return true;
	atomic_store(&hub->full_ms, now_ms);
	return false;
}

int ouro_hub_topic_add(struct ouro_hub *hub, struct ouro_hub_topic *topic,
		       struct ouro_hub_message *message, struct ouro_hub_id gap)
{
	size_t bytes = ouro_hub_message_bytes(message);
	int err = reserve(hub, topic, bytes);

	if (err)
		return err;
	err = ouro_hub_ring_add(&topic->ring, message, gap);
	if (err) {
		atomic_fetch_sub(&hub->bytes, bytes);
		return err;
	}
	ouro_hub_topic_trim(hub, topic);
	if (topic->is_loading)
		return 0;
	for (struct ouro_hub_list *link = topic->parts.next; link != &topic->parts;
	     link = link->next)
		ouro_hub_part_ring(OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_topic));
	return 0;
}

void ouro_hub_part_ring(struct ouro_hub_part *part)
{
	struct ouro_hub_loop *loop = part->loop;

	if (part->is_ready)
		return;
	part->is_ready = true;
	pthread_mutex_lock(&loop->lock);
	assert(!loop->is_closed);
	ouro_hub_list_add(&loop->ready, &part->in_ready);
	/* Under the lock: when the loop has been closed nobody is still about to wake it. */
	if (!loop->is_rung)
		loop->wake(loop->wake_arg);
	loop->is_rung = true;
	pthread_mutex_unlock(&loop->lock);
}
