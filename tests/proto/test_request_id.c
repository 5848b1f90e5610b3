/* Request ids. */
#include "proto/request_id.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>

#define ID_COUNT 20000

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, OURO_REQUEST_ID_BYTES);
}

static void expect_all_different(struct ouro_request_ids *ids)
{
	static char made[ID_COUNT][OURO_REQUEST_ID_BYTES];

	for (size_t i = 0; i < ID_COUNT; i++)
		ouro_request_ids_next(ids, made[i]);
	qsort(made, ID_COUNT, sizeof(made[0]), compare);
	for (size_t i = 1; i < ID_COUNT; i++)
		cr_assert_neq(compare(made[i - 1], made[i]), 0);
}

Test(request_id, none_comes_twice)
{
	static const uint64_t seeds[][4] = {
		{ 0, 0, 0, 0 },
		{ 1, 2, 3, 4 },
		{ UINT64_MAX - 10, UINT64_MAX, 0, UINT64_MAX },
	};
	struct ouro_request_ids ids;

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		ouro_request_ids_init(&ids, seeds[i]);
		expect_all_different(&ids);
	}
}

Test(request_id, the_seed_decides)
{
	struct ouro_request_ids a, b, c;
	char id_a[OURO_REQUEST_ID_BYTES], id_b[OURO_REQUEST_ID_BYTES], id_c[OURO_REQUEST_ID_BYTES];

	ouro_request_ids_init(&a, (uint64_t[]){ 1, 2, 3, 4 });
	ouro_request_ids_init(&b, (uint64_t[]){ 1, 2, 3, 4 });
	ouro_request_ids_init(&c, (uint64_t[]){ 1, 2, 3, 5 });
	ouro_request_ids_next(&a, id_a);
	ouro_request_ids_next(&b, id_b);
	ouro_request_ids_next(&c, id_c);
	cr_expect_eq(compare(id_a, id_b), 0);
	cr_expect_neq(compare(id_a, id_c), 0);
}

/* Of neighbouring counts each bit of the ids changes about every second time. */
Test(request_id, neighbours_look_unrelated)
{
	struct ouro_request_ids ids;
	char last[OURO_REQUEST_ID_BYTES], id[OURO_REQUEST_ID_BYTES];
	unsigned same[OURO_REQUEST_ID_BYTES] = { 0 };

	ouro_request_ids_init(&ids, (uint64_t[]){ 0, 0, 0, 0 });
	ouro_request_ids_next(&ids, last);
	for (size_t i = 0; i < ID_COUNT; i++) {
		ouro_request_ids_next(&ids, id);
		for (size_t digit = 0; digit < sizeof(id); digit++)
			same[digit] += id[digit] == last[digit];
		memcpy(last, id, sizeof(id));
	}
	for (size_t digit = 0; digit < sizeof(id); digit++) {
		cr_expect_gt(same[digit], ID_COUNT / 16 * 8 / 10, "%zu", digit);
		cr_expect_lt(same[digit], ID_COUNT / 16 * 12 / 10, "%zu", digit);
	}
}

Test(request_id, random_seeds_differ)
{
	struct ouro_request_ids a, b;
	char id_a[OURO_REQUEST_ID_BYTES], id_b[OURO_REQUEST_ID_BYTES];

	cr_assert_eq(ouro_request_ids_init_random(&a), 0);
	cr_assert_eq(ouro_request_ids_init_random(&b), 0);
	ouro_request_ids_next(&a, id_a);
	ouro_request_ids_next(&b, id_b);
	cr_expect_neq(compare(id_a, id_b), 0);
	cr_expect(ouro_request_id_is_valid(ouro_str(id_a, sizeof(id_a))));
	for (size_t i = 0; i < sizeof(id_a); i++)
		cr_expect(isdigit(id_a[i]) || (id_a[i] >= 'a' && id_a[i] <= 'f'));
}

Test(request_id, what_clients_may_send)
{
	char id[OURO_REQUEST_ID_BYTES_MAX + 1];

	memset(id, 'a', sizeof(id));
	cr_expect(!ouro_request_id_is_valid(ouro_str(id, 0)));
	cr_expect(!ouro_request_id_is_valid((struct ouro_str){ NULL, 0 }));
	cr_expect(ouro_request_id_is_valid(ouro_str(id, 1)));
	cr_expect(ouro_request_id_is_valid(ouro_str(id, sizeof(id) - 1)));
	cr_expect(!ouro_request_id_is_valid(ouro_str(id, sizeof(id))));
	for (int c = 0; c < 256; c++) {
		bool good = c && c < 128 && (isalnum(c) || strchr("._-+/=:", c));

		id[3] = (char)c;
		cr_expect_eq(ouro_request_id_is_valid(ouro_str(id, 8)), good, "%d", c);
	}
}
