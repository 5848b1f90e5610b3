/* The exchange: one request and its response on one connection. It is the context that handlers
 * see. It is leased from the worker while a head is being read or a request is in progress; an idle
 * connection has none. */
#ifndef OURO_SERVER_EXCHANGE_H
#define OURO_SERVER_EXCHANGE_H

#include "base/arena.h"
#include "base/inq.h"
#include "base/stream.h"
#include "engine/timer.h"
#include "ouro/context.h"
#include "proto/http1_parse.h"
#include "proto/http1_write.h"
#include "router/router.h"
#include "server/worker.h"

enum ouro_request_state {
	OURO_REQUEST_HEAD,   /* being read; also: none has begun */
	OURO_REQUEST_BODY,   /* head complete, body not */
	OURO_REQUEST_DONE,   /* read to its end */
	OURO_REQUEST_FAILED, /* not to be read any further */
};

enum ouro_response_state {
	OURO_RESPONSE_NONE,
	OURO_RESPONSE_BODY, /* head written, body not complete */
	OURO_RESPONSE_DONE,
	OURO_RESPONSE_RESET, /* cut off */
};

enum { OURO_FIELDS_SET_MAX = 32 };

struct ouro_ctx {
	struct ouro_worker *worker;
	struct ouro_stream *stream;

	/* Input that was received and not consumed: @in, then @queue. */
	struct ouro_slice in;
	struct ouro_inq queue;
	bool in_is_held; /* @in has a reference; else it lives for the present event alone */
	bool peer_ended; /* nothing comes after that */
	bool input_paused;
	bool closing; /* the connection is being closed: nothing is read any more */

	struct ouro_timer timer;
	struct ouro_arena arena;

	/* From here to @match: of the request in progress, zero at its start. */
	bool end_told;    /* it was told that the peer ended; first: see clear() */
	uint8_t request;  /* enum ouro_request_state */
	uint8_t response; /* enum ouro_response_state */
	bool keep_alive;
	bool continue_sent;
	bool is_head;  /* HEAD: the response has no body */
	bool bodyless; /* by method or status the response has none */
	bool chunked;  /* framing of the response */
	bool length_known;
	bool body_finished;   /* on_body was told of the end */
	uint64_t length_left; /* of a response whose length is known */

	const char *head;          /* first byte of the request head, contiguous */
	struct ouro_buf *head_buf; /* holds it; NULL where @carry does */
	char *carry;               /* a head that came in pieces is put together here */
	uint32_t carry_len, carry_room;

	ouro_handler_fn handler;
	ouro_body_fn on_body;
	ouro_handler_fn on_after;
	ouro_handler_fn on_drain;
	ouro_handler_fn on_gone;
	void *data;
	struct ouro_field_line *fields; /* set by the handler; in the arena */
	size_t field_count;
	size_t field_bytes;

	struct ouro_match match;
	struct ouro_str params[OURO_ROUTER_PARAMS_MAX]; /* decoded; in the request or the arena */

	struct ouro_http1_parser parser; /* last: it is large, and mostly unused */
};

/* Leases an exchange for @stream; NULL when out of memory. */
struct ouro_ctx *ouro_exchange_create(struct ouro_worker *worker, struct ouro_stream *stream);

/* Gives back all that the exchange holds, and the exchange. */
void ouro_exchange_destroy(struct ouro_ctx *ctx);

/* Makes ready for the next request on the connection, in the same exchange. */
void ouro_exchange_reset(struct ouro_ctx *ctx);

/* The head is complete at ctx->head and parsed: routes it and calls its handler. */
void ouro_exchange_run(struct ouro_ctx *ctx);

/* Calls @fn of the user's with @ctx, then looks at what it left behind. */
void ouro_exchange_call(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* Passes a piece of the body to whoever asked for it. */
void ouro_exchange_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last);

/* Answers with @status and a line of text, @reason, and closes the connection behind it. Where a
 * response has begun already, the connection is reset instead. */
void ouro_exchange_fail(struct ouro_ctx *ctx, unsigned status, const char *reason);

/* The client has gone before the exchange was complete: tells the handler that asked. */
void ouro_exchange_gone(struct ouro_ctx *ctx);

/* Whether somebody will call the handler again. */
bool ouro_exchange_is_waiting(const struct ouro_ctx *ctx);

/* Answers with the engine's own text for @status. */
void ouro_respond_status(struct ouro_ctx *ctx, unsigned status, const char *reason);

#endif
