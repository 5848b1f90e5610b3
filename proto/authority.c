/* host[:port]: see proto/authority.h. */
#include "proto/authority.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What names are made of: unreserved and sub-delims of RFC 3986, 2. A byte each, since every
 * request has a Host. */
static const bool name_chars[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
	0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, /* 0x20 */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, /* 0x30 */
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x40 */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, /* 0x50 */
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x60 */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, /* 0x70 */
};

static bool is_name(char c)
{
	return name_chars[(unsigned char)c];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Returns the end of a registered name or IPv4 address that begins at @at: the first byte that is
 * part of none. NULL: an escape is malformed. */
static const char *skip_name(const char *at, const char *end)
{
	for (;;) {
		while (at < end && is_name(*at))
			at++;
		if (at == end || *at != '%')
			return at;
		if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2]))
			return NULL;
		at += 3;
	}
}

static bool is_ipv4(const char *at, const char *end)
{
	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		const char *start = at;

		while (at < end && at - start < 3 && is_digit(*at))
			value = value * 10 + (unsigned)(*at++ - '0');
		if (at == start || value > 255 || (*start == '0' && at - start > 1))
			return false;
		if (part < 3 && (at == end || *at++ != '.'))
			return false;
	}
	return at == end;
}

static bool is_ipv6(const char *at, const char *end)
{
	int groups = 0;
	bool gap = false;

	if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
		gap = true;
		at += 2;
	}
	while (at < end) {
		const char *start = at;

		while (at < end && at - start < 4 && is_hex(*at))
			at++;
		if (at < end && *at == '.')
			return is_ipv4(start, end) && (gap ? groups <= 5 : groups == 6);
		if (at == start)
			return false;
		groups++;
		if (at == end)
			break;
		if (*at++ != ':' || at == end)
			return false;
		if (*at == ':') {
			if (gap)
				return false;
			gap = true;
			at++;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

/* "v" and a version in hexadecimal, a dot, and an address. */
static bool is_ip_future(const char *at, const char *end)
{
	const char *start = ++at;

	while (at < end && is_hex(*at))
		at++;
	if (at == start || at == end || *at++ != '.' || at == end)
		return false;
	while (at < end && (is_name(*at) || *at == ':'))
		at++;
	return at == end;
}

/* Returns the end of an address in brackets that begins at @at, or NULL. */
static const char *skip_literal(const char *at, const char *end)
{
	const char *close = memchr(at, ']', (size_t)(end - at));

	if (!close)
		return NULL;
	at++;
	if (at < close && (*at == 'v' || *at == 'V') ? is_ip_future(at, close) : is_ipv6(at, close))
		return close + 1;
	return NULL;
}

enum ouro_authority ouro_authority_check(struct ouro_str str)
{
	const char *end = str.ptr + str.len;
	const char *at = str.ptr;
	unsigned port = 0;

	if (str.len == 0)
		return OURO_AUTHORITY_BAD;
	at = *at == '[' ? skip_literal(at, end) : skip_name(at, end);
	if (!at || at == str.ptr)
		return OURO_AUTHORITY_BAD;
	if (at == end)
		return OURO_AUTHORITY_HOST;
	if (*at++ != ':')
		return OURO_AUTHORITY_BAD;
	if (at == end)
		return OURO_AUTHORITY_HOST;
	for (; at < end && is_digit(*at) && port <= 65535; at++)
		port = port * 10 + (unsigned)(*at - '0');
	return at == end && port <= 65535 ? OURO_AUTHORITY_HOST_PORT : OURO_AUTHORITY_BAD;
}
