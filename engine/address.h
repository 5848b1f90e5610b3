/* Where to listen: `tcp://host:port`, `tcp://[v6]:port`, `unix:/path`, `fd:N`. */
#ifndef OURO_ENGINE_ADDRESS_H
#define OURO_ENGINE_ADDRESS_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum ouro_address_kind {
	OURO_ADDRESS_TCP,
	OURO_ADDRESS_UNIX,
	OURO_ADDRESS_FD,
};

struct ouro_address {
	enum ouro_address_kind kind;
	int fd; /* OURO_ADDRESS_FD */
	socklen_t len;
	struct sockaddr_storage sockaddr; /* the others */
};

enum { OURO_ADDRESS_TEXT_MAX = 160 };

/* Parses @url (a C string). A host is a name or a number; `*` or nothing means every address. 0;
 * -EINVAL with the reason in @message (a C string of at most @message_bytes); -ENOENT likewise
 * where a name has no address. */
int ouro_address_parse(const char *url, struct ouro_address *address, char *message,
		       size_t message_bytes);

/* Writes the URL of the socket @fd is bound to (with the port it got) at @text, which has
 * OURO_ADDRESS_TEXT_MAX bytes. 0 or a negative errno. */
int ouro_address_of(int fd, char *text);

/* Writes @sockaddr as host:port, or "unix", likewise. */
void ouro_address_print(const struct sockaddr_storage *sockaddr, char *text);

/* Opens a listening socket. @shared: another socket of this process will be bound to the same TCP
 * address (SO_REUSEPORT), or is already. The descriptor, or a negative errno; an OURO_ADDRESS_FD
 * gives a duplicate. A Unix socket's path that no server answers at any more is replaced. */
int ouro_address_listen(const struct ouro_address *address, bool shared, int backlog);

/* -EADDRINUSE where somebody listens at the TCP @address already, else 0. With SO_REUSEPORT alone
 * a second server would get half of the first one's connections without a word. */
int ouro_address_probe(const struct ouro_address *address);

#endif
