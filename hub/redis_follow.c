/* The topics that the hub has: each is subscribed to, loaded, and followed message by message:
 * see hub/redis.h.
 *
 *     SUBSCRIBING -> FETCHING -> LIVE -> FETCHING (something was missed) -> LIVE ..
 *
 * Loading comes first on the connection for commands: what this process publishes afterwards
 * goes by the same way, and so cannot be taken for what was there before. */
#include "hub/redis_private.h"

#include "hub/hash.h"
#include "hub/wire.h"

#include <errno.h>
#include <stdlib.h>

/* As a reply is in memory as a whole, a fetch is of few. The last that is known comes with it. */
enum { FETCH_COUNT_MAX = 64, DIGITS_MAX = 20 };

static void set_state(struct ouro_redis_follow *follow, enum ouro_redis_follow_state state)
{
	switch (state) {
	case OURO_REDIS_IDLE:
		break;
	case OURO_REDIS_SUBSCRIBING:
		assert(follow->state == OURO_REDIS_IDLE);
		break;
	case OURO_REDIS_FETCHING:
		assert(follow->state == OURO_REDIS_SUBSCRIBING || follow->state == OURO_REDIS_LIVE);
		break;
	case OURO_REDIS_LIVE:
		assert(follow->state == OURO_REDIS_FETCHING);
		break;
	}
	follow->state = state;
}

static struct ouro_str name_of(const struct ouro_redis_follow *follow)
{
	return ouro_str(follow->name, follow->name_len);
}

/* ---- The table ---- */

static struct ouro_redis_follow **bucket_of(struct ouro_redis *redis, uint64_t hash)
{
	return &redis->buckets[hash & (redis->bucket_count - 1)];
}

/* Where it is, or where it would be, which is NULL. */
static struct ouro_redis_follow **find(struct ouro_redis *redis, struct ouro_str name)
{
	struct ouro_redis_follow **at = bucket_of(redis, ouro_hub_hash(redis->hash_key, name));

	while (*at && !ouro_str_eq(name_of(*at), name))
		at = &(*at)->next;
	return at;
}

/* Without memory the chains grow longer, which is no reason to fail. */
static void grow_table(struct ouro_redis *redis)
{
	uint32_t old_count = redis->bucket_count, count = old_count * 2;
	struct ouro_redis_follow **old = redis->buckets, **grown = calloc(count, sizeof(*grown));

	if (!grown)
		return;
	redis->buckets = grown;
	redis->bucket_count = count;
	for (uint32_t i = 0; i < old_count; i++) {
		struct ouro_redis_follow *follow = old[i], *next;

		for (; follow; follow = next) {
			struct ouro_redis_follow **bucket = bucket_of(redis, follow->hash);

			next = follow->next;
			follow->next = *bucket;
			*bucket = follow;
		}
	}
	free(old);
}

static void add(struct ouro_redis *redis, struct ouro_redis_follow *follow)
{
	struct ouro_redis_follow **bucket;

	if (redis->follow_count >= redis->bucket_count)
		grow_table(redis);
	follow->hash = ouro_hub_hash(redis->hash_key, name_of(follow));
	bucket = bucket_of(redis, follow->hash);
	follow->next = *bucket;
	*bucket = follow;
	follow->is_known = true;
	redis->follow_count++;
}

static void free_follow(struct ouro_redis_follow *follow)
{
	ouro_redis_senders_fini(&follow->senders);
	free(follow);
}

/* Removes @follow, which is freed when no reply comes to it any more. */
static void remove_follow(struct ouro_redis *redis, struct ouro_redis_follow *follow)
{
	if (follow->is_known) {
		*find(redis, name_of(follow)) = follow->next;
		follow->is_known = false;
		redis->follow_count--;
	}
	if (!follow->is_fetching)
		free_follow(follow);
}

/* ---- What the stream has ---- */

static void on_fetched(redisAsyncContext *context, void *data, void *arg);

static void fetch(struct ouro_redis_follow *follow, enum ouro_redis_question question)
{
	struct ouro_redis *redis = follow->redis;
	char key[OURO_REDIS_KEY_BYTES_MAX], id[OURO_HUB_ID_TEXT_MAX], count[DIGITS_MAX];
	uint32_t count_max = ouro_hub_replay_count(redis->hub);
	struct ouro_str words[6] = {
		OURO_STR("XRANGE"),
		ouro_redis_key(redis, OURO_STR(":topic:"), name_of(follow), key),
	};

	words[2] = ouro_str(id, ouro_hub_id_write(follow->last, id));
	words[3] = OURO_STR("+");
	words[4] = OURO_STR("COUNT");
	words[5] = ouro_str(count, ouro_u64_to_dec(FETCH_COUNT_MAX, count));
	if (question == OURO_REDIS_LATEST) {
		/* The last, if no other, for its id. */
		words[0] = OURO_STR("XREVRANGE");
		words[2] = OURO_STR("+");
		words[3] = OURO_STR("-");
		words[5].len = ouro_u64_to_dec(count_max > 0 ? count_max : 1, count);
	}
	follow->question = question;
	follow->again = false;
	follow->refresh_sent = follow->refresh_asked;
	follow->is_fetching =
		ouro_redis_send(redis, OURO_REDIS_COMMANDS, on_fetched, follow, words, 6);
}

