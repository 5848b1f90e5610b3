/* The hub that rooms of several processes share, as an option: what is a URL, what is not, and what servers do
 * that have one and no Redis. With Redis: tests/hub/test_redis.c, tests/e2e/test_hub.py. */
#include "server/hub_url.h"

#include "engine/features.h"
#include "ouro.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { LOG_BYTES = 4096 };

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char logged[LOG_BYTES];

static void take_line(void *arg, enum ouro_log_level level, const char *line)
{
	size_t len;

	(void)arg;
	(void)level;
	pthread_mutex_lock(&log_lock);
	len = strlen(logged);
	snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
	pthread_mutex_unlock(&log_lock);
}

/* ---- The URL ---- */

static void expect_text(const char *text, const char *expected, const char *url)
{
	(void)url; /* where messages are not shown */
	if (expected)
		cr_assert(text && strcmp(text, expected) == 0, "%s: %s", url, text ? text : "none");
	else
		cr_assert_null(text, "%s: %s", url, text);
}

Test(hub_url, says_where_redis_is)
{
	static const struct {
		const char *url, *user, *password, *host, *path;
		uint16_t port;
		uint32_t database;
	} good[] = {
		{ .url = "redis://h", .host = "h" },
		{ .url = "redis://h/", .host = "h" },
		{ .url = "redis://redis.example:7000", .host = "redis.example", .port = 7000 },
		{ .url = "redis://127.0.0.1:6379/2",
		  .host = "127.0.0.1",
		  .port = 6379,
		  .database = 2 },
		{ .url = "redis://[::1]", .host = "::1" },
		{ .url = "redis://[::1]:65535/0", .host = "::1", .port = 65535 },
		{ .url = "redis://:pw@h", .password = "pw", .host = "h" },
		{ .url = "redis://ann:pw@h:1/3",
		  .user = "ann",
		  .password = "pw",
		  .host = "h",
		  .port = 1,
		  .database = 3 },
		{ .url = "redis://a%3Ab:%40%2f%25:%e2%82%ac@h",
		  .user = "a:b",
		  .password = "@/%:\xe2\x82\xac",
		  .host = "h" },
		{ .url = "redis+unix:///run/redis.sock", .path = "/run/redis.sock" },
		{ .url = "redis+unix://:pw@/a%20b?db=7",
		  .password = "pw",
		  .path = "/a b",
		  .database = 7 },
		{ .url = "redis+unix:///odd@name", .path = "/odd@name" },
	};
	struct ouro_hub_url parsed;
	const char *problem;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *url = good[i].url;

		cr_assert_eq(ouro_hub_url_parse(url, &parsed, &problem), 0, "%s", url);
		expect_text(parsed.user, good[i].user, url);
		expect_text(parsed.password, good[i].password, url);
		expect_text(parsed.host, good[i].host, url);
		expect_text(parsed.path, good[i].path, url);
		cr_assert_eq(parsed.port, good[i].port, "%s", url);
		cr_assert_eq(parsed.database, good[i].database, "%s", url);
	}
}

static const char *const bad[] = {
	"",
	"redis",
	"redis:",
	"redis:/h",
	"redis://",
	"redis:///",
	"redis://:6379",
	"redis://:sesame@",
	"redis://:sesame@:6379",
	"redis://sesame@h",
	"redis://:@h",
	"redis://ann:@h",
	"redis://:sesame%@h",
	"redis://:sesame%4@h",
	"redis://:sesame%4g@h",
	"redis://:sesame%00@h",
	"redis://:sesame@more@h",
	"redis://:sesame/more@h",
	"redis://:sesame?more@h",
	"redis://h:",
	"redis://h:0",
	"redis://h:65536",
	"redis://h:6379x",
	"redis://h:-1",
	"redis://h:99999999999999999999",
	"redis://h:1:2",
	"redis://::1",
	"redis://[::1",
	"redis://[]",
	"redis://[::1]6379",
	"redis://[::1]x:6379",
	"redis://a b",
	"redis://h%20",
	"redis://h\n",
	"redis://h/x",
	"redis://h/-1",
	"redis://h/1/2",
	"redis://h/99999999999",
	"redis://h?db=1",
	"redis://h/1?x",
	"redis://h#x",
	"rediss://:sesame@h",
	"REDIS://h",
	"http://h",
	"unix:/run/redis.sock",
	"redis+unix://",
	"redis+unix:///",
	"redis+unix://h",
	"redis+unix://run/redis.sock",
	"redis+unix:///a%",
	"redis+unix:///a%00b",
	"redis+unix:///a?x=1",
	"redis+unix:///a?db=",
	"redis+unix:///a?db=x",
	"redis+unix://sesame@/a",
};

enum { BAD_COUNT = sizeof(bad) / sizeof(bad[0]) };

Test(hub_url, is_refused_where_it_is_none)
{
	struct ouro_hub_url parsed;

	for (size_t i = 0; i < BAD_COUNT; i++) {
		const char *problem = NULL;

		cr_assert_eq(ouro_hub_url_parse(bad[i], &parsed, &problem), -EINVAL, "%s", bad[i]);
		cr_assert(problem && *problem, "%s", bad[i]);
	}
}

