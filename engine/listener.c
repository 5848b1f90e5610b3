/* A listening socket of one loop: see engine/listener.h. */
#include "engine/listener.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long to wait after EMFILE, ENFILE, ENOMEM or ENOBUFS: the descriptors that others free are
 * not reported to us, and trying at once again would only spin. */
enum { RETRY_MS = 50 };

static bool is_full(const struct ouro_listener *listener)
{
	return listener->conns->open_count >= listener->conns->options.connections_max;
}

static void arm(struct ouro_listener *listener)
{
	struct ouro_backend *backend = listener->conns->loop->backend;

	if (listener->closing || listener->accept.in_flight || is_full(listener))
		return;
	backend->ops->submit(backend, &listener->accept);
}

static void close_socket(struct ouro_listener *listener)
{
	if (listener->accept.fd >= 0)
		close(listener->accept.fd);
	listener->accept.fd = -1;
}

static void back_off(struct ouro_listener *listener, int error)
{
	struct ouro_loop *loop = listener->conns->loop;

	ouro_counter_add(&loop->counters.accept_errors, 1);
	if (!listener->failing)
		ouro_log(loop->log, OURO_LOG_WARNING,
			 "cannot accept connections: %s; trying again every %d ms",
			 strerror(-error), RETRY_MS);
	listener->failing = true;
	if (ouro_timer_set(&loop->timers, &listener->retry,
			   loop->now_ns + RETRY_MS * UINT64_C(1000000)))
		arm(listener);
}

/* A burst is accepted in one go, before anybody can say that it is enough: what finds no slot waits
 * here for one, as it would have waited in the backlog. */
static bool keep_surplus(struct ouro_listener *listener, int fd)
{
	if (listener->surplus_count == listener->surplus_room) {
		uint32_t room = listener->surplus_room ? listener->surplus_room * 2 : 16;
		int *surplus = realloc(listener->surplus, room * sizeof(int));

		if (!surplus)
			return false;
		listener->surplus = surplus;
		listener->surplus_room = room;
	}
	listener->surplus[listener->surplus_count++] = fd;
	return true;
}

static bool open_conn(struct ouro_listener *listener, int fd)
{
	if (is_full(listener))
		return false;
	return ouro_conn_open(listener->conns, fd, listener->events, listener->user) != NULL;
}

static void refuse(struct ouro_listener *listener, int fd)
{
	ouro_counter_add(&listener->conns->loop->counters.connections_refused, 1);
	close(fd);
}

static void take(struct ouro_listener *listener, int fd)
{
	struct ouro_backend *backend = listener->conns->loop->backend;

	listener->failing = false;
	if (!open_conn(listener, fd) && !(is_full(listener) && keep_surplus(listener, fd)))
		refuse(listener, fd);
	/* The rest waits in the backlog until a slot is free. */
	if (is_full(listener) && listener->accept.in_flight)
		backend->ops->cancel(backend, &listener->accept);
}

/* Oldest first, as long as there are slots. */
static void open_surplus(struct ouro_listener *listener)
{
	uint32_t opened = 0;

	while (opened < listener->surplus_count && !is_full(listener)) {
		if (!open_conn(listener, listener->surplus[opened]))
			refuse(listener, listener->surplus[opened]);
		opened++;
	}
	if (opened == 0)
		return;
	listener->surplus_count -= opened;
	memmove(listener->surplus, listener->surplus + opened,
		listener->surplus_count * sizeof(int));
}

static void drop_surplus(struct ouro_listener *listener)
{
	for (uint32_t i = 0; i < listener->surplus_count; i++)
		close(listener->surplus[i]);
	free(listener->surplus);
	listener->surplus = NULL;
	listener->surplus_count = listener->surplus_room = 0;
}

static void on_accept(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct ouro_listener *listener =
		(struct ouro_listener *)(void *)((char *)op -
						 offsetof(struct ouro_listener, accept));

	(void)buf;
	if (op->result >= 0 && listener->closing)
		close(op->result);
	else if (op->result >= 0)
		take(listener, op->result);
	if (flags & OURO_OP_MORE)
		return;
	if (listener->closing)
		close_socket(listener);
	else if (op->result >= 0 || op->result == -ECANCELED || op->result == -ECONNABORTED)
		arm(listener);
	else
		back_off(listener, op->result);
}

static void on_retry(struct ouro_timer *timer)
{
	arm((struct ouro_listener *)(void *)((char *)timer -
					     offsetof(struct ouro_listener, retry)));
}

void ouro_listener_open(struct ouro_listener *listener, struct ouro_conns *conns, int fd,
			const struct ouro_stream_events *events, void *user)
{
	*listener = (struct ouro_listener){
		.accept = { .on_complete = on_accept, .kind = OURO_OP_ACCEPT, .fd = fd },
		.conns = conns,
		.retry = { .on_due = on_retry },
		.events = events,
		.user = user,
	};
	arm(listener);
}

void ouro_listener_resume(struct ouro_listener *listener)
{
	open_surplus(listener);
	arm(listener);
}

void ouro_listener_close(struct ouro_listener *listener)
{
	struct ouro_loop *loop = listener->conns->loop;

	if (listener->closing)
		return;
	listener->closing = true;
	drop_surplus(listener);
	ouro_timer_stop(&loop->timers, &listener->retry);
	if (listener->accept.in_flight)
		loop->backend->ops->cancel(loop->backend, &listener->accept);
	else
		close_socket(listener);
}

bool ouro_listener_is_closed(const struct ouro_listener *listener)
{
	return listener->closing && listener->accept.fd < 0;
}
