/* Topics, subscribers and limits, on loops that the test runs. */
#include "rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct rig rig;
static struct rig_subscriber ann, bob, cid;

static const char *const long_name =
	"0123456789012345678901234567890123456789012345678901234567890123456789";

static void expect_told(const struct rig_subscriber *subscriber, const char *expected)
{
	cr_expect_str_eq(subscriber->told, expected);
}

/* ---- Who is told ---- */

Test(hub, what_is_published_comes_to_all_subscribers_on_all_loops)
{
	rig_init(&rig, NULL);
	cr_assert_eq(rig_subscribe(&rig, 0, "room", &ann), 0);
	cr_assert_eq(rig_subscribe(&rig, 0, "room", &bob), 0);
	cr_assert_eq(rig_subscribe(&rig, 2, "room", &cid), 0);
	cr_assert_eq(rig_publish(&rig, "room", "one"), 3);
	cr_assert_eq(rig_publish(&rig, "room", "two"), 3);
	expect_told(&ann, "");
	rig_run(&rig);
	expect_told(&ann, "one two ");
	expect_told(&bob, "one two ");
	expect_told(&cid, "one two ");
	cr_expect_eq(ouro_hub_subscriber_count(rig.hub, OURO_STR("room")), 3);
	cr_expect(ouro_str_eq(ouro_subscription_topic(&ann.sub), OURO_STR("room")));
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, topics_do_not_hear_each_other)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 0, "b", &bob);
	rig_publish(&rig, "a", "1");
	rig_publish(&rig, "b", "2");
	cr_expect_eq(rig_publish(&rig, "c", "3"), 0);
	rig_run(&rig);
	expect_told(&ann, "1 ");
	expect_told(&bob, "2 ");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

Test(hub, a_subscriber_hears_what_is_published_from_now_on)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 0, "room", &ann);
	rig_publish(&rig, "room", "before");
	rig_subscribe(&rig, 0, "room", &bob);
	rig_subscribe(&rig, 1, "room", &cid);
	rig_publish(&rig, "room", "after");
	rig_run(&rig);
	expect_told(&ann, "before after ");
	expect_told(&bob, "after ");
	expect_told(&cid, "after ");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, who_has_left_is_not_told_what_was_on_its_way)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 0, "room", &bob);
	rig_publish(&rig, "room", "one");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&ann.sub);
	rig_run(&rig);
	expect_told(&ann, "");
	expect_told(&bob, "one ");
	rig_publish(&rig, "room", "two");
	ouro_hub_unsubscribe(&bob.sub);
	rig_run(&rig);
	expect_told(&bob, "one ");
	rig_fini(&rig);
}

Test(hub, a_topic_of_one_is_nobody_elses)
{
	struct ouro_subscription_options own = { .ops = &rig_subscriber_ops, .exclusive = true };

	rig_init(&rig, NULL);
	cr_assert_eq(ouro_hub_subscribe(rig.loops[0].loop, OURO_STR("ann"), &ann.sub, &own), 0);
	cr_expect_eq(rig_subscribe(&rig, 1, "ann", &bob), -EBUSY);
	cr_expect_eq(rig_publish(&rig, "ann", "psst"), 1);
	rig_run(&rig);
	expect_told(&ann, "psst ");
	ouro_hub_unsubscribe(&ann.sub);
	cr_expect_eq(rig_publish(&rig, "ann", "psst"), 0);
	cr_expect_eq(rig_subscribe(&rig, 1, "ann", &bob), 0);
	cr_expect_eq(ouro_hub_subscribe(rig.loops[0].loop, OURO_STR("ann"), &ann.sub, &own),
		     -EBUSY);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

/* ---- One wake for a loop ---- */

Test(hub, a_loop_is_woken_once_for_all_that_it_has_not_run)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 0, "b", &bob);
	for (int i = 0; i < 100; i++) {
		rig_publish(&rig, "a", "x");
		rig_publish(&rig, "b", "y");
	}
	cr_expect_eq(rig.loops[0].rung_count, 1);
	cr_expect_eq(rig.loops[1].rung_count, 0, "nobody there has them");
	rig_run(&rig);
	cr_expect_eq(ann.told_len, 200);
	cr_expect_eq(bob.told_len, 200);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

