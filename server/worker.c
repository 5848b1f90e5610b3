/* A worker: see server/worker.h. */
#include "server/worker.h"

#include "engine/sigpipe.h"
#include "server/crash.h"
#include "server/ref.h"
#include "server/rooms.h"
#include "server/rooms_redis.h"
#include "server/server_private.h"
#include "server/sse.h"
#include "server/static.h"
#include "server/ws.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIM_MS = 2000 };

const char *ouro_worker_date(struct ouro_worker *worker)
{
	if (worker->date_unix_s != worker->loop.unix_s) {
		worker->date_unix_s = worker->loop.unix_s;
		ouro_date_format(worker->date_unix_s, worker->date);
	}
	return worker->date;
}

static void trim(struct ouro_worker *worker)
{
	ouro_pool_trim(&worker->exchanges);
	ouro_pool_trim(&worker->arenas);
	ouro_pool_trim(&worker->carries);
	ouro_pool_trim(&worker->inq_items);
	ouro_pool_trim(&worker->polls);
	ouro_pool_trim(&worker->handed_over);
	ouro_pool_trim(&worker->event_streams);
	ouro_pool_trim(&worker->memberships);
	ouro_bufpool_trim(&worker->bufs);
	ouro_ws_trim(worker);
	ouro_static_trim(worker);
	ouro_pipes_trim(&worker->pipes);
	ouro_fibers_trim(&worker->fibers);
	ouro_conns_trim(&worker->conns);
	ouro_coders_trim(&worker->coders);
	ouro_rooms_sweep(worker);
}

/* Comes back every two seconds, and gives back what these did not need. */
static void on_trim(struct ouro_timer *timer)
{
	struct ouro_worker *worker =
		(struct ouro_worker *)(void *)((char *)timer - offsetof(struct ouro_worker, trim));

	trim(worker);
	ouro_timer_set(&worker->loop.timers, timer,
		       worker->loop.now_ns + TRIM_MS * UINT64_C(1000000));
}

static void resume_listeners(void *arg)
{
	struct ouro_worker *worker = arg;

	for (size_t i = 0; i < worker->server->address_count; i++)
		ouro_listener_resume(&worker->listeners[i]);
}

bool ouro_worker_is_finished(struct ouro_worker *worker)
{
	if (!worker->draining)
		return false;
	for (size_t i = 0; i < worker->server->address_count; i++)
		if (!ouro_listener_is_closed(&worker->listeners[i]))
			return false;
	if (worker->conns.open_count > 0 || worker->jobs > 0)
		return false;
	/* Nothing of it publishes any more. */
	return ouro_rooms_redis_may_end(worker) && worker->loop.backend->in_flight == 0;
}

/* A connection between requests goes at once; one in a request goes after its response, and one with an event
 * stream, which has no end of its own, when that is ended; a WebSocket when its client has answered the
 * close. */
static void drain_conn(struct ouro_stream *stream)
{
	struct ouro_ctx *ctx = stream->user;

	if (ouro_ws_drain(stream) || ouro_event_stream_drain(stream))
		return;
	if (stream->events == &ouro_h1_idle_events) {
		ouro_stream_close(stream, OURO_CLOSE_FLUSH);
		return;
	}
	if (ctx->response <= OURO_RESPONSE_HELD)
		ctx->keep_alive = false;
	if (ctx->events)
		ouro_exchange_end_events(ctx);
}

static void on_drain_over(struct ouro_timer *timer)
{
	struct ouro_worker *worker =
		(struct ouro_worker *)(void *)((char *)timer -
					       offsetof(struct ouro_worker, drain_timer));

	ouro_conns_close_all(&worker->conns, OURO_CLOSE_ABORT);
}

static void on_drain(struct ouro_mail *mail)
{
	struct ouro_worker *worker =
		(struct ouro_worker *)(void *)((char *)mail -
					       offsetof(struct ouro_worker, drain_mail));
	const struct ouro_server *server = worker->server;

	worker->draining = true;
	for (size_t i = 0; i < server->address_count; i++)
		ouro_listener_close(&worker->listeners[i]);
	ouro_conns_each(&worker->conns, drain_conn);
	ouro_timer_set(&worker->loop.timers, &worker->drain_timer,
		       worker->loop.now_ns + server->options.drain_timeout_ms * UINT64_C(1000000));
}

