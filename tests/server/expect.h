/* What tests of routes, middleware and data say often. */
#ifndef OURO_TESTS_SERVER_EXPECT_H
#define OURO_TESTS_SERVER_EXPECT_H

#include "server/site.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request without a body; @fields are whole lines. */
#define ASK(method, path, fields) method " " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define GET(path) ASK("GET", path, "")

/* Whether @got is just @expected; says what it is else. */
static inline bool is(struct ouro_str got, const char *expected)
{
	bool equal = got.ptr && ouro_str_eq(got, ouro_str_c(expected));

	if (!equal)
		fprintf(stderr, "got: %.*s\nexpected: %s\n", (int)got.len, got.ptr ? got.ptr : "",
			expected);
	return equal;
}

/* Whether @text is somewhere in @got. */
static inline bool holds(struct ouro_str got, const char *text)
{
	bool found = memmem(got.ptr, got.len, text, strlen(text)) != NULL;

	if (!found)
		fprintf(stderr, "got: %.*s\nlooked for: %s\n", (int)got.len, got.ptr, text);
	return found;
}

static inline void add(struct ouro_server *server, const char *method, const char *pattern,
		       ouro_handler_fn handler)
{
	cr_assert_eq(ouro_server_route(server, method, pattern, handler, NULL), 0);
}

/* A server that was not started, whose log lines go to @logged. */
struct draft {
	struct ouro_server *server;
	char logged[2048];
};

static inline void draft_log(void *arg, enum ouro_log_level level, const char *line)
{
	struct draft *draft = arg;
	size_t len = strlen(draft->logged);

	(void)level;
	snprintf(draft->logged + len, sizeof(draft->logged) - len, "%s\n", line);
}

static inline void draft_open(struct draft *draft)
{
	const struct ouro_options options = { .log = draft_log, .log_arg = draft };

	*draft = (struct draft){ 0 };
	cr_assert_eq(ouro_server_create(&draft->server, &options), 0);
}

static inline void draft_close(struct draft *draft)
{
	ouro_server_destroy(draft->server);
}

#endif
