/* What the parts of the Redis backend share. */
#ifndef OURO_HUB_REDIS_PRIVATE_H
#define OURO_HUB_REDIS_PRIVATE_H

#include "hub/redis.h"
#include "hub/redis_senders.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <pthread.h>

enum {
	OURO_REDIS_COMMANDS,
	OURO_REDIS_ARRIVALS,
	OURO_REDIS_ID_BYTES = 16, /* of this backend, in hexadecimal digits */
};

enum ouro_redis_state {
	OURO_REDIS_STOPPED,
	OURO_REDIS_DOWN,       /* until it is due */
	OURO_REDIS_CONNECTING, /* until the address is found, both are, and the script is there */
	OURO_REDIS_UP,
};

/* What failed. Of each the log is told once, until the next time that it is up. */
enum ouro_redis_step {
	OURO_REDIS_STEP_FIND,
	OURO_REDIS_STEP_CONNECT,
	OURO_REDIS_STEP_CONNECTION,
	OURO_REDIS_STEP_AUTH,
	OURO_REDIS_STEP_DATABASE,
	OURO_REDIS_STEP_SCRIPT,
	OURO_REDIS_STEP_SUBSCRIBE,
	OURO_REDIS_STEP_HEARTBEAT,
	OURO_REDIS_STEP_READ,
	OURO_REDIS_STEP_PUBLISH,
	OURO_REDIS_STEP_SEND,
};

/* One of the two connections. */
struct ouro_redis_link {
	struct ouro_redis *redis;
	redisAsyncContext *context; /* NULL: closed */
	bool wants_read, wants_write;
	bool is_ready; /* what has to be said first was answered */
};

enum ouro_redis_follow_state {
	OURO_REDIS_IDLE,        /* not up */
	OURO_REDIS_SUBSCRIBING, /* until that is confirmed, and the topic loaded */
	OURO_REDIS_FETCHING,    /* until the stream has answered */
	OURO_REDIS_LIVE,
};

/* What a stream is asked for. */
enum ouro_redis_question {
	OURO_REDIS_LATEST, /* as many as the hub keeps, backwards */
	OURO_REDIS_AFTER, /* what comes from the last one on, which shows that it is the same stream */
};

/* A topic that the hub has. */
struct ouro_redis_follow {
	struct ouro_hub_list changed; /* wanted, or not wanted any more, untold; under the lock */
	bool is_wanted;               /* under the lock */
	uint32_t refresh_wanted;      /* the number of the hub's; under the lock */
	/* What follows is the loop's. */
	struct ouro_redis_follow *next; /* in its bucket */
	struct ouro_redis *redis;
	uint64_t hash;
	enum ouro_redis_follow_state state;
	uint64_t subscription; /* the number of its SUBSCRIBE on the connection */
	struct ouro_hub_id last;
	struct ouro_hub_id fetched; /* the last that came from the stream and not by the channel */
	struct ouro_hub_id handed;  /* the last that the hub was given ... */
	bool is_joined;             /* ... and nothing is missing between that and @last */
	struct ouro_redis_senders senders;
	uint32_t refresh_asked, refresh_sent, refresh_told;
	enum ouro_redis_question question; /* that it was asked last */
	bool is_known;                     /* in the table */
	bool is_confirmed;                 /* the channel is heard */
	bool is_loaded;                    /* the hub has what there was */
	bool is_fetching;                  /* a reply is to come, whatever the state is */
	bool again;                        /* something came while it was fetched */
	bool is_steady;                    /* nothing can have been missed since the last message */
	bool has_complained;               /* of a message that cannot be read */
	size_t name_len;
	char name[];
};

/* A message that Redis has not confirmed. */
struct ouro_redis_parcel {
	struct ouro_hub_list link;
	struct ouro_hub_message *message;
	uint64_t number;
	size_t bytes;
	size_t topic_len;
	char topic[];
};

struct ouro_redis {
	struct ouro_hub_backend backend; /* first */
	struct ouro_redis_options options;
	struct ouro_redis_driver driver;
	char id[OURO_REDIS_ID_BYTES + 1];

	pthread_mutex_t lock;
	struct ouro_hub_list changed; /* follows; under the lock, as what follows */
	struct ouro_hub_list outbox;
	uint32_t outbox_count;
	size_t outbox_bytes;
	uint64_t last_number;
	uint64_t sendable_number; /* parcels up to it came after no topic that is not known yet */
	uint64_t connect_count, rejected_count;
	bool is_rung, is_running, is_up;

