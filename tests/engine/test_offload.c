/* The pool of threads for work that would hold up a loop. */
#include "engine/offload.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS = 2, JOBS_EACH = 2000, OUT_MAX = 50 };

static const struct ouro_log no_log;
static struct ouro_offload *pool;

/* The linker leads the calls here (--wrap). */
static int thread_error; /* what starting a thread fails with; 0: it does not */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *),
			  void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *),
			  void *arg)
{
	return thread_error ? thread_error : __real_pthread_create(thread, attr, body, arg);
}

static void open_loop(struct ouro_loop *loop)
{
	const struct ouro_backend_options options = {
		.recv_buffer_count = 4,
		.recv_buffer_bytes = 256,
	};

	*loop = (struct ouro_loop){ 0 };
	cr_assert_eq(ouro_loop_init(loop, &ouro_backend_epoll, &options, &no_log), 0);
}

/* ---- Jobs that write down what happened ---- */

struct task {
	struct ouro_offload_job job; /* first */
	sem_t *begun, *gate;         /* posted on beginning; waited for before the end */
	int order;                   /* in which it was run, from 1 */
	int dones;
	pthread_t ran_in, done_in;
	char thread_name[16];
	bool signals_blocked;
};

static atomic_int run_count;

static void run(struct ouro_offload_job *job)
{
	struct task *task = (struct task *)(void *)job;
	sigset_t blocked;

	task->order = atomic_fetch_add(&run_count, 1) + 1;
	task->ran_in = pthread_self();
	pthread_getname_np(pthread_self(), task->thread_name, sizeof(task->thread_name));
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	task->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT);
	if (task->begun)
		sem_post(task->begun);
	if (task->gate)
		sem_wait(task->gate);
}

static void on_done(struct ouro_offload_job *job)
{
	struct task *task = (struct task *)(void *)job;

	task->dones++;
	task->done_in = pthread_self();
}

static int submit(struct task *task, struct ouro_loop *loop)
{
	task->job.run = run;
	task->job.on_done = on_done;
	task->job.loop = loop;
	return ouro_offload_submit(pool, &task->job);
}

static void wait_for(struct ouro_loop *loop, const struct task *task)
{
	while (task->dones == 0)
		cr_assert_eq(ouro_loop_turn(loop, true), 0);
	cr_assert_eq(task->dones, 1);
}

/* ---- The facts ---- */

Test(offload, a_job_runs_elsewhere_and_comes_back)
{
	struct task task = { 0 };
	struct ouro_loop loop;

	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, 2, 8), 0);
	cr_assert_eq(submit(&task, &loop), 0);
	cr_assert_eq(task.dones, 0);
	wait_for(&loop, &task);
	cr_assert_not(pthread_equal(task.ran_in, pthread_self()));
	cr_assert(pthread_equal(task.done_in, pthread_self()));
	cr_assert_eq(strcmp(task.thread_name, "ouro-offload"), 0);
	cr_assert(task.signals_blocked);
	ouro_offload_destroy(pool);
	ouro_loop_fini(&loop);
}

Test(offload, a_pool_without_work_has_no_threads_and_none_is_fine_too)
{
	cr_assert_eq(ouro_offload_create(&pool, 1000, 1), 0);
	ouro_offload_destroy(pool);
	ouro_offload_destroy(NULL);
}

Test(offload, jobs_run_in_the_order_of_their_submission)
{
	enum { COUNT = 20 };
	static struct task tasks[COUNT];
	struct ouro_loop loop;
	sem_t gate;

	sem_init(&gate, 0, 0);
	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, 1, COUNT), 0);
	tasks[0].gate = &gate;
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(submit(&tasks[i], &loop), 0);
	sem_post(&gate);
	for (int i = 0; i < COUNT; i++)
		wait_for(&loop, &tasks[i]);
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(tasks[i].order, i + 1);
	ouro_offload_destroy(pool);
	ouro_loop_fini(&loop);
}

Test(offload, so_many_wait_and_no_more)
{
	enum { THREADS = 3, QUEUE = 4 };
	static struct task running[THREADS], waiting[QUEUE];
	struct task refused = { 0 };
	struct ouro_loop loop;
	sem_t begun, gate;

	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, THREADS, QUEUE), 0);
	for (int i = 0; i < THREADS; i++) {
		running[i].begun = &begun;
		running[i].gate = &gate;
		cr_assert_eq(submit(&running[i], &loop), 0);
	}
	/* The limit is on those that wait, whether or not the threads have come to begin. */
	for (int i = 0; i < QUEUE; i++)
		cr_assert_eq(submit(&waiting[i], &loop), 0);
	cr_assert_eq(submit(&refused, &loop), -EAGAIN);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&begun);
	cr_assert_eq(submit(&refused, &loop), -EAGAIN);
	for (int i = 0; i < THREADS; i++)
		sem_post(&gate);
	for (int i = 0; i < THREADS; i++)
		wait_for(&loop, &running[i]);
	for (int i = 0; i < QUEUE; i++)
		wait_for(&loop, &waiting[i]);
	cr_assert_eq(submit(&refused, &loop), 0);
	wait_for(&loop, &refused);
	ouro_offload_destroy(pool);
	ouro_loop_fini(&loop);
}

