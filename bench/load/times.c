/* Times below TIMES_CELLS nanoseconds have a cell each, in row 0; each further row has those of
 * one power of two. */
#include "times.h"

#include <string.h>

void times_clear(struct times *times)
{
	memset(times, 0, sizeof(*times));
}

void times_add(struct times *times, uint64_t ns)
{
	uint64_t most = (UINT64_C(1) << TIMES_BITS_MAX) - 1;
	uint64_t value = ns < most ? ns : most;
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	unsigned row = bits > TIMES_CELL_BITS ? bits - TIMES_CELL_BITS : 0;

	/* From row 1 on the highest bit is set in all of a row, so it is not looked at. */
	if (row == 0)
		times->cells[0][value]++;
	else
		times->cells[row][(value >> (row - 1)) - TIMES_CELLS]++;
	times->count++;
	if (ns > times->longest_ns)
		times->longest_ns = ns;
}

void times_add_all(struct times *times, const struct times *others)
{
	for (size_t row = 0; row < sizeof(times->cells) / sizeof(times->cells[0]); row++)
		for (size_t cell = 0; cell < TIMES_CELLS; cell++)
			times->cells[row][cell] += others->cells[row][cell];
	times->count += others->count;
	if (others->longest_ns > times->longest_ns)
		times->longest_ns = others->longest_ns;
}

/* The longest time that cell @cell of row @row counts. */
static uint64_t longest_of(size_t row, uint64_t cell)
{
	return row == 0 ? cell : ((cell + TIMES_CELLS + 1) << (row - 1)) - 1;
}

uint64_t times_quantile(const struct times *times, double share)
{
	double exact = share * (double)times->count;
	uint64_t wanted = (uint64_t)exact + ((double)(uint64_t)exact < exact);
	uint64_t seen = 0;

	for (size_t row = 0; row < sizeof(times->cells) / sizeof(times->cells[0]); row++)
		for (size_t cell = 0; cell < TIMES_CELLS; cell++) {
			seen += times->cells[row][cell];
			if (seen && seen >= wanted) {
				uint64_t ns = longest_of(row, cell);
				return ns < times->longest_ns ? ns : times->longest_ns;
			}
		}
	return 0;
}
