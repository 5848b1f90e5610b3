/* Publishers on many threads, several loops, subscribers who come and go: everybody is told
 * everything once, and of each publisher in its order. */
#include "hub/hub.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	LOOPS = 3,
	PUBLISHERS = 4,
	TOPICS = 3,
	SUBSCRIBERS = 4, /* of each topic on each loop */
	MESSAGES_EACH = 2000,
	BRIEF_VISITS = 300,
};

struct letter {
	int publisher, number;
};

struct loop {
	struct ouro_hub_loop *loop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t bell;
	bool is_rung;
	int open_count; /* subscribers who have not been told all */
	struct subscriber {
		struct ouro_subscription sub; /* first */
		struct loop *loop;
		int told_count;
		int last[PUBLISHERS];
		struct ouro_hub_id last_id;
	} subscribers[TOPICS][SUBSCRIBERS];
	struct ouro_subscription brief;
};

static struct ouro_hub *hub;
static struct loop loops[LOOPS];
static pthread_barrier_t subscribed;
static const char *const names[TOPICS] = { "red", "green", "blue" };
static atomic_uint encoded_count;

static void wake(void *arg)
{
	struct loop *loop = arg;

	pthread_mutex_lock(&loop->lock);
	cr_assert_not(loop->is_rung);
	loop->is_rung = true;
	pthread_cond_signal(&loop->bell);
	pthread_mutex_unlock(&loop->lock);
}

static void on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
		       struct ouro_slice bytes)
{
	struct subscriber *subscriber = (struct subscriber *)(void *)sub;
	struct letter letter;

	cr_assert_eq(bytes.len, sizeof(letter) + 1);
	cr_assert_eq(bytes.ptr[0], '!');
	memcpy(&letter, bytes.ptr + 1, sizeof(letter));
	cr_assert_eq(letter.number, subscriber->last[letter.publisher] + 1);
	subscriber->last[letter.publisher] = letter.number;
	cr_assert(ouro_hub_id_is_before(subscriber->last_id, ouro_hub_message_stamp(message)));
	subscriber->last_id = ouro_hub_message_stamp(message);
	if (++subscriber->told_count == PUBLISHERS * MESSAGES_EACH)
		subscriber->loop->open_count--;
}

static void on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)sub;
	(void)up_to;
	cr_assert(false);
}

static const struct ouro_subscriber_ops ops = { .on_message = on_message, .on_gap = on_gap };

static void ignore_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			   struct ouro_slice bytes)
{
	(void)message;
	(void)bytes;
	ouro_hub_unsubscribe(sub);
}

static void ignore_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)sub;
	(void)up_to;
}

static const struct ouro_subscriber_ops brief_ops = { .on_message = ignore_message,
						      .on_gap = ignore_gap };

static struct ouro_hub_encoding *encode(void *arg, const struct ouro_hub_message *message)
{
	struct ouro_str data = ouro_hub_message_content(message)->data;
	struct ouro_hub_encoding *encoding = ouro_hub_encoding_create(data.len + 1);

	(void)arg;
	encoding->bytes[0] = '!';
	memcpy(encoding->bytes + 1, data.ptr, data.len);
	atomic_fetch_add(&encoded_count, 1);
	return encoding;
}

static void subscribe(struct loop *loop, int topic, struct ouro_subscription *sub,
		      const struct ouro_subscriber_ops *how, const char *after)
{
	struct ouro_subscription_options options = { .ops = how,
						     .format = 1,
						     .after = ouro_str_c(after) };

	cr_assert_eq(ouro_hub_subscribe(loop->loop, ouro_str_c(names[topic]), sub, &options), 0);
}

static void subscribe_all(struct loop *loop)
{
	for (int topic = 0; topic < TOPICS; topic++)
		for (int i = 0; i < SUBSCRIBERS; i++) {
			struct subscriber *subscriber = &loop->subscribers[topic][i];

			subscriber->loop = loop;
			subscribe(loop, topic, &subscriber->sub, &ops, NULL);
			loop->open_count++;
		}
}

