/* Paths of named routes: see router/url.h. */
#include "router/url.h"

#include "base/str.h"
#include "router/match.h"
#include "router/path.h"

#include <errno.h>

/* Where the path is written. What has no room is only counted. */
struct writer {
	char *out;
	size_t room;
	size_t len;
};

static void put(struct writer *writer, char c)
{
	if (writer->len < writer->room)
		writer->out[writer->len] = c;
	writer->len++;
}

/* A character of a path that stands for itself (RFC 3986, 3.3: pchar). */
static bool needs_no_escape(char c)
{
	return ouro_path_is_unreserved((unsigned char)c) || (c && strchr("!$&'()*+,;=:@", c));
}

static void put_encoded(struct writer *writer, struct ouro_str value, bool keeps_slashes)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.len; i++) {
		unsigned char byte = (unsigned char)value.ptr[i];

		if (needs_no_escape(value.ptr[i]) || (keeps_slashes && byte == '/')) {
			put(writer, value.ptr[i]);
			continue;
		}
		put(writer, '%');
		put(writer, digits[byte >> 4]);
		put(writer, digits[byte & 15]);
	}
}

/* Clients and we ourselves take these out of a path, also where they are escaped. */
static bool has_dot_segment(struct ouro_str value)
{
	const char *end = value.ptr + value.len, *slash;

	for (const char *at = value.ptr; at < end; at = slash + 1) {
		struct ouro_str segment;

		slash = memchr(at, '/', (size_t)(end - at));
		if (!slash)
			slash = end;
		segment = ouro_str(at, (size_t)(slash - at));
		if (ouro_str_eq(segment, OURO_STR(".")) || ouro_str_eq(segment, OURO_STR("..")))
			return true;
	}
	return false;
}

static const struct ouro_url_param *find_param(const struct ouro_url_param *params, size_t count,
					       struct ouro_str name)
{
	for (size_t i = 0; i < count; i++)
		if (ouro_str_eq(params[i].name, name))
			return &params[i];
	return NULL;
}

static int check_test(const struct ouro_table_part *part, struct ouro_str value)
{
	struct ouro_router_scratch *scratch = NULL;
	bool passes;

	if (part->kind == OURO_SEGMENT_REGEX) {
		scratch = ouro_regex_scratch_create();
		if (!scratch)
			return -ENOMEM;
	}
	passes = ouro_table_test_passes(part->kind, part->regex, value, scratch);
	ouro_router_scratch_destroy(scratch);
	return passes ? 0 : -EINVAL;
}

static int put_param(struct writer *writer, const struct ouro_table_part *part,
		     struct ouro_str value)
{
	size_t start = writer->len;

	if (value.len == 0)
		return part->kind == OURO_SEGMENT_TAIL ? 0 : -EINVAL;
	if (has_dot_segment(value))
		return -EINVAL;
	put_encoded(writer, value, part->kind == OURO_SEGMENT_TAIL);
	if (writer->len > writer->room)
		return -ENOBUFS;
	return check_test(part, ouro_str(writer->out + start, writer->len - start));
}

static const struct ouro_table_url *find_url(const struct ouro_table *table, struct ouro_str name)
{
	for (uint32_t i = 0; i < table->url_count; i++)
		if (ouro_str_eq(table->urls[i].name, name))
			return &table->urls[i];
	return NULL;
}

ssize_t ouro_table_url(const struct ouro_table *table, struct ouro_str name,
		       const struct ouro_url_param *params, size_t count, char *out, size_t room)
{
	const struct ouro_table_url *url = find_url(table, name);
	struct writer writer = { .out = out, .room = room };

	if (!url)
		return -ENOENT;
	/* None more than the path has, and each of the path is looked for: so none is twice. */
	if (count != url->param_count)
		return -EINVAL;
	for (uint32_t i = 0; i < url->part_count; i++) {
		const struct ouro_table_part *part = &table->parts[url->first_part + i];
		const struct ouro_url_param *param;
		int err;

		put(&writer, '/');
		if (part->kind == OURO_SEGMENT_STATIC) {
			for (size_t j = 0; j < part->text.len; j++)
				put(&writer, part->text.ptr[j]);
			continue;
		}
		param = find_param(params, count, part->text);
		err = param ? put_param(&writer, part, param->value) : -EINVAL;
		if (err)
			return err;
	}
	return writer.len <= room ? (ssize_t)writer.len : -ENOBUFS;
}
