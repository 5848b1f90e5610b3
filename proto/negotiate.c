/* Proactive negotiation: see proto/negotiate.h. */
#include "proto/negotiate.h"

#include "base/str.h"
#include "proto/param.h"
#include "proto/token.h"

enum { WEIGHT_ONE = 1000 };

/* One element of the client's list. */
struct wish {
	struct ouro_str range;
	unsigned weight; /* in thousandths */
};

struct wishes {
	size_t count;
	struct wish wish[OURO_NEGOTIATE_ELEMENTS_MAX];
};

/* How closely an offer was named. Beyond NAMED, more is closer. */
enum {
	NOT_NAMED,
	ANYTHING,
	SIMILAR,
	NAMED,
};

typedef bool (*is_range_fn)(struct ouro_str range);
typedef size_t (*closeness_fn)(struct ouro_str range, struct ouro_str offer);

/* What the client thinks of an offer. */
struct fit {
	unsigned weight; /* 0: not acceptable */
	size_t closeness;
};

/* The weight that @text says, RFC 9110, 12.4.2; -1 where it is none. */
static int parse_weight(struct ouro_str text)
{
	int weight, unit = WEIGHT_ONE / 10;

	if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1'))
		return -1;
	weight = (text.ptr[0] - '0') * WEIGHT_ONE;
	if (text.len > 1 && text.ptr[1] != '.')
		return -1;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		weight += (text.ptr[i] - '0') * unit;
	}
	return weight <= WEIGHT_ONE ? weight : -1;
}

/* Whether @element is well-formed; sets @wish where it is. */
static bool parse_wish(struct ouro_str element, is_range_fn is_range, struct wish *wish)
{
	struct ouro_str range = ouro_param_subject(&element);
	struct ouro_param param;
	int weight = WEIGHT_ONE, step;

	if (!is_range(range))
		return false;
	while ((step = ouro_param_next(&element, &param)) > 0) {
		if (!ouro_str_eq_nocase(param.name, OURO_STR("q")))
			continue;
		weight = param.quoted ? -1 : parse_weight(param.value);
		if (weight < 0)
			return false;
	}
	*wish = (struct wish){ range, (unsigned)weight };
	return step == 0;
}

static void collect(struct wishes *wishes, const struct ouro_str *values, size_t count,
		    is_range_fn is_range)
{
	struct ouro_str element;
	size_t seen = 0;

	wishes->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct ouro_str rest = values[i];

		while (seen < OURO_NEGOTIATE_ELEMENTS_MAX && ouro_list_next(&rest, &element)) {
			seen++;
			if (parse_wish(element, is_range, &wishes->wish[wishes->count]))
				wishes->count++;
		}
	}
}

/* The closest range says what weight an offer has, whatever the others say. */
static struct fit fit_of(const struct wishes *wishes, struct ouro_str offer, closeness_fn closeness)
{
	struct fit fit = { 0, NOT_NAMED };

	for (size_t i = 0; i < wishes->count; i++) {
		const struct wish *wish = &wishes->wish[i];
		size_t close = closeness(wish->range, offer);

		if (close > fit.closeness ||
		    (close > NOT_NAMED && close == fit.closeness && wish->weight > fit.weight))
			fit = (struct fit){ wish->weight, close };
	}
	return fit;
}

static bool is_better(struct fit a, struct fit b)
{
	size_t a_close = a.closeness < NAMED ? a.closeness : NAMED;
	size_t b_close = b.closeness < NAMED ? b.closeness : NAMED;

	return a.weight > b.weight || (a.weight > 0 && a.weight == b.weight && a_close > b_close);
}

static int choose(const struct wishes *wishes, const struct ouro_str *offers, size_t count,
		  closeness_fn closeness)
{
	struct fit best = { 0, NOT_NAMED };
	int index = -1;

	if (wishes->count == 0)
		return count > 0 ? 0 : -1;
	for (size_t i = 0; i < count; i++) {
		struct fit fit = fit_of(wishes, offers[i], closeness);

		if (is_better(fit, best)) {
			best = fit;
			index = (int)i;
		}
	}
	return index;
}

