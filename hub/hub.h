/* Topics that every loop of a server shares: what is published to one, from any thread, comes to
 * all who subscribe to it, on whatever loop they are, once and in one order.
 *
 *     publish, any thread   the message gets its id and goes into the topic's ring; each loop with
 *                           subscribers is woken, once until it runs
 *     run, a loop's thread  the loop fetches from the ring what it has not had, and hands it to its
 *                           subscribers: nobody else's lock, no allocation, no copy
 *
 * The ring is the queue of every loop, and what subscribers who come back are given of what they
 * missed. So memory is bounded, and a loop that does not keep up misses messages and is told, as
 * is a subscriber who comes back too late. Within a topic everybody sees the order of the ids;
 * between topics there is no order.
 *
 * A group is a topic. One subscriber is reached by a topic that it has exclusively. */
#ifndef OURO_HUB_HUB_H
#define OURO_HUB_HUB_H

#include "base/buf.h"
#include "hub/list.h"
#include "hub/message.h"

struct ouro_hub;      /* one of a server */
struct ouro_hub_loop; /* each loop's part of it */
struct ouro_hub_backend;
struct ouro_hub_part;
struct ouro_subscription;

enum {
	OURO_HUB_TOPIC_COUNT_DEFAULT = 65536,
	OURO_HUB_SUBSCRIBER_COUNT_DEFAULT = 1 << 20,
	OURO_HUB_NAME_BYTES_DEFAULT = 256,
	OURO_HUB_NAME_BYTES_MAX = 1024,
	OURO_HUB_MESSAGE_BYTES_DEFAULT = 1 << 20,
	OURO_HUB_MESSAGE_BYTES_MAX = 64 << 20,
	OURO_HUB_REPLAY_COUNT_DEFAULT = 64,
	OURO_HUB_REPLAY_BYTES_DEFAULT = 64 * 1024,
	OURO_HUB_BACKLOG_COUNT_DEFAULT = 4096,
	OURO_HUB_BACKLOG_BYTES_DEFAULT = 8 << 20,
	OURO_HUB_RING_COUNT_MAX = 1 << 20, /* of either count */
	OURO_HUB_BYTES_DEFAULT = 256 << 20,
	OURO_HUB_RETENTION_MS_DEFAULT = 60 * 1000,
};
#define OURO_HUB_NO_REPLAY UINT32_MAX

/* Zero is the default of each. */
struct ouro_hub_options {
	/* Format number i + 1 is @formats[i]; at most OURO_HUB_FORMATS_MAX - 1. Copied. */
	const struct ouro_hub_format *formats;
	uint32_t format_count;
	uint32_t topic_count_max;
	uint32_t subscriber_count_max; /* of one topic */
	size_t name_bytes_max;         /* of a topic */
	size_t message_bytes_max;      /* of the data of a message */
	/* What a topic keeps for subscribers who come back; OURO_HUB_NO_REPLAY as the count:
	 * nothing. */
	uint32_t replay_count_max;
	size_t replay_bytes_max;
	/* What it keeps, that or more, of what some loop has not fetched yet. */
	uint32_t backlog_count_max;
	size_t backlog_bytes_max;
	/* What all topics keep. Beyond it, replay is given up first, of the topic that is published
	 * to, then of others, then publishing fails. Encodings and messages that only slow
	 * subscribers hold come on top. */
	size_t bytes_max;
	/* How long a topic without subscribers keeps its messages. */
	uint32_t retention_ms;
	/* What its ids are told by from those of other hubs, at most OURO_HUB_ORIGIN_MAX; zero: a
	 * random one. With a backend the ids are the backend's. */
	uint32_t origin;
	/* The wall clock in ms; NULL: the system's. Any thread. */
	uint64_t (*clock_ms)(void *arg);
	void *clock_arg;
	/* What spreads messages to other machines; NULL: this process is all there is. The
	 * backend is destroyed after the hub. */
	struct ouro_hub_backend *backend;
};

struct ouro_hub_stats {
	uint32_t topic_count;
	size_t bytes; /* of messages that topics keep */
};

/* 0, -ENOMEM, -EINVAL for an option out of its range, or the error of getrandom(2). */
int ouro_hub_create(struct ouro_hub **hub, const struct ouro_hub_options *options);

/* All loops have been destroyed before, and nobody publishes any more. */
void ouro_hub_destroy(struct ouro_hub *hub);

/* Publishes a copy of @content to @topic. Any thread; nobody is called back before it returns.
 * What one thread publishes to a topic stays in its order. Returns how many subscribers the
 * topic has in this process. Without a backend, a topic that nobody has asked for since its
 * retention does not exist, and nothing is kept of the message. Errors, with nothing published:
 * -EINVAL for an empty name or a kind that is none; -ENAMETOOLONG; -EMSGSIZE; -ENOSPC: all
 * topics keep bytes_max; -ENOMEM; or the backend's, -ENOBUFS where it has too much to do. */
int ouro_hub_publish(struct ouro_hub *hub, struct ouro_str topic,
		     const struct ouro_hub_content *content);

/* How many subscribers the topic has in this process. Any thread. */
uint32_t ouro_hub_subscriber_count(struct ouro_hub *hub, struct ouro_str topic);

