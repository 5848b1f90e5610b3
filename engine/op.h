/* One operation: what was asked of the kernel, embedded in whoever asked. It has zero or more
 * completions and exactly one final one; until then its memory is the backend's, and its owner may
 * be closed but not freed. */
#ifndef OURO_ENGINE_OP_H
#define OURO_ENGINE_OP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum ouro_op_kind {
	OURO_OP_ACCEPT,    /* result: a descriptor; many completions */
	OURO_OP_RECV,      /* result: bytes in the completion's buffer, 0 at the peer's FIN; many */
	OURO_OP_RECV_ONCE, /* the same, one completion */
	OURO_OP_SEND,      /* struct ouro_op_send; result: bytes taken, fewer than asked possible */
	OURO_OP_SEND_ZC,   /* the same from memory that stays the kernel's until the final
	                    * completion, whose result means nothing; the one before it carries
	                    * the result */
	OURO_OP_SEND_FILE, /* struct ouro_op_send; result: bytes of the file taken; 0: it has no byte
			    * at that place */
	OURO_OP_CLOSE,     /* closes @fd; always finished at once */
	OURO_OP_POLL,      /* struct ouro_op_poll; result: what holds, as poll(2) says, > 0 */
};

enum {
	OURO_OP_MORE = 1, /* completion flag: not the final one */
	OURO_OP_COPIED =
		2, /* on the final completion of OURO_OP_SEND_ZC: it was copied after all */
};

struct ouro_op;

/* A completion. @op->result is set. @buf (received bytes: its data and len) is referenced for the
 * call alone; NULL where nothing was received. Without OURO_OP_MORE in @flags this is the final
 * completion: the op is its owner's again before the call. */
typedef void (*ouro_op_fn)(struct ouro_op *op, struct ouro_buf *buf, unsigned flags);

struct ouro_op {
	ouro_op_fn on_complete;
	struct ouro_op *next; /* the backend's lists */
	int fd;
	int32_t result;      /* of the last completion: as the kind says, or a negative errno */
	uint16_t generation; /* the backend's: tells a stale completion from a live one */
	uint8_t kind;        /* enum ouro_op_kind */
	bool in_flight : 1;  /* the backend's: between submission and the final completion */
	bool cancelled : 1;  /* the backend's: asked to end */
	uint32_t tag;        /* its owner's own */
};

struct ouro_op_send {
	struct ouro_op op;
	struct msghdr msg; /* the segments; they and msg live until the final completion */
	size_t bytes;      /* their sum */
	bool close_after;  /* OURO_OP_SEND: once all @bytes are sent, close the descriptor. The
	                    * result is then @bytes; a smaller one means that it is still open. */
	bool more; /* OURO_OP_SEND: a file follows at once, and may share a packet with this */
	bool was_copied; /* OURO_OP_SEND_FILE, set by the backend: the bytes went through memory */
	int file_fd;     /* OURO_OP_SEND_FILE: @bytes from here, instead of @msg; ... */
	uint64_t file_offset; /* ... open until the final completion */
};

/* Waits until one of @events (POLLIN, POLLOUT, POLLPRI, POLLRDHUP) holds, or POLLERR or POLLHUP does,
 * asked for or not. The descriptor is not ours: it may be of any kind, others read and write it, and
 * between two polls it may be closed and its number be used anew; until the final completion it stays
 * open. Several may wait at one descriptor. One that cannot be waited for (a file) is always ready to
 * be read and written, and gives -EINVAL where neither was asked for. No descriptor: -EBADF. */
struct ouro_op_poll {
	struct ouro_op op;
	short events;
	uint32_t wait_number; /* the backend's: of the wait in which it was submitted */
};

/* A queue of operations, first in first out. */
struct ouro_op_list {
	struct ouro_op *first, *last;
};

static inline void ouro_op_list_push(struct ouro_op_list *list, struct ouro_op *op)
{
	op->next = NULL;
	if (list->last)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
}

static inline struct ouro_op *ouro_op_list_pop(struct ouro_op_list *list)
{
	struct ouro_op *op = list->first;

	if (op) {
		list->first = op->next;
		if (!list->first)
			list->last = NULL;
	}
	return op;
}

/* Takes @op out of @list; false where it is not in it. */
bool ouro_op_list_remove(struct ouro_op_list *list, struct ouro_op *op);

#endif
