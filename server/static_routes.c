/* Directories that are served: collected before the start, opened by it, remembered by each worker. */
#include "base/str.h"
#include "proto/token.h"
#include "server/group.h"
#include "server/server_private.h"
#include "server/static.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TAIL "/{path...}"

enum {
	CACHED_FILES_MAX_DEFAULT = 1024,
	REVALIDATE_MS_DEFAULT = 1000,
	/* Up to here, and somewhat further, a copy into the socket costs less than the system calls
	 * that send from the file. */
	MEMORY_BYTES_MAX_DEFAULT = 16384,
	MEMORY_BYTES_MAX = 1024 * 1024,
	CACHED_FILES_MAX = 1024 * 1024,
	DESCRIPTORS_SHARE = 4, /* of the limit of open files, for all that is remembered */
	DESCRIPTORS_MIN = 8,   /* of one cache, all the same */
	PLACE_BYTES_MAX = 512,
};

/* ---- Collecting ---- */

static void set_defaults(struct ouro_files_options *options)
{
	if (!options->index)
		options->index = "index.html";
	if (!options->cached_files_max)
		options->cached_files_max = CACHED_FILES_MAX_DEFAULT;
	if (!options->revalidate_ms)
		options->revalidate_ms = REVALIDATE_MS_DEFAULT;
	if (!options->memory_bytes_max)
		options->memory_bytes_max = MEMORY_BYTES_MAX_DEFAULT;
}

/* NULL, or what is wrong with @options. */
static const char *check_options(const struct ouro_files_options *options)
{
	const struct ouro_file_root root = { .dotfiles = options->dotfiles };
	struct ouro_str fallback = ouro_str_c(options->fallback);

	if (strchr(options->index, '/') || ouro_file_path_check(&root, ouro_str_c(options->index)))
		return "its index is no name that a file in a directory can have";
	if (options->fallback && ouro_file_path_check(&root, fallback))
		return "its fallback is no path of a file beneath the directory";
	if (options->cache_control && !ouro_is_field_value(ouro_str_c(options->cache_control)))
		return "its cache_control is no value of a field";
	if (options->memory_bytes_max > MEMORY_BYTES_MAX)
		return "its memory_bytes_max is more than 1048576";
	if (options->cached_files_max > CACHED_FILES_MAX)
		return "its cached_files_max is more than 1048576";
	return NULL;
}

/* A copy of what was given, complete. 0, -EINVAL with a log line, or -ENOMEM. */
static int make_spec(struct ouro_group *group, const char *directory,
		     const struct ouro_files_options *given, struct ouro_files_spec **out)
{
	struct ouro_files_spec *spec = ouro_group_alloc(group, sizeof(*spec));
	struct ouro_files_options *options;
	const char *wrong;

	if (!spec)
		return -ENOMEM;
	options = &spec->options;
	spec->directory = directory;
	if (given)
		*options = *given;
	set_defaults(options);
	wrong = check_options(options);
	if (wrong) {
		ouro_log(ouro_group_log(group), OURO_LOG_ERROR, "files of %s: %s", directory,
			 wrong);
		return -EINVAL;
	}
	*out = spec;
	return ouro_group_keep_text(group, &spec->directory) &&
			       ouro_group_keep_text(group, &options->index) &&
			       ouro_group_keep_text(group, &options->fallback) &&
			       ouro_group_keep_text(group, &options->cache_control)
		       ? 0
		       : -ENOMEM;
}

static int add_route(struct ouro_group *group, const char *pattern,
		     const struct ouro_files_spec *spec)
{
	const struct ouro_group_entry entry = {
		.text = pattern,
		.method = "GET",
		.handler = ouro_static_serve,
		.files = spec,
	};
	char place[PLACE_BYTES_MAX];

	snprintf(place, sizeof(place), "files of %s", spec->directory);
	return ouro_group_add(group, place, &entry);
}

int ouro_group_files(struct ouro_group *group, const char *prefix, const char *directory,
		     const struct ouro_files_options *options)
{
	size_t len = prefix ? strlen(prefix) : 0;
	struct ouro_files_spec *spec;
	char *pattern;
	int err;

	if (group->compiled)
		return -EALREADY;
	if (!directory)
		return -EINVAL;
	err = make_spec(group, directory, options, &spec);
	if (err)
		return err;
	if (len > 0 && prefix[len - 1] == '/')
		len--;
	pattern = malloc(len + sizeof(TAIL));
	if (!pattern)
		return -ENOMEM;
	if (len > 0)
		memcpy(pattern, prefix, len);
	memcpy(pattern + len, TAIL, sizeof(TAIL));
	err = add_route(group, pattern, spec);
	/* The prefix itself, without a slash. */
	pattern[len] = '\0';
	if (!err && len > 0)
		err = add_route(group, pattern, spec);
	free(pattern);
	return err;
}

