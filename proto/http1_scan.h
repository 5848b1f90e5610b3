/* Ordinary heads of requests, found without llhttp. Private to the parser, proto/http1_parse.c.
 *
 * What is ordinary is meant to be narrow, not clever: a head that is whole, in a form in which no two
 * readers differ. For everything else the scan says that it is not its own, be it good or bad, and
 * llhttp reads it from the first byte; so no request is refused here, and whatever may be doubted has
 * one judge. What a scanned head means is judged by ouro_http1_check_head(), as of any other. */
#ifndef OURO_PROTO_HTTP1_SCAN_H
#define OURO_PROTO_HTTP1_SCAN_H

#include "proto/classify.h"
#include "proto/http1_parse.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads the head that begins at @data, the first byte after the request before. Returns whether it
 * was ordinary; then @p is as llhttp would have left it, in phase CHECK, with its fields numbered
 * too. Else @p is as it was, but for what lies in fields that are not counted. Reads none but the
 * @len bytes at @data. */
bool ouro_http1_scan(struct ouro_http1_parser *p, const char *data, size_t len,
		     ouro_classify_fn classify);

#endif
