/* Answers that are compressed, and those that are not. */
#include "coding/coded.h"
#include "server/compress.h"
#include "server/expect.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 8000,     /* leaves behind its head */
	WORDS_BYTES = 40000,   /* compressed it has a buffer of its own */
	LARGE_BYTES = 1 << 20, /* compressed by another thread */
	MUCH_BYTES = 4 << 20,  /* more than is queued for one client */
	SETTLES_MAX = 100000,
};

static struct site site;
static char much[MUCH_BYTES];
static char words[LARGE_BYTES], noise[PAGE_BYTES], decoded[LARGE_BYTES + 1];
static int last_result, released;

#define HTML "text/html; charset=utf-8"

static struct ouro_str first(size_t len)
{
	return ouro_str(words, len);
}

/* ---- Handlers ---- */

static void page(struct ouro_ctx *ctx)
{
	last_result = ouro_send(ctx, 200, HTML, first(PAGE_BYTES));
}

static void page_static(struct ouro_ctx *ctx)
{
	ouro_send_static(ctx, 200, HTML, first(WORDS_BYTES));
}

static void small(struct ouro_ctx *ctx)
{
	ouro_send(ctx, 200, HTML, first(1023));
}

static void just_enough(struct ouro_ctx *ctx)
{
	ouro_send(ctx, 200, HTML, first(1024));
}

static void image(struct ouro_ctx *ctx)
{
	ouro_send(ctx, 200, "image/png", first(PAGE_BYTES));
}

static void untyped(struct ouro_ctx *ctx)
{
	ouro_send(ctx, 200, NULL, first(PAGE_BYTES));
}

static void typed_by_field(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "content-type", OURO_STR("application/json"));
	ouro_send(ctx, 200, "image/png", first(PAGE_BYTES));
}

static void coded(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "Content-Encoding", OURO_STR("br"));
	page(ctx);
}

static void fixed(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "cache-control", OURO_STR("public, No-Transform"));
	page(ctx);
}

static void digested(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "Content-Digest", OURO_STR("sha-256=:AA==:"));
	page(ctx);
}

static void part(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "content-range", OURO_STR("bytes 0-7999/9000"));
	ouro_send(ctx, 206, HTML, first(PAGE_BYTES));
}

static void unsatisfied(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "content-range", OURO_STR("bytes */9000"));
	ouro_send(ctx, 416, HTML, first(PAGE_BYTES));
}

static void strong(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "etag", OURO_STR("\"1\""));
	page(ctx);
}

static void weak(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "ETag", OURO_STR("W/\"1\""));
	page(ctx);
}

static void not_modified(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "etag", OURO_STR("\"1\""));
	ouro_send(ctx, 304, NULL, OURO_STR(""));
}

static void not_modified_begun(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "etag", OURO_STR("\"1\""));
	ouro_set_header(ctx, "vary", OURO_STR("Accept-Encoding"));
	ouro_begin(ctx, 304, NULL, OURO_LENGTH_UNKNOWN);
}

static void varies(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "vary", OURO_STR("accept, Accept-Encoding"));
	page(ctx);
}

static void varies_by_all(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "vary", OURO_STR("*"));
	page(ctx);
}

static void varies_otherwise(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "vary", OURO_STR("accept"));
	page(ctx);
}

static void crowded(struct ouro_ctx *ctx)
{
	for (int i = 0; i < 31; i++)
		ouro_set_header(ctx, "x-field", OURO_STR("1"));
	page(ctx);
}

static void incompressible(struct ouro_ctx *ctx)
{
	ouro_send(ctx, 200, HTML, ouro_str(noise, sizeof(noise)));
}

/* Memory that is gone as soon as the call has returned, whatever it returned. */
static void large(struct ouro_ctx *ctx)
{
	char *own = malloc(LARGE_BYTES);

	memcpy(own, words, LARGE_BYTES);
	last_result = ouro_send(ctx, 200, HTML, ouro_str(own, LARGE_BYTES));
	memset(own, 0, LARGE_BYTES);
	free(own);
}

static void release(void *arg)
{
	(void)arg;
	released++;
}

static void gathered(struct ouro_ctx *ctx)
{
	const struct ouro_piece pieces[] = {
		{ first(100), release, NULL },
		{ ouro_str(words + 100, 0), release, NULL },
		{ ouro_str(words + 100, PAGE_BYTES - 100), release, NULL },
	};

	ouro_send_gathered(ctx, 200, HTML, pieces, 3);
}

