/* Routes to files: which paths have a file, what stands for directories and for what is not there. */
#include "files.h"

#include <errno.h>
#include <string.h>

Test(static, a_file_is_sent_with_what_is_known_of_it)
{
	struct answer answer;

	tree_create();
	tree_directory("dir");
	tree_file("dir/a.txt", "hello");
	tree_date("dir/a.txt", 700000000);
	open_files(NULL);
	answer = fetch(GET("/files/dir/a.txt"));
	cr_expect_eq(answer.status, 200);
	cr_expect(is(answer.body, "hello"));
	cr_expect(field_is(&answer, "content-type", "text/plain; charset=utf-8"));
	cr_expect(field_is(&answer, "content-length", "5"));
	cr_expect(field_is(&answer, "last-modified", "Sat, 07 Mar 1992 20:26:40 GMT"));
	cr_expect(field_is(&answer, "accept-ranges", "bytes"));
	cr_expect(field_is(&answer, "x-content-type-options", "nosniff"));
	cr_expect(field_is(&answer, "cache-control", NULL));
	cr_expect(field_is(&answer, "vary", NULL));
	cr_expect_eq(answer_field(&answer, "etag").ptr[0], '"', "a strong one");
	close_files();
}

Test(static, large_and_empty_files_come_whole)
{
	static char content[100001];
	struct answer answer;

	for (size_t i = 0; i < sizeof(content) - 1; i++)
		content[i] = (char)('a' + i % 23);
	tree_create();
	tree_file("large", content);
	tree_file("empty", "");
	open_files(NULL);
	answer = fetch(GET("/files/large"));
	cr_expect_eq(answer.status, 200);
	cr_expect(ouro_str_eq(answer.body, ouro_str(content, sizeof(content) - 1)));
	cr_expect(field_is(&answer, "content-type", "application/octet-stream"));
	answer = fetch(GET("/files/empty"));
	cr_expect_eq(answer.status, 200);
	cr_expect(field_is(&answer, "content-length", "0"));
	close_files();
}

Test(static, head_has_the_fields_alone)
{
	struct answer answer;

	tree_create();
	tree_file("a.txt", "hello");
	open_files(NULL);
	answer = fetch(ASK("HEAD", "/files/a.txt", ""));
	cr_expect_eq(answer.status, 200);
	cr_expect(field_is(&answer, "content-length", "5"));
	cr_expect_eq(answer.body.len, 0);
	close_files();
}

Test(static, other_methods_are_not_allowed)
{
	struct answer answer;

	tree_create();
	tree_file("a.txt", "hello");
	open_files(NULL);
	answer = fetch(ASK("DELETE", "/files/a.txt", ""));
	cr_expect_eq(answer.status, 405);
	cr_expect(field_is(&answer, "allow", "GET, HEAD, OPTIONS"));
	close_files();
}

Test(static, what_is_no_file_is_not_there)
{
	static const char *const paths[] = {
		"none",
		"dir/none",
		"none/",
		"a.txt/",
		"a.txt/b",
		".hidden",
		"link",
		"out",
		"fifo",
		"socket",
		"dir%2Fb.txt",
		"dir%2fb.txt",
		"%2Fa.txt",
		"..%2Foutside",
		"..%2f..%2foutside",
		"%2e%2e%2foutside",
		"dir/..%2f..%2foutside",
		"dir%5c..%5ca.txt",
		"dir/",
		"%2e%2e%2f",
		"%252e%252e/outside",
		"a.txt%20",
		"%20a.txt",
		"..%5coutside",
		"....//outside",
		"%c0%ae%c0%ae/outside",
	};

	tree_create();
	tree_directory("dir");
	tree_file("a.txt", "");
	tree_file("dir/b.txt", "");
	tree_file(".hidden", "");
	tree_file("../outside", "outside");
	tree_link("link", "a.txt");
	tree_link("out", "../outside");
	tree_fifo("fifo");
	tree_socket("socket");
	open_files(NULL);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char request[256];
		unsigned status;

		snprintf(request, sizeof(request), GET("/files/%s"), paths[i]);
		status = status_of(request);
		cr_expect_eq(status, 404, "%s: %u", paths[i], status);
	}
	close_files();
}

