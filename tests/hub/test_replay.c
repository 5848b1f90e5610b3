/* Subscribers who come back, loops that lag, and topics that go. */
#include "rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct rig rig;
static struct rig_subscriber ann, bob, cid;

static const char *text_of(struct ouro_hub_id id)
{
	static char text[OURO_HUB_ID_TEXT_MAX + 1];

	text[ouro_hub_id_write(id, text)] = '\0';
	return text;
}

static void expect_told(struct rig_subscriber *subscriber, const char *expected)
{
	cr_expect_str_eq(subscriber->told, expected);
}

static void publish_numbers(int first, int last)
{
	char data[16];

	for (int i = first; i <= last; i++) {
		sprintf(data, "%d", i);
		cr_assert_geq(rig_publish(&rig, "room", data), 0);
	}
}

/* Ann has 1 to 5 and leaves; 6 and 7 are published while she is away. */
static void let_ann_miss_two(const struct ouro_hub_options *options)
{
	rig_init(&rig, options);
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, 5);
	rig_run(&rig);
	ouro_hub_unsubscribe(&ann.sub);
	publish_numbers(6, 7);
	rig_run(&rig);
	ann.told_len = 0;
	ann.told[0] = '\0';
}

static void end(void)
{
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	ouro_hub_unsubscribe(&cid.sub);
	rig_fini(&rig);
}

Test(replay, who_comes_back_is_given_what_it_has_missed)
{
	let_ann_miss_two(NULL);
	cr_assert_eq(rig_subscribe_after(&rig, 2, "room", &ann, text_of(ann.last)), 0);
	publish_numbers(8, 8);
	expect_told(&ann, "");
	rig_run(&rig);
	expect_told(&ann, "6 7 8 ");
	publish_numbers(9, 9);
	rig_run(&rig);
	expect_told(&ann, "6 7 8 9 ");
	expect_told(&bob, "1 2 3 4 5 6 7 8 9 ");
	end();
}

Test(replay, who_comes_back_to_a_loop_that_lags_is_given_all_of_it_once)
{
	let_ann_miss_two(NULL);
	publish_numbers(8, 9);
	rig_subscribe_after(&rig, 1, "room", &ann, text_of(ann.last));
	publish_numbers(10, 10);
	rig_run(&rig);
	expect_told(&ann, "6 7 8 9 10 ");
	expect_told(&bob, "1 2 3 4 5 6 7 8 9 10 ");
	end();
}

Test(replay, who_has_missed_nothing_is_given_nothing)
{
	let_ann_miss_two(NULL);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(bob.last));
	rig_run(&rig);
	expect_told(&ann, "");
	cr_expect_eq(rig.loops[0].rung_count, 1, "once, for what she has had before");
	end();
}

Test(replay, an_empty_id_is_none)
{
	let_ann_miss_two(NULL);
	rig_subscribe_after(&rig, 0, "room", &ann, "");
	publish_numbers(8, 8);
	rig_run(&rig);
	expect_told(&ann, "8 ");
	end();
}

Test(replay, what_is_not_kept_any_more_is_a_gap)
{
	let_ann_miss_two(&(struct ouro_hub_options){ .replay_count_max = 3 });
	publish_numbers(8, 9);
	rig_run(&rig);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "gap 7 8 9 ");
	end();
}

Test(replay, nothing_need_be_kept)
{
	let_ann_miss_two(&(struct ouro_hub_options){ .replay_count_max = OURO_HUB_NO_REPLAY });
	cr_expect_eq(ouro_hub_get_stats(rig.hub).bytes, 0);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "gap ");
	cr_expect(ouro_hub_id_eq(ann.gap, bob.last));
	end();
}

