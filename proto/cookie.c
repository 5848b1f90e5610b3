/* Cookies: see proto/cookie.h. */
#include "proto/cookie.h"

#include "base/str.h"
#include "proto/date.h"
#include "proto/put.h"
#include "proto/token.h"

#include <errno.h>

/* Browsers ignore an attribute that is longer. */
enum { ATTRIBUTE_BYTES_MAX = 1024 };

static struct ouro_str unquote(struct ouro_str value)
{
	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		return ouro_str(value.ptr + 1, value.len - 2);
	return value;
}

/* Takes one piece apart. Browsers store more in values than servers may set (JSON, for one), so
 * that anything is taken which a field may hold. */
static bool parse_piece(struct ouro_str piece, struct ouro_cookie_pair *pair)
{
	const char *equals = piece.len > 0 ? memchr(piece.ptr, '=', piece.len) : NULL;
	struct ouro_str name, value;

	if (!equals)
		return false;
	name = ouro_str_trim(ouro_str(piece.ptr, (size_t)(equals - piece.ptr)));
	value = ouro_str(equals + 1, piece.len - (size_t)(equals + 1 - piece.ptr));
	value = ouro_str_trim(value);
	if (!ouro_is_token(name) || !ouro_is_field_value(value))
		return false;
	*pair = (struct ouro_cookie_pair){ name, unquote(value) };
	return true;
}

bool ouro_cookie_next(struct ouro_str *rest, struct ouro_cookie_pair *pair)
{
	while (rest->len > 0) {
		const char *end = memchr(rest->ptr, ';', rest->len);
		size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
		size_t step = end ? len + 1 : len;
		struct ouro_str piece = ouro_str(rest->ptr, len);

		*rest = ouro_str(rest->ptr + step, rest->len - step);
		if (parse_piece(piece, pair))
			return true;
	}
	return false;
}

struct ouro_str ouro_cookie_find(struct ouro_str field, struct ouro_str name)
{
	struct ouro_cookie_pair pair;

	while (ouro_cookie_next(&field, &pair))
		if (ouro_str_eq(pair.name, name))
			return pair.value;
	return (struct ouro_str){ NULL, 0 };
}

/* cookie-octet of RFC 6265, 4.1.1. */
static bool is_cookie_octet(char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

/* av-octet of RFC 6265, 4.1.1. */
static bool is_attribute_octet(char c)
{
	return c >= 0x20 && c < 0x7f && c != ';';
}

static bool is_all(struct ouro_str str, bool (*is_one)(char c))
{
	for (size_t i = 0; i < str.len; i++)
		if (!is_one(str.ptr[i]))
			return false;
	return true;
}

/* The path attribute as it will be: empty for none. */
static struct ouro_str path_of(const struct ouro_cookie *cookie)
{
	return cookie->path.ptr ? cookie->path : OURO_STR("/");
}

/* Browsers compare these prefixes without regard to case, lest a server that does so too be
 * deceived (6265bis, 5.7). */
static bool has_prefix(struct ouro_str name, struct ouro_str prefix)
{
	return name.len >= prefix.len && ouro_str_eq_nocase(ouro_str(name.ptr, prefix.len), prefix);
}

static bool keeps_promise(const struct ouro_cookie *cookie)
{
	bool host = has_prefix(cookie->name, OURO_STR("__Host-"));
	bool http = has_prefix(cookie->name, OURO_STR("__Http-")) ||
		    has_prefix(cookie->name, OURO_STR("__Host-Http-"));
	bool secure = host || http || has_prefix(cookie->name, OURO_STR("__Secure-"));

	if (host && (cookie->domain.len > 0 || !ouro_str_eq(path_of(cookie), OURO_STR("/"))))
		return false;
	if (http && cookie->script_readable)
		return false;
	return cookie->secure || !secure;
}

static int check(const struct ouro_cookie *cookie)
{
	struct ouro_str path = path_of(cookie);

	if (!ouro_is_token(cookie->name) || !is_all(cookie->value, is_cookie_octet))
		return -EINVAL;
	if (!is_all(cookie->domain, is_attribute_octet) || !is_all(path, is_attribute_octet))
		return -EINVAL;
	if (path.len > 0 && path.ptr[0] != '/')
		return -EINVAL;
	if (!cookie->secure && (cookie->same_site == OURO_SAME_SITE_NONE || cookie->partitioned))
		return -EINVAL;
	if (!keeps_promise(cookie))
		return -EINVAL;
	if (cookie->name.len + cookie->value.len > OURO_COOKIE_BYTES_MAX ||
	    cookie->domain.len > ATTRIBUTE_BYTES_MAX || path.len > ATTRIBUTE_BYTES_MAX)
		return -E2BIG;
	return 0;
}

static void put_attribute(struct ouro_put *put, struct ouro_str name, struct ouro_str value)
{
	ouro_put_str(put, name);
	ouro_put_str(put, value);
}

static void put_lifetime(struct ouro_put *put, const struct ouro_cookie *cookie)
{
	char date[OURO_DATE_BYTES];

	if (cookie->max_age_s != 0) {
		/* Zero deletes as well as any negative number does, and is what the grammar has. */
		ouro_put_str(put, OURO_STR("; Max-Age="));
		ouro_put_dec(put, cookie->max_age_s > 0 ? (uint64_t)cookie->max_age_s : 0);
	}
	if (cookie->expires_unix_s != 0) {
		ouro_date_format(cookie->expires_unix_s, date);
		put_attribute(put, OURO_STR("; Expires="), ouro_str(date, sizeof(date)));
	}
}

static struct ouro_str same_site_text(enum ouro_same_site same_site)
{
	switch (same_site) {
	case OURO_SAME_SITE_LAX:
		return OURO_STR("; SameSite=Lax");
	case OURO_SAME_SITE_STRICT:
		return OURO_STR("; SameSite=Strict");
	case OURO_SAME_SITE_NONE:
		return OURO_STR("; SameSite=None");
	case OURO_SAME_SITE_UNSET:
		break;
	}
	return OURO_STR("");
}

ssize_t ouro_cookie_write(const struct ouro_cookie *cookie, char *out, size_t room)
{
	struct ouro_put put;
	int err = check(cookie);

	if (err)
		return err;
	ouro_put_init(&put, out, room);
	ouro_put_str(&put, cookie->name);
	put_attribute(&put, OURO_STR("="), cookie->value);
	if (cookie->domain.len > 0)
		put_attribute(&put, OURO_STR("; Domain="), cookie->domain);
	if (path_of(cookie).len > 0)
		put_attribute(&put, OURO_STR("; Path="), path_of(cookie));
	put_lifetime(&put, cookie);
	if (cookie->secure)
		ouro_put_str(&put, OURO_STR("; Secure"));
	if (!cookie->script_readable)
		ouro_put_str(&put, OURO_STR("; HttpOnly"));
	ouro_put_str(&put, same_site_text(cookie->same_site));
	if (cookie->partitioned)
		ouro_put_str(&put, OURO_STR("; Partitioned"));
	return ouro_put_end(&put);
}
