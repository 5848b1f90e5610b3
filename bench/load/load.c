/* ouro-load: drives several servers from one thread, one after the other in short slices and in a
 * new random order each cycle, and compares their CPU time per request within the cycle. On a
 * machine whose speed changes from second to second this shows differences of one per cent that
 * separate runs do not. */
#include "summary.h"
#include "target.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	TARGETS_MAX = 16,
	PAIRS_MAX = 32,
	CYCLES_MAX = 10000,
	CONNECTIONS_MAX = 20000,
	STREAMS_HALF = CONNECTIONS_MAX + 1,
	/* A broadcast message begins with its number, and is a line of an event stream. */
	BROADCAST_BYTES_MIN = 20,
	BROADCAST_BYTES_MAX = 240,
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
};

static _Noreturn void usage(void)
{
	fputs("usage: ouro-load --server NAME=HOST:PORT,PID .. [--pair NAME/NAME ..]\n"
	      "  --mode keep-alive|close  a connection for all requests (default), or for one\n"
	      "  --mode ws                WebSocket messages, which are to come back\n"
	      "  --mode broadcast         messages to all subscribers of a topic\n"
	      "  --connections N          at the same time, per server (64)\n"
	      "  --pipeline N             requests or messages at once on a connection, messages\n"
	      "                           at once on their way to a topic (1)\n"
	      "  --path PATH              what is asked for (/plaintext; /ws/echo)\n"
	      "  --message-bytes N        ws, broadcast: of a message (64)\n"
	      "  --text                   ws: messages are text, not binary\n"
	      "  --streams N              broadcast: subscribers that are event streams (half)\n"
	      "  --publishes N            broadcast: messages of a slice (3)\n"
	      "  --discard                bodies are counted and dropped, not compared\n"
	      "  --cycles N               a cycle is one slice per server (40)\n"
	      "  --warmup N               cycles before those that count (2)\n"
	      "  --slice-ms N             length of a slice (90)\n"
	      "  --cycle-ms N             a cycle takes so long at least (0)\n"
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

enum {
	OPTION_SERVER = 1,
	OPTION_PAIR,
	OPTION_MODE,
	OPTION_CONNECTIONS,
	OPTION_PIPELINE,
	OPTION_PATH,
	OPTION_DISCARD,
	OPTION_MESSAGE_BYTES,
	OPTION_TEXT,
	OPTION_STREAMS,
	OPTION_PUBLISHES,
	OPTION_CYCLES,
	OPTION_WARMUP,
	OPTION_SLICE_MS,
	OPTION_CYCLE_MS,
	OPTION_SEED,
	OPTION_OUT,
};

static const struct option options[] = {
	{ "server", required_argument, NULL, OPTION_SERVER },
	{ "pair", required_argument, NULL, OPTION_PAIR },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "pipeline", required_argument, NULL, OPTION_PIPELINE },
	{ "path", required_argument, NULL, OPTION_PATH },
	{ "discard", no_argument, NULL, OPTION_DISCARD },
	{ "message-bytes", required_argument, NULL, OPTION_MESSAGE_BYTES },
	{ "text", no_argument, NULL, OPTION_TEXT },
	{ "streams", required_argument, NULL, OPTION_STREAMS },
	{ "publishes", required_argument, NULL, OPTION_PUBLISHES },
	{ "cycles", required_argument, NULL, OPTION_CYCLES },
	{ "warmup", required_argument, NULL, OPTION_WARMUP },
	{ "slice-ms", required_argument, NULL, OPTION_SLICE_MS },
	{ "cycle-ms", required_argument, NULL, OPTION_CYCLE_MS },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ NULL, 0, NULL, 0 },
};

static void set_mode(struct target_options *common, const char *mode)
{
	common->close = !strcmp(mode, "close");
	if (!strcmp(mode, "ws"))
		common->kind = TARGET_ECHO;
	else if (!strcmp(mode, "broadcast"))
		common->kind = TARGET_BROADCAST;
	else if (!common->close && strcmp(mode, "keep-alive"))
		usage();
}

