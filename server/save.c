/* The request body to a file, in constant memory. Pieces that were received are written by the offload
 * pool, several at once. Of a large body of known length the rest never comes here: the connection's
 * descriptor is lent, and the pool moves what is there from the socket to the file, until all is. */
#include "engine/offload.h"
#include "engine/splice.h"
#include "server/server_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PIECES_MAX = 16, /* written by one job */
	/* For less than this lending costs more than it saves. */
	SPLICE_BYTES_MIN = 256 * 1024,
	/* Moved by one job: then others have their turn, and a client that has gone is noticed. */
	SPLICE_JOB_BYTES_MAX = 8 * 1024 * 1024,
};

/* One call. What is in flight may outlive it, and then frees it. */
struct ouro_save {
	struct ouro_op_poll poll; /* first */
	struct ouro_offload_job job;
	struct ouro_worker *worker;
	struct ouro_ctx *ctx;       /* NULL: its handler has gone on, without what is in flight */
	struct ouro_stream *stream; /* lent to us, or asked for; NULL: neither */
	int fd; /* a duplicate: the handler may close its own while a job still uses this one */
	int64_t offset; /* where the next byte goes; -1: to the position */
	bool job_is_out;
	bool has_pipe;    /* @move has one */
	bool copies;      /* splicing has come to its end, or cannot be */
	uint64_t written; /* by the last job */
	int error;        /* likewise */
	int piece_count;
	struct iovec pieces[PIECES_MAX];
	struct ouro_buf *bufs[PIECES_MAX]; /* hold the pieces */
	struct ouro_splice move;
};

static void drop_pieces(struct ouro_save *save)
{
	for (int i = 0; i < save->piece_count; i++)
		ouro_buf_unref(save->bufs[i]);
	save->piece_count = 0;
}

static void drop_pipe(struct ouro_save *save)
{
	if (save->has_pipe)
		ouro_pipes_put(&save->worker->pipes, &save->move.pipe, !save->move.error);
	save->has_pipe = false;
}

static void give_back(struct ouro_save *save)
{
	if (save->stream)
		ouro_stream_give_back(save->stream);
	save->stream = NULL;
}

static void destroy(struct ouro_save *save)
{
	drop_pieces(save);
	drop_pipe(save);
	give_back(save);
	close(save->fd);
	free(save);
}

/* What was in flight has ended with @result. */
static void go_on(struct ouro_save *save, int result)
{
	struct ouro_ctx *ctx = save->ctx;

	if (!ctx) {
		destroy(save);
		return;
	}
	ouro_ctx_wake(ctx, result);
	ouro_h1_advance(ctx);
}

/* ---- Jobs ---- */

/* On a thread of the pool. */
static void write_pieces(struct ouro_offload_job *job)
{
	struct ouro_save *save =
		(struct ouro_save *)(void *)((char *)job - offsetof(struct ouro_save, job));

	save->written = ouro_write_all(save->fd, save->pieces, save->piece_count, save->offset,
				       &save->error);
}

static void move_bytes(struct ouro_offload_job *job)
{
	struct ouro_save *save =
		(struct ouro_save *)(void *)((char *)job - offsetof(struct ouro_save, job));

	ouro_splice(&save->move);
	save->written = save->move.written;
	save->error = save->move.error;
}

static void on_done(struct ouro_offload_job *job)
{
	struct ouro_save *save =
		(struct ouro_save *)(void *)((char *)job - offsetof(struct ouro_save, job));

	save->job_is_out = false;
	save->worker->jobs--;
	go_on(save, 0);
}

/* Has @run done and waits for it. 0, and then the results are in @save; else nothing of it may be looked
 * at where ctx->save is NULL. */
static int run_job(struct ouro_ctx *ctx, struct ouro_save *save, ouro_offload_fn run)
{
	int err = ouro_ctx_may_wait(ctx);

	save->job = (struct ouro_offload_job){ .run = run,
					       .on_done = on_done,
					       .loop = &ctx->worker->loop };
	if (!err)
		err = ouro_offload_submit(ctx->worker->server->offload, &save->job);
	if (err)
		return err;
	save->job_is_out = true;
	ctx->worker->jobs++;
	return ouro_ctx_suspend(ctx, OURO_WAITING_SAVE);
}

