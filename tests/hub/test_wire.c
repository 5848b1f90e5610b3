/* Messages as bytes and back, and bytes that are no message. */
#include "hub/wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static bool are_equal(struct ouro_str a, struct ouro_str b)
{
	return !a.ptr == !b.ptr && ouro_str_eq(a, b);
}

static void expect_back(const struct ouro_hub_content *content)
{
	size_t len = ouro_hub_wire_size(content);
	char *bytes = malloc(len);
	struct ouro_hub_content back;

	ouro_hub_wire_write(content, bytes);
	cr_assert_eq(ouro_hub_wire_read(ouro_str(bytes, len), &back), 0);
	cr_expect_eq(back.kind, content->kind);
	cr_expect(are_equal(back.data, content->data));
	cr_expect(are_equal(back.event, content->event));
	cr_expect(are_equal(back.id, content->id));
	cr_expect(are_equal(back.key, content->key));
	free(bytes);
}

Test(hub_wire, absent_empty_and_full_strings_come_back)
{
	struct ouro_str strings[] = { { NULL, 0 }, OURO_STR(""), OURO_STR("a\0b") };

	for (int i = 0; i < 3 * 3 * 3 * 3; i++)
		expect_back(&(struct ouro_hub_content){
			.kind = i % 2 ? OURO_HUB_BINARY : OURO_HUB_TEXT,
			.data = strings[i % 3],
			.event = strings[i / 3 % 3],
			.id = strings[i / 9 % 3],
			.key = strings[i / 27],
		});
}

Test(hub_wire, fields_may_be_as_long_as_they_may_be)
{
	char text[OURO_HUB_FIELD_BYTES_MAX];

	memset(text, 'x', sizeof(text));
	expect_back(&(struct ouro_hub_content){ .event = ouro_str(text, sizeof(text)) });
}

static void expect_wrong(const char *bytes, size_t len)
{
	struct ouro_hub_content content;

	cr_expect_eq(ouro_hub_wire_read(ouro_str(bytes, len), &content), -EPROTO);
}

Test(hub_wire, anything_else_is_refused)
{
	expect_wrong("", 0);
	expect_wrong("\1\0\0\0\0\0\0\0", 8);
	expect_wrong("\2\0\0\0\0\0\0\0\0", 9);
	expect_wrong("\1\2\0\0\0\0\0\0\0", 9);
	expect_wrong("\1\0\x10\0\0\0\0\0\0", 9);
	/* Lengths beyond the end, or of what is absent. */
	expect_wrong("\1\0\1\2\0\0\0\0\0x", 10);
	expect_wrong("\1\0\1\xff\xff\xff\xff\xff\xffx", 10);
	expect_wrong("\1\0\0\1\0\0\0\0\0x", 10);
	expect_wrong("\1\0\0\0\0\1\0\0\0x", 10);
	expect_wrong("\1\0\0\0\0\0\0\1\0x", 10);
	expect_wrong("\1\0\0\0\0\0\0\0\0x", 10);
}

/* Every cut of a message is either none or one whose data are shorter. */
Test(hub_wire, cut_anywhere_nothing_behind_the_cut_is_read)
{
	struct ouro_hub_content content = { .data = OURO_STR("data"),
					    .event = OURO_STR("event"),
					    .id = OURO_STR("id"),
					    .key = OURO_STR("key") };
	size_t len = ouro_hub_wire_size(&content);
	char bytes[64];

	ouro_hub_wire_write(&content, bytes);
	for (size_t cut = 0; cut < len; cut++) {
		char *copy = malloc(cut + 1);
		struct ouro_hub_content back;

		memcpy(copy, bytes, cut);
		if (ouro_hub_wire_read(ouro_str(copy, cut), &back) == 0) {
			cr_expect_geq(cut, len - 4);
			cr_expect_eq(back.data.len, 4 - (len - cut));
		} else {
			cr_expect_lt(cut, len - 4);
		}
		free(copy);
	}
}
