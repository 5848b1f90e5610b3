/* WebSockets of a worker: see server/ws.h. */
#include "server/ws.h"

#include "ouro/rooms.h"
#include "server/server_private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct ouro_ws_events session_events;

/* ---- A worker's ---- */

static struct ouro_ws_conn *conn_of(struct ouro_ws_session *session)
{
	return (struct ouro_ws_conn *)(void *)session;
}

static uint32_t host_now_ms(void *arg)
{
	const struct ouro_worker *worker = arg;

	return ouro_loop_ms(&worker->loop);
}

static bool host_is_scarce(void *arg, struct ouro_buf *buf)
{
	struct ouro_worker *worker = arg;
	struct ouro_recvpool *pool = &worker->loop.backend->recvpool;

	return ouro_recvpool_owns(pool, buf) && ouro_recvpool_is_scarce(pool);
}

void ouro_ws_open_worker(struct ouro_worker *worker)
{
	const struct ouro_ws_host host = {
		.now_ms = host_now_ms,
		.is_scarce = host_is_scarce,
		.arg = worker,
		.counters = &worker->loop.counters,
	};
	const struct ouro_ws_loop_options options = { 0 };

	ouro_ws_loop_init(&worker->ws, &host, &options);
	ouro_pool_init(&worker->ws_conns, sizeof(struct ouro_ws_conn));
	ouro_pool_init(&worker->ws_queued, sizeof(struct ouro_ws_queued));
}

void ouro_ws_close_worker(struct ouro_worker *worker)
{
	assert(!worker->ws_kinds);
	ouro_ws_loop_fini(&worker->ws);
	ouro_pool_fini(&worker->ws_conns);
	ouro_pool_fini(&worker->ws_queued);
}

void ouro_ws_trim(struct ouro_worker *worker)
{
	ouro_ws_loop_trim(&worker->ws);
	ouro_pool_trim(&worker->ws_conns);
	ouro_pool_trim(&worker->ws_queued);
}

bool ouro_ws_drain(struct ouro_stream *stream)
{
	struct ouro_ws_session *session = ouro_ws_session_of(stream);

	if (!session)
		return false;
	/* One that is closing already has a deadline for that. */
	ouro_ws_conn_close(conn_of(session), OURO_WS_CODE_GOING_AWAY, OURO_STR(""));
	return true;
}

/* ---- Kinds ---- */

static bool is_kind(const struct ouro_ws_kind *kind, const struct ouro_ws_endpoint_options *options,
		    const struct ouro_ws_callbacks *callbacks, const char *protocol)
{
	/* Neither has padding. */
	static_assert(sizeof(*options) == 10 * sizeof(uint32_t), "compared byte by byte");
	static_assert(sizeof(*callbacks) == 5 * sizeof(ouro_handler_fn), "likewise");
	return kind->protocol == protocol && memcmp(&kind->given, options, sizeof(*options)) == 0 &&
	       memcmp(&kind->callbacks, callbacks, sizeof(*callbacks)) == 0;
}

/* A program has few of them; one that makes options up for each connection must not have all of them
 * compared. */
enum { KINDS_LOOKED_AT = 16 };

static struct ouro_ws_kind *kind_get(struct ouro_worker *worker,
				     const struct ouro_ws_endpoint_options *options,
				     const struct ouro_ws_callbacks *callbacks,
				     const char *protocol)
{
	struct ouro_ws_kind *kind = worker->ws_kinds;

	for (int i = 0; kind && i < KINDS_LOOKED_AT; i++, kind = kind->next)
		if (is_kind(kind, options, callbacks, protocol)) {
			kind->uses++;
			return kind;
		}
	kind = malloc(sizeof(*kind));
	if (!kind)
		return NULL;
	*kind = (struct ouro_ws_kind){
		.next = worker->ws_kinds,
		.worker = worker,
		.uses = 1,
		.protocol = protocol,
		.given = *options,
		.callbacks = *callbacks,
	};
	ouro_ws_endpoint_init(&kind->endpoint, &worker->ws, &session_events, options);
	kind->link = &worker->ws_kinds;
	if (kind->next)
		kind->next->link = &kind->next;
	worker->ws_kinds = kind;
	return kind;
}

