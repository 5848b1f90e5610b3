/* Memory: none is allocated per message once warm, which is counted while thousands of messages are
 * echoed (control frames are left out: for them wslay allocates); and any allocation may fail,
 * which ends a session in order, or a call with an error. */
#include "ws/message.h"

#include "base/str.h"
#include "peer.h"
#include "zclient.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WARM_UP = 100, MESSAGES = 1000 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

Test(ws_allocations, none_once_warm)
{
	fputs("skipped: the sanitizer has the allocator\n", stderr);
}

#else

static size_t allocations;
static size_t failing; /* the number of the one that fails; 0: none */

static bool fails(void)
{
	return ++allocations == failing;
}

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(memory, bytes);
}

/* Pools have their memory from the system. */
void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}

static struct peer peer;
static struct zclient client;

/* Sends the bytes of @pieces, each in a buffer of its own, WARM_UP and then MESSAGES times. The
 * buffers are of the test's own and do not count. */
static void expect_none(const struct bytes *pieces, size_t count)
{
	static char memory[1 << 16];
	struct ouro_buf buf = { .data = memory, .size = sizeof(memory), .refs = 1 };

	for (size_t n = 0; n < WARM_UP + MESSAGES; n++) {
		if (n == WARM_UP)
			allocations = 0;
		peer.fake.out_len = 0;
		for (size_t i = 0; i < count; i++) {
			memcpy(memory, pieces[i].ptr, pieces[i].len);
			peer.fake.stream.events->on_input(&peer.fake.stream,
							  (struct ouro_slice){
								  memory, pieces[i].len, &buf });
		}
		cr_assert(peer.fake.out_len > 0);
	}
	cr_assert_eq(allocations, 0, "%zu", allocations);
	cr_assert(peer.message_count >= WARM_UP + MESSAGES);
	cr_assert_eq(buf.refs, 1);
}

static void on_message(struct ouro_ws_session *session, enum ouro_ws_opcode opcode,
		       struct ouro_slice message)
{
	peer.message_count++;
	ouro_ws_session_send(session, opcode, message);
}

static struct ouro_ws_events events;

static void open_peer(const struct ouro_ws_deflate_params *params)
{
	events = peer_joined;
	events.on_message = on_message;
	events.on_ping = NULL; /* it would allocate */
	peer_open(&peer, &events, NULL, params);
}

Test(ws_allocations, none_for_a_message)
{
	struct bytes pieces[1] = { { 0 } };

	add_masked(&pieces[0], &(struct frame){ FIN | TEXT, "hello", 5, 0 });
	add_masked(&pieces[0], &(struct frame){ FIN | BINARY, "x", 4000, 1 });
	open_peer(NULL);
	expect_none(pieces, 1);
	peer_fini(&peer);
	bytes_free(&pieces[0]);
}

Test(ws_allocations, none_for_a_message_that_is_joined)
{
	struct bytes whole = { 0 }, pieces[3];

	add_masked(&whole, &(struct frame){ TEXT, "x", 1000, 1 });
	add_masked(&whole, &(struct frame){ FIN, "x", 1000, 1 });
	pieces[0] = (struct bytes){ whole.ptr, 3, 0 };
	pieces[1] = (struct bytes){ whole.ptr + 3, 1000, 0 };
	pieces[2] = (struct bytes){ whole.ptr + 1003, whole.len - 1003, 0 };
	open_peer(NULL);
	expect_none(pieces, 3);
	peer_fini(&peer);
	bytes_free(&whole);
}

Test(ws_allocations, none_for_a_large_message)
{
	enum { PIECES = 9, BYTES = 16 * 1024 };
	struct bytes whole = { 0 }, pieces[PIECES];

	add_masked(&whole, &(struct frame){ FIN | BINARY, "x", 8 * BYTES, 1 });
	for (size_t i = 0; i < PIECES; i++)
		pieces[i] = (struct bytes){ whole.ptr + i * BYTES,
					    i < PIECES - 1 ? BYTES : whole.len - i * BYTES, 0 };
	open_peer(NULL);
	expect_none(pieces, PIECES);
	peer_fini(&peer);
	bytes_free(&whole);
}

