/* Negotiating permessage-deflate: see ws/extension.h. */
#include "ws/extension.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* RFC 6455, 9.1:
 *
 *     extension-list  = 1#extension
 *     extension       = token *( ";" token [ "=" ( token | quoted-string ) ] )
 *
 * where what is quoted is a token too. */
struct scan {
	const char *at, *end;
};

/* One offer as it is read. */
struct offer {
	bool is_deflate;
	bool is_bad; /* cannot be accepted */
	bool server_no_context_takeover;
	bool client_no_context_takeover;
	bool client_bits_given;
	uint8_t server_window_bits; /* 0: not given */
	uint8_t client_window_bits; /* likewise; given without a value: 15 */
};

static bool is_token_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
}

/* Takes @c, and space around it, where it comes next. */
static bool take(struct scan *scan, char c)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	skip_space(scan);
	return true;
}

static bool take_token(struct scan *scan, struct ouro_str *token)
{
	const char *begin = scan->at;

	while (scan->at < scan->end && is_token_byte((unsigned char)*scan->at))
		scan->at++;
	*token = ouro_str(begin, (size_t)(scan->at - begin));
	return token->len > 0;
}

/* A token between quotes needs no backslash; one that is there all the same stands for what is
 * behind it, which then is still to be a token. No value of ours is that long or that odd, so such
 * a value is taken as one that matches nothing. */
static bool take_quoted(struct scan *scan, struct ouro_str *value)
{
	const char *begin = ++scan->at;
	bool odd = false;

	while (scan->at < scan->end && *scan->at != '"') {
		if (*scan->at == '\\') {
			odd = true;
			scan->at++;
		}
		if (scan->at == scan->end || !is_token_byte((unsigned char)*scan->at))
			return false;
		scan->at++;
	}
	if (scan->at == scan->end)
		return false;
	*value = odd ? OURO_STR("\\") : ouro_str(begin, (size_t)(scan->at - begin));
	scan->at++;
	return value->len > 0;
}

static bool take_value(struct scan *scan, struct ouro_str *value)
{
	if (scan->at < scan->end && *scan->at == '"')
		return take_quoted(scan, value);
	return take_token(scan, value);
}

/* 8..15 in decimal without leading zeros (RFC 7692, 7.1.2); 0 where it is anything else. */
static uint8_t window_bits(struct ouro_str value)
{
	uint64_t bits;

	if (value.len == 0 || value.ptr[0] == '0' || ouro_str_to_u64(value, &bits) ||
	    bits < OURO_WS_WINDOW_BITS_MIN || bits > OURO_WS_WINDOW_BITS_MAX)
		return 0;
	return (uint8_t)bits;
}

/* A parameter without a value, which may stand once. */
static bool set_flag(bool *flag, struct ouro_str value)
{
	bool fits = !*flag && !value.ptr;

	*flag = true;
	return fits;
}

static bool set_server_bits(struct offer *offer, struct ouro_str value)
{
	if (offer->server_window_bits)
		return false;
	offer->server_window_bits = window_bits(value);
	/* A client that can only read windows of 256 bytes cannot be served. */
	return offer->server_window_bits >= OURO_WS_DEFLATE_BITS_MIN;
}

static bool set_client_bits(struct offer *offer, struct ouro_str value)
{
	if (offer->client_bits_given)
		return false;
	offer->client_bits_given = true;
	offer->client_window_bits = value.ptr ? window_bits(value) : OURO_WS_WINDOW_BITS_MAX;
	return offer->client_window_bits > 0;
}

static bool set_param(struct offer *offer, struct ouro_str name, struct ouro_str value)
{
	if (ouro_str_eq_nocase(name, OURO_STR("server_no_context_takeover")))
		return set_flag(&offer->server_no_context_takeover, value);
	if (ouro_str_eq_nocase(name, OURO_STR("client_no_context_takeover")))
		return set_flag(&offer->client_no_context_takeover, value);
	if (ouro_str_eq_nocase(name, OURO_STR("server_max_window_bits")))
		return set_server_bits(offer, value);
	if (ouro_str_eq_nocase(name, OURO_STR("client_max_window_bits")))
		return set_client_bits(offer, value);
	return false;
}

