/* One pattern, taken apart: see router/pattern.h. */
#include "router/pattern.h"

#include "base/str.h"
#include "router/path.h"

static const char whole_segment[] = "a parameter is a whole segment, {name}";

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

const char *ouro_pattern_check_name(struct ouro_str name)
{
	if (name.len == 0)
		return "a parameter without a name";
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return "a parameter's name is letters, digits, hyphens, underscores";
	return NULL;
}

static const char *parse_static(struct ouro_segment *segment, struct ouro_str text, char *canonical)
{
	ssize_t len;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '{' || c == '}')
			return whole_segment;
		if (c <= ' ' || c >= 0x7f || c == '?' || c == '#')
			return "a character that no path has";
	}
	len = ouro_path_canonical_escapes(text, canonical);
	if (len < 0)
		return "a malformed percent-escape";
	*segment = (struct ouro_segment){ .kind = OURO_SEGMENT_STATIC,
					  .text = { canonical, (size_t)len } };
	return NULL;
}

/* Two parameters in one segment would else pass for one with a strange expression. */
static bool has_balanced_braces(struct ouro_str text)
{
	int depth = 0;

	for (size_t i = 0; i < text.len && depth >= 0; i++) {
		if (text.ptr[i] == '\\')
			i++;
		else
			depth += (text.ptr[i] == '{') - (text.ptr[i] == '}');
	}
	return depth == 0;
}

static const char *parse_type(struct ouro_segment *segment, struct ouro_str text)
{
	static const struct ouro_str types[] = {
		[OURO_SEGMENT_U64] = { "u64", 3 },
		[OURO_SEGMENT_I64] = { "i64", 3 },
		[OURO_SEGMENT_UUID] = { "uuid", 4 },
	};

	for (unsigned kind = OURO_SEGMENT_U64; kind <= OURO_SEGMENT_UUID; kind++) {
		if (ouro_str_eq(types[kind], text)) {
			segment->kind = (enum ouro_segment_kind)kind;
			return NULL;
		}
	}
	if (text.len == 0)
		return "an empty expression";
	if (!has_balanced_braces(text))
		return whole_segment;
	segment->kind = OURO_SEGMENT_REGEX;
	segment->text = text;
	return NULL;
}

/* @text is what stands between the braces. */
static const char *parse_param(struct ouro_segment *segment, struct ouro_str text)
{
	const char *colon = memchr(text.ptr, ':', text.len);
	size_t name_len = colon ? (size_t)(colon - text.ptr) : text.len;
	const char *wrong = NULL;

	*segment = (struct ouro_segment){ .kind = OURO_SEGMENT_PARAM };
	if (colon) {
		wrong = parse_type(segment,
				   ouro_str(colon + 1, (size_t)(text.ptr + text.len - colon - 1)));
	} else if (text.len >= 3 && memcmp(text.ptr + text.len - 3, "...", 3) == 0) {
		segment->kind = OURO_SEGMENT_TAIL;
		name_len -= 3;
	}
	segment->name = ouro_str(text.ptr, name_len);
	return wrong ? wrong : ouro_pattern_check_name(segment->name);
}

static const char *check_params(const struct ouro_pattern *pattern)
{
	const struct ouro_segment *last = &pattern->segments[pattern->count];

	for (uint32_t i = 0; i < pattern->count; i++)
		if (ouro_str_eq(pattern->segments[i].name, last->name))
			return "two parameters of one name";
	if (pattern->param_count == OURO_ROUTER_PARAMS_MAX)
		return "too many parameters";
	return NULL;
}

static const char *add_segment(struct ouro_pattern *pattern, struct ouro_str text, char *canonical)
{
	bool opens = text.len > 0 && text.ptr[0] == '{';
	bool closes = text.len > 1 && text.ptr[text.len - 1] == '}';
	struct ouro_segment *segment = &pattern->segments[pattern->count];
	const char *wrong;

	if (pattern->count == OURO_ROUTER_SEGMENTS_MAX)
		return "too many segments";
	if (pattern->count > 0 && segment[-1].kind == OURO_SEGMENT_TAIL)
		return "a tail comes last";
	if (opens && !closes && memchr(text.ptr, ':', text.len))
		return "a parameter is a whole segment, and no slash may be in an expression";
	if (!opens || !closes) {
		wrong = parse_static(segment, text, canonical);
	} else {
		wrong = parse_param(segment, ouro_str(text.ptr + 1, text.len - 2));
		if (!wrong)
			wrong = check_params(pattern);
		pattern->param_count++;
	}
	pattern->count++;
	return wrong;
}

const char *ouro_pattern_parse(struct ouro_pattern *pattern, struct ouro_str text, char *canonical)
{
	const char *end = text.ptr + text.len;
	const char *wrong = NULL;

	if (text.len == 0 || text.ptr[0] != '/')
		return "a pattern begins with a slash";
	if (text.len > OURO_ROUTER_PATTERN_BYTES_MAX)
		return "too long";
	pattern->count = 0;
	pattern->param_count = 0;
	for (const char *at = text.ptr; !wrong && at < end;) {
		const char *start = ++at;

		while (at < end && *at != '/')
			at++;
		wrong = add_segment(pattern, ouro_str(start, (size_t)(at - start)),
				    canonical + (start - text.ptr));
	}
	return wrong;
}
