/* What is published waits here until Redis has confirmed it: see hub/redis.h. */
#include "hub/redis_private.h"

#include "hub/wire.h"

#include <errno.h>
#include <stdlib.h>

/* One message into its stream and to its channel, in one step, so that all see the same order
 * and each message the id of the one before. A number at or below the sender's last is of a
 * message that was sent twice. One whose predecessor has failed fails as well, so that none is
 * skipped when they are sent again; for one that can never be taken the number counts.
 *
 * KEYS: the stream, also the channel; the sender's last number. ARGV: the number; that of the
 * message sent before it, 0 where that is known to be there; how many messages are kept, and how
 * long in ms; the message, with its sender and number before it. */
const char ouro_redis_script[] =
	"local had = tonumber(redis.call('GET', KEYS[2]) or '0')\n"
	"if had >= tonumber(ARGV[1]) then return 0 end\n"
	"if had < tonumber(ARGV[2]) then return redis.error_reply('TRYAGAIN out of order') end\n"
	"local last = redis.pcall('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)\n"
	"if last.err then\n"
	"  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])\n"
	"  return last\n"
	"end\n"
	"local before = last[1] and last[1][1] or '0-0'\n"
	"local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*',"
	" 'p', before, 'b', ARGV[5])\n"
	"redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
	"redis.call('PUBLISH', KEYS[1], id .. ' ' .. before .. ' ' .. ARGV[5])\n"
	"return 1\n";

enum { DIGITS_MAX = 20 };

/* What Redis says when it may take the same message later. */
static const char *const passing_errors[] = { "LOADING",    "READONLY",    "OOM",  "MISCONF",
					      "MASTERDOWN", "NOSCRIPT",    "BUSY", "TRYAGAIN",
					      "NOREPLICAS", "CLUSTERDOWN", NULL };

int ouro_redis_publish(struct ouro_hub_backend *backend, struct ouro_str topic,
		       struct ouro_hub_message *message)
{
	struct ouro_redis *redis = (struct ouro_redis *)(void *)backend;
	struct ouro_redis_parcel *parcel = malloc(sizeof(*parcel) + topic.len);
	int err = 0;

	if (!parcel)
		return -ENOMEM;
	parcel->message = message;
	parcel->bytes = ouro_hub_message_bytes(message) + sizeof(*parcel) + topic.len;
	parcel->topic_len = topic.len;
	memcpy(parcel->topic, topic.ptr, topic.len);

	pthread_mutex_lock(&redis->lock);
	if (redis->outbox_count >= redis->options.outbox_count_max ||
	    redis->outbox_bytes >= redis->options.outbox_bytes_max ||
	    parcel->bytes > redis->options.outbox_bytes_max - redis->outbox_bytes)
		err = -ENOBUFS;
	if (!err) {
		ouro_hub_message_ref(message);
		parcel->number = ++redis->last_number;
		ouro_hub_list_add(&redis->outbox, &parcel->link);
		redis->outbox_count++;
		redis->outbox_bytes += parcel->bytes;
		ouro_redis_ring(redis);
	}
	pthread_mutex_unlock(&redis->lock);
	if (err)
		free(parcel);
	return err;
}

static void free_parcel(struct ouro_redis_parcel *parcel)
{
	ouro_hub_message_unref(parcel->message);
	free(parcel);
}

/* Removes the oldest: replies come in the order of the commands. @rejected: what Redis said, where it
 * is lost. The log is told of the 1st, 2nd, 4th, and so on: none may be without a line, and many
 * need not have one each. */
static void confirm_oldest(struct ouro_redis *redis, const char *rejected)
{
	struct ouro_redis_parcel *parcel;
	uint64_t count;

	pthread_mutex_lock(&redis->lock);
	assert(!ouro_hub_list_is_empty(&redis->outbox));
	parcel = OURO_HUB_LIST_ENTRY(redis->outbox.next, struct ouro_redis_parcel, link);
	ouro_hub_list_remove(&parcel->link);
	redis->outbox_count--;
	redis->outbox_bytes -= parcel->bytes;
	count = redis->rejected_count += rejected != NULL;
	pthread_mutex_unlock(&redis->lock);
	free_parcel(parcel);
	if (rejected && (count & (count - 1)) == 0 && redis->options.log)
		ouro_log(redis->options.log, OURO_LOG_WARNING,
			 "redis: a message is lost, the %lluth so far: %s",
			 (unsigned long long)count, rejected);
}

static bool will_pass(const redisReply *reply)
{
	for (size_t i = 0; passing_errors[i]; i++)
		if (ouro_str_starts(ouro_redis_text(reply), ouro_str_c(passing_errors[i])))
			return true;
	return false;
}

