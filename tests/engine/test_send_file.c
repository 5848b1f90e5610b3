/* Sending files: the same facts on both real backends, over loopback connections. */
#include "engine/both.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_BYTES = 8 << 20, PATIENCE = 5000 };

static struct ouro_backend *backend;
static struct ouro_counters counters;
static int pair[2]; /* ours, and the peer's */

static void make_connection(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), small = 65536;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	cr_assert_eq(connect(pair[1], (struct sockaddr *)&address, len), 0);
	pair[0] = accept4(listener, NULL, NULL, 0);
	cr_assert_geq(pair[0], 0);
	close(listener);
}

static void open_all(const struct ouro_backend_ops *ops)
{
	const struct ouro_backend_options options = {
		.recv_buffer_count = 4,
		.recv_buffer_bytes = 256,
		.completion_entries = 64,
		.counters = &counters,
	};
	int on = 1;

	cr_assert_eq(ops->open(&backend, &options), 0);
	make_connection();
	/* As accepting would have left it. */
	if (ops == &ouro_backend_epoll)
		ioctl(pair[0], FIONBIO, &on);
}

static void close_all(void)
{
	struct ouro_op close_op = { .kind = OURO_OP_CLOSE, .fd = pair[0] };

	cr_assert_eq(backend->in_flight, 0);
	backend->ops->submit(backend, &close_op);
	cr_assert_geq(backend->ops->wait(backend, 0), 0);
	backend->ops->close(backend);
	close(pair[1]);
}

static char byte_at(uint64_t offset)
{
	return (char)(offset * 131 + (offset >> 8) * 7);
}

static int make_file(void)
{
	char path[] = "/var/tmp/ouro-test-XXXXXX", *text = malloc(FILE_BYTES);
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	for (uint64_t i = 0; i < FILE_BYTES; i++)
		text[i] = byte_at(i);
	cr_assert_eq(write(fd, text, FILE_BYTES), FILE_BYTES);
	free(text);
	return fd;
}

struct probe {
	struct ouro_op_send send; /* first */
	int finals;
};

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	cr_assert_null(buf);
	cr_assert_eq(flags, 0);
	((struct probe *)(void *)op)->finals++;
}

static enum ouro_submit submit(struct probe *probe, int file, uint64_t offset, size_t bytes)
{
	*probe = (struct probe){
		.send = { .op = { .on_complete = on_complete,
				  .kind = OURO_OP_SEND_FILE,
				  .fd = pair[0] },
			  .bytes = bytes,
			  .file_fd = file,
			  .file_offset = offset },
	};
	return backend->ops->submit(backend, &probe->send.op);
}

/* What the peer has; it must be the file's bytes from @offset. */
static size_t read_peer(uint64_t offset)
{
	static char text[1 << 20];
	ssize_t got = recv(pair[1], text, sizeof(text), MSG_DONTWAIT);

	for (ssize_t i = 0; i < got; i++)
		cr_assert_eq(text[i], byte_at(offset + (uint64_t)i));
	return got > 0 ? (size_t)got : 0;
}

static void read_all(uint64_t offset, size_t bytes)
{
	for (int i = 0; i < PATIENCE && bytes > 0; i++) {
		size_t got = read_peer(offset);

		offset += got;
		bytes -= got;
		if (got == 0)
			usleep(1000);
	}
	cr_assert_eq(bytes, 0);
}

static void wait_for(struct probe *probe)
{
	for (int i = 0; i < PATIENCE && probe->finals == 0; i++) {
		struct ouro_clock clock;

		backend->ops->read_clock(backend, &clock);
		cr_assert_geq(backend->ops->wait(backend, clock.monotonic_ns + 1000000), 0);
	}
	cr_assert_eq(probe->finals, 1);
}

static void a_piece_is_sent_from_its_place(const struct ouro_backend_ops *ops)
{
	int file = make_file();
	struct probe probe;

	open_all(ops);
	cr_assert_eq(submit(&probe, file, 12345, 10000), OURO_SUBMIT_FINISHED);
	cr_assert_eq(probe.send.op.result, 10000);
	cr_assert_not(probe.send.was_copied);
	read_all(12345, 10000);
	cr_assert_eq(lseek(file, 0, SEEK_CUR), FILE_BYTES, "its own position has moved");
	close(file);
	close_all();
}
ON_BOTH(a_piece_is_sent_from_its_place)

