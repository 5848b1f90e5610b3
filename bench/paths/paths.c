/* Which way a file should take to a socket: CPU time where it is in the page cache, and how long the
 * loop is held where it is not. All ways take turns, in a new random order each cycle; what is shown
 * are medians over the cycles, and ratios taken within one. */
#include "../load/summary.h"
#include "ways.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>

enum { LOOP_CPU = 0, PEER_CPU = 1, WAYS_MAX = 16, SIZE_COUNT = 5, CALLS = 2000, CYCLES_MAX = 1000 };

static const size_t sizes[SIZE_COUNT] = { 1024, 8192, 65536, 1 << 20, 64 << 20 };
static const char *const size_names[SIZE_COUNT] = { "1 KiB", "8 KiB", "64 KiB", "1 MiB", "64 MiB" };

struct sample {
	double cpu_us;     /* of all threads, the kernel's for the ring too; for one file */
	double wall_us;    /* until the other end has it */
	double blocked_us; /* the loop, in calls */
	double longest_us; /* a call */
};

/* For each way and size the samples of all cycles. */
struct table {
	const struct way *ways;
	size_t way_count;
	size_t cycle_count;
	struct sample *samples;
};

static struct {
	const char *dir;
	size_t cycle_count;
	uint64_t slice_ns;
	uint64_t random;
	FILE *out; /* JSON lines; NULL: none */
} opt = { ".", 20, 40000000, 1, NULL };

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "paths: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void check(const char *what, int err)
{
	if (err < 0)
		fail(what, err);
}

/* ---- Command line ---- */

static _Noreturn void usage(void)
{
	fputs("usage: paths [--dir DIRECTORY] [--cycles N] [--slice-ms N] [--seed N] [--quick]\n"
	      "             [--out FILE]\n"
	      "  --dir DIRECTORY  where the files are made; on a disk, or nothing is ever cold (.)\n"
	      "  --cycles N       each way has one slice in each (20)\n"
	      "  --slice-ms N     of a hot way; a cold one sends one file (40)\n"
	      "  --seed N         of the order (1)\n"
	      "  --quick          5 cycles, slices of 5 ms\n"
	      "  --out FILE       raw data, one JSON object per line\n",
	      stderr);
	exit(2);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < 1 || value > max)
		usage();
	return value;
}

