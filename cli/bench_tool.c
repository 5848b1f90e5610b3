/* wrk and h2load: found, told what to do, and what they print read. */
#include "cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	/* h2load does not end a run by time in which the server closes connections, so that one is by
	 * number: about what a second takes. */
	CLOSE_REQUESTS_PER_S = 20000,
};

/* ---- Finding ---- */

static bool is_in(const char *dir, size_t dir_len, const char *name, char *path, size_t path_bytes)
{
	/* An empty entry is the present directory, as for the shell. */
	int len = dir_len ? snprintf(path, path_bytes, "%.*s/%s", (int)dir_len, dir, name)
			  : snprintf(path, path_bytes, "./%s", name);

	return len > 0 && (size_t)len < path_bytes && access(path, X_OK) == 0;
}

static bool find_program(const char *name, char *path, size_t path_bytes)
{
	const char *dirs = getenv("PATH");

	while (dirs) {
		size_t len = strcspn(dirs, ":");

		if (is_in(dirs, len, name, path, path_bytes))
			return true;
		dirs = dirs[len] ? dirs + len + 1 : NULL;
	}
	return false;
}

int bench_tool_find(struct bench_options *options, char *path, size_t path_bytes)
{
	for (int i = 0; i < BENCH_TOOL_COUNT; i++)
		if ((options->tool < 0 || options->tool == i) &&
		    find_program(bench_tool_names[i], path, path_bytes)) {
			options->tool = i;
			return 0;
		}
	fprintf(stderr,
		"ouro: there is no %s here, by which to measure; install one: apt install wrk, or\n"
		"      apt install nghttp2-client for h2load (other systems: wrk, nghttp2)\n",
		options->tool < 0 ? "wrk and no h2load" : bench_tool_names[options->tool]);
	return -ENOENT;
}

/* ---- What is run ---- */

static void add(struct bench_command *command, const char *argument)
{
	command->argv[command->argc++] = (char *)(uintptr_t)argument;
}

static void add_number(struct bench_command *command, int slot, const char *flag,
		       unsigned long number)
{
	snprintf(command->numbers[slot], sizeof(command->numbers[slot]), "%lu", number);
	add(command, flag);
	add(command, command->numbers[slot]);
}

/* wrk pipelines by a script only. The file has no name that would have to be removed. */
static int make_script(struct bench_command *command)
{
	char text[160];
	int len = snprintf(text, sizeof(text),
			   "function init() many = string.rep(wrk.format(), %d) end\n"
			   "function request() return many end\n",
			   BENCH_DEPTH);

	command->script = memfd_create("pipeline.lua", 0);
	if (command->script < 0 || write(command->script, text, (size_t)len) != len)
		return -errno;
	snprintf(command->script_path, sizeof(command->script_path), "/proc/self/fd/%d",
		 command->script);
	add(command, "-s");
	add(command, command->script_path);
	return 0;
}

static int add_wrk(struct bench_command *command, const struct bench_options *options,
		   enum bench_setting setting)
{
	add_number(command, 2, "-d", options->seconds);
	add(command, "--latency");
	/* Its two seconds are less than what many connections may have to wait for. */
	add(command, "--timeout");
	add(command, "30");
	return setting == BENCH_PIPELINED ? make_script(command) : 0;
}

static void add_h2load(struct bench_command *command, const struct bench_options *options,
		       enum bench_setting setting)
{
	unsigned long requests = options->seconds * (unsigned long)CLOSE_REQUESTS_PER_S;

	add(command, "--h1");
	if (setting != BENCH_CLOSE)
		add_number(command, 2, "-D", options->seconds);
	else
		add_number(command, 2, "-n",
			   requests > options->connections ? requests : options->connections);
	add_number(command, 3, "-m", setting == BENCH_PIPELINED ? BENCH_DEPTH : 1);
}

