/* Tests of ws/message.h: encoded once, sent by many. */
#include "ws/message.h"

#include "base/str.h"
#include "ws/piece.h"
#include "zclient.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct ouro_ws_deflate_params each = {
	.enabled = true,
	.server_no_context_takeover = true,
	.server_window_bits = 15,
	.client_window_bits = 15,
};
static const struct ouro_ws_deflate_params each_small = {
	.enabled = true,
	.server_no_context_takeover = true,
	.server_window_bits = 10,
	.client_window_bits = 15,
};
static const struct ouro_ws_deflate_params takeover = {
	.enabled = true,
	.server_window_bits = 15,
	.client_window_bits = 15,
};

static struct peer peer;
static struct zclient client;
static char text[4000];

static void open_peer(const struct ouro_ws_deflate_params *params)
{
	memset(text, 'a', sizeof(text));
	peer_open(&peer, &peer_joined, NULL, params->enabled ? params : NULL);
	zclient_init(&client, &each);
}

static void close_peer(void)
{
	zclient_fini(&client);
	peer_fini(&peer);
}

static void expect_text(size_t len, size_t compressed)
{
	struct bytes got = { 0 };

	cr_assert_eq(zclient_read(&client, &peer, &got), TEXT);
	cr_assert_eq(got.len, len);
	cr_assert(len == 0 || memcmp(got.ptr, text, len) == 0);
	cr_assert_eq(client.compressed, compressed);
	bytes_free(&got);
}

/* A frame of @len bytes of @data; the caller's reference. */
static struct ouro_buf *plain(enum ouro_ws_opcode opcode, const char *data, size_t len)
{
	size_t bytes = ouro_ws_message_bytes(len);
	struct ouro_buf *buf = ouro_buf_create((uint32_t)bytes);

	ouro_ws_message_write(opcode, ouro_str(data, len), buf->data);
	buf->len = (uint32_t)bytes;
	return buf;
}

/* NULL where it is no gain. */
static struct ouro_buf *deflated(const char *data, size_t len)
{
	struct ouro_ws_chain chain;
	struct ouro_buf *buf;
	size_t bytes;
	int err = ouro_ws_message_deflate(&peer.loop, ouro_str(data, len), &chain);

	cr_assert_eq(peer.loop.codecs.deflaters_used, 0);
	if (err) {
		cr_assert_eq(err, -EFBIG);
		cr_assert_null(chain.first);
		return NULL;
	}
	bytes = ouro_ws_message_bytes(chain.bytes);
	buf = ouro_buf_create((uint32_t)bytes);
	ouro_ws_message_write_deflated(OURO_WS_TEXT, &chain, buf->data);
	buf->len = (uint32_t)bytes;
	ouro_ws_chain_drop(&chain);
	return buf;
}

static int send(struct ouro_buf *frame)
{
	return ouro_ws_session_send_frame(&peer.session,
					  (struct ouro_slice){ frame->data, frame->len, frame });
}

Test(ws_message, is_the_same_frame_for_all)
{
	struct ouro_ws_deflate_params none = { 0 };
	struct ouro_buf *frame;

	open_peer(&none);
	frame = plain(OURO_WS_TEXT, text, sizeof(text));
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(send(frame), 0);
		expect_text(sizeof(text), 0);
	}
	cr_assert_eq(peer.fake.writes, 2);
	ouro_buf_unref(frame);
	close_peer();
}

Test(ws_message, of_any_size)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 1 << 20 };
	struct ouro_ws_deflate_params none = { 0 };
	char *data = calloc(1, 1 << 20);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ouro_buf *frame;
		struct bytes got = { 0 };

		open_peer(&none);
		frame = plain(OURO_WS_BINARY, data, sizes[i]);
		cr_assert_eq(send(frame), 0);
		cr_assert_eq(zclient_read(&client, &peer, &got), BINARY);
		cr_assert_eq(got.len, sizes[i]);
		bytes_free(&got);
		ouro_buf_unref(frame);
		close_peer();
	}
	free(data);
}

Test(ws_message, compressed_for_those_who_can_read_it)
{
	struct ouro_buf *frame;

	open_peer(&each);
	cr_assert(ouro_ws_session_reads_deflated(&peer.session));
	frame = deflated(text, sizeof(text));
	cr_assert_lt(frame->len, 100);
	for (size_t i = 1; i <= 2; i++) {
		cr_assert_eq(send(frame), 0);
		expect_text(sizeof(text), i);
	}
	ouro_buf_unref(frame);
	close_peer();
}

