/* Heads of HTTP/1 requests, piece by piece: see proto/http1_parse.h.
 *
 * Ordinary heads that come whole are found by http1_scan.c; all others come here from their first byte.
 * llhttp decides what is well formed. Three things it cannot decide are decided here: whether a
 * method is unknown or malformed, since it stops at the first letter that no method has; how many
 * empty lines and spaces come before the target, since it takes any; and which of several faults
 * counts when a limit is one of them. Two rules make that independent of how the bytes are cut:
 * llhttp never gets a byte beyond @head_bytes_max, and what its callbacks see of a token that has
 * not ended is never judged by anything but its length. */
#include "proto/http1_parse.h"

#include "base/str.h"
#include "proto/http1_phase.h"
#include "proto/http1_scan.h"
#include "proto/token.h"

static uint32_t offset_of(const struct ouro_http1_parser *p, const char *at)
{
	return (uint32_t)((uintptr_t)at - p->origin);
}

static int on_target(llhttp_t *llhttp, const char *at, size_t len)
{
	struct ouro_http1_parser *p = (struct ouro_http1_parser *)llhttp;

	if (p->target.len == 0)
		p->target.offset = offset_of(p, at);
	p->target.len += (uint32_t)len;
	return p->target.len <= p->limits->target_bytes_max ? 0 : HPE_USER;
}

/* Fields beyond the limit overwrite each other in the slot behind the last. That they are too
 * many is said when the head is complete: said here, the verdict on a name that is malformed would
 * depend on whether its first bytes came alone. */
static struct ouro_http1_field *last_field(struct ouro_http1_parser *p)
{
	uint32_t index = p->field_count - 1;
	uint32_t max = p->limits->fields_max;

	return &p->fields[index < max ? index : max];
}

static int on_name(llhttp_t *llhttp, const char *at, size_t len)
{
	struct ouro_http1_parser *p = (struct ouro_http1_parser *)llhttp;
	uint32_t offset = offset_of(p, at);
	struct ouro_http1_field *field;

	/* A colon and a line end lie between two names, nothing between two pieces of one. */
	if (offset == p->name_end) {
		last_field(p)->name.len += (uint32_t)len;
	} else {
		p->field_count++;
		field = last_field(p);
		field->name = (struct ouro_span){ offset, (uint32_t)len };
		field->value = (struct ouro_span){ 0, 0 };
	}
	p->name_end = offset + (uint32_t)len;
	return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
	struct ouro_http1_parser *p = (struct ouro_http1_parser *)llhttp;
	struct ouro_http1_field *field = last_field(p);

	if (field->value.len == 0)
		field->value.offset = offset_of(p, at);
	field->value.len += (uint32_t)len;
	return 0;
}

static int on_head_end(llhttp_t *llhttp)
{
	(void)llhttp;
	return HPE_PAUSED;
}

static const llhttp_settings_t head_settings = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_head_end,
};

/* A digit that llhttp stores is less: tells a version that was read from one that was not. */
enum { NO_DIGIT = 0xff };

void ouro_http1_parser_init(struct ouro_http1_parser *p, const struct ouro_http1_limits *limits)
{
	assert(limits->fields_max <= OURO_HTTP1_FIELDS_CAP);
	p->limits = limits;
	p->head_bytes = 0;
	p->phase = OURO_HTTP1_START;
}

/* Readies what only llhttp's way needs. */
static void begin_slowly(struct ouro_http1_parser *p)
{
	llhttp_init(&p->llhttp, HTTP_REQUEST, &head_settings);
	p->llhttp.http_major = NO_DIGIT;
	p->llhttp.http_minor = NO_DIGIT;
	p->field_count = 0;
	p->name_end = 0;
	p->numbered = false;
	p->method_name = (struct ouro_span){ 0, 0 };
	p->target = (struct ouro_span){ 0, 0 };
}

#define METHOD(number, id, name) { sizeof(#name) - 1, HTTP_##id, #name },

/* What llhttp takes for a method of HTTP, without the one of Icecast. PRI and the methods of RTSP
 * are not in this list of llhttp's. */
static const struct {
	uint8_t len;
	uint8_t id;
	char name[14];
} methods[] = { HTTP_METHOD_MAP(METHOD) };

/* Returns whether the method that was read is known, and sets it. */
static bool find_method(struct ouro_http1_parser *p)
{
	struct ouro_str name = { p->name, p->method_name.len };

	if (name.len >= sizeof(p->name))
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].id == HTTP_SOURCE)
			continue;
		if (ouro_str_eq(name, ouro_str(methods[i].name, methods[i].len))) {
			p->method = methods[i].id;
			return true;
		}
	}
	return false;
}

