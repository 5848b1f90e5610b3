/* The topics of a hub: a table in shards, each with one lock for all that its topics hold.
 *
 * Locks are taken in this order: a shard's, then a loop's. */
#ifndef OURO_HUB_TOPIC_H
#define OURO_HUB_TOPIC_H

#include "base/pool.h"
#include "hub/backend.h"
#include "hub/hub.h"
#include "hub/ring.h"

#include <pthread.h>
#include <stdatomic.h>

enum { OURO_HUB_SHARD_COUNT = 16 };

struct ouro_hub_shard {
	pthread_mutex_t lock;
	struct ouro_hub_topic **buckets;
	uint32_t bucket_count; /* a power of two, or 0 */
	uint32_t topic_count;
};

struct ouro_hub {
	struct ouro_hub_options options;
	struct ouro_hub_format formats[OURO_HUB_FORMATS_MAX]; /* the first is unused */
	struct ouro_hub_shard shards[OURO_HUB_SHARD_COUNT];
	uint64_t hash_key[2];
	uint32_t origin; /* of the ids */
	atomic_uint_least32_t topic_count;
	atomic_uint_least32_t loop_count;
	atomic_size_t bytes;             /* that all rings keep */
	atomic_uint_least64_t newest_ms; /* of the ids of topics that were let go */
	atomic_uint_least64_t swept_ms;  /* when room was last made for a topic */
	atomic_uint_least64_t full_ms;   /* when there was last none to be made for a message */
	atomic_uint next_to_give;        /* the shard where that is tried first */
};

/* Everything in it is under the shard's lock. */
struct ouro_hub_topic {
	struct ouro_hub_topic *next; /* in its bucket */
	uint64_t hash;
	struct ouro_hub_ring ring;
	struct ouro_hub_list parts;
	uint32_t subscriber_count; /* on all loops */
	bool is_exclusive;
	bool is_loading;           /* the backend has not told yet what there is */
	struct ouro_hub_id loaded; /* the last message when it had */
	/* Where the ring began, for who has come when nothing was known to have been: its position
	 * is zero. */
	struct ouro_hub_id began;
	uint64_t empty_since_ms; /* while there are no parts */
	void *follow;            /* the backend's */
	uint32_t refresh_number; /* of the last refresh that it was asked for */
	uint32_t life;           /* how often the backend has lost all */
	size_t name_len;
	char name[];
};

/* A topic on one loop, which has subscribers there. Its lists are its loop's thread's. */
struct ouro_hub_part {
	struct ouro_hub_topic *topic;
	struct ouro_hub_loop *loop;
	struct ouro_hub_list in_topic; /* under the shard's lock */
	struct ouro_hub_list in_ready; /* under the loop's lock, or in the run's own list */
	bool is_ready;                 /* in such a list; under the shard's lock */
	struct ouro_hub_id cursor;     /* what comes up to it was fetched; under the shard's lock */
	uint32_t refreshed;            /* the last that is done; likewise, as the next */
	uint32_t life;                 /* the topic's when the part was last run */
	struct ouro_hub_list live;     /* subscribers who have what was fetched */
	struct ouro_hub_list
		behind; /* subscribers who come back, or wait for the topic to be loaded */
	uint32_t live_count;
	struct ouro_hub_list *visit; /* the next live one to be called; whoever goes moves it on */
	struct ouro_hub_kept rest;   /* what those from there on are still to be handed, with a
				      * reference; message NULL: nothing */
	bool is_delivering;          /* the run frees it if need be */
};

struct ouro_hub_loop {
	struct ouro_hub *hub;
	ouro_hub_wake_fn wake;
	void *wake_arg;
	pthread_mutex_t lock;
	struct ouro_hub_list
		ready; /* parts with something to fetch; under the lock, as the next two */
	bool is_rung;  /* woken, and no run has begun since */
	bool is_closed;
	struct ouro_pool wraps;            /* the loop's thread's, as what follows */
	struct ouro_subscription *current; /* who is being called; NULL once it has gone */
	uint32_t delivered;                /* in this run */
	bool is_running;
};

static inline struct ouro_str ouro_hub_topic_name(const struct ouro_hub_topic *topic)
{
	return ouro_str(topic->name, topic->name_len);
}

uint64_t ouro_hub_now_ms(const struct ouro_hub *hub);

/* 0, -EINVAL or -ENAMETOOLONG. */
int ouro_hub_check_name(const struct ouro_hub *hub, struct ouro_str name);

static inline struct ouro_hub_shard *ouro_hub_shard_of(struct ouro_hub *hub, uint64_t hash)
{
	/* The low bits choose the bucket. */
	return &hub->shards[hash >> 60];
}
static_assert(OURO_HUB_SHARD_COUNT == 1 << 4, "the shard is chosen by four bits");

/* Sweeps where there are as many topics as there may be, unless that was done a moment ago:
 * whoever asks for one topic after another must not make it expensive. No lock is held. */
void ouro_hub_make_room(struct ouro_hub *hub);

/* Gives up replay, of topics of one shard after another, until there is room for a message of
 * @bytes; false where there is not, or was not a moment ago. No lock is held. */
bool ouro_hub_give_up_replay(struct ouro_hub *hub, size_t bytes);

/* Each of these with the shard's lock held. */

/* NULL where there is none. */
struct ouro_hub_topic *ouro_hub_topic_find(struct ouro_hub_shard *shard, uint64_t hash,
					   struct ouro_str name);

/* Adds a topic that there is none of. 0, -ENOSPC or -ENOMEM. */
int ouro_hub_topic_create(struct ouro_hub *hub, uint64_t hash, struct ouro_str name,
			  struct ouro_hub_topic **topic);

/* Adds @message to the ring, wakes the loops that have the topic and drops what need not be
 * kept. 0, -ENOSPC or -ENOMEM. */
int ouro_hub_topic_add(struct ouro_hub *hub, struct ouro_hub_topic *topic,
		       struct ouro_hub_message *message, struct ouro_hub_id gap);

/* Forgets all messages, and that there were any. */
void ouro_hub_topic_clear(struct ouro_hub *hub, struct ouro_hub_topic *topic);

/* Drops of the ring what no loop has to fetch and what is beyond the limits. */
void ouro_hub_topic_trim(struct ouro_hub *hub, struct ouro_hub_topic *topic);

/* Puts @part among those that its loop runs, and wakes the loop. */
void ouro_hub_part_ring(struct ouro_hub_part *part);

/* Whether nobody is left, live or behind. Its loop's thread. */
bool ouro_hub_part_is_empty(const struct ouro_hub_part *part);

/* Frees an empty part. Its loop's thread. */
void ouro_hub_part_free(struct ouro_hub_part *part);

/* Finds where a subscriber begins who has waited for its topic, which is loaded now. */
void ouro_hub_subscription_begin(struct ouro_subscription *sub);

#endif
