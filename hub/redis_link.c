/* The connections to Redis: made, greeted, listened to, given up and made again: see
 * hub/redis.h. */
#include "hub/redis_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { WORDS_MAX = 10, CODE_BYTES_MAX = 32 };

static void set_state(struct ouro_redis *redis, enum ouro_redis_state state, uint32_t wait_ms)
{
	switch (state) {
	case OURO_REDIS_STOPPED:
		break;
	case OURO_REDIS_DOWN:
		assert(redis->state != OURO_REDIS_DOWN);
		break;
	case OURO_REDIS_CONNECTING:
		assert(redis->state == OURO_REDIS_DOWN);
		break;
	case OURO_REDIS_UP:
		assert(redis->state == OURO_REDIS_CONNECTING);
		break;
	}
	redis->state = state;
	redis->due_ms = redis->now_ms + wait_ms;
	pthread_mutex_lock(&redis->lock);
	redis->is_up = state == OURO_REDIS_UP;
	redis->connect_count += redis->is_up;
	pthread_mutex_unlock(&redis->lock);
}

/* ---- Names ---- */

static char *append(char *out, struct ouro_str str)
{
	memcpy(out, str.ptr, str.len);
	return out + str.len;
}

struct ouro_str ouro_redis_key(const struct ouro_redis *redis, struct ouro_str kind,
			       struct ouro_str name, char *out)
{
	char *at = append(out, ouro_str_c(redis->options.prefix));

	at = append(at, kind);
	at = append(at, name);
	return ouro_str(out, (size_t)(at - out));
}

struct ouro_str ouro_redis_topic_of(const struct ouro_redis *redis, struct ouro_str key)
{
	struct ouro_str start[] = { ouro_str_c(redis->options.prefix), OURO_STR(":topic:") };

	for (size_t i = 0; i < 2; i++) {
		if (!ouro_str_starts(key, start[i]))
			return ouro_str(NULL, 0);
		key = ouro_str(key.ptr + start[i].len, key.len - start[i].len);
	}
	return key;
}

/* ---- What hiredis wants watched ---- */

static void watch(struct ouro_redis_link *link, bool read, bool write)
{
	struct ouro_redis *redis = link->redis;

	if (!link->context || (read == link->wants_read && write == link->wants_write))
		return;
	link->wants_read = read;
	link->wants_write = write;
	redis->driver.watch(redis->driver.arg, (unsigned)(link - redis->links), link->context->c.fd,
			    read, write);
}

static void add_read(void *arg)
{
	struct ouro_redis_link *link = arg;

	watch(link, true, link->wants_write);
}

static void del_read(void *arg)
{
	struct ouro_redis_link *link = arg;

	watch(link, false, link->wants_write);
}

static void add_write(void *arg)
{
	struct ouro_redis_link *link = arg;

	watch(link, link->wants_read, true);
}

static void del_write(void *arg)
{
	struct ouro_redis_link *link = arg;

	watch(link, link->wants_read, false);
}

static void unwatch(void *arg)
{
	struct ouro_redis_link *link = arg;
	struct ouro_redis *redis = link->redis;

	link->wants_read = false;
	link->wants_write = false;
	redis->driver.watch(redis->driver.arg, (unsigned)(link - redis->links), -1, false, false);
}

/* ---- Commands ---- */

bool ouro_redis_send(struct ouro_redis *redis, unsigned index, redisCallbackFn *fn, void *arg,
		     const struct ouro_str *words, size_t count)
{
	struct ouro_redis_link *link = &redis->links[index];
	const char *texts[WORDS_MAX];
	size_t lens[WORDS_MAX];

	assert(count <= WORDS_MAX);
	if (redis->has_failed || !link->context)
		return false;
	for (size_t i = 0; i < count; i++) {
		texts[i] = words[i].ptr;
		lens[i] = words[i].len;
	}
	if (redisAsyncCommandArgv(link->context, fn, arg, (int)count, texts, lens) == REDIS_OK)
		return true;
	ouro_redis_fail(redis, OURO_REDIS_STEP_SEND, "out of memory");
	return false;
}

