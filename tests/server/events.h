/* What tests of event streams say often. */
#ifndef OURO_TESTS_SERVER_EVENTS_H
#define OURO_TESTS_SERVER_EVENTS_H

#include "server/expect.h"

/* Of HTTP/1.0: what comes is not chunked, and ends with the connection. */
#define LISTEN(path, fields) "GET " path " HTTP/1.0\r\n" fields "\r\n"

/* What came behind the head, which must be there; forgotten when more is waited for. */
static inline struct ouro_str events_of(struct ouro_str got)
{
	const char *end = memmem(got.ptr, got.len, "\r\n\r\n", 4);

	cr_assert(end, "%.*s", (int)got.len, got.ptr);
	return ouro_str(end + 4, got.len - (size_t)(end + 4 - got.ptr));
}

/* The same for a new client that sends @request. */
static inline struct ouro_str listen_with(struct site *site, struct sim_peer *peer,
					  const char *request)
{
	return events_of(site_ask(site, peer, request));
}

static inline size_t count_of(struct ouro_str got, const char *text)
{
	size_t count = 0, len = strlen(text);
	const char *at;

	while ((at = memmem(got.ptr, got.len, text, len))) {
		count++;
		got.len -= (size_t)(at + len - got.ptr);
		got.ptr = at + len;
	}
	return count;
}

#endif
