/* Ids, the hash, messages. */
#include "hub/hash.h"
#include "hub/message.h"

#include <criterion/criterion.h>
#include <errno.h>

static void expect_id(const char *text, int result)
{
	struct ouro_hub_id id = { 1, 2 };
	char out[OURO_HUB_ID_TEXT_MAX];

	cr_expect_eq(ouro_hub_id_parse(ouro_str_c(text), &id), result, "%s", text);
	if (result == 0)
		cr_expect(ouro_str_eq(ouro_str(out, ouro_hub_id_write(id, out)), ouro_str_c(text)));
	else
		cr_expect(id.ms == 1 && id.seq == 2);
}

Test(hub_id, has_one_text)
{
	expect_id("0-0", 0);
	expect_id("1700000000000-17", 0);
	expect_id("18446744073709551615-18446744073709551615", 0);
	expect_id("18446744073709551616-0", -EINVAL);
	expect_id("0-18446744073709551616", -EINVAL);
	expect_id("01-0", -EINVAL);
	expect_id("1-00", -EINVAL);
	expect_id("", -EINVAL);
	expect_id("-", -EINVAL);
	expect_id("1-", -EINVAL);
	expect_id("-1", -EINVAL);
	expect_id("1", -EINVAL);
	expect_id("1-2-3", -EINVAL);
	expect_id("1-2 ", -EINVAL);
	expect_id("+1-2", -EINVAL);
}

static void expect_next(struct ouro_hub_id last, uint64_t now_ms, struct ouro_hub_id expected)
{
	struct ouro_hub_id next = ouro_hub_id_next(last, now_ms);

	cr_expect(ouro_hub_id_eq(next, expected));
	cr_expect(ouro_hub_id_is_before(last, next));
	cr_expect_not(ouro_hub_id_is_before(next, last));
}

Test(hub_id, the_next_is_greater)
{
	const uint64_t step = OURO_HUB_ORIGIN_MAX + 1;

	expect_next((struct ouro_hub_id){ 5, 3 }, 6, (struct ouro_hub_id){ 6, 3 });
	expect_next((struct ouro_hub_id){ 5, 3 }, 5, (struct ouro_hub_id){ 5, 3 + step });
	expect_next((struct ouro_hub_id){ 5, 3 }, 4, (struct ouro_hub_id){ 5, 3 + step });
	expect_next((struct ouro_hub_id){ 5, 3 + step }, 6, (struct ouro_hub_id){ 6, 3 });
	expect_next((struct ouro_hub_id){ 5, UINT64_MAX }, 4,
		    (struct ouro_hub_id){ 6, OURO_HUB_ORIGIN_MAX });
}

/* The values of the paper, appendix A, and of its authors' list for the empty string. */
Test(hub_hash, is_siphash)
{
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	char input[15];

	for (int i = 0; i < 15; i++)
		input[i] = (char)i;
	cr_expect_eq(ouro_hub_hash(key, ouro_str(input, 15)), 0xa129ca6149be45e5);
	cr_expect_eq(ouro_hub_hash(key, ouro_str(input, 0)), 0x726fdb47dd0e0e31);
}

Test(hub_message, absent_and_empty_strings_stay_what_they_are)
{
	struct ouro_hub_content content = { .kind = OURO_HUB_BINARY,
					    .data = OURO_STR("data"),
					    .event = OURO_STR("") };
	struct ouro_hub_message *message;
	const struct ouro_hub_content *held;

	cr_assert_eq(ouro_hub_message_create(&content, &message), 0);
	held = ouro_hub_message_content(message);
	cr_expect_eq(held->kind, OURO_HUB_BINARY);
	cr_expect_eq(held->event.len, 0);
	cr_expect_not_null(held->event.ptr);
	cr_expect_null(held->id.ptr);
	cr_expect_null(held->key.ptr);
	cr_expect(ouro_str_eq(held->data, OURO_STR("data")));
	ouro_hub_message_unref(message);
	ouro_hub_message_unref(NULL);
}

Test(hub_message, has_its_publishers_id_or_the_hubs)
{
	struct ouro_hub_content content = { .data = OURO_STR("data") };
	struct ouro_hub_message *message;
	char out[OURO_HUB_ID_TEXT_MAX];

	ouro_hub_message_create(&content, &message);
	ouro_hub_message_set_stamp(message, (struct ouro_hub_id){ 3, 4 });
	cr_expect(ouro_str_eq(ouro_hub_message_id(message, out), OURO_STR("3-4")));
	ouro_hub_message_unref(message);
	content.id = OURO_STR("mine");
	ouro_hub_message_create(&content, &message);
	cr_expect(ouro_str_eq(ouro_hub_message_id(message, out), OURO_STR("mine")));
	ouro_hub_message_unref(message);
}

Test(hub_message, an_encoding_has_a_size_that_there_is)
{
	cr_expect_null(ouro_hub_encoding_create(SIZE_MAX));
	ouro_hub_encoding_destroy(NULL);
}
