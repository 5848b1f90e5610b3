/* Bodies of type multipart/form-data: see proto/multipart.h.
 *
 * A delimiter is CRLF, two hyphens and the boundary. Of the characters that a boundary may have none is
 * CR, so the delimiter has one, its first: whatever was taken for the beginning of a delimiter and is
 * none is data as a whole, and can be given from a copy of the delimiter. */
#include "proto/multipart.h"

#include "base/str.h"
#include "proto/media_type.h"
#include "proto/token.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

enum state {
	STATE_PREAMBLE,
	STATE_BOUNDARY, /* right behind a delimiter */
	STATE_PADDING,  /* only blanks and the line's end may follow */
	STATE_LF,       /* CR was there */
	STATE_HYPHEN,   /* one hyphen was there, of the two that close */
	STATE_HEADER,
	STATE_DATA,
	STATE_CLOSED,    /* both were there */
	STATE_CLOSED_LF, /* CR was there */
	STATE_EPILOGUE,
	STATE_BAD,
};

enum { CRLF_BYTES = 2 };

/* ---- The boundary ---- */

static bool is_boundary_char(char c)
{
	static const char others[] = "'()+_,-./:=? ";

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       memchr(others, c, sizeof(others) - 1) != NULL;
}

static bool is_boundary(struct ouro_str text)
{
	if (text.len == 0 || text.ptr[text.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_boundary_char(text.ptr[i]))
			return false;
	return true;
}

ssize_t ouro_multipart_boundary(struct ouro_str content_type, char *out)
{
	struct ouro_param param;
	ssize_t len = -ENOENT;
	int step;

	if (!ouro_media_type_is(content_type, OURO_MULTIPART_MEDIA_TYPE))
		return -EPROTONOSUPPORT;
	ouro_param_subject(&content_type);
	while ((step = ouro_param_next(&content_type, &param)) > 0) {
		if (!ouro_str_eq_nocase(param.name, OURO_STR("boundary")))
			continue;
		if (len != -ENOENT)
			return -EINVAL;
		len = ouro_param_value(&param, out, OURO_MULTIPART_BOUNDARY_MAX);
		if (len < 0 || !is_boundary(ouro_str(out, (size_t)len)))
			return -EINVAL;
	}
	return step < 0 ? step : len;
}

void ouro_multipart_init(struct ouro_multipart_parser *p, struct ouro_str boundary,
			 size_t header_bytes_max)
{
	assert(boundary.len > 0 && boundary.len <= OURO_MULTIPART_BOUNDARY_MAX);
	assert(header_bytes_max <= OURO_MULTIPART_HEADER_BYTES_MAX);
	memset(p, 0, offsetof(struct ouro_multipart_parser, delimiter));
	memcpy(p->delimiter, "\r\n--", 4);
	memcpy(p->delimiter + 4, boundary.ptr, boundary.len);
	p->delimiter_len = (uint32_t)boundary.len + 4;
	p->header_max = (uint32_t)header_bytes_max;
	/* The first delimiter needs no CRLF where nothing is before it. */
	p->matched = p->unreal = CRLF_BYTES;
}

/* ---- What all steps need ---- */

static void take(struct ouro_multipart_parser *p, struct ouro_str *piece, size_t len)
{
	if (len == 0)
		return; /* an absent view has no pointer to count from */
	p->body_bytes += len;
	piece->ptr += len;
	piece->len -= len;
}

static enum ouro_multipart_event fail(struct ouro_multipart_parser *p, uint64_t at,
				      const char *reason)
{
	p->state = STATE_BAD;
	p->fault_at = at;
	p->reason = reason;
	return OURO_MULTIPART_BAD;
}

static enum ouro_multipart_event fail_limit(struct ouro_multipart_parser *p, uint64_t at,
					    const char *reason)
{
	p->is_limit = true;
	return fail(p, at, reason);
}

/* ---- Delimiters ---- */

/* How many bytes the delimiter and the @len at @at have in common at their beginning. */
static size_t common_length(const struct ouro_multipart_parser *p, const char *at, size_t len)
{
	size_t most = len < p->delimiter_len ? len : p->delimiter_len, common = 0;

	while (common < most && at[common] == p->delimiter[common])
		common++;
	return common;
}

/* The bytes of @text before the first that may be a delimiter, of which @matched are there. */
static size_t length_before(const struct ouro_multipart_parser *p, struct ouro_str text,
			    uint32_t *matched)
{
	const char *at = text.ptr, *end = text.ptr + text.len;

	while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		/* What follows one line end is often another: no search is begun for that. */
		while (at < end && *at == '\r') {
			size_t common = common_length(p, at, (size_t)(end - at));

			if (at + common == end || common == p->delimiter_len) {
				*matched = (uint32_t)common;
				return (size_t)(at - text.ptr);
			}
			/* Within what was equal there is no other CR. */
			at += common;
		}
	}
	*matched = 0;
	return text.len;
}

