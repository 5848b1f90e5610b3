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
