/* Static files. A directory is served as it is: types by names, conditions, ranges, compressed files beside
 * others, lists. Some more files are known by numbers alone, and who may have them the program decides; what
 * it then names is sent in the same way.
 *
 *	cc files.c $(pkg-config --cflags --libs ouro) -o files && ./files
 *	curl http://127.0.0.1:8080/ http://127.0.0.1:8080/files.c -r 0-99
 *	curl -OJ 'http://127.0.0.1:8080/reports/1?key=sesame'
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080; serves $OURO_ROOT, or the working directory. */
#include <errno.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paths are the program's own: nothing that a client sends becomes part of one. */
static const struct {
	const char *path, *name;
} reports[] = {
	{ "/etc/hostname", "name of the host.txt" },
	{ "/etc/os-release", "system.txt" },
};

enum { REPORT_COUNT = sizeof(reports) / sizeof(reports[0]) };

static bool may_read(struct ouro_ctx *ctx)
{
	struct ouro_str key = ouro_query(ctx, "key");

	return key.len == 6 && memcmp(key.ptr, "sesame", 6) == 0;
}

static void report(struct ouro_ctx *ctx)
{
	uint64_t number = 0;
	int err;

	if (!may_read(ctx)) {
		ouro_error(ctx, 403, NULL);
		return;
	}
	if (ouro_param_u64(ctx, "number", &number) || number < 1 || number > REPORT_COUNT) {
		ouro_error(ctx, 404, NULL);
		return;
	}
	ouro_set_headerf(ctx, "content-disposition", "attachment; filename=\"%s\"",
			 reports[number - 1].name);
	/* May wait for a disk, and no other request with it. */
	err = ouro_send_file(ctx, reports[number - 1].path,
			     &(struct ouro_file_options){ .content_type = "text/plain",
							  .cache_control = "no-store" });
	if (err == -ENOENT)
		ouro_error(ctx, 404, "the report was not written yet");
	else if (err)
		ouro_reject(ctx, err);
}
OURO_GET("/reports/{number:u64}", report);

int main(void)
{
	const char *root = getenv("OURO_ROOT");
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_files_options files = {
		.list = true,
		.precompressed = true,
		.cache_control = "max-age=60",
	};
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_files(server, "/", root ? root : ".", &files);
	if (!err)
		err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
