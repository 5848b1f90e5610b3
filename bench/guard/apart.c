/* What the engine takes without what the simulated kernel does: see bench/guard/apart.h. */
#include "bench/guard/apart.h"

#include "support/sim_private.h"

#include <string.h>
#include <valgrind/callgrind.h>

enum { KIND_COUNT = OURO_OP_POLL + 1 };

/* The callbacks that ours stand for: one of each kind of operation, since in a scenario all
 * operations of a kind belong to the same owner. */
static ouro_op_fn callbacks[KIND_COUNT];
static void (*awake_fn)(void *arg);
static void (*settled_fn)(void *arg);
static bool counts;

/* Callgrind itself knows only the opposite of what holds. */
static void set_counting(bool on)
{
	if (counts == on)
		sim_fail("what is counted begins or ends twice");
	counts = on;
	CALLGRIND_TOGGLE_COLLECT;
}

/* ---- From the backend ---- */

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	ouro_op_fn callback = callbacks[op->kind];

	set_counting(true);
	callback(op, buf, flags);
	set_counting(false);
}

static void on_awake(void *arg)
{
	set_counting(true);
	awake_fn(arg);
	set_counting(false);
}

static void on_settled(void *arg)
{
	set_counting(true);
	settled_fn(arg);
	set_counting(false);
}

/* Takes the place of the callback of @op, which is in flight. */
static void stand_before(struct ouro_op *op)
{
	ouro_op_fn callback = op->on_complete;

	if (callback == on_complete)
		return;
	if (callbacks[op->kind] && callbacks[op->kind] != callback)
		sim_fail("operations of kind %d have two owners", op->kind);
	callbacks[op->kind] = callback;
	op->on_complete = on_complete;
}

/* ---- To the backend ---- */

/* Between turns nothing is counted: the loop is then called by who closes it. */
static bool pause_counting(void)
{
	bool was = counts;

	if (was)
		set_counting(false);
	return was;
}

static enum ouro_submit apart_submit(struct ouro_backend *backend, struct ouro_op *op)
{
	bool was = pause_counting();
	enum ouro_submit result = ouro_backend_sim.submit(backend, op);

	if (result == OURO_SUBMIT_PENDING)
		stand_before(op);
	if (was)
		set_counting(true);
	return result;
}

static void apart_cancel(struct ouro_backend *backend, struct ouro_op *op)
{
	bool was = pause_counting();

	ouro_backend_sim.cancel(backend, op);
	if (was)
		set_counting(true);
}

static int apart_wait(struct ouro_backend *backend, uint64_t deadline_ns)
{
	bool was = pause_counting();
	int result = ouro_backend_sim.wait(backend, deadline_ns);

	if (was)
		set_counting(true);
	return result;
}

static void apart_read_clock(struct ouro_backend *backend, struct ouro_clock *clock)
{
	bool was = pause_counting();

	ouro_backend_sim.read_clock(backend, clock);
	if (was)
		set_counting(true);
}

/* ---- Life ---- */

void apart_begin(struct ouro_loop *loop)
{
	static struct ouro_backend_ops ops;
	struct sim *sim = sim_of(loop);

	ops = ouro_backend_sim;
	ops.submit = apart_submit;
	ops.cancel = apart_cancel;
	ops.wait = apart_wait;
	ops.read_clock = apart_read_clock;
	memset(callbacks, 0, sizeof(callbacks));
	/* What waits to be read was submitted before. */
	for (uint32_t i = 0; i < sim->live_count; i++)
		if (sim->live[i]->reader)
			stand_before(sim->live[i]->reader);
	awake_fn = sim->base.on_awake;
	settled_fn = sim->base.on_settled;
	if (awake_fn)
		sim->base.on_awake = on_awake;
	if (settled_fn)
		sim->base.on_settled = on_settled;
	sim->base.ops = &ops;
}

void apart_end(struct ouro_loop *loop)
{
	struct sim *sim = (struct sim *)(void *)loop->backend;

	for (uint32_t i = 0; i < sim->live_count; i++) {
		struct ouro_op *reader = sim->live[i]->reader;

		if (reader && reader->on_complete == on_complete)
			reader->on_complete = callbacks[reader->kind];
	}
	sim->base.on_awake = awake_fn;
	sim->base.on_settled = settled_fn;
	sim->base.ops = &ouro_backend_sim;
}

void apart_turn(struct ouro_loop *loop)
{
	int err;

	set_counting(true);
	err = ouro_loop_turn(loop, false);
	set_counting(false);
	if (err)
		sim_fail("the loop failed: %s", strerror(-err));
}
