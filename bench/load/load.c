/* ouro-load: drives several servers from one thread, one after the other in short slices and in a
 * new random order each cycle, and compares their CPU time per request within the cycle. On a
 * machine whose speed changes from second to second this shows differences of one per cent that
 * separate runs do not. */
#include "summary.h"
#include "target.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS_MAX = 16, PAIRS_MAX = 32, CYCLES_MAX = 10000 };

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
	uint64_t seed;
	FILE *out;                   /* JSON lines; NULL: none */
	struct target_slice *slices; /* [cycle][target] */
	struct target_ticks ticks[TARGETS_MAX];
};

static _Noreturn void usage(void)
{
	fputs("usage: ouro-load --server NAME=HOST:PORT,PID .. [--pair NAME/NAME ..]\n"
	      "  --mode keep-alive|close  a connection for all requests (default), or for one\n"
	      "  --connections N          at the same time, per server (64)\n"
	      "  --pipeline N             requests sent at once on a connection (1)\n"
	      "  --path PATH              what is asked for (/plaintext)\n"
	      "  --discard                bodies are counted and dropped, not compared\n"
	      "  --cycles N               a cycle is one slice per server (40)\n"
	      "  --warmup N               cycles before those that count (2)\n"
	      "  --slice-ms N             length of a slice (90)\n"
	      "  --seed N                 of the order of the slices (1)\n"
	      "  --out FILE               raw data and summary, one JSON object per line\n"
	      "The CPU time of a pair is compared within each cycle; its ratio is the median.\n",
	      stderr);
	exit(2);
}

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- Command line ---- */

static unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		usage();
	return value;
}

/* Cuts `NAME=HOST:PORT,PID`. The argument is the program's own to write to. */
static void add_server(struct load *load, char *arg)
{
	char *host = strchr(arg, '=');
	char *port = host ? strchr(host, ':') : NULL;
	char *pid = port ? strchr(port, ',') : NULL;

	if (!pid || load->target_count == TARGETS_MAX)
		usage();
	*host++ = '\0';
	*port++ = '\0';
	*pid++ = '\0';
	struct target_options *opt = &load->targets[load->target_count++];
	opt->name = arg;
	opt->host = host;
	opt->port = (uint16_t)number(port, 1, 65535);
	opt->pid = (pid_t)number(pid, 1, 1ul << 30);
}

static void add_pair(struct load *load, char *arg)
{
	char *b = strchr(arg, '/');

	if (!b || load->pair_count == PAIRS_MAX)
		usage();
	*b++ = '\0';
	load->pairs[load->pair_count++] = (struct pair){ arg, b };
}

