/* Files as answers: conditions, ranges, codings, what middleware sees of them. */
#include "files.h"

#include <string.h>

enum {
	FIELDS_MAX = 512,
	LONG_MS = 70000, /* the cache has let go of what nobody asked for */
};

static const char digits[] = "0123456789";

static struct answer ask_with(const char *path, const char *fields)
{
	char request[FIELDS_MAX + 128];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
	return fetch(request);
}

/* Serves a file of ten digits from memory, and the same as it lies in the file system. */
static void open_digits(bool in_memory)
{
	tree_create();
	tree_file("d.txt", digits);
	tree_date("d.txt", 700000000);
	open_files(&(struct ouro_files_options){ .memory_bytes_max = in_memory ? 0 : 1 });
}

/* ---- Conditions ---- */

static char etag[64];

static void learn_etag(void)
{
	struct answer answer = ask_with("/files/d.txt", "");
	struct ouro_str value = answer_field(&answer, "etag");

	memcpy(etag, value.ptr, value.len);
	etag[value.len] = '\0';
}

static unsigned status_with(const char *format, const char *argument)
{
	char fields[FIELDS_MAX];

	snprintf(fields, sizeof(fields), format, argument);
	return ask_with("/files/d.txt", fields).status;
}

#define DATE "Sat, 07 Mar 1992 20:26:40 GMT"
#define LATER "Sat, 07 Mar 1992 20:26:41 GMT"
#define EARLIER "Sat, 07 Mar 1992 20:26:39 GMT"

Test(static_answer, conditions_are_looked_at_in_their_order)
{
	open_digits(true);
	learn_etag();
	cr_expect_eq(status_with("If-None-Match: %s\r\n", etag), 304);
	cr_expect_eq(status_with("If-None-Match: W/%s\r\n", etag), 304);
	cr_expect_eq(status_with("If-None-Match: \"a\", %s\r\n", etag), 304);
	cr_expect_eq(status_with("If-None-Match: \"a\"\r\nIf-None-Match: %s\r\n", etag), 304);
	cr_expect_eq(status_with("If-None-Match: *\r\n%s", ""), 304);
	cr_expect_eq(status_with("If-None-Match: \"a\"\r\n%s", ""), 200);
	cr_expect_eq(status_with("If-Modified-Since: %s\r\n", DATE), 304);
	cr_expect_eq(status_with("If-Modified-Since: %s\r\n", LATER), 304);
	cr_expect_eq(status_with("If-Modified-Since: %s\r\n", EARLIER), 200);
	cr_expect_eq(status_with("If-Modified-Since: nonsense\r\n%s", ""), 200);
	cr_expect_eq(status_with("If-None-Match: \"a\"\r\nIf-Modified-Since: %s\r\n", DATE), 200);
	cr_expect_eq(status_with("If-Match: %s\r\n", etag), 200);
	cr_expect_eq(status_with("If-Match: W/%s\r\n", etag), 412);
	cr_expect_eq(status_with("If-Match: \"a\"\r\n%s", ""), 412);
	cr_expect_eq(status_with("If-Match: *\r\n%s", ""), 200);
	cr_expect_eq(status_with("If-Unmodified-Since: %s\r\n", DATE), 200);
	cr_expect_eq(status_with("If-Unmodified-Since: %s\r\n", EARLIER), 412);
	cr_expect_eq(status_with("If-Match: \"a\"\r\nIf-None-Match: %s\r\n", etag), 412);
	close_files();
}

Test(static_answer, not_modified_has_what_caches_need)
{
	const struct ouro_files_options options = { .cache_control = "max-age=60" };
	struct answer answer;

	tree_create();
	tree_file("a.txt", "a");
	open_files(&options);
	answer = ask_with("/files/a.txt", "If-None-Match: *\r\n");
	cr_expect_eq(answer.status, 304);
	cr_expect_neq(answer_field(&answer, "etag").ptr, NULL);
	cr_expect(field_is(&answer, "cache-control", "max-age=60"));
	cr_expect(field_is(&answer, "content-type", NULL));
	cr_expect(field_is(&answer, "content-length", NULL));
	cr_expect_eq(answer.body.len, 0);
	close_files();
}

Test(static_answer, last_modified_is_never_later_than_the_date)
{
	struct answer answer;

	tree_create();
	tree_file("a.txt", "a");
	tree_date("a.txt", 4000000000);
	open_files(NULL);
	answer = ask_with("/files/a.txt", "");
	cr_expect(
		ouro_str_eq(answer_field(&answer, "last-modified"), answer_field(&answer, "date")));
	close_files();
}

Test(static_answer, files_from_before_1970_have_dates_too)
{
	struct answer answer;

	tree_create();
	tree_file("a.txt", "a");
	tree_date("a.txt", -1);
	open_files(NULL);
	answer = ask_with("/files/a.txt", "");
	cr_expect(field_is(&answer, "last-modified", "Wed, 31 Dec 1969 23:59:59 GMT"));
	close_files();
}

