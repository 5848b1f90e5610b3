/* The names of content codings. */
#include "base/str.h"
#include "coding/coding.h"

#include <criterion/criterion.h>

Test(coding, each_is_found_by_its_name)
{
	for (unsigned i = 0; i < OURO_CODING_COUNT; i++)
		cr_expect_eq(ouro_coding_find(ouro_coding_name((enum ouro_coding)i)), i);
}

Test(coding, names_are_found_in_any_case)
{
	cr_expect_eq(ouro_coding_find(OURO_STR("GZip")), OURO_CODING_GZIP);
	cr_expect_eq(ouro_coding_find(OURO_STR("BR")), OURO_CODING_BR);
}

Test(coding, gzip_has_an_old_name)
{
	cr_expect_eq(ouro_coding_find(OURO_STR("X-gzip")), OURO_CODING_GZIP);
}

Test(coding, others_are_not_found)
{
	cr_expect_eq(ouro_coding_find(OURO_STR("compress")), OURO_CODING_COUNT);
	cr_expect_eq(ouro_coding_find(OURO_STR("gzi")), OURO_CODING_COUNT);
	cr_expect_eq(ouro_coding_find(OURO_STR("")), OURO_CODING_COUNT);
}
