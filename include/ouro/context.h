/* The context: one request, its response, and the connection they are on.
 *
 * A context is valid from its handler's call until its response is complete and its request is
 * read, or its on_gone callback has returned; it belongs to the loop that made it. Every view it
 * gives lives as long. Its functions are called from its own callbacks (the handler and what was
 * passed to ouro_on_body(), ouro_after(), ouro_on_drain(), ouro_on_gone()), not from another's. */
#ifndef OURO_CONTEXT_H
#define OURO_CONTEXT_H

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

/* The value of the path parameter @name (a C string), percent-decoded; absent where the route has
 * no such parameter. A request with a malformed escape in one never reaches its handler (400). */
OURO_API struct ouro_str ouro_param(struct ouro_ctx *ctx, const char *name);

/* The first value of the query parameter @name (a C string), decoded; absent where there is none
 * or its escapes are malformed. */
OURO_API struct ouro_str ouro_query(struct ouro_ctx *ctx, const char *name);

/* Called for each pair of the query, decoded, in order. False ends the walk. */
typedef bool (*ouro_pair_fn)(void *arg, struct ouro_str name, struct ouro_str value);

/* Walks the query's pairs. 0; -EINVAL at a malformed escape; -ENOMEM. */
OURO_API int ouro_query_each(struct ouro_ctx *ctx, ouro_pair_fn fn, void *arg);

/* The first field called @name (a C string, any case); absent where there is none. */
OURO_API struct ouro_str ouro_header(const struct ouro_ctx *ctx, const char *name);

/* Host and port the client asked for, from the target or the Host field; may be empty. */
OURO_API struct ouro_str ouro_host(const struct ouro_ctx *ctx);

/* Whether a body follows the head, and how many bytes the client announced (UINT64_MAX: it did
 * not). */
OURO_API bool ouro_has_body(const struct ouro_ctx *ctx);
OURO_API uint64_t ouro_body_length(const struct ouro_ctx *ctx);

/* Takes one piece of the request body. @chunk lives for the call; passing it to
 * ouro_write_slice() keeps its buffer. With @last (then @chunk may be empty) the body is complete.
 */
typedef void (*ouro_body_fn)(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last);

/* Asks for the request body, piece by piece, from the loop; a client that waits for 100 (Continue)
 * is told so (RFC 9110, 10.1.1). @fn is called with @last exactly once unless the client goes. 0,
 * or -EALREADY where it was asked for before. */
OURO_API int ouro_on_body(struct ouro_ctx *ctx, ouro_body_fn fn);

/* ---- The response ---- */

#define OURO_LENGTH_UNKNOWN UINT64_MAX

/* Adds a field to a response that has not begun; name (a C string) and value are copied. 0; -EINVAL
 * where the name is no token, is one the engine writes itself (connection, content-length,
 * transfer-encoding, date), or the value has control characters; -EALREADY where the response has
 * begun; -E2BIG, -ENOMEM. */
OURO_API int ouro_set_header(struct ouro_ctx *ctx, const char *name, struct ouro_str value);

/* Answers with a complete body, which is copied. @content_type (a C string) may be NULL. 0;
 * -EALREADY where an answer was begun; -ENOTCONN where the client has gone; -EINVAL where @status
 * is not in 200 to 999; -ENOMEM. */
OURO_API int ouro_send(struct ouro_ctx *ctx, unsigned status, const char *content_type,
		       struct ouro_str body);

/* ouro_send() with "text/plain; charset=utf-8". */
OURO_API int ouro_text(struct ouro_ctx *ctx, unsigned status, struct ouro_str body);

/* ouro_send() of memory that stays as it is for as long as the server lives: not copied. */
OURO_API int ouro_send_static(struct ouro_ctx *ctx, unsigned status, const char *content_type,
			      struct ouro_str body);

/* Begins a response whose body follows in pieces: @length bytes, or OURO_LENGTH_UNKNOWN (chunked,
 * or until the connection closes towards HTTP/1.0). Errors as ouro_send(). */
OURO_API int ouro_begin(struct ouro_ctx *ctx, unsigned status, const char *content_type,
			uint64_t length);

/* Adds to the body: ouro_write() copies, ouro_write_slice() refers to the slice's buffer. 0;
 * -EAGAIN, still queued, where so much is queued that the caller should wait for ouro_on_drain();
 * -ENOBUFS, not queued, where it did not and several MiB are waiting;
 * -EINVAL where no response was begun or it has ended; -EMSGSIZE where it is more than was
 * announced (nothing is queued); -ENOTCONN, -ENOMEM. */
OURO_API int ouro_write(struct ouro_ctx *ctx, struct ouro_str data);
OURO_API int ouro_write_slice(struct ouro_ctx *ctx, struct ouro_slice slice);

/* Completes a begun response. The context may be gone afterwards. 0; -EINVAL where none was begun.
 * Fewer bytes than announced: the connection is reset, so that the client cannot take it for
 * complete. */
OURO_API int ouro_end(struct ouro_ctx *ctx);

/* Whether a response has begun. */
OURO_API bool ouro_is_answered(const struct ouro_ctx *ctx);

/* ---- Waiting ---- */

/* Calls @fn with the context @ms from now, from the loop, instead of answering now. 0; -EALREADY
 * where it waits already; -ENOMEM. */
OURO_API int ouro_after(struct ouro_ctx *ctx, uint32_t ms, ouro_handler_fn fn);

/* Calls @fn when the queued output has fallen to the low-water mark after it had been over the high
 * one. 0. */
OURO_API int ouro_on_drain(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* ---- The connection ---- */

/* Calls @fn when the response will not be completed: the client has gone or closed its side, the
 * connection has failed, or ouro_abort() was called. An answer then goes nowhere. It is the last
 * that is heard of the context, and the place to let go of what belongs to it. */
OURO_API void ouro_on_gone(struct ouro_ctx *ctx, ouro_handler_fn fn);

/* Whether the connection may carry another request after this one. False is final. Before the
 * response begins. */
OURO_API void ouro_keep_alive(struct ouro_ctx *ctx, bool keep);

/* Resets the connection now; what is queued is lost. */
OURO_API void ouro_abort(struct ouro_ctx *ctx);

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

/* The loop's monotonic clock, read once a turn, in nanoseconds. */
OURO_API uint64_t ouro_now_ns(const struct ouro_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
