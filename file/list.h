/* What is in a directory: the names of its files and directories, in order. */
#ifndef OURO_FILE_LIST_H
#define OURO_FILE_LIST_H

#include "file/beneath.h"

enum { OURO_LIST_ENTRIES_MAX = 4096 };

struct ouro_list_entry {
	struct ouro_str name;
	enum ouro_file_kind kind; /* REGULAR or DIRECTORY */
	uint64_t size;
	int64_t modified_ns;
};

struct ouro_list {
	const struct ouro_list_entry *entries; /* by name, as bytes compare */
	uint32_t count;
	bool more; /* there are others, for which there was no room; which are left out is chance */
};

/* Reads the directory at @path beneath @root (empty: the root itself) into the @bytes at @memory, aligned
 * for pointers, of which @list is made. Left out is what cannot be asked for: names with a dot in front
 * where root->dotfiles is false, links where root->symlinks is false or that lead nowhere or outside,
 * and what is neither file nor directory. May wait for a disk: for a thread that can. 0 or a negative
 * errno, as ouro_beneath_look(); -ENOTDIR where it is no directory. */
int ouro_list_read(const struct ouro_file_root *root, struct ouro_str path, void *memory,
		   size_t bytes, struct ouro_list *list);

#endif