static void answer_with_a_file(struct ouro_ctx *ctx)
{
	ouro_send_file(ctx, "d.txt", NULL);
}

static void hook_errors(struct ouro_server *server)
{
	ouro_server_hook(server, OURO_HOOK_ERROR, 0, answer_with_a_file);
}

/* What comes back for two requests, the second of which ends the connection. */
static struct ouro_str ask_for_two(const char *requests)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, requests);
	for (int i = 0; i < 50000 && !sim_peer_saw_end(peer); i++) {
		usleep(100);
		sim_settle(site.loop);
	}
	return sim_peer_received(peer);
}

/* The fields of a head that could not be read are those of nobody: here, what is left of the last one. */
Test(static_answer, a_head_that_cannot_be_read_has_no_conditions)
{
	struct answer answer = { 0 };

	add_more = hook_errors;
	open_digits(true);
	fetch(GET("/files/d.txt"));
	/* Such a hook cannot wait: where the kernel's caches do not have the file, as may happen at any
	 * time, there is no file for it. */
	for (int i = 0; i < 100 && answer.status != 200; i++) {
		struct ouro_str bytes =
			ask_for_two("GET /files/d.txt HTTP/1.1\r\nIf-None-Match: *\r\nRange: "
				    "bytes=0-1\r\nHost: a\r\n\r\n"
				    "GET / HTTP/1.1\r\nA: *\r\nB: bytes=0-1\r\n\1\r\n");

		cr_assert(answer_read(&bytes, false, &answer));
		cr_expect_eq(answer.status, 304);
		cr_assert(answer_read(&bytes, false, &answer));
	}
	cr_expect_eq(answer.status, 200);
	cr_expect(is(answer.body, digits));
	close_files();
}

/* ---- Ranges ---- */

static void check_single_ranges(void)
{
	static const struct {
		const char *range, *content_range, *body;
	} good[] = {
		{ "bytes=0-0", "bytes 0-0/10", "0" },
		{ "bytes=2-4", "bytes 2-4/10", "234" },
		{ "bytes=7-", "bytes 7-9/10", "789" },
		{ "bytes=-3", "bytes 7-9/10", "789" },
		{ "bytes=-99", "bytes 0-9/10", "0123456789" },
		{ "bytes=8-18446744073709551615", "bytes 8-9/10", "89" },
		{ "bytes=8-99999999999999999999999", "bytes 8-9/10", "89" },
		{ "bytes=0-1, 2-3", "bytes 0-3/10", "0123" },
		{ "bytes=5-6, 20-30", "bytes 5-6/10", "56" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char fields[FIELDS_MAX];
		struct answer answer;

		snprintf(fields, sizeof(fields), "Range: %s\r\n", good[i].range);
		answer = ask_with("/files/d.txt", fields);
		cr_expect_eq(answer.status, 206, "%s", good[i].range);
		cr_expect(field_is(&answer, "content-range", good[i].content_range));
		cr_expect(is(answer.body, good[i].body));
		cr_expect(field_is(&answer, "content-type", "text/plain; charset=utf-8"));
	}
}

Test(static_answer, a_range_is_a_part_of_the_file)
{
	open_digits(false);
	check_single_ranges();
	close_files();
}

Test(static_answer, a_range_is_a_part_of_its_memory)
{
	open_digits(true);
	check_single_ranges();
	close_files();
}

Test(static_answer, ranges_that_there_are_not_are_416)
{
	static const char *const ranges[] = {
		"bytes=10-", "bytes=99-100", "bytes=18446744073709551616-", "bytes=-0", "bytes=4-2",
		"bytes=a-b", "bytes=",
	};

	open_digits(true);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		char fields[FIELDS_MAX];
		struct answer answer;

		snprintf(fields, sizeof(fields), "Range: %s\r\n", ranges[i]);
		answer = ask_with("/files/d.txt", fields);
		cr_expect_eq(answer.status, 416, "%s", ranges[i]);
		cr_expect(field_is(&answer, "content-range", "bytes */10"));
		cr_expect(field_is(&answer, "etag", NULL));
	}
	close_files();
}

Test(static_answer, ranges_that_do_not_count_are_the_whole)
{
	open_digits(true);
	learn_etag();
	cr_expect_eq(status_with("Range: lines=1-2\r\n%s", ""), 200);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-Range: \"a\"\r\n%s", ""), 200);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-Range: W/%s\r\n", etag), 200);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-Range: %s\r\n", EARLIER), 200);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-Range: %s\r\n", etag), 206);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-Range: %s\r\n", DATE), 206);
	cr_expect_eq(status_with("Range: bytes=1-2\r\nIf-None-Match: %s\r\n", etag), 304);
	cr_expect_eq(status_of(ASK("HEAD", "/files/d.txt", "Range: bytes=1-2\r\n")), 200);
	close_files();
}