Test(hub, one_run_hands_over_so_much_and_wakes_for_the_rest)
{
	enum { SUBSCRIBERS = 4000, MESSAGES = 10 };
	static struct rig_subscriber *crowd[SUBSCRIBERS];

	rig_init(&rig, NULL);
	for (int i = 0; i < SUBSCRIBERS; i++) {
		crowd[i] = calloc(1, sizeof(*crowd[i]));
		rig_subscribe(&rig, 0, "room", crowd[i]);
	}
	rig_subscribe(&rig, 0, "quiet", &ann);
	for (int i = 0; i < MESSAGES; i++)
		rig_publish(&rig, "room", "x");
	rig_publish(&rig, "quiet", "y");
	rig_run_loop(&rig, 0);
	cr_expect_lt(crowd[0]->told_len, 2 * MESSAGES);
	cr_expect_gt(crowd[0]->told_len, 0);
	cr_expect(rig.loops[0].is_rung);
	rig_run(&rig);
	expect_told(&ann, "y ");
	for (int i = 0; i < SUBSCRIBERS; i++) {
		cr_assert_eq(crowd[i]->told_len, 2 * MESSAGES);
		ouro_hub_unsubscribe(&crowd[i]->sub);
		free(crowd[i]);
	}
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
}

Test(hub, topics_beyond_one_run_are_served_by_the_next)
{
	enum { SUBSCRIBERS = 20000 };
	static struct ouro_subscription *crowd[SUBSCRIBERS];
	static unsigned told;
	struct ouro_subscription_options options = { .ops = &rig_subscriber_ops };

	(void)told;
	rig_init(&rig, NULL);
	for (int i = 0; i < SUBSCRIBERS; i++) {
		crowd[i] = calloc(1, sizeof(struct rig_subscriber));
		ouro_hub_subscribe(rig.loops[0].loop, OURO_STR("room"), crowd[i], &options);
	}
	rig_subscribe(&rig, 0, "next", &ann);
	rig_publish(&rig, "room", "x");
	rig_publish(&rig, "next", "y");
	rig_run_loop(&rig, 0);
	expect_told(&ann, "");
	cr_expect(rig.loops[0].is_rung);
	rig_run_loop(&rig, 0);
	expect_told(&ann, "y ");
	for (int i = 0; i < SUBSCRIBERS; i++) {
		ouro_hub_unsubscribe(crowd[i]);
		free(crowd[i]);
	}
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
}

enum { CROWD = 20000, RUN_MAX = 300 };

/* Runs the crowd's loop, once; how many have been told something. */
static unsigned run_crowd(const struct rig_subscriber *crowd)
{
	unsigned told = 0, before = 0;

	for (int i = 0; i < CROWD; i++)
		before += crowd[i].told_len > 0;
	rig_run_loop(&rig, 0);
	for (int i = 0; i < CROWD; i++)
		told += crowd[i].told_len > 0;
	cr_expect_leq(told - before, RUN_MAX);
	return told;
}

/* More than one run may hand over: others have their turn before all have heard of it. */
Test(hub, a_message_to_a_crowd_takes_more_than_one_run)
{
	struct rig_subscriber *crowd = calloc(CROWD, sizeof(*crowd));
	unsigned told;

	rig_init(&rig, NULL);
	for (int i = 0; i < CROWD; i++)
		rig_subscribe(&rig, 0, "room", &crowd[i]);
	rig_subscribe(&rig, 0, "next", &ann);
	rig_publish(&rig, "room", "x");
	told = run_crowd(crowd);
	cr_assert_gt(told, 0);
	cr_assert(rig.loops[0].is_rung);
	/* Some go, the next one among them; some come; and there is more. */
	for (unsigned i = told; i < told + 3; i++)
		ouro_hub_unsubscribe(&crowd[i].sub);
	ouro_hub_unsubscribe(&crowd[0].sub);
	rig_subscribe(&rig, 0, "room", &bob);
	rig_publish(&rig, "next", "1");
	rig_publish(&rig, "room", "y");
	rig_subscribe_after(&rig, 0, "room", &cid, "1000000-1");
	run_crowd(crowd);
	run_crowd(crowd);
	expect_told(&ann, "1 ");
	rig_run(&rig);
	expect_told(&bob, "y ");
	expect_told(&cid, "x y ");
	expect_told(&crowd[0], "x ");
	expect_told(&crowd[told + 1], "");
	for (int i = 1; i < CROWD; i++) {
		if (crowd[i].sub.part)
			cr_assert_str_eq(crowd[i].told, "x y ");
		ouro_hub_unsubscribe(&crowd[i].sub);
	}
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	free(crowd);
	rig_fini(&rig);
}

