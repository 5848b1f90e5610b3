/* Static files, as the files of the server's folder know them: how they are found (static_find.c), in which
 * coding (static_coding.c), as what answer (static_answer.c), and what is in a directory (static_list.c), for
 * routes (static.c) that were added before the start (static_routes.c). */
#ifndef OURO_SERVER_STATIC_H
#define OURO_SERVER_STATIC_H

#include "file/cache.h"
#include "ouro/files.h"
#include "proto/condition.h"
#include "proto/date.h"
#include "server/exchange.h"

enum { OURO_STATIC_RANGES_MAX = 32 /* of one answer; more: 416 */ };

/* What was asked for by ouro_group_files(); lives as long as the group. */
struct ouro_files_spec {
	const char *directory;
	struct ouro_files_options options; /* every zero replaced by its default */
};

/* A directory that the server serves. */
struct ouro_files {
	struct ouro_files *next;
	const struct ouro_files_spec *spec;
	uint32_t index; /* of its cache among a worker's; that of 0 is for files which the
				     * program names */
	struct ouro_file_root root;       /* open while the server runs */
	struct ouro_file_root coded_root; /* the same, for what is sent in place of another file:
					   * apart, since its note is another */
};

/* What is worked out once for each file; see ouro_file.note. */
struct ouro_static_note {
	bool made;
	uint8_t etag_len;
	uint8_t codings;    /* a bit for each coding in which it is there */
	bool codings_known; /* at @codings_ms */
	uint64_t codings_ms;
	int64_t modified_s;
	struct ouro_str type; /* by its name; static memory, absent where that says nothing */
	char etag[OURO_ETAG_BYTES_MAX];
	char modified[OURO_DATE_BYTES];
};

/* One file as an answer. */
struct ouro_static_answer {
	struct ouro_file *file;
	struct ouro_str name;          /* its path; of what it stands for, where it is coded */
	unsigned coding;               /* 0: none; else see static_coding.c */
	struct ouro_str content_type;  /* absent: by @name */
	struct ouro_str cache_control; /* absent: none */
	bool varies;                   /* by Accept-Encoding */
};

/* Where files are looked for. */
struct ouro_static_place {
	struct ouro_file_cache *cache;
	const struct ouro_file_root *root, *coded_root;
	uint32_t revalidate_ms;
};

/* ---- static_routes.c ---- */

/* Makes @endpoint a route to what @spec says. 0 or -ENOMEM. ouro_static_forget() frees all that. */
int ouro_static_compile(struct ouro_server *server, const struct ouro_files_spec *spec,
			struct ouro_endpoint *endpoint);
void ouro_static_forget(struct ouro_server *server);

/* Opens the directories. 0 or a negative errno with a log line; what is open is to be closed either way. */
int ouro_static_open_roots(struct ouro_server *server);
void ouro_static_close_roots(struct ouro_server *server);

/* What a worker remembers of them: made, closed (also where it was not made), trimmed now and then. 0 or
 * -ENOMEM. */
int ouro_static_open(struct ouro_worker *worker);
void ouro_static_close(struct ouro_worker *worker);
void ouro_static_trim(struct ouro_worker *worker);

/* ---- static_find.c ---- */

/* What is at @path; waits where a disk must be waited for. 0 with a reference in @file; or a negative
 * errno: of the look, or -EAGAIN where too much waits, -EDEADLK, -ECANCELED, -ETIMEDOUT, -ENOMEM. */
int ouro_static_find(struct ouro_ctx *ctx, const struct ouro_static_place *place,
		     const struct ouro_file_root *root, struct ouro_str path,
		     struct ouro_file **file);

/* @path with @suffix behind it, in the arena; absent when out of memory. */
struct ouro_str ouro_static_join(struct ouro_ctx *ctx, struct ouro_str path,
				 struct ouro_str suffix);

/* ---- static_coding.c ---- */

/* The name of a coding for Content-Encoding. */
struct ouro_str ouro_static_coding_name(unsigned coding);

/* Replaces answer->file, which was found at answer->name in @place, by the one beside it that suits the
 * client best: its reference goes, and the other's comes. 0; or an error of waiting, and nothing has changed. */
int ouro_static_choose_coding(struct ouro_ctx *ctx, const struct ouro_static_place *place,
			      struct ouro_static_answer *answer);

/* ---- static_answer.c ---- */

/* The note of @file, made where it was not. */
struct ouro_static_note *ouro_static_note_of(struct ouro_ctx *ctx,
					     const struct ouro_static_answer *answer);

/* Answers with a regular file: all of it, ranges, or that a condition does not hold. Errors as
 * ouro_send(). The reference to the file stays the caller's. */
int ouro_static_respond(struct ouro_ctx *ctx, const struct ouro_static_answer *answer);

/* ---- static_list.c ---- */

/* Answers with what is in the directory at @path. 0, or a negative errno and there is no answer. */
int ouro_static_list(struct ouro_ctx *ctx, const struct ouro_files *files, struct ouro_str path);

/* ---- static.c ---- */

/* The handler of routes to files. */
void ouro_static_serve(struct ouro_ctx *ctx);

#endif