/* An option of all servers; false: it is none. */
static bool set_common(struct target_options *common, int option)
{
	switch (option) {
	case OPTION_MODE:
		set_mode(common, optarg);
		return true;
	case OPTION_CONNECTIONS:
		common->connection_count = (unsigned)number(optarg, 1, CONNECTIONS_MAX);
		return true;
	case OPTION_PIPELINE:
		common->pipeline = (unsigned)number(optarg, 1, 128);
		return true;
	case OPTION_PATH:
		common->path = optarg;
		return true;
	case OPTION_DISCARD:
		common->discard = true;
		return true;
	case OPTION_MESSAGE_BYTES:
		common->message_bytes = (unsigned)number(optarg, 1, 1 << 20);
		return true;
	case OPTION_TEXT:
		common->text = true;
		return true;
	case OPTION_STREAMS:
		common->stream_count = (unsigned)number(optarg, 0, CONNECTIONS_MAX);
		return true;
	case OPTION_PUBLISHES:
		common->publish_count = (unsigned)number(optarg, 1, 10000);
		return true;
	default:
		return false;
	}
}

static void set_load(struct load *load, int option)
{
	switch (option) {
	case OPTION_SERVER:
		add_server(load, optarg);
		break;
	case OPTION_PAIR:
		add_pair(load, optarg);
		break;
	case OPTION_CYCLES:
		load->cycle_count = (unsigned)number(optarg, 1, CYCLES_MAX);
		break;
	case OPTION_WARMUP:
		load->warmup_count = (unsigned)number(optarg, 0, CYCLES_MAX);
		break;
	case OPTION_SLICE_MS:
		load->slice_ns = number(optarg, 1, 10000) * 1000000;
		break;
	case OPTION_CYCLE_MS:
		load->cycle_ns = number(optarg, 0, 60000) * 1000000;
		break;
	case OPTION_SEED:
		load->seed = number(optarg, 1, ~0ul);
		break;
	case OPTION_OUT:
		load->out = fopen(optarg, "we");
		if (!load->out)
			fail(optarg);
		break;
	default:
		usage();
	}
}

/* Whether @common makes sense; what was left out is filled in. */
static bool complete_common(struct target_options *common)
{
	bool http = common->kind == TARGET_HTTP;

	if (!common->path)
		common->path = http ? "/plaintext" : "/ws/echo";
	if (common->stream_count == STREAMS_HALF)
		common->stream_count = common->connection_count / 2;
	if (common->kind == TARGET_BROADCAST && (common->message_bytes < BROADCAST_BYTES_MIN ||
						 common->message_bytes > BROADCAST_BYTES_MAX ||
						 common->stream_count > common->connection_count))
		return false;
	return !(common->close && common->pipeline > 1) &&
	       !(common->discard && (!http || common->close || common->pipeline > 1));
}

