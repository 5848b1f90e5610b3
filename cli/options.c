/* The command's flags: one for each member of struct ouro_options, of the same name, and those for the
 * demo's files. */
#include "cli/cli.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_U32,
	KIND_U64,
	KIND_BACKEND,
	KIND_PATHS,
	KIND_LEVEL,
	KIND_LISTEN,
	KIND_SWITCH,
	KIND_TEXT
};

struct flag {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct cli_options */
	const char *help;
};

#define FLAG(name, kind, member, help)                                                             \
	{                                                                                          \
		name, kind, offsetof(struct cli_options, server.member), help                      \
	}

#define OTHER_FLAG(name, kind, member, help)                                                       \
	{                                                                                          \
		name, kind, offsetof(struct cli_options, member), help                             \
	}

static const struct flag flags[] = {
	FLAG("listen", KIND_LISTEN, listen,
	     "URL  tcp://host:port, unix:/path or fd:N; may be repeated (tcp://127.0.0.1:8080)"),
	FLAG("backend", KIND_BACKEND, backend, "NAME auto, uring or epoll (auto)"),
	FLAG("threads", KIND_U32, threads, "N    loops (one for each CPU allowed)"),
	FLAG("pin-threads", KIND_SWITCH, pin_threads, "     bind each thread to a CPU"),
	FLAG("head-bytes-max", KIND_U32, head_bytes_max, "N    request head (16384)"),
	FLAG("target-bytes-max", KIND_U32, target_bytes_max, "N    request target (8192)"),
	FLAG("fields-max", KIND_U32, fields_max, "N    header fields, at most 128 (100)"),
	FLAG("body-bytes-max", KIND_U64, body_bytes_max, "N    request body (1048576)"),
	FLAG("connections-max", KIND_U32, connections_max, "N    all loops together (ulimit -n)"),
	FLAG("head-timeout-ms", KIND_U32, head_timeout_ms, "N    for a whole head (10000)"),
	FLAG("body-timeout-ms", KIND_U32, body_timeout_ms, "N    between bytes of a body (30000)"),
	FLAG("idle-timeout-ms", KIND_U32, idle_timeout_ms, "N    between requests (75000)"),
	FLAG("write-timeout-ms", KIND_U32, write_timeout_ms,
	     "N    for the client to take output (30000)"),
	FLAG("drain-timeout-ms", KIND_U32, drain_timeout_ms,
	     "N    for requests in progress at the end (10000)"),
	FLAG("paths", KIND_PATHS, paths,
	     "NAME what of a path counts: canonical, redirect or exact (canonical)"),
	FLAG("no-auto-options", KIND_SWITCH, no_auto_options,
	     "     OPTIONS without a route of its own is 405"),
	FLAG("compress", KIND_SWITCH, compress,
	     "     answers, for clients that take it (the demo: on)"),
	FLAG("compress-bytes-min", KIND_U32, compress_bytes_min,
	     "N    smallest complete answer that is (1024)"),
	FLAG("compress-level", KIND_U32, compress_level, "N    1 to 9 (what suits each coding)"),
	FLAG("decompress", KIND_SWITCH, decompress, "     bodies of requests"),
	FLAG("decompress-ratio-max", KIND_U32, decompress_ratio_max,
	     "N    how many times larger they may become (100)"),
	FLAG("fiber-stack-bytes", KIND_U32, fiber_stack_bytes,
	     "N    stack of a handler that waits (65536)"),
	FLAG("fibers-max", KIND_U32, fibers_max, "N    handlers in progress on a loop (65536)"),
	FLAG("offload-threads", KIND_U32, offload_threads, "N    for offloaded work (4)"),
	FLAG("offload-queue-max", KIND_U32, offload_queue_max,
	     "N    offloaded work that waits for these (1024)"),
	FLAG("topics-max", KIND_U32, topics_max, "N    of rooms (65536)"),
	FLAG("subscribers-max", KIND_U32, subscribers_max, "N    of one topic (1048576)"),
	FLAG("message-bytes-max", KIND_U32, message_bytes_max,
	     "N    data of what is published (1048576)"),
	FLAG("replay-count-max", KIND_U32, replay_count_max,
	     "N    messages that a topic keeps for who comes back (64)"),
	FLAG("replay-bytes-max", KIND_U32, replay_bytes_max, "N    all of these together (65536)"),
	FLAG("topic-bytes-max", KIND_U32, topic_bytes_max, "N    what all topics keep (268435456)"),
	FLAG("topic-retention-ms", KIND_U32, topic_retention_ms,
	     "N    a topic without subscribers is kept (60000)"),
	FLAG("hub", KIND_TEXT, hub,
	     "URL  share rooms with other processes: redis://host:port (none)"),
	FLAG("hub-prefix", KIND_TEXT, hub_prefix, "NAME what its keys begin with (ouro)"),
	FLAG("log-level", KIND_LEVEL, log_level, "NAME info, warning, error or nothing (info)"),
	FLAG("recv-buffers", KIND_U32, recv_buffers, "N    receive buffers of a loop (256)"),
	FLAG("recv-buffer-bytes", KIND_U32, recv_buffer_bytes, "N    size of each (16384)"),
	FLAG("completion-entries", KIND_U32, completion_entries,
	     "N    completion queue of a ring (8192)"),
	FLAG("zero-copy-bytes-min", KIND_U32, zero_copy_bytes_min,
	     "N    smallest zero-copy send (65536)"),
	OTHER_FLAG("root", KIND_TEXT, root, "DIR  serve its files at /files/ (none)"),
	OTHER_FLAG("files-index", KIND_TEXT, files.index,
		   "NAME what stands for a directory (index.html)"),
	OTHER_FLAG("files-fallback", KIND_TEXT, files.fallback,
		   "PATH what stands for pages that are not there (none)"),
	OTHER_FLAG("files-cache-control", KIND_TEXT, files.cache_control,
		   "TEXT their Cache-Control (none)"),
	OTHER_FLAG("files-list", KIND_SWITCH, files.list, "     list directories without an index"),
	OTHER_FLAG("files-symlinks", KIND_SWITCH, files.symlinks,
		   "     follow links that stay beneath DIR"),
	OTHER_FLAG("files-dotfiles", KIND_SWITCH, files.dotfiles,
		   "     serve names that begin with a dot"),
	OTHER_FLAG("files-precompressed", KIND_SWITCH, files.precompressed,
		   "     send .br, .zst and .gz files for those beside them"),
	OTHER_FLAG("files-revalidate-ms", KIND_U32, files.revalidate_ms,
		   "N    how long what was seen is believed (1000)"),
	OTHER_FLAG("files-cached-max", KIND_U32, files.cached_files_max,
		   "N    files that a loop remembers (1024)"),
	OTHER_FLAG("files-memory-bytes-max", KIND_U32, files.memory_bytes_max,
		   "N    files up to which are held in memory (16384)"),
};