static void wait_for_bell(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	while (!loop->is_rung)
		pthread_cond_wait(&loop->bell, &loop->lock);
	loop->is_rung = false;
	pthread_mutex_unlock(&loop->lock);
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;
	int visits = 0;

	subscribe_all(loop);
	pthread_barrier_wait(&subscribed);
	while (loop->open_count > 0) {
		wait_for_bell(loop);
		ouro_hub_loop_run(loop->loop);
		if (visits++ >= BRIEF_VISITS)
			continue;
		ouro_hub_unsubscribe(&loop->brief);
		subscribe(loop, visits % TOPICS, &loop->brief, &brief_ops,
			  visits % 2 ? "1-0" : NULL);
	}
	ouro_hub_unsubscribe(&loop->brief);
	for (int topic = 0; topic < TOPICS; topic++)
		for (int i = 0; i < SUBSCRIBERS; i++)
			ouro_hub_unsubscribe(&loop->subscribers[topic][i].sub);
	ouro_hub_loop_close(loop->loop);
	ouro_hub_loop_destroy(loop->loop);
	return NULL;
}

static void *publish_all(void *arg)
{
	struct letter letter = { .publisher = *(int *)arg };

	pthread_barrier_wait(&subscribed);
	for (letter.number = 1; letter.number <= MESSAGES_EACH; letter.number++)
		for (int topic = 0; topic < TOPICS; topic++) {
			struct ouro_hub_content content = {
				.kind = OURO_HUB_BINARY,
				.data = ouro_str((const char *)&letter, sizeof(letter)),
			};

			cr_assert_geq(ouro_hub_publish(hub, ouro_str_c(names[topic]), &content), 0);
		}
	return NULL;
}

Test(hub_threads, everybody_is_told_everything_once_and_in_order)
{
	struct ouro_hub_format format = { encode };
	struct ouro_hub_options options = {
		.formats = &format,
		.format_count = 1,
		.backlog_count_max = PUBLISHERS * MESSAGES_EACH,
		.backlog_bytes_max = SIZE_MAX,
		.bytes_max = SIZE_MAX / 2,
	};
	pthread_t publishers[PUBLISHERS];
	int numbers[PUBLISHERS];

	cr_assert_eq(ouro_hub_create(&hub, &options), 0);
	pthread_barrier_init(&subscribed, NULL, LOOPS + PUBLISHERS);
	for (int i = 0; i < LOOPS; i++) {
		pthread_mutex_init(&loops[i].lock, NULL);
		pthread_cond_init(&loops[i].bell, NULL);
		cr_assert_eq(ouro_hub_loop_create(hub, wake, &loops[i], &loops[i].loop), 0);
	}
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]), 0);
	for (int i = 0; i < PUBLISHERS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&publishers[i], NULL, publish_all, &numbers[i]), 0);
	}
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(publishers[i], NULL);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(loops[i].thread, NULL);
	for (int i = 0; i < LOOPS; i++)
		for (int topic = 0; topic < TOPICS; topic++)
			for (int j = 0; j < SUBSCRIBERS; j++)
				cr_assert_eq(loops[i].subscribers[topic][j].told_count,
					     PUBLISHERS * MESSAGES_EACH);
	/* Loops that need a message at the same moment may each encode it. */
	cr_assert_leq(atomic_load(&encoded_count), LOOPS * TOPICS * PUBLISHERS * MESSAGES_EACH);
	ouro_hub_destroy(hub);
}

/* ---- With hardly any room ---- */

enum { FULL_TOPICS = 8, FULL_MESSAGES = 10000, FULL_BYTES_MAX = 20000 };

/* One subscriber of each topic on each loop: what it is told is in order, and where something is missing
 * it is told so. */
struct follower {
	struct ouro_subscription sub; /* first */
	struct ouro_hub_id last_id;
	unsigned last;
	bool may_miss;
};

static struct follower followers[LOOPS][FULL_TOPICS];
static atomic_int publishing;

static void name_topic(int topic, char *name)
{
	name[0] = (char)('a' + topic);
	name[1] = '\0';
}

