/* Handlers that ask PostgreSQL, without holding up their loop for a moment: wherever libpq would wait,
 * ouro_poll() waits in its place. A few connections serve all handlers, which wait for one to be free.
 *
 *	cc postgres.c $(pkg-config --cflags --libs ouro libpq) -pthread -o postgres
 *	DATABASE_URL=postgresql:///postgres ./postgres
 *	curl http://127.0.0.1:8080/now
 *	curl 'http://127.0.0.1:8080/sleep?ms=1000' & curl http://127.0.0.1:8080/plaintext
 *
 * Where a client goes while its query runs, the query is cancelled. Listens at $OURO_LISTEN, or at
 * tcp://127.0.0.1:8080; the database is $DATABASE_URL, or what libpq's own variables say. */
#include <errno.h>
#include <libpq-fe.h>
#include <ouro.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SESSIONS = 4,
	FREE_WAIT_MS = 10000, /* for a session to become free */
	CONNECT_MS = 5000,    /* for each step towards the database */
	QUERY_MS = 60000,
};

/* ---- The pool ---- */

/* One connection to the database. Whoever took it has it alone. */
struct session {
	PGconn *conn; /* NULL: not connected, or not any more */
	struct session *next;
};

/* A handler that waits for a session; on its stack. */
struct taker {
	struct ouro_ref ref;
	struct session *session; /* NULL: none yet */
	struct taker *next;
};

static struct {
	pthread_mutex_t lock; /* handlers run on the threads of all loops */
	pthread_cond_t broken;
	struct session sessions[SESSIONS];
	struct session *free_list, *to_mend;
	struct taker *first, **last; /* who waits, longest first */
	bool ends;
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.broken = PTHREAD_COND_INITIALIZER,
	.last = &pool.first,
};

static void give_back(struct session *session)
{
	struct taker *taker;

	pthread_mutex_lock(&pool.lock);
	taker = pool.first;
	if (taker) {
		pool.first = taker->next;
		if (!pool.first)
			pool.last = &pool.first;
		taker->session = session;
		ouro_resume(taker->ref, 0);
	} else {
		session->next = pool.free_list;
		pool.free_list = session;
	}
	pthread_mutex_unlock(&pool.lock);
}

/* The lock is held. */
static void leave_queue(const struct taker *taker)
{
	struct taker **link = &pool.first;

	while (*link != taker)
		link = &(*link)->next;
	*link = taker->next;
	if (!*link)
		pool.last = link;
}

/* 0 with a session, or why there is none. */
static int take(struct ouro_ctx *ctx, struct session **session)
{
	struct taker taker = { .ref = ouro_ref(ctx) };
	int err = 0;

	pthread_mutex_lock(&pool.lock);
	taker.session = pool.free_list;
	if (taker.session) {
		pool.free_list = taker.session->next;
	} else {
		*pool.last = &taker;
		pool.last = &taker.next;
	}
	while (!taker.session && err >= 0) {
		pthread_mutex_unlock(&pool.lock);
		err = ouro_wait(ctx, FREE_WAIT_MS);
		pthread_mutex_lock(&pool.lock);
	}
	/* It may have been handed over while the wait came to another end. */
	if (!taker.session)
		leave_queue(&taker);
	pthread_mutex_unlock(&pool.lock);
	*session = taker.session;
	return taker.session ? 0 : err;
}

/* ---- Mending: what libpq cannot do without blocking is done by a thread of its own ---- */

static void mend(struct session *session)
{
	PGcancel *cancel = PQgetCancel(session->conn);
	char why[128];

	/* PQcancel() opens a connection and waits for the server's answer. */
	if (cancel)
		PQcancel(cancel, why, sizeof(why));
	PQfreeCancel(cancel);
	PQfinish(session->conn);
	session->conn = NULL;
}

static void *run_mending(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&pool.lock);
	while (!pool.ends || pool.to_mend) {
		struct session *session = pool.to_mend;

		if (!session) {
			pthread_cond_wait(&pool.broken, &pool.lock);
			continue;
		}
		pool.to_mend = session->next;
		pthread_mutex_unlock(&pool.lock);
		mend(session);
		give_back(session);
		pthread_mutex_lock(&pool.lock);
	}
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

/* Deferred by whoever took a session, so it runs when that handler has answered, panicked, or was
 * cancelled because its client has gone. Must not wait. */
static void release(void *arg)
{
	struct session *session = arg;

	if (!session->conn || (PQstatus(session->conn) == CONNECTION_OK &&
			       PQtransactionStatus(session->conn) == PQTRANS_IDLE)) {
		give_back(session);
		return;
	}
	pthread_mutex_lock(&pool.lock);
	session->next = pool.to_mend;
	pool.to_mend = session;
	pthread_cond_signal(&pool.broken);
	pthread_mutex_unlock(&pool.lock);
}

/* ---- libpq, with waits that are ouro's ---- */

static int wait_for(struct ouro_ctx *ctx, const PGconn *conn, short events, uint32_t ms)
{
	int ready = ouro_poll(ctx, PQsocket(conn), events, ms);

	return ready < 0 ? ready : 0;
}

/* 0 with a connected session. (A host name in the URL is looked up by libpq, and that blocks: give it
 * an address, or a socket's folder.) */
