/* Tests of ws/deflate.h, and of sessions that compress. */
#include "ws/deflate.h"

#include "base/str.h"
#include "ws/piece.h"
#include "zclient.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ouro_ws_codecs codecs;
static struct ouro_pool pieces;

static void open_codecs(void)
{
	codecs = (struct ouro_ws_codecs){
		.options = { .deflaters_max = 3, .inflaters_max = 3, .idle_max = 2 },
	};
	ouro_ws_pieces_init(&pieces);
}

static void close_codecs(void)
{
	ouro_ws_codecs_fini(&codecs);
	ouro_pool_fini(&pieces);
}

TestSuite(ws_deflate, .init = open_codecs, .fini = close_codecs);

/* Inflates @data with @room bytes at a time. */
static ssize_t inflate_all(struct ouro_ws_inflater *inflater, struct ouro_str data, size_t room,
			   struct bytes *out)
{
	char *chunk = malloc(room);
	ssize_t len;

	ouro_ws_inflate_from(inflater, data, true);
	while ((len = ouro_ws_inflate(inflater, chunk, room)) > 0)
		bytes_add(out, chunk, (size_t)len);
	free(chunk);
	return len;
}

static void expect_inflated(struct ouro_ws_inflater *inflater, const char *data, size_t len,
			    const char *text)
{
	struct bytes out = { 0 };

	cr_assert_eq(inflate_all(inflater, ouro_str(data, len), 1, &out), 0);
	cr_assert_eq(out.len, strlen(text));
	cr_assert(out.len == 0 || memcmp(out.ptr, text, out.len) == 0);
	bytes_free(&out);
}

#define INFLATED(bytes, text) expect_inflated(inflater, bytes, sizeof(bytes) - 1, text)

Test(ws_deflate, examples_of_the_rfc)
{
	struct ouro_ws_inflater *inflater = ouro_ws_inflater_lease(&codecs, 15);

	/* RFC 7692, 7.2.3.1 to 7.2.3.6. */
	INFLATED("\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	INFLATED("\xf2\x00\x11\x00\x00", "Hello");
	INFLATED("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");
	INFLATED("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");
	/* The window is still there behind a last block. */
	INFLATED("\xf2\x00\x11\x00\x00", "Hello");
	INFLATED("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello");
	INFLATED("\x00", "");
	INFLATED("", "");
	ouro_ws_inflater_release(&codecs, inflater);
}

static void expect_not_deflate(const char *data, size_t len)
{
	struct ouro_ws_inflater *inflater = ouro_ws_inflater_lease(&codecs, 15);
	struct bytes out = { 0 };

	cr_assert_eq(inflate_all(inflater, ouro_str(data, len), 100, &out), -EBADMSG);
	ouro_ws_inflater_release(&codecs, inflater);
	bytes_free(&out);
}

Test(ws_deflate, what_is_not_deflate)
{
	expect_not_deflate("\xff\xff", 2);
	expect_not_deflate("\x06", 1);
	/* A reference to what never was. */
	expect_not_deflate("\xf2\x00\x11\x00\x00", 5);
	/* It ends within a block, as far as that can be told from one that the tail completes. */
	expect_not_deflate("\x00\x06\x00\xf9\xff\x48", 6);
	expect_not_deflate("\x00\x00", 2);
}

/* Bytes that compress to some tenth. */
static void fill_text(char *data, size_t len, unsigned seed)
{
	static const char *const words[] = { "alpha ", "beta ", "gamma\n",
					     "{\"key\": ", "1234567" };
	size_t at = 0;

	while (at < len) {
		const char *word = words[(seed = seed * 1103515245 + 12345) >> 16 & 3];

		for (size_t i = 0; word[i] && at < len; i++)
			data[at++] = word[i];
	}
}

static void fill_noise(char *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
}

static size_t join_chain(const struct ouro_ws_chain *chain, char *out)
{
	size_t len = 0;

	for (const struct ouro_buf *buf = chain->first; buf; buf = buf->next) {
		memcpy(out + len, buf->data, buf->len);
		len += buf->len;
	}
	return len;
}

Test(ws_deflate, round_trips_of_every_size_about_a_buffer)
{
	enum { MOST = 400000 };
	static const size_t sizes[] = { 100, 5000, 65535, 65536, 200000, MOST };
	char *data = malloc(MOST), *packed = malloc(MOST);

	for (unsigned bits = 9; bits <= 15; bits++) {
		struct ouro_ws_deflater *deflater = ouro_ws_deflater_lease(&codecs, bits);
		struct ouro_ws_inflater *inflater = ouro_ws_inflater_lease(&codecs, bits);

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct ouro_ws_chain chain;
			struct bytes out = { 0 };

			fill_text(data, sizes[i], (unsigned)i);
			cr_assert_eq(ouro_ws_deflate(deflater, ouro_str(data, sizes[i]), &pieces,
						     &chain),
				     0);
			cr_assert(chain.bytes < sizes[i]);
			cr_assert_eq(join_chain(&chain, packed), chain.bytes);
			cr_assert_eq(inflate_all(inflater, ouro_str(packed, chain.bytes), 9999,
						 &out),
				     0);
			cr_assert_eq(out.len, sizes[i]);
			cr_assert_eq(memcmp(out.ptr, data, out.len), 0);
			ouro_ws_chain_drop(&chain);
			cr_assert_null(chain.first);
			bytes_free(&out);
		}
		ouro_ws_deflater_release(&codecs, deflater);
		ouro_ws_inflater_release(&codecs, inflater);
	}
	cr_assert_eq(pieces.used_count, 0);
	free(data);
	free(packed);
}

