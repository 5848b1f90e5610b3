/* Response heads, to the byte. */
#include "proto/http1_write.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>

#define DATE "Sat, 21 Nov 2026 03:30:00 GMT"

static void expect_head(const struct ouro_response_head *head, const char *expected)
{
	char out[1024];
	size_t room = ouro_http1_head_bytes_max(head);
	ssize_t len;

	cr_assert(room <= sizeof(out));
	cr_expect_eq(ouro_http1_write_head(head, out, room - 1), -ENOSPC);
	memset(out, '!', sizeof(out));
	len = ouro_http1_write_head(head, out, room);
	cr_assert(len >= 0 && (size_t)len <= room);
	cr_expect(ouro_str_eq(ouro_str(out, (size_t)len), ouro_str_c(expected)), "%.*s", (int)len,
		  out);
	cr_expect_eq(out[len], '!');
}

Test(http1_write, plain_answer)
{
	expect_head(&(struct ouro_response_head){ .status = 200,
						  .date = DATE,
						  .content_type =
							  OURO_STR("text/plain; charset=utf-8"),
						  .content_length = 13 },
		    "HTTP/1.1 200 OK\r\ndate: " DATE
		    "\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n");
}

Test(http1_write, persistence)
{
	struct ouro_response_head head = { .status = 404, .date = DATE };

	head.persistence = OURO_PERSISTENCE_CLOSE;
	expect_head(&head, "HTTP/1.1 404 Not Found\r\ndate: " DATE
			   "\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
	head.persistence = OURO_PERSISTENCE_KEEP_ALIVE;
	expect_head(&head, "HTTP/1.1 404 Not Found\r\ndate: " DATE
			   "\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
	head.status = 101;
	head.persistence = OURO_PERSISTENCE_UPGRADE;
	expect_head(&head, "HTTP/1.1 101 Switching Protocols\r\ndate: " DATE
			   "\r\nconnection: upgrade\r\n\r\n");
}

Test(http1_write, framing)
{
	struct ouro_response_head head = { .status = 200, .content_length = UINT64_MAX };

	expect_head(&head, "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n");
	head.framing = OURO_FRAMING_CHUNKED;
	expect_head(&head, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	head.framing = OURO_FRAMING_NONE;
	expect_head(&head, "HTTP/1.1 200 OK\r\n\r\n");
}

Test(http1_write, no_length_where_no_body_can_be)
{
	struct ouro_response_head head = { .content_length = 5 };

	head.status = 204;
	expect_head(&head, "HTTP/1.1 204 No Content\r\n\r\n");
	head.status = 304;
	expect_head(&head, "HTTP/1.1 304 Not Modified\r\n\r\n");
	head.status = 103;
	expect_head(&head, "HTTP/1.1 103 Early Hints\r\n\r\n");
	head.status = 204;
	head.framing = OURO_FRAMING_CHUNKED;
	expect_head(&head, "HTTP/1.1 204 No Content\r\n\r\n");
	head.status = 205;
	head.framing = OURO_FRAMING_LENGTH;
	head.content_length = 0;
	expect_head(&head, "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n");
}

Test(http1_write, status_without_a_name)
{
	struct ouro_response_head head = { .status = 299 };

	expect_head(&head, "HTTP/1.1 299 Unknown\r\ncontent-length: 0\r\n\r\n");
	head.status = 999;
	expect_head(&head, "HTTP/1.1 999 Unknown\r\ncontent-length: 0\r\n\r\n");
}

Test(http1_write, more_fields)
{
	static const char long_value[] = "0123456789012345678901234567890123456789";
	const struct ouro_field_line fields[] = {
		{ OURO_STR("Allow"), OURO_STR("GET, HEAD") },
		{ OURO_STR("x-empty"), { NULL, 0 } },
		{ OURO_STR("x-tab"), OURO_STR("a\tb\xff") },
		{ OURO_STR("a-name-of-more-than-sixteen"), OURO_STR(long_value) },
	};

	expect_head(&(struct ouro_response_head){ .status = 405,
						  .fields = fields,
						  .field_count = 4 },
		    "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\nAllow: GET, HEAD\r\n"
		    "x-empty: \r\nx-tab: a\tb\xff\r\na-name-of-more-than-sixteen: "
		    "0123456789012345678901234567890123456789\r\n\r\n");
}

static int write_field(struct ouro_str name, struct ouro_str value)
{
	const struct ouro_field_line field = { name, value };
	char out[512];

	return (int)ouro_http1_write_head(&(struct ouro_response_head){ .status = 200,
									.fields = &field,
									.field_count = 1 },
					  out, sizeof(out));
}

Test(http1_write, values_that_would_split_an_answer_are_refused)
{
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("b\r\nc: d")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("b\r")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("\n")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("0123456789\n0123456789")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("b\0c")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a"), OURO_STR("b\x7f")), -EINVAL);
}

Test(http1_write, names_that_are_no_tokens_are_refused)
{
	cr_expect_eq(write_field(OURO_STR(""), OURO_STR("b")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a b"), OURO_STR("b")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a:"), OURO_STR("b")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("a\r\nb"), OURO_STR("b")), -EINVAL);
}

Test(http1_write, fields_that_are_written_anyway_are_refused)
{
	cr_expect_eq(write_field(OURO_STR("Content-Length"), OURO_STR("5")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("transfer-encoding"), OURO_STR("chunked")), -EINVAL);
	cr_expect_eq(write_field(OURO_STR("CONNECTION"), OURO_STR("close")), -EINVAL);
}

Test(http1_write, bad_content_types_and_statuses_are_refused)
{
	char out[512];

	cr_expect_eq(ouro_http1_write_head(&(struct ouro_response_head){ .status = 200,
									 .content_type = OURO_STR(
										 "a\r\nb: c") },
					   out, sizeof(out)),
		     -EINVAL);
	cr_expect_eq(ouro_http1_write_head(&(struct ouro_response_head){ .status = 99 }, out,
					   sizeof(out)),
		     -EINVAL);
	cr_expect_eq(ouro_http1_write_head(&(struct ouro_response_head){ .status = 1000 }, out,
					   sizeof(out)),
		     -EINVAL);
}

Test(http1_write, chunk_heads)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} cases[] = {
		{ 1, "1\r\n" },
		{ 15, "f\r\n" },
		{ 16, "10\r\n" },
		{ 0xabc0, "abc0\r\n" },
		{ 0x10000000, "10000000\r\n" },
		{ UINT64_MAX, "ffffffffffffffff\r\n" },
	};
	char out[OURO_HTTP1_CHUNK_HEAD_BYTES_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = ouro_http1_write_chunk_head(cases[i].bytes, out);

		cr_expect(ouro_str_eq(ouro_str(out, len), ouro_str_c(cases[i].expected)), "%s",
			  cases[i].expected);
	}
}

