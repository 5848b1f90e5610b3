/* Tests of ws/session.h: how a session sends, and what becomes of what does not fit. */
#include "ws/session.h"

#include "base/str.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
static char big[100000];

#define FRAMES(...) ((const struct frame[]){ __VA_ARGS__, { 0 } })
#define BIG_FRAME                                                                                  \
	{                                                                                          \
		FIN | BINARY, big, sizeof(big), 0                                                  \
	}

static void open_with(enum ouro_ws_overflow overflow, uint32_t output_bytes_max,
		      uint32_t queue_bytes_max)
{
	struct ouro_ws_endpoint_options options = { .overflow = overflow,
						    .output_bytes_max = output_bytes_max,
						    .queue_bytes_max = queue_bytes_max };

	peer_open(&peer, &peer_joined, &options, NULL);
}

static void open_plain(void)
{
	open_with(OURO_WS_OVERFLOW_WAIT, 0, 0);
}

static void close_plain(void)
{
	peer_fini(&peer);
}

TestSuite(ws_session_send, .init = open_plain, .fini = close_plain);

static void reopen(enum ouro_ws_overflow overflow, uint32_t output_bytes_max,
		   uint32_t queue_bytes_max)
{
	peer_fini(&peer);
	open_with(overflow, output_bytes_max, queue_bytes_max);
	peer.fake.holds = true;
}

static int send_big(void)
{
	return ouro_ws_session_send(&peer.session, OURO_WS_BINARY,
				    (struct ouro_slice){ big, sizeof(big), NULL });
}

static int send_text(const char *text)
{
	return ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, ouro_str_c(text));
}

static int send_piece(const char *text, bool last)
{
	return ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT,
					  (struct ouro_slice){ text, strlen(text), NULL }, last);
}

/* Until there is no more room. */
static void fill(void)
{
	while (peer.fake.pending <= OURO_STREAM_PENDING_HIGH)
		cr_assert_eq(send_big(), 0);
}

Test(ws_session_send, small_ones_are_moved_and_others_referred_to)
{
	cr_assert_eq(ouro_ws_session_send(&peer.session, OURO_WS_BINARY,
					  (struct ouro_slice){ big, 512, NULL }),
		     0);
	cr_assert_eq(peer.fake.writes, 0);
	cr_assert_eq(ouro_ws_session_send(&peer.session, OURO_WS_BINARY,
					  (struct ouro_slice){ big, 513, NULL }),
		     0);
	cr_assert_eq(peer.fake.writes, 1);
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY, ouro_str(big, 20000)),
		     0);
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY, ouro_str(NULL, 0)),
		     0);
	expect_written(&peer, FRAMES({ FIN | BINARY, big, 512, 0 }, { FIN | BINARY, big, 513, 0 },
				     { FIN | BINARY, big, 20000, 0 }, { FIN | BINARY, "", 0, 0 }));
	cr_assert_eq(peer.loop.pieces.used_count, 0);
}

/* A buffer of its own for each would hold many times what is counted. */
Test(ws_session_send, copies_take_no_buffer_of_their_own)
{
	enum { BYTES = 600 };
	size_t count = 0;

	peer.fake.holds = true;
	for (; peer.fake.pending <= OURO_STREAM_PENDING_HIGH; count++)
		cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY,
						       ouro_str(big, BYTES)),
			     0);
	cr_assert_gt(count, 100);
	cr_assert_eq(peer.fake.writes, 0);
	cr_assert_eq(peer.loop.pieces.mapped_bytes, 0);
}

Test(ws_session_send, what_does_not_fit_is_not_copied)
{
	peer.fake.holds = true;
	fill();
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY, ouro_str(big, 10000)),
		     -EAGAIN);
	cr_assert_eq(peer.loop.pieces.mapped_bytes, 0);
}

Test(ws_session_send, pings)
{
	cr_assert_eq(ouro_ws_session_ping(&peer.session, ouro_str(big, 125)), 0);
	cr_assert_eq(ouro_ws_session_ping(&peer.session, ouro_str(big, 126)), -EINVAL);
	expect_written(&peer, FRAMES({ FIN | PING, big, 125, 0 }));
}

Test(ws_session_send, a_message_in_pieces)
{
	static const char expected[] = "\x01\x04"
				       "one "
				       "\x89\x07"
				       "between"
				       "\x00\x04"
				       "two "
				       "\x80\x05"
				       "three"
				       "\x81\x05"
				       "alone";

	cr_assert_eq(send_piece("one ", false), 0);
	cr_assert_eq(ouro_ws_session_ping(&peer.session, OURO_STR("between")), 0);
	cr_assert_eq(send_piece("two ", false), 0);
	cr_assert_eq(send_piece("three", true), 0);
	cr_assert_eq(send_piece("alone", true), 0);
	cr_assert_eq(peer.fake.out_len, sizeof(expected) - 1);
	cr_assert_eq(memcmp(peer.fake.out, expected, sizeof(expected) - 1), 0);
}

