/* The context: one request, its response, and the connection they are on.
 *
 * A context is valid from its handler's call until the handler has returned, its response is complete
 * and its request is read, or, where the client goes, its on_gone
 * callback and the handler have returned; it belongs to the loop that made it.
 * Every view it gives lives as long. Its functions are called from its own handler, middleware, hooks
 * and callbacks, not from another context's, nor from other threads: for those take a ouro_ref
 * (ouro/wait.h). */
#ifndef OURO_CONTEXT_H
#define OURO_CONTEXT_H

#include "ouro/field.h"
#include "ouro/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The request ---- */

/* The method, case-sensitive (RFC 9110, 9.1). */
OURO_API struct ouro_str ouro_method(const struct ouro_ctx *ctx);

/* The target as sent (RFC 9112, 3.2). */
OURO_API struct ouro_str ouro_target(const struct ouro_ctx *ctx);

/* The path of the target as sent, not decoded; "/" where the target has none. */
OURO_API struct ouro_str ouro_path(const struct ouro_ctx *ctx);

/* The query as sent, without its question mark; empty where there is none. */
OURO_API struct ouro_str ouro_query_string(const struct ouro_ctx *ctx);

/* The pattern of the route, with its prefixes; empty where none fits. */
OURO_API struct ouro_str ouro_pattern(const struct ouro_ctx *ctx);

/* The value of the path parameter @name (a C string), percent-decoded; absent where the route has
 * no such parameter. A request with a malformed escape in one never reaches its handler (400). */
OURO_API struct ouro_str ouro_param(struct ouro_ctx *ctx, const char *name);

/* The same as it stands in the path (in its canonical form, unless options.paths is OURO_PATHS_EXACT). A
 * decoded value may hold slashes and "..", which came as %2F and within a segment: it is no file name
 * before it was looked at, and of a tail only this one tells slashes from escaped ones. */
OURO_API struct ouro_str ouro_param_raw(const struct ouro_ctx *ctx, const char *name);

/* ouro_param() as a number, decimal with nothing around it: what {name:u64} and {name:i64} let through.
 * 0; -ENOENT where the route has no such parameter, -EINVAL where it is no number, -ERANGE where it
 * does not fit; @value is then untouched. */
OURO_API int ouro_param_u64(struct ouro_ctx *ctx, const char *name, uint64_t *value);
OURO_API int ouro_param_i64(struct ouro_ctx *ctx, const char *name, int64_t *value);

/* The first value of the query parameter @name (a C string), decoded; absent where there is none
 * or its escapes are malformed. What others there are makes no difference. */
OURO_API struct ouro_str ouro_query(struct ouro_ctx *ctx, const char *name);

/* Called for each pair of the query, decoded, in order. False ends the walk. */
typedef bool (*ouro_pair_fn)(void *arg, struct ouro_str name, struct ouro_str value);

/* Walks the query's pairs. 0; -EINVAL at a malformed escape; -ENOMEM. */
OURO_API int ouro_query_each(struct ouro_ctx *ctx, ouro_pair_fn fn, void *arg);

/* The first field called @name (a C string, any case); absent where there is none. */
OURO_API struct ouro_str ouro_header(const struct ouro_ctx *ctx, const char *name);

/* The field of a known name, by its number: the fastest way. Absent where there is none. */
OURO_API struct ouro_str ouro_header_at(const struct ouro_ctx *ctx, enum ouro_field field);

/* Walks the fields called @name (a C string, any case), or all where @name is NULL, in order: fields
 * may repeat. */
OURO_API void ouro_header_each(struct ouro_ctx *ctx, const char *name, ouro_pair_fn fn, void *arg);

/* The first field called @name (a C string, any case) behind a chunked body (RFC 9110, 6.5), once all of
 * the body has come; absent before, and where there is none. The client may send any, or none, whatever
 * it has announced. Fields that would change what was done with the request before they came (framing,
 * Host, authorization, cookies, conditions, preferences, Content-*: RFC 9110, 6.5.1) are left out. */
OURO_API struct ouro_str ouro_trailer(const struct ouro_ctx *ctx, const char *name);

/* Walks these fields as ouro_header_each() does the others. */
OURO_API void ouro_trailer_each(struct ouro_ctx *ctx, const char *name, ouro_pair_fn fn, void *arg);

