/* How the connections come to be, and what is said of it: names, databases, passwords, starts and stops. */
#include "redis_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void init_server(void)
{
	if (!redis_server_exists())
		cr_skip_test("there is no redis-server (Debian: redis-tools)");
	redis_server_init(&server);
}

static int count(const char *text, const char *part)
{
	int found = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		found++;
	return found;
}

Test(redis_connect, the_log_is_told_once_that_there_is_no_server_and_once_that_there_is)
{
	init_server();
	machine_init(&machines[0], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ 0 });
	machine_init(&machines[1], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ 0 });
	turn_for(400);
	cr_expect_eq(count(log_text(&machines[0]), "\n"), 1, "%s", log_text(&machines[0]));
	redis_server_start(&server);
	EVENTUALLY(are_up());
	cr_expect_eq(count(log_text(&machines[0]), "\n"), 2, "%s", log_text(&machines[0]));
	restart();
	turn_for(400);
	cr_expect_eq(count(log_text(&machines[0]), "\n"), 3, "%s", log_text(&machines[0]));
	fini();
}

Test(redis_connect, a_name_is_looked_up_each_time)
{
	init_server();
	redis_server_start(&server);
	for (size_t i = 0; i < MACHINES; i++)
		machine_init(&machines[i], (struct ouro_redis_options){ .address = "db.example" },
			     (struct ouro_hub_options){ 0 });
	EVENTUALLY(machines[0].name);
	cr_expect_str_eq(machines[0].name, "db.example");
	machines[0].name = NULL;
	ouro_redis_found(machines[0].redis, NULL, "it has none", now_ms());
	cr_expect_not_null(strstr(log_text(&machines[0]), "finding its address: it has none"));
	EVENTUALLY(machines[0].name);
	machines[0].name = NULL;
	ouro_redis_found(machines[0].redis, "127.0.0.1", NULL, now_ms());
	EVENTUALLY(is_up(&machines[0]));
	restart();
	EVENTUALLY(machines[0].name);
	fini();
}

Test(redis_connect, a_name_that_is_found_too_late_is_asked_for_no_second_time)
{
	init_server();
	for (size_t i = 0; i < MACHINES; i++)
		machine_init(&machines[i],
			     (struct ouro_redis_options){ .address = "slow.example",
							  .connect_ms = 20 },
			     (struct ouro_hub_options){ 0 });
	/* The rig fails where it is asked for again. */
	EVENTUALLY(strstr(log_text(&machines[0]), "finding its address: no answer in time"));
	turn_for(200);
	redis_server_start(&server);
	machines[0].name = NULL;
	ouro_redis_found(machines[0].redis, "127.0.0.1", NULL, now_ms());
	for (uint64_t end_ms = now_ms() + WAIT_MS_MAX; !is_up(&machines[0]) && now_ms() < end_ms;) {
		turn();
		if (!machines[0].name)
			continue;
		machines[0].name = NULL;
		ouro_redis_found(machines[0].redis, "127.0.0.1", NULL, now_ms());
	}
	cr_expect(is_up(&machines[0]));
	/* It may still come when it is over. */
	ouro_redis_stop(machines[1].redis);
	ouro_redis_found(machines[1].redis, "127.0.0.1", NULL, now_ms());
	fini();
}

Test(redis_connect, databases_are_kept_apart)
{
	init_server();
	redis_server_start(&server);
	machine_init(&machines[0], (struct ouro_redis_options){ .database = 3 },
		     (struct ouro_hub_options){ 0 });
	machine_init(&machines[1], (struct ouro_redis_options){ 0 },
		     (struct ouro_hub_options){ 0 });
	EVENTUALLY(are_up());
	subscribe_after(0, &ann, NULL);
	subscribe_after(1, &bob, NULL);
	turn_for(50);
	publish_numbers(0, 1, 2);
	publish_numbers(1, 3, 4);
	EVENTUALLY(strcmp(ann.told, "1 2 ") == 0 && strcmp(bob.told, "3 4 ") == 0);
	cr_expect_not_null(strstr(redis_server_ask(&server, "INFO keyspace\r\n"), "db3:keys="));
	fini();
}

Test(redis_connect, a_database_that_is_not_there_is_said)
{
	init_server();
	redis_server_start(&server);
	init((struct ouro_redis_options){ .database = 4000 }, (struct ouro_hub_options){ 0 });
	EVENTUALLY(strstr(log_text(&machines[0]), "choosing the database"));
	cr_expect(is_down());
	fini();
}

Test(redis_connect, the_password_is_in_no_line)
{
	init_server();
	/* It says which command it does not know, and with what. */
	server.renamed = "AUTH";
	redis_server_start(&server);
	init((struct ouro_redis_options){ .user = "default", .password = "sesame" },
	     (struct ouro_hub_options){ 0 });
	EVENTUALLY(strstr(log_text(&machines[0]), "authenticating: ERR"));
	cr_expect_null(strstr(log_text(&machines[0]), "sesame"));
	fini();
}

Test(redis_connect, a_user_who_may_not_subscribe_is_said_to_be_one)
{
	init_server();
	redis_server_start(&server);
	redis_server_ask(&server, "ACL SETUSER ann on >pw ~* +@all resetchannels\r\n");
	init((struct ouro_redis_options){ .user = "ann", .password = "pw" },
	     (struct ouro_hub_options){ 0 });
	EVENTUALLY(strstr(log_text(&machines[0]), "NOPERM"));
	cr_expect(is_down());
	fini();
}

Test(redis_connect, it_may_be_stopped_and_started_again)
{
	init_server();
	redis_server_start(&server);
	init_default();
	EVENTUALLY(are_up());
	subscribe_both();
	publish_numbers(0, 1, 2);
	expect_both("1 2 ");
	ouro_redis_stop(machines[0].redis);
	publish_numbers(0, 4, 5);
	publish_numbers(1, 3, 3);
	EVENTUALLY(strcmp(bob.told, "1 2 3 ") == 0);
	ouro_redis_start(machines[0].redis, machines[0].hub, now_ms());
	expect_both("1 2 3 4 5 ");
	fini();
}

Test(redis_connect, what_is_lost_at_the_end_is_said)
{
	init_server();
	init((struct ouro_redis_options){ 0 }, (struct ouro_hub_options){ 0 });
	fini();
	/* One is published by the rig when it has stopped. */
	cr_expect_not_null(strstr(log_text(&machines[0]), "1 published messages"));
}

Test(redis_connect, no_other_program_gets_its_descriptors)
{
	init_server();
	redis_server_start(&server);
	init_default();
	EVENTUALLY(are_up());
	for (size_t i = 0; i < OURO_REDIS_CONNECTIONS; i++)
		cr_expect(fcntl(machines[0].watched[i].fd, F_GETFD) & FD_CLOEXEC);
	fini();
}
