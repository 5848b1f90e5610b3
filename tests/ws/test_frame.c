/* Tests of ws/frame.h and ws/machine.h: what is taken from bytes, and what is leased meanwhile. */
#include "ws/frame.h"

#include "frames.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct ouro_ws_machines machines;
static struct ouro_ws_rules rules;
static struct ouro_ws_recv receiver;
static struct bytes input;
static size_t at;
static struct ouro_ws_item item;

static void open_receiver(void)
{
	machines = (struct ouro_ws_machines){ .idle_max = 2, .used_max = 8 };
	rules = (struct ouro_ws_rules){ &machines, 1000, 2000 };
	receiver = (struct ouro_ws_recv){ 0 };
	at = 0;
}

static void close_receiver(void)
{
	ouro_ws_recv_fini(&receiver, &rules);
	cr_assert_eq(machines.used_count, 0);
	ouro_ws_machines_fini(&machines);
	bytes_free(&input);
}

TestSuite(ws_frame, .init = open_receiver, .fini = close_receiver);

static void add(unsigned first, const char *text)
{
	add_masked(&input, &(struct frame){ first, text, strlen(text), 0 });
}

/* The next thing of @len bytes more at most. */
static enum ouro_ws_item_kind next_within(size_t len)
{
	size_t used;
	enum ouro_ws_item_kind kind;

	if (len > input.len - at)
		len = input.len - at;
	kind = ouro_ws_recv_next(&receiver, &rules, input.ptr + at, len, &used, &item);
	cr_assert(used <= len);
	at += used;
	return kind;
}

static enum ouro_ws_item_kind next(void)
{
	return next_within(SIZE_MAX);
}

static void expect_piece(const char *text, unsigned opcode, bool first, bool last)
{
	cr_assert_eq(next(), OURO_WS_ITEM_PIECE);
	cr_assert_eq(item.payload.len, strlen(text));
	cr_assert_eq(memcmp(item.payload.ptr, text, item.payload.len), 0);
	cr_assert_eq(item.opcode, opcode);
	cr_assert_eq(item.first, first);
	cr_assert_eq(item.last, last);
}

static void expect_bad(unsigned code)
{
	cr_assert_eq(next(), OURO_WS_ITEM_BAD);
	cr_assert_eq(item.code, code, "%u, not %u", item.code, code);
}

Test(ws_frame, payload_is_given_where_it_lies)
{
	add(FIN | TEXT, "hello");
	expect_piece("hello", TEXT, true, true);
	cr_assert_eq(item.payload.ptr, input.ptr + 6);
	cr_assert_eq(next(), OURO_WS_ITEM_MORE);
}

Test(ws_frame, nothing_is_leased_between_messages_or_within_a_frame)
{
	add(FIN | BINARY, "hello");
	add(FIN | PING, "ping");
	cr_assert_eq(next_within(8), OURO_WS_ITEM_PIECE);
	cr_assert_eq(item.payload.len, 2);
	cr_assert_null(receiver.machine);
	expect_piece("llo", BINARY, false, true);
	cr_assert_null(receiver.machine);
	cr_assert_eq(next(), OURO_WS_ITEM_PING);
	cr_assert_eq(next(), OURO_WS_ITEM_MORE);
	cr_assert_null(receiver.machine);
	cr_assert_eq(machines.used_count, 0);
	cr_assert_eq(machines.idle_count, 1);
}

Test(ws_frame, a_head_in_two_pieces_leases)
{
	add(FIN | TEXT, "hello");
	cr_assert_eq(next_within(1), OURO_WS_ITEM_MORE);
	cr_assert_not_null(receiver.machine);
	cr_assert_eq(next_within(4), OURO_WS_ITEM_MORE);
	cr_assert_eq(machines.used_count, 1);
	expect_piece("hello", TEXT, true, true);
	cr_assert_null(receiver.machine);
}

Test(ws_frame, a_fragmented_message_leases)
{
	add(TEXT, "one");
	add(0, "");
	add(FIN | PING, "x");
	add(FIN, "two");
	expect_piece("one", TEXT, true, false);
	cr_assert_not_null(receiver.machine);
	expect_piece("", TEXT, false, false);
	cr_assert_eq(next(), OURO_WS_ITEM_PING);
	cr_assert_not_null(receiver.machine);
	expect_piece("two", TEXT, false, true);
	cr_assert_null(receiver.machine);
}

Test(ws_frame, pings_are_answered)
{
	add(FIN | PING, "are you there");
	cr_assert_eq(next(), OURO_WS_ITEM_PING);
	cr_assert_eq(item.payload.len, 13);
	cr_assert_eq(memcmp(item.payload.ptr, "are you there", 13), 0);
	cr_assert_eq(item.answer.len, 15);
	cr_assert_eq(memcmp(item.answer.ptr,
			    "\x8a\x0d"
			    "are you there",
			    15),
		     0);
}

Test(ws_frame, pongs_are_given)
{
	add(FIN | PONG, "here");
	cr_assert_eq(next(), OURO_WS_ITEM_PONG);
	cr_assert_eq(item.payload.len, 4);
	cr_assert_null(item.answer.ptr);
}

