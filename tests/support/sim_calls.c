/* The calls that the engine makes on descriptors itself. The linker leads them here (--wrap), and
 * what is about a real descriptor goes on to the system. */
#include "support/sim_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_close(int fd);
int __real_shutdown(int fd, int how);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *len);
int __real_getpeername(int fd, struct sockaddr *address, socklen_t *len);

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
		      unsigned flags);

int __wrap_close(int fd);
int __wrap_shutdown(int fd, int how);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *len);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
		      unsigned flags);

int __wrap_close(int fd)
{
	struct sim_peer *socket = sim_socket(fd, "close");

	if (!socket)
		return __real_close(fd);
	sim_close_socket(socket);
	return 0;
}

int __wrap_shutdown(int fd, int how)
{
	struct sim_peer *socket = sim_socket(fd, "shutdown");

	if (!socket)
		return __real_shutdown(fd, how);
	if (how != SHUT_WR)
		sim_fail("shutdown of another side than the writing one");
	if (socket->writer)
		sim_fail("shutdown under a send");
	socket->fin_sent = true;
	socket->saw_end = true;
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sim_peer *socket = sim_socket(fd, "setsockopt");

	if (!socket)
		return __real_setsockopt(fd, level, name, value, len);
	if (level == SOL_SOCKET && name == SO_LINGER) {
		const struct linger *linger = value;

		socket->linger_zero = linger->l_onoff && linger->l_linger == 0;
	} else if (level == IPPROTO_TCP && name == TCP_CORK) {
		socket->is_corked = *(const int *)value != 0;
		socket->cork_count += socket->is_corked;
	}
	return 0;
}

/* Addresses kept for documentation (RFC 5737), or those of this machine. */
static int give_address(const struct sim_peer *socket, bool peer, struct sockaddr *address,
			socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)address;
	const char *host = !socket->sim->settings.remote ? "127.0.0.1"
			   : peer                        ? "198.51.100.7"
							 : "192.0.2.1";

	if (*len < sizeof(*in))
		sim_fail("no room for an address");
	*in = (struct sockaddr_in){ .sin_family = AF_INET };
	in->sin_port = htons((uint16_t)(peer ? 40000 + socket->fd % 20000 : 8080));
	inet_pton(AF_INET, host, &in->sin_addr);
	*len = sizeof(*in);
	return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	struct sim_peer *socket = sim_socket(fd, "getsockname");

	return socket ? give_address(socket, false, address, len)
		      : __real_getsockname(fd, address, len);
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	struct sim_peer *socket = sim_socket(fd, "getpeername");

	return socket ? give_address(socket, true, address, len)
		      : __real_getpeername(fd, address, len);
}

/* ---- Calls of other threads, for which the loop's has lent a descriptor ---- */

enum { NAP_US = 100 };

static atomic_bool held;
static atomic_uint waiting;

void sim_hold_splices(bool on)
{
	atomic_store(&held, on);
}

uint32_t sim_held_splices(void)
{
	return atomic_load(&waiting);
}

/* What poll(2) says of one socket, without waiting. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct sim_peer *socket = count == 1 ? sim_socket(fds->fd, "poll") : NULL;
	bool readable;

	if (!socket)
		return __real_poll(fds, count, timeout);
	if (timeout != 0)
		sim_fail("poll(2) of a socket would wait");
	readable = socket->inbound.len > 0 || socket->peer_fin || socket->peer_reset;
	fds->revents =
		(short)((readable ? POLLIN : 0) | (socket->peer_reset ? POLLERR | POLLHUP : 0));
	fds->revents &= (short)(fds->events | POLLERR | POLLHUP);
	return fds->revents != 0;
}

ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
		      unsigned flags)
{
	struct sim_peer *socket = sim_socket(from, "splice");
	ssize_t moved;

	if (!socket)
		return __real_splice(from, from_at, to, to_at, len, flags);
	if (socket->reader)
		sim_fail("splice under a receive");
	atomic_fetch_add(&waiting, 1);
	while (atomic_load(&held))
		usleep(NAP_US);
	atomic_fetch_sub(&waiting, 1);
	/* Once it is closed its number may be another's. */
	socket = sim_socket(from, "splice");
	if (socket->peer_reset) {
		errno = ECONNRESET;
		return -1;
	}
	if (socket->inbound.len == 0) {
		errno = EAGAIN;
		return socket->peer_fin ? 0 : -1;
	}
	moved = write(to, socket->inbound.ptr,
		      socket->inbound.len < len ? socket->inbound.len : len);
	if (moved > 0)
		sim_bytes_take(&socket->inbound, (size_t)moved);
	return moved;
}
