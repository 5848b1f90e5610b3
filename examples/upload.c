/* Forms with files. /files saves each file as it comes, in constant memory; /message takes the form as a
 * whole, a large attachment in a file that nobody has to remove.
 *
 *	cc upload.c $(pkg-config --cflags --libs ouro) -o upload && mkdir -p uploads && ./upload
 *	curl -F photo=@a.jpg -F photo=@b.jpg http://127.0.0.1:8080/files
 *	curl -F text=hello -F attachment=@a.pdf http://127.0.0.1:8080/message
 *
 * Files are saved in $UPLOADS, or in ./uploads. Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <errno.h>
#include <limits.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_BYTES_MAX (UINT64_C(4) << 30)
#define MESSAGE_BYTES_MAX (UINT64_C(16) << 20)

/* Saves the part that is being read under a name of our own: what the client calls it is for people. What
 * waits for the disk is another thread. */
static int keep(struct ouro_ctx *ctx, uint64_t *bytes)
{
	const char *directory = getenv("UPLOADS");
	char path[PATH_MAX];
	int fd, err;

	directory = directory ? directory : "uploads";
	if (snprintf(path, sizeof(path), "%s/XXXXXX", directory) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkstemp(path);
	if (fd < 0)
		return -errno;
	err = ouro_part_save(ctx, fd, bytes);
	close(fd);
	/* The client has gone, the body is malformed, the disk is full. */
	if (err)
		unlink(path);
	return err;
}

static void files(struct ouro_ctx *ctx)
{
	uint64_t bytes, total = 0;
	struct ouro_part part;
	int step, count = 0;

	while ((step = ouro_multipart_next(ctx, &part)) > 0) {
		/* A field, or a file that was not chosen: it is skipped. */
		if (part.filename.len == 0)
			continue;
		step = keep(ctx, &bytes);
		if (step)
			break;
		total += bytes;
		count++;
	}
	/* 400 or 413, with what was wrong and at which byte; 415; 500 for a disk that fails. */
	if (step)
		ouro_reject(ctx, step);
	else
		ouro_textf(ctx, 200, "%d files, %llu bytes\n", count, (unsigned long long)total);
}
OURO_POST("/files", files, OURO_BODY_MAX(FILES_BYTES_MAX));

static const struct ouro_part *find(const struct ouro_part *parts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].name.len == strlen(name) &&
		    memcmp(parts[i].name.ptr, name, strlen(name)) == 0)
			return &parts[i];
	return NULL;
}

static void message(struct ouro_ctx *ctx)
{
	const struct ouro_multipart_options options = { .parts_max = 8 };
	const struct ouro_part *parts, *text, *attachment;
	size_t count;
	int err = ouro_multipart(ctx, &options, &parts, &count);

	if (err) {
		ouro_reject(ctx, err);
		return;
	}
	text = find(parts, count, "text");
	attachment = find(parts, count, "attachment");
	if (!text || text->fd >= 0) {
		ouro_error(ctx, 422, "\"text\" is missing, or too long");
		return;
	}
	/* An attachment's bytes are at ->data, or can be read from ->fd. */
	ouro_textf(ctx, 200, "%zu bytes of text, %llu bytes attached, %s\n", text->data.len,
		   attachment ? (unsigned long long)attachment->bytes : 0,
		   attachment && attachment->fd >= 0 ? "in a file" : "in memory");
}
OURO_POST("/message", message, OURO_BODY_MAX(MESSAGE_BYTES_MAX));

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
