/* Subscribers come and go: see hub/hub.h. */
#include "hub/topic.h"

#include "hub/hash.h"

#include <errno.h>
#include <stdlib.h>

struct ouro_str ouro_subscription_topic(const struct ouro_subscription *sub)
{
	return ouro_hub_topic_name(sub->part->topic);
}

/* ---- Parts, with the shard's lock held ---- */

static struct ouro_hub_part *find_part(struct ouro_hub_topic *topic,
				       const struct ouro_hub_loop *loop)
{
	/* As many as there are loops at most. */
	for (struct ouro_hub_list *link = topic->parts.next; link != &topic->parts;
	     link = link->next) {
		struct ouro_hub_part *part =
			OURO_HUB_LIST_ENTRY(link, struct ouro_hub_part, in_topic);

		if (part->loop == loop)
			return part;
	}
	return NULL;
}

static struct ouro_hub_part *create_part(struct ouro_hub_topic *topic, struct ouro_hub_loop *loop)
{
	struct ouro_hub_part *part = malloc(sizeof(*part));

	if (!part)
		return NULL;
	*part = (struct ouro_hub_part){
		.topic = topic,
		.loop = loop,
		.cursor = topic->ring.last,
		.life = topic->life,
	};
	ouro_hub_list_init(&part->in_ready);
	ouro_hub_list_init(&part->live);
	ouro_hub_list_init(&part->behind);
	part->visit = &part->live;
	ouro_hub_list_add(&topic->parts, &part->in_topic);
	return part;
}

bool ouro_hub_part_is_empty(const struct ouro_hub_part *part)
{
	return ouro_hub_list_is_empty(&part->live) && ouro_hub_list_is_empty(&part->behind);
}

void ouro_hub_part_free(struct ouro_hub_part *part)
{
	struct ouro_hub_topic *topic = part->topic;
	struct ouro_hub_loop *loop = part->loop;

	ouro_hub_list_remove(&part->in_topic);
	pthread_mutex_lock(&loop->lock);
	ouro_hub_list_remove(&part->in_ready);
	pthread_mutex_unlock(&loop->lock);
	ouro_hub_message_unref(part->rest.message);
	free(part);
	/* What it alone still had to fetch is not needed any more. */
	ouro_hub_topic_trim(loop->hub, topic);
	if (ouro_hub_list_is_empty(&topic->parts))
		topic->empty_since_ms = ouro_hub_now_ms(loop->hub);
}

/* ---- Where it begins ---- */

static void begin_late(struct ouro_subscription *sub, struct ouro_hub_id position)
{
	sub->position = position;
	sub->is_late = true;
}

/* Whether @id may be of a message of this hub, as to where it was made. With a backend all have
 * their ids from there. */
static bool is_of(const struct ouro_hub *hub, struct ouro_hub_id id)
{
	return hub->options.backend || ouro_hub_id_origin(id) == hub->origin;
}

/* It has had more than there is. Either another process was faster than the backend is here, or the
 * id is from before the backend lost all: that is to be found out. */
static void begin_ahead(struct ouro_subscription *sub, const struct ouro_hub *hub,
			struct ouro_hub_topic *topic, struct ouro_hub_id id)
{
	struct ouro_hub_backend *backend = hub->options.backend;

	sub->position = id;
	if (++topic->refresh_number == 0)
		topic->refresh_number = 1;
	sub->ahead = topic->refresh_number;
	backend->ops->refresh(backend, topic->follow, sub->ahead);
}

static void begin_after(struct ouro_subscription *sub, const struct ouro_hub *hub,
			struct ouro_hub_topic *topic, struct ouro_str after)
{
	const struct ouro_hub_ring *ring = &topic->ring;
	struct ouro_hub_message *message = ouro_hub_ring_find(ring, after);
	struct ouro_hub_id id;

	if (message)
		sub->position = ouro_hub_message_stamp(message);
	else if (ouro_hub_id_parse(after, &id))
		/* A publisher's: the ring had it once, and has newer ones only. */
		begin_late(sub, ring->floor);
	else if (!is_of(hub, id))
		/* From before a restart, or of another server: it has had nothing of this. */
		begin_late(sub, ring->floor);
	else if (ouro_hub_id_is_before(ring->last, id) && hub->options.backend)
		begin_ahead(sub, hub, topic, id);
	else if (ouro_hub_id_is_before(ring->last, id))
		/* Of another topic: nobody knows what of this it has had. */
		begin_late(sub, ring->last);
	else if (ouro_hub_id_is_before(id, ring->floor))
		begin_late(sub, ring->floor);
	else
		sub->position = id;
}

void ouro_hub_subscription_begin(struct ouro_subscription *sub)
{
	struct ouro_hub_topic *topic = sub->part->topic;

	if (sub->after) {
		begin_after(sub, sub->part->loop->hub, topic, ouro_str(sub->after, sub->after_len));
		free(sub->after);
		sub->after = NULL;
	} else {
		sub->position = topic->loaded;
	}
	sub->is_waiting = false;
	sub->life = topic->life;
}