Test(replay, what_is_kept_is_bounded_by_bytes)
{
	char data[301] = { 0 };

	memset(data, 'x', 300);
	rig_init(&rig, &(struct ouro_hub_options){ .replay_bytes_max = 2000 });
	rig_subscribe(&rig, 1, "room", &bob);
	for (int i = 0; i < 50; i++) {
		rig_publish(&rig, "room", data);
		rig_run(&rig);
		cr_assert_leq(ouro_hub_get_stats(rig.hub).bytes, 2000);
	}
	cr_expect_gt(ouro_hub_get_stats(rig.hub).bytes, 1000);
	end();
}

Test(replay, publishers_have_ids_of_their_own)
{
	struct ouro_hub_content content = { .data = OURO_STR("1"), .id = OURO_STR("first") };

	rig_init(&rig, NULL);
	rig_subscribe(&rig, 1, "room", &bob);
	ouro_hub_publish(rig.hub, OURO_STR("room"), &content);
	publish_numbers(2, 3);
	rig_subscribe_after(&rig, 0, "room", &ann, "first");
	rig_subscribe_after(&rig, 0, "room", &cid, "another");
	rig_run(&rig);
	expect_told(&ann, "2 3 ");
	expect_told(&cid, "gap 1 2 3 ");
	end();
}

/* Nobody knows which of them she has had: what comes twice has an id to be known by, what is missing
 * would not be known of. */
Test(replay, of_an_id_that_came_twice_the_earlier_one_counts)
{
	struct ouro_hub_content content = { .data = OURO_STR("x"), .id = OURO_STR("same") };

	rig_init(&rig, NULL);
	rig_subscribe(&rig, 1, "room", &bob);
	ouro_hub_publish(rig.hub, OURO_STR("room"), &content);
	publish_numbers(1, 1);
	ouro_hub_publish(rig.hub, OURO_STR("room"), &content);
	publish_numbers(2, 2);
	rig_subscribe_after(&rig, 0, "room", &ann, "same");
	rig_run(&rig);
	expect_told(&ann, "1 x 2 ");
	end();
}

Test(replay, an_id_from_before_a_restart_is_a_gap)
{
	rig_init(&rig, NULL);
	rig_subscribe_after(&rig, 0, "room", &ann, "999999-7");
	rig_run(&rig);
	expect_told(&ann, "gap ");
	publish_numbers(1, 1);
	rig_run(&rig);
	expect_told(&ann, "gap 1 ");
	end();
}

Test(replay, an_id_from_the_future_is_a_gap_and_does_not_make_deaf)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, 1);
	rig_subscribe_after(&rig, 0, "room", &ann, "18446744073709551615-1");
	publish_numbers(2, 2);
	rig_run(&rig);
	expect_told(&ann, "gap 2 ");
	end();
}

/* Ann has 1 to 3 of a hub that ends; 4 to 7 are published to the next one before she comes back,
 * at whatever time that says it is. */
static void let_ann_miss_a_restart(uint64_t now_ms)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 0, "room", &ann);
	publish_numbers(1, 3);
	rig_run(&rig);
	ouro_hub_unsubscribe(&ann.sub);
	rig_fini(&rig);
	rig_init(&rig, &(struct ouro_hub_options){ .origin = 2 });
	rig.now_ms = now_ms;
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(4, 5);
	rig.now_ms = 1000001;
	publish_numbers(6, 7);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "1 2 3 gap 4 5 6 7 ");
	end();
}

Test(replay, who_comes_back_after_a_restart_is_given_all_that_was_published_since)
{
	let_ann_miss_a_restart(1000001);
}

Test(replay, so_is_who_does_where_the_clock_was_set_back)
{
	let_ann_miss_a_restart(999000);
}

Test(replay, so_is_who_does_in_the_same_millisecond)
{
	let_ann_miss_a_restart(1000000);
}

Test(replay, an_id_of_another_server_whose_clock_is_ahead_is_a_gap)
{
	rig_init(&rig, NULL);
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, 2);
	rig_subscribe_after(&rig, 0, "room", &ann, "1000500-2");
	rig_run(&rig);
	expect_told(&ann, "gap 1 2 ");
	end();
}

