/* Request bodies that are written to files: in pieces, and from the socket itself. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAD(path) "PUT " path " HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED(path) HEAD(path) "Transfer-Encoding: chunked\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	BIG = 1024 * 1024,   /* of this most is spliced */
	MORE = 10 * BIG + 7, /* of this in several jobs */
	SMALL = 1000,
	NAPS_MAX = 20000,
	NAP_US = 100,
};

static struct site site;
static int file;            /* where bodies go */
static int64_t offset;      /* and where in it */
static int64_t results[2];  /* of the last two calls */
static int calls, fails;    /* to_file returned; it was less than 0 */
static struct ouro_ref ref; /* of the last context */
static bool closes_file;    /* the handler closes it, come what may */
static char *content;       /* MORE bytes */

/* ---- Handlers ---- */

static void save(struct ouro_ctx *ctx)
{
	int fd = closes_file ? dup(file) : file;

	ref = ouro_ref(ctx);
	results[0] = ouro_body_to_file(ctx, fd, offset);
	if (closes_file)
		close(fd);
	calls++;
	fails += results[0] < 0;
	if (results[0] < 0)
		ouro_reject(ctx, (int)results[0]);
	else
		ouro_textf(ctx, 201, "%lld", (long long)results[0]);
}

static void read_then_save(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	results[1] = ouro_body_read(ctx, &chunk);
	save(ctx);
}

static void save_then_read(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	results[0] = ouro_body_to_file(ctx, file, offset);
	results[1] = ouro_body_read(ctx, &chunk);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void save_twice(struct ouro_ctx *ctx)
{
	results[0] = ouro_body_to_file(ctx, file, offset);
	results[1] = ouro_body_to_file(ctx, file, offset);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void whole_then_save(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	results[1] = ouro_body(ctx, &body);
	save(ctx);
}

/* As over a layer that has no descriptor to lend. */
static void save_layered(struct ouro_ctx *ctx)
{
	static struct ouro_stream_ops ops;
	const struct ouro_stream_ops *own = ctx->stream->ops;

	ops = *own;
	ops.lend = NULL;
	ctx->stream->ops = &ops;
	save(ctx);
	ctx->stream->ops = own;
}

/* No descriptor can be had. */
static void save_without_descriptors(struct ouro_ctx *ctx)
{
	struct rlimit before, few;
	int fds[256], count = 0;

	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ 200, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	while (count < 256 && (fds[count] = dup(file)) >= 0)
		count++;
	results[0] = ouro_body_to_file(ctx, file, 0);
	while (count > 0)
		close(fds[--count]);
	setrlimit(RLIMIT_NOFILE, &before);
	ouro_text(ctx, 503, OURO_STR("none"));
}

static void next(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("next"));
}

static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options limited = { .handler_timeout_ms = 1000 };
	const struct ouro_route_options at_once = { .run_inline = true };

	ouro_server_route(server, "PUT", "/save", save, NULL);
	ouro_server_route(server, "PUT", "/limited", save, &limited);
	ouro_server_route(server, "PUT", "/inline", save, &at_once);
	ouro_server_route(server, "PUT", "/read-first", read_then_save, NULL);
	ouro_server_route(server, "PUT", "/read-last", save_then_read, NULL);
	ouro_server_route(server, "PUT", "/twice", save_twice, NULL);
	ouro_server_route(server, "PUT", "/whole", whole_then_save, NULL);
	ouro_server_route(server, "PUT", "/layered", save_layered, NULL);
	ouro_server_route(server, "PUT", "/none", save_without_descriptors, NULL);
	ouro_server_route(server, "GET", "/next", next, NULL);
}

/* ---- Life ---- */

