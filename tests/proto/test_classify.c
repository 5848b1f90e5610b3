/* Classes of 64 bytes: each kernel gives what a plain reading of each byte gives. */
#include "guard.h"

#include "both_ways.h"
#include "proto/token.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct ouro_classes classify_plainly(const char *at)
{
	static const char marks[] = "!#$%&'*+.^`|~";
	struct ouro_classes classes = { 0, 0, 0 };

	for (int i = 0; i < OURO_CLASSIFY_BYTES; i++) {
		unsigned char c = (unsigned char)at[i];
		bool is_name = ouro_is_token_char(at[i]) && !memchr(marks, c, sizeof(marks) - 1);

		classes.name |= (uint64_t)is_name << i;
		classes.blank |= (uint64_t)(c <= ' ' || c >= 0x7f) << i;
		classes.control |= (uint64_t)(c < ' ' || c >= 0x7f) << i;
	}
	return classes;
}

static void expect_plain(const char *at)
{
	struct ouro_classes expected = classify_plainly(at);

	for (int i = 0; both_ways_kernels[i]; i++) {
		struct ouro_classes classes = both_ways_kernels[i](at);

		cr_assert_eq(classes.name, expected.name, "kernel %d", i);
		cr_assert_eq(classes.blank, expected.blank, "kernel %d", i);
		cr_assert_eq(classes.control, expected.control, "kernel %d", i);
	}
}

Test(classify, every_byte_in_every_place)
{
	char bytes[OURO_CLASSIFY_BYTES];

	for (int place = 0; place < OURO_CLASSIFY_BYTES; place++) {
		for (int value = 0; value < 256; value++) {
			/* Neighbours of either kind: none may spill into another's bit. */
			memset(bytes, value & 1 ? 'a' : 0xff, sizeof(bytes));
			bytes[place] = (char)value;
			expect_plain(bytes);
			memset(bytes, value & 1 ? 0 : ' ', sizeof(bytes));
			bytes[place] = (char)value;
			expect_plain(bytes);
		}
	}
}

Test(classify, every_alignment)
{
	char bytes[3 * OURO_CLASSIFY_BYTES];

	srand(1);
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)rand();
		for (size_t offset = 0; offset <= 2 * OURO_CLASSIFY_BYTES; offset++)
			expect_plain(bytes + offset);
	}
}

Test(classify, reads_nothing_behind)
{
	char bytes[OURO_CLASSIFY_BYTES];
	struct guard guard;

	memset(bytes, 'a', sizeof(bytes));
	guard_init(&guard, sizeof(bytes));
	expect_plain(guard_put(&guard, bytes, sizeof(bytes)));
	guard_fini(&guard);
}

Test(classify, the_best_is_one_that_runs_here)
{
	bool found = false;

	for (int i = 0; both_ways_kernels[i]; i++)
		found |= both_ways_kernels[i] == ouro_classify_best();
	cr_assert(found);
}