void ouro_worker_drain(struct ouro_worker *worker)
{
	if (atomic_exchange(&worker->drain_asked, true))
		return;
	worker->drain_mail.on_arrival = on_drain;
	ouro_loop_post(&worker->loop, &worker->drain_mail);
}

static void pin(const struct ouro_worker *worker)
{
	cpu_set_t set;
	int err;

	if (worker->cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)worker->cpu, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (err)
		ouro_log(&worker->server->log, OURO_LOG_WARNING,
			 "cannot pin a thread to CPU %d: %s", worker->cpu, strerror(err));
}

static uint32_t round_up_power_of_two(uint32_t value)
{
	uint32_t power = 1;

	while (power < value)
		power *= 2;
	return power;
}

static int open_loop(struct ouro_worker *worker)
{
	struct ouro_server *server = worker->server;
	const struct ouro_options *options = &server->options;
	struct ouro_backend_options backend_options = {
		.recv_buffer_count = round_up_power_of_two(options->recv_buffers),
		.recv_buffer_bytes = options->recv_buffer_bytes,
		.completion_entries = round_up_power_of_two(options->completion_entries),
		.driven = server->embedded,
	};

	return ouro_loop_init(&worker->loop, server->backend, &backend_options, &server->log);
}

static void init_pools(struct ouro_worker *worker)
{
	ouro_pool_init(&worker->exchanges, sizeof(struct ouro_ctx));
	ouro_pool_init(&worker->arenas, OURO_ARENA_BLOCK_BYTES);
	ouro_pool_init(&worker->carries, OURO_CARRY_BYTES);
	ouro_pool_init(&worker->inq_items, sizeof(struct ouro_inq_item));
	ouro_pool_init(&worker->polls, ouro_poll_wait_bytes());
	ouro_pool_init(&worker->handed_over, ouro_handed_over_bytes());
	ouro_pool_init(&worker->event_streams, sizeof(struct ouro_event_stream));
	ouro_pool_init(&worker->memberships, ouro_membership_bytes());
	ouro_bufpool_init(&worker->bufs);
	ouro_ws_open_worker(worker);
}

static void fini_pools(struct ouro_worker *worker)
{
	ouro_pool_fini(&worker->exchanges);
	ouro_pool_fini(&worker->arenas);
	ouro_pool_fini(&worker->carries);
	ouro_pool_fini(&worker->inq_items);
	ouro_pool_fini(&worker->polls);
	ouro_pool_fini(&worker->handed_over);
	ouro_pool_fini(&worker->event_streams);
	ouro_pool_fini(&worker->memberships);
	ouro_bufpool_fini(&worker->bufs);
	ouro_ws_close_worker(worker);
}

static void open_listeners(struct ouro_worker *worker)
{
	for (size_t i = 0; i < worker->server->address_count; i++) {
		ouro_listener_open(&worker->listeners[i], &worker->conns, worker->listen_fds[i],
				   &ouro_h1_idle_events, worker);
		worker->listen_fds[i] = -1;
	}
}

/* What handlers need: stacks, names, a memory for regular expressions, ids. */
static int open_handling(struct ouro_worker *worker)
{
	const struct ouro_server *server = worker->server;
	const struct ouro_fibers_options fibers = {
		.stack_bytes = server->options.fiber_stack_bytes,
		.count_max = server->options.fibers_max,
	};
	int err = ouro_request_ids_init_random(&worker->request_ids);

	if (!err)
		err = ouro_fibers_init(&worker->fibers, &fibers);
	if (err)
		return err;
	if (ouro_router_needs_scratch(server->router)) {
		worker->router_scratch = ouro_router_scratch_create(server->router);
		err = worker->router_scratch ? 0 : -ENOMEM;
	}
	if (!err)
		err = ouro_static_open(worker);
	if (!err)
		err = ouro_refs_open(worker);
	if (!err) {
		err = ouro_rooms_open(worker);
		if (err)
			ouro_refs_close(worker);
	}
	if (err) {
		ouro_static_close(worker);
		ouro_router_scratch_destroy(worker->router_scratch);
		ouro_fibers_fini(&worker->fibers);
	}
	return err;
}

