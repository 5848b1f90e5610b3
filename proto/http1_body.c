/* Bodies of HTTP/1 requests: see ouro_http1_parse_body(). A counted body is counted here. In a
 * chunked one llhttp is stopped behind each size line and at the end, so that a limit applies at
 * the same byte however the body is cut. */
#include "base/str.h"
#include "proto/http1_parse.h"
#include "proto/http1_phase.h"

/* What the frame of a chunk may take freely: the line end of the chunk before it, a size of up to
 * 16 digits, a line end. Leading zeros and extensions beyond that are taken from @frame_left, or
 * a body of small chunks could make us read without end. */
#define CHUNK_FRAME_BYTES 20

static int pause(llhttp_t *llhttp)
{
	(void)llhttp;
	return HPE_PAUSED;
}

static int on_trailer(llhttp_t *llhttp)
{
	((struct ouro_http1_parser *)llhttp)->trailer_count++;
	return 0;
}

static const llhttp_settings_t body_settings = {
	.on_chunk_header = pause,
	.on_header_field_complete = on_trailer,
	.on_message_complete = pause,
};

void ouro_http1_begin_chunks(struct ouro_http1_parser *p)
{
	/* llhttp does not see that "chunked" comes last where a tab follows it. */
	p->llhttp.flags |= F_CHUNKED;
	/* An upgrade that nobody takes is an ordinary request. */
	p->llhttp.upgrade = 0;
	p->llhttp.settings = (void *)(uintptr_t)&body_settings;
	llhttp_resume(&p->llhttp);
	p->line_bytes = 0;
	p->frame_left = p->limits->head_bytes_max;
	p->trailer_count = 0;
	ouro_http1_enter(p, OURO_HTTP1_CHUNK_LINE);
}

/* Feeds llhttp at most @room of the @len bytes at @data, until it stops. Returns how many it took,
 * in @err why it stopped. */
static uint32_t feed(struct ouro_http1_parser *p, const char *data, size_t len, uint32_t room,
		     llhttp_errno_t *err)
{
	uint32_t step = len < room ? (uint32_t)len : room;

	*err = llhttp_execute(&p->llhttp, data, step);
	if (*err == HPE_PAUSED) {
		step = (uint32_t)(llhttp_get_error_pos(&p->llhttp) - data);
		llhttp_resume(&p->llhttp);
	}
	p->line_bytes += step;
	return step;
}

/* At the end of a size line. */
static enum ouro_parse begin_chunk(struct ouro_http1_parser *p)
{
	uint64_t bytes = p->llhttp.content_length;

	if (p->line_bytes > CHUNK_FRAME_BYTES)
		p->frame_left -= p->line_bytes - CHUNK_FRAME_BYTES;
	p->line_bytes = 0;
	if (bytes == 0) {
		ouro_http1_enter(p, OURO_HTTP1_TRAILERS);
		return OURO_PARSE_MORE;
	}
	if (bytes > p->body_bytes_max - p->body_bytes)
		return ouro_http1_fail(p, 413, "body too large");
	p->body_left = bytes;
	ouro_http1_enter(p, OURO_HTTP1_CHUNK_DATA);
	return OURO_PARSE_MORE;
}

static enum ouro_parse parse_line(struct ouro_http1_parser *p, const char *data, size_t len,
				  size_t *used)
{
	uint32_t room = CHUNK_FRAME_BYTES + p->frame_left - p->line_bytes;
	llhttp_errno_t err;
	uint32_t step = feed(p, data, len, room, &err);

	if (err != HPE_OK && err != HPE_PAUSED)
		return ouro_http1_fail(p, 400, "malformed chunk");
	*used += step;
	if (err == HPE_PAUSED)
		return begin_chunk(p);
	if (step == room)
		return ouro_http1_fail(p, 400, "chunk extensions too large");
	return OURO_PARSE_MORE;
}

