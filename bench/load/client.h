/* A client's side of WebSockets (RFC 6455), event streams (HTML Living Standard, 9.2) and plain requests
 * (RFC 9112), as much of it as it takes to measure servers: written for itself, so that it finds fault with
 * ours too. */
#ifndef OURO_BENCH_LOAD_CLIENT_H
#define OURO_BENCH_LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum client_kind { CLIENT_WS, CLIENT_EVENTS, CLIENT_HTTP };

enum {
	/* Connections that are opened at the same time. */
	CLIENT_OPENING_MAX = 64,
	/* Behind the head of an answer, the first bytes of what follows. */
	CLIENT_REST_MAX = 4096,
	FRAME_HEAD_BYTES_MAX = 14, /* masked */
	/* Of a line of an event stream. */
	EVENTS_LINE_MAX = 256,
};

enum frame_opcode {
	FRAME_CONTINUATION = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10,
};

/* What the head of an answer says of its body. */
struct client_body {
	bool chunked;
	uint64_t len; /* where it says so, as it must for CLIENT_HTTP */
};

/* Asks on @fd, which blocks, for what is at @path. 0 or a negative errno. */
int client_ask(int fd, enum client_kind kind, const char *path);

/* Reads the head of the answer to that. @rest, of CLIENT_REST_MAX bytes, gets what came behind it, and
 * *@body what that is. The number of these bytes; -EPROTO where the answer is another one, which is told on
 * stderr; or a negative errno. */
int client_read_head(int fd, enum client_kind kind, char *rest, struct client_body *body);

/* ---- Frames ---- */

/* Zero is the state between two frames. */
struct frame_reader {
	uint64_t left; /* of the payload */
	unsigned char head[10];
	uint8_t head_len; /* 0 once the payload has begun */
	uint8_t first;    /* byte of the frame */
};

/* A part of a frame's payload. */
struct frame_piece {
	const char *data;
	size_t len;
	enum frame_opcode opcode;
	bool fin;  /* the frame is the last of its message */
	bool ends; /* the piece is the last of its frame */
};

/* Takes the next piece off *@data, *@len bytes, which go on where they ended: 1; 0 when all of them are
 * used; -EPROTO: no server may send that. */
int frame_read(struct frame_reader *reader, const char **data, size_t *len,
	       struct frame_piece *piece);

/* Writes a masked frame to @out, which has room for FRAME_HEAD_BYTES_MAX and @len bytes. How many it
 * has. */
size_t frame_write(char *out, enum frame_opcode opcode, const char *payload, size_t len,
		   uint32_t key);

/* Answers a ping that was read in one piece. 0, or a negative errno. */
int frame_send_pong(int fd, const struct frame_piece *ping);

/* ---- Events ---- */

enum chunk_state { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END };

/* Zero is the beginning of a stream, but for @chunked. */
struct events_reader {
	bool chunked;
	enum chunk_state state;
	uint64_t chunk_left;
	uint16_t line_len;
	char line[EVENTS_LINE_MAX]; /* as much of it as there is */
};

struct events_calls {
	/* A line of data of an event. Returns whether it may be. */
	bool (*on_data)(void *arg, const char *data, size_t len);
	/* The event is complete. */
	void (*on_event)(void *arg);
};

/* 0; -EPROTO: it is no event stream, or on_data() said no; -EPIPE: it has ended; -E2BIG: a line is longer
 * than EVENTS_LINE_MAX. */
int events_read(struct events_reader *reader, const char *data, size_t len,
		const struct events_calls *calls, void *arg);

#endif