/* Host and port the client asked for, from the target or the Host field; may be empty. */
OURO_API struct ouro_str ouro_host(const struct ouro_ctx *ctx);

/* Whether a body follows the head, and how many bytes the client announced (UINT64_MAX: it did
 * not). */
OURO_API bool ouro_has_body(const struct ouro_ctx *ctx);
OURO_API uint64_t ouro_body_length(const struct ouro_ctx *ctx);

/* An id of this request, for logs: what the client sent as X-Request-Id where that is short and
 * harmless, else a random one of 32 hexadecimal digits. */
OURO_API struct ouro_str ouro_request_id(struct ouro_ctx *ctx);

/* Takes one piece of the request body. @chunk lives for the call; passing it to
 * ouro_write_slice() keeps its buffer. With @last (then @chunk may be empty) the body is complete.
 */
typedef void (*ouro_body_fn)(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last);

/* Asks for the request body, piece by piece, from the loop; a client that waits for 100 (Continue)
 * is told so (RFC 9110, 10.1.1). @fn is called with @last exactly once unless the client goes. 0,
 * or -EALREADY where it was asked for before. */
OURO_API int ouro_on_body(struct ouro_ctx *ctx, ouro_body_fn fn);

/* ---- The response ----
 *
 * One answer for each request; a second is -EALREADY. Where a handler has middleware around it, a
 * complete answer is held until the outermost has returned, so that all can add fields to it, or until
 * ouro_flush(); else it is written at once. Response hooks run just before it is written. */

#define OURO_LENGTH_UNKNOWN UINT64_MAX

/* Adds a field to an answer that was not written yet; name (a C string) and value are copied. 0;
 * -EINVAL where the name is no token, is one the engine writes itself (connection, content-length,
 * transfer-encoding, date), or the value has control characters; -EALREADY where the head has been
 * written; -E2BIG (more than 32 fields or 3072 bytes), -ENOMEM. */
OURO_API int ouro_set_header(struct ouro_ctx *ctx, const char *name, struct ouro_str value);

/* The same with a printf(3) format for the value, of at most 1023 bytes (-E2BIG). */
OURO_API int ouro_set_headerf(struct ouro_ctx *ctx, const char *name, const char *format, ...)
	OURO_PRINTF(3, 4);

/* Takes the fields called @name out of an answer that was not written yet. How many there were. */
OURO_API int ouro_unset_header(struct ouro_ctx *ctx, const char *name);

/* Answers with a complete body, which is copied. @content_type (a C string) may be NULL. 0;
 * -EALREADY where an answer was begun; -ENOTCONN where the client has gone; -EINVAL where @status
 * is not in 200 to 999, @content_type has control characters or the head would not fit; -ENOMEM. A
 * content type that ouro_set_header() set goes before @content_type. */
OURO_API int ouro_send(struct ouro_ctx *ctx, unsigned status, const char *content_type,
		       struct ouro_str body);

/* ouro_send() with "text/plain; charset=utf-8". */
OURO_API int ouro_text(struct ouro_ctx *ctx, unsigned status, struct ouro_str body);

/* ouro_text() of a printf(3) format. -E2BIG where that is more than 4095 bytes. */
OURO_API int ouro_textf(struct ouro_ctx *ctx, unsigned status, const char *format, ...)
	OURO_PRINTF(3, 4);

/* ouro_send() of memory that stays as it is for as long as the server lives: not copied. */
OURO_API int ouro_send_static(struct ouro_ctx *ctx, unsigned status, const char *content_type,
			      struct ouro_str body);

/* Answers with @status (3xx) and a Location field; @location is a URI reference, already encoded. 0;
 * -EINVAL where it holds control characters or @status is no 3xx; as ouro_send(). */
OURO_API int ouro_redirect(struct ouro_ctx *ctx, unsigned status, struct ouro_str location);

/* Answers with an error through the error hooks; where none answers, with problem details
 * (application/problem+json, RFC 9457) or a line of text, as the client accepts. @detail (a C string,
 * copied) may be NULL. Errors as ouro_send(); -EINVAL where @status is not in 400 to 599. */
OURO_API int ouro_error(struct ouro_ctx *ctx, unsigned status, const char *detail);

