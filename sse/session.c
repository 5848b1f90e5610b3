/* A stream of events to one reader: see sse/session.h. */
#include "sse/session.h"

#include <errno.h>
#include <stdlib.h>

enum { RING_ROOM_MIN = 8 };

/* The spare line keeps it apart from an event, which it must not become a part of. */
static const char heartbeat[] = ":\n\n";

struct ouro_sse_waiting {
	struct ouro_slice bytes; /* @ptr NULL: a newer event with the same key took over */
	struct ouro_str key;
	bool is_after_gap;
};

/* A ring. */
struct ouro_sse_backlog {
	uint32_t room;  /* a power of two */
	uint32_t first; /* index of the oldest */
	uint32_t slots; /* from the oldest to the newest, replaced ones between them included */
	size_t bytes;   /* of what waits */
	struct ouro_sse_waiting ring[];
};

static bool is_due(uint32_t now_ms, uint32_t due_ms)
{
	return (int32_t)(now_ms - due_ms) >= 0;
}

static void set_state(struct ouro_sse_session *session, enum ouro_sse_state state)
{
	switch (state) {
	case OURO_SSE_OPEN:
		assert(false);
		break;
	case OURO_SSE_ENDING:
		assert(session->state == OURO_SSE_OPEN);
		break;
	case OURO_SSE_ENDED:
		assert(session->state == OURO_SSE_ENDING);
		assert(!session->backlog);
		break;
	case OURO_SSE_FAILED:
		assert(session->state != OURO_SSE_ENDED);
		break;
	}
	session->state = (uint8_t)state;
}

/* ---- The backlog ---- */

static uint32_t slot_count(const struct ouro_sse_session *session)
{
	return session->backlog ? session->backlog->slots : 0;
}

uint32_t ouro_sse_session_room(const struct ouro_sse_session *session)
{
	return session->backlog ? session->backlog->room : 0;
}

static struct ouro_sse_waiting *slot(const struct ouro_sse_session *session, uint32_t index)
{
	struct ouro_sse_backlog *backlog = session->backlog;

	assert(index < backlog->slots);
	return &backlog->ring[(backlog->first + index) & (backlog->room - 1)];
}

/* An idle session holds none, so that ten thousand that were slow once cost nothing. */
static void free_empty_backlog(struct ouro_sse_session *session)
{
	if (slot_count(session) > 0)
		return;
	free(session->backlog);
	session->backlog = NULL;
}

static void remove_first(struct ouro_sse_session *session)
{
	struct ouro_sse_backlog *backlog = session->backlog;
	struct ouro_sse_waiting *first = slot(session, 0);

	if (first->bytes.ptr) {
		session->waiting_count--;
		backlog->bytes -= first->bytes.len;
		ouro_buf_unref(first->bytes.buf);
	}
	backlog->first = (backlog->first + 1) & (backlog->room - 1);
	backlog->slots--;
}

/* After it the oldest slot, if there is one, is an event. */
static void remove_replaced(struct ouro_sse_session *session)
{
	while (slot_count(session) > 0 && !slot(session, 0)->bytes.ptr)
		remove_first(session);
}

static void drop_oldest(struct ouro_sse_session *session)
{
	remove_first(session);
	remove_replaced(session);
	session->dropped_count++;
	if (slot_count(session) > 0)
		slot(session, 0)->is_after_gap = true;
	else
		session->is_after_gap = true;
}

static void drop_all(struct ouro_sse_session *session)
{
	while (slot_count(session) > 0)
		remove_first(session);
	free_empty_backlog(session);
}

/* Moves events over slots that were replaced. */
static void close_ranks(struct ouro_sse_session *session)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < session->backlog->slots; i++)
		if (slot(session, i)->bytes.ptr)
			*slot(session, kept++) = *slot(session, i);
	session->backlog->slots = kept;
}

static int make_room(struct ouro_sse_session *session)
{
	struct ouro_sse_backlog *old = session->backlog, *backlog;
	uint32_t slots = old ? old->slots : 0, room = old ? old->room * 2 : RING_ROOM_MIN;

	if (old && slots < old->room)
		return 0;
	/* A ring that has the room for all that may wait is only closed up. */
	if (session->waiting_count < slots / 2 ||
	    (session->waiting_count < slots &&
	     old->room >= session->kind->options.backlog_count_max)) {
		close_ranks(session);
		return 0;
	}
	backlog = malloc(sizeof(*backlog) + room * sizeof(backlog->ring[0]));
	if (!backlog)
		return -ENOMEM;
	for (uint32_t i = 0; i < slots; i++)
		backlog->ring[i] = *slot(session, i);
	backlog->room = room;
	backlog->first = 0;
	backlog->slots = slots;
	backlog->bytes = old ? old->bytes : 0;
	free(old);
	session->backlog = backlog;
	return 0;
}

