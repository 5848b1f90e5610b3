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

/* The answer of `ouro demo` to GET /plaintext, with a date that stands still. `bench/run`
 * compares the two before it measures anything; when the demo's answer changes, change it here. */
#define RESPONSE_START                                                                             \
	"HTTP/1.1 200 OK\r\n"                                                                      \
	"date: Sat, 21 Nov 2026 03:30:00 GMT\r\n"                                                  \
	"content-type: text/plain; charset=utf-8\r\n"                                              \
	"content-length: 13\r\n"
#define RESPONSE_END "\r\nHello, World!"

static const char keep_response[] = RESPONSE_START RESPONSE_END;
static const char close_response[] = RESPONSE_START "connection: close\r\n" RESPONSE_END;
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

	fprintf(stderr, "usage: %s [--port PORT] %s\n", name, options[program]);
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

void floor_options_parse(int argc, char **argv, enum floor_program program,
			 struct floor_options *out)
{
	*out = (struct floor_options){ .send = "auto", .recv = "multishot" };
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (!strcmp(arg, "--port") && i + 1 < argc)
			out->port = (uint16_t)strtoul(argv[++i], NULL, 10);
		else if (program != FLOOR_VARIANTS && !strcmp(arg, "--close"))
			out->close = true;
		else if (program == FLOOR_EPOLL && !strcmp(arg, "--lazy"))
			out->lazy = true;
		else if (program != FLOOR_VARIANTS || !parse_variant(arg, out))
			usage(argv[0], program);
	}
	if (out->ended)
		out->close = true;
}

void floor_reply_init(struct floor_reply *reply, bool close)
{
	const char *response = close ? close_response : keep_response;

	reply->response_len = strlen(response);
	reply->block_len = reply->response_len * FLOOR_COPIES;
	reply->block = malloc(reply->block_len);
	if (!reply->block)
		floor_fail("malloc", -ENOMEM);
	for (size_t at = 0; at < reply->block_len; at += reply->response_len)
		memcpy(reply->block + at, response, reply->response_len);
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
	conn->position = (conn->position + len) % reply->response_len;
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
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t addr_len = sizeof(addr);
	int one = 1;

	signal(SIGPIPE, SIG_IGN);
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
