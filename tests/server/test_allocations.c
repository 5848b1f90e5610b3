/* No allocation per request once warm: calls for memory are counted while thousands of requests are
 * answered. The simulated kernel allocates nothing either once its own buffers have grown. */
#include "coding/encoder.h"
#include "server/site.h"
#include "server/ws_frames.h"

#include "file/tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WARM_UP = 1000, REQUESTS = 10000, SLEEP_MS = 2 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

Test(allocations, none_once_warm)
{
	fputs("skipped: the sanitizer has the allocator\n", stderr);
}

#else

static size_t allocations;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	allocations++;
	return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	allocations++;
	return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	allocations++;
	return __libc_memalign(alignment, bytes);
}

/* Pools have their memory from the system. */
void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	allocations++;
	return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}

static char request[4096];
static uint64_t compressed; /* bytes_compressed_in of the site that was closed last */

/* A request whose body is @text, encoded as @coding. */
static struct ouro_str encoded_request(enum ouro_coding coding, const char *text)
{
	struct ouro_str in = ouro_str_c(text);
	struct ouro_encoder *encoder;
	char body[1000];
	size_t len;
	int head;

	cr_assert_eq(ouro_encoder_create(&encoder, coding, 0), 0);
	cr_assert_eq(ouro_encoder_run(encoder, &in, OURO_FLUSH_END, body, sizeof(body), &len), 0);
	ouro_encoder_destroy(encoder);
	head = snprintf(request, sizeof(request),
			"POST /read HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\n"
			"Content-Length: %zu\r\n\r\n",
			ouro_coding_name(coding).ptr, len);
	memcpy(request + head, body, len);
	return ouro_str(request, (size_t)head + len);
}

static void ask(struct site *site, struct sim_peer *peer, struct ouro_str text, int count)
{
	for (int i = 0; i < count; i++) {
		sim_peer_forget(peer);
		sim_peer_send(peer, text.ptr, text.len);
		ouro_loop_turn(site->loop, false);
		ouro_loop_turn(site->loop, false);
		/* Of handlers that wait. */
		if (sim_peer_received(peer).len == 0)
			sim_advance(site->loop, SLEEP_MS);
		/* Of files that another thread looks for. */
		for (int j = 0; j < 50000 && sim_peer_received(peer).len == 0; j++) {
			usleep(100);
			sim_settle(site->loop);
		}
		cr_assert_gt(sim_peer_received(peer).len, 0);
		/* Sweeps and trims are part of it. */
		if (i % 100 == 0)
			sim_advance(site->loop, 10);
	}
}

/* Of @site, which is closed then. */
static size_t allocations_at(struct site *site, struct ouro_str text)
{
	struct sim_peer *peer = site_connect(site);
	size_t before, after;

	ask(site, peer, text, WARM_UP);
	before = allocations;
	ask(site, peer, text, REQUESTS);
	after = allocations;
	cr_assert_eq(site_counters(site)->responses, WARM_UP + REQUESTS);
	compressed = site_counters(site)->bytes_compressed_in;
	site_close(site);
	return after - before;
}

static size_t allocations_of(const char *text)
{
	struct site site;

	site_open(&site, NULL, NULL);
	return allocations_at(&site, ouro_str_c(text));
}

Test(allocations, none_once_warm)
{
	static const char *const requests[] = {
		"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /users/a%20b HTTP/1.1\r\nHost: a\r\nX-Field: some value\r\n\r\n",
		"GET /json?name=a%22b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /fields HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\nhello\r\n0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		cr_assert_eq(allocations_of(requests[i]), 0, "%s", requests[i]);
	cr_assert_gt(allocations, 0, "they were counted");
}

static void stamp(struct ouro_ctx *ctx)
{
	ouro_set_attribute(ctx, "stamp", ctx);
	ouro_next(ctx);
	ouro_set_headerf(ctx, "x-status", "%u", ouro_status(ctx));
}

static void pass(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
	ouro_set_header(ctx, "x-passed", OURO_STR("yes"));
}

static void tell_id(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

static void read_body(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	size_t sum = 0;
	char text[32];

	while (ouro_body_read(ctx, &chunk) > 0)
		sum += chunk.len;
	ouro_text(ctx, 200, ouro_str(text, (size_t)snprintf(text, sizeof(text), "%zu", sum)));
}

static void sleeps(struct ouro_ctx *ctx)
{
	if (ouro_sleep(ctx, SLEEP_MS) == 0)
		ouro_text(ctx, 200, OURO_STR("slept"));
}

static void tell_form(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_form(ctx, "a"));
}

static void add_routes(struct ouro_server *server)
{
	ouro_server_route(server, "GET", "/users/{id}", tell_id, NULL);
	ouro_server_route(server, "POST", "/read", read_body, NULL);
	ouro_server_route(server, "GET", "/sleep", sleeps, NULL);
	ouro_server_route(server, "POST", "/form", tell_form, NULL);
}

static void send_page(struct ouro_ctx *ctx)
{
	static const char page[3000];

	ouro_send(ctx, 200, "text/html", ouro_str(page, sizeof(page)));
}

static void stream_page(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, "text/html", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("some"));
	ouro_write(ctx, OURO_STR("thing"));
}

