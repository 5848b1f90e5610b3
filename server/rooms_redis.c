/* The backend on Redis, driven by the first worker's loop: see server/rooms_redis.h. */
#include "server/rooms_redis.h"

#include "engine/offload.h"
#include "hub/redis.h"
#include "server/hub_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTBOX_MESSAGES = 2 /* of the largest size are to fit into the outbox */ };

struct link;

/* One of the two things that a connection is watched for. The operation is armed again after each
 * completion, as long as that is wanted. */
struct watch {
	struct ouro_op_poll poll; /* first */
	struct link *link;
	bool is_wanted;
};

/* One of the connections. A completion may be of one that was closed, and whose descriptor the next one
 * has got: each has a number of its own, which its operations have in their tags. */
struct link {
	struct ouro_rooms_redis *rooms;
	int fd;
	uint32_t number;
	struct watch read, write;
};

/* A name that is looked up by a thread of the offload pool. */
struct find {
	struct ouro_offload_job job; /* first */
	struct ouro_rooms_redis *rooms;
	struct ouro_mail refused; /* the pool has not taken it */
	char name[OURO_REDIS_ADDRESS_BYTES_MAX + 1];
	uint32_t attempt; /* of the addresses that a name has, each has its turn */
	bool is_out;      /* its end is to come ... */
	bool is_queued;   /* ... from the pool */
	char address[INET6_ADDRSTRLEN + 16]; /* with a zone */
	const char *problem;                 /* NULL: it was found */
};

struct ouro_rooms_redis {
	struct ouro_server *server;
	struct ouro_worker *worker; /* the first; NULL: it is not open */
	struct ouro_redis *redis;
	struct link links[OURO_REDIS_CONNECTIONS];
	struct find find;
	struct ouro_mail wake, last;
	struct ouro_timer due, flush;
	bool is_last;     /* the other workers have ended */
	bool is_flushing; /* @flush was set, or is over */
	bool is_stopped;
	bool is_lost; /* the loop does not turn any more */
};

static uint64_t now_ms(const struct ouro_rooms_redis *rooms)
{
	return rooms->worker->loop.now_ns / 1000000;
}

/* After each call that may change when the next is due. */
static void set_due(struct ouro_rooms_redis *rooms)
{
	struct ouro_timers *timers = &rooms->worker->loop.timers;
	uint64_t due_ms = ouro_redis_due(rooms->redis);

	if (due_ms == UINT64_MAX)
		ouro_timer_stop(timers, &rooms->due);
	else if (rooms->due.due_ns != due_ms * 1000000 || !ouro_timer_is_set(&rooms->due))
		ouro_timer_set(timers, &rooms->due, due_ms * 1000000);
}

/* ---- Watching ---- */

static void arm(struct watch *watch)
{
	struct link *link = watch->link;
	struct ouro_backend *backend = link->rooms->worker->loop.backend;

	if (!watch->is_wanted || watch->poll.op.in_flight)
		return;
	watch->poll.op.fd = link->fd;
	watch->poll.op.tag = link->number;
	backend->ops->submit(backend, &watch->poll.op);
}

static void on_polled(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct watch *watch = (struct watch *)(void *)op;
	struct link *link = watch->link;
	struct ouro_rooms_redis *rooms = link->rooms;
	bool is_for_write = watch == &link->write;

	(void)buf;
	(void)flags;
	if (watch->is_wanted && op->tag == link->number && op->result != -ECANCELED) {
		ouro_redis_ready(rooms->redis, (unsigned)(link - rooms->links), !is_for_write,
				 is_for_write, now_ms(rooms));
		set_due(rooms);
	}
	arm(watch);
}

static void want(struct watch *watch, bool is_wanted)
{
	struct ouro_backend *backend = watch->link->rooms->worker->loop.backend;

	watch->is_wanted = is_wanted;
	if (!is_wanted && watch->poll.op.in_flight)
		backend->ops->cancel(backend, &watch->poll.op);
	arm(watch);
}

static void on_watch(void *arg, unsigned index, int fd, bool read, bool write)
{
	struct ouro_rooms_redis *rooms = arg;
	struct link *link = &rooms->links[index];

	if (rooms->is_lost)
		return;
	if (fd != link->fd) {
		link->fd = fd;
		link->number++;
	}
	want(&link->read, read);
	want(&link->write, write);
}

static void init_watch(struct watch *watch, struct link *link, short events)
{
	*watch = (struct watch){
		.poll = { .op = { .on_complete = on_polled, .kind = OURO_OP_POLL, .fd = -1 },
			  .events = events },
		.link = link,
	};
}

static void init_links(struct ouro_rooms_redis *rooms)
{
	for (size_t i = 0; i < OURO_REDIS_CONNECTIONS; i++) {
		struct link *link = &rooms->links[i];

		*link = (struct link){ .rooms = rooms, .fd = -1 };
		init_watch(&link->read, link, POLLIN);
		init_watch(&link->write, link, POLLOUT);
	}
}

/* ---- Waking ---- */

static void run(struct ouro_rooms_redis *rooms)
{
	ouro_redis_run(rooms->redis, now_ms(rooms));
	set_due(rooms);
}