/* Reads the OURO_REDIS_ID_BYTES digits of a backend's id. */
static bool read_sender(const char *digits, uint64_t *sender)
{
	static const char all[] = "0123456789abcdef";

	*sender = 0;
	for (size_t i = 0; i < OURO_REDIS_ID_BYTES; i++) {
		const char *digit = memchr(all, digits[i], sizeof(all) - 1);

		if (!digit)
			return false;
		*sender = *sender << 4 | (uint64_t)(digit - all);
	}
	return true;
}

/* Takes the sender and the number from the front of @bytes. */
static bool take_sender(struct ouro_str *bytes, uint64_t *sender, uint64_t *number)
{
	struct ouro_str rest = *bytes;
	const char *blank;
	size_t len;

	if (rest.len <= OURO_REDIS_ID_BYTES || !read_sender(rest.ptr, sender))
		return false;
	rest = ouro_str(rest.ptr + OURO_REDIS_ID_BYTES, rest.len - OURO_REDIS_ID_BYTES);
	blank = memchr(rest.ptr, ' ', rest.len);
	len = blank ? (size_t)(blank - rest.ptr) : 0;
	if (!blank || ouro_str_to_u64(ouro_str(rest.ptr, len), number))
		return false;
	*bytes = ouro_str(rest.ptr + len + 1, rest.len - len - 1);
	return true;
}

/* Gives the hub a message that came after that of @before, which is @joined to what the hub has had: nothing
 * is missing in between. */
static void hand(struct ouro_redis_follow *follow, struct ouro_hub_id id, struct ouro_hub_id before,
		 bool joined, const struct ouro_hub_content *content)
{
	struct ouro_redis *redis = follow->redis;
	struct ouro_hub_message *message;

	/* What cannot be kept is missing, and found to be when the next one comes. */
	if (ouro_hub_message_create(content, &message))
		return;
	ouro_hub_message_set_stamp(message, id);
	if (ouro_hub_arrive(redis->hub, name_of(follow), message,
			    joined ? follow->handed : before) == 0) {
		follow->handed = id;
		follow->is_joined = true;
	}
	ouro_hub_message_unref(message);
}

/* Once for each topic: what somebody else puts there may be a lot. */
static void complain(struct ouro_redis_follow *follow)
{
	const struct ouro_log *log = follow->redis->options.log;
	bool has_complained = follow->has_complained;

	follow->has_complained = true;
	if (log && !has_complained)
		ouro_log(log, OURO_LOG_WARNING, "redis: a message in %.*s cannot be read",
			 (int)follow->name_len, follow->name);
}

/* The hub finds the gap if @before is not what it has had last. A stream that is empty says that
 * the last message is long past, or that Redis has lost all: on a connection that has stood
 * since then nothing can have been missed. */
static void accept(struct ouro_redis_follow *follow, struct ouro_hub_id id,
		   struct ouro_hub_id before, struct ouro_str bytes)
{
	struct ouro_hub_content content;
	uint64_t sender, number;
	bool joined;

	if (!ouro_hub_id_is_before(follow->last, id))
		return;
	if (ouro_hub_id_is_zero(before) && follow->is_steady)
		before = follow->last;
	joined = follow->is_joined && ouro_hub_id_eq(before, follow->last);
	follow->last = id;
	follow->is_steady = true;
	follow->is_joined = false;
	if (!take_sender(&bytes, &sender, &number) || ouro_hub_wire_read(bytes, &content))
		complain(follow);
	else if (ouro_redis_senders_note(&follow->senders, sender, number))
		hand(follow, id, before, joined, &content);
	else
		/* It had arrived before Redis lost its data, and was sent again. */
		follow->is_joined = joined;
}

