/* The Redis backend from the outside: see hub/redis.h. */
#include "hub/redis.h"

#include "hub/defaults.h"
#include "hub/redis_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/un.h>

enum { BUCKET_COUNT_MIN = 64 };

static const struct ouro_hub_backend_ops backend_ops = {
	.publish = ouro_redis_publish,
	.want = ouro_redis_want,
	.unwant = ouro_redis_unwant,
	.refresh = ouro_redis_refresh,
};

/* ---- Options ---- */

static void set_defaults(struct ouro_redis_options *options)
{
	OURO_DEFAULT(options->address, "127.0.0.1");
	OURO_DEFAULT(options->port, OURO_REDIS_PORT_DEFAULT);
	OURO_DEFAULT(options->prefix, "ouro");
	OURO_DEFAULT(options->stream_count_max, OURO_REDIS_STREAM_COUNT_DEFAULT);
	OURO_DEFAULT(options->stream_retention_ms, OURO_REDIS_STREAM_RETENTION_MS_DEFAULT);
	OURO_DEFAULT(options->outbox_count_max, OURO_REDIS_OUTBOX_COUNT_DEFAULT);
	OURO_DEFAULT(options->outbox_bytes_max, OURO_REDIS_OUTBOX_BYTES_DEFAULT);
	OURO_DEFAULT(options->heartbeat_ms, OURO_REDIS_HEARTBEAT_MS_DEFAULT);
	OURO_DEFAULT(options->connect_ms, OURO_REDIS_CONNECT_MS_DEFAULT);
	OURO_DEFAULT(options->backoff_ms_min, OURO_REDIS_BACKOFF_MS_MIN_DEFAULT);
	OURO_DEFAULT(options->backoff_ms_max, OURO_REDIS_BACKOFF_MS_MAX_DEFAULT);
}

bool ouro_redis_is_numeric(const char *address)
{
	struct in6_addr parsed;

	return inet_pton(AF_INET, address, &parsed) == 1 ||
	       inet_pton(AF_INET6, address, &parsed) == 1;
}

/* Of a name only that it is short enough; whether there is one like it is found out. */
static bool is_address(const char *address, bool may_be_name)
{
	size_t len = strlen(address);

	return ouro_redis_is_numeric(address) ||
	       (may_be_name && len > 0 && len <= OURO_REDIS_ADDRESS_BYTES_MAX);
}

static bool are_in_range(const struct ouro_redis_options *options,
			 const struct ouro_redis_driver *driver)
{
	struct sockaddr_un unix_address;

	if (options->unix_path && strlen(options->unix_path) >= sizeof(unix_address.sun_path))
		return false;
	return is_address(options->address, driver->find != NULL) &&
	       strlen(options->prefix) <= OURO_REDIS_PREFIX_BYTES_MAX &&
	       (options->password || !options->user) &&
	       options->backoff_ms_min <= options->backoff_ms_max;
}

static void free_strings(struct ouro_redis_options *options)
{
	const char *strings[] = { options->address, options->unix_path, options->user,
				  options->password, options->prefix };

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		free((char *)(uintptr_t)strings[i]);
}

/* Replaces each string by a copy, of the prefix with the database behind it. 0, or -ENOMEM with none
 * left. */
static int copy_strings(struct ouro_redis_options *options)
{
	const char **strings[] = { &options->address, &options->unix_path, &options->user,
				   &options->password, &options->prefix };
	char prefix[OURO_REDIS_PREFIX_BYTES_MAX + OURO_REDIS_DATABASE_BYTES_MAX + 1];
	bool failed = false;

	if (options->database > 0) {
		snprintf(prefix, sizeof(prefix), "%s@%u", options->prefix, options->database);
		options->prefix = prefix;
	}

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		if (!*strings[i])
			continue;
		*strings[i] = strdup(*strings[i]);
		failed |= !*strings[i];
	}
	if (!failed)
		return 0;
	free_strings(options);
	return -ENOMEM;
}

/* ---- Beginning and end ---- */

static int fill_random(struct ouro_redis *redis)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[OURO_REDIS_ID_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) < 0 ||
	    getrandom(redis->hash_key, sizeof(redis->hash_key), 0) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		redis->id[i] = digits[bytes[i] & 15];
	redis->random = redis->hash_key[0] | 1;
	return 0;
}

