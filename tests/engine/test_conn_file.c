/* Files as a connection's output, on the simulated backend: real files, simulated sockets. */
#include "engine/offload.h"
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SEEDS = 60, TOTAL = 60000 };

/* Writes TOTAL bytes in random pieces over random turns, from memory and from @file, which has the same
 * bytes at the same places. */
static void write_randomly(struct rig *rig, struct rig_conn *conn, struct ouro_buf *file,
			   const char *text)
{
	struct sim *sim = sim_of(&rig->loop);
	size_t done = 0;

	while (done < TOTAL && conn->stream) {
		size_t piece = 1 + sim_random(sim, sim_random(sim, 4) ? 300 : 6000);

		if (piece > TOTAL - done)
			piece = TOTAL - done;
		if (sim_random(sim, 2))
			ouro_stream_write_file(conn->stream, file, done, piece);
		else
			rig_write(conn, text + done, piece);
		done += piece;
		if (sim_random(sim, 4) == 0)
			ouro_loop_turn(&rig->loop, false);
		if (sim_random(sim, 8) == 0)
			sim_peer_read(conn->peer, sim_random(sim, 3000));
	}
}

Test(conn_file, memory_and_files_arrive_in_order_whatever_happens)
{
	struct ouro_buf *file = rig_file(TOTAL);
	char *text = malloc(TOTAL);

	rig_fill(text, TOTAL, 0);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rig_options options = { .sim = sim_wild(seed), .zero_copy_bytes_min = 2000 };
		struct rig rig;
		struct rig_conn *conn;
		struct ouro_str got;

		options.sim.reset = 0;
		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		sim_peer_set_reading(conn->peer, seed % 3 == 0);
		write_randomly(&rig, conn, file, text);
		sim_settle(&rig.loop);
		sim_peer_set_reading(conn->peer, true);
		sim_settle(&rig.loop);
		got = sim_peer_received(conn->peer);
		cr_assert_eq(got.len, TOTAL, "seed %d: %zu bytes", (int)seed, got.len);
		cr_assert(rig_is_filled(got.ptr, got.len), "seed %d", (int)seed);
		cr_assert_eq(ouro_stream_pending(conn->stream), 0);
		cr_assert_eq(rig.loop.counters.bytes_sent, TOTAL);
		rig_close(&rig);
		cr_assert_eq(file->refs, 1);
	}
	free(text);
	ouro_buf_unref(file);
}

Test(conn_file, is_let_go_when_the_peer_resets)
{
	struct ouro_buf *file = rig_file(TOTAL);

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rig_options options = { .sim = sim_wild(seed) };
		struct rig rig;
		struct rig_conn *conn;

		options.sim.window = 1000;
		rig_open(&rig, &options);
		conn = rig_connect(&rig);
		sim_peer_set_reading(conn->peer, false);
		if (conn->stream)
			ouro_stream_write_file(conn->stream, file, 0, TOTAL);
		for (uint64_t i = 0; i < seed % 7; i++)
			ouro_loop_turn(&rig.loop, false);
		sim_peer_reset(conn->peer);
		sim_settle(&rig.loop);
		cr_assert_eq(file->refs, 1);
		rig_close(&rig);
	}
	ouro_buf_unref(file);
}

Test(conn_file, is_counted_as_zero_copy_and_nothing_is_copied)
{
	struct ouro_buf *file = rig_file(TOTAL);
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	cr_assert_eq(ouro_stream_write_file(conn->stream, file, 100, 3000), 0);
	cr_assert_eq(ouro_stream_pending(conn->stream), 3000);
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_received(conn->peer).len, 3000);
	cr_assert_eq(rig.loop.counters.bytes_zero_copy, 3000);
	cr_assert_eq(rig.loop.counters.bytes_copied, 0);
	cr_assert_eq(rig.loop.counters.bytes_rendered, 0);
	rig_close(&rig);
	ouro_buf_unref(file);
}

Test(conn_file, that_became_shorter_resets_the_connection)
{
	struct ouro_buf *file = rig_file(1000);
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	ouro_stream_write_file(conn->stream, file, 0, 1001);
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_received(conn->peer).len, 1000);
	cr_assert(sim_peer_saw_reset(conn->peer));
	cr_assert_eq(conn->error, -ENODATA);
	cr_assert_eq(file->refs, 1);
	rig_close(&rig);
	ouro_buf_unref(file);
}

