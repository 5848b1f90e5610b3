/* What answers are compressed with: whole ones before their head is written, streams as they go. */
#ifndef OURO_SERVER_COMPRESS_H
#define OURO_SERVER_COMPRESS_H

#include "server/exchange.h"

enum {
	/* A larger body is compressed by another thread, or, where the answer cannot wait for that,
	 * not at all: at some 100 MB/s this is the most that other connections are kept waiting for. */
	OURO_COMPRESS_INLINE_BYTES_MAX = 64 * 1024,
	/* What the stack of a handler must have: brotli takes 15 KiB of it, measured with 1.0.9, and
	 * the pieces of a stream 4. */
	OURO_COMPRESS_STACK_BYTES_MIN = 32 * 1024,
};

struct ouro_outlet;

/* A body that was compressed, or would have been. */
struct ouro_compressed {
	struct ouro_slice
		body; /* with one reference to its buffer; without one it is in memory that
				 * the next use of the loop's coders takes */
	bool is_head; /* there is no body, and nobody knows how long it would be */
};

/* The coding that a client who sent @count @values of Accept-Encoding is best served with. */
enum ouro_coding ouro_compress_choose(const struct ouro_str *values, size_t count);

/* Compresses the body of a complete answer, @count @pieces, where the endpoint says so, it is worth it and
 * the client takes it; sets the fields that this needs. False: the body goes as it is. Where the head
 * cannot be written, ouro_compress_undo() follows. */
bool ouro_compress_whole(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 const struct ouro_piece_ref *pieces, size_t count,
			 struct ouro_compressed *compressed);

/* Takes back what the above and ouro_compress_begin() have set. */
void ouro_compress_undo(struct ouro_ctx *ctx);

/* Whether a complete answer that is about to be sent is better held, since compressing it means to wait for
 * another thread. */
bool ouro_compress_waits(const struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 const struct ouro_piece_ref *pieces, size_t count);

/* Compresses the answer that is held, if it is one for which ouro_compress_waits(). It is held still when
 * this returns 0; else -EALREADY or -ENOTCONN: while it waited, the request was answered otherwise. */
int ouro_compress_held(struct ouro_ctx *ctx);

/* A stream of @length bytes (or OURO_LENGTH_UNKNOWN) is about to begin: whether its body will be encoded.
 * Then the length of that is not known; the fields are set. */
bool ouro_compress_begin(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			 uint64_t length);

/* Writes @data, encoded and flushed, to the stream, which has an encoder. 0 or a negative errno; then part
 * of it may be queued. */
int ouro_compress_write(struct ouro_ctx *ctx, struct ouro_str data);

/* Encodes @data into the stream at once, however much it is; with @flush, so that the client can decode all
 * that was written. 0 or a negative errno as above. */
int ouro_compress_push(const struct ouro_outlet *outlet, struct ouro_str data, bool flush);

/* The same as ouro_compress_write() with a range of a file, which is read piece by piece. */
int ouro_compress_write_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset,
			     uint64_t len);

/* Writes what is left at the end of the stream, and gives back the encoder. 0 or a negative errno. */
int ouro_compress_end(struct ouro_ctx *ctx);

/* Gives back the encoder of a stream, if there is one. */
void ouro_compress_drop(struct ouro_ctx *ctx);

#endif
