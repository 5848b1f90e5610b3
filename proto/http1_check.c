/* What a complete head means, and whether it may: see ouro_http1_check_head(). The order of the
 * checks is the order in which a bad request is told its faults: the request line, the fields one
 * by one, then what they say together; what is malformed before what is only not wanted here. */
#include "base/str.h"
#include "proto/authority.h"
#include "proto/http1_parse.h"
#include "proto/http1_phase.h"
#include "proto/token.h"

static_assert(OURO_FIELD_COUNT <= 64, "known fields are a mask of 64 bits");

/* What the fields of one head add up to. */
struct facts {
	uint32_t host_count;
	uint32_t length_count;
	uint32_t coding_count;  /* elements of Transfer-Encoding */
	uint32_t chunked_count; /* those that are "chunked" */
	bool coding_line;       /* there is a Transfer-Encoding */
	bool chunked_last;      /* "chunked" is the last of its elements */
	bool close;             /* options of Connection */
	bool keep_alive;
	bool upgrade;
	bool upgrade_line; /* there is an Upgrade that names something */
	bool expect_continue;
	bool expect_other;
};

static uint32_t end_of(struct ouro_span span)
{
	return span.offset + span.len;
}

static enum ouro_parse check_version(struct ouro_http1_parser *p, const char *head)
{
	static const char version[] = " HTTP/1.1\r\n";
	uint32_t end = end_of(p->target);
	uint32_t line_end = p->field_count > 0 ? p->fields[0].name.offset : p->head_bytes - 2;

	/* RFC 9112, 3: single spaces and HTTP. llhttp skips any number of spaces, takes a line
	 * without a version for HTTP/0.9, and takes RTSP with methods that both have. */
	if (line_end - end != sizeof(version) - 1 || memcmp(head + end, version, 6) != 0)
		return ouro_http1_fail(p, 400, "malformed request line");
	if (p->llhttp.http_major != 1)
		return ouro_http1_fail(p, 505, "unknown version");
	p->version_minor = p->llhttp.http_minor;
	return OURO_PARSE_DONE;
}

/* Returns the index of the first question mark or number sign, or one that is not less than @len.
 * Reads eight bytes at a time, up to seven behind the end; behind a target lie more than that. */
static size_t find_mark(const char *at, size_t len)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	size_t i = 0;

	for (; i < len; i += 8) {
		uint64_t word, question, number;

		memcpy(&word, at + i, sizeof(word));
		question = word ^ ones * '?';
		number = word ^ ones * '#';
		/* A byte that is neither may pass for one, if it is beyond ASCII or behind one that
		 * is; none is missed. */
		if (((question - ones) | (number - ones)) & highs)
			break;
	}
	for (; i < len; i++)
		if (at[i] == '?' || at[i] == '#')
			break;
	return i;
}

/* Finds path and query in the rest of the target, from @offset on. */
static enum ouro_parse split_target(struct ouro_http1_parser *p, const char *head, uint32_t offset)
{
	uint32_t end = end_of(p->target);
	uint32_t len = end - offset;
	uint32_t mark = (uint32_t)find_mark(head + offset, len);

	if (mark >= len) {
		p->path = (struct ouro_span){ offset, len };
		p->query = (struct ouro_span){ 0, 0 };
		return OURO_PARSE_DONE;
	}
	p->path = (struct ouro_span){ offset, mark };
	offset += mark;
	/* RFC 9112, 3.2: a fragment is no part of a target. */
	if (head[offset] != '?')
		return ouro_http1_fail(p, 400, "malformed request target");
	offset++;
	p->query = (struct ouro_span){ offset, end - offset };
	/* More question marks are part of the query (RFC 3986, 3.4). */
	for (; offset < end; offset++) {
		offset += (uint32_t)find_mark(head + offset, end - offset);
		if (offset < end && head[offset] != '?')
			return ouro_http1_fail(p, 400, "malformed request target");
	}
	return OURO_PARSE_DONE;
}

