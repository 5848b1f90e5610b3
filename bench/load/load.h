/* What a run of ouro-load is made of: its options, the targets, what each slice has brought. */
#ifndef OURO_BENCH_LOAD_LOAD_H
#define OURO_BENCH_LOAD_LOAD_H

#include "target.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TARGETS_MAX = 32,
	PAIRS_MAX = 128,
};

struct pair {
	const char *a; /* the ratio is a's CPU time per request ... */
	const char *b; /* ... to b's */
};

struct load {
	struct target_options targets[TARGETS_MAX];
	struct target *open[TARGETS_MAX];
	size_t target_count;
	struct pair pairs[PAIRS_MAX];
	size_t pair_count;
	unsigned cycle_count;
	unsigned warmup_count; /* cycles before those that count */
	uint64_t slice_ns;
	uint64_t cycle_ns; /* the least that one takes */
	uint64_t seed;
	FILE *out;                   /* JSON lines; NULL: none */
	struct target_slice *slices; /* [cycle][target] */
	struct target_ticks ticks[TARGETS_MAX];
	uint64_t errors[TARGETS_MAX][TARGET_ERROR_COUNT]; /* of the warm-up too */
};

/* Reads the command line. Ends the program with a message if it is wrong. */
void load_options_parse(struct load *load, int argc, char **argv);

/* Which target is called @name. Ends the program with a message if none is. */
size_t load_find_target(const struct load *load, const char *name);

/* A slice that counts, as a line of the file. */
void load_write_slice(const struct load *load, unsigned cycle, size_t place, size_t index);

/* What all slices say of servers and pairs, on stdout and in the file. */
void load_summarise(const struct load *load);

/* Ends the program after perror(). */
_Noreturn void load_fail(const char *what);

#endif