/* Goes on where the delimiter has begun. */
static void match(struct ouro_multipart_parser *p, struct ouro_str *piece)
{
	size_t len = 0;

	while (len < piece->len && p->matched < p->delimiter_len &&
	       piece->ptr[len] == p->delimiter[p->matched]) {
		p->matched++;
		len++;
	}
	take(p, piece, len);
}

static bool is_matched(const struct ouro_multipart_parser *p)
{
	return p->matched == p->delimiter_len;
}

/* Takes what is not part of a delimiter off the front of @piece. None: there is a delimiter, or @piece
 * is used up. */
static struct ouro_str take_plain(struct ouro_multipart_parser *p, struct ouro_str *piece)
{
	struct ouro_str plain = { 0 };

	if (p->matched > 0) {
		match(p, piece);
		if (is_matched(p) || piece->len == 0)
			return plain;
		plain = ouro_str(p->delimiter + p->unreal, p->matched - p->unreal);
		p->matched = p->unreal = 0;
		if (plain.len > 0)
			return plain;
	}
	if (piece->len > 0) {
		plain = ouro_str(piece->ptr, length_before(p, *piece, &p->matched));
		take(p, piece, plain.len + p->matched);
	}
	return plain;
}

static void pass_delimiter(struct ouro_multipart_parser *p)
{
	p->matched = 0;
	p->unreal = 0;
	p->outside_bytes = 0;
	p->state = STATE_BOUNDARY;
}

/* ---- Headers ---- */

/* The index of the byte at @in, which is in the header. */
static uint64_t index_of(const struct ouro_multipart_parser *p, const char *in)
{
	return p->header_at + (uint64_t)(in - p->header);
}

/* What is wrong with the parameters of the disposition, or NULL. */
static const char *read_params(struct ouro_multipart_parser *p, struct ouro_str rest)
{
	struct ouro_param param;
	int step;

	while ((step = ouro_param_next(&rest, &param)) > 0) {
		bool is_name = ouro_str_eq_nocase(param.name, OURO_STR("name"));
		struct ouro_param *own = is_name ? &p->name : &p->filename;

		/* filename* too: RFC 7578, 4.2 forbids it, and a second name to choose from is
		 * one that somebody else may choose. */
		if (!is_name && !ouro_str_eq_nocase(param.name, OURO_STR("filename")))
			continue;
		if (own->value.ptr)
			return "a part has two names, or two file names";
		*own = param;
	}
	if (step < 0)
		return "the Content-Disposition of a part is malformed";
	return p->name.value.ptr ? NULL : "a part has no name";
}

static const char *read_disposition(struct ouro_multipart_parser *p, struct ouro_str value)
{
	if (p->name.value.ptr)
		return "a part has two fields Content-Disposition";
	if (!ouro_str_eq_nocase(ouro_param_subject(&value), OURO_STR("form-data")))
		return "the Content-Disposition of a part is not form-data";
	return read_params(p, value);
}

static const char *read_type(struct ouro_multipart_parser *p, struct ouro_str value)
{
	if (p->content_type.ptr)
		return "a part has two fields Content-Type";
	p->content_type = value;
	return NULL;
}

/* The header is complete. */
static enum ouro_multipart_event end_header(struct ouro_multipart_parser *p)
{
	for (uint32_t i = 0; i < p->field_count; i++) {
		const struct ouro_multipart_field *field = &p->fields[i];
		const char *fault = NULL;

		if (ouro_str_eq_nocase(field->name, OURO_STR("content-disposition")))
			fault = read_disposition(p, field->value);
		else if (ouro_str_eq_nocase(field->name, OURO_STR("content-type")))
			fault = read_type(p, field->value);
		if (fault)
			return fail(p, index_of(p, field->name.ptr), fault);
	}
	if (!p->name.value.ptr)
		return fail(p, p->header_at, "a part has no Content-Disposition");
	p->state = STATE_DATA;
	/* Where a part has no data, the line end before the delimiter may be that of the empty line. */
	p->matched = p->unreal = CRLF_BYTES;
	return OURO_MULTIPART_PART;
}

static enum ouro_multipart_event add_field(struct ouro_multipart_parser *p, struct ouro_str line)
{
	const uint64_t at = index_of(p, line.ptr);
	const char *colon = memchr(line.ptr, ':', line.len);
	size_t name_len = colon ? (size_t)(colon - line.ptr) : 0;
	struct ouro_multipart_field field;

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return fail(p, at, "a line of a part's header is folded");
	field.name = ouro_str(line.ptr, name_len);
	if (!ouro_is_token(field.name))
		return fail(p, at, "a line of a part's header is no field");
	field.value = ouro_str_trim(ouro_str(colon + 1, line.len - name_len - 1));
	if (!ouro_is_field_value(field.value))
		return fail(p, at, "a field of a part has control characters");
	if (p->field_count == OURO_MULTIPART_FIELDS_MAX)
		return fail_limit(p, at, "a part has too many fields");
	p->fields[p->field_count++] = field;
	return OURO_MULTIPART_MORE;
}

