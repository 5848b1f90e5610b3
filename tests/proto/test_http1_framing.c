/* What a head says about the body, the connection and what comes after: Content-Length,
 * Transfer-Encoding, Connection, Expect, Upgrade. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define LINE "POST / HTTP/1.1\r\nHost: h\r\n"
#define LINE10 "POST / HTTP/1.0\r\nHost: h\r\n"
#define GOOD "POST / HTTP/1.1 host=h path=/ keep-alive"
#define EXPECT_STATUSES(list) expect_statuses(list, sizeof(list) / sizeof((list)[0]))

Test(http1_framing, counted_bodies)
{
	expect_replay(OURO_STR(LINE "Content-Length: 5\r\n\r\nhello" LINE
				    "content-length:\t011 \r\n\r\nhello world" LINE
				    "Content-Length: 0\r\n\r\n" LINE "\r\n"),
		      &replay_limits,
		      GOOD " {Host: h} {Content-Length: 5} body(5)=hello\n" GOOD
			   " {Host: h} {content-length: 011} body(11)=hello world\n" GOOD
			   " {Host: h} {Content-Length: 0}\n" GOOD " {Host: h}\n");
	expect_replay(OURO_STR(LINE "Content-Length: 5\r\n\r\nhell"), &replay_limits,
		      GOOD " {Host: h} {Content-Length: 5}more\n");
}

Test(http1_framing, malformed_lengths_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "Content-Length: +5\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: -1\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 0x5\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5a\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5 5\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5.0\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5;a\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: \"5\"\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length:\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: \t\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: ,\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 18446744073709551616\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 99999999999999999999999999\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_framing, repeated_lengths_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!") },
		{ 400, OURO_STR(LINE "Content-Length: 0\r\nA: b\r\ncontent-length: 0\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 5, 5\r\n\r\nhello") },
		{ 400, OURO_STR(LINE "Content-Length: 5,\r\n\r\nhello") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_framing, length_with_coding_is_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
				     "0\r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
				     "0\r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 0\r\nTransfer-Encoding:\r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding:\r\nContent-Length: 0\r\n\r\n") },
		{ 400, OURO_STR(LINE10 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_framing, chunked_in_any_spelling)
{
	static const char *const lines[] = {
		"Transfer-Encoding: chunked",       "Transfer-Encoding: CHUNKED",
		"TRANSFER-ENCODING:chunked",        "Transfer-Encoding: chunked \t ",
		"Transfer-Encoding: chunked\t",     "Transfer-Encoding: , chunked",
		"Transfer-Encoding:\t,\t, chunked",
	};
	char input[256];
	int len;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *text;

		len = snprintf(input, sizeof(input), LINE "%s\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			       lines[i]);
		text = replay(ouro_str(input, (size_t)len), &replay_limits);
		cr_expect(strstr(text, "chunked") && strstr(text, "body(5)=hello\n"), "%s: %s",
			  lines[i], text);
	}
}

Test(http1_framing, codings_that_do_not_end_in_chunked_are_bad)
{
	static const char *const lines[] = {
		"Transfer-Encoding: gzip",
		"Transfer-Encoding: identity",
		"Transfer-Encoding: chunked, gzip",
		"Transfer-Encoding: chunked, identity",
		"Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding: chunked,chunked",
		"Transfer-Encoding: chunked\t, chunked",
		"Transfer-Encoding: chunked\t\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\t, gzip",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"Transfer-Encoding:",
		"Transfer-Encoding: ,",
		"Transfer-Encoding: chunked,",
		"Transfer-Encoding: xchunked",
		"Transfer-Encoding: chunkedx",
		"Transfer-Encoding: chunked-",
		"Transfer-Encoding: chunke",
		"Transfer-Encoding: chunked;a=b",
		"Transfer-Encoding: chunked; q=1",
		"Transfer-Encoding: \"chunked\"",
		"Transfer-Encoding: chu nked",
		"Transfer-Encoding: gzip chunked",
		"Transfer-Encoding: a b, chunked",
		"Transfer-Encoding: =, chunked",
		"Transfer-Encoding: ;a=b, chunked",
		"Transfer-Encoding: \xef\xbb\xbf chunked",
	};
	char input[256];
	int len;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		len = snprintf(input, sizeof(input), LINE "%s\r\n\r\n0\r\n\r\n", lines[i]);
		expect_status(ouro_str(input, (size_t)len), 400);
	}
}

Test(http1_framing, chunked_with_an_empty_element_behind_is_bad)
{
	/* RFC 9110, 5.6.1 would have it ignored; llhttp does not, and nothing sends it. */
	expect_status(OURO_STR(LINE "Transfer-Encoding: chunked ,\r\n\r\n0\r\n\r\n"), 400);
}

