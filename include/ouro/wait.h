/* Waiting, from handlers, middleware and hooks that run on a fiber: each call suspends its handler and
 * goes on in the line below when what it waits for is there, while the loop serves others.
 *
 * What they have in common: -ENOMEM; -ECANCELED, at once, when the client has gone, the connection is being
 * closed, or the server stops and ends an event stream (and from then on at every call; one that goes on calling 100 times panics). A client is not seen
 * to go while 64 KiB of what it sent are unread; -ETIMEDOUT where the route's handler_timeout_ms is over;
 * -EDEADLK where the caller is not on a fiber (an inline route, a callback, a hook of a connection or of
 * an error that the engine found while it read). */
#ifndef OURO_WAIT_H
#define OURO_WAIT_H

#include "ouro/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OURO_FOREVER UINT32_MAX /* as a time to wait */

/* Waits @ms milliseconds. 0, or as above. */
OURO_API int ouro_sleep(struct ouro_ctx *ctx, uint32_t ms);

/* ---- The request body ---- */

/* Waits for the next piece of the request body, asking a client that waits for it to send it
 * (100 Continue, RFC 9110, 10.1.1). @chunk lives until the next call with this context or the
 * handler's end; passing it to ouro_write_slice() keeps its buffer. The number of bytes, which are
 * never 0; 0 at the end of the body, with an empty @chunk; -EBADMSG where the body is malformed,
 * -EMSGSIZE where it is too large, -ETIMEDOUT where it did not come in time (the engine has then
 * answered, where no answer was begun); -EALREADY where ouro_on_body() was called or the whole
 * body was asked for (ouro_body(), a form, JSON); -ENOMEM, and then always; as above. */
OURO_API ssize_t ouro_body_read(struct ouro_ctx *ctx, struct ouro_slice *chunk);

/* Waits for all of the request body, or what ouro_body_read() has left of it, and makes it one piece,
 * which lives as long as the context; it is copied only where it came in several, as a chunked one always
 * does. Again: the same. 0 or as ouro_body_read(); -ENOMEM. */
OURO_API int ouro_body(struct ouro_ctx *ctx, struct ouro_str *body);

/* Waits for all of the request body, or what ouro_body_read() has left of it, and writes it to @fd, a
 * regular file or a block device: from @offset on, or, where that is -1, at the descriptor's position,
 * which moves on. Takes the same memory for a body of any size, and writing keeps no other request
 * waiting: threads of the server's pool do it. What is left of a counted body, where that is 256 KiB or
 * more, goes from the socket to the file without passing through the program (splice(2)), if the file
 * system can do that. @fd is duplicated: it may be closed as soon as this has returned, though a thread
 * that was writing when the handler was cancelled may still write what it has in hand, at most 8 MiB.
 *
 * How many bytes were written; 0 for no body. -EBADF; -EINVAL where @fd is something else or @offset is
 * less than -1; -EMFILE; what write(2) said (-ENOSPC, -EDQUOT, -EFBIG, -EIO): of the body there is then
 * a part in the file, and the rest cannot be read any more; -EAGAIN where offload_queue_max others are
 * waiting for a thread, with the same consequence; as ouro_body_read(). A client that closes its side
 * behind the body does not count as gone before this has returned. */
OURO_API int64_t ouro_body_to_file(struct ouro_ctx *ctx, int fd, int64_t offset);

/* ---- Descriptors, threads, others ---- */

/* Waits until @fd, which is the program's own, can be read (POLLIN) or written (POLLOUT), as in
 * poll(2), for at most @timeout_ms. What it is ready for, POLLERR and POLLHUP included; -ETIMEDOUT;
 * -EBADF; -EINVAL where @events asks for neither of these and @fd is a file; as above. */
OURO_API int ouro_poll(struct ouro_ctx *ctx, int fd, short events, uint32_t timeout_ms);

/* Runs @fn on a thread of the server's pool, for work that computes long or blocks, and waits for it.
 * @fn works on a copy of the @bytes at @args, which is copied back when it is done: so it may go on,
 * forgotten, where the handler is cancelled, and touches nothing of the handler's stack. What else
 * @args points to must live until @fn has returned; the request and ouro_alloc() memory do. 0;
 * -EAGAIN where offload_queue_max others are waiting for a thread; -ENOMEM; as above. */
typedef void (*ouro_work_fn)(void *args);
OURO_API int ouro_offload(struct ouro_ctx *ctx, ouro_work_fn fn, void *args, size_t bytes);

/* A name for a context that may be kept beyond it, and by other threads: it never dangles. */
struct ouro_ref {
	uint32_t index;
	uint32_t generation; /* never 0: zero is no context's name */
};

/* The name of @ctx. All zero where memory is short. */
OURO_API struct ouro_ref ouro_ref(struct ouro_ctx *ctx);

/* Waits until ouro_resume() is called with the name of this context, at most @timeout_ms. One that
 * came earlier is not lost: the wait is over at once. The value that the last one brought, which is
 * not negative; -ETIMEDOUT; as above. */
OURO_API int ouro_wait(struct ouro_ctx *ctx, uint32_t timeout_ms);

/* Ends the wait of the context that @ref names, with @value (from 0 to INT_MAX). Several before it has
 * looked are one. Any thread. 0; -ENOTCONN where there is no such context any more; -EINVAL. */
OURO_API int ouro_resume(struct ouro_ref ref, int value);

/* Has @fn called with the context that @ref names, on its loop, soon; with NULL where it has ended by
 * then: so it is called exactly once. @fn must not wait. Any thread. 0; -ENOTCONN where there is no
 * such context any more, -ENOMEM: then @fn is not called. */
typedef void (*ouro_post_fn)(struct ouro_ctx *ctx, void *arg);
OURO_API int ouro_post(struct ouro_ref ref, ouro_post_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
