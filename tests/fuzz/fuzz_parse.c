/* Fuzz target of the two ways to read a request head: any bytes, whole with each kernel and cut in two
 * anywhere, by the scan for ordinary heads and by llhttp. Verdict and all that was read must be the
 * same. */
#include "base/str.h"
#include "proto/both_ways.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect_none(const char *fault, struct ouro_str input)
{
	if (!fault)
		return;
	fprintf(stderr, "%s differs:\n%.*s\n", fault, (int)input.len, input.ptr);
	abort();
}

/* FNV-1a: cuts and limits follow from the bytes, so that a finding can be played again. */
static uint64_t hash(const uint8_t *data, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static const struct ouro_http1_limits roomy = {
	.head_bytes_max = 16384,
	.target_bytes_max = 8192,
	.fields_max = 100,
	.body_bytes_max = 1 << 20,
};

/* Limits that @len bytes may reach. */
static struct ouro_http1_limits tight(size_t len, uint64_t seed)
{
	return (struct ouro_http1_limits){
		.head_bytes_max = 1 + (uint32_t)(seed % (len + 8)),
		.target_bytes_max = 1 + (uint32_t)(seed >> 16) % 64,
		.fields_max = 1 + (uint32_t)(seed >> 32) % 8,
		.body_bytes_max = (seed >> 48) % 1024,
	};
}

static void play(struct ouro_str input, const struct ouro_http1_limits *limits, size_t cut)
{
	bool ordinary = false;

	expect_none(both_ways(input, limits, &ordinary), input);
	expect_none(both_ways_cut(input, cut, limits), input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t seed = hash(data, len);
	struct ouro_http1_limits limits = tight(len, seed);
	size_t cut = (seed >> 24) % (len + 1);
	char *copy;

	if (len > INPUT_BYTES_MAX)
		return 0;
	/* Memory of its own, so that a byte read behind it is seen. */
	copy = malloc(len);
	if (!copy)
		return 0;
	memcpy(copy, data, len);
	play(ouro_str(copy, len), &roomy, cut);
	play(ouro_str(copy, len), &limits, cut);
	free(copy);
	return 0;
}