Test(replay, hubs_have_origins_of_their_own)
{
	struct ouro_hub_options options = { 0 };
	uint32_t origins[2];

	for (int i = 0; i < 2; i++) {
		struct ouro_hub_loop *loop;
		struct ouro_subscription sub = { 0 };
		struct ouro_hub *hub;

		cr_assert_eq(ouro_hub_create(&hub, &options), 0);
		cr_assert_eq(ouro_hub_loop_create(hub, NULL, NULL, &loop), 0);
		cr_assert_eq(ouro_hub_subscribe(loop, OURO_STR("room"), &sub,
						&(struct ouro_subscription_options){
							.ops = &rig_subscriber_ops }),
			     0);
		origins[i] = ouro_hub_id_origin(sub.position);
		ouro_hub_unsubscribe(&sub);
		ouro_hub_loop_close(loop);
		ouro_hub_loop_destroy(loop);
		ouro_hub_destroy(hub);
	}
	cr_expect_neq(origins[0], origins[1], "once in 2^24 they are the same");
	options.origin = OURO_HUB_ORIGIN_MAX + 1;
	cr_expect_eq(ouro_hub_create(&(struct ouro_hub *){ NULL }, &options), -EINVAL);
}

Test(replay, an_id_cannot_be_of_any_length)
{
	char after[OURO_HUB_FIELD_BYTES_MAX + 2] = { 0 };

	memset(after, 'x', OURO_HUB_FIELD_BYTES_MAX + 1);
	rig_init(&rig, NULL);
	cr_expect_eq(rig_subscribe_after(&rig, 0, "room", &ann, after), -EMSGSIZE);
	cr_expect_eq(rig_subscribe_after(&rig, 0, "room", &ann, after + 1), 0);
	end();
}

static void leave(struct rig_subscriber *subscriber)
{
	ouro_hub_unsubscribe(&subscriber->sub);
}

Test(replay, a_subscriber_may_leave_while_it_is_told_of_a_gap)
{
	let_ann_miss_two(&(struct ouro_hub_options){ .replay_count_max = 1 });
	ann.then = leave;
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "gap ");
	end();
}

Test(replay, a_subscriber_may_leave_while_it_is_given_what_it_has_missed)
{
	let_ann_miss_two(NULL);
	ann.then = leave;
	rig_subscribe_after(&rig, 1, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "6 ");
	end();
}

Test(replay, more_than_one_batch_is_given_in_order)
{
	static char expected[RIG_TOLD_BYTES_MAX];
	char *at = expected;

	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = 1000,
						   .replay_bytes_max = 1 << 20 });
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, 1);
	rig_run(&rig);
	publish_numbers(2, 500);
	rig_subscribe_after(&rig, 1, "room", &ann, text_of(bob.last));
	rig_run_loop(&rig, 1);
	publish_numbers(501, 600);
	rig_run(&rig);
	for (int i = 2; i <= 600; i++)
		at += sprintf(at, "%d ", i);
	expect_told(&ann, expected);
	cr_expect_str_eq(bob.told + 2, expected);
	end();
}

static struct rig_subscriber *create_crowd(size_t count)
{
	struct rig_subscriber *crowd = calloc(count, sizeof(*crowd));

	cr_assert(crowd);
	return crowd;
}

static void end_crowd(struct rig_subscriber *crowd, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ouro_hub_unsubscribe(&crowd[i].sub);
	free(crowd);
	end();
}