static const char *name_of(enum ouro_redis_step step)
{
	switch (step) {
	case OURO_REDIS_STEP_FIND:
		return "finding its address";
	case OURO_REDIS_STEP_CONNECT:
		return "connecting";
	case OURO_REDIS_STEP_CONNECTION:
		return "connection";
	case OURO_REDIS_STEP_AUTH:
		return "authenticating";
	case OURO_REDIS_STEP_DATABASE:
		return "choosing the database";
	case OURO_REDIS_STEP_SCRIPT:
		return "loading the script";
	case OURO_REDIS_STEP_SUBSCRIBE:
		return "subscribing";
	case OURO_REDIS_STEP_HEARTBEAT:
		return "heartbeat";
	case OURO_REDIS_STEP_READ:
		return "reading a stream";
	case OURO_REDIS_STEP_PUBLISH:
		return "publishing";
	case OURO_REDIS_STEP_SEND:
		return "sending";
	}
	return "";
}

void ouro_redis_fail(struct ouro_redis *redis, enum ouro_redis_step step, const char *why)
{
	bool was_told = redis->told_steps & 1U << step;

	if (redis->has_failed)
		return;
	redis->has_failed = true;
	redis->told_steps |= 1U << step;
	/* That it cannot be connected to afterwards is no news. */
	if (step == OURO_REDIS_STEP_CONNECTION)
		redis->told_steps |= 1U << OURO_REDIS_STEP_CONNECT;
	if (redis->options.log && !was_told)
		ouro_log(redis->options.log, OURO_LOG_WARNING, "redis: %s: %s; trying again",
			 name_of(step), why);
}

/* ---- Heartbeats, which go out on one connection and come in on the other ---- */

static struct ouro_str beat_channel(const struct ouro_redis *redis, char *out)
{
	return ouro_redis_key(redis, OURO_STR(":beat:"), ouro_str_c(redis->id), out);
}

static void send_beat(struct ouro_redis *redis)
{
	char channel[OURO_REDIS_KEY_BYTES_MAX];

	redis->was_beat_seen = false;
	redis->due_ms = redis->now_ms + redis->options.heartbeat_ms;
	ouro_redis_send(redis, OURO_REDIS_COMMANDS, NULL, NULL,
			(struct ouro_str[]){ OURO_STR("PUBLISH"), beat_channel(redis, channel),
					     OURO_STR("") },
			3);
}

/* ---- Greeting ---- */

static void set_ready(struct ouro_redis *redis, unsigned index)
{
	redis->links[index].is_ready = true;
	if (redis->state != OURO_REDIS_CONNECTING || !redis->links[OURO_REDIS_COMMANDS].is_ready ||
	    !redis->links[OURO_REDIS_ARRIVALS].is_ready)
		return;
	set_state(redis, OURO_REDIS_UP, redis->options.heartbeat_ms);
	redis->up_since_ms = redis->now_ms;
	redis->told_steps = 0;
	if (redis->options.log)
		ouro_log(redis->options.log, OURO_LOG_INFO, "redis: connected");
	send_beat(redis);
	ouro_redis_follow_all(redis);
	ouro_redis_follow_changes(redis);
	ouro_redis_send_parcels(redis);
}

/* The error's code alone: what comes behind it may repeat the command, and with it the password. */
static void on_auth(redisAsyncContext *context, void *data, void *arg)
{
	const redisReply *reply = data;
	char code[CODE_BYTES_MAX];
	size_t len = 0;

	(void)context;
	if (!reply || reply->type != REDIS_REPLY_ERROR)
		return;
	for (; len + 1 < sizeof(code) && reply->str[len] >= 'A' && reply->str[len] <= 'Z'; len++)
		code[len] = reply->str[len];
	code[len] = '\0';
	ouro_redis_fail(arg, OURO_REDIS_STEP_AUTH, code);
}

static void on_database(redisAsyncContext *context, void *data, void *arg)
{
	const redisReply *reply = data;

	(void)context;
	if (reply && reply->type == REDIS_REPLY_ERROR)
		ouro_redis_fail(arg, OURO_REDIS_STEP_DATABASE, reply->str);
}

static void on_script(redisAsyncContext *context, void *data, void *arg)
{
	struct ouro_redis *redis = arg;
	const redisReply *reply = data;

	(void)context;
	if (!reply || redis->has_failed)
		return;
	if (reply->type != REDIS_REPLY_STRING ||
	    ouro_redis_text(reply).len != sizeof(redis->script) - 1) {
		ouro_redis_fail(redis, OURO_REDIS_STEP_SCRIPT,
				reply->type == REDIS_REPLY_ERROR ? reply->str : "no name");
		return;
	}
	memcpy(redis->script, reply->str, sizeof(redis->script));
	set_ready(redis, OURO_REDIS_COMMANDS);
}

