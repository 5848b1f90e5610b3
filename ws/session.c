/* The course of a session: see ws/session.h. */
#include "ws/session_private.h"

#include "ws/utf8.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct ouro_ws_extra *ouro_ws_extra_get(struct ouro_ws_session *session)
{
	struct ouro_ws_loop *loop = session->endpoint->loop;

	if (session->extra)
		return session->extra;
	session->extra = ouro_pool_get(&loop->extras);
	if (session->extra)
		*session->extra = (struct ouro_ws_extra){ .input = { .pool = &loop->inputs } };
	return session->extra;
}

void ouro_ws_extra_put(struct ouro_ws_session *session)
{
	struct ouro_ws_extra *extra = session->extra;

	if (!extra || extra->is_receiving || extra->joined || extra->inflater || extra->deflater ||
	    extra->input.first || extra->first)
		return;
	ouro_pool_put(&session->endpoint->loop->extras, extra);
	session->extra = NULL;
}

void ouro_ws_set_state(struct ouro_ws_session *session, enum ouro_ws_state state)
{
	assert(state > session->state);
	session->state = (uint8_t)state;
}

void ouro_ws_end_stream(struct ouro_ws_session *session, enum ouro_close how)
{
	bool was_open = session->state == OURO_WS_OPEN;

	ouro_ws_set_state(session, OURO_WS_ENDED);
	ouro_stream_close(session->stream, how);
	if (was_open && how != OURO_CLOSE_ABORT && session->endpoint->events->on_closing)
		session->endpoint->events->on_closing(session);
}

static void put_close(struct ouro_ws_session *session, unsigned code, struct ouro_str reason)
{
	char frame[2 + OURO_WS_CONTROL_BYTES_MAX];
	size_t len = code ? 2 + reason.len : 0;

	ouro_ws_write_head(frame, OURO_WS_FIN | OURO_WS_CLOSE, len);
	if (code) {
		frame[2] = (char)(code >> 8);
		frame[3] = (char)(code & 0xff);
	}
	if (reason.len > 0)
		memcpy(frame + 4, reason.ptr, reason.len);
	ouro_ws_put_bytes(session, (struct ouro_str){ frame, 2 + len });
}

/* RFC 6455, 7.1.7. The peer may go on sending for a while: no reset must overtake the code. */
void ouro_ws_fail(struct ouro_ws_session *session, enum ouro_ws_code code)
{
	assert(session->state == OURO_WS_OPEN);
	session->code = (uint16_t)code;
	put_close(session, code, (struct ouro_str){ NULL, 0 });
	ouro_ws_end_stream(session, OURO_CLOSE_LINGER);
}

static bool may_close_with(unsigned code, struct ouro_str reason)
{
	uint8_t utf8 = OURO_WS_UTF8_WHOLE;

	if (code == 0)
		return reason.len == 0;
	return ouro_ws_code_is_legal(code) && reason.len <= OURO_WS_REASON_BYTES_MAX &&
	       ouro_ws_utf8_feed(&utf8, reason.ptr, reason.len) && utf8 == OURO_WS_UTF8_WHOLE;
}

int ouro_ws_session_close(struct ouro_ws_session *session, unsigned code, struct ouro_str reason)
{
	if (session->state != OURO_WS_OPEN)
		return -EPIPE;
	if (!may_close_with(code, reason))
		return -EINVAL;
	ouro_ws_flush(session, true);
	put_close(session, code, reason);
	ouro_ws_set_state(session, OURO_WS_CLOSE_SENT);
	session->due_ms = ouro_ws_now(session) + session->endpoint->options.close_timeout_ms;
	ouro_stream_check_at(session->stream, session->due_ms);
	/* The peer's close is behind whatever it sent before, which nobody will see any more. */
	if (ouro_ws_is_paused(session)) {
		session->facts &= (uint16_t) ~(WS_PAUSED | WS_THROTTLED);
		ouro_stream_set_reading(session->stream, true);
		ouro_ws_take_kept(session);
	}
	return 0;
}

void ouro_ws_abort(struct ouro_ws_session *session)
{
	if (session->state != OURO_WS_ENDED)
		ouro_ws_end_stream(session, OURO_CLOSE_ABORT);
}

