/* The client's end of a session that echoes: see peer.h. */
#include "peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { CUTS_MAX = 2048, LONG_BYTES = 256 * 1024 };

struct peer *peer_of(struct ouro_ws_session *session)
{
	return (struct peer *)(void *)((char *)session - offsetof(struct peer, session));
}

static void add_control(struct bytes *bytes, struct ouro_str payload)
{
	bytes_add(bytes, payload.ptr, payload.len);
	bytes_add(bytes, ";", 1);
}

static void on_ping(struct ouro_ws_session *session, struct ouro_str payload)
{
	add_control(&peer_of(session)->pings, payload);
}

static void on_pong(struct ouro_ws_session *session, struct ouro_str payload)
{
	add_control(&peer_of(session)->pongs, payload);
}

static void on_message(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		       struct ouro_slice message)
{
	struct peer *peer = peer_of(session);
	struct frame frame = { FIN | (unsigned)opcode, message.ptr, message.len, 0 };

	peer->message_count++;
	add_plain(&peer->messages, &frame);
	if (!peer->quiet)
		ouro_ws_session_send(session, opcode, message);
	if (peer->pauses)
		ouro_ws_pause(session);
}

/* Pieces are put together here, so that both ways must give the same. */
static struct bytes assembled;

static void on_piece(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		     struct ouro_slice piece, unsigned flags)
{
	struct peer *peer = peer_of(session);

	peer->piece_count++;
	if (flags & OURO_WS_PIECE_FIRST)
		assembled.len = 0;
	bytes_add(&assembled, piece.ptr, piece.len);
	if (!(flags & OURO_WS_PIECE_LAST))
		return;
	peer->message_count++;
	add_plain(&peer->messages,
		  &(struct frame){ FIN | (unsigned)opcode, assembled.ptr, assembled.len, 0 });
	if (!peer->quiet)
		ouro_ws_session_send_copy(session, opcode,
					  (struct ouro_str){ assembled.ptr, assembled.len });
	if (peer->pauses)
		ouro_ws_pause(session);
}

static void on_drain(struct ouro_ws_session *session)
{
	peer_of(session)->drain_count++;
}

static void on_closing(struct ouro_ws_session *session)
{
	peer_of(session)->closing_count++;
	cr_assert_eq(ouro_ws_session_close(session, OURO_WS_CODE_NORMAL,
					   (struct ouro_str){ "", 0 }),
		     -EPIPE);
}

static void on_close(struct ouro_ws_session *session, const struct ouro_ws_end *end)
{
	struct peer *peer = peer_of(session);

	peer->close_count++;
	peer->end = *end;
	cr_assert(end->reason.len <= sizeof(peer->reason));
	if (end->reason.len > 0)
		memcpy(peer->reason, end->reason.ptr, end->reason.len);
	/* Nothing may be touched any more. */
	memset(session, 0xa5, sizeof(*session));
}

const struct ouro_ws_events peer_joined = {
	.on_message = on_message,
	.on_ping = on_ping,
	.on_pong = on_pong,
	.on_drain = on_drain,
	.on_closing = on_closing,
	.on_close = on_close,
};

const struct ouro_ws_events peer_pieces = {
	.on_piece = on_piece,
	.on_ping = on_ping,
	.on_pong = on_pong,
	.on_drain = on_drain,
	.on_closing = on_closing,
	.on_close = on_close,
};

void peer_open(struct peer *peer, const struct ouro_ws_events *events,
	       const struct ouro_ws_endpoint_options *options,
	       const struct ouro_ws_deflate_params *deflate)
{
	struct ouro_ws_endpoint_options none = { 0 };
	struct ouro_ws_loop_options defaults = { 0 };

	memset(peer, 0, sizeof(*peer));
	fake_init(&peer->fake);
	ouro_ws_loop_init(&peer->loop, &peer->fake.host, &defaults);
	ouro_ws_endpoint_init(&peer->endpoint, &peer->loop, events, options ? options : &none);
	ouro_ws_session_open(&peer->session, &peer->endpoint, &peer->fake.stream, deflate);
}

unsigned peer_joined_count(const struct peer *peer)
{
	unsigned count = 0;

	for (size_t i = 0; i < OURO_BUFPOOL_SIZES; i++)
		count += peer->loop.joined.pools[i].used_count;
	return count;
}

