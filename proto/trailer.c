/* Trailer sections: see proto/trailer.h. */
#include "proto/trailer.h"

#include "base/str.h"

#include <string.h>

bool ouro_trailer_is_allowed(struct ouro_str name)
{
	static const char *const forbidden[] = {
		/* Framing, and the connection. */
		"transfer-encoding",
		"trailer",
		"te",
		"connection",
		"keep-alive",
		"proxy-connection",
		"upgrade",
		/* Routing. */
		"host",
		"forwarded",
		"via",
		"max-forwards",
		/* What modifies a request (RFC 9110, 10.1, 12.5, 13.1, 14.2). */
		"accept",
		"cache-control",
		"expect",
		"pragma",
		"range",
		/* Who asks. */
		"authorization",
		"cookie",
		"set-cookie",
		"authentication-info",
		"proxy-authorization",
		"proxy-authenticate",
		"proxy-authentication-info",
		"www-authenticate",
		/* What controls a response. */
		"age",
		"date",
		"expires",
		"location",
		"retry-after",
		"vary",
		"warning",
	};
	/* How the content is to be read; conditions; preferences; where the request comes from. */
	static const char *const families[] = {
		"content-",
		"if-",
		"accept-",
		"x-forwarded-",
	};

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (ouro_str_eq_nocase(name, ouro_str_c(forbidden[i])))
			return false;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct ouro_str family = ouro_str_c(families[i]);

		if (name.len >= family.len &&
		    ouro_str_eq_nocase(ouro_str(name.ptr, family.len), family))
			return false;
	}
	return true;
}

bool ouro_trailer_next(struct ouro_str *section, struct ouro_str *name, struct ouro_str *value)
{
	const char *colon, *end;

	/* The last line is empty. */
	while (section->len > 0 && section->ptr[0] != '\r') {
		colon = memchr(section->ptr, ':', section->len);
		end = colon ? memchr(colon, '\r', section->len - (size_t)(colon - section->ptr))
			    : NULL;
		if (!end || (size_t)(end - section->ptr) + 2 > section->len)
			break;
		*name = ouro_str(section->ptr, (size_t)(colon - section->ptr));
		*value = ouro_str_trim(ouro_str(colon + 1, (size_t)(end - colon - 1)));
		*section = ouro_str(end + 2, section->len - (size_t)(end + 2 - section->ptr));
		if (ouro_trailer_is_allowed(*name))
			return true;
	}
	section->len = 0;
	return false;
}
