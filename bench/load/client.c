#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* RFC 6455, 1.3: with this key the answer is known, and no SHA-1 is needed to check it. */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define LENGTH_FIELD "\r\ncontent-length:"

enum { REQUEST_BYTES_MAX = 512, CONTROL_BYTES_MAX = 125 };

/* ---- Asking ---- */

int client_ask(int fd, enum client_kind kind, const char *path)
{
	static const char *const fields[] = {
		[CLIENT_WS] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
			      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n",
		[CLIENT_EVENTS] = "Accept: text/event-stream\r\n",
		[CLIENT_HTTP] = "",
	};
	char request[REQUEST_BYTES_MAX];
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
			   path, fields[kind]);

	if (len < 0 || len >= REQUEST_BYTES_MAX)
		return -E2BIG;
	return send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -EPIPE;
}

static bool has_field(const char *head, const char *field)
{
	return strcasestr(head, field) != NULL;
}

static bool head_is_right(const char *head, enum client_kind kind)
{
	if (kind == CLIENT_WS)
		return strncmp(head, "HTTP/1.1 101 ", 13) == 0 &&
		       has_field(head, "\r\nsec-websocket-accept: " WS_ACCEPT "\r\n") &&
		       !has_field(head, "\r\nsec-websocket-extensions:");
	if (strncmp(head, "HTTP/1.1 200 ", 13) != 0)
		return false;
	if (kind == CLIENT_HTTP)
		return has_field(head, LENGTH_FIELD) && !has_field(head, "\r\nconnection: close");
	return has_field(head, "\r\ncontent-type: text/event-stream") &&
	       !has_field(head, "\r\ncontent-encoding:");
}

static void read_body_fields(const char *head, struct client_body *body)
{
	const char *len = strcasestr(head, LENGTH_FIELD);

	body->chunked = has_field(head, "\r\ntransfer-encoding: chunked");
	body->len = len ? strtoull(len + strlen(LENGTH_FIELD), NULL, 10) : 0;
}

int client_read_head(int fd, enum client_kind kind, char *rest, struct client_body *body)
{
	char buf[CLIENT_REST_MAX + 1];
	size_t len = 0;
	char *end = NULL;

	while (!end) {
		ssize_t got = recv(fd, buf + len, CLIENT_REST_MAX - len, 0);
		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		len += (size_t)got;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (!end && len == CLIENT_REST_MAX)
			return -E2BIG;
	}
	end[2] = '\0'; /* the last field keeps its end of line */
	if (!head_is_right(buf, kind)) {
		fprintf(stderr, "the answer is not what was asked for:\n%s", buf);
		return -EPROTO;
	}
	read_body_fields(buf, body);
	len -= (size_t)(end + 4 - buf);
	memcpy(rest, end + 4, len);
	return (int)len;
}

/* ---- Frames ---- */

/* The bytes of the head that begins with @head; 2 while that cannot be told. */
static size_t head_len(const unsigned char *head, size_t len)
{
	if (len < 2 || head[1] < 126)
		return 2;
	return head[1] == 126 ? 4 : 10;
}