static void open_with(const struct sim_settings *settings)
{
	const struct ouro_options options = { .body_bytes_max = UINT64_MAX,
					      .body_timeout_ms = 5000 };

	site_open_with(&site, &options, settings, set_up);
	file = memfd_create("body", MFD_CLOEXEC);
	cr_assert_geq(file, 0);
	content = content ? content : malloc(MORE);
	for (int i = 0; i < MORE; i++)
		content[i] = (char)(i * 7 + i / 251);
	offset = 0;
	calls = fails = 0;
	results[0] = results[1] = 12345;
}

/* Until nothing is going on, on threads of the pool either. */
static void finish(void)
{
	int naps = 0;

	do {
		sim_settle(site.loop);
		if (site.worker->jobs > 0)
			usleep(NAP_US);
	} while (site.worker->jobs > 0 && ++naps < NAPS_MAX);
	sim_settle(site.loop);
	cr_assert_eq(site.worker->jobs, 0);
}

static void finish_site(void)
{
	finish();
	site_close(&site);
	close(file);
	free(content);
	content = NULL;
}

static uint64_t spliced(void)
{
	return ouro_counter_get(&site_counters(&site)->bytes_zero_copy);
}

/* Whether the file holds the first @bytes of the content from @at on, and nothing more. */
static bool file_has(size_t at, size_t bytes)
{
	char *got = malloc(MORE + 64);
	ssize_t len = pread(file, got, MORE + 64, 0);
	bool same = len == (ssize_t)(at + bytes) && memcmp(got + at, content, bytes) == 0;

	free(got);
	return same;
}

/* A client that has announced @bytes. */
static struct sim_peer *announce(const char *head, size_t bytes)
{
	struct sim_peer *peer = site_connect(&site);
	char request[200];

	snprintf(request, sizeof(request), "%sContent-Length: %zu\r\n\r\n", head, bytes);
	sim_peer_say(peer, request);
	sim_settle(site.loop);
	return peer;
}

/* It sends @bytes of the content from @from on. */
static void send_content(struct sim_peer *peer, size_t from, size_t bytes)
{
	cr_assert(sim_peer_send(peer, content + from, bytes));
	finish();
}

static bool got_status(const struct sim_peer *peer, unsigned status)
{
	struct ouro_str got = sim_peer_received(peer);
	struct answer answer;

	return answer_read(&got, false, &answer) && answer.status == status;
}

static bool ends_with_next(struct ouro_str got)
{
	return got.len >= 4 && memcmp(got.ptr + got.len - 4, "next", 4) == 0;
}

static void expect_next(struct sim_peer *peer)
{
	struct ouro_str got = site_ask(&site, peer, NEXT);

	cr_assert(ouro_str_starts(got, OURO_STR("HTTP/1.1 200")), "%.*s", (int)got.len, got.ptr);
}

/* ---- Content ---- */

Test(save, small_bodies_are_written_from_the_buffers_they_came_in)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), SMALL);
	send_content(peer, 0, SMALL);
	cr_assert_eq(results[0], SMALL);
	cr_assert(got_status(peer, 201));
	cr_assert(file_has(0, SMALL));
	cr_assert_eq(spliced(), 0);
	cr_assert_eq(ouro_counter_get(&site_counters(&site)->bytes_copied), 0);
	expect_next(peer);
	finish_site();
}

Test(save, no_body_is_0_bytes)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), 0);
	cr_assert_eq(results[0], 0);
	cr_assert(got_status(peer, 201));
	cr_assert(file_has(0, 0));
	finish_site();
}

Test(save, chunked_bodies_are_written_too)
{
	struct sim_peer *peer;
	char chunk[64];

	open_with(NULL);
	peer = site_connect(&site);
	sim_peer_say(peer, CHUNKED("/save"));
	for (size_t at = 0; at < BIG; at += BIG / 4) {
		snprintf(chunk, sizeof(chunk), "%x\r\n", BIG / 4);
		sim_peer_say(peer, chunk);
		send_content(peer, at, BIG / 4);
		sim_peer_say(peer, "\r\n");
	}
	sim_peer_say(peer, "0\r\n\r\n");
	finish();
	cr_assert_eq(results[0], BIG);
	cr_assert(file_has(0, BIG));
	cr_assert_eq(spliced(), 0);
	expect_next(peer);
	finish_site();
}

