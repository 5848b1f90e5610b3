/* Tests of ws/session.h: the course of a session, and how it receives. */
#include "ws/session.h"

#include "base/str.h"
#include "peer.h"
#include "ws/piece.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
/* Of a test that wants others; they outlive it, as sessions do. */
static struct ouro_ws_events events;

#define FRAMES(...) ((const struct frame[]){ __VA_ARGS__, { 0 } })
#define CODE_1000 "\x03\xe8"

static void open_plain(void)
{
	peer_open(&peer, &peer_joined, NULL, NULL);
}

static void close_plain(void)
{
	peer_fini(&peer);
}

TestSuite(ws_session, .init = open_plain, .fini = close_plain);

/* Opens it again, with @options. */
static void reopen(const struct ouro_ws_endpoint_options *options,
		   const struct ouro_ws_events *wanted)
{
	peer_fini(&peer);
	peer_open(&peer, wanted, options, NULL);
}

Test(ws_session, is_small)
{
	printf("a session: %zu bytes, of which receiving %zu; at times %zu more\n",
	       sizeof(struct ouro_ws_session), sizeof(struct ouro_ws_recv),
	       peer.loop.extras.item_bytes);
	cr_assert(sizeof(struct ouro_ws_session) <= 80);
}

Test(ws_session, holds_nothing_between_messages)
{
	peer_send(&peer, FIN | TEXT, "hello", 5);
	peer_send(&peer, FIN | PING, "", 0);
	peer_send(&peer, TEXT, "hel", 3);
	cr_assert_eq(peer.loop.machines.used_count, 1);
	cr_assert_eq(peer.loop.extras.used_count, 1);
	peer_send(&peer, FIN, "lo", 2);
	cr_assert_eq(peer.message_count, 2);
	cr_assert_eq(peer.loop.machines.used_count, 0);
	cr_assert_eq(peer.loop.extras.used_count, 0);
	cr_assert_eq(peer.loop.pieces.used_count, 0);
}

Test(ws_session, bytes_behind_the_handshake)
{
	struct bytes bytes = { 0 };

	add_masked(&bytes, &(struct frame){ FIN | TEXT, "early", 5, 0 });
	ouro_ws_take(&peer.session, (struct ouro_slice){ bytes.ptr, bytes.len, NULL });
	expect_written(&peer, FRAMES({ FIN | TEXT, "early", 5, 0 }));
	bytes_free(&bytes);
}

static struct ouro_slice last_message;

static void remember(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		     struct ouro_slice message)
{
	(void)session;
	(void)opcode;
	last_message = message;
	ouro_buf_ref(message.buf);
}

Test(ws_session, a_message_in_one_piece_is_not_copied)
{
	char text[1000];

	events = peer_joined;
	memset(text, 'x', sizeof(text));
	events.on_message = remember;
	reopen(NULL, &events);
	peer_send(&peer, FIN | TEXT, text, sizeof(text));
	/* The receive buffer itself, kept. */
	cr_assert_eq(last_message.ptr, last_message.buf->data + 8);
	cr_assert_eq(last_message.len, sizeof(text));
	cr_assert_eq(memcmp(last_message.ptr, text, sizeof(text)), 0);
	ouro_buf_unref(last_message.buf);
	cr_assert_eq(peer.fake.counters.bytes_copied, 0);
}

Test(ws_session, a_message_in_two_pieces_is_copied_once)
{
	peer.quiet = true;
	peer_send(&peer, TEXT, "hello ", 6);
	peer_send(&peer, FIN, "world", 5);
	cr_assert_eq(peer.message_count, 1);
	cr_assert_eq(peer.fake.counters.bytes_copied, 11);
}

Test(ws_session, pings_and_pongs_are_told)
{
	peer_send(&peer, FIN | PING, "one", 3);
	peer_send(&peer, FIN | PONG, "two", 3);
	bytes_add(&peer.pings, "", 1);
	bytes_add(&peer.pongs, "", 1);
	cr_assert_str_eq(peer.pings.ptr, "one;");
	cr_assert_str_eq(peer.pongs.ptr, "two;");
	expect_written(&peer, FRAMES({ FIN | PONG, "one", 3, 0 }));
}

