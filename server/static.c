/* Routes to files: from the path of a request to a file, to what stands for a directory, or to what stands
 * for nothing; and files that handlers name. */
#include "server/static.h"

#include "base/str.h"
#include "proto/negotiate.h"
#include "proto/target.h"
#include "server/server_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { ACCEPTS_MAX = 8 /* Accept fields that are looked at */ };

/* ---- The path ---- */

/* Decodes @raw, segment by segment, so that a slash that was escaped separates nothing: there is no name
 * that has one. 0, -EINVAL or -ENOMEM. */
static int decode(struct ouro_ctx *ctx, struct ouro_str raw, struct ouro_str *path)
{
	const char *at = raw.ptr, *end = raw.ptr + raw.len;
	char *out, *to;

	*path = raw;
	if (!memchr(raw.ptr, '%', raw.len))
		return 0;
	out = to = ouro_arena_alloc(&ctx->arena, raw.len);
	if (!out)
		return -ENOMEM;
	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;
		ssize_t len = ouro_target_decode(ouro_str(at, (size_t)(stop - at)), to,
						 (size_t)(stop - at));

		if (len < 0 || memchr(to, '/', (size_t)len))
			return -EINVAL;
		to += len;
		if (slash)
			*to++ = '/';
		at = slash ? slash + 1 : end;
	}
	*path = ouro_str(out, (size_t)(to - out));
	return 0;
}

/* ---- What cannot be served ---- */

/* Whether @err says that there is nothing that clients may know of. */
static bool is_absent(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -EISDIR:
	case -ENXIO:
	case -ELOOP:
	case -EXDEV:
	case -EPERM:
	case -EINVAL:
	case -ENAMETOOLONG:
		return true;
	default:
		return false;
	}
}

static void refuse(struct ouro_ctx *ctx, int err)
{
	if (is_absent(err))
		ouro_error(ctx, 404, NULL);
	else if (err == -EACCES)
		ouro_error(ctx, 403, NULL);
	else if (err == -EMFILE || err == -ENFILE || err == -ESTALE)
		ouro_error(ctx, 503, "too much is going on");
	else
		ouro_reject(ctx, err);
}

struct values {
	struct ouro_str values[ACCEPTS_MAX];
	size_t count;
};

static bool add_value(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct values *values = arg;

	(void)name;
	values->values[values->count++] = value;
	return values->count < ACCEPTS_MAX;
}

/* Whether the client asks for a page, and not for anything: by name, since scripts and pictures that are
 * missing must not be pages. */
static bool wants_page(struct ouro_ctx *ctx)
{
	/* What falls under wildcards alone loses to what is offered first. */
	static const struct ouro_str offers[] = { { "application/octet-stream", 24 },
						  { "text/html", 9 } };
	struct values accepts = { .count = 0 };

	ouro_header_each(ctx, "accept", add_value, &accepts);
	return ouro_negotiate_type(accepts.values, accepts.count, offers, 2) == 1;
}

/* ---- What can ---- */

static struct ouro_static_place place_of(const struct ouro_ctx *ctx, const struct ouro_files *files)
{
	return (struct ouro_static_place){
		.cache = ctx->worker->file_caches[files->index],
		.root = &files->root,
		.coded_root = &files->coded_root,
		.revalidate_ms = files->spec->options.revalidate_ms,
	};
}

/* Answers with @file, which was found at @path; its reference goes. */
static int respond(struct ouro_ctx *ctx, const struct ouro_files *files, struct ouro_file *file,
		   struct ouro_str path)
{
	const struct ouro_files_options *options = &files->spec->options;
	struct ouro_static_answer answer = {
		.file = file,
		.name = path,
		.cache_control = ouro_str_c(options->cache_control),
	};
	struct ouro_static_place place = place_of(ctx, files);
	int err = options->precompressed ? ouro_static_choose_coding(ctx, &place, &answer) : 0;

	if (!err)
		err = ouro_static_respond(ctx, &answer);
	ouro_file_unref(answer.file);
	return err;
}

/* Answers with the file at @path. 0; a negative errno and there is no answer: -EISDIR for a directory,
 * -ENXIO for what is neither. */
static int serve_file(struct ouro_ctx *ctx, const struct ouro_files *files, struct ouro_str path)
{
	struct ouro_static_place place = place_of(ctx, files);
	struct ouro_file *file;
	int err = ouro_static_find(ctx, &place, &files->root, path, &file);
	enum ouro_file_kind kind;

	if (err)
		return err;
	kind = file->stat.kind;
	if (kind == OURO_FILE_REGULAR)
		return respond(ctx, files, file, path);
	ouro_file_unref(file);
	return kind == OURO_FILE_DIRECTORY ? -EISDIR : -ENXIO;
}