Test(save, large_bodies_go_from_the_socket_to_the_file)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), MORE);
	for (size_t at = 0; at < MORE; at += BIG)
		send_content(peer, at, at + BIG < MORE ? BIG : MORE - at);
	cr_assert_eq(results[0], MORE);
	cr_assert(file_has(0, MORE));
	cr_assert_eq(spliced(), MORE);
	cr_assert_geq(ouro_counter_get(&site_counters(&site)->bytes_received), MORE);
	cr_assert_eq(ouro_counter_get(&site_counters(&site)->bytes_copied), 0);
	expect_next(peer);
	finish_site();
}

Test(save, what_came_with_the_head_is_written_first_and_what_follows_is_left_alone)
{
	open_with(NULL);
	for (size_t early = 0; early < 400000; early = early * 2 + 1) {
		struct sim_peer *peer = site_connect(&site);
		char request[200];

		cr_assert_eq(ftruncate(file, 0), 0);
		snprintf(request, sizeof(request), HEAD("/save") "Content-Length: %d\r\n\r\n", BIG);
		sim_peer_say(peer, request);
		sim_peer_send(peer, content, early);
		sim_settle(site.loop);
		sim_peer_send(peer, content + early, BIG - early);
		sim_peer_say(peer, NEXT);
		finish();
		cr_assert_eq(results[0], BIG);
		cr_assert(file_has(0, BIG));
		cr_assert(got_status(peer, 201));
		cr_assert(ends_with_next(sim_peer_received(peer)));
		cr_assert_eq(sim_peer_unread(peer), 0);
	}
	cr_assert_gt(spliced(), 0);
	finish_site();
}

/* The receive that is ended for the descriptor to be lent still brings something, or much. */
Test(save, what_comes_while_the_receive_ends_is_written_first)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		const struct sim_settings settings = { .seed = seed,
						       .cancel_race = 600,
						       .delay = 500 };
		struct sim_peer *peer;

		open_with(&settings);
		peer = announce(HEAD("/save"), SMALL);
		send_content(peer, 0, SMALL);
		/* Now the receive is for many completions. */
		sim_peer_forget(peer);
		sim_peer_say(peer, HEAD("/save") "Content-Length: 1048576\r\n\r\n");
		for (int i = 0; i < 3; i++)
			ouro_loop_turn(site.loop, false);
		sim_peer_send(peer, content, BIG);
		sim_peer_say(peer, NEXT);
		finish();
		cr_assert_eq(results[0], BIG);
		cr_assert(file_has(0, BIG));
		cr_assert(ends_with_next(sim_peer_received(peer)));
		finish_site();
	}
}

Test(save, whatever_goes_wrong_the_content_is_right)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct sim_settings settings = sim_wild(seed);
		struct sim_peer *peer;

		settings.reset = 0;
		open_with(&settings);
		peer = announce(HEAD("/save"), BIG);
		for (size_t at = 0; at < BIG; at += BIG / 8)
			send_content(peer, at, BIG / 8);
		cr_assert_eq(results[0], BIG, "seed %lu", (unsigned long)seed);
		cr_assert(file_has(0, BIG), "seed %lu", (unsigned long)seed);
		expect_next(peer);
		finish_site();
	}
}

Test(save, an_offset_or_the_position_says_where)
{
	static const size_t sizes[] = { SMALL, BIG };

	for (int i = 0; i < 2; i++) {
		struct sim_peer *peer;

		open_with(NULL);
		offset = 10;
		peer = announce(HEAD("/save"), sizes[i]);
		send_content(peer, 0, sizes[i]);
		cr_assert(file_has(10, sizes[i]));
		cr_assert_eq(lseek(file, 0, SEEK_CUR), 0);
		/* The position moves on. */
		cr_assert_eq(ftruncate(file, 0), 0);
		cr_assert_eq(lseek(file, 5, SEEK_SET), 5);
		offset = -1;
		peer = announce(HEAD("/save"), sizes[i]);
		send_content(peer, 0, sizes[i]);
		cr_assert(file_has(5, sizes[i]));
		cr_assert_eq(lseek(file, 0, SEEK_CUR), (off_t)(5 + sizes[i]));
		finish_site();
	}
}

