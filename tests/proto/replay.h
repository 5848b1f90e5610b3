/* Plays the bytes of a connection to the HTTP/1 parser as a server would, cut in any way, and says
 * in one text what came out, so that two ways are compared by comparing two texts. */
#ifndef OURO_TESTS_PROTO_REPLAY_H
#define OURO_TESTS_PROTO_REPLAY_H

#include "ouro/base.h"
#include "proto/http1_parse.h"

#include <stddef.h>

/* Roomy limits, for tests of something else. */
extern const struct ouro_http1_limits replay_limits;

/* Plays @input whole, then cut at every byte (some 2,000 cuts where it is longer), then in pieces of
 * one and of three bytes; fails the test where the results differ. Returns that of the whole: for each request a line
 *
 *     GET /p?q HTTP/1.1 host=h path=/p query=q keep-alive {name: value} {..: ..} body(5)=hello
 *
 * with the words keep-alive, 100-continue, upgrade, chunked, absolute, authority and asterisk only
 * where they hold, and query= and body only where there is one. The last line is
 *
 *     400 reason       where a request is bad
 *     more             where the input ends within one
 *
 * The text is static: it is good until the next call. */
const char *replay(struct ouro_str input, const struct ouro_http1_limits *limits);

/* Plays with @limits and expects exactly @expected. */
void expect_replay(struct ouro_str input, const struct ouro_http1_limits *limits,
		   const char *expected);

/* Plays with roomy limits and expects that the first request is answered with @status. */
void expect_status(struct ouro_str input, unsigned status);

/* As above for each of @count inputs. */
struct bad_request {
	unsigned status;
	struct ouro_str input;
};
void expect_statuses(const struct bad_request *requests, size_t count);

#endif