static void on_subscribed(struct ouro_redis *redis, struct ouro_str channel)
{
	char own[OURO_REDIS_KEY_BYTES_MAX];

	redis->confirmed_count++;
	if (ouro_str_eq(channel, beat_channel(redis, own)))
		set_ready(redis, OURO_REDIS_ARRIVALS);
	else
		ouro_redis_follow_confirmed(redis, channel);
}

static void on_published(struct ouro_redis *redis, struct ouro_str channel, struct ouro_str bytes)
{
	char own[OURO_REDIS_KEY_BYTES_MAX];

	if (ouro_str_eq(channel, beat_channel(redis, own)))
		redis->was_beat_seen = true;
	else
		ouro_redis_follow_arrived(redis, channel, bytes);
}

/* [subscribe, channel, count], [unsubscribe, channel, count] or [message, channel, bytes]. */
static void on_arrival(redisAsyncContext *context, void *data, void *arg)
{
	struct ouro_redis *redis = arg;
	const redisReply *reply = data;
	struct ouro_str kind, channel;

	(void)context;
	if (!reply || redis->has_failed)
		return;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    reply->element[1]->type != REDIS_REPLY_STRING) {
		ouro_redis_fail(redis, OURO_REDIS_STEP_SUBSCRIBE,
				reply->type == REDIS_REPLY_ERROR ? reply->str : "no list");
		return;
	}
	kind = ouro_redis_text(reply->element[0]);
	channel = ouro_redis_text(reply->element[1]);
	if (ouro_str_eq(kind, OURO_STR("subscribe")))
		on_subscribed(redis, channel);
	else if (ouro_str_eq(kind, OURO_STR("message")) &&
		 reply->element[2]->type == REDIS_REPLY_STRING)
		on_published(redis, channel, ouro_redis_text(reply->element[2]));
}

void ouro_redis_subscribe(struct ouro_redis *redis, struct ouro_str channel)
{
	redis->subscribe_count++;
	ouro_redis_send(redis, OURO_REDIS_ARRIVALS, on_arrival, redis,
			(struct ouro_str[]){ OURO_STR("SUBSCRIBE"), channel }, 2);
}

static void authenticate(struct ouro_redis *redis, unsigned index)
{
	const struct ouro_redis_options *options = &redis->options;

	if (options->user)
		ouro_redis_send(redis, index, on_auth, redis,
				(struct ouro_str[]){ OURO_STR("AUTH"), ouro_str_c(options->user),
						     ouro_str_c(options->password) },
				3);
	else if (options->password)
		ouro_redis_send(redis, index, on_auth, redis,
				(struct ouro_str[]){ OURO_STR("AUTH"),
						     ouro_str_c(options->password) },
				2);
}

static void choose_database(struct ouro_redis *redis)
{
	char number[OURO_REDIS_DATABASE_BYTES_MAX];

	if (redis->options.database == 0)
		return;
	ouro_redis_send(redis, OURO_REDIS_COMMANDS, on_database, redis,
			(struct ouro_str[]){
				OURO_STR("SELECT"),
				ouro_str(number, ouro_u64_to_dec(redis->options.database, number)),
			},
			2);
}

static void greet(struct ouro_redis *redis, unsigned index)
{
	char channel[OURO_REDIS_KEY_BYTES_MAX];

	authenticate(redis, index);
	if (index == OURO_REDIS_COMMANDS)
		choose_database(redis);
	if (index == OURO_REDIS_COMMANDS)
		ouro_redis_send(redis, index, on_script, redis,
				(struct ouro_str[]){ OURO_STR("SCRIPT"), OURO_STR("LOAD"),
						     ouro_str_c(ouro_redis_script) },
				3);
	else
		/* It stays subscribed to, so that the connection is never without a
		 * subscription, which hiredis would take for the end of subscribing. */
		ouro_redis_subscribe(redis, beat_channel(redis, channel));
}

/* ---- Connecting ---- */

static void on_connect(const redisAsyncContext *context, int status)
{
	struct ouro_redis_link *link = context->data;

	if (status == REDIS_OK) {
		greet(link->redis, (unsigned)(link - link->redis->links));
		return;
	}
	/* hiredis frees it. */
	link->context = NULL;
	ouro_redis_fail(link->redis, OURO_REDIS_STEP_CONNECT, context->errstr);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct ouro_redis_link *link = context->data;

	link->context = NULL;
	ouro_redis_fail(link->redis, OURO_REDIS_STEP_CONNECTION,
			status == REDIS_OK ? "closed" : context->errstr);
}