Test(save, what_was_read_before_is_not_written)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/read-first"), BIG);
	send_content(peer, 0, BIG);
	cr_assert_gt(results[1], 0);
	cr_assert_eq(results[0] + results[1], BIG);
	cr_assert(got_status(peer, 201));
	finish_site();
}

Test(save, behind_it_nothing_is_left_to_read)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/read-last"), BIG);
	send_content(peer, 0, BIG);
	cr_assert_eq(results[0], BIG);
	cr_assert_eq(results[1], 0);
	peer = announce(HEAD("/twice"), BIG);
	send_content(peer, 0, BIG);
	cr_assert_eq(results[0], BIG);
	cr_assert_eq(results[1], 0);
	finish_site();
}

Test(save, who_waits_to_be_asked_is_asked)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save") "Expect: 100-continue\r\n", BIG);
	finish();
	cr_assert(ouro_str_eq(sim_peer_received(peer), OURO_STR("HTTP/1.1 100 Continue\r\n\r\n")));
	sim_peer_forget(peer);
	send_content(peer, 0, BIG);
	cr_assert(got_status(peer, 201));
	cr_assert(file_has(0, BIG));
	finish_site();
}

/* ---- What cannot be ---- */

static void expect_refusal(const char *head, int64_t result)
{
	struct sim_peer *peer = announce(head, SMALL);

	send_content(peer, 0, SMALL);
	cr_assert_eq(results[0], result, "%lld", (long long)results[0]);
	sim_peer_fin(peer);
	sim_settle(site.loop);
}

Test(save, only_files_can_be_written_to)
{
	int fds[2], own;

	open_with(NULL);
	own = file;
	cr_assert_eq(pipe(fds), 0);
	file = fds[1];
	expect_refusal(HEAD("/save"), -EINVAL);
	file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	expect_refusal(HEAD("/save"), -EINVAL);
	close(file);
	expect_refusal(HEAD("/save"), -EBADF);
	file = -1;
	expect_refusal(HEAD("/save"), -EBADF);
	file = own;
	offset = -2;
	expect_refusal(HEAD("/save"), -EINVAL);
	offset = 0;
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	expect_refusal(HEAD("/save"), -EBADF);
	close(file);
	file = own;
	close(fds[0]);
	close(fds[1]);
	finish_site();
}

Test(save, it_is_for_handlers_that_can_wait_and_have_not_asked_for_all_of_it)
{
	open_with(NULL);
	expect_refusal(HEAD("/inline"), -EDEADLK);
	expect_refusal(HEAD("/whole"), -EALREADY);
	finish_site();
}

/* A file that may not grow so far; the signal is blocked as threads of the pool block it. */
static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(save, a_file_that_takes_no_more_ends_it_and_the_connection)
{
	static const size_t limits[] = { 100, BIG / 2 };

	for (int i = 0; i < 2; i++) {
		struct sim_peer *peer;

		open_with(NULL);
		limit_files(limits[i]);
		peer = announce(HEAD("/save"), MORE);
		sim_peer_send(peer, content, BIG);
		finish();
		cr_assert_eq(results[0], -EFBIG);
		cr_assert(file_has(0, limits[i]));
		cr_assert(got_status(peer, 500));
		/* Of the body much is left: it is dropped for a while, and no reset comes. */
		cr_assert(sim_peer_saw_end(peer));
		send_content(peer, BIG, BIG);
		cr_assert_not(sim_peer_saw_reset(peer));
		sim_peer_fin(peer);
		limit_files(RLIM_INFINITY);
		finish_site();
	}
}

