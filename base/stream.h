/* The one channel: ordered bytes both ways, a few calls down, a few events up. A socket is one;
 * whatever is layered over a socket is another. Its user cannot tell what is under it.
 *
 * A stream belongs to one loop and is touched by its thread alone. A call never calls back before
 * it returns: events come from the loop. */
#ifndef OURO_BASE_STREAM_H
#define OURO_BASE_STREAM_H

#include "base/buf.h"
#include "base/str.h"

#include <errno.h>
#include <stdbool.h>

struct ouro_stream;

enum ouro_close {
	OURO_CLOSE_FLUSH,  /* send what is queued, then close */
	OURO_CLOSE_LINGER, /* the same, but the peer may still be sending: send FIN, read on and
	                    * discard until its FIN or a deadline, so that no reset destroys
	                    * what was sent (RFC 9112, 9.6) */
	OURO_CLOSE_ABORT,  /* drop what is queued and reset */
};

/* Calls down. All of them are ignored, or answer as if the peer had gone, once closing began. */
struct ouro_stream_ops {
	/* Room for @bytes (at most OURO_STREAM_RESERVE_MAX) at the end of the output, to be
	 * written by the caller and then committed before any other call. NULL: out of memory
	 * or closing. */
	char *(*reserve)(struct ouro_stream *stream, size_t bytes);
	/* Takes the first @bytes of the last reservation as output. */
	void (*commit)(struct ouro_stream *stream, size_t bytes);
	/* Queues @slice; its buffer is referenced, not copied, unless it is small or the buffer
	 * is needed elsewhere. 0; -EPIPE when closing; -ENOMEM, and then the stream
	 * fails. */
	int (*write)(struct ouro_stream *stream, struct ouro_slice slice);
	/* Queues @len bytes (> 0) from @offset of @file, a file buffer, which is referenced. Errors as of
	 * write. A file that turns out to end before fails the stream with -ENODATA. */
	int (*write_file)(struct ouro_stream *stream, struct ouro_buf *file, uint64_t offset,
			  uint64_t len);
	/* Bytes queued, of files too, and not yet taken by the kernel. */
	size_t (*pending)(const struct ouro_stream *stream);
	/* Stops or restarts on_input. What was received before may still arrive once stopped. */
	void (*set_reading)(struct ouro_stream *stream, bool on);
	/* Begins the end; on_close follows from the loop, once, as the last event. */
	void (*close)(struct ouro_stream *stream, enum ouro_close how);
	/* Asks for on_check soon after @ms (the loop's clock, cut to 32 bits). There is one such
	 * time per stream; an earlier one already set stays, so that on_check may come early. */
	void (*check_at)(struct ouro_stream *stream, uint32_t ms);
	/* Lends the descriptor under the stream to its user, who reads from it by other means; NULL
	 * where there is none that carries the stream's bytes as they are. Input that is under way
	 * still arrives, then on_lent comes, unless the stream closes before. From then on nothing is
	 * received, and the descriptor stays open though the stream may close. 0, or -EPIPE when
	 * closing. */
	int (*lend)(struct ouro_stream *stream);
	/* Ends that, or takes the request for it back. Also while closing: it is waited for. */
	void (*give_back)(struct ouro_stream *stream);
};

/* Events up. */
struct ouro_stream_events {
	/* The first event: the stream is open and reading. */
	void (*on_open)(struct ouro_stream *stream);
	/* @slice lives for the call; to keep it, reference its buffer or copy it. */
	void (*on_input)(struct ouro_stream *stream, struct ouro_slice slice);
	/* The peer sends no more (FIN). */
	void (*on_end)(struct ouro_stream *stream);
	/* Output fell to the low-water mark after it had been over the high one. */
	void (*on_drain)(struct ouro_stream *stream);
	/* The time asked for by check_at has come; ask again for the next. */
	void (*on_check)(struct ouro_stream *stream);
	/* @fd is lent; for streams that are asked for it. */
	void (*on_lent)(struct ouro_stream *stream, int fd);
	/* A stream that is lent closes, and waits for being given back. Soon: the socket is open until
	 * then. It may be given back at once. */
	void (*on_recall)(struct ouro_stream *stream);
	/* The last event: the stream is gone after it. @error: 0 for an orderly end, else the
	 * negative errno that ended it. */
	void (*on_close)(struct ouro_stream *stream, int error);
};

struct ouro_stream {
	const struct ouro_stream_ops *ops;
	const struct ouro_stream_events *events;
	void *user;        /* the listener's own */
	uint32_t stamp_ms; /* likewise: a time on the loop's clock, cut to 32 bits */
};

enum {
	OURO_STREAM_RESERVE_MAX = 8192,        /* one reservation, in bytes */
	OURO_STREAM_PENDING_HIGH = 256 * 1024, /* a writer should stop here ... */
	OURO_STREAM_PENDING_LOW = 64 * 1024,   /* ... and go on at on_drain, here */
};

static inline char *ouro_stream_reserve(struct ouro_stream *stream, size_t bytes)
{
	return stream->ops->reserve(stream, bytes);
}

static inline void ouro_stream_commit(struct ouro_stream *stream, size_t bytes)
{
	stream->ops->commit(stream, bytes);
}

static inline int ouro_stream_write(struct ouro_stream *stream, struct ouro_slice slice)
{
	return stream->ops->write(stream, slice);
}

static inline int ouro_stream_write_file(struct ouro_stream *stream, struct ouro_buf *file,
					 uint64_t offset, uint64_t len)
{
	return stream->ops->write_file(stream, file, offset, len);
}

static inline size_t ouro_stream_pending(const struct ouro_stream *stream)
{
	return stream->ops->pending(stream);
}

static inline void ouro_stream_set_reading(struct ouro_stream *stream, bool on)
{
	stream->ops->set_reading(stream, on);
}

static inline void ouro_stream_close(struct ouro_stream *stream, enum ouro_close how)
{
	stream->ops->close(stream, how);
}

static inline int ouro_stream_lend(struct ouro_stream *stream)
{
	return stream->ops->lend ? stream->ops->lend(stream) : -ENOTSUP;
}

static inline void ouro_stream_give_back(struct ouro_stream *stream)
{
	stream->ops->give_back(stream);
}

static inline void ouro_stream_check_at(struct ouro_stream *stream, uint32_t ms)
{
	stream->ops->check_at(stream, ms);
}

#endif