static void open_link(struct ouro_redis *redis, unsigned index, const char *address)
{
	const struct ouro_redis_options *options = &redis->options;
	struct ouro_redis_link *link = &redis->links[index];
	redisAsyncContext *context = options->unix_path ? redisAsyncConnectUnix(options->unix_path)
							: redisAsyncConnect(address, options->port);

	if (!context || context->err) {
		ouro_redis_fail(redis, OURO_REDIS_STEP_CONNECT,
				context ? context->errstr : "out of memory");
		if (context)
			redisAsyncFree(context);
		return;
	}
	/* hiredis does not see to it that programs started by this one do not have it too. */
	fcntl(context->c.fd, F_SETFD, FD_CLOEXEC);
	*link = (struct ouro_redis_link){ .redis = redis, .context = context };
	context->data = link;
	context->ev.data = link;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = unwatch;
	redisAsyncSetDisconnectCallback(context, on_disconnect);
	/* This one asks for the first write. */
	redisAsyncSetConnectCallback(context, on_connect);
}

void ouro_redis_connect(struct ouro_redis *redis, const char *address)
{
	redis->subscribe_count = 0;
	redis->confirmed_count = 0;
	redis->sent_number = 0;
	for (unsigned i = 0; i < OURO_REDIS_CONNECTIONS && !redis->has_failed; i++)
		open_link(redis, i, address);
}

static void begin_to_connect(struct ouro_redis *redis)
{
	const struct ouro_redis_options *options = &redis->options;

	set_state(redis, OURO_REDIS_CONNECTING, options->connect_ms);
	if (options->unix_path || ouro_redis_is_numeric(options->address)) {
		ouro_redis_connect(redis, options->address);
	} else if (!redis->is_finding) {
		redis->is_finding = true;
		redis->driver.find(redis->driver.arg, options->address);
	}
}

void ouro_redis_close(struct ouro_redis *redis)
{
	/* Whatever is called back by this has nothing to do any more. */
	redis->has_failed = true;
	for (size_t i = 0; i < OURO_REDIS_CONNECTIONS; i++) {
		redisAsyncContext *context = redis->links[i].context;

		if (context)
			redisAsyncFree(context);
		redis->links[i].context = NULL;
		redis->links[i].is_ready = false;
	}
	ouro_redis_unfollow_all(redis);
	redis->has_failed = false;
}

/* xorshift (Marsaglia, 2003): enough to keep many servers from coming back at the same moment. */
static uint64_t draw(struct ouro_redis *redis)
{
	redis->random ^= redis->random << 13;
	redis->random ^= redis->random >> 7;
	redis->random ^= redis->random << 17;
	return redis->random;
}

static uint32_t next_backoff(struct ouro_redis *redis)
{
	const struct ouro_redis_options *options = &redis->options;

	/* One that breaks as soon as it is up must not be made again and again at once. */
	if (redis->state == OURO_REDIS_UP &&
	    redis->now_ms - redis->up_since_ms >= options->backoff_ms_max)
		redis->backoff_ms = 0;
	if (redis->backoff_ms == 0)
		redis->backoff_ms = options->backoff_ms_min;
	else if (redis->backoff_ms < options->backoff_ms_max / 2)
		redis->backoff_ms *= 2;
	else
		redis->backoff_ms = options->backoff_ms_max;
	return redis->backoff_ms - (uint32_t)(draw(redis) % (redis->backoff_ms / 2 + 1));
}

static void give_up(struct ouro_redis *redis)
{
	uint32_t wait_ms = next_backoff(redis);

	ouro_redis_close(redis);
	set_state(redis, OURO_REDIS_DOWN, wait_ms);
}

static void do_what_is_due(struct ouro_redis *redis)
{
	switch (redis->state) {
	case OURO_REDIS_STOPPED:
		break;
	case OURO_REDIS_DOWN:
		begin_to_connect(redis);
		break;
	case OURO_REDIS_CONNECTING:
		ouro_redis_fail(redis,
				redis->is_finding ? OURO_REDIS_STEP_FIND : OURO_REDIS_STEP_CONNECT,
				"no answer in time");
		break;
	case OURO_REDIS_UP:
		if (redis->was_beat_seen)
			send_beat(redis);
		else
			ouro_redis_fail(redis, OURO_REDIS_STEP_HEARTBEAT, "no answer in time");
		break;
	}
}

void ouro_redis_settle(struct ouro_redis *redis)
{
	if (redis->state == OURO_REDIS_STOPPED)
		return;
	if (!redis->has_failed && redis->now_ms >= redis->due_ms)
		do_what_is_due(redis);
	if (redis->has_failed)
		give_up(redis);
}
