/* Connections: a socket as a stream. Each loop has one table of them. A connection's slot is all
 * that it takes in user memory while it is idle: receive buffers, send queues and whatever its user
 * needs are leased while there is something to do.
 *
 * FREE -> OPEN -> DRAINING (flush, then close) -> CLOSING (operations still in flight) -> FREE */
#ifndef OURO_ENGINE_CONN_H
#define OURO_ENGINE_CONN_H

#include "engine/loop.h"
#include "engine/sendq.h"

enum ouro_conn_state {
	OURO_CONN_FREE,
	OURO_CONN_OPEN,
	OURO_CONN_DRAINING,
	OURO_CONN_CLOSING,
};

struct ouro_conn {
	struct ouro_stream stream; /* first: a stream's user is given this */
	struct ouro_conns *conns;
	struct ouro_sendq *out;  /* NULL: nothing queued. In a free slot: the next one */
	struct ouro_op recv;     /* its fd is the connection's; -1 once closed */
	int16_t error;           /* why it closes; 0: orderly */
	uint16_t serial_high;    /* of its id; the low part is the receive's tag */
	uint16_t facts;          /* enum in conn.c */
	uint8_t state;           /* enum ouro_conn_state */
	uint8_t sends_in_flight; /* the queue's own, zero-copy ones, a piece of a file being read */
};

static_assert(sizeof(struct ouro_conn) <= 88, "a server has many idle connections");

struct ouro_offload;

struct ouro_conns_options {
	uint32_t connections_max;
	uint32_t write_timeout_ms;    /* without the peer taking output: reset */
	uint32_t linger_ms;           /* for the peer's FIN after ours */
	uint32_t linger_bytes_max;    /* read and dropped meanwhile; then reading stops */
	uint32_t zero_copy_bytes_min; /* sends of fewer bytes are copied; 0: all are */
	struct ouro_offload *offload; /* reads files that are not cached; NULL: the loop does */
};

/* Called when a slot became free while the table had been full. */
typedef void (*ouro_conns_room_fn)(void *arg);

struct ouro_conns {
	struct ouro_loop *loop;
	struct ouro_conn *slots; /* reserved address space; used from the front */
	uint32_t *check_ms;      /* per slot: when to look at it; 0: never */
	uint32_t *discarded;     /* per slot: bytes dropped since its closing began */
	struct ouro_conn *free_slots;
	uint32_t used_slots; /* slots that were ever used */
	uint32_t open_count;
	uint64_t opened; /* connections so far: the last one's id */
	struct ouro_conns_options options;
	struct ouro_sendq_pools pools;
	struct ouro_pool zero_copies; /* zero-copy sends in flight */
	struct ouro_pool file_reads;  /* pieces of files being read */
	struct ouro_timer sweep;      /* looks at check_ms; set while connections are open */
	struct ouro_conn **touched;   /* connections to flush at the end of the turn */
	uint32_t touched_count;
	uint32_t touched_room;
	ouro_conns_room_fn on_room;
	void *on_room_arg;
};

/* Makes the table of @loop and hangs it into its turn. 0 or -ENOMEM. */
int ouro_conns_init(struct ouro_conns *conns, struct ouro_loop *loop,
		    const struct ouro_conns_options *options);

/* Frees the table; no connection may be open. */
void ouro_conns_fini(struct ouro_conns *conns);

/* Gives back half of what sends have not needed since the last call. Called now and then, also while
 * no connection is open. */
void ouro_conns_trim(struct ouro_conns *conns);

/* Takes @fd over as a connection with @events and @user, and begins to receive. One that is closed or
 * set not to read by its on_open receives nothing; its slot is free again with the next flush. NULL
 * where the table is full or memory is short; @fd is then still the caller's. */
struct ouro_conn *ouro_conn_open(struct ouro_conns *conns, int fd,
				 const struct ouro_stream_events *events, void *user);

/* Begins to close every connection: those that write are flushed with OURO_CLOSE_FLUSH, or all are
 * reset with OURO_CLOSE_ABORT. */
void ouro_conns_close_all(struct ouro_conns *conns, enum ouro_close how);

/* Calls @each for every connection that is open and not closing. It may close the one it is given.
 */
void ouro_conns_each(struct ouro_conns *conns, void (*each)(struct ouro_stream *stream));

/* The connection under @stream, which must be one. */
static inline struct ouro_conn *ouro_conn_of(const struct ouro_stream *stream)
{
	return (struct ouro_conn *)(uintptr_t)stream;
}

/* A number that no other connection of the loop has had or will have (48 bits of it: at a million
 * connections a second, for nine years), never 0. It stays readable in on_close. */
static inline uint64_t ouro_conn_id(const struct ouro_conn *conn)
{
	return (uint64_t)conn->serial_high << 32 | conn->recv.tag;
}

/* The descriptor of an open connection, for asking for addresses; not to be closed. */
static inline int ouro_conn_fd(const struct ouro_conn *conn)
{
	return conn->recv.fd;
}

#endif
