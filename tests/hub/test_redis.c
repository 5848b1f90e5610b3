/* Two processes' worth of hubs on one Redis server of the test's own, which is killed,
 * restarted, frozen and robbed of its data. */
#include "redis_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Working ---- */

Test(redis, what_one_process_publishes_comes_to_all_in_one_order)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	for (int i = 0; i < 200; i++)
		publish_numbers((size_t)(i % MACHINES), i, i);
	EVENTUALLY(is_sent() && ann.told_len == strlen(numbers(0, 199)) &&
		   bob.told_len == ann.told_len);
	cr_expect_str_eq(ann.told, bob.told);
	cr_expect(ouro_hub_id_eq(ann.last, bob.last));
	cr_expect_eq(ann.gap_count, 0);
	fini();
}

Test(redis, a_unix_socket_will_do)
{
	char path[96];

	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	redis_server_start(&server);
	strcpy(path, server.unix_path);
	init((struct ouro_redis_options){ .unix_path = path }, (struct ouro_hub_options){ 0 });
	strcpy(path, "gone");
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 3);
	expect_both("1 2 3 ");
	fini();
}

Test(redis, what_a_process_publishes_right_after_somebody_has_subscribed_is_heard)
{
	init_default();
	EVENTUALLY(are_up());
	publish_numbers(0, 1, 2);
	EVENTUALLY(is_sent());
	subscribe_after(0, &ann, NULL);
	publish_numbers(0, 3, 4);
	EVENTUALLY(ann.told_len >= 4);
	cr_expect_str_eq(ann.told, "3 4 ");
	fini();
}

Test(redis, all_that_a_message_has_arrives)
{
	struct ouro_hub_content content = {
		.kind = OURO_HUB_BINARY,
		.data = OURO_STR("a\0b\r\n"),
		.event = OURO_STR("tick"),
		.id = OURO_STR("mine"),
		.key = OURO_STR("key"),
	};

	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	ann.keeps = true;
	ouro_hub_publish(machines[1].hub, OURO_STR("room"), &content);
	EVENTUALLY(ann.kept && bob.told_len > 0);
	cr_expect_eq(ann.kept->len, 5);
	cr_expect_arr_eq(ann.kept->data, "a\0b\r\n", 5);
	publish_numbers(0, 1, 2);
	expect_both(bob.told);
	subscribe_after(0, &cid, "mine");
	EVENTUALLY(strcmp(cid.told, "1 2 ") == 0);
	ouro_buf_unref(ann.kept);
	fini();
}

Test(redis, topics_are_kept_apart_and_left)
{
	struct ouro_subscription_options options = { .ops = &rig_subscriber_ops };
	struct ouro_str odd = OURO_STR("a b:\r\n*{}\0");

	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ .retention_ms = 1 });
	EVENTUALLY(are_up());
	subscribe(0, &ann);
	cr_assert_eq(ouro_hub_subscribe(machines[0].loop, odd, &bob.sub, &options), 0);
	turn_for(100);
	publish_numbers(1, 1, 1);
	ouro_hub_publish(machines[1].hub, odd,
			 &(struct ouro_hub_content){ .data = OURO_STR("odd") });
	EVENTUALLY(strcmp(bob.told, "odd ") == 0 && strcmp(ann.told, "1 ") == 0);
	cr_expect_not_null(
		strstr(redis_server_ask(&server, "PUBSUB NUMSUB ouro:topic:room\r\n"), ":1\r\n"));
	/* Left, and come back to in the same turn. */
	for (int i = 0; i < 3; i++) {
		ouro_hub_unsubscribe(&ann.sub);
		usleep(2000);
		cr_expect_eq(ouro_hub_sweep(machines[0].hub), 1);
		subscribe_after(0, &ann, NULL);
	}
	subscribe_after(0, &cid, text_of(ann.last));
	turn_for(100);
	publish_numbers(1, 2, 2);
	EVENTUALLY(strcmp(ann.told, "1 2 ") == 0);
	cr_expect_str_eq(cid.told, "2 ");
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&cid.sub);
	usleep(2000);
	ouro_hub_sweep(machines[0].hub);
	EVENTUALLY(
		strstr(redis_server_ask(&server, "PUBSUB NUMSUB ouro:topic:room\r\n"), ":0\r\n"));
	fini();
}

