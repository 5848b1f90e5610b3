/* Ranges of bytes: see proto/range.h. */
#include "proto/range.h"

#include "base/str.h"
#include "proto/token.h"

#include <assert.h>
#include <errno.h>

/* What is left of the value. */
struct cursor {
	const char *at, *end;
};

/* What the elements have come to so far. */
struct set {
	struct ouro_range *out;
	size_t max, count;
	bool has_element;
	bool has_empty_end; /* a suffix of a representation without bytes */
};

/* Takes the unit and the equals sign. SOME: it is ours. */
static enum ouro_ranges take_unit(struct cursor *cursor)
{
	const char *begin = cursor->at;

	while (cursor->at < cursor->end && ouro_is_token_char(*cursor->at))
		cursor->at++;
	if (cursor->at == begin || cursor->at == cursor->end || *cursor->at != '=')
		return OURO_RANGES_MALFORMED;
	/* Names of units are compared without regard to case (RFC 9110, 14.1). */
	if (!ouro_str_eq_nocase(ouro_str(begin, (size_t)(cursor->at - begin)), OURO_STR("bytes")))
		return OURO_RANGES_IGNORED;
	cursor->at++;
	return OURO_RANGES_SOME;
}

static bool take(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static void skip_blanks(struct cursor *cursor)
{
	while (take(cursor, ' ') || take(cursor, '\t'))
		;
}

/* Takes all digits; false where there is none. What does not fit becomes UINT64_MAX, where no
 * representation has a byte. */
static bool take_number(struct cursor *cursor, uint64_t *value)
{
	const char *begin = cursor->at;
	uint64_t sum = 0;

	for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
		unsigned digit = (unsigned)(*cursor->at - '0');

		sum = sum > (UINT64_MAX - digit) / 10 ? UINT64_MAX : sum * 10 + digit;
	}
	*value = sum;
	return cursor->at > begin;
}

/* "500-999" or "500-". 1, or 0 where it is beyond @length. */
static int take_positions(struct cursor *cursor, uint64_t length, struct ouro_range *range)
{
	uint64_t first, last;

	if (!take_number(cursor, &first) || !take(cursor, '-'))
		return -EINVAL;
	if (!take_number(cursor, &last))
		last = UINT64_MAX;
	if (last < first)
		return -EINVAL;
	if (first >= length)
		return 0;
	*range = (struct ouro_range){ first, last < length ? last : length - 1 };
	return 1;
}

/* What is behind the hyphen of "-500": so many bytes at the end. 1, or 0 where it has none. */
static int take_suffix(struct cursor *cursor, uint64_t length, struct set *set,
		       struct ouro_range *range)
{
	uint64_t bytes;

	if (!take_number(cursor, &bytes))
		return -EINVAL;
	if (bytes == 0)
		return 0;
	if (length == 0) {
		set->has_empty_end = true;
		return 0;
	}
	*range = (struct ouro_range){ bytes < length ? length - bytes : 0, length - 1 };
	return 1;
}