Test(ws_allocations, none_for_a_message_that_is_compressed)
{
	struct ouro_ws_deflate_params params = { .enabled = true,
						 .server_no_context_takeover = true,
						 .client_no_context_takeover = true,
						 .server_window_bits = 15,
						 .client_window_bits = 15 };
	struct bytes pieces[1] = { { 0 } };
	char text[5000];

	memset(text, 'x', sizeof(text));
	zclient_init(&client, &params);
	zclient_add(&client, &pieces[0], TEXT, text, sizeof(text), 0);
	open_peer(&params);
	expect_none(pieces, 1);
	peer_fini(&peer);
	zclient_fini(&client);
	bytes_free(&pieces[0]);
}

/* What the test itself needs is made beforehand. */
static struct bytes script[6];
static char out_memory[1 << 20];

static void write_script(const struct ouro_ws_deflate_params *params)
{
	char *text = calloc(1, 100000);

	memset(text, 'x', 100000);
	zclient_init(&client, params);
	add_masked(&script[0], &(struct frame){ FIN | TEXT, "hello", 5, 0 });
	add_masked(&script[1], &(struct frame){ TEXT, "x", 40000, 1 });
	add_masked(&script[1], &(struct frame){ FIN | PING, "ping", 4, 0 });
	add_masked(&script[2], &(struct frame){ FIN, "x", 40000, 1 });
	zclient_add(&client, &script[3], TEXT, text, 100000, 0);
	zclient_add(&client, &script[4], TEXT, text, 5000, 10);
	add_masked(&script[5], &(struct frame){ FIN | CLOSE, "\x03\xe8", 2, 0 });
	zclient_fini(&client);
	free(text);
}

/* Messages of all kinds, in both directions. Whether all of it went well. */
static bool run_script(bool *clean)
{
	static char text[20000], frame[sizeof(text) + OURO_WS_HEAD_BYTES_MAX];
	struct ouro_slice slice = { text, sizeof(text), NULL };
	struct ouro_ws_chain chain;
	bool well = true;

	for (size_t i = 0; i < 6 && !peer.fake.closing; i++) {
		static char memory[1 << 17];
		struct ouro_buf buf = { .data = memory, .size = sizeof(memory), .refs = 1 };

		memcpy(memory, script[i].ptr, script[i].len);
		peer.fake.stream.events->on_input(&peer.fake.stream,
						  (struct ouro_slice){ memory, script[i].len,
								       &buf });
		cr_assert_eq(buf.refs, 1);
		if (i != 0)
			continue;
		ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT, slice, false);
		well &= ouro_ws_session_send_copy(&peer.session, OURO_WS_BINARY,
						  (struct ouro_str){ text, sizeof(text) }) == 0;
		ouro_ws_session_send_piece(&peer.session, OURO_WS_TEXT, slice, true);
		well &= !ouro_ws_message_deflate(&peer.loop, ouro_str(text, sizeof(text)), &chain);
		ouro_ws_chain_drop(&chain);
		ouro_ws_message_write(OURO_WS_TEXT, ouro_str(text, sizeof(text)), frame);
		slice.ptr = frame;
		slice.len = ouro_ws_message_bytes(sizeof(text));
		well &= ouro_ws_session_send_frame(&peer.session, slice) == 0;
	}
	fake_close(&peer.fake, -EPIPE);
	*clean = peer.end.clean;
	return well && peer.end.clean;
}

/* Whether all went well although allocation @number failed, or there was none of that number. */
static bool run_failing(size_t number, const struct ouro_ws_deflate_params *params, bool *clean)
{
	bool well;

	open_peer(params);
	peer.fake.out = out_memory;
	peer.fake.out_room = sizeof(out_memory);
	allocations = 0;
	failing = number;
	well = run_script(clean);
	failing = 0;
	peer.fake.out = NULL;
	peer_fini(&peer);
	return well;
}

Test(ws_allocations, any_may_fail)
{
	struct ouro_ws_deflate_params params = { .enabled = true,
						 .server_no_context_takeover = true,
						 .client_no_context_takeover = true,
						 .server_window_bits = 15,
						 .client_window_bits = 15 };
	size_t number = 0, unwell = 0;
	bool clean;

	write_script(&params);
	do {
		number++;
		unwell += !run_failing(number, &params, &clean);
	} while (allocations >= number);
	cr_assert(clean, "nothing failed the last time");
	cr_assert(number > 20, "%zu", number);
	cr_assert(unwell > 10, "%zu of %zu", unwell, number);
	for (size_t i = 0; i < 6; i++)
		bytes_free(&script[i]);
}

#endif
