/* Memory: how often the hub asks for it, and what happens when there is none. The linker sends
 * what the hub calls through here. */
#include "rig.h"

#include "hub/wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

/* Names that the linker gives. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static unsigned asked_count;
static unsigned fail_at; /* counted from 1; 0: never */

static bool has_none(void)
{
	return ++asked_count == fail_at;
}

void *__wrap_malloc(size_t bytes)
{
	return has_none() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return has_none() ? NULL : __real_calloc(count, bytes);
}

static struct rig rig;
static struct rig_subscriber ann, bob;

static void ignore_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			   struct ouro_slice bytes)
{
	(void)sub;
	(void)message;
	ouro_buf_ref(bytes.buf);
	ouro_buf_unref(bytes.buf);
}

static void ignore_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)sub;
	(void)up_to;
}

static const struct ouro_subscriber_ops ops = { .on_message = ignore_message,
						.on_gap = ignore_gap };

static struct ouro_hub_encoding *encode(void *arg, const struct ouro_hub_message *message)
{
	(void)arg;
	(void)message;
	return ouro_hub_encoding_create(10);
}

Test(hub_memory, a_message_is_one_allocation_and_one_for_each_format_whoever_has_it)
{
	enum { SUBSCRIBERS = 300, MESSAGES = 200 };
	static struct ouro_subscription subs[SUBSCRIBERS];
	struct ouro_hub_format format = { encode };

	rig_init(&rig, &(struct ouro_hub_options){ .formats = &format, .format_count = 1 });
	for (size_t i = 0; i < SUBSCRIBERS; i++)
		cr_assert_eq(ouro_hub_subscribe(rig.loops[i % RIG_LOOPS].loop, OURO_STR("room"),
						&subs[i],
						&(struct ouro_subscription_options){
							.ops = &ops, .format = i % 2 }),
			     0);
	for (int i = 0; i < MESSAGES; i++) {
		rig_publish(&rig, "room", "warm");
		rig_run(&rig);
	}
	asked_count = 0;
	for (int i = 0; i < MESSAGES; i++) {
		rig_publish(&rig, "room", "x");
		rig_run(&rig);
	}
	cr_expect_eq(asked_count, 2 * MESSAGES);
	for (size_t i = 0; i < SUBSCRIBERS; i++)
		ouro_hub_unsubscribe(&subs[i]);
	rig_fini(&rig);
}

/* Makes the Nth allocation of a call fail, for each N, each time with a new rig (without one
 * where @options is NULL), until the call succeeds; how many times it did not. */
static unsigned fail_each(int (*call)(void), const struct ouro_hub_options *options)
{
	for (unsigned n = 1; n < 100; n++) {
		int result;

		if (options)
			rig_init(&rig, options);
		asked_count = 0;
		fail_at = n;
		result = call();
		fail_at = 0;
		ouro_hub_unsubscribe(&ann.sub);
		if (options)
			rig_fini(&rig);
		if (result >= 0)
			return n - 1;
		cr_assert_eq(result, -ENOMEM);
	}
	cr_assert(false);
	return 0;
}

static int subscribe_ann(void)
{
	return rig_subscribe_after(&rig, 0, "room", &ann, "1-0");
}

/* To a topic that there is. */
static int publish_one(void)
{
	unsigned n = fail_at;

	fail_at = 0;
	rig_subscribe(&rig, 0, "room", &ann);
	asked_count = 0;
	fail_at = n;
	return rig_publish(&rig, "room", "1");
}

static int create_loop(void)
{
	struct ouro_hub_loop *loop;
	int err = ouro_hub_loop_create(rig.hub, NULL, NULL, &loop);

	if (err)
		return err;
	ouro_hub_loop_close(loop);
	ouro_hub_loop_destroy(loop);
	return 0;
}