Test(http1_framing, unknown_codings_are_not_implemented)
{
	const struct bad_request bad[] = {
		{ 501, OURO_STR(LINE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") },
		{ 501, OURO_STR(LINE "Transfer-Encoding: foo;a=b, chunked\r\n\r\n0\r\n\r\n") },
		{ 501, OURO_STR(LINE "Transfer-Encoding: a, b, c ,chunked\r\n\r\n0\r\n\r\n") },
		{ 501, OURO_STR(LINE "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
				     "0\r\n\r\n") },
		{ 501, OURO_STR(LINE "Transfer-Encoding: gzip\r\nA: b\r\n"
				     "transfer-encoding: deflate, chunked\r\n\r\n0\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_framing, empty_coding_lines_combine)
{
	const char *text = replay(OURO_STR(LINE "Transfer-Encoding:\r\n"
						"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
				  &replay_limits);

	cr_expect(strstr(text, "chunked"), "%s", text);
}

Test(http1_framing, coding_in_1_0_is_bad)
{
	expect_status(OURO_STR(LINE10 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
	expect_status(OURO_STR(LINE10 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400);
}

/* Plays a head with the version and the field line, and expects what comes before the fields. */
static void expect_words(const char *version, const char *line, const char *expected)
{
	char input[256], prefix[128];
	const char *text;
	int len;

	len = snprintf(input, sizeof(input), "POST / HTTP/%s\r\nHost: h\r\n%s\r\n\r\n", version,
		       line);
	snprintf(prefix, sizeof(prefix), "POST / HTTP/%s host=h path=/%s {Host", version, expected);
	text = replay(ouro_str(input, (size_t)len), &replay_limits);
	cr_expect_eq(strncmp(text, prefix, strlen(prefix)), 0, "%s, not %s", text, prefix);
}

Test(http1_framing, persistence)
{
	expect_words("1.1", "A: b", " keep-alive");
	expect_words("1.1", "Connection: close", "");
	expect_words("1.1", "Connection: CLOSE", "");
	expect_words("1.1", "Connection: a, b,close ,c", "");
	expect_words("1.1", "Connection: close\t", "");
	expect_words("1.1", "Connection: a\r\nConnection: close", "");
	expect_words("1.1", "Connection: keep-alive, close", "");
	expect_words("1.1", "Connection: closed", " keep-alive");
	expect_words("1.1", "Connection: not close", " keep-alive");
	expect_words("1.1", "Connection:", " keep-alive");
	expect_words("1.1", "Proxy-Connection: close", " keep-alive");
	expect_words("1.0", "A: b", "");
	expect_words("1.0", "Connection: Keep-Alive", " keep-alive");
	expect_words("1.0", "Connection: a,keep-alive\t", " keep-alive");
	expect_words("1.0", "Connection: keep-alive, close", "");
	expect_words("1.0", "Proxy-Connection: keep-alive", "");
}

Test(http1_framing, expectations)
{
	expect_words("1.1", "Content-Length: 5\r\nExpect: 100-continue",
		     " keep-alive 100-continue");
	expect_words("1.1", "Content-Length: 5\r\nEXPECT:100-CONTINUE ",
		     " keep-alive 100-continue");
	expect_words("1.1", "Expect: 100-continue, 100-continue\r\nContent-Length: 5",
		     " keep-alive 100-continue");
	expect_words("1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked",
		     " keep-alive 100-continue chunked");
	expect_words("1.1", "Expect: 100-continue", " keep-alive");
	expect_words("1.1", "Expect: 100-continue\r\nContent-Length: 0", " keep-alive");
	expect_words("1.1", "Expect:", " keep-alive");
	expect_words("1.0", "Content-Length: 5\r\nExpect: 100-continue", "");
	expect_words("1.0", "Content-Length: 5\r\nExpect: other", "");
}

Test(http1_framing, unknown_expectations_fail)
{
	const struct bad_request bad[] = {
		{ 417, OURO_STR(LINE "Expect: other\r\n\r\n") },
		{ 417, OURO_STR(LINE "Expect: 100-continue, other\r\n\r\n") },
		{ 417, OURO_STR(LINE "Expect: 100-continue\r\nExpect: a\r\n\r\n") },
		{ 417, OURO_STR(LINE "Expect: 100-continue=a\r\n\r\n") },
		{ 417, OURO_STR(LINE "Expect: 100-continu\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_framing, upgrades)
{
	expect_words("1.1", "Connection: Upgrade\r\nUpgrade: websocket", " keep-alive upgrade");
	expect_words("1.1", "Upgrade: h2c\r\nConnection: a, upgrade", " keep-alive upgrade");
	expect_words("1.1", "Connection: upgrade, close\r\nUpgrade: a", " upgrade");
	expect_words("1.1", "Upgrade: websocket", " keep-alive");
	expect_words("1.1", "Connection: upgrade", " keep-alive");
	expect_words("1.1", "Connection: upgrade\r\nUpgrade:", " keep-alive");
	expect_words("1.0", "Connection: upgrade\r\nUpgrade: websocket", "");
}

Test(http1_framing, an_upgrade_that_nobody_takes_is_an_ordinary_request)
{
	expect_replay(OURO_STR(LINE "Connection: upgrade\r\nUpgrade: a\r\n\r\n" LINE
				    "Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 2\r\n\r\n"
				    "hi" LINE "Connection: upgrade\r\nUpgrade: a\r\n"
				    "Transfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\n\r\n" LINE
				    "\r\n"),
		      &replay_limits,
		      GOOD " upgrade {Host: h} {Connection: upgrade} {Upgrade: a}\n" GOOD
			   " upgrade {Host: h} {Connection: upgrade} {Upgrade: a} "
			   "{Content-Length: 2} body(2)=hi\n" GOOD
			   " upgrade chunked {Host: h} {Connection: upgrade} {Upgrade: a} "
			   "{Transfer-Encoding: chunked} body(2)=yo\n" GOOD " {Host: h}\n");
}

Test(http1_framing, what_is_malformed_counts_before_what_is_not_supported)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "Expect: a\r\nHost: h\r\n\r\n") },
		{ 400, OURO_STR(LINE "Expect: a\r\nTransfer-Encoding: gzip\r\n\r\n") },
		{ 400, OURO_STR(LINE "Expect: a\r\nContent-Length: 99999999\r\nA\r\n\r\n") },
		{ 501, OURO_STR(LINE "Expect: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") },
		{ 413, OURO_STR(LINE "Expect: a\r\nContent-Length: 99999999\r\n\r\n") },
		{ 505, OURO_STR("GET / HTTP/2.0\r\nHost: a b\r\n\r\n") },
		{ 400, OURO_STR("GET / HTTP/2.0\r\nHost : h\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}