static bool fits(const struct ouro_sse_session *session, size_t bytes)
{
	const struct ouro_sse_session_options *options = &session->kind->options;
	size_t waiting_bytes = session->backlog ? session->backlog->bytes : 0;

	return session->waiting_count == 0 ||
	       (session->waiting_count < options->backlog_count_max &&
		waiting_bytes < options->backlog_bytes_max &&
		bytes <= options->backlog_bytes_max - waiting_bytes);
}

static int wait(struct ouro_sse_session *session, const struct ouro_sse_encoded *event)
{
	int err = make_room(session);

	if (err)
		return err;
	session->backlog->slots++;
	*slot(session, session->backlog->slots - 1) = (struct ouro_sse_waiting){
		.bytes = event->bytes,
		.key = event->key,
		.is_after_gap = session->is_after_gap,
	};
	session->is_after_gap = false;
	ouro_buf_ref(event->bytes.buf);
	session->waiting_count++;
	session->backlog->bytes += event->bytes.len;
	return 0;
}

static struct ouro_sse_waiting *find_key(const struct ouro_sse_session *session,
					 struct ouro_str key, uint32_t *index)
{
	if (key.len == 0)
		return NULL;
	/* The newest first: what changes often was mostly sent a moment ago. */
	for (uint32_t i = slot_count(session); i-- > 0;) {
		struct ouro_sse_waiting *waiting = slot(session, i);

		if (waiting->bytes.ptr && ouro_str_eq(waiting->key, key)) {
			*index = i;
			return waiting;
		}
	}
	return NULL;
}

/* What was lost before an event that goes was lost before the next one too, which is at @index or
 * behind it, or yet to come. */
static void pass_gap_on(struct ouro_sse_session *session, uint32_t index)
{
	while (index < slot_count(session) && !slot(session, index)->bytes.ptr)
		index++;
	if (index < slot_count(session))
		slot(session, index)->is_after_gap = true;
	else
		session->is_after_gap = true;
}

/* The slot stays, empty: the newer event goes behind what was sent in the meantime, so that ids
 * stay in order, and a client that comes back with the last one it has seen has seen all before
 * it. */
static void replace(struct ouro_sse_session *session, struct ouro_sse_waiting *waiting,
		    uint32_t index)
{
	session->waiting_count--;
	session->backlog->bytes -= waiting->bytes.len;
	ouro_buf_unref(waiting->bytes.buf);
	waiting->bytes = (struct ouro_slice){ 0 };
	session->coalesced_count++;
	if (waiting->is_after_gap)
		pass_gap_on(session, index + 1);
	waiting->is_after_gap = false;
	remove_replaced(session);
}

/* ---- Writing ---- */

static int fail(struct ouro_sse_session *session, int error)
{
	session->error = (int16_t)error;
	set_state(session, OURO_SSE_FAILED);
	drop_all(session);
	return error;
}

static int write_one(struct ouro_sse_session *session, struct ouro_slice bytes, bool is_after_gap)
{
	int err = 0;

	if (is_after_gap && session->kind->options.gap.ptr)
		err = session->kind->ops->write(session, session->kind->options.gap);
	return err ? err : session->kind->ops->write(session, bytes);
}

static bool is_writer_full(const struct ouro_sse_session *session)
{
	return session->kind->ops->pending(session) >= session->kind->options.pending_bytes_max;
}

bool ouro_sse_session_is_free(const struct ouro_sse_session *session)
{
	return session->state == OURO_SSE_OPEN && session->waiting_count == 0 &&
	       !is_writer_full(session);
}

/* @err is of the write before. */
static int flush(struct ouro_sse_session *session, int err, uint32_t now_ms)
{
	if (!err)
		err = session->kind->ops->flush(session);
	if (err)
		return fail(session, err);
	session->wrote_ms = now_ms;
	return 0;
}

static int write_now(struct ouro_sse_session *session, struct ouro_slice bytes, uint32_t now_ms)
{
	bool is_after_gap = session->is_after_gap;

	session->is_after_gap = false;
	return flush(session, write_one(session, bytes, is_after_gap), now_ms);
}

static int drop_this(struct ouro_sse_session *session)
{
	ouro_sse_session_skip(session);
	return 0;
}

static int send_to_slow(struct ouro_sse_session *session, const struct ouro_sse_encoded *event)
{
	struct ouro_sse_waiting *older;
	uint32_t index;
	int err;

	if (session->kind->options.slow == OURO_SSE_SLOW_COALESCE) {
		/* Before anything is replaced: an event that cannot be taken must not cost the
		 * older one. */
		err = make_room(session);
		if (err)
			return err;
		older = find_key(session, event->key, &index);
		if (older)
			replace(session, older, index);
	}
	while (!fits(session, event->bytes.len)) {
		switch (session->kind->options.slow) {
		case OURO_SSE_SLOW_WAIT:
			return -EAGAIN;
		case OURO_SSE_SLOW_DROP_NEWEST:
			return drop_this(session);
		case OURO_SSE_SLOW_DROP_OLDEST:
		case OURO_SSE_SLOW_COALESCE:
			drop_oldest(session);
			break;
		case OURO_SSE_SLOW_CLOSE:
			return fail(session, -ENOBUFS);
		}
	}
	return wait(session, event);
}