int ouro_ws_session_ping(struct ouro_ws_session *session, struct ouro_str payload)
{
	if (session->state != OURO_WS_OPEN)
		return -EPIPE;
	if (payload.len > OURO_WS_CONTROL_BYTES_MAX)
		return -EINVAL;
	return ouro_ws_put_frame(session, OURO_WS_FIN | OURO_WS_PING,
				 (struct ouro_slice){ payload.ptr, payload.len, NULL });
}

void ouro_ws_pause(struct ouro_ws_session *session)
{
	if (session->state != OURO_WS_OPEN)
		return;
	session->facts |= WS_PAUSED;
	ouro_stream_set_reading(session->stream, false);
}

/* Goes on after a pause for reason @fact. */
static void resume(struct ouro_ws_session *session, unsigned fact)
{
	if (!(session->facts & fact))
		return;
	session->facts &= (uint16_t)~fact;
	if (ouro_ws_is_paused(session) || session->state == OURO_WS_ENDED)
		return;
	session->stream->stamp_ms = ouro_ws_now(session);
	session->facts &= (uint16_t)~WS_PINGED;
	ouro_stream_set_reading(session->stream, true);
	ouro_ws_take_kept(session);
}

void ouro_ws_resume(struct ouro_ws_session *session)
{
	resume(session, WS_PAUSED);
}

/* Whether @now is at or after @due. */
static bool is_reached(uint32_t now, uint32_t due)
{
	return (int32_t)(now - due) >= 0;
}

/* Whether what the peer has to answer was, since this was last asked, behind output that it has not
 * taken: then it gets its time anew. That it takes nothing at all ends the stream by itself. */
static bool is_unsent(struct ouro_ws_session *session)
{
	bool before = (session->facts & WS_UNSENT) != 0;

	if (session->facts & WS_TOO_SLOW)
		return false;
	session->facts &= (uint16_t)~WS_UNSENT;
	if (ouro_stream_pending(session->stream) == 0)
		return before;
	session->facts |= WS_UNSENT;
	return true;
}

/* Pings who has been quiet for too long, and gives up who did not answer. */
static void check_peer(struct ouro_ws_session *session, uint32_t now)
{
	const struct ouro_ws_endpoint_options *options = &session->endpoint->options;
	uint32_t ping_ms;

	if (options->ping_interval_ms == OURO_WS_NEVER)
		return;
	/* Who is not listened to cannot be heard. */
	if (ouro_ws_is_paused(session)) {
		session->stream->stamp_ms = now;
		session->facts &= (uint16_t)~WS_PINGED;
	}
	ping_ms = session->stream->stamp_ms + options->ping_interval_ms;
	if (!is_reached(now, ping_ms)) {
		ouro_stream_check_at(session->stream, ping_ms);
		return;
	}
	if (!(session->facts & WS_PINGED)) {
		session->facts |= WS_PINGED;
		session->due_ms = now + options->pong_timeout_ms;
		ouro_ws_session_ping(session, (struct ouro_str){ "", 0 });
	} else if (is_reached(now, session->due_ms)) {
		if (!is_unsent(session)) {
			ouro_ws_end_stream(session, OURO_CLOSE_ABORT);
			return;
		}
		session->due_ms = now + options->pong_timeout_ms;
	}
	ouro_stream_check_at(session->stream, session->due_ms);
}

/* Gives up who does not answer our close. */
static void check_closing(struct ouro_ws_session *session, uint32_t now)
{
	if (is_reached(now, session->due_ms)) {
		if (!is_unsent(session)) {
			ouro_ws_end_stream(session, OURO_CLOSE_ABORT);
			return;
		}
		session->due_ms = now + session->endpoint->options.close_timeout_ms;
	}
	ouro_stream_check_at(session->stream, session->due_ms);
}

static struct ouro_ws_session *session_of(struct ouro_stream *stream)
{
	return stream->user;
}

static void on_open(struct ouro_stream *stream)
{
	(void)stream; /* it was, before the handshake */
}

static void on_input(struct ouro_stream *stream, struct ouro_slice slice)
{
	ouro_ws_input(session_of(stream), slice);
}

static void on_end(struct ouro_stream *stream)
{
	struct ouro_ws_session *session = session_of(stream);

	if (session->state == OURO_WS_ENDED)
		return;
	/* A close may be among what is kept. */
	if (session->extra && session->extra->input.first)
		session->facts |= WS_PEER_ENDED;
	else
		ouro_ws_end_stream(session, OURO_CLOSE_FLUSH);
}