/* The last job has ended: how many bytes are in the file, or what went wrong with it. A body with a hole
 * in it is none. */
static int64_t take_result(struct ouro_ctx *ctx, struct ouro_save *save)
{
	if (save->offset >= 0)
		save->offset += (int64_t)save->written;
	ctx->body_error = (int16_t)save->error;
	return save->error ? save->error : (int64_t)save->written;
}

/* ---- Pieces that were received ---- */

static bool has_input(const struct ouro_ctx *ctx)
{
	return ctx->in.len > 0 || ctx->queue.bytes > 0;
}

/* Waits for a piece, and takes what else is there already. 0, or why there is no going on. */
static int gather(struct ouro_ctx *ctx, struct ouro_save *save)
{
	struct ouro_slice chunk;
	ssize_t got;

	do {
		got = ouro_body_read(ctx, &chunk);
		if (got <= 0)
			break;
		save->pieces[save->piece_count] =
			(struct iovec){ (void *)(uintptr_t)chunk.ptr, chunk.len };
		save->bufs[save->piece_count++] = ouro_buf_ref(chunk.buf);
	} while (save->piece_count < PIECES_MAX && has_input(ctx));
	return got < 0 ? (int)got : 0;
}

/* Writes the next pieces. How many bytes; 0: there are no more. */
static int64_t write_some(struct ouro_ctx *ctx, struct ouro_save *save)
{
	int err = gather(ctx, save);

	if (err || save->piece_count == 0)
		return err;
	err = run_job(ctx, save, write_pieces);
	if (err) {
		/* What they held is lost. */
		ctx->body_error = (int16_t)err;
		return err;
	}
	drop_pieces(save);
	return take_result(ctx, save);
}

/* ---- From the socket to the file ---- */

void ouro_save_on_lent(struct ouro_ctx *ctx, int fd)
{
	ctx->save->move.from = fd;
	go_on(ctx->save, 0);
}

static void on_ready(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct ouro_save *save = (struct ouro_save *)(void *)op;

	(void)buf;
	(void)flags;
	go_on(save, op->result < 0 ? op->result : 0);
}

static int borrow(struct ouro_ctx *ctx, struct ouro_save *save)
{
	/* Where there is no descriptor to be had the body comes the other way. */
	if (ouro_stream_lend(ctx->stream)) {
		save->copies = true;
		return 0;
	}
	save->stream = ctx->stream;
	return ouro_ctx_suspend(ctx, OURO_WAITING_SAVE);
}

/* Waits until the client has sent something. */
static int await_input(struct ouro_ctx *ctx, struct ouro_save *save)
{
	struct ouro_backend *backend = ctx->worker->loop.backend;

	/* Else the request has failed, or a call that waits has said so. */
	assert(!ctx->cancelled && !ctx->closing);
	save->poll = (struct ouro_op_poll){
		.op = { .on_complete = on_ready, .kind = OURO_OP_POLL, .fd = save->move.from },
		.events = POLLIN,
	};
	ouro_body_expect(ctx);
	backend->ops->submit(backend, &save->poll.op);
	return ouro_ctx_suspend(ctx, OURO_WAITING_INPUT);
}

static void count_moved(struct ouro_ctx *ctx, const struct ouro_splice *move)
{
	struct ouro_counters *counters = &ctx->worker->loop.counters;

	ouro_counter_add(&counters->bytes_received, move->taken);
	ouro_counter_add(&counters->bytes_zero_copy, move->written - move->copied);
	ouro_counter_add(&counters->bytes_copied, move->copied);
	if (ouro_http1_pass_body(&ctx->parser, move->taken) == OURO_PARSE_DONE) {
		ctx->request = OURO_REQUEST_DONE;
		ctx->body_finished = true;
	}
}

/* The client has ended its side, or is gone: that is told by a receive, as always. Only an error that
 * the socket has told already would not be told again. */
static int64_t meet_end(struct ouro_ctx *ctx, struct ouro_save *save, int64_t written)
{
	save->copies = true;
	if (save->move.socket_error == 0)
		return written;
	ouro_stream_close(ctx->stream, OURO_CLOSE_ABORT);
	give_back(save);
	return ouro_ctx_suspend(ctx, OURO_WAITING_BODY);
}

