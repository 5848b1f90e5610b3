/* Chunked bodies: payload, extensions, trailers, and where the next request begins. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define CHUNKED "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define GOOD                                                                                       \
	"PUT / HTTP/1.1 host=h path=/ keep-alive chunked {Host: h} {Transfer-Encoding: chunked}"
#define NEXT "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define GOOD_NEXT "GET / HTTP/1.1 host=h path=/ keep-alive {Host: h}\n"

static void expect_body(struct ouro_str chunks, const char *body)
{
	char input[512], expected[512];

	cr_assert(sizeof(CHUNKED) + chunks.len + sizeof(NEXT) < sizeof(input));
	memcpy(input, CHUNKED, sizeof(CHUNKED) - 1);
	memcpy(input + sizeof(CHUNKED) - 1, chunks.ptr, chunks.len);
	memcpy(input + sizeof(CHUNKED) - 1 + chunks.len, NEXT, sizeof(NEXT) - 1);
	snprintf(expected, sizeof(expected), GOOD " body(%zu)=%s\n" GOOD_NEXT, strlen(body), body);
	expect_replay(ouro_str(input, sizeof(CHUNKED) + chunks.len + sizeof(NEXT) - 2),
		      &replay_limits, expected);
}

Test(http1_body, chunks)
{
	expect_body(OURO_STR("0\r\n\r\n"), "");
	expect_body(OURO_STR("1\r\na\r\n0\r\n\r\n"), "a");
	expect_body(OURO_STR("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world");
	expect_body(OURO_STR("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"),
		    "01234567890123456789a");
	expect_body(OURO_STR("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n");
	expect_body(OURO_STR("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n");
}

Test(http1_body, chunk_sizes_may_have_zeros_before_them)
{
	expect_body(OURO_STR("0005\r\nhello\r\n000\r\n\r\n"), "hello");
	expect_body(OURO_STR("00000000000000000000000005\r\nhello\r\n0\r\n\r\n"), "hello");
}

Test(http1_body, chunk_extensions_are_ignored)
{
	expect_body(OURO_STR("5;a\r\nhello\r\n0;b=c\r\n\r\n"), "hello");
	expect_body(OURO_STR("5;a=\"b;c\\\"\";d=e\r\nhello\r\n0\r\n\r\n"), "hello");
}

Test(http1_body, trailers_are_discarded)
{
	expect_body(OURO_STR("1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n"), "a");
	expect_body(OURO_STR("0\r\nHost: other\r\nConnection: close\r\nExpect: a\r\n\r\n"), "");
}

struct bad_body {
	unsigned status;
	struct ouro_str chunks;
};

static void expect_bad_body(struct ouro_str chunks, unsigned status)
{
	char input[512], expected[256];
	const char *text;

	cr_assert(sizeof(CHUNKED) + chunks.len < sizeof(input));
	memcpy(input, CHUNKED, sizeof(CHUNKED) - 1);
	memcpy(input + sizeof(CHUNKED) - 1, chunks.ptr, chunks.len);
	snprintf(expected, sizeof(expected), GOOD "\n%u ", status);
	text = replay(ouro_str(input, sizeof(CHUNKED) - 1 + chunks.len), &replay_limits);
	cr_expect_eq(strncmp(text, expected, strlen(expected)), 0, "%.*s: %s", (int)chunks.len,
		     chunks.ptr, text);
}

Test(http1_body, malformed_chunks_are_bad)
{
	const struct ouro_str bad[] = {
		OURO_STR("\r\n"),
		OURO_STR("x\r\n"),
		OURO_STR("-1\r\na"),
		OURO_STR("+1\r\na"),
		OURO_STR("0x1\r\na"),
		OURO_STR(" 1\r\na"),
		OURO_STR("1 \r\na"),
		OURO_STR("1\t\r\na"),
		OURO_STR("1 ;a\r\na"),
		OURO_STR("1; a\r\na"),
		OURO_STR("1;\r\na"),
		OURO_STR("1;a=b c\r\na"),
		OURO_STR("1;a=\"b\r\na"),
		OURO_STR("1;a=\"b\"c\r\na"),
		OURO_STR("1;a\x01\r\na"),
		OURO_STR("1;\0\r\na"),
		OURO_STR("1;a\n\r\na"),
		OURO_STR("1;a=b\na\r\n"),
		OURO_STR("1;a=\"b\"\na\r\n"),
		OURO_STR("1\na\r\n0\r\n\r\n"),
		OURO_STR("1\r\na\n0\r\n\r\n"),
		OURO_STR("1\ra\r\n0\r\n\r\n"),
		OURO_STR("1\r\r\na\r\n0\r\n\r\n"),
		OURO_STR("1\r\na\r0\r\n\r\n"),
		OURO_STR("1\r\nab\r\n0\r\n\r\n"),
		OURO_STR("1\r\na0\r\n\r\n"),
		OURO_STR("1\r\na\r\n\r\n0\r\n\r\n"),
		OURO_STR("ffffffffffffffff0\r\na"),
		OURO_STR("10000000000000000\r\na"),
		OURO_STR("0\r\n\n"),
		OURO_STR("0\r\n\r\r"),
		OURO_STR("0\n\r\n"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad_body(bad[i], 400);
}

Test(http1_body, malformed_trailers_are_bad)
{
	const struct ouro_str bad[] = {
		OURO_STR("0\r\nA : b\r\n\r\n"),      OURO_STR("0\r\nA\r\n\r\n"),
		OURO_STR("0\r\n: b\r\n\r\n"),        OURO_STR("0\r\n A: b\r\n\r\n"),
		OURO_STR("0\r\nA: b\r\n c\r\n\r\n"), OURO_STR("0\r\nA: b\n\r\n"),
		OURO_STR("0\r\nA: b\r\n\n"),         OURO_STR("0\r\nA: b\rc\r\n\r\n"),
		OURO_STR("0\r\nA: \0\r\n\r\n"),      OURO_STR("0\r\nA: \x01\r\n\r\n"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad_body(bad[i], 400);
}

Test(http1_body, framing_fields_as_trailers_are_bad)
{
	/* RFC 9110, 6.5.1, forbids sending them; who does may be smuggling. */
	expect_bad_body(OURO_STR("0\r\nContent-Length: 5\r\n\r\n"), 400);
	expect_bad_body(OURO_STR("0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

Test(http1_body, ends_within_a_chunk)
{
	expect_replay(OURO_STR(CHUNKED "5\r\nhel"), &replay_limits, GOOD "more\n");
	expect_replay(OURO_STR(CHUNKED "5\r\nhello\r\n0\r\n"), &replay_limits, GOOD "more\n");
	expect_replay(OURO_STR(CHUNKED), &replay_limits, GOOD "more\n");
}

Test(http1_body, without_one_is_done_at_once)
{
	static struct ouro_http1_parser p;
	struct ouro_str payload;
	size_t used;

	ouro_http1_parser_init(&p, &replay_limits);
	cr_assert_eq(ouro_http1_parse_head(&p, NEXT, sizeof(NEXT) - 1, &used), OURO_PARSE_DONE);
	cr_assert_eq(ouro_http1_check_head(&p, NEXT), OURO_PARSE_DONE);
	cr_expect_eq(ouro_http1_parse_body(&p, "x", 1, &used, &payload), OURO_PARSE_DONE);
	cr_expect_eq(used, 0);
	cr_expect_eq(payload.len, 0);
}

Test(http1_body, bytes_that_came_another_way_are_counted)
{
	static const char head[] = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
	static struct ouro_http1_parser p;
	struct ouro_str payload;
	size_t used;

	ouro_http1_parser_init(&p, &replay_limits);
	ouro_http1_parse_head(&p, head, sizeof(head) - 1, &used);
	cr_assert_eq(ouro_http1_check_head(&p, head), OURO_PARSE_DONE);
	cr_expect_eq(ouro_http1_body_left(&p), 10);
	cr_expect_eq(ouro_http1_parse_body(&p, "ab", 2, &used, &payload), OURO_PARSE_MORE);
	cr_expect_eq(ouro_http1_pass_body(&p, 0), OURO_PARSE_MORE);
	cr_expect_eq(ouro_http1_pass_body(&p, 5), OURO_PARSE_MORE);
	cr_expect_eq(ouro_http1_body_left(&p), 3);
	cr_expect_eq(ouro_http1_pass_body(&p, 3), OURO_PARSE_DONE);
	cr_expect_eq(ouro_http1_body_left(&p), 0);
	cr_expect_eq(p.body_bytes, 10);
}

Test(http1_body, payload_is_not_copied)
{
	static const char body[] = "5\r\nhello\r\n0\r\n\r\n";
	static struct ouro_http1_parser p;
	struct ouro_str payload;
	size_t used;

	ouro_http1_parser_init(&p, &replay_limits);
	ouro_http1_parse_head(&p, CHUNKED, sizeof(CHUNKED) - 1, &used);
	cr_assert_eq(ouro_http1_check_head(&p, CHUNKED), OURO_PARSE_DONE);
	cr_assert_eq(ouro_http1_parse_body(&p, body, sizeof(body) - 1, &used, &payload),
		     OURO_PARSE_MORE);
	cr_expect_eq(used, 8);
	cr_expect_eq(payload.ptr, body + 3);
	cr_expect_eq(payload.len, 5);
	cr_assert_eq(ouro_http1_parse_body(&p, body + 8, sizeof(body) - 9, &used, &payload),
		     OURO_PARSE_DONE);
	cr_expect_eq(used, sizeof(body) - 9);
	cr_expect_eq(payload.len, 0);
}
