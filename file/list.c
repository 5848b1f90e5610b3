/* What is in a directory: see file/list.h. */
#include "file/list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Entries grow from the start of the memory, their names from its end. */
struct builder {
	const struct ouro_file_root *root;
	struct ouro_list_entry *entries;
	char *names;
	uint32_t count;
	bool more;
	size_t prefix_len; /* of the directory's path in @path, with a slash */
	char path[OURO_FILE_PATH_MAX + OURO_FILE_NAME_MAX + 1];
};

/* Whether there is something at @name that can be asked for, and what. It is looked at as it would be
 * then: links that lead up from here are good as long as they stay beneath the root. */
static bool look(struct builder *builder, struct ouro_str name, struct ouro_file_stat *stat)
{
	if (name.len > OURO_FILE_NAME_MAX)
		return false;
	memcpy(builder->path + builder->prefix_len, name.ptr, name.len);
	return !ouro_beneath_look(builder->root,
				  (struct ouro_str){ builder->path,
						     builder->prefix_len + name.len },
				  false, stat) &&
	       (stat->kind == OURO_FILE_REGULAR || stat->kind == OURO_FILE_DIRECTORY);
}

/* Takes @name up. False: there is no room for it. */
static bool take(struct builder *builder, struct ouro_str name, const struct ouro_file_stat *stat)
{
	size_t room = (size_t)(builder->names - (char *)(builder->entries + builder->count));

	if (builder->count == OURO_LIST_ENTRIES_MAX || room < sizeof(*builder->entries) + name.len)
		return false;
	builder->names -= name.len;
	memcpy(builder->names, name.ptr, name.len);
	builder->entries[builder->count++] = (struct ouro_list_entry){
		.name = { builder->names, name.len },
		.kind = stat->kind,
		.size = stat->size,
		.modified_ns = stat->modified_ns,
	};
	return true;
}

static int read_names(struct builder *builder, DIR *directory)
{
	for (;;) {
		struct ouro_file_stat stat;
		struct dirent *entry;
		struct ouro_str name;

		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return -errno;
		name = (struct ouro_str){ entry->d_name, strlen(entry->d_name) };
		if (!look(builder, name, &stat))
			continue;
		if (!take(builder, name, &stat)) {
			builder->more = true;
			return 0;
		}
	}
}

static int by_name(const void *a, const void *b)
{
	const struct ouro_list_entry *one = a, *other = b;
	size_t common = one->name.len < other->name.len ? one->name.len : other->name.len;
	int order = memcmp(one->name.ptr, other->name.ptr, common);

	return order ? order
		     : (one->name.len > other->name.len) - (one->name.len < other->name.len);
}

static int read_directory(struct builder *builder, int fd)
{
	DIR *directory = fdopendir(fd);
	int err;

	if (!directory) {
		err = -errno;
		close(fd);
		return err;
	}
	err = read_names(builder, directory);
	closedir(directory);
	return err;
}

int ouro_list_read(const struct ouro_file_root *root, struct ouro_str path, void *memory,
		   size_t bytes, struct ouro_list *list)
{
	int err, fd = ouro_beneath_open_directory(root, path);
	struct builder builder;

	if (fd < 0)
		return fd;
	builder.root = root;
	builder.entries = memory;
	builder.names = (char *)memory + bytes;
	builder.count = 0;
	builder.more = false;
	builder.prefix_len = path.len;
	memcpy(builder.path, path.ptr, path.len);
	if (path.len > 0)
		builder.path[builder.prefix_len++] = '/';
	err = read_directory(&builder, fd);
	if (err)
		return err;
	qsort(builder.entries, builder.count, sizeof(*builder.entries), by_name);
	*list = (struct ouro_list){ builder.entries, builder.count, builder.more };
	return 0;
}
