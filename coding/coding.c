/* The names of content codings: see coding/coding.h. */
#include "coding/coding.h"

#include "base/str.h"

#include <assert.h>

static const struct ouro_str names[OURO_CODING_COUNT] = {
	[OURO_CODING_IDENTITY] = { "identity", 8 }, [OURO_CODING_BR] = { "br", 2 },
	[OURO_CODING_ZSTD] = { "zstd", 4 },         [OURO_CODING_GZIP] = { "gzip", 4 },
	[OURO_CODING_DEFLATE] = { "deflate", 7 },
};

struct ouro_str ouro_coding_name(enum ouro_coding coding)
{
	assert(coding < OURO_CODING_COUNT);
	return names[coding];
}

enum ouro_coding ouro_coding_find(struct ouro_str name)
{
	if (ouro_str_eq_nocase(name, OURO_STR("x-gzip")))
		return OURO_CODING_GZIP;
	for (unsigned i = 0; i < OURO_CODING_COUNT; i++)
		if (ouro_str_eq_nocase(name, names[i]))
			return (enum ouro_coding)i;
	return OURO_CODING_COUNT;
}