/* http://host:port/path?query; behind the authority all may be missing. */
static enum ouro_parse check_absolute(struct ouro_http1_parser *p, const char *head)
{
	struct ouro_str target = ouro_http1_value(head, p->target);
	uint32_t start, offset, end = end_of(p->target);

	if (target.len > 7 && ouro_str_eq_nocase(ouro_str(target.ptr, 7), OURO_STR("http://")))
		start = p->target.offset + 7;
	else if (target.len > 8 &&
		 ouro_str_eq_nocase(ouro_str(target.ptr, 8), OURO_STR("https://")))
		start = p->target.offset + 8;
	else
		return ouro_http1_fail(p, 400, "malformed request target");
	offset = start;
	while (offset < end && head[offset] != '/' && head[offset] != '?')
		offset++;
	p->form = OURO_TARGET_ABSOLUTE;
	p->host = (struct ouro_span){ start, offset - start };
	if (!ouro_authority_check(ouro_http1_value(head, p->host)))
		return ouro_http1_fail(p, 400, "malformed request target");
	return split_target(p, head, offset);
}

static enum ouro_parse check_target(struct ouro_http1_parser *p, const char *head)
{
	struct ouro_str target = ouro_http1_value(head, p->target);

	if (p->method == HTTP_CONNECT) {
		p->form = OURO_TARGET_AUTHORITY;
		p->host = p->target;
		p->path = (struct ouro_span){ p->target.offset, 0 };
		p->query = (struct ouro_span){ 0, 0 };
		/* RFC 9110, 9.3.6: there is no default port. */
		if (ouro_authority_check(target) != OURO_AUTHORITY_HOST_PORT)
			return ouro_http1_fail(p, 400, "malformed request target");
		return OURO_PARSE_DONE;
	}
	p->host = (struct ouro_span){ 0, 0 };
	if (target.ptr[0] == '/') {
		p->form = OURO_TARGET_ORIGIN;
		return split_target(p, head, p->target.offset);
	}
	if (target.ptr[0] != '*')
		return check_absolute(p, head);
	p->form = OURO_TARGET_ASTERISK;
	p->path = (struct ouro_span){ p->target.offset, 0 };
	p->query = (struct ouro_span){ 0, 0 };
	if (target.len != 1 || p->method != HTTP_OPTIONS)
		return ouro_http1_fail(p, 400, "malformed request target");
	return OURO_PARSE_DONE;
}

/* Whether @host is right, as ouro_authority_check() says, or said of the same one before. */
static bool host_is_right(struct ouro_http1_last_host *last, struct ouro_str host)
{
	if (last && last->len == host.len && memcmp(last->bytes, host.ptr, host.len) == 0)
		return true;
	if (!ouro_authority_check(host))
		return false;
	if (last && host.len <= sizeof(last->bytes)) {
		memcpy(last->bytes, host.ptr, host.len);
		last->len = (uint8_t)host.len;
	}
	return true;
}

static enum ouro_parse read_host(struct ouro_http1_parser *p, const char *head,
				 struct ouro_span value, struct facts *facts)
{
	/* RFC 9112, 3.2: exactly one, and valid even where the target overrides it. It may be
	 * empty, which is not valid anywhere else. */
	if (facts->host_count++ > 0)
		return ouro_http1_fail(p, 400, "more than one Host");
	if (value.len > 0 && !host_is_right(p->limits->last_host, ouro_http1_value(head, value)))
		return ouro_http1_fail(p, 400, "malformed Host");
	if (p->form == OURO_TARGET_ORIGIN || p->form == OURO_TARGET_ASTERISK)
		p->host = value;
	return OURO_PARSE_DONE;
}

static enum ouro_parse read_length(struct ouro_http1_parser *p, struct ouro_str value,
				   struct facts *facts)
{
	/* RFC 9112, 6.3: repeated lengths may be smuggling, even where they agree. */
	if (facts->length_count++ > 0 || ouro_str_to_u64(value, &p->content_length))
		return ouro_http1_fail(p, 400, "malformed Content-Length");
	return OURO_PARSE_DONE;
}