Test(redis, a_client_that_comes_back_to_another_process_is_given_what_it_has_missed)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe(0, &ann);
	publish_numbers(0, 1, 3);
	EVENTUALLY(strcmp(ann.told, "1 2 3 ") == 0);
	ouro_hub_unsubscribe(&ann.sub);
	publish_numbers(0, 4, 6);
	EVENTUALLY(is_sent());
	/* Nobody there has had the topic yet. */
	subscribe_after(1, &ann, text_of(ann.last));
	EVENTUALLY(strcmp(ann.told, "1 2 3 4 5 6 ") == 0);
	publish_numbers(0, 7, 7);
	EVENTUALLY(strcmp(ann.told, "1 2 3 4 5 6 7 ") == 0);
	cr_expect_eq(ann.gap_count, 0);
	fini();
}

Test(redis, a_client_that_comes_back_too_late_is_told_of_the_gap)
{
	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ .replay_count_max = 2 });
	EVENTUALLY(are_up());
	subscribe(0, &ann);
	publish_numbers(0, 1, 1);
	EVENTUALLY(strcmp(ann.told, "1 ") == 0);
	ouro_hub_unsubscribe(&ann.sub);
	publish_numbers(0, 2, 6);
	EVENTUALLY(is_sent());
	subscribe_after(1, &ann, text_of(ann.last));
	EVENTUALLY(strcmp(ann.told, "1 gap 5 6 ") == 0);
	fini();
}

Test(redis, a_stream_is_bounded_and_goes)
{
	init((struct ouro_redis_options){ .stream_count_max = 100, .stream_retention_ms = 700 },
	     (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	publish_numbers(0, 1, 1000);
	EVENTUALLY(is_sent());
	cr_expect_leq(atoi(redis_server_ask(&server, "XLEN ouro:topic:room\r\n") + 1), 300);
	cr_expect_geq(atoi(redis_server_ask(&server, "XLEN ouro:topic:room\r\n") + 1), 100);
	turn_for(1000);
	cr_expect_str_eq(redis_server_ask(&server, "EXISTS ouro:topic:room\r\n"), ":0\r\n");
	fini();
}

Test(redis, a_stream_that_went_quietly_is_no_gap)
{
	init((struct ouro_redis_options){ .stream_retention_ms = 300 },
	     (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 1);
	expect_both("1 ");
	turn_for(500);
	cr_expect_str_eq(redis_server_ask(&server, "EXISTS ouro:topic:room\r\n"), ":0\r\n");
	publish_numbers(0, 2, 2);
	expect_both("1 2 ");
	fini();
}

/* ---- Failing ---- */

static void watch_nothing(void *arg, unsigned index, int fd, bool read, bool write)
{
	(void)arg;
	(void)index;
	(void)fd;
	(void)read;
	(void)write;
}

static void ring_nothing(void *arg)
{
	(void)arg;
}

Test(redis, options_out_of_range_are_refused)
{
	static const struct ouro_redis_options wrong[] = {
		{ .address = "localhost" },
		{ .address = "" },
		{ .user = "nobody" },
		{ .backoff_ms_min = 20, .backoff_ms_max = 10 },
		{ .prefix = "0123456789012345678901234567890123456789012345678901234567890123x" },
		{ .unix_path = "/0123456789012345678901234567890123456789012345678901234567890123"
			       "456789012345678901234567890123456789012345678901234567890" },
	};
	struct ouro_redis *redis = NULL;
	struct ouro_redis_driver driver = { .watch = watch_nothing, .wake = ring_nothing };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_expect_eq(ouro_redis_create(&redis, &wrong[i], &driver), -EINVAL, "%zu", i);
	cr_expect_null(redis);
	cr_assert_eq(ouro_redis_create(&redis, &(struct ouro_redis_options){ .address = "::1" },
				       &driver),
		     0);
	ouro_redis_destroy(redis);
	ouro_redis_destroy(NULL);
}

Test(redis, what_is_published_while_there_is_no_server_waits)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	machine_init(&machines[0],
		     (struct ouro_redis_options){ .outbox_count_max = 3, .outbox_bytes_max = 3000 },
		     (struct ouro_hub_options){ 0 });
	machine_init(&machines[1], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ 0 });
	subscribe_after(0, &ann, NULL);
	publish_numbers(0, 1, 3);
	cr_expect_eq(publish(0, "4"), -ENOBUFS);
	turn_for(100);
	cr_expect_not(is_up(&machines[0]));
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).outbox_count, 3);
	cr_expect_not_null(strstr(log_text(&machines[0]), "refused"));
	redis_server_start(&server);
	EVENTUALLY(is_sent());
	cr_expect_geq(publish(0, "5"), 0);
	EVENTUALLY(strcmp(ann.told, "1 2 3 5 ") == 0);
	fini();
}

