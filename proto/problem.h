/* What went wrong, as the body of a response: problem details in JSON (RFC 9457), or a line. */
#ifndef OURO_PROTO_PROBLEM_H
#define OURO_PROTO_PROBLEM_H

#include "ouro/base.h"

#include <stddef.h>
#include <sys/types.h>

#define OURO_PROBLEM_MEDIA_TYPE "application/problem+json"

/* What is absent or empty is left out. */
struct ouro_problem {
	unsigned status;
	struct ouro_str detail;     /* for people */
	struct ouro_str instance;   /* a URI reference of this occurrence */
	struct ouro_str request_id; /* by which the log has it; an extension member */
};

/* Most bytes that either form takes where detail, instance and request id are @len bytes
 * together. */
#define OURO_PROBLEM_BYTES_MAX(len) (6 * (size_t)(len) + 192)

/* Writes {"type":"about:blank","title":"Not Found","status":404,"detail":".."} at @out of @room
 * bytes: title and status are those of HTTP (4.2.1), and any bytes become valid JSON. Returns the
 * length, or -ENOBUFS where it does not fit; @out may then have been written to. */
ssize_t ouro_problem_write_json(const struct ouro_problem *problem, char *out, size_t room);

/* Writes "404 Not Found: detail" and a line end; otherwise as ouro_problem_write_json(). The detail
 * is written as it is. */
ssize_t ouro_problem_write_text(const struct ouro_problem *problem, char *out, size_t room);

#endif
