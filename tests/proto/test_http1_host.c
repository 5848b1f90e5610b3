/* The Host field. What a valid host is: see test_authority.c. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define EXPECT_STATUSES(list) expect_statuses(list, sizeof(list) / sizeof((list)[0]))

Test(http1_host, missing_is_bad)
{
	expect_status(OURO_STR("GET / HTTP/1.1\r\n\r\n"), 400);
	expect_status(OURO_STR("GET / HTTP/1.1\r\nHos: h\r\nHost1: h\r\n\r\n"), 400);
	expect_status(OURO_STR("GET http://h/ HTTP/1.1\r\n\r\n"), 400);
}

Test(http1_host, may_be_missing_in_1_0)
{
	expect_replay(OURO_STR("GET / HTTP/1.0\r\n\r\n"), &replay_limits,
		      "GET / HTTP/1.0 host= path=/\n");
}

Test(http1_host, may_be_empty)
{
	expect_replay(OURO_STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), &replay_limits,
		      "GET / HTTP/1.1 host= path=/ keep-alive {Host: }\n");
	expect_replay(OURO_STR("GET / HTTP/1.1\r\nHost: \t\r\n\r\n"), &replay_limits,
		      "GET / HTTP/1.1 host= path=/ keep-alive {Host: }\n");
}

Test(http1_host, two_hosts_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") },
		{ 400, OURO_STR("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_host, malformed_is_bad_whatever_the_form_and_version)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.0\r\nHost: a/b\r\n\r\n") },
		{ 400, OURO_STR("GET http://a/ HTTP/1.1\r\nHost: a@b\r\n\r\n") },
		{ 400, OURO_STR("CONNECT a:1 HTTP/1.1\r\nHost: a?b\r\n\r\n") },
		{ 400, OURO_STR("OPTIONS * HTTP/1.1\r\nHost: http://a\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_host, what_is_remembered_does_not_change_the_verdict)
{
	static const char *const hosts[] = {
		"a.org",
		"a.org",
		"a.orgg",
		"a.or",
		"a.or/",
		"a.org:80",
		"a.org:8x",
		"a.org",
		"012345678901234567890123456789012345678901234567890123456789012",
		"012345678901234567890123456789012345678901234567890123456789012",
		"01234567890123456789012345678901234567890123456789012345678901@",
		"0123456789012345678901234567890123456789012345678901234567890123",
		"0123456789012345678901234567890123456789012345678901234567890123",
		"012345678901234567890123456789012345678901234567890123456789012@",
		"",
		"a b",
	};
	struct ouro_http1_last_host last = { 0 };
	struct ouro_http1_limits remembering = replay_limits;
	char input[128], plain[256];
	int len;

	remembering.last_host = &last;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		len = snprintf(input, sizeof(input), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
			       hosts[i]);
		snprintf(plain, sizeof(plain), "%s",
			 replay(ouro_str(input, (size_t)len), &replay_limits));
		expect_replay(ouro_str(input, (size_t)len), &remembering, plain);
	}
	cr_expect_eq(last.len, 63);
}
