/* Request lines: methods, targets in their four forms, versions, and what comes before. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define HOST "Host: h\r\n\r\n"
#define EXPECT_STATUSES(list) expect_statuses(list, sizeof(list) / sizeof((list)[0]))

static void expect_line(const char *line, const char *expected)
{
	char input[512];

	snprintf(input, sizeof(input), "%s\r\n" HOST, line);
	expect_replay(ouro_str_c(input), &replay_limits, expected);
}

Test(http1_line, origin_form)
{
	expect_line("GET / HTTP/1.1", "GET / HTTP/1.1 host=h path=/ keep-alive {Host: h}\n");
	expect_line("GET /a/b HTTP/1.1",
		    "GET /a/b HTTP/1.1 host=h path=/a/b keep-alive {Host: h}\n");
	expect_line("GET //a HTTP/1.1", "GET //a HTTP/1.1 host=h path=//a keep-alive {Host: h}\n");
}

Test(http1_line, query_begins_at_the_first_question_mark)
{
	expect_line("GET /a?b=c HTTP/1.1",
		    "GET /a?b=c HTTP/1.1 host=h path=/a query=b=c keep-alive {Host: h}\n");
	expect_line("GET /? HTTP/1.1",
		    "GET /? HTTP/1.1 host=h path=/ query= keep-alive {Host: h}\n");
	expect_line("GET /a?b?c?!d HTTP/1.1", "GET /a?b?c?!d HTTP/1.1 host=h path=/a "
					      "query=b?c?!d keep-alive {Host: h}\n");
	expect_line("GET /12345678?b HTTP/1.1", "GET /12345678?b HTTP/1.1 host=h path=/12345678 "
						"query=b keep-alive {Host: h}\n");
}

Test(http1_line, absolute_form_names_the_host)
{
	expect_line("GET http://e.org:81/a?b HTTP/1.1",
		    "GET http://e.org:81/a?b HTTP/1.1 host=e.org:81 path=/a query=b absolute "
		    "keep-alive {Host: h}\n");
	expect_line("GET HTTPS://[::1]/ HTTP/1.1", "GET HTTPS://[::1]/ HTTP/1.1 host=[::1] path=/ "
						   "absolute keep-alive {Host: h}\n");
	expect_line("GET http://e.org HTTP/1.1",
		    "GET http://e.org HTTP/1.1 host=e.org path=/ absolute keep-alive {Host: h}\n");
	expect_line("GET http://e.org?a HTTP/1.1", "GET http://e.org?a HTTP/1.1 host=e.org path=/ "
						   "query=a absolute keep-alive {Host: h}\n");
}

Test(http1_line, asterisk_form_is_for_options)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET * HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("OPTIONS ** HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("OPTIONS *?a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("OPTIONS */a HTTP/1.1\r\n" HOST) },
	};

	expect_line("OPTIONS * HTTP/1.1",
		    "OPTIONS * HTTP/1.1 host=h path= asterisk keep-alive {Host: h}\n");
	EXPECT_STATUSES(bad);
}

