/* Request methods as small numbers, so that a set of them is a mask. */
#ifndef OURO_ROUTER_METHOD_H
#define OURO_ROUTER_METHOD_H

#include "ouro/base.h"

#include <stdint.h>

/* Methods that a route may have, with their names: RFC 9110, RFC 5789, then what the registry
 * has for WebDAV and its kin, and a few that are in wide use. */
#define OURO_METHODS(X)                                                                            \
	X(GET, "GET")                                                                              \
	X(HEAD, "HEAD")                                                                            \
	X(POST, "POST")                                                                            \
	X(PUT, "PUT")                                                                              \
	X(DELETE, "DELETE")                                                                        \
	X(CONNECT, "CONNECT")                                                                      \
	X(OPTIONS, "OPTIONS")                                                                      \
	X(TRACE, "TRACE")                                                                          \
	X(PATCH, "PATCH")                                                                          \
	X(ACL, "ACL")                                                                              \
	X(BIND, "BIND")                                                                            \
	X(CHECKOUT, "CHECKOUT")                                                                    \
	X(COPY, "COPY")                                                                            \
	X(LINK, "LINK")                                                                            \
	X(LOCK, "LOCK")                                                                            \
	X(MERGE, "MERGE")                                                                          \
	X(MKACTIVITY, "MKACTIVITY")                                                                \
	X(MKCALENDAR, "MKCALENDAR")                                                                \
	X(MKCOL, "MKCOL")                                                                          \
	X(MOVE, "MOVE")                                                                            \
	X(M_SEARCH, "M-SEARCH")                                                                    \
	X(NOTIFY, "NOTIFY")                                                                        \
	X(PROPFIND, "PROPFIND")                                                                    \
	X(PROPPATCH, "PROPPATCH")                                                                  \
	X(PURGE, "PURGE")                                                                          \
	X(QUERY, "QUERY")                                                                          \
	X(REBIND, "REBIND")                                                                        \
	X(REPORT, "REPORT")                                                                        \
	X(SEARCH, "SEARCH")                                                                        \
	X(SUBSCRIBE, "SUBSCRIBE")                                                                  \
	X(UNBIND, "UNBIND")                                                                        \
	X(UNLINK, "UNLINK")                                                                        \
	X(UNLOCK, "UNLOCK")                                                                        \
	X(UNSUBSCRIBE, "UNSUBSCRIBE")

enum ouro_method {
#define OURO_METHOD_ENUM(id, name) OURO_METHOD_##id,
	OURO_METHODS(OURO_METHOD_ENUM)
#undef OURO_METHOD_ENUM
		OURO_METHOD_COUNT, /* also: no method of these */
};

/* The id of @name, which is case-sensitive (RFC 9110, 9.1), or OURO_METHOD_COUNT. */
enum ouro_method ouro_method_lookup(struct ouro_str name);

/* The name of @method; empty for OURO_METHOD_COUNT. Static memory. */
struct ouro_str ouro_method_name(enum ouro_method method);

/* Room for the names of all methods, with ", " between them. */
enum {
#define OURO_METHOD_BYTES(id, name) +(int)sizeof(name) - 1 + 2
	OURO_METHODS_TEXT_BYTES_MAX = 0 OURO_METHODS(OURO_METHOD_BYTES)
#undef OURO_METHOD_BYTES
};

/* Writes the names of the methods in @mask, in the order above: "GET, HEAD, POST". @out has room
 * for OURO_METHODS_TEXT_BYTES_MAX. Returns the bytes; there is no terminator. */
size_t ouro_methods_print(uint64_t mask, char *out);

#endif
