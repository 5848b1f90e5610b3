/* The bytes the floors answer, and the socket they answer on. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The answer of `ouro demo` and of bench-http to GET /plaintext, with a date that stands still.
 * `bench/run` compares them before it measures anything; when it changes, change it here. */
#define RESPONSE_HEAD                                                                              \
	"HTTP/1.1 200 OK\r\n"                                                                      \
	"date: Sat, 21 Nov 2026 03:30:00 GMT\r\n"                                                  \
	"content-type: text/plain; charset=utf-8\r\n"                                              \
	"content-length: %zu\r\n"                                                                  \
	"%s\r\n"
enum { HEAD_BYTES_MAX = 256 };

static const char hello[] = "Hello, World!";
static const char request_end[] = "\r\n\r\n";

struct floor_conn floor_conns[FLOOR_FD_MAX];

void floor_fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(1);
}

static _Noreturn void usage(const char *name, enum floor_program program)
{
	static const char *const options[] = {
		[FLOOR_EPOLL] = "[--close [--lazy]]",
		[FLOOR_URING] = "[--close]",
		[FLOOR_VARIANTS] = ("[--send=auto|sqe|inline] [--recv=multishot|oneshot] [--fixed] "
				    "[--zc] | --close=link|now"),
	};

	fprintf(stderr,
		"usage: %s [--host ADDRESS] [--port PORT] [--body-bytes N | --echo-bytes N] "
		"[--ends N[,N..]] %s\n",
		name, options[program]);
	exit(2);
}

static bool parse_variant(const char *arg, struct floor_options *out)
{
	if (!strcmp(arg, "--send=auto") || !strcmp(arg, "--send=sqe") ||
	    !strcmp(arg, "--send=inline"))
		out->send = strchr(arg, '=') + 1;
	else if (!strcmp(arg, "--recv=multishot") || !strcmp(arg, "--recv=oneshot"))
		out->recv = strchr(arg, '=') + 1;
	else if (!strcmp(arg, "--close=link") || !strcmp(arg, "--close=now"))
		out->ended = strchr(arg, '=') + 1;
	else if (!strcmp(arg, "--fixed"))
		out->fixed = true;
	else if (!strcmp(arg, "--zc"))
		out->zero_copy = true;
	else
		return false;
	return true;
}

/* `1,1,2`. False where it is not. */
static bool parse_ends(const char *text, struct floor_options *out)
{
	out->kind_count = 0;
	while (out->kind_count < FLOOR_KINDS_MAX) {
		char *end;
		unsigned long value = strtoul(text, &end, 10);
		if (end == text || value < 1 || value > UINT8_MAX)
			return false;
		out->ends[out->kind_count++] = (uint8_t)value;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
	return false;
}

/* An option with a value that all programs have. */
static bool parse_common(const char *arg, const char *value, struct floor_options *out)
{
	if (!strcmp(arg, "--host"))
		out->host = value;
	else if (!strcmp(arg, "--port"))
		out->port = (uint16_t)strtoul(value, NULL, 10);
	else if (!strcmp(arg, "--body-bytes"))
		out->body_bytes = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(arg, "--echo-bytes"))
		out->echo_bytes = (unsigned)strtoul(value, NULL, 10);
	else
		return !strcmp(arg, "--ends") && parse_ends(value, out);
	return true;
}

void floor_options_parse(int argc, char **argv, enum floor_program program,
			 struct floor_options *out)
{
	*out = (struct floor_options){ .host = "127.0.0.1",
				       .send = "auto",
				       .recv = "multishot",
				       .ends = { 1 },
				       .kind_count = 1 };
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (i + 1 < argc && parse_common(arg, argv[i + 1], out))
			i++;
		else if (program != FLOOR_VARIANTS && !strcmp(arg, "--close"))
			out->close = true;
		else if (program == FLOOR_EPOLL && !strcmp(arg, "--lazy"))
			out->lazy = true;
		else if (program != FLOOR_VARIANTS || !parse_variant(arg, out))
			usage(argv[0], program);
	}
	if (out->ended)
		out->close = true;
	/* What closes does so at the first end, and gives the first answer. */
	if (out->close && (out->kind_count > 1 || out->ends[0] > 1))
		usage(argv[0], program);
}

/* The body of the answer to a request of kind @kind: `x`, the alphabet that was sent, or what a GET
 * gets. */
static size_t body_len(const struct floor_options *opt, unsigned kind)
{
	if (opt->echo_bytes && (kind > 0 || opt->kind_count == 1))
		return opt->echo_bytes;
	return opt->body_bytes ? opt->body_bytes : strlen(hello);
}