/* Takes the next element off the front of a comma-separated list (RFC 9110, 5.6.1). It may be
 * empty. */
static struct ouro_str next_element(struct ouro_str *list)
{
	const char *comma = memchr(list->ptr, ',', list->len);
	size_t len = comma ? (size_t)(comma - list->ptr) : list->len;
	size_t step = comma ? len + 1 : len;
	struct ouro_str element = ouro_str_trim(ouro_str(list->ptr, len));

	*list = ouro_str(list->ptr + step, list->len - step);
	return element;
}

static enum ouro_parse read_codings(struct ouro_http1_parser *p, struct ouro_str list,
				    struct facts *facts)
{
	facts->coding_line = true;
	while (list.len > 0) {
		struct ouro_str coding = next_element(&list);
		const char *parameters;

		if (coding.len == 0)
			continue;
		facts->coding_count++;
		facts->chunked_last = ouro_str_eq_nocase(coding, OURO_STR("chunked"));
		facts->chunked_count += facts->chunked_last;
		parameters = memchr(coding.ptr, ';', coding.len);
		if (parameters)
			coding.len = (size_t)(parameters - coding.ptr);
		if (!ouro_is_token(ouro_str_trim(coding)))
			return ouro_http1_fail(p, 400, "malformed Transfer-Encoding");
	}
	return OURO_PARSE_DONE;
}

static void read_connection(struct ouro_str list, struct facts *facts)
{
	while (list.len > 0) {
		struct ouro_str option = next_element(&list);

		facts->close |= ouro_str_eq_nocase(option, OURO_STR("close"));
		facts->keep_alive |= ouro_str_eq_nocase(option, OURO_STR("keep-alive"));
		facts->upgrade |= ouro_str_eq_nocase(option, OURO_STR("upgrade"));
	}
}

static void read_expect(struct ouro_str list, struct facts *facts)
{
	while (list.len > 0) {
		struct ouro_str expectation = next_element(&list);

		if (ouro_str_eq_nocase(expectation, OURO_STR("100-continue")))
			facts->expect_continue = true;
		else if (expectation.len > 0)
			facts->expect_other = true;
	}
}

static enum ouro_parse read_field(struct ouro_http1_parser *p, const char *head,
				  const struct ouro_http1_field *field, struct facts *facts)
{
	struct ouro_str value = ouro_http1_value(head, field->value);

	switch (field->known) {
	case OURO_FIELD_HOST:
		return read_host(p, head, field->value, facts);
	case OURO_FIELD_CONTENT_LENGTH:
		return read_length(p, value, facts);
	case OURO_FIELD_TRANSFER_ENCODING:
		return read_codings(p, value, facts);
	case OURO_FIELD_CONNECTION:
		read_connection(value, facts);
		break;
	case OURO_FIELD_EXPECT:
		read_expect(value, facts);
		break;
	case OURO_FIELD_UPGRADE:
		facts->upgrade_line |= value.len > 0;
		break;
	}
	return OURO_PARSE_DONE;
}

static enum ouro_parse check_fields(struct ouro_http1_parser *p, const char *head,
				    struct facts *facts)
{
	if (p->field_count > p->limits->fields_max)
		return ouro_http1_fail(p, 431, "too many fields");
	p->known = 0;
	for (uint32_t i = 0; i < p->field_count; i++) {
		struct ouro_http1_field *field = &p->fields[i];
		struct ouro_span *value = &field->value;

		/* llhttp leaves out white space before a value, but not behind it. */
		if (value->len == 0)
			value->offset = end_of(field->name) + 1;
		while (value->len > 0 &&
		       (head[end_of(*value) - 1] == ' ' || head[end_of(*value) - 1] == '\t'))
			value->len--;
		if (!p->numbered)
			field->known =
				(uint16_t)ouro_field_lookup(ouro_http1_value(head, field->name));
		p->known |= UINT64_C(1) << field->known;
		if (read_field(p, head, field, facts) == OURO_PARSE_BAD)
			return OURO_PARSE_BAD;
	}
	return OURO_PARSE_DONE;
}

