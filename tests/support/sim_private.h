/* The simulated backend's inside: what sim.c, sim_peer.c and sim_calls.c share. */
#ifndef OURO_TESTS_SIM_PRIVATE_H
#define OURO_TESTS_SIM_PRIVATE_H

#include "support/sim.h"

/* Bytes in order: added at the end, taken from the front. */
struct sim_bytes {
	char *ptr;
	size_t len, room;
};

/* One connection, both ends of it, or the listening socket. */
struct sim_peer {
	struct sim *sim;
	struct sim_peer *next; /* in the backlog */
	int fd;
	bool is_listener;
	bool accepted;

	/* This side. */
	struct ouro_op *reader;      /* accept or receive, until its final completion */
	struct ouro_op_list polls;   /* until their completion */
	struct ouro_op_send *writer; /* until its result */
	bool reader_starved, reader_cancelled, writer_cancelled;
	size_t iov_count;          /* of the writer, as submitted */
	struct sim_bytes snapshot; /* the writer's bytes, as submitted */
	bool fd_closed;            /* closed, and perhaps only kept by a send without a result */
	bool closed;               /* gone for the peer too */
	bool fin_sent;
	bool linger_zero; /* closing resets */
	bool is_corked;   /* TCP_CORK is on */
	uint32_t cork_count;

	/* Between them. */
	struct sim_bytes inbound; /* sent by the peer, not received */
	struct sim_bytes wire;    /* taken from the writer, not read by the peer */

	/* The peer. */
	struct sim_bytes received;
	bool reads;
	bool peer_fin, peer_reset;
	bool saw_end, saw_reset;
};

/* A zero-copy send whose result has come and whose notification has not. */
struct sim_notice {
	struct ouro_op_send *send;
	struct sim_peer *peer;
	struct sim_bytes snapshot;
};

struct sim {
	struct ouro_backend base;
	struct sim_settings settings;
	struct sim_counts counts;
	uint64_t random;
	uint64_t now_ns, limit_ns;
	bool woken;
	bool in_wait;
	uint32_t held_back; /* completions that the last round could have brought */

	struct sim_peer **sockets; /* by descriptor */
	uint32_t socket_count, socket_room;
	struct sim_peer **live; /* of these, the ones that something can happen to */
	uint32_t live_count;
	struct sim_peer **order; /* the round's */

	struct sim_peer *backlog_first, *backlog_last;
	int accept_error;
	uint32_t accept_errors_left;

	struct sim_notice *notices;
	uint32_t notice_count, notice_room;
};

void *sim_realloc(void *memory, size_t bytes);
void sim_bytes_add(struct sim_bytes *bytes, const char *ptr, size_t len);
void sim_bytes_take(struct sim_bytes *bytes, size_t len);

/* True @in_1000 times of 1000. */
bool sim_chance(struct sim *sim, uint32_t in_1000);

/* The socket of descriptor @fd, NULL where it is none of a simulated backend. One that was closed
 * ends the process, as @what (a C string) was done to it. */
struct sim_peer *sim_socket(int fd, const char *what);

struct sim_peer *sim_add_socket(struct sim *sim);
void sim_free_socket(struct sim_peer *socket);

/* Closes the descriptor of @socket; the peer sees an end or a reset. */
void sim_close_socket(struct sim_peer *socket);

/* What closing means to the peer, once nothing holds the socket. */
void sim_end_socket(struct sim_peer *socket);

/* Bytes that can be sent to @socket's peer now. */
size_t sim_room(const struct sim_peer *socket);

#endif