static void gathered_large(struct ouro_ctx *ctx)
{
	const struct ouro_piece pieces[] = {
		{ first(100), release, NULL },
		{ ouro_str(words + 100, LARGE_BYTES - 100), release, NULL },
	};

	ouro_send_gathered(ctx, 200, HTML, pieces, 2);
}

static int open_with(const char *data, size_t len)
{
	char name[] = "/tmp/ouro-words-XXXXXX";
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	unlink(name);
	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	return fd;
}

static int open_words(void)
{
	return open_with(words, LARGE_BYTES);
}

static void file(struct ouro_ctx *ctx)
{
	ouro_send_fd(ctx, 200, HTML, open_words(), 0, PAGE_BYTES);
}

static void stream(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, first(10));
	ouro_write(ctx, ouro_str(words + 10, 0));
	ouro_write(ctx, ouro_str(words + 10, PAGE_BYTES - 10));
	ouro_set_trailer(ctx, "x-end", OURO_STR("yes"));
}

static void stream_slowly(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, "text/event-stream", OURO_LENGTH_UNKNOWN);
	for (size_t i = 0; i < 5; i++) {
		ouro_write(ctx, ouro_str(words + 10 * i, 10));
		ouro_sleep(ctx, 100);
	}
}

static void stream_counted(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, PAGE_BYTES);
	ouro_write(ctx, first(PAGE_BYTES));
	last_result = ouro_write(ctx, OURO_STR("!"));
}

static void stream_short(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, PAGE_BYTES);
	ouro_write(ctx, first(PAGE_BYTES - 1));
}

static void stream_large(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, first(LARGE_BYTES));
}

static void stream_file(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	ouro_write_fd(ctx, open_words(), 0, LARGE_BYTES);
}

static void stream_short_file(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	last_result = ouro_write_fd(ctx, open_words(), LARGE_BYTES - 10, 11);
}

/* What does not become smaller, and more of it than may be queued for one client. */
static void stream_noise(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	last_result = ouro_write_slice(ctx, (struct ouro_slice){ much, sizeof(much), NULL });
}

static void stream_noisy_file(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	last_result = ouro_write_fd(ctx, open_with(much, sizeof(much)), 0, sizeof(much));
}

static void later(struct ouro_ctx *ctx)
{
	ouro_after(ctx, 10, large);
}

/* Sleeps within a stream until it is told of the end. */
static void stream_for_ever(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, HTML, OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, first(10));
	last_result = ouro_sleep(ctx, 1000000);
}

/* The head cannot be written, and another answer takes its place. */
static void unwritable(struct ouro_ctx *ctx)
{
	last_result = ouro_send(ctx, 1000, HTML, first(PAGE_BYTES));
	ouro_set_header(ctx, "x-large", first(0));
	last_result = ouro_begin(ctx, 200, "text/html\1", OURO_LENGTH_UNKNOWN);
	ouro_text(ctx, 500, OURO_STR("short"));
}

static void pass_on(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-behind", OURO_STR("1"));
}

static const struct {
	const char *path;
	ouro_handler_fn fn;
} handlers[] = {
	{ "/page", page },
	{ "/static", page_static },
	{ "/small", small },
	{ "/just-enough", just_enough },
	{ "/image", image },
	{ "/untyped", untyped },
	{ "/typed", typed_by_field },
	{ "/coded", coded },
	{ "/fixed", fixed },
	{ "/digested", digested },
	{ "/part", part },
	{ "/unsatisfied", unsatisfied },
	{ "/strong", strong },
	{ "/weak", weak },
	{ "/not-modified", not_modified },
	{ "/not-modified-begun", not_modified_begun },
	{ "/varies", varies },
	{ "/varies-by-all", varies_by_all },
	{ "/varies-otherwise", varies_otherwise },
	{ "/crowded", crowded },
	{ "/noise", incompressible },
	{ "/large", large },
	{ "/gathered", gathered },
	{ "/gathered-large", gathered_large },
	{ "/file", file },
	{ "/stream", stream },
	{ "/stream-slowly", stream_slowly },
	{ "/stream-counted", stream_counted },
	{ "/stream-short", stream_short },
	{ "/stream-large", stream_large },
	{ "/stream-file", stream_file },
	{ "/stream-short-file", stream_short_file },
	{ "/stream-for-ever", stream_for_ever },
	{ "/stream-noise", stream_noise },
	{ "/stream-noisy-file", stream_noisy_file },
	{ "/later", later },
	{ "/unwritable", unwritable },
};

OURO_GET("/declared", page, OURO_COMPRESS(OURO_COMPRESS_ON));
OURO_POST("/declared", page, OURO_DECOMPRESS(OURO_DECOMPRESS_ON), OURO_DECOMPRESS_RATIO_MAX(9));

