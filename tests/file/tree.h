/* A directory of the test's own, in which it makes what it looks at. */
#ifndef TESTS_FILE_TREE_H
#define TESTS_FILE_TREE_H

#include "file/beneath.h"

/* Makes a directory with a directory "root" in it, and opens that. It goes with the process's end by
 * tree_remove(). Exits where it cannot. */
struct ouro_file_root tree_create(void);
void tree_remove(void);

/* Below: paths from "root", formatted. Each exits where it cannot. */
void tree_directory(const char *path);
void tree_file(const char *path, const char *content);
void tree_file_of(const char *path, size_t bytes); /* any content */
void tree_link(const char *path, const char *target);
void tree_fifo(const char *path);
void tree_socket(const char *path);
bool tree_device(const char *path); /* a null device; false: not permitted */
void tree_mode(const char *path, unsigned mode);
void tree_rename(const char *from, const char *to);
void tree_unlink(const char *path);

/* Sets when the file was modified, in seconds since 1970. */
void tree_date(const char *path, int64_t unix_s);

/* The same for a time long ago, and waits until the file has not changed for so long that this is believed. */
void tree_age(const char *path);

/* The process is another user than root from now on, to whom permissions apply. False: it cannot. */
bool tree_as_nobody(void);

/* The descriptors that the process has open. */
unsigned tree_descriptor_count(void);

#endif
