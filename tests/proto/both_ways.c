/* One head, read twice: see both_ways.h. */
#include "both_ways.h"

#include "proto/http1_phase.h"
#include "proto/http1_scan.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ouro_classify_fn both_ways_kernels[5];

__attribute__((constructor)) static void find_kernels(void)
{
	both_ways_kernels[0] = ouro_classify_portable;
	both_ways_kernels[1] = ouro_classify_sse2;
	both_ways_kernels[2] = ouro_classify_neon;
	if (ouro_classify_has_avx2())
		both_ways_kernels[3] = ouro_classify_avx2;
}

/* A parser, and what it said. */
struct reader {
	struct ouro_http1_parser parser;
	enum ouro_parse verdict;
	size_t consumed;
};

/* What is left from other requests must not matter. */
static void reader_init(struct reader *reader, unsigned char left,
			const struct ouro_http1_limits *limits)
{
	memset(reader, left, sizeof(*reader));
	ouro_http1_parser_init(&reader->parser, limits);
}

static void check(struct reader *reader, const char *head)
{
	if (reader->verdict == OURO_PARSE_DONE)
		reader->verdict = ouro_http1_check_head(&reader->parser, head);
}

#define SAME(member)                                                                               \
	do {                                                                                       \
		if (memcmp(&a->member, &b->member, sizeof(a->member)) != 0)                        \
			return #member;                                                            \
	} while (0)

static bool spans_differ(struct ouro_span a, struct ouro_span b)
{
	return a.offset != b.offset || a.len != b.len;
}

static const char *compare_fields(const struct ouro_http1_parser *a,
				  const struct ouro_http1_parser *b)
{
	SAME(field_count);
	for (uint32_t i = 0; i < a->field_count; i++) {
		if (spans_differ(a->fields[i].name, b->fields[i].name))
			return "the name of a field";
		if (spans_differ(a->fields[i].value, b->fields[i].value))
			return "the value of a field";
		if (a->fields[i].known != b->fields[i].known)
			return "the number of a field";
	}
	return NULL;
}

/* All that a caller may read once the head is good, and all that the body is read by. */
static const char *compare_good(const struct ouro_http1_parser *a,
				const struct ouro_http1_parser *b)
{
	SAME(head_bytes);
	SAME(phase);
	SAME(method);
	SAME(method_name);
	SAME(target);
	SAME(path);
	SAME(query);
	SAME(host);
	SAME(form);
	SAME(version_minor);
	SAME(has_body);
	SAME(chunked);
	SAME(keep_alive);
	SAME(expects_continue);
	SAME(upgrade);
	SAME(known);
	SAME(content_length);
	SAME(body_bytes);
	SAME(body_bytes_max);
	SAME(body_left);
	return compare_fields(a, b);
}

static const char *compare(const struct reader *x, const struct reader *y)
{
	const struct ouro_http1_parser *a = &x->parser, *b = &y->parser;

	if (x->verdict != y->verdict)
		return "the verdict";
	if (x->verdict == OURO_PARSE_BAD) {
		SAME(status);
		return strcmp(a->reason, b->reason) == 0 ? NULL : "the reason";
	}
	if (x->verdict == OURO_PARSE_MORE) {
		SAME(head_bytes);
		return NULL;
	}
	if (x->consumed != y->consumed)
		return "what was consumed";
	return compare_good(a, b);
}

/* Reads with the scan alone; MORE stands for a head that is not ordinary. */
static const char *scan(struct reader *reader, struct ouro_str input, ouro_classify_fn kernel)
{
	size_t max = reader->parser.limits->head_bytes_max;
	struct reader before;

	memcpy(&before, reader, sizeof(before));
	reader->verdict = OURO_PARSE_MORE;
	if (ouro_http1_scan(&reader->parser, input.ptr, input.len < max ? input.len : max,
			    kernel)) {
		reader->verdict = OURO_PARSE_DONE;
		reader->consumed = reader->parser.head_bytes;
	} else if (memcmp(&before.parser, &reader->parser,
			  offsetof(struct ouro_http1_parser, fields)) != 0) {
		return "what a head that is not ordinary left behind";
	}
	return NULL;
}

static const char *compare_kernel(ouro_classify_fn kernel, struct ouro_str input,
				  const struct reader *expected, bool *ordinary)
{
	static struct reader scanned;
	const char *fault;

	reader_init(&scanned, 0xa5, expected->parser.limits);
	fault = scan(&scanned, input, kernel);
	*ordinary = scanned.verdict == OURO_PARSE_DONE;
	if (fault || !*ordinary)
		return fault;
	check(&scanned, input.ptr);
	return compare(&scanned, expected);
}

const char *both_ways(struct ouro_str input, const struct ouro_http1_limits *limits, bool *ordinary)
{
	static struct reader expected, is;
	const char *fault;

	reader_init(&expected, 0x5a, limits);
	expected.verdict = ouro_http1_parse_head_slowly(&expected.parser, input.ptr, input.len,
							&expected.consumed);
	check(&expected, input.ptr);
	for (int i = 0; both_ways_kernels[i]; i++) {
		bool taken;

		fault = compare_kernel(both_ways_kernels[i], input, &expected, &taken);
		if (fault)
			return fault;
		if (i > 0 && taken != *ordinary)
			return "what kernels take";
		*ordinary = taken;
	}
	reader_init(&is, 0xa5, limits);
	is.verdict = ouro_http1_parse_head(&is.parser, input.ptr, input.len, &is.consumed);
	check(&is, input.ptr);
	return compare(&is, &expected);
}

const char *both_ways_cut(struct ouro_str input, size_t cut, const struct ouro_http1_limits *limits)
{
	static struct reader expected, is;
	size_t first = 0;

	reader_init(&expected, 0x5a, limits);
	expected.verdict = ouro_http1_parse_head_slowly(&expected.parser, input.ptr, input.len,
							&expected.consumed);
	check(&expected, input.ptr);
	reader_init(&is, 0xa5, limits);
	is.verdict = ouro_http1_parse_head(&is.parser, input.ptr, cut, &is.consumed);
	if (is.verdict == OURO_PARSE_MORE) {
		first = is.consumed;
		is.verdict = ouro_http1_parse_head(&is.parser, input.ptr + first, input.len - first,
						   &is.consumed);
		is.consumed += first;
	}
	check(&is, input.ptr);
	return compare(&is, &expected);
}