static void add_group(struct ouro_server *server, const char *prefix,
		      const struct ouro_route_options *options)
{
	struct ouro_group *group;

	cr_assert_eq(ouro_server_group(server, prefix, options, &group), 0);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		cr_assert_eq(ouro_group_route(group, "GET", handlers[i].path, handlers[i].fn,
					      &(struct ouro_route_options){ 0 }),
			     0);
}

static void set_up(struct ouro_server *server)
{
	static const ouro_handler_fn middleware[] = { pass_on, NULL };

	cr_assert_eq(ouro_server_declared(server), 0);
	add_group(server, "", NULL);
	add_group(server, "/held", &(struct ouro_route_options){ .middleware = middleware });
	add_group(server, "/inline", &(struct ouro_route_options){ .run_inline = true });
	add_group(server, "/off", &(struct ouro_route_options){ .compress = OURO_COMPRESS_OFF });
	add_group(server, "/on", &(struct ouro_route_options){ .compress = OURO_COMPRESS_ON });
}

static void open_site(bool compress)
{
	fill_words(words, sizeof(words));
	fill_noise(noise, sizeof(noise));
	site_open_with(&site, &(struct ouro_options){ .compress = compress }, NULL, set_up);
}

static void init(void)
{
	open_site(true);
}

/* Threads have a time of their own. */
static void fini(void)
{
	while (site.worker->jobs > 0) {
		sim_settle(site.loop);
		usleep(10);
	}
	site_close(&site);
}

TestSuite(compress, .init = init, .fini = fini);

/* ---- Asking ---- */

/* What comes back for a request that other threads may have to do with. */
static struct answer wait_for(struct sim_peer *peer, const char *request)
{
	bool to_head = strncmp(request, "HEAD", 4) == 0;
	struct answer answer;

	sim_peer_forget(peer);
	sim_peer_say(peer, request);
	for (int i = 0; i < SETTLES_MAX; i++) {
		struct ouro_str bytes;

		/* The clock goes slower than time: where another thread is slow, nothing must time out. */
		sim_advance(site.loop, i % 4 == 0);
		bytes = sim_peer_received(peer);
		if (answer_read(&bytes, to_head, &answer))
			return answer;
		usleep(100);
	}
	cr_assert(false, "no answer to %s", request);
	return answer;
}

static struct answer ask(const char *method, const char *path, const char *fields)
{
	char request[512];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path,
		 fields);
	return wait_for(site_connect(&site), request);
}

static struct answer get(const char *path)
{
	return ask("GET", path, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
}

/* Puts the payload of the chunks at the beginning of @body together, in place. */
static struct ouro_str unchunk(struct ouro_str body)
{
	char *out = (char *)(uintptr_t)body.ptr;
	size_t len = 0;

