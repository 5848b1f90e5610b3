/* Reads one head by the scan for ordinary heads, with each kernel, and by llhttp, and compares all that
 * comes out. Whoever gets the two to differ has found a way to smuggle. */
#ifndef OURO_TESTS_PROTO_BOTH_WAYS_H
#define OURO_TESTS_PROTO_BOTH_WAYS_H

#include "ouro/base.h"
#include "proto/classify.h"
#include "proto/http1_parse.h"

#include <stdbool.h>

/* The kernels that run here, the portable one first, then NULL. */
extern ouro_classify_fn both_ways_kernels[5];

/* Returns NULL, or what differs, as static text. @input is read where it lies. Sets @ordinary to
 * whether the scan took it. */
const char *both_ways(struct ouro_str input, const struct ouro_http1_limits *limits,
		      bool *ordinary);

/* Whether ouro_http1_parse_head() says of @input, which comes in two pieces cut at @cut, what llhttp
 * says of the whole: returns NULL, or what differs. */
const char *both_ways_cut(struct ouro_str input, size_t cut,
			  const struct ouro_http1_limits *limits);

#endif