Test(static, paths_that_lead_out_have_no_route_or_no_file_whatever_the_policy)
{
	static const enum ouro_paths policies[] = { OURO_PATHS_CANONICAL, OURO_PATHS_REDIRECT,
						    OURO_PATHS_EXACT };
	static const char *const paths[] = { "/files/../outside", "/files/%2e%2e/outside",
					     "/files/.%2E/outside", "/files/dir/../../outside",
					     "/files/./a.txt/../../outside" };

	tree_create();
	tree_directory("dir");
	tree_file("a.txt", "");
	tree_file("../outside", "outside");
	for (size_t policy = 0; policy < 3; policy++) {
		const struct ouro_options options = { .paths = policies[policy] };

		files_options = (struct ouro_files_options){ .dotfiles = true, .symlinks = true };
		site_open_with(&site, &options, NULL, set_up_files);
		for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
			char request[256];

			snprintf(request, sizeof(request), GET("%s"), paths[i]);
			cr_expect_eq(status_of(request), 404, "%s", paths[i]);
		}
		site_close(&site);
	}
	tree_remove();
}

Test(static, escapes_are_decoded_within_names)
{
	tree_create();
	tree_directory("di r");
	tree_file("di r/a%b.txt", "1");
	tree_file("\xc3\xbc", "2");
	open_files(NULL);
	cr_expect(is(fetch(GET("/files/di%20r/a%25b.txt")).body, "1"));
	cr_expect(is(fetch(GET("/files/di%20r/a%25%62.txt")).body, "1"));
	cr_expect(is(fetch(GET("/files/%C3%bc")).body, "2"));
	cr_expect_eq(status_of(GET("/files/a%00b")), 400);
	cr_expect_eq(status_of(GET("/files/a%zz")), 400);
	close_files();
}

Test(static, what_may_not_be_read_is_403)
{
	tree_create();
	tree_file("secret", "secret");
	tree_mode("secret", 0);
	open_files(NULL);
	if (tree_as_nobody())
		cr_expect_eq(status_of(GET("/files/secret")), 403);
	else
		fprintf(stderr, "skipped: cannot be another user\n");
	cr_assert_eq(seteuid(getuid()), 0);
	close_files();
}

Test(static, links_and_dotfiles_where_they_are_allowed)
{
	const struct ouro_files_options options = { .symlinks = true, .dotfiles = true };

	tree_create();
	tree_file("a.txt", "a");
	tree_file(".hidden", "hidden");
	tree_file("../outside", "outside");
	tree_link("link", "a.txt");
	tree_link("out", "../outside");
	open_files(&options);
	cr_expect(is(fetch(GET("/files/link")).body, "a"));
	cr_expect(is(fetch(GET("/files/.hidden")).body, "hidden"));
	cr_expect_eq(status_of(GET("/files/out")), 404);
	close_files();
}

/* ---- Directories ---- */

Test(static, a_directory_is_under_its_name_with_a_slash)
{
	struct answer answer;

	tree_create();
	tree_directory("di r");
	tree_file("di r/index.html", "index");
	tree_file("index.html", "root");
	open_files(NULL);
	answer = fetch(GET("/files/di%20r?a=b"));
	cr_expect_eq(answer.status, 308);
	cr_expect(field_is(&answer, "location", "/files/di%20r/?a=b"));
	answer = fetch(GET("/files/di%20r/"));
	cr_expect(is(answer.body, "index"));
	cr_expect(field_is(&answer, "content-type", "text/html; charset=utf-8"));
	answer = fetch(GET("/files"));
	cr_expect_eq(answer.status, 308);
	cr_expect(field_is(&answer, "location", "/files/"));
	cr_expect(is(fetch(GET("/files/")).body, "root"));
	close_files();
}

Test(static, an_index_may_have_another_name_or_be_none)
{
	struct ouro_files_options options = { .index = "start" };

	tree_create();
	tree_file("start", "start");
	tree_file("index.html", "index");
	open_files(&options);
	cr_expect(is(fetch(GET("/files/")).body, "start"));
	site_close(&site);
	options = (struct ouro_files_options){ .no_index = true };
	open_files(&options);
	cr_expect_eq(status_of(GET("/files/")), 404);
	cr_expect_eq(status_of(GET("/files/index.html")), 200);
	close_files();
}

