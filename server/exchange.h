/* The exchange: one request and its response on one connection. It is the context that handlers
 * see. It is leased from the worker while a head is being read or a request is in progress; an idle
 * connection has none. */
#ifndef OURO_SERVER_EXCHANGE_H
#define OURO_SERVER_EXCHANGE_H

#include "base/arena.h"
#include "base/inq.h"
#include "base/stream.h"
#include "engine/timer.h"
#include "fiber/fiber.h"
#include "fiber/guard.h"
#include "ouro/data.h"
#include "ouro/multipart.h"
#include "ouro/send.h"
#include "proto/http1_parse.h"
#include "proto/http1_write.h"
#include "proto/target.h"
#include "router/router.h"
#include "server/endpoint.h"
#include "server/worker.h"

enum ouro_request_state {
	OURO_REQUEST_HEAD,   /* being read; also: none has begun */
	OURO_REQUEST_BODY,   /* head complete, body not */
	OURO_REQUEST_DONE,   /* read to its end */
	OURO_REQUEST_FAILED, /* not to be read any further */
};

enum ouro_response_state {
	OURO_RESPONSE_NONE,
	OURO_RESPONSE_HELD, /* complete, and not written yet: middleware may add to it */
	OURO_RESPONSE_BODY, /* head written, body not complete */
	OURO_RESPONSE_DONE,
	OURO_RESPONSE_RESET, /* cut off */
};

/* What a suspended handler waits for. */
enum ouro_waiting {
	OURO_WAITING_NOTHING,
	OURO_WAITING_TIME,
	OURO_WAITING_BODY,
	OURO_WAITING_DRAIN,
	OURO_WAITING_POLL,
	OURO_WAITING_OFFLOAD,
	OURO_WAITING_FILE,
	OURO_WAITING_EVENT,
	OURO_WAITING_MESSAGE, /* of a WebSocket ... */
	OURO_WAITING_ROOM,    /* ... and to send one */
	OURO_WAITING_INPUT,   /* of a body that is saved: on the client ... */
	OURO_WAITING_SAVE,    /* ... and on ourselves */
};

/* What became of looking for a route. */
enum ouro_verdict {
	OURO_VERDICT_FOUND,
	OURO_VERDICT_NOT_FOUND,
	OURO_VERDICT_NOT_ALLOWED,
	OURO_VERDICT_BAD_PATH, /* a malformed escape */
	OURO_VERDICT_ASTERISK, /* the target is no path but the server */
	OURO_VERDICT_CONNECT,  /* the target is another server */
	OURO_VERDICT_REDIRECT, /* the canonical path is another */
	OURO_VERDICT_NO_MEMORY,
	OURO_VERDICT_PANICKED, /* a guard did */
};

enum {
	OURO_FIELDS_SET_MAX = 32,
	OURO_CHAIN_OVER = UINT16_MAX, /* as ctx->chain_at: nothing is left */
};

/* Fields that were set; in the arena. */
struct ouro_fields_set {
	struct ouro_field_line *lines; /* OURO_FIELDS_SET_MAX of them; NULL: none yet */
	size_t count;
	size_t bytes; /* of names and values */
};

struct ouro_deferred {
	struct ouro_deferred *next;
	ouro_defer_fn fn;
	void *arg;
};

struct ouro_attribute_node {
	struct ouro_attribute_node *next;
	const char *key;
	void *value;
};

/* A part of a body that is sent as it is: memory, or a range of a file. It has one reference to what
 * holds it. */
struct ouro_piece_ref {
	struct ouro_slice memory; /* without a buffer: it outlives the server */
	struct ouro_buf *file;    /* a file buffer; NULL: @memory counts */
	uint64_t offset, len;     /* of the file */
};

/* A complete answer that is held. */
struct ouro_held {
	uint16_t status;
	bool is_static;                      /* the body outlives the server */
	bool is_coded;                       /* it was compressed, and the fields say so */
	struct ouro_str type;                /* content type; in the arena or static */
	struct ouro_slice body;              /* static, in the arena, or in a buffer of its own */
	const struct ouro_piece_ref *pieces; /* the body instead, in the arena; NULL: @body is it */
	size_t piece_count;
};