static const struct option options[] = {
	{ "server", required_argument, NULL, 's' },
	{ "pair", required_argument, NULL, 'r' },
	{ "mode", required_argument, NULL, 'm' },
	{ "connections", required_argument, NULL, 'c' },
	{ "pipeline", required_argument, NULL, 'p' },
	{ "path", required_argument, NULL, 't' },
	{ "discard", no_argument, NULL, 'd' },
	{ "cycles", required_argument, NULL, 'n' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "slice-ms", required_argument, NULL, 'l' },
	{ "seed", required_argument, NULL, 'e' },
	{ "out", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static void parse_options(struct load *load, int argc, char **argv)
{
	struct target_options common = { .path = "/plaintext",
					 .connection_count = 64,
					 .pipeline = 1 };
	int option;

	*load = (struct load){
		.cycle_count = 40, .warmup_count = 2, .slice_ns = 90000000, .seed = 1
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			add_server(load, optarg);
			break;
		case 'r':
			add_pair(load, optarg);
			break;
		case 'm':
			common.close = !strcmp(optarg, "close");
			if (!common.close && strcmp(optarg, "keep-alive"))
				usage();
			break;
		case 'c':
			common.connection_count = (unsigned)number(optarg, 1, 10000);
			break;
		case 'p':
			common.pipeline = (unsigned)number(optarg, 1, 128);
			break;
		case 't':
			common.path = optarg;
			break;
		case 'd':
			common.discard = true;
			break;
		case 'n':
			load->cycle_count = (unsigned)number(optarg, 1, CYCLES_MAX);
			break;
		case 'w':
			load->warmup_count = (unsigned)number(optarg, 0, CYCLES_MAX);
			break;
		case 'l':
			load->slice_ns = number(optarg, 1, 10000) * 1000000;
			break;
		case 'e':
			load->seed = number(optarg, 1, ~0ul);
			break;
		case 'o':
			load->out = fopen(optarg, "we");
			if (!load->out)
				fail(optarg);
			break;
		default:
			usage();
		}
	}
	if (!load->target_count || optind != argc || (common.close && common.pipeline > 1) ||
	    (common.discard && (common.close || common.pipeline > 1)))
		usage();
	for (size_t i = 0; i < load->target_count; i++) {
		load->targets[i].path = common.path;
		load->targets[i].connection_count = common.connection_count;
		load->targets[i].pipeline = common.pipeline;
		load->targets[i].close = common.close;
		load->targets[i].discard = common.discard;
	}
}

/* ---- Cycles ---- */

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

static void write_slice(const struct load *load, unsigned cycle, size_t place, size_t index,
			const struct target_slice *slice)
{
	if (load->out)
		fprintf(load->out,
			"{\"kind\":\"slice\",\"cycle\":%u,\"place\":%zu,\"server\":\"%s\","
			"\"wall_ns\":%llu,\"cpu_ns\":%llu,\"requests\":%llu,\"errors\":%llu,"
			"\"reopened\":%llu}\n",
			cycle, place, load->targets[index].name, (unsigned long long)slice->wall_ns,
			(unsigned long long)slice->cpu_ns, (unsigned long long)slice->request_count,
			(unsigned long long)slice->error_count,
			(unsigned long long)slice->reopen_count);
}

/* False after an error: what was measured with it is worth nothing. */
static bool run_cycle(struct load *load, unsigned cycle, uint64_t *random)
{
	size_t order[TARGETS_MAX];
	bool counts = cycle >= load->warmup_count;

	shuffle(order, load->target_count, random);
	for (size_t place = 0; place < load->target_count; place++) {
		size_t index = order[place];
		struct target_slice slice;
		target_drive(load->open[index], load->slice_ns, &slice);
		if (slice.error_count) {
			fprintf(stderr, "%s: %llu errors in cycle %u; the run has failed\n",
				load->targets[index].name, (unsigned long long)slice.error_count,
				cycle);
			return false;
		}
		if (!counts)
			continue;
		unsigned counted = cycle - load->warmup_count;
		load->slices[counted * load->target_count + index] = slice;
		write_slice(load, counted, place, index, &slice);
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

static int run_cycles(struct load *load)
{
	uint64_t random = load->seed;

	for (unsigned cycle = 0; cycle < load->warmup_count; cycle++) {
		if (!run_cycle(load, cycle, &random))
			return -1;
	}
	take_ticks(load);
	for (unsigned cycle = 0; cycle < load->cycle_count; cycle++) {
		if (!run_cycle(load, load->warmup_count + cycle, &random))
			return -1;
	}
	take_ticks(load);
	return 0;
}

/* ---- Summary ---- */

static double cpu_us(const struct target_slice *slice)
{
	return (double)slice->cpu_ns / 1e3 / (double)slice->request_count;
}

static double rate(const struct target_slice *slice)
{
	return (double)slice->request_count / ((double)slice->wall_ns / 1e9);
}

static double busy(const struct target_slice *slice)
{
	return (double)slice->cpu_ns / (double)slice->wall_ns;
}

static double median_of(const struct load *load, size_t index, double *values,
			double (*what)(const struct target_slice *))
{
	for (size_t cycle = 0; cycle < load->cycle_count; cycle++)
		values[cycle] = what(&load->slices[cycle * load->target_count + index]);
	return summary_median(values, load->cycle_count);
}

static void summarise_server(const struct load *load, size_t index, double *values)
{
	double us = median_of(load, index, values, cpu_us);
	double per_s = median_of(load, index, values, rate);
	double share = median_of(load, index, values, busy);
	const struct target_ticks *ticks = &load->ticks[index];
	double all = (double)(ticks->user + ticks->system);
	double user = all > 0 ? (double)ticks->user / all : 0;
	const char *name = load->targets[index].name;
	unsigned long long reopened = 0;

	for (size_t cycle = 0; cycle < load->cycle_count; cycle++)
		reopened += load->slices[cycle * load->target_count + index].reopen_count;
	printf("%-20s %9.3f us/request  %9.0f requests/s  busy %4.2f  user %4.2f\n", name, us,
	       per_s, share, user);
	if (load->out)
		fprintf(load->out,
			"{\"kind\":\"server\",\"server\":\"%s\",\"cpu_us\":%.4f,\"rate\":%.3f,"
			"\"busy\":%.3f,\"user_share\":%.3f,\"reopened\":%llu,"
			"\"response_bytes\":%llu}\n",
			name, us, per_s, share, user, reopened,
			(unsigned long long)target_response_len(load->open[index]));
}

static size_t find_target(const struct load *load, const char *name)
{
	for (size_t i = 0; i < load->target_count; i++) {
		if (!strcmp(load->targets[i].name, name))
			return i;
	}
	fprintf(stderr, "--pair: there is no server %s\n", name);
	exit(2);
}

/* The ratio of @a to @b in what @what says of their slices, within each cycle. */
static struct summary_interval ratio_of(const struct load *load, size_t a, size_t b, double *values,
					double (*what)(const struct target_slice *))
{
	struct summary_interval ratio = { 0 };

	for (size_t cycle = 0; cycle < load->cycle_count; cycle++) {
		const struct target_slice *slices = &load->slices[cycle * load->target_count];
		values[cycle] = what(&slices[a]) / what(&slices[b]);
	}
	if (summary_bootstrap(values, load->cycle_count, load->seed, &ratio))
		fail("bootstrap");
	return ratio;
}

static void summarise_pair(const struct load *load, const struct pair *pair, double *values)
{
	size_t a = find_target(load, pair->a);
	size_t b = find_target(load, pair->b);
	struct summary_interval ratio = ratio_of(load, a, b, values, cpu_us);
	struct summary_interval rates = ratio_of(load, a, b, values, rate);

	printf("%s/%s  %.3f  [%.3f - %.3f]  rate %.3f  [%.3f - %.3f]\n", pair->a, pair->b,
	       ratio.median, ratio.low, ratio.high, rates.median, rates.low, rates.high);
	if (load->out)
		fprintf(load->out,
			"{\"kind\":\"pair\",\"a\":\"%s\",\"b\":\"%s\",\"ratio\":%.4f,"
			"\"low\":%.4f,\"high\":%.4f,\"rate_ratio\":%.4f,"
			"\"rate_low\":%.4f,\"rate_high\":%.4f}\n",
			pair->a, pair->b, ratio.median, ratio.low, ratio.high, rates.median,
			rates.low, rates.high);
}

static void summarise(const struct load *load)
{
	double *values = calloc(load->cycle_count, sizeof(*values));

	if (!values)
		fail("calloc");
	if (load->out)
		fprintf(load->out,
			"{\"kind\":\"setup\",\"compiler\":\"%s\",\"connections\":%u,"
			"\"pipeline\":%u,\"close\":%s,\"cycles\":%u,\"slice_ms\":%llu,"
			"\"seed\":%llu}\n",
			__VERSION__, load->targets[0].connection_count, load->targets[0].pipeline,
			load->targets[0].close ? "true" : "false", load->cycle_count,
			(unsigned long long)(load->slice_ns / 1000000),
			(unsigned long long)load->seed);
	for (size_t i = 0; i < load->target_count; i++)
		summarise_server(load, i, values);
	for (size_t i = 0; i < load->pair_count; i++)
		summarise_pair(load, &load->pairs[i], values);
	free(values);
}

int main(int argc, char **argv)
{
	struct load load;

	parse_options(&load, argc, argv);
	for (size_t i = 0; i < load.pair_count; i++) {
		find_target(&load, load.pairs[i].a);
		find_target(&load, load.pairs[i].b);
	}
	load.slices = calloc((size_t)load.cycle_count * load.target_count, sizeof(*load.slices));
	if (!load.slices)
		fail("calloc");
	bool ok = true;
	for (size_t i = 0; ok && i < load.target_count; i++) {
		load.open[i] = target_create(&load.targets[i]);
		ok = load.open[i] != NULL;
	}
	ok = ok && !run_cycles(&load);
	if (ok)
		summarise(&load);
	for (size_t i = 0; i < load.target_count; i++)
		target_destroy(load.open[i]);
	free(load.slices);
	if (load.out && fclose(load.out)) {
		perror("--out");
		ok = false;
	}
	return ok ? 0 : 1;
}
