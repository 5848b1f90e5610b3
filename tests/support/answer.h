/* What a client makes of the bytes that a server sent: responses, read strictly (RFC 9112). */
#ifndef OURO_TESTS_ANSWER_H
#define OURO_TESTS_ANSWER_H

#include "base/str.h"

struct answer {
	unsigned status;
	struct ouro_str head; /* with its final empty line */
	struct ouro_str body; /* as sent: chunks are still chunks */
	bool chunked;
	bool until_close; /* neither a length nor chunks: all that follows is body */
};

/* Reads the first response in @bytes, to a HEAD request where @to_head is set, and moves @bytes
 * behind it. False where it is not complete, or anything is wrong with it. */
bool answer_read(struct ouro_str *bytes, bool to_head, struct answer *answer);

/* The value of the field @name (a C string) in any case; absent where there is none. */
struct ouro_str answer_field(const struct answer *answer, const char *name);

/* Whether @bytes are complete responses and nothing else, each to some kind of request. */
bool answers_are_whole(struct ouro_str bytes);

#endif
