/* A hub's backend on Redis (5 or later; one server, not a cluster), through hiredis.
 *
 * Each topic is a stream, which gives its messages ids and keeps the latest ones, and a channel
 * of the same name, by which they arrive. Each message carries the id of the one before it:
 * whoever follows the topic sees by that what it has missed, and fetches it from the stream;
 * what the stream does not have any more either is a gap. So a connection that breaks loses
 * nothing that the stream still has, and repeats nothing. What is published meanwhile waits
 * here, and is sent again with a number by which Redis knows what it has had (as long as the
 * outage is shorter than stream_retention_ms, after which it forgets). Where Redis itself loses its
 * data, all who follow are told of a gap when the next message comes, also where its clock, and with
 * it the ids, went back; what had arrived and is sent again is known by its sender's number.
 *
 * The connections belong to the one loop that drives them; publishing and subscribing are for
 * any thread. The connections are not encrypted. */
#ifndef OURO_HUB_REDIS_H
#define OURO_HUB_REDIS_H

#include "base/log.h"
#include "hub/backend.h"

struct ouro_redis;

enum {
	OURO_REDIS_CONNECTIONS = 2, /* one for commands, one for what arrives */
	OURO_REDIS_PORT_DEFAULT = 6379,
	OURO_REDIS_PREFIX_BYTES_MAX = 64,
	OURO_REDIS_ADDRESS_BYTES_MAX = 255,
	OURO_REDIS_STREAM_COUNT_DEFAULT = 1000,
	OURO_REDIS_STREAM_RETENTION_MS_DEFAULT = 3600 * 1000,
	OURO_REDIS_OUTBOX_COUNT_DEFAULT = 4096,
	OURO_REDIS_OUTBOX_BYTES_DEFAULT = 8 << 20,
	OURO_REDIS_HEARTBEAT_MS_DEFAULT = 10000,
	OURO_REDIS_CONNECT_MS_DEFAULT = 5000,
	OURO_REDIS_BACKOFF_MS_MIN_DEFAULT = 100,
	OURO_REDIS_BACKOFF_MS_MAX_DEFAULT = 10000,
};

/* How the connections are driven. */
struct ouro_redis_driver {
	/* Connection @index, whose descriptor is @fd, is to be watched for the two from now on,
	 * until told otherwise: whenever it can be read or written, ouro_redis_ready() is
	 * called. @fd -1: it is not to be watched any more, and is closed right after. The
	 * loop's thread. */
	void (*watch)(void *arg, unsigned index, int fd, bool read, bool write);
	/* Makes the loop's thread call ouro_redis_run() soon. Called by any thread with locks held,
	 * so that it may do no more than post mail; not again before that run begins. */
	void (*wake)(void *arg);
	/* Looks up the address of @name, the options' address, without holding up the loop, and calls
	 * ouro_redis_found() then, not before this returns; not again before that. NULL: addresses
	 * are to be in numbers. The loop's thread. */
	void (*find)(void *arg, const char *name);
	void *arg;
};

/* Zero is the default of each. Strings are copied. */
struct ouro_redis_options {
	const char *address; /* in numbers, or a name, which is looked up each time that it is
			      * connected to; NULL: 127.0.0.1 */
	uint16_t port;
	const char *unix_path; /* instead of both */
	const char *user;      /* for AUTH, with the password; NULL: the default one */
	const char *password;
	uint32_t database;         /* its number. Channels are of all databases, so that in others
				* than 0 what keys and channels begin with ends in @ and it */
	const char *prefix;        /* of keys and channels; NULL: "ouro" */
	uint32_t stream_count_max; /* the messages of a topic that Redis keeps, or some more */
	uint32_t stream_retention_ms; /* after the last message the stream goes */
	uint32_t outbox_count_max;    /* messages not yet taken by Redis */
	size_t outbox_bytes_max;
	uint32_t heartbeat_ms; /* a connection that does not answer for so long is given up */
	uint32_t connect_ms;   /* as is one that is not made */
	uint32_t
		backoff_ms_min; /* the wait before connecting again, which doubles, less a random */
	uint32_t backoff_ms_max;    /* part of up to the half */
	const struct ouro_log *log; /* told of connections that come and go; NULL: nobody */
};

struct ouro_redis_stats {
	bool is_up;
	uint32_t outbox_count;
	size_t outbox_bytes;
	uint64_t connect_count;  /* times that it came up */
	uint64_t rejected_count; /* messages that Redis would not take, which are lost */
};

/* 0; -EINVAL: an address that is none, or another option out of its range; -ENOMEM; or the error of
 * getrandom(2). */
int ouro_redis_create(struct ouro_redis **redis, const struct ouro_redis_options *options,
		      const struct ouro_redis_driver *driver);

/* After the hub. Stopped before, if it was started. The log is told of what is lost. */
void ouro_redis_destroy(struct ouro_redis *redis);

/* For ouro_hub_options. */
struct ouro_hub_backend *ouro_redis_backend(struct ouro_redis *redis);

/* ---- The loop's thread; @now_ms is a monotonic time ---- */

/* Begins to connect. Until it is up, what is published waits, and topics are not loaded. It may be
 * started again after it was stopped. */
void ouro_redis_start(struct ouro_redis *redis, struct ouro_hub *hub, uint64_t now_ms);

/* Closes the connections. Nothing is called back any more, until the next start; only ouro_redis_found()
 * may still be to come. What waits in the outbox stays there, as does what is published from now on, and
 * is lost when the backend is destroyed; to avoid that, wait until the stats say that it is empty. */
void ouro_redis_stop(struct ouro_redis *redis);

/* A connection can be read or written. */
void ouro_redis_ready(struct ouro_redis *redis, unsigned index, bool readable, bool writable,
		      uint64_t now_ms);

/* The address, in numbers, that was to be found; NULL: there is none, and @why says why. */
void ouro_redis_found(struct ouro_redis *redis, const char *address, const char *why,
		      uint64_t now_ms);

/* After a wake, and when it is due. */
void ouro_redis_run(struct ouro_redis *redis, uint64_t now_ms);

/* When the next run is to be at the latest; to be asked after each call of the four above. */
uint64_t ouro_redis_due(const struct ouro_redis *redis);

struct ouro_redis_stats ouro_redis_get_stats(struct ouro_redis *redis);

#endif
