/* The scan for ordinary heads: what it takes comes out as from llhttp, and what is unusual in any way
 * it leaves to llhttp. */
#include "both_ways.h"
#include "guard.h"
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct guard guard;

static void open_guard(void)
{
	guard_init(&guard, 1 << 16);
}

static void close_guard(void)
{
	guard_fini(&guard);
}

TestSuite(http1_scan, .init = open_guard, .fini = close_guard);

/* Whether the scan takes @input, which lies before a guarded page; fails where the ways differ. */
static bool is_ordinary(struct ouro_str input, const struct ouro_http1_limits *limits)
{
	bool ordinary = false;
	const char *at = guard_put(&guard, input.ptr, input.len);
	const char *fault = both_ways(ouro_str(at, input.len), limits, &ordinary);

	cr_assert(!fault, "%s differs: %.*s", fault, (int)input.len, input.ptr);
	return ordinary;
}

/* An initialiser, which OURO_STR() is not for every compiler. */
#define TEXT(literal)                                                                              \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: h\r\n"
#define START LINE HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static const struct ouro_str ordinary[] = {
	TEXT(START "\r\n"),
	TEXT("HEAD / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("PUT /a HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("DELETE /a HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("PATCH /a HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("OPTIONS /a HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/1.0\r\n\r\n"),
	TEXT("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
	TEXT("GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\nUser-Agent: ab/2.3\r\n\r\n"),
	TEXT("GET /p?q=1&r=%20 HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /p?a?b HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET //a/../b;c=d HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /'\"<>\\^`{|}~ HTTP/1.1\r\n" HOST "\r\n"),
	TEXT(LINE "HOST:h\r\n\r\n"),
	TEXT(LINE "host:   h   \r\n\r\n"),
	TEXT(LINE "Host:\r\n\r\n"),
	TEXT(LINE "Host: \r\n\r\n"),
	TEXT(START "X:\r\nY:   \r\nZ: z\r\n\r\n"),
	TEXT(START "x_y-9: a:b, \"c\"; d=e\r\n\r\n"),
	TEXT(START "Connection: close\r\n\r\n"),
	TEXT(START "Connection: close, keep-alive\r\n\r\n"),
	TEXT(START "Connection: x,, Close ,y\r\n\r\n"),
	TEXT(START "Connection: keep-alive\r\nConnection: close\r\n\r\n"),
	TEXT(START "Connection: upgrade\r\n\r\n"),
	TEXT(START "Connection: HTTP2-Settings\r\nProxy-Connection: close\r\n\r\n"),
	TEXT(START "Content-Length: 0\r\n\r\n"),
	TEXT(POST "Content-Length: 5\r\n\r\nhello"),
	TEXT(POST "content-length:005\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\nExpect: gold\r\n\r\nhello"),
	TEXT(POST "Content-Length: 999999999999999999\r\n\r\n"),
	TEXT(START "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n"),
	/* Good in form, and bad for what they mean, which is judged behind the scan. */
	TEXT(LINE "\r\n"),
	TEXT(START HOST "\r\n"),
	TEXT(LINE "Host: a b\r\n\r\n"),
	TEXT(LINE "Host: h/\r\n\r\n"),
	TEXT("GET /#f HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /?q#f##g HTTP/1.1\r\n" HOST "\r\n"),
};

Test(http1_scan, ordinary_heads_are_taken)
{
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
		cr_expect(is_ordinary(ordinary[i], &replay_limits), "not taken: %s",
			  ordinary[i].ptr);
}

static const struct ouro_str unusual[] = {
	/* Lines. */
	TEXT(""),
	TEXT("\r\n"),
	TEXT("\r\n" START "\r\n"),
	TEXT(START),
	TEXT(START "\r"),
	TEXT("GET / HTTP/1.1\n" HOST "\r\n"),
	TEXT(LINE "Host: h\n\r\n"),
	TEXT(LINE "Host: h\n\n"),
	TEXT(START "\n"),
	TEXT(START "\n\r\n"),
	TEXT(START "\r\r\n"),
	TEXT(LINE "Host: h\r\r\n\r\n"),
	TEXT(LINE "Host: h\rX: y\r\n\r\n"),
	TEXT("GET / HTTP/1.1\r" HOST "\r\n"),
	TEXT("GET / HTTP/1.1\r\r\n" HOST "\r\n"),
	TEXT(START " folded\r\n\r\n"),
	TEXT(START "\tfolded\r\n\r\n"),
	TEXT(LINE " Host: h\r\n\r\n"),
	TEXT(LINE "\tHost: h\r\n\r\n"),
	TEXT(START "X:\r\n y\r\n\r\n"),
	/* The request line. */
	TEXT("get / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("Get / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GETS / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("G / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("BREW / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("TRACE / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("PROPFIND / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("SOURCE / ICE/1.0\r\n" HOST "\r\n"),
	TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	TEXT("CONNECT h:1 HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET http://h/ HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET * HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET a HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET ?q HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET  / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /  HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/1.1 \r\n" HOST "\r\n"),
	TEXT(" GET / HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /\tHTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /a b HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET /\r\n" HOST "\r\n"),
	TEXT("GET / \r\n" HOST "\r\n"),
	TEXT("GET /HTTP/1.1\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/0.9\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/1.2\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/2.0\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/1.10\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/01.1\r\n" HOST "\r\n"),
	TEXT("GET / HTTP/1\r\n" HOST "\r\n"),
	TEXT("GET / http/1.1\r\n" HOST "\r\n"),
	TEXT("GET / RTSP/1.0\r\n" HOST "\r\n"),
	/* Names. */
	TEXT(LINE "Host : h\r\n\r\n"),
	TEXT(LINE "Host\t: h\r\n\r\n"),
	TEXT(LINE "Host\r\n\r\n"),
	TEXT(LINE "Ho st: h\r\n\r\n"),
	TEXT(START ": x\r\n\r\n"),
	TEXT(START "X\0Y: x\r\n\r\n"),
	TEXT(START "X\xc3\xa4: x\r\n\r\n"),
	TEXT(START "X(Y): x\r\n\r\n"),
	TEXT(START "X.Y: tokens may, we leave it\r\n\r\n"),
	TEXT(START "!#$%&'*+.^`|~: so\r\n\r\n"),
	/* Values. */
	TEXT(LINE "Host:\th\r\n\r\n"),
	TEXT(LINE "Host: h\t\r\n\r\n"),
	TEXT(START "X: a\tb\r\n\r\n"),
	TEXT(START "X: \xc3\xa4\r\n\r\n"),
	TEXT(START "X: \xff\r\n\r\n"),
	TEXT(START "X: a\0b\r\n\r\n"),
	TEXT(START "X: a\x7f\r\n\r\n"),
	TEXT(START "X: a\x1b[0m\r\n\r\n"),
	TEXT(START "X: a\fb\r\n\r\n"),
	TEXT(START "X: a\vb\r\n\r\n"),
	/* Lengths. */
	TEXT(POST "Content-Length:\r\n\r\n"),
	TEXT(POST "Content-Length: \r\n\r\n"),
	TEXT(POST "Content-Length: +5\r\n\r\nhello"),
	TEXT(POST "Content-Length: -5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5 \r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\t\r\n\r\nhello"),
	TEXT(POST "Content-Length:\t5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5,5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5, 5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5 5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5;\r\n\r\nhello"),
	TEXT(POST "Content-Length: 0x5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5e0\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5.0\r\n\r\nhello"),
	TEXT(POST "Content-Length: five\r\n\r\nhello"),
	TEXT(POST "Content-Length: \"5\"\r\n\r\nhello"),
	TEXT(POST "Content-Length: 1844674407370955161\r\n\r\n"),
	TEXT(POST "Content-Length: 18446744073709551615\r\n\r\n"),
	TEXT(POST "Content-Length: 18446744073709551616\r\n\r\n"),
	TEXT(POST "Content-Length: 18446744073709551621\r\n\r\n"),
	TEXT(POST "Content-Length: 0000000000000000005\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello"),
	TEXT(POST "Content-Length: 0\r\nCONTENT-LENGTH: 0\r\n\r\n"),
	TEXT(POST "Content-Length : 5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\n 5\r\n\r\nhello"),
	TEXT(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
	/* Codings. */
	TEXT(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "transfer-encoding:chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "TRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding:\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: identity\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: xchunked\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n"),
	TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
	TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	/* Another protocol. */
	TEXT(START "Upgrade: websocket\r\n\r\n"),
	TEXT(START "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
	TEXT(START "Upgrade:\r\n\r\n"),
};

Test(http1_scan, unusual_heads_are_left_to_llhttp)
{
	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++)
		cr_expect(!is_ordinary(unusual[i], &replay_limits), "taken: %.*s",
			  (int)unusual[i].len, unusual[i].ptr);
}

/* Heads with something of each kind, of which each byte is then made any other. */
static const struct ouro_str samples[] = {
	TEXT("POST /p%20?q#f HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n"
	     "Content-Length: 10\r\nX-y_1:  a b \r\nE:\r\n\r\n0123456789"),
	TEXT("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n"),
	TEXT("PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
	     "Upgrade: a\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
	TEXT("OPTIONS /?a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
	     "Content-Lengti: 2\r\nExpect: 100-continue\r\n\r\n1"),
};

/* Plays @sample with every byte as each value, with each value before every byte, and without it. */
static void play_neighbours(struct ouro_str sample)
{
	char bytes[256];

	cr_assert(sample.len < sizeof(bytes));
	for (size_t at = 0; at < sample.len; at++) {
		size_t rest = sample.len - at;

		for (int value = 0; value < 256; value++) {
			memcpy(bytes, sample.ptr, sample.len);
			bytes[at] = (char)value;
			is_ordinary(ouro_str(bytes, sample.len), &replay_limits);
			memcpy(bytes + at + 1, sample.ptr + at, rest);
			is_ordinary(ouro_str(bytes, sample.len + 1), &replay_limits);
		}
		memcpy(bytes + at, sample.ptr + at + 1, rest - 1);
		is_ordinary(ouro_str(bytes, sample.len - 1), &replay_limits);
		is_ordinary(ouro_str(sample.ptr, at), &replay_limits);
	}
}

Test(http1_scan, every_byte_in_every_place)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		play_neighbours(samples[i]);
}

/* Which bytes the scan takes in the middle of each part, llhttp agreeing. */
static int count_taken(const char *before, const char *after)
{
	char bytes[128];
	size_t len = strlen(before);
	int taken = 0;

	for (int value = 0; value < 256; value++) {
		memcpy(bytes, before, len);
		bytes[len] = (char)value;
		memcpy(bytes + len + 1, after, strlen(after));
		taken += is_ordinary(ouro_str(bytes, len + 1 + strlen(after)), &replay_limits);
	}
	return taken;
}

Test(http1_scan, takes_no_more_than_ordinary_bytes)
{
	/* All visible characters. */
	cr_expect_eq(count_taken("GET /a", "b HTTP/1.1\r\n" HOST "\r\n"), 94);
	/* Letters, digits, hyphen, low line; the colon, behind which the value then begins. */
	cr_expect_eq(count_taken(START "a", "b: c\r\n\r\n"), 65);
	/* All visible characters and the space. */
	cr_expect_eq(count_taken(START "a: b", "c\r\n\r\n"), 95);
	/* Digits; spaces before the number. */
	cr_expect_eq(count_taken(POST "Content-Length: ", "1\r\n\r\n"), 11);
	cr_expect_eq(count_taken(POST "Content-Length: 1", "\r\n\r\n"), 10);
	cr_expect_eq(count_taken("GET / HTTP/1.", "\r\n" HOST "\r\n"), 2);
	cr_expect_eq(count_taken("GE", " / HTTP/1.1\r\n" HOST "\r\n"), 1);
}

/* Puts a head with parts of these lengths at @bytes; returns its own. */
static size_t put_head(char *bytes, size_t target, size_t name, size_t value)
{
	size_t len = 0;

	memcpy(bytes + len, "GET /", 5);
	len += 5;
	memset(bytes + len, 't', target);
	len += target;
	memcpy(bytes + len, " HTTP/1.1\r\n" HOST "n", 21);
	len += 21;
	memset(bytes + len, 'n', name);
	len += name;
	memcpy(bytes + len, ": ", 2);
	len += 2;
	memset(bytes + len, 'v', value);
	len += value;
	memcpy(bytes + len, "\r\n\r\n", 4);
	return len + 4;
}

Test(http1_scan, every_length_over_every_block_edge)
{
	char bytes[512];

	for (size_t length = 0; length <= 140; length++) {
		cr_assert(is_ordinary(ouro_str(bytes, put_head(bytes, length, 0, 1)),
				      &replay_limits));
		cr_assert(is_ordinary(ouro_str(bytes, put_head(bytes, 0, length, 1)),
				      &replay_limits));
		cr_assert(is_ordinary(ouro_str(bytes, put_head(bytes, 0, 1, length)),
				      &replay_limits));
		cr_assert(is_ordinary(ouro_str(bytes, put_head(bytes, length, length, length / 2)),
				      &replay_limits));
	}
}

Test(http1_scan, every_length_with_more_behind)
{
	char bytes[512];

	for (size_t length = 0; length <= 100; length++) {
		for (size_t behind = 0; behind <= 100; behind++) {
			size_t len = put_head(bytes, length, 1, 1);

			memset(bytes + len, 'x', behind);
			cr_assert(is_ordinary(ouro_str(bytes, len + behind), &replay_limits));
		}
	}
}

Test(http1_scan, every_prefix_is_left_to_llhttp)
{
	char bytes[512];
	size_t len = put_head(bytes, 60, 60, 60);

	for (size_t part = 0; part < len; part++)
		cr_assert(!is_ordinary(ouro_str(bytes, part), &replay_limits), "%zu", part);
}

Test(http1_scan, every_cut_gives_the_same)
{
	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++)
		for (size_t cut = 0; cut <= unusual[i].len; cut++)
			cr_assert(!both_ways_cut(unusual[i], cut, &replay_limits), "%.*s",
				  (int)unusual[i].len, unusual[i].ptr);
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
		for (size_t cut = 0; cut <= ordinary[i].len; cut++)
			cr_assert(!both_ways_cut(ordinary[i], cut, &replay_limits), "%s",
				  ordinary[i].ptr);
}

Test(http1_scan, limits_are_the_same)
{
	struct ouro_str head = OURO_STR("GET /1234567 HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n");
	struct ouro_http1_limits limits = {
		.head_bytes_max = (uint32_t)head.len,
		.target_bytes_max = 8,
		.fields_max = 3,
		.body_bytes_max = 1,
	};

	cr_expect(is_ordinary(head, &limits));
	for (uint32_t less = 1; less <= 3; less++) {
		struct ouro_http1_limits tight = limits;

		tight.head_bytes_max -= less;
		cr_expect(!is_ordinary(head, &tight));
		tight = limits;
		tight.target_bytes_max -= less;
		cr_expect(!is_ordinary(head, &tight));
		tight = limits;
		tight.fields_max -= less;
		cr_expect(!is_ordinary(head, &tight));
	}
}
