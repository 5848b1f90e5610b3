/* The cases of the Autobahn test suite (cases.h) played to sessions, and those that are no data: 6.4, and 9,
 * which is scaled down: at most 1 MiB, where it goes to 16. Each case is cut everywhere. After cases that
 * end well the client closes with 1000. */
#include "cases.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct frame normal = { FIN | CLOSE, "\x03\xe8", 2, 0 };

/* Adds @frame as frames of at most @fragment bytes; 0: as it is. */
static void add_fragments(struct bytes *bytes, const struct frame *frame, size_t fragment)
{
	size_t at = 0;

	if (fragment == 0) {
		add_masked(bytes, frame);
		return;
	}
	do {
		size_t left = frame->len - at, len = left < fragment ? left : fragment;
		struct frame part = { at == 0 ? frame->first & ~(unsigned)FIN : 0u, frame->payload,
				      len, frame->unit };

		/* What repeats has a unit of one byte, or it would have to begin within it. */
		if (frame->unit == 0)
			part.payload += at;
		at += len;
		if (at == frame->len)
			part.first |= frame->first & FIN;
		add_masked(bytes, &part);
	} while (at < frame->len);
}

static void run_case(const struct kase *kase)
{
	struct ouro_ws_endpoint_options options = { .message_bytes_max = 1 << 21,
						    .output_bytes_max = 1 << 22 };
	struct play play = { .name = kase->name,
			     .code = kase->code ? kase->code : 1000,
			     .clean = !kase->unclean,
			     .options = &options };

	for (size_t i = 0; i < FRAMES_MAX && kase->in[i].payload; i++)
		add_fragments(&play.input, &kase->in[i], i == 0 ? kase->fragment : 0);
	for (size_t i = 0; i < FRAMES_MAX && kase->out[i].payload; i++)
		add_plain(&play.output, &kase->out[i]);
	if (!kase->code) {
		add_masked(&play.input, &normal);
		add_plain(&play.output, &normal);
	} else if (kase->unclean) {
		char code[2] = { (char)(kase->code >> 8), (char)(kase->code & 0xff) };

		add_plain(&play.output, &(struct frame){ FIN | CLOSE, code, 2, 0 });
	}
	expect_play(&play);
	bytes_free(&play.input);
	bytes_free(&play.output);
}

Test(ws_autobahn, c1_framing)
{
	cases_each(CASES_FRAMING, run_case);
}

Test(ws_autobahn, c2_pings)
{
	cases_each(CASES_PINGS, run_case);
}

Test(ws_autobahn, c3_reserved_bits)
{
	cases_each(CASES_RESERVED_BITS, run_case);
}

Test(ws_autobahn, c4_reserved_opcodes)
{
	cases_each(CASES_RESERVED_OPCODES, run_case);
}

Test(ws_autobahn, c5_fragments)
{
	cases_each(CASES_FRAGMENTS, run_case);
}

Test(ws_autobahn, c6_1_to_6_3_text_in_fragments)
{
	cases_each(CASES_FRAGMENTED_TEXT, run_case);
}

Test(ws_autobahn, c6_5_to_6_23_text)
{
	cases_each(CASES_TEXT, run_case);
}

Test(ws_autobahn, c7_1_to_7_5_closing)
{
	cases_each(CASES_CLOSING, run_case);
}

Test(ws_autobahn, c7_7_to_7_13_close_codes)
{
	cases_each(CASES_CLOSE_CODES, run_case);
}

Test(ws_autobahn, c10_fragmented_by_the_sender)
{
	cases_each(CASES_LONG_MESSAGE, run_case);
}

#define KOSME "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
#define TOO_HIGH "\xf4\x90\x80\x80"

/* What makes a text impossible comes with the second of three parts, and must be refused before the
 * third: parts are frames, or pieces of one frame. */
static void expect_early(const char *name, bool in_frames, size_t second, size_t third)
{
	static const char text[] = KOSME TOO_HIGH "edited";
	static struct peer peer;
	struct bytes bytes = { 0 };

	peer_open(&peer, &peer_joined, NULL, NULL);
	if (in_frames) {
		peer_send(&peer, TEXT, text, second);
		cr_assert_eq(peer.fake.out_len, 0, "%s", name);
		peer_send(&peer, 0, text + second, third - second);
	} else {
		add_masked(&bytes, &(struct frame){ FIN | TEXT, text, sizeof(text) - 1, 0 });
		fake_input(&peer.fake, bytes.ptr, 6 + second);
		cr_assert_eq(peer.fake.out_len, 0, "%s", name);
		fake_input(&peer.fake, bytes.ptr + 6 + second, third - second);
		bytes_free(&bytes);
	}
	expect_written(&peer, (const struct frame[]){ { FIN | CLOSE, "\x03\xef", 2, 0 }, { 0 } });
	expect_end(&peer, OURO_CLOSE_LINGER, 1007, false);
	peer_fini(&peer);
}