static void on_drain(struct ouro_stream *stream)
{
	struct ouro_ws_session *session = session_of(stream);

	if (session->state == OURO_WS_OPEN)
		ouro_ws_flush(session, false);
	resume(session, WS_THROTTLED);
	if (session->state != OURO_WS_OPEN || !(session->facts & WS_WANTS_DRAIN))
		return;
	session->facts &= (uint16_t)~WS_WANTS_DRAIN;
	if (session->endpoint->events->on_drain)
		session->endpoint->events->on_drain(session);
}

static void on_check(struct ouro_stream *stream)
{
	struct ouro_ws_session *session = session_of(stream);
	uint32_t now = ouro_ws_now(session);

	switch ((enum ouro_ws_state)session->state) {
	case OURO_WS_OPEN:
		check_peer(session, now);
		break;
	case OURO_WS_CLOSE_SENT:
		check_closing(session, now);
		break;
	case OURO_WS_ENDED:
		break;
	}
}

static bool takes_over(const struct ouro_ws_session *session)
{
	const unsigned each = WS_DEFLATE_EACH | WS_INFLATE_EACH;

	return (session->facts & WS_DEFLATE) && (session->facts & each) != each;
}

/* The machine that is leased, which is the caller's from now on; NULL: none is. */
static struct ouro_ws_machine *take_machine(struct ouro_ws_session *session)
{
	struct ouro_ws_extra *extra = session->extra;

	if (!extra || !extra->is_receiving)
		return NULL;
	extra->is_receiving = false;
	return extra->recv.machine;
}

static void on_close(struct ouro_stream *stream, int error)
{
	struct ouro_ws_session *session = session_of(stream);
	struct ouro_ws_machine *machine = take_machine(session);
	struct ouro_ws_machines *machines = &session->endpoint->loop->machines;
	struct ouro_ws_end end = {
		.code = session->code ? session->code : OURO_WS_CODE_ABNORMAL,
		.clean = (session->facts & WS_CLEAN) != 0,
		.error = error,
	};

	if (takes_over(session))
		session->endpoint->loop->takeover_count--;
	ouro_ws_drop_input(session);
	ouro_ws_drop_output(session);
	if (session->extra) {
		struct ouro_ws_codecs *codecs = &session->endpoint->loop->codecs;

		ouro_ws_inflater_release(codecs, session->extra->inflater);
		ouro_ws_deflater_release(codecs, session->extra->deflater);
		session->extra->inflater = NULL;
		session->extra->deflater = NULL;
		ouro_ws_extra_put(session);
	}
	session->state = OURO_WS_ENDED;
	/* Without memory to keep it the reason is lost. */
	if (end.clean && machine)
		end.reason = ouro_ws_machine_reason(machine);
	/* @session may be gone with this call; the reason is in the machine. */
	session->endpoint->events->on_close(session, &end);
	ouro_ws_machine_release(machines, machine);
}

static const struct ouro_stream_events stream_events = {
	.on_open = on_open,
	.on_input = on_input,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_check = on_check,
	.on_close = on_close,
};

struct ouro_ws_session *ouro_ws_session_of(const struct ouro_stream *stream)
{
	return stream->events == &stream_events ? stream->user : NULL;
}

static uint16_t deflate_facts(const struct ouro_ws_deflate_params *deflate)
{
	unsigned facts = WS_DEFLATE;

	if (deflate->server_no_context_takeover)
		facts |= WS_DEFLATE_EACH;
	if (deflate->client_no_context_takeover)
		facts |= WS_INFLATE_EACH;
	return (uint16_t)facts;
}

void ouro_ws_session_open(struct ouro_ws_session *session, struct ouro_ws_endpoint *endpoint,
			  struct ouro_stream *stream, const struct ouro_ws_deflate_params *deflate)
{
	*session = (struct ouro_ws_session){ .stream = stream, .endpoint = endpoint };
	if (deflate && deflate->enabled) {
		session->facts = deflate_facts(deflate);
		session->deflate_bits =
			(uint8_t)(deflate->server_window_bits | deflate->client_window_bits << 4);
		if (takes_over(session))
			endpoint->loop->takeover_count++;
	}
	stream->user = session;
	stream->events = &stream_events;
	stream->stamp_ms = ouro_ws_now(session);
	check_peer(session, stream->stamp_ms);
}

void ouro_ws_take(struct ouro_ws_session *session, struct ouro_slice input)
{
	ouro_ws_input(session, input);
}
