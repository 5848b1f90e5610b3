/* `ouro bench`: the demo on either backend, in turn, under wrk or h2load. */
#include "cli/bench.h"
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_TIMEOUT_MS = 10000, TOOL_EXTRA_MS = 60000 };

struct bench {
	struct bench_results results;
	struct bench_signals signals;
	char tool_path[4096];
	struct bench_child servers[BENCH_BACKEND_COUNT];
	int ports[BENCH_BACKEND_COUNT];
	struct bench_child tool;
};

/* ---- CPUs ---- */

/* The first of those that we may have are the server's, one for each of its threads, the others the
 * tool's; where that leaves none, neither is bound. */
static void share_cpus(struct bench_results *results)
{
	uint32_t given = 0;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) ||
	    (uint32_t)CPU_COUNT(&allowed) <= results->options.threads)
		return;
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed))
			continue;
		CPU_SET(i, given < results->options.threads ? &results->server_cpus
							    : &results->tool_cpus);
		given++;
	}
	results->pinned = true;
}

/* ---- Servers ---- */

/* The port in the line that says where the server listens; 0: it has not said so yet. */
static int read_port(const char *log)
{
	static const char where[] = "listening on tcp://127.0.0.1:";
	const char *at = strstr(log, where);

	return at && strchr(at, '\n') ? atoi(at + strlen(where)) : 0;
}

/* Keeps, in one line, why @backend cannot be had: what the server said last. */
static void note_why_not(struct bench *bench, int backend, const char *log)
{
	char *why = bench->results.why_not[backend];
	size_t len = strlen(log);
	const char *line;

	while (len > 0 && log[len - 1] == '\n')
		len--;
	line = log + len;
	while (line > log && line[-1] != '\n')
		line--;
	snprintf(why, BENCH_WHY_BYTES, "%.*s", (int)(log + len - line), line);
	if (!*why)
		snprintf(why, BENCH_WHY_BYTES, "the server did not start");
	fprintf(stderr, "ouro: no %s: %s\n", bench_backend_names[backend], why);
}

/* 0 whether it can be had or not: then it is not measured. A negative errno ends the command. */
static int start_server(struct bench *bench, int backend)
{
	const struct bench_results *results = &bench->results;
	struct bench_child *child = &bench->servers[backend];
	char threads[16];
	char *const argv[] = {
		"/proc/self/exe",
		"demo",
		"--listen=tcp://127.0.0.1:0",
		"--log-level=info",
		"--threads",
		threads,
		"--backend",
		(char *)(uintptr_t)bench_backend_names[backend],
		NULL,
	};
	int err;

	snprintf(threads, sizeof(threads), "%u", results->options.threads);
	err = bench_child_start(child, argv, results->pinned ? &results->server_cpus : NULL, false,
				&bench->signals);
	while (!err && child->out >= 0 && !bench->ports[backend]) {
		err = bench_children_read(&child, 1, &bench->signals, START_TIMEOUT_MS);
		bench->ports[backend] = read_port(child->text);
	}
	if (!err && bench->ports[backend]) {
		bench->results.measured[backend] = true;
		return 0;
	}
	bench_child_end(child);
	if (err && err != -ETIMEDOUT)
		return err;
	note_why_not(bench, backend, child->text);
	return 0;
}

static int start_servers(struct bench *bench)
{
	bool any = false;

	for (int i = 0; i < BENCH_BACKEND_COUNT; i++) {
		int err = bench->results.options.backends[i] ? start_server(bench, i) : 0;

		if (err)
			return err;
		any = any || bench->results.measured[i];
	}
	return any ? 0 : -ENOTSUP;
}

/* ---- Runs ---- */

/* Reads what the tool prints to its end, and meanwhile what servers say, lest they wait for it. */
static int read_tool(struct bench *bench)
{
	struct bench_child *const children[] = { &bench->tool, &bench->servers[BENCH_URING],
						 &bench->servers[BENCH_EPOLL] };
	int timeout_ms = (int)bench->results.options.seconds * 1000 + TOOL_EXTRA_MS;
	int err = 0;

	while (!err && bench->tool.out >= 0) {
		err = bench_children_read(children, 3, &bench->signals, timeout_ms);
		for (int i = 0; !err && i < BENCH_BACKEND_COUNT; i++)
			if (bench->results.measured[i] && bench->servers[i].out < 0) {
				fprintf(stderr, "ouro: the server has ended: %s\n",
					bench->servers[i].text);
				err = -EPIPE;
			}
	}
	return err;
}