/* Finds the two fields of an entry of the stream: [id, [name, value, name, value]]. */
static bool read_entry(const redisReply *entry, struct ouro_hub_id *id, struct ouro_hub_id *before,
		       struct ouro_str *bytes)
{
	const redisReply *fields;

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
	    entry->element[0]->type != REDIS_REPLY_STRING ||
	    entry->element[1]->type != REDIS_REPLY_ARRAY || entry->element[1]->elements != 4)
		return false;
	fields = entry->element[1];
	for (size_t i = 0; i < 4; i++)
		if (fields->element[i]->type != REDIS_REPLY_STRING)
			return false;
	*bytes = ouro_redis_text(fields->element[3]);
	return ouro_str_eq(ouro_redis_text(fields->element[0]), OURO_STR("p")) &&
	       ouro_str_eq(ouro_redis_text(fields->element[2]), OURO_STR("b")) &&
	       ouro_hub_id_parse(ouro_redis_text(entry->element[0]), id) == 0 &&
	       ouro_hub_id_parse(ouro_redis_text(fields->element[1]), before) == 0;
}

/* Passes over an entry that is none of ours, so that it is not fetched again and again. */
static void skip(struct ouro_redis_follow *follow, struct ouro_hub_id id)
{
	if (!ouro_hub_id_is_before(follow->last, id))
		return;
	follow->last = id;
	follow->is_joined = false;
}

static bool read_id(const redisReply *entry, struct ouro_hub_id *id)
{
	return entry->type == REDIS_REPLY_ARRAY && entry->elements > 0 &&
	       entry->element[0]->type == REDIS_REPLY_STRING &&
	       ouro_hub_id_parse(ouro_redis_text(entry->element[0]), id) == 0;
}

static void accept_entries(struct ouro_redis_follow *follow, const redisReply *reply)
{
	struct ouro_hub_id first;

	/* The stream is known to go on from the last message. */
	if (reply->elements > 0 && follow->question == OURO_REDIS_AFTER &&
	    read_id(reply->element[0], &first) && ouro_hub_id_eq(first, follow->last))
		follow->is_steady = true;
	for (size_t i = 0; i < reply->elements; i++) {
		/* The latest ones come backwards. */
		size_t index = follow->question == OURO_REDIS_AFTER ? i : reply->elements - 1 - i;
		struct ouro_hub_id id, before;
		struct ouro_str bytes;

		if (read_entry(reply->element[index], &id, &before, &bytes))
			accept(follow, id, before, bytes);
		else if (read_id(reply->element[index], &id))
			skip(follow, id);
	}
	follow->fetched = follow->last;
}

/* The stream has nothing from the last message on: it is empty, or another one, whose latest are in @reply,
 * and which has come to lesser ids. True where there is more to ask. */
static bool begin_anew(struct ouro_redis_follow *follow, const redisReply *reply)
{
	struct ouro_hub_id newest;

	if (reply->elements == 0 || !read_id(reply->element[0], &newest))
		return false;
	if (!ouro_hub_id_is_before(newest, follow->last)) {
		fetch(follow, OURO_REDIS_AFTER);
		return true;
	}
	ouro_hub_restart(follow->redis->hub, name_of(follow));
	follow->last = follow->handed = (struct ouro_hub_id){ 0 };
	follow->is_steady = follow->is_joined = follow->is_loaded = false;
	return false;
}

/* Once the channel is heard and the topic loaded, what has come between the two is fetched. */
static void catch_up(struct ouro_redis_follow *follow)
{
	if (!follow->is_confirmed || follow->is_fetching)
		return;
	set_state(follow, OURO_REDIS_FETCHING);
	fetch(follow, OURO_REDIS_AFTER);
}

static void go_live(struct ouro_redis_follow *follow)
{
	set_state(follow, OURO_REDIS_LIVE);
	if (follow->refresh_told == follow->refresh_sent)
		return;
	follow->refresh_told = follow->refresh_sent;
	ouro_hub_refreshed(follow->redis->hub, name_of(follow), follow->refresh_told);
}

/* Takes in what was fetched. True where more was asked for. */
static bool take_in(struct ouro_redis_follow *follow, const redisReply *reply)
{
	struct ouro_redis *redis = follow->redis;
	bool is_after = follow->question == OURO_REDIS_AFTER;

	if (is_after && reply->elements == 0 && !ouro_hub_id_is_zero(follow->last)) {
		fetch(follow, OURO_REDIS_LATEST);
		return true;
	}
	if (!is_after && follow->is_loaded && begin_anew(follow, reply))
		return true;
	accept_entries(follow, reply);
	if (!follow->is_loaded)
		ouro_hub_loaded(redis->hub, name_of(follow));
	follow->is_loaded = true;
	if (is_after && reply->elements < FETCH_COUNT_MAX && !follow->again)
		return false;
	if (follow->state != OURO_REDIS_FETCHING || (!is_after && !follow->again))
		return false;
	fetch(follow, OURO_REDIS_AFTER);
	return true;
}

