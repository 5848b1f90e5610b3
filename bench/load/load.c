/* ouro-load: drives several servers from one thread, one after the other in short slices and in a
 * new random order each cycle, and compares their CPU time per request within the cycle. On a
 * machine whose speed changes from second to second this shows differences of one per cent that
 * separate runs do not. */
#include "load.h"
#include "summary.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

void load_fail(const char *what)
{
	perror(what);
	exit(1);
}

static void shuffle(size_t *order, size_t count, uint64_t *random)
{
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	for (size_t i = count; i > 1; i--) {
		size_t j = (summary_random(random) >> 11) % i;
		size_t other = order[i - 1];
		order[i - 1] = order[j];
		order[j] = other;
	}
}

/* False after an error that is not tolerated: what was measured with it is worth nothing. */
static bool run_cycle(struct load *load, unsigned cycle, uint64_t *random)
{
	size_t order[TARGETS_MAX];
	bool counts = cycle >= load->warmup_count;

	shuffle(order, load->target_count, random);
	for (size_t place = 0; place < load->target_count; place++) {
		size_t index = order[place];
		struct target_slice slice;
		target_drive(load->open[index], load->slice_ns, &slice);
		for (size_t kind = 0; kind < TARGET_ERROR_COUNT; kind++)
			load->errors[index][kind] += slice.errors[kind];
		if (slice.error_count && !load->targets[index].tolerate) {
			fprintf(stderr, "%s: %llu errors in cycle %u; the run has failed\n",
				load->targets[index].name, (unsigned long long)slice.error_count,
				cycle);
			return false;
		}
		if (!counts)
			continue;
		unsigned counted = cycle - load->warmup_count;
		load->slices[counted * load->target_count + index] = slice;
		load_write_slice(load, counted, place, index);
	}
	return true;
}

/* The ticks since the last call. */
static void take_ticks(struct load *load)
{
	for (size_t i = 0; i < load->target_count; i++) {
		struct target_ticks now = { 0 };
		if (target_ticks(load->open[i], &now))
			fprintf(stderr, "%s: no user and system time\n", load->targets[i].name);
		load->ticks[i].user = now.user - load->ticks[i].user;
		load->ticks[i].system = now.system - load->ticks[i].system;
	}
}

static void wait_until(const struct timespec *start, uint64_t ns)
{
	uint64_t end = (uint64_t)start->tv_nsec + ns;
	struct timespec until = { start->tv_sec + (time_t)(end / 1000000000),
				  (long)(end % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static int run_cycles(struct load *load)
{
	unsigned count = load->warmup_count + load->cycle_count;
	uint64_t random = load->seed;

	for (unsigned cycle = 0; cycle < count; cycle++) {
		struct timespec start;
		if (cycle == load->warmup_count) {
			take_ticks(load);
			for (size_t i = 0; i < load->target_count; i++)
				target_forget_times(load->open[i]);
		}
		clock_gettime(CLOCK_MONOTONIC, &start);
		if (!run_cycle(load, cycle, &random))
			return -1;
		wait_until(&start, load->cycle_ns);
	}
	take_ticks(load);
	return 0;
}

int main(int argc, char **argv)
{
	struct load load;

	load_options_parse(&load, argc, argv);
	for (size_t i = 0; i < load.pair_count; i++) {
		load_find_target(&load, load.pairs[i].a);
		load_find_target(&load, load.pairs[i].b);
	}
	load.slices = calloc((size_t)load.cycle_count * load.target_count, sizeof(*load.slices));
	if (!load.slices)
		load_fail("calloc");
	bool ok = true;
	for (size_t i = 0; ok && i < load.target_count; i++) {
		load.open[i] = target_create(&load.targets[i]);
		ok = load.open[i] != NULL;
	}
	ok = ok && !run_cycles(&load);
	if (ok)
		load_summarise(&load);
	for (size_t i = 0; i < load.target_count; i++)
		target_destroy(load.open[i]);
	free(load.slices);
	if (load.out && fclose(load.out)) {
		perror("--out");
		ok = false;
	}
	return ok ? 0 : 1;
}