Test(ws_autobahn, c6_4_impossible_text_is_refused_at_once)
{
	/* The twelfth byte begins a character, the thirteenth makes it impossible. */
	size_t kosme = sizeof(KOSME) - 1;

	expect_early("6.4.1", true, kosme, kosme + 4);
	expect_early("6.4.2", true, kosme + 1, kosme + 2);
	expect_early("6.4.3", false, kosme, kosme + 4);
	expect_early("6.4.4", false, kosme + 1, kosme + 2);
}

Test(ws_autobahn, every_close_code)
{
	static struct peer peer;

	for (unsigned code = 0; code <= UINT16_MAX; code++) {
		bool legal = ouro_ws_code_is_legal(code);
		char bytes[2] = { (char)(code >> 8), (char)(code & 0xff) };

		peer_open(&peer, &peer_joined, NULL, NULL);
		peer_send(&peer, FIN | CLOSE, bytes, 2);
		expect_end(&peer, legal ? OURO_CLOSE_FLUSH : OURO_CLOSE_LINGER, legal ? code : 1002,
			   legal);
		peer_fini(&peer);
	}
}

/* Cases 9: so much text or binary in frames of @fragment bytes. */
static void run_volume(const char *name, unsigned opcode, size_t bytes, size_t fragment)
{
	const char *unit = opcode == TEXT ? "BAsd7&jh23" : "\x00\xfe\x23\xfa\xf0";
	struct frame frame = { FIN | opcode, unit, bytes, opcode == TEXT ? 10 : 5 };
	struct kase kase = { .name = name };

	if (fragment < bytes) {
		frame.payload = opcode == TEXT ? "*" : "\xfe";
		frame.unit = 1;
		kase.fragment = fragment;
	}
	kase.in[0] = kase.out[0] = frame;
	run_case(&kase);
}

Test(ws_autobahn, c9_volume, .timeout = 240)
{
	/* 9.1, 9.2: one frame of 64 KiB, 256 KiB, 1, 4, 8, 16 MiB, by 16 here. 9.3, 9.4: 4 MiB in
	 * frames of 64 bytes to 4 MiB, by 16. 9.5, 9.6: 1 MiB in chops of 64 to 2048 bytes, as any
	 * here. */
	static const size_t sizes[] = { 4096, 16384, 65536, 1 << 18, 1 << 19, 1 << 20 };
	char name[32];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "9.1.%u", i + 1);
		run_volume(name, TEXT, sizes[i], sizes[i]);
		snprintf(name, sizeof(name), "9.2.%u", i + 1);
		run_volume(name, BINARY, sizes[i], sizes[i]);
		snprintf(name, sizeof(name), "9.5.%u", i + 1);
		run_volume(name, TEXT, 65536, 65536);
		snprintf(name, sizeof(name), "9.6.%u", i + 1);
		run_volume(name, BINARY, 65536, 65536);
	}
	for (unsigned i = 0; i < 9; i++) {
		size_t fragment = i < 8 ? (size_t)64 << (2 * i) : (size_t)4 << 20;

		if (fragment > 1 << 18)
			fragment = 1 << 18;
		snprintf(name, sizeof(name), "9.3.%u", i + 1);
		run_volume(name, TEXT, 1 << 18, fragment);
		snprintf(name, sizeof(name), "9.4.%u", i + 1);
		run_volume(name, BINARY, 1 << 18, fragment);
	}
}

/* 9.7, 9.8: one message after the other, of 0, 16, 64, 256, 1024 and 4096 bytes. */
Test(ws_autobahn, c9_many_messages)
{
	static const size_t sizes[] = { 0, 16, 64, 256, 1024, 4096 };
	static struct peer peer;
	struct bytes input = { 0 }, output = { 0 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned opcode = TEXT; opcode <= BINARY; opcode++) {
			struct frame frame = { FIN | opcode, "*", sizes[i], 1 };

			input.len = 0;
			output.len = 0;
			add_masked(&input, &frame);
			add_plain(&output, &frame);
			peer_open(&peer, &peer_joined, NULL, NULL);
			for (unsigned n = 0; n < 1000; n++) {
				peer.fake.out_len = 0;
				fake_input(&peer.fake, input.ptr, input.len);
				cr_assert_eq(peer.fake.out_len, output.len);
				cr_assert_eq(memcmp(peer.fake.out, output.ptr, output.len), 0);
			}
			cr_assert_eq(peer.message_count, 1000);
			peer_fini(&peer);
		}
	}
	bytes_free(&input);
	bytes_free(&output);
}
