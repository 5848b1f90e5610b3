/* Where an HTTP/1 parser stands; private to the files that make it up. */
#ifndef OURO_PROTO_HTTP1_PHASE_H
#define OURO_PROTO_HTTP1_PHASE_H

#include "proto/http1_parse.h"

#include <assert.h>

enum ouro_http1_phase {
	OURO_HTTP1_START,    /* before the request line; empty lines are skipped */
	OURO_HTTP1_START_LF, /* after the CR of an empty line */
	OURO_HTTP1_METHOD,
	OURO_HTTP1_PREFACE, /* what began as the preface of HTTP/2 */
	OURO_HTTP1_TARGET,  /* before the first byte of the target */
	OURO_HTTP1_LLHTTP,  /* in the rest of the head */
	OURO_HTTP1_CHECK,   /* the head is complete */
	OURO_HTTP1_COUNTED, /* in a body of known length */
	OURO_HTTP1_CHUNK_LINE,
	OURO_HTTP1_CHUNK_DATA,
	OURO_HTTP1_TRAILERS,
	OURO_HTTP1_DONE,
	OURO_HTTP1_BAD,
};

static inline bool ouro_http1_may_enter(unsigned from, enum ouro_http1_phase to)
{
#define OURO_HTTP1_FROM(phase) (1u << OURO_HTTP1_##phase)
	static const unsigned allowed[] = {
		[OURO_HTTP1_START] = OURO_HTTP1_FROM(START_LF),
		[OURO_HTTP1_START_LF] = OURO_HTTP1_FROM(START),
		[OURO_HTTP1_METHOD] = OURO_HTTP1_FROM(START),
		[OURO_HTTP1_PREFACE] = OURO_HTTP1_FROM(METHOD),
		[OURO_HTTP1_TARGET] = OURO_HTTP1_FROM(METHOD),
		[OURO_HTTP1_LLHTTP] = OURO_HTTP1_FROM(START) | OURO_HTTP1_FROM(TARGET),
		[OURO_HTTP1_CHECK] = OURO_HTTP1_FROM(START) | OURO_HTTP1_FROM(LLHTTP),
		[OURO_HTTP1_COUNTED] = OURO_HTTP1_FROM(CHECK),
		[OURO_HTTP1_CHUNK_LINE] = OURO_HTTP1_FROM(CHECK) | OURO_HTTP1_FROM(CHUNK_DATA),
		[OURO_HTTP1_CHUNK_DATA] = OURO_HTTP1_FROM(CHUNK_LINE),
		[OURO_HTTP1_TRAILERS] = OURO_HTTP1_FROM(CHUNK_LINE),
		[OURO_HTTP1_DONE] = OURO_HTTP1_FROM(CHECK) | OURO_HTTP1_FROM(COUNTED) |
				    OURO_HTTP1_FROM(TRAILERS),
		[OURO_HTTP1_BAD] = OURO_HTTP1_FROM(DONE) - 1,
	};
#undef OURO_HTTP1_FROM
	return allowed[to] >> from & 1;
}

static inline void ouro_http1_enter(struct ouro_http1_parser *p, enum ouro_http1_phase phase)
{
	assert(ouro_http1_may_enter(p->phase, phase));
	p->phase = (uint8_t)phase;
}

/* Settles that the request is bad: the answer is @status, because of @reason. */
static inline enum ouro_parse ouro_http1_fail(struct ouro_http1_parser *p, unsigned status,
					      const char *reason)
{
	ouro_http1_enter(p, OURO_HTTP1_BAD);
	p->status = (uint16_t)status;
	p->reason = reason;
	return OURO_PARSE_BAD;
}

/* ouro_http1_parse_head() without the scan for ordinary heads: llhttp reads all. In http1_parse.c; only
 * tests call it from elsewhere. */
enum ouro_parse ouro_http1_parse_head_slowly(struct ouro_http1_parser *p, const char *data,
					     size_t len, size_t *consumed);

/* Makes @p, whose head is good and whose body is chunked, ready for it. In http1_body.c. */
void ouro_http1_begin_chunks(struct ouro_http1_parser *p);

#endif