static int create_hub(void)
{
	struct ouro_hub *hub;
	int err = ouro_hub_create(&hub, &(struct ouro_hub_options){ 0 });

	if (!err)
		ouro_hub_destroy(hub);
	return err;
}

Test(hub_memory, whatever_is_missing_the_call_says_so_and_leaves_nothing_behind)
{
	struct ouro_hub_options options = { 0 };

	cr_expect_eq(fail_each(create_hub, NULL), 1);
	cr_expect_eq(fail_each(create_loop, &options), 1);
	/* The table, the topic, its part on the loop. */
	cr_expect_eq(fail_each(subscribe_ann, &options), 3);
	/* The message, the topic's ring. */
	cr_expect_eq(fail_each(publish_one, &options), 2);
}

Test(hub_memory, a_topic_made_for_a_subscriber_who_could_not_get_in_goes_like_others)
{
	rig_init(&rig, &(struct ouro_hub_options){ .retention_ms = 10 });
	asked_count = 0;
	fail_at = 3;
	cr_expect_eq(subscribe_ann(), -ENOMEM);
	fail_at = 0;
	cr_expect_eq(ouro_hub_get_stats(rig.hub).topic_count, 1);
	rig.now_ms += 10;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 1);
	rig_fini(&rig);
}

Test(hub_memory, a_message_that_could_not_be_encoded_for_lack_of_memory_is_a_gap)
{
	struct ouro_hub_format format = { encode };
	struct ouro_subscription_options options = { .ops = &rig_subscriber_ops, .format = 1 };

	rig_init(&rig, &(struct ouro_hub_options){ .formats = &format, .format_count = 1 });
	ouro_hub_subscribe(rig.loops[0].loop, OURO_STR("room"), &ann.sub, &options);
	rig_subscribe(&rig, 0, "room", &bob);
	rig_publish(&rig, "room", "x");
	asked_count = 0;
	fail_at = 1;
	rig_run(&rig);
	fail_at = 0;
	cr_expect_str_eq(ann.told, "gap ");
	cr_expect_str_eq(bob.told, "x ");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

static int want(struct ouro_hub_backend *backend, struct ouro_str topic, void **follow)
{
	(void)backend;
	(void)topic;
	(void)follow;
	return 0;
}

static void unwant(struct ouro_hub_backend *backend, void *follow)
{
	(void)backend;
	(void)follow;
}

Test(hub_memory, what_has_been_seen_must_be_remembered_until_the_topic_is_loaded)
{
	static const struct ouro_hub_backend_ops backend_ops = { .want = want, .unwant = unwant };
	struct ouro_hub_backend backend = { &backend_ops };

	/* The table, the topic, what she has seen, the part. */
	cr_expect_eq(fail_each(subscribe_ann, &(struct ouro_hub_options){ .backend = &backend }),
		     4);
}

#ifdef OURO_HAVE_REDIS
#include "hub/redis.h"

static struct ouro_redis *redis;

static void watch(void *arg, unsigned index, int fd, bool read, bool write)
{
	(void)arg;
	(void)index;
	(void)fd;
	(void)read;
	(void)write;
}

static void wake(void *arg)
{
	(void)arg;
}

static int create_redis(void)
{
	struct ouro_redis_driver driver = { .watch = watch, .wake = wake };

	return ouro_redis_create(&redis, &(struct ouro_redis_options){ .password = "x" }, &driver);
}

Test(hub_memory, so_does_the_backend)
{
	struct ouro_hub_options options = { 0 };

	/* Its own, its table, and its strings, which libc copies elsewhere. */
	cr_expect_eq(fail_each(create_redis, NULL), 2);
	options.backend = ouro_redis_backend(redis);
	/* The hub's table, the topic, the backend's own, what she has seen, the part. */
	cr_expect_eq(fail_each(subscribe_ann, &options), 5);
	/* The message, the parcel. */
	cr_expect_eq(fail_each(publish_one, &options), 2);
	ouro_redis_destroy(redis);
}
#endif