Test(ws_message, of_many_buffers_compressed)
{
	enum { LARGE = 300000 };
	char *large = malloc(LARGE);
	struct bytes got = { 0 };
	struct ouro_buf *frame;
	unsigned seed = 1;

	open_peer(&each);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)('a' + ((seed = seed * 1103515245 + 12345) >> 16) % 20);
	frame = deflated(large, LARGE);
	cr_assert_gt(frame->len, 2 * OURO_WS_PIECE_BYTES);
	cr_assert_eq(send(frame), 0);
	cr_assert_eq(zclient_read(&client, &peer, &got), TEXT);
	cr_assert_eq(got.len, LARGE);
	cr_assert_eq(memcmp(got.ptr, large, LARGE), 0);
	bytes_free(&got);
	ouro_buf_unref(frame);
	free(large);
	close_peer();
}

Test(ws_message, a_smaller_window_reads_plain_ones)
{
	open_peer(&each_small);
	cr_assert_not(ouro_ws_session_reads_deflated(&peer.session));
	close_peer();
}

Test(ws_message, a_context_of_its_own_reads_plain_ones)
{
	open_peer(&takeover);
	cr_assert_not(ouro_ws_session_reads_deflated(&peer.session));
	close_peer();
}

Test(ws_message, what_is_no_gain_is_not_compressed)
{
	unsigned seed = 1;

	open_peer(&each);
	cr_assert_null(deflated(text, 0));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
	cr_assert_null(deflated(text, sizeof(text)));
	close_peer();
}

Test(ws_message, without_a_deflater_it_says_so)
{
	struct ouro_ws_chain chain;

	open_peer(&each);
	peer.loop.codecs.options.deflaters_max = 0;
	cr_assert_eq(ouro_ws_message_deflate(&peer.loop, ouro_str(text, sizeof(text)), &chain),
		     -ENOBUFS);
	cr_assert_null(chain.first);
	close_peer();
}

static void open_slow(enum ouro_ws_overflow policy)
{
	struct ouro_ws_endpoint_options options = { .overflow = policy };
	char *big = calloc(1, 300000);

	peer_open(&peer, &peer_joined, &options, NULL);
	zclient_init(&client, &each);
	memset(text, 'a', sizeof(text));
	peer.fake.holds = true;
	cr_assert(ouro_ws_session_has_room(&peer.session));
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY,
					       ouro_str(big, 300000)),
		     0);
	cr_assert_not(ouro_ws_session_has_room(&peer.session));
	client.read = 300000 + 10;
	free(big);
}

Test(ws_message, outlives_who_made_it_while_it_waits)
{
	struct ouro_buf *frame;

	open_slow(OURO_WS_OVERFLOW_DROP_OLD);
	frame = plain(OURO_WS_TEXT, text, sizeof(text));
	cr_assert_eq(send(frame), 0);
	ouro_buf_unref(frame);
	fake_drain(&peer.fake);
	expect_text(sizeof(text), 0);
	close_peer();
}

Test(ws_message, does_not_wait_for_room)
{
	struct ouro_buf *frame;

	open_slow(OURO_WS_OVERFLOW_WAIT);
	frame = plain(OURO_WS_TEXT, text, sizeof(text));
	cr_assert_eq(send(frame), -ENOBUFS);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 1);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 0, "nobody was told to wait");
	cr_assert_eq(send(frame), 0);
	expect_text(sizeof(text), 0);
	ouro_buf_unref(frame);
	close_peer();
}

Test(ws_message, leaves_a_sender_waiting_who_does)
{
	struct ouro_buf *frame;

	open_slow(OURO_WS_OVERFLOW_WAIT);
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, ouro_str(text, 1)),
		     -EAGAIN);
	frame = plain(OURO_WS_TEXT, text, sizeof(text));
	cr_assert_eq(send(frame), -ENOBUFS);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 1);
	ouro_buf_unref(frame);
	close_peer();
}

Test(ws_message, behind_one_in_pieces_is_dropped_where_the_queue_is_full)
{
	struct ouro_ws_endpoint_options options = { .queue_bytes_max = 10 };
	struct ouro_buf *frame;

	peer_open(&peer, &peer_joined, &options, NULL);
	zclient_init(&client, &each);
	frame = plain(OURO_WS_TEXT, "0123456789", 10);
	cr_assert_eq(ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT,
						(struct ouro_slice){ "x", 1, NULL }, false),
		     0);
	cr_assert_eq(send(frame), -ENOBUFS);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 1);
	ouro_buf_unref(frame);
	close_peer();
}
