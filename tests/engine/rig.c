/* A loop on the simulated backend: see engine/rig.h. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_log(void *arg, enum ouro_log_level level, const char *line)
{
	struct rig *rig = arg;
	size_t len = strlen(rig->logged);

	(void)level;
	snprintf(rig->logged + len, sizeof(rig->logged) - len, "%s\n", line);
}

/* ---- Users ---- */

static void on_open(struct ouro_stream *stream)
{
	struct rig *rig = stream->user;
	struct rig_conn *conn = calloc(1, sizeof(*conn));

	conn->rig = rig;
	conn->stream = stream;
	conn->next = rig->all;
	rig->all = conn;
	rig->opened++;
	stream->user = conn;
	if (rig->user->on_open)
		rig->user->on_open(conn);
}

static void on_input(struct ouro_stream *stream, struct ouro_slice slice)
{
	struct rig_conn *conn = stream->user;

	cr_assert_gt(slice.len, 0);
	if (conn->input_len + slice.len > conn->input_room) {
		conn->input_room = (conn->input_len + slice.len) * 2;
		conn->input = realloc(conn->input, conn->input_room);
	}
	memcpy(conn->input + conn->input_len, slice.ptr, slice.len);
	conn->input_len += slice.len;
	conn->inputs++;
	if (conn->rig->user->on_input)
		conn->rig->user->on_input(conn, slice);
}

static void on_end(struct ouro_stream *stream)
{
	struct rig_conn *conn = stream->user;

	conn->ends++;
	if (conn->rig->user->on_end)
		conn->rig->user->on_end(conn);
}

static void on_drain(struct ouro_stream *stream)
{
	struct rig_conn *conn = stream->user;

	conn->drains++;
	if (conn->rig->user->on_drain)
		conn->rig->user->on_drain(conn);
}

static void on_check(struct ouro_stream *stream)
{
	struct rig_conn *conn = stream->user;

	conn->checks++;
	conn->checked_ns = conn->rig->loop.now_ns;
	if (conn->rig->user->on_check)
		conn->rig->user->on_check(conn);
}

static void on_lent(struct ouro_stream *stream, int fd)
{
	struct rig_conn *conn = stream->user;

	conn->loans++;
	conn->lent_fd = fd;
}

static void on_recall(struct ouro_stream *stream)
{
	struct rig_conn *conn = stream->user;

	conn->recalls++;
	if (conn->rig->user->on_recall)
		conn->rig->user->on_recall(conn);
}

static void on_close(struct ouro_stream *stream, int error)
{
	struct rig_conn *conn = stream->user;

	conn->closes++;
	conn->error = error;
	if (conn->rig->user->on_close)
		conn->rig->user->on_close(conn);
	conn->rig->closed++;
	conn->stream = NULL;
}

static const struct ouro_stream_events events = {
	.on_open = on_open,
	.on_input = on_input,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_check = on_check,
	.on_lent = on_lent,
	.on_recall = on_recall,
	.on_close = on_close,
};

/* ---- Life ---- */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value ? value : fallback;
}

void rig_open(struct rig *rig, const struct rig_options *options)
{
	static const struct rig_user passive = { 0 };
	const struct rig_options zero = { 0 };
	const struct rig_options *o = options ? options : &zero;
	struct ouro_backend_options backend = {
		.recv_buffer_count = or_default(o->recv_buffers, 8),
		.recv_buffer_bytes = or_default(o->recv_buffer_bytes, 256),
	};
	struct ouro_conns_options conns = {
		.connections_max = or_default(o->connections_max, 16),
		.write_timeout_ms = or_default(o->write_timeout_ms, 30000),
		.linger_ms = or_default(o->linger_ms, 2000),
		.linger_bytes_max = or_default(o->linger_bytes_max, 64 * 1024 * 1024),
		.zero_copy_bytes_min = o->zero_copy_bytes_min,
		.offload = o->offload,
	};

	*rig = (struct rig){ .log = { .write = write_log, .arg = rig }, .user = &passive };
	sim_prepare(&o->sim);
	cr_assert_eq(ouro_loop_init(&rig->loop, &ouro_backend_sim, &backend, &rig->log), 0);
	cr_assert_eq(ouro_conns_init(&rig->conns, &rig->loop, &conns), 0);
}