/* Whether the two overlap, or no byte is between them. A last position is below UINT64_MAX. */
static bool can_join(const struct ouro_range *a, const struct ouro_range *b)
{
	return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/* False where there is no more room. Whatever is joined is gone from the set, so that all joining
 * together takes no more steps than there are elements. */
static bool add(struct set *set, struct ouro_range range)
{
	while (set->count > 0 && can_join(&set->out[set->count - 1], &range)) {
		const struct ouro_range *before = &set->out[--set->count];

		if (before->first < range.first)
			range.first = before->first;
		if (before->last > range.last)
			range.last = before->last;
	}
	if (set->count == set->max)
		return false;
	set->out[set->count++] = range;
	return true;
}

/* Whether all together have no more than @length bytes. */
static bool is_within(const struct set *set, uint64_t length)
{
	for (size_t i = 0; i < set->count; i++) {
		uint64_t bytes = set->out[i].last - set->out[i].first + 1;

		if (bytes > length)
			return false;
		length -= bytes;
	}
	return true;
}

static enum ouro_ranges verdict(const struct set *set, uint64_t length)
{
	if (!set->has_element)
		return OURO_RANGES_MALFORMED;
	if (set->has_empty_end)
		return OURO_RANGES_IGNORED;
	if (set->count == 0)
		return OURO_RANGES_UNSATISFIABLE;
	return is_within(set, length) ? OURO_RANGES_SOME : OURO_RANGES_IGNORED;
}

/* Takes the elements, with empty ones among them as lists may have (RFC 9110, 5.6.1). */
static enum ouro_ranges take_set(struct cursor *cursor, uint64_t length, struct set *set)
{
	struct ouro_range range;
	int step;

	while (skip_blanks(cursor), cursor->at < cursor->end) {
		if (take(cursor, ','))
			continue;
		step = take(cursor, '-') ? take_suffix(cursor, length, set, &range)
					 : take_positions(cursor, length, &range);
		if (step < 0)
			return OURO_RANGES_MALFORMED;
		skip_blanks(cursor);
		if (cursor->at < cursor->end && !take(cursor, ','))
			return OURO_RANGES_MALFORMED;
		set->has_element = true;
		if (step > 0 && !add(set, range))
			return OURO_RANGES_TOO_MANY;
	}
	return verdict(set, length);
}

enum ouro_ranges ouro_ranges_parse(struct ouro_str value, uint64_t length, struct ouro_range *out,
				   size_t max, size_t *count)
{
	struct set set = { .out = out, .max = max };
	struct cursor cursor;
	enum ouro_ranges ranges;

	if (!value.ptr)
		return OURO_RANGES_IGNORED;
	cursor = (struct cursor){ value.ptr, value.ptr + value.len };
	ranges = take_unit(&cursor);
	if (ranges == OURO_RANGES_SOME)
		ranges = take_set(&cursor, length, &set);
	if (ranges == OURO_RANGES_SOME)
		*count = set.count;
	return ranges;
}

static size_t digit_count(uint64_t value)
{
	char digits[20];

	return ouro_u64_to_dec(value, digits);
}

static char *put(char *at, struct ouro_str text)
{
	memcpy(at, text.ptr, text.len);
	return at + text.len;
}

static char *put_dec(char *at, uint64_t value)
{
	return at + ouro_u64_to_dec(value, at);
}

size_t ouro_content_range_bytes(struct ouro_range range, uint64_t length)
{
	return OURO_STR("bytes -/").len + digit_count(range.first) + digit_count(range.last) +
	       digit_count(length);
}

size_t ouro_content_range_write(struct ouro_range range, uint64_t length, char *out)
{
	char *at = put(out, OURO_STR("bytes "));

	at = put_dec(at, range.first);
	*at++ = '-';
	at = put_dec(at, range.last);
	*at++ = '/';
	return (size_t)(put_dec(at, length) - out);
}

size_t ouro_content_range_write_none(uint64_t length, char *out)
{
	return (size_t)(put_dec(put(out, OURO_STR("bytes */")), length) - out);
}

#define CRLF OURO_STR("\r\n")
#define DASHES OURO_STR("--")
#define TYPE_NAME OURO_STR("Content-Type: ")
#define RANGE_NAME OURO_STR("Content-Range: ")
#define PART_HEAD_ENDS OURO_STR("\r\n\r\n")

size_t ouro_byteranges_head_bytes(const struct ouro_byteranges *multi, size_t index,
				  struct ouro_range range)
{
	size_t bytes = DASHES.len + multi->boundary.len + CRLF.len + RANGE_NAME.len +
		       ouro_content_range_bytes(range, multi->length) + PART_HEAD_ENDS.len;

	if (index > 0)
		bytes += CRLF.len;
	if (multi->media_type.len > 0)
		bytes += TYPE_NAME.len + multi->media_type.len + CRLF.len;
	return bytes;
}

size_t ouro_byteranges_write_head(const struct ouro_byteranges *multi, size_t index,
				  struct ouro_range range, char *out)
{
	char *at = out;

	/* The line end before a boundary belongs to it (RFC 2046, 5.1.1). The first has none before
	 * it. */
	if (index > 0)
		at = put(at, CRLF);
	at = put(put(put(at, DASHES), multi->boundary), CRLF);
	if (multi->media_type.len > 0)
		at = put(put(put(at, TYPE_NAME), multi->media_type), CRLF);
	at = put(at, RANGE_NAME);
	at += ouro_content_range_write(range, multi->length, at);
	return (size_t)(put(at, PART_HEAD_ENDS) - out);
}

size_t ouro_byteranges_end_bytes(const struct ouro_byteranges *multi)
{
	return CRLF.len + DASHES.len + multi->boundary.len + DASHES.len + CRLF.len;
}

size_t ouro_byteranges_write_end(const struct ouro_byteranges *multi, char *out)
{
	char *at = put(put(put(out, CRLF), DASHES), multi->boundary);

	return (size_t)(put(put(at, DASHES), CRLF) - out);
}

uint64_t ouro_byteranges_body_bytes(const struct ouro_byteranges *multi,
				    const struct ouro_range *ranges, size_t count)
{
	uint64_t bytes = ouro_byteranges_end_bytes(multi);

	assert(multi->length <= INT64_MAX);
	for (size_t i = 0; i < count; i++)
		bytes += ouro_byteranges_head_bytes(multi, i, ranges[i]) + ranges[i].last -
			 ranges[i].first + 1;
	return bytes;
}