Test(save, a_small_rest_behind_a_failure_is_dropped_and_the_connection_goes_on)
{
	struct sim_peer *peer;

	open_with(NULL);
	limit_files(100);
	peer = announce(HEAD("/save"), 2 * SMALL);
	send_content(peer, 0, SMALL);
	cr_assert_eq(results[0], -EFBIG);
	send_content(peer, SMALL, SMALL);
	limit_files(RLIM_INFINITY);
	expect_next(peer);
	finish_site();
}

Test(save, a_body_that_is_lost_stays_lost)
{
	struct sim_peer *peer;

	open_with(NULL);
	limit_files(100);
	peer = announce(HEAD("/twice"), 2 * SMALL);
	send_content(peer, 0, SMALL);
	cr_assert_eq(results[0], -EFBIG);
	cr_assert_eq(results[1], -EFBIG);
	limit_files(RLIM_INFINITY);
	sim_peer_fin(peer);
	finish_site();
}

Test(save, a_file_that_cannot_be_spliced_to_is_copied_to)
{
	struct sim_peer *peer;
	char path[64];
	int own;

	open_with(NULL);
	own = file;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", own);
	file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	cr_assert_geq(file, 0);
	offset = -1;
	peer = announce(HEAD("/save"), BIG);
	sim_peer_send(peer, content, BIG / 2);
	finish();
	sim_peer_send(peer, content + BIG / 2, BIG / 2);
	finish();
	close(file);
	file = own;
	cr_assert_eq(results[0], BIG);
	cr_assert(file_has(0, BIG));
	cr_assert_eq(spliced(), 0);
	/* What was in the pipe when that was found out. */
	cr_assert_gt(ouro_counter_get(&site_counters(&site)->bytes_copied), 0);
	expect_next(peer);
	finish_site();
}

Test(save, without_pipes_all_is_received)
{
	struct sim_peer *peer;

	open_with(NULL);
	site.worker->pipes.open_max = 0;
	peer = announce(HEAD("/save"), BIG);
	send_content(peer, 0, BIG);
	cr_assert_eq(results[0], BIG);
	cr_assert(file_has(0, BIG));
	cr_assert_eq(spliced(), 0);
	expect_next(peer);
	finish_site();
}

Test(save, over_a_layer_all_is_received)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/layered"), BIG);
	send_content(peer, 0, BIG);
	cr_assert_eq(results[0], BIG);
	cr_assert(file_has(0, BIG));
	cr_assert_eq(spliced(), 0);
	finish_site();
}

Test(save, without_a_descriptor_it_is_emfile)
{
	open_with(NULL);
	expect_refusal(HEAD("/none"), -EMFILE);
	cr_assert(file_has(0, 0));
	finish_site();
}

/* ---- Clients that go, and time ---- */

/* Waits until @count jobs are held within their splice. */
static void await_held(uint32_t count)
{
	for (int i = 0; i < NAPS_MAX && sim_held_splices() < count; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	sim_settle(site.loop);
	cr_assert_eq(sim_held_splices(), count);
}

/* Begins one whose job is held within its splice. */
static struct sim_peer *hold_one(const char *head)
{
	struct sim_peer *peer;

	sim_hold_splices(true);
	peer = announce(head, BIG);
	sim_peer_send(peer, content, BIG / 2);
	await_held(1);
	return peer;
}

Test(save, a_reset_is_noticed_while_the_client_is_waited_for)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), BIG);
	send_content(peer, 0, BIG / 2);
	cr_assert_eq(calls, 0);
	sim_peer_reset(peer);
	finish();
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert(sim_peer_is_over(peer));
	finish_site();
}

Test(save, a_reset_during_a_job_is_noticed_behind_it)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = hold_one(HEAD("/save"));
	sim_peer_reset(peer);
	sim_hold_splices(false);
	finish();
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert(sim_peer_is_over(peer));
	finish_site();
}

