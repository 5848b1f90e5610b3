/* The backend interface: what a loop asks of the kernel, and how the answers come back. It is
 * shaped by completions, since readiness can be turned into completions and never the reverse.
 *
 * Each loop opens its own backend in its own thread and is the only one to call it, but for wake.
 * Submission never fails: what goes wrong is the operation's result. */
#ifndef OURO_ENGINE_BACKEND_H
#define OURO_ENGINE_BACKEND_H

#include "base/counters.h"
#include "base/log.h"
#include "engine/op.h"
#include "engine/recvpool.h"

struct ouro_backend;

struct ouro_backend_options {
	uint32_t recv_buffer_count; /* a power of two */
	uint32_t recv_buffer_bytes;
	uint32_t completion_entries; /* completion queue length of the ring; a power of two */
	bool driven;                 /* poll_fd will be asked for; the ring is slower for it */
	struct ouro_counters *counters;
	/* Called in each wait when it has slept, before any completion: the time to look at the
	 * clock. May be NULL. */
	void (*on_awake)(void *arg);
	/* Called after some completions by a backend that sends at once: the time to send what these
	 * led to, while it is in the cache. One that gathers sends need not call it. May be NULL. */
	void (*on_settled)(void *arg);
	void *loop_arg; /* of both */
};

/* What ouro_backend_ops.submit returns. */
enum ouro_submit {
	OURO_SUBMIT_PENDING, /* in flight: completions will come from wait */
	OURO_SUBMIT_FINISHED, /* done already: the result is in the op and no completion follows. Sends,
			       * closes and OURO_OP_RECV_ONCE may be */
};

struct ouro_clock {
	uint64_t monotonic_ns;
	int64_t unix_s;
};

#define OURO_DEADLINE_NEVER UINT64_MAX

struct ouro_backend_ops {
	const char *name;
	/* 0 and a backend, or a negative errno (for the ring: -EPERM forbidden, -ENOSYS not in
	 * this kernel, -ENOMEM memory lock limit, -EOPNOTSUPP a needed feature is missing). */
	int (*open)(struct ouro_backend **backend, const struct ouro_backend_options *options);
	/* Frees it. Nothing may be in flight any more (@in_flight is 0). */
	void (*close)(struct ouro_backend *backend);
	enum ouro_submit (*submit)(struct ouro_backend *backend, struct ouro_op *op);
	/* Asks that @op (in flight) end soon; its final completion still comes, with -ECANCELED
	 * or with whatever happened first. */
	void (*cancel)(struct ouro_backend *backend, struct ouro_op *op);
	/* Hands over what was submitted, sleeps until there is a completion, a wake or
	 * @deadline_ns (0: does not sleep), and runs the completions there are. Returns how many
	 * ran, or a negative errno that nothing can be done about. */
	int (*wait)(struct ouro_backend *backend, uint64_t deadline_ns);
	/* For who sleeps elsewhere, on poll_fd, instead of in wait: a descriptor that can be read when
	 * a wait that does not sleep has something to run. -ENOTSUP: there is none. */
	int (*poll_fd)(const struct ouro_backend *backend);
	/* Sees to it that all that was submitted is with the kernel; after the last wait and
	 * submission. 1 where poll_fd becomes readable at @deadline_ns as well; 0 where the caller
	 * has to come back by itself for that; -EAGAIN where there is more to do, so that a wait
	 * should follow at once; or a negative errno that nothing can be done about. */
	int (*hand_over)(struct ouro_backend *backend, uint64_t deadline_ns);
	/* Ends the present or the next wait, and makes poll_fd readable. Any thread. */
	void (*wake)(struct ouro_backend *backend);
	void (*read_clock)(struct ouro_backend *backend, struct ouro_clock *clock);
	/* Whether OURO_OP_SEND_ZC can be submitted. */
	bool (*has_zero_copy)(const struct ouro_backend *backend);
};

/* What all backends share; each embeds it first. */
struct ouro_backend {
	const struct ouro_backend_ops *ops;
	struct ouro_recvpool recvpool;
	struct ouro_op_list ready;     /* finished without the kernel; completed by the next wait */
	struct ouro_op_list starved;   /* receives waiting for a free buffer, oldest first */
	struct ouro_buf *finished_buf; /* of an OURO_OP_RECV_ONCE that submit has finished with
					* bytes; its reference is the submitter's */
	uint32_t in_flight;            /* operations between submission and final completion */
	struct ouro_counters *counters;
	void (*on_awake)(void *arg); /* as in the options */
	void (*on_settled)(void *arg);
	void *loop_arg;
};

extern const struct ouro_backend_ops ouro_backend_epoll;
#ifdef OURO_HAVE_URING
extern const struct ouro_backend_ops ouro_backend_uring;
#endif

/* Takes over from @options what the backends share. For backends, on opening. */
static inline void ouro_backend_take_options(struct ouro_backend *backend,
					     const struct ouro_backend_options *options)
{
	backend->counters = options->counters;
	backend->on_awake = options->on_awake;
	backend->on_settled = options->on_settled;
	backend->loop_arg = options->loop_arg;
}

/* Tells the loop that a wait has slept. For backends, before the completions. */
static inline void ouro_backend_awake(struct ouro_backend *backend)
{
	if (backend->on_awake)
		backend->on_awake(backend->loop_arg);
}

/* Tells the loop that a completion has been dealt with. For backends. */
static inline void ouro_backend_settled(struct ouro_backend *backend)
{
	if (backend->on_settled)
		backend->on_settled(backend->loop_arg);
}

/* Marks @op as in flight. For backends, on submission. */
static inline void ouro_backend_begin(struct ouro_backend *backend, struct ouro_op *op)
{
	assert(!op->in_flight);
	op->in_flight = true;
	op->cancelled = false;
	backend->in_flight++;
}

/* Gives @op back to its owner. For backends, before its final completion is called. */
static inline void ouro_backend_end(struct ouro_backend *backend, struct ouro_op *op)
{
	assert(op->in_flight);
	op->in_flight = false;
	op->generation++;
	backend->in_flight--;
}

/* Ends @op without the kernel: the next wait completes it with @result. */
void ouro_backend_finish_later(struct ouro_backend *backend, struct ouro_op *op, int32_t result);

/* Completes what ouro_backend_finish_later queued; returns how many. */
int ouro_backend_run_ready(struct ouro_backend *backend);

/* Sends by system call what @send holds; as sendmsg(2). */
ssize_t ouro_backend_send(const struct ouro_op_send *send, int flags);

/* Sends what @send, an OURO_OP_SEND_FILE, says, on a descriptor that does not block: sets its result
 * and was_copied. False where it would block. */
bool ouro_backend_send_file(struct ouro_op_send *send);

/* Reads CLOCK_MONOTONIC and the wall clock, for backends on real time. */
void ouro_backend_read_real_clock(struct ouro_backend *backend, struct ouro_clock *clock);

#endif