	for (const char *at = body.ptr; at < body.ptr + body.len;) {
		size_t size = strtoul(at, NULL, 16);

		if (size == 0)
			break;
		at = strstr(at, "\r\n") + 2;
		memmove(out + len, at, size);
		len += size;
		at += size + 2;
	}
	return ouro_str(out, len);
}

/* Whether @answer is @expected, encoded with @coding, and says so. */
static bool is_coded(struct answer answer, const char *coding, struct ouro_str expected)
{
	struct ouro_str body = answer.chunked ? unchunk(answer.body) : answer.body;
	enum ouro_decode end;
	size_t len;

	if (!is(answer_field(&answer, "content-encoding"), coding) || body.len >= expected.len)
		return false;
	end = decode_one(ouro_coding_find(ouro_str_c(coding)), body, (struct manner){ 0 }, decoded,
			 sizeof(decoded), &len);
	return end == OURO_DECODE_DONE && ouro_str_eq(ouro_str(decoded, len), expected);
}

/* Whether it came as it is. */
static bool is_plain(struct answer answer, struct ouro_str expected)
{
	return !answer_field(&answer, "content-encoding").ptr && ouro_str_eq(answer.body, expected);
}

static bool has_vary(struct answer answer)
{
	return ouro_str_has_token(answer_field(&answer, "vary"), OURO_STR("accept-encoding"));
}

static size_t count_of(struct ouro_str text, const char *what)
{
	size_t count = 0;

	for (const char *at = text.ptr;
	     (at = memmem(at, (size_t)(text.ptr + text.len - at), what, strlen(what))); at++)
		count++;
	return count;
}

/* ---- Whole answers ---- */

Test(compress, a_page)
{
	struct answer answer = get("/page");

	cr_expect(is_coded(answer, "br", first(PAGE_BYTES)));
	cr_expect(is(answer_field(&answer, "vary"), "accept-encoding"));
	cr_expect(is(answer_field(&answer, "content-type"), HTML));
	cr_expect_eq(site_counters(&site)->bytes_compressed_in, PAGE_BYTES);
	cr_expect_eq(site_counters(&site)->bytes_compressed_out, answer.body.len);
	cr_expect_eq(site_counters(&site)->bytes_copied, 0);
}

Test(compress, what_is_static_and_leaves_apart)
{
	struct answer answer = get("/static");

	cr_expect(is_coded(answer, "br", first(WORDS_BYTES)));
	cr_expect_gt(answer.body.len, 4096);
	cr_expect_eq(site_counters(&site)->bytes_copied, 0);
	cr_expect_geq(site_counters(&site)->bytes_rendered, answer.body.len);
}

Test(compress, as_the_client_likes_it)
{
	static const char *const wishes[][2] = {
		{ "gzip", "gzip" },           { "x-gzip", "gzip" },
		{ "deflate", "deflate" },     { "zstd, gzip", "zstd" },
		{ "br;q=0.5, gzip", "gzip" }, { "*", "br" },
		{ "*, br;q=0", "zstd" },      { "identity;q=0.1, gzip;q=0.2", "gzip" },
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
		char field[100];

		snprintf(field, sizeof(field), "accept-encoding: %s\r\n", wishes[i][0]);
		cr_expect(is_coded(ask("GET", "/page", field), wishes[i][1], first(PAGE_BYTES)),
			  "%s", wishes[i][0]);
	}
}

Test(compress, wishes_may_come_in_several_fields)
{
	cr_expect(is_coded(ask("GET", "/page",
			       "accept-encoding: compress\r\naccept-encoding: gzip\r\n"),
			   "gzip", first(PAGE_BYTES)));
}

Test(compress, clients_that_do_not_like_it_get_it_as_it_is)
{
	static const char *const fields[] = {
		"",
		"accept-encoding:\r\n",
		"accept-encoding: identity\r\n",
		"accept-encoding: compress\r\n",
		"accept-encoding: gzip;q=0\r\n",
		"accept-encoding: identity, gzip;q=0.5\r\n",
		"accept-encoding: *;q=0\r\n",
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct answer answer = ask("GET", "/page", fields[i]);

		cr_expect(is_plain(answer, first(PAGE_BYTES)), "%s", fields[i]);
		cr_expect(has_vary(answer), "%s", fields[i]);
	}
}

Test(compress, from_a_certain_size_on)
{
	struct answer answer = get("/small");

	cr_expect(is_plain(answer, first(1023)));
	cr_expect_not(has_vary(answer));
	cr_expect(is_coded(get("/just-enough"), "br", first(1024)));
}

Test(compress, not_what_has_been_compressed_or_may_not_be)
{
	static const char *const paths[] = { "/image",    "/untyped", "/fixed",
					     "/digested", "/part",    "/unsatisfied" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct answer answer = get(paths[i]);

		cr_expect(is_plain(answer, first(PAGE_BYTES)), "%s", paths[i]);
		cr_expect_not(has_vary(answer), "%s", paths[i]);
	}
}

Test(compress, not_what_the_handler_has_encoded)
{
	struct answer answer = get("/coded");

	cr_expect(ouro_str_eq(answer.body, first(PAGE_BYTES)));
	cr_expect_eq(count_of(answer.head, "ncoding: br"), 1);
}

Test(compress, the_type_may_be_set_as_a_field)
{
	cr_expect(is_coded(get("/typed"), "br", first(PAGE_BYTES)));
}

Test(compress, not_what_becomes_no_smaller)
{
	struct answer answer = get("/noise");

	cr_expect(is_plain(answer, ouro_str(noise, sizeof(noise))));
	cr_expect(has_vary(answer));
	cr_expect_eq(site_counters(&site)->bytes_compressed_in, 0);
}

Test(compress, strong_tags_become_weak)
{
	struct answer answer = get("/strong");

	cr_expect(is(answer_field(&answer, "etag"), "W/\"1\""));
	answer = get("/weak");
	cr_expect(is(answer_field(&answer, "etag"), "W/\"1\""));
	answer = ask("GET", "/strong", "");
	cr_expect(is(answer_field(&answer, "etag"), "\"1\""));
}

static void expect_tag(const char *path, const char *held, const char *told)
{
	char fields[200];
	struct answer answer;

	snprintf(fields, sizeof(fields), "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", held);
	answer = ask("GET", path, fields);
	cr_expect_eq(answer.status, 304);
	cr_expect(is(answer_field(&answer, "etag"), told), "%s: %s", path, held);
	cr_expect_eq(count_of(answer.head, "ccept-"), 1);
	cr_expect_null(answer_field(&answer, "content-encoding").ptr);
}

Test(compress, not_modified_has_the_tag_that_the_client_was_given)
{
	expect_tag("/not-modified", "W/\"1\"", "W/\"1\"");
	expect_tag("/not-modified", "\"1\"", "\"1\"");
	expect_tag("/not-modified", "\"2\", \"1\"", "\"1\"");
	expect_tag("/not-modified", "\"1\", W/\"2\", W/\"1\"", "W/\"1\"");
	expect_tag("/not-modified", "W/\"2\"\r\nIf-None-Match: W/\"1\"", "W/\"1\"");
	expect_tag("/not-modified-begun", "W/\"1\"", "W/\"1\"");
}

Test(compress, vary_is_said_once)
{
	struct answer answer = get("/varies");

	cr_expect_eq(count_of(answer.head, "vary"), 1);
	answer = get("/varies-by-all");
	cr_expect_eq(count_of(answer.head, "vary"), 1);
	answer = get("/varies-otherwise");
	cr_expect_eq(count_of(answer.head, "vary: "), 2);
	cr_expect_eq(count_of(answer.head, "vary: accept-encoding"), 1);
}

Test(compress, a_head_that_is_full_stays_as_it_is)
{
	cr_expect(is_plain(get("/crowded"), first(PAGE_BYTES)));
}

Test(compress, head_says_what_get_would)
{
	struct answer answer = ask("HEAD", "/strong", "Accept-Encoding: gzip\r\n");

	cr_expect(is(answer_field(&answer, "content-encoding"), "gzip"));
	cr_expect(is(answer_field(&answer, "etag"), "W/\"1\""));
	cr_expect(has_vary(answer));
	cr_expect_null(answer_field(&answer, "content-length").ptr);
	cr_expect_eq(site_counters(&site)->bytes_compressed_in, 0);
	answer = ask("HEAD", "/strong", "");
	cr_expect(is(answer_field(&answer, "content-length"), "8000"));
	answer = ask("HEAD", "/large", "Accept-Encoding: gzip\r\n");
	cr_expect(is(answer_field(&answer, "content-encoding"), "gzip"));
	answer = ask("HEAD", "/inline/large", "Accept-Encoding: gzip\r\n");
	cr_expect_null(answer_field(&answer, "content-encoding").ptr);
	cr_expect(is(answer_field(&answer, "content-length"), "1048576"));
	answer = ask("HEAD", "/held/stream-counted", "Accept-Encoding: gzip\r\n");
	cr_expect(is(answer_field(&answer, "content-encoding"), "gzip"));
	cr_expect_null(answer_field(&answer, "content-length").ptr);
}

Test(compress, behind_middleware)
{
	struct answer answer = get("/held/page");

	cr_expect(is_coded(answer, "br", first(PAGE_BYTES)));
	cr_expect(is(answer_field(&answer, "x-behind"), "1"));
	cr_expect(is_coded(get("/held/static"), "br", first(WORDS_BYTES)));
	cr_expect(is_coded(get("/held/gathered"), "br", first(PAGE_BYTES)));
}

Test(compress, pieces_are_compressed_as_one_and_released)
{
	cr_expect(is_coded(get("/gathered"), "br", first(PAGE_BYTES)));
	cr_expect_eq(released, 3);
	cr_expect(is_coded(get("/gathered-large"), "br", first(LARGE_BYTES)));
	cr_expect(is_coded(get("/held/gathered-large"), "br", first(LARGE_BYTES)));
	cr_expect_eq(released, 7);
}

Test(compress, files_are_sent_as_they_are)
{
	cr_expect(is_plain(get("/file"), first(PAGE_BYTES)));
	cr_expect(is_plain(get("/held/file"), first(PAGE_BYTES)));
}

Test(compress, large_ones_by_another_thread)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		struct ouro_str name = ouro_coding_name((enum ouro_coding)i);
		char field[100];

