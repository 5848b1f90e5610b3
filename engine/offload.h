/* Work that would hold up a loop, done by threads of its own: a bounded pool that several loops share.
 * A job is done in the pool, first in first out, and comes back to the loop it is of by mail. */
#ifndef OURO_ENGINE_OFFLOAD_H
#define OURO_ENGINE_OFFLOAD_H

#include "engine/loop.h"

struct ouro_offload;
struct ouro_offload_job;

typedef void (*ouro_offload_fn)(struct ouro_offload_job *job);

/* Embedded in its submitter, which sets the first three. From submission until on_done, or a cancel
 * that succeeded, it is the pool's. It may be submitted again by its own on_done. */
struct ouro_offload_job {
	ouro_offload_fn run;     /* on a thread of the pool, signals from outside blocked */
	ouro_offload_fn on_done; /* on the loop's thread, once run has returned */
	struct ouro_loop *loop;
	struct ouro_offload_job *next, *previous; /* the pool's, as is all below */
	bool queued;
	struct ouro_mail mail;
};

/* Makes a pool of up to @thread_max threads, which are started as work finds none of them idle.
 * Of the jobs that no thread is free for, @queue_max may wait. Both are at least 1. 0 or -ENOMEM. */
int ouro_offload_create(struct ouro_offload **offload, uint32_t thread_max, uint32_t queue_max);

/* Ends the threads and frees the pool, which may be NULL. No job may be queued or running; threads
 * that are still telling a loop of their last one are waited for. */
void ouro_offload_destroy(struct ouro_offload *offload);

/* Queues @job; from the thread of any loop. Neither run nor on_done is called before it returns. 0;
 * -EAGAIN when @queue_max wait already; or a negative errno when no thread can be started and there
 * is none.
 *
 * A job out is nothing that its loop knows of: who submits counts, and keeps the loop open and turning
 * until on_done has come, or the cancel has succeeded, for every one. */
int ouro_offload_submit(struct ouro_offload *offload, struct ouro_offload_job *job);

/* Takes back @job, which was submitted and whose on_done has not been called; on the thread of its
 * loop. True: it had not begun and never will, on_done is not called, and the job is its owner's
 * again. False: it has begun, and on_done comes as it would have. */
bool ouro_offload_cancel(struct ouro_offload *offload, struct ouro_offload_job *job);

#endif