static void close_handling(struct ouro_worker *worker)
{
	ouro_rooms_close(worker);
	ouro_refs_close(worker);
	ouro_static_close(worker);
	ouro_router_scratch_destroy(worker->router_scratch);
	ouro_fibers_fini(&worker->fibers);
}

int ouro_worker_open(struct ouro_worker *worker)
{
	const struct ouro_options *options = &worker->server->options;
	struct ouro_conns_options conns_options = {
		.connections_max = (options->connections_max + worker->server->worker_count - 1) /
				   worker->server->worker_count,
		.write_timeout_ms = options->write_timeout_ms,
		.linger_ms = OURO_LINGER_MS,
		.linger_bytes_max = OURO_LINGER_BYTES_MAX,
		.zero_copy_bytes_min = options->zero_copy_bytes_min,
		.offload = worker->server->offload,
	};
	int err = open_loop(worker);

	if (err)
		return err;
	err = ouro_conns_init(&worker->conns, &worker->loop, &conns_options);
	if (err) {
		ouro_loop_fini(&worker->loop);
		return err;
	}
	err = open_handling(worker);
	if (err) {
		ouro_conns_fini(&worker->conns);
		ouro_loop_fini(&worker->loop);
		return err;
	}
	init_pools(worker);
	worker->pipes.open_max = OURO_PIPES_MAX;
	ouro_coders_init(&worker->coders, options->compress_level);
	worker->limits = worker->server->limits;
	worker->limits.last_host = &worker->last_host;
	worker->conns.on_room = resume_listeners;
	worker->conns.on_room_arg = worker;
	worker->trim.on_due = on_trim;
	worker->drain_timer.on_due = on_drain_over;
	on_trim(&worker->trim);
	open_listeners(worker);
	return 0;
}

void ouro_worker_close(struct ouro_worker *worker)
{
	ouro_timer_stop(&worker->loop.timers, &worker->trim);
	ouro_timer_stop(&worker->loop.timers, &worker->drain_timer);
	ouro_pipes_trim(&worker->pipes);
	assert(worker->pipes.open_count == 0);
	close_handling(worker);
	ouro_conns_fini(&worker->conns);
	ouro_rooms_release(worker);
	fini_pools(worker);
	ouro_coders_fini(&worker->coders);
	ouro_loop_fini(&worker->loop);
}

static int run(struct ouro_worker *worker)
{
	int err = 0;

	while (!err && !ouro_worker_is_finished(worker))
		err = ouro_loop_turn(&worker->loop, true);
	return err;
}

/* New connections go to the other workers, not into a backlog that nobody empties. */
static void close_listening(struct ouro_worker *worker)
{
	for (size_t i = 0; i < worker->server->address_count; i++)
		if (worker->listeners[i].accept.fd >= 0)
			close(worker->listeners[i].accept.fd);
}

static void serve(struct ouro_worker *worker)
{
	struct ouro_server *server = worker->server;
	int err = ouro_worker_open(worker);

	atomic_store(&worker->failed, err != 0);
	ouro_server_report_start(server, err);
	if (err)
		return;
	err = run(worker);
	if (err) {
		/* The kernel refused to go on; what the loop holds is not ours to free. */
		ouro_log(&server->log, OURO_LOG_ERROR, "thread %u stopped serving: %s",
			 worker->index, strerror(-err));
		atomic_store(&worker->failed, true);
		ouro_refs_disown(worker);
		ouro_rooms_disown(worker);
		close_listening(worker);
		return;
	}
	ouro_worker_close(worker);
}

static void *worker_main(void *arg)
{
	struct ouro_worker *worker = arg;
	struct ouro_crash_stack stack;

	pin(worker);
	ouro_sigpipe_block(NULL);
	ouro_crash_stack_init(&stack);
	serve(worker);
	ouro_crash_stack_fini(&stack);
	return NULL;
}

int ouro_worker_start(struct ouro_worker *worker)
{
	int err = pthread_create(&worker->thread, NULL, worker_main, worker);

	worker->started = err == 0;
	return -err;
}
