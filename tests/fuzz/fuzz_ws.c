/* Fuzz target of what WebSockets receive: ws/frame.h beside plain wslay, which is given the same
 * bytes and unmasks and joins them itself. And of extensions that are offered, and sessions that
 * compress.
 *
 * What must hold: both give the same messages, pings and pongs, and end with the same code, whether
 * the bytes come whole or in pieces. wslay differs in what ws/machine.h says of it: it takes a
 * close with one byte for one without a code, knows no codes above 1011, and refuses malformed
 * frames without a code. It also looks at payload only while it is behind what it refuses, so that
 * of two faults in one frame it may see the other first; then only that both refuse it must hold.
 */
#include "../ws/fake_stream.h"
#include "base/str.h"
#include "ws/extension.h"
#include "ws/frame.h"
#include "ws/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum {
	INPUT_BYTES_MAX = 8192,
	TEXT_BYTES_MAX = 3 * INPUT_BYTES_MAX,
	MESSAGE_BYTES_MAX = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define EXPECT(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What came out: a line for each message, and how it ended. */
struct result {
	char text[TEXT_BYTES_MAX];
	size_t len;
	unsigned code; /* 0: it goes on */
	bool clean;
};

static void put(struct result *result, const void *data, size_t len)
{
	EXPECT(len <= sizeof(result->text) - result->len);
	if (len > 0)
		memcpy(result->text + result->len, data, len);
	result->len += len;
}

static void put_message(struct result *result, unsigned opcode, const void *data, size_t len)
{
	char line[32];

	put(result, line, (size_t)snprintf(line, sizeof(line), "\n%u %zu ", opcode, len));
	put(result, data, len);
}

/* Ours. */
struct ours {
	struct ouro_ws_machines machines;
	struct ouro_ws_rules rules;
	struct ouro_ws_recv recv;
	struct result result;
	char message[MESSAGE_BYTES_MAX];
	size_t message_len;
	bool waits; /* for more, with something to remember */
};

static void take_item(struct ours *ours, enum ouro_ws_item_kind kind,
		      const struct ouro_ws_item *item)
{
	if (kind == OURO_WS_ITEM_PIECE) {
		if (item->first)
			ours->message_len = 0;
		EXPECT(item->payload.len <= MESSAGE_BYTES_MAX - ours->message_len);
		memcpy(ours->message + ours->message_len, item->payload.ptr, item->payload.len);
		ours->message_len += item->payload.len;
		if (item->last)
			put_message(&ours->result, item->opcode, ours->message, ours->message_len);
	} else if (kind == OURO_WS_ITEM_PING || kind == OURO_WS_ITEM_PONG) {
		put_message(&ours->result, kind == OURO_WS_ITEM_PING ? OURO_WS_PING : OURO_WS_PONG,
			    item->payload.ptr, item->payload.len);
	} else if (kind != OURO_WS_ITEM_MORE) {
		ours->result.code = item->code;
		ours->result.clean = kind == OURO_WS_ITEM_CLOSE;
		if (kind == OURO_WS_ITEM_CLOSE)
			put_message(&ours->result, OURO_WS_CLOSE, item->payload.ptr,
				    item->payload.len);
	}
}

/* Takes @data in pieces of at most @step bytes, each in memory of its own. */
static void run_ours(struct ours *ours, const uint8_t *data, size_t len, size_t step)
{
	memset(ours, 0, sizeof(*ours));
	ours->machines = (struct ouro_ws_machines){ .idle_max = 1, .used_max = 1 };
	ours->rules =
		(struct ouro_ws_rules){ &ours->machines, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX };
	for (size_t at = 0; at < len && !ours->result.code; at += step) {
		size_t part = len - at < step ? len - at : step, used, taken = 0;
		char *piece = malloc(part);
		enum ouro_ws_item_kind kind;
		struct ouro_ws_item item;

		EXPECT(piece);
		memcpy(piece, data + at, part);
		do {
			kind = ouro_ws_recv_next(&ours->recv, &ours->rules, piece + taken,
						 part - taken, &used, &item);
			taken += used;
			take_item(ours, kind, &item);
		} while (kind != OURO_WS_ITEM_MORE && !ours->result.code);
		EXPECT(taken == part || ours->result.code);
		free(piece);
	}
	ours->waits = ours->recv.machine != NULL;
	ouro_ws_recv_fini(&ours->recv, &ours->rules);
	EXPECT(ours->machines.used_count == 0);
	ouro_ws_machines_fini(&ours->machines);
}

/* wslay's. */
struct theirs {
	const uint8_t *data;
	size_t len;
	struct result result;
	uint16_t close_code;
	size_t last_close_bytes;
};

static ssize_t on_read(wslay_event_context_ptr wslay, uint8_t *out, size_t room, int flags,
		       void *arg)
{
	struct theirs *theirs = arg;
	size_t len = theirs->len < room ? theirs->len : room;

	(void)flags;
	if (len == 0) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(out, theirs->data, len);
	theirs->data += len;
	theirs->len -= len;
	return (ssize_t)len;
}

static ssize_t on_write(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
			void *arg)
{
	(void)wslay;
	(void)data;
	(void)flags;
	(void)arg;
	return (ssize_t)len;
}

static void on_message(wslay_event_context_ptr wslay,
		       const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
	struct theirs *theirs = arg;
	size_t skip = message->opcode == WSLAY_CONNECTION_CLOSE && message->msg_length >= 2 ? 2 : 0;

	(void)wslay;
	if (message->opcode == WSLAY_CONNECTION_CLOSE)
		theirs->last_close_bytes = message->msg_length;
	/* An empty one has no memory. */
	put_message(&theirs->result, message->opcode,
		    message->msg_length > skip ? message->msg + skip : NULL,
		    message->msg_length - skip);
}

static void run_theirs(struct theirs *theirs, const uint8_t *data, size_t len)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = on_read,
		.send_callback = on_write,
		.on_msg_recv_callback = on_message,
	};
	wslay_event_context_ptr wslay;
	int err;

	memset(theirs, 0, sizeof(*theirs));
	theirs->data = data;
	theirs->len = len;
	EXPECT(wslay_event_context_server_init(&wslay, &callbacks, theirs) == 0);
	wslay_event_config_set_max_recv_msg_length(wslay, MESSAGE_BYTES_MAX);
	err = wslay_event_recv(wslay);
	EXPECT(err == 0 || err == WSLAY_ERR_CALLBACK_FAILURE);
	wslay_event_send(wslay);
	theirs->result.clean = wslay_event_get_close_received(wslay) != 0;
	if (err)
		theirs->result.code = OURO_WS_CODE_PROTOCOL_ERROR;
	else if (theirs->result.clean)
		theirs->result.code = wslay_event_get_status_code_received(wslay);
	else if (wslay_event_get_close_sent(wslay))
		theirs->result.code = wslay_event_get_status_code_sent(wslay);
	wslay_event_context_free(wslay);
}

