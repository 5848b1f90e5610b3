/* The loop of one thread. A turn waits once, runs completions, due timers and mail from other
 * threads, then flushes: all that the turn wrote on a connection leaves as one send, and all sends
 * of the turn as one submission. */
#ifndef OURO_ENGINE_LOOP_H
#define OURO_ENGINE_LOOP_H

#include "engine/backend.h"
#include "engine/mailbox.h"
#include "engine/timer.h"

struct ouro_loop;

/* Called at the end of each turn, before the first, and where the backend has it so between
 * completions. True where it has more to do, so that the
 * next turn must not sleep. */
typedef bool (*ouro_loop_flush_fn)(void *arg);

struct ouro_loop {
	struct ouro_backend *backend;
	struct ouro_timers timers;
	struct ouro_mailbox mailbox;
	struct ouro_counters counters; /* for any thread to read */
	const struct ouro_log *log;
	uint64_t now_ns;          /* monotonic, read once a turn, before its completions */
	uint32_t now_ms;          /* the same in ms, cut to 32 bits */
	int64_t unix_s;           /* the wall clock, likewise */
	ouro_loop_flush_fn flush; /* the connections' (engine/conn.h) */
	void *flush_arg;
	bool busy; /* the next turn must not sleep */
	bool stopping;
	atomic_uint posting; /* threads within ouro_loop_post() */
};

/* Opens @ops as the backend of @loop, which is zero, in the thread that will run it. Other threads may read
 * its counters from before that on. 0, or a negative errno, after which it may be called again.
 * What the options say of the loop itself (counters, on_awake, on_settled) is ignored. */
int ouro_loop_init(struct ouro_loop *loop, const struct ouro_backend_ops *ops,
		   const struct ouro_backend_options *options, const struct ouro_log *log);

/* Frees what the loop holds. Nothing may be in flight, and all mail has arrived; threads that have
 * posted it and are still about to wake the loop are waited for. */
void ouro_loop_fini(struct ouro_loop *loop);

/* One turn; sleeps for what there is to do when @may_sleep. 0, or a negative errno that the loop
 * cannot go on from. */
int ouro_loop_turn(struct ouro_loop *loop, bool may_sleep);

/* Turns until ouro_loop_stop(); 0 or a negative errno as above. */
int ouro_loop_run(struct ouro_loop *loop);

/* Ends ouro_loop_run after the present turn. The loop's thread. */
void ouro_loop_stop(struct ouro_loop *loop);

/* A loop that is not ours can drive one that was opened with the option @driven: it watches the
 * descriptor (-ENOTSUP without the option, or where there is none), in the thread that has opened
 * the loop, and calls ouro_loop_poll() first of all, then whenever the descriptor can be read, and
 * after anything was done outside of a turn with what hangs on the loop. A poll runs turns without
 * sleeping until nothing more is to be done at once, or there were many and others should have
 * their turn. @timeout_ms: when it must be called again at the latest, though the descriptor may
 * not be readable; -1: never. 0, or a negative errno that the loop cannot go on from.
 *
 * The kernel completes requests of the ring in that thread, for which it ends epoll_wait(2) and
 * other calls of it that sleep with EINTR; they are to be made again. */
int ouro_loop_poll_fd(const struct ouro_loop *loop);
int ouro_loop_poll(struct ouro_loop *loop, int *timeout_ms);

/* Sets the loop's clock, which otherwise stands still between turns: before something is done
 * outside of one that measures time. */
void ouro_loop_read_clock(struct ouro_loop *loop);

/* Posts @mail to the loop. Any thread; the loop stays open at least until the mail has arrived. */
void ouro_loop_post(struct ouro_loop *loop, struct ouro_mail *mail);

/* The loop's clock in ms, cut to 32 bits: compare with ouro_ms_reached(). */
static inline uint32_t ouro_loop_ms(const struct ouro_loop *loop)
{
	return loop->now_ms;
}

/* Whether @now is at or after @due, both on the loop's 32-bit clock and at most 24 days apart. */
static inline bool ouro_ms_reached(uint32_t now, uint32_t due)
{
	return (int32_t)(now - due) >= 0;
}

#endif
