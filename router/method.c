/* Request methods: see router/method.h. */
#include "router/method.h"

#include "base/str.h"

#include <assert.h>

static_assert(OURO_METHOD_COUNT <= 64, "a set of methods is a mask of 64 bits");

static const struct ouro_str names[OURO_METHOD_COUNT + 1] = {
#define NAME(id, name) [OURO_METHOD_##id] = { name, sizeof(name) - 1 },
	OURO_METHODS(NAME)
#undef NAME
		[OURO_METHOD_COUNT] = { "", 0 },
};

enum ouro_method ouro_method_lookup(struct ouro_str name)
{
	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++)
		if (ouro_str_eq(names[i], name))
			return (enum ouro_method)i;
	return OURO_METHOD_COUNT;
}

struct ouro_str ouro_method_name(enum ouro_method method)
{
	return names[(unsigned)method < OURO_METHOD_COUNT ? method : OURO_METHOD_COUNT];
}

size_t ouro_methods_print(uint64_t mask, char *out)
{
	char *at = out;

	for (unsigned i = 0; i < OURO_METHOD_COUNT; i++) {
		if (!(mask >> i & 1))
			continue;
		if (at > out) {
			memcpy(at, ", ", 2);
			at += 2;
		}
		memcpy(at, names[i].ptr, names[i].len);
		at += names[i].len;
	}
	return (size_t)(at - out);
}
