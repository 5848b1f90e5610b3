/* The far ends of simulated connections, and what lies between. */
#include "support/sim_private.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_DEFAULT = 64 * 1024 };

/* A compiler that knows the memory to be NULL would call malloc() instead, which tests of scarcity let fail
 * for those whom they test. */
static void *(*const volatile reallocate)(void *memory, size_t bytes) = realloc;

void *sim_realloc(void *memory, size_t bytes)
{
	memory = reallocate(memory, bytes);
	if (!memory)
		sim_fail("out of memory");
	return memory;
}

void sim_bytes_add(struct sim_bytes *bytes, const char *ptr, size_t len)
{
	if (bytes->len + len > bytes->room) {
		bytes->room = (bytes->len + len) * 2;
		bytes->ptr = sim_realloc(bytes->ptr, bytes->room);
	}
	if (len > 0)
		memcpy(bytes->ptr + bytes->len, ptr, len);
	bytes->len += len;
}

void sim_bytes_take(struct sim_bytes *bytes, size_t len)
{
	bytes->len -= len;
	if (bytes->len > 0)
		memmove(bytes->ptr, bytes->ptr + len, bytes->len);
}

/* ---- Sockets ---- */

static void grow_tables(struct sim *sim)
{
	uint32_t room = sim->socket_room ? sim->socket_room * 2 : 64;
	size_t bytes = room * sizeof(struct sim_peer *);

	sim->sockets = sim_realloc(sim->sockets, bytes);
	sim->live = sim_realloc(sim->live, bytes);
	sim->order = sim_realloc(sim->order, bytes);
	sim->socket_room = room;
}

struct sim_peer *sim_add_socket(struct sim *sim)
{
	struct sim_peer *socket = sim_realloc(NULL, sizeof(*socket));

	if (sim->socket_count == sim->socket_room)
		grow_tables(sim);
	*socket = (struct sim_peer){
		.sim = sim,
		.fd = SIM_LISTENER_FD + (int)sim->socket_count,
		.reads = true,
	};
	sim->sockets[sim->socket_count++] = socket;
	sim->live[sim->live_count++] = socket;
	return socket;
}

void sim_free_socket(struct sim_peer *socket)
{
	free(socket->snapshot.ptr);
	free(socket->inbound.ptr);
	free(socket->wire.ptr);
	free(socket->received.ptr);
	free(socket);
}

size_t sim_room(const struct sim_peer *socket)
{
	size_t window = socket->sim->settings.window;

	if (window == 0)
		window = WINDOW_DEFAULT;
	return socket->wire.len < window ? window - socket->wire.len : 0;
}

static void be_reset(struct sim_peer *peer)
{
	peer->saw_reset = true;
	peer->wire.len = 0;
}

void sim_end_socket(struct sim_peer *socket)
{
	socket->closed = true;
	/* A socket closed with input unread, or told to, resets; what the peer has not read by
	 * then is lost to it. One that was reset sends nothing more, and its peer sees no end. */
	if (socket->linger_zero || socket->peer_reset || socket->inbound.len > 0)
		be_reset(socket);
	else
		socket->saw_end = true;
}

void sim_close_socket(struct sim_peer *socket)
{
	if (socket->reader)
		sim_fail("descriptor %d was closed under an operation that reads it", socket->fd);
	if (socket->polls.first)
		sim_fail("descriptor %d was closed under a poll", socket->fd);
	if (socket->writer && socket->writer->op.kind != OURO_OP_SEND_ZC &&
	    socket->writer->op.in_flight)
		sim_fail("descriptor %d was closed under a send", socket->fd);
	socket->fd_closed = true;
	/* A zero-copy send that waits for room keeps the socket: the peer hears nothing yet. */
	if (!socket->writer)
		sim_end_socket(socket);
	if (socket->is_listener)
		for (struct sim_peer *peer = socket->sim->backlog_first; peer; peer = peer->next)
			be_reset(peer);
}

/* ---- Peers ---- */

struct sim_peer *sim_connect(struct sim *sim)
{
	struct sim_peer *peer = sim_add_socket(sim);

	if (sim->sockets[0]->fd_closed) {
		be_reset(peer);
		return peer;
	}
	if (sim->backlog_last)
		sim->backlog_last->next = peer;
	else
		sim->backlog_first = peer;
	sim->backlog_last = peer;
	return peer;
}

struct sim_peer *sim_pair(struct sim *sim, int *fd)
{
	struct sim_peer *peer = sim_add_socket(sim);

	peer->accepted = true;
	*fd = peer->fd;
	return peer;
}

void sim_peer_fill(struct sim_peer *peer)
{
	static const char filling[64];

	peer->reads = false;
	while (sim_room(peer) > 0)
		sim_bytes_add(&peer->wire, filling,
			      sim_room(peer) < sizeof(filling) ? sim_room(peer) : sizeof(filling));
}

bool sim_peer_send(struct sim_peer *peer, const char *data, size_t len)
{
	if (peer->closed || peer->peer_reset || peer->saw_reset) {
		be_reset(peer);
		return false;
	}
	if (peer->peer_fin)
		sim_fail("the peer sends after its end");
	sim_bytes_add(&peer->inbound, data, len);
	return true;
}

bool sim_peer_say(struct sim_peer *peer, const char *text)
{
	return sim_peer_send(peer, text, strlen(text));
}

void sim_peer_fin(struct sim_peer *peer)
{
	peer->peer_fin = true;
}

void sim_peer_reset(struct sim_peer *peer)
{
	peer->peer_reset = true;
	peer->wire.len = 0;
}

void sim_peer_set_reading(struct sim_peer *peer, bool on)
{
	peer->reads = on;
	if (on)
		sim_peer_read(peer, peer->wire.len);
}

size_t sim_peer_read(struct sim_peer *peer, size_t bytes)
{
	if (bytes > peer->wire.len)
		bytes = peer->wire.len;
	sim_bytes_add(&peer->received, peer->wire.ptr, bytes);
	sim_bytes_take(&peer->wire, bytes);
	return bytes;
}

struct ouro_str sim_peer_received(const struct sim_peer *peer)
{
	return (struct ouro_str){ peer->received.ptr ? peer->received.ptr : "",
				  peer->received.len };
}

void sim_peer_forget(struct sim_peer *peer)
{
	peer->received.len = 0;
}

size_t sim_peer_unread(const struct sim_peer *peer)
{
	return peer->inbound.len;
}

bool sim_peer_is_accepted(const struct sim_peer *peer)
{
	return peer->accepted;
}

bool sim_peer_saw_end(const struct sim_peer *peer)
{
	return peer->saw_end;
}

bool sim_peer_saw_reset(const struct sim_peer *peer)
{
	return peer->saw_reset;
}

bool sim_peer_is_over(const struct sim_peer *peer)
{
	return peer->closed;
}

uint32_t sim_peer_cork_count(const struct sim_peer *peer)
{
	return peer->cork_count;
}

bool sim_peer_is_corked(const struct sim_peer *peer)
{
	return peer->is_corked;
}