/* About these sizes the compressed bytes end near the edge of a buffer. (With zlib 1.2 the tail
 * never lies across it: where there is no room for all of it, it is written twice.) */
Test(ws_deflate, a_tail_near_the_end_of_a_buffer)
{
	enum { MOST = 40000 };
	char *data = malloc(2 * MOST), *packed = malloc(2 * MOST);
	unsigned seen = 0;
	long beyond;

	for (size_t len = 0; len < 300; len++) {
		struct ouro_ws_deflater *deflater = ouro_ws_deflater_lease(&codecs, 15);
		struct ouro_ws_inflater *inflater = ouro_ws_inflater_lease(&codecs, 15);
		struct ouro_ws_chain chain;
		struct bytes out = { 0 };
		size_t total = OURO_WS_PIECE_BYTES - 270 + len % 100;

		/* Noise is stored as it is, what is behind it compressed to a few bytes. */
		fill_noise(data, total, (unsigned)len);
		memset(data + total, 'a', MOST);
		cr_assert_eq(ouro_ws_deflate(deflater, ouro_str(data, total + MOST), &pieces,
					     &chain),
			     0);
		beyond = (long)(chain.bytes + 4) - OURO_WS_PIECE_BYTES;
		if (beyond > -8 && beyond <= 8)
			seen++;
		cr_assert_eq(join_chain(&chain, packed), chain.bytes);
		cr_assert_eq(inflate_all(inflater, ouro_str(packed, chain.bytes), 4096, &out), 0);
		cr_assert_eq(out.len, total + MOST);
		cr_assert_eq(memcmp(out.ptr, data, out.len), 0);
		ouro_ws_chain_drop(&chain);
		bytes_free(&out);
		ouro_ws_deflater_release(&codecs, deflater);
		ouro_ws_inflater_release(&codecs, inflater);
	}
	cr_assert(seen > 20);
	free(data);
	free(packed);
}

Test(ws_deflate, what_does_not_get_smaller)
{
	struct ouro_ws_deflater *deflater = ouro_ws_deflater_lease(&codecs, 15);
	struct ouro_ws_chain chain;
	char *noise = malloc(100000);

	fill_noise(noise, 100000, 3);
	cr_assert_eq(ouro_ws_deflate(deflater, ouro_str(noise, 100000), &pieces, &chain), -EFBIG);
	cr_assert_null(chain.first);
	ouro_ws_deflater_release(&codecs, deflater);
	/* Given up before all of it was compressed. */
	deflater = ouro_ws_deflater_lease(&codecs, 15);
	cr_assert_eq(ouro_ws_deflate(deflater, ouro_str(noise, 2 * OURO_WS_PIECE_BYTES - 8),
				     &pieces, &chain),
		     -EFBIG);
	ouro_ws_deflater_release(&codecs, deflater);
	deflater = ouro_ws_deflater_lease(&codecs, 15);
	cr_assert_eq(ouro_ws_deflate(deflater, OURO_STR("a"), &pieces, &chain), -EFBIG);
	ouro_ws_deflater_release(&codecs, deflater);
	cr_assert_eq(pieces.used_count, 0);
	free(noise);
}