Test(static, directories_are_listed_where_asked_for)
{
	const struct ouro_files_options options = { .list = true };
	struct answer answer;

	tree_create();
	tree_directory("dir");
	tree_directory("dir/<sub>");
	tree_file("dir/a&b:c", "12");
	tree_file("dir/.hidden", "");
	tree_date("dir/a&b:c", 700000000);
	tree_directory("with");
	tree_file("with/index.html", "index");
	open_files(&options);
	answer = fetch(GET("/files/dir/"));
	cr_expect_eq(answer.status, 200);
	cr_expect(field_is(&answer, "content-type", "text/html; charset=utf-8"));
	cr_expect(holds(answer.body, "<h1>/dir</h1>"));
	cr_expect(holds(answer.body, "<a href=\"../\">"));
	cr_expect(holds(answer.body, "<a href=\"%3Csub%3E/\">&lt;sub&gt;/</a>"));
	cr_expect(holds(answer.body, "<a href=\"a%26b%3Ac\">a&amp;b:c</a></td><td>2</td>"
				     "<td>1992-03-07T20:26:40Z</td>"));
	cr_expect_null(memmem(answer.body.ptr, answer.body.len, "hidden", 6));
	cr_expect(is(fetch(GET("/files/with/")).body, "index"), "an index goes before");
	cr_expect_eq(fetch(GET("/files/none/")).status, 404);
	cr_expect_eq(fetch(GET("/files/dir/a&b:c/")).status, 404);
	answer = fetch(GET("/files/"));
	cr_expect_eq(answer.status, 200);
	cr_expect_null(memmem(answer.body.ptr, answer.body.len, "../", 3));
	close_files();
}

/* What is listed there would be found nowhere. */
Test(static, an_empty_name_is_no_directory)
{
	const struct ouro_options exact = { .paths = OURO_PATHS_EXACT };

	tree_create();
	tree_directory("dir");
	files_options = (struct ouro_files_options){ .list = true };
	site_open_with(&site, &exact, NULL, set_up_files);
	cr_expect_eq(status_of(GET("/files/")), 200);
	cr_expect_eq(status_of(GET("/files/dir/")), 200);
	cr_expect_eq(status_of(GET("/files//")), 404);
	cr_expect_eq(status_of(GET("/files/dir//")), 404);
	close_files();
}

Test(static, directories_are_listed_as_json)
{
	const struct ouro_files_options options = { .list = true };
	struct answer answer;

	tree_create();
	tree_directory("dir");
	tree_file("quo\"te", "12");
	tree_date("dir", 700000000);
	tree_date("quo\"te", 700000001);
	open_files(&options);
	answer = fetch(ASK("GET", "/files/", "Accept: application/json\r\n"));
	cr_expect(field_is(&answer, "content-type", "application/json"));
	cr_expect(holds(answer_field(&answer, "vary"), "ccept"));
	cr_expect(is(
		answer.body,
		"{\"entries\":[{\"name\":\"dir\",\"type\":\"directory\","
		"\"modified\":\"1992-03-07T20:26:40Z\"},{\"name\":\"quo\\\"te\",\"type\":\"file\","
		"\"size\":2,\"modified\":\"1992-03-07T20:26:41Z\"}],\"more\":false}\n"));
	close_files();
}

Test(static, of_a_directory_with_too_much_in_it_it_is_said_that_there_is_more)
{
	const struct ouro_files_options options = { .list = true };
	char name[256];

	/* The longest names, of which each byte takes the most room that it can. */
	tree_create();
	memset(name, '"', sizeof(name));
	name[255] = '\0';
	for (int i = 0; i < 1500; i++) {
		char number[16];

		memcpy(name, number, (size_t)snprintf(number, sizeof(number), "%04d", i));
		tree_file(name, "");
	}
	open_files(&options);
	cr_expect(holds(fetch(GET("/files/")).body, "There is more"));
	cr_expect(holds(fetch(ASK("GET", "/files/", "Accept: application/json\r\n")).body,
			"\"more\":true"));
	close_files();
}

/* ---- What is not there ---- */

Test(static, pages_that_are_not_there_have_a_fallback)
{
	const struct ouro_files_options options = { .fallback = "app/main.html" };
	struct answer answer;

	tree_create();
	tree_directory("app");
	tree_file("app/main.html", "app");
	tree_file("a.txt", "a");
	open_files(&options);
	answer = fetch(ASK("GET", "/files/some/route",
			   "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"));
	cr_expect_eq(answer.status, 200);
	cr_expect(is(answer.body, "app"));
	cr_expect(field_is(&answer, "vary", "accept"));
	cr_expect(field_is(&answer, "content-type", "text/html; charset=utf-8"));
	cr_expect_eq(status_of(ASK("GET", "/files/", "Accept: text/html\r\n")), 200);
	answer = fetch(ASK("GET", "/files/app.js", "Accept: */*\r\n"));
	cr_expect_eq(answer.status, 404, "a script is no page");
	cr_expect(field_is(&answer, "vary", "accept"));
	cr_expect_eq(status_of(GET("/files/none")), 404);
	answer = fetch(ASK("GET", "/files/a.txt", "Accept: text/html\r\n"));
	cr_expect(is(answer.body, "a"));
	cr_expect(field_is(&answer, "vary", NULL));
	close_files();
}

