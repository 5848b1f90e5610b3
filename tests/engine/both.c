/* The same facts on both real backends: see engine/both.h. */
#include "engine/both.h"

#include "engine/features.h"

#include <stdio.h>

const struct ouro_backend_ops *both_uring(void)
{
#ifdef OURO_HAVE_URING
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count;
	int err = ouro_features_probe(features, &count);

	if (!err)
		return &ouro_backend_uring;
	fprintf(stderr, "skipped: %s\n", ouro_features_explain(err));
#else
	fputs("skipped: built without the ring\n", stderr);
#endif
	return NULL;
}