	/* The loop's. */
	struct ouro_hub *hub;
	enum ouro_redis_state state;
	struct ouro_redis_link links[OURO_REDIS_CONNECTIONS];
	uint64_t now_ms;
	uint64_t due_ms; /* of what the state waits for */
	uint64_t up_since_ms;
	uint64_t random;
	uint32_t backoff_ms;
	bool has_failed;      /* the connections are to be closed when no callback is running */
	bool is_finding;      /* ouro_redis_found() is to come */
	uint32_t told_steps;  /* of whose failures the log was told */
	bool was_beat_seen;   /* the last heartbeat has come back */
	char script[41];      /* the script's name: a SHA-1 in hexadecimal digits */
	uint64_t sent_number; /* parcels up to it were sent on this connection */
	uint64_t subscribe_count, confirmed_count; /* on this connection */
	struct ouro_redis_follow **buckets;
	uint32_t bucket_count, follow_count;
	uint64_t hash_key[2];
};

/* Whether @address is one in numbers. */
bool ouro_redis_is_numeric(const char *address);

/* ---- redis_link.c ---- */

/* Sends a command on connection @index, of strings that may hold any bytes. @fn is called once:
 * with the reply, or with NULL when the connection is lost. False where it could not be sent,
 * which fails the connection; @fn is not called then. */
bool ouro_redis_send(struct ouro_redis *redis, unsigned index, redisCallbackFn *fn, void *arg,
		     const struct ouro_str *words, size_t count);

/* Subscribes to @channel; what is told of it comes to the parts below. */
void ouro_redis_subscribe(struct ouro_redis *redis, struct ouro_str channel);

/* The connections are of no use any more: they are closed when no callback is running. */
void ouro_redis_fail(struct ouro_redis *redis, enum ouro_redis_step step, const char *why);

/* Connects to @address, in numbers, or to the unix path. */
void ouro_redis_connect(struct ouro_redis *redis, const char *address);

/* Closes what has failed, connects or gives up what is due. At the end of every call from
 * outside. */
void ouro_redis_settle(struct ouro_redis *redis);
void ouro_redis_close(struct ouro_redis *redis);

/* The name of key and channel of @topic, at @out, which has room for both and the prefix. */
enum {
	OURO_REDIS_DATABASE_BYTES_MAX = 12, /* behind the prefix */
	OURO_REDIS_KEY_BYTES_MAX = OURO_REDIS_PREFIX_BYTES_MAX + OURO_REDIS_DATABASE_BYTES_MAX + 8 +
				   OURO_HUB_NAME_BYTES_MAX,
};
struct ouro_str ouro_redis_key(const struct ouro_redis *redis, struct ouro_str kind,
			       struct ouro_str name, char *out);

/* The topic whose channel @key is; absent where it is none. */
struct ouro_str ouro_redis_topic_of(const struct ouro_redis *redis, struct ouro_str key);

static inline struct ouro_str ouro_redis_text(const redisReply *reply)
{
	return ouro_str(reply->str, (size_t)reply->len);
}

/* ---- redis_follow.c ---- */

/* Begins or ends to follow what the hub wants or does not want any more. */
void ouro_redis_follow_changes(struct ouro_redis *redis);

/* The connections have come up, or are lost. */
void ouro_redis_follow_all(struct ouro_redis *redis);
void ouro_redis_unfollow_all(struct ouro_redis *redis);

/* Subscription number @redis->confirmed_count was confirmed, which is to @channel. */
void ouro_redis_follow_confirmed(struct ouro_redis *redis, struct ouro_str channel);

/* A message came on @channel. */
void ouro_redis_follow_arrived(struct ouro_redis *redis, struct ouro_str channel,
			       struct ouro_str bytes);

/* Of the backend's interface. */
int ouro_redis_want(struct ouro_hub_backend *backend, struct ouro_str topic, void **handle);
void ouro_redis_unwant(struct ouro_hub_backend *backend, void *handle);
void ouro_redis_refresh(struct ouro_hub_backend *backend, void *handle, uint32_t number);

/* ---- redis_outbox.c ---- */

extern const char ouro_redis_script[];

/* Sends what was not sent on this connection, as far as it is sendable. */
void ouro_redis_send_parcels(struct ouro_redis *redis);
void ouro_redis_free_parcels(struct ouro_redis *redis);

/* Any thread. */
int ouro_redis_publish(struct ouro_hub_backend *backend, struct ouro_str topic,
		       struct ouro_hub_message *message);

/* Wakes the loop; the lock is held. */
void ouro_redis_ring(struct ouro_redis *redis);

#endif
