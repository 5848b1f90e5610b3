/* Events: their bytes, what a client makes of them, what is refused. */
#include "client.h"
#include "sse/event.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define EVENT(...) (&(struct ouro_sse_event){ __VA_ARGS__ })

static void expect_bytes(const struct ouro_sse_event *event, const char *expected)
{
	size_t len = strlen(expected);
	char *out = malloc(len + 1);

	memset(out, '#', len + 1);
	cr_expect_eq(ouro_sse_event_size(event), (ssize_t)len, "%s", expected);
	cr_expect_eq(ouro_sse_event_write(event, out, len - 1), -ENOBUFS);
	cr_expect_eq(out[0], '#', "nothing is written");
	cr_expect_eq(ouro_sse_event_write(event, out, len), (ssize_t)len);
	cr_expect_arr_eq(out, expected, len);
	cr_expect_eq(out[len], '#');
	free(out);
}

static void expect_error(const struct ouro_sse_event *event, int error)
{
	struct ouro_sse_encoded encoded;
	char out[64];

	cr_expect_eq(ouro_sse_event_size(event), error);
	cr_expect_eq(ouro_sse_event_write(event, out, sizeof(out)), error);
	cr_expect_eq(ouro_sse_event_encode(event, &encoded), error);
}

Test(sse_event, each_field_has_a_line)
{
	expect_bytes(EVENT(.data = OURO_STR("x")), "data: x\n\n");
	expect_bytes(EVENT(.event = OURO_STR("tick")), "event: tick\n\n");
	expect_bytes(EVENT(.id = OURO_STR("7")), "id: 7\n\n");
	expect_bytes(EVENT(.retry_ms = 1500), "retry: 1500\n\n");
	expect_bytes(EVENT(.comment = OURO_STR("hello")), ": hello\n\n");
	expect_bytes(EVENT(.event = OURO_STR("e"), .data = OURO_STR("d"), .id = OURO_STR("i"),
			   .comment = OURO_STR("c"), .retry_ms = 1),
		     ": c\nevent: e\nid: i\nretry: 1\ndata: d\n\n");
}

Test(sse_event, each_line_of_the_data_has_one_too)
{
	expect_bytes(EVENT(.data = OURO_STR("a\nb")), "data: a\ndata: b\n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\rb")), "data: a\ndata: b\n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\r\nb")), "data: a\ndata: b\n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\n\rb")), "data: a\ndata: \ndata: b\n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\r\r\nb")), "data: a\ndata: \ndata: b\n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\n")), "data: a\ndata: \n\n");
	expect_bytes(EVENT(.data = OURO_STR("a\r")), "data: a\ndata: \n\n");
	expect_bytes(EVENT(.data = OURO_STR("\r\n")), "data: \ndata: \n\n");
	expect_bytes(EVENT(.data = OURO_STR("")), "data: \n\n");
	expect_bytes(EVENT(.comment = OURO_STR("a\nb")), ": a\n: b\n\n");
}

Test(sse_event, a_view_that_ends_between_cr_and_lf_ends_there)
{
	expect_bytes(EVENT(.data = ouro_str("a\r\nb", 2)), "data: a\ndata: \n\n");
}

Test(sse_event, data_cannot_become_another_field)
{
	struct sse_client client;
	struct ouro_sse_encoded encoded;

	sse_client_init(&client);
	cr_assert_eq(ouro_sse_event_encode(
			     EVENT(.data = OURO_STR("x\n\nevent: evil\rid: 1\r\n: c\n data: y")),
			     &encoded),
		     0);
	sse_client_read(&client, ouro_str(encoded.bytes.ptr, encoded.bytes.len));
	cr_expect_eq(client.dispatched_count, 1);
	cr_expect_str_eq(client.event_data, "x\n\nevent: evil\nid: 1\n: c\n data: y");
	cr_expect_str_eq(client.event_name, "");
	cr_expect_str_eq(client.last_id, "");
	ouro_buf_unref(encoded.bytes.buf);
	sse_client_fini(&client);
}

Test(sse_event, names_are_one_line)
{
	expect_error(EVENT(.event = OURO_STR("a\nb")), -EINVAL);
	expect_error(EVENT(.event = OURO_STR("a\rb")), -EINVAL);
	expect_error(EVENT(.event = OURO_STR("a\0b")), -EINVAL);
	expect_bytes(EVENT(.event = OURO_STR(": a")), "event: : a\n\n");
}

Test(sse_event, ids_are_what_a_field_value_brings_back)
{
	static const char *const legal[] = {
		"", "7", "a b", "1700000000000-0", "\xc3\xbc", "a\"b"
	};
	static const char *const illegal[] = { "a\nb", "a\rb", " a",    "a ",
					       "\ta",  "a\tb", "a\x7f", "\x01" };

	for (size_t i = 0; i < sizeof(legal) / sizeof(*legal); i++)
		cr_expect(ouro_sse_id_is_legal(ouro_str_c(legal[i])), "%s", legal[i]);
	for (size_t i = 0; i < sizeof(illegal) / sizeof(*illegal); i++)
		expect_error(EVENT(.id = ouro_str_c(illegal[i])), -EINVAL);
	expect_error(EVENT(.id = OURO_STR("a\0b")), -EINVAL);
	expect_bytes(EVENT(.id = OURO_STR("")), "id: \n\n");
}