/* Who came back first has much to catch up with as well. */
Test(replay, nobody_who_comes_back_waits_until_others_have_all)
{
	enum { CROWD = 14, MESSAGES = 500 };
	struct rig_subscriber *crowd = create_crowd(CROWD);

	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = MESSAGES,
						   .replay_bytes_max = 1 << 20 });
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, MESSAGES);
	rig_run(&rig);
	for (int i = 0; i < CROWD; i++)
		rig_subscribe_after(&rig, 0, "room", &crowd[i], "1-1");
	rig_run_loop(&rig, 0);
	rig_run_loop(&rig, 0);
	for (int i = 0; i < CROWD; i++)
		cr_assert_gt(crowd[i].told_len, 0, "%d", i);
	rig_run(&rig);
	for (int i = 0; i < CROWD; i++)
		cr_assert(strstr(crowd[i].told, " 499 500 "), "%d", i);
	end_crowd(crowd, CROWD);
}

/* As after a restart, when all have come back. */
Test(replay, one_run_tells_so_many_of_a_gap)
{
	enum { CROWD = 20000 };
	struct rig_subscriber *crowd = create_crowd(CROWD);
	unsigned told = 0;

	rig_init(&rig, NULL);
	for (int i = 0; i < CROWD; i++)
		rig_subscribe_after(&rig, 0, "room", &crowd[i], "1-1");
	rig_run_loop(&rig, 0);
	for (int i = 0; i < CROWD; i++)
		told += crowd[i].gap_count;
	cr_expect_lt(told, CROWD);
	cr_expect(rig.loops[0].is_rung);
	rig_run(&rig);
	for (int i = 0; i < CROWD; i++)
		cr_assert_eq(crowd[i].gap_count, 1);
	end_crowd(crowd, CROWD);
}

/* ---- Loops that lag ---- */

Test(replay, a_loop_that_lags_too_far_misses_messages_and_its_subscribers_are_told)
{
	rig_init(&rig,
		 &(struct ouro_hub_options){ .backlog_count_max = 10, .replay_count_max = 4 });
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 1, "room", &bob);
	for (int i = 1; i <= 12; i++) {
		publish_numbers(i, i);
		rig_run_loop(&rig, 1);
	}
	rig_subscribe(&rig, 0, "room", &cid);
	publish_numbers(13, 13);
	rig_run(&rig);
	expect_told(&ann, "gap 4 5 6 7 8 9 10 11 12 13 ");
	expect_told(&bob, "1 2 3 4 5 6 7 8 9 10 11 12 13 ");
	expect_told(&cid, "13 ");
	end();
}

Test(replay, a_lag_is_bounded_by_bytes)
{
	char data[301] = { 0 };

	memset(data, 'x', 300);
	rig_init(&rig, &(struct ouro_hub_options){ .backlog_bytes_max = 2000,
						   .replay_count_max = OURO_HUB_NO_REPLAY });
	rig_subscribe(&rig, 0, "room", &ann);
	for (int i = 0; i < 50; i++)
		rig_publish(&rig, "room", data);
	cr_expect_leq(ouro_hub_get_stats(rig.hub).bytes, 2000);
	rig_run(&rig);
	cr_expect_eq(ann.gap_count, 1);
	end();
}

Test(replay, who_leaves_lets_go_of_what_it_had_not_fetched)
{
	rig_init(&rig, &(struct ouro_hub_options){ .replay_count_max = OURO_HUB_NO_REPLAY });
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(1, 5);
	rig_run_loop(&rig, 1);
	cr_expect_gt(ouro_hub_get_stats(rig.hub).bytes, 0);
	ouro_hub_unsubscribe(&ann.sub);
	cr_expect_eq(ouro_hub_get_stats(rig.hub).bytes, 0);
	end();
}

/* ---- Topics that go ---- */

Test(replay, a_topic_that_all_have_left_is_kept_for_a_while)
{
	rig_init(&rig, &(struct ouro_hub_options){ .retention_ms = 1000 });
	rig_subscribe(&rig, 0, "room", &ann);
	publish_numbers(1, 1);
	rig_run(&rig);
	ouro_hub_unsubscribe(&ann.sub);
	publish_numbers(2, 2);
	rig.now_ms += 999;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 0);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "1 2 ");
	end();
}

