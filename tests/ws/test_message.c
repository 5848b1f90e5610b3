/* Tests of ws/message.h: encoded once, sent by many. */
#include "ws/message.h"

#include "base/str.h"
#include "ws/piece.h"
#include "zclient.h"

#include <criterion/criterion.h>
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

Test(ws_message, is_the_same_frame_for_all)
{
	struct ouro_ws_deflate_params none = { 0 };
	struct ouro_ws_shared message;

	open_peer(&none);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_shared_payload(&message).len, sizeof(text));
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
		expect_text(sizeof(text), 0);
	}
	cr_assert_eq(peer.fake.writes, 2);
	cr_assert_null(message.deflated);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, of_any_size)
{
	static const size_t sizes[] = {
		0,     1,     125,    126, OURO_WS_PIECE_BYTES - 4, OURO_WS_PIECE_BYTES - 3,
		65535, 65536, 1 << 20
	};
	struct ouro_ws_deflate_params none = { 0 };
	char *data = calloc(1, 1 << 20);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ouro_ws_shared message;
		struct bytes got = { 0 };

		open_peer(&none);
		cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_BINARY,
						 ouro_str(data, sizes[i])),
			     0);
		cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
		cr_assert_eq(zclient_read(&client, &peer, &got), BINARY);
		cr_assert_eq(got.len, sizes[i]);
		bytes_free(&got);
		ouro_ws_shared_fini(&message);
		close_peer();
	}
	free(data);
}

Test(ws_message, compressed_once_for_those_who_can_read_it)
{
	struct ouro_ws_shared message;
	struct ouro_buf *deflated;

	open_peer(&each);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 1);
	deflated = message.deflated;
	cr_assert_not_null(deflated);
	cr_assert(deflated->len < 100);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 2);
	cr_assert_eq(message.deflated, deflated);
	cr_assert_eq(peer.loop.codecs.deflaters_used, 0);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, a_smaller_window_gets_the_plain_one)
{
	struct ouro_ws_shared message;

	open_peer(&each_small);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_shared_deflated(&message, 15), message.deflated);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 0);
	ouro_ws_shared_fini(&message);
	/* The other way round both can read it. */
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 1);
	cr_assert_eq(ouro_ws_shared_deflated(&message, 15), message.deflated);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, a_context_of_its_own_gets_the_plain_one)
{
	struct ouro_ws_shared message;

	open_peer(&takeover);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 0);
	cr_assert_null(message.deflated);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, small_or_incompressible_ones_stay_plain)
{
	struct ouro_ws_shared message;
	unsigned seed = 1;

	open_peer(&each);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT, ouro_str(text, 100)),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(100, 0);
	ouro_ws_shared_fini(&message);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 0);
	cr_assert(message.incompressible);
	ouro_ws_shared_fini(&message);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT, ouro_str(text, 0)), 0);
	cr_assert_eq(ouro_ws_shared_deflated(&message, 15), message.plain);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, without_a_deflater_it_stays_plain)
{
	struct ouro_ws_shared message;

	open_peer(&each);
	peer.loop.codecs.options.deflaters_max = 0;
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	expect_text(sizeof(text), 0);
	cr_assert_not(message.incompressible);
	ouro_ws_shared_fini(&message);
	close_peer();
}

Test(ws_message, outlives_who_made_it_while_it_waits)
{
	struct ouro_ws_endpoint_options options = { .overflow = OURO_WS_OVERFLOW_DROP_OLD };
	struct ouro_ws_shared message;
	char *big = calloc(1, 300000);

	peer_open(&peer, &peer_joined, &options, NULL);
	zclient_init(&client, &each);
	memset(text, 'a', sizeof(text));
	peer.fake.holds = true;
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY,
					       ouro_str(big, 300000)),
		     0);
	cr_assert_eq(ouro_ws_shared_init(&message, &peer.loop, OURO_WS_TEXT,
					 ouro_str(text, sizeof(text))),
		     0);
	cr_assert_eq(ouro_ws_session_send_shared(&peer.session, &message), 0);
	ouro_ws_shared_fini(&message);
	fake_drain(&peer.fake);
	client.read = 300000 + 10;
	expect_text(sizeof(text), 0);
	free(big);
	close_peer();
}
