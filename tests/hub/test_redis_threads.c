/* The Redis backend on a thread of its own, loops and publishers on others, who meet it in its
 * locks. */
#include "redis_server.h"

#include "hub/redis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 2, PUBLISHERS = 3, TOPICS = 2, MESSAGES_EACH = 300, BREAKS = 3 };

struct letter {
	int publisher, number;
};

struct listener {
	struct ouro_subscription sub; /* first */
	struct loop *loop;
	int last[PUBLISHERS];
	int told_count;
};

static struct loop {
	struct ouro_hub_loop *loop;
	pthread_t thread;
	int bell[2]; /* a pipe */
	int open_count;
	struct listener listeners[TOPICS];
	struct ouro_subscription brief;
} loops[LOOPS];

static struct redis_server server;
static struct ouro_redis *redis;
static struct ouro_hub *hub;
static struct pollfd watched[OURO_REDIS_CONNECTIONS + 1];
static int redis_bell[2];
static atomic_bool is_over;
static pthread_barrier_t ready;
static const char *const names[TOPICS] = { "red", "blue" };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void ring(void *arg)
{
	const int *bell = arg;

	cr_assert_eq(write(bell[1], "", 1), 1);
}

static void hear(const int *bell)
{
	char byte;

	cr_assert_eq(read(bell[0], &byte, 1), 1);
}

/* ---- The backend's thread ---- */

static void watch(void *arg, unsigned index, int fd, bool read, bool write)
{
	(void)arg;
	watched[index] = (struct pollfd){
		.fd = fd,
		.events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0)),
	};
}

static void *run_redis(void *arg)
{
	struct pollfd *bell = &watched[OURO_REDIS_CONNECTIONS];

	(void)arg;
	*bell = (struct pollfd){ .fd = redis_bell[0], .events = POLLIN };
	ouro_redis_start(redis, hub, now_ms());
	while (!atomic_load(&is_over)) {
		poll(watched, OURO_REDIS_CONNECTIONS + 1, 5);
		for (unsigned i = 0; i < OURO_REDIS_CONNECTIONS; i++)
			if (watched[i].fd >= 0 && watched[i].revents)
				ouro_redis_ready(redis, i, true, watched[i].revents & POLLOUT,
						 now_ms());
		if (bell->revents)
			hear(redis_bell);
		if (bell->revents || ouro_redis_due(redis) <= now_ms())
			ouro_redis_run(redis, now_ms());
	}
	ouro_redis_stop(redis);
	return NULL;
}

/* ---- Loops ---- */

static void on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
		       struct ouro_slice bytes)
{
	struct listener *listener = (struct listener *)(void *)sub;
	struct letter letter;

	(void)message;
	cr_assert_eq(bytes.len, sizeof(letter));
	memcpy(&letter, bytes.ptr, sizeof(letter));
	cr_assert_eq(letter.number, listener->last[letter.publisher] + 1);
	listener->last[letter.publisher] = letter.number;
	if (++listener->told_count == PUBLISHERS * MESSAGES_EACH)
		listener->loop->open_count--;
}

static void on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)sub;
	(void)up_to;
	cr_assert(false);
}

static void ignore_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			   struct ouro_slice bytes)
{
	(void)message;
	(void)bytes;
	ouro_hub_unsubscribe(sub);
}

static void ignore_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)sub;
	(void)up_to;
}

static const struct ouro_subscriber_ops ops = { on_message, on_gap };
static const struct ouro_subscriber_ops brief_ops = { ignore_message, ignore_gap };

