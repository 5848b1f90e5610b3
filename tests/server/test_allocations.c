/* No allocation per request once warm: the allocator is counted while thousands of requests are
 * answered. The simulated kernel allocates nothing either once its own buffers have grown. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 1000, REQUESTS = 10000 };

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

static void ask(struct site *site, struct sim_peer *peer, const char *request, int count)
{
	for (int i = 0; i < count; i++) {
		sim_peer_forget(peer);
		sim_peer_say(peer, request);
		ouro_loop_turn(site->loop, false);
		ouro_loop_turn(site->loop, false);
		cr_assert_gt(sim_peer_received(peer).len, 0);
		/* Sweeps and trims are part of it. */
		if (i % 100 == 0)
			sim_advance(site->loop, 10);
	}
}

static size_t allocations_of(const char *request)
{
	struct site site;
	struct sim_peer *peer;
	size_t before, after;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	ask(&site, peer, request, WARM_UP);
	before = allocations;
	ask(&site, peer, request, REQUESTS);
	after = allocations;
	cr_assert_eq(site_counters(&site)->responses, WARM_UP + REQUESTS);
	site_close(&site);
	return after - before;
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

#endif
