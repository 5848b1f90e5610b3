/* A site whose handlers take forms with files: what its tests say often. */
#ifndef OURO_TESTS_SERVER_FORM_SITE_H
#define OURO_TESTS_SERVER_FORM_SITE_H

#include "server/expect.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define FILED(name, file)                                                                          \
	"Content-Disposition: form-data; name=\"" name "\"; filename=\"" file "\"\r\n"
#define PART(name, data) "--b\r\n" NAMED(name) "\r\n" data "\r\n"
#define ENDS "--b--\r\n"
#define TYPE "multipart/form-data; boundary=b"

/* A form with a file, and what tell_part() and its data make of it. */
#define TWO                                                                                        \
	PART("a", "one")                                                                           \
	"--b\r\n" FILED("f", "x%22y.txt") "Content-Type: text/plain\r\n\r\ntwo\r\n\r\n" ENDS
#define TWO_TOLD "[a - - one][f x\"y.txt text/plain two\r\n]"

enum {
	FORM_REQUEST_BYTES = 2 << 20,
	FORM_BODY_MAX = 64 << 20,
	TELL_BYTES = 4096,
	NAP_US = 100,
	NAPS_MAX = 100000,
};

static struct site site;
static struct ouro_multipart_options options;
static int results[8];        /* of calls that handlers make */
static char told[TELL_BYTES]; /* what they have seen */
static char request[FORM_REQUEST_BYTES];
static int open_before;

/* ---- In handlers ---- */

static inline void tell(const char *format, ...) OURO_PRINTF(1, 2);

static inline void tell(const char *format, ...)
{
	size_t len = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + len, sizeof(told) - len, format, args);
	va_end(args);
}

#define VIEW(str) (str).ptr ? (int)(str).len : 1, (str).ptr ? (str).ptr : "-"

static inline void tell_part(const struct ouro_part *part)
{
	tell("[%.*s %.*s %.*s ", VIEW(part->name), VIEW(part->filename), VIEW(part->content_type));
}

static inline void answer(struct ouro_ctx *ctx, int err)
{
	results[0] = err;
	if (err)
		ouro_reject(ctx, err);
	else
		ouro_text(ctx, 200, ouro_str_c(told));
}

/* ---- Asking ---- */

static inline int count_files(const char *path)
{
	DIR *stream = opendir(path);
	int count = 0;

	cr_assert(stream);
	for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(stream);
	return count;
}

static inline void forget(void)
{
	memset(results, 0x7f, sizeof(results));
	told[0] = '\0';
}

static inline void open_form_site(void (*set_up)(struct ouro_server *server),
				  const struct sim_settings *settings)
{
	/* Where the network is told to be odd, buffers are scarce as well. */
	const struct ouro_options server_options = { .body_bytes_max = FORM_BODY_MAX,
						     .recv_buffers = settings ? 4 : 0 };

	forget();
	open_before = count_files("/proc/self/fd");
	site_open_with(&site, &server_options, settings, set_up);
}

/* Waits for other threads to do what they were given. */
static inline void await_jobs(void)
{
	for (int i = 0; i < NAPS_MAX && site.worker->jobs > 0; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_eq(site.worker->jobs, 0);
}

/* No descriptor may be left. */
static inline void close_form_site(void)
{
	await_jobs();
	site_close(&site);
	cr_assert_eq(count_files("/proc/self/fd"), open_before);
}

/* A request with @body; its length. */
static inline size_t write_request(const char *path, const char *type, const char *body, size_t len)
{
	int head = snprintf(request, sizeof(request),
			    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n"
			    "Content-Length: %zu\r\n\r\n",
			    path, type, len);

	cr_assert_lt((size_t)head + len, sizeof(request));
	memcpy(request + head, body, len);
	return (size_t)head + len;
}

static inline unsigned status_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer got;

	return answer_read(&bytes, false, &got) ? got.status : 0;
}

static inline void settle_until_answered(struct sim_peer *peer)
{
	for (int i = 0; i < NAPS_MAX && sim_peer_received(peer).len == 0; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_gt(sim_peer_received(peer).len, 0);
}
static inline struct answer ask_type(const char *path, const char *type, const char *body,
				     size_t len)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str bytes;
	struct answer got = { 0 };

	forget();
	sim_peer_send(peer, request, write_request(path, type, body, len));
	settle_until_answered(peer);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &got));
	return got;
}

static inline struct answer ask(const char *path, const char *body)
{
	return ask_type(path, TYPE, body, strlen(body));
}

static inline void expect_answer(const char *path, const char *body, unsigned status,
				 const char *text)
{
	struct answer got = ask(path, body);

	cr_assert_eq(got.status, status, "%s: %u %.*s", body, got.status, (int)got.body.len,
		     got.body.ptr);
	cr_assert(status == 200 ? is(got.body, text) : holds(got.body, text), "%s", body);
}

#endif
