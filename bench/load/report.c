/* What a run has brought: lines for people on stdout, JSON in the file. */
#include "load.h"
#include "summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a slice, or NAN where it says nothing of that. */
typedef double (*slice_value_fn)(const struct target_slice *slice);

static const char *const error_names[TARGET_ERROR_COUNT] = {
	[TARGET_ERROR_CONNECT] = "connect",
	[TARGET_ERROR_RESET] = "reset",
	[TARGET_ERROR_STALL] = "stall",
	[TARGET_ERROR_ANSWER] = "answer",
};

/* ---- Slices ---- */

static double cpu_us(const struct target_slice *slice)
{
	return slice->request_count ? (double)slice->cpu_ns / 1e3 / (double)slice->request_count
				    : NAN;
}

static double rate(const struct target_slice *slice)
{
	return slice->request_count ? (double)slice->request_count / ((double)slice->wall_ns / 1e9)
				    : NAN;
}

static double busy(const struct target_slice *slice)
{
	return (double)slice->cpu_ns / (double)slice->wall_ns;
}

static double all_us(const struct target_slice *slice)
{
	return (double)slice->all_ns / 1e3;
}

static double p50_us(const struct target_slice *slice)
{
	return slice->p50_ns ? (double)slice->p50_ns / 1e3 : NAN;
}

static double p99_us(const struct target_slice *slice)
{
	return slice->p99_ns ? (double)slice->p99_ns / 1e3 : NAN;
}

static double p999_us(const struct target_slice *slice)
{
	return slice->p999_ns ? (double)slice->p999_ns / 1e3 : NAN;
}

static bool is_open_loop(const struct load *load)
{
	return load->targets[0].rate > 0;
}

static const struct target_slice *slice_of(const struct load *load, size_t cycle, size_t index)
{
	return &load->slices[cycle * load->target_count + index];
}

void load_write_slice(const struct load *load, unsigned cycle, size_t place, size_t index)
{
	const struct target_slice *slice = slice_of(load, cycle, index);

	if (!load->out)
		return;
	fprintf(load->out,
		"{\"kind\":\"slice\",\"cycle\":%u,\"place\":%zu,\"server\":\"%s\","
		"\"wall_ns\":%llu,\"cpu_ns\":%llu,\"requests\":%llu,\"errors\":%llu,"
		"\"reopened\":%llu,\"connected\":%llu,\"all_ns\":%llu,\"p50_ns\":%llu,"
		"\"p99_ns\":%llu,\"p999_ns\":%llu,\"late\":%llu,\"unsent\":%llu}\n",
		cycle, place, load->targets[index].name, (unsigned long long)slice->wall_ns,
		(unsigned long long)slice->cpu_ns, (unsigned long long)slice->request_count,
		(unsigned long long)slice->error_count, (unsigned long long)slice->reopen_count,
		(unsigned long long)slice->connect_count, (unsigned long long)slice->all_ns,
		(unsigned long long)slice->p50_ns, (unsigned long long)slice->p99_ns,
		(unsigned long long)slice->p999_ns, (unsigned long long)slice->late_count,
		(unsigned long long)slice->unsent_count);
}

/* What @what says of the slices of a server, without those of which it says nothing. */
static size_t collect(const struct load *load, size_t index, double *values, slice_value_fn what)
{
	size_t count = 0;

	for (size_t cycle = 0; cycle < load->cycle_count; cycle++) {
		double value = what(slice_of(load, cycle, index));
		if (!isnan(value))
			values[count++] = value;
	}
	return count;
}

static double median_of(const struct load *load, size_t index, double *values, slice_value_fn what)
{
	size_t count = collect(load, index, values, what);

	return count ? summary_median(values, count) : NAN;
}

static struct summary_interval interval_of(const struct load *load, double *values, size_t count)
{
	struct summary_interval interval = { NAN, NAN, NAN };

	if (count && summary_bootstrap(values, count, load->seed, &interval))
		load_fail("bootstrap");
	return interval;
}