Test(conn_file, drains_at_the_low_mark_like_memory)
{
	enum { BYTES = OURO_STREAM_PENDING_HIGH + 1 };
	struct rig_options options = { .sim = { .window = 1024 } };
	struct ouro_buf *file = rig_file(BYTES);
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	sim_peer_set_reading(conn->peer, false);
	ouro_stream_write_file(conn->stream, file, 0, BYTES);
	sim_settle(&rig.loop);
	cr_assert_eq(conn->drains, 0);
	while (conn->drains == 0) {
		cr_assert_gt(sim_peer_read(conn->peer, 1024), 0);
		sim_settle(&rig.loop);
	}
	cr_assert_leq(ouro_stream_pending(conn->stream), OURO_STREAM_PENDING_LOW);
	rig_close(&rig);
	ouro_buf_unref(file);
}

/* The threshold is CORK_BYTES_MIN of conn_file.c. */
Test(conn_file, goes_out_in_full_segments_where_it_is_large)
{
	enum { LARGE = 256 * 1024 };
	struct ouro_buf *file = rig_file(LARGE);
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, &(struct rig_options){ .sim = { .window = 1000 } });
	conn = rig_connect(&rig);
	ouro_stream_write_file(conn->stream, file, 0, LARGE - 1);
	sim_settle(&rig.loop);
	cr_assert_eq(sim_peer_cork_count(conn->peer), 0);
	sim_peer_set_reading(conn->peer, false);
	ouro_stream_write_file(conn->stream, file, 0, LARGE);
	sim_settle(&rig.loop);
	cr_assert(sim_peer_is_corked(conn->peer));
	/* What follows it must not be held back, nor what ends with it. */
	rig_say(conn, "behind it");
	sim_peer_set_reading(conn->peer, true);
	sim_settle(&rig.loop);
	cr_assert_not(sim_peer_is_corked(conn->peer));
	ouro_stream_write_file(conn->stream, file, 0, LARGE);
	sim_settle(&rig.loop);
	cr_assert_not(sim_peer_is_corked(conn->peer));
	cr_assert_eq(sim_peer_cork_count(conn->peer), 2);
	rig_close(&rig);
	ouro_buf_unref(file);
}

Test(conn_file, is_refused_by_a_connection_that_closes)
{
	struct ouro_buf *file = rig_file(10);
	struct rig rig;
	struct rig_conn *conn;

	rig_open(&rig, NULL);
	conn = rig_connect(&rig);
	ouro_stream_close(conn->stream, OURO_CLOSE_FLUSH);
	cr_assert_eq(ouro_stream_write_file(conn->stream, file, 0, 10), -EPIPE);
	cr_assert_eq(file->refs, 1);
	rig_close(&rig);
	ouro_buf_unref(file);
}

/* ---- Files that are not in the page cache ---- */

/* Whether the first page of @fd is in memory; asking does not bring it there, as reading would. */
static bool is_in_memory(int fd)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	unsigned char in_memory = 0;

	cr_assert_neq(page, MAP_FAILED);
	cr_assert_eq(mincore(page, bytes, &in_memory), 0);
	munmap(page, bytes);
	return in_memory & 1;
}

/* Whether the bytes of @file really left the cache: there are file systems that are nothing else. */
static bool evict(const struct ouro_buf *file)
{
	int fd = ouro_filebuf_fd(file);

	/* Pages that another processor has just put aside stay for a while. */
	for (int i = 0; i < 1000; i++) {
		fsync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (!is_in_memory(fd))
			return true;
		usleep(1000);
	}
	return false;
}

/* Whether @file left the cache, on a file system that says so when it is asked (RWF_NOWAIT). */
static bool chill(const struct ouro_buf *file)
{
	struct ouro_buf *other = rig_file(1);
	char byte;
	struct iovec iov = { &byte, 1 };
	bool says = evict(other) && preadv2(ouro_filebuf_fd(other), &iov, 1, 0, RWF_NOWAIT) < 0 &&
		    errno == EAGAIN;

	ouro_buf_unref(other);
	return says && evict(file);
}