Test(redis, what_waits_is_bounded_by_bytes)
{
	static char data[2000];

	memset(data, 'x', sizeof(data) - 1);
	init((struct ouro_redis_options){ .outbox_bytes_max = 4000 },
	     (struct ouro_hub_options){ 0 });
	cr_expect_eq(publish(0, data), 0);
	cr_expect_eq(publish(0, data), -ENOBUFS);
	EVENTUALLY(is_sent());
	cr_expect_eq(publish(0, data), 0);
	EVENTUALLY(is_sent());
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).outbox_bytes, 0);
	fini();
}

Test(redis, a_server_that_keeps_its_data_may_crash_and_nothing_is_lost_or_comes_twice)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	server.persists = true;
	redis_server_start(&server);
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	for (int round = 0; round < 3; round++) {
		/* Some of them are on their way when it is killed. */
		publish_numbers(0, round * 40, round * 40 + 19);
		turn();
		turn();
		restart();
		publish_numbers(0, round * 40 + 20, round * 40 + 39);
		turn_for(30);
		redis_server_start(&server);
		EVENTUALLY(are_up());
	}
	expect_both(numbers(0, 119));
	cr_expect_eq(ann.gap_count, 0);
	cr_expect_geq(ouro_redis_get_stats(machines[0].redis).connect_count, 4);
	fini();
}

/* The connections of one process are cut by the server while others publish. */
Test(redis, connections_may_break_and_nothing_is_lost_or_comes_twice)
{
	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	subscribe_both();
	for (int round = 0; round < 10; round++) {
		publish_numbers(0, round * 20, round * 20 + 9);
		for (int i = 0; i < round % 4; i++)
			turn();
		redis_server_ask(&server, round % 2 ? "CLIENT KILL TYPE pubsub\r\n"
						    : "CLIENT KILL TYPE normal\r\n");
		publish_numbers(0, round * 20 + 10, round * 20 + 19);
		turn_for(5);
	}
	expect_both(numbers(0, 199));
	cr_expect_eq(ann.gap_count, 0);
	cr_expect_eq(bob.gap_count, 0);
	fini();
}

Test(redis, a_server_that_loses_its_data_is_a_gap)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 3);
	expect_both("1 2 3 ");
	restart();
	redis_server_start(&server);
	EVENTUALLY(are_up());
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 gap 4 5 ");
	fini();
}

Test(redis, what_was_published_while_away_and_is_gone_is_a_gap)
{
	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 2);
	expect_both("1 2 ");
	/* Bob's process does not turn while its connections are cut and the stream is cut short. */
	redis_server_ask(&server, "CLIENT KILL TYPE pubsub\r\n");
	redis_server_ask(&server, "CLIENT KILL TYPE normal\r\n");
	publish_numbers(0, 3, 9);
	for (int i = 0; i < 1000 && ouro_redis_get_stats(machines[0].redis).outbox_count > 0; i++) {
		poll(machines[0].watched, OURO_REDIS_CONNECTIONS, 10);
		run_machine(&machines[0]);
	}
	redis_server_ask(&server, "XTRIM ouro:topic:room MAXLEN 2\r\n");
	EVENTUALLY(strcmp(ann.told, numbers(1, 9)) == 0 || strcmp(ann.told, "1 2 gap 8 9 ") == 0);
	EVENTUALLY(strcmp(bob.told, "1 2 gap 8 9 ") == 0);
	fini();
}

Test(redis, a_server_that_does_not_answer_is_given_up)
{
	init((struct ouro_redis_options){ .heartbeat_ms = 100, .connect_ms = 100 },
	     (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	subscribe_both();
	turn_for(350);
	cr_expect(are_up(), "it does answer");
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).connect_count, 1);
	redis_server_freeze(&server, true);
	EVENTUALLY(is_down());
	cr_expect_not_null(strstr(log_text(&machines[0]), "heartbeat: no answer in time"));
	publish_numbers(0, 1, 3);
	EVENTUALLY(strstr(log_text(&machines[0]), "connecting: no answer in time"));
	redis_server_freeze(&server, false);
	EVENTUALLY(are_up());
	expect_both("1 2 3 ");
	fini();
}

Test(redis, a_password_is_given)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	server.password = "secret";
	redis_server_start(&server);
	machine_init(&machines[0], (struct ouro_redis_options){ .password = "secret" },
		     (struct ouro_hub_options){ 0 });
	machine_init(&machines[1],
		     (struct ouro_redis_options){ .user = "default", .password = "wrong" },
		     (struct ouro_hub_options){ 0 });
	EVENTUALLY(is_up(&machines[0]) && strstr(log_text(&machines[1]), "authenticating"));
	cr_expect_not(is_up(&machines[1]));
	fini();
}