Test(static, a_fallback_that_is_not_there_is_404)
{
	const struct ouro_files_options options = { .fallback = "none" };

	tree_create();
	open_files(&options);
	cr_expect_eq(status_of(ASK("GET", "/files/a", "Accept: text/html\r\n")), 404);
	close_files();
}

/* ---- Before the start ---- */

static void set_up_everywhere(struct ouro_server *server)
{
	struct ouro_group *group;

	cr_assert_eq(ouro_server_files(server, "/", ".", NULL), 0);
	cr_assert_eq(ouro_server_group(server, "/g", NULL, &group), 0);
	cr_assert_eq(ouro_group_files(group, "/one/", "dir", NULL), 0);
	cr_assert_eq(ouro_group_files(group, "", "dir", NULL), 0);
}

Test(static, prefixes_may_be_empty_and_within_groups)
{
	tree_create();
	tree_directory("dir");
	tree_file("a", "a");
	tree_file("index.html", "index");
	tree_file("dir/b", "b");
	site_open_with(&site, NULL, NULL, set_up_everywhere);
	cr_expect(is(fetch(GET("/a")).body, "a"));
	cr_expect(is(fetch(GET("/")).body, "index"));
	cr_expect(is(fetch(GET("/dir/b")).body, "b"));
	cr_expect(is(fetch(GET("/g/one/b")).body, "b"));
	cr_expect(is(fetch(GET("/g/b")).body, "b"));
	cr_expect_eq(status_of(GET("/g/one")), 308);
	close_files();
}

Test(static, options_out_of_range_are_refused)
{
	static const struct ouro_files_options wrong[] = {
		{ .index = "a/b" },
		{ .index = "" },
		{ .index = ".." },
		{ .index = ".hidden" },
		{ .fallback = "/etc/passwd" },
		{ .fallback = "../x" },
		{ .fallback = "" },
		{ .cache_control = "a\r\nb: c" },
		{ .memory_bytes_max = 1024 * 1024 + 1 },
		{ .cached_files_max = 1024 * 1024 + 1 },
	};
	struct draft draft;

	draft_open(&draft);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		draft.logged[0] = '\0';
		cr_expect_eq(ouro_server_files(draft.server, "/f", ".", &wrong[i]), -EINVAL, "%zu",
			     i);
		cr_expect(strstr(draft.logged, "files of .: its"), "%s", draft.logged);
	}
	draft.logged[0] = '\0';
	cr_expect_eq(ouro_server_files(draft.server, "no slash", ".", NULL), -EINVAL);
	cr_expect(strstr(draft.logged, "files of .: "), "%s", draft.logged);
	cr_expect_eq(ouro_server_files(draft.server, "/f", NULL, NULL), -EINVAL);
	cr_expect_eq(ouro_server_files(draft.server, "/f", ".",
				       &(struct ouro_files_options){ .index = ".hidden",
								     .dotfiles = true }),
		     0);
	draft_close(&draft);
}

Test(static, a_directory_that_is_not_there_is_found_at_the_start)
{
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_listen(draft.server, "tcp://127.0.0.1:0"), 0);
	cr_assert_eq(ouro_server_files(draft.server, "/f", "/none/at/all", NULL), 0);
	cr_expect_eq(ouro_server_start(draft.server), -ENOENT);
	cr_expect(strstr(draft.logged, "cannot serve files of /none/at/all: No such file"));
	cr_expect_eq(ouro_server_files(draft.server, "/g", ".", NULL), -EALREADY);
	draft_close(&draft);
}

Test(static, a_conflict_with_another_route_is_found)
{
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_files(draft.server, "/f", "one", NULL), 0);
	cr_assert_eq(ouro_server_files(draft.server, "/f", "two", NULL), 0);
	cr_expect_eq(ouro_server_routes(draft.server, NULL, 0), -EEXIST);
	cr_expect(strstr(draft.logged, "files of one"), "%s", draft.logged);
	cr_expect(strstr(draft.logged, "files of two"), "%s", draft.logged);
	draft_close(&draft);
}

Test(static, a_file_is_no_directory_to_serve)
{
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_listen(draft.server, "tcp://127.0.0.1:0"), 0);
	cr_assert_eq(ouro_server_files(draft.server, "/f", "/etc/passwd", NULL), 0);
	cr_expect_eq(ouro_server_start(draft.server), -ENOTDIR);
	draft_close(&draft);
}
