/* A loop with connections on the simulated backend, and users of these that write down what they
 * are told. */
#ifndef OURO_TESTS_ENGINE_RIG_H
#define OURO_TESTS_ENGINE_RIG_H

#include "base/filebuf.h"
#include "engine/conn.h"
#include "engine/listener.h"
#include "support/sim.h"

enum { RIG_LOG_BYTES = 1024 };

struct rig_options {
	struct sim_settings sim;
	uint32_t connections_max;     /* 0: 16 */
	uint32_t write_timeout_ms;    /* 0: 30000 */
	uint32_t linger_ms;           /* 0: 2000 */
	uint32_t linger_bytes_max;    /* 0: 64 MiB */
	uint32_t zero_copy_bytes_min; /* 0: none */
	uint32_t recv_buffers;        /* 0: 8 */
	uint32_t recv_buffer_bytes;   /* 0: 256 */
	struct ouro_offload *offload; /* reads files that are not cached */
};

struct rig_conn;

/* What a user does besides writing down; any may be NULL. */
struct rig_user {
	void (*on_open)(struct rig_conn *conn);
	void (*on_input)(struct rig_conn *conn, struct ouro_slice slice);
	void (*on_end)(struct rig_conn *conn);
	void (*on_drain)(struct rig_conn *conn);
	void (*on_check)(struct rig_conn *conn);
	void (*on_recall)(struct rig_conn *conn);
	void (*on_close)(struct rig_conn *conn);
};

struct rig {
	struct ouro_loop loop;
	struct ouro_conns conns;
	struct ouro_listener listener;
	bool has_listener;
	struct ouro_log log;
	char logged[RIG_LOG_BYTES]; /* every line, with line ends */
	const struct rig_user *user;
	struct rig_conn *all; /* the newest first */
	uint32_t opened, closed;
};

struct rig_conn {
	struct rig *rig;
	struct rig_conn *next;
	struct ouro_stream *stream; /* NULL once closed */
	struct sim_peer *peer;      /* of those that rig_connect() made */
	char *input;
	size_t input_len, input_room;
	uint32_t inputs, ends, drains, checks, loans, recalls, closes;
	int lent_fd;         /* as on_lent said */
	uint64_t checked_ns; /* when on_check came last */
	int error;           /* as on_close said */
	void *data;          /* the test's own */
};

void rig_open(struct rig *rig, const struct rig_options *options);

/* Resets what is open, waits for the end of everything, and checks that nothing is left. */
void rig_close(struct rig *rig);

/* Accepts at the simulated listening socket. */
void rig_listen(struct rig *rig);

/* A connection that is open; its peer is in it. */
struct rig_conn *rig_connect(struct rig *rig);

/* Queues @len bytes, in one write. */
int rig_write(struct rig_conn *conn, const char *data, size_t len);
void rig_say(struct rig_conn *conn, const char *text);

/* @len bytes of a text in which every place is different from its neighbourhood, from @offset. */
void rig_fill(char *out, size_t len, size_t offset);

/* A file of @len bytes of that text, gone with its last reference. */
struct ouro_buf *rig_file(size_t len);

/* Whether @got is the first bytes of that text. */
bool rig_is_filled(const char *got, size_t len);

/* Whether @text is all that @peer has received, or @conn. */
bool rig_peer_has(const struct sim_peer *peer, const char *text);
bool rig_conn_has(const struct rig_conn *conn, const char *text);

#endif
