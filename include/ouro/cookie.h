/* Cookies that a response sets (RFC 6265; draft-ietf-httpbis-rfc6265bis where browsers go by it). */
#ifndef OURO_COOKIE_H
#define OURO_COOKIE_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether requests that other sites bring about carry the cookie. */
enum ouro_same_site {
	OURO_SAME_SITE_LAX,    /* only where the user follows a link here */
	OURO_SAME_SITE_STRICT, /* never */
	OURO_SAME_SITE_NONE,   /* always; browsers take it with @secure only */
	OURO_SAME_SITE_UNSET,  /* no attribute: as the browser sees fit */
};

/* One cookie to set. Only the name is needed: what is left zero is the safer choice, a cookie for
 * this host and all its paths that scripts cannot read, other sites' requests do not carry, and the
 * browser forgets when it ends:
 *
 *	struct ouro_cookie cookie = { .name = OURO_STR("theme"), .value = OURO_STR("dark") };
 *
 * To delete a cookie, set it anew with its name, domain and path, and a negative @max_age_s. */
struct ouro_cookie {
	/* A token. Names that begin with __Secure-, __Host- or __Http- promise what the browser
	 * checks: each wants @secure, __Host- no @domain and the path "/", and __Http- (also in
	 * __Host-Http-) that scripts cannot read it. */
	struct ouro_str name;
	/* Visible ASCII without space, double quote, comma, semicolon and backslash; may be empty.
	 * Name and value together are at most OURO_COOKIE_BYTES_MAX bytes. */
	struct ouro_str value;
	struct ouro_str domain; /* absent or empty: this host only, not those below it */
	struct ouro_str path;   /* absent: "/"; empty: no attribute, which means the folder that the
				 * request's path is in; else it begins with a slash */
	/* Seconds to keep it, which browsers cut to 400 days. 0: no attribute; without @expires_unix_s
	 * the browser forgets the cookie when it ends. Negative: delete it. */
	int64_t max_age_s;
	/* When to forget it, in seconds since 1970; @max_age_s goes before it. 0: no attribute. */
	int64_t expires_unix_s;
	enum ouro_same_site same_site;
	bool secure;          /* sent over encrypted connections only */
	bool script_readable; /* for document.cookie; no HttpOnly, then */
	bool partitioned;     /* one jar for each site that embeds this one; wants @secure */
};

/* Most bytes of name and value together: browsers drop what is larger without a word. */
#define OURO_COOKIE_BYTES_MAX 4096

#ifdef __cplusplus
}
#endif

#endif
