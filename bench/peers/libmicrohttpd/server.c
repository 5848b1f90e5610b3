/* libmicrohttpd with the paths of bench/peers.py that need no body: HOST PORT THREADS. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE_BYTES = 65536, IDLE_S = 60 };

static char large[LARGE_BYTES];
static struct MHD_Response *responses[4];

static struct MHD_Response *make(void *body, size_t len)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, body, MHD_RESPMEM_PERSISTENT);

	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	return response;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *body,
			      size_t *body_len, void **seen)
{
	static int once;
	int which = 3;

	(void)arg;
	(void)version;
	(void)body;
	/* The first call is for the head; an answer to it would end the connection. */
	if (!*seen) {
		*seen = &once;
		return MHD_YES;
	}
	*body_len = 0;
	if (strcmp(method, "GET") == 0 && strcmp(url, "/plaintext") == 0)
		which = 0;
	else if (strcmp(method, "GET") == 0 && strcmp(url, "/hello") == 0)
		which = 1;
	else if (strcmp(method, "GET") == 0 && strcmp(url, "/large") == 0)
		which = 2;
	return MHD_queue_response(connection, which == 3 ? 404 : 200, responses[which]);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *daemon;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fputs("usage: server HOST PORT THREADS\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	memset(large, 'x', sizeof(large));
	responses[0] = make("Hello, World!", strlen("Hello, World!"));
	responses[1] = make("Hello", strlen("Hello"));
	responses[2] = make(large, sizeof(large));
	responses[3] = make("", 0);
	unsigned threads = (unsigned)strtoul(argv[3], NULL, 10);
	struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL },
					 { MHD_OPTION_END, 0, NULL } };
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				  handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
				  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
				  MHD_OPTION_CONNECTION_LIMIT, 16384u,
				  MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u, MHD_OPTION_ARRAY,
				  threads > 1 ? pool : pool + 1, MHD_OPTION_END);
	if (!daemon)
		return 1;
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	printf("listening %u\n", (unsigned)info->port);
	fflush(stdout);
	for (;;)
		pause();
}
