/* Rooms of one process alone: what is built without hiredis. See server/rooms_redis.h. */
#include "server/rooms_redis.h"

#include <errno.h>

int ouro_rooms_redis_create(struct ouro_server *server, struct ouro_hub_backend **backend)
{
	*backend = NULL;
	if (!server->options.hub)
		return 0;
	ouro_log(&server->log, OURO_LOG_ERROR,
		 "hub: this was built without hiredis, and cannot connect to Redis; install "
		 "libhiredis-dev and build it again");
	return -ENOTSUP;
}

void ouro_rooms_redis_destroy(struct ouro_server *server)
{
	(void)server;
}

int ouro_rooms_redis_open(struct ouro_worker *worker)
{
	(void)worker;
	return 0;
}

void ouro_rooms_redis_be_last(struct ouro_server *server)
{
	(void)server;
}

bool ouro_rooms_redis_may_end(struct ouro_worker *worker)
{
	(void)worker;
	return true;
}

void ouro_rooms_redis_disown(struct ouro_worker *worker)
{
	(void)worker;
}

bool ouro_rooms_redis_get_stats(struct ouro_server *server, struct ouro_rooms_redis_stats *stats)
{
	(void)server;
	(void)stats;
	return false;
}
