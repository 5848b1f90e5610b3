/* A server within a loop of somebody else's: its one worker is opened, turned and closed by the calling
 * thread. */
#include "engine/sigpipe.h"
#include "server/server_private.h"

#include <errno.h>
#include <string.h>

int ouro_server_poll_fd(struct ouro_server *server)
{
	int err;

	if (!server->running) {
		if (server->options.threads != 1) {
			ouro_log(&server->log, OURO_LOG_ERROR,
				 "a server within another loop has one thread: threads is %u",
				 server->options.threads);
			return -EINVAL;
		}
		err = ouro_server_open(server, true);
		if (err)
			return err;
	}
	return server->embedded ? ouro_loop_poll_fd(&server->workers[0].loop) : -EALREADY;
}

/* The drain has come to its end. */
static void close_embedded(struct ouro_server *server)
{
	ouro_worker_close(&server->workers[0]);
	ouro_server_close(server);
	server->stopped = true;
}

int ouro_server_poll(struct ouro_server *server, int *timeout_ms)
{
	struct ouro_worker *worker = server->workers;
	struct ouro_sigpipe before;
	int err;

	*timeout_ms = -1;
	if (!server->running || !server->embedded)
		return server->stopped ? -ESHUTDOWN : -EINVAL;
	ouro_sigpipe_block(&before);
	err = ouro_loop_poll(&worker->loop, timeout_ms);
	ouro_sigpipe_restore(&before);
	if (err) {
		ouro_log(&server->log, OURO_LOG_ERROR, "the loop stopped serving: %s",
			 strerror(-err));
		*timeout_ms = -1;
		return err;
	}
	if (ouro_worker_is_finished(worker)) {
		close_embedded(server);
		*timeout_ms = -1;
		return -ESHUTDOWN;
	}
	return 0;
}

void ouro_embedded_stop(struct ouro_server *server)
{
	struct ouro_worker *worker = &server->workers[0];
	struct ouro_sigpipe before;
	int err = 0;

	ouro_worker_drain(worker);
	ouro_sigpipe_block(&before);
	while (!err && !ouro_worker_is_finished(worker))
		err = ouro_loop_turn(&worker->loop, true);
	ouro_sigpipe_restore(&before);
	if (err)
		ouro_log(&server->log, OURO_LOG_ERROR, "the loop stopped serving: %s",
			 strerror(-err));
	else
		close_embedded(server);
}
