/* Cookie and Set-Cookie (RFC 6265, 5.4 and 4.1). */
#ifndef OURO_PROTO_COOKIE_H
#define OURO_PROTO_COOKIE_H

#include "ouro/base.h"
#include "ouro/cookie.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One cookie of a request. */
struct ouro_cookie_pair {
	struct ouro_str name;  /* a token */
	struct ouro_str value; /* as sent, without the double quotes around it where it had both */
};

/* Takes the next cookie off the front of @rest, at first the value of a Cookie field. False when
 * there is none left. Pieces without an equals sign, those whose name is no token and those with
 * control characters are skipped. A semicolon ends a cookie even between quotes, as it does for
 * browsers. The views in @pair point into @rest. */
bool ouro_cookie_next(struct ouro_str *rest, struct ouro_cookie_pair *pair);

/* The value of the first cookie called @name (case-sensitive) in @field, the value of a Cookie
 * field; absent where there is none. Browsers put the one with the longest path first. */
struct ouro_str ouro_cookie_find(struct ouro_str field, struct ouro_str name);

/* Most bytes that ouro_cookie_write() writes for @cookie. */
#define OURO_COOKIE_ROOM(cookie)                                                                   \
	((cookie)->name.len + (cookie)->value.len + (cookie)->domain.len + (cookie)->path.len + 192)

/* Writes @cookie as the value of a Set-Cookie field at @out of @room bytes; returns its length.
 * -EINVAL where the name is no token, the value has a character that no cookie may have, domain or
 * path have a control character, a semicolon or one beyond ASCII, the path does not begin with a
 * slash, SameSite=None or Partitioned come without Secure, or the name's prefix promises what is
 * not so; -E2BIG where browsers would drop the cookie or ignore the domain or path for their size;
 * -ENOBUFS where it does not fit. After an error @out may have been written to. */
ssize_t ouro_cookie_write(const struct ouro_cookie *cookie, char *out, size_t room);

#endif