Test(hub_url, has_a_limit)
{
	char url[OURO_HUB_URL_BYTES_MAX + 2] = "redis://h";
	struct ouro_hub_url parsed;
	const char *problem;

	memset(url + 9, 'h', sizeof(url) - 10);
	cr_assert_eq(ouro_hub_url_parse(url, &parsed, &problem), -EINVAL);
	url[OURO_HUB_URL_BYTES_MAX] = '\0';
	cr_assert_eq(ouro_hub_url_parse(url, &parsed, &problem), 0);
}

/* ---- The option ---- */

static int create(struct ouro_server **server, const char *hub, const char *prefix)
{
	return ouro_server_create(server, &(struct ouro_options){
						  .listen = "tcp://127.0.0.1:0",
						  .threads = 3,
						  .drain_timeout_ms = 50,
						  .hub = hub,
						  .hub_prefix = prefix,
						  .log = take_line,
					  });
}

#ifdef OURO_HAVE_REDIS

/* Nobody listens at this port: it is for who listens at any. */
#define NOWHERE "redis://:sesame@127.0.0.1:1"

Test(hub, an_url_that_is_none_is_refused_with_a_reason_and_without_the_password)
{
	struct ouro_server *server;

	for (size_t i = 0; i < BAD_COUNT; i++) {
		logged[0] = '\0';
		cr_assert_eq(create(&server, bad[i], NULL), -EINVAL, "%s", bad[i]);
		cr_assert_not_null(strstr(logged, "hub: "), "%s", bad[i]);
		cr_assert_not_null(strstr(logged, "redis://[[user]:password@]host"));
		cr_assert_null(strstr(logged, "sesame"), "%s", logged);
	}
}

Test(hub, what_is_too_long_is_refused)
{
	char url[600] = "redis://h", prefix[66];
	struct ouro_server *server;

	memset(url + 9, 'h', 300);
	cr_assert_eq(create(&server, url, NULL), -EINVAL);
	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[65] = '\0';
	cr_assert_eq(create(&server, NOWHERE, prefix), -EINVAL);
	prefix[64] = '\0';
	cr_assert_eq(create(&server, NOWHERE, prefix), 0);
	ouro_server_destroy(server);
	sprintf(url, "redis+unix:///%0150d", 1);
	cr_assert_eq(create(&server, url, NULL), -EINVAL);
}

static int publish(struct ouro_server *server)
{
	return ouro_server_publish(server, OURO_STR("room"),
				   &(struct ouro_message){ .data = OURO_STR("x") });
}

Test(hub, what_is_published_waits_for_redis_whether_the_server_runs_or_not)
{
	struct ouro_server *server;

	cr_assert_eq(create(&server, NOWHERE, NULL), 0);
	cr_assert_eq(publish(server), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ouro_server_start(server), 0);
		cr_assert_eq(publish(server), 0);
		ouro_server_stop(server);
		cr_assert_eq(publish(server), 0);
	}
	ouro_server_destroy(server);
	cr_assert_not_null(strstr(logged, "5 published messages"), "%s", logged);
	cr_assert_null(strstr(logged, "sesame"));
}

Test(hub, too_much_that_waits_is_enobufs)
{
	struct ouro_server *server;
	int result = 0, count = 0;

	cr_assert_eq(create(&server, NOWHERE, NULL), 0);
	while ((result = publish(server)) == 0)
		count++;
	cr_assert_eq(result, -ENOBUFS);
	cr_assert_eq(count, 4096);
	ouro_server_destroy(server);
}

Test(hub, the_largest_message_fits)
{
	/* As an event it has some bytes more. */
	static char data[(16 << 20) - 1024];
	const struct ouro_options options = { .message_bytes_max = 16 << 20,
					      .hub = NOWHERE,
					      .log = take_line };
	const struct ouro_message message = { .data = { data, sizeof(data) } };
	struct ouro_server *server;

	memset(data, 'x', sizeof(data));
	cr_assert_eq(ouro_server_create(&server, &options), 0);
	cr_assert_eq(ouro_server_publish(server, OURO_STR("room"), &message), 0);
	ouro_server_destroy(server);
}

Test(hub, names_are_looked_up_and_a_stop_need_not_wait)
{
	struct ouro_server *server;

	cr_assert_eq(create(&server, "redis://does-not-exist.invalid", NULL), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ouro_server_start(server), 0);
		ouro_server_stop(server);
	}
	ouro_server_destroy(server);
}

Test(hub, servers_within_other_loops_have_it_too)
{
	const struct ouro_options options = {
		.listen = "tcp://127.0.0.1:0", .threads = 1, .hub = NOWHERE, .log = take_line
	};
	struct ouro_server *server;
	int timeout_ms;

	cr_assert_eq(ouro_server_create(&server, &options), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_geq(ouro_server_poll_fd(server), 0);
		cr_assert_eq(ouro_server_poll(server, &timeout_ms), 0);
		ouro_server_shutdown(server);
		while (ouro_server_poll(server, &timeout_ms) == 0)
			;
	}
	ouro_server_destroy(server);
}

#else

Test(hub, without_hiredis_there_is_none)
{
	struct ouro_server *server;

	cr_assert_eq(create(&server, "redis://h", NULL), -ENOTSUP);
	cr_assert_not_null(strstr(logged, "without hiredis"), "%s", logged);
	cr_assert_eq(create(&server, NULL, NULL), 0);
	ouro_server_destroy(server);
}

#endif