static const struct option options[] = {
	{ "dir", required_argument, NULL, 'd' },
	{ "cycles", required_argument, NULL, 'n' },
	{ "slice-ms", required_argument, NULL, 'l' },
	{ "seed", required_argument, NULL, 'e' },
	{ "quick", no_argument, NULL, 'q' },
	{ "out", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static void parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			opt.dir = optarg;
			break;
		case 'n':
			opt.cycle_count = number(optarg, CYCLES_MAX);
			break;
		case 'l':
			opt.slice_ns = number(optarg, 10000) * 1000000;
			break;
		case 'e':
			opt.random = number(optarg, ~0ul);
			break;
		case 'q':
			opt.cycle_count = 5;
			opt.slice_ns = 5000000;
			break;
		case 'o':
			opt.out = fopen(optarg, "we");
			if (!opt.out)
				fail(optarg, -errno);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

static const char *file_system(const char *dir)
{
	static char number_text[24];
	struct statfs fs;

	if (statfs(dir, &fs))
		fail(dir, -errno);
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
		return "ext4";
	case XFS_SUPER_MAGIC:
		return "xfs";
	case BTRFS_SUPER_MAGIC:
		return "btrfs";
	case TMPFS_MAGIC:
		return "tmpfs";
	case OVERLAYFS_SUPER_MAGIC:
		return "overlay";
	}
	snprintf(number_text, sizeof(number_text), "0x%lx", (unsigned long)fs.f_type);
	return number_text;
}

static void show_setup(void)
{
	struct utsname os;

	uname(&os);
	printf("%s %s, compiler %s, files on %s, loop on CPU %d, other end on CPU %d, "
	       "%zu cycles\n",
	       os.sysname, os.release, __VERSION__, file_system(opt.dir), LOOP_CPU, PEER_CPU,
	       opt.cycle_count);
	if (opt.out)
		fprintf(opt.out,
			"{\"kind\":\"setup\",\"kernel\":\"%s\",\"compiler\":\"%s\","
			"\"file_system\":\"%s\",\"cycles\":%zu,\"slice_ms\":%llu,\"seed\":%llu}\n",
			os.release, __VERSION__, file_system(opt.dir), opt.cycle_count,
			(unsigned long long)(opt.slice_ns / 1000000),
			(unsigned long long)opt.random);
}

/* ---- Taking samples ---- */

static struct sample *sample_at(const struct table *table, size_t size, size_t way, size_t cycle)
{
	return &table->samples[(size * table->way_count + way) * table->cycle_count + cycle];
}

/* As many files as a slice has room for, each on a connection that is at rest, as a response usually
 * is. What the waiting costs is not counted; one reading of the clock is, with each file. */
static struct sample take_hot(struct rig *rig, const struct way *way)
{
	uint64_t start = rig_clock_ns(CLOCK_MONOTONIC);
	uint64_t cpu_sum = 0;
	double count = 0;

	do {
		uint64_t cpu = rig_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		check(way->name, way->send(rig, NULL));
		cpu_sum += rig_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		check(way->name, rig_catch_up(rig));
		count++;
	} while (rig_clock_ns(CLOCK_MONOTONIC) - start < opt.slice_ns);
	uint64_t wall = rig_clock_ns(CLOCK_MONOTONIC) - start;
	return (struct sample){ .cpu_us = (double)cpu_sum / 1e3 / count,
				.wall_us = (double)wall / 1e3 / count };
}

static struct sample take_cold(struct rig *rig, const struct way *way)
{
	struct meter meter = { 0 };

	check("evict", rig_evict(rig));
	uint64_t start = rig_clock_ns(CLOCK_MONOTONIC);
	uint64_t cpu = rig_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	check(way->name, way->send(rig, &meter));
	cpu = rig_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	check(way->name, rig_catch_up(rig));
	uint64_t wall = rig_clock_ns(CLOCK_MONOTONIC) - start;
	return (struct sample){ .cpu_us = (double)cpu / 1e3,
				.wall_us = (double)wall / 1e3,
				.blocked_us = (double)meter.blocked_ns / 1e3,
				.longest_us = (double)meter.longest_ns / 1e3 };
}

static void write_sample(const char *kind, size_t size, const struct way *way, size_t cycle,
			 const struct sample *sample)
{
	if (opt.out)
		fprintf(opt.out,
			"{\"kind\":\"%s\",\"bytes\":%zu,\"way\":\"%s\",\"cycle\":%zu,"
			"\"cpu_us\":%.3f,\"wall_us\":%.3f,\"blocked_us\":%.3f,"
			"\"longest_us\":%.3f}\n",
			kind, sizes[size], way->name, cycle, sample->cpu_us, sample->wall_us,
			sample->blocked_us, sample->longest_us);
}

static void take_cycle(struct rig *rig, const struct table *table, const char *kind, size_t size,
		       size_t cycle)
{
	size_t order[WAYS_MAX];
	bool cold = table->ways == ways_cold;

	for (size_t i = 0; i < table->way_count; i++) {
		size_t j = (summary_random(&opt.random) >> 11) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < table->way_count; i++) {
		const struct way *way = &table->ways[order[i]];
		struct sample *sample = sample_at(table, size, order[i], cycle);
		check("fcntl", rig_set_blocking(rig, way->blocking));
		*sample = cold ? take_cold(rig, way) : take_hot(rig, way);
		write_sample(kind, size, way, cycle, sample);
	}
	check("fcntl", rig_set_blocking(rig, false));
}

static struct table take_table(struct rig *rig, const struct way *ways, const char *kind)
{
	struct table table = { .ways = ways, .cycle_count = opt.cycle_count };

	while (ways[table.way_count].name)
		table.way_count++;
	table.samples =
		calloc(SIZE_COUNT * table.way_count * table.cycle_count, sizeof(*table.samples));
	if (!table.samples)
		fail("samples", -ENOMEM);
	for (size_t size = 0; size < SIZE_COUNT; size++) {
		check(opt.dir, rig_open_file(rig, opt.dir, sizes[size]));
		/* The first counts only as a rehearsal: it is overwritten. */
		take_cycle(rig, &table, "rehearsal", size, 0);
		for (size_t cycle = 0; cycle < table.cycle_count; cycle++)
			take_cycle(rig, &table, kind, size, cycle);
		rig_close_file(rig);
	}
	return table;
}

/* ---- Tables ---- */

static double get_cpu(const struct sample *sample)
{
	return sample->cpu_us;
}

static double get_wall(const struct sample *sample)
{
	return sample->wall_us;
}

static double get_blocked(const struct sample *sample)
{
	return sample->blocked_us;
}

static double get_longest(const struct sample *sample)
{
	return sample->longest_us;
}

static void show_head(const char *title)
{
	printf("\n%-26s", title);
	for (size_t size = 0; size < SIZE_COUNT; size++)
		printf("    %-22s", size_names[size]);
	putchar('\n');
}

static double quantile(const double *sorted, size_t count, double share)
{
	return sorted[(size_t)((double)(count - 1) * share + 0.5)];
}

/* Three digits that count, or all before the point. */
static int digits(double value)
{
	return value < 10 ? 2 : value < 100 ? 1 : 0;
}

/* Medians, and the middle half of the samples. */
static void show_table(const struct table *table, const char *title,
		       double (*get)(const struct sample *))
{
	double values[CYCLES_MAX];

	show_head(title);
	for (size_t way = 0; way < table->way_count; way++) {
		printf("%-26s", table->ways[way].name);
		for (size_t size = 0; size < SIZE_COUNT; size++) {
			for (size_t i = 0; i < table->cycle_count; i++)
				values[i] = get(sample_at(table, size, way, i));
			double median = summary_median(values, table->cycle_count);
			double low = quantile(values, table->cycle_count, 0.25);
			double high = quantile(values, table->cycle_count, 0.75);
			char range[32];
			snprintf(range, sizeof(range), "(%.*f - %.*f)", digits(low), low,
				 digits(high), high);
			printf(" %8.*f %-16s", digits(median), median, range);
		}
		putchar('\n');
	}
}

/* Of each way by the first, within each cycle. */
static void show_ratios(const struct table *table, const char *title)
{
	double values[CYCLES_MAX];

	show_head(title);
	for (size_t way = 1; way < table->way_count; way++) {
		printf("%-26s", table->ways[way].name);
		for (size_t size = 0; size < SIZE_COUNT; size++) {
			struct summary_interval ratio = { 0 };
			for (size_t i = 0; i < table->cycle_count; i++)
				values[i] = sample_at(table, size, way, i)->cpu_us /
					    sample_at(table, size, 0, i)->cpu_us;
			check("bootstrap",
			      summary_bootstrap(values, table->cycle_count, 1, &ratio));
			printf("    %5.3f [%5.3f - %5.3f] ", ratio.median, ratio.low, ratio.high);
		}
		putchar('\n');
	}
}

/* ---- Calls a server may have to make besides ---- */

static void probe(struct rig *rig)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };

	if (preadv2(rig->file, &iov, 1, 0, RWF_NOWAIT) < 0 && errno != EAGAIN)
		fail("preadv2", -errno);
}

