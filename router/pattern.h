/* One pattern, taken apart; private to the router. */
#ifndef OURO_ROUTER_PATTERN_H
#define OURO_ROUTER_PATTERN_H

#include "router/router.h"

#include <stdbool.h>
#include <stdint.h>

struct ouro_regex;

/* The most specific first. */
enum ouro_segment_kind {
	OURO_SEGMENT_STATIC,
	OURO_SEGMENT_U64,
	OURO_SEGMENT_I64,
	OURO_SEGMENT_UUID,
	OURO_SEGMENT_REGEX,
	OURO_SEGMENT_PARAM,
	OURO_SEGMENT_TAIL,
};

struct ouro_segment {
	enum ouro_segment_kind kind;
	struct ouro_str text; /* static: its bytes, canonical; regex: the expression; else empty */
	struct ouro_str name; /* of a parameter */
	struct ouro_regex *regex; /* the expression once the route is added; borrowed */
};

/* What lies between the slashes; there is at least one segment, perhaps an empty one. */
struct ouro_pattern {
	uint32_t count;
	uint32_t param_count;
	struct ouro_segment segments[OURO_ROUTER_SEGMENTS_MAX];
};

/* Takes @text apart. Static segments are written canonically at @canonical, which has room for as
 * many bytes as @text has; @pattern points into both. Returns NULL, or what is wrong with it. */
const char *ouro_pattern_parse(struct ouro_pattern *pattern, struct ouro_str text, char *canonical);

/* NULL, or what is wrong with the name of a parameter. */
const char *ouro_pattern_check_name(struct ouro_str name);

/* Whether both segments fit the same values; names make no difference. */
static inline bool ouro_segment_is_same(const struct ouro_segment *a, const struct ouro_segment *b)
{
	return a->kind == b->kind && a->text.len == b->text.len &&
	       (a->text.len == 0 || __builtin_memcmp(a->text.ptr, b->text.ptr, a->text.len) == 0);
}

#endif