static void on_fetched(redisAsyncContext *context, void *data, void *arg)
{
	struct ouro_redis_follow *follow = arg;
	struct ouro_redis *redis = follow->redis;
	const redisReply *reply = data;

	(void)context;
	follow->is_fetching = false;
	if (!follow->is_known) {
		free_follow(follow);
		return;
	}
	if (!reply || redis->has_failed)
		return;
	if (reply->type != REDIS_REPLY_ARRAY) {
		ouro_redis_fail(redis, OURO_REDIS_STEP_READ,
				reply->type == REDIS_REPLY_ERROR ? reply->str : "no list");
		return;
	}
	if (take_in(follow, reply))
		return;
	if (follow->state == OURO_REDIS_SUBSCRIBING)
		catch_up(follow);
	else
		go_live(follow);
}

/* ---- What arrives ---- */

static struct ouro_redis_follow *follow_of(struct ouro_redis *redis, struct ouro_str channel)
{
	struct ouro_str topic = ouro_redis_topic_of(redis, channel);

	return topic.ptr ? *find(redis, topic) : NULL;
}

void ouro_redis_follow_confirmed(struct ouro_redis *redis, struct ouro_str channel)
{
	struct ouro_redis_follow *follow = follow_of(redis, channel);

	/* One that was left and is followed again is confirmed twice; the second counts. */
	if (!follow || follow->state != OURO_REDIS_SUBSCRIBING ||
	    follow->subscription != redis->confirmed_count)
		return;
	follow->is_confirmed = true;
	catch_up(follow);
}

/* Takes an id and the blank behind it from @rest. */
static bool take_id(struct ouro_str *rest, struct ouro_hub_id *id)
{
	const char *blank = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
	size_t len;

	if (!blank)
		return false;
	len = (size_t)(blank - rest->ptr);
	if (ouro_hub_id_parse(ouro_str(rest->ptr, len), id))
		return false;
	*rest = ouro_str(rest->ptr + len + 1, rest->len - len - 1);
	return true;
}

static bool is_next(const struct ouro_redis_follow *follow, struct ouro_hub_id id,
		    struct ouro_hub_id before)
{
	return ouro_hub_id_is_before(follow->last, id) &&
	       (ouro_hub_id_eq(before, follow->last) ||
		(ouro_hub_id_is_zero(before) && follow->is_steady));
}

/* What was fetched comes by the channel as well, later. A lesser id than the last is else one of another
 * stream, as may be that of a first message. */
static bool is_known_from_stream(const struct ouro_redis_follow *follow, struct ouro_hub_id id,
				 struct ouro_hub_id before)
{
	return !ouro_hub_id_is_before(follow->fetched, id) && !ouro_hub_id_is_zero(before);
}

void ouro_redis_follow_arrived(struct ouro_redis *redis, struct ouro_str channel,
			       struct ouro_str bytes)
{
	struct ouro_redis_follow *follow = follow_of(redis, channel);
	struct ouro_hub_id id, before;

	if (!follow || !take_id(&bytes, &id) || !take_id(&bytes, &before))
		return;
	/* The reply that is under way may be of before this message. */
	if (follow->state != OURO_REDIS_LIVE) {
		follow->again = true;
		return;
	}
	if (is_next(follow, id, before)) {
		accept(follow, id, before, bytes);
	} else if (!is_known_from_stream(follow, id, before)) {
		set_state(follow, OURO_REDIS_FETCHING);
		fetch(follow, OURO_REDIS_AFTER);
	}
}

/* ---- Beginning and end ---- */

static void begin(struct ouro_redis_follow *follow)
{
	struct ouro_redis *redis = follow->redis;
	char key[OURO_REDIS_KEY_BYTES_MAX];

	set_state(follow, OURO_REDIS_SUBSCRIBING);
	follow->is_steady = false;
	follow->is_confirmed = false;
	if (!follow->is_loaded)
		fetch(follow, OURO_REDIS_LATEST);
	ouro_redis_subscribe(redis,
			     ouro_redis_key(redis, OURO_STR(":topic:"), name_of(follow), key));
	follow->subscription = redis->subscribe_count;
}

static void end(struct ouro_redis_follow *follow)
{
	struct ouro_redis *redis = follow->redis;
	char key[OURO_REDIS_KEY_BYTES_MAX];

	if (follow->is_known && redis->state == OURO_REDIS_UP && !redis->has_failed)
		ouro_redis_send(redis, OURO_REDIS_ARRIVALS, NULL, NULL,
				(struct ouro_str[]){ OURO_STR("UNSUBSCRIBE"),
						     ouro_redis_key(redis, OURO_STR(":topic:"),
								    name_of(follow), key) },
				2);
	remove_follow(redis, follow);
}

