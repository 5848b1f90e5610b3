/* Static files and time: what is remembered and for how long, what another thread looks for, who waits
 * for it; and files that handlers name. The own walk never answers at once, so that it forces waiting. */
#include "files.h"

#include <errno.h>
#include <string.h>

/* Serves the tree so that every first look is another thread's. */
static void open_waiting(const struct ouro_files_options *options)
{
	open_files(options);
	site.server->files->root.walk = true;
	site.server->files->coded_root.walk = true;
}

static struct answer answer_of(struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer;

	cr_assert(answer_read(&bytes, false, &answer));
	return answer;
}

Test(static_waits, what_was_changed_is_seen_after_a_while)
{
	tree_create();
	tree_file("a", "old");
	open_files(NULL);
	cr_expect(is(fetch(GET("/files/a")).body, "old"));
	tree_file("new", "newer");
	tree_rename("new", "a");
	sim_advance(site.loop, 500);
	cr_expect(is(fetch(GET("/files/a")).body, "old"));
	sim_advance(site.loop, 500);
	cr_expect(is(fetch(GET("/files/a")).body, "newer"));
	tree_unlink("a");
	sim_advance(site.loop, 1000);
	cr_expect_eq(status_of(GET("/files/a")), 404);
	tree_file("a", "again");
	sim_advance(site.loop, 1000);
	cr_expect(is(fetch(GET("/files/a")).body, "again"));
	close_files();
}

Test(static_waits, what_nobody_asks_for_is_closed)
{
	unsigned before;

	tree_create();
	tree_file("a", "content");
	open_files(&(struct ouro_files_options){ .memory_bytes_max = 1 });
	before = tree_descriptor_count();
	cr_expect_eq(status_of(GET("/files/a")), 200);
	cr_expect_eq(tree_descriptor_count(), before + 1);
	sim_advance(site.loop, 65000);
	cr_expect_eq(tree_descriptor_count(), before);
	close_files();
}