		snprintf(field, sizeof(field), "accept-encoding: %s\r\n", name.ptr);
		cr_expect(is_coded(ask("GET", "/large", field), name.ptr, first(LARGE_BYTES)));
		cr_expect_eq(last_result, 0);
		cr_expect(is_coded(ask("GET", "/held/large", field), name.ptr, first(LARGE_BYTES)));
	}
}

Test(compress, large_ones_that_cannot_wait_stay_as_they_are)
{
	struct answer answer = get("/inline/large");

	cr_expect(is_plain(answer, first(LARGE_BYTES)));
	cr_expect(has_vary(answer));
	cr_expect(is_plain(get("/later"), first(LARGE_BYTES)));
	cr_expect(is_coded(get("/inline/page"), "br", first(PAGE_BYTES)));
}

/* The other thread goes on with memory of its own; that it does is what sanitizers look for. */
Test(compress, the_client_goes_while_another_thread_compresses)
{
	static const char *const paths[] = { "/large", "/held/large", "/gathered-large" };

	for (int i = 0; i < 30; i++) {
		struct sim_peer *peer = site_connect(&site);
		char request[200];

		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
			 paths[i % 3]);
		sim_peer_say(peer, request);
		/* Perhaps before it has begun, perhaps in the middle. */
		ouro_loop_turn(site.loop, false);
		usleep((unsigned)i * 100);
		if (i % 2)
			sim_peer_reset(peer);
		else
			sim_peer_fin(peer);
		sim_settle(site.loop);
	}
}

