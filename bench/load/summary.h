/* Medians, and how sure they are. */
#ifndef OURO_BENCH_LOAD_SUMMARY_H
#define OURO_BENCH_LOAD_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

/* A seeded source of random numbers (xorshift64*); @state must not be 0. */
uint64_t summary_random(uint64_t *state);

/* The median of @values; 0 if there are none. Sorts @values. */
double summary_median(double *values, size_t count);

struct summary_interval {
	double median;
	double low;
	double high;
};

/* The median of @values and its 95 % interval by bootstrap: the medians of samples drawn from the
 * values, with repetition. Assumes nothing of how they are distributed. Sorts @values. Returns
 * 0 or -ENOMEM. */
int summary_bootstrap(double *values, size_t count, uint64_t seed, struct summary_interval *out);

#endif