static void settle_with_threads(struct rig *rig, const struct rig_conn *conn, size_t bytes)
{
	for (int i = 0; i < 5000 && sim_peer_received(conn->peer).len < bytes; i++) {
		sim_settle(&rig->loop);
		usleep(1000);
	}
	sim_settle(&rig->loop);
}

Test(conn_file, that_is_not_cached_is_read_by_another_thread)
{
	enum { BYTES = 2 * OURO_SENDQ_FILE_BYTES_MAX + 5 };
	struct rig_options options = { .sim = { .window = 1 << 20 } };
	struct ouro_buf *file = rig_file(BYTES);
	struct rig rig;
	struct rig_conn *conn;
	struct ouro_str got;

	if (!chill(file)) {
		ouro_buf_unref(file);
		cr_skip("the file system of /var/tmp keeps files in memory or cannot say");
	}
	cr_assert_eq(ouro_offload_create(&options.offload, 1, 8), 0);
	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	ouro_stream_write_file(conn->stream, file, 0, BYTES);
	settle_with_threads(&rig, conn, BYTES);
	got = sim_peer_received(conn->peer);
	cr_assert_eq(got.len, BYTES);
	cr_assert(rig_is_filled(got.ptr, got.len));
	cr_assert_geq(rig.loop.counters.file_reads, 1);
	cr_assert_eq(rig.loop.counters.bytes_zero_copy, BYTES);
	rig_close(&rig);
	ouro_offload_destroy(options.offload);
	cr_assert_eq(file->refs, 1);
	ouro_buf_unref(file);
}

/* Bytes on a connection whose pieces were asked for and found. */
static void send_again(struct rig_conn *conn, struct ouro_buf *file)
{
	sim_peer_forget(conn->peer);
	ouro_stream_write_file(conn->stream, file, 0, 1000);
	sim_settle(&conn->rig->loop);
	cr_assert_eq(sim_peer_received(conn->peer).len, 1000);
}

Test(conn_file, that_was_cached_a_moment_ago_is_not_asked_for_again)
{
	struct rig_options options = { 0 };
	struct ouro_buf *file = rig_file(1000);
	struct rig rig;
	struct rig_conn *conn;

	cr_assert_eq(ouro_offload_create(&options.offload, 1, 8), 0);
	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	send_again(conn, file);
	if (!chill(file)) {
		rig_close(&rig);
		ouro_offload_destroy(options.offload);
		ouro_buf_unref(file);
		cr_skip("the file system of /var/tmp keeps files in memory or cannot say");
	}
	send_again(conn, file);
	cr_assert_eq(rig.loop.counters.file_reads, 0);
	cr_assert(evict(file));
	sim_advance(&rig.loop, 1000);
	ouro_stream_write_file(conn->stream, file, 0, 1000);
	settle_with_threads(&rig, conn, 2000);
	/* Under pressure the kernel may take back what has just been read, which is then read again. */
	cr_assert_geq(rig.loop.counters.file_reads, 1, "%llu reads",
		      (unsigned long long)rig.loop.counters.file_reads);
	rig_close(&rig);
	ouro_offload_destroy(options.offload);
	ouro_buf_unref(file);
}

Test(conn_file, that_is_being_read_outlives_its_connection)
{
	struct rig_options options = { 0 };
	struct ouro_buf *file = rig_file(TOTAL);
	struct rig rig;
	struct rig_conn *conn;

	if (!chill(file)) {
		ouro_buf_unref(file);
		cr_skip("the file system of /var/tmp keeps files in memory or cannot say");
	}
	cr_assert_eq(ouro_offload_create(&options.offload, 1, 8), 0);
	rig_open(&rig, &options);
	conn = rig_connect(&rig);
	ouro_stream_write_file(conn->stream, file, 0, TOTAL);
	ouro_loop_turn(&rig.loop, false);
	cr_assert_eq(rig.loop.counters.file_reads, 1);
	ouro_stream_close(conn->stream, OURO_CLOSE_ABORT);
	for (int i = 0; i < 5000 && rig.conns.open_count > 0; i++) {
		sim_settle(&rig.loop);
		usleep(1000);
	}
	cr_assert_eq(rig.conns.open_count, 0);
	cr_assert_eq(file->refs, 1);
	rig_close(&rig);
	ouro_offload_destroy(options.offload);
	ouro_buf_unref(file);
}