/* Most clients that send a FIN have gone; one that has not gets the answer, only not compressed. */
Test(compress, who_has_ended_its_side_gets_it_as_it_is)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str bytes;
	struct answer answer;

	sim_peer_say(peer, ASK("GET", "/large", "Accept-Encoding: gzip\r\n"));
	sim_peer_fin(peer);
	for (int i = 0; i < 1000; i++)
		sim_advance(site.loop, 1);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	/* Unless the other thread was very quick. */
	cr_expect(is_plain(answer, first(LARGE_BYTES)) ||
		  is_coded(answer, "gzip", first(LARGE_BYTES)));
}

Test(compress, off_for_a_route)
{
	struct answer answer = get("/off/page");

	cr_expect(is_plain(answer, first(PAGE_BYTES)));
	cr_expect_not(has_vary(answer));
	cr_expect(ouro_str_eq(unchunk(get("/off/stream").body), first(PAGE_BYTES)));
}

Test(compress_off, by_default)
{
	open_site(false);
	cr_expect(is_plain(get("/page"), first(PAGE_BYTES)));
	cr_expect_not(has_vary(get("/page")));
	cr_expect(is_coded(get("/on/page"), "br", first(PAGE_BYTES)));
	cr_expect(is_coded(get("/declared"), "br", first(PAGE_BYTES)));
	fini();
}

Test(compress, errors_of_the_engine_are_left_alone)
{
	struct answer answer = get("/nowhere");

	cr_expect_eq(answer.status, 404);
	cr_expect_null(answer_field(&answer, "content-encoding").ptr);
}

Test(compress, an_answer_that_failed_leaves_nothing_behind)
{
	struct answer answer = get("/unwritable");

	cr_expect_eq(answer.status, 500);
	cr_expect(is_plain(answer, OURO_STR("short")));
	cr_expect_lt(last_result, 0);
	cr_expect_eq(site.worker->coders.encoder_count, 0);
}

/* ---- Streams ---- */

Test(compress, streams)
{
	struct answer answer = get("/stream");

	cr_expect(answer.chunked);
	cr_expect(has_vary(answer));
	cr_expect(holds(answer.body, "\r\n0\r\nx-end: yes\r\n"));
	cr_expect(is_coded(answer, "br", first(PAGE_BYTES)));
	cr_expect_eq(site.worker->coders.encoder_count, 0);
	cr_expect(is_coded(get("/held/stream"), "br", first(PAGE_BYTES)));
	cr_expect(is_coded(get("/inline/stream"), "br", first(PAGE_BYTES)));
}

Test(compress, streams_of_known_length)
{
	struct answer answer = get("/stream-counted");

	cr_expect(answer.chunked);
	cr_expect(is_coded(answer, "br", first(PAGE_BYTES)));
	cr_expect_eq(last_result, -EMSGSIZE);
}

Test(compress, streams_that_are_too_short_are_cut_off)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, ASK("GET", "/stream-short", "Accept-Encoding: gzip\r\n"));
	cr_expect(sim_peer_saw_reset(peer));
}

