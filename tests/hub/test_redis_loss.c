/* Redis loses its data, its clock goes back, others write into its streams: subscribers are told of a gap,
 * have what there is, and nothing twice. */
#include "redis_rig.h"

#include "hub/redis_senders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ids that come after it are of a time that never comes. */
#define FUTURE "XADD ouro:topic:room 99999999999999-0 x y\r\n"

static void init_in_the_future(void)
{
	init_default();
	EVENTUALLY(are_up());
	redis_server_ask(&server, FUTURE);
	subscribe_both();
	publish_numbers(0, 1, 3);
	expect_both("1 2 3 ");
	cr_assert_eq(ann.last.ms, 99999999999999);
}

Test(redis_loss, of_all_data_with_a_clock_that_went_back_is_a_gap)
{
	init_in_the_future();
	restart();
	redis_server_start(&server);
	EVENTUALLY(are_up());
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 gap 4 5 ");
	publish_numbers(1, 6, 6);
	expect_both("1 2 3 gap 4 5 6 ");
	fini();
}

Test(redis_loss, that_others_have_published_after_is_a_gap)
{
	init_in_the_future();
	restart();
	redis_server_start(&server);
	EVENTUALLY(is_up(&machines[0]));
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 gap 4 5 ");
	fini();
}

Test(redis_loss, of_one_stream_on_a_connection_that_stands_is_noticed)
{
	init_in_the_future();
	redis_server_ask(&server, "DEL ouro:topic:room\r\n");
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 gap 4 5 ");
	fini();
}

Test(redis_loss, of_everything_by_flushall_leaves_all_that_is_published)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 3);
	expect_both("1 2 3 ");
	redis_server_ask(&server, "FLUSHALL\r\n");
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 4 5 ");
	fini();
}

Test(redis_loss, makes_ids_of_before_a_gap)
{
	char before[OURO_HUB_ID_TEXT_MAX + 1];

	init_in_the_future();
	strcpy(before, text_of(ann.last));
	ouro_hub_unsubscribe(&ann.sub);
	ouro_hub_unsubscribe(&bob.sub);
	restart();
	redis_server_start(&server);
	EVENTUALLY(are_up());
	publish_numbers(0, 4, 5);
	EVENTUALLY(is_sent());
	for (size_t i = 0; i < MACHINES; i++) {
		forget(&cid);
		subscribe_after(i, &cid, before);
		EVENTUALLY(strcmp(cid.told, "gap 4 5 ") == 0);
		ouro_hub_unsubscribe(&cid.sub);
	}
	publish_numbers(0, 6, 6);
	fini();
}

/* Takes what Redis has answered to commands before the machine sees it, so that nothing is confirmed. */
static void steal_replies(struct machine *machine)
{
	char bytes[4096];

	while (recv(machine->watched[0].fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

Test(redis_loss, makes_nothing_that_had_arrived_come_again)
{
	uint64_t give_up_ms = now_ms() + WAIT_MS_MAX;

	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 3);
	while (strcmp(ann.told, "1 2 3 ") != 0 && now_ms() < give_up_ms) {
		machines[0].watched[0].events &= ~POLLIN;
		turn();
		steal_replies(&machines[0]);
	}
	EVENTUALLY(strcmp(bob.told, "1 2 3 ") == 0);
	cr_assert_eq(ouro_redis_get_stats(machines[0].redis).outbox_count, 3);
	redis_server_kill(&server);
	redis_server_start(&server);
	EVENTUALLY(ouro_redis_get_stats(machines[0].redis).connect_count == 2 && is_sent());
	publish_numbers(0, 4, 5);
	expect_both("1 2 3 gap 4 5 ");
	fini();
}

Test(redis_loss, is_no_matter_where_a_client_was_ahead_of_a_process)
{
	char id[OURO_HUB_ID_TEXT_MAX + 1];
	uint64_t give_up_ms = now_ms() + WAIT_MS_MAX;

	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 3);
	/* Only Ann's process turns. */
	while (strcmp(ann.told, "1 2 3 ") != 0 && now_ms() < give_up_ms) {
		poll(machines[0].watched, OURO_REDIS_CONNECTIONS, 10);
		run_machine(&machines[0]);
	}
	cr_assert_str_eq(bob.told, "");
	strcpy(id, text_of(ann.last));
	ouro_hub_unsubscribe(&ann.sub);
	subscribe_after(1, &ann, id);
	publish_numbers(1, 4, 4);
	expect_both("1 2 3 4 ");
	fini();
}

/* ---- What is none of ours ---- */

Test(redis_loss, what_others_publish_from_the_future_stops_nothing)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 1);
	expect_both("1 ");
	redis_server_ask(
		&server,
		"PUBLISH ouro:topic:room \"99999999999999-0 0-0 "
		"0123456789abcdef7 \\x01\\x00\\x08\\x00\\x00\\x00\\x00\\x00\\x00odd\"\r\n");
	expect_both("1 odd ");
	publish_numbers(0, 2, 3);
	EVENTUALLY(strstr(ann.told, "2 3 ") && strstr(bob.told, "2 3 "));
	expect_both("1 odd gap 2 3 ");
	fini();
}