Test(redis, without_a_password_nothing_is_loaded)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	server.password = "secret";
	redis_server_start(&server);
	init_default();
	EVENTUALLY(strstr(log_text(&machines[0]), "NOAUTH") &&
		   strstr(log_text(&machines[1]), "NOAUTH"));
	cr_expect(is_down());
	fini();
}

Test(redis, a_message_that_can_never_be_taken_does_not_stop_the_others)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	redis_server_ask(&server, "SET ouro:topic:bad x\r\n");
	publish_numbers(0, 1, 2);
	ouro_hub_publish(machines[0].hub, OURO_STR("bad"),
			 &(struct ouro_hub_content){ .data = OURO_STR("x") });
	publish_numbers(0, 3, 4);
	expect_both("1 2 3 4 ");
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).rejected_count, 1);
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).connect_count, 1);
	cr_expect_not_null(strstr(log_text(&machines[0]), "WRONGTYPE"));
	fini();
}

Test(redis, a_server_without_memory_is_tried_again)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	redis_server_ask(&server, "CONFIG SET maxmemory 1\r\n");
	publish_numbers(0, 1, 5);
	EVENTUALLY(strstr(log_text(&machines[0]), "OOM"));
	redis_server_ask(&server, "CONFIG SET maxmemory 0\r\n");
	expect_both("1 2 3 4 5 ");
	fini();
}

Test(redis, a_server_that_has_forgotten_the_script_is_told_again)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	redis_server_ask(&server, "SCRIPT FLUSH\r\n");
	publish_numbers(0, 1, 5);
	expect_both("1 2 3 4 5 ");
	fini();
}

Test(redis, what_others_put_into_the_stream_or_channel_is_harmless)
{
	static const char *const odd[] = {
		"XADD ouro:topic:room * x y\r\n",
		"XADD ouro:topic:room * p 0-0 b y\r\n",
		"XADD ouro:topic:room * p x b y\r\n",
		"XADD ouro:topic:room * p 0-0\r\n",
		"PUBLISH ouro:topic:room x\r\n",
		"PUBLISH ouro:topic:room 99999999999999-0\r\n",
		"PUBLISH ouro:topic:room \"99999999999999-0 x y\"\r\n",
		"PUBLISH ouro:topic:room \"99999999999999-0 1-1 y\"\r\n",
		"PUBLISH ouro:topic:nobody \"1-0 0-0 y\"\r\n",
	};

	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 1);
	expect_both("1 ");
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		redis_server_ask(&server, odd[i]);
	turn_for(50);
	publish_numbers(0, 2, 3);
	expect_both("1 gap 2 3 ");
	cr_expect(are_up());
	fini();
}

Test(redis, many_topics_come_back_after_a_break)
{
	enum { TOPICS = 300 };
	static struct rig_subscriber *crowd[TOPICS];
	char name[16];
	int told = 0;

	init_default();
	EVENTUALLY(are_up());
	for (int i = 0; i < TOPICS; i++) {
		struct ouro_subscription_options options = { .ops = &rig_subscriber_ops };

		crowd[i] = calloc(1, sizeof(*crowd[i]));
		sprintf(name, "topic %d", i);
		ouro_hub_subscribe(machines[0].loop, ouro_str_c(name), &crowd[i]->sub, &options);
	}
	turn_for(200);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < TOPICS; i++) {
			sprintf(name, "topic %d", i);
			ouro_hub_publish(machines[1].hub, ouro_str_c(name),
					 &(struct ouro_hub_content){ .data = ouro_str_c(name) });
		}
		redis_server_ask(&server, "CLIENT KILL TYPE pubsub\r\n");
		EVENTUALLY(is_sent());
	}
	for (uint64_t end_ms = now_ms() + WAIT_MS_MAX; told < TOPICS && now_ms() < end_ms;) {
		turn();
		told = 0;
		for (int i = 0; i < TOPICS; i++)
			told += crowd[i]->told_len > 0 && strlen(crowd[i]->told) % 2 == 0 &&
				strlen(crowd[i]->told) >= 16;
	}
	for (int i = 0; i < TOPICS; i++) {
		char expected[32];

		sprintf(expected, "topic %d topic %d ", i, i);
		cr_assert_str_eq(crowd[i]->told, expected);
		ouro_hub_unsubscribe(&crowd[i]->sub);
		free(crowd[i]);
	}
	fini();
}