static void parse_options(struct load *load, int argc, char **argv)
{
	struct target_options common = { .connection_count = 64,
					 .pipeline = 1,
					 .message_bytes = 64,
					 .stream_count = STREAMS_HALF,
					 .publish_count = 3 };
	int option;

	*load = (struct load){
		.cycle_count = 40, .warmup_count = 2, .slice_ns = 90000000, .seed = 1
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!set_common(&common, option))
			set_load(load, option);
	if (!load->target_count || optind != argc || !complete_common(&common))
		usage();
	for (size_t i = 0; i < load->target_count; i++) {
		const struct target_options named = load->targets[i];
		load->targets[i] = common;
		load->targets[i].name = named.name;
		load->targets[i].host = named.host;
		load->targets[i].port = named.port;
		load->targets[i].pid = named.pid;
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
			"\"reopened\":%llu,\"all_ns\":%llu}\n",
			cycle, place, load->targets[index].name, (unsigned long long)slice->wall_ns,
			(unsigned long long)slice->cpu_ns, (unsigned long long)slice->request_count,
			(unsigned long long)slice->error_count,
			(unsigned long long)slice->reopen_count, (unsigned long long)slice->all_ns);
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

static double all_us(const struct target_slice *slice)
{
	return (double)slice->all_ns / 1e3;
}

static double median_of(const struct load *load, size_t index, double *values,
			double (*what)(const struct target_slice *))
{
	for (size_t cycle = 0; cycle < load->cycle_count; cycle++)
		values[cycle] = what(&load->slices[cycle * load->target_count + index]);
	return summary_median(values, load->cycle_count);
}

/* What was timed of the messages of a server, in the line that is being written. */
static void write_times(const struct load *load, size_t index, enum target_times which,
			const char *name)
{
	const struct times *times = target_times(load->open[index], which);

	if (!times->count)
		return;
	fprintf(load->out,
		",\"%s\":{\"count\":%llu,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,"
		"\"p999\":%.2f,\"max\":%.2f}",
		name, (unsigned long long)times->count, (double)times_quantile(times, 0.5) / 1e3,
		(double)times_quantile(times, 0.9) / 1e3, (double)times_quantile(times, 0.99) / 1e3,
		(double)times_quantile(times, 0.999) / 1e3, (double)times->longest_ns / 1e3);
}

/* CPU time of the whole run but the warm-up, between slices too, by what was done in it. */
static void write_ticks(const struct load *load, size_t index, unsigned long long requests)
{
	double us = 1e6 / (double)sysconf(_SC_CLK_TCK) / (double)requests;

	fprintf(load->out, ",\"user_us\":%.4f,\"system_us\":%.4f",
		(double)load->ticks[index].user * us, (double)load->ticks[index].system * us);
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
	unsigned long long reopened = 0, requests = 0;

	for (size_t cycle = 0; cycle < load->cycle_count; cycle++) {
		reopened += load->slices[cycle * load->target_count + index].reopen_count;
		requests += load->slices[cycle * load->target_count + index].request_count;
	}
	printf("%-20s %9.3f us/request  %9.0f requests/s  busy %4.2f  user %4.2f\n", name, us,
	       per_s, share, user);
	if (!load->out)
		return;
	fprintf(load->out,
		"{\"kind\":\"server\",\"server\":\"%s\",\"cpu_us\":%.4f,\"rate\":%.3f,"
		"\"busy\":%.3f,\"user_share\":%.3f,\"requests\":%llu,\"reopened\":%llu,"
		"\"response_bytes\":%llu",
		name, us, per_s, share, user, requests, reopened,
		(unsigned long long)target_response_len(load->open[index]));
	write_ticks(load, index, requests);
	write_times(load, index, TARGET_TIMES_MESSAGE, "message_us");
	write_times(load, index, TARGET_TIMES_ALL, "all_us");
	fputs("}\n", load->out);
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

/* Of the time until all subscribers have a message, in the line that is being written. */
static void write_all_ratio(const struct load *load, size_t a, size_t b, double *values)
{
	if (load->targets[0].kind != TARGET_BROADCAST)
		return;
	struct summary_interval ratio = ratio_of(load, a, b, values, all_us);
	fprintf(load->out, ",\"all_ratio\":%.4f,\"all_low\":%.4f,\"all_high\":%.4f", ratio.median,
		ratio.low, ratio.high);
}

static void summarise_pair(const struct load *load, const struct pair *pair, double *values)
{
	size_t a = find_target(load, pair->a);
	size_t b = find_target(load, pair->b);
	struct summary_interval ratio = ratio_of(load, a, b, values, cpu_us);
	struct summary_interval rates = ratio_of(load, a, b, values, rate);

	printf("%s/%s  %.3f  [%.3f - %.3f]  rate %.3f  [%.3f - %.3f]\n", pair->a, pair->b,
	       ratio.median, ratio.low, ratio.high, rates.median, rates.low, rates.high);
	if (!load->out)
		return;
	fprintf(load->out,
		"{\"kind\":\"pair\",\"a\":\"%s\",\"b\":\"%s\",\"ratio\":%.4f,"
		"\"low\":%.4f,\"high\":%.4f,\"rate_ratio\":%.4f,"
		"\"rate_low\":%.4f,\"rate_high\":%.4f",
		pair->a, pair->b, ratio.median, ratio.low, ratio.high, rates.median, rates.low,
		rates.high);
	write_all_ratio(load, a, b, values);
	fputs("}\n", load->out);
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
