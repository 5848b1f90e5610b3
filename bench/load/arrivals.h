/* When the requests of an open loop are due: at a rate of its own, whatever the server does. */
#ifndef OURO_BENCH_LOAD_ARRIVALS_H
#define OURO_BENCH_LOAD_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

struct arrivals {
	uint64_t start_ns;
	uint64_t end_ns; /* nothing is due from then on */
	double offset_ns;
	double gap_ns; /* the mean */
	bool poisson;
	uint64_t random;
};

/* @rate a second from @start_ns on, for @len_ns; equally far apart, or with exponential gaps where
 * @poisson. Goes on with the random numbers it has had. */
void arrivals_begin(struct arrivals *arrivals, double rate, bool poisson, uint64_t start_ns,
		    uint64_t len_ns);

/* When the next one is due: that has been or is to come. False if there is none any more. */
bool arrivals_next(const struct arrivals *arrivals, uint64_t *due_ns);

/* On to the one behind it. */
void arrivals_advance(struct arrivals *arrivals);

#endif