Test(replay, who_comes_back_to_a_topic_that_had_gone_is_told_of_the_gap)
{
	rig_init(&rig, &(struct ouro_hub_options){ .retention_ms = 1000 });
	rig_subscribe(&rig, 0, "room", &ann);
	publish_numbers(1, 1);
	rig_run(&rig);
	ouro_hub_unsubscribe(&ann.sub);
	rig.now_ms += 1000;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 1);
	rig_subscribe(&rig, 1, "room", &bob);
	publish_numbers(2, 2);
	rig_subscribe_after(&rig, 0, "room", &ann, text_of(ann.last));
	rig_run(&rig);
	expect_told(&ann, "1 gap 2 ");
	end();
}

Test(replay, ids_of_a_name_grow_though_the_clock_is_set_back)
{
	struct ouro_hub_id before;

	rig_init(&rig, &(struct ouro_hub_options){ .retention_ms = 1000 });
	rig_subscribe(&rig, 0, "room", &ann);
	publish_numbers(1, 1);
	rig.now_ms -= 500;
	publish_numbers(2, 2);
	rig_run(&rig);
	before = ann.last;
	ouro_hub_unsubscribe(&ann.sub);
	rig.now_ms -= 100000;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 0, "its time is counted from here");
	rig.now_ms += 1000;
	cr_expect_eq(ouro_hub_sweep(rig.hub), 1);
	rig_subscribe(&rig, 0, "room", &ann);
	publish_numbers(3, 3);
	rig_run(&rig);
	cr_expect(ouro_hub_id_is_before(before, ann.last));
	end();
}

/* ---- With a backend ---- */

static int wanted, unwanted, refusal;
static struct ouro_hub_message *sent;

static int backend_publish(struct ouro_hub_backend *backend, struct ouro_str topic,
			   struct ouro_hub_message *message)
{
	(void)backend;
	(void)topic;
	if (!refusal)
		sent = ouro_hub_message_ref(message);
	return refusal;
}

static int backend_want(struct ouro_hub_backend *backend, struct ouro_str topic, void **follow)
{
	(void)backend;
	(void)topic;
	if (!refusal) {
		wanted++;
		*follow = &wanted;
	}
	return refusal;
}

static void backend_unwant(struct ouro_hub_backend *backend, void *follow)
{
	(void)backend;
	cr_assert_eq(follow, &wanted);
	unwanted++;
}

static uint32_t refresh;

static void backend_refresh(struct ouro_hub_backend *backend, void *follow, uint32_t number)
{
	(void)backend;
	cr_assert_eq(follow, &wanted);
	refresh = number;
}

static const struct ouro_hub_backend_ops backend_ops = { backend_publish, backend_want,
							 backend_unwant, backend_refresh };
static struct ouro_hub_backend backend = { &backend_ops };

static int arrive(uint64_t ms, uint64_t before_ms, const char *data)
{
	struct ouro_hub_content content = { .data = ouro_str_c(data) };
	struct ouro_hub_message *message;
	int err;

	ouro_hub_message_create(&content, &message);
	ouro_hub_message_set_stamp(message, (struct ouro_hub_id){ ms, 0 });
	err = ouro_hub_arrive(rig.hub, OURO_STR("room"), message,
			      (struct ouro_hub_id){ before_ms, 0 });
	ouro_hub_message_unref(message);
	return err;
}

static void init_with_backend(void)
{
	rig_init(&rig, &(struct ouro_hub_options){ .backend = &backend, .replay_count_max = 4 });
}

Test(replay, a_backend_is_asked_for_a_topic_once_and_told_when_it_goes)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe(&rig, 1, "room", &bob);
	cr_expect_eq(wanted, 1);
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	cr_expect_eq(unwanted, 0);
	rig.now_ms += OURO_HUB_RETENTION_MS_DEFAULT;
	ouro_hub_sweep(rig.hub);
	cr_expect_eq(unwanted, 1);
	cr_expect_eq(arrive(5, 0, "late"), -ENOENT);
	refusal = -ENOMEM;
	cr_expect_eq(rig_subscribe(&rig, 0, "room", &ann), -ENOMEM);
	cr_expect_eq(ouro_hub_get_stats(rig.hub).topic_count, 0);
	end();
}

