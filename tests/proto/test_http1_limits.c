/* Limits of heads and bodies: each is reached, and what is just below passes. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define HOST "Host: h\r\n"
#define CHUNKED "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EXPECT_STATUSES(list) expect_statuses(list, sizeof(list) / sizeof((list)[0]))

static const struct ouro_http1_limits limits = {
	.head_bytes_max = 128,
	.target_bytes_max = 16,
	.fields_max = 3,
	.body_bytes_max = 10,
};

/* What the last line of a replay says: 0 where no request was bad. */
static unsigned status_of(struct ouro_str input, const struct ouro_http1_limits *with)
{
	const char *text = replay(input, with);
	size_t len = strlen(text);

	while (len > 1 && text[len - 2] != '\n')
		len--;
	return len > 0 ? (unsigned)atoi(text + len - 1) : 0;
}

static void expect(struct ouro_str input, unsigned status)
{
	unsigned is = status_of(input, &limits);

	cr_expect_eq(is, status, "%u, not %u: %.*s", is, status, (int)input.len, input.ptr);
}

#define EXPECT(input, status) expect(OURO_STR(input), status)

Test(http1_limits, target_bytes)
{
	EXPECT("GET /3456789012345 6\r\n\r\n", 400);
	EXPECT("GET /234567890123456 HTTP/1.1\r\n" HOST "\r\n", 0);
	EXPECT("GET /2345678901234567 HTTP/1.1\r\n" HOST "\r\n", 414);
	EXPECT("GET /2345678901234567", 414);
	EXPECT("GET /2345678901234567890123456789012345678901234567890123456789012345678901234567"
	       "8901234567890123456789012345678901234567890123456789012345678901234567890",
	       414);
	EXPECT("POST /234?67890123456 HTTP/1.1\r\n" HOST "\r\n", 0);
	EXPECT("POST /234?678901234567 HTTP/1.1\r\n" HOST "\r\n", 414);
	EXPECT("CONNECT e.org:4567890123 HTTP/1.1\r\n" HOST "\r\n", 400);
	EXPECT("CONNECT e.org:45678901234 HTTP/1.1\r\n" HOST "\r\n", 414);
}