Test(http1_line, authority_form_is_for_connect)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("CONNECT e.org HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("CONNECT e.org: HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("CONNECT / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("CONNECT \r\n" HOST) },
		{ 400, OURO_STR("CONNECT \n" HOST) },
		{ 400, OURO_STR("CONNECT ? HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("CONNECT http://e.org/ HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("CONNECT u@e.org:80 HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET e.org:80 HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET e.org HTTP/1.1\r\n" HOST) },
	};

	expect_line("CONNECT e.org:443 HTTP/1.1",
		    "CONNECT e.org:443 HTTP/1.1 host=e.org:443 path= authority keep-alive "
		    "{Host: h}\n");
	EXPECT_STATUSES(bad);
}

Test(http1_line, what_follows_connect_is_parsed_as_usual)
{
	expect_replay(OURO_STR("CONNECT e.org:443 HTTP/1.1\r\n" HOST "GET / HTTP/1.1\r\n" HOST),
		      &replay_limits,
		      "CONNECT e.org:443 HTTP/1.1 host=e.org:443 path= authority keep-alive "
		      "{Host: h}\nGET / HTTP/1.1 host=h path=/ keep-alive {Host: h}\n");
	expect_replay(
		OURO_STR("CONNECT e.org:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST
			 "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n" HOST),
		&replay_limits,
		"CONNECT e.org:443 HTTP/1.1 host=e.org:443 path= authority keep-alive chunked "
		"{Transfer-Encoding: chunked} {Host: h} body(5)=hello\n"
		"GET / HTTP/1.1 host=h path=/ keep-alive {Host: h}\n");
}

Test(http1_line, malformed_targets_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET /a#b HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /a?b#c HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /1234567#c HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET # HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /\x80 HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /?\xff HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /a\tb HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /a\x01 HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /a\x7f HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /a\0b HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET ?a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http:/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http:// HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http:///a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://:80/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://u@e.org/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://e.org:80:80/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://e.org:65536/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://[::1/a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET http://e.org/a#b HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET ftp://e.org/a HTTP/1.1\r\n" HOST) },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_line, methods_of_http_are_known)
{
	static const char *const methods[] = { "DELETE",   "GET",         "HEAD",  "POST",
					       "PUT",      "TRACE",       "COPY",  "PATCH",
					       "M-SEARCH", "UNSUBSCRIBE", "QUERY", "PURGE" };
	char line[64], expected[128];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(line, sizeof(line), "%s / HTTP/1.1", methods[i]);
		snprintf(expected, sizeof(expected), "%s host=h path=/ keep-alive {Host: h}\n",
			 line);
		expect_line(line, expected);
	}
}

Test(http1_line, unknown_methods_are_not_implemented)
{
	const struct bad_request bad[] = {
		{ 501, OURO_STR("BREW / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("GETS / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("GE / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("get / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("!#$%&'*+-.^_`|~ / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("AMETHODLONGERTHANTHEBUFFER / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("SIXTEENBYTESLONG / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("SOURCE / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("SOURCE / ICE/1.0\r\n" HOST) },
		{ 501, OURO_STR("DESCRIBE / RTSP/1.0\r\n" HOST) },
		{ 501, OURO_STR("PLAY / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("FLUSH / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("PRI / HTTP/1.1\r\n" HOST) },
		{ 501, OURO_STR("PRI * HTTP/1.1\r\n" HOST) },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_line, malformed_methods_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(" GET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\tGET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GE\tT / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET\t/ HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GE(T / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET/ / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\0GET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\x16\x03\x01\x02") },
		{ 400, OURO_STR("G\xc3\x8aT / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET\r\n" HOST) },
		{ 400, OURO_STR("HTTP/1.1 200 OK\r\n" HOST) },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_line, versions)
{
	const struct bad_request bad[] = {
		{ 505, OURO_STR("GET / HTTP/2.0\r\n" HOST) },
		{ 505, OURO_STR("GET / HTTP/0.9\r\n" HOST) },
		{ 505, OURO_STR("GET / HTTP/1.2\r\n" HOST) },
		{ 505, OURO_STR("GET / HTTP/3.7\r\n" HOST) },
		{ 505, OURO_STR("GET / HTTP/0.0\r\n" HOST) },
		{ 505, OURO_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.10\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/11.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1.\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/x.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1.x\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/3.x\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/3x1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/-1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1,1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP 1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / http/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTPS/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / RTSP/1.0\r\n" HOST) },
		{ 400, OURO_STR("GET / ICE/1.0\r\n" HOST) },
		{ 400, OURO_STR("GET / \r\n" HOST) },
		{ 400, OURO_STR("GET /\r\n\r\n") },
		{ 400, OURO_STR("GET /\r\n" HOST) },
		{ 400, OURO_STR("GET /\n" HOST) },
		{ 400, OURO_STR("GET \r\n" HOST) },
	};

	expect_line("GET / HTTP/1.0", "GET / HTTP/1.0 host=h path=/ {Host: h}\n");
	EXPECT_STATUSES(bad);
}

Test(http1_line, single_spaces)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET  / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("POST  / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /  HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1.1 \r\n" HOST) },
		{ 400, OURO_STR("GET /\tHTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET / a HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("GET /  HTTP/1.0\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_line, line_ends_are_cr_lf)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("GET / HTTP/1.1\n" HOST) },
		{ 400, OURO_STR("GET / HTTP/1.1\r" HOST) },
		{ 400, OURO_STR("GET / HTTP/1.1\r\rHost: h\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.1\r\n Host: h\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/1.1\r\n\tHost: h\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_line, empty_lines_before_it_are_skipped)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR("\nGET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\rGET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\r\rGET / HTTP/1.1\r\n" HOST) },
		{ 400, OURO_STR("\r\n\nGET / HTTP/1.1\r\n" HOST) },
	};

	expect_replay(OURO_STR("\r\nGET /a?b HTTP/1.1\r\n" HOST "\r\n\r\nPOST /b HTTP/1.1\r\n" HOST
			       "\r\n"),
		      &replay_limits,
		      "GET /a?b HTTP/1.1 host=h path=/a query=b keep-alive {Host: h}\n"
		      "POST /b HTTP/1.1 host=h path=/b keep-alive {Host: h}\nmore\n");
	EXPECT_STATUSES(bad);
}