enum { FLAG_COUNT = sizeof(flags) / sizeof(flags[0]) };

void cli_print_options(void)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		printf("  --%-22s %s\n", flags[i].name, flags[i].help);
}

static int complain(const char *flag, const char *value, const char *wanted)
{
	fprintf(stderr, "ouro: --%s %s: %s\n", flag, value, wanted);
	return -EINVAL;
}

static int parse_number(const struct flag *flag, const char *text, unsigned long long max,
			unsigned long long *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno == ERANGE || *number > max)
		return complain(flag->name, text, "a whole number is needed");
	if (*number == 0 && flag->offset != offsetof(struct cli_options, server.threads))
		return complain(flag->name, text, "it must be at least 1");
	return 0;
}

static int parse_backend(const struct flag *flag, const char *text,
			 enum ouro_backend_choice *choice)
{
	if (strcmp(text, "auto") == 0)
		*choice = OURO_BACKEND_AUTO;
	else if (strcmp(text, "uring") == 0)
		*choice = OURO_BACKEND_URING;
	else if (strcmp(text, "epoll") == 0)
		*choice = OURO_BACKEND_EPOLL;
	else
		return complain(flag->name, text, "it must be auto, uring or epoll");
	return 0;
}

static int parse_paths(const struct flag *flag, const char *text, enum ouro_paths *paths)
{
	if (strcmp(text, "canonical") == 0)
		*paths = OURO_PATHS_CANONICAL;
	else if (strcmp(text, "redirect") == 0)
		*paths = OURO_PATHS_REDIRECT;
	else if (strcmp(text, "exact") == 0)
		*paths = OURO_PATHS_EXACT;
	else
		return complain(flag->name, text, "it must be canonical, redirect or exact");
	return 0;
}