/* What an error hook shapes; 0 and NULL where there is no error. */
OURO_API unsigned ouro_error_status(const struct ouro_ctx *ctx);
OURO_API const char *ouro_error_detail(const struct ouro_ctx *ctx);

/* Answers with the error that a negative errno of this interface stands for (-EMSGSIZE: 413,
 * -EPROTONOSUPPORT: 415, -EBADMSG or -EINVAL: 400, -ENOSPC or -EDQUOT: 507, -EAGAIN, -EBUSY, -ENOMEM or
 * -ETIMEDOUT: 503, else 500), with the fault that ouro_multipart_fault() tells where there is one. Does
 * nothing for -ECANCELED, -ENOTCONN and -EALREADY: nobody waits for an answer then. */
OURO_API void ouro_reject(struct ouro_ctx *ctx, int err);

/* Begins a response whose body follows in pieces: @length bytes, or OURO_LENGTH_UNKNOWN (chunked,
 * or until the connection closes towards HTTP/1.0). The head is written now. Errors as ouro_send(). */
OURO_API int ouro_begin(struct ouro_ctx *ctx, unsigned status, const char *content_type,
			uint64_t length);

/* Adds to the body: ouro_write() copies, ouro_write_slice() refers to the slice's buffer. On a fiber
 * they wait while much is queued already. 0; -EAGAIN, still queued, where the caller is not on a fiber
 * and should wait for ouro_on_drain(); -ENOBUFS, not queued, where it did not and several MiB are
 * waiting; -EINVAL where no response was begun, it has ended or is an event stream; -EPIPE where the answer has no body (HEAD,
 * 204, 304) and no length was announced, so that there is nothing to write; -EMSGSIZE where it is more than was
 * announced (nothing is queued); -ENOTCONN or -ECANCELED where the client has gone; -ENOMEM. */
OURO_API int ouro_write(struct ouro_ctx *ctx, struct ouro_str data);
OURO_API int ouro_write_slice(struct ouro_ctx *ctx, struct ouro_slice slice);

/* Completes a begun response. Called for the handler where it returns without having done so and
 * waits for nothing. Outside of a handler the context may be gone afterwards. 0; -EINVAL where none
 * was begun. Fewer bytes than announced: the connection is reset, so that the client cannot take it
 * for complete. Of an event stream (ouro/sse.h), which leaves its rooms, what waits for a slow client is sent
 * first. */
OURO_API int ouro_end(struct ouro_ctx *ctx);

/* Writes a held answer now. 0; -EINVAL where none is held; errors as ouro_send(). */
OURO_API int ouro_flush(struct ouro_ctx *ctx);

/* Whether there is an answer, held, begun or complete. */
OURO_API bool ouro_is_answered(const struct ouro_ctx *ctx);

/* The status of the answer; 0 where there is none. */
OURO_API unsigned ouro_status(const struct ouro_ctx *ctx);

/* The body of a held answer; absent where none is held. */
OURO_API struct ouro_str ouro_answer_body(const struct ouro_ctx *ctx);

/* ---- The chain ---- */

/* In middleware: runs the rest of the chain, and returns when it has returned (not necessarily with an
 * answer: a handler in callback style answers later). Without this call the chain ends here. Anywhere
 * else, and a second time, it does nothing. */
OURO_API void ouro_next(struct ouro_ctx *ctx);

/* What middleware hands to those behind it: a pointer by name, for this request. @key (a C string)
 * must live as long as the context. 0 or -ENOMEM; NULL where nothing was set. */
OURO_API int ouro_set_attribute(struct ouro_ctx *ctx, const char *key, void *value);
OURO_API void *ouro_attribute(const struct ouro_ctx *ctx, const char *key);

/* Calls @fn with @arg when this handler is over, in whichever way: returned, panicked, or cancelled.
 * The last deferred comes first. 0 or -ENOMEM, and then @fn is called at once. */
typedef void (*ouro_defer_fn)(void *arg);
OURO_API int ouro_defer(struct ouro_ctx *ctx, ouro_defer_fn fn, void *arg);

/* Ends this handler here and now: nothing of it runs any more but what it deferred. Panic hooks run,
 * then, where no answer was written, 500 is answered; the connection is closed behind it. The message
 * (printf(3), at most 255 bytes) goes to the log. */
