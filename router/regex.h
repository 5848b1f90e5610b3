/* Regular expressions of parameters, by PCRE2; private to the router. Bytes, not characters, are
 * matched, and always the whole value.
 *
 * No value can make a match run away: PCRE2 counts its steps and gives up at a limit, which counts
 * as no match. The limits are far beyond what an expression for a segment needs unless it
 * backtracks without end. Compiled to machine code, steps are counted more coarsely than
 * interpreted, so that between the two limits an answer may differ from machine to machine. */
#ifndef OURO_ROUTER_REGEX_H
#define OURO_ROUTER_REGEX_H

#include "ouro/base.h"

#include <stdbool.h>

/* Steps of one match, and how deep they may nest where it is interpreted. */
#define OURO_REGEX_STEPS_MAX 20000

/* Memory that one match may take for what it must come back to, in KiB: interpreted, and as the
 * stack of machine code. */
#define OURO_REGEX_HEAP_KIB_MAX 1024
#define OURO_REGEX_STACK_KIB_MAX 256

struct ouro_regex;
struct ouro_router_scratch;

/* Compiles @text. Returns 0 with @regex; -EINVAL with what PCRE2 says of it in @message; -ENOMEM. */
int ouro_regex_create(struct ouro_str text, struct ouro_regex **regex, char *message,
		      size_t message_bytes);

void ouro_regex_destroy(struct ouro_regex *regex);

/* Any number of threads may match at once, each with a scratch of its own. */
bool ouro_regex_match(const struct ouro_regex *regex, struct ouro_str value,
		      struct ouro_router_scratch *scratch);

/* Memory that it takes, with its machine code. */
size_t ouro_regex_bytes(const struct ouro_regex *regex);

struct ouro_router_scratch *ouro_regex_scratch_create(void);

#endif