/* ---- Trailers ---- */

Test(http1_write, trailers_end_the_last_chunk)
{
	const struct ouro_field_line two_trailers[] = {
		{ OURO_STR("a"), OURO_STR("1") },
		{ OURO_STR("server-timing"), OURO_STR("x;dur=2") },
	};
	static const char expected[] = "0\r\na: 1\r\nserver-timing: x;dur=2\r\n\r\n";
	char out[sizeof(expected)];
	const size_t bytes = sizeof(expected) - 1;

	cr_assert_eq(ouro_http1_write_trailers(two_trailers, 2, out, bytes), (ssize_t)bytes);
	cr_assert_eq(memcmp(out, expected, bytes), 0);
	cr_assert_eq(ouro_http1_write_trailers(two_trailers, 2, out, bytes - 1), -ENOSPC);
	cr_assert_eq(ouro_http1_write_trailers(NULL, 0, out, 5), 5);
	cr_assert_eq(memcmp(out, "0\r\n\r\n", 5), 0);
}

Test(http1_write, what_belongs_into_the_head_is_no_trailer)
{
	static const char *const no_trailers[] = {
		"Content-Length", "transfer-encoding", "TE", "host", "Trailer", "set-cookie",
		"authorization",  "content-type",      "",   "a b",  "a:"
	};
	char out[200];

	for (size_t i = 0; i < sizeof(no_trailers) / sizeof(no_trailers[0]); i++) {
		const struct ouro_field_line line = { ouro_str_c(no_trailers[i]), OURO_STR("1") };

		cr_assert_eq(ouro_http1_write_trailers(&line, 1, out, sizeof(out)), -EINVAL, "%s",
			     no_trailers[i]);
	}
	cr_assert(ouro_http1_is_trailer(OURO_STR("etag")));
}

Test(http1_write, trailers_cannot_be_split)
{
	const struct ouro_field_line line = { OURO_STR("a"), OURO_STR("1\r\nb: 2") };
	char out[200];

	cr_assert_eq(ouro_http1_write_trailers(&line, 1, out, sizeof(out)), -EINVAL);
}