Test(redis_loss, pages_of_what_cannot_be_read_are_passed_over)
{
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 1);
	expect_both("1 ");
	for (int i = 0; i < 300; i++)
		redis_server_ask(&server, "XADD ouro:topic:room * p 0-0 b y\r\n");
	publish_numbers(0, 2, 3);
	expect_both("1 gap 2 3 ");
	cr_expect_eq(ouro_redis_get_stats(machines[0].redis).connect_count, 1);
	cr_expect_not_null(strstr(log_text(&machines[0]), "cannot be read"));
	cr_expect_null(strstr(strstr(log_text(&machines[0]), "cannot be read") + 1,
			      "cannot be read"),
		       "once");
	fini();
}

Test(redis_loss, a_message_that_is_too_large_for_this_process_is_a_gap)
{
	static char large[3000];

	memset(large, 'x', sizeof(large) - 1);
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
	redis_server_start(&server);
	machine_init(&machines[0], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ 0 });
	machine_init(&machines[1], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ .message_bytes_max = 2000 });
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 1);
	cr_assert_geq(publish(0, large), 0);
	publish_numbers(0, 2, 2);
	EVENTUALLY(strcmp(bob.told, "1 gap 2 ") == 0);
	fini();
}

/* ---- Who has sent what ---- */

Test(redis_senders, know_what_has_come_of_each)
{
	struct ouro_redis_senders senders = { 0 };

	cr_expect(ouro_redis_senders_note(&senders, 1, 5));
	cr_expect_not(ouro_redis_senders_note(&senders, 1, 5));
	cr_expect(ouro_redis_senders_note(&senders, 2, 3));
	cr_expect_not(ouro_redis_senders_note(&senders, 1, 4));
	cr_expect(ouro_redis_senders_note(&senders, 1, 6));
	cr_expect_not(ouro_redis_senders_note(&senders, 2, 3));
	cr_expect_eq(senders.count, 2);
	ouro_redis_senders_fini(&senders);
}

Test(redis_senders, forget_who_was_silent_for_longest)
{
	struct ouro_redis_senders senders = { 0 };

	for (uint64_t id = 0; id < OURO_REDIS_SENDERS_MAX; id++)
		cr_expect(ouro_redis_senders_note(&senders, id, 1));
	cr_expect(ouro_redis_senders_note(&senders, 0, 2));
	cr_expect(ouro_redis_senders_note(&senders, 1000, 1));
	cr_expect_eq(senders.count, OURO_REDIS_SENDERS_MAX);
	cr_expect_not(ouro_redis_senders_note(&senders, 0, 2));
	cr_expect(ouro_redis_senders_note(&senders, 1, 1), "forgotten");
	ouro_redis_senders_fini(&senders);
}