/* When there is none, what has been published so far may be sent: whoever was there before it is
 * known. */
static struct ouro_redis_follow *next_change(struct ouro_redis *redis, bool *is_wanted,
					     uint32_t *refresh)
{
	struct ouro_hub_list *link;
	struct ouro_redis_follow *follow = NULL;

	pthread_mutex_lock(&redis->lock);
	link = redis->changed.next;
	if (link != &redis->changed) {
		ouro_hub_list_remove(link);
		follow = OURO_HUB_LIST_ENTRY(link, struct ouro_redis_follow, changed);
		*is_wanted = follow->is_wanted;
		*refresh = follow->refresh_wanted;
	} else {
		redis->sendable_number = redis->last_number;
	}
	pthread_mutex_unlock(&redis->lock);
	return follow;
}

/* Asks the stream again, unless it is to be asked anyway. */
static void refresh(struct ouro_redis_follow *follow)
{
	if (follow->state == OURO_REDIS_LIVE && !follow->redis->has_failed) {
		set_state(follow, OURO_REDIS_FETCHING);
		fetch(follow, OURO_REDIS_AFTER);
	} else {
		follow->again = true;
	}
}

void ouro_redis_follow_changes(struct ouro_redis *redis)
{
	struct ouro_redis_follow *follow;
	uint32_t number;
	bool is_wanted;

	while ((follow = next_change(redis, &is_wanted, &number))) {
		if (!is_wanted) {
			end(follow);
			continue;
		}
		follow->refresh_asked = number;
		if (follow->is_known) {
			refresh(follow);
			continue;
		}
		add(redis, follow);
		if (redis->state == OURO_REDIS_UP && !redis->has_failed)
			begin(follow);
	}
}

void ouro_redis_follow_all(struct ouro_redis *redis)
{
	for (uint32_t i = 0; i < redis->bucket_count && !redis->has_failed; i++)
		for (struct ouro_redis_follow *follow = redis->buckets[i];
		     follow && !redis->has_failed; follow = follow->next)
			begin(follow);
}

void ouro_redis_unfollow_all(struct ouro_redis *redis)
{
	for (uint32_t i = 0; i < redis->bucket_count; i++)
		for (struct ouro_redis_follow *follow = redis->buckets[i]; follow;
		     follow = follow->next) {
			assert(!follow->is_fetching);
			set_state(follow, OURO_REDIS_IDLE);
		}
}

/* ---- What the hub says, any thread ---- */

int ouro_redis_want(struct ouro_hub_backend *backend, struct ouro_str topic, void **handle)
{
	struct ouro_redis *redis = (struct ouro_redis *)(void *)backend;
	struct ouro_redis_follow *follow = calloc(1, sizeof(*follow) + topic.len);

	if (!follow)
		return -ENOMEM;
	follow->redis = redis;
	follow->is_wanted = true;
	follow->state = OURO_REDIS_IDLE;
	follow->name_len = topic.len;
	memcpy(follow->name, topic.ptr, topic.len);
	pthread_mutex_lock(&redis->lock);
	ouro_hub_list_add(&redis->changed, &follow->changed);
	ouro_redis_ring(redis);
	pthread_mutex_unlock(&redis->lock);
	*handle = follow;
	return 0;
}

/* Puts @follow among those that the loop is to look at; the lock is held. */
static void note_change(struct ouro_redis *redis, struct ouro_redis_follow *follow)
{
	/* The loop may not have come to know of the last one yet. */
	if (ouro_hub_list_is_empty(&follow->changed))
		ouro_hub_list_add(&redis->changed, &follow->changed);
	ouro_redis_ring(redis);
}

void ouro_redis_unwant(struct ouro_hub_backend *backend, void *handle)
{
	struct ouro_redis *redis = (struct ouro_redis *)(void *)backend;
	struct ouro_redis_follow *follow = handle;

	pthread_mutex_lock(&redis->lock);
	follow->is_wanted = false;
	note_change(redis, follow);
	pthread_mutex_unlock(&redis->lock);
}

void ouro_redis_refresh(struct ouro_hub_backend *backend, void *handle, uint32_t number)
{
	struct ouro_redis *redis = (struct ouro_redis *)(void *)backend;
	struct ouro_redis_follow *follow = handle;

	pthread_mutex_lock(&redis->lock);
	follow->refresh_wanted = number;
	note_change(redis, follow);
	pthread_mutex_unlock(&redis->lock);
}
