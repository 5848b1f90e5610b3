/* Bodies of requests, decoded before anybody sees them, where the endpoint says so. */
#ifndef OURO_SERVER_DECOMPRESS_H
#define OURO_SERVER_DECOMPRESS_H

#include "server/exchange.h"

/* What came of the body as sent, and is not decoded yet. */
struct ouro_decoding;

/* How large a body as sent may be that has @bytes_max when it is decoded: what does not compress becomes a
 * bit larger. */
uint64_t ouro_decompress_sent_max(uint64_t bytes_max);

/* The head of a request with a body is complete: sees to it that what the body is encoded with is undone.
 * False where that cannot be, and the request was answered. */
bool ouro_decompress_begin(struct ouro_ctx *ctx);

/* Takes a piece of the body as sent; @last, it may be empty, is the end of it. False where nothing is
 * decoded (any more), and the piece is to be treated as any other. The others of these want
 * ctx->decoding. */
bool ouro_decompress_take(struct ouro_ctx *ctx, struct ouro_slice piece, bool last);

/* Decodes some of what was taken, for whoever wants the body. False where there was nothing to do. */
bool ouro_decompress_step(struct ouro_ctx *ctx);

/* Lets go of all that decoding holds. */
void ouro_decompress_drop(struct ouro_ctx *ctx);

#endif