Test(ws_session, nobody_need_listen_to_them)
{
	events = peer_joined;
	events.on_ping = NULL;
	events.on_pong = NULL;
	events.on_drain = NULL;
	reopen(NULL, &events);
	peer_send(&peer, FIN | PING, "one", 3);
	peer_send(&peer, FIN | PONG, "two", 3);
	expect_written(&peer, FRAMES({ FIN | PONG, "one", 3, 0 }));
}

Test(ws_session, the_peer_closes)
{
	peer_send(&peer, FIN | CLOSE,
		  "\x0f\xa0"
		  "enough",
		  8);
	expect_written(&peer, FRAMES({ FIN | CLOSE,
				       "\x0f\xa0"
				       "enough",
				       8, 0 }));
	expect_end(&peer, OURO_CLOSE_FLUSH, 4000, true);
	cr_assert_eq(memcmp(peer.reason, "enough", 6), 0);
	cr_assert_eq(peer.end.error, 0);
}

Test(ws_session, we_close)
{
	cr_assert_eq(ouro_ws_session_close(&peer.session, 4001, OURO_STR("over")), 0);
	expect_written(&peer, FRAMES({ FIN | CLOSE,
				       "\x0f\xa1"
				       "over",
				       6, 0 }));
	cr_assert_not(peer.fake.closing);
	/* What was under way is of no interest, and is not answered. */
	peer_send(&peer, FIN | TEXT, "late", 4);
	peer_send(&peer, FIN | PING, "late", 4);
	cr_assert_eq(peer.message_count, 0);
	peer_send(&peer, FIN | CLOSE, "\x0f\xa1", 2);
	cr_assert_eq(peer.fake.out_len, 0);
	expect_end(&peer, OURO_CLOSE_FLUSH, 4001, true);
}

Test(ws_session, we_close_without_a_code)
{
	cr_assert_eq(ouro_ws_session_close(&peer.session, 0, ouro_str(NULL, 0)), 0);
	expect_written(&peer, FRAMES({ FIN | CLOSE, "", 0, 0 }));
	peer_send(&peer, FIN | CLOSE, "", 0);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1005, true);
}

Test(ws_session, both_close_at_once)
{
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	peer_send(&peer, FIN | CLOSE, "\x03\xe9", 2);
	expect_written(&peer, FRAMES({ FIN | CLOSE, CODE_1000, 2, 0 }));
	expect_end(&peer, OURO_CLOSE_FLUSH, 1001, true);
}

Test(ws_session, what_may_not_be_sent_as_a_close)
{
	char reason[124];

	memset(reason, 'r', sizeof(reason));
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1005, ouro_str(NULL, 0)), -EINVAL);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 999, ouro_str(NULL, 0)), -EINVAL);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 0, OURO_STR("why")), -EINVAL);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, ouro_str(reason, 124)), -EINVAL);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, OURO_STR("\xff")), -EINVAL);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, OURO_STR("\xe2\x82")), -EINVAL);
	cr_assert_eq(peer.fake.out_len, 0);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, ouro_str(reason, 123)), 0);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0)), -EPIPE);
}

Test(ws_session, nothing_is_sent_after_a_close)
{
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	peer.fake.out_len = 0;
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, OURO_STR("x")), -EPIPE);
	cr_assert_eq(ouro_ws_session_send(&peer.session, OURO_WS_TEXT,
					  (struct ouro_slice){ "x", 1, NULL }),
		     -EPIPE);
	cr_assert_eq(ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT,
						(struct ouro_slice){ "x", 1, NULL }, true),
		     -EPIPE);
	cr_assert_eq(ouro_ws_session_ping(&peer.session, OURO_STR("")), -EPIPE);
	cr_assert_eq(peer.fake.out_len, 0);
}