static void check_parts(void)
{
	struct answer answer = ask_with("/files/d.txt", "Range: bytes=0-1, 4-5, -1\r\n");
	struct ouro_str type = answer_field(&answer, "content-type");
	struct ouro_str prefix = OURO_STR("multipart/byteranges; boundary=");
	char expected[1024], boundary[64];

	cr_assert_eq(answer.status, 206);
	cr_expect(field_is(&answer, "content-range", NULL));
	cr_assert(ouro_str_starts(type, prefix));
	snprintf(boundary, sizeof(boundary), "%.*s", (int)(type.len - prefix.len),
		 type.ptr + prefix.len);
	snprintf(
		expected, sizeof(expected),
		"--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10\r\n"
		"\r\n01\r\n"
		"--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 4-5/10\r\n"
		"\r\n45\r\n"
		"--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 9-9/10\r\n"
		"\r\n9\r\n--%s--\r\n",
		boundary, boundary, boundary, boundary);
	cr_expect(is(answer.body, expected));
}

Test(static_answer, several_ranges_are_parts)
{
	open_digits(false);
	check_parts();
	site_close(&site);
	open_files(NULL);
	check_parts();
	close_files();
}

Test(static_answer, there_may_be_so_many_ranges_and_no_more)
{
	char fields[FIELDS_MAX] = "Range: bytes=0-0";
	size_t len = strlen(fields);

	tree_create();
	tree_file_of("a", 100000);
	open_files(NULL);
	for (int i = 1; i < OURO_STATIC_RANGES_MAX; i++)
		len += (size_t)snprintf(fields + len, sizeof(fields) - len, ",%d-%d", 9 * i, 9 * i);
	strcpy(fields + len, "\r\n");
	cr_expect_eq(ask_with("/files/a", fields).status, 206);
	strcpy(fields + len, ",9999-9999\r\n");
	cr_expect_eq(ask_with("/files/a", fields).status, 416);
	close_files();
}

/* ---- Codings ---- */

static void open_coded(void)
{
	tree_create();
	tree_file("all.js", "plain");
	tree_file("all.js.br", "br");
	tree_file("all.js.zst", "zst");
	tree_file("all.js.gz", "gz");
	tree_file("one.js", "plain");
	tree_file("one.js.gz", "gz");
	tree_file("none.js", "plain");
	tree_file("dir.js", "plain");
	tree_directory("dir.js.gz");
	open_files(&(struct ouro_files_options){ .precompressed = true });
}

static bool coded(const char *path, const char *accept, const char *body, const char *coding)
{
	char fields[FIELDS_MAX];
	struct answer answer;

	snprintf(fields, sizeof(fields), "Accept-Encoding: %s\r\n", accept);
	answer = ask_with(path, fields);
	return answer.status == 200 && is(answer.body, body) &&
	       field_is(&answer, "content-encoding", coding) &&
	       field_is(&answer, "content-type", "text/javascript; charset=utf-8") &&
	       field_is(&answer, "vary", "accept-encoding");
}

Test(static_answer, the_coding_that_the_client_prefers_is_sent)
{
	struct answer answer;

	open_coded();
	cr_expect(coded("/files/all.js", "gzip, deflate, br, zstd", "br", "br"));
	cr_expect(coded("/files/all.js", "gzip, zstd", "zst", "zstd"));
	cr_expect(coded("/files/all.js", "gzip", "gz", "gzip"));
	cr_expect(coded("/files/all.js", "gzip;q=1, br;q=0.5", "gz", "gzip"));
	cr_expect(coded("/files/all.js", "br;q=0", "plain", NULL));
	cr_expect(coded("/files/all.js", "identity", "plain", NULL));
	cr_expect(coded("/files/all.js", "identity;q=0, x", "plain", NULL));
	cr_expect(coded("/files/one.js", "gzip, br", "gz", "gzip"));
	cr_expect(coded("/files/one.js", "br", "plain", NULL));
	answer = ask_with("/files/all.js", "");
	cr_expect(is(answer.body, "plain"));
	cr_expect(field_is(&answer, "vary", "accept-encoding"));
	close_files();
}

Test(static_answer, without_codings_nothing_varies)
{
	struct answer answer;

	open_coded();
	answer = ask_with("/files/none.js", "Accept-Encoding: gzip\r\n");
	cr_expect(is(answer.body, "plain"));
	cr_expect(field_is(&answer, "vary", NULL));
	answer = ask_with("/files/dir.js", "Accept-Encoding: gzip\r\n");
	cr_expect(is(answer.body, "plain"));
	close_files();
}

