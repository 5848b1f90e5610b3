/* The table of a loop's connections: slots, and one coarse deadline each. The deadlines lie side by
 * side, so that looking at all of them, a few times a second, costs less than keeping a timer per
 * connection in order would. */
#include "engine/conn_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	SWEEP_MS = 100,          /* how late a deadline may be noticed */
	TOUCHED_ROOM_FIRST = 64, /* grows with the connections */
};

static void *reserve_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void schedule_sweep(struct ouro_conns *conns)
{
	/* Out of memory here means that timeouts are noticed when the next connection comes. */
	ouro_timer_set(&conns->loop->timers, &conns->sweep,
		       conns->loop->now_ns + SWEEP_MS * UINT64_C(1000000));
}

/* The peer takes nothing: also what the user wanted flushed has a time limit. */
static bool is_stalled(const struct ouro_conn *conn, uint32_t now)
{
	const struct ouro_sendq *out = conn->out;

	return out && out->bytes > 0 &&
	       ouro_ms_reached(now, out->progress_ms + conn->conns->options.write_timeout_ms);
}

static void check_conn(struct ouro_conn *conn, uint32_t now)
{
	struct ouro_conns *conns = conn->conns;
	const struct ouro_conns_options *options = &conns->options;
	bool lingered = conn->facts & CONN_FIN_SENT &&
			ouro_ms_reached(now, conn->stream.stamp_ms + options->linger_ms);

	if (conn->state != OURO_CONN_OPEN && conn->state != OURO_CONN_DRAINING)
		return;
	if (is_stalled(conn, now)) {
		ouro_counter_add(&conns->loop->counters.timeouts, 1);
		ouro_conn_fail(conn, -ETIMEDOUT);
		return;
	}
	if (conn->out)
		ouro_conn_check_at(conn, conn->out->progress_ms + options->write_timeout_ms);
	if (conn->state == OURO_CONN_OPEN) {
		conn->stream.events->on_check(&conn->stream);
	} else if (lingered) {
		ouro_conn_set_state(conn, OURO_CONN_CLOSING);
		ouro_conn_touch(conn);
	} else if (conn->facts & CONN_FIN_SENT) {
		ouro_conn_check_at(conn, conn->stream.stamp_ms + options->linger_ms);
	}
}

static void on_sweep(struct ouro_timer *timer)
{
	struct ouro_conns *conns =
		(struct ouro_conns *)(void *)((char *)timer - offsetof(struct ouro_conns, sweep));
	uint32_t now = ouro_loop_ms(conns->loop);

	for (uint32_t i = 0; i < conns->used_slots; i++) {
		uint32_t due = conns->check_ms[i];

		if (due == 0 || !ouro_ms_reached(now, due))
			continue;
		conns->check_ms[i] = 0;
		check_conn(&conns->slots[i], now);
	}
	if (conns->open_count > 0)
		schedule_sweep(conns);
}

void ouro_conn_check_at(struct ouro_conn *conn, uint32_t ms)
{
	uint32_t *due = &conn->conns->check_ms[conn - conn->conns->slots];

	ms += ms == 0; /* 0 says never */
	if (*due == 0 || !ouro_ms_reached(ms, *due))
		*due = ms;
}

int ouro_conns_init(struct ouro_conns *conns, struct ouro_loop *loop,
		    const struct ouro_conns_options *options)
{
	uint32_t max = options->connections_max;

	*conns = (struct ouro_conns){ .loop = loop, .options = *options };
	conns->slots = reserve_memory(max * sizeof(*conns->slots));
	conns->check_ms = reserve_memory(max * sizeof(*conns->check_ms));
	conns->discarded = reserve_memory(max * sizeof(*conns->discarded));
	if (!conns->slots || !conns->check_ms || !conns->discarded) {
		ouro_conns_fini(conns);
		return -ENOMEM;
	}
	ouro_sendq_pools_init(&conns->pools);
	ouro_pool_init(&conns->zero_copies, ouro_conn_zero_copy_bytes());
	ouro_pool_init(&conns->file_reads, ouro_conn_file_read_bytes());
	conns->sweep.on_due = on_sweep;
	loop->flush = ouro_conns_flush;
	loop->flush_arg = conns;
	return 0;
}

