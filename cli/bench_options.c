/* The flags of `ouro bench`. */
#include "cli/bench.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 64, SECONDS = 2, ROUNDS = 5, THREADS = 1 };
enum { CONNECTIONS_MAX = 100000, SECONDS_MAX = 3600, THREADS_MAX = 1024 };

const char *const bench_backend_names[] = { "uring", "epoll" };
const char *const bench_setting_names[] = { "keep-alive", "pipelined", "close" };
const char *const bench_tool_names[] = { "wrk", "h2load" };

void cli_print_bench_options(void)
{
	puts("  --backend     NAME uring, epoll or both (both)\n"
	     "  --tool        NAME wrk or h2load (wrk, or h2load where there is no wrk)\n"
	     "  --connections N    that the tool holds (64)\n"
	     "  --seconds     N    of one run (2)\n"
	     "  --rounds      N    of each setting, the backends in turn (5)\n"
	     "  --threads     N    loops of the server, each with a CPU that the tool has not (1)\n"
	     "  --json             instead of a table, with each run");
}

static int complain(const char *name, const char *value, const char *wanted)
{
	fprintf(stderr, "ouro: %s %s: %s\n", name, value, wanted);
	return -EINVAL;
}

static int parse_number(const char *name, const char *text, uint32_t max, uint32_t *number)
{
	char wanted[64];
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno == ERANGE || value < 1 ||
	    value > max) {
		snprintf(wanted, sizeof(wanted), "a whole number from 1 to %u is needed", max);
		return complain(name, text, wanted);
	}
	*number = (uint32_t)value;
	return 0;
}

static int parse_backend(const char *name, const char *text, bool *backends)
{
	bool both = strcmp(text, "both") == 0;

	if (!both && strcmp(text, "uring") != 0 && strcmp(text, "epoll") != 0)
		return complain(name, text, "it must be uring, epoll or both");
	for (int i = 0; i < BENCH_BACKEND_COUNT; i++)
		backends[i] = both || strcmp(text, bench_backend_names[i]) == 0;
	return 0;
}

static int parse_tool(const char *name, const char *text, int *tool)
{
	for (int i = 0; i < BENCH_TOOL_COUNT; i++)
		if (strcmp(text, bench_tool_names[i]) == 0) {
			*tool = i;
			return 0;
		}
	return complain(name, text, "it must be wrk or h2load");
}

static int set_flag(struct bench_options *options, const char *name, const char *value)
{
	const char *word = name + 2;

	if (strcmp(word, "backend") == 0)
		return parse_backend(name, value, options->backends);
	if (strcmp(word, "tool") == 0)
		return parse_tool(name, value, &options->tool);
	if (strcmp(word, "connections") == 0)
		return parse_number(name, value, CONNECTIONS_MAX, &options->connections);
	if (strcmp(word, "seconds") == 0)
		return parse_number(name, value, SECONDS_MAX, &options->seconds);
	if (strcmp(word, "rounds") == 0)
		return parse_number(name, value, BENCH_ROUNDS_MAX, &options->rounds);
	return parse_number(name, value, THREADS_MAX, &options->threads);
}

/* The flag that @arg names; its value is in @value where it is given as --name=value. NULL: none. */
static const char *find_flag(const char *arg, const char **value)
{
	static const char *const flags[] = { "--backend", "--tool",   "--connections",
					     "--seconds", "--rounds", "--threads" };
	const char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);

	*value = equals ? equals + 1 : NULL;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strlen(flags[i]) == len && strncmp(flags[i], arg, len) == 0)
			return flags[i];
	return NULL;
}

int bench_parse_options(int argc, char **argv, struct bench_options *options)
{
	*options = (struct bench_options){
		.backends = { true, true },
		.tool = -1,
		.connections = CONNECTIONS,
		.seconds = SECONDS,
		.rounds = ROUNDS,
		.threads = THREADS,
	};
	for (int i = 0; i < argc; i++) {
		const char *value;
		const char *name = find_flag(argv[i], &value);
		int err;

		if (strcmp(argv[i], "--json") == 0) {
			options->json = true;
			continue;
		}
		if (!name) {
			fprintf(stderr, "ouro: unknown flag '%s'; 'ouro --help' lists them\n",
				argv[i]);
			return -EINVAL;
		}
		if (!value && i + 1 == argc)
			return complain(name, "", "a value is needed");
		err = set_flag(options, name, value ? value : argv[++i]);
		if (err)
			return err;
	}
	return 0;
}