static int reach_database(struct ouro_ctx *ctx, struct session *session)
{
	const char *url = getenv("DATABASE_URL");
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	int err = 0;

	if (session->conn && PQstatus(session->conn) == CONNECTION_OK)
		return 0;
	PQfinish(session->conn);
	session->conn = PQconnectStart(url ? url : "");
	if (!session->conn)
		return -ENOMEM;
	if (PQstatus(session->conn) == CONNECTION_BAD)
		return -EHOSTUNREACH;
	while (!err && (step == PGRES_POLLING_WRITING || step == PGRES_POLLING_READING)) {
		err = wait_for(ctx, session->conn, step == PGRES_POLLING_WRITING ? POLLOUT : POLLIN,
			       CONNECT_MS);
		if (!err)
			step = PQconnectPoll(session->conn);
	}
	if (err)
		return err;
	return step == PGRES_POLLING_OK && PQsetnonblocking(session->conn, 1) == 0 ? 0
										   : -EHOSTUNREACH;
}

/* All that was sent has gone out; what the server says meanwhile is taken in, or both would wait. */
static int flush(struct ouro_ctx *ctx, PGconn *conn)
{
	int left, err = 0;

	while (!err && (left = PQflush(conn)) != 0) {
		if (left < 0)
			return -EIO;
		err = wait_for(ctx, conn, POLLIN | POLLOUT, QUERY_MS);
		if (!err && !PQconsumeInput(conn))
			return -EIO;
	}
	return err;
}

/* The next result, NULL behind the last; 0, or why there is none. */
static int next_result(struct ouro_ctx *ctx, PGconn *conn, PGresult **result)
{
	while (PQisBusy(conn)) {
		int err = wait_for(ctx, conn, POLLIN, QUERY_MS);

		if (err)
			return err;
		if (!PQconsumeInput(conn))
			return -EIO;
	}
	*result = PQgetResult(conn);
	return 0;
}

/* Asks one question with one parameter (NULL: none), and takes the one value of the answer, into
 * memory of the context. */
static int ask(struct ouro_ctx *ctx, PGconn *conn, const char *sql, const char *param,
	       struct ouro_str *value)
{
	PGresult *result = NULL;
	int err;

	*value = (struct ouro_str){ NULL, 0 };
	if (!PQsendQueryParams(conn, sql, param ? 1 : 0, NULL, &param, NULL, NULL, 0))
		return -EIO;
	err = flush(ctx, conn);
	while (!err && !(err = next_result(ctx, conn, &result)) && result) {
		if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
			size_t len = (size_t)PQgetlength(result, 0, 0);
			char *copy = ouro_alloc(ctx, len + 1);

			if (copy)
				memcpy(copy, PQgetvalue(result, 0, 0), len);
			*value = (struct ouro_str){ copy, len };
		} else {
			fprintf(stderr, "database: %s", PQresultErrorMessage(result));
		}
		PQclear(result);
	}
	if (err)
		return err;
	return value->ptr ? 0 : -EIO;
}

/* ---- Handlers ---- */

static void answer(struct ouro_ctx *ctx, const char *sql, const char *param)
{
	struct session *session;
	struct ouro_str value;
	int err = take(ctx, &session);

	if (err) {
		ouro_reject(ctx, err == -ETIMEDOUT ? -EAGAIN : err);
		return;
	}
	ouro_defer(ctx, release, session);
	err = reach_database(ctx, session);
	if (!err)
		err = ask(ctx, session->conn, sql, param, &value);
	if (!err)
		ouro_text(ctx, 200, value);
	else if (err == -ECANCELED)
		return; /* nobody is there any more */
	else
		ouro_error(ctx, err == -ETIMEDOUT ? 504 : 502, "the database does not answer");
}

static void now(struct ouro_ctx *ctx)
{
	answer(ctx, "SELECT now()", NULL);
}
OURO_GET("/now", now);

static void sleep_there(struct ouro_ctx *ctx)
{
	struct ouro_str ms = ouro_query(ctx, "ms");
	char text[8];

	if (ms.len == 0 || ms.len >= sizeof(text)) {
		ouro_error(ctx, 400, "ms must be a number");
		return;
	}
	memcpy(text, ms.ptr, ms.len);
	text[ms.len] = '\0';
	answer(ctx, "SELECT 'slept' FROM (SELECT pg_sleep($1::int / 1000.0)) AS slept", text);
}
OURO_GET("/sleep", sleep_there);

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("Hello, World!"));
}
OURO_GET("/plaintext", plaintext, OURO_INLINE);

static int run(struct ouro_server *server)
{
	pthread_t mender;
	int err = -pthread_create(&mender, NULL, run_mending, NULL);

	if (err)
		return err;
	for (int i = 0; i < SESSIONS; i++)
		give_back(&pool.sessions[i]);
	err = ouro_server_run(server);
	pthread_mutex_lock(&pool.lock);
	pool.ends = true;
	pthread_cond_signal(&pool.broken);
	pthread_mutex_unlock(&pool.lock);
	pthread_join(mender, NULL);
	for (int i = 0; i < SESSIONS; i++)
		PQfinish(pool.sessions[i].conn);
	return err;
}

int main(void)
{
	/* One loop is enough to show that none of this blocks it. */
	struct ouro_options options = { .listen = getenv("OURO_LISTEN"), .threads = 1 };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = ouro_server_declared(server);
	if (!err)
		err = run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
