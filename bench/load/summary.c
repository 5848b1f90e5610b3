/* Medians and bootstrap intervals. */
#include "summary.h"

#include <errno.h>
#include <stdlib.h>

enum { RESAMPLES = 2000 };

uint64_t summary_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(2685821657736338717);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double summary_median(double *values, size_t count)
{
	if (!count)
		return 0;
	qsort(values, count, sizeof(*values), compare_doubles);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

int summary_bootstrap(double *values, size_t count, uint64_t seed, struct summary_interval *out)
{
	double *sample = calloc(count + 1, sizeof(*sample));
	double *medians = calloc(RESAMPLES, sizeof(*medians));
	uint64_t state = seed | 1;
	int err = sample && medians ? 0 : -ENOMEM;

	for (size_t i = 0; !err && count && i < RESAMPLES; i++) {
		for (size_t j = 0; j < count; j++)
			sample[j] = values[(summary_random(&state) >> 11) % count];
		medians[i] = summary_median(sample, count);
	}
	if (!err) {
		out->median = summary_median(values, count);
		summary_median(medians, RESAMPLES);
		out->low = medians[RESAMPLES / 40];
		out->high = medians[RESAMPLES - 1 - RESAMPLES / 40];
	}
	free(sample);
	free(medians);
	return err;
}