OURO_API OURO_NORETURN void ouro_panic(struct ouro_ctx *ctx, const char *format, ...)
	OURO_PRINTF(2, 3);

/* What it was, for panic hooks; NULL where there was none. */
OURO_API const char *ouro_panic_message(const struct ouro_ctx *ctx);

/* Panics where @condition does not hold, with its text and place. */
#define ouro_check(ctx, condition)                                                                 \
	((condition)                                                                               \
		 ? (void)0                                                                         \
		 : ouro_panic((ctx), "%s:%d: %s does not hold", __FILE__, __LINE__, #condition))

/* ---- Being called again ---- */

/* Calls @fn with the context @ms from now, from the loop, instead of answering now. 0; -EALREADY
 * where it waits already; -ENOMEM. */
OURO_API int ouro_after(struct ouro_ctx *ctx, uint32_t ms, ouro_handler_fn fn);

/* Calls @fn when the queued output has fallen to the low-water mark after it had been over the high
 * one: for who was told -EAGAIN, since otherwise it may never come. 0. */
OURO_API int ouro_on_drain(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* ---- The connection ---- */

/* Calls @fn when the handler's response will not be completed: the client has gone or closed its side, the
 * connection has failed, ouro_abort() was called, or the engine has answered in its place (a body that is
 * malformed, too large or late; handler_timeout_ms). An answer then goes nowhere. Also where the server stops
 * and ends an event stream for which no handler runs. It is the last
 * that is heard of the context, and the place to let go of what belongs to it. */
OURO_API void ouro_on_gone(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* Whether the connection may carry another request after this one. False is final. Before the answer
 * is written: middleware may say so behind the handler. */
OURO_API void ouro_keep_alive(struct ouro_ctx *ctx, bool keep);

/* Resets the connection now; what is queued is lost. */
OURO_API void ouro_abort(struct ouro_ctx *ctx);

/* Closes the connection behind the answer, whatever was said before; what is queued is sent. */
OURO_API void ouro_close(struct ouro_ctx *ctx);

/* Whether the client has gone, or the connection is being closed, or an event stream is, since the server
 * stops: what waits returns -ECANCELED. A WebSocket is, too, from when either side has begun to close it:
 * nothing can be sent any more. */
OURO_API bool ouro_is_closed(const struct ouro_ctx *ctx);

/* A number of this connection that no other has while the server runs. */
OURO_API uint64_t ouro_connection_id(const struct ouro_ctx *ctx);

/* The peer as host:port, or "unix"; empty where it cannot be told any more. */
OURO_API struct ouro_str ouro_peer(struct ouro_ctx *ctx);

/* ---- Odds and ends ---- */

/* @text as a JSON string (RFC 8259, 7): quoted, escaped, invalid UTF-8 replaced by U+FFFD. Absent
 * when out of memory. */
OURO_API struct ouro_str ouro_json_string(struct ouro_ctx *ctx, struct ouro_str text);

/* Memory that lives as long as the context, aligned for any type; NULL when out of memory. */
OURO_API void *ouro_alloc(struct ouro_ctx *ctx, size_t bytes);

/* A pointer of the handler's own, kept from one of its calls to the next; NULL at first. */
OURO_API void ouro_set_data(struct ouro_ctx *ctx, void *data);
OURO_API void *ouro_data(const struct ouro_ctx *ctx);

/* The present date as in a Date field (IMF-fixdate). */
OURO_API struct ouro_str ouro_date(struct ouro_ctx *ctx);

/* The path of the route called @name: then names and values of its parameters, C strings in pairs, and
 * NULL. In memory of the context. Absent where ouro_server_url() would fail. */
OURO_API struct ouro_str ouro_url(struct ouro_ctx *ctx, const char *name, ...) OURO_SENTINEL;

/* The server that runs @ctx, for what is asked of a server: its figures, its subscribers. It outlives the
 * context. */
OURO_API struct ouro_server *ouro_server_of(const struct ouro_ctx *ctx);

/* A monotonic clock, in nanoseconds, read now: the difference of two is what lay between them. */
OURO_API uint64_t ouro_now_ns(const struct ouro_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
