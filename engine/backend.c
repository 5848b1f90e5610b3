/* What the backends share: see engine/backend.h. */
#include "engine/backend.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/sendfile.h>
#endif

/* MSG_MORE only saves packets; not every system has it. */
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

enum { COPY_BYTES = 16 * 1024 }; /* of a file at a time, where there is no way but through memory */

bool ouro_op_list_remove(struct ouro_op_list *list, struct ouro_op *op)
{
	struct ouro_op *before = NULL;

	for (struct ouro_op *at = list->first; at; before = at, at = at->next) {
		if (at != op)
			continue;
		if (before)
			before->next = op->next;
		else
			list->first = op->next;
		if (list->last == op)
			list->last = before;
		return true;
	}
	return false;
}

void ouro_backend_finish_later(struct ouro_backend *backend, struct ouro_op *op, int32_t result)
{
	op->result = result;
	ouro_op_list_push(&backend->ready, op);
}

int ouro_backend_run_ready(struct ouro_backend *backend)
{
	struct ouro_op_list batch = backend->ready;
	struct ouro_op *op;
	int count = 0;

	/* What a completion queues in its turn is for the next wait: one round each. */
	backend->ready = (struct ouro_op_list){ 0 };
	while ((op = ouro_op_list_pop(&batch)) != NULL) {
		ouro_backend_end(backend, op);
		op->on_complete(op, NULL, 0);
		count++;
	}
	return count;
}

ssize_t ouro_backend_send(const struct ouro_op_send *op, int flags)
{
	flags |= MSG_NOSIGNAL | (op->more ? MSG_MORE : 0);
	/* One segment is by far the commonest, and send(2) has less to copy in. */
	if (op->msg.msg_iovlen == 1)
		return send(op->op.fd, op->msg.msg_iov[0].iov_base, op->msg.msg_iov[0].iov_len,
			    flags);
	return sendmsg(op->op.fd, &op->msg, flags);
}

/* Through memory: for systems without sendfile(2), and files that it does not take. */
static ssize_t send_file_by_copy(struct ouro_op_send *op)
{
	size_t len = op->bytes < COPY_BYTES ? op->bytes : COPY_BYTES;
	char copy[COPY_BYTES];
	ssize_t got = pread(op->file_fd, copy, len, (off_t)op->file_offset);

	op->was_copied = true;
	return got > 0 ? send(op->op.fd, copy, (size_t)got, MSG_NOSIGNAL) : got;
}

#ifdef __linux__
static ssize_t send_file(struct ouro_op_send *send)
{
	off_t offset = (off_t)send->file_offset;
	ssize_t sent = sendfile(send->op.fd, send->file_fd, &offset, send->bytes);

	/* Some file systems have no way to give their pages away (sendfile(2)). */
	if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
		return send_file_by_copy(send);
	return sent;
}
#else
static ssize_t send_file(struct ouro_op_send *send)
{
	return send_file_by_copy(send);
}
#endif

bool ouro_backend_send_file(struct ouro_op_send *send)
{
	ssize_t sent;

	send->was_copied = false;
	sent = send_file(send);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	send->op.result = sent < 0 ? -errno : (int32_t)sent;
	return true;
}

void ouro_backend_read_real_clock(struct ouro_backend *backend, struct ouro_clock *clock)
{
	struct timespec now;

	(void)backend;
	clock_gettime(CLOCK_MONOTONIC, &now);
	clock->monotonic_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	clock->unix_s = now.tv_sec;
}