/* Moves what there is. How many bytes. */
static int64_t move_some(struct ouro_ctx *ctx, struct ouro_save *save)
{
	uint64_t left = ouro_http1_body_left(&ctx->parser);
	struct ouro_splice *move = &save->move;
	int64_t written;
	int err;

	*move = (struct ouro_splice){
		.from = move->from,
		.to = save->fd,
		.offset = save->offset,
		.bytes_max = left < SPLICE_JOB_BYTES_MAX ? left : SPLICE_JOB_BYTES_MAX,
	};
	if (ouro_pipes_take(&ctx->worker->pipes, &move->pipe)) {
		save->copies = true;
		return 0;
	}
	save->has_pipe = true;
	err = run_job(ctx, save, move_bytes);
	if (err)
		return err;
	count_moved(ctx, move);
	drop_pipe(save);
	written = take_result(ctx, save);
	if (written >= 0 && (move->ended || move->socket_error))
		return meet_end(ctx, save, written);
	/* Where each byte is copied all the same, receiving it costs less. */
	save->copies = move->copied > 0;
	return written;
}

static bool may_splice(const struct ouro_ctx *ctx, const struct ouro_save *save)
{
	return !save->copies && !ctx->decoding && ctx->request == OURO_REQUEST_BODY &&
	       !ctx->parser.chunked && !ctx->peer_ended && !has_input(ctx) &&
	       ouro_http1_body_left(&ctx->parser) >= SPLICE_BYTES_MIN;
}

/* Moves the rest of the body, or as much as can be. How many bytes. */
static int64_t splice_rest(struct ouro_ctx *ctx, struct ouro_save *save)
{
	int64_t total = 0, step = borrow(ctx, save);

	/* What came before the receive ended goes first. */
	while (step >= 0 && has_input(ctx) && !ctx->body_finished) {
		step = write_some(ctx, save);
		total += step;
	}
	while (step >= 0 && !save->copies && !ctx->peer_ended &&
	       ctx->request == OURO_REQUEST_BODY) {
		step = await_input(ctx, save);
		if (step == 0)
			step = move_some(ctx, save);
		total += step;
	}
	if (ctx->save)
		give_back(save);
	return step < 0 ? step : total;
}

/* ---- The call ---- */

void ouro_save_abandon(struct ouro_ctx *ctx)
{
	struct ouro_save *save = ctx->save;
	struct ouro_backend *backend = ctx->worker->loop.backend;

	if (save->poll.op.in_flight) {
		backend->ops->cancel(backend, &save->poll.op);
	} else if (save->job_is_out &&
		   !ouro_offload_cancel(ctx->worker->server->offload, &save->job)) {
		/* What it takes from the socket is missing from the body: nothing can follow. */
		if (save->stream)
			ctx->keep_alive = false;
	} else {
		if (save->job_is_out)
			ctx->worker->jobs--;
		save->job_is_out = false;
		return;
	}
	save->ctx = NULL;
	ctx->save = NULL;
}

static int create(struct ouro_ctx *ctx, int fd, int64_t offset, struct ouro_save **out)
{
	struct ouro_save *save;
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	/* Writing to anything else may wait for ever. */
	if (offset < -1 || (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode)))
		return -EINVAL;
	save = calloc(1, sizeof(*save));
	if (!save)
		return -ENOMEM;
	save->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (save->fd < 0) {
		int err = -errno;

		free(save);
		return err;
	}
	save->worker = ctx->worker;
	save->ctx = ctx;
	save->offset = offset;
	*out = save;
	return 0;
}

int64_t ouro_body_to_file(struct ouro_ctx *ctx, int fd, int64_t offset)
{
	int64_t total = 0, step = ouro_body_may_read(ctx);
	struct ouro_save *save = NULL;

	if (step == 0)
		step = create(ctx, fd, offset, &save);
	if (step < 0)
		return step;
	ctx->save = save;
	do {
		step = may_splice(ctx, save) ? splice_rest(ctx, save) : write_some(ctx, save);
		total += step;
	} while (step >= 0 && !ctx->body_finished);
	if (ctx->save)
		destroy(save);
	ctx->save = NULL;
	return step < 0 ? step : total;
}