int ouro_sse_session_send(struct ouro_sse_session *session, const struct ouro_sse_encoded *event,
			  uint32_t now_ms)
{
	int err;

	assert(event->bytes.len > 0);
	if (session->state == OURO_SSE_FAILED)
		return session->error;
	if (session->state != OURO_SSE_OPEN)
		return -EPIPE;
	/* Nothing overtakes what waits. */
	err = ouro_sse_session_drain(session, now_ms);
	if (err)
		return err;
	if (session->waiting_count == 0 && !is_writer_full(session))
		return write_now(session, event->bytes, now_ms);
	return send_to_slow(session, event);
}

void ouro_sse_session_skip(struct ouro_sse_session *session)
{
	session->dropped_count++;
	session->is_after_gap = true;
}

static void end_when_empty(struct ouro_sse_session *session)
{
	if (session->state == OURO_SSE_ENDING && session->waiting_count == 0)
		set_state(session, OURO_SSE_ENDED);
}

int ouro_sse_session_drain(struct ouro_sse_session *session, uint32_t now_ms)
{
	bool wrote = false;
	int err = 0;

	if (session->state == OURO_SSE_FAILED)
		return session->error;
	while (!err && session->waiting_count > 0 && !is_writer_full(session)) {
		struct ouro_sse_waiting *first = slot(session, 0);

		err = write_one(session, first->bytes, first->is_after_gap);
		remove_first(session);
		remove_replaced(session);
		wrote = true;
	}
	if (wrote)
		err = flush(session, err, now_ms);
	free_empty_backlog(session);
	if (!err)
		end_when_empty(session);
	return err;
}

int ouro_sse_session_tick(struct ouro_sse_session *session, uint32_t now_ms)
{
	uint32_t due_ms;
	int err = ouro_sse_session_drain(session, now_ms);

	if (err || !ouro_sse_session_due(session, &due_ms) || !is_due(now_ms, due_ms))
		return err;
	if (session->waiting_count > 0 || session->kind->ops->pending(session) > 0) {
		session->wrote_ms = now_ms;
		return 0;
	}
	err = session->kind->ops->write(session, (struct ouro_slice){
							 heartbeat, sizeof(heartbeat) - 1, NULL });
	return flush(session, err, now_ms);
}

bool ouro_sse_session_due(const struct ouro_sse_session *session, uint32_t *due_ms)
{
	if (session->state != OURO_SSE_OPEN ||
	    session->kind->options.heartbeat_ms == OURO_SSE_NO_HEARTBEAT)
		return false;
	*due_ms = session->wrote_ms + session->kind->options.heartbeat_ms;
	return true;
}

void ouro_sse_session_end(struct ouro_sse_session *session)
{
	if (session->state != OURO_SSE_OPEN)
		return;
	set_state(session, OURO_SSE_ENDING);
	end_when_empty(session);
}

/* ---- Beginning and end ---- */

static void set_defaults(struct ouro_sse_session_options *options)
{
	if (options->heartbeat_ms == 0)
		options->heartbeat_ms = OURO_SSE_HEARTBEAT_MS_DEFAULT;
	if (options->pending_bytes_max == 0)
		options->pending_bytes_max = OURO_SSE_PENDING_BYTES_DEFAULT;
	if (options->backlog_count_max == 0)
		options->backlog_count_max = OURO_SSE_BACKLOG_COUNT_DEFAULT;
	if (options->backlog_bytes_max == 0)
		options->backlog_bytes_max = OURO_SSE_BACKLOG_BYTES_DEFAULT;
}

int ouro_sse_kind_init(struct ouro_sse_kind *kind, const struct ouro_sse_writer_ops *ops,
		       const struct ouro_sse_session_options *options)
{
	if (options->backlog_count_max > OURO_SSE_BACKLOG_COUNT_MAX ||
	    (unsigned)options->slow > OURO_SSE_SLOW_CLOSE ||
	    (options->heartbeat_ms > INT32_MAX && options->heartbeat_ms != OURO_SSE_NO_HEARTBEAT))
		return -EINVAL;
	*kind = (struct ouro_sse_kind){ .ops = ops, .options = *options };
	set_defaults(&kind->options);
	ouro_buf_ref(kind->options.gap.buf);
	return 0;
}

void ouro_sse_kind_fini(struct ouro_sse_kind *kind)
{
	ouro_buf_unref(kind->options.gap.buf);
	kind->options.gap = (struct ouro_slice){ 0 };
}

void ouro_sse_session_init(struct ouro_sse_session *session, const struct ouro_sse_kind *kind,
			   uint32_t now_ms)
{
	*session = (struct ouro_sse_session){
		.kind = kind,
		.wrote_ms = now_ms,
		.state = OURO_SSE_OPEN,
	};
}

void ouro_sse_session_fini(struct ouro_sse_session *session)
{
	drop_all(session);
}