int ouro_redis_create(struct ouro_redis **redis, const struct ouro_redis_options *options,
		      const struct ouro_redis_driver *driver)
{
	struct ouro_redis_options complete = *options;
	struct ouro_redis *made;
	int err;

	set_defaults(&complete);
	if (!are_in_range(&complete, driver))
		return -EINVAL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	err = fill_random(made);
	if (err)
		goto free_made;
	err = -ENOMEM;
	made->bucket_count = BUCKET_COUNT_MIN;
	made->buckets = calloc(made->bucket_count, sizeof(*made->buckets));
	if (!made->buckets)
		goto free_made;
	err = copy_strings(&complete);
	if (err)
		goto free_buckets;
	made->options = complete;
	made->backend.ops = &backend_ops;
	made->driver = *driver;
	pthread_mutex_init(&made->lock, NULL);
	ouro_hub_list_init(&made->changed);
	ouro_hub_list_init(&made->outbox);
	*redis = made;
	return 0;

free_buckets:
	free(made->buckets);
free_made:
	free(made);
	return err;
}

void ouro_redis_destroy(struct ouro_redis *redis)
{
	if (!redis)
		return;
	assert(redis->state == OURO_REDIS_STOPPED);
	ouro_redis_follow_changes(redis);
	assert(redis->follow_count == 0);
	if (redis->outbox_count > 0 && redis->options.log)
		ouro_log(redis->options.log, OURO_LOG_WARNING,
			 "redis: %u published messages, which it has not taken, are lost",
			 redis->outbox_count);
	ouro_redis_free_parcels(redis);
	pthread_mutex_destroy(&redis->lock);
	free_strings(&redis->options);
	free(redis->buckets);
	free(redis);
}

struct ouro_hub_backend *ouro_redis_backend(struct ouro_redis *redis)
{
	return &redis->backend;
}

void ouro_redis_start(struct ouro_redis *redis, struct ouro_hub *hub, uint64_t now_ms)
{
	assert(redis->state == OURO_REDIS_STOPPED);
	redis->hub = hub;
	redis->backoff_ms = 0;
	redis->told_steps = 0;
	redis->due_ms = now_ms;
	redis->state = OURO_REDIS_DOWN;
	pthread_mutex_lock(&redis->lock);
	redis->is_running = true;
	pthread_mutex_unlock(&redis->lock);
	ouro_redis_run(redis, now_ms);
}

void ouro_redis_stop(struct ouro_redis *redis)
{
	pthread_mutex_lock(&redis->lock);
	redis->is_running = false;
	redis->is_up = false;
	pthread_mutex_unlock(&redis->lock);
	ouro_redis_close(redis);
	redis->state = OURO_REDIS_STOPPED;
}

/* ---- Running ---- */

void ouro_redis_ring(struct ouro_redis *redis)
{
	if (!redis->is_rung && redis->is_running) {
		redis->is_rung = true;
		redis->driver.wake(redis->driver.arg);
	}
}

void ouro_redis_ready(struct ouro_redis *redis, unsigned index, bool readable, bool writable,
		      uint64_t now_ms)
{
	struct ouro_redis_link *link = &redis->links[index];

	redis->now_ms = now_ms;
	if (writable && link->context)
		redisAsyncHandleWrite(link->context);
	/* Writing may have ended it. */
	if (readable && link->context)
		redisAsyncHandleRead(link->context);
	ouro_redis_settle(redis);
}

void ouro_redis_found(struct ouro_redis *redis, const char *address, const char *why,
		      uint64_t now_ms)
{
	redis->now_ms = now_ms;
	redis->is_finding = false;
	/* It may have taken too long, or be over. */
	if (redis->state != OURO_REDIS_CONNECTING || redis->has_failed)
		return;
	if (address)
		ouro_redis_connect(redis, address);
	else
		ouro_redis_fail(redis, OURO_REDIS_STEP_FIND, why);
	ouro_redis_settle(redis);
}

void ouro_redis_run(struct ouro_redis *redis, uint64_t now_ms)
{
	redis->now_ms = now_ms;
	pthread_mutex_lock(&redis->lock);
	redis->is_rung = false;
	pthread_mutex_unlock(&redis->lock);
	ouro_redis_follow_changes(redis);
	if (redis->state == OURO_REDIS_UP)
		ouro_redis_send_parcels(redis);
	ouro_redis_settle(redis);
}

uint64_t ouro_redis_due(const struct ouro_redis *redis)
{
	return redis->state == OURO_REDIS_STOPPED ? UINT64_MAX : redis->due_ms;
}

struct ouro_redis_stats ouro_redis_get_stats(struct ouro_redis *redis)
{
	struct ouro_redis_stats stats;

	pthread_mutex_lock(&redis->lock);
	stats = (struct ouro_redis_stats){
		.is_up = redis->is_up,
		.outbox_count = redis->outbox_count,
		.outbox_bytes = redis->outbox_bytes,
		.connect_count = redis->connect_count,
		.rejected_count = redis->rejected_count,
	};
	pthread_mutex_unlock(&redis->lock);
	return stats;
}