/* Messages of a WebSocket that a handler in a straight line has yet to take. */
struct ouro_ws_inbox {
	struct ouro_ws_queued *first, *last;
	uint32_t bytes;
	uint32_t count;
};

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

	struct ouro_timer timer;       /* ouro_after() */
	struct ouro_timer wait_timer;  /* how long a suspended handler waits */
	struct ouro_timer limit_timer; /* the route's handler_timeout_ms */
	struct ouro_arena arena;
	uint32_t jobs;  /* offloaded and not done: they may use the arena and the head */
	bool abandoned; /* destroyed but for @jobs */

	/* From here to @match: of the request in progress, zero at its start. */
	bool end_told;    /* it was told that the peer ended; first: see clear() */
	bool readable;    /* the head is complete and good: accessors have something to show */
	uint8_t request;  /* enum ouro_request_state */
	uint8_t response; /* enum ouro_response_state */
	bool keep_alive;
	bool continue_sent;
	bool upgrading; /* the answer says that the protocol changes, or has to */
	bool is_head;   /* HEAD: the response has no body */
	bool bodyless;  /* by method or status the response has none */
	bool chunked;   /* framing of the response */
	bool length_known;
	bool body_finished; /* the handler was told of the end of the request body */
	bool hold;          /* complete answers are held: middleware has yet to see them */
	bool cancelled;     /* nothing is waited for any more */
	bool timed_out;     /* because handler_timeout_ms is over */
	bool hooks_failed;  /* one panicked: they are left out from now on */
	bool panicking;     /* a callback did; what follows answers, not the suspended handler */
	bool passing;       /* response hooks see the answer: no other can begin */
	bool varies;        /* a Vary field says that Accept was looked at */
	bool whole_body;    /* @body is all of it */
	uint8_t waiting;    /* enum ouro_waiting; not NOTHING: @fiber is suspended */
	uint8_t deaf;       /* waiting calls since it was cancelled */
	uint8_t verdict;    /* enum ouro_verdict */
	int16_t body_error; /* a piece of the body is lost, because of this: there is no going on */
	uint16_t status;    /* of the answer */
	uint16_t error_status;
	uint16_t chain_at;    /* the next of the route's chain, for whom it is there */
	uint32_t drained;     /* bytes of a chunked body that were dropped behind the answer */
	uint64_t length_left; /* of a response whose length is known, before it is encoded */
	struct ouro_encoder *encoder;   /* of a begun response; NULL: its body goes as it is */
	struct ouro_decoding *decoding; /* of the request; NULL: its body is taken as it comes */

	const char *head;          /* first byte of the request head, contiguous */
	struct ouro_buf *head_buf; /* holds it; NULL where @carry does */
	char *carry;               /* a head that came in pieces is put together here */
	uint32_t carry_len, carry_room;

	const struct ouro_endpoint *endpoint;
	ouro_handler_fn task;      /* what the fiber runs */
	struct ouro_fiber *fiber;  /* suspended, or NULL */
	struct ouro_guard *guard;  /* where a panic goes */
	int wait_result;           /* what the suspended call returns */
	int fail_result;           /* of reading the body, instead of -ECANCELED; 0: that */
	struct ouro_slice chunk;   /* what ouro_body_read() gave last; it holds the buffer */
	struct ouro_buf *body_buf; /* holds @body, if the arena does not */
	struct ouro_str body;
	struct ouro_poll_wait *poll;
	struct ouro_offload_wait *job;
	struct ouro_save *save; /* the body is being saved; NULL: not */
	struct ouro_ref_slot *ref;
	struct ouro_event_stream *events; /* the answer is one; NULL: not */
	struct ouro_ws_conn *ws; /* the connection is a WebSocket (server/ws.h); NULL: it is not */
	const struct ouro_ws_end *ws_end; /* while that is told; NULL: it is not closed */
	struct ouro_ws_inbox inbox;
	struct ouro_deferred *deferred;
	struct ouro_attribute_node *attributes;
	struct ouro_held held;
	const char *error_detail;
	const char *panic_message;
	const char *json_fault;
	const char *multipart_fault;
	struct ouro_multipart_reader *multipart; /* NULL: not begun */
	uint32_t multipart_repeats; /* of calls that had to fail as the one before did */
	const struct ouro_query_pair
		*form; /* @form_count pairs of it, decoded; NULL: not read yet */
	size_t form_count;
	struct ouro_str section; /* trailers of the request so far, as they came; in the arena */
	size_t section_room;
	struct ouro_str request_id;
	struct ouro_str path; /* by which the route was found */

	ouro_body_fn on_body;
	ouro_handler_fn on_after;
	ouro_handler_fn on_drain;
	ouro_handler_fn on_gone;
	void *callback_arg; /* of a callback while it is called */
	void *data;
	struct ouro_fields_set fields, trailers; /* set by the handler */

	struct ouro_match match;
	struct ouro_str params[OURO_ROUTER_PARAMS_MAX]; /* decoded; in the request or the arena */

	struct ouro_http1_parser parser; /* last: it is large, and mostly unused */
};