Test(ws_session, a_close_that_is_not_answered)
{
	struct ouro_ws_endpoint_options options = { .close_timeout_ms = 1000 };

	reopen(&options, &peer_joined);
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	fake_pass(&peer.fake, 999);
	cr_assert_not(peer.fake.closing);
	fake_pass(&peer.fake, 1);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

/* What was sent before the close is not lost because the peer reads slowly; whether it reads at all
 * the stream watches. */
Test(ws_session, the_time_for_a_close_begins_when_it_is_sent)
{
	struct ouro_ws_endpoint_options options = { .close_timeout_ms = 1000 };

	reopen(&options, &peer_joined);
	peer.fake.holds = true;
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	fake_pass(&peer.fake, 10000);
	cr_assert_not(peer.fake.closing);
	/* Just before it is looked at again: there is all the time. */
	fake_pass(&peer.fake, 999);
	fake_drain(&peer.fake);
	fake_pass(&peer.fake, 1000);
	cr_assert_not(peer.fake.closing);
	fake_pass(&peer.fake, 1000);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session, garbage_after_our_close)
{
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	peer_send(&peer, FIN | 3, "", 0);
	expect_written(&peer, FRAMES({ FIN | CLOSE, CODE_1000, 2, 0 }));
	expect_end(&peer, OURO_CLOSE_LINGER, 1006, false);
}

Test(ws_session, refused_with_a_code)
{
	peer_send(&peer, FIN | 3, "", 0);
	expect_written(&peer, FRAMES({ FIN | CLOSE, "\x03\xea", 2, 0 }));
	/* Whatever else comes. */
	peer_send(&peer, FIN | TEXT, "x", 1);
	expect_end(&peer, OURO_CLOSE_LINGER, 1002, false);
	cr_assert_eq(peer.message_count, 0);
}

Test(ws_session, too_large_a_message)
{
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 10 };

	reopen(&options, &peer_joined);
	peer_send(&peer, FIN | TEXT, "0123456789", 10);
	peer_send(&peer, FIN | TEXT, "0123456789a", 11);
	cr_assert_eq(peer.message_count, 1);
	expect_end(&peer, OURO_CLOSE_LINGER, 1009, false);
}

Test(ws_session, the_peer_goes_without_a_word)
{
	fake_end(&peer.fake);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1006, false);
}

static void expect_closing(size_t count)
{
	cr_expect_eq(peer.closing_count, count);
	cr_expect_eq(peer.close_count, 0, "the stream is still there");
}

Test(ws_session, it_is_told_that_the_peer_has_closed)
{
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	expect_closing(1);
}

Test(ws_session, it_is_told_that_the_peer_was_refused)
{
	peer_send(&peer, FIN | 3, "", 0);
	expect_closing(1);
}

Test(ws_session, it_is_told_that_the_peer_sends_no_more)
{
	fake_end(&peer.fake);
	expect_closing(1);
}

Test(ws_session, it_is_not_told_of_what_it_did_itself)
{
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	expect_closing(0);
}

Test(ws_session, it_is_not_told_before_a_reset)
{
	ouro_ws_abort(&peer.session);
	expect_closing(0);
}

Test(ws_session, the_stream_fails)
{
	fake_close(&peer.fake, -ECONNRESET);
	cr_assert_eq(peer.close_count, 1);
	cr_assert_eq(peer.end.code, 1006);
	cr_assert_eq(peer.end.error, -ECONNRESET);
}

Test(ws_session, aborting)
{
	ouro_ws_abort(&peer.session);
	ouro_ws_abort(&peer.session);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session, the_stream_fails_amid_everything)
{
	peer.fake.holds = true;
	peer_send(&peer, TEXT, "begun", 5);
	fake_input(&peer.fake, "\x80", 1);
	ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT, (struct ouro_slice){ "x", 1, NULL },
				   false);
	ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, OURO_STR("waits"));
	ouro_ws_pause(&peer.session);
	fake_input(&peer.fake, "\x85", 1);
	fake_close(&peer.fake, -EPIPE);
	cr_assert_eq(peer.close_count, 1);
	/* That nothing is left is seen at the end of each test. */
}

static const struct ouro_ws_endpoint_options pinging = { .ping_interval_ms = 1000,
							 .pong_timeout_ms = 300 };

Test(ws_session, who_is_quiet_is_pinged)
{
	reopen(&pinging, &peer_joined);
	fake_pass(&peer.fake, 999);
	cr_assert_eq(peer.fake.out_len, 0);
	fake_pass(&peer.fake, 1);
	expect_written(&peer, FRAMES({ FIN | PING, "", 0, 0 }));
	fake_pass(&peer.fake, 200);
	peer_send(&peer, FIN | PONG, "", 0);
	/* Any input counts. */
	fake_pass(&peer.fake, 900);
	peer_send(&peer, FIN | TEXT, "x", 1);
	peer.fake.out_len = 0;
	fake_pass(&peer.fake, 999);
	cr_assert_eq(peer.fake.out_len, 0);
	fake_pass(&peer.fake, 1);
	expect_written(&peer, FRAMES({ FIN | PING, "", 0, 0 }));
	cr_assert_not(peer.fake.closing);
}