static bool is_same(const struct result *a, const struct result *b)
{
	return a->code == b->code && a->clean == b->clean && a->len == b->len &&
	       memcmp(a->text, b->text, a->len) == 0;
}

static bool is_same_text(const struct ours *ours, const struct theirs *theirs)
{
	return ours->result.len == theirs->result.len &&
	       memcmp(ours->result.text, theirs->result.text, ours->result.len) == 0;
}

/* Where wslay is known to be another. */
static bool may_differ(const struct ours *ours, const struct theirs *theirs)
{
	/* A close with half a code. */
	if (theirs->result.clean && theirs->last_close_bytes == 1)
		return ours->result.code == OURO_WS_CODE_PROTOCOL_ERROR && !ours->result.clean;
	/* Codes since registered. */
	if (ours->result.clean && ours->result.code >= OURO_WS_CODE_RESTART &&
	    ours->result.code <= OURO_WS_CODE_BAD_GATEWAY)
		return theirs->result.code == OURO_WS_CODE_PROTOCOL_ERROR;
	/* It refuses a length before it has seen the key that is behind, and a reason that is no
	 * text before all of it. */
	if (!ours->result.code && ours->waits)
		return (theirs->result.code == OURO_WS_CODE_PROTOCOL_ERROR ||
			theirs->result.code == OURO_WS_CODE_BAD_DATA) &&
		       !theirs->result.clean && is_same_text(ours, theirs);
	/* It cannot tell before it has seen a byte of payload what is refused for the head. */
	if (!theirs->result.code)
		return ours->result.code == OURO_WS_CODE_PROTOCOL_ERROR ||
		       ours->result.code == OURO_WS_CODE_TOO_BIG;
	/* Of a close with a bad code and a bad reason it names the reason. */
	return !ours->result.clean && !theirs->result.clean && ours->result.code &&
	       theirs->result.code && is_same_text(ours, theirs);
}