static enum ouro_parse parse_trailers(struct ouro_http1_parser *p, const char *data, size_t len,
				      size_t *used)
{
	uint32_t room = p->limits->head_bytes_max - p->line_bytes;
	llhttp_errno_t err;
	uint32_t step = feed(p, data, len, room, &err);

	if (err != HPE_OK && err != HPE_PAUSED)
		return ouro_http1_fail(p, 400, "malformed trailer");
	if (err == HPE_OK && step == room)
		return ouro_http1_fail(p, 431, "trailers too large");
	if (err == HPE_PAUSED && p->trailer_count > p->limits->fields_max)
		return ouro_http1_fail(p, 431, "too many trailers");
	*used += step;
	p->trailers = ouro_str(data, step);
	if (err == HPE_OK)
		return OURO_PARSE_MORE;
	ouro_http1_enter(p, OURO_HTTP1_DONE);
	return OURO_PARSE_DONE;
}

static struct ouro_str take_payload(struct ouro_http1_parser *p, const char *data, size_t len)
{
	size_t bytes = len < p->body_left ? len : (size_t)p->body_left;

	p->body_left -= bytes;
	p->body_bytes += bytes;
	return ouro_str(data, bytes);
}

/* llhttp counts the payload too: it must see that the chunk ends where it says. */
static struct ouro_str parse_data(struct ouro_http1_parser *p, const char *data, size_t len)
{
	struct ouro_str payload = take_payload(p, data, len);

	llhttp_execute(&p->llhttp, payload.ptr, payload.len);
	if (p->body_left == 0)
		ouro_http1_enter(p, OURO_HTTP1_CHUNK_LINE);
	return payload;
}

static enum ouro_parse parse_chunks(struct ouro_http1_parser *p, const char *data, size_t len,
				    size_t *consumed, struct ouro_str *payload)
{
	enum ouro_parse verdict = OURO_PARSE_MORE;
	struct ouro_str piece = ouro_str(data, 0);
	size_t used = 0;

	while (verdict == OURO_PARSE_MORE && piece.len == 0 && used < len) {
		if (p->phase == OURO_HTTP1_CHUNK_LINE) {
			verdict = parse_line(p, data + used, len - used, &used);
		} else if (p->phase == OURO_HTTP1_TRAILERS) {
			verdict = parse_trailers(p, data + used, len - used, &used);
		} else {
			piece = parse_data(p, data + used, len - used);
			used += piece.len;
		}
	}
	if (verdict != OURO_PARSE_BAD) {
		*consumed = used;
		*payload = piece;
	}
	return verdict;
}

enum ouro_parse ouro_http1_parse_body(struct ouro_http1_parser *p, const char *data, size_t len,
				      size_t *consumed, struct ouro_str *payload)
{
	assert(p->phase >= OURO_HTTP1_COUNTED && p->phase != OURO_HTTP1_BAD);
	p->trailers = ouro_str(data, 0);
	if (p->phase == OURO_HTTP1_DONE) {
		*payload = ouro_str(data, 0);
		*consumed = 0;
		return OURO_PARSE_DONE;
	}
	if (p->phase != OURO_HTTP1_COUNTED)
		return parse_chunks(p, data, len, consumed, payload);
	*payload = take_payload(p, data, len);
	*consumed = payload->len;
	if (p->body_left > 0)
		return OURO_PARSE_MORE;
	ouro_http1_enter(p, OURO_HTTP1_DONE);
	return OURO_PARSE_DONE;
}

enum ouro_parse ouro_http1_pass_body(struct ouro_http1_parser *p, uint64_t bytes)
{
	assert(p->phase == OURO_HTTP1_COUNTED);
	assert(bytes <= p->body_left);
	p->body_left -= bytes;
	p->body_bytes += bytes;
	if (p->body_left > 0)
		return OURO_PARSE_MORE;
	ouro_http1_enter(p, OURO_HTTP1_DONE);
	return OURO_PARSE_DONE;
}
