/* Field lines: what is well formed, what is trimmed, and how they are found again. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define LINE "GET / HTTP/1.1\r\nHost: h\r\n"
#define GOOD "GET / HTTP/1.1 host=h path=/ keep-alive {Host: h}"
#define EXPECT_STATUSES(list) expect_statuses(list, sizeof(list) / sizeof((list)[0]))

Test(http1_fields, white_space_around_values_is_trimmed)
{
	expect_replay(OURO_STR(LINE "A:b\r\nC: d \t \r\nE:\t \t f g\t\r\n\r\n"), &replay_limits,
		      GOOD " {A: b} {C: d} {E: f g}\n");
}

Test(http1_fields, values_may_be_empty)
{
	expect_replay(OURO_STR(LINE "A:\r\nB: \t \r\nC:\r\n\r\n"), &replay_limits,
		      GOOD " {A: } {B: } {C: }\n");
}

Test(http1_fields, values_may_hold_tabs_and_bytes_beyond_ascii)
{
	expect_replay(OURO_STR(LINE "A: b\tc\xff\x80\xc3\xa4\r\n\r\n"), &replay_limits,
		      GOOD " {A: b\tc\xff\x80\xc3\xa4}\n");
}

Test(http1_fields, names_are_any_token)
{
	expect_replay(OURO_STR(LINE "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n"), &replay_limits,
		      GOOD " {!#$%&'*+-.^_`|~09azAZ: b}\n");
}

Test(http1_fields, names_that_begin_like_special_ones)
{
	expect_replay(OURO_STR(LINE "Connectio: close\r\nConnections: close\r\nContent-Lengt: x\r\n"
				    "Content-Length-: x\r\nTransfer-Encodings: x\r\n\r\n"),
		      &replay_limits,
		      GOOD " {Connectio: close} {Connections: close} {Content-Lengt: x} "
			   "{Content-Length-: x} {Transfer-Encodings: x}\n");
}

Test(http1_fields, malformed_names_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "A : b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\t: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length : 5\r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding : chunked\r\n\r\n") },
		{ 400, OURO_STR(LINE "Connection : close\r\n\r\n") },
		{ 400, OURO_STR(LINE ": b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A b: c\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\r\n\r\n") },
		{ 400, OURO_STR(LINE "A(: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\"b\": c\r\n\r\n") },
		{ 400, OURO_STR(LINE "A/b: c\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\0: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\x01: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\x7f: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\xc3\xa4: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A\x80: b\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_fields, control_characters_in_values_are_bad)
{
	char input[64];
	int len;

	for (unsigned c = 0; c < 0x100; c++) {
		if ((c >= 0x20 && c != 0x7f) || c == '\t')
			continue;
		len = snprintf(input, sizeof(input), LINE "A: b%cc\r\n\r\n", (int)c);
		expect_status(ouro_str(input, (size_t)len), 400);
		len = snprintf(input, sizeof(input), LINE "A: %cb\r\n\r\n", (int)c);
		expect_status(ouro_str(input, (size_t)len), 400);
		len = snprintf(input, sizeof(input), LINE "Connection: close%c\r\n\r\n", (int)c);
		expect_status(ouro_str(input, (size_t)len), 400);
	}
}

Test(http1_fields, folded_lines_are_bad)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "A: b\r\n c\r\n\r\n") },
		{ 400, OURO_STR(LINE "A: b\r\n\tc\r\n\r\n") },
		{ 400, OURO_STR(LINE "A:\r\n b\r\n\r\n") },
		{ 400, OURO_STR(LINE "A:\r\n\tb\r\n\r\n") },
		{ 400, OURO_STR(LINE "A: b\r\n \r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding: gzip,\r\n chunked\r\n\r\n0\r\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 1\r\n 1\r\n\r\n") },
		{ 400, OURO_STR(LINE "Connection: keep-alive,\r\n close\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

Test(http1_fields, line_ends_are_cr_lf)
{
	const struct bad_request bad[] = {
		{ 400, OURO_STR(LINE "A: b\n\r\n") },
		{ 400, OURO_STR(LINE "A: b\r\n\n") },
		{ 400, OURO_STR(LINE "A: b\r\r\n\r\n") },
		{ 400, OURO_STR(LINE "A: b\rC: d\r\n\r\n") },
		{ 400, OURO_STR(LINE "A:\rb\r\n\r\n") },
		{ 400, OURO_STR(LINE "A:\n\r\n") },
		{ 400, OURO_STR(LINE "A: \n\r\n") },
		{ 400, OURO_STR(LINE "\n") },
		{ 400, OURO_STR(LINE "\rA: b\r\n\r\n") },
		{ 400, OURO_STR(LINE "\r\r\n") },
		{ 400, OURO_STR(LINE "Connection: close\n\r\n") },
		{ 400, OURO_STR(LINE "Content-Length: 0\n\r\n") },
		{ 400, OURO_STR(LINE "Transfer-Encoding: chunked\n\r\n0\r\n\r\n") },
	};

	EXPECT_STATUSES(bad);
}

static const char *parse(struct ouro_http1_parser *p, const char *head)
{
	size_t used;

	ouro_http1_parser_init(p, &replay_limits);
	cr_assert_eq(ouro_http1_parse_head(p, head, strlen(head), &used), OURO_PARSE_DONE);
	cr_assert_eq(ouro_http1_check_head(p, head), OURO_PARSE_DONE);
	return head;
}

Test(http1_fields, are_found_by_number)
{
	static struct ouro_http1_parser p;
	const char *head = parse(&p, LINE "ACCEPT: a\r\nX-A: b\r\naccept: c\r\n\r\n");
	int index = ouro_http1_find(&p, OURO_FIELD_ACCEPT, -1);

	cr_assert_eq(index, 1);
	cr_expect(ouro_str_eq(ouro_http1_value(head, p.fields[index].value), OURO_STR("a")));
	index = ouro_http1_find(&p, OURO_FIELD_ACCEPT, index);
	cr_assert_eq(index, 3);
	cr_expect(ouro_str_eq(ouro_http1_value(head, p.fields[index].value), OURO_STR("c")));
	cr_expect_eq(ouro_http1_find(&p, OURO_FIELD_ACCEPT, index), -1);
	cr_expect_eq(ouro_http1_find(&p, OURO_FIELD_COOKIE, -1), -1);
}

Test(http1_fields, are_found_by_name)
{
	static struct ouro_http1_parser p;
	const char *head = parse(&p, LINE "X-A: a\r\nX-B: b\r\nx-a: c\r\n\r\n");

	cr_expect_eq(ouro_http1_find_name(&p, head, OURO_STR("x-A"), -1), 1);
	cr_expect_eq(ouro_http1_find_name(&p, head, OURO_STR("x-A"), 1), 3);
	cr_expect_eq(ouro_http1_find_name(&p, head, OURO_STR("x-A"), 3), -1);
	cr_expect_eq(ouro_http1_find_name(&p, head, OURO_STR("x"), -1), -1);
	cr_expect_eq(ouro_http1_find_name(&p, head, OURO_STR("host"), -1), 0);
}
