/* What the backends share: see engine/backend.h. */
#include "engine/backend.h"

#include <time.h>

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
	/* One segment is by far the commonest, and send(2) has less to copy in. */
	if (op->msg.msg_iovlen == 1)
		return send(op->op.fd, op->msg.msg_iov[0].iov_base, op->msg.msg_iov[0].iov_len,
			    flags | MSG_NOSIGNAL);
	return sendmsg(op->op.fd, &op->msg, flags | MSG_NOSIGNAL);
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