/* Until the topic is loaded, what it has had can only be remembered. */
static int begin_waiting(struct ouro_subscription *sub, struct ouro_str after)
{
	sub->is_waiting = true;
	if (after.len == 0)
		return 0;
	sub->after = malloc(after.len);
	if (!sub->after)
		return -ENOMEM;
	memcpy(sub->after, after.ptr, after.len);
	sub->after_len = (uint32_t)after.len;
	return 0;
}

static int begin(struct ouro_subscription *sub, const struct ouro_hub *hub,
		 struct ouro_hub_topic *topic, struct ouro_str after)
{
	if (topic->is_loading)
		return begin_waiting(sub, after);
	sub->life = topic->life;
	if (after.len > 0)
		begin_after(sub, hub, topic, after);
	else
		sub->position = topic->ring.last;
	return 0;
}

/* ---- Coming ---- */

static int check_room(const struct ouro_hub *hub, const struct ouro_hub_topic *topic,
		      bool exclusive)
{
	if (topic->subscriber_count > 0 && (topic->is_exclusive || exclusive))
		return -EBUSY;
	return topic->subscriber_count >= hub->options.subscriber_count_max ? -EUSERS : 0;
}

static int join(struct ouro_hub_loop *loop, struct ouro_hub_topic *topic,
		struct ouro_subscription *sub, const struct ouro_subscription_options *options)
{
	struct ouro_hub_part *part = find_part(topic, loop);
	struct ouro_subscription joined = {
		.ops = options->ops,
		.format = (uint8_t)options->format,
		.preferred = (uint8_t)options->preferred,
		.preferred_bytes_min = options->preferred_bytes_min,
	};
	int err = check_room(loop->hub, topic, options->exclusive);

	if (err)
		return err;
	err = begin(&joined, loop->hub, topic, options->after);
	if (err)
		return err;
	if (!part) {
		part = create_part(topic, loop);
		if (!part) {
			free(joined.after);
			return -ENOMEM;
		}
	}
	*sub = joined;
	sub->part = part;
	topic->subscriber_count++;
	topic->is_exclusive = options->exclusive;
	if (sub->is_waiting || sub->is_late ||
	    ouro_hub_id_is_before(sub->position, topic->ring.last)) {
		ouro_hub_list_add(&part->behind, &sub->link);
		sub->is_behind = true;
		if (!sub->is_waiting)
			ouro_hub_part_ring(part);
	} else {
		ouro_hub_list_add(&part->live, &sub->link);
		part->live_count++;
	}
	return 0;
}

static int check(const struct ouro_hub *hub, struct ouro_str name,
		 const struct ouro_subscription_options *options)
{
	if (options->format > hub->options.format_count ||
	    options->preferred > hub->options.format_count)
		return -EINVAL;
	if (options->after.len > OURO_HUB_FIELD_BYTES_MAX)
		return -EMSGSIZE;
	return ouro_hub_check_name(hub, name);
}

int ouro_hub_subscribe(struct ouro_hub_loop *loop, struct ouro_str name,
		       struct ouro_subscription *sub,
		       const struct ouro_subscription_options *options)
{
	struct ouro_hub *hub = loop->hub;
	uint64_t hash = ouro_hub_hash(hub->hash_key, name);
	struct ouro_hub_shard *shard = ouro_hub_shard_of(hub, hash);
	struct ouro_hub_topic *topic;
	int err = check(hub, name, options);

	assert(!sub->part);
	if (err)
		return err;
	ouro_hub_make_room(hub);
	pthread_mutex_lock(&shard->lock);
	topic = ouro_hub_topic_find(shard, hash, name);
	if (!topic) {
		err = ouro_hub_topic_create(hub, hash, name, &topic);
		/* Should it not get in, it goes like one that all have left. */
		if (!err)
			topic->empty_since_ms = ouro_hub_now_ms(hub);
	}
	if (!err)
		err = join(loop, topic, sub, options);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

/* ---- Going ---- */

void ouro_hub_unsubscribe(struct ouro_subscription *sub)
{
	struct ouro_hub_part *part = sub->part;
	struct ouro_hub_topic *topic;
	struct ouro_hub_shard *shard;

	if (!part)
		return;
	topic = part->topic;
	if (part->visit == &sub->link)
		part->visit = sub->link.next;
	if (part->loop->current == sub)
		part->loop->current = NULL;
	ouro_hub_list_remove(&sub->link);
	if (!sub->is_behind)
		part->live_count--;
	free(sub->after);
	sub->after = NULL;
	sub->part = NULL;

	shard = ouro_hub_shard_of(part->loop->hub, topic->hash);
	pthread_mutex_lock(&shard->lock);
	if (--topic->subscriber_count == 0)
		topic->is_exclusive = false;
	if (ouro_hub_part_is_empty(part) && !part->is_delivering)
		ouro_hub_part_free(part);
	pthread_mutex_unlock(&shard->lock);
}