static void kind_put(struct ouro_ws_kind *kind)
{
	if (--kind->uses > 0)
		return;
	*kind->link = kind->next;
	if (kind->next)
		kind->next->link = kind->link;
	free(kind);
}

/* ---- The last callback ---- */

/* Programs free in on_close what a connection had, so it must come though memory is short. For that
 * there is an exchange's memory that all connections of a worker share, for theirs come one at a time. */
static bool spare_get(struct ouro_worker *worker)
{
	if (!worker->ws_spare)
		worker->ws_spare = ouro_pool_get(&worker->exchanges);
	return worker->ws_spare != NULL;
}

/* Puts it where the next exchange is taken from. */
static void spare_put(struct ouro_worker *worker)
{
	if (worker->ws_spare)
		ouro_pool_put(&worker->exchanges, worker->ws_spare);
	worker->ws_spare = NULL;
}

/* ---- Connections ---- */

static struct ouro_worker *worker_of(const struct ouro_ws_conn *conn)
{
	return ouro_ws_kind_of(conn)->worker;
}

static const struct ouro_ws_callbacks *callbacks_of(const struct ouro_ws_conn *conn)
{
	return &ouro_ws_kind_of(conn)->callbacks;
}

static bool is_straight(const struct ouro_ws_conn *conn)
{
	return !callbacks_of(conn)->on_message;
}

static bool has_last_callback(const struct ouro_ws_conn *conn)
{
	return !is_straight(conn) && callbacks_of(conn)->on_close;
}

struct ouro_ws_conn *ouro_ws_conn_create(struct ouro_worker *worker,
					 const struct ouro_ws_endpoint_options *options,
					 const struct ouro_ws_callbacks *callbacks,
					 const char *protocol)
{
	struct ouro_ws_conn *conn = ouro_pool_get(&worker->ws_conns);
	struct ouro_ws_kind *kind;

	if (!conn)
		return NULL;
	kind = kind_get(worker, options, callbacks, protocol);
	if (!kind) {
		ouro_pool_put(&worker->ws_conns, conn);
		return NULL;
	}
	*conn = (struct ouro_ws_conn){ .session = { .endpoint = &kind->endpoint } };
	if (has_last_callback(conn) && !spare_get(worker)) {
		ouro_ws_conn_destroy(conn);
		return NULL;
	}
	return conn;
}

bool ouro_ws_pop(struct ouro_ctx *ctx, struct ouro_ws_message *message)
{
	struct ouro_ws_inbox *inbox = &ctx->inbox;
	struct ouro_ws_queued *queued = inbox->first;

	if (!queued)
		return false;
	inbox->first = queued->next;
	if (!inbox->first)
		inbox->last = NULL;
	inbox->count--;
	inbox->bytes -= (uint32_t)queued->slice.len;
	message->type = queued->type;
	message->slice = queued->slice;
	message->data = ouro_str(queued->slice.ptr, queued->slice.len);
	ouro_pool_put(&ctx->worker->ws_queued, queued);
	return true;
}

int ouro_ws_conn_close(struct ouro_ws_conn *conn, unsigned code, struct ouro_str reason)
{
	int err = ouro_ws_session_close(&conn->session, code, reason);

	if (!err)
		ouro_rooms_leave(&conn->subscriber);
	return err;
}

static struct ouro_ws_conn *subscriber_conn(struct ouro_subscriber *subscriber)
{
	return (struct ouro_ws_conn *)(void *)((char *)subscriber -
					       offsetof(struct ouro_ws_conn, subscriber));
}