static void on_woken(struct ouro_mail *mail)
{
	run((struct ouro_rooms_redis *)(void *)((char *)mail -
						offsetof(struct ouro_rooms_redis, wake)));
}

static void on_due(struct ouro_timer *timer)
{
	run((struct ouro_rooms_redis *)(void *)((char *)timer -
						offsetof(struct ouro_rooms_redis, due)));
}

static void on_wake(void *arg)
{
	struct ouro_rooms_redis *rooms = arg;

	ouro_loop_post(&rooms->worker->loop, &rooms->wake);
}

/* ---- Finding the address ---- */

/* On a thread of the pool. */
static void look_up(struct ouro_offload_job *job)
{
	struct find *find = (struct find *)(void *)job;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *found;
	uint32_t count = 0, chosen;
	int err = getaddrinfo(find->name, NULL, &hints, &all);

	if (err) {
		find->problem = gai_strerror(err);
		return;
	}
	for (found = all; found; found = found->ai_next)
		count++;
	chosen = find->attempt++ % count;
	for (found = all; chosen > 0; chosen--)
		found = found->ai_next;
	err = getnameinfo(found->ai_addr, found->ai_addrlen, find->address, sizeof(find->address),
			  NULL, 0, NI_NUMERICHOST);
	find->problem = err ? gai_strerror(err) : NULL;
	freeaddrinfo(all);
}

static void end_find(struct find *find)
{
	struct ouro_rooms_redis *rooms = find->rooms;

	find->is_out = find->is_queued = false;
	ouro_redis_found(rooms->redis, find->problem ? NULL : find->address, find->problem,
			 now_ms(rooms));
	set_due(rooms);
}

static void on_looked_up(struct ouro_offload_job *job)
{
	end_find((struct find *)(void *)job);
}

static void on_refused(struct ouro_mail *mail)
{
	end_find((struct find *)(void *)((char *)mail - offsetof(struct find, refused)));
}

static void on_find(void *arg, const char *name)
{
	struct ouro_rooms_redis *rooms = arg;
	struct ouro_loop *loop = &rooms->worker->loop;
	struct find *find = &rooms->find;
	int err;

	snprintf(find->name, sizeof(find->name), "%s", name);
	find->is_out = true;
	find->job =
		(struct ouro_offload_job){ .run = look_up, .on_done = on_looked_up, .loop = loop };
	err = ouro_offload_submit(rooms->server->offload, &find->job);
	find->is_queued = err == 0;
	if (!err)
		return;
	find->problem = strerror(-err);
	find->refused.on_arrival = on_refused;
	ouro_loop_post(loop, &find->refused);
}

/* ---- Beginning and end ---- */

static int create(struct ouro_rooms_redis *rooms, const struct ouro_hub_url *url)
{
	struct ouro_server *server = rooms->server;
	const struct ouro_options *options = &server->options;
	const struct ouro_redis_driver driver = { on_watch, on_wake, on_find, rooms };
	struct ouro_redis_options redis_options = {
		.address = url->host,
		.port = url->port,
		.unix_path = url->path,
		.user = url->user,
		.password = url->password,
		.database = url->database,
		.prefix = options->hub_prefix,
		.stream_count_max = OURO_REDIS_STREAM_COUNT_DEFAULT,
		.outbox_bytes_max = OURO_REDIS_OUTBOX_BYTES_DEFAULT,
		.log = &server->log,
	};

	/* What a topic keeps here is to come from there, and what may be published is to fit. */
	if (options->replay_count_max != OURO_HUB_NO_REPLAY &&
	    options->replay_count_max > redis_options.stream_count_max)
		redis_options.stream_count_max = options->replay_count_max;
	if (redis_options.outbox_bytes_max < (size_t)options->message_bytes_max * OUTBOX_MESSAGES)
		redis_options.outbox_bytes_max =
			(size_t)options->message_bytes_max * OUTBOX_MESSAGES;
	return ouro_redis_create(&rooms->redis, &redis_options, &driver);
}

/* The URL is parsed, and wiped afterwards: it may have a password. */
static int create_from(struct ouro_rooms_redis *rooms, struct ouro_hub_url *url)
{
	const struct ouro_options *options = &rooms->server->options;
	const char *problem;
	int err = ouro_hub_url_parse(options->hub, url, &problem);

	if (!err) {
		problem = "the host, the path or the prefix is too long";
		err = create(rooms, url);
	}
	if (err == -EINVAL)
		ouro_log(&rooms->server->log, OURO_LOG_ERROR,
			 "hub: %s; a hub is redis://[[user]:password@]host[:port][/database], or "
			 "redis+unix://[[user]:password@]/path[?db=database]",
			 problem);
	return err;
}