static int parse_level(const struct flag *flag, const char *text, enum ouro_log_level *level)
{
	static const char *const names[] = { "info", "warning", "error", "nothing" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*level = (enum ouro_log_level)i;
			return 0;
		}
	return complain(flag->name, text, "it must be info, warning, error or nothing");
}

static int parse_switch(const struct flag *flag, const char *text, bool *on)
{
	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return complain(flag->name, text, "it must be true or false");
	*on = !text || strcmp(text, "true") == 0;
	return 0;
}

static int set_flag(const struct flag *flag, const char *text, struct cli_options *options,
		    const char **more)
{
	char *member = (char *)options + flag->offset;
	unsigned long long number;
	int err;

	switch (flag->kind) {
	case KIND_U32:
		err = parse_number(flag, text, UINT32_MAX, &number);
		if (!err)
			*(uint32_t *)(void *)member = (uint32_t)number;
		return err;
	case KIND_U64:
		err = parse_number(flag, text, UINT64_MAX, &number);
		if (!err)
			*(uint64_t *)(void *)member = number;
		return err;
	case KIND_BACKEND:
		return parse_backend(flag, text, &options->server.backend);
	case KIND_PATHS:
		return parse_paths(flag, text, &options->server.paths);
	case KIND_LEVEL:
		return parse_level(flag, text, &options->server.log_level);
	case KIND_LISTEN:
		if (options->server.listen)
			more[options->more_listen_count++] = text;
		else
			options->server.listen = text;
		return 0;
	case KIND_SWITCH:
		return parse_switch(flag, text, (bool *)(void *)member);
	case KIND_TEXT:
		*(const char **)(void *)member = text;
		return 0;
	}
	return -EINVAL;
}

/* The flag that @arg names, and its value where it is given as --name=value. */
static const struct flag *find_flag(const char *arg, const char **value)
{
	const char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);

	*value = equals ? equals + 1 : NULL;
	if (len < 3 || strncmp(arg, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (strlen(flags[i].name) == len - 2 &&
		    strncmp(flags[i].name, arg + 2, len - 2) == 0)
			return &flags[i];
	return NULL;
}

int cli_parse_options(int argc, char **argv, struct cli_options *options)
{
	/* As many as there are arguments is enough; it lives as long as the process. */
	const char **more = calloc((size_t)argc + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	options->more_listen = more;
	for (int i = 0; i < argc; i++) {
		const char *value;
		const struct flag *flag = find_flag(argv[i], &value);
		int err;

		if (!flag) {
			fprintf(stderr, "ouro: unknown flag '%s'; 'ouro --help' lists them\n",
				argv[i]);
			return -EINVAL;
		}
		if (!value && flag->kind != KIND_SWITCH) {
			if (i + 1 == argc)
				return complain(flag->name, "", "a value is needed");
			value = argv[++i];
		}
		err = set_flag(flag, value, options, more);
		if (err)
			return err;
	}
	return 0;
}
