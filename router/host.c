/* Hosts of routes and of requests: see router/host.h. */
#include "router/host.h"

#include "base/str.h"
#include "router/pattern.h"

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_host_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/* An address of IPv6 is in brackets; what is in them is not looked at. */
static bool is_bracketed(struct ouro_str text)
{
	return text.len > 2 && text.ptr[0] == '[' &&
	       memchr(text.ptr, ']', text.len) == text.ptr + text.len - 1;
}

static const char *parse_first_label(struct ouro_host_pattern *host, struct ouro_str *rest)
{
	const char *dot = memchr(rest->ptr, '.', rest->len);
	struct ouro_str label;

	host->kind = OURO_HOST_EXACT;
	if (rest->ptr[0] != '{' && rest->ptr[0] != '*')
		return NULL;
	if (!dot || dot + 1 == rest->ptr + rest->len)
		return "a host's parameter or wildcard has a domain behind it";
	label = ouro_str(rest->ptr, (size_t)(dot - rest->ptr));
	*rest = ouro_str(dot + 1, rest->len - label.len - 1);
	host->kind = OURO_HOST_WILDCARD;
	if (label.len == 1 && label.ptr[0] == '*')
		return NULL;
	host->kind = OURO_HOST_PARAM;
	if (label.ptr[label.len - 1] != '}' || label.len < 3)
		return "a host's first label may be {name} or *, as a whole";
	host->name = ouro_str(label.ptr + 1, label.len - 2);
	return ouro_pattern_check_name(host->name);
}

const char *ouro_host_parse(struct ouro_host_pattern *host, struct ouro_str text, char *out)
{
	const char *wrong;

	*host = (struct ouro_host_pattern){ .kind = OURO_HOST_ANY };
	if (text.len == 0)
		return NULL;
	wrong = parse_first_label(host, &text);
	if (wrong)
		return wrong;
	if (text.len > 1 && text.ptr[text.len - 1] == '.')
		text.len--;
	if (text.len > OURO_HOST_BYTES_MAX)
		return "a host longer than any";
	for (size_t i = 0; i < text.len; i++)
		out[i] = lower(text.ptr[i]);
	host->text = ouro_str(out, text.len);
	for (size_t i = 0; i < text.len && !is_bracketed(text); i++)
		if (!is_host_char(out[i]))
			return "a character that no host has; a port is not part of it";
	return NULL;
}

size_t ouro_host_normal(struct ouro_str host, char *out)
{
	const char *bracket = host.len > 0 && host.ptr[0] == '[' ? memchr(host.ptr, ']', host.len)
								 : NULL;
	const char *colon;

	if (bracket)
		host.len = (size_t)(bracket + 1 - host.ptr);
	colon = host.len > 0 && !bracket ? memchr(host.ptr, ':', host.len) : NULL;
	if (colon)
		host.len = (size_t)(colon - host.ptr);
	if (host.len > 0 && host.ptr[host.len - 1] == '.')
		host.len--;
	if (host.len > OURO_HOST_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < host.len; i++)
		out[i] = lower(host.ptr[i]);
	return host.len;
}