/* Cuts @type at its slash. False where it has none. */
static bool cut_type(struct ouro_str type, struct ouro_str *main_type, struct ouro_str *subtype)
{
	const char *slash = type.len > 0 ? memchr(type.ptr, '/', type.len) : NULL;
	size_t len;

	if (!slash)
		return false;
	len = (size_t)(slash - type.ptr);
	*main_type = ouro_str(type.ptr, len);
	*subtype = ouro_str(slash + 1, type.len - len - 1);
	return true;
}

static bool is_star(struct ouro_str str)
{
	return ouro_str_eq(str, OURO_STR("*"));
}

static bool is_type_range(struct ouro_str range)
{
	struct ouro_str main_type, subtype;

	return cut_type(range, &main_type, &subtype) && ouro_is_token(main_type) &&
	       ouro_is_token(subtype) && (!is_star(main_type) || is_star(subtype));
}

static size_t type_closeness(struct ouro_str range, struct ouro_str offer)
{
	struct ouro_str range_main, range_sub, main_type, subtype;

	if (!cut_type(range, &range_main, &range_sub) ||
	    !cut_type(ouro_param_subject(&offer), &main_type, &subtype))
		return NOT_NAMED;
	if (is_star(range_main))
		return ANYTHING;
	if (!ouro_str_eq_nocase(range_main, main_type))
		return NOT_NAMED;
	if (is_star(range_sub))
		return SIMILAR;
	return ouro_str_eq_nocase(range_sub, subtype) ? NAMED : NOT_NAMED;
}

int ouro_negotiate_type(const struct ouro_str *values, size_t value_count,
			const struct ouro_str *offers, size_t offer_count)
{
	struct wishes wishes;

	collect(&wishes, values, value_count, is_type_range);
	return choose(&wishes, offers, offer_count, type_closeness);
}

/* RFC 9110, 8.4.1.1 and 8.4.1.3: names from before these had been registered. */
static struct ouro_str modern_coding(struct ouro_str coding)
{
	if (ouro_str_eq_nocase(coding, OURO_STR("x-gzip")))
		return OURO_STR("gzip");
	if (ouro_str_eq_nocase(coding, OURO_STR("x-compress")))
		return OURO_STR("compress");
	return coding;
}

static bool is_identity(struct ouro_str coding)
{
	return ouro_str_eq_nocase(coding, OURO_STR("identity"));
}

static size_t coding_closeness(struct ouro_str range, struct ouro_str offer)
{
	if (is_star(range))
		return ANYTHING;
	return ouro_str_eq_nocase(modern_coding(range), modern_coding(offer)) ? NAMED : NOT_NAMED;
}

static int find_identity(const struct ouro_str *offers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_identity(offers[i]))
			return (int)i;
	return -1;
}

static bool is_present(const struct ouro_str *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (values[i].ptr)
			return true;
	return false;
}

int ouro_negotiate_encoding(const struct ouro_str *values, size_t value_count,
			    const struct ouro_str *offers, size_t offer_count)
{
	int identity = find_identity(offers, offer_count), index;
	struct wishes wishes;

	collect(&wishes, values, value_count, ouro_is_token);
	if (wishes.count == 0) {
		if (identity >= 0 || is_present(values, value_count))
			return identity;
		return offer_count > 0 ? 0 : -1;
	}
	index = choose(&wishes, offers, offer_count, coding_closeness);
	if (index < 0 && identity >= 0 &&
	    fit_of(&wishes, offers[identity], coding_closeness).closeness == NOT_NAMED)
		return identity;
	return index;
}

/* Whether @tag is @prefix, or begins with it and a hyphen. */
static bool falls_under(struct ouro_str tag, struct ouro_str prefix)
{
	return tag.len >= prefix.len && ouro_str_eq_nocase(ouro_str(tag.ptr, prefix.len), prefix) &&
	       (tag.len == prefix.len || tag.ptr[prefix.len] == '-');
}

static size_t language_closeness(struct ouro_str range, struct ouro_str offer)
{
	if (is_star(range))
		return ANYTHING;
	if (falls_under(offer, range))
		return NAMED + range.len;
	return falls_under(range, offer) ? SIMILAR : NOT_NAMED;
}

int ouro_negotiate_language(const struct ouro_str *values, size_t value_count,
			    const struct ouro_str *offers, size_t offer_count)
{
	struct wishes wishes;

	collect(&wishes, values, value_count, ouro_is_token);
	return choose(&wishes, offers, offer_count, language_closeness);
}
