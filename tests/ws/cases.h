/* The cases of the Autobahn test suite for servers, 1 to 7 and 10, by their numbers, as data: what
 * a client sends and what it wants to see. They are played to sessions by test_autobahn.c, and printed for
 * those who play them to a server.
 *
 * https://github.com/crossbario/autobahn-testsuite */
#ifndef OURO_TESTS_WS_CASES_H
#define OURO_TESTS_WS_CASES_H

#include "frames.h"

#include <stdbool.h>

enum { FRAMES_MAX = 12 };

struct kase {
	const char *name;
	struct frame in[FRAMES_MAX]; /* up to one without payload, as @out */
	struct frame out[FRAMES_MAX];
	size_t fragment; /* unless 0, the first of @in goes in frames of so many bytes */
	unsigned code;   /* it ends with; 0: 1000, which the client gives after what it sent */
	bool unclean;    /* the server refuses what was sent, with that code */
};

/* Without the suite's chops, for who plays them cuts them anywhere, and without those whose parts are
 * sent one after the other (6.4). */
enum case_group {
	CASES_FRAMING,          /* 1 */
	CASES_PINGS,            /* 2 */
	CASES_RESERVED_BITS,    /* 3 */
	CASES_RESERVED_OPCODES, /* 4 */
	CASES_FRAGMENTS,        /* 5 */
	CASES_FRAGMENTED_TEXT,  /* 6.1 to 6.3 */
	CASES_TEXT,             /* 6.5 to 6.23 */
	CASES_CLOSING,          /* 7.1 to 7.5 */
	CASES_CLOSE_CODES,      /* 7.7 to 7.13 */
	CASES_LONG_MESSAGE,     /* 10 */
	CASE_GROUPS,
};

typedef void (*case_fn)(const struct kase *kase);

/* Calls @fn for each case of @group; a case lives for the call. */
void cases_each(enum case_group group, case_fn fn);

#endif
