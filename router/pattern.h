/* One pattern, taken apart; private to the router. */
#ifndef OURO_ROUTER_PATTERN_H
#define OURO_ROUTER_PATTERN_H

#include "router/router.h"

#include <stdbool.h>
#include <stdint.h>

struct ouro_segment {
	uint16_t offset; /* within the pattern */
	uint16_t len;    /* of a parameter: its name, without the braces */
	bool is_param;
};

/* What lies between the slashes; there is at least one segment, perhaps an empty one. */
struct ouro_pattern {
	struct ouro_str text;
	uint32_t count;
	uint32_t param_count;
	struct ouro_segment segments[OURO_ROUTER_SEGMENTS_MAX];
};

/* Takes @text apart, which @pattern goes on pointing to. Returns NULL, or what is wrong with it. */
const char *ouro_pattern_parse(struct ouro_pattern *pattern, struct ouro_str text);

static inline struct ouro_str ouro_pattern_segment(const struct ouro_pattern *pattern,
						   uint32_t index)
{
	const struct ouro_segment *segment = &pattern->segments[index];

	return (struct ouro_str){ pattern->text.ptr + segment->offset, segment->len };
}

/* Orders patterns so that those with a common beginning stand together, and of these the one that
 * ends there first, then static segments by length and bytes, then parameters whatever their names.
 * 0: both fit the same paths. */
int ouro_pattern_compare(const struct ouro_pattern *a, const struct ouro_pattern *b);

/* Orders the segments at @index of two patterns, as above; a missing one comes first. */
int ouro_pattern_compare_at(const struct ouro_pattern *a, const struct ouro_pattern *b,
			    uint32_t index);

#endif