void ouro_conns_fini(struct ouro_conns *conns)
{
	uint32_t max = conns->options.connections_max;

	assert(conns->open_count == 0);
	ouro_timer_stop(&conns->loop->timers, &conns->sweep);
	if (conns->slots)
		munmap(conns->slots, max * sizeof(*conns->slots));
	if (conns->check_ms)
		munmap(conns->check_ms, max * sizeof(*conns->check_ms));
	if (conns->discarded)
		munmap(conns->discarded, max * sizeof(*conns->discarded));
	ouro_sendq_pools_fini(&conns->pools);
	ouro_pool_fini(&conns->zero_copies);
	ouro_pool_fini(&conns->file_reads);
	free(conns->touched);
}

void ouro_conns_trim(struct ouro_conns *conns)
{
	ouro_sendq_pools_trim(&conns->pools);
	ouro_pool_trim(&conns->zero_copies);
	ouro_pool_trim(&conns->file_reads);
}

/* Every connection may be touched in one turn, so there is always room for all of them. */
static bool make_touched_room(struct ouro_conns *conns)
{
	uint32_t room = conns->touched_room ? conns->touched_room * 2 : TOUCHED_ROOM_FIRST;
	struct ouro_conn **touched;

	/* One that was closed and its successor in the slot may both be on the list. */
	if (conns->used_slots * 2 + 2 <= conns->touched_room)
		return true;
	touched = realloc(conns->touched, room * sizeof(struct ouro_conn *));
	if (!touched)
		return false;
	conns->touched = touched;
	conns->touched_room = room;
	return true;
}

struct ouro_conn *ouro_conn_take_slot(struct ouro_conns *conns)
{
	struct ouro_conn *conn = conns->free_slots;

	if (conns->open_count == conns->options.connections_max || !make_touched_room(conns))
		return NULL;
	if (conn) {
		conns->free_slots = (struct ouro_conn *)(void *)conn->out;
	} else {
		conn = &conns->slots[conns->used_slots++];
		conn->conns = conns;
	}
	conn->out = NULL;
	conn->sends_in_flight = 0;
	conns->opened++;
	conn->recv.tag = (uint32_t)conns->opened;
	conn->serial_high = (uint16_t)(conns->opened >> 32);
	conns->check_ms[conn - conns->slots] = 0;
	conns->open_count++;
	ouro_counter_add(&conns->loop->counters.connections_accepted, 1);
	if (!ouro_timer_is_set(&conns->sweep))
		schedule_sweep(conns);
	return conn;
}

void ouro_conn_free(struct ouro_conn *conn)
{
	struct ouro_conns *conns = conn->conns;
	bool was_full = conns->open_count == conns->options.connections_max;

	assert(!conn->recv.in_flight && conn->sends_in_flight == 0);
	assert(!(conn->facts & CONN_LENT));
	ouro_sendq_destroy(conn->out);
	conn->out = NULL;
	conn->stream.events->on_close(&conn->stream, conn->error);
	ouro_conn_set_state(conn, OURO_CONN_FREE);
	conns->check_ms[conn - conns->slots] = 0;
	conn->out = (struct ouro_sendq *)(void *)conns->free_slots;
	conns->free_slots = conn;
	conns->open_count--;
	ouro_counter_add(&conns->loop->counters.connections_closed, 1);
	if (was_full && conns->on_room)
		conns->on_room(conns->on_room_arg);
}

void ouro_conns_each(struct ouro_conns *conns, void (*each)(struct ouro_stream *stream))
{
	for (uint32_t i = 0; i < conns->used_slots; i++)
		if (conns->slots[i].state == OURO_CONN_OPEN)
			each(&conns->slots[i].stream);
}

void ouro_conns_close_all(struct ouro_conns *conns, enum ouro_close how)
{
	for (uint32_t i = 0; i < conns->used_slots; i++) {
		struct ouro_conn *conn = &conns->slots[i];

		if (conn->state == OURO_CONN_OPEN ||
		    (conn->state == OURO_CONN_DRAINING && how == OURO_CLOSE_ABORT))
			conn->stream.ops->close(&conn->stream, how);
	}
}