Test(ws_deflate, as_many_contexts_as_may_be)
{
	struct ouro_ws_deflater *deflaters[3];
	struct ouro_ws_inflater *inflaters[3];

	for (int i = 0; i < 3; i++) {
		deflaters[i] = ouro_ws_deflater_lease(&codecs, 12);
		inflaters[i] = ouro_ws_inflater_lease(&codecs, 12);
		cr_assert(deflaters[i] && inflaters[i]);
	}
	cr_assert_null(ouro_ws_deflater_lease(&codecs, 12));
	cr_assert_null(ouro_ws_inflater_lease(&codecs, 12));
	for (int i = 0; i < 3; i++) {
		ouro_ws_deflater_release(&codecs, deflaters[i]);
		ouro_ws_inflater_release(&codecs, inflaters[i]);
	}
	cr_assert_eq(codecs.deflaters_idle, 2);
	cr_assert_eq(codecs.inflaters_idle, 2);
	ouro_ws_deflater_release(&codecs, NULL);
	ouro_ws_inflater_release(&codecs, NULL);
	/* Another window is another context; the one that fits is found behind it. */
	deflaters[0] = ouro_ws_deflater_lease(&codecs, 10);
	ouro_ws_deflater_release(&codecs, deflaters[0]);
	deflaters[0] = ouro_ws_deflater_lease(&codecs, 12);
	ouro_ws_deflater_release(&codecs, deflaters[0]);
	cr_assert_eq(codecs.deflaters_idle, 2);
}

static const struct ouro_ws_deflate_params takeover = {
	.enabled = true,
	.server_window_bits = 15,
	.client_window_bits = 15,
};
static const struct ouro_ws_deflate_params each = {
	.enabled = true,
	.server_no_context_takeover = true,
	.client_no_context_takeover = true,
	.server_window_bits = 15,
	.client_window_bits = 15,
};

static struct peer peer;
static struct zclient client;
static struct bytes input, message;

static void open_both(const struct ouro_ws_deflate_params *params,
		      const struct ouro_ws_events *events,
		      const struct ouro_ws_endpoint_options *options)
{
	peer_open(&peer, events, options, params);
	zclient_init(&client, params);
}

static void close_both(void)
{
	zclient_fini(&client);
	peer_fini(&peer);
	bytes_free(&input);
	bytes_free(&message);
}

static void send_text(const char *data, size_t len)
{
	input.len = 0;
	zclient_add(&client, &input, TEXT, data, len, 0);
	fake_input(&peer.fake, input.ptr, input.len);
}

static void expect_echo(const char *data, size_t len)
{
	cr_assert_eq(zclient_read(&client, &peer, &message), TEXT);
	cr_assert_eq(message.len, len);
	cr_assert(len == 0 || memcmp(message.ptr, data, len) == 0);
}

Test(ws_deflate, a_session_echoes)
{
	char text[3000];

	fill_text(text, sizeof(text), 1);
	open_both(&takeover, &peer_joined, NULL);
	send_text(text, sizeof(text));
	expect_echo(text, sizeof(text));
	cr_assert_eq(client.compressed, 1);
	/* Contexts stay. */
	cr_assert_eq(peer.loop.codecs.deflaters_used, 1);
	cr_assert_eq(peer.loop.codecs.inflaters_used, 1);
	/* The same again refers to what was before. */
	client.read = peer.fake.out_len = 0;
	send_text(text, sizeof(text));
	cr_assert(peer.fake.out_len < 100);
	expect_echo(text, sizeof(text));
	close_both();
}

Test(ws_deflate, without_takeover_nothing_stays)
{
	char text[3000];

	fill_text(text, sizeof(text), 1);
	open_both(&each, &peer_joined, NULL);
	for (int i = 0; i < 3; i++) {
		send_text(text, sizeof(text));
		expect_echo(text, sizeof(text));
		cr_assert_eq(peer.loop.codecs.deflaters_used, 0);
		cr_assert_eq(peer.loop.codecs.inflaters_used, 0);
		cr_assert_null(peer.session.extra);
	}
	cr_assert_eq(client.compressed, 3);
	close_both();
}