/* All that was written can be decoded as soon as it was. */
static void expect_pieces(const char *coding)
{
	enum ouro_coding number = ouro_coding_find(ouro_str_c(coding));
	struct sim_peer *peer = site_connect(&site);
	struct ouro_decoder *decoder;
	char request[200];

	cr_assert_eq(ouro_decoder_create(&decoder, &number, 1, &no_limits), 0);
	snprintf(request, sizeof(request),
		 "GET /stream-slowly HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n", coding);
	site_ask(&site, peer, request);
	for (size_t i = 0; i < 5; i++) {
		struct ouro_str bytes = sim_peer_received(peer), body;
		const char *head_end = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);
		size_t len;

		if (i == 0) {
			cr_assert(head_end);
			bytes.len -= (size_t)(head_end + 4 - bytes.ptr);
			bytes.ptr = head_end + 4;
		}
		body = unchunk(bytes);
		cr_expect_eq(ouro_decoder_run(decoder, &body, false, decoded, sizeof(decoded),
					      &len),
			     OURO_DECODE_MORE);
		cr_expect(ouro_str_eq(ouro_str(decoded, len), ouro_str(words + 10 * i, 10)),
			  "%s, piece %zu", coding, i);
		sim_peer_forget(peer);
		sim_advance(site.loop, 100);
	}
	ouro_decoder_destroy(decoder);
}

Test(compress, each_piece_of_a_stream_arrives_at_once)
{
	expect_pieces("br");
	expect_pieces("zstd");
	expect_pieces("gzip");
	expect_pieces("deflate");
}

Test(compress, large_pieces_of_a_stream)
{
	cr_expect(is_coded(get("/stream-large"), "br", first(LARGE_BYTES)));
	cr_expect(is_coded(get("/inline/stream-large"), "br", first(LARGE_BYTES)));
}

Test(compress, files_in_a_stream_are_read)
{
	cr_expect(is_coded(get("/stream-file"), "br", first(LARGE_BYTES)));
	cr_expect(is_coded(get("/inline/stream-file"), "br", first(LARGE_BYTES)));
}

/* A client that does not read is waited for, however much there is to encode in one call. */
static void expect_pace(const char *path)
{
	const struct ouro_counters *counters = site_counters(&site);
	uint64_t before = counters->bytes_compressed_out;
	struct sim_peer *peer = site_connect(&site);
	char asked[200];

	fill_noise(much, sizeof(much));
	last_result = 1;
	sim_peer_set_reading(peer, false);
	snprintf(asked, sizeof(asked),
		 "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n", path);
	sim_peer_say(peer, asked);
	for (int i = 0; i < 1000; i++) {
		sim_settle(site.loop);
		usleep(100);
	}
	cr_expect_lt(counters->bytes_compressed_out - before, 1 << 20);
	cr_expect_eq(last_result, 1);
	sim_peer_set_reading(peer, true);
	for (int i = 0; i < SETTLES_MAX && last_result == 1; i++) {
		sim_settle(site.loop);
		usleep(10);
	}
	cr_expect_eq(last_result, 0);
	cr_expect_geq(sim_peer_received(peer).len, sizeof(much));
}

Test(compress, large_pieces_of_a_stream_wait_for_the_client)
{
	expect_pace("/stream-noise");
	expect_pace("/stream-noisy-file");
}

Test(compress, who_goes_within_a_large_piece_is_noticed)
{
	struct sim_peer *peer = site_connect(&site);

	fill_noise(much, sizeof(much));
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, ASK("GET", "/stream-noise", "Accept-Encoding: zstd\r\n"));
	sim_advance(site.loop, 100);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_eq(last_result, -ECANCELED);
	cr_expect_eq(site.worker->coders.encoder_count, 0);
}

Test(compress, files_that_have_become_shorter_reset)
{
	struct sim_peer *peer = site_connect(&site);

	sim_peer_say(peer, ASK("GET", "/stream-short-file", "Accept-Encoding: gzip\r\n"));
	/* Another thread reads the file. */
	for (int i = 0; i < SETTLES_MAX && !sim_peer_saw_reset(peer); i++) {
		sim_settle(site.loop);
		usleep(100);
	}
	cr_expect(sim_peer_saw_reset(peer));
}

Test(compress, streams_towards_http_1_0_end_with_the_connection)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str bytes = site_ask(&site, peer,
					 "GET /stream-counted HTTP/1.0\r\n"
					 "Connection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n");
	struct answer answer;

	cr_assert(answer_read(&bytes, false, &answer));
	cr_expect(answer.until_close);
	answer.body = ouro_str(answer.head.ptr + answer.head.len, bytes.len);
	cr_expect(sim_peer_saw_end(peer));
}

Test(compress, the_client_goes_within_a_stream)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, ASK("GET", "/stream-for-ever", "Accept-Encoding: gzip\r\n"));
	cr_expect_eq(site.worker->coders.encoder_count, 1);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_eq(last_result, -ECANCELED);
	cr_expect_eq(site.worker->coders.encoder_count, 0);
}