/* Leases an exchange for @stream; NULL when out of memory. */
struct ouro_ctx *ouro_exchange_create(struct ouro_worker *worker, struct ouro_stream *stream);

/* Gives back all that the exchange holds, and the exchange. No handler of it is suspended. */
void ouro_exchange_destroy(struct ouro_ctx *ctx);

/* Makes ready for the next request on the connection, in the same exchange. */
void ouro_exchange_reset(struct ouro_ctx *ctx);

/* Calls @fn of the user's with @ctx from the loop, then looks at what it left behind. */
void ouro_exchange_call(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* Passes a piece of the body to whoever asked for it. */
void ouro_exchange_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last);

/* Answers with @status and @reason, and closes the connection behind it. Where a response has begun
 * already, the connection is reset instead. A handler that waits gets @err. */
void ouro_exchange_fail(struct ouro_ctx *ctx, unsigned status, const char *reason, int err);

/* The client has gone before the exchange was complete: tells the handler. */
void ouro_exchange_gone(struct ouro_ctx *ctx);

/* The server stops, and the answer is an event stream, which would go on: a handler that waits is told, and
 * the stream is ended in order. The context may be gone afterwards. */
void ouro_exchange_end_events(struct ouro_ctx *ctx);

/* Whether somebody will call the handler again, or the answer goes on without it. */
bool ouro_exchange_is_waiting(const struct ouro_ctx *ctx);

/* The handler's part is over, in whichever way: it must have answered, or be called again. */
void ouro_exchange_look(struct ouro_ctx *ctx);

/* ---- pipeline.c ---- */

/* The head is complete at ctx->head and parsed: runs hooks, routes it, runs its chain. */
void ouro_pipeline_run(struct ouro_ctx *ctx);

/* Runs the hooks of @phase; with @until_answered no more once there is an answer. */
void ouro_hooks_run(struct ouro_ctx *ctx, enum ouro_hook phase, bool until_answered);

/* Runs the hooks of @phase for a connection without a request. */
void ouro_hooks_run_for(struct ouro_worker *worker, struct ouro_stream *stream,
			enum ouro_hook phase);

/* ---- path.c ---- */

/* Finds the endpoint of the request: sets ctx->endpoint, @match, @path, @verdict. */
void ouro_path_route(struct ouro_ctx *ctx);

/* The handler of the endpoint for requests that have no other: answers as ctx->verdict says. */
void ouro_path_refuse(struct ouro_ctx *ctx);

/* Answers with 308 to @path, in which escapes are such already, and the query of the request. */
void ouro_path_redirect(struct ouro_ctx *ctx, struct ouro_str path);

/* ---- panic.c ---- */