static void toggle_by_fcntl(struct rig *rig)
{
	check("fcntl", rig_set_blocking(rig, false));
	check("fcntl", rig_set_blocking(rig, true));
}

static void toggle_by_ioctl(struct rig *rig)
{
	int on = 1;
	int off = 0;

	if (ioctl(rig->sock, FIONBIO, &on) || ioctl(rig->sock, FIONBIO, &off))
		fail("ioctl", -errno);
}

/* Where the page is missing each call needs the file evicted anew: the call itself may have made the
 * kernel read it. */
static void show_call(struct rig *rig, const char *name, void (*call)(struct rig *), bool cold)
{
	double values[CYCLES_MAX];
	int count = cold ? 1 : CALLS;

	for (size_t cycle = 0; cycle < opt.cycle_count; cycle++) {
		if (cold)
			check("evict", rig_evict(rig));
		uint64_t start = rig_clock_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < count; i++)
			call(rig);
		values[cycle] = (double)(rig_clock_ns(CLOCK_MONOTONIC) - start) / count;
		if (opt.out)
			fprintf(opt.out, "{\"kind\":\"call\",\"name\":\"%s\",\"ns\":%.1f}\n", name,
				values[cycle]);
	}
	double median = summary_median(values, opt.cycle_count);
	printf("%-44s %8.0f (%.0f - %.0f)\n", name, median, quantile(values, opt.cycle_count, 0.25),
	       quantile(values, opt.cycle_count, 0.75));
}

static void show_calls(struct rig *rig)
{
	check(opt.dir, rig_open_file(rig, opt.dir, sizes[SIZE_COUNT - 1]));
	printf("\nnanoseconds, median (middle half)\n");
	show_call(rig, "preadv2 of a byte, RWF_NOWAIT, page there", probe, false);
	show_call(rig, "the same, page not there", probe, true);
	show_call(rig, "O_NONBLOCK on and off, fcntl", toggle_by_fcntl, false);
	show_call(rig, "O_NONBLOCK on and off, FIONBIO", toggle_by_ioctl, false);
	check("fcntl", rig_set_blocking(rig, false));
	rig_close_file(rig);
}

int main(int argc, char **argv)
{
	struct rig rig;

	parse_options(argc, argv);
	show_setup();
	fflush(stdout);
	check("set-up", rig_init(&rig, LOOP_CPU, PEER_CPU));
	struct table hot = take_table(&rig, ways_hot, "hot");
	show_table(&hot, "cached: CPU, us per file", get_cpu);
	show_ratios(&hot, "cached: CPU by the first's");
	free(hot.samples);
	struct table cold = take_table(&rig, ways_cold, "cold");
	show_table(&cold, "not cached: all, us", get_wall);
	show_table(&cold, "loop blocked, us", get_blocked);
	show_table(&cold, "longest call, us", get_longest);
	show_table(&cold, "CPU, us", get_cpu);
	free(cold.samples);
	show_calls(&rig);
	rig_fini(&rig);
	if (opt.out && fclose(opt.out))
		fail("--out", -errno);
	return 0;
}