Test(ws_session_send, others_wait_for_a_message_in_pieces)
{
	static const char expected[] = "\x01\x01"
				       "a"
				       "\x80\x01"
				       "b"
				       "\x81\x03"
				       "one"
				       "\x81\x03"
				       "two";

	cr_assert_eq(send_piece("a", false), 0);
	cr_assert_eq(send_text("one"), 0);
	cr_assert_eq(send_text("two"), 0);
	cr_assert_eq(peer.fake.out_len, 3);
	cr_assert_eq(send_piece("b", true), 0);
	cr_assert_eq(peer.fake.out_len, sizeof(expected) - 1);
	cr_assert_eq(memcmp(peer.fake.out, expected, sizeof(expected) - 1), 0);
	cr_assert_eq(peer.loop.outputs.used_count, 0);
	cr_assert_null(peer.session.extra);
}

Test(ws_session_send, so_many_wait_for_a_message_in_pieces)
{
	reopen(OURO_WS_OVERFLOW_WAIT, 0, 2 * (5 + OURO_WS_OUTPUT_BYTES));
	cr_assert_eq(send_piece("a", false), 0);
	cr_assert_eq(send_text("12345"), 0);
	cr_assert_eq(send_text("67890"), 0);
	cr_assert_eq(send_text("x"), -EBUSY);
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, ouro_str(big, 1000)),
		     -EBUSY);
	cr_assert_eq(send_piece("b", true), 0);
	cr_assert_eq(send_text("x"), 0);
}

Test(ws_session_send, waiting_for_room)
{
	peer.fake.holds = true;
	fill();
	cr_assert_eq(send_big(), -EAGAIN);
	cr_assert_eq(send_text("x"), -EAGAIN);
	cr_assert_eq(peer.drain_count, 0);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 1);
	cr_assert_eq(send_text("x"), 0);
	/* Nobody waits: nobody is told. */
	fill();
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 1);
}

Test(ws_session_send, pieces_wait_for_room)
{
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 0);
	cr_assert_eq(send_piece("a", false), 0);
	while (peer.fake.pending <= OURO_STREAM_PENDING_HIGH)
		cr_assert_eq(ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT,
							(struct ouro_slice){ big, sizeof(big),
									     NULL },
							false),
			     0);
	cr_assert_eq(send_piece("b", true), -EAGAIN);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 1);
	cr_assert_eq(send_piece("b", true), 0);
	/* Nor may they overtake messages that wait. */
	fill();
	cr_assert_eq(send_text("waits"), 0);
	cr_assert_eq(send_piece("c", true), -EAGAIN);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.drain_count, 2);
	cr_assert_eq(send_piece("c", true), 0);
}

Test(ws_session_send, dropping_what_is_new)
{
	reopen(OURO_WS_OVERFLOW_DROP_NEW, 1000, 0);
	cr_assert_eq(send_big(), 0);
	peer.fake.out_len = 0;
	cr_assert_eq(send_text("x"), -ENOBUFS);
	cr_assert_eq(send_text("y"), -ENOBUFS);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 2);
	cr_assert_eq(peer.fake.out_len, 0);
	fake_drain(&peer.fake);
	cr_assert_eq(send_text("z"), 0);
	expect_written(&peer, FRAMES({ FIN | TEXT, "z", 1, 0 }));
}

Test(ws_session_send, dropping_what_is_old)
{
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 1, 2 * (10 + OURO_WS_OUTPUT_BYTES));
	/* Below, streams do not say when there is room. */
	cr_assert_eq(peer.endpoint.options.output_bytes_max, OURO_STREAM_PENDING_HIGH);
	fill();
	peer.fake.out_len = 0;
	cr_assert_eq(send_text("0123456789"), 0);
	cr_assert_eq(send_text("abcdefghij"), 0);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 0);
	cr_assert_eq(send_text("new"), 0);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 1);
	cr_assert_eq(peer.session.extra != NULL, true);
	/* One that cannot ever wait. */
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT,
					       ouro_str(big, 2 * 10 + OURO_WS_OUTPUT_BYTES + 1)),
		     -ENOBUFS);
	cr_assert_eq(peer.fake.counters.ws_messages_dropped, 2);
	fake_drain(&peer.fake);
	expect_written(&peer,
		       FRAMES({ FIN | TEXT, "abcdefghij", 10, 0 }, { FIN | TEXT, "new", 3, 0 }));
	cr_assert_null(peer.session.extra);
}

Test(ws_session_send, small_ones_that_wait_take_little)
{
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 64 * 1024);
	fill();
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(send_text(""), 0);
	cr_assert_leq(peer.loop.outputs.used_count, 64 * 1024 / OURO_WS_OUTPUT_BYTES);
	cr_assert_gt(peer.fake.counters.ws_messages_dropped, 0);
	cr_assert_eq(peer.loop.pieces.mapped_bytes, 0);
}

