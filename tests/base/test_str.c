/* Tests of base/str.h. */
#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

Test(str, equality_looks_at_length_and_bytes)
{
	cr_assert(ouro_str_eq(OURO_STR("abc"), ouro_str_c("abc")));
	cr_assert_not(ouro_str_eq(OURO_STR("abc"), OURO_STR("abd")));
	cr_assert_not(ouro_str_eq(OURO_STR("abc"), OURO_STR("ab")));
	cr_assert(ouro_str_eq(ouro_str_c(NULL), OURO_STR("")));
}

Test(str, case_is_that_of_ascii_alone)
{
	cr_assert(ouro_str_eq_nocase(OURO_STR("Content-Type"), OURO_STR("cONTENT-tYPE")));
	cr_assert_not(ouro_str_eq_nocase(OURO_STR("@"), OURO_STR("`")));
	cr_assert_not(ouro_str_eq_nocase(OURO_STR("["), OURO_STR("{")));
	cr_assert_not(ouro_str_eq_nocase(OURO_STR("\xc4"), OURO_STR("\xe4")));
	cr_assert_not(ouro_str_eq_nocase(OURO_STR("a"), OURO_STR("ab")));
}

Test(str, a_prefix_may_be_all_or_nothing)
{
	cr_assert(ouro_str_starts(OURO_STR("abc"), OURO_STR("abc")));
	cr_assert(ouro_str_starts(OURO_STR("abc"), OURO_STR("")));
	cr_assert_not(ouro_str_starts(OURO_STR("ab"), OURO_STR("abc")));
}

Test(str, trim_takes_spaces_and_tabs_at_both_ends)
{
	cr_assert(ouro_str_eq(ouro_str_trim(OURO_STR(" \ta b\t ")), OURO_STR("a b")));
	cr_assert_eq(ouro_str_trim(OURO_STR(" \t ")).len, 0);
	cr_assert_eq(ouro_str_trim(OURO_STR("")).len, 0);
	cr_assert(ouro_str_eq(ouro_str_trim(OURO_STR("\na")), OURO_STR("\na")));
}

Test(str, tokens_are_found_in_lists)
{
	cr_assert(ouro_str_has_token(OURO_STR("close"), OURO_STR("close")));
	cr_assert(ouro_str_has_token(OURO_STR(" ,, keep-alive ,\tCLOSE"), OURO_STR("close")));
	cr_assert_not(ouro_str_has_token(OURO_STR("closed, not-close"), OURO_STR("close")));
	cr_assert_not(ouro_str_has_token(OURO_STR(""), OURO_STR("close")));
	cr_assert_not(ouro_str_has_token(OURO_STR("a b"), OURO_STR("a")));
}

Test(str, numbers_are_digits_and_nothing_else)
{
	static const char *const bad[] = { "", "+1", "-1", " 1", "1 ", "0x1", "1a", "1,2" };
	uint64_t value = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(ouro_str_to_u64(ouro_str_c(bad[i]), &value), -EINVAL, "%s", bad[i]);
	cr_assert_eq(ouro_str_to_u64(OURO_STR("18446744073709551616"), &value), -ERANGE);
	cr_assert_eq(ouro_str_to_u64(OURO_STR("99999999999999999999999"), &value), -ERANGE);
	cr_assert_eq(value, 77, "untouched on error");
	cr_assert_eq(ouro_str_to_u64(OURO_STR("18446744073709551615"), &value), 0);
	cr_assert_eq(value, UINT64_MAX);
	cr_assert_eq(ouro_str_to_u64(OURO_STR("000"), &value), 0);
	cr_assert_eq(value, 0);
}

Test(str, numbers_are_written_as_printf_does)
{
	for (uint64_t value = 1, i = 0; i < 70; value = value * 3 + i++) {
		char expected[24], got[24];

		snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
		got[ouro_u64_to_dec(value, got)] = '\0';
		cr_assert_str_eq(got, expected);
	}
	cr_assert_eq(ouro_u64_to_dec(UINT64_MAX, (char[20]){ 0 }), 20);
	cr_assert_eq(ouro_u64_to_dec(0, (char[20]){ 0 }), 1);
}