/* All leave between the runs: nothing is left of the message. */
Test(hub, a_crowd_may_go_before_all_have_been_told)
{
	struct rig_subscriber *crowd = calloc(CROWD, sizeof(*crowd));

	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = OURO_HUB_NO_REPLAY });
	for (int i = 0; i < CROWD; i++)
		rig_subscribe(&rig, 0, "room", &crowd[i]);
	rig_publish(&rig, "room", "x");
	run_crowd(crowd);
	for (int i = 0; i < CROWD; i++)
		ouro_hub_unsubscribe(&crowd[i].sub);
	rig_run(&rig);
	free(crowd);
	rig_fini(&rig);
}

/* Its subscribers are counted, and hear nothing; the others do. */
Test(hub, a_loop_that_was_abandoned_is_not_woken)
{
	static struct rig_subscriber lost, other;

	rig_init(&rig, NULL);
	cr_assert_eq(rig_subscribe(&rig, 0, "a", &lost), 0);
	cr_assert_eq(rig_subscribe(&rig, 1, "a", &other), 0);
	rig_run(&rig);
	ouro_hub_loop_abandon(rig.loops[0].loop);
	cr_expect_eq(rig_publish(&rig, "a", "x"), 2);
	cr_expect_not(rig.loops[0].is_rung);
	rig_run(&rig);
	cr_expect_str_eq(other.told, "x ");
	cr_expect_str_eq(lost.told, "");
	/* The rig is taken down in order. */
	ouro_hub_unsubscribe(&lost.sub);
	ouro_hub_unsubscribe(&other.sub);
	rig_fini(&rig);
}

Test(hub, a_run_of_a_closed_loop_does_nothing)
{
	struct ouro_hub *hub;
	struct ouro_hub_loop *loop;

	cr_assert_eq(ouro_hub_create(&hub, &(struct ouro_hub_options){ 0 }), 0);
	cr_assert_eq(ouro_hub_loop_create(hub, NULL, NULL, &loop), 0);
	ouro_hub_loop_close(loop);
	ouro_hub_loop_run(loop);
	ouro_hub_loop_destroy(loop);
	ouro_hub_loop_destroy(NULL);
	ouro_hub_destroy(hub);
	ouro_hub_destroy(NULL);
}

/* ---- What callbacks do ---- */

static void leave(struct rig_subscriber *subscriber)
{
	ouro_hub_unsubscribe(&subscriber->sub);
}

static void remove_bob(struct rig_subscriber *subscriber)
{
	(void)subscriber;
	ouro_hub_unsubscribe(&bob.sub);
}

static void remove_both(struct rig_subscriber *subscriber)
{
	ouro_hub_unsubscribe(&subscriber->sub);
	ouro_hub_unsubscribe(&bob.sub);
}

static void bring_cid(struct rig_subscriber *subscriber)
{
	subscriber->then = NULL;
	rig_subscribe(&rig, 0, "room", &cid);
}

static void come_again(struct rig_subscriber *subscriber)
{
	subscriber->then = NULL;
	ouro_hub_unsubscribe(&subscriber->sub);
	rig_subscribe(&rig, 0, "room", subscriber);
}

static void answer(struct rig_subscriber *subscriber)
{
	subscriber->then = NULL;
	cr_assert_eq(rig_publish(&rig, "room", "answer"), 2);
	cr_assert_str_eq(bob.told, "", "nobody is called back by publishing");
}

