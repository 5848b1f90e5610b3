/* Conditional requests: see proto/condition.h. */
#include "proto/condition.h"

#include "base/str.h"
#include "proto/date.h"

#define WEAK OURO_STR("W/")

typedef bool (*etag_eq_fn)(struct ouro_str a, struct ouro_str b);

static bool is_weak(struct ouro_str etag)
{
	return ouro_str_starts(etag, WEAK);
}

/* @etag in its quotes, without what says that it is weak. */
static struct ouro_str opaque_of(struct ouro_str etag)
{
	return is_weak(etag) ? ouro_str(etag.ptr + WEAK.len, etag.len - WEAK.len) : etag;
}

bool ouro_etag_eq_strong(struct ouro_str a, struct ouro_str b)
{
	return a.len > 0 && ouro_str_eq(a, b) && !is_weak(a);
}

bool ouro_etag_eq_weak(struct ouro_str a, struct ouro_str b)
{
	return a.len > 0 && b.len > 0 && ouro_str_eq(opaque_of(a), opaque_of(b));
}

/* Takes the next entity tag off the front of @list, and the commas and blanks before it. False
 * where none is left, or where what follows is none. Commas may be part of a tag, so that after
 * something malformed nobody can tell where the next begins. */
static bool take_etag(struct ouro_str *list, struct ouro_str *etag)
{
	const char *at = list->ptr, *end = list->ptr + list->len, *begin, *quote;

	while (at < end && (*at == ',' || *at == ' ' || *at == '\t'))
		at++;
	begin = at;
	if (is_weak(ouro_str(at, (size_t)(end - at))))
		at += WEAK.len;
	if (at == end || *at != '"')
		return false;
	quote = memchr(at + 1, '"', (size_t)(end - at - 1));
	if (!quote)
		return false;
	at = quote + 1;
	if (at < end && *at != ',' && *at != ' ' && *at != '\t')
		return false;
	*etag = ouro_str(begin, (size_t)(at - begin));
	*list = ouro_str(at, (size_t)(end - at));
	return true;
}

/* Whether @value, of If-Match or If-None-Match, names the representation. */
static bool is_named(struct ouro_str value, struct ouro_str etag, etag_eq_fn is_equal)
{
	struct ouro_str named;

	if (ouro_str_eq(value, OURO_STR("*")))
		return true;
	while (etag.len > 0 && take_etag(&value, &named))
		if (is_equal(named, etag))
			return true;
	return false;
}

/* Whether both dates are there. */
static bool has_date(struct ouro_str value, const struct ouro_validators *validators, int64_t now_s,
		     int64_t *date)
{
	return value.ptr && validators->modified_s != OURO_MODIFIED_UNKNOWN &&
	       ouro_date_parse(value, now_s, date) == 0;
}

/* The conditions of whoever wants to change what it has seen: steps 1 and 2 of 13.2.2. */
static bool is_unchanged(const struct ouro_conditions *conditions,
			 const struct ouro_validators *validators)
{
	int64_t date;

	if (conditions->if_match.ptr)
		return is_named(conditions->if_match, validators->etag, ouro_etag_eq_strong);
	return !has_date(conditions->if_unmodified_since, validators, conditions->now_s, &date) ||
	       validators->modified_s <= date;
}

/* The conditions of whoever has a copy: steps 3 and 4. */
static bool is_known(const struct ouro_conditions *conditions,
		     const struct ouro_validators *validators, bool is_get)
{
	int64_t date;

	if (conditions->if_none_match.ptr)
		return is_named(conditions->if_none_match, validators->etag, ouro_etag_eq_weak);
	return is_get &&
	       has_date(conditions->if_modified_since, validators, conditions->now_s, &date) &&
	       validators->modified_s <= date;
}

enum ouro_condition ouro_conditions_check(const struct ouro_conditions *conditions,
					  const struct ouro_validators *validators, bool is_get)
{
	if (!is_unchanged(conditions, validators))
		return OURO_CONDITION_FAILED;
	if (!is_known(conditions, validators, is_get))
		return OURO_CONDITION_HOLDS;
	return is_get ? OURO_CONDITION_NOT_MODIFIED : OURO_CONDITION_FAILED;
}

bool ouro_if_range_holds(struct ouro_str if_range, const struct ouro_validators *validators,
			 int64_t now_s)
{
	int64_t date;

	if (!if_range.ptr)
		return true;
	/* RFC 9110, 13.1.5: no date has a quote among its first three characters. */
	if (memchr(if_range.ptr, '"', if_range.len < 3 ? if_range.len : 3))
		return ouro_etag_eq_strong(if_range, validators->etag);
	return has_date(if_range, validators, now_s, &date) && date == validators->modified_s &&
	       date < now_s;
}

/* Without leading zeros. */
static char *put_hex(char *at, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 60;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*at++ = digits[value >> shift & 15];
	return at;
}

size_t ouro_etag_write(uint64_t modified_ns, uint64_t size, uint64_t salt,
		       char out[OURO_ETAG_BYTES_MAX])
{
	char *at = out;

	*at++ = '"';
	at = put_hex(at, modified_ns);
	*at++ = '-';
	at = put_hex(at, size);
	if (salt != 0) {
		*at++ = '-';
		at = put_hex(at, salt);
	}
	*at++ = '"';
	return (size_t)(at - out);
}

bool ouro_etag_weaken(struct ouro_str etag, char *out, size_t room, struct ouro_str *weak)
{
	struct ouro_str opaque = opaque_of(etag);

	if (room < WEAK.len || opaque.len > room - WEAK.len)
		return false;
	memcpy(out, WEAK.ptr, WEAK.len);
	memcpy(out + WEAK.len, opaque.ptr, opaque.len);
	*weak = ouro_str(out, WEAK.len + opaque.len);
	return true;
}