static enum ouro_parse start_byte(struct ouro_http1_parser *p, char c, uint32_t offset)
{
	if (c == '\r') {
		ouro_http1_enter(p, OURO_HTTP1_START_LF);
		return OURO_PARSE_MORE;
	}
	if (!ouro_is_token_char(c))
		return ouro_http1_fail(p, 400, "malformed method");
	ouro_http1_enter(p, OURO_HTTP1_METHOD);
	p->method_name = (struct ouro_span){ offset, 1 };
	p->name[0] = c;
	return OURO_PARSE_MORE;
}

static enum ouro_parse method_byte(struct ouro_http1_parser *p, char c)
{
	if (ouro_is_token_char(c)) {
		if (p->method_name.len < sizeof(p->name))
			p->name[p->method_name.len] = c;
		p->method_name.len++;
		return OURO_PARSE_MORE;
	}
	if (c != ' ')
		return ouro_http1_fail(p, 400, "malformed method");
	if (find_method(p))
		ouro_http1_enter(p, OURO_HTTP1_TARGET);
	else if (p->method_name.len == 3 && memcmp(p->name, "PRI", 3) == 0)
		ouro_http1_enter(p, OURO_HTTP1_PREFACE);
	else
		return ouro_http1_fail(p, 501, "unknown method");
	return OURO_PARSE_MORE;
}

/* RFC 9113, 3.4: a client that speaks HTTP/2 alone begins with a line that looks like a request in
 * an unknown version. */
static enum ouro_parse preface_byte(struct ouro_http1_parser *p, char c, uint32_t offset)
{
	static const char line[] = "PRI * HTTP/2.0\r\n";
	uint32_t index = offset - p->method_name.offset;

	if (c != line[index])
		return ouro_http1_fail(p, 501, "unknown method");
	if (index == sizeof(line) - 2)
		return ouro_http1_fail(p, 505, "unknown version");
	return OURO_PARSE_MORE;
}

/* Takes one byte of what comes before the target. DONE: the byte begins the target. */
static enum ouro_parse line_byte(struct ouro_http1_parser *p, char c, uint32_t offset)
{
	switch ((enum ouro_http1_phase)p->phase) {
	case OURO_HTTP1_START:
		return start_byte(p, c, offset);
	case OURO_HTTP1_START_LF:
		/* RFC 9112, 2.2: empty lines before the request line are ignored. */
		if (c != '\n')
			return ouro_http1_fail(p, 400, "bare CR");
		ouro_http1_enter(p, OURO_HTTP1_START);
		return OURO_PARSE_MORE;
	case OURO_HTTP1_METHOD:
		return method_byte(p, c);
	case OURO_HTTP1_PREFACE:
		return preface_byte(p, c, offset);
	case OURO_HTTP1_TARGET:
		/* RFC 9112, 3: a single space; llhttp takes any number. */
		if (c == ' ')
			return ouro_http1_fail(p, 400, "malformed request line");
		ouro_http1_enter(p, OURO_HTTP1_LLHTTP);
		return OURO_PARSE_DONE;
	case OURO_HTTP1_LLHTTP:
	case OURO_HTTP1_CHECK:
	case OURO_HTTP1_COUNTED:
	case OURO_HTTP1_CHUNK_LINE:
	case OURO_HTTP1_CHUNK_DATA:
	case OURO_HTTP1_TRAILERS:
	case OURO_HTTP1_DONE:
	case OURO_HTTP1_BAD:
		break;
	}
	/* The caller has seen to it that no other phase comes here. */
	assert(false);
	return OURO_PARSE_BAD;
}

/* Gives llhttp the method, of which nothing was given to it before it was known. Returns from
 * where on in the piece at @data it gets the bytes as they are, @at being the target. */
static const char *catch_up(struct ouro_http1_parser *p, const char *data, const char *at)
{
	if (p->method_name.offset >= p->head_bytes)
		return data + (p->method_name.offset - p->head_bytes);
	p->name[p->method_name.len] = ' ';
	llhttp_execute(&p->llhttp, p->name, p->method_name.len + 1);
	return at;
}

/* Reads what comes before the target. DONE: @rest is what llhttp gets of the piece. */
static enum ouro_parse parse_method(struct ouro_http1_parser *p, const char *data, const char *end,
				    const char **rest)
{
	/* By far most requests begin so. */
	if (p->phase == OURO_HTTP1_START && end - data > 4 && memcmp(data, "GET ", 4) == 0 &&
	    data[4] != ' ') {
		ouro_http1_enter(p, OURO_HTTP1_LLHTTP);
		p->method = HTTP_GET;
		p->method_name = (struct ouro_span){ p->head_bytes, 3 };
		*rest = data;
		return OURO_PARSE_DONE;
	}
	for (const char *at = data; at < end; at++) {
		enum ouro_parse verdict = line_byte(p, *at, offset_of(p, at));

		if (verdict == OURO_PARSE_DONE)
			*rest = catch_up(p, data, at);
		if (verdict != OURO_PARSE_MORE)
			return verdict;
	}
	return OURO_PARSE_MORE;
}