int bench_command_init(struct bench_command *command, const struct bench_options *options,
		       const char *path, enum bench_setting setting, int port, int tool_cpus)
{
	uint32_t threads = tool_cpus > 0 ? (uint32_t)tool_cpus : 1;
	int err = 0;

	*command = (struct bench_command){ .script = -1 };
	add(command, path);
	/* Each of its threads has a connection at least. */
	add_number(command, 0, "-t",
		   threads < options->connections ? threads : options->connections);
	add_number(command, 1, "-c", options->connections);
	if (options->tool == BENCH_WRK)
		err = add_wrk(command, options, setting);
	else
		add_h2load(command, options, setting);
	if (setting == BENCH_CLOSE) {
		add(command, "-H");
		add(command, "Connection: close");
	}
	snprintf(command->url, sizeof(command->url), "http://127.0.0.1:%d/plaintext", port);
	add(command, command->url);
	if (err)
		bench_command_fini(command);
	return err;
}

void bench_command_fini(struct bench_command *command)
{
	if (command->script >= 0)
		close(command->script);
	command->script = -1;
}

/* ---- What it printed ---- */

/* What follows @name at the beginning of a line of @text, blanks aside; NULL where no line has it. */
static const char *behind(const char *text, const char *name)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += strspn(line, "\n ");
		if (strncmp(line, name, strlen(name)) == 0)
			return line + strlen(name);
	}
	return NULL;
}

/* A time such as "41.00us", in microseconds; -1 where it is none. @end is behind it. */
static double read_time(const char *text, const char **end)
{
	static const struct unit {
		const char *name;
		double us;
	} units[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "m", 6e7 }, { "h", 3.6e9 } };
	char *after;
	double number = strtod(text, &after);

	if (after == text)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(after, units[i].name, len) == 0) {
			*end = after + len;
			return number * units[i].us;
		}
	}
	return -1;
}

static double time_behind(const char *text, const char *name)
{
	const char *at = behind(text, name);

	return at ? read_time(at, &at) : -1;
}

/* The number before " requests in ", which begins its line. */
static double count_of_wrk(const char *text)
{
	const char *at = strstr(text, " requests in ");

	while (at && at > text && at[-1] != '\n')
		at--;
	return at ? strtod(at, NULL) : 0;
}

static int read_wrk(enum bench_setting setting, const char *text, struct bench_run *run)
{
	const char *rate = behind(text, "Requests/sec:");
	const char *sockets = behind(text, "Socket errors:");
	const char *statuses = behind(text, "Non-2xx or 3xx responses:");
	double bad[4] = { 0 };

	run->requests = count_of_wrk(text);
	if (!rate || run->requests <= 0)
		return -EPROTO;
	run->rate = strtod(rate, NULL);
	if (sockets && sscanf(sockets, " connect %lf, read %lf, write %lf, timeout %lf", &bad[0],
			      &bad[1], &bad[2], &bad[3]) != 4)
		return -EPROTO;
	run->errors = bad[0] + bad[1] + bad[2] + bad[3] + (statuses ? strtod(statuses, NULL) : 0);
	/* Of pipelined requests it knows when the first of each lot left, and no more. */
	run->latency_us[0] = setting == BENCH_PIPELINED ? -1 : time_behind(text, "50%");
	run->latency_us[1] = setting == BENCH_PIPELINED ? -1 : time_behind(text, "99%");
	return 0;
}

static int read_h2load(const char *text, struct bench_run *run)
{
	const char *finished = behind(text, "finished in ");
	const char *requests = behind(text, "requests:");
	const char *times = behind(text, "time for request:");
	double counts[5];

	if (!finished || !requests || !times || read_time(finished, &finished) < 0 ||
	    sscanf(finished, ", %lf req/s", &run->rate) != 1 ||
	    sscanf(requests, " %lf total, %lf started, %lf done, %lf succeeded, %lf failed",
		   &counts[0], &counts[1], &counts[2], &counts[3], &counts[4]) != 5 ||
	    counts[2] <= 0)
		return -EPROTO;
	run->requests = counts[2];
	run->errors = counts[4];
	/* The least, the largest, the mean. */
	if (read_time(times, &times) < 0)
		return -EPROTO;
	run->latency_us[1] = read_time(times, &times);
	run->latency_us[0] = run->latency_us[1] < 0 ? -1 : read_time(times, &times);
	return 0;
}

int bench_tool_read(enum bench_tool tool, enum bench_setting setting, const char *text,
		    struct bench_run *run)
{
	return tool == BENCH_WRK ? read_wrk(setting, text, run) : read_h2load(text, run);
}