/* A line of the header has come to its LF. */
static enum ouro_multipart_event end_line(struct ouro_multipart_parser *p)
{
	struct ouro_str line = ouro_str(p->header + p->line_offset, p->header_len - p->line_offset);

	if (line.len < CRLF_BYTES || line.ptr[line.len - CRLF_BYTES] != '\r')
		return fail(p, p->body_bytes - 1, "a line of a part's header ends in LF alone");
	line.len -= CRLF_BYTES;
	p->line_offset = p->header_len;
	return line.len > 0 ? add_field(p, line) : end_header(p);
}

static void begin_header(struct ouro_multipart_parser *p)
{
	p->state = STATE_HEADER;
	p->header_at = p->body_bytes;
	p->header_len = 0;
	p->line_offset = 0;
	p->field_count = 0;
	p->name = p->filename = (struct ouro_param){ 0 };
	p->content_type = (struct ouro_str){ 0 };
}

static enum ouro_multipart_event step_header(struct ouro_multipart_parser *p,
					     struct ouro_str *piece)
{
	const char *lf = memchr(piece->ptr, '\n', piece->len);
	size_t len = lf ? (size_t)(lf - piece->ptr) + 1 : piece->len;
	size_t room = p->header_max - p->header_len;

	if (len > room)
		return fail_limit(p, p->body_bytes + room, "the header of a part is too large");
	memcpy(p->header + p->header_len, piece->ptr, len);
	p->header_len += (uint32_t)len;
	take(p, piece, len);
	return lf ? end_line(p) : OURO_MULTIPART_MORE;
}

/* ---- The lines of boundaries ---- */

/* A byte that may be a blank or begin the line's end, in which case @next is the state. */
static enum ouro_multipart_event step_padding(struct ouro_multipart_parser *p, char c,
					      enum state next)
{
	if (c == '\r') {
		p->state = (uint8_t)next;
		return OURO_MULTIPART_MORE;
	}
	if (c == '\n')
		return fail(p, p->body_bytes - 1, "the line of a boundary ends in LF alone");
	if (c != ' ' && c != '\t')
		return fail(p, p->body_bytes - 1, "something is behind a boundary");
	if (++p->outside_bytes > OURO_MULTIPART_PADDING_MAX)
		return fail_limit(p, p->body_bytes - 1, "too many blanks are behind a boundary");
	return OURO_MULTIPART_MORE;
}

static enum ouro_multipart_event step_lf(struct ouro_multipart_parser *p, char c, bool closed)
{
	if (c != '\n')
		return fail(p, p->body_bytes - 1, "the line of a boundary ends in CR alone");
	if (closed) {
		p->state = STATE_EPILOGUE;
		p->outside_bytes = 0;
	} else {
		begin_header(p);
	}
	return OURO_MULTIPART_MORE;
}

/* Takes one byte of the line that a boundary is on. */
static enum ouro_multipart_event step_boundary(struct ouro_multipart_parser *p,
					       struct ouro_str *piece)
{
	enum state state = (enum state)p->state;
	char c = piece->ptr[0];

	take(p, piece, 1);
	if (state == STATE_BOUNDARY) {
		p->state = c == '-' ? STATE_HYPHEN : STATE_PADDING;
		return c == '-' ? OURO_MULTIPART_MORE : step_padding(p, c, STATE_LF);
	}
	if (state == STATE_PADDING)
		return step_padding(p, c, STATE_LF);
	if (state == STATE_CLOSED)
		return step_padding(p, c, STATE_CLOSED_LF);
	if (state == STATE_LF || state == STATE_CLOSED_LF)
		return step_lf(p, c, state == STATE_CLOSED_LF);
	assert(state == STATE_HYPHEN);
	if (c != '-')
		return fail(p, p->body_bytes - 1, "something is behind a boundary");
	p->state = STATE_CLOSED;
	return OURO_MULTIPART_MORE;
}

/* ---- Outside of parts, and within ---- */

static enum ouro_multipart_event step_preamble(struct ouro_multipart_parser *p,
					       struct ouro_str *piece)
{
	struct ouro_str plain = take_plain(p, piece);