Test(ws_session, who_does_not_answer_is_dead)
{
	reopen(&pinging, &peer_joined);
	fake_pass(&peer.fake, 1299);
	cr_assert_not(peer.fake.closing);
	fake_pass(&peer.fake, 1);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

/* Nobody can answer a ping that waits behind other output. */
Test(ws_session, who_has_yet_to_get_the_ping_is_not_dead)
{
	reopen(&pinging, &peer_joined);
	peer.fake.holds = true;
	fake_pass(&peer.fake, 10000);
	expect_written(&peer, FRAMES({ FIN | PING, "", 0, 0 }));
	cr_assert_not(peer.fake.closing);
	fake_drain(&peer.fake);
	fake_pass(&peer.fake, 2 * 300);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session, who_is_not_listened_to_is_not_dead)
{
	reopen(&pinging, &peer_joined);
	fake_pass(&peer.fake, 1100);
	peer.fake.out_len = 0;
	ouro_ws_pause(&peer.session);
	fake_pass(&peer.fake, 10000);
	cr_assert_eq(peer.fake.out_len, 0);
	cr_assert_not(peer.fake.closing);
	ouro_ws_resume(&peer.session);
	fake_pass(&peer.fake, 1000);
	expect_written(&peer, FRAMES({ FIN | PING, "", 0, 0 }));
	fake_pass(&peer.fake, 300);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session, pings_may_be_off)
{
	struct ouro_ws_endpoint_options options = { .ping_interval_ms = OURO_WS_NEVER };

	reopen(&options, &peer_joined);
	cr_assert_eq(peer.fake.check_ms, 0);
	fake_pass(&peer.fake, 10000000);
	peer.fake.stream.events->on_check(&peer.fake.stream);
	cr_assert_eq(peer.fake.out_len, 0);
}

Test(ws_session, checks_may_come_early_or_late)
{
	reopen(&pinging, &peer_joined);
	peer.fake.stream.events->on_check(&peer.fake.stream);
	cr_assert_eq(peer.fake.out_len, 0);
	ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0));
	peer.fake.stream.events->on_check(&peer.fake.stream);
	cr_assert_not(peer.fake.closing);
	peer_send(&peer, FIN | CLOSE, "", 0);
	peer.fake.stream.events->on_check(&peer.fake.stream);
	cr_assert_eq(peer.fake.how, OURO_CLOSE_FLUSH);
}

/* Three messages in one piece. */
static void send_three(void)
{
	struct bytes bytes = { 0 };

	add_masked(&bytes, &(struct frame){ FIN | TEXT, "one", 3, 0 });
	add_masked(&bytes, &(struct frame){ FIN | TEXT, "two", 3, 0 });
	add_masked(&bytes, &(struct frame){ FIN | TEXT, "three", 5, 0 });
	fake_input(&peer.fake, bytes.ptr, bytes.len);
	bytes_free(&bytes);
}

Test(ws_session, paused_after_a_message)
{
	peer.pauses = true;
	send_three();
	cr_assert_eq(peer.message_count, 1);
	cr_assert_not(peer.fake.reading);
	/* What was received meanwhile is behind. */
	peer_send(&peer, FIN | TEXT, "four", 4);
	for (size_t i = 2; i <= 4; i++) {
		cr_assert_eq(peer.message_count, i - 1);
		ouro_ws_resume(&peer.session);
		cr_assert_eq(peer.message_count, i);
	}
	cr_assert_eq(peer.loop.inputs.used_count, 0);
	peer.pauses = false;
	ouro_ws_resume(&peer.session);
	cr_assert(peer.fake.reading);
	expect_written(&peer, FRAMES({ FIN | TEXT, "one", 3, 0 }, { FIN | TEXT, "two", 3, 0 },
				     { FIN | TEXT, "three", 5, 0 }, { FIN | TEXT, "four", 4, 0 }));
	/* Again is nothing. */
	ouro_ws_resume(&peer.session);
}

Test(ws_session, kept_by_copy_while_buffers_are_scarce)
{
	peer.pauses = true;
	peer.fake.is_scarce = true;
	send_three();
	cr_assert_eq(peer.fake.counters.bytes_copied, 9 + 11);
	ouro_ws_resume(&peer.session);
	ouro_ws_resume(&peer.session);
	cr_assert_eq(peer.message_count, 3);
}

static void pause_and_resume(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
			     struct ouro_slice message)
{
	peer_joined.on_message(session, opcode, message);
	ouro_ws_pause(session);
	ouro_ws_resume(session);
}

