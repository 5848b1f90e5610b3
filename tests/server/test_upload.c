/* Forms with files, collected in memory and in files, or saved; and what is left behind of those whose
 * handler, or client, ends in the middle. */
#include "server/form_site.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { BIG_BYTES = 300 * 1024, MEMORY_MAX = 1000, SEEDS = 20, SLEEP_MS = 1000 };

#define DIRECTORY "/tmp/ouro-test-XXXXXX"

static char directory[] = DIRECTORY;
static uint64_t saved_bytes;
static int save_fd = -1;

/* ---- The system's calls, which fail, or wait, when they are told to ---- */

static atomic_int opens_begun, writes_begun;
static atomic_bool gate, no_unnamed, no_space;

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t len);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *data, size_t len);

static void await_gate(void)
{
	while (!atomic_load(&gate))
		usleep(NAP_US);
}

/* Which of the two the program calls is libc's choice. */
int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		atomic_fetch_add(&opens_begun, 1);
		await_gate();
		if (atomic_load(&no_unnamed)) {
			errno = EOPNOTSUPP;
			return -1;
		}
	}
	return __real_open64(path, flags, mode);
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return __wrap_open64(path, flags, mode);
}

/* Of files it takes some bytes less than it was given, after an interruption. */
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	static atomic_int turn;
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return __real_write(fd, data, len);
	atomic_fetch_add(&writes_begun, 1);
	await_gate();
	if (atomic_load(&no_space)) {
		errno = ENOSPC;
		return -1;
	}
	if (atomic_fetch_add(&turn, 1) % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, data, len > 1000 ? len - 1000 : len);
}

/* ---- Handlers ---- */

static void tell_file(int fd, uint64_t bytes)
{
	uint64_t sum = 0, seen = 0;
	unsigned char data[4096];
	struct stat status;
	ssize_t got;

	while ((got = read(fd, data, sizeof(data))) > 0)
		for (ssize_t i = 0; i < got; i++)
			sum += data[i] * (1 + seen++ % 251);
	cr_assert_eq(seen, bytes);
	cr_assert_eq(fstat(fd, &status), 0);
	cr_assert_eq(status.st_nlink, 0);
	tell("file %zu %zu]", (size_t)seen, (size_t)sum);
}

static void tell_parts(const struct ouro_part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tell_part(&parts[i]);
		cr_assert((parts[i].fd < 0) == (parts[i].data.ptr != NULL));
		if (parts[i].fd < 0)
			cr_assert_eq(parts[i].data.len, parts[i].bytes);
		if (parts[i].fd >= 0)
			tell_file(parts[i].fd, parts[i].bytes);
		else if (parts[i].bytes > 100)
			tell("memory %zu]", parts[i].data.len);
		else
			tell("%.*s]", VIEW(parts[i].data));
	}
}

static void collect(struct ouro_ctx *ctx)
{
	const struct ouro_part *parts, *again;
	struct ouro_slice chunk;
	struct ouro_part part;
	size_t count, more;
	int err = ouro_multipart(ctx, &options, &parts, &count);

	if (!err)
		tell_parts(parts, count);
	results[1] = ouro_multipart(ctx, NULL, &again, &more);
	if (!err)
		cr_assert(again == parts && more == count);
	results[2] = ouro_multipart_next(ctx, &part);
	results[3] = (int)ouro_part_read(ctx, &chunk);
	results[4] = ouro_part_save(ctx, 1, NULL);
	results[5] = ouro_multipart_begin(ctx, NULL);
	answer(ctx, err);
}

static void collect_and_panic(struct ouro_ctx *ctx)
{
	const struct ouro_part *parts;
	size_t count;

	results[0] = ouro_multipart(ctx, &options, &parts, &count);
	ouro_panic(ctx, "with a file");
}

