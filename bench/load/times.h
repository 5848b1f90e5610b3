/* Many times, kept as how many there were of about each length. */
#ifndef OURO_BENCH_LOAD_TIMES_H
#define OURO_BENCH_LOAD_TIMES_H

#include <stdint.h>

enum {
	/* Cells of each power of two: what is read back is wrong by 1.6 % at most. */
	TIMES_CELL_BITS = 6,
	TIMES_CELLS = 1 << TIMES_CELL_BITS,
	/* From 18 minutes on all are as long. */
	TIMES_BITS_MAX = 40,
};

/* Zero is empty. */
struct times {
	uint64_t count;
	uint64_t longest_ns;
	uint64_t cells[TIMES_BITS_MAX - TIMES_CELL_BITS + 1][TIMES_CELLS];
};

void times_clear(struct times *times);
void times_add(struct times *times, uint64_t ns);
void times_add_all(struct times *times, const struct times *others);

/* The time that @share of all did not exceed; 0 if there are none. */
uint64_t times_quantile(const struct times *times, double share);

#endif
