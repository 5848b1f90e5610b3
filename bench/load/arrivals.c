/* What is due is not kept in a queue: all that are overdue follow from the first of them. */
#include "arrivals.h"

#include "summary.h"

#include <math.h>

enum { SEED = 1 };

/* Between 0, which is left out, and 1. */
static double uniform(uint64_t *random)
{
	return ((double)(summary_random(random) >> 11) + 1) / 9007199254740992.0;
}

static double gap(struct arrivals *arrivals)
{
	return arrivals->poisson ? -log(uniform(&arrivals->random)) * arrivals->gap_ns
				 : arrivals->gap_ns;
}

void arrivals_begin(struct arrivals *arrivals, double rate, bool poisson, uint64_t start_ns,
		    uint64_t len_ns)
{
	if (arrivals->random == 0)
		arrivals->random = SEED;
	arrivals->start_ns = start_ns;
	arrivals->end_ns = start_ns + len_ns;
	arrivals->gap_ns = 1e9 / rate;
	arrivals->poisson = poisson;
	arrivals->offset_ns = poisson ? gap(arrivals) : 0;
}

bool arrivals_next(const struct arrivals *arrivals, uint64_t *due_ns)
{
	*due_ns = arrivals->start_ns + (uint64_t)arrivals->offset_ns;
	return *due_ns < arrivals->end_ns;
}

void arrivals_advance(struct arrivals *arrivals)
{
	arrivals->offset_ns += gap(arrivals);
}
