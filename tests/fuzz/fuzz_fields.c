/* Fuzz target of what is in fields and small bodies: cookies, lists and parameters, media types,
 * negotiation, ranges, conditions, forms, request ids, signed and sealed values, text for HTML and
 * paths. The input is lines; each parser gets all of it and, where it wants several strings, the
 * lines.
 *
 * What must hold: views point into what they were made from, lengths keep to the bounds that the
 * headers promise, what was written reads back the same, and ranges are what a plain reading of
 * them says. */
#include "base/str.h"
#include "proto/base64url.h"
#include "proto/condition.h"
#include "proto/cookie.h"
#include "proto/form.h"
#include "proto/html.h"
#include "proto/media_table.h"
#include "proto/media_type.h"
#include "proto/negotiate.h"
#include "proto/param.h"
#include "proto/problem.h"
#include "proto/range.h"
#include "proto/request_id.h"
#include "proto/secret.h"
#include "proto/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	INPUT_BYTES_MAX = 4096,
	LINES = 4,
	PAIRS_MAX = 16,
	RANGES_MAX = 8,
	LENGTH_MAX = 64, /* of representations */
	NOW = 1000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define EXPECT(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static bool is_inside(struct ouro_str view, struct ouro_str whole)
{
	return view.len == 0 || (view.ptr >= whole.ptr && view.len <= whole.len &&
				 view.ptr + view.len <= whole.ptr + whole.len);
}

static void split(struct ouro_str text, struct ouro_str *lines)
{
	for (size_t i = 0; i < LINES; i++) {
		const char *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		size_t step = end ? len + 1 : len;

		lines[i] = ouro_str(text.ptr, len);
		text = ouro_str(text.ptr + step, text.len - step);
	}
}

static void check_cookies(struct ouro_str field)
{
	struct ouro_str rest = field, found;
	struct ouro_cookie_pair pair;

	while (ouro_cookie_next(&rest, &pair)) {
		EXPECT(pair.name.len > 0);
		EXPECT(is_inside(pair.name, field) && is_inside(pair.value, field));
		found = ouro_cookie_find(field, pair.name);
		/* An earlier one of that name, or this one. */
		EXPECT(found.ptr && found.ptr <= pair.value.ptr);
	}
	EXPECT(rest.len == 0);
}

static void check_set_cookie(const struct ouro_str *lines, uint64_t flags)
{
	struct ouro_cookie cookie = {
		.name = lines[0],
		.value = lines[1],
		.domain = lines[2],
		.path = lines[3],
		.max_age_s = (int64_t)(flags >> 8),
		.expires_unix_s = (int64_t)flags,
		.same_site = (enum ouro_same_site)(flags & 3),
		.secure = flags >> 2 & 1,
		.script_readable = flags >> 3 & 1,
		.partitioned = flags >> 4 & 1,
	};
	struct ouro_cookie_pair pair;
	char out[3 * INPUT_BYTES_MAX];
	ssize_t len = ouro_cookie_write(&cookie, out, sizeof(out));
	struct ouro_str written;

	if (len < 0)
		return;
	EXPECT((size_t)len <= OURO_COOKIE_ROOM(&cookie));
	EXPECT(!memchr(out, '\r', (size_t)len) && !memchr(out, '\n', (size_t)len));
	written = ouro_str(out, (size_t)len);
	EXPECT(ouro_cookie_next(&written, &pair));
	EXPECT(ouro_str_eq(pair.name, cookie.name) && ouro_str_eq(pair.value, cookie.value));
}

static void check_params(struct ouro_str field)
{
	struct ouro_str list = field, element;
	struct ouro_param param;
	char out[INPUT_BYTES_MAX];

	while (ouro_list_next(&list, &element)) {
		EXPECT(element.len > 0 && is_inside(element, field));
		EXPECT(is_inside(ouro_param_subject(&element), field));
		while (ouro_param_next(&element, &param) > 0) {
			EXPECT(param.name.len > 0 && is_inside(param.name, field));
			EXPECT(is_inside(param.value, field));
			EXPECT(ouro_param_value(&param, out, param.value.len) >= 0);
		}
	}
	EXPECT(list.len == 0);
}

static void check_media_type(struct ouro_str field)
{
	char out[INPUT_BYTES_MAX];
	ssize_t len = ouro_media_type_param(field, OURO_STR("charset"), out, sizeof(out));
	struct ouro_str rest = field;

	EXPECT(len < (ssize_t)sizeof(out) && len <= (ssize_t)field.len);
	ouro_media_type_param(field, OURO_STR("boundary"), out, 8);
	if (len >= 0)
		EXPECT(ouro_media_type_is(field, ouro_param_subject(&rest)));
}

static void check_negotiation(const struct ouro_str *values)
{
	static const struct ouro_str types[] = { { "text/html", 9 }, { "application/json", 16 } };
	static const struct ouro_str codings[] = { { "br", 2 }, { "gzip", 4 }, { "identity", 8 } };
	static const struct ouro_str tags[] = { { "en", 2 }, { "de-AT", 5 } };
	int index = ouro_negotiate_type(values, LINES, types, 2);
	struct ouro_str named;

	EXPECT(index >= -1 && index < 2);
	index = ouro_negotiate_encoding(values, LINES, codings, 3);
	EXPECT(index >= -1 && index < 3);
	index = ouro_negotiate_language(values, LINES, tags, 2);
	EXPECT(index >= -1 && index < 2);
	/* What the client itself names, without parameters, suits it. */
	named = ouro_str_trim(values[0]);
	if (named.len > 0 && !memchr(named.ptr, ',', named.len) &&
	    !memchr(named.ptr, ';', named.len))
		EXPECT(ouro_negotiate_language(values, 1, &named, 1) == 0);
}

/* The number that @digits are, as one that is beyond all lengths where it is too large; false where
 * they are none. */
static bool number_of(struct ouro_str digits, uint64_t *number)
{
	for (size_t i = 0; i < digits.len; i++)
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return false;
	if (ouro_str_to_u64(digits, number) == -ERANGE)
		*number = UINT64_MAX;
	return digits.len > 0;
}

/* Marks in @wanted the bytes that @element, of a Range for @length bytes, wants. False where it is
 * malformed. */
static bool want(struct ouro_str element, uint64_t length, bool *wanted)
{
	const char *hyphen = memchr(element.ptr, '-', element.len);
	uint64_t first = 0, last = UINT64_MAX;
	struct ouro_str before, after;

	if (!hyphen)
		return false;
	before = ouro_str(element.ptr, (size_t)(hyphen - element.ptr));
	after = ouro_str(hyphen + 1, element.len - before.len - 1);
	if ((before.len > 0 && !number_of(before, &first)) ||
	    ((before.len == 0 || after.len > 0) && !number_of(after, &last)))
		return false;
	if (before.len == 0)
		first = last < length ? length - last : 0;
	else if (last < first)
		return false;
	for (uint64_t i = first; i < length && (before.len == 0 || i <= last); i++)
		wanted[i] = true;
	return true;
}

/* Marks the bytes that @field wants; false where it is malformed, or not about bytes. */
static bool read_ranges(struct ouro_str field, uint64_t length, bool *wanted)
{
	struct ouro_str element;
	size_t count = 0;

	if (field.len < 6 || !ouro_str_eq_nocase(ouro_str(field.ptr, 6), OURO_STR("bytes=")))
		return false;
	field = ouro_str(field.ptr + 6, field.len - 6);
	for (; ouro_list_next(&field, &element); count++)
		if (!want(element, length, wanted))
			return false;
	return count > 0;
}

/* Whether they are exactly what is wanted, no two neighbours could be one, and all together are no
 * longer than the whole. */
static void check_ranges_found(const struct ouro_range *ranges, size_t count, uint64_t length,
			       const bool *wanted)
{
	bool found[LENGTH_MAX] = { false };
	uint64_t bytes = 0;

	EXPECT(count > 0 && count <= RANGES_MAX);
	for (size_t i = 0; i < count; i++) {
		EXPECT(ranges[i].first <= ranges[i].last && ranges[i].last < length);
		EXPECT(i == 0 || ranges[i].first > ranges[i - 1].last + 1 ||
		       ranges[i - 1].first > ranges[i].last + 1);
		bytes += ranges[i].last - ranges[i].first + 1;
		for (uint64_t at = ranges[i].first; at <= ranges[i].last; at++)
			found[at] = true;
	}
	EXPECT(bytes <= length);
	EXPECT(memcmp(found, wanted, sizeof(found)) == 0);
}

static void check_byteranges(const struct ouro_range *ranges, size_t count, uint64_t length)
{
	struct ouro_byteranges multi = { OURO_STR("b"), OURO_STR("a/b"), length };
	uint64_t bytes = 0;
	char out[128];

	for (size_t i = 0; i < count; i++) {
		size_t len = ouro_byteranges_write_head(&multi, i, ranges[i], out);

		EXPECT(len <= sizeof(out));
		EXPECT(len == ouro_byteranges_head_bytes(&multi, i, ranges[i]));
		bytes += len + ranges[i].last - ranges[i].first + 1;
	}
	bytes += ouro_byteranges_write_end(&multi, out);
	EXPECT(bytes == ouro_byteranges_body_bytes(&multi, ranges, count));
}

static void check_ranges(struct ouro_str field, uint64_t length)
{
	struct ouro_range ranges[RANGES_MAX];
	bool wanted[LENGTH_MAX] = { false }, is_valid = read_ranges(field, length, wanted);
	bool is_any = memchr(wanted, true, sizeof(wanted));
	size_t count = 0;

	switch (ouro_ranges_parse(field, length, ranges, RANGES_MAX, &count)) {
	case OURO_RANGES_SOME:
		EXPECT(is_valid);
		check_ranges_found(ranges, count, length, wanted);
		check_byteranges(ranges, count, length);
		break;
	case OURO_RANGES_UNSATISFIABLE:
		EXPECT(is_valid && !is_any);
		break;
	case OURO_RANGES_MALFORMED:
		EXPECT(!is_valid);
		break;
	case OURO_RANGES_TOO_MANY:
		/* What is behind the one too many is not looked at. */
		EXPECT(is_any);
		break;
	case OURO_RANGES_IGNORED:
		/* Another unit; too many bytes; the end of nothing. */
		EXPECT(!is_valid || is_any || length == 0);
		break;
	}
}

static void check_conditions(const struct ouro_str *lines, uint64_t hash)
{
	struct ouro_validators own = { lines[0], (int64_t)(hash % 2000) };
	struct ouro_conditions given = { lines[0], lines[1], lines[2], lines[3], NOW };
	struct ouro_conditions named = { .if_none_match = lines[1], .now_s = NOW };
	char tag[OURO_ETAG_BYTES_MAX], out[INPUT_BYTES_MAX + OURO_ETAG_WEAK_BYTES];
	struct ouro_str weak;
	bool is_named;

	EXPECT(ouro_conditions_check(&given, &own, false) != OURO_CONDITION_NOT_MODIFIED);
	is_named = ouro_conditions_check(&named, &own, true) == OURO_CONDITION_NOT_MODIFIED;
	EXPECT(is_named == (ouro_conditions_check(&named, &own, false) == OURO_CONDITION_FAILED));
	EXPECT(ouro_etag_eq_strong(lines[0], lines[1]) == ouro_etag_eq_strong(lines[1], lines[0]));
	EXPECT(ouro_etag_eq_weak(lines[0], lines[1]) == ouro_etag_eq_weak(lines[1], lines[0]));
	EXPECT(!ouro_etag_eq_strong(lines[0], lines[1]) || ouro_etag_eq_weak(lines[0], lines[1]));
	/* An entity tag of our own is the same as itself, and as itself weakened. */
	own.etag = ouro_str(tag, ouro_etag_write(hash, hash >> 7, hash & 1, tag));
	EXPECT(ouro_if_range_holds(own.etag, &own, NOW));
	EXPECT(ouro_etag_weaken(own.etag, out, sizeof(out), &weak));
	EXPECT(ouro_etag_eq_weak(own.etag, weak) && !ouro_etag_eq_strong(own.etag, weak));
	given = (struct ouro_conditions){ .if_match = own.etag, .if_none_match = weak };
	EXPECT(ouro_conditions_check(&given, &own, true) == OURO_CONDITION_NOT_MODIFIED);
	ouro_if_range_holds(lines[0], &own, NOW);
}

static void check_file_name(struct ouro_str name)
{
	static char out[OURO_HTML_ESCAPED_BYTES_MAX(INPUT_BYTES_MAX)];
	char back[INPUT_BYTES_MAX];
	ssize_t len = ouro_path_encode(name, out, OURO_PATH_ENCODED_BYTES_MAX(name.len));
	struct ouro_str type = ouro_media_type_of(name);

	EXPECT(len >= (ssize_t)name.len);
	len = ouro_target_decode(ouro_str(out, (size_t)len), back, sizeof(back));
	/* Zero bytes are not decoded. */
	EXPECT(len == -EINVAL ? memchr(name.ptr, 0, name.len) != NULL
			      : ouro_str_eq(ouro_str(back, (size_t)len), name));
	len = ouro_html_escape(name, out, OURO_HTML_ESCAPED_BYTES_MAX(name.len));
	EXPECT(len >= (ssize_t)name.len);
	EXPECT(!memchr(out, '<', (size_t)len) && !memchr(out, '"', (size_t)len));
	EXPECT(!type.ptr || type.len > 0);
	ouro_media_type_compresses(name);
}

static void check_form(struct ouro_str text)
{
	struct ouro_query_pair pair;
	struct ouro_form form;
	struct ouro_str body;
	size_t count = 0;
	char *copy = malloc(text.len + 1);

	EXPECT(copy);
	memcpy(copy, text.ptr, text.len);
	body = ouro_str(copy, text.len);
	ouro_form_init(&form, copy, text.len, PAIRS_MAX);
	while (ouro_form_next(&form, &pair) > 0) {
		EXPECT(++count <= PAIRS_MAX);
		EXPECT(is_inside(pair.name, body) && is_inside(pair.value, body));
		EXPECT(pair.name.ptr + pair.name.len <= pair.value.ptr);
		EXPECT(form.rest.len == 0 || pair.value.ptr + pair.value.len <= form.rest.ptr);
	}
	EXPECT(form.rest.len == 0);
	free(copy);
}

static void check_base64url(struct ouro_str text)
{
	unsigned char bytes[INPUT_BYTES_MAX];
	char back[INPUT_BYTES_MAX + 4];
	ssize_t len = ouro_base64url_decode(text, bytes);

	if (len >= 0)
		EXPECT(ouro_str_eq(ouro_str(back, ouro_base64url_encode(bytes, (size_t)len, back)),
				   text));
}

static const struct ouro_secret *the_secret(void)
{
	static struct ouro_secret *secret;
	const struct ouro_str keys[] = {
		OURO_STR("a key that is known to all readers"),
		OURO_STR("another that is known to all of them"),
	};

	if (!secret)
		EXPECT(ouro_secret_create(&secret, keys, 2) == 0);
	return secret;
}

static void check_secret(struct ouro_str text)
{
	const struct ouro_secret *secret = the_secret();
	struct ouro_str name = OURO_STR("sid");
	char made[2 * INPUT_BYTES_MAX], out[2 * INPUT_BYTES_MAX];
	ssize_t len;

	/* Nobody guesses a tag. */
	EXPECT(ouro_secret_open_signed(secret, name, text, NOW, out, sizeof(out)) == -EBADMSG);
	EXPECT(ouro_secret_open_sealed(secret, name, text, NOW, out, sizeof(out)) == -EBADMSG);

	len = ouro_secret_sign(secret, name, text, NOW + 1, made, sizeof(made));
	EXPECT(len == (ssize_t)OURO_SECRET_SIGNED_BYTES(text.len));
	len = ouro_secret_open_signed(secret, name, ouro_str(made, (size_t)len), NOW, out,
				      OURO_SECRET_OPEN_ROOM(len));
	EXPECT(len >= 0 && ouro_str_eq(ouro_str(out, (size_t)len), text));

	len = ouro_secret_seal(secret, name, text, NOW + 1, made, sizeof(made));
	EXPECT(len == (ssize_t)OURO_SECRET_SEALED_BYTES(text.len));
	len = ouro_secret_open_sealed(secret, name, ouro_str(made, (size_t)len), NOW, out,
				      OURO_SECRET_OPEN_ROOM(len));
	EXPECT(len >= 0 && ouro_str_eq(ouro_str(out, (size_t)len), text));
}

static void check_problem(const struct ouro_str *lines, uint64_t hash)
{
	struct ouro_problem problem = {
		.status = 100 + (unsigned)(hash % 500),
		.detail = lines[0],
		.instance = lines[1],
		.request_id = lines[2],
	};
	size_t texts = lines[0].len + lines[1].len + lines[2].len;
	char out[OURO_PROBLEM_BYTES_MAX(INPUT_BYTES_MAX)];

	EXPECT(ouro_problem_write_json(&problem, out, OURO_PROBLEM_BYTES_MAX(texts)) > 0);
	EXPECT(ouro_problem_write_text(&problem, out, OURO_PROBLEM_BYTES_MAX(texts)) > 0);
}

/* FNV-1a: what is no string follows from the bytes, so that a finding can be played again. */
static uint64_t hash_of(struct ouro_str text)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.len; i++)
		sum = (sum ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ouro_str text = ouro_str((const char *)data, len), lines[LINES];

	if (len == 0 || len > INPUT_BYTES_MAX)
		return 0;
	split(text, lines);
	check_cookies(text);
	check_set_cookie(lines, hash_of(text));
	check_params(text);
	check_media_type(text);
	check_negotiation(lines);
	check_ranges(text, hash_of(text) % (LENGTH_MAX + 1));
	check_conditions(lines, hash_of(text));
	check_file_name(text);
	check_form(text);
	check_base64url(text);
	check_secret(text);
	check_problem(lines, hash_of(text));
	if (ouro_request_id_is_valid(text))
		EXPECT(len <= OURO_REQUEST_ID_BYTES_MAX);
	return 0;
}