Test(ws_session, paused_and_resumed_within_an_event)
{
	events = peer_joined;
	events.on_message = pause_and_resume;
	reopen(NULL, &events);
	send_three();
	cr_assert_eq(peer.message_count, 3);
	cr_assert(peer.fake.reading);
}

Test(ws_session, the_end_waits_for_what_is_kept)
{
	peer.pauses = true;
	send_three();
	fake_end(&peer.fake);
	cr_assert_not(peer.fake.closing);
	ouro_ws_resume(&peer.session);
	ouro_ws_resume(&peer.session);
	cr_assert_eq(peer.message_count, 3);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1006, false);
}

Test(ws_session, a_close_among_what_is_kept)
{
	peer.pauses = true;
	peer_send(&peer, FIN | TEXT, "one", 3);
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	fake_end(&peer.fake);
	ouro_ws_resume(&peer.session);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);
}

Test(ws_session, closing_while_paused_looks_for_the_peers_close)
{
	peer.pauses = true;
	send_three();
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1001, ouro_str(NULL, 0)), 0);
	cr_assert_eq(peer.message_count, 1);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);
}

Test(ws_session, kept_input_without_memory_ends_it)
{
	struct ouro_pool before;

	peer.pauses = true;
	peer_send(&peer, FIN | TEXT, "one", 3);
	before = break_pool(&peer.loop.inputs);
	fake_input(&peer.fake, "\x81", 1);
	peer.loop.inputs = before;
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

static void close_it(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		     struct ouro_slice message)
{
	(void)opcode;
	(void)message;
	peer_of(session)->message_count++;
	ouro_ws_session_close(session, 1000, ouro_str(NULL, 0));
}

static void abort_it(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		     struct ouro_slice message)
{
	(void)opcode;
	(void)message;
	peer_of(session)->message_count++;
	ouro_ws_abort(session);
}

Test(ws_session, closed_and_aborted_within_events)
{
	events = peer_joined;
	events.on_message = close_it;
	reopen(NULL, &events);
	send_three();
	cr_assert_eq(peer.message_count, 1);
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);

	events.on_message = abort_it;
	reopen(NULL, &events);
	send_three();
	cr_assert_eq(peer.message_count, 1);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session, pausing_what_is_over)
{
	ouro_ws_pause(&peer.session);
	ouro_ws_abort(&peer.session);
	ouro_ws_pause(&peer.session);
	ouro_ws_resume(&peer.session);
	cr_assert_not(peer.fake.reading);
	ouro_ws_pause(&peer.session);
	ouro_ws_resume(&peer.session);
	cr_assert_not(peer.fake.reading);
}

Test(ws_session, the_stream_was_opened_before)
{
	peer.fake.stream.events->on_open(&peer.fake.stream);
	cr_assert_eq(peer.fake.out_len, 0);
}

Test(ws_session, pools_are_trimmed)
{
	peer_send(&peer, TEXT, "one", 3);
	peer_send(&peer, FIN, "two", 3);
	ouro_buf_unref(ouro_bufpool_get(&peer.loop.joined, OURO_WS_PIECE_BYTES + 1));
	for (int i = 0; i < 4; i++)
		ouro_ws_loop_trim(&peer.loop);
	for (size_t i = 0; i < OURO_BUFPOOL_SIZES; i++)
		cr_assert_eq(peer.loop.joined.pools[i].free_count, 0);
	cr_assert_eq(peer.loop.pieces.free_count, 0);
	cr_assert_eq(peer.loop.extras.free_count, 0);
}

Test(ws_session, an_answer_without_memory)
{
	peer.fake.refuses = true;
	peer_send(&peer, FIN | PING, "x", 1);
	peer_send(&peer, FIN | CLOSE, CODE_1000, 2);
	cr_assert_eq(peer.fake.out_len, 0);
	expect_end(&peer, OURO_CLOSE_FLUSH, 1000, true);
}

Test(ws_session, paused_for_two_reasons)
{
	char payload[125] = { 0 };

	peer.fake.holds = true;
	while (peer.fake.reading)
		peer_send(&peer, FIN | PING, payload, sizeof(payload));
	ouro_ws_pause(&peer.session);
	peer_send(&peer, FIN | TEXT, "x", 1);
	peer.fake.holds = false;
	fake_drain(&peer.fake);
	cr_assert_not(peer.fake.reading);
	cr_assert_eq(peer.message_count, 0);
	ouro_ws_resume(&peer.session);
	cr_assert(peer.fake.reading);
	cr_assert_eq(peer.message_count, 1);
}