Test(ws_frame, a_close_is_answered_and_ends)
{
	add(FIN | CLOSE, "\x03\xe9"
			 "bye");
	cr_assert_eq(next(), OURO_WS_ITEM_CLOSE);
	cr_assert_eq(item.code, 1001);
	cr_assert_eq(item.payload.len, 3);
	cr_assert_eq(memcmp(item.payload.ptr, "bye", 3), 0);
	cr_assert_eq(item.answer.len, 7);
	cr_assert_eq(memcmp(item.answer.ptr,
			    "\x88\x05\x03\xe9"
			    "bye",
			    7),
		     0);
	cr_assert_not_null(receiver.machine);
}

Test(ws_frame, a_close_without_a_code)
{
	add(FIN | CLOSE, "");
	cr_assert_eq(next(), OURO_WS_ITEM_CLOSE);
	cr_assert_eq(item.code, OURO_WS_CODE_NONE);
	cr_assert_eq(item.payload.len, 0);
	cr_assert_eq(item.answer.len, 2);
}

Test(ws_frame, codes_that_wslay_does_not_know)
{
	for (unsigned code = 1012; code <= 1014; code++) {
		char payload[] = { (char)(code >> 8), (char)(code & 0xff), 'w', 'h', 'y', 0 };

		open_receiver();
		input.len = 0;
		add(FIN | CLOSE, payload);
		cr_assert_eq(next(), OURO_WS_ITEM_CLOSE);
		cr_assert_eq(item.code, code);
		cr_assert_eq(item.answer.len, 7);
		cr_assert_eq(memcmp(item.answer.ptr + 2, payload, 5), 0);
		ouro_ws_recv_fini(&receiver, &rules);
		ouro_ws_machines_fini(&machines);
	}
	open_receiver();
}

/* A frame's first bytes, and what it is refused with; without a mask unless it is among them. */
static void expect_refused(const char *bytes, size_t len, unsigned code)
{
	input.len = 0;
	bytes_add(&input, bytes, len);
	for (size_t step = 1; step <= len; step++) {
		enum ouro_ws_item_kind kind = OURO_WS_ITEM_MORE;

		ouro_ws_recv_fini(&receiver, &rules);
		receiver = (struct ouro_ws_recv){ 0 };
		at = 0;
		while (at < len && kind == OURO_WS_ITEM_MORE)
			kind = next_within(step);
		cr_assert_eq(kind, OURO_WS_ITEM_BAD);
		cr_assert_eq(item.code, code, "%u, not %u", item.code, code);
		cr_assert_eq(at, len);
	}
}

#define REFUSED(bytes, code) expect_refused(bytes, sizeof(bytes) - 1, code)

Test(ws_frame, frames_without_a_mask)
{
	REFUSED("\x81\x05", 1002);
	REFUSED("\x82\x7e\x01\x00", 1002);
	REFUSED("\x89\x00", 1002);
	REFUSED("\x88\x02", 1002);
}

Test(ws_frame, lengths_are_written_in_the_shortest_way)
{
	REFUSED("\x82\xfe\x00\x7d"
		"key.",
		1002);
	REFUSED("\x82\xfe\x00\x00"
		"key.",
		1002);
	REFUSED("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"
		"key.",
		1002);
	REFUSED("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05"
		"key.",
		1002);
}

Test(ws_frame, lengths_from_2_to_the_63_on)
{
	rules.frame_bytes_max = UINT64_MAX;
	rules.message_bytes_max = UINT64_MAX;
	REFUSED("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"
		"key.",
		1002);
	REFUSED("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		"key.",
		1002);
}

Test(ws_frame, the_largest_length_there_is)
{
	rules.frame_bytes_max = UINT64_MAX;
	rules.message_bytes_max = UINT64_MAX;
	bytes_add(&input,
		  "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
		  "key.x",
		  15);
	cr_assert_eq(next(), OURO_WS_ITEM_PIECE);
	cr_assert_eq(item.payload.len, 1);
	cr_assert_not(item.last);
	cr_assert_eq(receiver.left, (uint64_t)INT64_MAX - 1);
}

Test(ws_frame, lengths_do_not_overflow_in_a_message)
{
	rules.frame_bytes_max = UINT64_MAX;
	rules.message_bytes_max = INT64_MAX;
	add(BINARY, "x");
	bytes_add(&input,
		  "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
		  "key.",
		  14);
	expect_piece("x", BINARY, true, false);
	expect_bad(1009);
}

Test(ws_frame, control_frames_are_short_and_whole)
{
	REFUSED("\x89\xfe", 1002);
	REFUSED("\x89\xff", 1002);
	REFUSED("\x09\x80", 1002);
	REFUSED("\x08\x82", 1002);
}

Test(ws_frame, reserved_bits_and_opcodes)
{
	REFUSED("\xc1\x85"
		"key.",
		1002);
	REFUSED("\xa1\x85"
		"key.",
		1002);
	REFUSED("\x91\x85"
		"key.",
		1002);
	for (unsigned opcode = 3; opcode < 16; opcode++) {
		char bytes[] = { (char)(FIN | opcode), (char)0x85, 'k', 'e', 'y', '.', 0 };

		if (opcode < 8 || opcode > 10)
			expect_refused(bytes, 6, 1002);
	}
}