/* Lets topics go that have had no subscriber for retention_ms; returns how many. To be called
 * every few seconds by any one thread. A subscription that finds no room for its topic does the
 * same, unless one did a moment ago. */
uint32_t ouro_hub_sweep(struct ouro_hub *hub);

/* Any thread. */
struct ouro_hub_stats ouro_hub_get_stats(struct ouro_hub *hub);

/* ---- Loops ---- */

/* Makes the loop's thread call ouro_hub_loop_run() soon; @arg is what the loop was created with. Called by any thread, with locks of the
 * hub held, so that it may do no more than post mail; not again before that run begins. */
typedef void (*ouro_hub_wake_fn)(void *arg);

/* 0 or -ENOMEM. */
int ouro_hub_loop_create(struct ouro_hub *hub, ouro_hub_wake_fn wake, void *arg,
			 struct ouro_hub_loop **loop);

/* Hands messages to the loop's subscribers: some hundred at most, then others have their turn,
 * and the loop is woken again for the rest. The loop's thread, not from a subscriber's callback. */
void ouro_hub_loop_run(struct ouro_hub_loop *loop);

/* No wake comes any more when this has returned. One that came before may still be on its way: a
 * run is harmless. There are no subscriptions. The loop's thread. */
void ouro_hub_loop_close(struct ouro_hub_loop *loop);

/* No wake comes any more either, and its subscriptions stay as they are: the loop cannot go on. The part is
 * never destroyed, nor is the hub. The loop's thread, not within a run. */
void ouro_hub_loop_abandon(struct ouro_hub_loop *loop);

/* Frees a closed part, of which no buffer is held any more. */
void ouro_hub_loop_destroy(struct ouro_hub_loop *loop);

/* ---- Subscribers ---- */

/* Called from ouro_hub_loop_run() alone. They may subscribe and unsubscribe whomever they like, and
 * publish. */
struct ouro_subscriber_ops {
	/* @bytes are the message in a format of the subscription's, or its data as such. To keep them
	 * beyond the call, reference the buffer; it keeps the message alive as well. A
	 * subscriber who cannot take more must not wait: what becomes of them is its affair. */
	void (*on_message)(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			   struct ouro_slice bytes);
	/* Messages that it should have had, up to the id @up_to at most, are lost; or it came back
	 * with an id that nobody knows. */
	void (*on_gap)(struct ouro_subscription *sub, struct ouro_hub_id up_to);
};

struct ouro_subscription_options {
	const struct ouro_subscriber_ops *ops;
	uint32_t format; /* OURO_HUB_PLAIN, or the number of a format */
	/* The number of a format in which messages with @preferred_bytes_min of data or more come
	 * instead, as far as they are to be had in it; OURO_HUB_PLAIN: there is none. */
	uint32_t preferred;
	uint32_t preferred_bytes_min;
	/* The id of the last message that it has had: a publisher's, or the hub's. What came after
	 * that one is given first; where not all of it is there any more, or the id is of another
	 * hub, the gap is told, then what there is is given. Absent or empty: it has what is published from now on, with a
	 * backend by this process; by others, from when the backend has looked. */
	struct ouro_str after;
	/* Nobody else in this process has the topic, or gets it as long as this one lasts. */
	bool exclusive;
};

/* Embedded in the subscriber, one for each topic that it has; zero when not subscribed. Its
 * fields are the hub's. */
struct ouro_subscription {
	const struct ouro_subscriber_ops *ops;
	struct ouro_hub_part *part; /* NULL: not subscribed */
	struct ouro_hub_list link;
	struct ouro_hub_id position; /* it has had what comes up to it */
	char *after;                 /* a copy, while it is not known what the topic has */
	uint32_t after_len;
	uint32_t preferred_bytes_min;
	/* It has had more than the hub knew of: the refresh after which it is known why, until when
	 * it is given nothing; 0: it has not. */
	uint32_t ahead;
	uint32_t life; /* of the topic, that its position is of */
	uint8_t format, preferred;
	bool is_behind;  /* it is not given what is fetched for all */
	bool is_waiting; /* for the topic to be loaded */
	bool is_late;    /* a gap is to be told */
};

/* Subscribes @sub, which is not subscribed, to @topic. The loop's thread; nobody is called back
 * before it returns. 0; -EINVAL: an empty name, or no such format; -ENAMETOOLONG; -ENOSPC: too
 * many topics; -EUSERS: the topic has too many subscribers; -EBUSY: it is somebody's
 * exclusively, or is asked for exclusively and has subscribers; -EMSGSIZE: @after is longer than
 * an id can be; -ENOMEM. */
int ouro_hub_subscribe(struct ouro_hub_loop *loop, struct ouro_str topic,
		       struct ouro_subscription *sub,
		       const struct ouro_subscription_options *options);

/* Nothing happens when @sub is not subscribed. It is not called any more. The thread of its
 * loop. */
void ouro_hub_unsubscribe(struct ouro_subscription *sub);

/* The name of the topic: it lives as long as the subscription. */
struct ouro_str ouro_subscription_topic(const struct ouro_subscription *sub);

#endif
