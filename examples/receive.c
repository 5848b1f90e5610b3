/* Uploads of any size to files, in constant memory: a PUT stores its body beneath a directory. The file
 * has another name until all of it is there, so that nobody sees half an upload, and one that breaks off
 * leaves nothing behind.
 *
 *	cc receive.c $(pkg-config --cflags --libs ouro) -o receive && RECEIVE_DIRECTORY=/tmp ./receive
 *	head -c 1G /dev/zero | curl -T - http://127.0.0.1:8080/files/zeroes
 *
 * Stores beneath $RECEIVE_DIRECTORY, or the working directory; listens at $OURO_LISTEN, or at
 * tcp://127.0.0.1:8080. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int directory;

struct upload {
	int fd;
	char temporary[64];
	bool kept;
};

/* Runs in whichever way the handler ends: a client that goes leaves nothing. */
static void end_upload(void *arg)
{
	struct upload *upload = arg;

	close(upload->fd);
	if (!upload->kept)
		unlinkat(directory, upload->temporary, 0);
}

/* A name for a file, as a C string; NULL where it is none. A decoded parameter may hold anything. */
static const char *file_name(struct ouro_ctx *ctx)
{
	struct ouro_str name = ouro_param(ctx, "name");
	char *copy = ouro_alloc(ctx, name.len + 1);

	if (!copy || name.len > 255 || name.ptr[0] == '.' || memchr(name.ptr, '/', name.len) ||
	    memchr(name.ptr, '\0', name.len))
		return NULL;
	memcpy(copy, name.ptr, name.len);
	copy[name.len] = '\0';
	return copy;
}

static void receive(struct ouro_ctx *ctx)
{
	const char *name = file_name(ctx);
	struct upload *upload = ouro_alloc(ctx, sizeof(*upload));
	int64_t count;

	if (!name || !upload) {
		ouro_error(ctx, 400, "this is no name for a file");
		return;
	}
	/* A connection has one request at a time. */
	snprintf(upload->temporary, sizeof(upload->temporary), ".upload-%d-%" PRIu64, (int)getpid(),
		 ouro_connection_id(ctx));
	upload->kept = false;
	upload->fd =
		openat(directory, upload->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (upload->fd < 0) {
		ouro_reject(ctx, -errno);
		return;
	}
	if (ouro_defer(ctx, end_upload, upload))
		return;
	count = ouro_body_to_file(ctx, upload->fd, 0);
	if (count >= 0 && renameat(directory, upload->temporary, directory, name))
		count = -errno;
	if (count < 0) {
		/* 413, 507 and so on; nothing where the client has gone. */
		ouro_reject(ctx, (int)count);
		return;
	}
	upload->kept = true;
	ouro_textf(ctx, 201, "%" PRId64 "\n", count);
}
OURO_ROUTE("PUT, POST", "/files/{name}", receive, OURO_BODY_MAX(UINT64_MAX));
OURO_GET("/metrics", ouro_metrics);

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	const char *path = getenv("RECEIVE_DIRECTORY");
	struct ouro_server *server;
	int err;

	directory = open(path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	err = ouro_server_create(&server, &options);
	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	close(directory);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