/* One slow peer must not stop the others from being read. */
Test(ws_session_send, what_waits_holds_no_buffer_that_is_scarce)
{
	struct ouro_buf *buf = ouro_buf_create(1000);

	memset(buf->data, 'x', 1000);
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 0);
	fill();
	for (int i = 0; i < 2; i++) {
		peer.fake.is_scarce = i;
		peer.fake.out_len = 0;
		cr_assert_eq(ouro_ws_session_send(&peer.session, OURO_WS_TEXT,
						  (struct ouro_slice){ buf->data, 1000, buf }),
			     0);
		cr_assert_eq(buf->refs, i ? 1 : 2);
		fake_drain(&peer.fake);
		expect_written(&peer, FRAMES({ FIN | TEXT, buf->data, 1000, 0 }));
		cr_assert_eq(buf->refs, 1);
		fill();
	}
	ouro_buf_unref(buf);
}

/* A message that was joined lies in one of the loop's large buffers. */
Test(ws_session_send, what_was_joined_is_sent_without_its_buffer)
{
	peer.fake.holds = true;
	peer_send(&peer, BINARY, big, 300);
	peer_send(&peer, FIN, big, 300);
	cr_assert_eq(peer.message_count, 1);
	cr_assert_eq(peer.fake.writes, 0);
	expect_written(&peer, FRAMES({ FIN | BINARY, big, 600, 0 }));
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 0);
	fill();
	peer_send(&peer, BINARY, big, 300);
	peer_send(&peer, FIN, big, 300);
	cr_assert_eq(peer.loop.outputs.used_count, 1);
	cr_assert_eq(peer.loop.pieces.used_count, 0);
}

Test(ws_session_send, what_waits_goes_as_far_as_there_is_room)
{
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 1 << 20);
	fill();
	for (int i = 0; i < 5; i++)
		cr_assert_eq(send_big(), 0);
	fake_drain(&peer.fake);
	/* Three make more than there is room for. */
	cr_assert_eq(peer.loop.outputs.used_count, 2);
	fake_drain(&peer.fake);
	cr_assert_eq(peer.loop.outputs.used_count, 0);
}

Test(ws_session_send, closing_who_is_too_slow)
{
	reopen(OURO_WS_OVERFLOW_CLOSE, 1000, 0);
	cr_assert_eq(send_big(), 0);
	peer.fake.out_len = 0;
	cr_assert_eq(send_text("x"), -ENOBUFS);
	expect_written(&peer, FRAMES({ FIN | CLOSE, "\x03\xf0", 2, 0 }));
	cr_assert_eq(send_text("x"), -EPIPE);
	/* And if it never answers: */
	fake_pass(&peer.fake, 5000);
	expect_end(&peer, OURO_CLOSE_ABORT, 1006, false);
}

Test(ws_session_send, a_close_is_behind_what_waits)
{
	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 0);
	fill();
	peer.fake.out_len = 0;
	cr_assert_eq(send_text("waits"), 0);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0)), 0);
	expect_written(&peer,
		       FRAMES({ FIN | TEXT, "waits", 5, 0 }, { FIN | CLOSE, "\x03\xe8", 2, 0 }));
}

Test(ws_session_send, a_close_ends_a_message_in_pieces)
{
	cr_assert_eq(send_piece("a", false), 0);
	cr_assert_eq(send_text("never"), 0);
	cr_assert_eq(ouro_ws_session_close(&peer.session, 1000, ouro_str(NULL, 0)), 0);
	expect_written(&peer, FRAMES({ TEXT, "a", 1, 0 }, { FIN | CLOSE, "\x03\xe8", 2, 0 }));
}

Test(ws_session_send, a_stream_without_memory)
{
	peer.fake.refuses = true;
	cr_assert_eq(send_text("x"), -EPIPE);
	cr_assert_eq(send_big(), -EPIPE);
	cr_assert_eq(send_piece("x", false), -EPIPE);
	peer.fake.refuses = false;
	/* A piece that was not sent has not begun the message. */
	cr_assert_eq(send_piece("x", true), 0);
	expect_written(&peer, FRAMES({ FIN | TEXT, "x", 1, 0 }));
}

Test(ws_session_send, a_loop_without_memory)
{
	struct ouro_pool before;

	reopen(OURO_WS_OVERFLOW_DROP_OLD, 0, 0);
	fill();
	before = break_pool(&peer.loop.outputs);
	cr_assert_eq(send_text("x"), -ENOMEM);
	cr_assert_null(peer.session.extra);
	peer.loop.outputs = before;
	before = break_pool(&peer.loop.extras);
	cr_assert_eq(send_text("x"), -ENOMEM);
	peer.loop.extras = before;
	before = break_pool(&peer.loop.pieces);
	cr_assert_eq(ouro_ws_session_send_copy(&peer.session, OURO_WS_TEXT, ouro_str(big, 10000)),
		     -ENOMEM);
	peer.loop.pieces = before;
	cr_assert_eq(send_text("x"), 0);
}