static void beyond_the_end_there_is_nothing(const struct ouro_backend_ops *ops)
{
	int file = make_file();
	struct probe probe;

	open_all(ops);
	cr_assert_eq(submit(&probe, file, FILE_BYTES - 3, 10), OURO_SUBMIT_FINISHED);
	cr_assert_eq(probe.send.op.result, 3);
	cr_assert_eq(submit(&probe, file, FILE_BYTES, 10), OURO_SUBMIT_FINISHED);
	cr_assert_eq(probe.send.op.result, 0);
	read_all(FILE_BYTES - 3, 3);
	close(file);
	close_all();
}
ON_BOTH(beyond_the_end_there_is_nothing)

/* Fills the connection; how many bytes it took. The last probe is left in flight. */
static uint64_t fill(struct probe *probe, int file)
{
	uint64_t offset = 0;

	while (submit(probe, file, offset, 1 << 20) == OURO_SUBMIT_FINISHED) {
		cr_assert_gt(probe->send.op.result, 0);
		offset += (uint64_t)probe->send.op.result;
		cr_assert_lt(offset, FILE_BYTES - (1 << 20), "it never fills up");
	}
	return offset;
}

static void a_full_connection_is_waited_for(const struct ouro_backend_ops *ops)
{
	int file = make_file();
	struct probe probe;
	uint64_t offset;

	open_all(ops);
	offset = fill(&probe, file);
	cr_assert_geq(backend->ops->wait(backend, 0), 0);
	cr_assert_eq(probe.finals, 0);
	read_all(0, offset);
	wait_for(&probe);
	cr_assert_gt(probe.send.op.result, 0);
	read_all(offset, (size_t)probe.send.op.result);
	close(file);
	close_all();
}
ON_BOTH(a_full_connection_is_waited_for)

static void one_that_waits_can_be_cancelled(const struct ouro_backend_ops *ops)
{
	int file = make_file();
	struct probe probe;

	open_all(ops);
	fill(&probe, file);
	backend->ops->cancel(backend, &probe.send.op);
	wait_for(&probe);
	cr_assert_eq(probe.send.op.result, -ECANCELED);
	close(file);
	close_all();
}
ON_BOTH(one_that_waits_can_be_cancelled)

static void a_peer_that_is_gone_is_told(const struct ouro_backend_ops *ops)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int file = make_file();
	struct probe probe;

	open_all(ops);
	fill(&probe, file);
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(pair[1]);
	wait_for(&probe);
	cr_assert(probe.send.op.result == -ECONNRESET || probe.send.op.result == -EPIPE);
	pair[1] = dup(file);
	close(file);
	close_all();
}
ON_BOTH(a_peer_that_is_gone_is_told)

/* The ring's descriptors block, which sendfile(2) must not see and receives must. */
static void receives_are_not_disturbed(const struct ouro_backend_ops *ops)
{
	struct probe recv_probe = {
		.send.op = { .on_complete = on_complete, .kind = OURO_OP_RECV_ONCE, .fd = pair[0] }
	};
	int file = make_file();
	struct probe probe;

	open_all(ops);
	recv_probe.send.op.fd = pair[0];
	cr_assert_eq(backend->ops->submit(backend, &recv_probe.send.op), OURO_SUBMIT_PENDING);
	cr_assert_eq(submit(&probe, file, 0, 1000), OURO_SUBMIT_FINISHED);
	for (int i = 0; i < 3; i++)
		cr_assert_geq(backend->ops->wait(backend, 0), 0);
	cr_assert_eq(recv_probe.finals, 0);
	shutdown(pair[1], SHUT_WR);
	wait_for(&recv_probe);
	cr_assert_eq(recv_probe.send.op.result, 0);
	close(file);
	close_all();
}
ON_BOTH(receives_are_not_disturbed)

/* Files that have no pages to give. */
static void what_cannot_be_sent_is_copied(const struct ouro_backend_ops *ops)
{
	static char expected[65536], got[65536];
	int file = open("/proc/self/environ", O_RDONLY);
	ssize_t len = pread(file, expected, sizeof(expected), 0);
	struct probe probe;
	size_t done = 0;

	cr_assert_gt(len, 0);
	open_all(ops);
	while (done < (size_t)len) {
		cr_assert_eq(submit(&probe, file, done, (size_t)len - done), OURO_SUBMIT_FINISHED);
		cr_assert_gt(probe.send.op.result, 0);
		cr_assert(probe.send.was_copied);
		done += (size_t)probe.send.op.result;
	}
	cr_assert_eq(recv(pair[1], got, (size_t)len, MSG_WAITALL), len);
	cr_assert_eq(memcmp(got, expected, (size_t)len), 0);
	close(file);
	close_all();
}
ON_BOTH(what_cannot_be_sent_is_copied)
