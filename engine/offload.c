/* The pool of threads for work that would hold up a loop: see engine/offload.h. */
#include "engine/offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

struct ouro_offload {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;  /* there is a job, or no more will come */
	struct ouro_offload_job *first, *last;
	uint32_t queued_count, queue_max;
	uint32_t free_count; /* threads without a job, from when they are started */
	uint32_t thread_count, thread_max;
	bool ending;
	pthread_t threads[];
};

static void append(struct ouro_offload *offload, struct ouro_offload_job *job)
{
	job->queued = true;
	job->next = NULL;
	job->previous = offload->last;
	if (offload->last)
		offload->last->next = job;
	else
		offload->first = job;
	offload->last = job;
	offload->queued_count++;
}

static void unlink_job(struct ouro_offload *offload, struct ouro_offload_job *job)
{
	if (job->previous)
		job->previous->next = job->next;
	else
		offload->first = job->next;
	if (job->next)
		job->next->previous = job->previous;
	else
		offload->last = job->previous;
	job->queued = false;
	offload->queued_count--;
}

static void on_arrival(struct ouro_mail *mail)
{
	struct ouro_offload_job *job =
		(struct ouro_offload_job *)(void *)((char *)mail -
						    offsetof(struct ouro_offload_job, mail));

	job->on_done(job);
}

static void *thread_main(void *arg)
{
	struct ouro_offload *offload = arg;

	pthread_setname_np(pthread_self(), "ouro-offload");
	pthread_mutex_lock(&offload->lock);
	for (;;) {
		struct ouro_offload_job *job;

		while (!offload->first && !offload->ending)
			pthread_cond_wait(&offload->work, &offload->lock);
		job = offload->first;
		if (!job)
			break;
		unlink_job(offload, job);
		offload->free_count--;
		pthread_mutex_unlock(&offload->lock);
		job->run(job);
		job->mail.on_arrival = on_arrival;
		ouro_loop_post(job->loop, &job->mail);
		pthread_mutex_lock(&offload->lock);
		offload->free_count++;
	}
	pthread_mutex_unlock(&offload->lock);
	return NULL;
}

/* Signals are for the program's own threads: those of the pool inherit a mask that blocks all. */
static int start_thread(struct ouro_offload *offload)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t all, before;
	int err;

	sigfillset(&all);
	/* What the thread itself may raise must not be blocked: a crash goes its usual way. */
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&offload->threads[offload->thread_count], NULL, thread_main, offload);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	offload->thread_count++;
	offload->free_count++;
	return 0;
}

int ouro_offload_create(struct ouro_offload **out, uint32_t thread_max, uint32_t queue_max)
{
	struct ouro_offload *offload;

	assert(thread_max > 0);
	assert(queue_max > 0);
	offload = calloc(1, sizeof(*offload) + thread_max * sizeof(offload->threads[0]));
	if (!offload)
		return -ENOMEM;
	offload->thread_max = thread_max;
	offload->queue_max = queue_max;
	pthread_mutex_init(&offload->lock, NULL);
	pthread_cond_init(&offload->work, NULL);
	*out = offload;
	return 0;
}

void ouro_offload_destroy(struct ouro_offload *offload)
{
	if (!offload)
		return;
	pthread_mutex_lock(&offload->lock);
	assert(!offload->first);
	offload->ending = true;
	pthread_cond_broadcast(&offload->work);
	pthread_mutex_unlock(&offload->lock);
	for (uint32_t i = 0; i < offload->thread_count; i++)
		pthread_join(offload->threads[i], NULL);
	pthread_cond_destroy(&offload->work);
	pthread_mutex_destroy(&offload->lock);
	free(offload);
}

/* Room for one more job, and a thread for it where more can be had. 0 or a negative errno. */
static int make_room(struct ouro_offload *offload)
{
	int err = 0;

	if (offload->queued_count < offload->free_count)
		return 0;
	if (offload->thread_count < offload->thread_max) {
		err = start_thread(offload);
		if (!err)
			return 0;
	}
	if (offload->thread_count == 0)
		return err;
	return offload->queued_count < offload->free_count + offload->queue_max ? 0 : -EAGAIN;
}

int ouro_offload_submit(struct ouro_offload *offload, struct ouro_offload_job *job)
{
	int err;

	pthread_mutex_lock(&offload->lock);
	assert(!offload->ending);
	err = make_room(offload);
	if (!err) {
		append(offload, job);
		pthread_cond_signal(&offload->work);
	}
	pthread_mutex_unlock(&offload->lock);
	return err;
}

bool ouro_offload_cancel(struct ouro_offload *offload, struct ouro_offload_job *job)
{
	bool queued;

	pthread_mutex_lock(&offload->lock);
	queued = job->queued;
	if (queued)
		unlink_job(offload, job);
	pthread_mutex_unlock(&offload->lock);
	return queued;
}
