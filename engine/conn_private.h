/* What the parts of the connection (conn.c, conn_send.c, conn_table.c) know of each other. */
#ifndef OURO_ENGINE_CONN_PRIVATE_H
#define OURO_ENGINE_CONN_PRIVATE_H

#include "engine/conn.h"

#include <stddef.h>

/* Facts that are independent of the state. */
enum {
	CONN_TOUCHED = 1 << 0,     /* on the turn's list */
	CONN_READING = 1 << 1,     /* its user wants input */
	CONN_RECEIVED = 1 << 2,    /* something came once: from now on receive many times */
	CONN_PEER_ENDED = 1 << 3,  /* the peer's FIN came */
	CONN_FIN_SENT = 1 << 4,    /* ours went */
	CONN_LINGER = 1 << 5,      /* the peer may still be sending when we close */
	CONN_MORE_UNREAD = 1 << 6, /* the last receive filled its buffer */
	CONN_WAS_HIGH = 1 << 7,    /* output was over the high mark: on_drain is due */
	CONN_CANCELLED = 1 << 8,   /* CLOSING: what was in flight has been asked to end */
	CONN_ZC_ASKED = 1 << 9,    /* it is known whether zero-copy can pay here */
	CONN_ZC_PAYS = 1 << 10,    /* it can: not a local peer, and nothing was copied so far */
	CONN_ZC_BUSY = 1 << 11,    /* a zero-copy send has not had its result yet */
	CONN_FILE_READ = 1 << 12,  /* another thread reads what is to be sent next */
	CONN_CORKED = 1 << 13,     /* the kernel holds back segments that are not full */
	CONN_LENDING = 1 << 14,    /* its descriptor is to be lent when nothing is being received */
	CONN_LENT = 1 << 15,       /* it is: others read from it, and it stays open */
};

/* Zero-copy sends of one connection that wait for their notification. */
enum { ZC_IN_FLIGHT_MAX = 16 };

void ouro_conn_set_state(struct ouro_conn *conn, enum ouro_conn_state to);

/* Puts @conn on the list of what is flushed at the end of the turn. */
void ouro_conn_touch(struct ouro_conn *conn);

/* Ends @conn because of @error (a negative errno): what is queued is dropped. */
void ouro_conn_fail(struct ouro_conn *conn, int error);

/* Sends what is queued, if nothing is on its way already (conn_send.c). */
void ouro_conn_send(struct ouro_conn *conn);

/* Size of what conn_send.c takes from struct ouro_conns.zero_copies. */
size_t ouro_conn_zero_copy_bytes(void);

/* Whether @send, a piece of the file at the head of the queue, can be sent without waiting for a disk.
 * If not, it is read by another thread, after which the connection is touched (conn_file.c). */
bool ouro_conn_file_is_ready(struct ouro_conn *conn, const struct ouro_op_send *send);

/* Holds back segments that are not full while the file at the head of the queue is sent, if it is large;
 * and no more. */
void ouro_conn_file_cork(struct ouro_conn *conn);
void ouro_conn_file_uncork(struct ouro_conn *conn);

/* Size of what conn_file.c takes from struct ouro_conns.file_reads. */
size_t ouro_conn_file_read_bytes(void);

/* Looks at @conn when the 32-bit clock reaches @ms, or earlier (conn_table.c). */
void ouro_conn_check_at(struct ouro_conn *conn, uint32_t ms);

/* A free slot, in state FREE, its fields as the last user left them; NULL when there is none
 * (conn_table.c). */
struct ouro_conn *ouro_conn_take_slot(struct ouro_conns *conns);

/* CLOSING and nothing in flight: tells the user, and the slot is free (conn_table.c). */
void ouro_conn_free(struct ouro_conn *conn);

/* The loop's flush (conn.c). */
bool ouro_conns_flush(void *arg);

#endif
