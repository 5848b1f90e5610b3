/* Where the hub is that rooms of several processes share:
 *
 *     redis://[[user]:password@]host[:port][/database]
 *     redis+unix://[[user]:password@]/path[?db=database]
 *
 * A host is a name, an IPv4 or a bracketed IPv6 address. User, password and path may be
 * percent-encoded (RFC 3986, 2.1), and have to be where they have one of / @ % ? #, a user also where it
 * has a colon. */
#ifndef OURO_SERVER_HUB_URL_H
#define OURO_SERVER_HUB_URL_H

#include <stdint.h>

enum { OURO_HUB_URL_BYTES_MAX = 1024, OURO_HUB_DATABASE_MAX = 1 << 20 };

struct ouro_hub_url {
	const char *user;     /* NULL: none; as all strings, in @text, decoded */
	const char *password; /* NULL: none */
	const char *host;     /* NULL: there is a path */
	const char *path;     /* of a unix socket; NULL: there is a host */
	uint16_t port;        /* 0: none was given */
	uint32_t database;
	char text[OURO_HUB_URL_BYTES_MAX + 1];
};

/* Parses @url. 0; or -EINVAL and what is wrong with it in @problem, static text that has nothing of the
 * URL, which may have a password; @parsed is then of no use. */
int ouro_hub_url_parse(const char *url, struct ouro_hub_url *parsed, const char **problem);

#endif