static void check_frames(const uint8_t *data, size_t len, size_t step)
{
	static struct ours whole, cut;
	static struct theirs theirs;

	run_ours(&whole, data, len, len > 0 ? len : 1);
	run_ours(&cut, data, len, step);
	EXPECT(is_same(&whole.result, &cut.result));
	run_theirs(&theirs, data, len);
	if (is_same(&whole.result, &theirs.result) || may_differ(&whole, &theirs))
		return;
	fprintf(stderr, "ours %u%s: %.*s\nwslay's %u%s: %.*s\n", whole.result.code,
		whole.result.clean ? " clean" : "", (int)whole.result.len, whole.result.text,
		theirs.result.code, theirs.result.clean ? " clean" : "", (int)theirs.result.len,
		theirs.result.text);
	abort();
}

/* What a session is put through, from the first byte. */
enum {
	IN_PIECES = 0x80,
	UNREAD = 0x40, /* the client takes nothing but now and then */
	PAUSED = 0x20, /* after each message, until more has come */
	STEP = 0x1f,   /* bytes at a time, less one */
};

/* Sessions with everything on: that they come to an end, and nothing is left. */
static void echo(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		 struct ouro_slice message)
{
	ouro_ws_session_send(session, opcode, message);
	ouro_ws_session_send_copy(session, opcode, ouro_str(message.ptr, message.len));
	if (session->owner_facts & PAUSED)
		ouro_ws_pause(session);
}

static void echo_piece(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		       struct ouro_slice piece, unsigned flags)
{
	ouro_ws_session_send_piece(session, opcode, piece, (flags & OURO_WS_PIECE_LAST) != 0);
}

static void on_close(struct ouro_ws_session *session, const struct ouro_ws_end *end)
{
	EXPECT(end->code >= 1000);
	memset(session, 0xa5, sizeof(*session));
}

static void check_session(const uint8_t *data, size_t len, unsigned how)
{
	static const struct ouro_ws_events joined = { .on_message = echo, .on_close = on_close };
	static const struct ouro_ws_events pieces = { .on_piece = echo_piece,
						      .on_close = on_close };
	static const struct ouro_ws_deflate_params params = { .enabled = true,
							      .server_window_bits = 9,
							      .client_window_bits = 9 };
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 1 << 20,
						    .deflate_bytes_min = 16,
						    .queue_bytes_max = 4096,
						    .overflow = OURO_WS_OVERFLOW_DROP_OLD };
	struct ouro_ws_loop_options loop_options = { 0 };
	static struct fake_stream fake;
	struct ouro_ws_loop loop;
	struct ouro_ws_endpoint endpoint;
	struct ouro_ws_session session;
	size_t step = 1 + (how & STEP);

	fake_init(&fake);
	fake.holds = (how & UNREAD) != 0;
	ouro_ws_loop_init(&loop, &fake.host, &loop_options);
	ouro_ws_endpoint_init(&endpoint, &loop, how & IN_PIECES ? &pieces : &joined, &options);
	ouro_ws_session_open(&session, &endpoint, &fake.stream, &params);
	session.owner_facts = (uint8_t)(how & PAUSED);
	for (size_t at = 0; at < len && !fake.closing; at += step) {
		fake.is_scarce = (at & 1) != 0;
		fake_input(&fake, (const char *)data + at, len - at < step ? len - at : step);
		if (at / step % 8 == 7)
			fake_drain(&fake);
		if (at / step % 4 == 3 && !fake.closing)
			ouro_ws_resume(&session);
	}
	fake_end(&fake);
	while (!fake.closing)
		ouro_ws_resume(&session);
	fake_close(&fake, 0);
	EXPECT(fake.closed);
	EXPECT(loop.extras.used_count == 0 && loop.pieces.used_count == 0 &&
	       loop.inputs.used_count == 0 && loop.outputs.used_count == 0);
	EXPECT(loop.takeover_count == 0);
	ouro_ws_loop_fini(&loop);
	fake_fini(&fake);
}

static void check_offers(struct ouro_str offers)
{
	struct ouro_ws_deflate_wishes wishes = { 0 };
	struct ouro_ws_deflate_params params, again;
	char answer[OURO_WS_EXTENSION_BYTES_MAX];
	size_t len;

	if (ouro_ws_negotiate_deflate(offers, &wishes, &params))
		return;
	len = ouro_ws_write_extension(&params, answer);
	EXPECT((len > 0) == params.enabled);
	if (!params.enabled)
		return;
	/* The answer is an offer that is answered by itself. */
	EXPECT(ouro_ws_negotiate_deflate(ouro_str(answer, len), &wishes, &again) == 0);
	EXPECT(memcmp(&params, &again, sizeof(params)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t step;

	if (len < 1 || len > INPUT_BYTES_MAX)
		return 0;
	step = 1 + (data[0] & STEP);
	check_frames(data + 1, len - 1, step);
	check_session(data + 1, len - 1, data[0]);
	check_offers(ouro_str((const char *)data + 1, len - 1));
	return 0;
}