void rig_close(struct rig *rig)
{
	const struct sim_settings calm = { 0 };

	sim_change(sim_of(&rig->loop), &calm);
	if (rig->has_listener)
		ouro_listener_close(&rig->listener);
	ouro_conns_close_all(&rig->conns, OURO_CLOSE_ABORT);
	sim_settle(&rig->loop);
	cr_assert_eq(rig->conns.open_count, 0);
	cr_assert_eq(rig->opened, rig->closed);
	cr_assert_eq(rig->loop.backend->in_flight, 0);
	cr_assert_eq(rig->conns.pools.queues.used_count, 0);
	cr_assert_eq(rig->conns.pools.blocks.used_count, 0);
	cr_assert_eq(rig->conns.pools.buffers.used_count, 0);
	cr_assert_eq(rig->conns.zero_copies.used_count, 0);
	cr_assert_eq(rig->conns.file_reads.used_count, 0);
	while (rig->all) {
		struct rig_conn *conn = rig->all;

		cr_assert_eq(conn->closes, 1);
		cr_assert_leq(conn->ends, 1);
		rig->all = conn->next;
		free(conn->input);
		free(conn);
	}
	ouro_conns_fini(&rig->conns);
	ouro_loop_fini(&rig->loop);
}

void rig_listen(struct rig *rig)
{
	rig->has_listener = true;
	ouro_listener_open(&rig->listener, &rig->conns, SIM_LISTENER_FD, &events, rig);
}

struct rig_conn *rig_connect(struct rig *rig)
{
	int fd;
	struct sim_peer *peer = sim_pair(sim_of(&rig->loop), &fd);

	cr_assert_not_null(ouro_conn_open(&rig->conns, fd, &events, rig));
	rig->all->peer = peer;
	return rig->all;
}

/* ---- Bytes ---- */

int rig_write(struct rig_conn *conn, const char *data, size_t len)
{
	struct ouro_buf *buf = ouro_buf_create((uint32_t)len);
	int err;

	memcpy(buf->data, data, len);
	err = ouro_stream_write(conn->stream, (struct ouro_slice){ buf->data, len, buf });
	ouro_buf_unref(buf);
	return err;
}

void rig_say(struct rig_conn *conn, const char *text)
{
	cr_assert_eq(rig_write(conn, text, strlen(text)), 0);
}

static char filling(size_t place)
{
	return (char)((place * 7 + place / 251 * 13 + place / 65521) & 0xff);
}

void rig_fill(char *out, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		out[i] = filling(offset + i);
}

struct ouro_buf *rig_file(size_t len)
{
	char path[] = "/var/tmp/ouro-test-XXXXXX", *text = malloc(len + 1);
	int fd = mkstemp(path);
	struct ouro_buf *file;

	cr_assert_geq(fd, 0);
	unlink(path);
	rig_fill(text, len, 0);
	cr_assert_eq(pwrite(fd, text, len, 0), (ssize_t)len);
	free(text);
	file = ouro_filebuf_create(fd);
	cr_assert_not_null(file);
	return file;
}

bool rig_is_filled(const char *got, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (got[i] != filling(i))
			return false;
	return true;
}

bool rig_peer_has(const struct sim_peer *peer, const char *text)
{
	struct ouro_str got = sim_peer_received(peer);

	return got.len == strlen(text) && memcmp(got.ptr, text, got.len) == 0;
}

bool rig_conn_has(const struct rig_conn *conn, const char *text)
{
	return conn->input_len == strlen(text) && memcmp(conn->input, text, conn->input_len) == 0;
}
