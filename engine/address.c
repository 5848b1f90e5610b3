/* Where to listen: see engine/address.h. */
#include "engine/address.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HOST_BYTES_MAX = 256 };

static const struct sockaddr *plain(const struct ouro_address *address)
{
	return (const struct sockaddr *)&address->sockaddr;
}

static int resolve(const char *host, const char *port, struct ouro_address *address, char *message,
		   size_t message_bytes)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found;
	int err = getaddrinfo(host, port, &hints, &found);

	if (err) {
		snprintf(message, message_bytes, "cannot find the address of '%s': %s",
			 host ? host : "*", gai_strerror(err));
		return -ENOENT;
	}
	memcpy(&address->sockaddr, found->ai_addr, found->ai_addrlen);
	address->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int parse_tcp(const char *url, const char *rest, struct ouro_address *address, char *message,
		     size_t message_bytes)
{
	const char *colon = strrchr(rest, ':');
	char host[HOST_BYTES_MAX];
	uint64_t port;
	size_t len;

	if (!colon || ouro_str_to_u64(ouro_str_c(colon + 1), &port) || port > 65535) {
		snprintf(message, message_bytes,
			 "'%s' must end in a port, as in tcp://127.0.0.1:8080", url);
		return -EINVAL;
	}
	len = (size_t)(colon - rest);
	if (len >= 2 && rest[0] == '[' && rest[len - 1] == ']') {
		rest++;
		len -= 2;
	} else if (memchr(rest, ':', len)) {
		snprintf(message, message_bytes,
			 "'%s': write an IPv6 address in brackets, as in tcp://[::1]:8080", url);
		return -EINVAL;
	}
	if (len >= sizeof(host)) {
		snprintf(message, message_bytes, "'%s': the host is too long", url);
		return -EINVAL;
	}
	memcpy(host, rest, len);
	host[len] = '\0';
	address->kind = OURO_ADDRESS_TCP;
	return resolve(len == 0 || strcmp(host, "*") == 0 ? NULL : host, colon + 1, address,
		       message, message_bytes);
}

static int parse_unix(const char *url, const char *path, struct ouro_address *address,
		      char *message, size_t message_bytes)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address->sockaddr;
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(un->sun_path)) {
		snprintf(message, message_bytes, "'%s': a socket path has 1 to %zu bytes", url,
			 sizeof(un->sun_path) - 1);
		return -EINVAL;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	address->kind = OURO_ADDRESS_UNIX;
	address->len = sizeof(*un);
	return 0;
}

static int parse_fd(const char *url, const char *number, struct ouro_address *address,
		    char *message, size_t message_bytes)
{
	uint64_t fd;
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (ouro_str_to_u64(ouro_str_c(number), &fd) || fd > 1U << 20) {
		snprintf(message, message_bytes, "'%s' must be fd: and a number, as in fd:3", url);
		return -EINVAL;
	}
	if (getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) || !listening) {
		snprintf(message, message_bytes, "'%s' is not a listening socket of this process",
			 url);
		return -EINVAL;
	}
	address->kind = OURO_ADDRESS_FD;
	address->fd = (int)fd;
	return 0;
}

int ouro_address_parse(const char *url, struct ouro_address *address, char *message,
		       size_t message_bytes)
{
	struct ouro_address parsed = { .fd = -1 };
	int err;

	if (strncmp(url, "tcp://", 6) == 0) {
		err = parse_tcp(url, url + 6, &parsed, message, message_bytes);
	} else if (strncmp(url, "unix:", 5) == 0) {
		err = parse_unix(url, url + 5, &parsed, message, message_bytes);
	} else if (strncmp(url, "fd:", 3) == 0) {
		err = parse_fd(url, url + 3, &parsed, message, message_bytes);
	} else {
		snprintf(message, message_bytes,
			 "cannot listen at '%s': use tcp://host:port, unix:/path or fd:N", url);
		err = -EINVAL;
	}
	if (!err)
		*address = parsed;
	return err;
}

void ouro_address_print(const struct sockaddr_storage *sockaddr, char *text)
{
	char host[INET6_ADDRSTRLEN];

	if (sockaddr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sockaddr;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, OURO_ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(in->sin_port));
	} else if (sockaddr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sockaddr;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, OURO_ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		snprintf(text, OURO_ADDRESS_TEXT_MAX, "unix");
	}
}

int ouro_address_of(int fd, char *text)
{
	struct sockaddr_storage sockaddr = { 0 };
	socklen_t len = sizeof(sockaddr);
	char host_port[OURO_ADDRESS_TEXT_MAX];

	if (getsockname(fd, (struct sockaddr *)&sockaddr, &len))
		return -errno;
	if (sockaddr.ss_family == AF_UNIX) {
		snprintf(text, OURO_ADDRESS_TEXT_MAX, "unix:%s",
			 ((struct sockaddr_un *)(void *)&sockaddr)->sun_path);
		return 0;
	}
	ouro_address_print(&sockaddr, host_port);
	snprintf(text, OURO_ADDRESS_TEXT_MAX, "tcp://%.*s", OURO_ADDRESS_TEXT_MAX - 7, host_port);
	return 0;
}

/* A path left behind by a server that has gone refuses connections; a live one takes them. */
static void remove_stale_path(const struct ouro_address *address)
{
	const struct sockaddr_un *un = (const void *)&address->sockaddr;
	struct stat status;
	int fd;

	if (stat(un->sun_path, &status) || !S_ISSOCK(status.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, plain(address), address->len) && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int set_tcp_options(int fd, bool shared)
{
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		return -errno;
	/* Accepted sockets inherit it: a response is written whole, so nothing is to be waited
	 * for (tcp(7)). */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -errno;
	return 0;
}

static int open_socket(const struct ouro_address *address, bool shared)
{
	int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (address->kind == OURO_ADDRESS_TCP)
		err = set_tcp_options(fd, shared);
	else
		remove_stale_path(address);
	if (!err && bind(fd, plain(address), address->len))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int ouro_address_listen(const struct ouro_address *address, bool shared, int backlog)
{
	int fd, err;

	if (address->kind == OURO_ADDRESS_FD) {
		fd = fcntl(address->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	fd = open_socket(address, shared);
	if (fd >= 0 && listen(fd, backlog)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int ouro_address_probe(const struct ouro_address *address)
{
	int fd;

	if (address->kind != OURO_ADDRESS_TCP)
		return 0;
	fd = open_socket(address, false);
	if (fd < 0)
		return fd == -EADDRINUSE ? fd : 0;
	close(fd);
	return 0;
}