Test(save, a_body_that_ends_early_is_400)
{
	static const size_t sizes[] = { SMALL, BIG };

	for (int i = 0; i < 2; i++) {
		struct sim_peer *peer;

		open_with(NULL);
		peer = announce(HEAD("/save"), sizes[i]);
		send_content(peer, 0, sizes[i] / 2);
		sim_peer_fin(peer);
		finish();
		cr_assert_eq(results[0], -EBADMSG);
		cr_assert(got_status(peer, 400));
		cr_assert(sim_peer_is_over(peer));
		finish_site();
	}
}

Test(save, a_client_that_closes_its_side_behind_the_body_is_answered)
{
	static const size_t sizes[] = { SMALL, 100000, BIG };

	for (int i = 0; i < 3; i++) {
		for (int late = 0; late < 2; late++) {
			struct sim_peer *peer;

			open_with(NULL);
			peer = announce(HEAD("/save"), sizes[i]);
			sim_peer_send(peer, content, sizes[i]);
			if (late)
				sim_settle(site.loop);
			sim_peer_fin(peer);
			finish();
			cr_assert_eq(results[0], (int64_t)sizes[i]);
			cr_assert(got_status(peer, 201));
			cr_assert(file_has(0, sizes[i]));
			finish_site();
		}
	}
}

Test(save, a_client_that_sends_nothing_is_408)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), BIG);
	for (size_t at = 0; at < BIG / 2; at += BIG / 8) {
		send_content(peer, at, BIG / 8);
		sim_advance(site.loop, 4000);
		cr_assert_eq(calls, 0);
	}
	sim_advance(site.loop, 1500);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert(got_status(peer, 408));
	cr_assert_eq(ouro_counter_get(&site_counters(&site)->timeouts), 1);
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_peer_fin(peer);
	finish();
	cr_assert(sim_peer_is_over(peer));
	finish_site();
}

Test(save, a_handler_whose_time_is_over_leaves_the_client)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/limited"), BIG);
	send_content(peer, 0, BIG / 2);
	sim_advance(site.loop, 1100);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert(got_status(peer, 503));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_peer_fin(peer);
	finish();
	cr_assert(sim_peer_is_over(peer));
	finish_site();
}

/* ... and of a small rest nothing is lost: what follows is the next request. */
Test(save, a_handler_whose_time_is_over_may_leave_a_connection_that_goes_on)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/limited"), BIG);
	send_content(peer, 0, BIG - SMALL);
	sim_advance(site.loop, 1100);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert(got_status(peer, 503));
	send_content(peer, BIG - SMALL, SMALL);
	expect_next(peer);
	finish_site();
}

Test(save, the_socket_stays_open_while_a_job_that_nobody_waits_for_uses_it)
{
	struct sim_peer *peer;

	open_with(NULL);
	closes_file = true;
	peer = hold_one(HEAD("/limited"));
	sim_advance(site.loop, 1100);
	cr_assert_eq(results[0], -ETIMEDOUT);
	cr_assert(got_status(peer, 503));
	/* Also when the client has had its time, and more. */
	sim_advance(site.loop, 10000);
	cr_assert_not(sim_peer_is_over(peer));
	cr_assert_eq(site.worker->jobs, 1);
	sim_hold_splices(false);
	finish();
	cr_assert(sim_peer_is_over(peer));
	/* Its copy of the descriptor was good to the end. */
	cr_assert(file_has(0, BIG / 2));
	closes_file = false;
	finish_site();
}

Test(save, a_connection_that_fails_during_a_job_ends_the_wait_at_once)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = hold_one(HEAD("/save"));
	ouro_conns_close_all(&site.worker->conns, OURO_CLOSE_ABORT);
	sim_settle(site.loop);
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert_not(sim_peer_is_over(peer));
	sim_hold_splices(false);
	finish();
	cr_assert(sim_peer_saw_reset(peer));
	finish_site();
}