static void set_up_coding(struct ouro_server *server)
{
	ouro_server_route(server, "GET", "/page", send_page, NULL);
	ouro_server_route(server, "GET", "/stream", stream_page, NULL);
	ouro_server_route(server, "POST", "/read", read_body, NULL);
}

static void set_up_middleware(struct ouro_server *server)
{
	ouro_server_use(server, stamp);
	ouro_server_use(server, pass);
	add_routes(server);
}

static void set_up_hooks(struct ouro_server *server)
{
	ouro_server_hook(server, OURO_HOOK_REQUEST, 0, ouro_next);
	ouro_server_hook(server, OURO_HOOK_RESPONSE, 0, pass);
	ouro_server_hook(server, OURO_HOOK_ERROR, 0, ouro_next);
	add_routes(server);
}

Test(allocations, none_on_fibers_with_middleware_or_hooks)
{
	static const char *const requests[] = {
		"GET /users/a%20b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\n\r\na=1",
	};
	void (*const set_ups[])(struct ouro_server *) = { add_routes, set_up_middleware,
							  set_up_hooks };

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < sizeof(requests) / sizeof(requests[0]); j++) {
			struct site site;

			site_open_with(&site, NULL, NULL, set_ups[i]);
			cr_assert_eq(allocations_at(&site, ouro_str_c(requests[j])), 0, "%zu %s", i,
				     requests[j]);
		}
}

static void serve_tree(struct ouro_server *server)
{
	/* Looking again may be another thread's work, which is another matter. */
	ouro_server_files(server, "/files", ".",
			  &(struct ouro_files_options){ .revalidate_ms = 3600000 });
}

Test(allocations, none_of_files_that_are_remembered)
{
	static const char *const requests[] = {
		"GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /files/large HTTP/1.1\r\nHost: a\r\nRange: bytes=5-9\r\n\r\n",
		"GET /files/small HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
		"GET /files/d/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /files/d HTTP/1.1\r\nHost: a\r\n\r\n",
	};

	tree_create();
	tree_file("small", "content");
	tree_file_of("large", 20000);
	tree_directory("d");
	tree_file("d/index.html", "index");
	tree_age("d/index.html");
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct site site;

		site_open_with(&site, NULL, NULL, serve_tree);
		cr_assert_eq(allocations_at(&site, ouro_str_c(requests[i])), 0, "%s", requests[i]);
	}
	tree_remove();
}

Test(allocations, none_for_what_is_compressed_or_was)
{
	const struct ouro_options options = { .compress = true, .decompress = true };

	for (int i = OURO_CODING_BR; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		static const char *const paths[] = { "/page", "/stream" };
		struct site site;

		for (size_t j = 0; j < 2; j++) {
			snprintf(request, sizeof(request),
				 "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n",
				 paths[j], ouro_coding_name(coding).ptr);
			site_open_with(&site, &options, NULL, set_up_coding);
			cr_assert_eq(allocations_at(&site, ouro_str_c(request)), 0, "%s", request);
			cr_assert_geq(compressed, REQUESTS * strlen("something"));
		}
		site_open_with(&site, &options, NULL, set_up_coding);
		cr_assert_eq(allocations_at(&site, encoded_request(coding, "some text")), 0, "%d",
			     i);
	}
}

