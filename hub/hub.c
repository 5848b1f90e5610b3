/* Beginning and end of a hub, publishing, and what comes from a backend: see hub/hub.h. */
#include "hub/hub.h"

#include "hub/defaults.h"
#include "hub/hash.h"
#include "hub/topic.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>

static void set_defaults(struct ouro_hub_options *options)
{
	OURO_DEFAULT(options->topic_count_max, OURO_HUB_TOPIC_COUNT_DEFAULT);
	OURO_DEFAULT(options->subscriber_count_max, OURO_HUB_SUBSCRIBER_COUNT_DEFAULT);
	OURO_DEFAULT(options->name_bytes_max, OURO_HUB_NAME_BYTES_DEFAULT);
	OURO_DEFAULT(options->message_bytes_max, OURO_HUB_MESSAGE_BYTES_DEFAULT);
	OURO_DEFAULT(options->replay_count_max, OURO_HUB_REPLAY_COUNT_DEFAULT);
	OURO_DEFAULT(options->replay_bytes_max, OURO_HUB_REPLAY_BYTES_DEFAULT);
	OURO_DEFAULT(options->backlog_count_max, OURO_HUB_BACKLOG_COUNT_DEFAULT);
	OURO_DEFAULT(options->backlog_bytes_max, OURO_HUB_BACKLOG_BYTES_DEFAULT);
	OURO_DEFAULT(options->bytes_max, OURO_HUB_BYTES_DEFAULT);
	OURO_DEFAULT(options->retention_ms, OURO_HUB_RETENTION_MS_DEFAULT);
	if (options->replay_count_max == OURO_HUB_NO_REPLAY)
		options->replay_count_max = 0;
}

static bool are_in_range(const struct ouro_hub_options *options)
{
	return options->format_count < OURO_HUB_FORMATS_MAX &&
	       options->name_bytes_max <= OURO_HUB_NAME_BYTES_MAX &&
	       options->message_bytes_max <= OURO_HUB_MESSAGE_BYTES_MAX &&
	       options->replay_count_max <= OURO_HUB_RING_COUNT_MAX &&
	       options->backlog_count_max <= OURO_HUB_RING_COUNT_MAX &&
	       options->origin <= OURO_HUB_ORIGIN_MAX;
}

/* The secret key, and the origin where none is given. 0 or a negative errno. */
static int choose_randomly(struct ouro_hub *hub)
{
	struct {
		uint64_t hash_key[2];
		uint32_t origin;
	} random;

	if (getrandom(&random, sizeof(random), 0) < 0)
		return -errno;
	memcpy(hub->hash_key, random.hash_key, sizeof(hub->hash_key));
	hub->origin = hub->options.origin ? hub->options.origin
					  : random.origin & OURO_HUB_ORIGIN_MAX;
	return 0;
}

int ouro_hub_create(struct ouro_hub **hub, const struct ouro_hub_options *options)
{
	struct ouro_hub_options complete = *options;
	struct ouro_hub *made;
	int err;

	set_defaults(&complete);
	if (!are_in_range(&complete))
		return -EINVAL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->options = complete;
	for (uint32_t i = 0; i < complete.format_count; i++)
		made->formats[i + 1] = complete.formats[i];
	made->options.formats = NULL;
	err = choose_randomly(made);
	if (err) {
		free(made);
		return err;
	}
	/* The default kind of mutex needs no memory and cannot fail. */
	for (size_t i = 0; i < OURO_HUB_SHARD_COUNT; i++)
		pthread_mutex_init(&made->shards[i].lock, NULL);
	*hub = made;
	return 0;
}

void ouro_hub_destroy(struct ouro_hub *hub)
{
	if (!hub)
		return;
	assert(atomic_load(&hub->loop_count) == 0);
	hub->options.retention_ms = 0;
	ouro_hub_sweep(hub);
	assert(atomic_load(&hub->topic_count) == 0);
	assert(atomic_load(&hub->bytes) == 0);
	for (size_t i = 0; i < OURO_HUB_SHARD_COUNT; i++) {
		free(hub->shards[i].buckets);
		pthread_mutex_destroy(&hub->shards[i].lock);
	}
	free(hub);
}

struct ouro_hub_stats ouro_hub_get_stats(struct ouro_hub *hub)
{
	return (struct ouro_hub_stats){
		.topic_count = atomic_load(&hub->topic_count),
		.bytes = atomic_load(&hub->bytes),
	};
}

uint32_t ouro_hub_replay_count(const struct ouro_hub *hub)
{
	return hub->options.replay_count_max;
}

/* ---- Publishing ---- */

/* Locks the shard that @name is in; the topic, or NULL where there is none. */
static struct ouro_hub_topic *lock_topic(struct ouro_hub *hub, struct ouro_str name,
					 struct ouro_hub_shard **shard)
{
	uint64_t hash = ouro_hub_hash(hub->hash_key, name);

	*shard = ouro_hub_shard_of(hub, hash);
	pthread_mutex_lock(&(*shard)->lock);
	return ouro_hub_topic_find(*shard, hash, name);
}

uint32_t ouro_hub_subscriber_count(struct ouro_hub *hub, struct ouro_str name)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);
	uint32_t count = topic ? topic->subscriber_count : 0;

	pthread_mutex_unlock(&shard->lock);
	return count;
}

static int to_int(uint32_t count)
{
	return count > INT_MAX ? INT_MAX : (int)count;
}

static int add_here(struct ouro_hub *hub, struct ouro_str name, struct ouro_hub_message *message)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);
	int result = 0;

	if (topic) {
		ouro_hub_message_set_stamp(message, ouro_hub_id_next(topic->ring.last,
								     ouro_hub_now_ms(hub)));
		result = ouro_hub_topic_add(hub, topic, message, (struct ouro_hub_id){ 0 });
		if (result == 0)
			result = to_int(topic->subscriber_count);
	}
	pthread_mutex_unlock(&shard->lock);
	return result;
}

