/* Bodies that are sent as they are: memory that is handed over, pieces gathered, ranges of files. Nothing
 * of them is copied but what is too small to be worth a segment. */
#include "base/filebuf.h"
#include "server/compress.h"
#include "server/respond.h"
#include "server/server_private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECES_MAX = 64 /* gathered in one call */ };

/* Memory of the program's, as a buffer: at its end the program is told. */
struct handed_over {
	struct ouro_buf buf; /* first */
	ouro_release_fn release;
	void *arg;
};

size_t ouro_handed_over_bytes(void)
{
	return sizeof(struct handed_over);
}

static void let_go(ouro_release_fn release, void *arg)
{
	if (release)
		release(arg);
}

static void on_released(struct ouro_buf *buf)
{
	struct handed_over *own = (struct handed_over *)(void *)buf;
	ouro_release_fn release = own->release;
	void *arg = own->arg;

	ouro_pool_put(buf->owner, own);
	let_go(release, arg);
}

/* @data with one reference, which holds it; memory that stays has no buffer. 0, or -ENOMEM and it was
 * released. */
static int hand_over(struct ouro_ctx *ctx, const struct ouro_piece *piece, struct ouro_slice *slice)
{
	struct ouro_pool *pool = &ctx->worker->handed_over;
	struct handed_over *own;

	*slice = (struct ouro_slice){ piece->data.ptr ? piece->data.ptr : "", piece->data.len,
				      NULL };
	if (!piece->release)
		return 0;
	own = ouro_pool_get(pool);
	if (!own) {
		piece->release(piece->arg);
		return -ENOMEM;
	}
	*own = (struct handed_over){
		/* Its bytes are the slice's; what matters here is that it is no file. */
		.buf = { .data = (char *)own, .refs = 1, .release = on_released, .owner = pool },
		.release = piece->release,
		.arg = piece->arg,
	};
	slice->buf = &own->buf;
	return 0;
}

static uint64_t sum_of(const struct ouro_held *held)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < held->piece_count; i++)
		sum += held->pieces[i].file ? held->pieces[i].len : held->pieces[i].memory.len;
	return sum;
}

static int write_piece(struct ouro_ctx *ctx, const struct ouro_piece_ref *piece)
{
	if (piece->file)
		return piece->len ? ouro_stream_write_file(ctx->stream, piece->file, piece->offset,
							   piece->len)
				  : 0;
	/* What is so small costs less to move than to refer to. */
	if (piece->memory.len <= OURO_INLINE_STATIC_BYTES_MAX)
		return ouro_answer_write_copy(ctx, piece->memory.ptr, piece->memory.len);
	return ouro_stream_write(ctx->stream, piece->memory);
}

int ouro_answer_write_pieces(struct ouro_ctx *ctx, struct ouro_held *held)
{
	bool has_body = !ctx->is_head && held->status != 204 && held->status != 304;
	struct ouro_compressed compressed;
	int err;

	ouro_answer_settle_persistence(ctx, true);
	if (ctx->endpoint->compress &&
	    ouro_compress_whole(ctx, held->status, held->type, held->pieces, held->piece_count,
				&compressed)) {
		err = ouro_answer_write_compressed(ctx, held->status, held->type, &compressed);
		ouro_answer_drop_body(held);
		return err;
	}
	err = ouro_answer_write_head(ctx, held->status, held->type, OURO_FRAMING_LENGTH,
				     sum_of(held), OURO_STR(""));
	if (!err) {
		ctx->response = OURO_RESPONSE_DONE;
		ctx->status = held->status;
	}
	for (size_t i = 0; i < held->piece_count && has_body && !err; i++)
		if (write_piece(ctx, &held->pieces[i])) {
			/* The head is queued, and not all of its body. */
			ouro_abort(ctx);
			err = -ENOTCONN;
		}
	ouro_answer_drop_body(held);
	return err;
}

static void release_all(const struct ouro_piece *pieces, size_t from, size_t count)
{
	for (size_t i = from; i < count; i++)
		let_go(pieces[i].release, pieces[i].arg);
}

int ouro_send_gathered(struct ouro_ctx *ctx, unsigned status, const char *content_type,
		       const struct ouro_piece *pieces, size_t count)
{
	struct ouro_piece_ref refs[PIECES_MAX];
	int err = count > PIECES_MAX ? -E2BIG : 0;
	size_t done = 0;

	for (; done < count && !err; done++) {
		refs[done] = (struct ouro_piece_ref){ 0 };
		err = hand_over(ctx, &pieces[done], &refs[done].memory);
	}
	if (!err)
		return ouro_respond_pieces(ctx, status, ouro_str_c(content_type), refs, count);
	release_all(pieces, done, count);
	for (size_t i = 0; i < done; i++)
		ouro_buf_unref(refs[i].memory.buf);
	return err;
}

int ouro_send_take(struct ouro_ctx *ctx, unsigned status, const char *content_type,
		   struct ouro_str body, ouro_release_fn release, void *arg)
{
	const struct ouro_piece piece = { body, release, arg };

	return ouro_send_gathered(ctx, status, content_type, &piece, 1);
}

/* Takes over @fd. Where @length is not known it is what the file has from @offset. 0, or a negative
 * errno and it was closed. */
static int take_file(int fd, uint64_t offset, uint64_t length, struct ouro_piece_ref *piece)
{
	struct stat stat;
	int err = 0;

	*piece = (struct ouro_piece_ref){ .offset = offset, .len = length };
	if (fd < 0)
		return -EBADF;
	if (offset > INT64_MAX || (length != OURO_LENGTH_UNKNOWN && length > INT64_MAX - offset))
		err = -EINVAL;
	else if (length == OURO_LENGTH_UNKNOWN && fstat(fd, &stat))
		err = -errno;
	else if (length == OURO_LENGTH_UNKNOWN && !S_ISREG(stat.st_mode))
		err = -EINVAL;
	else if (length == OURO_LENGTH_UNKNOWN)
		piece->len = (uint64_t)stat.st_size > offset ? (uint64_t)stat.st_size - offset : 0;
	if (!err) {
		piece->file = ouro_filebuf_create(fd);
		if (!piece->file)
			err = -ENOMEM;
	}
	if (err)
		close(fd);
	return err;
}

int ouro_send_fd(struct ouro_ctx *ctx, unsigned status, const char *content_type, int fd,
		 uint64_t offset, uint64_t length)
{
	struct ouro_piece_ref piece;
	int err = take_file(fd, offset, length, &piece);

	return err ? err : ouro_respond_pieces(ctx, status, ouro_str_c(content_type), &piece, 1);
}

int ouro_write_take(struct ouro_ctx *ctx, struct ouro_str data, ouro_release_fn release, void *arg)
{
	const struct ouro_piece piece = { data, release, arg };
	struct ouro_slice slice;
	int err = hand_over(ctx, &piece, &slice);

	return err ? err : ouro_answer_write_taken(ctx, slice);
}

int ouro_write_fd(struct ouro_ctx *ctx, int fd, uint64_t offset, uint64_t length)
{
	struct ouro_piece_ref piece;
	int err = take_file(fd, offset, length, &piece);

	return err ? err : ouro_answer_write_file(ctx, piece.file, piece.offset, piece.len);
}