int ouro_ws_conn_deliver(struct ouro_subscriber *subscriber, struct ouro_slice frame)
{
	struct ouro_ws_conn *conn = subscriber_conn(subscriber);
	struct ouro_counters *counters = &worker_of(conn)->loop.counters;
	int err = ouro_ws_session_send_frame(&conn->session, frame);

	if (!err) {
		ouro_counter_add(&counters->ws_messages_out, 1);
		ouro_counter_add(&counters->ws_room_messages_out, 1);
	}
	/* A policy may have closed it. */
	return conn->session.state == OURO_WS_OPEN ? err : -EPIPE;
}

bool ouro_ws_conn_has_room(struct ouro_subscriber *subscriber)
{
	return ouro_ws_session_has_room(&subscriber_conn(subscriber)->session);
}

void ouro_ws_conn_destroy(struct ouro_ws_conn *conn)
{
	struct ouro_ws_kind *kind = ouro_ws_kind_of(conn);
	struct ouro_worker *worker = kind->worker;

	ouro_pool_put(&worker->ws_conns, conn);
	kind_put(kind);
	if (!worker->ws_kinds)
		spare_put(worker);
}

void ouro_ws_conn_open(struct ouro_ws_conn *conn, struct ouro_ctx *ctx,
		       const struct ouro_ws_deflate_params *deflate)
{
	struct ouro_timers *timers = &ctx->worker->loop.timers;

	conn->ctx = ctx;
	ctx->ws = conn;
	if (ouro_timer_is_set(&ctx->limit_timer))
		ouro_timer_stop(timers, &ctx->limit_timer);
	if (ctx->input_paused) {
		ctx->input_paused = false;
		ouro_stream_set_reading(ctx->stream, true);
	}
	ouro_ws_session_open(&conn->session, conn->session.endpoint, ctx->stream, deflate);
}

/* Whether somebody may yet use the exchange. */
static bool is_in_use(const struct ouro_ctx *ctx)
{
	return ctx->fiber || ouro_exchange_is_waiting(ctx) || (ctx->ref && !is_straight(ctx->ws));
}

void ouro_ws_look(struct ouro_ctx *ctx)
{
	if (ctx->panic_message)
		ouro_ws_conn_close(ctx->ws, OURO_WS_CODE_INTERNAL, OURO_STR(""));
	else if (is_straight(ctx->ws) && !ouro_exchange_is_waiting(ctx))
		ouro_ws_conn_close(ctx->ws, OURO_WS_CODE_NORMAL, OURO_STR(""));
}

static void let_go(struct ouro_ws_conn *conn)
{
	struct ouro_ctx *ctx = conn->ctx;
	struct ouro_ws_message message;

	while (ouro_ws_pop(ctx, &message))
		ouro_buf_unref(message.slice.buf);
	conn->data = ctx->data;
	conn->ctx = NULL;
	ouro_exchange_destroy(ctx);
}

/* Gives the exchange back once it is of no more use. From the loop. */
static void settle(struct ouro_ws_conn *conn)
{
	if (conn->ctx && !is_in_use(conn->ctx))
		let_go(conn);
}

/* ---- Callbacks ---- */

struct callback {
	const struct ouro_ws_conn *conn;
	ouro_handler_fn fn;                    /* or else ... */
	const struct ouro_ws_message *message; /* ... for on_message, or else ... */
	struct ouro_str topic;                 /* ... for on_gap */
	const struct ouro_ws_end *end;         /* for on_close */
};

static void run_callback(struct ouro_ctx *ctx)
{
	const struct callback *callback = ctx->callback_arg;

	if (callback->fn)
		callback->fn(ctx);
	else if (callback->message)
		callbacks_of(callback->conn)->on_message(ctx, callback->message);
	else
		callbacks_of(callback->conn)->on_gap(ctx, callback->topic);
}