static uint64_t big_endian(const unsigned char *at, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/* Takes bytes of the head: 1 when it is complete. */
static int read_head(struct frame_reader *reader, const char **data, size_t *len)
{
	while (reader->head_len < head_len(reader->head, reader->head_len)) {
		if (*len == 0)
			return 0;
		reader->head[reader->head_len++] = (unsigned char)**data;
		++*data;
		--*len;
	}
	/* Reserved bits mean extensions, of which there are none; servers do not mask. */
	if (reader->head[0] & 0x70 || reader->head[1] & 0x80)
		return -EPROTO;
	reader->first = reader->head[0];
	reader->left = reader->head_len == 2 ? reader->head[1]
					     : big_endian(reader->head + 2, reader->head_len - 2u);
	reader->head_len = 0;
	return 1;
}

int frame_read(struct frame_reader *reader, const char **data, size_t *len,
	       struct frame_piece *piece)
{
	if (reader->left == 0) {
		int done = read_head(reader, data, len);
		if (done <= 0)
			return done;
	}
	if (reader->left > 0 && *len == 0)
		return 0;
	piece->data = *data;
	piece->len = *len < reader->left ? *len : (size_t)reader->left;
	piece->opcode = reader->first & 15;
	piece->fin = reader->first & 0x80;
	reader->left -= piece->len;
	piece->ends = reader->left == 0;
	*data += piece->len;
	*len -= piece->len;
	return 1;
}

size_t frame_write(char *out, enum frame_opcode opcode, const char *payload, size_t len,
		   uint32_t key)
{
	size_t extended = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
	char *at = out;

	*at++ = (char)(0x80 | opcode);
	*at++ = (char)(0x80 | (extended == 0 ? len : extended == 2 ? 126 : 127));
	for (size_t i = extended; i-- > 0;)
		*at++ = (char)(len >> (8 * i));
	memcpy(at, &key, sizeof(key));
	at += sizeof(key);
	for (size_t i = 0; i < len; i++)
		at[i] = (char)(payload[i] ^ ((const char *)&key)[i % 4]);
	return (size_t)(at - out) + len;
}

int frame_send_pong(int fd, const struct frame_piece *ping)
{
	char pong[FRAME_HEAD_BYTES_MAX + CONTROL_BYTES_MAX];

	if (!ping->ends || ping->len > CONTROL_BYTES_MAX)
		return -EPROTO;
	size_t len = frame_write(pong, FRAME_PONG, ping->data, ping->len, 0x5a5a5a5a);
	return send(fd, pong, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -EPIPE;
}

/* ---- Events ---- */

static int take_line(const char *line, size_t len, const struct events_calls *calls, void *arg)
{
	size_t skip;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0) {
		calls->on_event(arg);
		return 0;
	}
	if (len < 5 || memcmp(line, "data:", 5))
		return 0;
	skip = len > 5 && line[5] == ' ' ? 6 : 5;
	return calls->on_data(arg, line + skip, len - skip) ? 0 : -EPROTO;
}

static int keep_line(struct events_reader *reader, const char *data, size_t len)
{
	if (len > sizeof(reader->line) - reader->line_len)
		return -E2BIG;
	memcpy(reader->line + reader->line_len, data, len);
	reader->line_len = (uint16_t)(reader->line_len + len);
	return 0;
}

/* Bytes of the stream itself. */
static int take_text(struct events_reader *reader, const char *data, size_t len,
		     const struct events_calls *calls, void *arg)
{
	const char *end = data + len;
	int err = 0;

	while (!err && data < end) {
		const char *stop = memchr(data, '\n', (size_t)(end - data));
		size_t piece = (size_t)((stop ? stop : end) - data);

		if (!stop || reader->line_len > 0)
			err = keep_line(reader, data, piece);
		if (!err && stop && reader->line_len > 0) {
			err = take_line(reader->line, reader->line_len, calls, arg);
			reader->line_len = 0;
		} else if (!err && stop) {
			err = take_line(data, piece, calls, arg);
		}
		data += piece + 1;
	}
	return err;
}

/* A byte of a chunk's size, of what follows it, or of the line's end behind its data. */
static int take_framing(struct events_reader *reader, char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;

	if (reader->state == CHUNK_END) {
		if (byte == '\n')
			reader->state = CHUNK_SIZE;
		return byte == '\n' || byte == '\r' ? 0 : -EPROTO;
	}
	if (byte == '\n') {
		reader->state = CHUNK_DATA;
		return reader->chunk_left > 0 ? 0 : -EPIPE;
	}
	if (byte == '\r' || byte == ';')
		reader->state = CHUNK_EXTENSION;
	if (reader->state == CHUNK_EXTENSION)
		return 0;
	digit = byte ? strchr(digits, byte | 0x20) : NULL;
	if (!digit)
		return -EPROTO;
	reader->chunk_left = reader->chunk_left << 4 | (uint64_t)(digit - digits);
	return 0;
}

int events_read(struct events_reader *reader, const char *data, size_t len,
		const struct events_calls *calls, void *arg)
{
	int err = 0;

	if (!reader->chunked)
		return take_text(reader, data, len, calls, arg);
	while (!err && len > 0) {
		size_t piece = 1;
		if (reader->state == CHUNK_DATA) {
			piece = len < reader->chunk_left ? len : (size_t)reader->chunk_left;
			err = take_text(reader, data, piece, calls, arg);
			reader->chunk_left -= piece;
			if (reader->chunk_left == 0)
				reader->state = CHUNK_END;
		} else {
			err = take_framing(reader, *data);
		}
		data += piece;
		len -= piece;
	}
	return err;
}