int ouro_server_files(struct ouro_server *server, const char *prefix, const char *directory,
		      const struct ouro_files_options *options)
{
	return ouro_group_files(server->root, prefix, directory, options);
}

/* ---- Compiled ---- */

/* Both routes of a prefix share what they serve. */
static struct ouro_files *find_files(const struct ouro_server *server,
				     const struct ouro_files_spec *spec)
{
	struct ouro_files *files = server->files;

	while (files && files->spec != spec)
		files = files->next;
	return files;
}

int ouro_static_compile(struct ouro_server *server, const struct ouro_files_spec *spec,
			struct ouro_endpoint *endpoint)
{
	struct ouro_files *files = find_files(server, spec);

	if (!files) {
		files = calloc(1, sizeof(*files));
		if (!files)
			return -ENOMEM;
		files->next = server->files;
		files->spec = spec;
		files->index = ++server->files_count;
		files->root.fd = -1;
		files->root.symlinks = spec->options.symlinks;
		files->root.dotfiles = spec->options.dotfiles;
		server->files = files;
	}
	endpoint->files = files;
	/* A disk may have to be waited for; not for long, so that who has only closed its side still
	 * gets the answer that it would have got from memory. */
	endpoint->run_inline = false;
	endpoint->half_close = true;
	return 0;
}

void ouro_static_forget(struct ouro_server *server)
{
	ouro_static_close_roots(server);
	while (server->files) {
		struct ouro_files *next = server->files->next;

		free(server->files);
		server->files = next;
	}
	server->files_count = 0;
}

int ouro_static_open_roots(struct ouro_server *server)
{
	for (struct ouro_files *files = server->files; files; files = files->next) {
		files->root.fd = open(files->spec->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (files->root.fd < 0) {
			int err = -errno;

			ouro_log(&server->log, OURO_LOG_ERROR, "cannot serve files of %s: %s",
				 files->spec->directory, strerror(-err));
			return err;
		}
		files->coded_root = files->root;
	}
	return 0;
}

void ouro_static_close_roots(struct ouro_server *server)
{
	for (struct ouro_files *files = server->files; files; files = files->next) {
		if (files->root.fd >= 0)
			close(files->root.fd);
		files->root.fd = -1;
	}
}

/* ---- What a worker remembers ---- */

/* How many files one cache of a worker may keep open. The rest is for connections. */
static uint32_t descriptors_max(const struct ouro_server *server)
{
	uint64_t caches = (uint64_t)server->worker_count * (server->files_count + 1);
	struct rlimit limit;
	uint64_t share;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return DESCRIPTORS_MIN;
	share = limit.rlim_cur / DESCRIPTORS_SHARE / caches;
	if (share < DESCRIPTORS_MIN)
		return DESCRIPTORS_MIN;
	return share < CACHED_FILES_MAX ? (uint32_t)share : CACHED_FILES_MAX;
}

static int open_cache(struct ouro_worker *worker, uint32_t index,
		      const struct ouro_files_options *given)
{
	const struct ouro_file_cache_options options = {
		.entries_max = given->cached_files_max,
		.descriptors_max = descriptors_max(worker->server),
		.revalidate_ms = given->revalidate_ms,
		.memory_bytes_max = given->memory_bytes_max,
		.note_bytes = sizeof(struct ouro_static_note),
	};

	return ouro_file_cache_create(&worker->file_caches[index], &options);
}

int ouro_static_open(struct ouro_worker *worker)
{
	const struct ouro_server *server = worker->server;
	struct ouro_files_options defaults = { 0 };
	int err;

	worker->file_caches = calloc(server->files_count + 1, sizeof(*worker->file_caches));
	if (!worker->file_caches)
		return -ENOMEM;
	set_defaults(&defaults);
	err = open_cache(worker, 0, &defaults);
	for (const struct ouro_files *files = server->files; files && !err; files = files->next)
		err = open_cache(worker, files->index, &files->spec->options);
	return err;
}

void ouro_static_close(struct ouro_worker *worker)
{
	for (uint32_t i = 0; worker->file_caches && i <= worker->server->files_count; i++)
		ouro_file_cache_destroy(worker->file_caches[i]);
	free(worker->file_caches);
	worker->file_caches = NULL;
}

void ouro_static_trim(struct ouro_worker *worker)
{
	uint64_t now_ms = worker->loop.now_ns / 1000000;

	for (uint32_t i = 0; i <= worker->server->files_count; i++)
		ouro_file_cache_trim(worker->file_caches[i], now_ms);
}