Test(ws_session, who_pings_without_reading_is_not_listened_to)
{
	char payload[125];
	size_t count = 0;

	memset(payload, 'p', sizeof(payload));
	peer.fake.holds = true;
	while (peer.fake.reading && count < 10000) {
		peer_send(&peer, FIN | PING, payload, sizeof(payload));
		count++;
	}
	cr_assert_eq(count, OURO_STREAM_PENDING_HIGH / 127 + 1);
	/* More that was received before is kept. */
	peer_send(&peer, FIN | PING, "x", 1);
	peer_send(&peer, FIN | TEXT, "x", 1);
	cr_assert_eq(peer.message_count, 0);
	peer.fake.holds = false;
	fake_drain(&peer.fake);
	cr_assert(peer.fake.reading);
	cr_assert_eq(peer.message_count, 1);
}

Test(ws_session, joining_without_memory_ends_it)
{
	struct ouro_pool before = break_pool(&peer.loop.pieces);

	peer_send(&peer, TEXT, "one", 3);
	peer.loop.pieces = before;
	expect_written(&peer, FRAMES({ FIN | CLOSE, "\x03\xf3", 2, 0 }));
	expect_end(&peer, OURO_CLOSE_LINGER, 1011, false);
}

Test(ws_session, messages_joined_beyond_a_buffer)
{
	enum { BYTES = 5 * OURO_WS_PIECE_BYTES + 7 };
	char *data = malloc(BYTES);
	struct bytes bytes = { 0 };

	for (size_t i = 0; i < BYTES; i++)
		data[i] = (char)(i * 7 % 128);
	add_masked(&bytes, &(struct frame){ FIN | TEXT, data, BYTES, 0 });
	for (size_t at = 0; at < bytes.len; at += 4000)
		fake_input(&peer.fake, bytes.ptr + at,
			   bytes.len - at < 4000 ? bytes.len - at : 4000);
	expect_written(&peer, FRAMES({ FIN | TEXT, data, BYTES, 0 }));
	bytes_free(&bytes);
	free(data);
}

/* Sends @len bytes of a frame that announces @announced. */
static void begin_large(struct bytes *bytes, size_t announced, size_t len)
{
	add_masked(bytes, &(struct frame){ FIN | BINARY, "x", announced, 1 });
	fake_input(&peer.fake, bytes->ptr, bytes->len - announced + len);
}

Test(ws_session, what_is_announced_takes_room_by_what_came)
{
	struct bytes bytes = { 0 };

	begin_large(&bytes, 1 << 20, 4096);
	cr_assert_eq(peer.loop.pieces.used_count, 1);
	cr_assert_eq(peer_joined_count(&peer), 0);
	fake_input(&peer.fake, bytes.ptr + bytes.len - (1 << 20) + 4096, 16384);
	cr_assert_eq(peer.loop.pieces.used_count, 0);
	cr_assert_eq(peer_joined_count(&peer), 1);
	/* 128 KiB: the least size for four times what came. */
	cr_assert_eq(peer.loop.joined.pools[5].used_count, 1);
	ouro_ws_abort(&peer.session);
	bytes_free(&bytes);
}

Test(ws_session, a_large_message_in_pieces_is_copied_once)
{
	enum { BYTES = 4 * OURO_WS_PIECE_BYTES };
	enum { HEAD_BYTES = 14 };
	struct bytes bytes = { 0 };

	peer.quiet = true;
	begin_large(&bytes, BYTES, OURO_WS_PIECE_BYTES - HEAD_BYTES);
	cr_assert_eq(bytes.len, HEAD_BYTES + BYTES);
	cr_assert_eq(peer_joined_count(&peer), 1);
	for (size_t at = OURO_WS_PIECE_BYTES; at < bytes.len; at += OURO_WS_PIECE_BYTES)
		fake_input(&peer.fake, bytes.ptr + at,
			   bytes.len - at < OURO_WS_PIECE_BYTES ? bytes.len - at
								: OURO_WS_PIECE_BYTES);
	cr_assert_eq(peer.message_count, 1);
	cr_assert_eq(peer.fake.counters.bytes_copied, BYTES);
	bytes_free(&bytes);
}