/* An exchange for a callback, in which there is no request. */
static bool lease(struct ouro_ws_conn *conn)
{
	struct ouro_ctx *ctx = ouro_exchange_create(worker_of(conn), conn->session.stream);

	if (!ctx)
		return false;
	ctx->head = "";
	ctx->request = OURO_REQUEST_DONE;
	ctx->response = OURO_RESPONSE_DONE;
	ctx->data = conn->data;
	ctx->ws = conn;
	conn->ctx = ctx;
	return true;
}

static void call(struct ouro_ws_conn *conn, struct callback callback)
{
	callback.conn = conn;
	if (!conn->ctx && !lease(conn)) {
		ouro_ws_abort(&conn->session);
		return;
	}
	if (callback.end)
		conn->ctx->ws_end = callback.end;
	conn->ctx->callback_arg = &callback;
	ouro_exchange_call(conn->ctx, run_callback);
	settle(conn);
}

void ouro_ws_conn_tell_gap(struct ouro_subscriber *subscriber, struct ouro_str topic)
{
	struct ouro_ws_conn *conn = subscriber_conn(subscriber);
	/* The name goes with the subscription, which the callback may end. */
	char name[OURO_TOPIC_BYTES_MAX];

	if (!callbacks_of(conn)->on_gap)
		return;
	memcpy(name, topic.ptr, topic.len);
	call(conn, (struct callback){ .topic = ouro_str(name, topic.len) });
}

/* ---- Events of a session ---- */

/* @message with a reference, in memory of its own where it has none or its buffer is needed elsewhere. 0 or
 * -ENOMEM. */
static int hold(struct ouro_worker *worker, struct ouro_slice *message)
{
	struct ouro_buf *own;

	if (message->buf && !host_is_scarce(worker, message->buf)) {
		ouro_buf_ref(message->buf);
		return 0;
	}
	own = ouro_buf_create((uint32_t)message->len);
	if (!own)
		return -ENOMEM;
	if (message->len > 0)
		memcpy(own->data, message->ptr, message->len);
	ouro_counter_add(&worker->loop.counters.bytes_copied, message->len);
	*message = (struct ouro_slice){ own->data, message->len, own };
	return 0;
}

/* Keeps @message until the handler takes it. 0 or -ENOMEM. */
static int push(struct ouro_ctx *ctx, enum ouro_ws_opcode type, struct ouro_slice message)
{
	struct ouro_ws_inbox *inbox = &ctx->inbox;
	struct ouro_ws_queued *queued = ouro_pool_get(&ctx->worker->ws_queued);

	if (!queued)
		return -ENOMEM;
	if (hold(ctx->worker, &message)) {
		ouro_pool_put(&ctx->worker->ws_queued, queued);
		return -ENOMEM;
	}
	*queued = (struct ouro_ws_queued){ NULL, type, message };
	if (inbox->last)
		inbox->last->next = queued;
	else
		inbox->first = queued;
	inbox->last = queued;
	inbox->count++;
	inbox->bytes += (uint32_t)message.len;
	return 0;
}

/* For a handler in a straight line. */
static void give(struct ouro_ws_conn *conn, enum ouro_ws_opcode type, struct ouro_slice message)
{
	struct ouro_ctx *ctx = conn->ctx;

	if (!ctx)
		return;
	if (push(ctx, type, message)) {
		ouro_ws_conn_close(conn, OURO_WS_CODE_INTERNAL, OURO_STR(""));
		return;
	}
	if (ctx->waiting == OURO_WAITING_MESSAGE) {
		ouro_ctx_wake(ctx, 0);
		settle(conn);
	} else if (ctx->inbox.count >= OURO_WS_QUEUED_MAX ||
		   ctx->inbox.bytes >= OURO_WS_QUEUED_BYTES_MAX) {
		ouro_ws_pause(&conn->session);
	}
}

