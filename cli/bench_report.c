/* What `ouro bench` has measured: medians and how far the runs lie apart, as a table or as JSON. */
#include "cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <yyjson.h>

/* A server that rests for longer than a tenth of the time is not the limit. */
#define BUSY_MIN 0.9

/* Of the runs of one setting on one backend, or of the ratios of pairs. */
struct summary {
	double median, least, most;
};

enum figure { RATE, CPU, USER, SYSTEM, BUSY, LATENCY_LOW, LATENCY_HIGH, FIGURE_COUNT };

static const char *const figure_names[FIGURE_COUNT] = {
	[RATE] = "requests_per_s",
	[CPU] = "cpu_us_per_request",
	[USER] = "user_us_per_request",
	[SYSTEM] = "system_us_per_request",
	[BUSY] = "busy",
};

static const char *const latency_names[BENCH_TOOL_COUNT][2] = {
	[BENCH_WRK] = { "p50", "p99" },
	[BENCH_H2LOAD] = { "mean", "max" },
};

static double figure_of(const struct bench_results *results, const struct bench_run *run,
			enum figure figure)
{
	double cpu_s = run->user_s + run->system_s;

	switch (figure) {
	case RATE:
		return run->rate;
	case CPU:
		return cpu_s * 1e6 / run->requests;
	case USER:
		return run->user_s * 1e6 / run->requests;
	case SYSTEM:
		return run->system_s * 1e6 / run->requests;
	case BUSY:
		return cpu_s * run->rate / run->requests / results->options.threads;
	case LATENCY_LOW:
		return run->latency_us[0];
	case LATENCY_HIGH:
		return run->latency_us[1];
	case FIGURE_COUNT:
		break;
	}
	abort();
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sorts @values (1 or more). */
static struct summary summarise(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return (struct summary){
		.median = (values[(count - 1) / 2] + values[count / 2]) / 2,
		.least = values[0],
		.most = values[count - 1],
	};
}

static struct summary summary_of(const struct bench_results *results, int setting, int backend,
				 enum figure figure)
{
	double values[BENCH_ROUNDS_MAX];

	for (uint32_t i = 0; i < results->options.rounds; i++)
		values[i] = figure_of(results, &results->runs[setting][backend][i], figure);
	return summarise(values, results->options.rounds);
}

/* Of io_uring to epoll, round by round. */
static struct summary ratio_of(const struct bench_results *results, int setting, enum figure figure)
{
	double values[BENCH_ROUNDS_MAX];

	for (uint32_t i = 0; i < results->options.rounds; i++)
		values[i] = figure_of(results, &results->runs[setting][BENCH_URING][i], figure) /
			    figure_of(results, &results->runs[setting][BENCH_EPOLL][i], figure);
	return summarise(values, results->options.rounds);
}

static bool has_ratio(const struct bench_results *results)
{
	return results->measured[BENCH_URING] && results->measured[BENCH_EPOLL];
}

static double errors_of(const struct bench_results *results, int setting, int backend)
{
	double sum = 0;

	for (uint32_t i = 0; i < results->options.rounds; i++)
		sum += results->runs[setting][backend][i].errors;
	return sum;
}

/* Whether the server had a CPU to itself and did not need all of it. */
static bool client_is_limit(const struct bench_results *results, int setting, int backend)
{
	return results->pinned && summary_of(results, setting, backend, BUSY).median < BUSY_MIN;
}

double bench_error_count(const struct bench_results *results)
{
	double sum = 0;

	for (int i = 0; i < BENCH_SETTING_COUNT; i++)
		for (int j = 0; j < BENCH_BACKEND_COUNT; j++)
			if (results->measured[j])
				sum += errors_of(results, i, j);
	return sum;
}

/* ---- The table ---- */

static void print_cpus(const cpu_set_t *cpus)
{
	const char *between = " ";

	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, cpus)) {
			printf("%s%zu", between, i);
			between = ",";
		}
}

static void print_head(const struct bench_results *results)
{
	const struct bench_options *options = &results->options;
	const char *const *latency = latency_names[options->tool];
	struct utsname machine;

	printf("ouro " OURO_VERSION);
	if (uname(&machine) == 0)
		printf(", %s %s", machine.sysname, machine.release);
	if (results->pinned) {
		printf("; server on CPU");
		print_cpus(&results->server_cpus);
		printf(", client on");
		print_cpus(&results->tool_cpus);
	}
	printf("\n%s, %u connections, GET /plaintext, pipelined: %d at a time; %u x %u s of each, "
	       "in turn\n\n",
	       bench_tool_names[options->tool], options->connections, BENCH_DEPTH, options->rounds,
	       options->seconds);
	printf("%-11s %-6s %11s %7s | %8s %8s %8s %5s | %8s %8s | %6s\n", "", "", "requests/s",
	       "spread", "CPU us/r", "user", "system", "busy", latency[0], latency[1], "errors");
}