Test(replay, what_is_published_goes_to_the_backend_and_comes_back)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	cr_expect_eq(rig_publish(&rig, "room", "x"), 1);
	rig_run(&rig);
	expect_told(&ann, "");
	ouro_hub_message_set_stamp(sent, (struct ouro_hub_id){ 7, 0 });
	cr_expect_eq(ouro_hub_arrive(rig.hub, OURO_STR("room"), sent, (struct ouro_hub_id){ 0 }),
		     0);
	ouro_hub_message_unref(sent);
	rig_run(&rig);
	expect_told(&ann, "x ");
	refusal = -ENOBUFS;
	cr_expect_eq(rig_publish(&rig, "room", "x"), -ENOBUFS);
	end();
}

Test(replay, nobody_is_served_before_the_topic_is_loaded)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe_after(&rig, 0, "room", &bob, "20-0");
	rig_subscribe_after(&rig, 1, "room", &cid, "5-0");
	for (int i = 1; i <= 5; i++) {
		char data[2] = { (char)('0' + i), 0 };

		arrive((uint64_t)i * 10, (uint64_t)i * 10 - 10, data);
	}
	rig_run(&rig);
	expect_told(&bob, "");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	rig_run(&rig);
	arrive(60, 50, "6");
	arrive(60, 50, "6");
	rig_run(&rig);
	expect_told(&ann, "6 ");
	expect_told(&bob, "3 4 5 6 ");
	expect_told(&cid, "gap 2 3 4 5 6 ");
	end();
}

Test(replay, who_leaves_before_the_topic_is_loaded_leaves_nothing_behind)
{
	init_with_backend();
	rig_subscribe_after(&rig, 0, "room", &ann, "20-0");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	end();
}

Test(replay, what_the_backend_has_lost_is_a_gap)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	arrive(10, 0, "1");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	arrive(20, 10, "2");
	arrive(40, 30, "4");
	rig_run(&rig);
	expect_told(&ann, "2 gap 4 ");
	cr_expect_eq(ann.gap.ms, 30);
	rig_subscribe_after(&rig, 1, "room", &bob, "10-0");
	arrive(50, 0, "5");
	rig_run(&rig);
	expect_told(&bob, "2 gap 4 gap 5 ");
	expect_told(&ann, "2 gap 4 gap 5 ");
	cr_expect_eq(ann.gap.ms, 49);
	end();
}

Test(replay, what_was_lost_here_and_had_elsewhere_is_no_gap)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	arrive(10, 0, "1");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	arrive(40, 30, "4");
	rig_subscribe_after(&rig, 0, "room", &bob, "30-0");
	rig_subscribe_after(&rig, 0, "room", &cid, "20-0");
	rig_run(&rig);
	expect_told(&ann, "gap 4 ");
	expect_told(&bob, "4 ");
	expect_told(&cid, "gap 4 ");
	end();
}

Test(replay, an_id_of_what_the_backend_knows_nothing_of_is_a_gap)
{
	init_with_backend();
	rig_subscribe_after(&rig, 0, "room", &ann, "5-0");
	rig_subscribe_after(&rig, 0, "room", &bob, "9-18446744073709551615");
	arrive(10, 0, "1");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	rig_run(&rig);
	expect_told(&ann, "gap 1 ");
	expect_told(&bob, "1 ");
	end();
}

