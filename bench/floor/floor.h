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
	/* As many copies of the response as one send takes; more go with the next one. Long ones
	 * are there once: what is sent should stay in the cache, as a server's own answer does. */
	FLOOR_COPIES = 128,
	FLOOR_BLOCK_BYTES = 65536,
	/* Kinds of requests that come in turn. */
	FLOOR_KINDS_MAX = 4,
	FLOOR_BACKLOG = 4096,
};

/* Copies of the responses to one request of each kind behind each other. What is owed is sent from
 * @block + position, where position is what went out so far modulo @turn_len: a short send needs
 * nothing else. */
struct floor_reply {
	char *block;
	size_t block_len;
	size_t turn_len; /* of one response to each kind */
	size_t lens[FLOOR_KINDS_MAX];
	uint8_t ends
		[FLOOR_KINDS_MAX]; /* how often a request holds what ends requests without a body */
	unsigned kind_count;
};

struct floor_conn {
	size_t owed;     /* bytes of responses not yet sent */
	size_t position; /* where in a turn of responses the next byte to send is */
	uint32_t events; /* epoll: what the descriptor is watched for */
	uint8_t matched; /* bytes of a request end seen at the end of what was received */
	uint8_t kind;    /* of the request that comes next */
	uint8_t ends;    /* seen of it */
	bool busy;       /* uring: a send is in flight */
	bool touched;    /* uring: to be flushed at the end of the turn */
	bool closing;    /* uring: the peer is gone; close once the send in flight has ended */
};

enum floor_program { FLOOR_EPOLL, FLOOR_URING, FLOOR_VARIANTS };

struct floor_options {
	const char *host;    /* dotted IPv4 address */
	uint16_t port;       /* 0: any free one */
	unsigned body_bytes; /* the answer's body is so many x; 0: `Hello, World!` */
	unsigned echo_bytes; /* .. is what bench/load sends with a POST of so many; 0: none */
	uint8_t ends[FLOOR_KINDS_MAX]; /* of each kind of request; of several the first is a GET */
	unsigned kind_count;
	bool close; /* answer once, with `connection: close`, and close */
	bool lazy;  /* epoll, with close: wait before the first recv, too */
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
void floor_reply_init(struct floor_reply *reply, const struct floor_options *opt);

/* @ends more of those that floor_count_ends() counts have come: @conn is owed what it is to get for
 * them. */
void floor_owe(const struct floor_reply *reply, struct floor_conn *conn, size_t ends);

/* The next piece of what @conn is owed: at most to the end of the block. */
const char *floor_reply_next(const struct floor_reply *reply, const struct floor_conn *conn,
			     size_t *len);

/* Takes @len sent bytes off what @conn is owed. */
void floor_reply_sent(const struct floor_reply *reply, struct floor_conn *conn, size_t len);

/* How many empty lines, behind a line, @data holds: requests without a body end so; one with a
 * length whose body holds none does once, and one in chunks twice, at its very end. One cut by the
 * edge of @data is carried in @conn. */
size_t floor_count_ends(struct floor_conn *conn, const char *data, size_t len);

/* Listens and prints `listening PORT`. TCP_NODELAY is inherited by accepted
 * sockets, so that no loop pays a call per connection for it. Ends the program on failure. */
int floor_listen(const struct floor_options *opt, int socket_flags);

/* Ends the program with @what and the text of the negative errno @err. */
_Noreturn void floor_fail(const char *what, int err);

#endif
