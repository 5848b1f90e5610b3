/* Memory at the edge of an inaccessible page: see guard.h. */
#include "guard.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *guard, size_t bytes_max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (bytes_max + page - 1) / page * page;

	guard->map_bytes = bytes + page;
	guard->map = mmap(NULL, guard->map_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard->map == MAP_FAILED || mprotect(guard->map + bytes, page, PROT_NONE)) {
		perror("guarded page");
		exit(1);
	}
	guard->end = guard->map + bytes;
}

void guard_fini(struct guard *guard)
{
	munmap(guard->map, guard->map_bytes);
}

const char *guard_put(struct guard *guard, const char *data, size_t len)
{
	assert(len <= (size_t)(guard->end - guard->map));
	if (len > 0)
		memmove(guard->end - len, data, len);
	return guard->end - len;
}