Test(sse_event, an_event_is_something)
{
	expect_error(EVENT(.retry_ms = 0), -EINVAL);
	expect_error(EVENT(.key = OURO_STR("key")), -EINVAL);
}

Test(sse_event, retry_is_at_most_a_day)
{
	expect_bytes(EVENT(.retry_ms = OURO_SSE_RETRY_MS_MAX), "retry: 86400000\n\n");
	expect_error(EVENT(.retry_ms = OURO_SSE_RETRY_MS_MAX + 1), -EINVAL);
}

Test(sse_event, fields_have_a_length)
{
	char text[OURO_SSE_NAME_BYTES_MAX + 1];

	memset(text, 'x', sizeof(text));
	expect_error(EVENT(.event = ouro_str(text, sizeof(text))), -EMSGSIZE);
	expect_error(EVENT(.id = ouro_str(text, OURO_SSE_ID_BYTES_MAX + 1)), -EMSGSIZE);
	expect_error(EVENT(.key = ouro_str(text, sizeof(text)), .data = OURO_STR("x")), -EMSGSIZE);
	cr_expect_gt(ouro_sse_event_size(EVENT(.event = ouro_str(text, sizeof(text) - 1),
					       .id = ouro_str(text, OURO_SSE_ID_BYTES_MAX))),
		     0);
}

Test(sse_event, an_event_has_a_length)
{
	enum { OVERHEAD = sizeof("data: \n\n") - 1 };
	char *text = malloc(OURO_SSE_EVENT_BYTES_MAX + 1);

	memset(text, 'x', OURO_SSE_EVENT_BYTES_MAX + 1);
	cr_expect_eq(ouro_sse_event_size(
			     EVENT(.data = ouro_str(text, OURO_SSE_EVENT_BYTES_MAX - OVERHEAD))),
		     OURO_SSE_EVENT_BYTES_MAX);
	expect_error(EVENT(.data = ouro_str(text, OURO_SSE_EVENT_BYTES_MAX - OVERHEAD + 1)),
		     -EMSGSIZE);
	expect_error(EVENT(.data = ouro_str(text, OURO_SSE_EVENT_BYTES_MAX + 1)), -EMSGSIZE);
	expect_error(EVENT(.comment = ouro_str(text, OURO_SSE_EVENT_BYTES_MAX + 1)), -EMSGSIZE);
	/* Each line end becomes a field. */
	memset(text, '\n', OURO_SSE_EVENT_BYTES_MAX / 4);
	expect_error(EVENT(.data = ouro_str(text, OURO_SSE_EVENT_BYTES_MAX / 4)), -EMSGSIZE);
	free(text);
}

Test(sse_event, the_key_stands_behind_the_bytes)
{
	struct ouro_sse_encoded encoded;

	cr_assert_eq(ouro_sse_event_encode(EVENT(.data = OURO_STR("x"), .key = OURO_STR("key")),
					   &encoded),
		     0);
	cr_expect_eq(encoded.bytes.len, 9);
	cr_expect_eq(encoded.bytes.buf->len, 9);
	cr_expect_arr_eq(encoded.bytes.ptr, "data: x\n\n", 9);
	cr_expect(ouro_str_eq(encoded.key, OURO_STR("key")));
	cr_expect_eq(encoded.key.ptr, encoded.bytes.ptr + 9);
	ouro_buf_unref(encoded.bytes.buf);
}

static void expect_last_id(const char *value, const char *expected)
{
	struct ouro_str id = OURO_STR("untouched");

	cr_expect_eq(ouro_sse_parse_last_event_id(ouro_str_c(value), &id), expected != NULL);
	cr_expect(ouro_str_eq(id, ouro_str_c(expected ? expected : "untouched")));
}

Test(sse_event, a_client_says_which_id_it_has_seen_last)
{
	expect_last_id("7", "7");
	expect_last_id("  7\t", "7");
	expect_last_id("a b", "a b");
	expect_last_id("\xe2\x82\xac", "\xe2\x82\xac");
	expect_last_id("", NULL);
	expect_last_id("  ", NULL);
	expect_last_id("a\tb", NULL);
	expect_last_id("a\nb", NULL);
	expect_last_id(NULL, NULL);
}

Test(sse_event, a_last_id_has_a_length)
{
	char text[OURO_SSE_ID_BYTES_MAX + 1];
	struct ouro_str id;

	memset(text, 'x', sizeof(text));
	cr_expect(ouro_sse_parse_last_event_id(ouro_str(text, sizeof(text) - 1), &id));
	cr_expect_not(ouro_sse_parse_last_event_id(ouro_str(text, sizeof(text)), &id));
}
