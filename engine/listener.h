/* A listening socket of one loop: accepts, and backs off while the system has no descriptors. */
#ifndef OURO_ENGINE_LISTENER_H
#define OURO_ENGINE_LISTENER_H

#include "engine/conn.h"

struct ouro_listener {
	struct ouro_op accept;
	struct ouro_conns *conns;
	struct ouro_timer retry; /* after an error */
	const struct ouro_stream_events *events;
	void *user;
	int *surplus; /* accepted in one go with others, when the table became full */
	uint32_t surplus_count, surplus_room;
	bool closing;
	bool failing; /* an error was logged and no connection came since */
};

/* Accepts at @fd, which the listener owns from now on; each connection gets @events and @user. */
void ouro_listener_open(struct ouro_listener *listener, struct ouro_conns *conns, int fd,
			const struct ouro_stream_events *events, void *user);

/* Accepts again after the table had been full. */
void ouro_listener_resume(struct ouro_listener *listener);

/* Stops accepting and closes the socket, once what is in flight has ended. */
void ouro_listener_close(struct ouro_listener *listener);

/* Whether closing has come to its end. */
bool ouro_listener_is_closed(const struct ouro_listener *listener);

#endif
