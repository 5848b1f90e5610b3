/* What the floor programs share: the bytes they answer, their command line and listening socket,
 * and the counting of request ends, which is all they know of HTTP. */
#ifndef OURO_BENCH_FLOOR_FLOOR_H
#define OURO_BENCH_FLOOR_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* A connection's state is found by its descriptor; the table is touched only where used. */
	FLOOR_FD_MAX = 65536,
	/* As many copies of the response as one send takes; more go with the next one. */
	FLOOR_COPIES = 128,
	FLOOR_BACKLOG = 4096,
};

/* Copies of one response behind each other. What is owed is sent from @block + position, where
 * position is what went out so far modulo @response_len: a short send needs nothing else. */
struct floor_reply {
	char *block;
	size_t block_len;
	size_t response_len;
};

struct floor_conn {
	size_t owed;     /* bytes of responses not yet sent */
	size_t position; /* where in a response the next byte to send is */
	uint32_t events; /* epoll: what the descriptor is watched for */
	uint8_t matched; /* bytes of a request end seen at the end of what was received */
	bool busy;       /* uring: a send is in flight */
	bool touched;    /* uring: to be flushed at the end of the turn */
	bool closing;    /* uring: the peer is gone; close once the send in flight has ended */
};

enum floor_program { FLOOR_EPOLL, FLOOR_URING, FLOOR_VARIANTS };

struct floor_options {
	uint16_t port; /* 0: any free one */
	bool close;    /* answer once, with `connection: close`, and close */
	bool lazy;     /* epoll, with close: wait before the first recv, too */
	/* What the variants have, and with a word which one. */
	bool fixed;        /* send from registered buffers */
	bool zero_copy;    /* SEND_ZC */
	const char *send;  /* auto, sqe or inline */
	const char *recv;  /* multishot or oneshot */
	const char *ended; /* with close: link, or now (recv, send and close as system calls) */
};

extern struct floor_conn floor_conns[FLOOR_FD_MAX];

/* Reads the command line and ends the program with a message if it is wrong. Only the options
 * that @program has are taken. */
void floor_options_parse(int argc, char **argv, enum floor_program program,
			 struct floor_options *out);

/* Ends the program if there is no memory. The block lives as long as the process. */
void floor_reply_init(struct floor_reply *reply, bool close);

/* The next piece of what @conn is owed: at most to the end of the block. */
const char *floor_reply_next(const struct floor_reply *reply, const struct floor_conn *conn,
			     size_t *len);

/* Takes @len sent bytes off what @conn is owed. */
void floor_reply_sent(const struct floor_reply *reply, struct floor_conn *conn, size_t len);

/* How many requests end in @data. An end cut by the edge of @data is carried in @conn. */
size_t floor_count_ends(struct floor_conn *conn, const char *data, size_t len);

/* Listens on 127.0.0.1 and prints `listening PORT`. TCP_NODELAY is inherited by accepted
 * sockets, so that no loop pays a call per connection for it. Ends the program on failure. */
int floor_listen(const struct floor_options *opt, int socket_flags);

/* Ends the program with @what and the text of the negative errno @err. */
_Noreturn void floor_fail(const char *what, int err);

#endif