Test(offload, what_has_not_begun_can_be_taken_back)
{
	struct task running = { 0 }, tasks[3] = { 0 };
	struct ouro_loop loop;
	sem_t begun, gate;

	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, 1, 3), 0);
	running.begun = &begun;
	running.gate = &gate;
	cr_assert_eq(submit(&running, &loop), 0);
	sem_wait(&begun);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(submit(&tasks[i], &loop), 0);
	cr_assert_not(ouro_offload_cancel(pool, &running.job), "it has begun");
	/* From the middle, the end and, after one came back, the front. */
	cr_assert(ouro_offload_cancel(pool, &tasks[1].job));
	cr_assert(ouro_offload_cancel(pool, &tasks[2].job));
	cr_assert_eq(submit(&tasks[2], &loop), 0);
	cr_assert(ouro_offload_cancel(pool, &tasks[0].job));
	sem_post(&gate);
	wait_for(&loop, &running);
	wait_for(&loop, &tasks[2]);
	cr_assert_eq(running.order, 1);
	cr_assert_eq(tasks[2].order, 2);
	ouro_offload_destroy(pool);
	cr_assert_eq(ouro_loop_turn(&loop, false), 0);
	cr_assert_eq(tasks[0].dones + tasks[1].dones, 0);
	cr_assert_eq(tasks[0].order + tasks[1].order, 0);
	ouro_loop_fini(&loop);
}

/* A job that has run and whose mail is on its way is not to be taken back either. */
Test(offload, what_is_done_and_not_told_cannot_be_taken_back)
{
	struct task task = { 0 }, next = { 0 };
	struct ouro_loop loop;
	sem_t begun;

	sem_init(&begun, 0, 0);
	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, 1, 1), 0);
	cr_assert_eq(submit(&task, &loop), 0);
	next.begun = &begun;
	cr_assert_eq(submit(&next, &loop), 0);
	sem_wait(&begun);
	cr_assert_not(ouro_offload_cancel(pool, &task.job));
	wait_for(&loop, &task);
	wait_for(&loop, &next);
	ouro_offload_destroy(pool);
	ouro_loop_fini(&loop);
}

/* ---- Several loops ---- */

struct worker;

struct round {
	struct ouro_offload_job job; /* first */
	struct worker *worker;
	uint32_t number, result;
};

struct worker {
	struct ouro_loop loop;
	struct round rounds[OUT_MAX];
	uint32_t submitted, out, done, refused;
};

static void square(struct ouro_offload_job *job)
{
	struct round *round = (struct round *)(void *)job;

	round->result = round->number * round->number;
}

static void submit_next(struct worker *worker, struct round *round);

static void on_squared(struct ouro_offload_job *job)
{
	struct round *round = (struct round *)(void *)job;

	cr_assert_eq(round->result, round->number * round->number);
	round->worker->out--;
	round->worker->done++;
	submit_next(round->worker, round);
}

static void submit_next(struct worker *worker, struct round *round)
{
	if (worker->submitted == JOBS_EACH)
		return;
	*round = (struct round){ .job = { .run = square, .on_done = on_squared },
				 .worker = worker,
				 .number = worker->submitted };
	round->job.loop = &worker->loop;
	if (ouro_offload_submit(pool, &round->job)) {
		worker->refused++;
		return;
	}
	worker->submitted++;
	worker->out++;
}

/* The loop is closed as soon as its last job is told, while the pool may still be waking it. */
static void *run_worker(void *arg)
{
	struct worker *worker = arg;

	open_loop(&worker->loop);
	while (worker->done < JOBS_EACH) {
		for (int i = 0; worker->out == 0 && i < OUT_MAX; i++)
			submit_next(worker, &worker->rounds[i]);
		if (worker->out > 0)
			cr_assert_eq(ouro_loop_turn(&worker->loop, true), 0);
	}
	ouro_loop_fini(&worker->loop);
	memset(&worker->loop, 0xdd, sizeof(worker->loop));
	return NULL;
}

Test(offload, many_jobs_of_two_loops_all_come_back_to_their_own)
{
	static struct worker workers[LOOPS];
	pthread_t threads[LOOPS];

	cr_assert_eq(ouro_offload_create(&pool, 4, OUT_MAX), 0);
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(workers[i].done, JOBS_EACH);
	ouro_offload_destroy(pool);
}

/* Loops that end with the mail they wait for, over and over: who sent it is still waking them. */
Test(offload, a_loop_may_end_with_its_last_job)
{
	cr_assert_eq(ouro_offload_create(&pool, 2, 8), 0);
	for (int i = 0; i < 300; i++) {
		struct ouro_loop *loop = malloc(sizeof(*loop));
		struct task task = { 0 };

		open_loop(loop);
		cr_assert_eq(submit(&task, loop), 0);
		while (task.dones == 0)
			cr_assert_eq(ouro_loop_turn(loop, i % 2), 0);
		ouro_loop_fini(loop);
		free(loop);
	}
	ouro_offload_destroy(pool);
}

Test(offload, a_thread_that_cannot_be_started_matters_only_if_it_is_the_first)
{
	struct task first = { 0 }, second = { 0 };
	struct ouro_loop loop;
	sem_t begun, gate;

	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	open_loop(&loop);
	cr_assert_eq(ouro_offload_create(&pool, 2, 1), 0);
	thread_error = EPERM;
	cr_assert_eq(submit(&first, &loop), -EPERM);
	thread_error = 0;
	first.begun = &begun;
	first.gate = &gate;
	cr_assert_eq(submit(&first, &loop), 0);
	sem_wait(&begun);
	thread_error = EPERM;
	cr_assert_eq(submit(&second, &loop), 0);
	sem_post(&gate);
	wait_for(&loop, &first);
	wait_for(&loop, &second);
	cr_assert(pthread_equal(first.ran_in, second.ran_in));
	ouro_offload_destroy(pool);
	ouro_loop_fini(&loop);
}