/* One run of the tool as @command has it, to its end. */
static int run_tool(struct bench *bench, struct bench_command *command, enum bench_setting setting,
		    struct bench_run *run)
{
	const struct bench_results *results = &bench->results;
	const char *name = bench_tool_names[results->options.tool];
	int err = bench_child_start(&bench->tool, command->argv,
				    results->pinned ? &results->tool_cpus : NULL, true,
				    &bench->signals);
	int code;

	if (!err)
		err = read_tool(bench);
	if (err) {
		bench_child_end(&bench->tool);
		if (err == -ETIMEDOUT)
			fprintf(stderr, "ouro: %s does not end\n", name);
		return err;
	}
	code = bench_child_wait(&bench->tool);
	err = bench_tool_read((enum bench_tool)results->options.tool, setting, bench->tool.text,
			      run);
	if (code || err) {
		fprintf(stderr, "ouro: %s failed (%d):\n%s", name, code, bench->tool.text);
		return -EPROTO;
	}
	return 0;
}

static int measure(struct bench *bench, enum bench_setting setting, int backend,
		   struct bench_run *run)
{
	const struct bench_results *results = &bench->results;
	pid_t pid = bench->servers[backend].pid;
	struct bench_cpu before, after;
	struct bench_command command;
	int err = bench_command_init(&command, &results->options, bench->tool_path, setting,
				     bench->ports[backend], CPU_COUNT(&results->tool_cpus));

	if (err)
		return err;
	err = bench_cpu_read(pid, &before);
	if (!err)
		err = run_tool(bench, &command, setting, run);
	if (!err)
		err = bench_cpu_read(pid, &after);
	if (!err)
		bench_cpu_between(&before, &after, run);
	bench_command_fini(&command);
	return err;
}

static int measure_all(struct bench *bench)
{
	struct bench_results *results = &bench->results;

	for (int i = 0; i < BENCH_SETTING_COUNT; i++)
		for (uint32_t round = 0; round < results->options.rounds; round++)
			for (int j = 0; j < BENCH_BACKEND_COUNT; j++) {
				int err = results->measured[j]
						  ? measure(bench, (enum bench_setting)i, j,
							    &results->runs[i][j][round])
						  : 0;
				if (err)
					return err;
			}
	return 0;
}

/* ---- The command ---- */

static int print_report(const struct bench_results *results)
{
	int err = 0;

	if (results->options.json)
		err = bench_print_json(results);
	else
		bench_print_table(results);
	if (!err && fflush(stdout))
		err = -errno;
	if (err)
		fprintf(stderr, "ouro: bench: cannot print the report: %s\n", strerror(-err));
	return err;
}

static int run(struct bench *bench)
{
	int err = start_servers(bench);

	if (!err)
		err = measure_all(bench);
	bench_child_end(&bench->tool);
	for (int i = 0; i < BENCH_BACKEND_COUNT; i++)
		bench_child_end(&bench->servers[i]);
	if (err && err != -EINTR && err != -EPROTO && err != -ENOTSUP)
		fprintf(stderr, "ouro: bench: %s\n", strerror(-err));
	if (err)
		return err;
	err = print_report(&bench->results);
	/* Figures with errors in them must not look like a success. */
	return err ? err : bench_error_count(&bench->results) > 0 ? -EIO : 0;
}

int cli_bench(int argc, char **argv)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bench_options *options;
	int err;

	if (!bench) {
		fprintf(stderr, "ouro: bench: %s\n", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	bench->tool.out = -1;
	for (int i = 0; i < BENCH_BACKEND_COUNT; i++)
		bench->servers[i].out = -1;
	options = &bench->results.options;
	err = bench_parse_options(argc, argv, options);
	if (!err)
		err = bench_tool_find(options, bench->tool_path, sizeof(bench->tool_path));
	if (!err) {
		share_cpus(&bench->results);
		err = bench_signals_take(&bench->signals);
	}
	if (!err) {
		err = run(bench);
		bench_signals_restore(&bench->signals);
	}
	free(bench);
	if (err)
		return err == -EINVAL ? 2 : EXIT_FAILURE;
	return EXIT_SUCCESS;
}