	if (plain.len > OURO_MULTIPART_OUTSIDE_BYTES_MAX - p->outside_bytes)
		return fail(p, OURO_MULTIPART_OUTSIDE_BYTES_MAX, "no boundary is at the beginning");
	p->outside_bytes += (uint32_t)plain.len;
	if (plain.len == 0 && is_matched(p))
		pass_delimiter(p);
	return OURO_MULTIPART_MORE;
}

static enum ouro_multipart_event step_epilogue(struct ouro_multipart_parser *p,
					       struct ouro_str *piece)
{
	size_t room = OURO_MULTIPART_OUTSIDE_BYTES_MAX - p->outside_bytes;

	if (piece->len > room)
		return fail_limit(p, p->body_bytes + room, "too much is behind the last boundary");
	p->outside_bytes += (uint32_t)piece->len;
	take(p, piece, piece->len);
	return OURO_MULTIPART_MORE;
}

static enum ouro_multipart_event step_data(struct ouro_multipart_parser *p, struct ouro_str *piece,
					   struct ouro_str *data)
{
	struct ouro_str plain = take_plain(p, piece);

	if (plain.len > 0) {
		*data = plain;
		return OURO_MULTIPART_DATA;
	}
	if (!is_matched(p))
		return OURO_MULTIPART_MORE;
	pass_delimiter(p);
	return OURO_MULTIPART_PART_END;
}

static enum ouro_multipart_event step(struct ouro_multipart_parser *p, struct ouro_str *piece,
				      struct ouro_str *data)
{
	switch ((enum state)p->state) {
	case STATE_PREAMBLE:
		return step_preamble(p, piece);
	case STATE_BOUNDARY:
	case STATE_PADDING:
	case STATE_LF:
	case STATE_HYPHEN:
	case STATE_CLOSED:
	case STATE_CLOSED_LF:
		return step_boundary(p, piece);
	case STATE_HEADER:
		return step_header(p, piece);
	case STATE_DATA:
		return step_data(p, piece, data);
	case STATE_EPILOGUE:
		return step_epilogue(p, piece);
	case STATE_BAD:
		break;
	}
	return OURO_MULTIPART_BAD;
}

/* A delimiter that is matched when the piece ends is an event that is still to be told. */
static bool is_pending(const struct ouro_multipart_parser *p)
{
	return p->state == STATE_DATA && is_matched(p);
}

enum ouro_multipart_event ouro_multipart_parse(struct ouro_multipart_parser *p,
					       struct ouro_str *piece, struct ouro_str *data)
{
	enum ouro_multipart_event event = OURO_MULTIPART_MORE;

	if (p->state == STATE_BAD)
		return OURO_MULTIPART_BAD;
	while (event == OURO_MULTIPART_MORE && (piece->len > 0 || is_pending(p)))
		event = step(p, piece, data);
	return event;
}

bool ouro_multipart_finish(struct ouro_multipart_parser *p)
{
	const char *reason = "the body ends within the line of a boundary";

	switch ((enum state)p->state) {
	case STATE_CLOSED:
	case STATE_EPILOGUE:
		return true;
	case STATE_PREAMBLE:
		/* It may have ended right behind the first boundary. */
		if (!is_matched(p))
			reason = "the body ends before its first boundary";
		break;
	case STATE_HEADER:
		reason = "the body ends within the header of a part";
		break;
	case STATE_DATA:
		reason = "the body ends within a part";
		break;
	case STATE_BOUNDARY:
	case STATE_PADDING:
	case STATE_LF:
	case STATE_HYPHEN:
	case STATE_CLOSED_LF:
		break;
	case STATE_BAD:
		return false;
	}
	fail(p, p->body_bytes, reason);
	return false;
}

/* ---- Names ---- */

/* What the escape at the front of @text stands for, and its length; 0: there is none. */
static size_t read_escape(struct ouro_str text, char *c)
{
	static const struct {
		char text[4];
		char c;
	} escapes[] = { { "%22", '"' }, { "%0d", '\r' }, { "%0a", '\n' } };

	if (text.len >= 2 && text.ptr[0] == '\\' && (text.ptr[1] == '"' || text.ptr[1] == '\\')) {
		*c = text.ptr[1];
		return 2;
	}
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]) && text.len >= 3; i++)
		if (ouro_str_eq_nocase(ouro_str(text.ptr, 3), ouro_str(escapes[i].text, 3))) {
			*c = escapes[i].c;
			return 3;
		}
	return 0;
}

size_t ouro_multipart_text(const struct ouro_param *param, char *out)
{
	struct ouro_str rest = param->value;
	size_t len = 0;

	while (rest.len > 0) {
		size_t taken = param->quoted ? read_escape(rest, &out[len]) : 0;

		if (taken == 0) {
			out[len] = rest.ptr[0];
			taken = 1;
		}
		len++;
		rest = ouro_str(rest.ptr + taken, rest.len - taken);
	}
	return len;
}
