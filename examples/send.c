/* Answers that are sent as they are. A report is kept in memory and replaced now and then while clients
 * are still reading the old one; the program's own source comes from its file, without going through the
 * program; a log is made line by line, and its trailer says how many lines there were.
 *
 *	cc send.c $(pkg-config --cflags --libs ouro) -o send && ./send
 *	curl http://127.0.0.1:8080/report http://127.0.0.1:8080/file
 *	curl -v --raw http://127.0.0.1:8080/log
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080; /file is $OURO_FILE, or send.c. */
#include <errno.h>
#include <fcntl.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_BYTES = 256 * 1024, LOG_LINES = 1000 };

/* Counted by those who hold it: the program while it is the newest, and each answer that is under way.
 * All of it happens on one loop, so no lock is needed. */
struct report {
	unsigned holders;
	unsigned number;
	char text[REPORT_BYTES];
};

static struct report *newest;
static unsigned reports_in_memory;

static void let_go(void *arg)
{
	struct report *report = arg;

	if (--report->holders > 0)
		return;
	reports_in_memory--;
	free(report);
}

static int renew(void)
{
	struct report *report = malloc(sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->holders = 1;
	report->number = newest ? newest->number + 1 : 1;
	memset(report->text, 'A' + (int)(report->number % 26), sizeof(report->text));
	reports_in_memory++;
	if (newest)
		let_go(newest);
	newest = report;
	return 0;
}

/* The kernel reads the report where it is. When it has all of it, or the client is gone, let_go() is
 * called: once, whatever ouro_send_gathered() returns. */
static void report(struct ouro_ctx *ctx)
{
	struct ouro_piece pieces[] = {
		{ OURO_STR("report of today\n"), NULL, NULL },
		{ { newest->text, sizeof(newest->text) }, let_go, newest },
	};

	newest->holders++;
	ouro_send_gathered(ctx, 200, "text/plain", pieces, 2);
}
OURO_GET("/report", report);

static void new_report(struct ouro_ctx *ctx)
{
	if (renew())
		ouro_error(ctx, 503, "out of memory");
	else
		ouro_textf(ctx, 200, "number %u, %u in memory\n", newest->number,
			   reports_in_memory);
}
OURO_POST("/report", new_report);

static void file(struct ouro_ctx *ctx)
{
	const char *path = getenv("OURO_FILE");
	int fd = open(path ? path : "send.c", O_RDONLY | O_CLOEXEC);

	/* The descriptor is the engine's now, also where it says no. */
	if (fd < 0)
		ouro_error(ctx, 404, "there is no such file");
	else
		ouro_send_fd(ctx, 200, "text/plain; charset=utf-8", fd, 0, OURO_LENGTH_UNKNOWN);
}
OURO_GET("/file", file);

static void log_lines(struct ouro_ctx *ctx)
{
	char line[64];
	int count = 0, err = 0;

	/* The browser may fetch this while the answer is still being thought about. */
	ouro_early_hints(ctx, &OURO_STR("</style.css>; rel=preload; as=style"), 1);
	ouro_set_header(ctx, "trailer", OURO_STR("x-lines"));
	ouro_begin(ctx, 200, "text/plain", OURO_LENGTH_UNKNOWN);
	while (count < LOG_LINES && !err) {
		int len = snprintf(line, sizeof(line), "line %d\n", ++count);

		/* Waits while the client does not keep up. */
		err = ouro_write(ctx, (struct ouro_str){ line, (size_t)len });
	}
	snprintf(line, sizeof(line), "%d", count);
	ouro_set_trailer(ctx, "x-lines", (struct ouro_str){ line, strlen(line) });
}
OURO_GET("/log", log_lines);

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN"), .threads = 1 };
	struct ouro_server *server;
	int err = renew();

	if (!err)
		err = ouro_server_create(&server, &options);
	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	let_go(newest);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
