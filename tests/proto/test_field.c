/* Known field names, in any spelling, and names that only look like them. */
#include "proto/field.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <ctype.h>

Test(field, every_known_name_is_found)
{
	struct guard guard;
	char name[64];

	guard_init(&guard, sizeof(name));
	for (unsigned i = 1; i < OURO_FIELD_COUNT; i++) {
		struct ouro_str lower = ouro_field_name((enum ouro_field)i);

		cr_assert(lower.len > 0 && lower.len < sizeof(name));
		cr_expect_eq(ouro_field_lookup(lower), i, "%s", lower.ptr);
		for (size_t j = 0; j < lower.len; j++)
			name[j] = (char)(j % 2 ? lower.ptr[j] : toupper(lower.ptr[j]));
		cr_expect_eq(ouro_field_lookup(
				     ouro_str(guard_put(&guard, name, lower.len), lower.len)),
			     i, "%s", lower.ptr);
	}
	guard_fini(&guard);
}

Test(field, names_one_letter_off_are_not_known)
{
	static const char letters[] = "abcz-09_~!";
	char name[64];

	for (unsigned i = 1; i < OURO_FIELD_COUNT; i++) {
		struct ouro_str lower = ouro_field_name((enum ouro_field)i);

		memcpy(name, lower.ptr, lower.len);
		for (size_t j = 0; j < lower.len; j++) {
			for (size_t k = 0; k < sizeof(letters) - 1; k++) {
				if (letters[k] == lower.ptr[j])
					continue;
				name[j] = letters[k];
				cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len)),
					     OURO_FIELD_NONE, "%.*s", (int)lower.len, name);
			}
			name[j] = lower.ptr[j];
		}
		name[lower.len] = 's';
		cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len + 1)), OURO_FIELD_NONE);
		if (lower.len > 3)
			cr_expect_eq(ouro_field_lookup(ouro_str(name, lower.len - 1)),
				     OURO_FIELD_NONE);
	}
	cr_expect_eq(ouro_field_lookup(OURO_STR("")), OURO_FIELD_NONE);
	cr_expect_eq(ouro_field_name(OURO_FIELD_NONE).len, 0);
}