Test(ws_deflate, small_messages_are_sent_as_they_are)
{
	char text[256];
	struct ouro_ws_endpoint_options options = { .deflate_bytes_min = 100 };

	memset(text, 'a', sizeof(text));
	open_both(&each, &peer_joined, &options);
	send_text(text, 99);
	expect_echo(text, 99);
	cr_assert_eq(client.compressed, 0);
	send_text(text, 100);
	expect_echo(text, 100);
	cr_assert_eq(client.compressed, 1);
	send_text("", 0);
	expect_echo("", 0);
	cr_assert_eq(client.compressed, 1);
	close_both();
}

Test(ws_deflate, noise_is_sent_as_it_is)
{
	char noise[2000], text[2000];

	fill_noise(noise, sizeof(noise), 1);
	fill_text(text, sizeof(text), 2);
	open_both(&takeover, &peer_joined, NULL);
	send_text(text, sizeof(text));
	expect_echo(text, sizeof(text));
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY,
					       ouro_str(noise, sizeof(noise))),
		     0);
	cr_assert_eq(zclient_read(&client, &peer, &message), BINARY);
	cr_assert_eq(message.len, sizeof(noise));
	cr_assert_eq(memcmp(message.ptr, noise, message.len), 0);
	cr_assert_eq(client.compressed, 1);
	/* What follows does not refer to what the client never saw. */
	send_text(text, sizeof(text));
	expect_echo(text, sizeof(text));
	cr_assert_eq(client.compressed, 2);
	close_both();
}

Test(ws_deflate, messages_of_several_frames_and_buffers)
{
	enum { BYTES = 100000 };
	char *text = malloc(BYTES);

	fill_text(text, BYTES, 5);
	for (int i = 0; i < 2; i++) {
		open_both(i ? &each : &takeover, i ? &peer_joined : &peer_pieces, NULL);
		zclient_add(&client, &input, TEXT, text, BYTES, 100);
		fake_input(&peer.fake, input.ptr, input.len);
		expect_echo(text, BYTES);
		cr_assert_eq(peer.loop.pieces.used_count, 0);
		close_both();
	}
	free(text);
}

Test(ws_deflate, pieces_of_compressed_messages)
{
	char text[3000];

	fill_text(text, sizeof(text), 1);
	open_both(&each, &peer_pieces, NULL);
	peer.quiet = true;
	zclient_add(&client, &input, TEXT, text, sizeof(text), 0);
	/* The end alone, and an empty message. */
	for (size_t i = 0; i < input.len; i++)
		fake_input(&peer.fake, input.ptr + i, 1);
	send_text("", 0);
	cr_assert_eq(peer.message_count, 2);
	cr_assert(peer.piece_count > 2);
	close_both();
}

Test(ws_deflate, text_is_checked_when_it_is_inflated)
{
	open_both(&takeover, &peer_joined, NULL);
	send_text("abc\xff", 4);
	expect_end(&peer, OURO_CLOSE_LINGER, 1007, false);
	close_both();

	open_both(&takeover, &peer_pieces, NULL);
	send_text("abc\xe2\x82", 5);
	expect_end(&peer, OURO_CLOSE_LINGER, 1007, false);
	close_both();
}

Test(ws_deflate, garbage_is_refused)
{
	for (int i = 0; i < 2; i++) {
		open_both(&takeover, i ? &peer_joined : &peer_pieces, NULL);
		peer_send(&peer, FIN | RSV1 | TEXT, "\xff\xff\xff", 3);
		expect_end(&peer, OURO_CLOSE_LINGER, 1007, false);
		close_both();
	}
}

/* A megabyte of nothing in a thousand bytes, over and over. */
static size_t send_bomb(size_t bytes)
{
	char *zeros = calloc(1, bytes);
	size_t len;

	input.len = 0;
	zclient_add(&client, &input, BINARY, zeros, bytes, 0);
	free(zeros);
	len = input.len;
	fake_input(&peer.fake, input.ptr, input.len);
	return len;
}

Test(ws_deflate, bombs_stop_at_the_limit_of_messages)
{
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 1 << 20 };

	for (int i = 0; i < 2; i++) {
		open_both(&takeover, i ? &peer_joined : &peer_pieces, &options);
		peer.quiet = true;
		cr_assert(send_bomb(1 << 20) < 2000);
		cr_assert_eq(peer.message_count, 1);
		cr_assert(send_bomb((1 << 20) + 1) < 2000);
		cr_assert_eq(peer.message_count, 1);
		expect_end(&peer, OURO_CLOSE_LINGER, 1009, false);
		close_both();
	}
}

