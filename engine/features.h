/* What the running kernel offers the backends, found by asking, and what is used instead. */
#ifndef OURO_ENGINE_FEATURES_H
#define OURO_ENGINE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

struct ouro_feature {
	const char *name;
	bool present;
	const char *effect; /* what is used: the feature, or what stands in for it */
};

enum { OURO_FEATURES_MAX = 16 };

/* Fills @out (room for OURO_FEATURES_MAX) by opening a ring and trying; *@count is how many. 0, or
 * the negative errno for which there is no ring (then @count is 0), -ENOTSUP where the ring was not
 * built in. */
int ouro_features_probe(struct ouro_feature *out, size_t *count);

/* A sentence that says why a ring could not be opened with @err (a negative errno). */
const char *ouro_features_explain(int err);

#endif
