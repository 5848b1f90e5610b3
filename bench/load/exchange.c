#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
	HEAD_BYTES_MAX = 512,
	/* An answer that is compared as a whole. */
	ANSWER_BYTES_MAX = 4 << 20,
	DATE_BYTES = 29,
	CHUNKS = 3,
	/* "ffffffff\r\n" and the line's end behind the data, of each chunk and of the last one. */
	CHUNK_FRAME_BYTES_MAX = 12,
};

/* ---- Requests ---- */

static char *put(char *at, const char *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

/* The body of a POST: as a repeated alphabet it holds no end of line, and one byte too many or too
 * few is noticed. */
static char *put_body(char *at, size_t from, size_t len)
{
	for (size_t i = from; i < from + len; i++)
		*at++ = (char)('a' + i % 26);
	return at;
}

static char *put_chunks(char *at, size_t len)
{
	char line[CHUNK_FRAME_BYTES_MAX];
	size_t from = 0;

	for (unsigned left = CHUNKS; left > 0; left--) {
		size_t piece = (len - from) / left;
		if (piece == 0)
			continue;
		at = put(at, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", piece));
		at = put_body(at, from, piece);
		at = put(at, "\r\n", 2);
		from += piece;
	}
	return put(at, "0\r\n\r\n", 5);
}

/* The fields that say how a body of @len bytes is framed. */
static void frame_fields(char *out, size_t bytes, enum exchange_kind kind, unsigned len)
{
	static const char type[] = "Content-Type: application/octet-stream\r\n";

	if (kind == EXCHANGE_GET)
		snprintf(out, bytes, "%s", "");
	else if (kind == EXCHANGE_POST)
		snprintf(out, bytes, "%sContent-Length: %u\r\n", type, len);
	else
		snprintf(out, bytes, "%sTransfer-Encoding: chunked\r\n", type);
}

int exchange_init(struct exchange *exchange, const struct exchange_options *opt)
{
	char fields[128];
	char head[HEAD_BYTES_MAX];
	size_t one_max;

	frame_fields(fields, sizeof(fields), opt->kind, opt->body_bytes);
	int len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n",
			   opt->kind == EXCHANGE_GET ? "GET" : "POST", opt->path,
			   opt->close ? "Connection: close\r\n" : "", fields);
	if (len < 0 || len >= HEAD_BYTES_MAX)
		return -E2BIG;
	one_max = (size_t)len + opt->body_bytes + (CHUNKS + 1) * CHUNK_FRAME_BYTES_MAX;
	exchange->request = malloc(one_max * opt->copies);
	exchange->answer = calloc(1, ANSWER_BYTES_MAX + 1);
	if (!exchange->request || !exchange->answer)
		return -ENOMEM;
	char *at = put(exchange->request, head, (size_t)len);
	if (opt->kind == EXCHANGE_POST)
		at = put_body(at, 0, opt->body_bytes);
	else if (opt->kind == EXCHANGE_POST_CHUNKED)
		at = put_chunks(at, opt->body_bytes);
	exchange->one_len = (size_t)(at - exchange->request);
	exchange->request_len = exchange->one_len * opt->copies;
	for (unsigned i = 1; i < opt->copies; i++)
		at = put(at, exchange->request, exchange->one_len);
	return 0;
}

void exchange_fini(struct exchange *exchange)
{
	free(exchange->request);
	free(exchange->answer);
}

/* ---- The expected answer ---- */

/* The value of field @name in the head that is @head, or NULL. */
static char *find_field(char *head, const char *name)
{
	char *at = strcasestr(head, name);
	char *end = strstr(head, "\r\n\r\n");

	return at && at < end ? at + strlen(name) : NULL;
}

/* How long the chunks at @from are, up to the end of the last one's trailers; 0 while that is not
 * there; -EPROTO. */
static int measure_chunks(char *from, const char *end, uint64_t *len)
{
	char *at = from;

	*len = 0;
	for (;;) {
		char *line_end = strstr(at, "\r\n");
		char *digits_end;
		if (!line_end)
			return 0;
		uint64_t size = strtoull(at, &digits_end, 16);
		if (digits_end == at || size > ANSWER_BYTES_MAX)
			return -EPROTO;
		if (size == 0) {
			/* Trailers end with an empty line, which may be the very next. */
			char *stop = strstr(line_end, "\r\n\r\n");
			*len = stop ? (uint64_t)(stop + 4 - from) : 0;
			return 0;
		}
		if ((uint64_t)(end - line_end) < size + 4)
			return 0;
		at = line_end + 2 + size;
		if (strncmp(at, "\r\n", 2))
			return -EPROTO;
		at += 2;
	}
}

/* Sets the lengths from what has come of the answer, @len bytes. 1: it is complete, where bodies
 * are dropped its head is; 0: more must come; -EPROTO after a message on stderr. */
static int measure_answer(struct exchange *exchange, bool discard, size_t len)
{
	char *data = exchange->answer;
	char *end = strstr(data, "\r\n\r\n");

	if (!end)
		return 0;
	size_t head_len = (size_t)(end + 4 - data);
	const char *value = find_field(data, "\r\ncontent-length:");
	uint64_t body_len = 0;
	if (find_field(data, "\r\ntransfer-encoding: chunked")) {
		int err = discard ? -EPROTO : measure_chunks(end + 4, data + len, &body_len);
		if (err) {
			fputs("an answer in chunks that are wrong, or whose bodies were to be "
			      "dropped by their length\n",
			      stderr);
			return err;
		}
		if (body_len == 0)
			return 0;
	} else if (value) {
		body_len = strtoull(value, NULL, 10);
	} else {
		fprintf(stderr, "an answer that says not where it ends:\n%.*s", (int)head_len,
			data);
		return -EPROTO;
	}
	exchange->answer_len = head_len + body_len;
	exchange->known_len = discard ? head_len : (size_t)exchange->answer_len;
	return len >= exchange->known_len;
}

static int read_answer(struct exchange *exchange, bool discard, int fd, size_t *len)
{
	int complete = 0;

	*len = 0;
	while (!complete) {
		if (*len == ANSWER_BYTES_MAX) {
			fprintf(stderr, "an answer of more than %d bytes\n", ANSWER_BYTES_MAX);
			return -E2BIG;
		}
		ssize_t got = recv(fd, exchange->answer + *len, ANSWER_BYTES_MAX - *len, 0);
		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		*len += (size_t)got;
		complete = measure_answer(exchange, discard, *len);
	}
	return complete < 0 ? complete : 0;
}

int exchange_learn(struct exchange *exchange, const struct exchange_options *opt, int fd)
{
	size_t len;

	if (send(fd, exchange->request, exchange->one_len, MSG_NOSIGNAL) !=
	    (ssize_t)exchange->one_len)
		return -EPIPE;
	int err = read_answer(exchange, opt->discard, fd, &len);
	if (err)
		return err;
	if (len > exchange->answer_len || strncmp(exchange->answer, "HTTP/1.1 200 ", 13)) {
		fprintf(stderr, "not the one answer 200 that was asked for:\n%.512s\n",
			exchange->answer);
		return -EPROTO;
	}
	const char *date = find_field(exchange->answer, "\r\ndate: ");
	exchange->date_at = date ? (size_t)(date - exchange->answer) : exchange->known_len;
	return 0;
}

static bool range_matches(const struct exchange *exchange, size_t from, const char *data,
			  size_t len)
{
	return !memcmp(exchange->answer + from, data, len);
}

/* As exchange_matches(), of @data that does not reach beyond what is known. */
static bool known_matches(const struct exchange *exchange, size_t from, const char *data,
			  size_t len)
{
	size_t to = from + len;
	size_t date_end = exchange->date_at + DATE_BYTES;

	if (from < exchange->date_at) {
		size_t head = to < exchange->date_at ? len : exchange->date_at - from;
		if (!range_matches(exchange, from, data, head))
			return false;
	}
	if (to > date_end) {
		size_t skip = from < date_end ? date_end - from : 0;
		return range_matches(exchange, from + skip, data + skip, len - skip);
	}
	return true;
}

bool exchange_matches(const struct exchange *exchange, uint64_t from, const char *data, size_t len)
{
	if (from >= exchange->known_len)
		return true;
	size_t known = exchange->known_len - (size_t)from;
	return known_matches(exchange, (size_t)from, data, len < known ? len : known);
}