/* Has @count encoders that are in use. */
static void take_encoders(struct ouro_encoder **taken, int count)
{
	for (int i = 0; i < count; i++) {
		taken[i] = ouro_coders_take_encoder(&site.worker->coders, OURO_CODING_GZIP);
		cr_assert(taken[i]);
	}
}

static void put_encoders(struct ouro_encoder **taken, int count)
{
	for (int i = 0; i < count; i++)
		ouro_coders_put_encoder(&site.worker->coders, taken[i]);
}

Test(compress, streams_beyond_the_limit_go_as_they_are)
{
	struct ouro_encoder *taken[OURO_ENCODERS_OF_STREAMS_MAX];
	struct answer answer;

	take_encoders(taken, OURO_ENCODERS_OF_STREAMS_MAX);
	answer = get("/stream");
	cr_expect_null(answer_field(&answer, "content-encoding").ptr);
	cr_expect(has_vary(answer));
	cr_expect(ouro_str_eq(unchunk(answer.body), first(PAGE_BYTES)));
	/* Complete answers have some of their own. */
	cr_expect(is_coded(get("/page"), "br", first(PAGE_BYTES)));
	cr_expect(is_coded(get("/large"), "br", first(LARGE_BYTES)));
	put_encoders(taken, OURO_ENCODERS_OF_STREAMS_MAX);
}

Test(compress, complete_answers_beyond_the_limit_go_as_they_are)
{
	struct ouro_encoder *taken[OURO_ENCODERS_MAX];

	take_encoders(taken, OURO_ENCODERS_MAX);
	cr_expect(is_plain(get("/page"), first(PAGE_BYTES)));
	cr_expect(is_plain(get("/large"), first(LARGE_BYTES)));
	put_encoders(taken, OURO_ENCODERS_MAX);
}

Test(compress, choosing)
{
	struct ouro_str value = OURO_STR("gzip, deflate, br, zstd");

	cr_expect_eq(ouro_compress_choose(&value, 1), OURO_CODING_BR);
	cr_expect_eq(ouro_compress_choose(NULL, 0), OURO_CODING_IDENTITY);
	value = OURO_STR("deflate, gzip");
	cr_expect_eq(ouro_compress_choose(&value, 1), OURO_CODING_GZIP);
}

Test(compress_options, have_ranges)
{
	struct draft draft;
	struct ouro_server *server;

	draft_open(&draft);
	cr_expect_eq(ouro_server_create(&server, &(struct ouro_options){ .compress_level = 10,
									 .log = draft_log,
									 .log_arg = &draft }),
		     -EINVAL);
	cr_expect(holds(ouro_str_c(draft.logged), "compress_level is 10; it must be 0 to 9"));
	cr_expect_eq(ouro_server_route(draft.server, "GET", "/", page,
				       &(struct ouro_route_options){
					       .compress = (enum ouro_compress)3 }),
		     -EINVAL);
	draft_close(&draft);
}

Test(compress_options, need_stacks_that_are_large_enough)
{
	struct ouro_options options = { .compress = true, .fiber_stack_bytes = 32768 };
	struct ouro_server *server;
	struct draft draft = { 0 };

	options.log = draft_log;
	options.log_arg = &draft;
	cr_assert_eq(ouro_server_create(&server, &options), 0);
	cr_expect_eq(ouro_server_routes(server, NULL, 0), 0);
	ouro_server_destroy(server);
	options.fiber_stack_bytes--;
	cr_assert_eq(ouro_server_create(&server, &options), 0);
	cr_expect_eq(ouro_server_routes(server, NULL, 0), -EINVAL);
	cr_expect(holds(ouro_str_c(draft.logged), "fiber_stack_bytes"));
	ouro_server_destroy(server);
}

/* On the smallest stack that is allowed, each coding, in a stream and whole. */
Test(compress_stack, is_enough)
{
	fill_words(words, sizeof(words));
	site_open_with(&site,
		       &(struct ouro_options){
			       .compress = true, .fiber_stack_bytes = 32768, .compress_level = 1 },
		       NULL, set_up);
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		struct ouro_str name = ouro_coding_name((enum ouro_coding)i);
		char field[100];

		snprintf(field, sizeof(field), "accept-encoding: %s\r\n", name.ptr);
		cr_expect(
			is_coded(ask("GET", "/held/static", field), name.ptr, first(WORDS_BYTES)));
		cr_expect(is_coded(ask("GET", "/held/stream-large", field), name.ptr,
				   first(LARGE_BYTES)));
	}
	fini();
}