/* Deflate makes noise longer. What is inflated is what the limit is for. */
Test(ws_deflate, noise_may_be_as_long_as_other_messages)
{
	enum { BYTES = 100000 };
	struct ouro_ws_endpoint_options options = { .message_bytes_max = BYTES };
	char *noise = malloc(BYTES + 1);

	fill_noise(noise, BYTES + 1, 1);
	for (size_t fragment = 0; fragment <= 1000; fragment += 1000) {
		open_both(&takeover, &peer_joined, &options);
		peer.quiet = true;
		input.len = 0;
		zclient_add(&client, &input, BINARY, noise, BYTES, fragment);
		cr_assert_gt(input.len, BYTES + 20);
		fake_input(&peer.fake, input.ptr, input.len);
		cr_assert_eq(peer.message_count, 1);
		input.len = 0;
		zclient_add(&client, &input, BINARY, noise, BYTES + 1, fragment);
		fake_input(&peer.fake, input.ptr, input.len);
		expect_end(&peer, OURO_CLOSE_LINGER, 1009, false);
		close_both();
	}
	free(noise);
}

Test(ws_deflate, a_limit_of_frames_is_one_of_what_comes)
{
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 100000,
						    .frame_bytes_max = 10000 };
	char *noise = malloc(10000);

	fill_noise(noise, 10000, 1);
	open_both(&takeover, &peer_joined, &options);
	input.len = 0;
	zclient_add(&client, &input, BINARY, noise, 10000, 0);
	fake_input(&peer.fake, input.ptr, input.len);
	expect_end(&peer, OURO_CLOSE_LINGER, 1009, false);
	close_both();
	free(noise);
}

Test(ws_deflate, bombs_stop_at_the_ratio)
{
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 1 << 24,
						    .inflate_ratio_max = 100 };

	open_both(&takeover, &peer_joined, &options);
	peer.quiet = true;
	/* Small ones are no bombs. */
	send_bomb(64 * 1024);
	cr_assert_eq(peer.message_count, 1);
	send_bomb(1 << 20);
	expect_end(&peer, OURO_CLOSE_LINGER, 1009, false);
	close_both();
}

Test(ws_deflate, without_a_deflater_it_is_sent_as_it_is)
{
	char text[3000];

	fill_text(text, sizeof(text), 1);
	open_both(&takeover, &peer_joined, NULL);
	peer.loop.codecs.options.deflaters_max = 0;
	send_text(text, sizeof(text));
	expect_echo(text, sizeof(text));
	cr_assert_eq(client.compressed, 0);
	close_both();
}

/* The window must not have what the client never got. */
Test(ws_deflate, what_could_not_be_sent_is_not_referred_to)
{
	char text[3000];

	fill_text(text, sizeof(text), 1);
	open_both(&takeover, &peer_joined, NULL);
	peer.fake.refuses = true;
	cr_assert_neq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT,
						ouro_str(text, sizeof(text))),
		      0);
	peer.fake.refuses = false;
	send_text(text, sizeof(text));
	expect_echo(text, sizeof(text));
	cr_assert_eq(client.compressed, 1);
	close_both();
}

Test(ws_deflate, without_an_inflater_it_is_to_be_tried_later)
{
	open_both(&takeover, &peer_joined, NULL);
	peer.loop.codecs.options.inflaters_max = 0;
	send_text("text", 4);
	expect_end(&peer, OURO_CLOSE_LINGER, 1013, false);
	close_both();
}

static void close_at_once(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			  struct ouro_slice piece, unsigned flags)
{
	struct peer *its = peer_of(session);

	(void)opcode;
	(void)piece;
	(void)flags;
	its->piece_count++;
	ouro_ws_session_close(session, 1000, ouro_str(NULL, 0));
}

Test(ws_deflate, closing_from_within_a_message)
{
	struct ouro_ws_events events = peer_pieces;

	events.on_piece = close_at_once;
	open_both(&takeover, &events, NULL);
	send_bomb(1 << 19);
	cr_assert_eq(peer.piece_count, 1);
	cr_assert_not(peer.fake.closing);
	peer_send(&peer, FIN | CLOSE, "\x03\xe8", 2);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);
	close_both();
}
