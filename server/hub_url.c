/* The URL of a hub: see server/hub_url.h. */
#include "server/hub_url.h"

#include "base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int fail(const char **problem, const char *what)
{
	*problem = what;
	return -EINVAL;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes the C string @text where it is. False where an escape is none, or is of a zero, which no string
 * can have. */
static bool decode(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		int high, low;

		if (*in != '%') {
			*out++ = *in;
			continue;
		}
		high = digit_of(in[1]);
		low = high < 0 ? -1 : digit_of(in[2]);
		if (low < 0 || high + low == 0)
			return false;
		*out++ = (char)(high << 4 | low);
		in += 2;
	}
	*out = '\0';
	return true;
}

/* "user:password@", without the @. A user alone would be one without a password, which Redis does not
 * have. */
static int parse_user(char *text, struct ouro_hub_url *parsed, const char **problem)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return fail(problem, "what stands before the @ has no : before the password");
	*colon = '\0';
	parsed->user = *text ? text : NULL;
	parsed->password = colon + 1;
	if (!decode(text) || !decode(colon + 1))
		return fail(problem, "a % in user or password is not followed by two digits");
	return *parsed->password ? 0 : fail(problem, "the password is empty");
}

static int parse_database(const char *text, struct ouro_hub_url *parsed, const char **problem)
{
	uint64_t number;

	if (ouro_str_to_u64(ouro_str_c(text), &number) || number > OURO_HUB_DATABASE_MAX)
		return fail(problem, "the database is not a number");
	parsed->database = (uint32_t)number;
	return 0;
}

static bool is_host(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f || strchr("%[]\\^`{|}\"<>", *text))
			return false;
	return true;
}

static int parse_port(const char *text, struct ouro_hub_url *parsed, const char **problem)
{
	uint64_t port;

	if (ouro_str_to_u64(ouro_str_c(text), &port) || port == 0 || port > UINT16_MAX)
		return fail(problem, "the port is not a number from 1 to 65535");
	parsed->port = (uint16_t)port;
	return 0;
}

static int parse_host(char *text, struct ouro_hub_url *parsed, const char **problem)
{
	char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	char *colon = strchr(end ? end : text, ':');

	if (text[0] == '[' && !end)
		return fail(problem, "the [ of the host has no ]");
	if (end && end[1] != '\0' && end + 1 != colon)
		return fail(problem, "there is something between the host's ] and the port");
	if (!end && colon && strchr(colon + 1, ':'))
		return fail(problem, "an IPv6 address is written in brackets, as in [::1]:6379");
	if (colon)
		*colon = '\0';
	if (end) {
		*end = '\0';
		text++;
	}
	if (!*text)
		return fail(problem, "there is no host");
	if (!is_host(text))
		return fail(problem, "the host is not one");
	parsed->host = text;
	return colon ? parse_port(colon + 1, parsed, problem) : 0;
}

/* What stands before the first /, ? or # of @text may end in a @. *@rest: what is behind it. */
static int take_user(char *text, struct ouro_hub_url *parsed, char **rest, const char **problem)
{
	char *at = text + strcspn(text, "/?#@");

	*rest = text;
	if (*at != '@')
		return 0;
	*at = '\0';
	*rest = at + 1;
	return parse_user(text, parsed, problem);
}

static int parse_tcp(char *text, struct ouro_hub_url *parsed, const char **problem)
{
	char *slash, *rest;
	int err = take_user(text, parsed, &rest, problem);

	if (err)
		return err;
	if (strpbrk(rest, "@?#"))
		return fail(problem, "a @, ? or # is to be percent-encoded");
	slash = strchr(rest, '/');
	if (slash)
		*slash = '\0';
	err = parse_host(rest, parsed, problem);
	return err || !slash || !slash[1] ? err : parse_database(slash + 1, parsed, problem);
}

static int parse_unix(char *text, struct ouro_hub_url *parsed, const char **problem)
{
	char *query, *rest;
	int err = take_user(text, parsed, &rest, problem);

	if (err)
		return err;
	query = strchr(rest, '?');
	if (query)
		*query = '\0';
	if (rest[0] != '/' || !rest[1])
		return fail(problem, "there is no path, as in redis+unix:///run/redis.sock");
	if (!decode(rest))
		return fail(problem, "a % in the path is not followed by two digits");
	parsed->path = rest;
	if (!query)
		return 0;
	if (strncmp(query + 1, "db=", 3) != 0)
		return fail(problem, "behind the ? there may be db= and a number");
	return parse_database(query + 4, parsed, problem);
}

int ouro_hub_url_parse(const char *url, struct ouro_hub_url *parsed, const char **problem)
{
	static const char tcp[] = "redis://", local[] = "redis+unix://";
	size_t len = strlen(url);

	if (len > OURO_HUB_URL_BYTES_MAX)
		return fail(problem, "it is too long");
	*parsed = (struct ouro_hub_url){ 0 };
	memcpy(parsed->text, url, len + 1);
	if (strncmp(url, "rediss://", 9) == 0)
		return fail(problem, "connections to Redis are not encrypted here; put a tunnel "
				     "before it, and give its address as redis://");
	if (strncmp(url, tcp, sizeof(tcp) - 1) == 0)
		return parse_tcp(parsed->text + sizeof(tcp) - 1, parsed, problem);
	if (strncmp(url, local, sizeof(local) - 1) == 0)
		return parse_unix(parsed->text + sizeof(local) - 1, parsed, problem);
	return fail(problem, "it does not begin with redis:// or redis+unix://");
}
