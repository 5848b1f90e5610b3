/* A Redis server of the test's own: on a free port and a socket in a folder of its own, and gone
 * when the test's process ends, however it ends. */
#ifndef OURO_TESTS_HUB_REDIS_SERVER_H
#define OURO_TESTS_HUB_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
	char folder[64];
	char unix_path[96];
	uint16_t port;
	bool persists; /* writes down every command before it answers */
	const char *password;
	const char *renamed; /* a command that it has under no name; NULL: none */
	pid_t pid;           /* 0: not running */
};

/* Whether there is a program to run. */
bool redis_server_exists(void);

/* Makes the folder and chooses the port; starts nothing. */
void redis_server_init(struct redis_server *server);
void redis_server_fini(struct redis_server *server);

/* Starts it on the same port and folder as before, and waits until it answers. */
void redis_server_start(struct redis_server *server);

/* Ends it at once, as a crash would. */
void redis_server_kill(struct redis_server *server);

/* Stops and continues its process. */
void redis_server_freeze(struct redis_server *server, bool freeze);

/* Sends one command and returns its answer as it comes over the wire, up to 4095 bytes; static. */
const char *redis_server_ask(struct redis_server *server, const char *command);

#endif