static void print_latency(double us)
{
	if (us < 0)
		printf(" %8s", "-");
	else if (us < 1e4)
		printf(" %6.0fus", us);
	else
		printf(" %6.1fms", us / 1e3);
}

static void print_row(const struct bench_results *results, int setting, int backend)
{
	struct summary rate = summary_of(results, setting, backend, RATE);

	printf("%-11s %-6s %11.0f %6.1f%% | %8.2f %8.2f %8.2f %5.2f |",
	       bench_setting_names[setting], bench_backend_names[backend], rate.median,
	       (rate.most - rate.least) / rate.median * 100,
	       summary_of(results, setting, backend, CPU).median,
	       summary_of(results, setting, backend, USER).median,
	       summary_of(results, setting, backend, SYSTEM).median,
	       summary_of(results, setting, backend, BUSY).median);
	print_latency(summary_of(results, setting, backend, LATENCY_LOW).median);
	print_latency(summary_of(results, setting, backend, LATENCY_HIGH).median);
	printf(" | %6.0f%s\n", errors_of(results, setting, backend),
	       client_is_limit(results, setting, backend) ? "  the client is the limit" : "");
}

static void print_ratio(const struct bench_results *results, int setting)
{
	struct summary rate = ratio_of(results, setting, RATE);
	struct summary cpu = ratio_of(results, setting, CPU);

	printf("%-11s uring/epoll: requests/s %.3f (%.3f to %.3f), CPU per request %.3f (%.3f to "
	       "%.3f)\n",
	       bench_setting_names[setting], rate.median, rate.least, rate.most, cpu.median,
	       cpu.least, cpu.most);
}

static bool client_was_limit(const struct bench_results *results)
{
	for (int i = 0; i < BENCH_SETTING_COUNT; i++)
		for (int j = 0; j < BENCH_BACKEND_COUNT; j++)
			if (results->measured[j] && client_is_limit(results, i, j))
				return true;
	return false;
}

static void print_notes(const struct bench_results *results)
{
	puts("\nMedians; spread: the best run less the worst. CPU: the server's, by the kernel's account"
	     "\nof it; busy: the share of the time that it had a CPU. Latency is closed-loop, as the tool"
	     "\nsays: who waits for an answer before asking again does not see how long others wait.");
	if (results->options.tool == BENCH_WRK)
		puts("wrk cannot tell the latency of pipelined requests.");
	else
		puts("h2load closes by number of requests and not by time, and tells no percentiles.");
	if (client_was_limit(results))
		puts("Where the client is the limit its rate says nothing of the server: only CPU per request\n"
		     "does.");
	if (!results->pinned)
		puts("There are too few CPUs for server and client to have their own: they took them from\n"
		     "each other, and busy does not say which of them is the limit.");
	for (int i = 0; i < BENCH_BACKEND_COUNT; i++)
		if (results->options.backends[i] && !results->measured[i])
			printf("%s was not measured: %s\n", bench_backend_names[i],
			       results->why_not[i]);
	if (bench_error_count(results) > 0)
		puts("There were errors: these figures are not to be trusted.");
}

void bench_print_table(const struct bench_results *results)
{
	print_head(results);
	for (int i = 0; i < BENCH_SETTING_COUNT; i++)
		for (int j = 0; j < BENCH_BACKEND_COUNT; j++)
			if (results->measured[j])
				print_row(results, i, j);
	if (has_ratio(results)) {
		puts("");
		for (int i = 0; i < BENCH_SETTING_COUNT; i++)
			print_ratio(results, i);
	}
	print_notes(results);
}

/* ---- JSON; what cannot be added for want of memory is seen at the end ---- */

static void add_summary(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name,
			struct summary summary)
{
	yyjson_mut_val *value = yyjson_mut_obj_add_obj(doc, object, name);

	yyjson_mut_obj_add_real(doc, value, "median", summary.median);
	yyjson_mut_obj_add_real(doc, value, "least", summary.least);
	yyjson_mut_obj_add_real(doc, value, "most", summary.most);
}

/* The tool's latency, where it tells one. */
static void add_latency(yyjson_mut_doc *doc, yyjson_mut_val *object,
			const struct bench_results *results, const double *latency_us)
{
	const char *const *names = latency_names[results->options.tool];
	yyjson_mut_val *value;

	if (latency_us[0] < 0 || latency_us[1] < 0) {
		yyjson_mut_obj_add_null(doc, object, "closed_loop_latency_us");
		return;
	}
	value = yyjson_mut_obj_add_obj(doc, object, "closed_loop_latency_us");
	yyjson_mut_obj_add_real(doc, value, names[0], latency_us[0]);
	yyjson_mut_obj_add_real(doc, value, names[1], latency_us[1]);
}

