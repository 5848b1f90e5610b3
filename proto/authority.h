/* host[:port], as in the Host field and in targets (RFC 3986, 3.2; RFC 9110, 4.2). */
#ifndef OURO_PROTO_AUTHORITY_H
#define OURO_PROTO_AUTHORITY_H

#include "ouro/base.h"

#include <stdbool.h>

enum ouro_authority {
	OURO_AUTHORITY_BAD,
	OURO_AUTHORITY_HOST,      /* a host, perhaps with a colon and no port behind it */
	OURO_AUTHORITY_HOST_PORT, /* a host and a port */
};

/* What @str is. A host is a registered name, an IPv4 address, or an IPv6 or later address in
 * brackets, and never empty; a port is a number up to 65535. User information is bad: RFC 9110,
 * 4.2.4, deprecates it because it misleads. */
enum ouro_authority ouro_authority_check(struct ouro_str str);

#endif