Test(replay, an_empty_topic_that_is_loaded_serves_from_its_first_message)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	rig_subscribe_after(&rig, 0, "room", &bob, "5-0");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	rig_run(&rig);
	arrive(10, 0, "1");
	ouro_hub_refreshed(rig.hub, OURO_STR("room"), refresh);
	rig_run(&rig);
	expect_told(&ann, "1 ");
	expect_told(&bob, "gap 1 ");
	cr_expect_eq(ouro_hub_replay_count(rig.hub), 4);
	end();
}

/* Ann is live with 1 and 2. */
static void begin_with_two(void)
{
	init_with_backend();
	rig_subscribe(&rig, 0, "room", &ann);
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	arrive(100, 0, "1");
	arrive(200, 100, "2");
	rig_run(&rig);
	expect_told(&ann, "1 2 ");
}

Test(replay, who_had_more_from_another_process_waits_for_the_backend_and_has_nothing_twice)
{
	begin_with_two();
	rig_subscribe_after(&rig, 0, "room", &bob, "400-0");
	cr_expect_neq(refresh, 0);
	arrive(300, 200, "3");
	rig_run(&rig);
	expect_told(&bob, "");
	arrive(400, 300, "4");
	arrive(500, 400, "5");
	rig_run(&rig);
	expect_told(&bob, "");
	ouro_hub_refreshed(rig.hub, OURO_STR("room"), refresh);
	rig_run(&rig);
	expect_told(&bob, "5 ");
	arrive(600, 500, "6");
	rig_run(&rig);
	expect_told(&bob, "5 6 ");
	expect_told(&ann, "1 2 3 4 5 6 ");
	end();
}

Test(replay, an_id_that_is_greater_than_all_that_the_backend_has_is_a_gap)
{
	begin_with_two();
	rig_subscribe_after(&rig, 1, "room", &bob, "900-0");
	ouro_hub_refreshed(rig.hub, OURO_STR("room"), refresh);
	rig_run(&rig);
	expect_told(&bob, "gap 1 2 ");
	end();
}

Test(replay, a_refresh_from_before_somebody_came_says_nothing_of_them)
{
	begin_with_two();
	rig_subscribe_after(&rig, 0, "room", &bob, "900-0");
	rig_subscribe_after(&rig, 0, "room", &cid, "300-0");
	ouro_hub_refreshed(rig.hub, OURO_STR("room"), refresh - 1);
	rig_run(&rig);
	expect_told(&bob, "gap 1 2 ");
	expect_told(&cid, "");
	arrive(300, 200, "3");
	ouro_hub_refreshed(rig.hub, OURO_STR("room"), refresh);
	arrive(400, 300, "4");
	rig_run(&rig);
	expect_told(&cid, "4 ");
	end();
}

Test(replay, a_backend_that_begins_anew_with_lesser_ids_is_a_gap_and_nothing_is_dropped)
{
	begin_with_two();
	rig_subscribe_after(&rig, 1, "room", &bob, "100-0");
	ouro_hub_restart(rig.hub, OURO_STR("room"));
	arrive(50, 0, "a");
	rig_run(&rig);
	expect_told(&ann, "1 2 ");
	expect_told(&bob, "");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	arrive(60, 50, "b");
	rig_run(&rig);
	expect_told(&ann, "1 2 gap a b ");
	expect_told(&bob, "gap a b ");
	arrive(70, 60, "c");
	rig_run(&rig);
	expect_told(&ann, "1 2 gap a b c ");
	end();
}

Test(replay, who_comes_right_after_the_backend_began_anew_begins_there)
{
	begin_with_two();
	ouro_hub_restart(rig.hub, OURO_STR("room"));
	rig_subscribe(&rig, 0, "room", &bob);
	arrive(50, 0, "a");
	ouro_hub_loaded(rig.hub, OURO_STR("room"));
	rig_subscribe(&rig, 0, "room", &cid);
	rig_run(&rig);
	arrive(60, 50, "b");
	rig_run(&rig);
	expect_told(&ann, "1 2 gap a b ");
	expect_told(&bob, "b ");
	expect_told(&cid, "b ");
	end();
}