/* What stands for the directory at @path, which is empty or ends in a slash. */
static int serve_directory(struct ouro_ctx *ctx, const struct ouro_files *files,
			   struct ouro_str path)
{
	const struct ouro_files_options *options = &files->spec->options;
	struct ouro_str index;
	int err = -ENOENT;

	if (!options->no_index) {
		index = ouro_static_join(ctx, path, ouro_str_c(options->index));
		err = index.ptr ? serve_file(ctx, files, index) : -ENOMEM;
	}
	/* Behind an empty name there is no directory, and no name stands for the root. */
	if (!is_absent(err) || !options->list || ouro_str_eq(path, OURO_STR("/")))
		return err;
	return ouro_static_list(ctx, files, ouro_str(path.ptr, path.len ? path.len - 1 : 0));
}

/* A directory is under its name with a slash, so that what its index refers to is found. */
static int redirect(struct ouro_ctx *ctx)
{
	struct ouro_str path = ouro_static_join(ctx, ctx->path, OURO_STR("/"));

	if (!path.ptr)
		return -ENOMEM;
	ouro_path_redirect(ctx, path);
	return 0;
}

/* @err, or 0 where what stands for all that is not there was the answer. */
static int serve_fallback(struct ouro_ctx *ctx, const struct ouro_files *files, int err)
{
	const struct ouro_files_options *options = &files->spec->options;
	int fallback_err;

	if (!options->fallback || !is_absent(err))
		return err;
	if (ouro_set_header(ctx, "vary", OURO_STR("accept")))
		return -ENOMEM;
	if (!wants_page(ctx))
		return err;
	fallback_err = serve_file(ctx, files, ouro_str_c(options->fallback));
	return is_absent(fallback_err) ? err : fallback_err;
}

static int serve(struct ouro_ctx *ctx, const struct ouro_files *files, struct ouro_str raw)
{
	struct ouro_str path;
	int err = decode(ctx, raw, &path);

	if (err)
		return err;
	if (path.len == 0 || path.ptr[path.len - 1] == '/')
		return serve_directory(ctx, files, path);
	err = serve_file(ctx, files, path);
	return err == -EISDIR ? redirect(ctx) : err;
}

void ouro_static_serve(struct ouro_ctx *ctx)
{
	const struct ouro_files *files = ctx->endpoint->files;
	struct ouro_str raw = ouro_param_raw(ctx, "path");
	int err;

	/* The route of the prefix alone has no such parameter. */
	err = raw.ptr ? serve(ctx, files, raw) : redirect(ctx);
	if (err)
		err = serve_fallback(ctx, files, err);
	if (err)
		refuse(ctx, err);
}

/* ---- Files that handlers name ---- */

static const struct ouro_file_root program_root = { .fd = AT_FDCWD, .anywhere = true };
static const struct ouro_file_root program_coded_root = { .fd = AT_FDCWD, .anywhere = true };

enum { PROGRAM_REVALIDATE_MS = 1000 };

int ouro_send_file(struct ouro_ctx *ctx, const char *path, const struct ouro_file_options *options)
{
	const struct ouro_static_place place = {
		.cache = ctx->worker->file_caches[0],
		.root = &program_root,
		.coded_root = &program_coded_root,
		.revalidate_ms = PROGRAM_REVALIDATE_MS,
	};
	struct ouro_static_answer answer = { .name = ouro_str_c(path) };
	int err;

	if (ctx->response != OURO_RESPONSE_NONE || ctx->passing)
		return ctx->response == OURO_RESPONSE_RESET ? -ENOTCONN : -EALREADY;
	err = ouro_static_find(ctx, &place, place.root, answer.name, &answer.file);
	if (err)
		return err;
	if (options) {
		answer.content_type = ouro_str_c(options->content_type);
		answer.cache_control = ouro_str_c(options->cache_control);
	}
	if (answer.file->stat.kind != OURO_FILE_REGULAR)
		err = answer.file->stat.kind == OURO_FILE_DIRECTORY ? -EISDIR : -EINVAL;
	else if (options && options->precompressed)
		err = ouro_static_choose_coding(ctx, &place, &answer);
	if (!err)
		err = ouro_static_respond(ctx, &answer);
	ouro_file_unref(answer.file);
	return err;
}