static void follower_on_message(struct ouro_subscription *sub,
				const struct ouro_hub_message *message, struct ouro_slice bytes)
{
	struct follower *follower = (struct follower *)(void *)sub;
	unsigned number;

	(void)bytes;
	memcpy(&number, ouro_hub_message_content(message)->data.ptr, sizeof(number));
	cr_assert(ouro_hub_id_is_before(follower->last_id, ouro_hub_message_stamp(message)));
	cr_assert(follower->may_miss ? number > follower->last : number == follower->last + 1);
	follower->last_id = ouro_hub_message_stamp(message);
	follower->last = number;
	follower->may_miss = false;
}

static void follower_on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)up_to;
	((struct follower *)(void *)sub)->may_miss = true;
}

static const struct ouro_subscriber_ops follower_ops = { .on_message = follower_on_message,
							 .on_gap = follower_on_gap };

static void follow(struct loop *loop, struct follower *follower, int topic)
{
	char name[2], after[OURO_HUB_ID_TEXT_MAX];
	struct ouro_subscription_options options = { .ops = &follower_ops };

	name_topic(topic, name);
	if (follower->last > 0)
		options.after = ouro_str(after, ouro_hub_id_write(follower->last_id, after));
	cr_assert_eq(ouro_hub_subscribe(loop->loop, ouro_str_c(name), &follower->sub, &options), 0);
}

/* Runs; and one after the other goes and comes back. */
static void *run_full_loop(void *arg)
{
	struct loop *loop = arg;
	struct follower *mine = followers[loop - loops];

	for (int i = 0; i < FULL_TOPICS; i++)
		follow(loop, &mine[i], i);
	pthread_barrier_wait(&subscribed);
	for (unsigned turn = 0; atomic_load(&publishing) > 0; turn++) {
		struct follower *follower = &mine[turn % FULL_TOPICS];

		ouro_hub_loop_run(loop->loop);
		ouro_hub_unsubscribe(&follower->sub);
		if (follower->last == 0)
			follower->may_miss = true;
		follow(loop, follower, (int)(turn % FULL_TOPICS));
		ouro_hub_sweep(hub);
	}
	for (int i = 0; i < FULL_TOPICS; i++)
		ouro_hub_unsubscribe(&mine[i].sub);
	ouro_hub_loop_close(loop->loop);
	ouro_hub_loop_destroy(loop->loop);
	return NULL;
}

/* Two topics, and numbers that only grow by one where the message was taken. */
static void *publish_to_full(void *arg)
{
	int first = *(int *)arg * 2;
	unsigned numbers[2] = { 0 };

	pthread_barrier_wait(&subscribed);
	for (int i = 0; i < FULL_MESSAGES; i++) {
		char name[2], data[500] = { 0 };
		unsigned number = numbers[i % 2] + 1;
		struct ouro_hub_content content = { .data = ouro_str(data, sizeof(data)) };
		int count;

		name_topic(first + i % 2, name);
		memcpy(data, &number, sizeof(number));
		count = ouro_hub_publish(hub, ouro_str_c(name), &content);
		cr_assert(count >= 0 || count == -ENOSPC);
		if (count >= 0)
			numbers[i % 2]++;
	}
	atomic_fetch_sub(&publishing, 1);
	return NULL;
}

static void wake_nobody(void *arg)
{
	(void)arg;
}

Test(hub_threads, with_hardly_any_room_what_is_missing_is_told)
{
	struct ouro_hub_options options = { .bytes_max = FULL_BYTES_MAX,
					    .backlog_count_max = 8,
					    .replay_count_max = 4 };
	pthread_t publishers[PUBLISHERS];
	int numbers[PUBLISHERS];

	cr_assert_eq(ouro_hub_create(&hub, &options), 0);
	pthread_barrier_init(&subscribed, NULL, LOOPS + PUBLISHERS);
	atomic_store(&publishing, PUBLISHERS);
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(ouro_hub_loop_create(hub, wake_nobody, NULL, &loops[i].loop), 0);
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(pthread_create(&loops[i].thread, NULL, run_full_loop, &loops[i]), 0);
	for (int i = 0; i < PUBLISHERS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&publishers[i], NULL, publish_to_full, &numbers[i]), 0);
	}
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(publishers[i], NULL);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(loops[i].thread, NULL);
	cr_assert_leq(ouro_hub_get_stats(hub).bytes, FULL_BYTES_MAX);
	ouro_hub_destroy(hub);
}
