/* Known field names: see proto/field.h. */
#include "proto/field.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Name, first and last letter, spelling. The letters stand beside it because a string's bytes are
 * no constant expressions, and the table below is built by the compiler. */
#define FIELDS(X)                                                                                  \
	X(ACCEPT, 'a', 't', "accept")                                                              \
	X(ACCEPT_CHARSET, 'a', 't', "accept-charset")                                              \
	X(ACCEPT_ENCODING, 'a', 'g', "accept-encoding")                                            \
	X(ACCEPT_LANGUAGE, 'a', 'e', "accept-language")                                            \
	X(ACCESS_CONTROL_REQUEST_HEADERS, 'a', 's', "access-control-request-headers")              \
	X(ACCESS_CONTROL_REQUEST_METHOD, 'a', 'd', "access-control-request-method")                \
	X(AUTHORIZATION, 'a', 'n', "authorization")                                                \
	X(CACHE_CONTROL, 'c', 'l', "cache-control")                                                \
	X(CONNECTION, 'c', 'n', "connection")                                                      \
	X(CONTENT_ENCODING, 'c', 'g', "content-encoding")                                          \
	X(CONTENT_LENGTH, 'c', 'h', "content-length")                                              \
	X(CONTENT_TYPE, 'c', 'e', "content-type")                                                  \
	X(COOKIE, 'c', 'e', "cookie")                                                              \
	X(DATE, 'd', 'e', "date")                                                                  \
	X(DNT, 'd', 't', "dnt")                                                                    \
	X(EXPECT, 'e', 't', "expect")                                                              \
	X(FORWARDED, 'f', 'd', "forwarded")                                                        \
	X(HOST, 'h', 't', "host")                                                                  \
	X(IF_MATCH, 'i', 'h', "if-match")                                                          \
	X(IF_MODIFIED_SINCE, 'i', 'e', "if-modified-since")                                        \
	X(IF_NONE_MATCH, 'i', 'h', "if-none-match")                                                \
	X(IF_RANGE, 'i', 'e', "if-range")                                                          \
	X(IF_UNMODIFIED_SINCE, 'i', 'e', "if-unmodified-since")                                    \
	X(KEEP_ALIVE, 'k', 'e', "keep-alive")                                                      \
	X(LAST_EVENT_ID, 'l', 'd', "last-event-id")                                                \
	X(ORIGIN, 'o', 'n', "origin")                                                              \
	X(PRAGMA, 'p', 'a', "pragma")                                                              \
	X(PRIORITY, 'p', 'y', "priority")                                                          \
	X(RANGE, 'r', 'e', "range")                                                                \
	X(REFERER, 'r', 'r', "referer")                                                            \
	X(SEC_WEBSOCKET_EXTENSIONS, 's', 's', "sec-websocket-extensions")                          \
	X(SEC_WEBSOCKET_KEY, 's', 'y', "sec-websocket-key")                                        \
	X(SEC_WEBSOCKET_PROTOCOL, 's', 'l', "sec-websocket-protocol")                              \
	X(SEC_WEBSOCKET_VERSION, 's', 'n', "sec-websocket-version")                                \
	X(TE, 't', 'e', "te")                                                                      \
	X(TRACEPARENT, 't', 't', "traceparent")                                                    \
	X(TRAILER, 't', 'r', "trailer")                                                            \
	X(TRANSFER_ENCODING, 't', 'g', "transfer-encoding")                                        \
	X(UPGRADE, 'u', 'e', "upgrade")                                                            \
	X(UPGRADE_INSECURE_REQUESTS, 'u', 's', "upgrade-insecure-requests")                        \
	X(USER_AGENT, 'u', 't', "user-agent")                                                      \
	X(VIA, 'v', 'a', "via")                                                                    \
	X(X_FORWARDED_FOR, 'x', 'r', "x-forwarded-for")                                            \
	X(X_FORWARDED_HOST, 'x', 't', "x-forwarded-host")                                          \
	X(X_FORWARDED_PROTO, 'x', 'o', "x-forwarded-proto")                                        \
	X(X_REQUEST_ID, 'x', 'd', "x-request-id")

/* No two names have the same hash: two initialisers of one entry are a compiler warning. */
#define HASH(len, first, last) (((len) + 7u * (first) + (last)) & 255u)

static const uint8_t ids[256] = {
#define ID(id, first, last, name) [HASH(sizeof(name) - 1, first, last)] = OURO_FIELD_##id,
	FIELDS(ID)
#undef ID
};

static const struct ouro_str names[OURO_FIELD_COUNT] = { [OURO_FIELD_NONE] = { "", 0 },
#define NAME(id, first, last, name) [OURO_FIELD_##id] = { name, sizeof(name) - 1 },
							 FIELDS(NAME)
#undef NAME
};

/* Folds eight letters at once to lower case. Setting the bit folds more than letters, but of the
 * characters of a token only letters become letters, and none becomes a hyphen. */
static bool differ8(const char *name, const char *lower)
{
	uint64_t a, b;

	memcpy(&a, name, sizeof(a));
	memcpy(&b, lower, sizeof(b));
	return (a | 0x2020202020202020u) != b;
}

static bool differ4(const char *name, const char *lower)
{
	uint32_t a, b;

	memcpy(&a, name, sizeof(a));
	memcpy(&b, lower, sizeof(b));
	return (a | 0x20202020u) != b;
}

/* The last word overlaps the one before it, so that nothing beyond the name is read. */
static bool equal_folded(const char *name, const char *lower, size_t len)
{
	if (len >= 8) {
		for (size_t i = 0; i + 8 < len; i += 8)
			if (differ8(name + i, lower + i))
				return false;
		return !differ8(name + len - 8, lower + len - 8);
	}
	if (len >= 4)
		return !differ4(name, lower) && !differ4(name + len - 4, lower + len - 4);
	for (size_t i = 0; i < len; i++)
		if ((name[i] | 0x20) != lower[i])
			return false;
	return true;
}

enum ouro_field ouro_field_lookup(struct ouro_str name)
{
	unsigned first, last;
	enum ouro_field id;

	if (name.len == 0)
		return OURO_FIELD_NONE;
	first = (unsigned char)name.ptr[0] | 0x20u;
	last = (unsigned char)name.ptr[name.len - 1] | 0x20u;
	id = (enum ouro_field)ids[HASH(name.len, first, last)];
	if (names[id].len != name.len || !equal_folded(name.ptr, names[id].ptr, name.len))
		return OURO_FIELD_NONE;
	return id;
}

struct ouro_str ouro_field_name(enum ouro_field field)
{
	return (unsigned)field < OURO_FIELD_COUNT ? names[field] : OURO_STR("");
}