Test(static_answer, codings_have_tags_and_ranges_of_their_own)
{
	struct answer plain, gzip;
	char plain_tag[64] = "";

	open_coded();
	plain = ask_with("/files/all.js", "");
	memcpy(plain_tag, answer_field(&plain, "etag").ptr, answer_field(&plain, "etag").len);
	gzip = ask_with("/files/all.js", "Accept-Encoding: gzip\r\nRange: bytes=1-1\r\n");
	cr_expect_eq(gzip.status, 206);
	cr_expect(is(gzip.body, "z"));
	cr_expect(field_is(&gzip, "content-encoding", "gzip"));
	cr_expect(!ouro_str_eq(answer_field(&gzip, "etag"), ouro_str_c(plain_tag)));
	close_files();
}

Test(static_answer, a_coded_file_is_also_a_file_of_its_own)
{
	struct answer answer;

	open_coded();
	cr_expect(coded("/files/one.js", "gzip", "gz", "gzip"));
	answer = ask_with("/files/one.js.gz", "Accept-Encoding: gzip\r\n");
	cr_expect(is(answer.body, "gz"));
	cr_expect(field_is(&answer, "content-encoding", NULL));
	cr_expect(field_is(&answer, "content-type", "application/gzip"));
	close_files();
}

Test(static_answer, codings_come_and_go)
{
	open_coded();
	cr_expect(coded("/files/one.js", "br, gzip", "gz", "gzip"));
	tree_file("one.js.br", "br");
	sim_advance(site.loop, 1000);
	cr_expect(coded("/files/one.js", "br, gzip", "br", "br"));
	tree_unlink("one.js.br");
	sim_advance(site.loop, 1000);
	cr_expect(coded("/files/one.js", "br, gzip", "gz", "gzip"));
	close_files();
}

/* ---- Held answers ---- */

static void say_no_store(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "Cache-Control", OURO_STR("no-store"));
	ouro_next(ctx);
}

static void use_no_store(struct ouro_server *server)
{
	ouro_server_use(server, say_no_store);
}

Test(static_answer, what_middleware_says_of_caching_goes_before)
{
	struct answer answer;

	add_more = use_no_store;
	tree_create();
	tree_file("a.txt", "a");
	open_files(&(struct ouro_files_options){ .cache_control = "max-age=60" });
	answer = ask_with("/files/a.txt", "");
	cr_expect(field_is(&answer, "cache-control", "no-store"));
	cr_expect_null(memmem(answer.head.ptr, answer.head.len, "max-age", 7));
	close_files();
}

static void set_many_fields(struct ouro_ctx *ctx)
{
	for (int i = 0; i < 29; i++)
		ouro_set_header(ctx, "x-many", OURO_STR("yes"));
	ouro_next(ctx);
}

static void use_many_fields(struct ouro_server *server)
{
	ouro_server_use(server, set_many_fields);
}

Test(static_answer, without_room_for_its_fields_there_is_another_answer)
{
	struct answer answer;

	add_more = use_many_fields;
	tree_create();
	tree_file("a.txt", "a");
	open_files(NULL);
	answer = ask_with("/files/a.txt", "");
	cr_expect_eq(answer.status, 500);
	cr_expect(field_is(&answer, "etag", NULL));
	close_files();
}

static void mark(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-marked", OURO_STR("yes"));
}

static bool is_waiting;

static void mark_and_wait(struct ouro_ctx *ctx)
{
	is_waiting = true;
	ouro_set_header(ctx, "x-hook", OURO_STR("yes"));
	ouro_sleep(ctx, LONG_MS);
}

static void use_both(struct ouro_server *server)
{
	ouro_server_use(server, mark);
	ouro_server_hook(server, OURO_HOOK_RESPONSE, 0, mark_and_wait);
}

Test(static_answer, middleware_and_hooks_add_to_it_though_the_file_has_gone)
{
	struct sim_peer *peer;
	struct ouro_str bytes;
	struct answer answer;

	add_more = use_both;
	tree_create();
	tree_file("a.txt", "content");
	open_files(&(struct ouro_files_options){ .memory_bytes_max = 1 });
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/files/a.txt"));
	for (int i = 0; i < 50000 && !is_waiting; i++) {
		usleep(100);
		sim_settle(site.loop);
	}
	tree_unlink("a.txt");
	sim_advance(site.loop, LONG_MS);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, false, &answer));
	cr_expect_eq(answer.status, 200);
	cr_expect(is(answer.body, "content"));
	cr_expect(field_is(&answer, "x-marked", "yes"));
	cr_expect(field_is(&answer, "x-hook", "yes"));
	cr_expect(field_is(&answer, "accept-ranges", "bytes"));
	cr_expect_neq(answer_field(&answer, "etag").ptr, NULL);
	close_files();
}