/* RFC 9112, 6.3, as strict as it allows: a message whose length two readers may take differently
 * is how requests are smuggled. */
static enum ouro_parse check_framing(struct ouro_http1_parser *p, const struct facts *facts)
{
	p->chunked = facts->coding_line;
	if (facts->length_count == 0)
		p->content_length = 0;
	p->has_body = p->chunked || p->content_length > 0;
	if (facts->coding_line) {
		if (facts->length_count > 0)
			return ouro_http1_fail(p, 400, "Content-Length with Transfer-Encoding");
		if (p->version_minor == 0)
			return ouro_http1_fail(p, 400, "Transfer-Encoding in HTTP/1.0");
		if (!facts->chunked_last || facts->chunked_count > 1)
			return ouro_http1_fail(p, 400, "malformed Transfer-Encoding");
		if (facts->coding_count > 1)
			return ouro_http1_fail(p, 501, "unknown transfer coding");
	}
	if (p->content_length > p->limits->body_bytes_max)
		return ouro_http1_fail(p, 413, "body too large");
	return OURO_PARSE_DONE;
}

/* Makes ready for what follows the head. */
static void begin_body(struct ouro_http1_parser *p)
{
	p->body_bytes = 0;
	p->body_bytes_max = p->limits->body_bytes_max;
	p->body_left = p->content_length;
	if (!p->has_body)
		ouro_http1_enter(p, OURO_HTTP1_DONE);
	else if (!p->chunked)
		ouro_http1_enter(p, OURO_HTTP1_COUNTED);
	else
		ouro_http1_begin_chunks(p);
}

enum ouro_parse ouro_http1_check_head(struct ouro_http1_parser *p, const char *head)
{
	struct facts facts = { 0 };

	assert(p->phase == OURO_HTTP1_CHECK);
	if (check_version(p, head) == OURO_PARSE_BAD || check_target(p, head) == OURO_PARSE_BAD ||
	    check_fields(p, head, &facts) == OURO_PARSE_BAD)
		return OURO_PARSE_BAD;
	if (facts.host_count == 0 && p->version_minor >= 1)
		return ouro_http1_fail(p, 400, "no Host");
	if (check_framing(p, &facts) == OURO_PARSE_BAD)
		return OURO_PARSE_BAD;
	/* RFC 9110, 10.1.1: expectations of HTTP/1.0 are ignored; so is one without a body. */
	if (facts.expect_other && p->version_minor >= 1)
		return ouro_http1_fail(p, 417, "unknown expectation");
	p->expects_continue = facts.expect_continue && p->version_minor >= 1 && p->has_body;
	p->keep_alive = !facts.close && (p->version_minor >= 1 || facts.keep_alive);
	/* RFC 9110, 7.8: an upgrade in HTTP/1.0 is ignored. */
	p->upgrade = facts.upgrade && facts.upgrade_line && p->version_minor >= 1;
	begin_body(p);
	return OURO_PARSE_DONE;
}

struct ouro_str ouro_http1_path(const struct ouro_http1_parser *p, const char *head)
{
	/* RFC 9110, 4.2.3: no path means the same as "/". */
	if (p->form == OURO_TARGET_ABSOLUTE && p->path.len == 0)
		return OURO_STR("/");
	return ouro_http1_value(head, p->path);
}

int ouro_http1_find(const struct ouro_http1_parser *p, enum ouro_field id, int previous)
{
	if (!(p->known >> id & 1))
		return -1;
	for (uint32_t i = (uint32_t)(previous + 1); i < p->field_count; i++)
		if (p->fields[i].known == id)
			return (int)i;
	return -1;
}

int ouro_http1_find_name(const struct ouro_http1_parser *p, const char *head, struct ouro_str name,
			 int previous)
{
	for (uint32_t i = (uint32_t)(previous + 1); i < p->field_count; i++)
		if (ouro_str_eq_nocase(ouro_http1_value(head, p->fields[i].name), name))
			return (int)i;
	return -1;
}
