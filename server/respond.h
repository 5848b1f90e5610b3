/* What the files that make answers know of each other: whole ones (respond.c), those whose body follows
 * (respond_stream.c), bodies that are sent as they are (respond_pieces.c), fields (respond_fields.c). */
#ifndef OURO_SERVER_RESPOND_H
#define OURO_SERVER_RESPOND_H

#include "server/exchange.h"

enum {
	OURO_INLINE_BODY_BYTES_MAX =
		4096, /* copied behind the head; more gets a buffer of its own */
	OURO_INLINE_STATIC_BYTES_MAX = 512, /* the same for memory that stays, where it is cheap */
	OURO_FIELDS_SET_BYTES_MAX = 3072,   /* of all fields a handler sets, and of all trailers */
};

/* Whether a new answer can begin; 0 or the error for the caller. */
int ouro_answer_may_begin(const struct ouro_ctx *ctx, unsigned status);

/* What the request means for the connection, known when the head of its answer is written. @is_whole:
 * the body of the answer is there too. */
void ouro_answer_settle_persistence(struct ouro_ctx *ctx, bool is_whole);

/* Writes a head and, where there is any, @body behind it. 0, -ENOTCONN or -EINVAL. */
int ouro_answer_write_head(struct ouro_ctx *ctx, unsigned status, struct ouro_str content_type,
			   enum ouro_framing framing, uint64_t content_length,
			   struct ouro_str body);

/* @body in memory of its own, for the kernel to read when it comes to it; NULL when out of memory. */
struct ouro_buf *ouro_answer_copy_body(struct ouro_ctx *ctx, struct ouro_str body);

/* Whether hooks want to see an answer before it is written. */
bool ouro_answer_has_hooks(const struct ouro_ctx *ctx);

/* Shows the answer that is held, of @status, to the response hooks; one that panics takes it away. 0 or
 * the error for the caller. */
int ouro_answer_pass_hooks(struct ouro_ctx *ctx, unsigned status);

/* A complete answer of pieces leaves; the references of these go (respond_pieces.c). */
int ouro_answer_write_pieces(struct ouro_ctx *ctx, struct ouro_held *held);

struct ouro_compressed;

/* A complete answer whose body was compressed leaves; the reference of @body goes (respond.c). */
int ouro_answer_write_compressed(struct ouro_ctx *ctx, unsigned status,
				 struct ouro_str content_type, const struct ouro_compressed *body);

/* Lets go of what @held refers to (respond.c). */
void ouro_answer_drop_body(struct ouro_held *held);

/* Where pieces of a begun body go, whoever they are of: an exchange, or an event stream that has none. */
struct ouro_outlet {
	struct ouro_worker *worker;
	struct ouro_stream *stream;
	struct ouro_encoder *encoder; /* NULL: they go as they are */
	bool chunked;
};

static inline struct ouro_outlet ouro_outlet_of(const struct ouro_ctx *ctx)
{
	return (struct ouro_outlet){ ctx->worker, ctx->stream, ctx->encoder, ctx->chunked };
}

/* A piece in its framing, and not encoded: its buffer is referenced. 0 or a negative errno. */
int ouro_outlet_write(const struct ouro_outlet *outlet, struct ouro_slice slice);

/* Likewise, of at most OURO_INLINE_BODY_BYTES_MAX, copied. 0 or -ENOTCONN. */
int ouro_outlet_copy(const struct ouro_outlet *outlet, struct ouro_str data);

/* Adds to a begun body: @slice, or @len bytes from @offset of @file. Errors as ouro_write(). The reference
 * of the buffer goes, before the writer waits: one that is told too often that it is over panics
 * there, and what is on its stack is lost. */
int ouro_answer_write_taken(struct ouro_ctx *ctx, struct ouro_slice slice);
int ouro_answer_write_file(struct ouro_ctx *ctx, struct ouro_buf *file, uint64_t offset,
			   uint64_t len);

/* Copies a short piece of framing, or of a body, behind the output. 0 or -ENOTCONN. */
int ouro_answer_write_copy(struct ouro_ctx *ctx, const char *data, size_t len);

/* Whether @bytes more of a begun body can be written; 0 or the error for the caller. */
int ouro_answer_may_write(struct ouro_ctx *ctx, uint64_t bytes);

/* @err of a write, or, when it went well, whether the writer should wait; one on a fiber does. */
int ouro_answer_after_write(struct ouro_ctx *ctx, int err);

#endif