/* ---- Rooms ---- */

enum { LISTENERS = 50, MESSAGES_WARM = 200, MESSAGES = 1000 };

static void join_room(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL) == 0)
		ouro_subscribe(ctx, OURO_STR("room"));
}

static void ignore_message(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	(void)ctx;
	(void)message;
}

static void join_room_by_ws(struct ouro_ctx *ctx)
{
	if (ouro_ws_accept(ctx, &(struct ouro_ws_options){ .on_message = ignore_message }) == 0)
		ouro_subscribe(ctx, OURO_STR("room"));
}

static void send_events(struct ouro_ctx *ctx)
{
	if (ouro_sse_begin(ctx, NULL))
		return;
	while (ouro_sse_send(ctx, &(struct ouro_sse_event){ .data = OURO_STR("tick") }) == 0)
		ouro_sleep(ctx, SLEEP_MS);
}

static void add_streams(struct ouro_server *server)
{
	ouro_server_route(server, "GET", "/room", join_room, NULL);
	ouro_server_route(server, "GET", "/ws", join_room_by_ws, NULL);
	ouro_server_route(server, "GET", "/events", send_events, NULL);
}

static void publish(struct site *site, struct sim_peer *const *peers, size_t len, int count)
{
	static char text[8192];

	for (int i = 0; i < count; i++) {
		const struct ouro_message message = { .data = { text, len } };

		cr_assert_eq(ouro_server_publish(site->server, OURO_STR("room"), &message),
			     LISTENERS);
		for (int j = 0; j < LISTENERS; j++)
			sim_peer_forget(peers[j]);
		ouro_loop_turn(site->loop, false);
		ouro_loop_turn(site->loop, false);
		for (int j = 0; j < LISTENERS; j++)
			cr_assert_gt(sim_peer_received(peers[j]).len, 0);
		if (i % 100 == 0)
			sim_advance(site->loop, 10);
	}
}

/* Calls for memory for each message of @len bytes, once warm: @asks are what the listeners say, in turn. */
static size_t allocations_for(const char *const *asks, size_t ask_count, size_t len)
{
	struct sim_peer *peers[LISTENERS];
	struct site site;
	size_t before, after;

	site_open_with(&site, NULL, NULL, add_streams);
	for (size_t i = 0; i < LISTENERS; i++)
		site_ask(&site, peers[i] = site_connect(&site), asks[i % ask_count]);
	publish(&site, peers, len, MESSAGES_WARM);
	before = allocations;
	publish(&site, peers, len, MESSAGES);
	after = allocations;
	site_close(&site);
	return (after - before + MESSAGES - 1) / MESSAGES;
}

/* What is published has memory of its own, and is encoded once for each format that somebody reads: that is
 * all, however many get it. */
Test(allocations, none_for_a_delivery)
{
	static const char *const asks[] = {
		"GET /room HTTP/1.1\r\nHost: a\r\n\r\n",
		WS_OPEN("/ws"),
		WS_ASK("/ws") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	};

	cr_expect_leq(allocations_for(asks, 1, 100), 2);
	cr_expect_leq(allocations_for(asks, 1, 8192), 2);
	cr_expect_leq(allocations_for(asks + 1, 1, 100), 2);
	cr_expect_leq(allocations_for(asks + 1, 1, 8192), 2);
	cr_expect_leq(allocations_for(asks + 2, 1, 8192), 2);
	cr_expect_leq(allocations_for(asks, 3, 100), 3);
	cr_expect_leq(allocations_for(asks, 3, 8192), 4);
}

Test(allocations, none_for_a_small_event)
{
	struct site site;
	struct sim_peer *peer;
	size_t before;

	site_open_with(&site, NULL, NULL, add_streams);
	peer = site_connect(&site);
	site_ask(&site, peer, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	for (int i = 0; i < WARM_UP; i++) {
		sim_peer_forget(peer);
		sim_advance(site.loop, SLEEP_MS);
	}
	before = allocations;
	for (int i = 0; i < WARM_UP; i++) {
		sim_peer_forget(peer);
		sim_advance(site.loop, SLEEP_MS);
		cr_assert_gt(sim_peer_received(peer).len, 0);
	}
	cr_expect_eq(allocations, before);
	site_close(&site);
}

#endif
