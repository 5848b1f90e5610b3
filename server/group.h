/* Groups as they are collected before the start: what the public calls add, and compile.c flattens. */
#ifndef OURO_SERVER_GROUP_H
#define OURO_SERVER_GROUP_H

#include "base/log.h"
#include "ouro/routes.h"

enum {
	OURO_PREFIX_BYTES_MAX = 4096,
	OURO_GROUP_DEPTH_MAX = 32,
	OURO_MIDDLEWARE_MAX = 64, /* of one route, all groups together */
};

struct ouro_files_spec; /* server/static.h */

/* A route, or a group within. */
struct ouro_group_entry {
	struct ouro_group_entry *next;
	const char *text; /* pattern or prefix */
	struct ouro_group *child;
	/* Of a route: */
	const char *method;
	ouro_handler_fn handler;
	struct ouro_route_options options;   /* strings are the group's */
	const char *place;                   /* "file.c:12" */
	const struct ouro_files_spec *files; /* what it serves; NULL: it is no route to files */
};

/* A piece of memory that lives as long as the group. */
struct ouro_group_note {
	struct ouro_group_note *next;
	_Alignas(void *) char bytes[];
};

struct ouro_group {
	uint32_t refs;
	const struct ouro_log *log; /* of the server it began in; NULL: standard error */
	struct ouro_group_entry *first, *last;
	ouro_handler_fn middleware[OURO_MIDDLEWARE_MAX]; /* the outermost first */
	int middleware_order[OURO_MIDDLEWARE_MAX];       /* of each */
	uint32_t middleware_count;
	struct ouro_route_options options; /* defaults; strings are the group's */
	struct ouro_group_note *notes;
	bool compiled; /* nothing can be added any more */
};

/* A group with one reference; NULL when out of memory. @log may be NULL. */
struct ouro_group *ouro_group_new(const struct ouro_log *log);

/* Drops a reference. NULL is accepted. */
void ouro_group_unref(struct ouro_group *group);

/* Adds a copy of the route @given, which was added at @place. 0; -EINVAL with a log line, -EALREADY,
 * -ENOMEM. */
int ouro_group_add(struct ouro_group *group, const char *place,
		   const struct ouro_group_entry *given);

/* Memory of @bytes that lives as long as @group, zeroed; NULL when out of memory. */
void *ouro_group_alloc(struct ouro_group *group, size_t bytes);

/* Makes @text a copy of itself that lives as long as @group, NULL of NULL; false when out of memory. */
bool ouro_group_keep_text(struct ouro_group *group, const char **text);

/* The log for messages about @group. */
const struct ouro_log *ouro_group_log(const struct ouro_group *group);

#endif
