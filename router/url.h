/* Paths of named routes; private to the router. */
#ifndef OURO_ROUTER_URL_H
#define OURO_ROUTER_URL_H

#include "router/table.h"

/* See ouro_router_url(). */
ssize_t ouro_table_url(const struct ouro_table *table, struct ouro_str name,
		       const struct ouro_url_param *params, size_t count, char *out, size_t room);

#endif
