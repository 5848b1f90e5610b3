/* Handlers that wait, in straight lines, while their loop serves others: for time, for work on another
 * thread, for a thread of the program's own, and for each other.
 *
 *	cc wait.c $(pkg-config --cflags --libs ouro) -pthread -o wait && ./wait
 *	curl http://127.0.0.1:8080/sleep/500
 *	curl http://127.0.0.1:8080/primes/5000000
 *	curl http://127.0.0.1:8080/dice
 *	curl http://127.0.0.1:8080/poll & curl -d news http://127.0.0.1:8080/publish
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <errno.h>
#include <ouro.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The parameter @name, which is digits: the route lets nothing else through. */
static long number(struct ouro_ctx *ctx, const char *name)
{
	struct ouro_str text = ouro_param(ctx, name);
	long sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum = sum * 10 + (text.ptr[i] - '0');
	return sum;
}

static void answer_number(struct ouro_ctx *ctx, long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", value);

	ouro_text(ctx, 200, (struct ouro_str){ text, (size_t)len });
}

/* ---- Time ---- */

static void slow(struct ouro_ctx *ctx)
{
	/* Not 0: the client has gone, and what this would have answered nobody wants. */
	if (ouro_sleep(ctx, (uint32_t)number(ctx, "ms")) == 0)
		ouro_text(ctx, 200, OURO_STR("awake\n"));
}
OURO_GET("/sleep/{ms:[0-9]{1,5}}", slow);

/* The time a handler may take is a limit of its route: behind it whatever waits ends, and the client
 * gets 503. */
OURO_GET("/hasty/{ms:[0-9]{1,5}}", slow, OURO_HANDLER_TIMEOUT(100));

/* ---- Work that would hold up the loop ---- */

struct count_primes {
	long below, result;
};

static void count_primes(void *arg)
{
	struct count_primes *work = arg;
	char *composite = calloc((size_t)work->below + 1, 1);

	work->result = composite ? 0 : -1;
	for (long i = 2; composite && i < work->below; i++) {
		if (composite[i])
			continue;
		work->result++;
		for (long multiple = 2 * i; multiple < work->below; multiple += i)
			composite[multiple] = 1;
	}
	free(composite);
}

static void primes(struct ouro_ctx *ctx)
{
	struct count_primes work = { .below = number(ctx, "below") };
	int err = ouro_offload(ctx, count_primes, &work, sizeof(work));

	if (err)
		ouro_reject(ctx, err);
	else if (work.result < 0)
		ouro_error(ctx, 503, NULL);
	else
		answer_number(ctx, work.result);
}
OURO_GET("/primes/{below:[0-9]{1,7}}", primes);

/* ---- A thread of the program's own ---- */

/* One throw after the other, each for whoever has waited longest. The threads know handlers by name
 * (ouro_ref) alone: a name of one that is gone does no harm. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct ouro_ref queue[64];
	size_t count;
	bool ends;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER };

static void *throw_dice(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	unsigned seed = 1;
	struct ouro_ref first;

	(void)arg;
	pthread_mutex_lock(&table.lock);
	while (!table.ends) {
		if (table.count == 0) {
			pthread_cond_wait(&table.wanted, &table.lock);
			continue;
		}
		first = table.queue[0];
		memmove(table.queue, table.queue + 1, --table.count * sizeof(first));
		pthread_mutex_unlock(&table.lock);
		nanosleep(&pause, NULL); /* dice roll */
		seed = seed * 1103515245 + 12345;
		ouro_resume(first, (int)(seed / 65536 % 6) + 1);
		pthread_mutex_lock(&table.lock);
	}
	pthread_mutex_unlock(&table.lock);
	return NULL;
}

static void dice(struct ouro_ctx *ctx)
{
	struct ouro_ref ref = ouro_ref(ctx);
	bool full;
	int thrown;

	pthread_mutex_lock(&table.lock);
	full = table.count == sizeof(table.queue) / sizeof(table.queue[0]);
	if (!full) {
		table.queue[table.count++] = ref;
		pthread_cond_signal(&table.wanted);
	}
	pthread_mutex_unlock(&table.lock);
	if (full) {
		ouro_reject(ctx, -EAGAIN);
		return;
	}
	/* A throw that is done before this line is not lost. */
	thrown = ouro_wait(ctx, 5000);
	if (thrown > 0)
		answer_number(ctx, thrown);
	else
		ouro_reject(ctx, thrown == -ETIMEDOUT ? -EAGAIN : thrown);
}
OURO_GET("/dice", dice);

/* ---- Each other: a long poll ---- */

/* One that waits for news. It stands on its handler's stack and takes itself off the list. */
struct reader {
	struct reader *next, **link;
	struct ouro_ref ref;
};

static struct {
	pthread_mutex_t lock; /* readers are on any of the loops' threads */
	struct reader *readers;
	unsigned reader_count;
	size_t news_bytes;
	char news[1024];
} board = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum { READERS_MAX = 10000 };

static bool enlist(struct reader *reader)
{
	bool fits;

	pthread_mutex_lock(&board.lock);
	fits = board.reader_count < READERS_MAX;
	if (fits) {
		board.reader_count++;
		reader->next = board.readers;
		reader->link = &board.readers;
		if (reader->next)
			reader->next->link = &reader->next;
		board.readers = reader;
	}
	pthread_mutex_unlock(&board.lock);
	return fits;
}

static void delist(struct reader *reader)
{
	pthread_mutex_lock(&board.lock);
	board.reader_count--;
	*reader->link = reader->next;
	if (reader->next)
		reader->next->link = reader->link;
	pthread_mutex_unlock(&board.lock);
}

static void poll_news(struct ouro_ctx *ctx)
{
	struct reader reader = { .ref = ouro_ref(ctx) };
	char *news = ouro_alloc(ctx, sizeof(board.news));
	size_t len;
	int woken;

	if (!news || !enlist(&reader)) {
		ouro_reject(ctx, -EAGAIN);
		return;
	}
	woken = ouro_wait(ctx, 30000);
	/* Also where the client has gone: a wait that is cancelled returns like any other. */
	delist(&reader);
	if (woken == -ETIMEDOUT)
		ouro_send(ctx, 204, NULL, OURO_STR("")); /* no news; ask again */
	if (woken < 0)
		return;
	pthread_mutex_lock(&board.lock);
	len = board.news_bytes;
	memcpy(news, board.news, len);
	pthread_mutex_unlock(&board.lock);
	ouro_text(ctx, 200, (struct ouro_str){ news, len });
}
OURO_GET("/poll", poll_news);

static void publish(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	unsigned count = 0;
	int err = ouro_body(ctx, &body);

	if (err) {
		ouro_reject(ctx, err);
		return;
	}
	pthread_mutex_lock(&board.lock);
	board.news_bytes = body.len;
	if (body.len > 0)
		memcpy(board.news, body.ptr, body.len);
	for (const struct reader *reader = board.readers; reader; reader = reader->next)
		count += ouro_resume(reader->ref, 0) == 0;
	pthread_mutex_unlock(&board.lock);
	answer_number(ctx, count);
}
OURO_POST("/publish", publish, OURO_BODY_MAX(sizeof(board.news)));

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	pthread_t thrower;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = -pthread_create(&thrower, NULL, throw_dice, NULL);
	if (!err) {
		err = ouro_server_run(server);
		pthread_mutex_lock(&table.lock);
		table.ends = true;
		pthread_cond_signal(&table.wanted);
		pthread_mutex_unlock(&table.lock);
		pthread_join(thrower, NULL);
	}
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