Test(ws_frame, frames_larger_than_allowed)
{
	REFUSED("\x82\xfe\x03\xe9"
		"key.",
		1009);
	bytes_add(&input,
		  "\x82\xfe\x03\xe8"
		  "key.",
		  8);
}

Test(ws_frame, messages_larger_than_allowed)
{
	add_masked(&input, &(struct frame){ BINARY, "x", 1000, 1 });
	add_masked(&input, &(struct frame){ 0, "x", 1000, 1 });
	add_masked(&input, &(struct frame){ FIN, "", 0, 0 });
	add_masked(&input, &(struct frame){ BINARY, "x", 1000, 1 });
	add_masked(&input, &(struct frame){ 0, "x", 1000, 1 });
	add_masked(&input, &(struct frame){ FIN, "x", 1, 0 });
	for (int i = 0; i < 5; i++)
		cr_assert_eq(next(), OURO_WS_ITEM_PIECE);
	expect_bad(1009);
}

Test(ws_frame, text_ends_with_a_character)
{
	add(TEXT, "\xe2\x82");
	add(FIN, "");
	expect_piece("\xe2\x82", TEXT, true, false);
	expect_bad(1007);
}

Test(ws_frame, binary_may_be_anything)
{
	add(FIN | BINARY, "\xff\xfe\xed\xa0\x80");
	expect_piece("\xff\xfe\xed\xa0\x80", BINARY, true, true);
}

Test(ws_frame, a_closed_reason_is_text)
{
	add(FIN | CLOSE, "\x03\xe8\xff");
	expect_bad(1007);
}

Test(ws_frame, compressed_where_it_was_agreed)
{
	receiver.rsv1 = true;
	add(RSV1 | TEXT, "\xff");
	add(FIN, "\xff");
	add(FIN | TEXT, "plain");
	expect_piece("\xff", TEXT, true, false);
	cr_assert(item.compressed);
	expect_piece("\xff", TEXT, false, true);
	cr_assert(item.compressed);
	expect_piece("plain", TEXT, true, true);
	cr_assert_not(item.compressed);
}

Test(ws_frame, compressed_is_a_message_and_not_a_frame)
{
	receiver.rsv1 = true;
	add(RSV1 | TEXT, "a");
	add(FIN | RSV1, "b");
	expect_piece("a", TEXT, true, false);
	expect_bad(1002);
}

Test(ws_frame, control_frames_are_not_compressed)
{
	receiver.rsv1 = true;
	add(FIN | RSV1 | PING, "a");
	expect_bad(1002);
}

Test(ws_frame, rsv1_is_forgotten_by_the_next_who_leases)
{
	receiver.rsv1 = true;
	add(FIN | RSV1 | BINARY, "a");
	add(FIN | RSV1 | BINARY, "a");
	expect_piece("a", BINARY, true, true);
	cr_assert_eq(machines.idle_count, 1);
	receiver.rsv1 = false;
	expect_bad(1002);
}

Test(ws_frame, no_machine_no_service)
{
	machines.used_max = 0;
	add(FIN | TEXT, "hello");
	expect_bad(1013);
}

Test(ws_frame, machines_are_kept_up_to_a_number)
{
	struct ouro_ws_machine *leased[4];

	for (int i = 0; i < 4; i++)
		leased[i] = ouro_ws_machine_lease(&machines, false);
	cr_assert_eq(machines.used_count, 4);
	for (int i = 0; i < 4; i++)
		ouro_ws_machine_release(&machines, leased[i]);
	cr_assert_eq(machines.used_count, 0);
	cr_assert_eq(machines.idle_count, 2);
	ouro_ws_machine_release(&machines, NULL);
}

Test(ws_frame, machines_that_remember_are_not_used_again)
{
	add(TEXT, "begun");
	expect_piece("begun", TEXT, true, false);
	ouro_ws_recv_fini(&receiver, &rules);
	cr_assert_eq(machines.idle_count, 0);
	receiver = (struct ouro_ws_recv){ 0 };
	add(FIN | TEXT, "anew");
	expect_piece("anew", TEXT, true, true);
}

static void expect_head(unsigned first, uint64_t len, const char *bytes, size_t bytes_len)
{
	char head[OURO_WS_HEAD_BYTES_MAX];

	cr_assert_eq(ouro_ws_write_head(head, first, len), bytes_len);
	cr_assert_eq(memcmp(head, bytes, bytes_len), 0);
}

#define HEAD(first, len, bytes) expect_head(first, len, bytes, sizeof(bytes) - 1)

Test(ws_frame, heads_are_written_in_the_shortest_way)
{
	HEAD(0x81, 0, "\x81\x00");
	HEAD(0x81, 125, "\x81\x7d");
	HEAD(0x02, 126, "\x02\x7e\x00\x7e");
	HEAD(0x02, 65535, "\x02\x7e\xff\xff");
	HEAD(0xc2, 65536, "\xc2\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
	HEAD(0x82, INT64_MAX, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff");
}
