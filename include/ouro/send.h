/* Answers that are sent as they are: memory that is handed over, pieces gathered, ranges of files. And
 * what may stand before an answer and behind it: hints, trailers.
 *
 * Memory that is handed over is the engine's until its release function is called: exactly once,
 * whatever the call returns, on the loop's thread, perhaps before the call has returned. It may free
 * memory and count, but must not call anything of this interface, and must not wait. */
#ifndef OURO_SEND_H
#define OURO_SEND_H

#include "ouro/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*ouro_release_fn)(void *arg);

/* A piece of a body. Without @release its memory stays as it is for as long as the server lives. */
struct ouro_piece {
	struct ouro_str data;
	ouro_release_fn release;
	void *arg;
};

/* Answers with a complete body that is handed over: the kernel reads it where it is. Up to 512 bytes are
 * copied behind the head instead, and released at once. Errors as ouro_send(). */
OURO_API int ouro_send_take(struct ouro_ctx *ctx, unsigned status, const char *content_type,
			    struct ouro_str body, ouro_release_fn release, void *arg);

/* The same with a body of @count pieces, one behind the other. -E2BIG: more than 64; as ouro_send(). */
OURO_API int ouro_send_gathered(struct ouro_ctx *ctx, unsigned status, const char *content_type,
				const struct ouro_piece *pieces, size_t count);

/* Answers with @length bytes from @offset of the file that @fd has open, which do not come through the
 * program's memory (sendfile(2)). OURO_LENGTH_UNKNOWN: all that follow. @fd is the engine's, which
 * closes it once, whatever is returned; its position does not matter. A file that has become shorter when
 * its turn comes resets the connection, so that the client cannot take what it got for the whole.
 *
 * -EBADF: no descriptor; -EINVAL: no regular file of which the length could be told, or offset and length
 * are beyond what a file can have; as ouro_send(). For conditions, ranges and types see ouro/files.h. */
OURO_API int ouro_send_fd(struct ouro_ctx *ctx, unsigned status, const char *content_type, int fd,
			  uint64_t offset, uint64_t length);

/* Adds to a begun body as ouro_write() does: memory that is handed over (which is the engine's even where
 * it says -EAGAIN), or a range of a file, @fd as above. Where the answer is compressed a file is read: on a
 * fiber part by part, as the client takes it; elsewhere all of it at once, which is for small ones. */
OURO_API int ouro_write_take(struct ouro_ctx *ctx, struct ouro_str data, ouro_release_fn release,
			     void *arg);
OURO_API int ouro_write_fd(struct ouro_ctx *ctx, int fd, uint64_t offset, uint64_t length);

/* Adds a field behind the body (RFC 9110, 6.5), until it ends; name (a C string) and value are copied.
 * Trailers exist in chunked bodies alone, that is, where ouro_begin() was called without a length, towards
 * HTTP/1.1. Clients may drop them.
 *
 * 0; -ENOTSUP where the answer has begun and is not chunked, -EALREADY where it has ended, -ENOTCONN;
 * -EINVAL where the name is no token or one of a field that must stand in the head (framing, routing,
 * authentication, what says how the body is to be read), or the value has control characters; -E2BIG (more
 * than 32 or 3072 bytes of them), -ENOMEM. */
OURO_API int ouro_set_trailer(struct ouro_ctx *ctx, const char *name, struct ouro_str value);

/* Sends 103 (Early Hints, RFC 8297) with a Link field for each of @links before the answer, as often as
 * wanted: "</style.css>; rel=preload; as=style". 0; -ENOTSUP towards HTTP/1.0, where there are no
 * interim answers; -EALREADY where the head of the answer has been written; -EINVAL (control characters),
 * -E2BIG (more than 32 or 3072 bytes), -ENOTCONN. */
OURO_API int ouro_early_hints(struct ouro_ctx *ctx, const struct ouro_str *links, size_t count);

#ifdef __cplusplus
}
#endif

#endif