static void play(void (*then)(struct rig_subscriber *subscriber))
{
	rig_init(&rig, NULL);
	ann.then = then;
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 0, "room", &bob);
	rig_publish(&rig, "room", "1");
	rig_publish(&rig, "room", "2");
	rig_run(&rig);
	rig_publish(&rig, "room", "3");
	rig_run(&rig);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, a_subscriber_may_leave_while_it_is_told)
{
	play(leave);
	expect_told(&ann, "1 ");
	expect_told(&bob, "1 2 3 ");
}

Test(hub, the_next_one_may_be_removed_while_one_is_told)
{
	play(remove_bob);
	expect_told(&ann, "1 2 3 ");
	expect_told(&bob, "");
}

Test(hub, all_may_be_removed_while_one_is_told)
{
	play(remove_both);
	expect_told(&ann, "1 ");
	expect_told(&bob, "");
}

Test(hub, somebody_may_come_while_one_is_told)
{
	play(bring_cid);
	expect_told(&bob, "1 2 3 ");
	expect_told(&cid, "3 ");
}

Test(hub, a_subscriber_may_leave_and_come_again_while_it_is_told)
{
	play(come_again);
	expect_told(&ann, "1 3 ");
	expect_told(&bob, "1 2 3 ");
}

Test(hub, a_subscriber_may_publish_while_it_is_told)
{
	play(answer);
	expect_told(&ann, "1 2 answer 3 ");
	expect_told(&bob, "1 2 answer 3 ");
}

/* ---- Buffers and formats ---- */

Test(hub, the_bytes_stay_as_long_as_somebody_holds_their_buffer)
{
	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = OURO_HUB_NO_REPLAY });
	ann.keeps = bob.keeps = true;
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 0, "room", &bob);
	rig_publish(&rig, "room", "kept");
	rig_run(&rig);
	cr_expect_eq(ann.kept, bob.kept, "one buffer for all of a loop");
	cr_expect_eq(ouro_hub_get_stats(rig.hub).bytes, 0);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	cr_expect_arr_eq(ann.kept->data, "kept", 4);
	cr_expect_eq(ann.kept->len, 4);
	ouro_buf_unref(ann.kept);
	ouro_buf_unref(bob.kept);
	rig_fini(&rig);
}

static unsigned encoded_count;

static struct ouro_hub_encoding *encode_angled(void *arg, const struct ouro_hub_message *message)
{
	struct ouro_str data = ouro_hub_message_content(message)->data;
	struct ouro_hub_encoding *encoding = ouro_hub_encoding_create(data.len + 9);

	cr_assert_eq(arg, &rig.loops[0], "the first loop encodes for all");
	encoding->bytes[0] = '<';
	memcpy(encoding->bytes + 1, data.ptr, data.len);
	encoding->bytes[data.len + 1] = '>';
	encoding->len = data.len + 2;
	encoded_count++;
	return encoding;
}

static struct ouro_hub_encoding *encode_never(void *arg, const struct ouro_hub_message *message)
{
	(void)arg;
	(void)message;
	return NULL;
}

static unsigned refused_count;

/* Remembers that it cannot. */
static struct ouro_hub_encoding *encode_none(void *arg, const struct ouro_hub_message *message)
{
	(void)arg;
	(void)message;
	refused_count++;
	return ouro_hub_encoding_create(0);
}

static void init_with_formats(void)
{
	struct ouro_hub_format formats[] = { { encode_angled }, { encode_never }, { encode_none } };

	rig_init(&rig, &(struct ouro_hub_options){ .formats = formats, .format_count = 3 });
}

static int subscribe_as(size_t loop, struct rig_subscriber *subscriber, uint32_t format)
{
	return ouro_hub_subscribe(rig.loops[loop].loop, OURO_STR("room"), &subscriber->sub,
				  &(struct ouro_subscription_options){ .ops = &rig_subscriber_ops,
								       .format = format });
}