static void on_message(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		       struct ouro_slice slice)
{
	struct ouro_ws_conn *conn = conn_of(session);
	const struct ouro_ws_message message = { opcode, ouro_str(slice.ptr, slice.len), slice };

	ouro_counter_add(&worker_of(conn)->loop.counters.ws_messages_in, 1);
	if (is_straight(conn))
		give(conn, opcode, slice);
	else
		call(conn, (struct callback){ .message = &message });
}

static void on_drain(struct ouro_ws_session *session)
{
	struct ouro_ws_conn *conn = conn_of(session);

	if (!is_straight(conn)) {
		if (callbacks_of(conn)->on_drain)
			call(conn, (struct callback){ .fn = callbacks_of(conn)->on_drain });
	} else if (conn->ctx && conn->ctx->waiting == OURO_WAITING_ROOM) {
		ouro_ctx_wake(conn->ctx, 0);
		settle(conn);
	}
}

static void on_closing(struct ouro_ws_session *session)
{
	struct ouro_ws_conn *conn = conn_of(session);

	ouro_rooms_leave(&conn->subscriber);
}

/* Whoever may yet use the exchange is told that it is over. */
static void end_exchange(struct ouro_ws_conn *conn)
{
	if (!conn->ctx)
		return;
	ouro_exchange_gone(conn->ctx);
	let_go(conn);
}

static void call_last(struct ouro_ws_conn *conn, const struct ouro_ws_end *end)
{
	struct ouro_worker *worker = worker_of(conn);
	bool leases = !conn->ctx;

	if (leases)
		spare_put(worker);
	call(conn, (struct callback){ .fn = callbacks_of(conn)->on_close, .end = end });
	end_exchange(conn);
	/* There is the one that was just put back. */
	if (leases)
		spare_get(worker);
}

static void on_close(struct ouro_ws_session *session, const struct ouro_ws_end *end)
{
	struct ouro_ws_conn *conn = conn_of(session);
	struct ouro_stream *stream = session->stream;
	struct ouro_worker *worker = worker_of(conn);

	if (conn->ctx)
		conn->ctx->ws_end = end;
	ouro_rooms_leave(&conn->subscriber);
	if (has_last_callback(conn))
		call_last(conn, end);
	end_exchange(conn);
	ouro_ws_conn_destroy(conn);
	stream->events = &ouro_h1_idle_events;
	stream->user = worker;
	stream->events->on_close(stream, end->error);
}

static const struct ouro_ws_events session_events = {
	.on_message = on_message,
	.on_drain = on_drain,
	.on_closing = on_closing,
	.on_close = on_close,
};

/* ---- Going on ---- */

/* The session takes what the exchange has received behind the handshake. */
static void begin(struct ouro_ws_conn *conn)
{
	struct ouro_ctx *ctx = conn->ctx;
	struct ouro_stream *stream = ctx->stream;
	struct ouro_inq queue = ctx->queue;
	struct ouro_slice in = ctx->in;
	bool is_held = ctx->in_is_held, peer_ended = ctx->peer_ended;

	/* The exchange may be gone before all is taken. */
	ctx->queue = (struct ouro_inq){ .pool = queue.pool };
	ctx->in = (struct ouro_slice){ 0 };
	ctx->in_is_held = false;
	conn->session.owner_facts = OURO_WS_BEGUN;
	if (!is_straight(conn) && callbacks_of(conn)->on_open)
		call(conn, (struct callback){ .fn = callbacks_of(conn)->on_open });
	else
		settle(conn);
	do {
		if (in.len > 0)
			ouro_ws_take(&conn->session, in);
		if (is_held)
			ouro_buf_unref(in.buf);
		is_held = true;
	} while (ouro_inq_pop(&queue, &in));
	if (peer_ended)
		stream->events->on_end(stream);
}

void ouro_ws_advance(struct ouro_ctx *ctx)
{
	if (ctx->ws->session.owner_facts & OURO_WS_BEGUN)
		settle(ctx->ws);
	else
		begin(ctx->ws);
}