int ouro_rooms_redis_create(struct ouro_server *server, struct ouro_hub_backend **backend)
{
	struct ouro_rooms_redis *rooms;
	struct ouro_hub_url url;
	int err;

	*backend = NULL;
	if (!server->options.hub)
		return 0;
	rooms = calloc(1, sizeof(*rooms));
	if (!rooms)
		return -ENOMEM;
	rooms->server = server;
	rooms->find.rooms = rooms;
	rooms->wake.on_arrival = on_woken;
	rooms->due.on_due = on_due;
	init_links(rooms);
	err = create_from(rooms, &url);
	explicit_bzero(&url, sizeof(url));
	if (err) {
		free(rooms);
		return err;
	}
	server->redis = rooms;
	*backend = ouro_redis_backend(rooms->redis);
	return 0;
}

void ouro_rooms_redis_destroy(struct ouro_server *server)
{
	struct ouro_rooms_redis *rooms = server->redis;

	if (!rooms)
		return;
	ouro_redis_destroy(rooms->redis);
	free(rooms);
	server->redis = NULL;
}

/* One that has failed left its timers set, operations in flight, and a look-up that has ended with the pool
 * that it was in. */
static void forget_lost_loop(struct ouro_rooms_redis *rooms)
{
	struct find *find = &rooms->find;

	init_links(rooms);
	rooms->due.place = rooms->flush.place = 0;
	if (!find->is_out)
		return;
	find->is_out = find->is_queued = false;
	ouro_redis_found(rooms->redis, NULL, "the loop has failed", now_ms(rooms));
}

int ouro_rooms_redis_open(struct ouro_worker *worker)
{
	struct ouro_server *server = worker->server;
	struct ouro_rooms_redis *rooms = server->redis;

	if (!rooms || worker->index != 0)
		return 0;
	rooms->worker = worker;
	rooms->is_last = server->worker_count == 1;
	rooms->is_flushing = rooms->is_stopped = rooms->is_lost = false;
	forget_lost_loop(rooms);
	/* The place among the timers is had from here on. */
	if (ouro_timer_set(&worker->loop.timers, &rooms->due, worker->loop.now_ns))
		return -ENOMEM;
	ouro_redis_start(rooms->redis, server->hub, now_ms(rooms));
	set_due(rooms);
	return 0;
}

static void on_last(struct ouro_mail *mail)
{
	struct ouro_rooms_redis *rooms =
		(struct ouro_rooms_redis *)(void *)((char *)mail -
						    offsetof(struct ouro_rooms_redis, last));

	rooms->is_last = true;
}

void ouro_rooms_redis_be_last(struct ouro_server *server)
{
	struct ouro_rooms_redis *rooms = server->redis;

	/* A single worker is last from the beginning, and may be gone. */
	if (!rooms || server->worker_count == 1)
		return;
	rooms->last.on_arrival = on_last;
	ouro_loop_post(&rooms->worker->loop, &rooms->last);
}

/* The turn is all that it is for. */
static void on_flush_over(struct ouro_timer *timer)
{
	(void)timer;
}

static bool is_flushed(struct ouro_rooms_redis *rooms)
{
	struct ouro_loop *loop = &rooms->worker->loop;
	uint64_t end_ns = loop->now_ns + OURO_ROOMS_FLUSH_MS * UINT64_C(1000000);

	if (ouro_redis_get_stats(rooms->redis).outbox_count == 0)
		return true;
	if (rooms->is_flushing)
		return !ouro_timer_is_set(&rooms->flush);
	rooms->is_flushing = true;
	rooms->flush.on_due = on_flush_over;
	if (end_ns < rooms->worker->drain_timer.due_ns)
		end_ns = rooms->worker->drain_timer.due_ns;
	return ouro_timer_set(&loop->timers, &rooms->flush, end_ns) != 0;
}

static void stop(struct ouro_rooms_redis *rooms)
{
	struct find *find = &rooms->find;

	rooms->is_stopped = true;
	ouro_redis_stop(rooms->redis);
	set_due(rooms);
	ouro_timer_stop(&rooms->worker->loop.timers, &rooms->flush);
	if (find->is_queued && ouro_offload_cancel(rooms->server->offload, &find->job)) {
		find->problem = "it stops";
		end_find(find);
	}
}

bool ouro_rooms_redis_may_end(struct ouro_worker *worker)
{
	struct ouro_rooms_redis *rooms = worker->server->redis;

	if (!rooms || worker->index != 0)
		return true;
	if (!rooms->is_stopped) {
		if (!rooms->is_last || !is_flushed(rooms))
			return false;
		stop(rooms);
	}
	return !rooms->find.is_out;
}

void ouro_rooms_redis_disown(struct ouro_worker *worker)
{
	struct ouro_rooms_redis *rooms = worker->server->redis;

	if (!rooms || worker->index != 0)
		return;
	rooms->is_lost = true;
	ouro_redis_stop(rooms->redis);
}

bool ouro_rooms_redis_get_stats(struct ouro_server *server, struct ouro_rooms_redis_stats *stats)
{
	struct ouro_redis_stats of_redis;

	if (!server->redis)
		return false;
	of_redis = ouro_redis_get_stats(server->redis->redis);
	*stats = (struct ouro_rooms_redis_stats){
		.is_connected = of_redis.is_up,
		.connects = of_redis.connect_count,
		.queued = of_redis.outbox_count,
		.queued_bytes = of_redis.outbox_bytes,
		.lost = of_redis.rejected_count,
	};
	return true;
}