/* Calls @fn; false where it panicked: then nothing of it runs any more. */
bool ouro_try(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* Goes on with a panic that ouro_try() has caught. */
OURO_NORETURN void ouro_panic_again(struct ouro_ctx *ctx);

/* What follows a panic, in place of the handler. */
void ouro_panic_aftermath(struct ouro_ctx *ctx);

/* What follows a panic of a hook: the engine's own answer, without hooks. */
void ouro_panic_plainly(struct ouro_ctx *ctx);

/* Calls what was deferred, the last first. */
void ouro_deferred_run(struct ouro_ctx *ctx);

/* ---- suspend.c ---- */

/* Suspends the handler that runs until ouro_ctx_wake(). What it was woken with, or why it cannot
 * wait. */
int ouro_ctx_suspend(struct ouro_ctx *ctx, enum ouro_waiting what);

/* Whether the handler that runs could be suspended: 0, or what a waiting call returns else. */
int ouro_ctx_may_wait(struct ouro_ctx *ctx);

/* Goes on with the suspended handler, whose call returns @result. From the loop; the session is to be
 * advanced afterwards. */
void ouro_ctx_wake(struct ouro_ctx *ctx, int result);

/* Ends whatever the handler waits for, now and later: its waiting calls return -ECANCELED, or -ETIMEDOUT
 * where @timed_out. From the loop, or from the handler itself. */
void ouro_ctx_cancel(struct ouro_ctx *ctx, bool timed_out);

/* The time that the handler waits for, or at most, is over. */
void ouro_suspend_on_timer(struct ouro_timer *timer);

/* Suspends as ouro_ctx_suspend(), for at most @ms; OURO_FOREVER: for ever. */
int ouro_ctx_suspend_for(struct ouro_ctx *ctx, enum ouro_waiting what, uint32_t ms);

/* ---- read.c ---- */

/* The handler wants the body: a client that waits for it is told to send it, and has so much time. */
void ouro_body_expect(struct ouro_ctx *ctx);

/* Whether the handler that runs can read the body: 0, or the error for the caller. */
int ouro_body_may_read(struct ouro_ctx *ctx);

/* A piece of the body for the handler that waits for it. */
void ouro_suspend_on_chunk(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last);

/* Lets go of the poll or the job that the handler waited for: it is cancelled. */
void ouro_save_abandon(struct ouro_ctx *ctx);
void ouro_poll_abandon(struct ouro_ctx *ctx);
void ouro_offload_abandon(struct ouro_ctx *ctx);

/* ---- save.c ---- */

/* The descriptor of the connection is lent, for the body to be saved. */
void ouro_save_on_lent(struct ouro_ctx *ctx, int fd);

/* ---- multipart.c ---- */

/* Gives back what reading the body part by part has taken, files included; no job is in progress. */
void ouro_multipart_release(struct ouro_ctx *ctx);

/* Whether data of a part is on its way to a file. */
bool ouro_multipart_is_saving(const struct ouro_ctx *ctx);

/* ---- trailers.c ---- */

/* Keeps what the parser has just read of the trailer section. 0 or -ENOMEM. */
int ouro_trailers_keep(struct ouro_ctx *ctx);

/* Has fn(owned) done by another thread and waits for that; @owned must not need the context. 0; or a
 * negative errno, and then @owned is released on the loop's thread as soon as nobody works on it. */
int ouro_offload_owned(struct ouro_ctx *ctx, ouro_work_fn fn, void *owned, ouro_work_fn release);

/* ---- answers ---- */

/* Answers with the engine's own text for @status, without hooks. */
void ouro_respond_plain(struct ouro_ctx *ctx, unsigned status, const char *detail);

/* As ouro_error(), for texts that outlive the exchange, and NULL. */
void ouro_respond_error(struct ouro_ctx *ctx, unsigned status, const char *detail);

/* Answers with a complete body made of @pieces, in order, as ouro_send() does. Their references are the
 * answer's from now on, whatever is returned. */
int ouro_respond_pieces(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			const struct ouro_piece_ref *pieces, size_t count);

/* Drops an answer that is held. */
void ouro_held_drop(struct ouro_ctx *ctx);

/* @text copied into the arena; absent when out of memory. ouro_ctx_copy_c() terminates it. */
struct ouro_str ouro_ctx_copy(struct ouro_ctx *ctx, struct ouro_str text);
char *ouro_ctx_copy_c(struct ouro_ctx *ctx, struct ouro_str text);

#endif