Test(hub, a_message_is_encoded_once_for_all_loops)
{
	init_with_formats();
	subscribe_as(0, &ann, 1);
	subscribe_as(1, &bob, 1);
	subscribe_as(1, &cid, OURO_HUB_PLAIN);
	rig_publish(&rig, "room", "x");
	rig_run(&rig);
	expect_told(&ann, "<x> ");
	expect_told(&bob, "<x> ");
	expect_told(&cid, "x ");
	cr_expect_eq(encoded_count, 1);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, what_cannot_be_encoded_is_a_gap)
{
	init_with_formats();
	cr_expect_eq(subscribe_as(0, &ann, 4), -EINVAL);
	cr_expect_eq(subscribe_as(0, &ann, 2), 0);
	rig_publish(&rig, "room", "x");
	rig_run(&rig);
	expect_told(&ann, "gap ");
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
}

static int subscribe_preferring(size_t loop, struct rig_subscriber *subscriber, uint32_t preferred,
				uint32_t bytes_min)
{
	return ouro_hub_subscribe(rig.loops[loop].loop, OURO_STR("room"), &subscriber->sub,
				  &(struct ouro_subscription_options){ .ops = &rig_subscriber_ops,
								       .preferred = preferred,
								       .preferred_bytes_min =
									       bytes_min });
}

Test(hub, large_messages_come_in_the_preferred_format)
{
	init_with_formats();
	cr_expect_eq(subscribe_preferring(0, &ann, 4, 0), -EINVAL);
	cr_expect_eq(subscribe_preferring(0, &ann, 1, 3), 0);
	rig_publish(&rig, "room", "xy");
	rig_publish(&rig, "room", "xyz");
	rig_run(&rig);
	expect_told(&ann, "xy <xyz> ");
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
}