/* Whether llhttp has read a whole version, HTTP/x.y, and it is one that it does not know. */
static bool version_is_unknown(const llhttp_t *llhttp)
{
	unsigned major = llhttp->http_major, minor = llhttp->http_minor;

	if (major == NO_DIGIT || minor == NO_DIGIT)
		return false;
	return !((major == 0 && minor == 9) || (major == 1 && minor <= 1) ||
		 (major == 2 && minor == 0));
}

/* Whether nothing of the head has come yet. */
static bool is_untouched(const struct ouro_http1_parser *p)
{
	return p->phase == OURO_HTTP1_START && p->head_bytes == 0;
}

/* Says what is wrong where llhttp has stopped with @err. */
static enum ouro_parse fail_head(struct ouro_http1_parser *p, llhttp_errno_t err)
{
	uint32_t target = p->method_name.offset + p->method_name.len + 1;
	uint32_t at = offset_of(p, llhttp_get_error_pos(&p->llhttp));

	switch (err) {
	case HPE_USER:
		return ouro_http1_fail(p, 414, "request target too long");
	case HPE_INVALID_URL:
		/* A character that is wrong does not count where the target is too long before it:
		 * on_target() has not seen the target if all of it came at once. */
		if (at - target > p->limits->target_bytes_max)
			return ouro_http1_fail(p, 414, "request target too long");
		return ouro_http1_fail(p, 400, "malformed request target");
	case HPE_INVALID_VERSION:
		if (version_is_unknown(&p->llhttp))
			return ouro_http1_fail(p, 505, "unknown version");
		return ouro_http1_fail(p, 400, "malformed request line");
	case HPE_INVALID_CONSTANT:
		return ouro_http1_fail(p, 400, "malformed request line");
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		return ouro_http1_fail(p, 400, "malformed Content-Length");
	case HPE_INVALID_TRANSFER_ENCODING:
		return ouro_http1_fail(p, 400, "malformed Transfer-Encoding");
	case HPE_STRICT:
	case HPE_CR_EXPECTED:
	case HPE_LF_EXPECTED:
		return ouro_http1_fail(p, 400, "malformed line end");
	default:
		return ouro_http1_fail(p, 400, "malformed field");
	}
}

enum ouro_parse ouro_http1_parse_head_slowly(struct ouro_http1_parser *p, const char *data,
					     size_t len, size_t *consumed)
{
	size_t room = p->limits->head_bytes_max - p->head_bytes;
	const char *end = data + (len < room ? len : room);
	const char *at = data;
	enum ouro_parse verdict = OURO_PARSE_DONE;
	llhttp_errno_t err = HPE_OK;

	assert(p->phase <= OURO_HTTP1_LLHTTP);
	if (is_untouched(p))
		begin_slowly(p);
	p->origin = (uintptr_t)data - p->head_bytes;
	if (p->phase != OURO_HTTP1_LLHTTP)
		verdict = parse_method(p, data, end, &at);
	if (verdict == OURO_PARSE_BAD)
		return verdict;
	if (verdict == OURO_PARSE_DONE)
		err = llhttp_execute(&p->llhttp, at, (size_t)(end - at));
	if (err == HPE_PAUSED) {
		end = llhttp_get_error_pos(&p->llhttp);
		ouro_http1_enter(p, OURO_HTTP1_CHECK);
	} else if (err != HPE_OK) {
		return fail_head(p, err);
	}
	p->head_bytes += (uint32_t)(end - data);
	if (err == HPE_OK && p->head_bytes >= p->limits->head_bytes_max)
		return ouro_http1_fail(p, 431, "head too large");
	*consumed = (size_t)(end - data);
	return err == HPE_PAUSED ? OURO_PARSE_DONE : OURO_PARSE_MORE;
}

enum ouro_parse ouro_http1_parse_head(struct ouro_http1_parser *p, const char *data, size_t len,
				      size_t *consumed)
{
	size_t max = p->limits->head_bytes_max;

	if (!is_untouched(p) ||
	    !ouro_http1_scan(p, data, len < max ? len : max, ouro_classify_best()))
		return ouro_http1_parse_head_slowly(p, data, len, consumed);
	*consumed = p->head_bytes;
	return OURO_PARSE_DONE;
}
