/* One pattern, taken apart: see router/pattern.h. */
#include "router/pattern.h"

#include "base/str.h"

#include <assert.h>

static_assert(OURO_ROUTER_PATTERN_BYTES_MAX <= UINT16_MAX, "offsets in segments");

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

static const char *check_static(struct ouro_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '{' || c == '}')
			return "a parameter is a whole segment, {name}";
		if (c <= ' ' || c >= 0x7f || c == '?' || c == '#')
			return "a character that no path has";
		if (c == '%' &&
		    (text.len - i < 3 || !is_hex(text.ptr[i + 1]) || !is_hex(text.ptr[i + 2])))
			return "a malformed percent-escape";
	}
	return NULL;
}

static const char *check_param(const struct ouro_pattern *pattern, struct ouro_str name)
{
	if (name.len == 0)
		return "a parameter without a name";
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return "a parameter's name is letters, digits, hyphens, underscores";
	for (uint32_t i = 0; i < pattern->count; i++)
		if (pattern->segments[i].is_param &&
		    ouro_str_eq(ouro_pattern_segment(pattern, i), name))
			return "two parameters of one name";
	if (pattern->param_count == OURO_ROUTER_PARAMS_MAX)
		return "too many parameters";
	return NULL;
}

static const char *add_segment(struct ouro_pattern *pattern, struct ouro_str text)
{
	bool is_param = text.len >= 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}';
	const char *wrong;

	if (pattern->count == OURO_ROUTER_SEGMENTS_MAX)
		return "too many segments";
	if (is_param)
		text = ouro_str(text.ptr + 1, text.len - 2);
	wrong = is_param ? check_param(pattern, text) : check_static(text);
	if (wrong)
		return wrong;
	pattern->segments[pattern->count++] = (struct ouro_segment){
		.offset = (uint16_t)(text.ptr - pattern->text.ptr),
		.len = (uint16_t)text.len,
		.is_param = is_param,
	};
	pattern->param_count += is_param;
	return NULL;
}

const char *ouro_pattern_parse(struct ouro_pattern *pattern, struct ouro_str text)
{
	const char *end = text.ptr + text.len;
	const char *wrong = NULL;

	if (text.len == 0 || text.ptr[0] != '/')
		return "a pattern begins with a slash";
	if (text.len > OURO_ROUTER_PATTERN_BYTES_MAX)
		return "too long";
	pattern->text = text;
	pattern->count = 0;
	pattern->param_count = 0;
	for (const char *at = text.ptr; !wrong && at < end;) {
		const char *start = ++at;

		while (at < end && *at != '/')
			at++;
		wrong = add_segment(pattern, ouro_str(start, (size_t)(at - start)));
	}
	return wrong;
}

int ouro_pattern_compare_at(const struct ouro_pattern *a, const struct ouro_pattern *b,
			    uint32_t index)
{
	struct ouro_str one, other;

	if (index >= a->count || index >= b->count)
		return (index < a->count) - (index < b->count);
	if (a->segments[index].is_param || b->segments[index].is_param)
		return a->segments[index].is_param - b->segments[index].is_param;
	one = ouro_pattern_segment(a, index);
	other = ouro_pattern_segment(b, index);
	if (one.len != other.len)
		return one.len < other.len ? -1 : 1;
	return memcmp(one.ptr, other.ptr, one.len);
}

int ouro_pattern_compare(const struct ouro_pattern *a, const struct ouro_pattern *b)
{
	uint32_t count = a->count > b->count ? a->count : b->count;
	int order = 0;

	for (uint32_t i = 0; !order && i < count; i++)
		order = ouro_pattern_compare_at(a, b, i);
	return order;
}