static char *put_body(const struct floor_options *opt, unsigned kind, char *at)
{
	size_t len = body_len(opt, kind);
	bool echo = opt->echo_bytes && (kind > 0 || opt->kind_count == 1);

	for (size_t i = 0; i < len; i++)
		*at++ = echo ? (char)('a' + i % 26) : opt->body_bytes ? 'x' : hello[i];
	return at;
}

void floor_reply_init(struct floor_reply *reply, const struct floor_options *opt)
{
	size_t copies = 1;
	size_t most = 0;

	*reply = (struct floor_reply){ .kind_count = opt->kind_count };
	memcpy(reply->ends, opt->ends, sizeof(reply->ends));
	for (unsigned kind = 0; kind < opt->kind_count; kind++)
		most += HEAD_BYTES_MAX + body_len(opt, kind);
	if (most * FLOOR_COPIES <= FLOOR_BLOCK_BYTES)
		copies = FLOOR_COPIES;
	else if (most < FLOOR_BLOCK_BYTES)
		copies = FLOOR_BLOCK_BYTES / most;
	reply->block = malloc(most * copies);
	if (!reply->block)
		floor_fail("malloc", -ENOMEM);
	char *at = reply->block;
	for (unsigned kind = 0; kind < opt->kind_count; kind++) {
		char *start = at;
		at += snprintf(at, HEAD_BYTES_MAX, RESPONSE_HEAD, body_len(opt, kind),
			       opt->close ? "connection: close\r\n" : "");
		at = put_body(opt, kind, at);
		reply->lens[kind] = (size_t)(at - start);
	}
	reply->turn_len = (size_t)(at - reply->block);
	reply->block_len = reply->turn_len * copies;
	for (size_t i = 1; i < copies; i++)
		memcpy(reply->block + i * reply->turn_len, reply->block, reply->turn_len);
}

void floor_owe(const struct floor_reply *reply, struct floor_conn *conn, size_t ends)
{
	if (reply->kind_count == 1 && reply->ends[0] == 1) {
		conn->owed += ends * reply->turn_len;
		return;
	}
	for (; ends > 0; ends--) {
		if (++conn->ends < reply->ends[conn->kind])
			continue;
		conn->owed += reply->lens[conn->kind];
		conn->ends = 0;
		conn->kind = (uint8_t)((conn->kind + 1) % reply->kind_count);
	}
}

const char *floor_reply_next(const struct floor_reply *reply, const struct floor_conn *conn,
			     size_t *len)
{
	size_t room = reply->block_len - conn->position;

	*len = conn->owed < room ? conn->owed : room;
	return reply->block + conn->position;
}

void floor_reply_sent(const struct floor_reply *reply, struct floor_conn *conn, size_t len)
{
	conn->owed -= len;
	conn->position = (conn->position + len) % reply->turn_len;
}

/* One byte at a time, for the few bytes around the edges. */
static size_t count_ends_bytewise(struct floor_conn *conn, const char *data, const char *stop)
{
	size_t count = 0;

	for (; data < stop; data++) {
		if (*data != request_end[conn->matched])
			conn->matched = *data == '\r';
		else if (++conn->matched == 4) {
			conn->matched = 0;
			count++;
		}
	}
	return count;
}

size_t floor_count_ends(struct floor_conn *conn, const char *data, size_t len)
{
	const char *stop = data + len;
	size_t count = 0;

	while (conn->matched && data < stop) {
		count += count_ends_bytewise(conn, data, data + 1);
		data++;
	}
	while (data < stop) {
		data = memchr(data, '\r', (size_t)(stop - data));
		if (!data)
			return count;
		if (stop - data < 4)
			return count + count_ends_bytewise(conn, data, stop);
		if (!memcmp(data, request_end, 4)) {
			count++;
			data += 4;
		} else {
			data++;
		}
	}
	return count;
}

int floor_listen(const struct floor_options *opt, int socket_flags)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(opt->port),
	};
	socklen_t addr_len = sizeof(addr);
	int one = 1;

	signal(SIGPIPE, SIG_IGN);
	if (inet_pton(AF_INET, opt->host, &addr.sin_addr) != 1)
		floor_fail("--host", -EINVAL);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);
	if (fd < 0)
		floor_fail("socket", -errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, FLOOR_BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&addr, &addr_len))
		floor_fail("listen", -errno);
	printf("listening %u\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}