static void subscribe(struct loop *loop, const char *topic, struct ouro_subscription *sub,
		      const struct ouro_subscriber_ops *how)
{
	cr_assert_eq(ouro_hub_subscribe(loop->loop, ouro_str_c(topic), sub,
					&(struct ouro_subscription_options){ .ops = how }),
		     0);
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;

	for (int i = 0; i < TOPICS; i++) {
		loop->listeners[i].loop = loop;
		subscribe(loop, names[i], &loop->listeners[i].sub, &ops);
		loop->open_count++;
	}
	pthread_barrier_wait(&ready);
	while (loop->open_count > 0) {
		hear(loop->bell);
		ouro_hub_loop_run(loop->loop);
		/* Topics come and go meanwhile. */
		ouro_hub_unsubscribe(&loop->brief);
		ouro_hub_sweep(hub);
		subscribe(loop, "brief", &loop->brief, &brief_ops);
	}
	ouro_hub_unsubscribe(&loop->brief);
	for (int i = 0; i < TOPICS; i++)
		ouro_hub_unsubscribe(&loop->listeners[i].sub);
	ouro_hub_loop_close(loop->loop);
	return NULL;
}

/* ---- Publishers ---- */

static void publish(int topic, const struct letter *letter)
{
	struct ouro_hub_content content = {
		.kind = OURO_HUB_BINARY,
		.data = ouro_str((const char *)letter, sizeof(*letter)),
	};
	int result;

	do {
		result = ouro_hub_publish(hub, ouro_str_c(names[topic]), &content);
		if (result == -ENOBUFS)
			usleep(1000);
	} while (result == -ENOBUFS);
	cr_assert_eq(result, LOOPS);
}

static void *publish_all(void *arg)
{
	struct letter letter = { .publisher = *(int *)arg };

	pthread_barrier_wait(&ready);
	for (letter.number = 1; letter.number <= MESSAGES_EACH; letter.number++)
		for (int topic = 0; topic < TOPICS; topic++)
			publish(topic, &letter);
	return NULL;
}

static void open_bell(int *bell)
{
	cr_assert_eq(pipe(bell), 0);
}

static void create_all(void)
{
	struct ouro_redis_options options = { .port = server.port,
					      .outbox_count_max = 64,
					      .backoff_ms_min = 1,
					      .backoff_ms_max = 5 };
	struct ouro_redis_driver driver = { .watch = watch, .wake = ring, .arg = redis_bell };

	open_bell(redis_bell);
	cr_assert_eq(ouro_redis_create(&redis, &options, &driver), 0);
	cr_assert_eq(ouro_hub_create(
			     &hub, &(struct ouro_hub_options){ .backend = ouro_redis_backend(redis),
							       .retention_ms = 1 }),
		     0);
	for (int i = 0; i < LOOPS; i++) {
		open_bell(loops[i].bell);
		cr_assert_eq(ouro_hub_loop_create(hub, ring, loops[i].bell, &loops[i].loop), 0);
	}
}

Test(redis_threads, everybody_is_told_everything_once_though_connections_break)
{
	pthread_t backend, publishers[PUBLISHERS];
	int numbers[PUBLISHERS];

	if (!redis_server_exists()) {
		printf("skipped: there is no redis-server (Debian: redis-tools)\n");
		return;
	}
	redis_server_init(&server);
	redis_server_start(&server);
	create_all();
	pthread_barrier_init(&ready, NULL, LOOPS + PUBLISHERS);
	cr_assert_eq(pthread_create(&backend, NULL, run_redis, NULL), 0);
	for (int i = 0; i < LOOPS; i++)
		cr_assert_eq(pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]), 0);
	for (int i = 0; i < PUBLISHERS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&publishers[i], NULL, publish_all, &numbers[i]), 0);
	}
	for (int i = 0; i < BREAKS; i++) {
		usleep(30000);
		redis_server_ask(&server, i % 2 ? "CLIENT KILL TYPE normal\r\n"
						: "CLIENT KILL TYPE pubsub\r\n");
	}
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(publishers[i], NULL);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(loops[i].thread, NULL);
	atomic_store(&is_over, true);
	pthread_join(backend, NULL);
	for (int i = 0; i < LOOPS; i++)
		ouro_hub_loop_destroy(loops[i].loop);
	ouro_hub_destroy(hub);
	ouro_redis_destroy(redis);
	redis_server_fini(&server);
}
