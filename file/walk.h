/* A path resolved beneath a directory by hand, for kernels without openat2(2). */
#ifndef OURO_FILE_WALK_H
#define OURO_FILE_WALK_H

#include "file/beneath.h"

/* Opens @path, which ouro_file_path_check() has passed, with the open(2) flags @flags. A descriptor or
 * a negative errno, as in file/beneath.h. */
int ouro_file_walk(const struct ouro_file_root *root, struct ouro_str path, int flags);

#endif