/* The ratio of @a to @b in what @what says of their slices, within each cycle. */
static struct summary_interval ratio_of(const struct load *load, size_t a, size_t b, double *values,
					slice_value_fn what)
{
	size_t count = 0;

	for (size_t cycle = 0; cycle < load->cycle_count; cycle++) {
		double ratio = what(slice_of(load, cycle, a)) / what(slice_of(load, cycle, b));
		if (!isnan(ratio))
			values[count++] = ratio;
	}
	return interval_of(load, values, count);
}

/* ---- Lines of the file ---- */

/* @name with a number, behind another one. */
static void write_number(FILE *out, const char *name, double value, int digits)
{
	if (isfinite(value))
		fprintf(out, ",\"%s\":%.*f", name, digits, value);
	else
		fprintf(out, ",\"%s\":null", name);
}

static void write_count(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

/* @prefix is "" or ends in what separates it. */
static void write_interval(FILE *out, const char *prefix, const char *median,
			   const struct summary_interval *interval)
{
	char low[32];
	char high[32];

	snprintf(low, sizeof(low), "%slow", prefix);
	snprintf(high, sizeof(high), "%shigh", prefix);
	write_number(out, median, interval->median, 4);
	write_number(out, low, interval->low, 4);
	write_number(out, high, interval->high, 4);
}

/* For curves: shares of all, in per cent, and the time that they did not exceed. */
static void write_quantiles(FILE *out, const struct times *times)
{
	static const double shares[] = { 10, 20, 30,   40, 50,   60,   70,    75,    80,
					 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999 };
	size_t count = sizeof(shares) / sizeof(shares[0]);

	fputs(",\"quantiles\":[", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s[%g,%.2f]", i ? "," : "", shares[i],
			(double)times_quantile(times, shares[i] / 100) / 1e3);
	fputc(']', out);
}

/* What was timed of a server, in the line that is being written. */
static void write_times(const struct load *load, size_t index, enum target_times which,
			const char *name)
{
	const struct times *times = target_times(load->open[index], which);

	if (!times->count)
		return;
	fprintf(load->out,
		",\"%s\":{\"loop\":\"%s\",\"count\":%llu,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,"
		"\"p999\":%.2f,\"max\":%.2f",
		name, is_open_loop(load) ? "open" : "closed", (unsigned long long)times->count,
		(double)times_quantile(times, 0.5) / 1e3, (double)times_quantile(times, 0.9) / 1e3,
		(double)times_quantile(times, 0.99) / 1e3,
		(double)times_quantile(times, 0.999) / 1e3, (double)times->longest_ns / 1e3);
	write_quantiles(load->out, times);
	fputc('}', load->out);
}

/* CPU time of the whole run but the warm-up, between slices too, by what was done in it. */
static void write_ticks(const struct load *load, size_t index, uint64_t requests)
{
	double us = 1e6 / (double)sysconf(_SC_CLK_TCK) / (requests ? (double)requests : NAN);

	write_number(load->out, "user_us", (double)load->ticks[index].user * us, 4);
	write_number(load->out, "system_us", (double)load->ticks[index].system * us, 4);
}

static void write_errors(const struct load *load, size_t index)
{
	const uint64_t *errors = load->errors[index];

	fputs(",\"errors\":{", load->out);
	for (size_t kind = 0; kind < TARGET_ERROR_COUNT; kind++)
		fprintf(load->out, "%s\"%s\":%llu", kind ? "," : "", error_names[kind],
			(unsigned long long)errors[kind]);
	fputc('}', load->out);
}

/* ---- A server ---- */

struct server_summary {
	double cpu_us;
	double rate;
	double busy;
	double user_share;
	struct summary_interval p50;
	struct summary_interval p99; /* of slices: how much they differ */
	struct summary_interval p999;
	struct target_slice all; /* counts alone */
	size_t empty_count;      /* slices without an answer */
};

static void add_slice(struct server_summary *summary, const struct target_slice *slice)
{
	summary->all.request_count += slice->request_count;
	summary->all.reopen_count += slice->reopen_count;
	summary->all.connect_count += slice->connect_count;
	summary->all.late_count += slice->late_count;
	summary->all.unsent_count += slice->unsent_count;
	summary->empty_count += slice->request_count == 0;
}

static void summarise_slices(const struct load *load, size_t index, double *values,
			     struct server_summary *out)
{
	double user = (double)load->ticks[index].user;
	double all = user + (double)load->ticks[index].system;

	*out = (struct server_summary){
		.cpu_us = median_of(load, index, values, cpu_us),
		.rate = median_of(load, index, values, rate),
		.busy = median_of(load, index, values, busy),
		.user_share = all > 0 ? user / all : 0,
	};
	out->p50 = interval_of(load, values, collect(load, index, values, p50_us));
	out->p99 = interval_of(load, values, collect(load, index, values, p99_us));
	out->p999 = interval_of(load, values, collect(load, index, values, p999_us));
	for (size_t cycle = 0; cycle < load->cycle_count; cycle++)
		add_slice(out, slice_of(load, cycle, index));
}

static void write_server(const struct load *load, size_t index,
			 const struct server_summary *summary)
{
	const struct target_options *opt = &load->targets[index];
	FILE *out = load->out;

	fprintf(out, "{\"kind\":\"server\",\"server\":\"%s\"", opt->name);
	write_number(out, "cpu_us", summary->cpu_us, 4);
	write_number(out, "rate", summary->rate, 3);
	write_number(out, "busy", summary->busy, 3);
	write_number(out, "user_share", summary->user_share, 3);
	write_count(out, "requests", summary->all.request_count);
	write_count(out, "reopened", summary->all.reopen_count);
	write_count(out, "response_bytes", target_response_len(load->open[index]));
	write_ticks(load, index, summary->all.request_count);
	write_errors(load, index);
	write_count(out, "empty_slices", summary->empty_count);
	if (opt->kind == TARGET_HTTP) {
		write_count(out, "connected", summary->all.connect_count);
		write_times(load, index, TARGET_TIMES_MESSAGE, "times");
		write_interval(out, "slice_p50_", "slice_p50", &summary->p50);
		write_interval(out, "slice_p99_", "slice_p99", &summary->p99);
		write_interval(out, "slice_p999_", "slice_p999", &summary->p999);
	} else {
		write_times(load, index, TARGET_TIMES_MESSAGE, "message_us");
		write_times(load, index, TARGET_TIMES_ALL, "all_us");
	}
	if (is_open_loop(load)) {
		write_times(load, index, TARGET_TIMES_LAG, "lag");
		write_number(out, "rate_wanted", opt->rate, 3);
		write_count(out, "late", summary->all.late_count);
		write_count(out, "unsent", summary->all.unsent_count);
	}
	fputs("}\n", out);
}

static void print_times(const struct load *load, size_t index, const struct server_summary *summary)
{
	const struct times *times = target_times(load->open[index], TARGET_TIMES_MESSAGE);
	const struct times *lag = target_times(load->open[index], TARGET_TIMES_LAG);

	if (!times->count)
		return;
	printf("  %s loop: p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  most %.1f us\n",
	       is_open_loop(load) ? "open" : "closed", (double)times_quantile(times, 0.5) / 1e3,
	       (double)times_quantile(times, 0.9) / 1e3, (double)times_quantile(times, 0.99) / 1e3,
	       (double)times_quantile(times, 0.999) / 1e3, (double)times->longest_ns / 1e3);
	if (is_open_loop(load))
		printf("  %.0f of %.0f requests/s; %llu sent behind the end of a slice, %llu "
		       "never; of it all the load's own lag: p50 %.1f  p99 %.1f us\n",
		       summary->rate, load->targets[index].rate,
		       (unsigned long long)summary->all.late_count,
		       (unsigned long long)summary->all.unsent_count,
		       (double)times_quantile(lag, 0.5) / 1e3,
		       (double)times_quantile(lag, 0.99) / 1e3);
}

static void print_errors(const struct load *load, size_t index)
{
	const uint64_t *errors = load->errors[index];
	uint64_t all = 0;

	for (size_t kind = 0; kind < TARGET_ERROR_COUNT; kind++)
		all += errors[kind];
	if (!all)
		return;
	printf("  %llu errors:", (unsigned long long)all);
	for (size_t kind = 0; kind < TARGET_ERROR_COUNT; kind++)
		printf(" %s %llu", error_names[kind], (unsigned long long)errors[kind]);
	putchar('\n');
}

static void summarise_server(const struct load *load, size_t index, double *values)
{
	struct server_summary summary;

	summarise_slices(load, index, values, &summary);
	printf("%-20s %9.3f us/request  %9.0f requests/s  busy %4.2f  user %4.2f\n",
	       load->targets[index].name, summary.cpu_us, summary.rate, summary.busy,
	       summary.user_share);
	if (summary.empty_count)
		printf("  %zu of %u slices brought no answer and are left out\n",
		       summary.empty_count, load->cycle_count);
	print_times(load, index, &summary);
	print_errors(load, index);
	if (load->out)
		write_server(load, index, &summary);
}

/* ---- Pairs ---- */

size_t load_find_target(const struct load *load, const char *name)
{
	for (size_t i = 0; i < load->target_count; i++) {
		if (!strcmp(load->targets[i].name, name))
			return i;
	}
	fprintf(stderr, "--pair: there is no server %s\n", name);
	exit(2);
}

/* Of times that are there for some kinds of servers only, in the line that is being written. */
static void write_time_ratios(const struct load *load, size_t a, size_t b, double *values)
{
	struct summary_interval ratio;

	if (load->targets[0].kind == TARGET_BROADCAST) {
		ratio = ratio_of(load, a, b, values, all_us);
		write_interval(load->out, "all_", "all_ratio", &ratio);
	}
	if (load->targets[0].kind != TARGET_HTTP)
		return;
	ratio = ratio_of(load, a, b, values, p50_us);
	write_interval(load->out, "p50_", "p50_ratio", &ratio);
	ratio = ratio_of(load, a, b, values, p99_us);
	write_interval(load->out, "p99_", "p99_ratio", &ratio);
	ratio = ratio_of(load, a, b, values, p999_us);
	write_interval(load->out, "p999_", "p999_ratio", &ratio);
}

static void summarise_pair(const struct load *load, const struct pair *pair, double *values)
{
	size_t a = load_find_target(load, pair->a);
	size_t b = load_find_target(load, pair->b);
	struct summary_interval ratio = ratio_of(load, a, b, values, cpu_us);
	struct summary_interval rates = ratio_of(load, a, b, values, rate);

	printf("%s/%s  %.3f  [%.3f - %.3f]  rate %.3f  [%.3f - %.3f]\n", pair->a, pair->b,
	       ratio.median, ratio.low, ratio.high, rates.median, rates.low, rates.high);
	if (!load->out)
		return;
	fprintf(load->out, "{\"kind\":\"pair\",\"a\":\"%s\",\"b\":\"%s\"", pair->a, pair->b);
	write_interval(load->out, "", "ratio", &ratio);
	write_interval(load->out, "rate_", "rate_ratio", &rates);
	write_time_ratios(load, a, b, values);
	fputs("}\n", load->out);
}

static void write_setup(const struct load *load)
{
	const struct target_options *opt = &load->targets[0];

	fprintf(load->out,
		"{\"kind\":\"setup\",\"compiler\":\"%s\",\"connections\":%u,\"pipeline\":%u,"
		"\"close\":%s,\"cycles\":%u,\"slice_ms\":%llu,\"seed\":%llu,\"loop\":\"%s\"",
		__VERSION__, opt->connection_count, opt->pipeline, opt->close ? "true" : "false",
		load->cycle_count, (unsigned long long)(load->slice_ns / 1000000),
		(unsigned long long)load->seed, is_open_loop(load) ? "open" : "closed");
	if (opt->requests_per_connection) {
		write_count(load->out, "requests_per_connection", opt->requests_per_connection);
		fprintf(load->out, ",\"ended_by\":\"%s\"", opt->reset ? "RST" : "FIN");
	}
	fputs("}\n", load->out);
}

void load_summarise(const struct load *load)
{
	double *values = calloc(load->cycle_count, sizeof(*values));

	if (!values)
		load_fail("calloc");
	if (load->out)
		write_setup(load);
	for (size_t i = 0; i < load->target_count; i++)
		summarise_server(load, i, values);
	for (size_t i = 0; i < load->pair_count; i++)
		summarise_pair(load, &load->pairs[i], values);
	free(values);
}