Test(save, a_connection_that_fails_while_the_client_is_waited_for_ends_the_wait_at_once)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = announce(HEAD("/save"), BIG);
	send_content(peer, 0, BIG / 2);
	ouro_conns_close_all(&site.worker->conns, OURO_CLOSE_ABORT);
	finish();
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert(sim_peer_saw_reset(peer));
	finish_site();
}

Test(save, a_drain_waits_for_a_job_and_ends)
{
	struct sim_peer *peer;

	open_with(NULL);
	peer = hold_one(HEAD("/save"));
	ouro_worker_drain(site.worker);
	sim_advance(site.loop, 11000);
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert_not(ouro_worker_is_finished(site.worker));
	sim_hold_splices(false);
	finish();
	cr_assert(sim_peer_is_over(peer));
	finish_site();
}

static void abort_it(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	ouro_abort(ctx);
}

/* Both in one turn, and the handler goes on before the loop has closed the connection. */
Test(save, one_that_is_aborted_as_input_comes_or_a_job_ends_is_told_so)
{
	for (int way = 0; way < 2; way++) {
		struct sim_peer *peer;

		open_with(NULL);
		peer = way ? hold_one(HEAD("/save")) : announce(HEAD("/save"), BIG);
		cr_assert_eq(ouro_post(ref, abort_it, NULL), 0);
		if (way)
			sim_hold_splices(false);
		else
			sim_peer_send(peer, content, BIG / 2);
		usleep(20000);
		finish();
		cr_assert_eq(results[0], -ECANCELED);
		cr_assert(sim_peer_saw_reset(peer));
		finish_site();
	}
}

/* Two threads and a queue of four (site.c): some are refused, some never begin. */
Test(save, without_a_thread_to_be_had_it_is_eagain)
{
	struct sim_peer *peers[8], *small;

	open_with(NULL);
	sim_hold_splices(true);
	for (uint32_t i = 0; i < 8; i++) {
		peers[i] = announce(HEAD("/limited"), BIG);
		sim_peer_send(peers[i], content, BIG / 2);
		await_held(i < 2 ? i + 1 : 2);
	}
	cr_assert_eq(calls, 2);
	cr_assert_eq(results[0], -EAGAIN);
	cr_assert(got_status(peers[7], 503));
	small = announce(HEAD("/save"), SMALL);
	sim_peer_send(small, content, SMALL);
	sim_settle(site.loop);
	cr_assert_eq(calls, 3);
	cr_assert_eq(results[0], -EAGAIN);
	cr_assert(got_status(small, 503));
	/* The four in the queue go at once, the two others when they can. */
	sim_advance(site.loop, 1100);
	cr_assert_eq(calls, 9);
	cr_assert_eq(site.worker->jobs, 2);
	sim_hold_splices(false);
	for (int i = 0; i < 8; i++)
		sim_peer_fin(peers[i]);
	sim_peer_fin(small);
	finish_site();
}

Test(save, many_at_once_whatever_goes_wrong)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		const struct sim_settings settings = sim_wild(seed);
		struct sim_peer *peers[4];
		static const char *const heads[] = { HEAD("/save"), HEAD("/limited") };

		open_with(&settings);
		for (int i = 0; i < 4; i++)
			peers[i] = announce(heads[i % 2], BIG);
		for (int step = 0; step < 12; step++) {
			struct sim_peer *peer = peers[sim_random(site.sim, 4)];

			finish();
			if (sim_random(site.sim, 10) == 0)
				sim_peer_reset(peer);
			else if (!sim_peer_is_over(peer))
				sim_peer_send(peer, content, sim_random(site.sim, BIG / 2));
			if (sim_random(site.sim, 2))
				sim_settle(site.loop);
			if (sim_random(site.sim, 6) == 0)
				sim_advance(site.loop, 700);
		}
		finish_site();
	}
}
