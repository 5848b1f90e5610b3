/* Tests of engine/features.h. */
#include "engine/features.h"

#include <criterion/criterion.h>
#include <string.h>

Test(features, the_probe_tells_what_there_is_or_why_there_is_nothing)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count = 99;
	int err = ouro_features_probe(features, &count);

	if (err) {
		cr_assert_eq(count, 0);
		cr_assert_gt(strlen(ouro_features_explain(err)), 0);
		return;
	}
	cr_assert_gt(count, 0);
	cr_assert_leq(count, OURO_FEATURES_MAX);
	for (size_t i = 0; i < count; i++) {
		cr_assert_gt(strlen(features[i].name), 0);
		cr_assert_gt(strlen(features[i].effect), 0);
	}
}