void peer_fini(struct peer *peer)
{
	fake_close(&peer->fake, -1);
	cr_assert_eq(peer->close_count, 1);
	cr_assert_eq(peer->loop.extras.used_count, 0);
	cr_assert_eq(peer->loop.outputs.used_count, 0);
	cr_assert_eq(peer->loop.inputs.used_count, 0);
	cr_assert_eq(peer->loop.pieces.used_count, 0);
	cr_assert_eq(peer_joined_count(peer), 0);
	ouro_ws_loop_fini(&peer->loop);
	fake_fini(&peer->fake);
	bytes_free(&peer->messages);
	bytes_free(&peer->pings);
	bytes_free(&peer->pongs);
	bytes_free(&assembled);
}

struct ouro_pool break_pool(struct ouro_pool *pool)
{
	struct ouro_pool before = *pool;

	*pool = (struct ouro_pool){
		.item_bytes = SIZE_MAX / 256,
		.stride_bytes = SIZE_MAX / 256,
		.page_bytes = pool->page_bytes,
		.slab_bytes = SIZE_MAX / 2, /* which cannot be mapped */
	};
	return before;
}

void peer_send(struct peer *peer, unsigned first, const char *payload, size_t len)
{
	struct bytes bytes = { 0 };

	add_masked(&bytes, &(struct frame){ first, payload, len, 0 });
	fake_input(&peer->fake, bytes.ptr, bytes.len);
	bytes_free(&bytes);
}

void expect_written(struct peer *peer, const struct frame *frames)
{
	struct bytes expected = { 0 };

	for (; frames->first; frames++)
		add_plain(&expected, frames);
	cr_assert_eq(peer->fake.out_len, expected.len, "%zu bytes, not %zu", peer->fake.out_len,
		     expected.len);
	cr_assert(expected.len == 0 || memcmp(peer->fake.out, expected.ptr, expected.len) == 0);
	peer->fake.out_len = 0;
	bytes_free(&expected);
}

void expect_end(struct peer *peer, enum ouro_close how, unsigned code, bool clean)
{
	cr_assert(peer->fake.closing);
	cr_assert_eq(peer->fake.how, how);
	fake_close(&peer->fake, 0);
	cr_assert_eq(peer->close_count, 1);
	cr_assert_eq(peer->end.code, code, "%u, not %u", peer->end.code, code);
	cr_assert_eq(peer->end.clean, clean);
}

/* Plays with a cut at @cut, then every @step bytes. */
static void play_once(const struct play *play, const struct ouro_ws_events *events, size_t cut,
		      size_t step)
{
	static struct peer peer;

	peer_open(&peer, events, play->options, NULL);
	fake_input(&peer.fake, play->input.ptr, cut);
	for (size_t at = cut; at < play->input.len && !peer.fake.closing; at += step)
		fake_input(&peer.fake, play->input.ptr + at,
			   play->input.len - at < step ? play->input.len - at : step);
	cr_assert_eq(peer.fake.out_len, play->output.len, "%s, cut at %zu: %zu bytes, not %zu",
		     play->name, cut, peer.fake.out_len, play->output.len);
	cr_assert(play->output.len == 0 ||
			  memcmp(peer.fake.out, play->output.ptr, play->output.len) == 0,
		  "%s, cut at %zu", play->name, cut);
	fake_end(&peer.fake);
	fake_close(&peer.fake, 0);
	cr_assert_eq(peer.end.code, play->code, "%s, cut at %zu: %u, not %u", play->name, cut,
		     peer.end.code, play->code);
	cr_assert_eq(peer.end.clean, play->clean, "%s, cut at %zu", play->name, cut);
	peer_fini(&peer);
}

void expect_play(const struct play *play)
{
	size_t len = play->input.len;
	/* Long inputs are long in one place, where a cut here is like a cut there. */
	size_t stride = 1 + len / CUTS_MAX;

	if (len > LONG_BYTES)
		stride = 1 + len / 16;
	play_once(play, &peer_joined, len, 1);
	play_once(play, &peer_pieces, len, 1);
	for (size_t cut = 1; cut < len; cut += stride)
		play_once(play, cut % 2 ? &peer_joined : &peer_pieces, cut, len);
	for (size_t step = 1; step <= 3; step += 2) {
		play_once(play, &peer_joined, 0, step);
		play_once(play, &peer_pieces, 0, step);
	}
}