Test(hub, what_is_not_to_be_had_in_the_preferred_format_comes_in_the_other)
{
	init_with_formats();
	subscribe_preferring(0, &ann, 2, 0);
	subscribe_preferring(0, &bob, 3, 0);
	subscribe_preferring(1, &cid, 3, 0);
	rig_publish(&rig, "room", "x");
	rig_run(&rig);
	expect_told(&ann, "x ");
	expect_told(&bob, "x ");
	expect_told(&cid, "x ");
	cr_expect_eq(refused_count, 1, "once for all");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

/* ---- Limits ---- */

Test(hub, options_out_of_range_are_refused)
{
	struct ouro_hub *hub = NULL;

	cr_expect_eq(ouro_hub_create(&hub,
				     &(struct ouro_hub_options){ .format_count =
									 OURO_HUB_FORMATS_MAX }),
		     -EINVAL);
	cr_expect_eq(ouro_hub_create(&hub,
				     &(struct ouro_hub_options){
					     .name_bytes_max = OURO_HUB_NAME_BYTES_MAX + 1 }),
		     -EINVAL);
	cr_expect_eq(ouro_hub_create(&hub,
				     &(struct ouro_hub_options){
					     .message_bytes_max = OURO_HUB_MESSAGE_BYTES_MAX + 1 }),
		     -EINVAL);
	cr_expect_eq(ouro_hub_create(&hub,
				     &(struct ouro_hub_options){
					     .replay_count_max = OURO_HUB_RING_COUNT_MAX + 1 }),
		     -EINVAL);
	cr_expect_eq(ouro_hub_create(&hub,
				     &(struct ouro_hub_options){
					     .backlog_count_max = OURO_HUB_RING_COUNT_MAX + 1 }),
		     -EINVAL);
	cr_expect_null(hub);
}

Test(hub, names_have_a_length)
{
	rig_init(&rig, &(struct ouro_hub_options){ .name_bytes_max = 69 });
	cr_expect_eq(rig_subscribe(&rig, 0, long_name, &ann), -ENAMETOOLONG);
	cr_expect_eq(rig_publish(&rig, long_name, "x"), -ENAMETOOLONG);
	cr_expect_eq(rig_subscribe(&rig, 0, "", &ann), -EINVAL);
	cr_expect_eq(rig_publish(&rig, "", "x"), -EINVAL);
	cr_expect_eq(rig_subscribe(&rig, 0, long_name + 1, &ann), 0);
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
}

Test(hub, messages_have_a_length)
{
	struct ouro_hub_content content = { .data = OURO_STR("x") };

	rig_init(&rig, &(struct ouro_hub_options){ .message_bytes_max = 4 });
	cr_expect_eq(rig_publish(&rig, "room", "12345"), -EMSGSIZE);
	cr_expect_eq(rig_publish(&rig, "room", "1234"), 0);
	content.event =
		ouro_str(rig.hub ? (const char *)ann.told : NULL, OURO_HUB_FIELD_BYTES_MAX + 1);
	cr_expect_eq(ouro_hub_publish(rig.hub, OURO_STR("room"), &content), -EMSGSIZE);
	content.event.len--;
	cr_expect_eq(ouro_hub_publish(rig.hub, OURO_STR("room"), &content), 0);
	content.kind = (enum ouro_hub_kind)7;
	cr_expect_eq(ouro_hub_publish(rig.hub, OURO_STR("room"), &content), -EINVAL);
	rig_fini(&rig);
}

Test(hub, a_topic_has_so_many_subscribers)
{
	rig_init(&rig, &(struct ouro_hub_options){ .subscriber_count_max = 2 });
	cr_expect_eq(rig_subscribe(&rig, 0, "room", &ann), 0);
	cr_expect_eq(rig_subscribe(&rig, 1, "room", &bob), 0);
	cr_expect_eq(rig_subscribe(&rig, 2, "room", &cid), -EUSERS);
	cr_expect_eq(rig_subscribe(&rig, 2, "hall", &cid), 0);
	ouro_hub_unsubscribe(&cid.sub);
	ouro_hub_unsubscribe(&ann.sub);
	cr_expect_eq(rig_subscribe(&rig, 2, "room", &cid), 0);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, there_are_so_many_topics)
{
	rig_init(&rig, &(struct ouro_hub_options){ .topic_count_max = 2, .retention_ms = 100 });
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 0, "b", &bob);
	cr_expect_eq(rig_subscribe(&rig, 0, "c", &cid), -ENOSPC);
	ouro_hub_unsubscribe(&ann.sub);
	cr_expect_eq(rig_subscribe(&rig, 0, "c", &cid), -ENOSPC, "it is still kept");
	rig.now_ms += 99;
	cr_expect_eq(rig_subscribe(&rig, 0, "c", &cid), -ENOSPC);
	rig.now_ms += 1;
	cr_expect_eq(rig_subscribe(&rig, 0, "c", &cid), 0, "room was made");
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(hub, room_is_not_sought_again_and_again)
{
	rig_init(&rig, &(struct ouro_hub_options){ .topic_count_max = 1, .retention_ms = 10 });
	rig_subscribe(&rig, 0, "a", &ann);
	cr_expect_eq(rig_subscribe(&rig, 0, "b", &bob), -ENOSPC);
	ouro_hub_unsubscribe(&ann.sub);
	rig.now_ms += 99;
	cr_expect_eq(rig_subscribe(&rig, 0, "b", &bob), -ENOSPC, "that was a moment ago");
	rig.now_ms -= 1000;
	cr_expect_eq(rig_subscribe(&rig, 0, "b", &bob), -ENOSPC, "its time is counted from here");
	rig.now_ms += 100;
	cr_expect_eq(rig_subscribe(&rig, 0, "b", &bob), 0);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

Test(hub, a_thousand_topics_are_found_again)
{
	static struct ouro_subscription subs[1000];
	char name[16];

	rig_init(&rig, NULL);
	for (int i = 0; i < 1000; i++) {
		struct ouro_subscription_options options = { .ops = &rig_subscriber_ops };

		sprintf(name, "topic %d", i);
		cr_assert_eq(ouro_hub_subscribe(rig.loops[i % RIG_LOOPS].loop, ouro_str_c(name),
						&subs[i], &options),
			     0);
	}
	cr_expect_eq(ouro_hub_get_stats(rig.hub).topic_count, 1000);
	for (int i = 0; i < 1000; i++) {
		sprintf(name, "topic %d", i);
		cr_assert_eq(ouro_hub_subscriber_count(rig.hub, ouro_str_c(name)), 1);
		ouro_hub_unsubscribe(&subs[i]);
	}
	rig.now_ms += OURO_HUB_RETENTION_MS_DEFAULT;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 1000);
	cr_expect_eq(ouro_hub_get_stats(rig.hub).topic_count, 0);
	rig_fini(&rig);
}

/* Topics that nobody publishes to any more do not keep others from being published to. */
Test(hub, what_other_topics_keep_for_replay_is_given_up_for_a_message)
{
	enum { TOPICS = 40 };
	static struct rig_subscriber crowd[TOPICS];
	char data[1001] = { 0 }, name[16];

	memset(data, 'x', 1000);
	rig_init(&rig, &(struct ouro_hub_options){ .bytes_max = 10000 });
	for (int i = 0; i < TOPICS; i++) {
		sprintf(name, "%d", i);
		rig_subscribe(&rig, 0, name, &crowd[i]);
		cr_expect_eq(rig_publish(&rig, name, data), 1, "%d", i);
		rig_run(&rig);
		cr_expect_eq(crowd[i].told_len, 1001);
		cr_expect_leq(ouro_hub_get_stats(rig.hub).bytes, 10000);
	}
	cr_expect_gt(ouro_hub_get_stats(rig.hub).bytes, 0);
	rig_subscribe_after(&rig, 1, "0", &ann, "1000000-1");
	rig_run(&rig);
	expect_told(&ann, "gap ");
	ouro_hub_unsubscribe(&ann.sub);
	for (int i = 0; i < TOPICS; i++)
		ouro_hub_unsubscribe(&crowd[i].sub);
	rig_fini(&rig);
}

Test(hub, nothing_is_given_up_for_a_message_that_never_has_room)
{
	char data[2001] = { 0 };

	memset(data, 'x', 2000);
	rig_init(&rig, &(struct ouro_hub_options){ .bytes_max = 2000 });
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 0, "b", &bob);
	rig_publish(&rig, "a", "1");
	rig_publish(&rig, "b", "2");
	rig_run(&rig);
	cr_expect_eq(rig_publish(&rig, "a", data), -ENOSPC);
	rig_subscribe_after(&rig, 1, "a", &cid, "1-1");
	rig_run(&rig);
	expect_told(&cid, "gap 1 ");
	ouro_hub_unsubscribe(&cid.sub);
	rig_subscribe_after(&rig, 1, "b", &cid, "1-1");
	rig_run(&rig);
	expect_told(&cid, "gap 1 gap 2 ");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

/* Where nothing can be given up, every topic would be asked each time. */
Test(hub, what_others_keep_is_not_sought_again_and_again)
{
	char data[1001] = { 0 };

	memset(data, 'x', 1000);
	rig_init(&rig, &(struct ouro_hub_options){ .bytes_max = 5000 });
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 1, "b", &bob);
	for (int i = 0; i < 4; i++)
		rig_publish(&rig, "a", data);
	cr_expect_eq(rig_publish(&rig, "b", data), -ENOSPC);
	rig_run(&rig);
	cr_expect_eq(rig_publish(&rig, "b", data), -ENOSPC, "it was sought a moment ago");
	rig.now_ms += 100;
	cr_expect_eq(rig_publish(&rig, "b", data), 1);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}

Test(hub, all_topics_keep_so_many_bytes)
{
	char data[1001] = { 0 };

	memset(data, 'x', 1000);
	rig_init(&rig, &(struct ouro_hub_options){ .bytes_max = 8000, .replay_count_max = 4 });
	rig_subscribe(&rig, 0, "a", &ann);
	rig_subscribe(&rig, 0, "b", &bob);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(rig_publish(&rig, "a", data), 1);
	cr_expect_eq(rig_publish(&rig, "a", data), -ENOSPC, "the loop has not run");
	cr_expect_eq(rig_publish(&rig, "b", data), -ENOSPC);
	rig_run(&rig);
	cr_expect_eq(ann.told_len, 6 * 1001);
	for (int i = 0; i < 20; i++) {
		cr_expect_eq(rig_publish(&rig, "b", data), 1);
		cr_expect_leq(ouro_hub_get_stats(rig.hub).bytes, 8000);
		rig_run(&rig);
	}
	cr_expect_eq(bob.told_len, 20 * 1001);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	rig_fini(&rig);
}