static bool take_offer(struct scan *scan, struct offer *offer)
{
	struct ouro_str name, value;

	*offer = (struct offer){ 0 };
	if (!take_token(scan, &name))
		return false;
	offer->is_deflate = ouro_str_eq_nocase(name, OURO_STR("permessage-deflate"));
	while (take(scan, ';')) {
		value = ouro_str(NULL, 0);
		if (!take_token(scan, &name) || (take(scan, '=') && !take_value(scan, &value)))
			return false;
		offer->is_bad |= !set_param(offer, name, value);
	}
	return true;
}

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

static uint8_t or_largest(uint8_t bits)
{
	return bits ? bits : OURO_WS_WINDOW_BITS_MAX;
}

static void accept_offer(const struct offer *offer, const struct ouro_ws_deflate_wishes *wishes,
			 struct ouro_ws_deflate_params *params)
{
	uint8_t server_bits = or_largest(wishes->server_window_bits);
	uint8_t client_bits = or_largest(wishes->client_window_bits);

	params->enabled = true;
	params->server_no_context_takeover = offer->server_no_context_takeover ||
					     wishes->server_no_context_takeover;
	/* 7.1.1.2: a hint of the client's, or the server's wish, offered or not. */
	params->client_no_context_takeover = offer->client_no_context_takeover ||
					     wishes->client_no_context_takeover;
	/* 7.1.2.1: the answer has it where it was offered; otherwise it may. */
	params->server_window_bits = least(or_largest(offer->server_window_bits), server_bits);
	params->says_server_bits = offer->server_window_bits > 0 ||
				   params->server_window_bits < OURO_WS_WINDOW_BITS_MAX;
	/* 7.1.2.2: only clients that offer it can be told; they may keep to less by themselves. */
	params->client_window_bits = OURO_WS_WINDOW_BITS_MAX;
	if (offer->client_bits_given)
		params->client_window_bits = least(offer->client_window_bits, client_bits);
	params->says_client_bits = params->client_window_bits < OURO_WS_WINDOW_BITS_MAX;
}

int ouro_ws_negotiate_deflate(struct ouro_str offers, const struct ouro_ws_deflate_wishes *wishes,
			      struct ouro_ws_deflate_params *params)
{
	struct scan scan = { offers.ptr, offers.ptr + offers.len };
	struct ouro_ws_deflate_params result = { 0 };
	struct offer offer;
	bool any = false;

	assert(!wishes->server_window_bits ||
	       (wishes->server_window_bits >= OURO_WS_DEFLATE_BITS_MIN &&
		wishes->server_window_bits <= OURO_WS_WINDOW_BITS_MAX));
	do {
		/* Lists may have empty elements (RFC 9110, 5.6.1.2). */
		while (take(&scan, ','))
			;
		if (scan.at == scan.end)
			break;
		if (!take_offer(&scan, &offer))
			return -EINVAL;
		any = true;
		if (offer.is_deflate && !offer.is_bad && !result.enabled)
			accept_offer(&offer, wishes, &result);
		skip_space(&scan);
	} while (take(&scan, ','));
	if (!any || scan.at != scan.end)
		return -EINVAL;
	*params = result;
	return 0;
}

size_t ouro_ws_write_extension(const struct ouro_ws_deflate_params *params,
			       char out[OURO_WS_EXTENSION_BYTES_MAX])
{
	char server_bits[32] = "", client_bits[32] = "";
	int len;

	if (!params->enabled)
		return 0;
	if (params->says_server_bits)
		snprintf(server_bits, sizeof(server_bits), "; server_max_window_bits=%u",
			 params->server_window_bits);
	if (params->says_client_bits)
		snprintf(client_bits, sizeof(client_bits), "; client_max_window_bits=%u",
			 params->client_window_bits);
	len = snprintf(out, OURO_WS_EXTENSION_BYTES_MAX, "permessage-deflate%s%s%s%s",
		       params->server_no_context_takeover ? "; server_no_context_takeover" : "",
		       params->client_no_context_takeover ? "; client_no_context_takeover" : "",
		       server_bits, client_bits);
	assert(len > 0 && len < OURO_WS_EXTENSION_BYTES_MAX);
	return (size_t)len;
}