static int publish_here(struct ouro_hub *hub, struct ouro_str name,
			struct ouro_hub_message *message)
{
	int result = add_here(hub, name, message);

	if (result == -ENOSPC && ouro_hub_give_up_replay(hub, ouro_hub_message_bytes(message)))
		result = add_here(hub, name, message);
	return result;
}

static int publish_everywhere(struct ouro_hub *hub, struct ouro_str name,
			      struct ouro_hub_message *message)
{
	int count = to_int(ouro_hub_subscriber_count(hub, name));
	int err = hub->options.backend->ops->publish(hub->options.backend, name, message);

	return err ? err : count;
}

int ouro_hub_publish(struct ouro_hub *hub, struct ouro_str topic,
		     const struct ouro_hub_content *content)
{
	struct ouro_hub_message *message;
	int result = ouro_hub_check_name(hub, topic);

	if (result)
		return result;
	if (content->data.len > hub->options.message_bytes_max)
		return -EMSGSIZE;
	result = ouro_hub_message_create(content, &message);
	if (result)
		return result;
	result = hub->options.backend ? publish_everywhere(hub, topic, message)
				      : publish_here(hub, topic, message);
	ouro_hub_message_unref(message);
	return result;
}

/* ---- From the backend ---- */

/* The greatest id that is less. */
static struct ouro_hub_id just_before(struct ouro_hub_id id)
{
	return id.seq > 0 ? (struct ouro_hub_id){ id.ms, id.seq - 1 }
			  : (struct ouro_hub_id){ id.ms - 1, UINT64_MAX };
}

/* The topic begins with a message @stamp, which came after that of @before. Where nothing is
 * known to have been before it, whoever has had something earlier had it before the backend lost
 * all. */
static void begin_at(struct ouro_hub_topic *topic, struct ouro_hub_id stamp,
		     struct ouro_hub_id before)
{
	topic->ring.last = before;
	topic->began = before;
	if (ouro_hub_id_is_zero(before))
		topic->began = just_before(stamp);
	topic->ring.floor = topic->began;
}

/* The gap that a message @stamp has before it, which came after that of @before. Where the backend
 * knows nothing of the last one here, nobody knows what else was lost since. */
static struct ouro_hub_id gap_before(const struct ouro_hub_ring *ring, struct ouro_hub_id stamp,
				     struct ouro_hub_id before)
{
	if (ouro_hub_id_eq(before, ring->last))
		return (struct ouro_hub_id){ 0 };
	return ouro_hub_id_is_before(ring->last, before) ? before : just_before(stamp);
}

static int arrive(struct ouro_hub *hub, struct ouro_hub_topic *topic,
		  struct ouro_hub_message *message, struct ouro_hub_id before)
{
	struct ouro_hub_id stamp = ouro_hub_message_stamp(message);

	if (ouro_hub_message_content(message)->data.len > hub->options.message_bytes_max)
		return -EMSGSIZE;
	/* Had before; or it comes from a backend that contradicts itself. */
	if (!ouro_hub_id_is_before(topic->ring.last, stamp) ||
	    !ouro_hub_id_is_before(before, stamp))
		return 0;
	if (ouro_hub_id_is_zero(topic->ring.last) &&
	    (topic->is_loading || ouro_hub_id_is_zero(before)))
		begin_at(topic, stamp, before);
	return ouro_hub_topic_add(hub, topic, message, gap_before(&topic->ring, stamp, before));
}

static int try_arrive(struct ouro_hub *hub, struct ouro_str name, struct ouro_hub_message *message,
		      struct ouro_hub_id before)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);
	int err = topic ? arrive(hub, topic, message, before) : -ENOENT;

	pthread_mutex_unlock(&shard->lock);
	return err;
}

int ouro_hub_arrive(struct ouro_hub *hub, struct ouro_str name, struct ouro_hub_message *message,
		    struct ouro_hub_id before)
{
	int err = try_arrive(hub, name, message, before);

	if (err == -ENOSPC && ouro_hub_give_up_replay(hub, ouro_hub_message_bytes(message)))
		err = try_arrive(hub, name, message, before);
	return err;
}

static void load(struct ouro_hub_topic *topic)
{
	struct ouro_hub_list *link;

	topic->is_loading = false;
	topic->loaded = topic->ring.last;
	for (link = topic->parts.next; link != &topic->parts; link = link->next) {
		struct ouro_hub_part *part =
			OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_topic);

		part->cursor = topic->ring.last;
		ouro_hub_part_ring(part);
	}
}

void ouro_hub_loaded(struct ouro_hub *hub, struct ouro_str name)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);

	if (topic && topic->is_loading)
		load(topic);
	pthread_mutex_unlock(&shard->lock);
}

void ouro_hub_restart(struct ouro_hub *hub, struct ouro_str name)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);

	if (topic) {
		ouro_hub_topic_clear(hub, topic);
		topic->is_loading = true;
		topic->life++;
	}
	pthread_mutex_unlock(&shard->lock);
}

void ouro_hub_refreshed(struct ouro_hub *hub, struct ouro_str name, uint32_t number)
{
	struct ouro_hub_shard *shard;
	struct ouro_hub_topic *topic = lock_topic(hub, name, &shard);
	struct ouro_hub_list *link;

	if (topic) {
		for (link = topic->parts.next; link != &topic->parts; link = link->next) {
			struct ouro_hub_part *part =
				OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_topic);

			part->refreshed = number;
			ouro_hub_part_ring(part);
		}
	}
	pthread_mutex_unlock(&shard->lock);
}