static void on_sent(redisAsyncContext *context, void *data, void *arg)
{
	struct ouro_redis *redis = arg;
	const redisReply *reply = data;

	(void)context;
	/* Lost: it stays, to be sent again. So it does once a reply before it was a failure. */
	if (!reply || redis->has_failed)
		return;
	if (reply->type == REDIS_REPLY_ERROR && will_pass(reply))
		ouro_redis_fail(redis, OURO_REDIS_STEP_PUBLISH, reply->str);
	else if (reply->type == REDIS_REPLY_ERROR)
		confirm_oldest(redis, reply->str);
	else if (reply->type == REDIS_REPLY_INTEGER)
		confirm_oldest(redis, NULL);
	else
		ouro_redis_fail(redis, OURO_REDIS_STEP_PUBLISH, "no number");
}

/* @before: the number of the parcel before it, or 0. */
static bool send_parcel(struct ouro_redis *redis, const struct ouro_redis_parcel *parcel,
			uint64_t before)
{
	const struct ouro_hub_content *content = ouro_hub_message_content(parcel->message);
	char stream[OURO_REDIS_KEY_BYTES_MAX], sender[OURO_REDIS_KEY_BYTES_MAX];
	char number[DIGITS_MAX], previous[DIGITS_MAX], count[DIGITS_MAX], retention[DIGITS_MAX];
	size_t number_len = ouro_u64_to_dec(parcel->number, number);
	size_t head_len = OURO_REDIS_ID_BYTES + number_len + 1;
	size_t len = head_len + ouro_hub_wire_size(content);
	char *bytes = malloc(len);
	bool sent;

	if (!bytes) {
		ouro_redis_fail(redis, OURO_REDIS_STEP_PUBLISH, "out of memory");
		return false;
	}
	memcpy(bytes, redis->id, OURO_REDIS_ID_BYTES);
	memcpy(bytes + OURO_REDIS_ID_BYTES, number, number_len);
	bytes[head_len - 1] = ' ';
	ouro_hub_wire_write(content, bytes + head_len);
	sent = ouro_redis_send(
		redis, OURO_REDIS_COMMANDS, on_sent, redis,
		(struct ouro_str[]){
			OURO_STR("EVALSHA"),
			ouro_str_c(redis->script),
			OURO_STR("2"),
			ouro_redis_key(redis, OURO_STR(":topic:"),
				       ouro_str(parcel->topic, parcel->topic_len), stream),
			ouro_redis_key(redis, OURO_STR(":from:"), ouro_str_c(redis->id), sender),
			ouro_str(number, number_len),
			ouro_str(previous, ouro_u64_to_dec(before, previous)),
			ouro_str(count, ouro_u64_to_dec(redis->options.stream_count_max, count)),
			ouro_str(retention,
				 ouro_u64_to_dec(redis->options.stream_retention_ms, retention)),
			ouro_str(bytes, len),
		},
		10);
	free(bytes);
	return sent;
}

static struct ouro_redis_parcel *parcel_at(struct ouro_hub_list *link)
{
	return OURO_HUB_LIST_ENTRY(link, struct ouro_redis_parcel, link);
}

/* The oldest from @after on that was not sent on this connection, with the number of the one
 * before it. It stays where it is while it is sent, since only the loop removes. */
static struct ouro_redis_parcel *next_unsent(struct ouro_redis *redis,
					     struct ouro_redis_parcel *after, uint64_t *before)
{
	struct ouro_hub_list *end = &redis->outbox, *link;

	pthread_mutex_lock(&redis->lock);
	link = after ? after->link.next : end->next;
	while (link != end && parcel_at(link)->number <= redis->sent_number)
		link = link->next;
	if (link != end && parcel_at(link)->number > redis->sendable_number)
		link = end;
	*before = link != end && link->prev != end ? parcel_at(link->prev)->number : 0;
	pthread_mutex_unlock(&redis->lock);
	return link != end ? parcel_at(link) : NULL;
}

void ouro_redis_send_parcels(struct ouro_redis *redis)
{
	struct ouro_redis_parcel *parcel = NULL;
	uint64_t before;

	while (!redis->has_failed && (parcel = next_unsent(redis, parcel, &before)))
		if (send_parcel(redis, parcel, before))
			redis->sent_number = parcel->number;
}

void ouro_redis_free_parcels(struct ouro_redis *redis)
{
	while (!ouro_hub_list_is_empty(&redis->outbox)) {
		struct ouro_hub_list *link = redis->outbox.next;

		ouro_hub_list_remove(link);
		free_parcel(OURO_HUB_LIST_ENTRY(link, struct ouro_redis_parcel, link));
	}
}