static void collect_and_sleep(struct ouro_ctx *ctx)
{
	const struct ouro_part *parts;
	size_t count;

	results[0] = ouro_multipart(ctx, &options, &parts, &count);
	ouro_sleep(ctx, SLEEP_MS);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void save(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	int err = ouro_multipart_next(ctx, &part);

	if (err > 0)
		err = ouro_part_save(ctx, save_fd, &saved_bytes);
	results[1] = ouro_multipart_next(ctx, &part);
	if (results[1] > 0)
		results[2] = ouro_part_save(ctx, save_fd, NULL);
	results[3] = (int)ouro_part_read(ctx, &chunk);
	results[4] = ouro_part_save(ctx, save_fd, NULL);
	answer(ctx, err);
}
static void begun_otherwise(struct ouro_ctx *ctx)
{
	const struct ouro_part *parts;
	struct ouro_part part;
	size_t count;

	ouro_multipart_next(ctx, &part);
	answer(ctx, ouro_multipart(ctx, NULL, &parts, &count));
}

static void block(void *args)
{
	(void)args;
	atomic_fetch_add(&opens_begun, 1);
	await_gate();
}

static void blocker(struct ouro_ctx *ctx)
{
	ouro_offload(ctx, block, NULL, 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}
static void set_up(struct ouro_server *server)
{
	add(server, "POST", "/collect", collect);
	add(server, "POST", "/panic", collect_and_panic);
	add(server, "POST", "/sleep", collect_and_sleep);
	add(server, "POST", "/save", save);
	add(server, "POST", "/otherwise", begun_otherwise);
	add(server, "GET", "/block", blocker);
}

static void open_site_with(const struct sim_settings *settings)
{
	cr_assert(mkdtemp(directory));
	options = (struct ouro_multipart_options){ .memory_bytes_max = MEMORY_MAX,
						   .directory = directory };
	atomic_store(&gate, true);
	open_form_site(set_up, settings);
}

static void open_site(void)
{
	open_site_with(NULL);
}

/* Nothing may be left, on disk or open. */
static void close_site(void)
{
	close_form_site();
	cr_assert_eq(count_files(directory), 0);
	cr_assert_eq(rmdir(directory), 0);
}

static void settle_until(const atomic_int *what, int count)
{
	for (int i = 0; i < NAPS_MAX && atomic_load(what) < count; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_geq(atomic_load(what), count);
}
/* A part of @len bytes, each with its place in it, between two small ones; and what they add up to. */
static char big_body[BIG_BYTES + 1024];

static size_t make_big(const char *name, size_t len, uint64_t *sum)
{
	char *at = big_body +
		   sprintf(big_body, PART("first", "1") "--b\r\n" FILED("%s", "f") "\r\n", name);

	*sum = 0;
	for (size_t i = 0; i < len; i++) {
		*at++ = (char)(i * 7 >> 2);
		*sum += (unsigned char)at[-1] * (1 + i % 251);
	}
	at += sprintf(at, "\r\n" PART("last", "2") ENDS);
	return (size_t)(at - big_body);
}
/* ---- All at once ---- */

Test(upload, small_parts_are_collected_in_memory)
{
	open_site();
	expect_answer("/collect", TWO, 200, TWO_TOLD);
	cr_assert_eq(results[1], 0);
	cr_assert_eq(results[2], -EALREADY);
	cr_assert_eq(results[3], -EINVAL);
	cr_assert_eq(results[4], -EINVAL);
	cr_assert_eq(results[5], -EALREADY);
	cr_assert_eq(atomic_load(&opens_begun), 0);
	expect_answer("/collect", ENDS, 200, "");
	cr_assert_eq(ask("/otherwise", TWO).status, 500);
	cr_assert_eq(results[0], -EALREADY);
	close_site();
}

Test(upload, what_is_refused_part_by_part_is_refused_here)
{
	open_site();
	cr_assert_eq(ask_type("/collect", "multipart/mixed; boundary=b", "", 0).status, 415);
	cr_assert_eq(results[0], -EPROTONOSUPPORT);
	cr_assert_eq(ask_type("/collect", "multipart/form-data", "", 0).status, 400);
	cr_assert_eq(results[1], -EBADMSG);
	expect_answer("/collect", "--b\r\n\r\n", 400, "byte 5: a part has no Content-Disposition");
	cr_assert_eq(results[1], -EBADMSG);
	options.parts_max = 2;
	expect_answer("/collect", PART("a", "one") TWO, 413, "byte 113: too many parts");
	cr_assert_eq(results[1], -EMSGSIZE);
	options.part_bytes_max = 3;
	expect_answer("/collect", PART("a", "four") ENDS, 413, "byte 52: a part is too large");
	options.header_bytes_max = 8193;
	cr_assert_eq(ask("/collect", TWO).status, 400);
	cr_assert_eq(results[0], -EINVAL);
	close_site();
}

Test(upload, many_parts_are_collected)
{
	static const char part[] = PART("a", "");
	const size_t bytes = sizeof(part) - 1;
	static char body[128 * sizeof(part) + sizeof(ENDS)];

	open_site();
	for (size_t i = 0; i < 128; i++)
		memcpy(body + i * bytes, part, bytes);
	strcpy(body + 128 * bytes, ENDS);
	cr_assert_eq(ask("/collect", body).status, 200);
	cr_assert_eq(strlen(told), 128 * strlen("[a - - ]"));
	close_site();
}

static void expect_big(size_t bytes, bool in_file)
{
	char expected[256];
	struct answer got;
	uint64_t sum;
	size_t len = make_big("big", bytes, &sum);

	snprintf(expected, sizeof(expected),
		 in_file ? "[first - - 1][big f - file %zu %zu][last - - 2]"
			 : "[first - - 1][big f - memory %zu][last - - 2]",
		 bytes, (size_t)sum);
	atomic_store(&opens_begun, 0);
	got = ask_type("/collect", TYPE, big_body, len);
	cr_assert_eq(got.status, 200);
	cr_assert(is(got.body, expected));
	cr_assert_eq(atomic_load(&opens_begun), in_file);
}

Test(upload, large_parts_are_collected_in_files)
{
	open_site();
	expect_big(MEMORY_MAX, false);
	expect_big(MEMORY_MAX + 1, true);
	expect_big(BIG_BYTES, true);
	close_site();
}

Test(upload, however_the_body_comes_it_is_the_same)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		open_site_with(&(struct sim_settings){ .seed = seed,
						       .short_recv = 600,
						       .eager_recv = 300,
						       .delay = 300,
						       .settle = 300,
						       .starve = 200,
						       .multishot_end = 200,
						       .shuffle = true });
		expect_big(BIG_BYTES / 10 * (1 + seed % 10), true);
		close_site();
		strcpy(directory, DIRECTORY);
	}
}

Test(upload, how_large_is_an_option)
{
	open_site();
	options.memory_bytes_max = 0;
	expect_big(65536, false);
	expect_big(65537, true);
	options.memory_bytes_max = 200000;
	expect_big(200000, false);
	expect_big(200001, true);
	options.memory_bytes_max = 1;
	expect_big(2, true);
	close_site();
}

Test(upload, files_are_where_the_environment_says)
{
	open_site();
	options.directory = NULL;
	setenv("TMPDIR", directory, 1);
	expect_big(BIG_BYTES, true);
	setenv("TMPDIR", "/nonexistent", 1);
	cr_assert_eq(ask_type("/collect", TYPE, big_body, strlen(big_body)).status, 400);
	setenv("TMPDIR", "", 1);
	expect_big(BIG_BYTES, true);
	unsetenv("TMPDIR");
	expect_big(BIG_BYTES, true);
	close_site();
}

Test(upload, file_systems_without_unnamed_files_do)
{
	open_site();
	atomic_store(&no_unnamed, true);
	expect_big(BIG_BYTES, true);
	cr_assert_eq(count_files(directory), 0);
	close_site();
}

static void expect_failure(int err, unsigned status)
{
	uint64_t sum;
	size_t len = make_big("big", BIG_BYTES, &sum);

	cr_assert_eq(ask_type("/collect", TYPE, big_body, len).status, status);
	cr_assert_eq(results[0], err, "%d", results[0]);
	cr_assert_eq(results[1], err);
}

Test(upload, a_file_that_cannot_be_made_or_written_is_an_error)
{
	static char long_path[PATH_MAX];

	open_site();
	options.directory = "/nonexistent";
	expect_failure(-ENOENT, 500);
	atomic_store(&no_unnamed, true);
	expect_failure(-ENOENT, 500);
	memset(long_path, 'x', sizeof(long_path) - 1);
	options.directory = long_path;
	expect_failure(-ENAMETOOLONG, 500);
	atomic_store(&no_unnamed, false);
	options.directory = directory;
	atomic_store(&no_space, true);
	expect_failure(-ENOSPC, 507);
	close_site();
}

/* Two threads, and room for four more: see site.c. */
static void take_all_threads(struct sim_peer *peers[6])
{
	atomic_store(&gate, false);
	atomic_store(&opens_begun, 0);
	for (int i = 0; i < 6; i++) {
		peers[i] = site_connect(&site);
		site_ask(&site, peers[i], GET("/block"));
		if (i < 2)
			settle_until(&opens_begun, i + 1);
	}
}

static void give_back_threads(struct sim_peer *peers[6])
{
	atomic_store(&gate, true);
	for (int i = 0; i < 6; i++)
		settle_until_answered(peers[i]);
}

Test(upload, with_all_threads_taken_is_503)
{
	struct sim_peer *peers[6];

	open_site();
	take_all_threads(peers);
	expect_failure(-EAGAIN, 503);
	give_back_threads(peers);
	close_site();
}

Test(upload, with_all_threads_taken_files_are_closed_all_the_same)
{
	struct sim_peer *peer, *peers[6];
	int open_at_first;
	uint64_t sum;
	size_t len;

	open_site();
	open_at_first = count_files("/proc/self/fd");
	len = make_big("big", BIG_BYTES, &sum);
	peer = site_connect(&site);
	sim_peer_send(peer, request, write_request("/sleep", TYPE, big_body, len));
	for (int i = 0; i < NAPS_MAX && results[0] != 0; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	cr_assert_eq(count_files("/proc/self/fd"), open_at_first + 1);
	take_all_threads(peers);
	sim_advance(site.loop, SLEEP_MS);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(count_files("/proc/self/fd"), open_at_first);
	give_back_threads(peers);
	close_site();
}

/* ---- What is left behind ---- */

Test(upload, what_is_malformed_behind_a_file_leaves_nothing)
{
	uint64_t sum;
	size_t len;

	open_site();
	len = make_big("big", BIG_BYTES, &sum);
	cr_assert_eq(ask_type("/collect", TYPE, big_body, len - strlen(ENDS)).status, 400);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert_eq(atomic_load(&opens_begun), 1);
	options.part_bytes_max = BIG_BYTES - 1;
	atomic_store(&opens_begun, 0);
	cr_assert_eq(ask_type("/collect", TYPE, big_body, len).status, 413);
	cr_assert_eq(atomic_load(&opens_begun), 1);
	close_site();
}

Test(upload, a_panic_leaves_nothing)
{
	uint64_t sum;
	size_t len;

	open_site();
	len = make_big("big", BIG_BYTES, &sum);
	cr_assert_eq(ask_type("/panic", TYPE, big_body, len).status, 500);
	cr_assert_eq(results[0], 0);
	close_site();
}

Test(upload, a_client_that_goes_between_pieces_leaves_nothing)
{
	struct sim_peer *peer;
	uint64_t sum;
	size_t len;

	open_site();
	len = make_big("big", BIG_BYTES, &sum);
	peer = site_connect(&site);
	sim_peer_send(peer, request, write_request("/collect", TYPE, big_body, len) - 10);
	settle_until(&writes_begun, 3);
	for (int i = 0; i < 100; i++) {
		sim_settle(site.loop);
		usleep(NAP_US);
	}
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(results[0], -ECANCELED);
	close_site();
}

/* The client goes while a thread is at @begun, having sent a part of @bytes; of these less than 64 KiB are
 * unread then, or it would not be noticed. */
static void go_while(const char *path, size_t bytes, const atomic_int *begun)
{
	struct sim_peer *peer;
	uint64_t sum;
	size_t len;

	len = make_big("big", bytes, &sum);
	peer = site_connect(&site);
	atomic_store(&gate, false);
	sim_peer_send(peer, request, write_request(path, TYPE, big_body, len));
	settle_until(begun, 1);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(results[0], -ECANCELED);
	cr_assert_eq(site.worker->jobs, 1);
	atomic_store(&gate, true);
	await_jobs();
}

Test(upload, a_client_that_goes_while_a_file_is_opened_leaves_nothing)
{
	open_site();
	go_while("/collect", 70000, &opens_begun);
	cr_assert_eq(results[1], -ECANCELED);
	close_site();
}

static void open_save(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/saved", directory);
	save_fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
	cr_assert_geq(save_fd, 0);
	unlink(path);
}

Test(upload, a_client_that_goes_while_a_file_is_written_leaves_nothing)
{
	open_site();
	open_save();
	go_while("/save", 5000, &writes_begun);
	/* The number is free for others though somebody may be writing still. */
	close(save_fd);
	close_site();
}

/* The client ends its side behind its form while a thread is at it. */
static void end_while(const char *path, size_t bytes, const atomic_int *begun)
{
	struct sim_peer *peer;
	uint64_t sum;
	size_t len;

	len = make_big("big", bytes, &sum);
	peer = site_connect(&site);
	atomic_store(&gate, false);
	sim_peer_send(peer, request, write_request(path, TYPE, big_body, len));
	settle_until(begun, 1);
	sim_peer_fin(peer);
	for (int i = 0; i < 100; i++)
		sim_settle(site.loop);
	atomic_store(&gate, true);
	await_jobs();
	cr_assert_eq(results[0], 0);
	cr_assert_eq(status_of(peer), 200);
}

Test(upload, a_client_that_ends_its_side_while_a_file_is_written_is_answered)
{
	open_site();
	end_while("/collect", 70000, &opens_begun);
	open_save();
	forget();
	atomic_store(&writes_begun, 0);
	end_while("/save", 5000, &writes_begun);
	close(save_fd);
	close_site();
}

/* ---- Saving ---- */

Test(upload, parts_are_saved_to_files)
{
	uint64_t sum;
	size_t len;

	open_site();
	open_save();
	len = make_big("big", BIG_BYTES, &sum);
	cr_assert_eq(ask_type("/save", TYPE, big_body, len).status, 200);
	cr_assert_eq(saved_bytes, 1);
	cr_assert_eq(results[1], 1);
	cr_assert_eq(results[2], 0);
	cr_assert_eq(results[3], 0);
	/* Nothing is left of that part. */
	cr_assert_eq(results[4], 0);
	cr_assert_eq(lseek(save_fd, 0, SEEK_CUR), 1 + BIG_BYTES);
	cr_assert_eq(lseek(save_fd, 1, SEEK_SET), 1);
	told[0] = '\0';
	tell_file(save_fd, BIG_BYTES);
	cr_assert_eq(strtoull(told + strlen("file 307200 "), NULL, 10), sum);
	close(save_fd);
	close_site();
}

Test(upload, what_cannot_be_saved_is_an_error_and_the_last)
{
	int pipe_fds[2];

	open_site();
	save_fd = -1;
	cr_assert_eq(ask("/save", TWO).status, 500);
	cr_assert_eq(results[0], -EBADF);
	/* Nothing was read for it. */
	cr_assert_eq(results[1], 1);
	/* One that nobody reads would be waited for without end. */
	cr_assert_eq(pipe(pipe_fds), 0);
	save_fd = pipe_fds[1];
	cr_assert_eq(ask("/save", TWO).status, 400);
	cr_assert_eq(results[0], -EINVAL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	open_save();
	atomic_store(&no_space, true);
	cr_assert_eq(ask("/save", TWO).status, 507);
	cr_assert_eq(results[0], -ENOSPC);
	cr_assert_eq(results[1], -ENOSPC);
	cr_assert_eq(results[3], -ENOSPC);
	cr_assert_eq(results[4], -ENOSPC);
	close(save_fd);
	close_site();
}
