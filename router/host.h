/* Hosts of routes and of requests; private to the router. */
#ifndef OURO_ROUTER_HOST_H
#define OURO_ROUTER_HOST_H

#include "ouro/base.h"

#include <stdbool.h>

/* No name in DNS is longer (RFC 1035, 2.3.4). */
#define OURO_HOST_BYTES_MAX 255

/* The most specific first. */
enum ouro_host_kind {
	OURO_HOST_EXACT,
	OURO_HOST_PARAM,    /* "{name}.text" */
	OURO_HOST_WILDCARD, /* "*.text" */
	OURO_HOST_ANY,
};

struct ouro_host_pattern {
	enum ouro_host_kind kind;
	struct ouro_str text; /* in lower case; behind the first dot of a parameter or wildcard */
	struct ouro_str name; /* of the parameter */
};

/* Takes @text apart; empty is any host. @lower has room for as many bytes as @text has and must
 * live as long as @host, as must @text. Returns NULL, or what is wrong with it. */
const char *ouro_host_parse(struct ouro_host_pattern *host, struct ouro_str text, char *lower);

/* Writes the host of a request at @out, which has room for OURO_HOST_BYTES_MAX, as patterns have
 * it: without port, without the dot of the root at its end, in lower case. Returns the bytes; 0
 * where there is none, or a longer one, which no pattern fits. */
size_t ouro_host_normal(struct ouro_str host, char *out);

#endif