Test(static_waits, another_thread_looks_where_a_disk_may_be_waited_for)
{
	struct sim_peer *peer;

	tree_create();
	tree_file("a", "content");
	open_waiting(NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/files/a"));
	settle_until_answered(peer);
	cr_expect(is(answer_of(peer).body, "content"));
	site_ask(&site, peer, GET("/files/a"));
	cr_expect(is(answer_of(peer).body, "content"), "it is remembered");
	site_ask(&site, peer, GET("/files/none"));
	settle_until_answered(peer);
	cr_expect_eq(answer_of(peer).status, 404);
	close_files();
}

Test(static_waits, many_wait_for_one_look)
{
	struct sim_peer *peers[20];

	/* More than the pool would take: two threads, and four that wait (site.c). */
	tree_create();
	tree_file("a", "content");
	open_waiting(NULL);
	for (int i = 0; i < 20; i++) {
		peers[i] = site_connect(&site);
		sim_peer_say(peers[i], GET("/files/a"));
	}
	for (int i = 0; i < 20; i++) {
		settle_until_answered(peers[i]);
		cr_expect_eq(answer_of(peers[i]).status, 200);
	}
	close_files();
}

/* Work for the pool that lasts until the other end of a pipe is closed. */
struct blocker {
	struct ouro_offload_job job; /* first */
	int fd;
	bool done;
};

static void block(struct ouro_offload_job *job)
{
	char byte;

	cr_expect_eq(read(((struct blocker *)(void *)job)->fd, &byte, 1), 0);
}

static void note_done(struct ouro_offload_job *job)
{
	((struct blocker *)(void *)job)->done = true;
}

/* Takes all threads of the pool, and all places of those that wait for one. How many. */
static int fill_pool(struct blocker *blockers, int max, int fd)
{
	for (int i = 0; i < max; i++) {
		blockers[i] = (struct blocker){
			.job = { .run = block, .on_done = note_done, .loop = site.loop },
			.fd = fd,
		};
		if (ouro_offload_submit(site.server->offload, &blockers[i].job) == -EAGAIN)
			return i;
	}
	cr_assert_fail("the pool takes everything");
	return 0;
}

Test(static_waits, where_too_many_wait_for_disks_it_is_503)
{
	struct blocker blockers[64];
	int pair[2], count;

	tree_create();
	tree_file("a", "content");
	open_waiting(NULL);
	cr_assert_eq(pipe(pair), 0);
	count = fill_pool(blockers, 64, pair[0]);
	cr_expect_eq(status_of(GET("/files/a")), 503);
	close(pair[1]);
	for (int i = 0; i < count; i++)
		while (!blockers[i].done) {
			sim_settle(site.loop);
			usleep(100);
		}
	close(pair[0]);
	cr_expect_eq(status_of(GET("/files/a")), 200, "it was not remembered as anything");
	close_files();
}

Test(static_waits, a_client_that_goes_meanwhile_leaves_nothing_behind)
{
	tree_create();
	tree_file("a", "content");
	for (int i = 0; i < 20; i++) {
		struct sim_peer *gone, *other;

		open_waiting(NULL);
		gone = site_connect(&site);
		other = site_connect(&site);
		sim_peer_say(gone, GET("/files/a"));
		sim_peer_say(other, GET("/files/a"));
		ouro_loop_turn(site.loop, false);
		sim_peer_reset(gone);
		settle_until_answered(other);
		cr_expect_eq(answer_of(other).status, 200);
		site_close(&site);
	}
	tree_remove();
}

Test(static_waits, a_client_that_only_closed_its_side_gets_its_answer)
{
	struct sim_peer *peer;

	tree_create();
	tree_file("a", "content");
	open_waiting(NULL);
	peer = site_connect(&site);
	sim_peer_say(peer, GET("/files/a"));
	sim_peer_fin(peer);
	settle_until_answered(peer);
	cr_expect(is(answer_of(peer).body, "content"));
	close_files();
}

Test(static_waits, a_server_may_end_while_a_look_is_under_way)
{
	tree_create();
	for (int i = 0; i < 20; i++) {
		struct sim_peer *peer;

		open_waiting(NULL);
		peer = site_connect(&site);
		sim_peer_say(peer, GET("/files/a"));
		ouro_loop_turn(site.loop, false);
		sim_peer_reset(peer);
		ouro_worker_drain(site.worker);
		while (site.worker->jobs > 0) {
			cr_assert_not(ouro_worker_is_finished(site.worker));
			sim_settle(site.loop);
			usleep(100);
		}
		site_close(&site);
	}
	tree_remove();
}

Test(static_waits, codings_and_indexes_are_waited_for_too)
{
	struct sim_peer *peer;

	tree_create();
	tree_directory("dir");
	tree_file("dir/index.html", "plain");
	tree_file("dir/index.html.gz", "gz");
	open_waiting(&(struct ouro_files_options){ .precompressed = true });
	peer = site_connect(&site);
	site_ask(&site, peer, ASK("GET", "/files/dir/", "Accept-Encoding: gzip\r\n"));
	settle_until_answered(peer);
	cr_expect(is(answer_of(peer).body, "gz"));
	close_files();
}

Test(static_waits, a_file_that_becomes_shorter_ends_the_connection)
{
	struct sim_peer *peer;
	struct ouro_str bytes;

	tree_create();
	tree_file_of("a", 1000000);
	open_files(NULL);
	fetch(GET("/files/a"));
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/files/a"));
	tree_file_of("a", 500000);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	bytes = sim_peer_received(peer);
	cr_expect_lt(bytes.len, 1000000);
	cr_expect(sim_peer_is_over(peer));
	close_files();
}

/* ---- Files that handlers name ---- */

static int results[4];
static const char *named;
static struct ouro_file_options named_options;

static void send_named(struct ouro_ctx *ctx)
{
	results[0] = ouro_send_file(ctx, named, &named_options);
	if (results[0])
		ouro_text(ctx, 500, OURO_STR("no"));
	results[1] = ouro_send_file(ctx, named, NULL);
}

static void add_named(struct ouro_server *server)
{
	ouro_server_route(server, "GET, POST", "/named", send_named, NULL);
}

static void open_named(void)
{
	add_more = add_named;
	named_options = (struct ouro_file_options){ 0 };
	tree_create();
	tree_directory("dir");
	tree_fifo("fifo");
	tree_file(".dot.txt", "dot");
	tree_link("dir/link", "../.dot.txt");
	open_files(NULL);
}

Test(static_waits, a_handler_sends_a_file_that_it_names)
{
	struct answer answer;

	open_named();
	named = ".dot.txt";
	answer = fetch(GET("/named"));
	cr_expect(is(answer.body, "dot"));
	cr_expect(field_is(&answer, "content-type", "text/plain; charset=utf-8"));
	cr_expect(field_is(&answer, "accept-ranges", "bytes"));
	cr_expect_eq(results[0], 0);
	cr_expect_eq(results[1], -EALREADY);
	named = "dir/link";
	named_options =
		(struct ouro_file_options){ .content_type = "a/b", .cache_control = "no-store" };
	answer = fetch(ASK("GET", "/named", "Range: bytes=1-\r\n"));
	cr_expect_eq(answer.status, 206);
	cr_expect(is(answer.body, "ot"));
	cr_expect(field_is(&answer, "content-type", "a/b"));
	cr_expect(field_is(&answer, "cache-control", "no-store"));
	cr_expect_eq(status_of(ASK("GET", "/named", "If-None-Match: *\r\n")), 304);
	cr_expect_eq(status_of(ASK("POST", "/named", "If-None-Match: *\r\nContent-Length: 0\r\n")),
		     412);
	cr_expect_eq(status_of(ASK("POST", "/named", "Range: bytes=1-\r\nContent-Length: 0\r\n")),
		     200);
	named = "/etc/passwd";
	cr_expect_eq(status_of(GET("/named")), 200);
	close_files();
}

Test(static_waits, a_file_that_cannot_be_sent_is_an_error)
{
	static const struct {
		const char *path;
		int error;
	} wrong[] = {
		{ "none", -ENOENT }, { "dir", -EISDIR },         { "fifo", -EINVAL },
		{ "", -EINVAL },     { ".dot.txt/x", -ENOTDIR },
	};

	open_named();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		named = wrong[i].path;
		cr_expect_eq(status_of(GET("/named")), 500);
		cr_expect_eq(results[0], wrong[i].error, "%s: %d", named, results[0]);
	}
	close_files();
}

Test(static_waits, a_handler_sends_what_stands_beside_it_compressed)
{
	struct answer answer;

	open_named();
	tree_file(".dot.txt.gz", "gz");
	named = ".dot.txt";
	named_options.precompressed = true;
	answer = fetch(ASK("GET", "/named", "Accept-Encoding: gzip\r\n"));
	cr_expect(is(answer.body, "gz"));
	cr_expect(field_is(&answer, "content-encoding", "gzip"));
	close_files();
}