static void add_runs(yyjson_mut_doc *doc, yyjson_mut_val *object,
		     const struct bench_results *results, const struct bench_run *runs)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, object, "runs");

	for (uint32_t i = 0; i < results->options.rounds; i++) {
		yyjson_mut_val *run = yyjson_mut_arr_add_obj(doc, list);

		yyjson_mut_obj_add_real(doc, run, "requests", runs[i].requests);
		for (int j = 0; j < LATENCY_LOW; j++)
			yyjson_mut_obj_add_real(doc, run, figure_names[j],
						figure_of(results, &runs[i], (enum figure)j));
		add_latency(doc, run, results, runs[i].latency_us);
		yyjson_mut_obj_add_real(doc, run, "errors", runs[i].errors);
	}
}

static void add_result(yyjson_mut_doc *doc, yyjson_mut_val *list,
		       const struct bench_results *results, int setting, int backend)
{
	yyjson_mut_val *result = yyjson_mut_arr_add_obj(doc, list);
	double latency_us[2] = {
		summary_of(results, setting, backend, LATENCY_LOW).median,
		summary_of(results, setting, backend, LATENCY_HIGH).median,
	};

	yyjson_mut_obj_add_str(doc, result, "setting", bench_setting_names[setting]);
	yyjson_mut_obj_add_str(doc, result, "backend", bench_backend_names[backend]);
	for (int i = 0; i < LATENCY_LOW; i++)
		add_summary(doc, result, figure_names[i],
			    summary_of(results, setting, backend, (enum figure)i));
	add_latency(doc, result, results, latency_us);
	yyjson_mut_obj_add_real(doc, result, "errors", errors_of(results, setting, backend));
	yyjson_mut_obj_add_bool(doc, result, "client_is_limit",
				client_is_limit(results, setting, backend));
	add_runs(doc, result, results, results->runs[setting][backend]);
}

static void add_ratio(yyjson_mut_doc *doc, yyjson_mut_val *list,
		      const struct bench_results *results, int setting)
{
	yyjson_mut_val *ratio = yyjson_mut_arr_add_obj(doc, list);

	yyjson_mut_obj_add_str(doc, ratio, "setting", bench_setting_names[setting]);
	add_summary(doc, ratio, figure_names[RATE], ratio_of(results, setting, RATE));
	add_summary(doc, ratio, figure_names[CPU], ratio_of(results, setting, CPU));
}

static void add_cpus(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name,
		     const cpu_set_t *cpus)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, object, name);

	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, cpus))
			yyjson_mut_arr_add_uint(doc, list, i);
}

static void add_conditions(yyjson_mut_doc *doc, yyjson_mut_val *root,
			   const struct bench_results *results)
{
	const struct bench_options *options = &results->options;
	struct utsname machine;

	yyjson_mut_obj_add_str(doc, root, "ouro", OURO_VERSION);
	if (uname(&machine) == 0)
		yyjson_mut_obj_add_strcpy(doc, root, "kernel", machine.release);
	yyjson_mut_obj_add_str(doc, root, "tool", bench_tool_names[options->tool]);
	yyjson_mut_obj_add_uint(doc, root, "connections", options->connections);
	yyjson_mut_obj_add_uint(doc, root, "seconds", options->seconds);
	yyjson_mut_obj_add_uint(doc, root, "rounds", options->rounds);
	yyjson_mut_obj_add_uint(doc, root, "threads", options->threads);
	yyjson_mut_obj_add_uint(doc, root, "pipelined", BENCH_DEPTH);
	if (results->pinned) {
		add_cpus(doc, root, "server_cpus", &results->server_cpus);
		add_cpus(doc, root, "client_cpus", &results->tool_cpus);
	}
}

static void add_results(yyjson_mut_doc *doc, yyjson_mut_val *root,
			const struct bench_results *results)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "results");
	yyjson_mut_val *ratios = yyjson_mut_obj_add_arr(doc, root, "uring_to_epoll");
	yyjson_mut_val *missing = yyjson_mut_obj_add_obj(doc, root, "not_measured");

	for (int i = 0; i < BENCH_SETTING_COUNT; i++) {
		for (int j = 0; j < BENCH_BACKEND_COUNT; j++)
			if (results->measured[j])
				add_result(doc, list, results, i, j);
		if (has_ratio(results))
			add_ratio(doc, ratios, results, i);
	}
	for (int i = 0; i < BENCH_BACKEND_COUNT; i++)
		if (results->options.backends[i] && !results->measured[i])
			yyjson_mut_obj_add_str(doc, missing, bench_backend_names[i],
					       results->why_not[i]);
}

int bench_print_json(const struct bench_results *results)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
	char *text;

	if (!root) {
		yyjson_mut_doc_free(doc);
		return -ENOMEM;
	}
	yyjson_mut_doc_set_root(doc, root);
	add_conditions(doc, root, results);
	add_results(doc, root, results);
	text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY | YYJSON_WRITE_INF_AND_NAN_AS_NULL, NULL);
	yyjson_mut_doc_free(doc);
	if (!text)
		return -ENOMEM;
	puts(text);
	free(text);
	return 0;
}