Test(http1_limits, a_long_target_counts_before_what_is_malformed_in_it)
{
	EXPECT("GET /23456789012345\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
	EXPECT("GET /234567890123456\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
	EXPECT("GET /2345678901234567\x01 HTTP/1.1\r\n" HOST "\r\n", 414);
	EXPECT("GET /234567890123456789\x01 HTTP/1.1\r\n" HOST "\r\n", 414);
	EXPECT("GET /2345678901234567 HTTP/9.9\r\n" HOST "\r\n", 414);
	EXPECT("GET /2345678901234567\r\n", 414);
	EXPECT("\r\n\r\nPUT /234567890123456\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
	EXPECT("\r\n\r\nPUT /2345678901234567\x01 HTTP/1.1\r\n" HOST "\r\n", 414);
	EXPECT("GET  /2345678901234567\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
}

/* Plays a head of @bytes bytes, filled up in a value. */
static unsigned play_head_of(size_t bytes, const char *rest)
{
	static const char begin[] = "GET / HTTP/1.1\r\n" HOST "A: ";
	char input[512];

	memset(input, 'x', sizeof(input));
	memcpy(input, begin, sizeof(begin) - 1);
	memcpy(input + bytes - 4, "\r\n\r\n", 4);
	memcpy(input + bytes, rest, strlen(rest));
	return status_of(ouro_str(input, bytes + strlen(rest)), &limits);
}

Test(http1_limits, head_bytes)
{
	cr_expect_eq(play_head_of(127, ""), 0);
	cr_expect_eq(play_head_of(128, ""), 0);
	cr_expect_eq(play_head_of(129, ""), 431);
	cr_expect_eq(play_head_of(130, ""), 431);
	cr_expect_eq(play_head_of(300, ""), 431);
	cr_expect_eq(play_head_of(128, "GET / HTTP/1.1\r\n" HOST "\r\n"), 0);
}

Test(http1_limits, what_is_malformed_within_the_limit_counts_before_it)
{
	static const char begin[] = "GET / HTTP/1.1\r\n" HOST "A: ";
	char input[512];

	for (size_t at = 120; at < 136; at++) {
		memset(input, 'x', sizeof(input));
		memcpy(input, begin, sizeof(begin) - 1);
		input[at] = '\0';
		expect(ouro_str(input, 200), at < 128 ? 400 : 431);
	}
}

Test(http1_limits, empty_lines_before_a_head_count)
{
	char input[256];

	for (size_t i = 0; i < 100; i += 2)
		memcpy(input + i, "\r\n", 2);
	memcpy(input + 100, "GET / HTTP/1.1\r\n\r\n", 18);
	expect(ouro_str(input, 118), 400);
	memcpy(input + 100, "GET / HTTP/1.0\r\n\r\n", 18);
	expect(ouro_str(input, 118), 0);
	memcpy(input + 100, "GET / HTTP/1.0\r\nA: bcdefg\r\n\r\n", 29);
	expect(ouro_str(input, 129), 431);
	for (size_t i = 0; i < 200; i += 2)
		memcpy(input + i, "\r\n", 2);
	expect(ouro_str(input, 200), 431);
}

Test(http1_limits, a_method_without_end)
{
	char input[256];

	memset(input, 'M', sizeof(input));
	expect(ouro_str(input, 127), 0);
	expect(ouro_str(input, 128), 431);
	input[126] = ' ';
	expect(ouro_str(input, 200), 501);
}

Test(http1_limits, fields)
{
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\n\r\n", 0);
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE: f\r\n\r\n", 431);
	EXPECT("GET / HTTP/1.1\r\nA: b\r\nC: d\r\nE: f\r\n" HOST "\r\n", 431);
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE: f\r\nG:\r\nH:\r\nI: j\r\n\r\n", 431);
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE : f\r\n\r\n", 400);
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE: \x01\r\n\r\n", 400);
	EXPECT("GET / HTTP/1.1\r\n" HOST "A: b\r\nC: d\r\nE: f\r\nG", 0);
}

Test(http1_limits, fields_up_to_the_cap)
{
	static const struct ouro_http1_limits roomy = {
		.head_bytes_max = 16384,
		.target_bytes_max = 16,
		.fields_max = OURO_HTTP1_FIELDS_CAP,
		.body_bytes_max = 10,
	};
	char input[2048];
	size_t len = (size_t)snprintf(input, sizeof(input), "GET / HTTP/1.1\r\n" HOST);

	for (int i = 1; i < OURO_HTTP1_FIELDS_CAP; i++)
		len += (size_t)snprintf(input + len, sizeof(input) - len, "A: b\r\n");
	memcpy(input + len, "\r\n", 2);
	cr_expect_eq(status_of(ouro_str(input, len + 2), &roomy), 0);
	memcpy(input + len, "A: b\r\nC: d\r\n\r\n", 14);
	cr_expect_eq(status_of(ouro_str(input, len + 14), &roomy), 431);
}

Test(http1_limits, body_bytes)
{
	EXPECT("PUT / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789", 0);
	EXPECT("PUT / HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 413);
	EXPECT("PUT / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", 413);
	EXPECT(CHUNKED "a\r\n0123456789\r\n0\r\n\r\n", 0);
	EXPECT(CHUNKED "b\r\n", 413);
	EXPECT(CHUNKED "5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n", 0);
	EXPECT(CHUNKED "5\r\n01234\r\n6\r\n", 413);
	EXPECT(CHUNKED "5\r\n01234\r\nffffffffffffffff\r\n", 413);
	EXPECT(CHUNKED "6;\r\n", 400);
}

Test(http1_limits, chunk_extensions)
{
	char input[1024];
	size_t start = sizeof(CHUNKED) - 1;

	/* A frame takes 20 bytes freely; then 128 are left for the whole body. */
	memcpy(input, CHUNKED, start);
	memset(input + start, 'x', 300);
	memcpy(input + start, "1;", 2);
	memcpy(input + start + 146, "\r\na\r\n0\r\n\r\n", 10);
	expect(ouro_str(input, start + 156), 0);
	memcpy(input + start + 146, "x\r\na\r\n0\r\n\r\n", 11);
	expect(ouro_str(input, start + 157), 400);
	memset(input + start + 2, 'x', 300);
	expect(ouro_str(input, start + 302), 400);
}

Test(http1_limits, chunk_extensions_of_many_chunks)
{
	static const char chunk[] = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nb\r\n";
	char input[1024];
	size_t len = sizeof(CHUNKED) - 1;

	/* Each takes 33 of 20, but the first, before which no line ends: 11 + 9 * 13 = 128. */
	memcpy(input, CHUNKED, len);
	for (int i = 0; i < 10; i++) {
		memcpy(input + len, chunk, sizeof(chunk) - 1);
		len += sizeof(chunk) - 1;
	}
	memcpy(input + len, "0\r\n\r\n", 5);
	expect(ouro_str(input, len + 5), 0);
	memcpy(input + sizeof(CHUNKED) - 1, "01", 2);
	memcpy(input + sizeof(CHUNKED) + 1, ";", 1);
	expect(ouro_str(input, len + 5), 0);
	memmove(input + sizeof(CHUNKED), input + sizeof(CHUNKED) - 1, len + 5);
	expect(ouro_str(input, len + 6), 400);
}

Test(http1_limits, zeros_before_a_chunk_size)
{
	char input[512];
	size_t start = sizeof(CHUNKED) - 1;

	memcpy(input, CHUNKED, start);
	memset(input + start, '0', 300);
	expect(ouro_str(input, start + 147), 0);
	expect(ouro_str(input, start + 148), 400);
	expect(ouro_str(input, start + 300), 400);
}

Test(http1_limits, trailers)
{
	char input[512];
	size_t start = sizeof(CHUNKED "0\r\n") - 1;

	EXPECT(CHUNKED "0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", 0);
	EXPECT(CHUNKED "0\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n", 431);
	EXPECT(CHUNKED "0\r\nA: b\r\nC: d\r\nE: f\r\nG : h\r\n\r\n", 400);
	memset(input, 'x', sizeof(input));
	memcpy(input, CHUNKED "0\r\nA: ", start + 3);
	memcpy(input + start + 124, "\r\n\r\n", 4);
	expect(ouro_str(input, start + 128), 0);
	memcpy(input + start + 124, "x\r\n\r\n", 5);
	expect(ouro_str(input, start + 129), 431);
	expect(ouro_str(input, start + 300), 431);
	input[start + 127] = '\0';
	expect(ouro_str(input, start + 300), 400);
}
